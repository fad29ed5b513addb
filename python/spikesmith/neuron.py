"""Neurons in ANNarchy's language: ``Neuron(parameters=..., equations=..., spike=..., reset=...)``.

Numbers have no units and times are milliseconds; docs/annarchy.md describes the language. ``spikesmith.neurons`` has models from the
literature by name.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from . import _core

__all__ = ["Neuron"]


def _lines(text: str | Iterable[str] | None) -> str:
    if text is None:
        return ""
    return text if isinstance(text, str) else "\n".join(text)


def _value(value: Any) -> str:
    if isinstance(value, (bool, np.bool_)):
        return "True" if value else "False"
    if isinstance(value, (int, float, np.integer, np.floating)):
        return repr(value.item() if isinstance(value, np.generic) else value)
    return str(value)


class Neuron:
    """A neuron model, checked when it is made.

    Parameters
    ----------
    parameters : str or dict
        ``"tau = 10.0; E = -70.0"``, or names with values.
    equations : str or list of str
        Differential equations and assignments in their order.
    spike : str, optional
        The spike condition; without it the neuron is rate-coded and defines ``r``.
    reset : str or list of str
        Assignments after a spike.
    refractory : str or float
        Milliseconds: a number, a parameter or an expression.
    functions : str
        Functions of one expression each.
    method : str
        Of equations without a flag: explicit, implicit, semiimplicit, exponential, midpoint or rk4.
    name, description : str
        For people.
    constants : dict
        Numbers that the texts may use.
    init : dict
        Initial values of variables, or values of parameters, instead of those of the texts.
    inputs : list of str
        Names that an experiment drives and that no text declares.

    Examples
    --------
    >>> neuron = Neuron(parameters="a = 0.8; b = 2.0; I_app = 0", equations="r = a*I_app + b")
    >>> neuron.parameters
    {'a': '0.8', 'b': '2', 'I_app': '0'}
    """

    def __init__(
        self,
        parameters: str | Mapping[str, Any] = "",
        equations: str | Iterable[str] = "",
        spike: str | None = None,
        axon_spike: None = None,
        reset: str | Iterable[str] | None = None,
        axon_reset: None = None,
        refractory: str | float | None = None,
        functions: str | Iterable[str] | None = None,
        method: str = "explicit",
        name: str = "",
        description: str = "",
        *,
        constants: Mapping[str, Any] | None = None,
        init: Mapping[str, Any] | None = None,
        inputs: Iterable[str] = (),
    ) -> None:
        if axon_spike is not None or axon_reset is not None:
            raise TypeError("axonal spikes need a network; a fitted neuron stands alone")
        if isinstance(parameters, Mapping):
            parameters = "\n".join(f"{key} = {_value(value)}" for key, value in parameters.items())
        self.name, self.description = name, description
        self._text: dict[str, Any] = {
            "parameters": parameters,
            "equations": _lines(equations),
            "spike": spike,
            "reset": _lines(reset),
            "refractory": "" if refractory is None else _value(refractory),
            "functions": _lines(functions),
            "method": method or "explicit",
            "constants": [(key, _value(value)) for key, value in (constants or {}).items()],
        }
        self._inputs = list(inputs)
        self._init = {key: _value(value) for key, value in (init or {}).items()}
        self._model, notes = self._parse()
        for note in notes:
            warnings.warn(note, stacklevel=2)

    def _parse(
        self,
        name: str | None = None,
        targets: Iterable[str] = (),
        inputs: Iterable[str] = (),
        init: Mapping[str, Any] | None = None,
        free: Iterable[str] = (),
    ) -> tuple[_core.Model, list[str]]:
        return _core.parse_annarchy(
            name=self.name if name is None else name,
            inputs=[*self._inputs, *(name for name in inputs if name not in self._inputs)],
            targets=list(targets),
            initial_values=list({**self._init, **{key: _value(value) for key, value in (init or {}).items()}}.items()),
            free=list(free),
            **self._text,
        )

    def model(self, name: str | None = None) -> _core.Model:
        """The checked model, under another name if one is given."""
        return self._model if name is None else self._parse(name)[0]

    def with_init(self, init: Mapping[str, Any]) -> Neuron:
        """This neuron with other values of parameters or initial values of variables."""
        other = object.__new__(type(self))
        other.__dict__ = {**self.__dict__, "_init": {**self._init, **{key: _value(value) for key, value in init.items()}}}
        other._model, _ = other._parse()
        return other

    @property
    def parameters(self) -> dict[str, str]:
        """Parameters and the expressions of their values."""
        values = dict(_core.initial_values(self._model))
        return {name: values.get(name, "") for name, _ in self._model.parameters}

    @property
    def variables(self) -> dict[str, str]:
        """Variables and the expressions of their initial values."""
        values = dict(_core.initial_values(self._model))
        return {name: values.get(name, "0") for name, _ in self._model.states}

    @property
    def spiking(self) -> bool:
        """Whether the neuron spikes, or is rate-coded."""
        return self._model.has_threshold

    def describe_step(self, dt: float = 1.0) -> str:
        """What one step of ``dt`` milliseconds computes."""
        return _core.describe_step(self._model, dt * 1e-3)

    def __repr__(self) -> str:
        return f"<{self.name or 'Neuron'}: {', '.join(self.variables)} ({'spiking' if self.spiking else 'rate-coded'})>"
