"""Neuron models from the literature by name: ``neurons.Izhikevich2007(a=0.02, init={"v": -60})``.

Those of ANNarchy and of CompNeuroPy, with their names and defaults; older names work too. No parameter is population-wide, so every
one can be fitted. The Izhikevich neurons start at v = 0, as the originals do; give ``init={"v": -60}`` to begin at rest.

Examples
--------
>>> from spikesmith import neurons
>>> neurons.HHneuronCorbit(C_m=2.0).parameters["C_m"]
'2'
>>> "Izhikevich2007" in neurons.names()
True
"""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Mapping
from typing import Any

from . import _core
from .errors import ModelError
from .neuron import Neuron

__all__ = ["LibraryNeuron", "names", "reference"]


class LibraryNeuron(Neuron):
    """A neuron of the library. Its parameters are keyword arguments, ``init`` has initial values of variables.

    ``params_for_pop`` is accepted for scripts that have it: here every parameter can differ between neurons.
    """

    library_name = ""

    def __init__(self, *, init: Mapping[str, Any] | None = None, params_for_pop: bool = False, **parameters: Any) -> None:
        text = _core.library_neuron(self.library_name)
        own = dict(text.pop("initial_values"))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # conductances without incoming spikes are meant
            super().__init__(
                **{key: value for key, value in text.items() if key != "constants"},
                name=self.library_name,
                description=_described()[self.library_name][0],
                constants=dict(text["constants"]),
                init={**own, **parameters, **(init or {})},
            )
        unknown = [name for name in parameters if name not in self.parameters]
        if unknown:
            near = difflib.get_close_matches(unknown[0], self.parameters, 1)
            hint = f": did you mean `{near[0]}`?" if near else f": it has {', '.join(self.parameters)}"
            raise ModelError(f"{self.library_name} has no parameter `{unknown[0]}`{hint}")


def _described() -> dict[str, tuple[str, str]]:
    return {name: (description, reference) for name, _, description, reference in _core.neuron_library()}


def names() -> list[str]:
    """Of all neurons."""
    return [name for name, _, _, _ in _core.neuron_library()]


def reference(name: str) -> str:
    """The publication of a neuron."""
    _core.library_neuron(name)  # an unknown name raises
    return next(reference for own, alias, _, reference in _core.neuron_library() if name in (own, alias))


def __getattr__(name: str) -> type[LibraryNeuron]:
    for own, alias, description, reference_text in _core.neuron_library():
        if name in (own, alias):
            made = type(own, (LibraryNeuron,), {"library_name": own, "__doc__": f"{description}\n\n{reference_text}", "__module__": __name__})
            globals()[name] = made
            return made
    raise AttributeError(f"the library has no neuron `{name}`")


def __dir__() -> list[str]:
    return [*__all__, *names()]
