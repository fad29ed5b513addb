from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy
import numpy.typing
from numpy.typing import NDArray


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

def gamma_factor(delta: float, t_start: float, normalization: float, rate_correction: bool, nearest: bool) -> Metric: ...

def van_rossum(tau: float, t_start: float, normalization: float) -> Metric: ...

def victor_purpura(cost: float, t_start: float, normalization: float) -> Metric: ...

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

class Fitter:
    def __init__(self, *, model: Model, inputs: Sequence[tuple[str, Sequence[Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C', device='cpu', writable=False)]], Sequence[float]]], outputs: Sequence[tuple[str, Sequence[Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C', device='cpu', writable=False)]], Sequence[float]]], spikes: Sequence[Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C', device='cpu', writable=False)]] | None, dt: float, duration: float, n_samples: int, method: str, penalty: str, online_only: bool, threads: int, seed: int, trace_weights: Sequence[float]) -> None: ...

    def fit(self, *, parameters: Sequence[Any], optimizer: OptimizerChoice | None, metrics: Sequence[tuple[str, Metric]], n_rounds: int, planned_rounds: int, restart: bool, start_iteration: int | None, checkpoint: str) -> dict[str, Any]: ...

    def result(self) -> dict[str, Any]: ...

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
    def dt(self) -> float: ...

    @property
    def n_traces(self) -> int: ...

    @property
    def n_steps(self) -> int: ...

__version__: str
