"""OptNeuron: a neuron model is fitted so that an experiment with it reproduces data or another model.

    class Steps(Experiment):
        def run(self, population_name):
            self.monitors.start()
            current_step(population_name, t1=500, t2=500, a1=0, a2=5)
            return self.results()

    def loss(results, target):
        return rmse(results.recordings[0]["model_neuron;r"][:, 0], target)

    best = OptNeuron(experiment=Steps, get_loss_function=loss, variables_bounds={"a": [-10, 10], "b": [-10, 10]},
                     neuron_model=neuron, target_data=recorded, record=["r"]).run(max_evals=100)

The arguments are those of CompNeuroPy's OptNeuron, with English names beside the German ones; docs/python has a page on moving from there.
All candidates of a generation are neurons of one population, compiled once; results depend on the seed only.
"""

from __future__ import annotations

import ast
import copy
import math
import pickle
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from . import _core
from ._borders import FloatArray
from ._opt_files import load_results, plot_losses, plot_posterior, save
from .errors import ConfigError, NumericalError
from .experiment import Experiment, Monitors, Simulation, run_experiment
from .neuron import Neuron
from .posterior import Posterior, prior_argument
from .recordings import Results
from .units import DIMENSIONLESS

__all__ = ["OptNeuron", "load_results", "opt_neuron"]

tuned_population = "model_neuron"
target_population = "target_model_neuron"
_data_key = "python_data"  # under which the core keeps where the data of an experiment are

_cma_options = {"lambda_": "population"}


class _DataStore:
    """What experiments put into ``data``, for the losses that are called later."""

    most = 4096

    def __init__(self) -> None:
        self._entries: dict[int, dict[str, Any]] = {}
        self._last: tuple[bytes | None, int] = (None, -1)

    def add(self, data: Mapping[str, Any]) -> int:
        try:
            image: bytes | None = pickle.dumps(dict(data))
        except Exception:
            image = None
        if image is not None and image == self._last[0] and self._last[1] in self._entries:
            return self._last[1]
        key = self._last[1] + 1
        self._entries[key] = dict(data)
        self._last = (image, key)
        while len(self._entries) > self.most:
            del self._entries[next(iter(self._entries))]
        return key

    def of(self, record: _core.SimulationRecord) -> dict[str, Any]:
        stored = record.data.get(_data_key)
        return copy.copy(self._entries[int(stored[0])]) if stored else {}


def _expression(text: str) -> str:
    """An expression of Python (``2*a if a > 1 else np.exp(b)``) in the language of the core; others stay as they are."""
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except SyntaxError:
        return text
    known = {"minimum": "min", "maximum": "max", "arcsin": "asin", "arccos": "acos", "arctan": "atan", "absolute": "abs"}

    class Rewrite(ast.NodeTransformer):
        def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
            self.generic_visit(node)
            return ast.Call(ast.Name("ite", ast.Load()), [node.test, node.body, node.orelse], [])

        def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
            if isinstance(node.value, ast.Name) and node.value.id in ("np", "numpy", "math"):
                return ast.Name(known.get(node.attr, node.attr), ast.Load())
            return node

    return ast.unparse(ast.fix_missing_locations(Rewrite().visit(tree)))


_Variable = tuple[str, tuple[float, float] | None, float | None, str, str, bool]


def _variable(name: str, given: Any) -> _Variable:
    scale, integer = "linear", False
    if isinstance(given, Mapping):
        unknown = set(given) - {"bounds", "scale", "integer"}
        if unknown or "bounds" not in given:
            raise ConfigError(f"`{name}` must have `bounds`, and may have `scale` and `integer`, not {sorted(unknown)}")
        scale, integer = given.get("scale", "linear"), bool(given.get("integer", False))
        if scale not in ("linear", "log"):
            raise ConfigError(f"the scale of `{name}` cannot be `{scale}`: linear or log")
        given = given["bounds"]
    if isinstance(given, str):
        return name, None, None, _expression(given), scale, integer
    if np.ndim(given) == 0:
        if isinstance(given, bool) or not isinstance(given, (int, float, np.number)):
            raise ConfigError(f"`{name}` must be two bounds, a number or an expression, not {type(given).__name__}")
        return name, None, float(given), "", scale, integer
    if len(given) != 2 or any(isinstance(bound, str) for bound in given):
        raise ConfigError(f"the bounds of `{name}` must be two numbers, not {given!r}")
    return name, (float(given[0]), float(given[1])), None, "", scale, integer


def _one_of(name: str, first: Any, alias: str, second: Any) -> Any:
    if first is not None and second is not None:
        raise ConfigError(f"`{name}` and `{alias}` are the same: give one of them")
    return second if first is None else first


class OptNeuron:
    """Fits parameters or initial values of a neuron.

    Parameters
    ----------
    experiment : class, Experiment or callable
        A subclass of Experiment (made once), an object of one, or a function of a Simulation that returns results.
    get_loss_function, or loss : callable
        ``(results, target) -> float or list``; the list is summed, with ``loss_weights``. ``results`` has one neuron. NaN: the candidate
        failed.
    variables_bounds, or bounds : dict
        Name -> ``[low, high]`` (fitted), a number (constant), or an expression of other names. ``{"bounds": [1e-3, 10], "scale": "log"}``
        searches logarithms, ``"integer": True`` whole numbers. The name of a variable means its initial value; other names help
        expressions.
    neuron_model : Neuron
        What is fitted.
    results_soll, or target_data : any
        What the loss gets as target; or
    target_neuron_model, or target_model : Neuron
        A model whose results the loss gets; the experiment runs on it once.
    time_step : float
        Milliseconds.
    recording_period : float, optional
        Milliseconds; every step, if not given.
    num_rep_loss, or repetitions : int
        Of every evaluation of a model with noise; the loss is their mean.
    method : str
        "deap" (CMA-ES), "hyperopt" (TPE), "bads" (Bayesian optimisation), "sbi" (a posterior), or any name of ``optimizer_methods()``.
    record : list of str
        Variables of both models, and "spike".
    source_solutions : list of (values, loss)
        Known evaluations, in the order of the fitted names, from which the search starts.
    variables_bounds_guess : dict
        Smaller bounds in which the search begins.
    cma_params_dict, bads_params_dict, optimizer_options : dict
        Options of the method; ``lambda_`` is its population.
    seed : int
        Of everything random: equal seeds give equal results.
    noise : "independent" or "common"
        Whether candidates have noise of their own or all the same.
    loss_weights : list of float, optional
        One per part of the loss.
    target_repetitions : int
        Runs of the target model; their chunks follow each other.
    allow_outside_bounds : bool
        Whether candidates may leave the bounds, for methods that can.
    threads : int
        0: all cores. Results do not depend on it.
    prior : dict
        For "sbi": ``{"a": ("normal", mean, deviation)}``; uniform within the bounds, if not given.
    summary : callable
        For "sbi": numbers of a results object from which the posterior is learned; means, deviations and spike counts, if not given.
    compile_folder_name, verbose, fv_space
        ``compile_folder_name`` is not needed and ignored; ``fv_space`` is not taken: give ``scale`` in the bounds.

    Attributes
    ----------
    results : dict
        Of the last run.
    loss_history : array
        Best loss and seconds after each generation.
    """

    def __init__(
        self,
        experiment: Any = None,
        get_loss_function: Callable[[Any, Any], Any] | None = None,
        variables_bounds: Mapping[str, Any] | None = None,
        neuron_model: Neuron | None = None,
        results_soll: Any = None,
        target_neuron_model: Neuron | None = None,
        time_step: float = 1.0,
        recording_period: float | None = None,
        compile_folder_name: str | None = None,
        num_rep_loss: int | None = None,
        method: str = "deap",
        prior: Any = None,
        fv_space: None = None,
        record: Sequence[str] = (),
        cma_params_dict: Mapping[str, Any] | None = None,
        bads_params_dict: Mapping[str, Any] | None = None,
        source_solutions: Sequence[tuple[Any, float]] = (),
        variables_bounds_guess: Mapping[str, Any] | None = None,
        verbose: bool = False,
        *,
        loss: Callable[[Any, Any], Any] | None = None,
        bounds: Mapping[str, Any] | None = None,
        target_data: Any = None,
        target_model: Neuron | None = None,
        repetitions: int | None = None,
        loss_weights: Sequence[float] | None = None,
        noise: str = "independent",
        target_repetitions: int = 1,
        allow_outside_bounds: bool = False,
        optimizer_options: Mapping[str, Any] | None = None,
        summary: Callable[[Any], Any] | None = None,
        seed: int = 0,
        threads: int = 0,
    ) -> None:
        loss = _one_of("get_loss_function", get_loss_function, "loss", loss)
        bounds = _one_of("variables_bounds", variables_bounds, "bounds", bounds)
        data = _one_of("results_soll", results_soll, "target_data", target_data)
        target = _one_of("target_neuron_model", target_neuron_model, "target_model", target_model)
        if experiment is None or loss is None or bounds is None or neuron_model is None:
            raise TypeError("OptNeuron needs experiment, get_loss_function, variables_bounds and neuron_model")
        if (data is None) == (target is None):
            raise ConfigError("give either target data (`results_soll`) or a target model (`target_neuron_model`)")
        for name, neuron in (("neuron_model", neuron_model), ("target_neuron_model", target)):
            if neuron is not None and not isinstance(neuron, Neuron):
                raise TypeError(f"{name} must be a Neuron, not {neuron if isinstance(neuron, type) else type(neuron).__name__}")
        if fv_space is not None:
            raise ConfigError("fv_space is not taken: `variables_bounds` with `scale` says the same")
        if noise not in ("independent", "common"):
            raise ConfigError(f"`noise` cannot be `{noise}`: independent or common")
        self._experiment, self._loss = experiment, loss
        self._store = _DataStore()
        self._template: Any = None
        self._scalar_loss = False
        self._target_results: Any = data
        self._has_target_model = target is not None
        self._raised: BaseException | None = None
        self._variables = [_variable(name, given) for name, given in bounds.items()]
        self._bounds = {name: (min(box), max(box)) for name, box, *_ in self._variables if box is not None}
        self._scales = {name: scale for name, box, _, _, scale, _ in self._variables if box is not None}
        self.fitting_variables_name_list = [name for name, box, *_ in self._variables if box is not None]
        if not self.fitting_variables_name_list:
            raise ConfigError("no variable has bounds, so nothing can be fitted: `variables_bounds={\"a\": [0, 1]}`")
        self.const_params = {name: given for name, given in bounds.items() if name not in self._bounds}
        self.method, self.seed = method, seed
        self._options = self._method_options(cma_params_dict, bads_params_dict, optimizer_options)
        dimension = len(self.fitting_variables_name_list)
        self.popsize = int(self._options.get("population", 4 + math.floor(3 * math.log(dimension)) if method == "deap" else 0))
        self._sources = [([float(value) for value in np.ravel(values)], float(loss)) for values, loss in source_solutions]
        self._guess = variables_bounds_guess
        self.prior, self._summary = prior, summary
        self.record = list(record)
        self._settings: dict[str, Any] = {
            "time_step": time_step,
            "recording_period": recording_period,
            "record": self.record,
            "repetitions": _one_of("num_rep_loss", num_rep_loss, "repetitions", repetitions) or 1,
            "target_repetitions": target_repetitions,
            "noise": noise,
            "loss_weights": list(loss_weights) if loss_weights is not None else None,
            "allow_outside_bounds": allow_outside_bounds,
            "target": "model" if target is not None else "data",
        }
        self._core: _core.OptNeuron = self._guarded(
            lambda: _core.OptNeuron(
                model=neuron_model.model(tuned_population),
                variables=self._variables,
                experiment=self._run_experiment,
                loss=self._losses_of,
                loss_weights=list(loss_weights or []),
                target_model=None if target is None else target.model(target_population),
                target=_target_record(data, self._settings) if method == "sbi" and target is None else None,
                time_step=time_step * 1e-3,
                method="",
                record=self.record,
                recording_interval=(recording_period or 0) * 1e-3,
                repetitions=self._settings["repetitions"],
                common_noise=noise == "common",
                target_repetitions=target_repetitions,
                allow_outside_bounds=allow_outside_bounds,
                seed=seed,
                threads=threads,
            )
        )
        self.warnings = self._core.warnings
        if verbose:
            for note in self.warnings:
                print(note)
        self.results: dict[str, Any] | None = None
        self.loss_history: FloatArray = np.empty((0, 2))

    # ---- what the core calls ----------------------------------------------------------------------------------------------------------

    def _guarded(self, action: Callable[[], Any]) -> Any:
        """Errors of the user's own code come out as they were raised."""
        self._raised = None
        try:
            return action()
        except Exception as error:
            raised, self._raised = self._raised, None
            if raised is not None and error is not raised:
                raise raised from None
            raise

    def _run_experiment(self, core: _core.Simulation) -> _core.SimulationRecord:
        try:
            simulation = Simulation._of(core, lambda data: core.set_data(_data_key, [float(self._store.add(data))]))
            results = self._results_of_experiment(simulation)
        except BaseException as error:
            self._raised = error
            raise
        assert results._record is not None
        return results._record

    def _results_of_experiment(self, simulation: Simulation) -> Results:
        monitors = Monitors(simulation)
        experiment = self._experiment
        if not isinstance(experiment, (type, Experiment)):
            results = experiment(simulation)
            if not isinstance(results, Results):
                raise TypeError("the experiment must return the results of the simulation: `return simulation.results()`")
            return results
        if self._template is None:
            self._template = experiment(monitors=monitors) if isinstance(experiment, type) else experiment
        made = copy.copy(self._template)  # nothing of one evaluation reaches the next
        made.monitors, made.data = monitors, copy.deepcopy(self._template.data)
        return run_experiment(made, simulation)

    def _losses_of(self, candidate: _core.SimulationRecord, target: _core.SimulationRecord) -> list[float]:
        try:
            results = Results(candidate, tuned_population, self._store.of(candidate))._detached()
            if self._has_target_model and self._target_results is None:
                self._target_results = Results(target, target_population, self._store.of(target))._detached()
            value = self._loss(results, self._target_results)
            self._scalar_loss = np.ndim(value) == 0
            return [float(part) for part in np.ravel(value)]
        except BaseException as error:
            self._raised = error
            raise

    # ---- the fit ----------------------------------------------------------------------------------------------------------------------

    @property
    def results_soll(self) -> Any:
        """The target data, or the results of the target model."""
        return self._target_results

    target = results_soll

    def _method_options(self, cma: Mapping[str, Any] | None, bads: Mapping[str, Any] | None, own: Mapping[str, Any] | None) -> dict[str, Any]:
        options: dict[str, Any] = {}
        for name, value in (cma or {}).items():
            if name not in _cma_options and name in ("mu", "weights", "ccum", "cs", "ccov1", "ccovmu", "damps", "cmatrix"):
                raise ConfigError(f"`{name}` of cma_params_dict follows from the population and the dimension here; `lambda_` sets the population")
            options[_cma_options.get(name, name)] = value
        if bads:
            raise ConfigError("bads_params_dict is of another program's method; options of ours are `optimizer_options`")
        return {**options, **(own or {})}

    def run(
        self,
        max_evals: int | None = None,
        results_file_name: str | None = "opt_neuron_results/best",
        sbi_plot_file: str | None = None,
        deap_plot_file: str | None = None,
        verbose: bool = False,
        *,
        max_evaluations: int | None = None,
        population: int = 0,
        stop_at_loss: float | None = None,
        callback: Callable[[int, dict[str, float], float], Any] | None = None,
    ) -> dict[str, Any]:
        """Fits; a second run goes on where the first ended.

        Parameters
        ----------
        max_evals : int
            As in CompNeuroPy: generations with "deap", else evaluations; or
        max_evaluations : int
            Evaluations with every method.
        results_file_name : str, optional
            ``.json``, ``.npz`` and ``.pkl`` are written beside this name; None: nothing.
        deap_plot_file, sbi_plot_file : str, optional
            Pictures of the losses, or of the posterior.
        verbose : bool
            Prints a line per generation and the report.
        population : int
            Candidates per generation; 0: chosen by the method.
        stop_at_loss : float, optional
            A loss that is good enough.
        callback : callable, optional
            ``(evaluations, best values, best loss)`` after each generation; a true result ends the fit.

        Returns
        -------
        dict
            The fitted values under their names; loss, all_loss, std, results, results_soll, parameters, constants, expressions, history
            (variables, losses, deviations), seed, version, settings, optimizer, n_failed; with "deap" logbook, deap_pop, best_fitness; with
            "sbi" posterior and samples.
        """
        if (max_evals is None) == (max_evaluations is None):
            raise ConfigError("give max_evals or max_evaluations")
        if self.method == "sbi":
            result = self._run_sbi(int(max_evaluations or max_evals or 0), verbose)
        else:
            population = population or self.popsize
            if max_evaluations is None:
                assert max_evals is not None
                max_evaluations = max_evals * population if self.method == "deap" else max_evals
            result = self._run_search(max_evaluations, population, stop_at_loss, callback, verbose)
        self.results = result
        if results_file_name is not None:
            save(result, Path(results_file_name), self.fitting_variables_name_list)
        if deap_plot_file is not None and self.method != "sbi":
            plot_losses(result, Path(deap_plot_file))
        if sbi_plot_file is not None and self.method == "sbi":
            plot_posterior(result, self._bounds, Path(sbi_plot_file))
        return result

    def _run_search(self, max_evaluations: int, population: int, stop: float | None, callback: Any, verbose: bool) -> dict[str, Any]:
        names = self.fitting_variables_name_list
        history: list[tuple[float, float]] = []
        import time

        start = time.perf_counter()

        def after_generation(evaluations: int, values: list[float], loss: float) -> bool:
            history.append((loss, time.perf_counter() - start))
            if verbose:
                print(f"{evaluations} evaluations, best loss {loss:g}")
            try:
                return bool(callback(evaluations, dict(zip(names, values)), loss)) if callback is not None else False
            except BaseException as error:
                self._raised = error
                raise

        sources = [*self._sources, *self._guessed(max_evaluations)]
        options = {name: _option_text(value) for name, value in self._options.items() if name != "population"}
        raw = self._guarded(
            lambda: self._core.run(
                max_evaluations=max_evaluations - (len(sources) - len(self._sources)),
                method=self.method,
                optimizer_options=options,
                population=population,
                source_solutions=sources,
                stop_at_loss=stop,
                callback=after_generation,
            )
        )
        self.loss_history = np.array(history).reshape(-1, 2)
        if not raw["best"]:
            raise NumericalError(f"every one of {len(raw['losses'])} evaluations failed: their losses are not finite")
        result = self._result(raw)
        if self.method == "deap":
            result |= _as_deap(raw, self._bounds)
        if verbose:
            print(raw["report"])
        return result

    def _guessed(self, max_evaluations: int) -> list[tuple[list[float], float]]:
        """Evaluations within the plausible box, a fifth of all, from which the search starts."""
        if self._guess is None:
            return []
        missing = [name for name in self.fitting_variables_name_list if name not in self._guess]
        if missing:
            raise ConfigError(f"variables_bounds_guess says nothing about {', '.join(missing)}")
        low = np.array([min(self._guess[name]) for name in self.fitting_variables_name_list])
        high = np.array([max(self._guess[name]) for name in self.fitting_variables_name_list])
        hard = np.array([self._bounds[name] for name in self.fitting_variables_name_list])
        if np.any(low < hard[:, 0]) or np.any(high > hard[:, 1]):
            raise ConfigError("variables_bounds_guess must lie within variables_bounds")
        n = min(max_evaluations // 5, 10 * len(low))
        # a rank-1 lattice on the generalised golden ratio (M. Roberts, 2018): even in every dimension
        ratio = 2.0
        for _ in range(50):
            ratio = (1 + ratio) ** (1 / (len(low) + 1))
        grid = (0.5 + np.outer(np.arange(1, n + 1), ratio ** -np.arange(1.0, len(low) + 1))) % 1
        points = low + grid * (high - low)
        weights = self._settings["loss_weights"]
        losses = [float(np.dot(parts, weights) if weights else np.sum(parts)) for parts in self.losses(points)]
        return [(list(point), loss) for point, loss in zip(points, losses)]

    def losses(self, variables: Any) -> list[list[float]]:
        """Parts of the loss of given values of the fitted variables (rows), as a fit computes them."""
        points = np.ascontiguousarray(np.atleast_2d(variables), dtype=float)
        return list(self._guarded(lambda: self._core.losses(points)))

    def record_of(self, variables: Any) -> Results:
        """What the experiment records under given values of the fitted variables (rows: neurons of the results)."""
        points = np.ascontiguousarray(np.atleast_2d(variables), dtype=float)
        record = self._guarded(lambda: self._core.record(points))
        return Results(record, tuned_population, self._store.of(record))

    def _result(self, raw: dict[str, Any]) -> dict[str, Any]:
        parts = raw["all_loss"]
        repetitions = self._settings["repetitions"]
        return {
            **dict(raw["best"]),
            "loss": raw["loss"],
            "all_loss": float(parts[0]) if self._scalar_loss and len(parts) == 1 else parts,
            "std": raw["deviation"] if repetitions > 1 else None,
            "results": Results(raw["results"], tuned_population, self._store.of(raw["results"]))._detached(),
            "results_soll": self._target_results,
            "parameters": dict(raw["parameters"]),
            "constants": {name: value for name, value in self.const_params.items() if not isinstance(value, str)},
            "expressions": {name: value for name, value in self.const_params.items() if isinstance(value, str)},
            "history": {"variables": raw["points"], "losses": raw["losses"], "deviations": raw["deviations"]},
            "best_loss": raw["best_loss"],
            "n_failed": raw["n_failed"],
            "optimizer": raw["optimizer"],
            "seed": raw["seed"],
            "seconds": raw["seconds"],
            "settings": {**self._settings, "method": self.method, "bounds": {name: list(box) for name, box in self._bounds.items()}},
            "version": _core.__version__,
        }

    def _run_sbi(self, n_simulations: int, verbose: bool) -> dict[str, Any]:
        summary = None
        if self._summary is not None:
            own = self._summary

            def summary(record: _core.SimulationRecord) -> list[float]:
                results = Results(record, tuned_population, self._store.of(record))._detached()
                return [float(value) for value in np.ravel(own(results))]

        raw = self._guarded(
            lambda: _core.infer_opt_neuron(
                self._core,
                n_simulations=n_simulations,
                n_rounds=self._options.get("n_rounds", 1),
                prior=_priors(self.prior, self.fitting_variables_name_list),
                summary=summary,
                n_samples=self._options.get("n_samples", 10000),
            )
        )
        if verbose:
            print(raw["summary_of_posterior"])
        return {**self._result(raw), "posterior": Posterior(raw["posterior"], seed=self.seed), "samples": raw["samples"]}


def _priors(prior: Any, names: Sequence[str]) -> list[tuple[str, str, list[float]]]:
    """``{"a": ("normal", 0, 1), "b": [0, 5]}``; what is not named is uniform within its bounds."""
    if prior is None:
        return []
    if not isinstance(prior, Mapping):
        raise ConfigError("`prior` must be a dictionary: {\"a\": (\"normal\", mean, deviation), \"b\": [low, high]}")
    unknown = set(prior) - set(names)
    if unknown:
        raise ConfigError(f"`prior` names {', '.join(sorted(unknown))}, which is not fitted")
    made = [prior_argument(name, given, DIMENSIONLESS) for name, given in prior.items()]
    return [(name, kind, values) for name, kind, values, _ in made]


def _target_record(data: Any, settings: Mapping[str, Any]) -> _core.SimulationRecord:
    """Target data as a record of the core, from which a posterior is learned."""
    dt, names = settings["time_step"], [name for name in settings["record"] if name != "spike"]
    interval = round((settings["recording_period"] or dt) / dt)
    chunks: list[dict[str, Any]] = []
    if isinstance(data, Results):
        chunks = [{key.partition(";")[2]: value for key, value in chunk.items()} for chunk in data.recordings]
        chunks = [{**chunk, **({"spike": chunk["spike"][0]} if "spike" in chunk else {})} for chunk in chunks]
    elif isinstance(data, (list, tuple, np.ndarray)):
        chunks = [dict(chunk) if isinstance(chunk, Mapping) else {names[0]: chunk} for chunk in data if len(names) == 1 or isinstance(chunk, Mapping)]
    spikes = "spike" in settings["record"]
    wanted = [*names, *(["spike"] if spikes else [])]
    if not chunks or any(name not in chunk for chunk in chunks for name in wanted):
        raise ConfigError(
            "a posterior is learned from recordings: give `results_soll` as results, or as a list with a dictionary per chunk: "
            + "{" + ", ".join(f'"{name}": ...' for name in wanted) + "}"
        )  # fmt: skip
    return _core.make_record(
        dt=dt * 1e-3,
        interval_steps=interval,
        variables=names,
        chunks=[[np.ascontiguousarray(chunk[name], dtype=float).reshape(-1) for name in names] for chunk in chunks],
        spikes=[[int(step) for step in chunk["spike"]] for chunk in chunks] if spikes else None,
    )


def _option_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _as_deap(raw: dict[str, Any], bounds: Mapping[str, tuple[float, float]]) -> dict[str, Any]:
    """Logbook and last population as that package has them."""
    names = ("nevals", "avg", "std", "min", "max")
    logbook = [{"gen": generation, **dict(zip(names, row))} for generation, row in enumerate(raw["logbook"])]
    losses, points = raw["losses"][-raw["population"] :], raw["points"][-raw["population"] :]
    box = np.array(list(bounds.values()))
    cube = (points[np.argsort(losses, kind="stable")] - box[:, 0]) / (box[:, 1] - box[:, 0])
    return {"logbook": logbook, "deap_pop": cube, "best_fitness": raw["best_loss"]}


opt_neuron = OptNeuron
