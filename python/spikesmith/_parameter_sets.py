"""The parameter sets of a round as callbacks see them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ._borders import FloatArray, Maker, quantities
from .units import Exponents

__all__ = ["ParameterSets"]


def _of_list(name: str) -> Any:
    method: Callable[..., Any] = getattr(list, name)

    @functools.wraps(method)
    def called(self: ParameterSets, *args: Any, **kwds: Any) -> Any:
        self._fill()
        return method(self, *args, **kwds)

    return called


class ParameterSets(list[dict[str, Any]]):
    """A list with a dictionary for each parameter set, which are made when they are looked at: most callbacks look at few or none.

    ``params[3]["g"]`` is one value, as of any list of dictionaries; ``params["g"]`` an array of the values of all sets.
    """

    def __init__(self, names: Sequence[str], values: FloatArray, dims: Mapping[str, Exponents], make: Maker) -> None:
        super().__init__()
        self._names = list(names)
        self._values = values
        self._dims = dims
        self._make = make
        self._filled = False
        self._single: dict[int, dict[str, Any]] = {}  # looked at before all were

    def __len__(self) -> int:
        return super().__len__() if self._filled else len(self._values)

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            if key not in self._names:
                raise KeyError(key)
            return self._make(self._values[:, self._names.index(key)].copy(), self._dims[key])
        n = len(self._values)
        if self._filled or not isinstance(key, int) or not -n <= key < n:
            self._fill()
            return super().__getitem__(key)
        row = key % n
        if row not in self._single:
            values = zip(self._names, self._values[row].tolist())
            self._single[row] = {name: self._make(value, self._dims[name]) for name, value in values}
        return self._single[row]

    def _fill(self) -> None:
        if self._filled:
            return
        self._filled = True
        columns = [quantities(self._make, self._values[:, p], self._dims[name]) for p, name in enumerate(self._names)]
        rows = zip(*columns) if columns else [()] * len(self._values)
        list.extend(self, [self._single.get(k) or dict(zip(self._names, row)) for k, row in enumerate(rows)])

    def __radd__(self, other: list[Any]) -> list[Any]:
        return other + list(self)

    def __reduce_ex__(self, protocol: Any) -> Any:  # copies and pickles are plain lists
        return (list, (list(self),))


for _name in (
    "__add__", "__contains__", "__delitem__", "__eq__", "__ge__", "__gt__", "__iadd__", "__imul__", "__iter__", "__le__", "__lt__", "__mul__",
    "__ne__", "__repr__", "__reversed__", "__rmul__", "__setitem__", "append", "clear", "copy", "count", "extend", "index", "insert", "pop",
    "remove", "reverse", "sort",
):  # fmt: skip
    setattr(ParameterSets, _name, _of_list(_name))
