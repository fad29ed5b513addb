"""Metrics: how far simulations are from recordings.

A metric of one's own derives from :class:`TraceMetric` or :class:`SpikeMetric` and writes ``get_features`` and
``get_errors``. In a fit, ``get_features`` of a trace metric is called with blocks of samples of one trace as the simulator
finishes them, from the simulator's own memory; ``get_errors`` once a round with the features of all.
"""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _core
from ._borders import SECOND, FloatArray, si, si_number, split
from .errors import ConfigError, UnitError
from .units import DIMENSIONLESS, Dimension, Exponents, _same, exponents_of

__all__ = [
    "Metric",
    "TraceMetric",
    "SpikeMetric",
    "MSEMetric",
    "GammaFactor",
    "VanRossum",
    "VictorPurpura",
    "get_gamma_factor",
    "firing_rate",
]


def _time(value: Any, what: str) -> float:
    seconds = si_number(value, SECOND, what, required=True)
    if not seconds >= 0 or np.isinf(seconds):
        raise ValueError(f"{what} must be a time that is not negative")
    return seconds


class Metric(ABC):
    """Base of all metrics.

    Parameters
    ----------
    t_start : time
        What comes earlier is ignored.
    normalization : number or quantity
        Errors are computed of values divided by it. ``self.normalization`` is its reciprocal.
    """

    def __init__(self, t_start: Any = None, normalization: Any = 1.0) -> None:
        self.t_start = t_start
        self._t_start = 0.0 if t_start is None else _time(t_start, "t_start")
        number, dim, _ = split(normalization)
        if number.size != 1 or not (np.isfinite(number) and number > 0):
            raise ValueError("the normalization must be a positive number")
        self._scale = float(number)
        self._scale_exponents: Exponents = dim if dim is not None else DIMENSIONLESS
        self.normalization = 1 / normalization if not isinstance(normalization, str) else 1 / self._scale

    @abstractmethod
    def get_features(self, model: Any, target: Any, dt: Any) -> FloatArray:
        """Features, n_samples x n_traces."""

    @abstractmethod
    def get_errors(self, features: FloatArray) -> FloatArray:
        """One error per sample."""

    @abstractmethod
    def calc(self, model: Any, target: Any, dt: Any) -> FloatArray:
        """One error per sample."""

    def get_dimensions(self, output_dim: Any) -> Exponents:
        """The error's dimension before normalisation; ``output_dim**2`` and the like."""
        return Dimension(DIMENSIONLESS)

    def get_normalized_dimensions(self, output_dim: Any) -> Exponents:
        """The error's dimension after normalisation."""
        return Dimension(DIMENSIONLESS)

    def revert_normalization(self, error: Any) -> Any:
        """The error as it would be without normalisation."""
        return error * self._scale

    # --- copies and pickles: without what the core made ---------------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_handle"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        handle = self._new_handle()
        if handle is not None:
            self._handle = handle

    def _new_handle(self) -> _core.Metric | None:
        """The metric of the core that has these attributes; None for metrics written in Python."""
        return None

    # --- called by the core -------------------------------------------------------------------------------------------

    _handle: _core.Metric

    def _exponents(self, output: Exponents) -> tuple[Exponents, Exponents]:
        dim = Dimension(output)
        return exponents_of(self.get_dimensions(dim)), exponents_of(self.get_normalized_dimensions(dim))

    def _errors(self, features: FloatArray) -> FloatArray:
        return np.ascontiguousarray(self.get_errors(features), dtype=float)

    def _unnormalized(self, error: float) -> float:
        return float(self.revert_normalization(error))

    def _description(self) -> str:
        return f"{type(self).__name__} (Python object {id(self):x})"

    @abstractmethod
    def _core_metric(self) -> _core.Metric: ...

    def _core_metric_of(self, dim: Exponents | None) -> _core.Metric:
        """``dim``: of an output whose error is to be a plain number, where the metric can make it one."""
        return self._core_metric()


class _Kept:
    """Traces of a round, until all are there. What the core takes for features of a trace is its number here."""

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self._traces: dict[int, FloatArray] = {}
        self._targets: dict[int, FloatArray] = {}
        self._dt = 0.0

    def __reduce__(self) -> Any:
        return (_Kept, ())

    def add(self, model: FloatArray, target: FloatArray, dt: float, first_trace: int) -> FloatArray:
        """Of a block of samples x traces x steps."""
        self._dt = dt
        ids = []
        for sample in model:
            for trace in sample:
                ids.append(next(self._numbers))
                self._traces[ids[-1]] = np.array(trace)
        for k, trace in enumerate(target):
            self._targets[first_trace + k] = np.array(trace)
        return np.array(ids, dtype=float)

    def take(self, numbers: FloatArray) -> tuple[npt.NDArray[np.bool_], FloatArray, FloatArray, float]:
        """Which samples have all their traces; these; the recordings; the time step."""
        targets = [self._targets[k] for k in sorted(self._targets)]
        traces, self._traces, self._targets = self._traces, {}, {}
        if len({len(target) for target in targets}) > 1:
            raise ConfigError("a metric with all_at_once needs traces of the same length")
        usable = np.all(np.isfinite(numbers), axis=1)
        model = [[traces[int(n)] for n in row] for row in numbers[usable]]
        return usable, np.array(model, dtype=float), np.array(targets), self._dt


class TraceMetric(Metric):
    """A metric of traces; see the module.

    A class with ``all_at_once = True`` is handed all samples and traces of a round in one call, for which they are copied.

    Parameters
    ----------
    t_start : time
        Samples before ``round(t_start/dt)`` are ignored.
    t_weights : array, optional
        One weight per sample, not negative; only their ratios matter. Excludes ``t_start``.
    normalization : number or quantity
        Traces are divided by it.
    """

    all_at_once = False

    def __init__(self, t_start: Any = None, t_weights: npt.ArrayLike | None = None, normalization: Any = 1.0) -> None:
        super().__init__(t_start, normalization)
        self._kept = _Kept()
        self.t_weights: FloatArray | None = None
        if t_weights is not None:
            weights = np.asarray(t_weights, dtype=float)
            if weights.ndim != 1 or not np.all(weights >= 0):
                raise ValueError("t_weights have to be positive, one per sample")
            if not np.any(weights > 0):
                raise ValueError("at least one of t_weights must not be 0")
            if self._t_start > 0:
                raise ValueError("t_start and t_weights exclude each other: give the time before the start a weight of 0")
            self.t_weights = weights / weights.mean()

    def calc(self, model: Any, target: Any, dt: Any) -> FloatArray:
        """Errors (n_samples) of traces ``model`` (n_samples x n_traces x n_steps) against ``target`` (n_traces x n_steps)."""
        step = si_number(dt, SECOND, "dt")
        return super()._errors(self._features(np.asarray(model, dtype=float), np.asarray(target, dtype=float), step))

    def _features(self, model: FloatArray, target: FloatArray, dt: float) -> FloatArray:
        self._check(target.shape[-1], dt)
        first = 0 if self.t_weights is not None else round(self._t_start / dt)
        if first or self._scale != 1:
            model, target = model[..., first:] / self._scale, target[..., first:] / self._scale
        return np.ascontiguousarray(self.get_features(model, target, dt), dtype=float)

    def _check(self, n_steps: int, dt: float) -> None:
        if self.t_weights is not None and len(self.t_weights) != n_steps:
            raise ValueError(f"t_weights have the shape ({len(self.t_weights)},), but a trace has the shape ({n_steps},)")
        if round(self._t_start / dt) >= n_steps:
            raise ValueError("t_start is not before the end of the traces")

    def _block(self, model: FloatArray, target: FloatArray, dt: float, first_trace: int) -> FloatArray:
        if not self.all_at_once:
            return self._features(model, target, dt).reshape(-1)
        return self._kept.add(model, target, dt, first_trace)

    def _errors(self, features: FloatArray) -> FloatArray:
        if not self.all_at_once:
            return super()._errors(features)
        usable, model, target, dt = self._kept.take(features)
        errors = np.full(len(features), np.nan)
        if np.any(usable):
            errors[usable] = super()._errors(self._features(model, target, dt))
        return errors

    def _core_metric(self) -> _core.Metric:
        return _core.python_trace_metric(self, self._description())


class SpikeMetric(Metric):
    """A metric of spike trains. ``model`` is a list over samples of lists over traces of arrays of spike times in seconds."""

    def calc(self, model: Any, target: Any, dt: Any) -> FloatArray:
        """Errors (n_samples)."""
        step = si_number(dt, SECOND, "dt")
        cut = [[self._cut(train) for train in sample] for sample in model]
        return self._errors(np.asarray(self.get_features(cut, [self._cut(train) for train in target], step), dtype=float))

    def _cut(self, train: Any) -> FloatArray:
        times = si(train, SECOND, "spike times")
        return times[times > self._t_start] if self._t_start > 0 else times

    def _pair(self, simulated: FloatArray, target: FloatArray, duration: float, dt: float) -> float:
        return float(np.asarray(self.get_features([[self._cut(simulated)]], [self._cut(target)], dt)).reshape(-1)[0])

    def _core_metric(self) -> _core.Metric:
        return _core.python_spike_metric(self, self._description())


class MSEMetric(TraceMetric):
    """Mean squared error, or a robust relative of it.

    Parameters
    ----------
    t_start, t_weights, normalization
        See :class:`TraceMetric`.
    loss : {'squared', 'soft_l1', 'huber', 'cauchy'}
        How differences count; all but the first grow more slowly beyond ``loss_scale``.
    loss_scale : quantity, optional
        Needed for the robust losses.

    Examples
    --------
    >>> MSEMetric().calc([[[1.0, 1.0]]], [[0.0, 0.0]], 0.1)
    array([1.])
    """

    def __init__(
        self,
        t_start: Any = None,
        t_weights: npt.ArrayLike | None = None,
        normalization: Any = 1.0,
        loss: str = "squared",
        loss_scale: Any = None,
    ) -> None:
        super().__init__(t_start, t_weights, normalization)
        self.loss = loss
        scale = None
        if loss_scale is not None:
            number, dim, _ = split(loss_scale)
            scale = (float(number), dim if dim is not None else DIMENSIONLESS)
        self._loss_scale = scale
        self._handle = self._new_handle()

    def _new_handle(self) -> _core.Metric:
        return self._make_handle(self._scale_exponents, self._loss_scale)

    def _make_handle(self, normalization: Exponents, loss_scale: tuple[float, Exponents] | None) -> _core.Metric:
        weights = [] if self.t_weights is None else self.t_weights.tolist()
        return _core.mse(self._t_start, weights, (self._scale, normalization), self.loss, loss_scale)

    def _core_metric_of(self, dim: Exponents | None) -> _core.Metric:
        if dim is None or not _same(self._scale_exponents, DIMENSIONLESS):
            return self._handle
        return self._make_handle(dim, None if self._loss_scale is None else (self._loss_scale[0], DIMENSIONLESS))

    def _features(self, model: FloatArray, target: FloatArray, dt: float) -> FloatArray:
        self._check(target.shape[-1], dt)
        return self._handle.trace_features(np.ascontiguousarray(model), np.ascontiguousarray(target), dt)

    def get_features(self, model: Any, target: Any, dt: Any) -> FloatArray:
        """Mean over samples of the (weighted) squared difference of traces that are cut and normalised already."""
        squares = (np.asarray(model, dtype=float) - np.asarray(target, dtype=float)) ** 2
        if self.t_weights is not None:
            squares = squares * self.t_weights
        return np.asarray(squares.mean(axis=2))

    def get_errors(self, features: FloatArray) -> FloatArray:
        """Mean over traces."""
        return np.asarray(np.mean(features, axis=1))

    def get_dimensions(self, output_dim: Any) -> Exponents:
        return Dimension(2 * d for d in exponents_of(output_dim))

    def get_normalized_dimensions(self, output_dim: Any) -> Exponents:
        return Dimension(2 * (d - n) for d, n in zip(exponents_of(output_dim), self._scale_exponents))

    def revert_normalization(self, error: Any) -> Any:
        return error * self._scale**2

    def _core_metric(self) -> _core.Metric:
        return self._handle


class GammaFactor(SpikeMetric):
    """Coincidences of spikes within ``delta``, corrected for chance; 0 for equal trains.

    Parameters
    ----------
    delta : time
        Largest distance of coincident spikes.
    time : time
        Duration of the recording, for the rates.
    t_start : time
        Earlier spikes are ignored; the rates are those of the time that is left.
    normalization : number
        The error is divided by it, once.
    rate_correction : bool
        Whether a wrong number of spikes costs extra.
    matching : {'nearest', 'one_to_one'}
        A simulated spike coincides with all recorded spikes that are near, or with one of them at most.

    References
    ----------
    R. Jolivet et al., J. Neurosci. Methods 169 (2008) 417; C. Rossant et al., Front. Neurosci. 5 (2011) 9.
    """

    def __init__(
        self,
        delta: Any,
        time: Any,
        t_start: Any = None,
        normalization: Any = 1.0,
        rate_correction: bool = True,
        matching: str = "nearest",
    ) -> None:
        super().__init__(t_start, normalization)
        if not _same(self._scale_exponents, DIMENSIONLESS):
            raise UnitError("the normalization of a Gamma factor is a plain number")
        if matching not in ("one_to_one", "nearest"):
            raise ValueError(f"there is no matching `{matching}`: 'one_to_one' or 'nearest'")
        self.delta, self.time, self.rate_correction, self.matching = delta, time, rate_correction, matching
        self._delta = _time(delta, "delta")
        self._duration = _time(time, "time")
        self._handle = self._new_handle()

    def _new_handle(self) -> _core.Metric:
        return _core.gamma_factor(self._delta, self._t_start, self._scale, self.rate_correction, self.matching == "nearest")

    def get_features(self, model: Any, target: Any, dt: Any) -> FloatArray:
        """Gamma factors (n_samples x n_traces), normalised."""
        return _spike_features(self._handle, model, target, self._duration, si_number(dt, SECOND, "dt"))

    def get_errors(self, features: FloatArray) -> FloatArray:
        """Mean over traces."""
        return np.asarray(np.mean(features, axis=1))

    def _core_metric(self) -> _core.Metric:
        return self._handle


class _Distance(SpikeMetric):
    def get_features(self, model: Any, target: Any, dt: Any) -> FloatArray:
        last = max((float(np.max(train)) for train in target if len(train)), default=0.0)
        return _spike_features(self._handle, model, target, last + 1.0, si_number(dt, SECOND, "dt"))

    def get_errors(self, features: FloatArray) -> FloatArray:
        return np.asarray(np.mean(features, axis=1))

    def _core_metric(self) -> _core.Metric:
        return self._handle


class VanRossum(_Distance):
    """Van Rossum's distance of spike trains filtered with the time constant ``tau`` (Neural Comput. 13 (2001) 751)."""

    def __init__(self, tau: Any, t_start: Any = None, normalization: Any = 1.0) -> None:
        super().__init__(t_start, normalization)
        self.tau = tau
        self._handle = self._new_handle()

    def _new_handle(self) -> _core.Metric:
        return _core.van_rossum(_time(self.tau, "tau"), self._t_start, self._scale)


class VictorPurpura(_Distance):
    """Victor and Purpura's distance; moving a spike costs ``cost`` per second (J. Neurophysiol. 76 (1996) 1310)."""

    def __init__(self, cost: Any, t_start: Any = None, normalization: Any = 1.0) -> None:
        super().__init__(t_start, normalization)
        self.cost = cost
        self._handle = self._new_handle()

    def _new_handle(self) -> _core.Metric:
        per_second = si_number(self.cost, tuple(-d for d in SECOND), "cost")
        return _core.victor_purpura(per_second, self._t_start, self._scale)


def _spike_features(handle: _core.Metric, model: Any, target: Any, duration: float, dt: float) -> FloatArray:
    trains = [[np.ascontiguousarray(si(t, SECOND, "spike times")) for t in sample] for sample in model]
    return handle.spike_features(trains, [np.ascontiguousarray(si(t, SECOND, "spike times")) for t in target], duration, dt)


def get_gamma_factor(model: Any, data: Any, delta: Any, time: Any, dt: Any, rate_correction: bool = True) -> float:
    """Gamma factor of one simulated and one recorded spike train."""
    return float(GammaFactor(delta, time, rate_correction=rate_correction).get_features([[model]], [data], dt)[0, 0])


def firing_rate(spikes: Any) -> float:
    """Mean rate between first and last spike in Hz; NaN for fewer than two spikes."""
    times = si(spikes, SECOND, "spike times")
    return float((len(times) - 1) / (times[-1] - times[0])) if len(times) > 1 else float("nan")
