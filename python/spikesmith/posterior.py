"""What is known about parameters before (Prior) and after (Posterior) the recordings were seen."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import _core
from ._borders import FloatArray, Maker, own_quantity, si
from .errors import ConfigError
from .units import DIMENSIONLESS, Exponents

__all__ = ["Assessment", "Posterior", "Prior"]

# name, kind, numbers in SI, exponents
PriorArgument = tuple[str, str, list[float], Exponents]
_Arguments = list[PriorArgument]
_kinds = ("uniform", "log_uniform", "normal", "truncated_normal", "log_normal")


def prior_argument(name: str, given: Any, dim: Exponents) -> PriorArgument:
    """``[low, high]`` is uniform; ``("normal", mean, deviation)`` and the like name their kind."""
    kind, values = "uniform", given
    if isinstance(given, (list, tuple)) and len(given) and isinstance(given[0], str) and given[0] in _kinds:
        kind, values = given[0], given[1:]
    if kind == "log_normal":
        numbers = [*si(values[:1], dim, f"the median of {name}"), *si(values[1:], DIMENSIONLESS, f"the deviation of {name}")]
    else:
        numbers = list(si(values, dim, f"the prior of {name}"))
    if kind == "uniform":
        if len(numbers) != 2:
            raise ValueError(f"the bounds of {name} must be two values: [low, high]")
        numbers.sort()
    return name, kind, [float(v) for v in numbers], dim


@dataclass(frozen=True)
class Assessment:
    """What is to be thought of a posterior: whether it is calibrated, and whether the recordings look like what it predicts."""

    summary: str
    trustworthy: bool

    def __str__(self) -> str:
        return self.summary


class Prior:
    """Independent distributions of the parameters, in SI units.

    Attributes
    ----------
    names : list of str
    low, high, mean, stddev : array
        In the order of ``names``. ``low`` and ``high`` are infinite where there is no bound.
    """

    def __init__(self, arguments: Sequence[PriorArgument], seed: int = 0) -> None:
        self._arguments = list(arguments)
        self.names = [name for name, *_ in arguments]
        self._seed, self._drawn = seed, 0
        moments = [_moments(kind, values) for _, kind, values, _ in arguments]
        self.mean, self.stddev, self.low, self.high = (np.array(column) for column in zip(*moments))

    def sample(self, shape: tuple[int, ...] = (1,), seed: int | None = None) -> FloatArray:
        """Draws of the shape ``shape + (parameters,)``; other ones with each call, unless there is a ``seed``."""
        self._drawn += 1
        n = int(np.prod(shape))
        drawn = _core.prior_sample(self._arguments, n, seed if seed is not None else 1_000_003 * self._drawn + self._seed)
        return drawn.reshape(*shape, len(self.names))

    def log_prob(self, theta: Any) -> FloatArray:
        """Log density, -infinity outside."""
        rows = np.ascontiguousarray(np.atleast_2d(np.asarray(theta, dtype=float)))
        return _core.prior_log_density(self._arguments, rows)

    def __repr__(self) -> str:
        return "\n".join(f"{name}: {kind} {values}" for name, kind, values, _ in self._arguments)


def _moments(kind: str, v: list[float]) -> tuple[float, float, float, float]:
    """Mean, standard deviation, bounds."""
    if kind == "uniform":
        return (v[0] + v[1]) / 2, (v[1] - v[0]) / np.sqrt(12), v[0], v[1]
    if kind == "log_uniform":
        log_ratio = np.log(v[1] / v[0])
        mean = (v[1] - v[0]) / log_ratio
        return mean, float(np.sqrt((v[1] ** 2 - v[0] ** 2) / (2 * log_ratio) - mean**2)), v[0], v[1]
    if kind == "normal":
        return v[0], v[1], -np.inf, np.inf
    if kind == "log_normal":
        mean = v[0] * np.exp(v[1] ** 2 / 2)
        return mean, float(mean * np.sqrt(np.expm1(v[1] ** 2))), 0.0, np.inf
    low, high = max(v[2], v[0] - 12 * v[1]), min(v[3], v[0] + 12 * v[1])
    grid = np.linspace(low, high, 20001)
    weights = np.exp(-0.5 * ((grid - v[0]) / v[1]) ** 2)
    weights /= weights.sum()
    mean = float(weights @ grid)
    return mean, float(np.sqrt(weights @ (grid - mean) ** 2)), v[2], v[3]


class Posterior:
    """The distribution of the parameters given recordings. Arrays are in SI units, columns in the order of ``names``.

    Attributes
    ----------
    names : list of str
    default_x : array
        The observation (1 x features).
    """

    def __init__(self, core: _core.Posterior, maker: Maker = own_quantity, seed: int = 0) -> None:
        self._core, self._make, self._seed, self._drawn = core, maker, seed, 0
        self.names: list[str] = list(core.names)

    @property
    def default_x(self) -> FloatArray:
        """The observation that is meant where none is given."""
        return np.asarray(self._core.observation)

    @property
    def bounds(self) -> dict[str, tuple[float, float]]:
        """Of the prior; infinite where there are none."""
        return dict(zip(self.names, self._core.bounds))

    def set_default_x(self, x: Any) -> Posterior:
        """The observation that is meant where none is given; returns itself."""
        self._core = self._given(x)
        return self

    def _given(self, x: Any) -> _core.Posterior:
        if x is None:
            return self._core
        return self._core.given(np.ascontiguousarray(np.atleast_2d(np.asarray(x, dtype=float))))

    def sample(
        self, shape: tuple[int, ...] | int = (1,), x: Any = None, seed: int | None = None, show_progress_bars: bool = False
    ) -> FloatArray:
        """Draws of the shape ``shape + (parameters,)``; other ones with each call, unless there is a ``seed``.

        ``show_progress_bars`` is accepted; nothing depends on it.
        """
        shape = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
        self._drawn += 1
        n = int(np.prod(shape))
        drawn = self._given(x).sample(n, seed if seed is not None else 1_000_003 * self._drawn + self._seed)
        return drawn.reshape(*shape, len(self.names))

    def log_prob(self, theta: Any, x: Any = None) -> FloatArray:
        """Log density of rows of parameters, -infinity outside the prior; up to a constant for SNLE and SNRE."""
        rows = np.ascontiguousarray(np.atleast_2d(np.asarray(theta, dtype=float)))
        return self._given(x).log_prob(rows)

    def map(self, x: Any = None, num_starts: int = 50, max_steps: int = 200, seed: int = 0) -> dict[str, Any]:
        """The parameters of the highest density."""
        return self.modes(x, num_starts, max_steps, seed)[0][0]

    def modes(self, x: Any = None, num_starts: int = 50, max_steps: int = 200, seed: int = 0) -> list[tuple[dict[str, Any], float]]:
        """All maxima that were found, with their log density; the highest first."""
        found = self._given(x).map(num_starts, max_steps, seed)
        return [(self.quantities(theta), density) for theta, density, _ in found]

    def quantities(self, theta: Any) -> dict[str, Any]:
        """A row of parameters (or several) as a dictionary with units."""
        rows = np.asarray(theta, dtype=float)
        columns = np.moveaxis(rows, -1, 0)
        made = zip(self.names, columns, self._core.exponents)
        return {n: self._make(float(v) if np.ndim(v) == 0 else v.copy(), tuple(d)) for n, v, d in made}

    def exponents(self) -> dict[str, Exponents]:
        """Of the dimensions of the parameters."""
        return {n: tuple(d) for n, d in zip(self.names, self._core.exponents)}

    def save(self, path: str | os.PathLike[str]) -> None:
        """To a file that any version from now on can read."""
        self._core.save(os.fspath(path))

    @staticmethod
    def load(path: str | os.PathLike[str]) -> Posterior:
        """From a file that :meth:`save` wrote."""
        return Posterior(_core.Posterior.load(os.fspath(path)))

    def __eq__(self, other: Any) -> bool:
        """Whether both are the same distribution: the same networks given the same observation."""
        if not isinstance(other, Posterior):
            return NotImplemented
        if self.names != other.names or not np.array_equal(self.default_x, other.default_x, equal_nan=True):
            return False
        low, high = (np.array(ends) for ends in zip(*self._core.bounds))
        if not np.array_equal(low, [b[0] for b in other._core.bounds]) or not np.array_equal(high, [b[1] for b in other._core.bounds]):
            return False
        where = self.sample((16,), seed=0)
        return np.array_equal(where, other.sample((16,), seed=0)) and np.array_equal(self.log_prob(where), other.log_prob(where))

    def __hash__(self) -> int:
        return hash(tuple(self.names))

    def _repr_html_(self) -> str:
        return f"<pre>{self!r}</pre>"

    def __repr__(self) -> str:
        return f"Posterior of {', '.join(self.names)} given {self.default_x.shape[1]} features"


def columns_of(values: Any, names: Sequence[str], dims: Mapping[str, Exponents], what: str) -> list[Any]:
    """A dictionary by parameter, or a list in their order, as a list of SI numbers or arrays; None where nothing is said."""
    if values is None:
        return [None] * len(names)
    if isinstance(values, Mapping):
        for name in values:
            if name not in names:
                raise AttributeError(f"`{name}` of {what} is no parameter: {', '.join(names)}")
        missing = [name for name in names if name not in values]
        if missing:
            raise KeyError(f"{what} lack {', '.join(missing)}")
        return [si(values[name], dims[name], f"{what} of {name}") for name in names]
    given = list(values)
    if len(given) != len(names):
        raise ConfigError(f"{what} are {len(given)} for {len(names)} parameters")
    return [si(value, dims[name], f"{what} of {name}") for name, value in zip(names, given)]
