"""TraceFitter, SpikeFitter, OnlineTraceFitter: find the parameters with which a model comes closest to recordings."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from . import _core, plots
from ._borders import SECOND, FloatArray, Maker, plain_number, si, si_number, split
from ._model import ModelText, caller_namespace, equations_text, output_maker, parameters_by_eye, series
from .callbacks import ProgressBar, callback_none, callback_setup
from .errors import ConfigError, UnitError
from .metrics import GammaFactor, Metric, MSEMetric, SpikeMetric, TraceMetric
from .optimizers import Optimizer, as_optimizer
from .results import Results
from .units import DIMENSIONLESS, Exponents, _name, _same

__all__ = ["Fitter", "TraceFitter", "SpikeFitter", "OnlineTraceFitter"]


class Fitter:
    """What the three fitters share; use one of them."""

    _kind = "Fitter"
    _online = False

    def __init__(
        self,
        *,
        model: Any,
        input: Mapping[str, Any],
        output: Mapping[str, Any],
        spikes: list[Any] | None,
        dt: Any,
        n_samples: int,
        method: str | None,
        threshold: str | None,
        reset: str | None,
        refractory: Any,
        param_init: Mapping[str, Any] | None,
        penalty: str | None,
        use_units: bool,
        namespace: Mapping[str, Any] | None,
        seed: int,
        threads: int,
        trace_weights: Any,
        frame: Mapping[str, Any],
    ) -> None:
        self.model = equations_text(model)
        self.dt = dt
        self._dt = si_number(dt, SECOND, "dt", required=True)
        if not self._dt > 0:
            raise ValueError("dt must be positive")
        self.n_samples = n_samples
        self.method, self.threshold, self.reset, self.refractory = method, threshold, reset, refractory
        self.param_init, self.penalty, self.use_units = param_init, penalty, use_units
        self.seed, self.threads = seed, threads
        self._plain_namespace = namespace is not None
        self._trace_weights = [] if trace_weights is None else [float(w) for w in trace_weights]

        makers: list[Maker | None] = []
        self._inputs, dims = [], {}
        for name, values in input.items():
            rows, dim, maker = series(values)
            self._inputs.append((name, rows, [self._dt]))
            dims[name] = dim
            makers.append(maker)
        self._outputs, self._output_dims = [], {}
        for name, values in output.items():
            rows, dim, maker = series(values)
            self._outputs.append((name, rows, [self._dt]))
            self._output_dims[name] = dim
            makers.append(maker)
        self._spikes = None
        if spikes is not None:
            trains = [split(train) for train in spikes]
            makers += [maker for _, _, maker in trains]
            self._spikes = [np.ascontiguousarray(si(train, SECOND, "spike times")).reshape(-1) for train in spikes]
        makers.append(split(dt)[2])
        self._make = output_maker(makers, True)
        self.input, self.output_var = dict(input), [*output, *(["spikes"] if spikes is not None else [])]
        self.output = [*output.values(), *([spikes] if spikes is not None else [])]

        rows = self._inputs[0][1] if self._inputs else self._outputs[0][1]
        self.n_traces = len(rows)
        self._n_steps = max(len(row) for row in rows)
        if self._spikes is not None and len(self._spikes) != self.n_traces:
            raise ValueError(f"there are {len(self._spikes)} spike trains for {self.n_traces} input traces")
        self._text = ModelText(self.model, dims, list(output), threshold, reset, refractory, param_init)
        self._namespace = self._text.capture(frame if namespace is None else namespace)
        self._check_names()
        parsed = self._text.try_parse(self._namespace)
        self.parameter_names = self._declared(parsed)
        if parsed is not None:
            self._check_outputs(parsed)
        self._core: _core.Fitter | None = None
        self._core_penalty: str | None = None
        self._parsed = parsed
        self._result: dict[str, Any] | None = None
        self.optimizer: Optimizer | None = None
        self._given_optimizer: Any = None
        self.metric: dict[str, Metric] | None = None
        self.bounds: dict[str, Any] = {}
        self.iteration = 0
        self.n_samples_used = n_samples

    # --- what is known before a fit -----------------------------------------------------------------------------------

    @property
    def duration(self) -> Any:
        """Of the longest trace."""
        return self._make(self._n_steps * self._dt, SECOND)

    @property
    def n_neurons(self) -> int:
        return self.n_samples * self.n_traces

    def _check_names(self) -> None:
        text = self.model
        for name in self._text.inputs:
            if not _occurs(name, text):
                raise NameError(f"{name} is not an identifier in the model")
        known = _defined(text)
        for name in self._output_dims:
            if name not in known:
                raise NameError(f"{name} is not a model variable")
        for name in self.param_init or {}:
            if name not in known:
                raise ValueError(f"{name} is not a model variable or a parameter in the model")
        for name in self._text.inputs:
            if name in known and name not in parameters_by_eye(text):
                raise NameError(f"{name} is not an identifier in the model: it is defined there")

    def _declared(self, parsed: _core.Model | None) -> list[str]:
        if parsed is None:
            names = parameters_by_eye(self.model)
        else:
            names = [name for name, _ in parsed.parameters]
        return [name for name in names if name not in self._text.inputs]

    def _check_outputs(self, parsed: _core.Model) -> None:
        dims = {name: tuple(dim) for name, dim in [*parsed.states, *parsed.subexpressions, *parsed.parameters]}
        for name, dim in self._output_dims.items():
            if dim is not None and not _same(dim, dims[name]):
                raise UnitError(f"the recorded {name} is {_name(dim)}, but {name} is {_name(dims[name])} in the model")

    def _built(self, frame: Mapping[str, Any], penalty: str | None = None) -> _core.Fitter:
        """The core's fitter; made when first needed, with the constants of the script at that time."""
        penalty = penalty if penalty is not None else self.penalty
        if self._core is not None and self._core_penalty == penalty:
            return self._core
        if self._core is None and not self._plain_namespace:
            self._namespace |= self._text.capture(frame)
        parsed, notes = self._text.parse(self._namespace)
        for note in notes:
            warnings.warn(note, stacklevel=4)
        self._check_outputs(parsed)
        self._parsed = parsed
        self.parameter_names = self._declared(parsed)
        self._core = self._make_core(parsed, penalty)
        self._core_penalty = penalty
        return self._core

    def _make_core(self, parsed: _core.Model, penalty: str | None) -> _core.Fitter:
        return _core.Fitter(
            model=parsed,
            inputs=self._inputs,
            outputs=self._outputs,
            spikes=self._spikes,
            dt=self._dt,
            duration=0.0 if self._inputs or self._outputs else self._n_steps * self._dt,
            n_samples=self.n_samples,
            method=self.method or "",
            penalty=penalty or "",
            online_only=self._online,
            threads=self.threads,
            seed=self.seed,
            trace_weights=self._trace_weights,
        )

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
    ) -> tuple[Any, Any]:
        if not isinstance(n_rounds, (int, np.integer)) or n_rounds < 0:
            raise ValueError("n_rounds must be a whole number that is not negative")
        chosen = None if optimizer is None else as_optimizer(optimizer)
        metrics = self._metrics_of(metric) if metric is not None else None
        begun = self._result is not None and not restart
        if begun:
            if metrics is not None and not self._same_metrics(metrics):
                raise ConfigError("You can not change the metric between fits", "restart=True begins again with another metric")
            if chosen is not None and optimizer is not self._given_optimizer and chosen is not self.optimizer:
                raise ConfigError("You can not change the optimizer between fits", "restart=True begins again with another optimizer")
            if penalty is not None and penalty != self._core_penalty:
                raise ConfigError("You can not change the penalty between fits", "restart=True begins again with another penalty")
        core = self._built(frame, penalty if penalty is not None else self._core_penalty if begun else None)
        first: dict[str, Any] = {"parameters": [], "optimizer": None, "metrics": []}
        names = self.parameter_names
        if not begun:
            for name in bounds:
                if name not in names:
                    raise ValueError(f"Parameter {name} must be defined as a parameter in the model")
            open_names = [name for name in names if name not in self._parsed_initial()]
            given = bounds or self.bounds
            first["parameters"] = [self._bounds(name, given) for name in open_names]
            self.bounds = dict(given)
            if metrics is None:
                metrics = self.metric if self.metric is not None and restart else self._metrics_of(self._default_metric())
            self.metric = metrics
            first["metrics"] = [(name, m._core_metric()) for name, m in metrics.items()]
            self.optimizer = chosen or (self.optimizer if restart and self.optimizer else as_optimizer(None))
            self._given_optimizer = optimizer if optimizer is not None else self.optimizer
            si_bounds = {p[0]: [p[1][0], p[2][0]] for p in first["parameters"]}
            first["optimizer"], self.n_samples_used = self.optimizer._choice(open_names, self.n_samples, n_rounds, si_bounds)
            if self.n_samples_used != self.n_samples:
                warnings.warn(f"Sample size {self.n_samples} requested, but the optimizer will use {self.n_samples_used}.", stacklevel=3)
                self.n_samples = self.n_samples_used
                self._core = core = self._make_core(self._require_parsed(), self._core_penalty)
            self.iteration = 0
        if start_iteration is not None:
            self.iteration = start_iteration
        shown = callback_setup(callback, n_rounds)
        again = restart and self._result is not None
        single = shown is callback_none
        index = 0
        while True:
            step = n_rounds if single else min(n_rounds - index, 1)
            before = core.n_evaluations if not (again and index == 0) else 0
            self._result = core.fit(
                **first,
                n_rounds=step,
                planned_rounds=n_rounds if not begun else 0,
                restart=again and index == 0,
                start_iteration=start_iteration if index == 0 else None,
                checkpoint=str(checkpoint) if checkpoint is not None else "",
            )
            first = {"parameters": [], "optimizer": None, "metrics": []}
            self.iteration += step
            if single or step == 0:
                break
            stop = self._tell(shown, core, before, index)
            index += 1
            if stop is True or index >= n_rounds:
                break
        if isinstance(shown, ProgressBar) and shown.t is not None:
            shown.t.close()
        return self.best_params, self.best_error

    def _require_parsed(self) -> _core.Model:
        assert self._parsed is not None
        return self._parsed

    def _parsed_initial(self) -> set[str]:
        return set(self._require_parsed().initial_names)

    def _tell(self, shown: Any, core: _core.Fitter, before: int, index: int) -> Any:
        info: dict[str, Any] = {"output_var": list(self.output_var), "objective_errors": (), "objective_errors_normalized": ()}
        best = self._best()
        if best is not None:
            make = self._maker()
            info["objective_errors"] = tuple(make(raw, tuple(dim)) for _, raw, _, dim, _ in best["objectives"])
            info["objective_errors_normalized"] = tuple(make(value, tuple(dim)) for _, _, value, _, dim in best["objectives"])
        params: Any = None
        errors: Any = None
        if type(shown).__module__ != __package__ + ".callbacks" and getattr(shown, "__module__", "") != __package__ + ".callbacks":
            names, values, plain, _ = core.evaluations(before)
            dims = self._parameter_dims()
            make = self._maker()
            params = [{n: make(v, dims[n]) for n, v in zip(names, row)} for row in values.tolist()]
            errors = make(plain, self._error_dim())
        return shown(params, errors, self.best_params, self.best_error, index, info)

    def _bounds(self, name: str, bounds: Mapping[str, Any]) -> tuple[Any, ...]:
        if name not in bounds:
            raise TypeError(f"Bounds must be set for parameter {name}")
        dim = self._parameter_dims()[name]
        numbers = si(bounds[name], dim, f"the bounds of {name}")
        if numbers.shape != (2,):
            raise ValueError(f"the bounds of {name} must be two values: [low, high]")
        return (name, (float(numbers[0]), dim), (float(numbers[1]), dim), "linear", False, None)

    def _parameter_dims(self) -> dict[str, Exponents]:
        return {name: tuple(dim) for name, dim in self._require_parsed().parameters}

    def _default_metric(self) -> Any:
        return MSEMetric()

    def _metrics_of(self, metric: Any) -> dict[str, Metric]:
        """One metric per output."""
        if isinstance(metric, Metric):
            chosen = dict.fromkeys(self.output_var, metric)
        elif isinstance(metric, Mapping):
            for name in metric:
                if name not in self.output_var:
                    raise ValueError(f"there is a metric for `{name}`, which is no output")
            for name in self.output_var:
                if name not in metric:
                    raise ValueError(f"there is no metric for the output `{name}`")
            chosen = {name: metric[name] for name in self.output_var}
        elif isinstance(metric, (list, tuple)):
            if len(metric) != len(self.output_var):
                raise TypeError(f"there are {len(metric)} metrics for {len(self.output_var)} outputs")
            warnings.warn("give metrics as a dictionary by output", DeprecationWarning, stacklevel=4)
            chosen = dict(zip(self.output_var, metric))
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

    def _same_metrics(self, metrics: Mapping[str, Metric]) -> bool:
        return self.metric is not None and all(metrics[name] is self.metric.get(name) for name in metrics)

    # --- results ------------------------------------------------------------------------------------------------------

    def _maker(self, use_units: bool | None = None) -> Maker:
        return self._make if (self.use_units if use_units is None else use_units) else plain_number

    def _best(self) -> dict[str, Any] | None:
        return None if self._result is None else self._result["best"]

    def _error_dim(self) -> Exponents:
        return tuple(self._result["error_exponents"]) if self._result else DIMENSIONLESS

    @property
    def best_params(self) -> dict[str, Any] | None:
        """The best parameters so far; None before the first round."""
        best = self._best()
        if best is None or self._result is None:
            return None
        make = self._maker()
        parameters = self._result["parameters"]
        return {p["name"]: make(v, tuple(p["exponents"])) for p, v in zip(parameters, best["parameters"])}

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
        return "no fit so far" if self._core is None or self._result is None else str(self._core.summary())

    def report(self) -> str:
        """A page: parameters with bounds, errors per output, counts, settings."""
        return "no fit so far" if self._core is None or self._result is None else str(self._core.report())

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
        if self._core is None or self._result is None:
            raise RuntimeError("there are no results before the first fit")
        return Results(self._core, self._result, self._maker(use_units)).as_format(format)

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

    # --- generate -----------------------------------------------------------------------------------------------------

    def generate(
        self,
        output_var: str | list[str] | None = None,
        params: Mapping[str, Any] | None = None,
        param_init: Mapping[str, Any] | None = None,
        iteration: float = 1e9,
        level: int = 0,
    ) -> Any:
        """Simulates all traces with one parameter set (the best one, if none is given).

        Parameters
        ----------
        output_var : str or list of str, optional
            States, subexpressions, parameters or "spikes"; the fitted outputs, if not given.
        params : dict, optional
            Values of parameters; those not named have their best value.
        param_init : dict, optional
            Initial values for this simulation, besides those of the fitter.
        iteration : float
            The model's ``iteration``.

        Returns
        -------
        array, list or dict
            One output: n_traces x n_steps (a list of spike time arrays for "spikes"); several: a dictionary.
        """
        return self._generate(output_var, params, param_init, iteration, caller_namespace(level + 1))

    def _generate(self, output_var: Any, params: Any, param_init: Any, iteration: float, frame: Mapping[str, Any]) -> Any:
        core = self._built(frame)
        names = self.output_var if output_var is None else [output_var] if isinstance(output_var, str) else list(output_var)
        dims = self._parameter_dims()
        values: dict[str, float] = {}
        if params is None and self._best() is None:
            raise RuntimeError("there are no best parameters before a fit: give `params`")
        for name, value in (params or {}).items():
            if name not in dims:
                raise KeyError(f"{name} is not a parameter of the model")
            values[name] = si_number(value, dims[name], name)
        if param_init:
            parsed, _ = self._text.parse({**self._namespace, **self._text.capture(frame, param_init)}, param_init)
            best = {p["name"]: p["value"] for p in self._result["parameters"]} if self._best() and self._result else {}
            values = {**best, **values}
            values = {name: value for name, value in values.items() if name not in (param_init or {})}
            core = self._make_core(parsed, None)
        known = _known(self._require_parsed())
        constants = [name for name in names if name in dims]
        for name in names:
            if name != "spikes" and name not in known:
                raise KeyError(f"{name} is not a variable of the model")
        if "spikes" in names and not self._require_parsed().has_threshold:
            raise ValueError("spikes need a threshold")
        recorded = [name for name in names if name != "spikes" and name not in constants]
        traces, spikes, steps = core.generate(recorded or list(known)[:1], values, {}, iteration)
        generated: dict[str, Any] = {}
        for name in names:
            if name == "spikes":
                generated[name] = list(spikes)
            elif name in constants:
                value = values[name] if name in values else float(split((self.best_params or {})[name])[0])
                generated[name] = self._make(np.full((self.n_traces, max(steps)), value), dims[name])
            else:
                array, dim = traces[name]
                generated[name] = self._make(array, tuple(dim))
        return generated[names[0]] if len(names) == 1 else generated


def _known(parsed: _core.Model) -> list[str]:
    return [name for name, _ in [*parsed.states, *parsed.subexpressions, *parsed.parameters, *parsed.inputs]]


def _occurs(name: str, text: str) -> bool:
    return re.search(rf"(?<![\w.]){re.escape(name)}(?!\w)", text) is not None


def _defined(text: str) -> set[str]:
    names = set(parameters_by_eye(text))
    names |= set(re.findall(r"^\s*d(\w+)\s*/\s*dt\s*=", text, re.MULTILINE))
    names |= set(re.findall(r"^\s*(\w+)\s*=", text, re.MULTILINE))
    return names


def _deprecated(argument: str, bare: Any, names: Any, kind: str) -> dict[str, Any]:
    """``input_var=``/``output_var=`` beside ``input=``/``output=``, as before dictionaries."""
    names = [names] if isinstance(names, str) else list(names)
    if isinstance(bare, Mapping):
        if set(bare) != set(names):
            raise ValueError(f"`{argument}` names {names}, but `{kind}` has {list(bare)}")
        return dict(bare)
    warnings.warn(f"`{argument}` is not needed: give `{kind}` as a dictionary", DeprecationWarning, stacklevel=4)
    if len(names) == 1 and not (isinstance(bare, (list, tuple)) and kind == "output" and len(bare) == 1 and np.ndim(bare[0]) == 2):
        return {names[0]: bare}
    if len(names) != len(bare):
        raise ValueError(f"`{argument}` has {len(names)} names, `{kind}` {len(bare)} entries")
    return dict(zip(names, bare))


def _inputs(input: Any, input_var: str | None) -> dict[str, Any]:
    if input_var is not None:
        return _deprecated("input_var", input, input_var, "input")
    if not isinstance(input, Mapping):
        raise TypeError("input must be a dictionary: {name: array}")
    return dict(input)


class TraceFitter(Fitter):
    """Fits traces: membrane potentials, currents, any variable of the model.

    Parameters
    ----------
    model : str
        Equations in Brian 2's language.
    input : dict
        ``{name: array}``, each n_traces x n_steps (a list of arrays for traces of different length).
    output : dict
        ``{variable: array}`` of recorded traces; several are fitted at once.
    dt : time
        Sampling interval and simulation step.
    n_samples : int
        Parameter sets per round.
    method : str, optional
        Integration method; chosen by the equations, if not given.
    threshold, reset, refractory : str, optional
    param_init : dict, optional
        Initial values: numbers, quantities or expressions. A parameter that has one is not fitted.
    penalty : str, optional
        A variable whose value at the end is added to the error (mean over traces).
    use_units : bool
        Whether results are quantities (of the package whose quantities came in) or plain SI numbers.
    namespace : dict, optional
        Constants of the model; if not given, those of the calling script.
    seed : int
        Same seed, same numbers.
    threads : int
        0: all cores. Results do not depend on it.
    trace_weights : sequence of float, optional
        Of the traces in the error.

    Examples
    --------
    >>> import numpy as np
    >>> from spikesmith.units import *
    >>> current = np.full((1, 100), 1.0)*nA
    >>> voltage = (1 - np.exp(-np.arange(100)*0.1/10)).reshape(1, -1)*20*mV
    >>> fitter = TraceFitter(model='''dv/dt = (R*I - v)/tau : volt
    ...                               R : ohm (constant)
    ...                               tau : second (constant)''',
    ...                      input={'I': current}, output={'v': voltage}, dt=0.1*ms, n_samples=30)
    >>> params, error = fitter.fit(n_rounds=40, callback=None, R=[1*Mohm, 100*Mohm], tau=[1*ms, 50*ms])
    >>> print(f"{params['R']/Mohm:.2f} {params['tau']/ms:.2f}")
    20.00 10.00
    """

    _kind = "TraceFitter"

    def __init__(
        self,
        model: Any,
        input: Any = None,
        output: Any = None,
        dt: Any = None,
        n_samples: int = 60,
        input_var: str | None = None,
        output_var: Any = None,
        method: str | None = None,
        reset: str | None = None,
        refractory: Any = False,
        threshold: str | None = None,
        param_init: Mapping[str, Any] | None = None,
        penalty: str | None = None,
        use_units: bool = True,
        *,
        namespace: Mapping[str, Any] | None = None,
        seed: int = 0,
        threads: int = 0,
        trace_weights: Any = None,
        _level: int = 0,
    ) -> None:
        inputs = _inputs(input, input_var)
        if output_var is not None:
            outputs = _deprecated("output_var", output, output_var, "output")
        elif isinstance(output, Mapping):
            outputs = dict(output)
        else:
            raise TypeError("output must be a dictionary: {variable: array}")
        if not outputs:
            raise ValueError("there is nothing to fit: `output` is empty")
        spikes = outputs.pop("spikes", None)
        super().__init__(
            model=model, input=inputs, output=outputs, spikes=spikes, dt=dt, n_samples=n_samples, method=method, threshold=threshold,
            reset=reset, refractory=refractory, param_init=param_init, penalty=penalty, use_units=use_units, namespace=namespace,
            seed=seed, threads=threads, trace_weights=trace_weights, frame=caller_namespace(_level + 1),
        )  # fmt: skip
        for name, rows, _ in self._outputs:
            stimulus = self._inputs[0][1] if self._inputs else rows
            if [len(r) for r in rows] != [len(r) for r in stimulus]:
                raise ValueError(
                    f"Input and output must have the same size: `{name}` has {len(rows)} traces of {len(rows[0])} samples, "
                    f"the input {len(stimulus)} of {len(stimulus[0])}"
                )

    def fit(
        self,
        optimizer: Any = None,
        metric: Any = None,
        n_rounds: int = 1,
        callback: Any = "text",
        restart: bool = False,
        start_iteration: int | None = None,
        penalty: str | None = None,
        level: int = 0,
        *,
        bounds: Mapping[str, Any] | None = None,
        checkpoint: Any = None,
        **params: Any,
    ) -> tuple[Any, Any]:
        """Searches for the best parameters.

        Parameters
        ----------
        optimizer : Optimizer or str, optional
            Chosen by the problem, if not given; the present one when continuing.
        metric : Metric or dict, optional
            For all outputs, or by output; MSEMetric (GammaFactor for spikes), if not given.
        n_rounds : int
        callback : {'text', 'progressbar', None} or callable
        restart : bool
            Forgets earlier rounds; else the search goes on.
        start_iteration : int, optional
            Value of the model's ``iteration`` in the first round.
        penalty : str, optional
        bounds : dict, optional
            ``{parameter: [low, high]}``, for parameters that are named like an argument.
        checkpoint : path, optional
            Written after each round.
        **params
            Bounds by parameter.

        Returns
        -------
        best_params : dict
        best_error : quantity or float
        """
        frame = caller_namespace(level + 1)
        return self._fit(
            optimizer, metric, n_rounds, callback, restart, start_iteration, penalty, frame, {**(bounds or {}), **params}, checkpoint
        )

    def generate_traces(
        self, params: Mapping[str, Any] | None = None, param_init: Mapping[str, Any] | None = None, iteration: float = 1e9, level: int = 0
    ) -> Any:
        """The fitted outputs with one parameter set; see :meth:`generate`."""
        return self._generate(None, params, param_init, iteration, caller_namespace(level + 1))


class SpikeFitter(Fitter):
    """Fits spike trains.

    Parameters
    ----------
    model : str
    input : dict or array
        ``{name: array}``, or the array of the input ``input_var``.
    output : list of arrays, or dict
        Spike times of each trace (``{'spikes': [...]}`` works too).
    dt : time
    reset, threshold : str
    input_var : str
        'I', if the input is not a dictionary.
    Others
        See :class:`TraceFitter`.
    """

    _kind = "SpikeFitter"

    def __init__(
        self,
        model: Any,
        input: Any = None,
        output: Any = None,
        dt: Any = None,
        reset: str | None = None,
        threshold: str | None = None,
        input_var: str | None = "I",
        refractory: Any = False,
        n_samples: int = 30,
        method: str | None = None,
        param_init: Mapping[str, Any] | None = None,
        penalty: str | None = None,
        use_units: bool = True,
        *,
        namespace: Mapping[str, Any] | None = None,
        seed: int = 0,
        threads: int = 0,
        trace_weights: Any = None,
        _level: int = 0,
    ) -> None:
        if isinstance(input, Mapping):
            if input_var not in (None, "I") and input_var not in input:
                raise ValueError(f"`input_var` is {input_var}, but `input` has {list(input)}")
            inputs = dict(input)
        else:
            inputs = {input_var or "I": input}
        if isinstance(output, Mapping):
            if set(output) != {"spikes"}:
                raise NameError("the output of a SpikeFitter is 'spikes'; a TraceFitter fits traces and spikes together")
            output = output["spikes"]
        if output is None or np.ndim(output[0] if len(output) else 0) == 0:
            raise TypeError("output must be a list of spike time arrays, one per trace")
        super().__init__(
            model=model, input=inputs, output={}, spikes=list(output), dt=dt, n_samples=n_samples, method=method, threshold=threshold,
            reset=reset, refractory=refractory, param_init=param_init, penalty=penalty, use_units=use_units, namespace=namespace,
            seed=seed, threads=threads, trace_weights=trace_weights, frame=caller_namespace(_level + 1),
        )  # fmt: skip

    def _default_metric(self) -> Any:
        return GammaFactor(delta=0.002 * _second(), time=self._n_steps * self._dt * _second())

    def fit(
        self,
        optimizer: Any = None,
        metric: Any = None,
        n_rounds: int = 1,
        callback: Any = "text",
        restart: bool = False,
        start_iteration: int | None = None,
        penalty: str | None = None,
        level: int = 0,
        *,
        bounds: Mapping[str, Any] | None = None,
        checkpoint: Any = None,
        **params: Any,
    ) -> tuple[Any, Any]:
        """See :meth:`TraceFitter.fit`; the metric is a GammaFactor with a window of 2 ms, if not given."""
        frame = caller_namespace(level + 1)
        return self._fit(
            optimizer, metric, n_rounds, callback, restart, start_iteration, penalty, frame, {**(bounds or {}), **params}, checkpoint
        )

    def generate_spikes(
        self, params: Mapping[str, Any] | None = None, param_init: Mapping[str, Any] | None = None, iteration: float = 1e9, level: int = 0
    ) -> Any:
        """Spike times (seconds) of each trace with one parameter set; see :meth:`generate`."""
        return self._generate("spikes", params, param_init, iteration, caller_namespace(level + 1))


class OnlineTraceFitter(Fitter):
    """A TraceFitter whose errors are certain to be computed while simulating, so that memory does not grow with traces.

    Every fitter does so where its metric allows; this one refuses other metrics. The error is that of MSEMetric with ``t_start``.
    """

    _kind = "OnlineTraceFitter"
    _online = True

    def __init__(
        self,
        model: Any,
        input_var: str | None = None,
        input: Any = None,
        output_var: Any = None,
        output: Any = None,
        dt: Any = None,
        n_samples: int = 30,
        method: str | None = None,
        reset: str | None = None,
        refractory: Any = False,
        threshold: str | None = None,
        param_init: Mapping[str, Any] | None = None,
        t_start: Any = None,
        penalty: str | None = None,
        use_units: bool = True,
        *,
        namespace: Mapping[str, Any] | None = None,
        seed: int = 0,
        threads: int = 0,
        trace_weights: Any = None,
        _level: int = 0,
    ) -> None:
        inputs = dict(input) if isinstance(input, Mapping) else {input_var or "I": input}
        if isinstance(output, Mapping):
            outputs = dict(output)
        elif isinstance(output_var, str):
            outputs = {output_var: output}
        else:
            raise TypeError("output must be {variable: array}, or an array with the name of its variable in `output_var`")
        self.t_start = t_start if t_start is not None else 0 * _second()
        super().__init__(
            model=model, input=inputs, output=outputs, spikes=None, dt=dt, n_samples=n_samples, method=method, threshold=threshold,
            reset=reset, refractory=refractory, param_init=param_init, penalty=penalty, use_units=use_units, namespace=namespace,
            seed=seed, threads=threads, trace_weights=trace_weights, frame=caller_namespace(_level + 1),
        )  # fmt: skip

    def _default_metric(self) -> Any:
        return MSEMetric(t_start=self.t_start)

    def fit(
        self,
        optimizer: Any = None,
        n_rounds: int = 1,
        callback: Any = "text",
        restart: bool = False,
        start_iteration: int | None = None,
        penalty: str | None = None,
        level: int = 0,
        *,
        bounds: Mapping[str, Any] | None = None,
        checkpoint: Any = None,
        **params: Any,
    ) -> tuple[Any, Any]:
        """See :meth:`TraceFitter.fit`."""
        frame = caller_namespace(level + 1)
        return self._fit(
            optimizer, None, n_rounds, callback, restart, start_iteration, penalty, frame, {**(bounds or {}), **params}, checkpoint
        )

    def generate_traces(self, params: Mapping[str, Any] | None = None, param_init: Mapping[str, Any] | None = None, level: int = 0) -> Any:
        """The fitted output with one parameter set; see :meth:`generate`."""
        return self._generate(None, params, param_init, 1e9, caller_namespace(level + 1))


def _second() -> Any:
    from .units import second

    return second
