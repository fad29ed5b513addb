"""Small helpers for losses and analysis: distances, spike features of chunks, resampling.

The spike features and their weights are those of CompNeuroPy: a difference counts as a share of what would still be close, a feature
that only one of both has as the largest difference there can be.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ._borders import FloatArray
from ._features import features
from .recordings import Results
from .units import second as _second, volt as _volt

__all__ = [
    "RNG", "efel_loss", "find_x_bound", "get_maximum", "get_minimum", "get_spike_features_loss_of_chunk", "get_spike_features_of_chunk",
    "my_raster_plot", "rmse", "rsse", "sample_data_with_timestep",
]  # fmt: skip


def rmse(a: Any, b: Any) -> float:
    """Root of the mean squared difference.

    >>> rmse([0, 0], [3, 4])
    3.5355339059327378
    """
    return float(np.sqrt(np.mean((np.asarray(a, dtype=float) - np.asarray(b, dtype=float)) ** 2)))


def rsse(a: Any, b: Any) -> float:
    """Root of the summed squared difference.

    >>> rsse([0, 0], [3, 4])
    5.0
    """
    return float(np.sqrt(np.sum((np.asarray(a, dtype=float) - np.asarray(b, dtype=float)) ** 2)))


def _flat(values: Any) -> FloatArray:
    if isinstance(values, (list, tuple)):
        return np.concatenate([np.ravel(np.asarray(part, dtype=float)) for part in values])
    return np.ravel(np.asarray(values, dtype=float))


def get_minimum(values: Any) -> float:
    """The least of a number or a nested sequence; what is not a number is passed over."""
    return float(np.nanmin(_flat(values)))


def get_maximum(values: Any) -> float:
    """The greatest of a number or a nested sequence; what is not a number is passed over."""
    return float(np.nanmax(_flat(values)))


def sample_data_with_timestep(time_arr: Any, data_arr: Any, timestep: float) -> tuple[FloatArray, FloatArray]:
    """Linear interpolation to times that are ``timestep`` apart, from the first to the last.

    >>> sample_data_with_timestep([0, 2], [0, 4], 0.5)[1]
    array([0., 1., 2., 3., 4.])
    """
    times, data = np.asarray(time_arr, dtype=float), np.asarray(data_arr, dtype=float)
    grid = times[0] + timestep * np.arange(int(np.floor((times[-1] - times[0]) / timestep + 1e-9)) + 1)
    return grid, np.interp(grid, times, data)


def my_raster_plot(spikes: Mapping[int, Sequence[int]]) -> tuple[FloatArray, FloatArray]:
    """Steps and ranks of all spikes, to plot one against the other."""
    steps = np.concatenate([np.asarray(train, dtype=float) for train in spikes.values()]) if spikes else np.empty(0)
    ranks = np.repeat(np.array(list(spikes), dtype=float), [len(train) for train in spikes.values()])
    return steps, ranks


class RNG:
    """A generator of NumPy that can go back to its seed."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self.reset()

    def reset(self) -> None:
        self.rng = np.random.default_rng(self._seed)


def find_x_bound(
    y: Callable[[float], float], x0: float, y_bound: float, tolerance: float = 1e-5, bound_type: str = "equal"
) -> float:
    """The x above ``x0`` where a rising function reaches ``y_bound``; just below it with "less", just above with "greater"."""
    if bound_type not in ("equal", "greater", "less"):
        raise ValueError(f"`bound_type` cannot be `{bound_type}`: equal, greater or less")
    low, high, stride = x0, x0, max(abs(x0), 1.0)
    while y(high) < y_bound:
        low, high, stride = high, high + stride, 2 * stride
        if high > 1e6:
            raise ValueError(f"the function does not reach {y_bound:g} below x = 1e6")
    while high - low > tolerance * max(abs(high), tolerance):
        middle = 0.5 * (low + high)
        if y(middle) < y_bound:
            low = middle
        else:
            high = middle
    return {"equal": 0.5 * (low + high), "greater": high, "less": low}[bound_type]


# ---- spike features of a chunk --------------------------------------------------------------------------------------------------------

_spike_features = ("spike_count", "time_to_first_spike", "time_to_second_spike", "time_to_third_spike", "time_to_last_spike", "ISI_CV")


def get_spike_features_of_chunk(chunk: int, results: Results) -> dict[str, float | None]:
    """Spike features of a chunk, all neurons together: count, times of spikes (ms since the reset), variation of intervals.

    None: the feature is not defined. The population is ``results.data["pop_name"]`` (or ``"population_name"``), or the recorded one.
    """
    recordings = results.recordings[chunk]
    name = results.data.get("pop_name", results.data.get("population_name"))
    if name is None or f"{name};spike" not in recordings:
        name = next((key.rpartition(";")[0] for key in recordings if key.endswith(";spike")), None)
    if name is None:
        raise ValueError("spikes are not recorded: record=[\"spike\"]")
    steps = np.sort(my_raster_plot(recordings[f"{name};spike"])[0])
    times = steps * recordings["dt"]
    intervals = np.diff(times)
    nth = {"time_to_first_spike": 0, "time_to_second_spike": 1, "time_to_third_spike": 2, "time_to_last_spike": len(times) - 1}
    found: dict[str, float | None] = {"spike_count": float(len(times))}
    for feature, index in nth.items():
        found[feature] = float(times[index]) if 0 <= index < len(times) else None
    found["ISI_CV"] = float(np.std(intervals) / np.mean(intervals)) if len(intervals) > 0 and np.mean(intervals) > 0 else None
    return found


def _share(first: float | None, second: float | None, most: float, close: float) -> float:
    if first is None and second is None:
        return 0.0
    return (most if first is None or second is None else abs(first - second)) / close


def get_spike_features_loss_of_chunk(
    chunk: int, results1: Results, results2: Results, chunk2: int | None = None, feature_list: Iterable[str] | None = None
) -> float:
    """Mean over features of difference by what is close: a tenth of the duration (5 to 50 ms) for times, a spike per 200 ms, 0.1 for ISI_CV."""
    names = list(feature_list) if feature_list is not None else list(_spike_features)
    unknown = [name for name in names if name not in _spike_features]
    if unknown:
        raise ValueError(f"there is no spike feature `{unknown[0]}`: {', '.join(_spike_features)}")
    first = get_spike_features_of_chunk(chunk, results1)
    second = get_spike_features_of_chunk(chunk if chunk2 is None else chunk2, results2)
    assert results1.recording_times is not None
    start, stop = results1.recording_times.time_lims(chunk=chunk)
    low, high = results1.recording_times.idx_lims(chunk=chunk)
    duration = stop - start
    scales = {
        "spike_count": (float(high - low), float(math.ceil(duration / 200))),
        "ISI_CV": (1.0, 0.1),
    }
    times = (duration, float(np.clip(0.1 * duration, 5, 50)))
    return float(np.mean([_share(first[name], second[name], *scales.get(name, times)) for name in names]))


# ---- features of traces ---------------------------------------------------------------------------------------------------------------

_voltage_features = ("steady_state_voltage_stimend", "steady_state_voltage", "voltage_base", "voltage_after_stim", "minimum_voltage")
_time_features = ("time_to_first_spike", "time_to_second_spike", "time_to_last_spike")


def efel_loss(trace1: Mapping[str, Any], trace2: Mapping[str, Any], feature_list: Iterable[str]) -> FloatArray:
    """Mean over features of difference by what is close, as an array of one number.

    Parameters
    ----------
    trace1, trace2 : dict
        "T" (ms), "V" (mV), "stim_start" and "stim_end" (lists of one number).
    feature_list : list of str
        steady_state_voltage_stimend, steady_state_voltage, voltage_base, voltage_after_stim, minimum_voltage, time_to_first_spike,
        time_to_second_spike, time_to_last_spike, spike_count, spike_count_stimint, ISI_CV.
    """
    times = np.asarray(trace1["T"], dtype=float)
    start, end = float(trace1["stim_start"][0]), float(trace1["stim_end"][0])
    duration = float(times[-1] - start)
    dt = float(times[1] - times[0])
    scales: dict[str, tuple[float, float]] = {name: (200.0, 10.0) for name in _voltage_features}
    scales |= {name: (duration, float(np.clip(0.1 * duration, 5, 50))) for name in _time_features}
    spikes_close = float(max(1, math.ceil(float(times[-1] - times[0]) / 200)))
    scales["spike_count"] = (float(len(times)), spikes_close)
    scales["spike_count_stimint"] = (float(round((end - start) / dt)), float(max(1, math.ceil((end - start) / 200))))
    scales["ISI_CV"] = (1.0, 0.1)
    names = list(feature_list)
    unknown = [name for name in names if name not in scales]
    if unknown:
        raise ValueError(f"there is no feature `{unknown[0]}`: {', '.join(scales)}")
    traces = [np.asarray(trace["V"], dtype=float) for trace in (trace1, trace2)]
    if any(np.any(~np.isfinite(v)) or np.any(v < -200) or np.any(v > 100) for v in traces):
        return np.array([np.mean([scales[name][0] / scales[name][1] for name in names])])
    found = [_trace_features(trace, names) for trace in (trace1, trace2)]
    return np.array([np.mean([_share(found[0][name], found[1][name], *scales[name]) for name in names])])


def _trace_features(trace: Mapping[str, Any], names: list[str]) -> dict[str, float | None]:
    times = np.asarray(trace["T"], dtype=float) * 1e-3
    window = (float(trace["stim_start"][0]) * 1e-3 - times[0], float(trace["stim_end"][0]) * 1e-3 - times[0])
    voltage = np.ascontiguousarray(trace["V"], dtype=float) * 1e-3
    found = features(voltage * _volt, float(times[1] - times[0]) * _second, (window[0] * _second, window[1] * _second), names)
    return {name: float(np.mean(values)) if len(values) and np.all(np.isfinite(values)) else None for name, values in found.items()}
