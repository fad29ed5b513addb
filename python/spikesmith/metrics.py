"""Metrics: how far simulations are from recordings.

A metric of one's own derives from :class:`TraceMetric` or :class:`SpikeMetric` and writes ``get_features`` and
``get_errors``, or derives from one of the metrics here and writes what is to be different. In a fit, ``get_features`` of a trace
metric is called with blocks of samples of one trace as the simulator finishes them, from the simulator's own memory;
``get_errors`` once a round with the features of all.
"""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _core
from ._borders import SECOND, FloatArray, si, si_number, split
from ._own_classes import overridden
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


# what a class of one's own may write anew
_hooks = ("calc", "get_features", "get_errors", "get_dimensions", "get_normalized_dimensions", "revert_normalization")


class Metric(ABC):
    """Base of all metrics. What is set after construction counts from the next call on.

    Parameters
    ----------
    t_start : time
        What comes earlier is ignored.
    normalization : number or quantity
        Errors are computed of values divided by it. ``self.normalization`` is its reciprocal.
    """

    def __init__(self, t_start: Any = None, normalization: Any = 1.0) -> None:
        self.t_start = t_start
        number, dim, _ = split(normalization)
        if number.size != 1 or not (np.isfinite(number) and number > 0):
            raise ValueError("the normalization must be a positive number")
        self.normalization = 1 / normalization if not isinstance(normalization, str) else 1 / float(number)
        self._scale = float(number)
        self._scale_exponents: Exponents = dim if dim is not None else DIMENSIONLESS

    @property
    def t_start(self) -> Any:
        """What comes earlier is ignored."""
        return self._given_start

    @t_start.setter
    def t_start(self, value: Any) -> None:
        self._t_start = 0.0 if value is None else _time(value, "t_start")
        self._given_start = value

    @property
    def normalization(self) -> Any:
        """The reciprocal of what values are divided by."""
        return self._factor

    @normalization.setter
    def normalization(self, value: Any) -> None:
        number, dim, _ = split(value)
        self._factor, self._scale = value, 1 / float(number)
        self._scale_exponents = DIMENSIONLESS if dim is None else tuple(-d for d in dim)

    @abstractmethod
    def get_features(self, model_results: Any, target_results: Any, dt: Any) -> FloatArray:
        """Features, n_samples x n_traces."""

    @abstractmethod
    def get_errors(self, features: FloatArray) -> FloatArray:
        """One error per sample."""

    @abstractmethod
    def calc(self, model_results: Any, data_results: Any, dt: Any) -> FloatArray:
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

    # --- for the core -------------------------------------------------------------------------------------------------

    def _new_handle(self, dim: Exponents | None = None) -> _core.Metric:
        """The metric of the core with these attributes; ``dim`` as of :meth:`_core_metric`."""
        raise NotImplementedError

    def _core_metric(self, dim: Exponents | None = None) -> _core.Metric:
        """``dim``: of an output whose error is to be a plain number."""
        if not overridden(self, *_hooks):
            return self._new_handle(dim)
        make = _core.python_spike_metric if isinstance(self, SpikeMetric) else _core.python_trace_metric
        return make(_Called(self, dim is not None), f"{type(self).__name__} (Python object {id(self):x})")


def _table(values: Any, shape: tuple[int, ...]) -> FloatArray | None:
    try:
        table = np.ascontiguousarray(values, dtype=float)
    except (TypeError, ValueError):  # dictionaries, lists of different length
        return None
    return table if table.shape == shape else None


class _Called:
    """A metric written in Python as the core calls it, for one output.

    Features that are a table of samples and traces are computed block by block. For others, or where ``calc`` is written anew, the
    blocks are kept until all of a round are there; what the core takes for features are then their numbers.
    """

    def __init__(self, metric: Metric, plain: bool) -> None:
        self.metric, self.plain = metric, plain
        self.whole = not isinstance(metric, TraceMetric) or metric.all_at_once or overridden(metric, "calc")
        self.kept: dict[float, tuple[FloatArray, FloatArray]] = {}  # simulated and recorded, by number
        self.numbers = itertools.count()
        self.dt = 0.0

    def _exponents(self, output: Exponents) -> tuple[Exponents, Exponents]:
        if self.plain:
            return DIMENSIONLESS, DIMENSIONLESS
        dim = Dimension(output)
        return exponents_of(self.metric.get_dimensions(dim)), exponents_of(self.metric.get_normalized_dimensions(dim))

    def _unnormalized(self, error: float) -> float:
        return float(self.metric.revert_normalization(error))

    def _check(self, n_steps: int, dt: float) -> None:
        assert isinstance(self.metric, TraceMetric)
        self.metric._check(n_steps, dt)

    def _block(self, model: FloatArray, target: FloatArray, dt: float, first_trace: int) -> FloatArray:
        assert isinstance(self.metric, TraceMetric)
        if not self.whole:
            table = _table(self.metric.get_features(*self.metric._prepared(model, target, dt), dt), model.shape[:2])
            if table is not None:
                return table.reshape(-1)
            self.whole = True
        recorded = [np.array(trace) for trace in target]
        return np.array([self._keep(np.array(trace), recorded[k], dt) for sample in model for k, trace in enumerate(sample)])

    def _pair(self, model: FloatArray, target: FloatArray, duration: float, dt: float) -> float:
        return self._keep(np.array(model), np.array(target), dt)

    def _keep(self, model: FloatArray, target: FloatArray, dt: float) -> float:
        number = float(next(self.numbers))
        self.kept[number], self.dt = (model, target), dt
        return number

    def _errors(self, features: FloatArray) -> FloatArray:
        if not self.whole:
            return np.ascontiguousarray(self.metric.get_errors(features), dtype=float)
        kept, self.kept = self.kept, {}
        usable = np.all(np.isfinite(features), axis=1)
        errors = np.full(len(features), np.nan)
        if not np.any(usable):
            return errors
        pairs = [[kept[number] for number in row] for row in features[usable].tolist()]
        model, target = [[one for one, _ in row] for row in pairs], [one for _, one in pairs[0]]
        if isinstance(self.metric, SpikeMetric):
            errors[usable] = self.metric.calc(model, target, self.dt)
            return errors
        if len({len(one) for one in target}) > 1:
            raise ConfigError("a metric that is called with all traces at once needs traces of the same length")
        errors[usable] = self.metric.calc(np.array(model), np.array(target), self.dt)
        return errors


class TraceMetric(Metric):
    """A metric of traces; see the module.

    A class with ``all_at_once = True`` is handed all samples and traces of a round in one call, for which they are copied; so is one
    that writes ``calc`` anew, or whose features are no table of samples and traces.

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
        self.t_weights = t_weights

    @property
    def t_weights(self) -> FloatArray | None:
        """One weight per sample; their mean is 1."""
        return self._weights

    @t_weights.setter
    def t_weights(self, t_weights: npt.ArrayLike | None) -> None:
        self._weights: FloatArray | None = None
        if t_weights is not None:
            weights = np.asarray(t_weights, dtype=float)
            if weights.ndim != 1 or not np.all(weights >= 0):
                raise ValueError("t_weights have to be positive, one per sample")
            if not np.any(weights > 0):
                raise ValueError("at least one of t_weights must not be 0")
            if self._t_start > 0:
                raise ValueError("t_start and t_weights exclude each other: give the time before the start a weight of 0")
            self._weights = weights / weights.mean()

    def calc(self, model_traces: Any, data_traces: Any, dt: Any) -> FloatArray:
        """Errors (n_samples) of simulated traces (n_samples x n_traces x n_steps) against recorded ones (n_traces x n_steps)."""
        step = si_number(dt, SECOND, "dt")
        model, target = self._prepared(np.asarray(model_traces, dtype=float), np.asarray(data_traces, dtype=float), step)
        return np.ascontiguousarray(self.get_errors(self.get_features(model, target, step)), dtype=float)

    def _prepared(self, model: FloatArray, target: FloatArray, dt: float) -> tuple[FloatArray, FloatArray]:
        """Cut and divided by the normalization."""
        self._check(target.shape[-1], dt)
        first = 0 if self.t_weights is not None else round(self._t_start / dt)
        if first or self._scale != 1:
            return model[..., first:] / self._scale, target[..., first:] / self._scale
        return model, target

    def _check(self, n_steps: int, dt: float) -> None:
        if self.t_weights is not None and len(self.t_weights) != n_steps:
            raise ValueError(f"t_weights have the shape ({len(self.t_weights)},), but a trace has the shape ({n_steps},)")
        if round(self._t_start / dt) >= n_steps:
            raise ValueError("t_start is not before the end of the traces")


class SpikeMetric(Metric):
    """A metric of spike trains: those simulated are a list over samples of lists over traces of arrays of spike times in seconds.

    In a fit it is called once a round, with all samples and traces.
    """

    def calc(self, model_spikes: Any, data_spikes: Any, dt: Any) -> FloatArray:
        """Errors (n_samples), divided by the normalization."""
        return self._calc(model_spikes, data_spikes, dt) / self._scale

    def _calc(self, model_spikes: Any, data_spikes: Any, dt: Any) -> FloatArray:
        step = si_number(dt, SECOND, "dt")
        cut = [[self._cut(train) for train in sample] for sample in model_spikes]
        features = self.get_features(cut, [self._cut(train) for train in data_spikes], step)
        return np.ascontiguousarray(self.get_errors(features), dtype=float)

    def _cut(self, train: Any) -> FloatArray:
        times = si(train, SECOND, "spike times")
        return times[times > self._t_start] if self._t_start > 0 else times


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
        self.loss, self.loss_scale = loss, loss_scale
        self._new_handle()  # checks them

    def _new_handle(self, dim: Exponents | None = None) -> _core.Metric:
        exponents, scale = self._scale_exponents, None
        if self.loss_scale is not None:
            number, of_scale, _ = split(self.loss_scale)
            scale = (float(number), of_scale if of_scale is not None else DIMENSIONLESS)
        if dim is not None and _same(exponents, DIMENSIONLESS):
            exponents, scale = dim, None if scale is None else (scale[0], DIMENSIONLESS)
        return _core.mse(self._t_start, self._weight_list(), (self._scale, exponents), self.loss, scale)

    def _weight_list(self) -> list[float]:
        return [] if self.t_weights is None else self.t_weights.tolist()

    def get_features(self, model_traces: Any, data_traces: Any, dt: Any) -> FloatArray:
        """Mean over samples of the (weighted) squared difference of traces that are cut and normalised already."""
        model, target = np.asarray(model_traces, dtype=float), np.asarray(data_traces, dtype=float)
        if self.loss != "squared" or np.any(np.isnan(target)):
            scale = None if self.loss_scale is None else (float(split(self.loss_scale)[0]) / self._scale, DIMENSIONLESS)
            rest = _core.mse(0.0, self._weight_list(), (1.0, DIMENSIONLESS), self.loss, scale)
            return rest.trace_features(np.ascontiguousarray(model), np.ascontiguousarray(target), si_number(dt, SECOND, "dt"))
        squares = (model - target) ** 2
        return np.asarray((squares if self.t_weights is None else squares * self.t_weights).mean(axis=2))

    def get_errors(self, features: FloatArray) -> FloatArray:
        """Mean over traces."""
        return np.asarray(np.mean(features, axis=1))

    def get_dimensions(self, output_dim: Any) -> Exponents:
        return Dimension(2 * d for d in exponents_of(output_dim))

    def get_normalized_dimensions(self, output_dim: Any) -> Exponents:
        return Dimension(2 * (d - n) for d, n in zip(exponents_of(output_dim), self._scale_exponents))

    def revert_normalization(self, error: Any) -> Any:
        return error * self._scale**2


class _Distance(SpikeMetric):
    """Distances whose features are those of the core, normalised already."""

    def calc(self, model_spikes: Any, data_spikes: Any, dt: Any) -> FloatArray:
        """Errors (n_samples)."""
        return self._calc(model_spikes, data_spikes, dt)

    def get_features(self, traces: Any, output: Any, dt: Any) -> FloatArray:
        """Distances (n_samples x n_traces), normalised."""
        recorded = [np.ascontiguousarray(si(train, SECOND, "spike times")) for train in output]
        trains = [[np.ascontiguousarray(si(train, SECOND, "spike times")) for train in sample] for sample in traces]
        return self._new_handle().spike_features(trains, recorded, self._rated_time(recorded), si_number(dt, SECOND, "dt"))

    def _rated_time(self, recorded: list[FloatArray]) -> float:
        return max([0.0, *(float(np.max(train)) for train in recorded if len(train))]) + 1.0

    def get_errors(self, features: FloatArray) -> FloatArray:
        """Mean over traces."""
        return np.asarray(np.mean(features, axis=1))


class GammaFactor(_Distance):
    """Coincidences of spikes within ``delta``, corrected for chance; 0 for equal trains.

    Parameters
    ----------
    delta : time
        Largest distance of coincident spikes. Where it is half the mean interval of the recorded spikes or more, coincidences count
        without the correction for chance, which does not exist there: a fit warns of it, ``calc`` does not.
    time : time
        Duration of the recording, for the rates. None: that of each trace, in a fit.
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
        self._new_handle()  # checks them

    def _new_handle(self, dim: Exponents | None = None) -> _core.Metric:
        delta, nearest = _time(self.delta, "delta"), self.matching == "nearest"
        time = None if self.time is None else _time(self.time, "time")
        return _core.gamma_factor(delta, time, self._t_start, self._scale, self.rate_correction, nearest)

    def _rated_time(self, recorded: list[FloatArray]) -> float:
        if self.time is None:
            raise ConfigError("the duration of these spike trains is not known", "give the Gamma factor a `time`")
        return _time(self.time, "time")


class VanRossum(_Distance):
    """Van Rossum's distance of spike trains filtered with the time constant ``tau`` (Neural Comput. 13 (2001) 751)."""

    def __init__(self, tau: Any, t_start: Any = None, normalization: Any = 1.0) -> None:
        super().__init__(t_start, normalization)
        self.tau = tau
        self._new_handle()  # checks it

    def _new_handle(self, dim: Exponents | None = None) -> _core.Metric:
        return _core.van_rossum(_time(self.tau, "tau"), self._t_start, self._scale)


class VictorPurpura(_Distance):
    """Victor and Purpura's distance; moving a spike costs ``cost`` per second (J. Neurophysiol. 76 (1996) 1310)."""

    def __init__(self, cost: Any, t_start: Any = None, normalization: Any = 1.0) -> None:
        super().__init__(t_start, normalization)
        self.cost = cost
        self._new_handle()  # checks it

    def _new_handle(self, dim: Exponents | None = None) -> _core.Metric:
        per_second = si_number(self.cost, tuple(-d for d in SECOND), "cost")
        return _core.victor_purpura(per_second, self._t_start, self._scale)


def get_gamma_factor(model: Any, data: Any, delta: Any, time: Any, dt: Any, rate_correction: bool = True) -> float:
    """Gamma factor of one simulated and one recorded spike train."""
    return float(GammaFactor(delta, time, rate_correction=rate_correction).get_features([[model]], [data], dt)[0, 0])


def firing_rate(spikes: Any) -> float:
    """Mean rate between first and last spike in Hz; NaN for fewer than two spikes."""
    times = si(spikes, SECOND, "spike times")
    return float((len(times) - 1) / (times[-1] - times[0])) if len(times) > 1 else float("nan")
