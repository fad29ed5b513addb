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

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from . import _core
from ._borders import FloatArray
from ._opt_arguments import loss_parts, method_options, milliseconds, one_of, option_text, priors, target_record, variables, whole
from ._opt_data import DataStore, data_key
from ._opt_files import load_results, plot_losses, plot_posterior, save
from .errors import ConfigError, NumericalError
from .experiment import Experiment, Monitors, Simulation, run_experiment
from .neuron import Neuron
from .posterior import Posterior
from .recordings import Results

__all__ = ["OptNeuron", "load_results", "opt_neuron"]

tuned_population = "model_neuron"
target_population = "target_model_neuron"


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
    loss_history : array
        Best loss and seconds after each generation (seconds are 0 for those that a checkpoint gave).
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
        loss = one_of("get_loss_function", get_loss_function, "loss", loss)
        bounds = one_of("variables_bounds", variables_bounds, "bounds", bounds)
        data = one_of("results_soll", results_soll, "target_data", target_data)
        target = one_of("target_neuron_model", target_neuron_model, "target_model", target_model)
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
        time_step = milliseconds("time_step", time_step)
        repeated = one_of("num_rep_loss", num_rep_loss, "repetitions", repetitions)
        self._experiment, self._loss = experiment, loss
        self._store = DataStore()
        self._template: Any = None
        self._scalar_loss = False
        self._target_results: Any = data
        self._has_target_model = target is not None
        self._raised: BaseException | None = None
        self._variables = variables(bounds, variables_bounds_guess)
        self._bounds = {name: (min(box), max(box)) for name, box, *_ in self._variables if box is not None}
        self.fitting_variables_name_list = list(self._bounds)
        self.const_params = {name: given for name, given in bounds.items() if name not in self._bounds}
        self.method, self.seed = method, seed
        self._options = method_options(cma_params_dict, bads_params_dict, optimizer_options)
        dimension = len(self.fitting_variables_name_list)
        self.popsize = int(self._options.get("population", 4 + math.floor(3 * math.log(dimension)) if method == "deap" else 0))
        self._sources = [([float(value) for value in np.ravel(values)], float(loss)) for values, loss in source_solutions]
        self.prior, self._summary = prior, summary
        self.record = list(record)
        self._settings: dict[str, Any] = {
            "time_step": time_step,
            "recording_period": None if recording_period is None else milliseconds("recording_period", recording_period),
            "record": self.record,
            "repetitions": 1 if repeated is None else whole("num_rep_loss", repeated, 1),
            "target_repetitions": whole("target_repetitions", target_repetitions, 1),
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
                target=target_record(data, self._settings) if method == "sbi" and target is None else None,
                time_step=time_step * 1e-3,
                method="",
                record=self.record,
                recording_interval=(recording_period or 0) * 1e-3,
                repetitions=self._settings["repetitions"],
                common_noise=noise == "common",
                target_repetitions=target_repetitions,
                allow_outside_bounds=allow_outside_bounds,
                seed=whole("seed", seed, 0),
                threads=whole("threads", threads, 0),
            )
        )
        self.warnings = self._core.warnings
        if verbose:
            for note in self.warnings:
                print(note)
        self._results: dict[str, Any] | None = None
        self._report = ""
        self._searched = False  # the core knows more than `_results`
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
            simulation = Simulation._of(core, lambda data: core.set_data(data_key, [float(self._store.add(data))]))
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
            return loss_parts(value)
        except BaseException as error:
            self._raised = error
            raise

    # ---- the fit ----------------------------------------------------------------------------------------------------------------------

    @property
    def results_soll(self) -> Any:
        """The target data, or the results of the target model."""
        return self._target_results

    target = results_soll

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
        polish_evaluations: int = 0,
        stop_at_loss: float | None = None,
        callback: Callable[[int, dict[str, float], float], Any] | None = None,
        checkpoint: Any = None,
        resume: bool = False,
    ) -> dict[str, Any]:
        """Fits; a second run goes on where the first ended. Ctrl-C ends it within a second, or when the call of the experiment or loss in
        progress returns; ``results`` then has the best so far, and another run goes on.

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
        polish_evaluations : int
            The last of all evaluations, with which CMA-ES refines the best: for methods that come near a minimum and no nearer.
        stop_at_loss : float, optional
            A loss that is good enough.
        callback : callable, optional
            ``(evaluations, best values, best loss)`` after each generation; a true result ends the fit.
        checkpoint : path, optional
            A file that is written, whole, after each generation (a folder with "sbi").
        resume : bool
            Goes on from the checkpoint, if there is one: with the same arguments the result is that of an uninterrupted run, bit for bit.
            ``max_evals`` counts what was done before. A file of another problem is refused.

        Returns
        -------
        dict
            The fitted values under their names; loss, all_loss, std, results, results_soll, parameters, constants, expressions, history
            (variables, losses, deviations), seed, version, settings, optimizer, n_failed, failures (why, how often, the first); with "deap" logbook, deap_pop, best_fitness; with
            "sbi" posterior and samples.
        """
        if (max_evals is None) == (max_evaluations is None):
            raise ConfigError("give max_evals or max_evaluations")
        evaluations = whole("max_evals", max_evals, 1) if max_evaluations is None else whole("max_evaluations", max_evaluations, 1)
        population = whole("population", population, 0)
        polish_evaluations = whole("polish_evaluations", polish_evaluations, 0)
        saved = "" if checkpoint is None else str(checkpoint)
        if resume and not saved:
            raise ConfigError("`resume` goes on from a file: give `checkpoint`")
        if self.method == "sbi":
            if polish_evaluations:
                raise ConfigError("`sbi` looks for a posterior: there is no minimum to polish")
            result = self._run_sbi(evaluations, saved, verbose)
        else:
            population = population or self.popsize
            if max_evaluations is None and self.method == "deap":
                evaluations *= population  # generations
            again = resume and Path(saved).exists()
            self._search(evaluations, population, polish_evaluations, stop_at_loss, callback, saved, again, verbose)
            result = self._found()
            if verbose:
                print(self._report)
        self._results = result
        if results_file_name is not None:
            save(result, Path(results_file_name), self.fitting_variables_name_list)
        if deap_plot_file is not None and self.method != "sbi":
            plot_losses(result, Path(deap_plot_file))
        if sbi_plot_file is not None and self.method == "sbi":
            plot_posterior(result, self._bounds, Path(sbi_plot_file))
        return result

    def _search(
        self, max_evaluations: int, population: int, polish: int, stop: float | None, callback: Any, checkpoint: str, resume: bool, verbose: bool
    ) -> None:
        names = self.fitting_variables_name_list

        def after_generation(evaluations: int, values: list[float], loss: float) -> bool:
            if verbose:
                print(f"{evaluations} evaluations, best loss {loss:g}")
            try:
                return bool(callback(evaluations, dict(zip(names, values)), loss)) if callback is not None else False
            except BaseException as error:
                self._raised = error
                raise

        options = {name: option_text(value) for name, value in self._options.items() if name != "population"}
        self._results, self._searched = None, True
        self._guarded(
            lambda: self._core.search(
                max_evaluations=max_evaluations,
                method=self.method,
                optimizer_options=options,
                population=population,
                polish_evaluations=polish,
                source_solutions=self._sources,
                stop_at_loss=stop,
                callback=after_generation if verbose or callback is not None else None,
                checkpoint=checkpoint,
                resume=resume,
            )
        )

    def _found(self) -> dict[str, Any]:
        """What the core has found so far; the experiment runs once more with the best."""
        raw = self._guarded(self._core.result)
        self.loss_history = np.array([(entry[5], entry[6]) for entry in raw["logbook"]]).reshape(-1, 2)
        if not raw["best"]:
            causes = "; ".join(f"{count} x {cause}" for cause, count, _ in raw["failures"][:3])
            raise NumericalError(f"every one of {len(raw['losses'])} evaluations failed: their losses are not finite", causes)
        self._report = raw["report"]
        result = self._result(raw)
        return result | _as_deap(raw, self._bounds) if self.method == "deap" else result

    @property
    def results(self) -> dict[str, Any] | None:
        """What the last run returned or, if Ctrl-C ended it, has found until then; None before."""
        if self._results is None and self._searched:
            try:
                self._results = self._found()
            except (ConfigError, NumericalError):
                return None
        return self._results

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
            "failures": raw["failures"],
            "optimizer": raw["optimizer"],
            "seed": raw["seed"],
            "seconds": raw["seconds"],
            "settings": {**self._settings, "method": self.method, "bounds": {name: list(box) for name, box in self._bounds.items()}},
            "version": _core.__version__,
        }

    def _run_sbi(self, n_simulations: int, checkpoint: str, verbose: bool) -> dict[str, Any]:
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
                prior=priors(self.prior, self.fitting_variables_name_list),
                summary=summary,
                n_samples=self._options.get("n_samples", 10000),
                checkpoint=checkpoint,
            )
        )
        if verbose:
            print(raw["summary_of_posterior"])
        return {**self._result(raw), "posterior": Posterior(raw["posterior"], seed=self.seed), "samples": raw["samples"]}


def _as_deap(raw: dict[str, Any], bounds: Mapping[str, tuple[float, float]]) -> dict[str, Any]:
    """Logbook and last population as that package has them."""
    names = ("nevals", "avg", "std", "min", "max")
    logbook = [{"gen": generation, **dict(zip(names, row))} for generation, row in enumerate(raw["logbook"])]
    losses, points = raw["losses"][-raw["population"] :], raw["points"][-raw["population"] :]
    box = np.array(list(bounds.values()))
    cube = (points[np.argsort(losses, kind="stable")] - box[:, 0]) / (box[:, 1] - box[:, 0])
    return {"logbook": logbook, "deap_pop": cube, "best_fitness": raw["best_loss"]}


opt_neuron = OptNeuron
