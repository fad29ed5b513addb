"""Features of membrane potentials by name: spike counts, timing, shapes, subthreshold measures.

Names and definitions are those of eFEL; values are in the units in which features are quoted (mV, ms, Hz, MOhm).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from . import _core
from ._borders import SECOND, VOLT, FloatArray, si, si_number, split

__all__ = ["Features", "calc_eFEL", "feature_definition", "feature_names", "feature_units", "features", "spike_features"]

_AMPERE = (0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0)


class Features(dict[str, FloatArray]):
    """Values by name; an array each, empty where there are none.

    Attributes
    ----------
    missing : dict
        Why: a reason for each name without values.
    """

    def __init__(self, values: Mapping[str, FloatArray], missing: Mapping[str, str]) -> None:
        super().__init__(values)
        self.missing = dict(missing)

    def mean(self) -> dict[str, float]:
        """One number each: the mean over spikes, NaN where there is none."""
        return {n: float(np.mean(v[np.isfinite(v)])) if np.isfinite(v).any() else float("nan") for n, v in self.items()}

    def __repr__(self) -> str:
        lines = [f"{name}: {self.missing[name] if name in self.missing else values}" for name, values in self.items()]
        return "\n".join(lines)


def feature_names() -> list[str]:
    """All features."""
    return [name for name, _, _, _ in _core.feature_table()]


def feature_units() -> dict[str, str]:
    """The unit of each feature."""
    return {name: unit for name, unit, _, _ in _core.feature_table()}


def feature_definition(name: str) -> str:
    """What a feature is, in words."""
    for known, _, _, definition in _core.feature_table():
        if known == name:
            return str(definition)
    raise KeyError(f"there is no feature `{name}`")


def windows_of(stimulus: Any, n_traces: int | None = None, plain_scale: float = 1.0) -> list[tuple[float, float]]:
    """(start, end) or a list of such, in seconds. Plain numbers are multiplied by ``plain_scale``."""

    def seconds(value: Any) -> float:
        plain = split(value)[1] is None
        return si_number(value, SECOND, "a stimulus time") * (plain_scale if plain else 1.0)

    def pair(window: Any) -> tuple[float, float]:
        if len(window) != 2:
            raise ValueError("a stimulus is a pair: (start, end)")
        return seconds(window[0]), seconds(window[1])

    given = list(stimulus)
    single = len(given) == 2 and all(np.ndim(split(item)[0]) == 0 for item in given)
    windows = [pair(given)] if single else [pair(window) for window in given]
    if n_traces is not None and len(windows) not in (1, n_traces):
        raise ValueError(f"there are {len(windows)} stimuli for {n_traces} traces")
    return windows


def _result(found: Mapping[str, tuple[FloatArray, str]]) -> Features:
    return Features({name: values for name, (values, _) in found.items()}, {name: why for name, (_, why) in found.items() if why})


def _names(names: Iterable[str] | str | None) -> list[str]:
    return feature_names() if names is None else [names] if isinstance(names, str) else list(names)


def _rows(traces: Any) -> tuple[list[FloatArray], bool]:
    if isinstance(traces, (list, tuple)) and len(traces) and np.ndim(traces[0]) == 1:
        return [np.ascontiguousarray(si(row, VOLT, "the trace")) for row in traces], False
    numbers = si(traces, VOLT, "the trace")
    if numbers.ndim not in (1, 2):
        raise ValueError("a trace is one-dimensional, traces are two-dimensional (n_traces x n_steps)")
    return list(np.ascontiguousarray(np.atleast_2d(numbers))), numbers.ndim == 1


def features(
    traces: Any,
    dt: Any,
    stimulus: Any,
    names: Iterable[str] | str | None = None,
    mode: str = "efel",
    *,
    stimulus_current: Any = None,
    settings: Mapping[str, float] | None = None,
) -> Any:
    """Features of a membrane potential, or of several.

    Parameters
    ----------
    traces : array, or list of arrays
        Volts: n_steps, or n_traces x n_steps.
    dt : time
        Sampling interval.
    stimulus : (start, end), or one for each trace
        Times, or plain seconds.
    names : sequence of str, optional
        All, if not given; see :func:`feature_names`.
    mode : {'efel', 'native'}
        How spikes are found: by eFEL's definitions, or on the recording's own samples.
    stimulus_current : current, optional
        Amplitude of the step (one, or one for each trace), for features such as ohmic_input_resistance.
    settings : dict, optional
        Thresholds and windows in mV, ms, Hz, by our names or eFEL's.

    Returns
    -------
    Features, or a list of them
        Arrays by name; ``missing`` has the reason where there is none.

    Examples
    --------
    >>> import numpy as np
    >>> from spikesmith.units import *
    >>> found = features(np.full(2000, -0.07)*volt, 0.1*ms, (50*ms, 150*ms), ["voltage_base", "Spikecount", "AP_amplitude"])
    >>> print(round(float(found["voltage_base"][0]), 6), found["Spikecount"])
    -70.0 [0.]
    >>> "spike" in found.missing["AP_amplitude"]
    True
    """
    rows, single = _rows(traces)
    windows = windows_of(stimulus, len(rows))
    currents = [] if stimulus_current is None else si(stimulus_current, _AMPERE, "the stimulus current").reshape(-1).tolist()
    found = _core.trace_features(
        rows, si_number(dt, SECOND, "dt", required=True), windows, _names(names), mode, dict(settings or {}), currents
    )
    results = [_result(one) for one in found]
    return results[0] if single else results


def spike_features(trains: Any, stimulus: Any, names: Iterable[str] | str, mode: str = "efel") -> Any:
    """Features of spike times (one train, or a list of trains): those that need no membrane potential."""
    single = np.ndim(trains[0] if len(trains) else 0.0) == 0
    rows = [np.ascontiguousarray(si(train, SECOND, "spike times")).reshape(-1) for train in ([trains] if single else trains)]
    results = [_result(one) for one in _core.spike_features(rows, windows_of(stimulus, len(rows)), _names(names), mode, {})]
    return results[0] if single else results


def calc_eFEL(
    traces: Any, inp_times: Sequence[Any], feat_list: Sequence[str], dt: Any, parallel_processes: int = 0
) -> list[dict[str, FloatArray | None]]:
    """Features of traces in volts, as eFEL has them. ``None`` where there is none; :func:`features` says why.

    Parameters
    ----------
    traces : array
        n_traces x n_steps, volts.
    inp_times : list of (start, end)
        Times; plain numbers are milliseconds.
    feat_list : list of str
    dt : time
    parallel_processes : int
        Accepted; no processes are needed. Numbers below -1 are refused.
    """
    check_processes(parallel_processes)
    rows, _ = _rows(traces)
    windows = windows_of(inp_times, len(rows), plain_scale=1e-3)
    found = _core.trace_features(rows, si_number(dt, SECOND, "dt"), windows, list(feat_list), "efel", {}, [])
    return [{name: None if why else values for name, (values, why) in one.items()} for one in found]


def check_processes(parallel_processes: int) -> None:
    if parallel_processes < -1:
        raise ValueError("parallel_processes must be at least -1")
