"""What drives a parameter or clamps a variable during a run: ``simulation.run(100, drive={"I_app": waves.ramp(0, 10)})``.

Times are milliseconds, frequencies hertz, values in the unit of what is driven. A list or an array has one value per step.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

__all__ = ["Wave", "array", "chirp", "constant", "noise", "pulses", "ramp", "sine", "staircase", "step", "zap"]


class Wave(NamedTuple):
    """A kind and its numbers in SI units, as the core has them."""

    kind: str
    values: dict[str, Any]


def constant(value: float) -> Wave:
    return Wave("constant", {"value": float(value)})


def step(low: float, high: float, start: float, end: float | None = None) -> Wave:
    """``low``, from ``start`` to ``end`` (the end of the run, if not given) ``high``."""
    values = {"from": float(low), "to": float(high), "start": start * 1e-3}
    return Wave("step", values if end is None else {**values, "end": end * 1e-3})


def ramp(first: float, last: float) -> Wave:
    """A straight line over the run."""
    return Wave("ramp", {"from": float(first), "to": float(last)})


def staircase(first: float, last: float, plateaus: int) -> Wave:
    """Equal plateaus."""
    return Wave("staircase", {"from": float(first), "to": float(last), "plateaus": int(plateaus)})


def sine(amplitude: float, frequency: float, offset: float = 0, phase: float = 0) -> Wave:
    """``offset + amplitude*sin(2 pi frequency t + phase)``."""
    return Wave("sine", {"amplitude": float(amplitude), "frequency": float(frequency), "offset": float(offset), "phase": float(phase)})


def chirp(amplitude: float, first_frequency: float, last_frequency: float, offset: float = 0) -> Wave:
    """A sine whose frequency grows linearly over the run."""
    return _swept("chirp", amplitude, first_frequency, last_frequency, offset)


def zap(amplitude: float, first_frequency: float, last_frequency: float, offset: float = 0) -> Wave:
    """A sine whose frequency grows by a constant factor per time."""
    return _swept("zap", amplitude, first_frequency, last_frequency, offset)


def _swept(kind: str, amplitude: float, first: float, last: float, offset: float) -> Wave:
    values = {"amplitude": amplitude, "first_frequency": first, "last_frequency": last, "offset": offset}
    return Wave(kind, {key: float(value) for key, value in values.items()})


def pulses(height: float, width: float, period: float, base: float = 0, start: float = 0, count: int = 0) -> Wave:
    """``count`` pulses (0: until the end)."""
    return Wave(
        "pulses",
        {"height": float(height), "base": float(base), "width": width * 1e-3, "period": period * 1e-3, "start": start * 1e-3, "count": int(count)},
    )


def noise(mean: float, deviation: float, correlation: float = 0, seed: int = 0) -> Wave:
    """Ornstein-Uhlenbeck noise; ``correlation`` 0: independent values per step."""
    return Wave("noise", {"mean": float(mean), "deviation": float(deviation), "correlation": correlation * 1e-3, "seed": int(seed)})


def array(values: Any, interval: float = 0) -> Wave:
    """Piecewise constant; ``interval`` 0: one value per step."""
    return Wave("array", {"values": np.ascontiguousarray(values, dtype=float), "interval": interval * 1e-3})


def wave_of(value: Any) -> Wave:
    """A wave, a number or an array as a wave."""
    if isinstance(value, Wave):
        return value
    return constant(float(value)) if np.ndim(value) == 0 else array(value)
