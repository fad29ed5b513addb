"""What happens after each round of a fit.

A callback is anything callable: ``callback(params, errors, best_params, best_error, index, additional_info)``. The fit stops after
the round if it returns ``True``. One that is written without ``additional_info`` is called without.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import numpy as np

from . import _core
from ._borders import split
from .units import DIMENSIONLESS, _same

__all__ = ["callback_setup", "callback_text", "callback_none", "ProgressBar", "make_dic"]

Callback = Callable[[Any, Any, Any, Any, int, Mapping[str, Any]], Any]


def make_dic(names: Sequence[str], values: Sequence[Any]) -> dict[str, Any]:
    """Names and values as a dictionary."""
    return dict(zip(names, values))


def _text(value: Any, digits: int = 3) -> str:
    """Three decimals in a readable unit, so many significant digits of a plain number."""
    number, dim, _ = split(value)
    if dim is None or _same(dim, DIMENSIONLESS) or not np.isfinite(number):
        return str(_core.format_quantity(float(number), DIMENSIONLESS if dim is None else dim, digits))
    unit, scale = _core.display_unit(dim, np.atleast_1d(number))
    text = f"{float(number) / scale:.3f}".rstrip("0").rstrip(".")
    return f"{text} {unit}" if text not in ("0", "-0") else str(_core.format_quantity(float(number), dim, digits))


def callback_text(
    params: Any, errors: Any, best_params: Any, best_error: Any, index: int, additional_info: Mapping[str, Any] | None = None
) -> None:
    """Prints the best parameters and their error."""
    info = additional_info or {}
    best = ", ".join(f"{name}={_text(best_params[name])}" for name in sorted(best_params)) if best_params else "none yet"
    print(f"Round {index}: Best parameters {best}")
    given = info.get("output_var", [])
    outputs = [given] if isinstance(given, str) else list(given)
    normalized = info.get("objective_errors_normalized") or []
    raw = info.get("objective_errors") or []
    indent = " " * len(f"Round {index}: ")
    error = "none yet" if best_error is None else _text(best_error, 4 if len(outputs) > 1 else 3)
    if len(outputs) > 1 and len(normalized) == len(outputs):
        parts = " + ".join(f"{_text(n)} ({name}{_unnormalized(n, r)})" for name, n, r in zip(outputs, normalized, raw))
        print(f"{indent}Best error: {error} = {parts}")
    else:
        extra = _unnormalized(normalized[0], raw[0]) if normalized and raw else ""
        named = f" ({', '.join(outputs)}{extra})" if outputs else ""
        print(f"{indent}Best error: {error}{named}")


def _unnormalized(normalized: Any, raw: Any) -> str:
    if float(split(normalized)[0]) == float(split(raw)[0]):
        return ""
    return f", unnormalized error: {_text(raw)}"


def callback_none(params: Any, errors: Any, best_params: Any, best_error: Any, index: int, additional_info: Any = None) -> None:
    """Says nothing."""


class ProgressBar:
    """A bar of tqdm (a notebook's own in notebooks), or dots where tqdm is missing."""

    def __init__(self, total: int | None = None, **kwds: Any) -> None:
        self.t: Any = None
        try:
            from tqdm.auto import tqdm

            self.t = tqdm(total=total, **kwds)  # type: ignore[call-arg, unused-ignore]
        except ImportError:
            pass

    def __call__(self, params: Any, errors: Any, best_params: Any, best_error: Any, index: int, additional_info: Any = None) -> None:
        if self.t is None:
            print(".", end="", file=sys.stderr, flush=True)
            return
        self.t.set_postfix_str(f"best error {_text(best_error, 4)}" if best_error is not None else "", refresh=False)
        self.t.update(1)


def _takes_five(callback: Any) -> bool:
    """Whether it was written without ``additional_info``."""
    try:
        parameters = inspect.signature(callback).parameters.values()
    except (TypeError, ValueError):
        return False
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return len(positional) == 5 and not any(p.kind is p.VAR_POSITIONAL for p in parameters)


def _with_five(callback: Any) -> Callback:
    @functools.wraps(callback)
    def called(params: Any, errors: Any, best_params: Any, best_error: Any, index: int, additional_info: Any) -> Any:
        return callback(params, errors, best_params, best_error, index)

    called.__module__ = "script"  # not one of this module, which are told less
    return called


def callback_setup(set_type: Any, n_rounds: int | None) -> Callback:
    """'text', 'progressbar', None or anything callable as a callback."""
    if set_type is None:
        return callback_none
    if set_type == "text":
        return callback_text
    if set_type == "progressbar":
        return ProgressBar(n_rounds)
    if callable(set_type):
        return _with_five(set_type) if _takes_five(set_type) else cast(Callback, set_type)
    raise TypeError("callback must be 'text', 'progressbar', None or something that can be called")
