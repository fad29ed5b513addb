"""refine, minimize and landscape of the fitters: what lies around an optimum."""

from __future__ import annotations

import copy
import re
import warnings
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from . import _core, plots
from ._borders import FloatArray, Maker, si, si_number
from ._model import caller_namespace
from ._problem import Problem
from .callbacks import callback_none, callback_setup
from .errors import ConfigError
from .metrics import Metric, MSEMetric
from .refined import Landscape, OptimizeResult
from .units import Dimension, Exponents, exponents_of

__all__ = ["Refining"]

# options of scipy.optimize.least_squares that have no counterpart, because nothing depends on them here
_ignored = ("x_scale", "diff_step", "tr_solver", "tr_options", "jac_sparsity", "verbose", "gtol")
_status = {"converged": 1, "max_iterations": 0, "callback": -2, "cancelled": -2, "failed": -1}


class Refining(Problem):
    """The part of the fitters that starts at known parameters."""

    metric: dict[str, Metric] | None
    bounds: dict[str, Any]

    @abstractmethod
    def _metrics_of(self, metric: Any) -> dict[str, Metric]: ...
    @abstractmethod
    def _core_metrics(self, metrics: Mapping[str, Metric], built_in: bool = False) -> list[tuple[str, Any]]: ...
    @abstractmethod
    def _default_metric(self) -> Any: ...
    @abstractmethod
    def _bounds(self, name: str, bounds: Mapping[str, Any]) -> tuple[Any, ...]: ...

    def refine(
        self,
        params: Any = None,
        metric: Any = None,
        callback: Any = "text",
        calc_gradient: bool | str = False,
        optimize: bool = True,
        iteration: float = 1e9,
        level: int = 0,
        *,
        t_start: Any = None,
        t_weights: Any = None,
        normalization: Any = None,
        bounds: Mapping[str, Any] | None = None,
        confidence: float = 0.95,
        **kwds: Any,
    ) -> tuple[dict[str, Any], OptimizeResult]:
        """Goes from parameters near an optimum to the optimum itself, by least squares, and says how well they are determined.

        Nothing of the fit changes: its best parameters, results and optimiser stay as they are.

        Parameters
        ----------
        params : dict or list of dict, optional
            Where to start (several starts: the best end is returned); the best parameters of the fit, if not given.
        metric : MSEMetric (SpikeMetric for spikes) or dict, optional
            That of the fit, if not given. See :meth:`minimize` for other metrics.
        callback : {'text', 'progressbar', None} or callable
            Called for the start and after each iteration with ``(params, errors, best_params, best_error, index, additional_info)``;
            ``errors`` is a list with a tuple per call so far. Returning ``True`` stops.
        calc_gradient : bool or {'exact', 'differences'}
            Derivatives are exact where the model allows it, also through resets, and differences elsewhere, whatever is said
            here; the two names insist on one.
        optimize : bool
            Accepted for scripts that have it; nothing depends on it.
        iteration : float
            Value of the model's ``iteration``: 1e9.
        t_start, t_weights, normalization : optional
            Of an MSEMetric for all outputs, instead of ``metric``.
        bounds : dict, optional
            For parameters that are named like an argument.
        confidence : float
            Of the confidence intervals.
        **kwds
            Bounds by parameter, instead of those of the fit; and ``max_nfev``, ``ftol``, ``xtol``, ``loss`` ('soft_l1', 'huber',
            'cauchy'), ``f_scale`` as of scipy.optimize.least_squares.

        Returns
        -------
        params : dict
        result : OptimizeResult

        Examples
        --------
        >>> import numpy as np
        >>> from spikesmith import TraceFitter
        >>> from spikesmith.units import *
        >>> v = 20*(1 - np.exp(-np.arange(100)*0.01)).reshape(1, -1)*mV
        >>> fitter = TraceFitter(model='''dv/dt = (R*I - v)/tau : volt
        ...                               R : ohm (constant)
        ...                               tau : second (constant)''',
        ...                      input={'I': np.full((1, 100), 1.0)*nA}, output={'v': v}, dt=0.1*ms)
        >>> params, result = fitter.refine({'R': 5*Mohm, 'tau': 30*ms}, callback=None, R=[1*Mohm, 100*Mohm], tau=[1*ms, 50*ms])
        >>> print(f"{params['R']/Mohm:.3f} {params['tau']/ms:.3f}", result.success)
        20.000 10.000 True
        """
        if t_start is not None or t_weights is not None or normalization is not None:
            if metric is not None:
                raise TypeError("give `metric`, or `t_start`, `t_weights` and `normalization`, not both")
            metric = MSEMetric(t_start=t_start, t_weights=t_weights, normalization=1.0 if normalization is None else normalization)
        options = self._least_squares_options(kwds, bounds)
        loss = (options.pop("loss", "linear"), options.pop("loss_scale", 1.0))
        derivatives = calc_gradient if isinstance(calc_gradient, str) else "automatic"
        refiner = _Refiner(self, params, metric, {**(bounds or {}), **kwds}, iteration, caller_namespace(level + 1), loss)
        return refiner.run("automatic", derivatives, callback, hops=0, confidence=confidence, **options)

    def minimize(
        self,
        params: Any = None,
        metric: Any = None,
        callback: Any = "text",
        max_iterations: int = 100,
        hops: int = 0,
        calc_gradient: bool | str = False,
        level: int = 0,
        *,
        bounds: Mapping[str, Any] | None = None,
        **kwds: Any,
    ) -> tuple[dict[str, Any], OptimizeResult]:
        """Goes downhill from parameters near an optimum by a quasi-Newton method (BFGS within bounds), for any metric.

        Parameters
        ----------
        params, metric, callback, bounds
            See :meth:`refine`.
        max_iterations : int
        hops : int
            Basin hopping that ends after so many jumps without progress.
        calc_gradient : bool or {'exact', 'adjoint', 'differences'}
            Of mean squared errors, derivatives are exact where the model allows it, whatever is said here: tangents for few
            parameters, the adjoint for many. The names insist on one.
        **kwds
            Bounds by parameter.

        Returns
        -------
        params : dict
        result : OptimizeResult
        """
        self._unknown_arguments(kwds)
        refiner = _Refiner(self, params, metric, {**(bounds or {}), **kwds}, 1e9, caller_namespace(level + 1))
        derivatives = calc_gradient if isinstance(calc_gradient, str) else "automatic"
        return refiner.run("quasi_newton", derivatives, callback, hops=hops, max_iterations=max_iterations)

    def landscape(
        self,
        x: str,
        y: str,
        points: int | Sequence[int] = 41,
        params: Mapping[str, Any] | None = None,
        metric: Any = None,
        level: int = 0,
        *,
        ranges: Mapping[str, Any] | None = None,
        bounds: Mapping[str, Any] | None = None,
        **kwds: Any,
    ) -> Landscape:
        """Error and gradient over a grid of two parameters, the others held at ``params`` (the best ones, if not given).

        Parameters
        ----------
        x, y : str
            The two parameters.
        points : int or pair of int
            Along each.
        ranges : dict, optional
            ``{parameter: [low, high]}`` within the bounds; the bounds, if not given.
        metric, bounds, **kwds
            See :meth:`minimize`.
        """
        self._unknown_arguments(kwds)
        refiner = _Refiner(self, params, metric, {**(bounds or {}), **kwds}, 1e9, caller_namespace(level + 1))
        pair = [points, points] if isinstance(points, (int, np.integer)) else [int(n) for n in points]
        return refiner.landscape(x, y, pair, ranges or {})

    def plot_landscape(self, x: str, y: str, points: int | Sequence[int] = 41, ax: Any = None, **options: Any) -> Any:
        """See :func:`spikesmith.plots.plot_landscape`; options are those of :meth:`landscape`."""
        return plots.plot_landscape(self.landscape(x, y, points, level=1, **options), ax)

    def _unknown_arguments(self, kwds: Mapping[str, Any]) -> None:
        for name in kwds:
            if name not in self.parameter_names:
                raise TypeError(f"there is no argument and no parameter `{name}`")

    def _least_squares_options(self, kwds: dict[str, Any], bounds: Mapping[str, Any] | None) -> dict[str, Any]:
        """Takes what scipy calls options out of the keywords."""
        options: dict[str, Any] = {}
        for name in [n for n in kwds if n not in self.parameter_names]:
            value = kwds.pop(name)
            if name in ("maxfev", "max_nfev"):
                if "max_iterations" in options:
                    raise ValueError("give `max_nfev`, and not `maxfev` too")
                if name == "maxfev":
                    warnings.warn("`maxfev` is now called `max_nfev`", DeprecationWarning, stacklevel=3)
                if value is not None:
                    options["max_iterations"] = int(value)
            elif name == "ftol":
                options["cost_tolerance"] = 0.0 if value is None else float(value)
            elif name == "xtol":
                options["step_tolerance"] = 0.0 if value is None else float(value)
            elif name == "jac":
                raise AssertionError("derivatives are computed by the package: there is no `jac`")
            elif name == "method":
                if value == "lm":
                    raise ValueError("method 'lm' does not know bounds")
                if value not in ("trf", "dogbox"):
                    raise ValueError(f"there is no method `{value}`: 'trf' or 'dogbox', which mean the same here")
            elif name == "loss":
                if value not in ("linear", "soft_l1", "huber", "cauchy"):
                    raise ValueError(f"there is no loss `{value}`: 'linear', 'soft_l1', 'huber' or 'cauchy'")
                options["loss"] = value
            elif name == "f_scale":
                options["loss_scale"] = float(value)
            elif name not in _ignored:
                raise TypeError(f"there is no argument and no parameter `{name}`")
        return options


class _Refiner:
    """One call of refine, minimize or landscape."""

    def __init__(
        self,
        fitter: Refining,
        params: Any,
        metric: Any,
        bounds: dict[str, Any],
        iteration: float,
        frame: Mapping[str, Any],
        loss: tuple[str, float] | None = None,
    ) -> None:
        """``loss``: by squared differences, whatever a class derived from MSEMetric makes of them, or this function of them."""
        self.fitter = fitter
        if iteration != 1e9 and re.search(r"(?<![\w.])iteration(?!\w)", fitter._equations):
            raise ConfigError("refining takes place at iteration 1e9", "generate simulates any iteration")
        best = fitter._best_values()
        if params is None and best is None:
            raise TypeError("You need to either specify parameters or run the fit function first.")
        fitter._built(frame)
        parsed = fitter._require_parsed()
        self.dims = fitter._parameter_dims()
        self.names = [name for name in fitter.parameter_names if name not in fitter._parsed_initial()]
        self.starts = [self._start(start, best) for start in (params if isinstance(params, (list, tuple)) else [params])]
        for name in bounds:
            if name not in fitter.parameter_names:
                raise ValueError(f"Parameter {name} must be defined as a parameter in the model")
        given = {**fitter.bounds, **bounds}
        self.metrics = (
            fitter._metrics_of(metric)
            if metric is not None
            else fitter.metric
            if fitter.metric is not None
            else fitter._metrics_of(fitter._default_metric())
        )
        if loss is not None:
            self.metrics = {name: one if name == "spikes" else _with_loss(name, one, *loss) for name, one in self.metrics.items()}
        self.core = fitter._make_core(parsed, fitter._used_penalty)
        self.ranges = [fitter._bounds(name, given) for name in self.names]
        handles = fitter._core_metrics(self.metrics, loss is not None)
        for text in self.core.metric_warnings(handles):
            warnings.warn(text, stacklevel=3)
        self.core.fit(
            parameters=self.ranges, optimizer=None, metrics=handles, n_rounds=0, planned_rounds=1, restart=False,
            start_iteration=None, checkpoint="",
        )  # fmt: skip
        self.make: Maker = fitter._maker()

    def _start(self, start: Any, best: dict[str, float] | None) -> dict[str, float]:
        if start is None:
            return {name: (best or {})[name] for name in self.names}
        return {name: si_number(start[name], self.dims[name], name) for name in self.names}

    def quantities(self, values: Mapping[str, float]) -> dict[str, Any]:
        return {name: self.make(values[name], self.dims[name]) for name in self.names}

    # --- run ----------------------------------------------------------------------------------------------------------

    def run(self, method: str, derivatives: str, callback: Any, **options: Any) -> tuple[dict[str, Any], OptimizeResult]:
        refiner = _core.Refiner(self.core, method, derivatives)
        dim: Exponents = tuple(refiner.error_exponents)
        shown = callback_setup(callback, None)
        settings: dict[str, Any] = {"max_iterations": 100, "cost_tolerance": 1e-15, "step_tolerance": 1e-14, "hops": 0, "confidence": 0.95}
        settings |= options
        told = None if shown is callback_none else _Told(self, shown, dim)
        for k, start in enumerate(self.starts if told is not None else []):
            error = refiner.refine(starts=[start], callback=None, **{**settings, "max_iterations": 0, "hops": 0})["start_error"]
            if told is not None and told(start, error, k, 0) is True:
                settings["max_iterations"] = 0
        result = refiner.refine(starts=self.starts, callback=told, **settings)
        values = {p["name"]: p["value"] for p in result["parameters"]}
        return self.quantities(values), self._result(result, values, dim)

    def _result(self, result: dict[str, Any], values: dict[str, float], dim: Exponents) -> OptimizeResult:
        start = result["starts"][result["best_start"]]
        order = [p["name"] for p in result["parameters"]]
        pick = [order.index(name) for name in self.names]
        fun = self.residuals(values)
        found = OptimizeResult(
            x=np.array([values[name] for name in self.names]),
            names=list(self.names),
            cost=0.5 * float(fun @ fun) if fun is not None else result["error"],
            nfev=result["n_simulations"],
            njev=start["derivative_evaluations"],
            nit=start["iterations"],
            status=_status[start["stop"]],
            message=start["reason"] or start["stop"],
            success=start["stop"] == "converged",
            active_mask=np.array([int(result["parameters"][k]["at_bound"]) for k in pick]),
            error=self.make(result["error"], dim),
            start_error=self.make(result["start_error"], dim),
            starts=[self.make(s["error"], dim) for s in result["starts"]],
            method=result["method"],
            derivatives=result["derivatives"],
            undetermined=list(result["undetermined"]),
            notes=list(result["notes"]),
            report=result["report"],
        )
        if fun is not None:
            found["fun"] = fun
            jac = self.jacobian(values, fun)
            if jac is not None:
                found["jac"] = jac
                found["grad"] = jac.T @ fun
                # as SciPy scales it: by the distance to the bound that is downhill
                room = [
                    found.x[k] - low[0] if found.grad[k] > 0 else high[0] - found.x[k] for k, (_, low, high, *_) in enumerate(self.ranges)
                ]
                found["optimality"] = float(np.max(np.abs(found.grad) * room)) if room else 0.0
        statistics = result["statistics"]
        if statistics is not None:
            found["covariance"] = statistics["covariance"][np.ix_(pick, pick)]
            found["correlation"] = statistics["correlation"][np.ix_(pick, pick)]
            for key in ("standard_errors", "confidence_low", "confidence_high"):
                found[key] = {name: self.make(float(statistics[key][k]), self.dims[name]) for name, k in zip(self.names, pick)}
        return found

    def landscape(self, x: str, y: str, points: list[int], ranges: Mapping[str, Any]) -> Landscape:
        numbers: dict[str, Sequence[float]] = {}
        for name, pair in ranges.items():
            if name not in (x, y):
                raise ConfigError(f"there is a range for {name}, which is neither {x} nor {y}")
            numbers[name] = [float(v) for v in si(pair, self.dims[name], f"the range of {name}")]
        refiner = _core.Refiner(self.core, "automatic", "automatic")
        found = refiner.landscape([x, y], points, numbers, self.starts[0])
        dim: Exponents = tuple(found["error_exponents"])
        dims = [self.dims[x], self.dims[y]]
        gradients = [self.make(g, tuple(a - b for a, b in zip(dim, d))) for g, d in zip(found["gradient"], dims)]
        return Landscape(
            names=(x, y),
            x=self.make(found["values"][0], dims[0]),
            y=self.make(found["values"][1], dims[1]),
            error=self.make(found["error"], dim),
            gradient=(gradients[0], gradients[1]),
            centre=self.quantities(self.starts[0]),
            centre_error=self.make(found["centre_error"], dim),
        )

    # --- residuals ----------------------------------------------------------------------------------------------------

    def simulated(self, values: Mapping[str, float]) -> dict[str, FloatArray]:
        """Traces of the outputs with MSEMetrics, cut to what counts."""
        names = [name for name, _, _ in self.fitter._outputs]
        traces, _, _ = self.core.generate(names, dict(values), {}, 1e9) if names else ({}, None, None)
        return {name: np.asarray(traces[name][0]) for name in names}

    def residuals(self, values: Mapping[str, float]) -> FloatArray | None:
        """Differences to the recordings, weighted as they count, output after output; None where there are other metrics."""
        squared = all(isinstance(m, MSEMetric) and m.loss == "squared" for m in self.metrics.values())
        if not squared or self.fitter._used_penalty:
            return None
        traces = self.simulated(values)
        parts = []
        for name, rows, _ in self.fitter._outputs:
            metric = self.metrics[name]
            assert isinstance(metric, MSEMetric)
            first = 0 if metric.t_weights is not None else round(metric._t_start / self.fitter._dt)
            for k, row in enumerate(rows):
                difference = (traces[name][k, : len(row)] - row)[first:] / metric._scale
                if metric.t_weights is not None:
                    difference = difference * np.sqrt(metric.t_weights[: len(row)])
                parts.append(difference)
        return np.concatenate(parts)

    def jacobian(self, values: dict[str, float], fun: FloatArray) -> FloatArray | None:
        """Of the residuals by the parameters in SI units, by central differences; None where it would be very large."""
        if fun.size * len(self.names) > 20_000_000:
            return None
        columns = []
        for name, low, high, *_ in self.ranges:
            step = 1e-5 * max(abs(values[name]), 1e-3 * (high[0] - low[0]))
            ends = [self.residuals({**values, name: values[name] + sign * step}) for sign in (1, -1)]
            assert ends[0] is not None and ends[1] is not None
            columns.append((ends[0] - ends[1]) / (2 * step))
        return np.stack(columns, axis=1)

    def objective_errors(self, values: Mapping[str, float]) -> dict[str, float] | None:
        """Normalised error by output; None where traces differ in length."""
        rows = {name: r for name, r, _ in self.fitter._outputs}
        if any(len({len(row) for row in r}) > 1 for r in rows.values()):
            return None
        names = list(rows)
        recorded = names or [name for name, _ in self.fitter._require_parsed().states][:1]
        traces, spikes, _ = self.core.generate(recorded, dict(values), {}, 1e9)
        errors = {}
        for name, metric in self.metrics.items():
            if name == "spikes":
                errors[name] = float(metric.calc([list(spikes)], self.fitter._spikes, self.fitter._dt)[0])
            else:
                errors[name] = float(metric.calc(np.asarray(traces[name][0])[None], np.stack(rows[name]), self.fitter._dt)[0])
        return errors


def _with_loss(name: str, metric: Metric, loss: str, scale: float) -> Metric:
    """As scipy has it: the scale is that of normalised differences, in SI."""
    if not isinstance(metric, MSEMetric):
        raise TypeError(f"refine needs an MSEMetric for `{name}`, not {type(metric).__name__}; minimize takes any metric")
    if loss == "linear":
        return metric
    changed = copy.copy(metric)
    changed.loss, changed.loss_scale = loss, scale * metric._scale
    return changed


class _Told:
    """Calls a user's callback with what it knows from fits."""

    def __init__(self, refiner: _Refiner, shown: Any, dim: Exponents) -> None:
        self.refiner, self.shown, self.dim = refiner, shown, dim
        self.errors: list[tuple[Any, ...]] = []
        self.best: tuple[float, dict[str, float], dict[str, float] | None] | None = None

    def __call__(self, values: dict[str, float], error: float, start: int, iteration: int) -> Any:
        refiner = self.refiner
        metrics = refiner.metrics
        objectives = {next(iter(metrics)): error} if len(metrics) == 1 else refiner.objective_errors(values)
        self.errors.append((error,) if objectives is None else tuple(objectives.values()))
        if self.best is None or error < self.best[0]:
            self.best = (error, values, objectives)
        best_error, best_values, best_objectives = self.best
        shown = best_objectives or {}
        info = {
            "output_var": list(refiner.fitter.output_var),
            "objective_errors_normalized": tuple(refiner.make(e, self.dim) for e in shown.values()),
            "objective_errors": tuple(self._raw(name, e) for name, e in shown.items()),
        }
        return self.shown(
            refiner.quantities(values), self.errors, refiner.quantities(best_values), refiner.make(best_error, self.dim),
            len(self.errors) - 1, info,
        )  # fmt: skip

    def _raw(self, name: str, error: float) -> Any:
        metric = self.refiner.metrics[name]
        parsed = self.refiner.fitter._require_parsed()
        dims = {n: tuple(d) for n, d in [*parsed.states, *parsed.subexpressions, *parsed.parameters]}
        raw_dim = exponents_of(metric.get_dimensions(Dimension(dims.get(name, self.dim))))
        return self.refiner.make(float(metric.revert_normalization(error)), raw_dim)
