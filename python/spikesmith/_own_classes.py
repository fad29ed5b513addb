"""Whether a script's class changes what a class of this package does."""

from __future__ import annotations

from typing import Any

__all__ = ["overridden"]


def overridden(one: Any, *names: str) -> bool:
    """Whether one of these methods is not that of the class of this package from which the object's class derives."""
    built_in = next(c for c in type(one).__mro__ if c.__module__.partition(".")[0] == __package__)
    return any(name in vars(one) or getattr(type(one), name) is not getattr(built_in, name) for name in names)
