"""Quantities of any package come in as SI numbers and exponents, and go out as they came.

brian2, pint and quantities are recognised by their objects and never imported.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _core
from .errors import UnitError
from .units import DIMENSIONLESS, Exponents, Quantity, _is_dimensionless, _name, _same

FloatArray = npt.NDArray[np.float64]
# makes a quantity of SI numbers and exponents
Maker = Callable[[Any, Exponents], Any]

_pint_names = ("[length]", "[mass]", "[time]", "[current]", "[temperature]", "[substance]", "[luminosity]")
_quantities_names = ("m", "kg", "s", "A", "K", "mol", "cd")


def own_quantity(value: Any, dim: Exponents) -> Any:
    """A quantity of spikesmith.units; a plain number or array if there is no dimension."""
    return value if _is_dimensionless(dim) else Quantity(value, dim)


def plain_number(value: Any, dim: Exponents) -> Any:
    """For ``use_units=False``."""
    return value


def quantities(make: Maker, values: FloatArray, dim: Exponents) -> list[Any]:
    """One quantity for each number; our own are views of one array, which is quick."""
    if make is own_quantity and not _same(dim, DIMENSIONLESS):
        array = Quantity(values, dim)
        item = np.ndarray.__getitem__  # without the checks of a Quantity's own
        return [item(array, (k, ...)) for k in range(len(values))]
    return [make(value, dim) for value in values.tolist()]


def _brian_quantity(value: Any, dim: Exponents) -> Any:
    if _same(dim, DIMENSIONLESS):
        return value
    fundamental = sys.modules["brian2.units.fundamentalunits"]
    return fundamental.Quantity(value, dim=fundamental.get_or_create_dimension(tuple(dim)))


def _pint_maker(registry: Any) -> Maker:
    bases = ("meter", "kilogram", "second", "ampere", "kelvin", "mole", "candela")

    def make(value: Any, dim: Exponents) -> Any:
        units: dict[str, float] = {name: power for name, power in zip(bases, dim) if power}
        return registry.Quantity(value, registry.UnitsContainer(units)) if units else value

    return make


def _quantities_maker(value: Any, dim: Exponents) -> Any:
    package = sys.modules["quantities"]
    if _same(dim, DIMENSIONLESS):
        return value
    unit = 1
    for name, power in zip(_quantities_names, dim):
        if power:
            unit = unit * getattr(package, name) ** power
    return value * unit


def split(value: Any) -> tuple[FloatArray, Exponents | None, Maker | None]:
    """Numbers in SI base units, exponents (None for plain numbers), and what makes quantities of the same kind."""
    if isinstance(value, Quantity):
        return np.asarray(value.view(np.ndarray), dtype=float), value.dim, own_quantity
    if isinstance(value, str):
        number, exponents = _core.parse_quantity(value)
        return np.asarray(number), (None if _same(tuple(exponents), DIMENSIONLESS) else tuple(exponents)), None
    module = type(value).__module__.partition(".")[0]
    if module == "brian2" and hasattr(value, "dim"):
        return np.asarray(np.asarray(value), dtype=float), tuple(value.dim._dims), _brian_quantity
    if module == "pint" or (hasattr(value, "to_base_units") and hasattr(value, "dimensionality")):
        base = value.to_base_units()
        dim: Exponents = tuple(float(base.dimensionality.get(name, 0)) for name in _pint_names)
        return np.asarray(base.magnitude, dtype=float), dim, _pint_maker(value._REGISTRY)
    if module == "quantities" and hasattr(value, "simplified"):
        base = value.simplified
        powers = {getattr(unit, "symbol", str(unit)): power for unit, power in base.dimensionality.items()}
        return np.asarray(base.magnitude, dtype=float), tuple(float(powers.get(n, 0)) for n in _quantities_names), _quantities_maker
    if isinstance(value, (list, tuple)) and any(_has_unit(item) for item in value):
        parts = [split(item) for item in value]
        dims = [given for _, given, _ in parts if given is not None]
        for other in dims[1:]:
            if not _same(dims[0], other):
                raise UnitError(f"{_name(dims[0])} and {_name(other)} do not go together")
        for numbers, given, _ in parts:
            if given is None and dims and not np.all(numbers == 0):
                raise UnitError(f"a plain number stands among quantities ({_name(dims[0])})")
        maker = next((m for _, _, m in parts if m is not None), None)
        return np.array([numbers for numbers, _, _ in parts], dtype=float), (dims[0] if dims else None), maker
    return np.asarray(value, dtype=float), None, None


def _has_unit(value: Any) -> bool:
    if isinstance(value, (int, float, np.generic)) or value is None:
        return False
    if isinstance(value, (list, tuple)):
        return any(_has_unit(item) for item in value)
    return isinstance(value, str) or type(value) is not np.ndarray


def si(value: Any, dim: Exponents, what: str) -> FloatArray:
    """Numbers in SI base units of a quantity that must have the dimension; plain numbers are taken as SI."""
    numbers, given, _ = split(value)
    if given is not None and not _same(given, dim):
        raise UnitError(f"{what} is {_name(given)}, but must be {_name(dim)}")
    return numbers


def si_number(value: Any, dim: Exponents, what: str, required: bool = False) -> float:
    """One number in SI base units. ``required``: a plain number that is not 0 is refused."""
    numbers, given, _ = split(value)
    if numbers.size != 1:
        raise ValueError(f"{what} must be one number")
    if required and given is None:
        raise UnitError(f"{what} needs a unit ({_name(dim)})")
    return float(si(value, dim, what).reshape(-1)[0])


SECOND: Exponents = (0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0)
VOLT: Exponents = (2.0, 1.0, -3.0, -1.0, 0.0, 0.0, 0.0)


def text_of(value: Any) -> str:
    """A constant as the equation language reads it, exact to the last bit."""
    if isinstance(value, str):
        return value
    numbers, dim, _ = split(value)
    number = repr(float(numbers))
    if dim is None or _same(dim, DIMENSIONLESS):
        return number
    return f"{number} * ({_core.dimension_name(dim)})"
