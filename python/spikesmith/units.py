"""Quantities and units: ``from spikesmith.units import *`` gives ``mV``, ``nS``, ``ms`` and their relatives.

A :class:`Quantity` is a NumPy array of SI base values with a dimension. Arithmetic checks dimensions; a quantity divided by a
unit is a plain number::

    >>> from spikesmith.units import *
    >>> E = -70*mV
    >>> E + 5*mV
    -65 mV
    >>> float((E + 5*mV)/mV)
    -65.0

Every unit name of the equation language exists here (``pamp``, ``msiemens``, ``cm2``, ...); ``import *`` gives the usual ones.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from . import _core
from .errors import UnitError

Exponents = tuple[float, ...]
DIMENSIONLESS: Exponents = (0.0,) * 7

__all__ = [  # noqa: F822 (made on demand)
    "Quantity", "volt", "mV", "amp", "ampere", "mA", "uA", "nA", "pA", "siemens", "mS", "uS", "nS", "farad", "uF",
    "nF", "pF", "ohm", "kohm", "Mohm", "Gohm", "second", "ms", "us", "hertz", "Hz", "kHz", "MHz", "metre",
    "meter", "mm", "um", "cm", "cm2", "cm3", "um2", "um3", "coulomb", "joule", "watt", "newton", "kelvin", "mole", "mol",
    "molar", "mM", "uM", "nM", "kilogram", "gram", "msecond", "usecond", "mvolt", "uvolt", "namp", "pamp", "uamp", "mamp", "nsiemens",
    "usiemens", "msiemens", "psiemens", "pfarad", "nfarad", "ufarad", "mfarad", "Mohm", "umetre", "mmetre", "nmetre", "pvolt",
]  # fmt: skip


class Dimension(tuple[float, ...]):
    """Exponents of metre, kilogram, second, ampere, kelvin, mole, candela. Dimensions are multiplied, divided and raised to powers."""

    __slots__ = ()

    def __mul__(self, other: Any) -> Dimension:
        return Dimension(a + b for a, b in zip(self, exponents_of(other), strict=True))

    def __truediv__(self, other: Any) -> Dimension:
        return Dimension(a - b for a, b in zip(self, exponents_of(other), strict=True))

    def __pow__(self, power: float) -> Dimension:
        return Dimension(a * power for a in self)

    def __eq__(self, other: Any) -> bool:
        theirs = getattr(other, "_dims", None)  # of brian2, which looks for these of ours
        return tuple.__eq__(self, other) if theirs is None else _same(self, exponents_of(theirs))

    def __ne__(self, other: Any) -> bool:
        return not self == other

    __hash__ = tuple.__hash__

    @property
    def _dims(self) -> Exponents:
        return tuple(self)

    @property
    def is_dimensionless(self) -> bool:
        return _is_dimensionless(self)

    @property
    def dim(self) -> Dimension:
        return self


def exponents_of(dim: Any) -> Exponents:
    """Of a dimension, ours or brian2's."""
    return tuple(float(d) for d in getattr(dim, "_dims", dim))


def _power(dim: Exponents, exponent: float) -> Exponents:
    return tuple(d * exponent for d in dim)


def _same(a: Exponents, b: Exponents) -> bool:
    for x, y in zip(a, b):
        if abs(x - y) >= 1e-9:
            return False
    return True


@functools.lru_cache(maxsize=1024)  # quantities are made often, of few dimensions
def _is_dimensionless(dim: Exponents) -> bool:
    return _same(dim, DIMENSIONLESS)


@functools.lru_cache(maxsize=1024)
def _dimension(dim: Exponents) -> Dimension:
    return Dimension(float(d) for d in dim)


def _name(dim: Exponents) -> str:
    return "a plain number" if _same(dim, DIMENSIONLESS) else _core.dimension_name(dim)


def _dim(value: Any) -> Exponents:
    return value.dim if isinstance(value, Quantity) else DIMENSIONLESS


def _plain(value: Any) -> Any:
    return value.view(np.ndarray) if isinstance(value, Quantity) else value


_same_dimension = {
    np.add, np.subtract, np.maximum, np.minimum, np.fmax, np.fmin, np.remainder, np.fmod, np.hypot, np.nextafter,
}  # fmt: skip
_comparisons = {np.less, np.less_equal, np.greater, np.greater_equal, np.equal, np.not_equal}
_keep = {np.negative, np.positive, np.absolute, np.fabs, np.conjugate, np.rint, np.floor, np.ceil, np.trunc}
_forget = {np.sign, np.isfinite, np.isnan, np.isinf, np.signbit, np.logical_not, np.logical_and, np.logical_or}
_dividing = {np.true_divide, np.floor_divide}


class Quantity(np.ndarray):
    """Numbers in SI base units with a dimension.

    Parameters
    ----------
    value : array_like
        Numbers in SI base units.
    dim : sequence of 7 floats
        Exponents of metre, kilogram, second, ampere, kelvin, mole, candela.
    """

    dim: Exponents
    __array_priority__ = 1000

    def __new__(cls, value: Any, dim: Any = DIMENSIONLESS) -> Quantity:
        array = np.asarray(value, dtype=float).view(cls)
        array.dim = dim if type(dim) is Dimension else _dimension(tuple(getattr(dim, "_dims", dim)))
        return array

    def __array_finalize__(self, source: Any) -> None:
        self.dim = getattr(source, "dim", DIMENSIONLESS)

    # --- arithmetic -------------------------------------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        dims = [_dim(x) for x in inputs]
        plain = [_plain(x) for x in inputs]
        out = kwargs.pop("out", None)
        if out is not None:
            kwargs["out"] = tuple(_plain(x) for x in out)
        dim = self._result(ufunc, method, dims, plain, kwargs)
        result = getattr(ufunc, method)(*plain, **kwargs)
        if out is not None:
            if dim is not None and isinstance(out[0], Quantity):
                out[0].dim = dim
            return out[0]
        return _wrap(result, dim)

    @staticmethod
    def _result(ufunc: np.ufunc, method: str, dims: list[Exponents], plain: list[Any], kwargs: dict[str, Any]) -> Exponents | None:
        if method in ("reduce", "accumulate"):
            if ufunc in _same_dimension:
                return dims[0]
            if ufunc in (np.logical_and, np.logical_or):
                return None
            if ufunc is np.multiply and _same(dims[0], DIMENSIONLESS):
                return None
        elif ufunc in _same_dimension or ufunc in _comparisons:
            dim = _common(ufunc.__name__, dims, plain)
            return None if ufunc in _comparisons else dim
        elif ufunc is np.arctan2:
            _common(ufunc.__name__, dims, plain)
            return None
        elif ufunc in (np.multiply, np.matmul):
            return tuple(a + b for a, b in zip(*dims))
        elif ufunc in _dividing:
            return tuple(a - b for a, b in zip(*dims))
        elif ufunc in (np.power, np.float_power):
            exponent = np.asarray(plain[1])
            if not _same(dims[1], DIMENSIONLESS) or (exponent.size != 1 and not _same(dims[0], DIMENSIONLESS)):
                raise UnitError("an exponent must be one plain number")
            return _power(dims[0], float(exponent.reshape(-1)[0])) if exponent.size == 1 else None
        elif ufunc is np.square:
            return _power(dims[0], 2)
        elif ufunc is np.sqrt:
            return _power(dims[0], 0.5)
        elif ufunc is np.cbrt:
            return _power(dims[0], 1 / 3)
        elif ufunc is np.reciprocal:
            return _power(dims[0], -1)
        elif ufunc in _keep:
            return dims[0]
        elif ufunc in _forget:
            return None
        for dim in dims:
            if not _same(dim, DIMENSIONLESS):
                raise UnitError(f"{ufunc.__name__} needs plain numbers, not {_name(dim)}")
        return None

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if function in (np.concatenate, np.stack, np.hstack, np.vstack, np.dstack, np.column_stack):
            items = [item if isinstance(item, Quantity) else Quantity(item) for item in args[0]]
            dim = _common(function.__name__, [item.dim for item in items], [_plain(item) for item in items])
            return _wrap(function([_plain(item) for item in items], *args[1:], **kwargs), dim)
        if function in (np.allclose, np.isclose, np.array_equal):
            _common(function.__name__, [_dim(args[0]), _dim(args[1])], [_plain(args[0]), _plain(args[1])])
            return function(_plain(args[0]), _plain(args[1]), *args[2:], **{k: float(np.asarray(v)) for k, v in kwargs.items()})
        if function in (np.argmin, np.argmax, np.argsort, np.shape, np.size, np.ndim):
            return function(_plain(args[0]), *args[1:], **kwargs)
        result = super().__array_function__(function, types, args, kwargs)
        if isinstance(result, np.floating):
            return _wrap(result, self.dim)
        return result

    # --- items ------------------------------------------------------------------------------------------------------

    def __getitem__(self, key: Any) -> Any:
        return _wrap(self.view(np.ndarray)[key], self.dim)

    def __setitem__(self, key: Any, value: Any) -> None:
        _common("assignment", [self.dim, _dim(value)], [self, _plain(value)])
        self.view(np.ndarray)[key] = _plain(value)

    def __iter__(self) -> Any:
        for value in self.view(np.ndarray):
            yield _wrap(value, self.dim)

    def __reduce__(self) -> Any:
        return (Quantity, (np.array(self.view(np.ndarray)), self.dim))

    def __float__(self) -> float:
        return float(self.view(np.ndarray))

    def __hash__(self) -> int:  # type: ignore[override]
        return hash((self.view(np.ndarray).tobytes(), self.dim))

    def __eq__(self, other: Any) -> Any:  # unlike dimensions are unequal, not an error
        if isinstance(other, (Quantity, int, float, np.ndarray)) and not _comparable(self, other):
            return np.zeros(np.broadcast(self, other).shape, bool) if self.ndim or np.ndim(other) else False
        return super().__eq__(other)

    def __ne__(self, other: Any) -> Any:
        return np.logical_not(self == other)

    # --- showing ----------------------------------------------------------------------------------------------------

    @property
    def dimensions(self) -> Exponents:
        """The exponents of the base units, as ``dim``."""
        return self.dim

    def in_unit(self, unit: Quantity, precision: int = 4) -> str:
        """The value as text in a unit of choice: ``(0.07*volt).in_unit(mV)`` is ``'70'``."""
        return f"{float(self / unit):.{precision}g}" if self.ndim == 0 else str(np.asarray(self / unit))

    def __str__(self) -> str:
        plain = self.view(np.ndarray)
        if plain.ndim == 0:
            return _core.format_quantity(float(plain), self.dim, 6)
        name, scale = _core.display_unit(self.dim, np.ascontiguousarray(plain, dtype=float).reshape(-1))
        return f"{plain / scale} {name}" if name != "1" else str(plain)

    def __repr__(self) -> str:
        if self.ndim == 0:
            return str(self)
        name, scale = _core.display_unit(self.dim, np.ascontiguousarray(self.view(np.ndarray), dtype=float).reshape(-1))
        return np.array2string(self.view(np.ndarray) / scale, separator=", ") + (f" * {name}" if name != "1" else "")

    def __format__(self, spec: str) -> str:
        return str(self) if not spec else format(float(self), spec)


def _comparable(a: Any, b: Any) -> bool:
    if _same(_dim(a), _dim(b)):
        return True
    plain = [_plain(x) for x, other in ((a, b), (b, a)) if _same(_dim(x), DIMENSIONLESS)]
    return any(_neutral(x) for x in plain)


def _neutral(value: Any) -> bool:
    """Zero and infinity have every dimension."""
    if isinstance(value, (int, float)):
        return value == 0 or math.isinf(value)
    array = np.asarray(value)
    return bool(np.all((array == 0) | np.isinf(array)))


def _common(what: str, dims: list[Exponents], plain: list[Any]) -> Exponents:
    """The dimension that all have; raises UnitError if they differ."""
    dim = dims[0]
    for other, value in zip(dims[1:], plain[1:]):
        if _same(dim, other) or (_same(other, DIMENSIONLESS) and _neutral(value)):
            continue
        if _same(dim, DIMENSIONLESS) and _neutral(plain[0]):
            dim = other
            continue
        raise UnitError(f"{what}: {_name(dim)} and {_name(other)} do not go together")
    return dim


def _wrap(result: Any, dim: Exponents | None) -> Any:
    if dim is None or _is_dimensionless(dim) or isinstance(result, tuple):
        return result
    return Quantity(result, dim)


def __getattr__(name: str) -> Quantity:
    unit = _core.find_unit(name)
    if unit is None:
        raise AttributeError(f"there is no unit `{name}`")
    quantity = Quantity(*unit)
    quantity.flags.writeable = False
    globals()[name] = quantity
    return quantity


def __dir__() -> list[str]:
    return sorted({*globals(), *_core.unit_names()})


def quantity(text: str) -> Quantity | float:
    """The quantity that a text means: ``quantity("20 nS")``."""
    value, dim = _core.parse_quantity(text)
    result: Quantity | float = _wrap(value, tuple(dim))
    return result
