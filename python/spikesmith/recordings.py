"""What an experiment recorded: chunks (from reset to reset) of periods (from start to pause).

``results.recordings[k]["pop;v"]`` is an array (samples, neurons) of chunk k, ``["pop;spike"]`` the steps of the spikes of each neuron,
``["pop;period"]`` the milliseconds between samples, ``["pop;parameter_dict"]`` the parameters at the end of the chunk, ``["dt"]`` the
time step. Times are whole numbers of steps inside, so no sample is lost to rounding.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from . import _core
from ._borders import FloatArray
from .errors import ConfigError

__all__ = ["RecordingTimes", "Results"]

# One chunk as users see it.
Chunk = dict[str, Any]


class RecordingTimes:
    """Times (ms) and indices of the samples, per chunk and period; limits are inclusive."""

    def __init__(self, compartment: str, dt: float, interval: int, chunks: list[list[tuple[int, int]]]) -> None:
        self._compartment, self._dt, self._interval = compartment, dt, interval
        self._chunks = chunks  # first step and number of samples of each period

    def _periods(self, chunk: int | None, compartment: str | None) -> list[tuple[int, int]]:
        if compartment is not None and compartment != self._compartment:
            raise ConfigError(f"`{compartment}` is not recorded; recorded: {self._compartment}")
        chunk = 0 if chunk is None else chunk
        if not -len(self._chunks) <= chunk < len(self._chunks):
            raise ConfigError(f"there is no chunk {chunk}: {len(self._chunks)} were recorded")
        return self._chunks[chunk]

    def _limits(self, chunk: int | None, compartment: str | None, period: int | None) -> tuple[int, int, int, int]:
        """First and last step, first and last index."""
        periods = self._periods(chunk, compartment)
        if period is not None and not -len(periods) <= period < len(periods):
            raise ConfigError(f"there is no period {period} in this chunk: it has {len(periods)}")
        ends = np.cumsum([n for _, n in periods])
        first = 0 if period is None else period % len(periods)
        last = len(periods) - 1 if period is None else first
        start, n = periods[last]
        return periods[first][0], start + (n - 1) * self._interval, int(ends[first] - periods[first][1]), int(ends[last] - 1)

    def _ms(self, step: int) -> float:
        return float(round(step * self._dt, 9))

    def time_lims(self, chunk: int | None = None, compartment: str | None = None, period: int | None = None) -> tuple[float, float]:
        """First and last time of a period, or of all periods of a chunk."""
        first, last, _, _ = self._limits(chunk, compartment, period)
        return self._ms(first), self._ms(last)

    def idx_lims(self, chunk: int | None = None, compartment: str | None = None, period: int | None = None) -> tuple[int, int]:
        """First and last index of a period, or of all periods of a chunk."""
        _, _, first, last = self._limits(chunk, compartment, period)
        return first, last

    def nbr_periods(self, chunk: int | None = None, compartment: str | None = None) -> int:
        return len(self._periods(chunk, compartment))

    nr_periods = nbr_periods

    def all(self) -> list[dict[str, dict[str, dict[str, list[Any]]]]]:
        """Everything: a list over chunks of {compartment: {"start": {"ms", "idx"}, "stop": {"ms", "idx"}}}."""
        result = []
        for chunk, periods in enumerate(self._chunks):
            limits = [self._limits(chunk, None, period) for period in range(len(periods))]
            start: dict[str, list[Any]] = {"ms": [self._ms(first) for first, _, _, _ in limits], "idx": [index for _, _, index, _ in limits]}
            stop: dict[str, list[Any]] = {"ms": [self._ms(last) for _, last, _, _ in limits], "idx": [index for _, _, _, index in limits]}
            result.append({self._compartment: {"start": start, "stop": stop}})
        return result

    def times(self, chunk: int = 0) -> FloatArray:
        """Of every sample of a chunk."""
        parts = [start + self._interval * np.arange(n) for start, n in self._periods(chunk, None)]
        return np.round(np.concatenate(parts) * self._dt, 9)

    def _checked(self, recordings: list[Chunk], name: str, chunk: int) -> FloatArray:
        self._periods(chunk, name.partition(";")[0])
        if name not in recordings[chunk]:
            known = [key for key, value in recordings[chunk].items() if isinstance(value, np.ndarray)]
            raise ConfigError(f"`{name}` is not recorded; recorded: {', '.join(known)}")
        if name.endswith(";spike"):
            raise ConfigError("spikes are not a trace")
        values: FloatArray = recordings[chunk][name]
        return values

    def combine_periods(self, recordings: list[Chunk], name: str, chunk: int = 0, fill: str | float = "none") -> tuple[FloatArray, FloatArray]:
        """Times and values of one chunk.

        Parameters
        ----------
        fill : "none", "nan", "interpolate" or a number
            What stands between periods: nothing, nan, the nearest sample, or the number.
        """
        values = self._checked(recordings, name, chunk)
        times = self.times(chunk)
        if fill == "none":
            return times, values
        steps = np.concatenate([start + self._interval * np.arange(n) for start, n in self._chunks[chunk]])
        grid = np.arange(steps[0], steps[-1] + 1, self._interval)
        if fill == "interpolate":
            right = np.clip(np.searchsorted(steps, grid), 0, len(steps) - 1)
            left = np.clip(right - 1, 0, len(steps) - 1)
            nearest = np.where(grid - steps[left] < steps[right] - grid, left, right)
            return np.round(grid * self._dt, 9), values[nearest]
        if fill != "nan" and isinstance(fill, str):
            raise ConfigError(f"`fill` cannot be `{fill}`: none, nan, interpolate or a number")
        full = np.full((len(grid), *values.shape[1:]), np.nan if fill == "nan" else float(fill))
        inside = np.isin(grid, steps)
        full[inside] = values[np.isin(steps, grid)]
        return np.round(grid * self._dt, 9), full

    def combine_chunks(self, recordings: list[Chunk], name: str, mode: str = "sequential") -> tuple[FloatArray, FloatArray]:
        """Times and values of all chunks; what is not recorded at the beginning or inside is nan.

        Parameters
        ----------
        mode : "sequential" or "consecutive"
            The times of every chunk are its own, or go on one interval after the last sample of the chunk before.
        """
        if mode not in ("sequential", "consecutive"):
            raise ConfigError(f"`mode` cannot be `{mode}`: sequential or consecutive")
        times, parts = [], []
        offset = 0.0
        period = self._interval * self._dt
        for chunk in range(len(self._chunks)):
            own, values = self.combine_periods(recordings, name, chunk, "nan")
            missing = int(round(own[0] / period)) if mode == "sequential" or chunk == 0 else 0
            before = np.arange(missing) * period
            own = np.concatenate([before, own]) if missing else own
            values = np.concatenate([np.full((missing, *values.shape[1:]), np.nan), values]) if missing else values
            if mode == "consecutive" and chunk > 0:
                own = own - own[0] + offset
            times.append(np.round(own, 9))
            parts.append(values)
            offset = float(own[-1]) + period
        return np.concatenate(times), np.concatenate(parts)


class Results:
    """``recordings``, ``recording_times``, ``mon_dict`` and ``data`` of an experiment."""

    def __init__(self, record: _core.SimulationRecord, compartment: str, data: Mapping[str, Any]) -> None:
        self._record: _core.SimulationRecord | None = record
        self._recordings: list[Chunk] | None = None
        self._compartment = compartment
        self.data: dict[str, Any] = dict(data)
        dt = round(record.dt * 1e3, 12)
        interval = record.interval_steps
        self._dt, self._period = dt, round(interval * dt, 12)
        variables = [*record.variables, *(["spike"] if record.spikes else [])]
        self.mon_dict = {f"{compartment};{self._period:g}": variables} if variables else {}
        chunks = [record.periods(chunk) for chunk in range(record.n_chunks)]
        self.recording_times = RecordingTimes(compartment, dt, interval, chunks) if chunks else None

    @property
    def recordings(self) -> list[Chunk]:
        if self._recordings is None:
            assert self._record is not None
            self._recordings = [self._chunk(self._record, chunk) for chunk in range(self._record.n_chunks)]
        return self._recordings

    def _chunk(self, record: _core.SimulationRecord, index: int) -> Chunk:
        chunk: Chunk = {}
        for k, variable in enumerate(record.variables):
            chunk[f"{self._compartment};{variable}"] = record.values(index, k)
        if record.spikes:
            chunk[f"{self._compartment};spike"] = dict(enumerate(record.spike_steps(index)))
        chunk[f"{self._compartment};period"] = self._period
        chunk[f"{self._compartment};parameter_dict"] = {name: np.array(values) for name, values in record.parameters(index).items()}
        chunk["dt"] = self._dt
        return chunk

    def _detached(self) -> Results:
        """Without the core's record, whose memory may belong to somebody else."""
        _ = self.recordings
        self._record = None
        return self

    def __getstate__(self) -> dict[str, Any]:
        _ = self.recordings
        return {**self.__dict__, "_record": None}

    def __repr__(self) -> str:
        return f"<Results: {len(self.recordings)} chunks of {', '.join(next(iter(self.mon_dict.values()), []))}>"
