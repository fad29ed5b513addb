from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import numpy
import numpy.typing
from numpy.typing import NDArray


def shown_number(number: tuple[float, Sequence[float] | None], digits: int = 3) -> str:
    """A number with its exponents (or None) as text."""

def round_text(index: int, best_params: Sequence[tuple[str, tuple[float, Sequence[float] | None]]], best_error: tuple[float, Sequence[float] | None] | None, outputs: Sequence[str], raw: Sequence[tuple[float, Sequence[float] | None]], normalized: Sequence[tuple[float, Sequence[float] | None]]) -> str:
    """
    What is printed after a round of a fit: numbers with their exponents (or None).
    """

def unit_names() -> list[str]:
    """All unit names that equations know."""

def find_unit(name: str) -> tuple[float, list[float]] | None:
    """Scale and dimension exponents of the unit of that exact name, or None."""

def parse_quantity(text: str) -> tuple[float, list[float]]:
    """'20 nS' -> (2e-8, exponents)."""

def format_quantity(value: float, exponents: Sequence[float], digits: int = 4) -> str: ...

def display_unit(exponents: Sequence[float], values: Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C', device='cpu', writable=False)]) -> tuple[str, float]:
    """Name and scale of the unit in which `values` read best."""

def dimension_name(exponents: Sequence[float]) -> str: ...

class Model:
    """A checked model."""

    @property
    def name(self) -> str: ...

    @property
    def text(self) -> str: ...

    @property
    def states(self) -> list[tuple[str, list[float]]]: ...

    @property
    def parameters(self) -> list[tuple[str, list[float]]]: ...

    @property
    def subexpressions(self) -> list[tuple[str, list[float]]]: ...

    @property
    def inputs(self) -> list[tuple[str, list[float]]]: ...

    @property
    def has_threshold(self) -> bool: ...

    @property
    def initial_names(self) -> list[str]: ...

def parse_brian(equations: str, constants: Sequence[tuple[str, str]], inputs: Sequence[str], input_dimensions: Mapping[str, Sequence[float]], targets: Sequence[str], threshold: str | None, reset: str | None, refractory: str, initial_values: Sequence[tuple[str, str]]) -> tuple[Model, list[str]]:
    """Checked model and warnings."""

def parse_annarchy(*, name: str, parameters: str, equations: str, spike: str | None, reset: str, refractory: str, functions: str, method: str, constants: Sequence[tuple[str, str]], inputs: Sequence[str], targets: Sequence[str], initial_values: Sequence[tuple[str, str]], free: Sequence[str] = []) -> tuple[Model, list[str]]:
    """Checked model and warnings. Those named in `free` lose their values."""

def neuron_library() -> list[tuple[str, str, str, str]]:
    """
    Name, older name, description and publication of every neuron of the library.
    """

def library_neuron(name: str) -> dict[str, Any]:
    """The parts of a neuron of the library, by name or older name."""

def initial_values(model: Model) -> list[tuple[str, str]]:
    """Names and expressions, in the order in which they are evaluated."""

def describe_step(model: Model, dt: float) -> str:
    """The program of one step."""

class SimulationRecord:
    """Recordings in chunks (from reset to reset) of periods."""

    @property
    def dt(self) -> float: ...

    @property
    def interval_steps(self) -> int: ...

    @property
    def n_candidates(self) -> int: ...

    @property
    def variables(self) -> list[str]: ...

    @property
    def spikes(self) -> bool: ...

    @property
    def data(self) -> dict[str, list[float]]: ...

    @property
    def n_chunks(self) -> int: ...

    def periods(self, chunk: int) -> list[tuple[int, int]]:
        """First step and number of samples of each period."""

    def values(self, chunk: int, variable: int) -> numpy.typing.NDArray[numpy.float64]:
        """Samples x candidates."""

    def spike_steps(self, chunk: int) -> list[list[int]]:
        """Per candidate."""

    def parameters(self, chunk: int) -> dict[str, list[float]]:
        """At the end of the chunk, per candidate."""

    def end_step(self, arg: int, /) -> int: ...

def make_record(*, dt: float, interval_steps: int, variables: list[str], chunks: list[list[numpy.typing.NDArray[numpy.float64]]], spikes: list[list[int]] | None) -> SimulationRecord:
    """
    A record of data: one array per chunk and variable, the steps of spikes per chunk.
    """

class Simulation:
    """A population of candidates that the caller drives."""

    def __init__(self, *, model: Model, n: int, dt: float, method: str, record: Sequence[str], recording_interval: float, seed: int, threads: int) -> None: ...

    def run(self, seconds: float, drive: dict[str, tuple[str, dict[str, Any]]], clamp: dict[str, tuple[str, dict[str, Any]]]) -> None: ...

    def set(self, name: str, values: numpy.typing.NDArray[numpy.float64]) -> None: ...

    def get(self, name: str) -> numpy.typing.NDArray[numpy.float64]: ...

    def has(self, name: str) -> bool: ...

    def store(self) -> None: ...

    def reset(self, *, model: bool, populations: bool, parameters: bool) -> None: ...

    def restart(self, evaluation: int = 0, repetition: int = 0) -> None: ...

    def start_recording(self) -> None: ...

    def pause_recording(self) -> None: ...

    @property
    def recording(self) -> bool: ...

    def results(self) -> SimulationRecord: ...

    def set_data(self, arg0: str, arg1: Sequence[float], /) -> None: ...

    @property
    def size(self) -> int: ...

    @property
    def time(self) -> float: ...

    @property
    def step(self) -> int: ...

    @property
    def dt(self) -> float: ...

    @property
    def name(self) -> str: ...

    @property
    def record(self) -> list[str]: ...

    @property
    def recording_interval(self) -> float: ...

    @property
    def parameters(self) -> list[str]: ...

    @property
    def variables(self) -> list[str]: ...

    @property
    def inputs(self) -> list[str]: ...

class OptNeuron:
    def __init__(self, *, model: Model, variables: Sequence[tuple[str, tuple[float, float] | None, float | None, str, str, bool, tuple[float, float] | None]], experiment: object, loss: object, loss_weights: Sequence[float], target_model: Model | None, target: SimulationRecord | None, time_step: float, method: str, record: Sequence[str], recording_interval: float, repetitions: int, common_noise: bool, target_repetitions: int, allow_outside_bounds: bool, seed: int, threads: int) -> None: ...

    def search(self, *, max_evaluations: int, method: str, optimizer_options: dict[str, str], population: int, polish_evaluations: int, source_solutions: list[tuple[list[float], float]], stop_at_loss: float | None, callback: Callable[[int, list[float], float], bool] | None, checkpoint: str, resume: bool) -> None: ...

    def result(self) -> dict[str, Any]: ...

    def losses(self, variables: numpy.typing.NDArray[numpy.float64]) -> list[list[float]]: ...

    def record(self, variables: numpy.typing.NDArray[numpy.float64]) -> SimulationRecord: ...

    @property
    def fitted(self) -> list[str]: ...

    @property
    def target(self) -> SimulationRecord: ...

    @property
    def warnings(self) -> list[str]: ...

def infer_opt_neuron(neuron: OptNeuron, *, n_simulations: int, n_rounds: int, prior: list[tuple[str, str, list[float]]], summary: Callable[[SimulationRecord], list[float]] | None, n_samples: int, checkpoint: str) -> dict[str, Any]: ...

class Metric:
    @property
    def spikes(self) -> bool: ...

    @property
    def description(self) -> str: ...

    def error_dimension(self, arg: Sequence[float], /) -> list[float]: ...

    def normalized_dimension(self, arg: Sequence[float], /) -> list[float]: ...

    def unnormalized(self, arg: float, /) -> float: ...

    def errors(self, arg: Annotated[NDArray[numpy.float64], dict(shape=(None, None), order='C', device='cpu', writable=False)], /) -> NDArray[numpy.float64]: ...

    def trace_features(self, model: Annotated[NDArray[numpy.float64], dict(shape=(None, None, None), order='C', device='cpu', writable=False)], target: Annotated[NDArray[numpy.float64], dict(shape=(None, None), order='C', device='cpu', writable=False)], dt: float) -> NDArray[numpy.float64]:
        """n_samples x n_traces"""

    def spike_features(self, model: Sequence[Sequence[Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C', device='cpu', writable=False)]]], target: Sequence[Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C', device='cpu', writable=False)]], duration: float, dt: float) -> NDArray[numpy.float64]:
        """n_samples x n_traces"""

def mse(t_start: float, t_weights: Sequence[float], normalization: tuple[float, Sequence[float]], loss: str = 'squared', loss_scale: tuple[float, Sequence[float]] | None = None) -> Metric: ...

def gamma_factor(delta: float, time: float | None, t_start: float, normalization: float, rate_correction: bool, nearest: bool) -> Metric: ...

def van_rossum(tau: float, t_start: float, normalization: float) -> Metric: ...

def victor_purpura(cost: float, t_start: float, normalization: float) -> Metric: ...

def feature_metric(*, windows: Sequence[tuple[float, float]], features: Sequence[tuple[str, float, float, bool, Sequence[float], Sequence[float]]], t_start: float, normalization: float, volts_per_unit: float, mode: str, settings: Mapping[str, float], missing: tuple[str, float], currents: Sequence[float], combine: object | None, combine_name: str, sum_over_traces: bool) -> Metric: ...

def python_trace_metric(arg0: object, arg1: str, /) -> Metric: ...

def python_spike_metric(arg0: object, arg1: str, /) -> Metric: ...

class OptimizerChoice:
    @property
    def description(self) -> str: ...

    @property
    def multi_objective(self) -> bool: ...

    def make(self, dimension: int, batch: int, rounds: int, seed: int) -> Optimizer: ...

class Optimizer:
    @property
    def name(self) -> str: ...

    def ask(self, n: int) -> tuple[list[int], NDArray[numpy.float64]]: ...

    def tell(self, ids: Sequence[int], errors: Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C', device='cpu', writable=False)]) -> None: ...

    def tell_foreign(self, points: Annotated[NDArray[numpy.float64], dict(shape=(None, None), order='C', device='cpu', writable=False)], errors: Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C', device='cpu', writable=False)]) -> None: ...

    def save_state(self) -> str: ...

    def load_state(self, arg: str, /) -> None: ...

def optimizer(name: str, options: dict[str, Any] = {}) -> OptimizerChoice:
    """A method by name, with its options."""

def optimizer_options(name: str) -> list[tuple[str, str]]:
    """Options of a method and their defaults."""

def optimizer_methods() -> list[tuple[str, list[str], str]]: ...

def python_optimizer(method: object, description: str) -> OptimizerChoice: ...

def trace_features(traces: Sequence[numpy.typing.NDArray[numpy.float64]], dt: float, windows: Sequence[tuple[float, float]], names: Sequence[str], mode: str, settings: dict[str, float], currents: Sequence[float]) -> list[dict[str, tuple[numpy.typing.NDArray[numpy.float64], str]]]:
    """
    Volts and seconds in; values in the units of the features and the reason where there are none, per trace and name.
    """

def spike_features(trains: Sequence[numpy.typing.NDArray[numpy.float64]], windows: Sequence[tuple[float, float]], names: Sequence[str], mode: str, settings: dict[str, float]) -> list[dict[str, tuple[numpy.typing.NDArray[numpy.float64], str]]]: ...

def feature_table() -> list[tuple[str, str, bool, str]]:
    """
    Name, unit, whether there is one value, and definition of every feature.
    """

class Fitter:
    def __init__(self, *, model: Model, inputs: Sequence[tuple[str, Sequence[Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C', device='cpu', writable=False)]], Sequence[float]]], outputs: Sequence[tuple[str, Sequence[Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C', device='cpu', writable=False)]], Sequence[float]]], spikes: Sequence[Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C', device='cpu', writable=False)]] | None, dt: float, duration: float, n_samples: int, method: str, penalty: str, online_only: bool, threads: int, seed: int, trace_weights: Sequence[float]) -> None: ...

    def fit(self, *, parameters: Sequence[Any], optimizer: OptimizerChoice | None, metrics: Sequence[tuple[str, Metric]], n_rounds: int, planned_rounds: int, restart: bool, start_iteration: int | None, checkpoint: str) -> None: ...

    def resume(self, *, parameters: Sequence[Any], optimizer: OptimizerChoice | None, metrics: Sequence[tuple[str, Metric]], planned_rounds: int, checkpoint: str) -> int: ...

    def result(self) -> dict[str, Any]: ...

    def round_text(self, index: int, units: bool) -> str: ...

    def summary(self) -> str: ...

    def report(self) -> str: ...

    @property
    def n_evaluations(self) -> int: ...

    def evaluations(self, first: int = 0) -> tuple[list[str], numpy.typing.NDArray[numpy.float64], numpy.typing.NDArray[numpy.float64], numpy.typing.NDArray[numpy.float64]]:
        """
        Names, parameters (n x p), errors (n), objective errors (n x outputs) from `first` on.
        """

    def generate(self, outputs: Sequence[str], parameters: dict[str, float], initial_values: dict[str, float], iteration: float) -> tuple[dict[str, tuple[numpy.typing.NDArray[numpy.float64], list[float]]], list[numpy.typing.NDArray[numpy.float64]], list[int]]:
        """
        Traces and their dimension by output, spike times per trace, steps of each trace.
        """

    @property
    def warnings(self) -> list[str]: ...

    def metric_warnings(self, metrics: Sequence[tuple[str, Metric]]) -> list[str]: ...

    @property
    def dt(self) -> float: ...

    @property
    def n_traces(self) -> int: ...

    @property
    def n_steps(self) -> int: ...

class Refiner:
    def __init__(self, fitter: Fitter, method: str, derivatives: str) -> None: ...

    @property
    def notes(self) -> list[str]: ...

    @property
    def error_exponents(self) -> list[float]: ...

    def refine(self, *, starts: Sequence[dict[str, float]], max_iterations: int, cost_tolerance: float, step_tolerance: float, hops: int, confidence: float, callback: Any) -> dict[str, Any]: ...

    def landscape(self, parameters: Sequence[str], points: Sequence[int], ranges: dict[str, Sequence[float]], centre: dict[str, float]) -> dict[str, Any]: ...

class Posterior:
    @property
    def names(self) -> list[str]: ...

    @property
    def exponents(self) -> list[list[float]]: ...

    @property
    def bounds(self) -> list[tuple[float, float]]: ...

    @property
    def observation(self) -> NDArray[numpy.float64]: ...

    @property
    def normalized(self) -> bool: ...

    def sample(self, n: int, seed: int) -> numpy.typing.NDArray[numpy.float64]: ...

    def log_prob(self, theta: numpy.typing.NDArray[numpy.float64]) -> numpy.typing.NDArray[numpy.float64]: ...

    def map(self, num_starts: int, max_steps: int, seed: int) -> list[tuple[list[float], float, int]]: ...

    def given(self, observation: Annotated[NDArray[numpy.float64], dict(shape=(None, None), order='C', device='cpu', writable=False)]) -> Posterior: ...

    def save(self, path: str) -> None: ...

    @staticmethod
    def load(path: str) -> Posterior: ...

def prior_sample(priors: Sequence[Any], n: int, seed: int) -> numpy.typing.NDArray[numpy.float64]: ...

def prior_log_density(priors: Sequence[Any], theta: numpy.typing.NDArray[numpy.float64]) -> numpy.typing.NDArray[numpy.float64]: ...

class Inferencer:
    def __init__(self, *, model: Model, inputs: Sequence[tuple[str, Sequence[Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C', device='cpu', writable=False)]], Sequence[float]]], outputs: Sequence[tuple[str, Sequence[Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C', device='cpu', writable=False)]], Sequence[float]]], spikes: Sequence[Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C', device='cpu', writable=False)]] | None, dt: float, duration: float, features: Sequence[tuple[str, Sequence[tuple[str, object, bool]]]], windows: Sequence[tuple[float, float]], mode: str, settings: Mapping[str, float], volts_per_unit: float, method: str, threads: int, seed: int) -> None: ...

    @property
    def observation(self) -> NDArray[numpy.float64]: ...

    @property
    def feature_names(self) -> list[str]: ...

    @property
    def warnings(self) -> list[str]: ...

    @property
    def progress(self) -> object:
        """
        Called while work goes on with (simulated, of, networks, {network: (epoch, best epoch, loss, best loss, finished)}, stop_after_epochs); at its end with None.
        """

    @progress.setter
    def progress(self, arg: object | None, /) -> None: ...

    @property
    def n_simulations(self) -> int: ...

    @property
    def posterior(self) -> Posterior: ...

    @property
    def choice(self, /) -> dict[str, Any] | None: ...

    @property
    def reports(self, /) -> list[dict[str, Any]]: ...

    def init_prior(self, arg: Sequence[tuple[str, str, Sequence[float], Sequence[float]]], /) -> None: ...

    def generate_training_data(self, n_samples: int) -> numpy.typing.NDArray[numpy.float64]: ...

    def extract_summary_statistics(self, theta: numpy.typing.NDArray[numpy.float64]) -> numpy.typing.NDArray[numpy.float64]: ...

    def set_summary_statistics(self, theta: Annotated[NDArray[numpy.float64], dict(shape=(None, None), order='C', device='cpu', writable=False)], x: Annotated[NDArray[numpy.float64], dict(shape=(None, None), order='C', device='cpu', writable=False)], from_proposal: bool) -> None: ...

    def init_inference(self, method: str, models: Sequence[str], options: dict[str, Any]) -> None: ...

    def train(self, training: dict[str, Any]) -> dict[str, Any]: ...

    def build_posterior(self, posterior: dict[str, Any]) -> Posterior: ...

    def infer(self, *, priors: Sequence[Any], n_samples: int, n_rounds: int, method: str, models: Sequence[str], inference: dict[str, Any], training: dict[str, Any], posterior: dict[str, Any], assess: bool) -> Posterior: ...

    def load_posterior(self, path: str) -> Posterior: ...

    def generate_traces(self, n: int, outputs: Sequence[str]) -> tuple[numpy.typing.NDArray[numpy.float64], dict[str, dict[str, Any]]]: ...

    def assess(self, pairs: int | None, predictions: int) -> None: ...

    @property
    def assessment(self) -> tuple[str, bool] | None:
        """Summary, whether it is trustworthy; of the last `infer` or `assess`."""

    def calibrate(self, pairs: int) -> tuple[str, list[tuple[str, list[float]]], list[float]]:
        """Summary, ranks by parameter, coverage values."""

    def check_predictions(self, draws: int) -> tuple[str, bool, float]:
        """Summary, whether it passed, p-value."""

__version__: str
