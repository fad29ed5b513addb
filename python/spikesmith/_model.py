"""From what a user's script holds (equations, names in its namespace) to a checked model."""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Iterable, Mapping
from numbers import Number
from types import FrameType
from typing import Any

import numpy as np

from . import _core
from .equations import Equations
from ._borders import FloatArray, Maker, own_quantity, plain_number, split, text_of
from .errors import ModelError, UnitError
from .neuron import Neuron
from .units import DIMENSIONLESS, Exponents, _name

_definition = re.compile(r"^\s*(?:d([A-Za-z_]\w*)\s*/\s*dt|([A-Za-z_]\w*))\s*=", re.MULTILINE)
_identifier = re.compile(r"(?<![\w.])[A-Za-z_]\w*")
_undefined = "unknown name"
# names with a meaning of their own in equations, whatever a script calls so
_special = {"t", "dt", "t_in_timesteps", "i", "N", "iteration", "lastspike", "not_refractory", "xi", "pi", "e", "inf"}


def caller_namespace(level: int) -> dict[str, Any]:
    """Globals and locals of the frame ``level`` above the function that calls this."""
    frame: FrameType = sys._getframe(level + 1)
    return {**frame.f_globals, **frame.f_locals}


def equations_text(model: Any) -> str:
    """The text of the equations: a string, or an Equations object (brian2's)."""
    if isinstance(model, str):
        return model
    if isinstance(model, Equations):
        return model.text
    if type(model).__name__ == "Equations" and hasattr(model, "values"):
        return "\n".join(_equation_text(equation) for equation in model.values())
    raise TypeError(f"model must be the text of equations or a Neuron, not {type(model).__name__}")


def _equation_text(equation: Any) -> str:
    unit = _core.dimension_name(tuple(equation.dim._dims)) if equation.var_type == "float" else equation.var_type
    flags = f" ({', '.join(equation.flags)})" if equation.flags else ""
    if equation.type == "differential equation":
        return f"d{equation.varname}/dt = {equation.expr.code} : {unit}{flags}"
    if equation.type == "subexpression":
        return f"{equation.varname} = {equation.expr.code} : {unit}{flags}"
    return f"{equation.varname} : {unit}{flags}"


def parameters_by_eye(text: str) -> list[str]:
    """Names declared as `name : unit`, before the model can be checked as a whole."""
    names = []
    for line in text.splitlines():
        declared, colon, _ = line.partition("#")[0].partition(":")
        if colon and "=" not in declared:
            names += [name.strip() for name in declared.split(",") if name.strip().isidentifier()]
    return names


def variables_by_eye(text: str) -> list[str]:
    """States, subexpressions and parameters that the equations define; names of the script do not replace them."""
    return [name for pair in _definition.findall(text) for name in pair if name] + parameters_by_eye(text)


@functools.lru_cache(maxsize=256)
def foreign_names(texts: tuple[str, ...], inputs: tuple[str, ...]) -> list[str]:
    """The names in the texts, of which the first are the equations, that these do not define: constants, units and functions."""
    used = {name for text in texts for name in _identifier.findall(text)}
    return sorted(used - {*inputs, *variables_by_eye(texts[0])} - _special)


def constants_for(names: list[str], namespace: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The numbers and quantities of the namespace that have these names, as constants of the language."""
    constants = []
    for name in names:
        if name not in namespace or not _is_constant(namespace[name]):
            continue
        value = namespace[name]
        unit = _core.find_unit(name)
        if unit is not None and float(split(value)[0]) == unit[0]:
            continue  # the language knows it
        constants.append((name, text_of(value)))
    return constants


def _is_constant(value: Any) -> bool:
    if isinstance(value, np.ndarray) and value.ndim > 0 or isinstance(value, (str, type)) or callable(value) and not hasattr(value, "dim"):
        return False
    return isinstance(value, (Number, np.generic)) or hasattr(value, "dim") or hasattr(value, "dimensionality")


def _compared(value: Any) -> Any:
    """A number that may be changed in place, as it is now."""
    if type(value) in (int, float):
        return value
    number, dim, _ = split(value)
    return float(number), dim


class ModelText:
    """Everything that makes a model; checked when its constants are known."""

    def __init__(
        self,
        equations: str,
        inputs: Mapping[str, Exponents | None],
        targets: list[str],
        threshold: str | None,
        reset: str | None,
        refractory: Any,
        param_init: Mapping[str, Any] | None,
    ) -> None:
        self.equations = equations
        self.inputs = dict(inputs)
        self.targets = targets
        self.threshold, self.reset = threshold, reset
        self.refractory = "" if refractory is None or refractory is False else text_of(refractory)
        self.set_initial(param_init)

    def set_initial(self, param_init: Mapping[str, Any] | None) -> None:
        self.param_init = {name: text_of(value) for name, value in (param_init or {}).items()}

    def _names(self, more: Iterable[str] = ()) -> list[str]:
        """That a namespace may explain, with those in more texts."""
        texts = (self.equations, self.threshold or "", self.reset or "", self.refractory, *self.param_init.values(), *more)
        return foreign_names(texts, tuple(self.inputs))

    def state(self, namespace: Mapping[str, Any]) -> Any:
        """What the model is made of besides the equations, to be compared."""
        return [(name, _compared(namespace[name])) for name in self._names() if name in namespace], list(self.param_init.items())

    def parse(self, namespace: Mapping[str, Any], param_init: Mapping[str, Any] | None = None) -> tuple[_core.Model, list[str]]:
        """The checked model and warnings."""
        initial = {**self.param_init, **{name: text_of(value) for name, value in (param_init or {}).items()}}
        dims = {name: dim for name, dim in self.inputs.items() if dim is not None}
        constants = constants_for(self._names(initial.values()), namespace)
        arguments = (self.targets, self.threshold, self.reset, self.refractory, list(initial.items()))
        try:
            return _core.parse_brian(self.equations, constants, list(self.inputs), dims, *arguments)
        except ModelError as error:
            if "does not follow from the equations" not in error.message:
                raise
            # an array without a unit, of an input that the equations leave open: plain numbers
            dims = {name: dim if dim is not None else DIMENSIONLESS for name, dim in self.inputs.items()}
            return _core.parse_brian(self.equations, constants, list(self.inputs), dims, *arguments)

    def capture(self, namespace: Mapping[str, Any], param_init: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """What of a namespace the model may use, so that the rest is not kept alive."""
        names = self._names(text_of(value) for value in (param_init or {}).values())
        return {name: namespace[name] for name in names if name in namespace and _is_constant(namespace[name])}

    def try_parse(self, namespace: Mapping[str, Any]) -> _core.Model | None:
        """The model, or None if only names are missing that may be defined later."""
        try:
            return self.parse(namespace)[0]
        except ModelError as error:
            if error.message.startswith(_undefined):
                return None
            raise


class NeuronText:
    """The same for a neuron in ANNarchy's language, which has its constants and no units."""

    def __init__(self, neuron: Neuron, inputs: list[str], targets: list[str], param_init: Mapping[str, Any] | None) -> None:
        self.neuron, self.targets = neuron, targets
        self.inputs: dict[str, Exponents | None] = dict.fromkeys(inputs, DIMENSIONLESS)
        self.set_initial(param_init)
        self.free: list[str] = []  # parameters that are searched, whatever their values

    def set_initial(self, param_init: Mapping[str, Any] | None) -> None:
        self.param_init = dict(param_init or {})

    def state(self, namespace: Mapping[str, Any]) -> Any:
        return list(self.free), [(name, text_of(value)) for name, value in self.param_init.items()]

    def parse(self, namespace: Mapping[str, Any], param_init: Mapping[str, Any] | None = None) -> tuple[_core.Model, list[str]]:
        initial = {name: _plain_value(name, value) for name, value in {**self.param_init, **(param_init or {})}.items()}
        free = [name for name in self.free if name not in initial]
        # what there was to warn of was said when the neuron was made
        return self.neuron._parse(targets=self.targets, inputs=self.inputs, init=initial, free=free)[0], []

    def capture(self, namespace: Mapping[str, Any], param_init: Mapping[str, Any] | None = None) -> dict[str, Any]:
        return {}

    def try_parse(self, namespace: Mapping[str, Any]) -> _core.Model | None:
        return self.parse(namespace)[0]


def _plain_value(name: str, value: Any) -> Any:
    if isinstance(value, str):
        return value
    numbers, dim, _ = split(value)
    if dim is not None and any(dim):
        raise UnitError(f"{name} is a plain number in ANNarchy's language, not {_name(dim)}")
    return float(numbers)


def series(values: Any) -> tuple[list[FloatArray], Exponents | None, Maker | None]:
    """Rows of a two-dimensional array, or a list of traces of different length."""
    if isinstance(values, (list, tuple)) and len({np.shape(row) for row in values}) > 1:
        parts = [split(row) for row in values]
        return (
            [np.ascontiguousarray(row) for row, _, _ in parts],
            next((dim for _, dim, _ in parts if dim is not None), None),
            next((maker for _, _, maker in parts if maker is not None), None),
        )
    numbers, dim, maker = split(values)
    if numbers.ndim != 2:
        raise ValueError(f"traces must be two-dimensional (n_traces x n_steps), not of shape {numbers.shape}")
    return list(np.ascontiguousarray(numbers)), dim, maker


def output_maker(makers: list[Maker | None], use_units: bool) -> Maker:
    """What makes results: of the first package whose quantities came in."""
    if not use_units:
        return plain_number
    return next((maker for maker in makers if maker is not None), own_quantity)


__all__ = [
    "DIMENSIONLESS", "ModelText", "NeuronText", "caller_namespace", "constants_for", "equations_text", "output_maker", "parameters_by_eye", "series",
]  # fmt: skip
