"""FeatureMetric: how far features of simulations are from those of recordings, or from given means."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from . import _core
from ._borders import SECOND, FloatArray, si_number, split
from ._own_classes import overridden
from .errors import UnitError
from ._features import check_processes, windows_of
from .metrics import TraceMetric
from .units import DIMENSIONLESS, Exponents, _same

__all__ = ["FeatureMetric"]


class FeatureMetric(TraceMetric):
    """The sum over features and traces of weight * difference. Its output must be in volts.

    Parameters
    ----------
    stim_times : list of (start, end)
        One for all traces, or one per trace; times, or plain milliseconds.
    feat_list : list of str
        See :func:`spikesmith.feature_names`.
    weights : dict, optional
        By feature; 1 for those that are not named.
    combine : callable, optional
        ``combine(simulated, recorded)`` gives the difference; the absolute difference, if not given.
    t_start : time
        Earlier samples are not read; times stay those of the recording.
    normalization : number
        The error is divided by it, once; voltages are not.
    parallel_processes : int
        Accepted; no processes are needed.
    mode : {'efel', 'native'}
        See :func:`spikesmith.features`.
    means : dict, optional
        Targets by feature (one, or one per trace) instead of the recordings' values.
    standard_deviations : dict, optional
        By feature: differences are divided by them (z-scores).
    missing : {'penalty', 'difference', 'value', 'ignore', 'fail'}
        What a feature costs that only one side has: ``weight*missing_amount``; a difference of ``missing_amount`` in the
        feature's unit; as if the missing value were ``missing_amount``; nothing; the simulation counts as failed.
        What neither has costs nothing.
    missing_amount : number
    compare : dict, optional
        'sequence' for features with a value per spike that are compared value by value; else their means are.
    settings : dict, optional
        See :func:`spikesmith.features`.
    stimulus_currents : sequence of current, optional
        One, or one per trace.
    volts_per_unit : number, optional
        Of a model whose voltage has no unit: 1e-3 if it is in mV.
    over_traces : {'sum', 'mean'}

    Examples
    --------
    >>> import numpy as np
    >>> from spikesmith.units import *
    >>> metric = FeatureMetric([(50*ms, 150*ms)], ["voltage_base"])
    >>> print(metric.calc(np.full((1, 1, 2000), -0.07), np.full((1, 2000), -0.06), 0.1*ms).round(6))
    [10.]
    """

    def __init__(
        self,
        stim_times: Sequence[Any],
        feat_list: Sequence[str],
        weights: Mapping[str, float] | None = None,
        combine: Callable[[Any, Any], Any] | None = None,
        t_start: Any = None,
        normalization: Any = 1.0,
        parallel_processes: int = 0,
        *,
        mode: str = "efel",
        means: Mapping[str, Any] | None = None,
        standard_deviations: Mapping[str, Any] | None = None,
        missing: str = "penalty",
        missing_amount: float = 250.0,
        compare: Mapping[str, str] | None = None,
        settings: Mapping[str, float] | None = None,
        stimulus_currents: Any = None,
        volts_per_unit: float = 0.0,
        over_traces: str = "sum",
    ) -> None:
        super().__init__(t_start=t_start, normalization=normalization)
        check_processes(parallel_processes)
        if not _same(self._scale_exponents, DIMENSIONLESS):
            raise UnitError("the normalization of a FeatureMetric is a plain number")
        if isinstance(feat_list, str):
            raise TypeError("feat_list is a list of names")
        if weights is not None and not isinstance(weights, Mapping):
            raise TypeError("weights has to be a dictionary by feature")
        self.stim_times = windows_of(stim_times, plain_scale=1e-3)
        self.feat_list = list(feat_list)
        self.parallel_processes, self.mode, self.combine = parallel_processes, mode, combine
        for what, given in (("weights", weights), ("means", means), ("standard_deviations", standard_deviations), ("compare", compare)):
            for name in given or {}:
                if name not in self.feat_list:
                    raise KeyError(f"`{name}` of {what} is not in feat_list")
        self.weights = {name: float((weights or {}).get(name, 1.0)) for name in self.feat_list}
        self._means = {name: np.atleast_1d(np.asarray(value, dtype=float)).tolist() for name, value in (means or {}).items()}
        self._scales = {name: np.atleast_1d(np.asarray(value, dtype=float)).tolist() for name, value in (standard_deviations or {}).items()}
        for name, how in (compare or {}).items():
            if how not in ("mean", "sequence"):
                raise ValueError(f"there is no comparison `{how}` (of {name}): 'mean' or 'sequence'")
        self._compare = dict(compare or {})
        if over_traces not in ("sum", "mean"):
            raise ValueError(f"over_traces is 'sum' or 'mean', not {over_traces!r}")
        self.over_traces = over_traces
        currents = [] if stimulus_currents is None else np.atleast_1d(split(stimulus_currents)[0]).tolist()
        self._options: dict[str, Any] = {
            "volts_per_unit": volts_per_unit, "settings": dict(settings or {}), "missing": (missing, float(missing_amount)),
            "currents": currents,
        }  # fmt: skip
        self._new_handle()  # checks them

    def _new_handle(self, dim: Exponents | None = None) -> _core.Metric:
        return self._handle_of({name: self.weights[name] for name in self.feat_list}, self._scale)

    def _handle_of(self, weights: Mapping[str, float], normalization: float) -> _core.Metric:
        return _core.feature_metric(
            features=[self._compared(name, weight) for name, weight in weights.items()], normalization=normalization,
            windows=self.stim_times, t_start=self._t_start, mode=self.mode, combine=None if self.combine is None else self._combine,
            combine_name="" if self.combine is None else f"{self.combine!r}", sum_over_traces=self.over_traces == "sum", **self._options,
        )  # fmt: skip

    def _compared(self, name: str, weight: float) -> Any:
        scales = self._scales.get(name, [])
        scale = scales[0] if len(scales) == 1 else 1.0
        per_trace = scales if len(scales) > 1 else []
        return name, weight, scale, self._compare.get(name) == "sequence", self._means.get(name, []), per_trace

    def _combine(self, simulated: float, recorded: float) -> float:
        assert self.combine is not None
        return float(np.asarray(self.combine(np.array([simulated]), np.array([recorded]))).reshape(-1)[0])

    def _prepared(self, model: FloatArray, target: FloatArray, dt: float) -> tuple[FloatArray, FloatArray]:
        self._check(target.shape[-1], dt)
        return model, target  # t_start is the core's, which keeps the times of the recording

    def calc(self, model_traces: Any, data_traces: Any, dt: Any) -> FloatArray:
        """Errors (n_samples) of simulated traces (n_samples x n_traces x n_steps) against recorded ones (n_traces x n_steps)."""
        if overridden(self, "get_features", "get_errors"):
            return super().calc(model_traces, data_traces, dt)
        handle = self._new_handle()  # all features at once
        model, target = (np.ascontiguousarray(np.asarray(traces, dtype=float)) for traces in (model_traces, data_traces))
        step = si_number(dt, SECOND, "dt")
        return handle.errors(handle.trace_features(*self._prepared(model, target, step), step))

    def get_features(self, traces: Any, output: Any, dt: Any) -> list[dict[str, FloatArray]]:  # type: ignore[override]
        """Differences of each sample: feature -> array over traces, without weights and normalisation."""
        step = si_number(dt, SECOND, "dt")
        simulated = np.ascontiguousarray(np.asarray(traces, dtype=float))
        recorded = np.ascontiguousarray(np.asarray(output, dtype=float))
        differences = {name: self._handle_of({name: 1.0}, 1.0).trace_features(simulated, recorded, step) for name in self.feat_list}
        return [{name: rows[s] for name, rows in differences.items()} for s in range(len(simulated))]

    def get_errors(self, features: Any) -> FloatArray:
        """Of what ``get_features`` gives: the weighted sum over features, the sum (or mean) over traces, normalised."""
        over_traces = np.sum if self.over_traces == "sum" else np.mean
        if isinstance(features, np.ndarray):
            return np.asarray(over_traces(features, axis=1))
        sums = [sum(self.weights[name] * over_traces(values) for name, values in one.items()) for one in features]
        return np.asarray(sums, dtype=float) / self._scale
