"""Errors that a user can act on: what is wrong, where, and what would be right."""

from __future__ import annotations

import sys
from typing import Any, Self

__all__ = ["Error", "ModelError", "UnitError", "DataError", "ConfigError", "NumericalError", "Interrupted", "DimensionMismatchError"]


class Error(Exception):
    """Base of all errors of Spikesmith. The text shows the place, with a caret, where there is one.

    Attributes
    ----------
    message : str
        One sentence without position and hint.
    source, line, column : str, int, int
        Where in which text; ``line`` is 0 if there is no position.
    hint : str
        What would be right; may be empty.
    """

    message: str = ""
    source: str = ""
    line: int = 0
    column: int = 0
    hint: str = ""

    def __str__(self) -> str:
        return "\nhint: ".join(map(str, self.args))


class ModelError(Error, ValueError):
    """Equations, statements or names of a model are wrong."""


class UnitError(Error, TypeError):
    """Dimensions do not fit. Where brian2 is in use it is its DimensionMismatchError too, for scripts that expect that."""

    def __new__(cls, *arguments: Any) -> Self:
        units = sys.modules.get("brian2.units.fundamentalunits")
        if cls is not UnitError or units is None:
            return super().__new__(cls, *arguments)
        both = {
            "__str__": Error.__str__,
            "__repr__": Error.__repr__,
            "__module__": __name__,
            "desc": str(arguments[0]) if arguments else "",
            "dims": (),
        }
        combined: Any = type("UnitError", (UnitError, units.DimensionMismatchError), both)
        return combined.__new__(combined, *arguments)  # type: ignore[no-any-return]


class DataError(Error, ValueError):
    """Recordings or arrays are wrong."""


class ConfigError(Error, ValueError):
    """An option is wrong."""


class NumericalError(Error, ArithmeticError):
    """A computation cannot go on."""


class Interrupted(Error):
    """Stopped by the user."""


DimensionMismatchError = UnitError
