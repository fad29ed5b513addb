"""The search behind the three fitters, and its results."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from . import _core, plots
from ._borders import plain_number, si
from ._parameter_sets import ParameterSets
from ._refining import Refining
from ._search import Search
from .callbacks import ProgressBar, callback_none, callback_setup, callback_text
from .errors import ConfigError
from .metrics import Metric, MSEMetric, SpikeMetric, TraceMetric
from .optimizers import Optimizer, as_optimizer
from .results import Results
from .units import DIMENSIONLESS, Exponents

__all__ = ["Fitter"]


class MetricsByOutput(dict[str, Metric]):
    """One metric per output; a number means the output of that number."""

    def __missing__(self, key: Any) -> Metric:
        if isinstance(key, (int, np.integer)):
            return list(self.values())[key]
        raise KeyError(key)


class Fitter(Refining):
    """What the three fitters share; use one of them."""

    _kind = "Fitter"

    def __init__(self, **problem: Any) -> None:
        super().__init__(**problem)
        self._known_result: dict[str, Any] | None = None
        self._outdated = False  # whether the search has a newer one
        self._search: Search | None = None
        self._recommended: dict[str, float] | None = None  # by an optimiser that has its own opinion
        self.optimizer: Optimizer | None = None
        self._given_optimizer: Any = None
        self.metric: dict[str, Metric] | None = None
        self.bounds: dict[str, Any] = {}
        self.iteration = 0
        self.n_samples_used = self.n_samples

    @property
    def _result(self) -> dict[str, Any] | None:
        if self._outdated and self._search is not None:
            self._known_result, self._outdated = self._search.result(), False
        return self._known_result

    # --- fit ----------------------------------------------------------------------------------------------------------

    def _fit(
        self,
        optimizer: Any,
        metric: Any,
        n_rounds: int,
        callback: Any,
        restart: bool,
        start_iteration: int | None,
        penalty: str | None,
        frame: Mapping[str, Any],
        bounds: Mapping[str, Any],
        checkpoint: Any,
        resume: bool,
    ) -> tuple[Any, Any]:
        if not isinstance(n_rounds, (int, np.integer)) or n_rounds < 0:
            raise ValueError("n_rounds must be a whole number that is not negative")
        chosen = None if optimizer is None else as_optimizer(optimizer)
        metrics = self._metrics_of(metric) if metric is not None else None
        if resume and checkpoint is None:
            raise ConfigError("`resume` goes on from a file: give `checkpoint`")
        restart = restart or resume
        begun = self._search is not None and not restart
        if begun:
            if metrics is not None and not self._same_metrics(metrics):
                raise ConfigError("You can not change the metric between fits", "restart=True begins again with another metric")
            if chosen is not None and optimizer is not self._given_optimizer and chosen is not self.optimizer:
                raise ConfigError("You can not change the optimizer between fits", "restart=True begins again with another optimizer")
        else:
            self._search_in_neuron(name for name in (bounds or self.bounds) if name in self.parameter_names)
        core = self._built(frame, penalty if penalty is not None else self.penalty)
        saved = str(checkpoint) if checkpoint is not None else ""
        first: dict[str, Any] = {"parameters": [], "optimizer": None, "metrics": []}
        if not begun:
            core, search, first = self._begin(core, chosen, optimizer, metrics, bounds, n_rounds, restart)
            present = first["metrics"]
        else:
            assert self._search is not None and self.metric is not None
            search, present = self._search, self._core_metrics(self.metric)
            if core is not search.cores[-1] or [handle.description for _, handle in present] != search.metrics:
                if search.choice.multi_objective or saved:
                    what = "a checkpoint" if saved else "a search of a Pareto front"
                    raise ConfigError(f"the problem changed between fits, which {what} cannot follow", "restart=True begins again")
                core = self._built(frame, fresh=True)
                first = {"parameters": search.parameters, "optimizer": search.continued(), "metrics": present}
                start_iteration = self.iteration if start_iteration is None else start_iteration
        for text in core.metric_warnings(present):
            warnings.warn(text, stacklevel=3)
        begins = bool(first["metrics"])
        if start_iteration is not None:
            self.iteration = start_iteration
        shown = callback_setup(callback, n_rounds)
        again = not begun
        single = shown is callback_none
        index = 0
        if resume and Path(saved).exists():
            index = min(core.resume(**first, planned_rounds=n_rounds, checkpoint=saved), n_rounds)
            again, start_iteration = False, None
            self._took(search, core, first)
            first = {"parameters": [], "optimizer": None, "metrics": []}
            self.iteration += index
        while True:
            step = n_rounds - index if single else min(n_rounds - index, 1)
            before = search.n_evaluations
            try:
                core.fit(
                    **first,
                    n_rounds=step,
                    planned_rounds=n_rounds if begins and index == 0 else 0,
                    restart=again,
                    start_iteration=start_iteration,
                    checkpoint=saved,
                )
            except KeyboardInterrupt:
                if core.n_evaluations:  # what was found before
                    self._took(search, core, first)
                raise
            self._took(search, core, first)
            again, start_iteration = False, None
            first = {"parameters": [], "optimizer": None, "metrics": []}
            self.iteration += step
            if single or step == 0:
                break
            stop = self._tell(shown, search, before, index)
            index += 1
            if stop is True or index >= n_rounds:
                break
        if isinstance(shown, ProgressBar) and shown.t is not None:
            shown.t.close()
        return self.best_params, self.best_error

    def _begin(
        self,
        core: _core.Fitter,
        chosen: Optimizer | None,
        given_optimizer: Any,
        metrics: dict[str, Metric] | None,
        bounds: Mapping[str, Any],
        n_rounds: int,
        restart: bool,
    ) -> tuple[_core.Fitter, Search, dict[str, Any]]:
        """A new search: the fitter of the core for it, the search, and what its first rounds are told."""
        for name in bounds:
            if name not in self.parameter_names:
                raise ValueError(f"Parameter {name} must be defined as a parameter in the model")
        open_names = [name for name in self.parameter_names if name not in self._parsed_initial()]
        bounds = bounds or self.bounds
        parameters = [self._bounds(name, bounds) for name in open_names]
        self.bounds = dict(bounds)
        if metrics is None:
            metrics = self.metric if self.metric is not None and restart else self._metrics_of(self._default_metric())
        self.metric = metrics
        self.optimizer = chosen or (self.optimizer if restart and self.optimizer else as_optimizer(None))
        self._given_optimizer = given_optimizer if given_optimizer is not None else self.optimizer
        handles = self._core_metrics(metrics)
        si_bounds = {p[0]: [p[1][0], p[2][0]] for p in parameters}
        choice, self.n_samples_used = self.optimizer._choice(open_names, self.n_samples, n_rounds, si_bounds)
        if self.n_samples_used != self.n_samples:
            warnings.warn(f"Sample size {self.n_samples} requested, but the optimizer will use {self.n_samples_used}.", stacklevel=4)
            self.n_samples = self.n_samples_used
            core = self._built({})
        self.iteration = 0
        setting = (len(open_names), self.n_samples, n_rounds, self.seed)
        search = Search(parameters, choice, setting, not self.optimizer._in_core())
        return core, search, {"parameters": parameters, "optimizer": choice, "metrics": handles}

    def _took(self, search: Search, core: _core.Fitter, first: Mapping[str, Any]) -> None:
        """Rounds were simulated by this fitter of the core."""
        self._outdated = True
        if first["metrics"]:
            search.metrics = [handle.description for _, handle in first["metrics"]]
            search.cores.append(core)
            self._search = search
            if self.optimizer is not None:
                self.optimizer._searches(search)
        self._recommended = None
        if self.optimizer is not None and self.optimizer._decides() and self._best() is not None:
            self._recommended = self.optimizer._recommendation()

    def _tell(self, shown: Any, search: Search, before: int, index: int) -> Any:
        if shown is callback_text and len(search.cores) == 1 and self._recommended is None:
            print(search.cores[0].round_text(index, self._maker() is not plain_number))
            return None
        info: dict[str, Any] = {"output_var": list(self.output_var), "objective_errors": (), "objective_errors_normalized": ()}
        best = self._best()
        if best is not None:
            make = self._maker()
            info["objective_errors"] = tuple(make(raw, tuple(dim)) for _, raw, _, dim, _ in best["objectives"])
            info["objective_errors_normalized"] = tuple(make(value, tuple(dim)) for _, _, value, _, dim in best["objectives"])
        params: Any = None
        errors: Any = None
        if type(shown).__module__ != __package__ + ".callbacks" and getattr(shown, "__module__", "") != __package__ + ".callbacks":
            names, values, plain, _ = search.evaluations(before)
            params = ParameterSets(names, values, self._parameter_dims(), self._maker())
            errors = self._maker()(plain, self._error_dim())
        return shown(params, errors, self.best_params, self.best_error, index, info)

    def _bounds(self, name: str, bounds: Mapping[str, Any]) -> tuple[Any, ...]:
        if name not in bounds:
            raise TypeError(f"Bounds must be set for parameter {name}")
        dim = self._parameter_dims()[name]
        numbers = si(bounds[name], dim, f"the bounds of {name}")
        if numbers.shape != (2,):
            raise ValueError(f"the bounds of {name} must be two values: [low, high]")
        return (name, (float(numbers[0]), dim), (float(numbers[1]), dim), "linear", False, None)

    def _default_metric(self) -> Any:
        return MSEMetric()

    def _metrics_of(self, metric: Any) -> dict[str, Metric]:
        """One metric per output."""
        if isinstance(metric, Metric):
            chosen = MetricsByOutput((name, metric) for name in self.output_var)
        elif isinstance(metric, Mapping):
            for name in metric:
                if name not in self.output_var:
                    raise ValueError(f"there is a metric for `{name}`, which is no output")
            for name in self.output_var:
                if name not in metric:
                    raise ValueError(f"there is no metric for the output `{name}`")
            chosen = MetricsByOutput((name, metric[name]) for name in self.output_var)
        elif isinstance(metric, (list, tuple)):
            if len(metric) != len(self.output_var):
                raise TypeError(f"there are {len(metric)} metrics for {len(self.output_var)} outputs")
            warnings.warn("give metrics as a dictionary by output", DeprecationWarning, stacklevel=4)
            chosen = MetricsByOutput(zip(self.output_var, metric))
        else:
            raise TypeError(f"a metric or a dictionary of metrics is needed, not {type(metric).__name__}")
        for name, one in chosen.items():
            if not isinstance(one, SpikeMetric if name == "spikes" else TraceMetric):
                needed = "SpikeMetric" if name == "spikes" else "TraceMetric"
                raise TypeError(f"the output `{name}` needs a {needed}, not {type(one).__name__}")
            weights = getattr(one, "t_weights", None)
            if weights is not None and len(weights) != self._n_steps:
                raise ValueError(f"t_weights have the shape ({len(weights)},), but the traces have the shape ({self._n_steps},)")
        return chosen

    def _core_metrics(self, metrics: Mapping[str, Metric], built_in: bool = False) -> list[tuple[str, Any]]:
        """Without units the errors of several outputs are added as they are. ``built_in``: without what scripts changed."""
        plain = not self.use_units and len(metrics) > 1
        dims = dict(zip(self.output_var, self.output_dim)) if plain else {}
        made = []
        for name, metric in metrics.items():
            alike = built_in and isinstance(metric, MSEMetric)
            made.append((name, metric._new_handle(dims.get(name)) if alike else metric._core_metric(dims.get(name))))
        return made

    def _same_metrics(self, metrics: Mapping[str, Metric]) -> bool:
        return self.metric is not None and all(metrics[name] is self.metric.get(name) for name in metrics)

    # --- results ------------------------------------------------------------------------------------------------------

    def _best_values(self) -> dict[str, float] | None:
        best = self._best()
        if best is None or self._result is None:
            return None
        values = {p["name"]: v for p, v in zip(self._result["parameters"], best["parameters"])}
        return values if self._recommended is None else {name: self._recommended.get(name, value) for name, value in values.items()}

    def _best(self) -> dict[str, Any] | None:
        return None if self._result is None else self._result["best"]

    def _error_dim(self) -> Exponents:
        return tuple(self._result["error_exponents"]) if self._result else DIMENSIONLESS

    @property
    def best_params(self) -> dict[str, Any] | None:
        """The best parameters so far; None before the first round."""
        values = self._best_values()
        if values is None or self._result is None:
            return None
        make = self._maker()
        return {p["name"]: make(values[p["name"]], tuple(p["exponents"])) for p in self._result["parameters"]}

    @property
    def best_error(self) -> Any:
        """Their error (the sum over outputs, with penalty); None before the first round."""
        best = self._best()
        return None if best is None else self._maker()(best["error"], self._error_dim())

    @property
    def best_objective_errors(self) -> dict[str, Any] | None:
        """Error per output before normalisation."""
        best = self._best()
        make = self._maker()
        return None if best is None else {name: make(raw, tuple(dim)) for name, raw, _, dim, _ in best["objectives"]}

    @property
    def best_objective_errors_normalized(self) -> dict[str, Any] | None:
        """Error per output as summed."""
        best = self._best()
        make = self._maker()
        return None if best is None else {name: make(value, tuple(dim)) for name, _, value, _, dim in best["objectives"]}

    @property
    def failures(self) -> list[tuple[str, int, int]]:
        """Why evaluations failed: cause, how often, the first of them."""
        return [] if self._result is None else list(self._result["failures"])

    def summary(self) -> str:
        """One or two lines: the best parameters and their error."""
        return "no fit so far" if self._search is None else str(self._search.cores[-1].summary())

    def report(self) -> str:
        """A page: parameters with bounds, errors per output, counts, settings."""
        return "no fit so far" if self._search is None else str(self._search.cores[-1].report())

    def _repr_html_(self) -> str:
        return f"<pre>{self.report()}</pre>"

    def results(self, format: str = "list", use_units: bool | None = None) -> Any:
        """All evaluations since the last restart, in order.

        Parameters
        ----------
        format : {'list', 'dict', 'dataframe'}
            A list of dictionaries, a dictionary of arrays, or a pandas DataFrame (plain SI numbers).
        use_units : bool, optional
            The fitter's, if not given.
        """
        if self._search is None or self._result is None:
            raise RuntimeError("there are no results before the first fit")
        if format == "dataframe" and (self.use_units if use_units is None else use_units):
            warnings.warn("A DataFrame has no units: its numbers are SI.", stacklevel=2)
        return Results(self._search, self._result, self._maker(use_units)).as_format(format)

    @property
    def pareto_front(self) -> list[dict[str, Any]]:
        """The evaluations that no other is better than in all objectives, of a fit with a multi-objective optimiser."""
        if self._result is None:
            return []
        make = self._maker()
        names = [(p["name"], tuple(p["exponents"])) for p in self._result["parameters"]]
        return [
            {"evaluation": k, **{n: make(v, d) for (n, d), v in zip(names, values)}, "objective_errors": list(errors)}
            for k, values, errors in self._result["pareto_front"]
        ]

    # --- plots --------------------------------------------------------------------------------------------------------

    def plot_convergence(self, ax: Any = None) -> Any:
        """See :func:`spikesmith.plots.plot_convergence`."""
        return plots.plot_convergence(self, ax)

    def plot_parameters(self, ax: Any = None, names: Any = None) -> Any:
        """See :func:`spikesmith.plots.plot_parameters`."""
        return plots.plot_parameters(self, ax, names)

    def plot_traces(self, output: str | None = None, traces: Any = None, ax: Any = None, **generate: Any) -> Any:
        """See :func:`spikesmith.plots.plot_traces`."""
        return plots.plot_traces(self, output, traces, ax, **generate)

    def plot_spikes(self, ax: Any = None, **generate: Any) -> Any:
        """See :func:`spikesmith.plots.plot_spikes`."""
        return plots.plot_spikes(self, ax, **generate)
