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

from . import _core
from ._borders import split
from .units import Exponents

__all__ = ["callback_setup", "callback_text", "callback_none", "ProgressBar", "make_dic"]

Callback = Callable[[Any, Any, Any, Any, int, Mapping[str, Any]], Any]


def make_dic(names: Sequence[str], values: Sequence[Any]) -> dict[str, Any]:
    """Names and values as a dictionary."""
    return dict(zip(names, values))


def _number(value: Any) -> tuple[float, Exponents | None]:
    """In SI units, with exponents unless it is a plain number."""
    numbers, dim, _ = split(value)
    return float(numbers), dim


def callback_text(
    params: Any, errors: Any, best_params: Any, best_error: Any, index: int, additional_info: Mapping[str, Any] | None = None
) -> None:
    """Prints the best parameters and their error."""
    info = additional_info or {}
    given = info.get("output_var", [])
    text = _core.round_text(
        index,
        [(name, _number(value)) for name, value in (best_params or {}).items()],
        None if best_error is None else _number(best_error),
        [given] if isinstance(given, str) else list(given),
        [_number(value) for value in info.get("objective_errors") or []],
        [_number(value) for value in info.get("objective_errors_normalized") or []],
    )
    print(text)


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
        self.t.set_postfix_str(f"best error {_core.shown_number(_number(best_error), 4)}" if best_error is not None else "", refresh=False)
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
    def called(params: Any, errors: Any, best_params: Any, best_error: Any, index: int, additional_info: Any = None) -> Any:
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
