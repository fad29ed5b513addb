"""Equations as objects: put together from pieces, with names replaced. A fitter takes them or their text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from . import _core
from ._borders import split, text_of
from .errors import ModelError
from .units import DIMENSIONLESS, Dimension, Exponents

__all__ = ["Equation", "Equations"]

_definition = re.compile(
    r"\s*(?:d\s*(?P<state>[A-Za-z_]\w*)\s*/\s*dt\s*=(?P<rate>[^:]*)|(?P<sub>[A-Za-z_]\w*)\s*=(?P<value>[^:]*)|(?P<parameter>[A-Za-z_]\w*(?:\s*,\s*[A-Za-z_]\w*)*))\s*"
    r":\s*(?P<unit>[\w*/.\- \t]+?)[ \t]*(?:\((?P<flags>[^()\n]*)\))?[ \t]*(?:\n|$)"
)
_identifier = re.compile(r"(?<![\w.])[A-Za-z_]\w*")


@dataclass(frozen=True)
class Equation:
    """One definition.

    Attributes
    ----------
    name : str
    kind : {'differential equation', 'subexpression', 'parameter', 'input'}
        The inputs and targets of a fitter are of the last kind.
    expression : str or None
    dim : tuple
        Exponents of the unit.
    flags : tuple of str
    """

    name: str
    kind: str
    expression: str | None
    dim: Exponents
    flags: tuple[str, ...] = ()

    @property
    def varname(self) -> str:
        return self.name

    @property
    def type(self) -> str:
        return self.kind

    @property
    def identifiers(self) -> set[str]:
        """Names in the expression."""
        return set(_identifier.findall(self.expression or ""))

    def __str__(self) -> str:
        unit = "1" if not any(self.dim) else _core.dimension_name(self.dim)
        flags = f" ({', '.join(self.flags)})" if self.flags else ""
        left = {"differential equation": f"d{self.name}/dt = {self.expression}", "subexpression": f"{self.name} = {self.expression}"}
        return f"{left.get(self.kind, self.name)} : {unit}{flags}"


class Equations(Mapping[str, Equation]):
    """The definitions of a model by name.

    Parameters
    ----------
    text : str
    **replacements
        For names in the text: a value (number or quantity), or another name.

    Examples
    --------
    >>> from spikesmith.units import *
    >>> leak = Equations("I_leak = g*(E - v) : amp", g=10*nS, E='El')
    >>> model = Equations("dv/dt = I_leak/C : volt") + leak + Equations("C : farad (constant)")
    >>> sorted(model), model.parameter_names
    (['C', 'I_leak', 'v'], {'C'})
    >>> print(model['I_leak'].expression)
    (1e-08 * (siemens))*(El - v)
    """

    def __init__(self, text: str = "", **replacements: Any) -> None:
        for name, replacement in replacements.items():
            value = replacement if isinstance(replacement, str) else f"({text_of(replacement)})"
            text = re.sub(rf"(?<![\w.]){re.escape(name)}(?!\w)", lambda _, value=value: value, text)  # type: ignore[misc]
            if isinstance(replacement, str):
                text = re.sub(rf"(?<!\w)d{re.escape(name)}(?=\s*/\s*dt\s*=)", f"d{replacement}", text)
        self.text = text
        self._definitions: dict[str, Equation] = {}
        bare = re.sub(r"#[^\n]*", "", text)
        position = 0
        while bare[position:].strip():
            found = _definition.match(bare, position)
            if found is None:
                line = bare[: position + len(bare[position:]) - len(bare[position:].lstrip())].count("\n") + 1
                raise ModelError(f"line {line} is no definition: {text.splitlines()[line - 1].strip()}")
            for equation in _equations_of(found):
                self._add(equation)
            position = found.end()

    def _add(self, equation: Equation) -> None:
        if equation.name in self._definitions:
            raise ModelError(f"duplicate definition of `{equation.name}`")
        self._definitions[equation.name] = equation

    def with_inputs(self, dims: Mapping[str, Exponents]) -> Equations:
        """The same with time courses that come from outside."""
        result = Equations()
        result.text = self.text
        result._definitions = dict(self._definitions)
        for name, dim in dims.items():
            result._definitions[name] = Equation(name, "input", None, Dimension(dim))
        return result

    def __add__(self, other: Equations | str) -> Equations:
        return Equations(f"{self.text}\n{other if isinstance(other, str) else other.text}")

    def __getitem__(self, name: str) -> Equation:
        return self._definitions[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._definitions)

    def __len__(self) -> int:
        return len(self._definitions)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return "\n".join(str(equation) for equation in self.values())

    def _of(self, kind: str) -> set[str]:
        return {name for name, equation in self.items() if equation.kind == kind}

    @property
    def names(self) -> set[str]:
        """All that is defined."""
        return set(self)

    @property
    def diff_eq_names(self) -> set[str]:
        return self._of("differential equation")

    @property
    def subexpr_names(self) -> set[str]:
        return self._of("subexpression")

    @property
    def parameter_names(self) -> set[str]:
        return self._of("parameter")

    @property
    def identifiers(self) -> set[str]:
        """Names that are used and not defined here, units and functions among them."""
        used: set[str] = set()
        for equation in self.values():
            used |= equation.identifiers
        return used - set(self)

    @property
    def dimensions(self) -> dict[str, Exponents]:
        return {name: equation.dim for name, equation in self.items()}


def _equations_of(found: re.Match[str]) -> Iterator[Equation]:
    kind, name = next(
        (kind, found[group])
        for group, kind in (("state", "differential equation"), ("sub", "subexpression"), ("parameter", "parameter"))
        if found[group]
    )
    expression = found["rate"] if found["rate"] is not None else found["value"]
    unit = found["unit"].strip()
    dim: Exponents | None = DIMENSIONLESS
    if unit not in ("1", "boolean", "integer"):
        dim = split(f"1 {unit}" if not unit.startswith("1") else unit)[1]
    flags = tuple(flag.strip() for flag in (found["flags"] or "").split(",") if flag.strip())
    for one in name.split(","):
        yield Equation(
            one.strip(), kind, None if expression is None else " ".join(expression.split()), Dimension(dim or DIMENSIONLESS), flags
        )
