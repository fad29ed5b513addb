"""One search of a fit, which goes from one fitter of the core to another where the problem changes between rounds."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import _core
from ._borders import FloatArray

__all__ = ["Continued", "Search"]


class Search:
    """Fitters of the core, one after another, as if they were one.

    Parameters
    ----------
    parameters : list
        Bounds as the core knows them.
    choice : OptimizerChoice
    setting : (int, int, int, int)
        Parameters, samples and rounds that were planned, seed.
    own : bool
        Whether the optimiser is written in Python and so keeps what it knows.
    """

    def __init__(self, parameters: list[Any], choice: _core.OptimizerChoice, setting: tuple[int, int, int, int], own: bool) -> None:
        self.parameters, self.choice, self.setting, self.own = parameters, choice, setting, own
        self.metrics: list[str] = []  # their descriptions
        self.cores: list[_core.Fitter] = []

    def continued(self) -> _core.OptimizerChoice:
        """The optimiser as another fitter of the core takes it up."""
        if not self.own:
            method = Continued(self.choice, self.setting, self.evaluations()[2])
            self.choice, self.own = _core.python_optimizer(method, self.choice.description), True
        return self.choice

    @property
    def n_evaluations(self) -> int:
        return sum(core.n_evaluations for core in self.cores)

    def evaluations(self, first: int = 0) -> tuple[list[str], FloatArray, FloatArray, FloatArray]:
        """Names, parameters, errors, errors of objectives."""
        if len(self.cores) == 1:
            return self.cores[0].evaluations(first)
        parts = [core.evaluations() for core in self.cores]
        values, errors, objectives = (np.concatenate([part[k] for part in parts])[first:] for k in (1, 2, 3))
        return parts[0][0], values, errors, objectives

    def result(self) -> dict[str, Any]:
        """Of the last fitter, with the best point and the counts of all."""
        *earlier, result = [core.result() for core in self.cores]
        for before in reversed(earlier):
            if before["best"] is not None and (result["best"] is None or not result["best"]["error"] < before["best"]["error"]):
                result["best"] = before["best"]
            n = before["n_evaluations"]
            result["failures"] = [*before["failures"], *((what, count, first + n) for what, count, first in result["failures"])]
            result["n_evaluations"] += n
        return result


class Continued:
    """A method of the core that goes on elsewhere: repeated from its beginning with the errors that it was told."""

    def __init__(self, choice: _core.OptimizerChoice, setting: tuple[int, int, int, int], errors: FloatArray) -> None:
        self.search = choice.make(*setting)
        self.open: list[int] = []
        n = setting[1]
        for first in range(0, len(errors), n):
            told = errors[first : first + n]
            self.tell_points(self.ask_points(len(told)), np.where(np.isfinite(told), told, np.inf))

    def ask_points(self, n: int) -> FloatArray:
        self.open, points = self.search.ask(n)
        return points

    def tell_points(self, points: FloatArray, errors: FloatArray) -> None:
        self.search.tell(self.open, np.ascontiguousarray(errors))
