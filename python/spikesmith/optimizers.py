"""Optimisers: Spikesmith's own by name, those of other packages, and one's own.

``fit`` accepts an :class:`Optimizer`, the name of a method ("CMA", "DE", "GP", ...; :func:`optimizer_methods` lists all), or an
optimiser object of nevergrad or scikit-optimize.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from . import _core
from ._borders import FloatArray, split
from .errors import ConfigError

__all__ = ["Optimizer", "SpikesmithOptimizer", "NevergradOptimizer", "SkoptOptimizer", "calc_bounds", "optimizer_methods"]


def calc_bounds(parameter_names: Iterable[str], **params: Any) -> list[Any]:
    """Bounds in the order of the names. Raises TypeError for a missing one."""
    names = list(parameter_names)
    for name in names:
        if name not in params:
            raise TypeError(f"Bounds must be set for parameter {name}")
    return [params[name] for name in names]


def optimizer_methods() -> list[str]:
    """Names of all methods, with those that nevergrad, scikit-optimize and hyperopt use for them."""
    return sorted({name for method, aliases, _ in _core.optimizer_methods() for name in (method, *aliases)})


def _checked_bounds(names: Sequence[str], bounds: Mapping[str, Any]) -> list[tuple[float, float]]:
    for name in bounds:
        if name not in names:
            raise ValueError(f"Parameter {name} must be defined as a parameter in the model")
    result = []
    for name, pair in zip(names, calc_bounds(names, **bounds)):
        numbers, _, _ = split(pair)
        assert numbers.shape == (2,), f"bounds of {name} must be two numbers: [low, high]"
        low, high = float(numbers[0]), float(numbers[1])
        if not low < high:
            raise ValueError(f"the lower bound of {name} must be below the upper one")
        result.append((low, high))
    return result


class Optimizer(ABC):
    """Base of optimisers written in Python. Values are plain numbers in SI base units."""

    tested_parameters: list[Any]
    errors: list[float]

    @abstractmethod
    def initialize(self, parameter_names: Sequence[str], popsize: int, rounds: int, **params: Any) -> int:
        """Begins a search. ``params`` are the bounds. Returns the number of samples per round."""

    @abstractmethod
    def ask(self, n_samples: int) -> list[Any]:
        """``n_samples`` parameter sets: dictionaries, or lists in the order of the names."""

    @abstractmethod
    def tell(self, parameters: list[Any], errors: Sequence[float]) -> None:
        """Errors of parameter sets that were asked for; infinite where a simulation failed."""

    @abstractmethod
    def recommend(self) -> dict[str, float]:
        """The best parameter set."""

    def _choice(self, names: Sequence[str], popsize: int, rounds: int, bounds: Mapping[str, Any]) -> tuple[_core.OptimizerChoice, int]:
        shim = _Shim(self, names, bounds)
        actual = self.initialize(list(names), popsize=popsize, rounds=rounds, **bounds)
        return _core.python_optimizer(shim, f"{type(self).__name__} (Python object {id(self):x})"), int(actual)


class _Shim:
    """An Optimizer as the core calls it: points of the unit cube."""

    def __init__(self, optimizer: Optimizer, names: Sequence[str], bounds: Mapping[str, Any]) -> None:
        self.optimizer, self.names = optimizer, list(names)
        pairs = _checked_bounds(self.names, bounds)
        self.low = np.array([low for low, _ in pairs])
        self.width = np.array([high for _, high in pairs]) - self.low
        self.asked: list[Any] = []

    def ask_points(self, n: int) -> FloatArray:
        asked = list(self.optimizer.ask(n))
        self.asked.extend(asked)
        rows = [[float(a[name]) for name in self.names] if isinstance(a, Mapping) else [float(x) for x in a] for a in asked]
        points = (np.array(rows, dtype=float).reshape(len(rows), -1) - self.low) / self.width
        if points.shape != (n, len(self.names)):
            raise ConfigError(f"`ask({n})` gave {len(asked)} parameter sets of another shape")
        if not np.all((points > -1e-9) & (points < 1 + 1e-9)):
            raise ConfigError("the optimizer left the bounds")
        return np.asarray(np.clip(points, 0, 1))

    def tell_points(self, points: FloatArray, errors: FloatArray) -> None:
        told = self.asked[: len(errors)]
        del self.asked[: len(errors)]
        self.optimizer.tell(told, errors.tolist())


class SpikesmithOptimizer(Optimizer):
    """A method of Spikesmith by name, with its options.

    Parameters
    ----------
    method : str
        ``automatic`` (the default) chooses by the problem.
    seed : int, optional
        Of this search when driven by hand; in a fit the fitter's seed counts.
    **options
        Of the method; the manual (docs/optimizers.md) lists them.

    Examples
    --------
    >>> optimizer = SpikesmithOptimizer("CMA", seed=1)
    >>> optimizer.initialize(["x"], popsize=10, rounds=30, x=[-1, 1])
    10
    >>> for _ in range(30):
    ...     points = optimizer.ask(10)
    ...     optimizer.tell(points, [(p["x"] - 0.5)**2 for p in points])
    >>> round(optimizer.recommend()["x"], 3)
    0.5
    """

    def __init__(self, method: str = "automatic", seed: int = 0, **options: Any) -> None:
        self.method, self.seed, self.options = method, seed, options
        self.core_choice = _core.optimizer(method, options)
        self.tested_parameters = []
        self.errors = []
        self._search: _core.Optimizer | None = None

    def initialize(self, parameter_names: Sequence[str], popsize: int, rounds: int, **params: Any) -> int:
        self.parameter_names = list(parameter_names)
        self.bounds = _checked_bounds(self.parameter_names, params)
        self._low = np.array([low for low, _ in self.bounds])
        self._width = np.array([high for _, high in self.bounds]) - self._low
        self._search = self.core_choice.make(len(self.bounds), popsize, rounds, self.seed)
        self._open: list[tuple[int, tuple[float, ...]]] = []
        self.tested_parameters, self.errors = [], []
        return popsize

    def _started(self) -> _core.Optimizer:
        if self._search is None:
            raise RuntimeError("call initialize first")
        return self._search

    def ask(self, n_samples: int) -> list[dict[str, float]]:
        ids, points = self._started().ask(n_samples)
        values = np.minimum(self._low + points * self._width, self._low + self._width)
        sets = [dict(zip(self.parameter_names, map(float, row))) for row in values]
        self._open += [(id_, tuple(s.values())) for id_, s in zip(ids, sets)]
        return sets

    def tell(self, parameters: list[Any], errors: Sequence[float]) -> None:
        search = self._started()
        ids, known, points, foreign = [], [], [], []
        for given, error in zip(parameters, errors, strict=True):
            values = tuple(float(given[n]) for n in self.parameter_names) if isinstance(given, Mapping) else tuple(map(float, given))
            at = next((k for k, (_, asked) in enumerate(self._open) if asked == values), None)
            if at is None:
                points.append((np.array(values) - self._low) / self._width)
                foreign.append(float(error))
            else:
                ids.append(self._open.pop(at)[0])
                known.append(float(error))
            self.tested_parameters.append(values)
            self.errors.append(float(error))
        if ids:
            search.tell(ids, np.array(known))
        if points:
            search.tell_foreign(np.array(points), np.array(foreign))

    def recommend(self) -> dict[str, float]:
        if not np.any(np.isfinite(self.errors)):
            raise RuntimeError("no error is finite so far")
        best = int(np.nanargmin(np.where(np.isfinite(self.errors), self.errors, np.inf)))
        return dict(zip(self.parameter_names, self.tested_parameters[best]))

    def _choice(self, names: Sequence[str], popsize: int, rounds: int, bounds: Mapping[str, Any]) -> tuple[_core.OptimizerChoice, int]:
        return self.core_choice, popsize


class NevergradOptimizer(SpikesmithOptimizer):
    """Spikesmith's method of the name that nevergrad uses ("DE", "TwoPointsDE", "PSO", "CMA", "OnePlusOne", "NGOpt", ...).

    Parameters
    ----------
    method : str
        See :func:`optimizer_methods`.
    use_nevergrad_recommendation : bool
        Accepted; the recommendation is always the best point.
    budget : int, optional
        Accepted; the number of evaluations follows from rounds and samples.
    **options
        Of the method.
    """

    def __init__(self, method: str = "DE", use_nevergrad_recommendation: bool = False, budget: int | None = None, **options: Any) -> None:
        self.use_nevergrad_recommendation = use_nevergrad_recommendation
        known = optimizer_methods()
        if method not in known:
            raise AssertionError(f"Unknown optimization method {method}; known: {', '.join(known)}")
        super().__init__(method, **options)


class SkoptOptimizer(SpikesmithOptimizer):
    """Bayesian optimisation with a surrogate: "GP", "RF", "ET" or "GBRT".

    Parameters
    ----------
    method : str
    n_initial_points : int, optional
        Size of the initial design.
    acq_func : str, optional
        "gp_hedge", "EI", "PI" or "LCB".
    random_state : int, optional
        Seed when driven by hand.
    **options
        Further options of the method.
    """

    def __init__(
        self,
        method: str = "GP",
        n_initial_points: int | None = None,
        acq_func: str | None = None,
        random_state: int | None = None,
        **options: Any,
    ) -> None:
        name = method.upper()
        if name not in ("GP", "RF", "ET", "GBRT"):
            raise AssertionError(f"Provided method: {method} is not one of GP, RF, ET, GBRT")
        if n_initial_points is not None:
            options["n_initial_points"] = n_initial_points
        if acq_func is not None:
            options["acq_func"] = acq_func
        super().__init__(name, seed=random_state or 0, **options)


class _Nevergrad(Optimizer):
    """An optimiser object of nevergrad over as many numbers in [0, 1] as there are parameters, or its class."""

    def __init__(self, optimizer: Any) -> None:
        self.given, self.optimizer = optimizer, optimizer

    def initialize(self, parameter_names: Sequence[str], popsize: int, rounds: int, **params: Any) -> int:
        self.names = list(parameter_names)
        bounds = _checked_bounds(self.names, params)
        self.low = np.array([low for low, _ in bounds])
        self.width = np.array([high for _, high in bounds]) - self.low
        if not hasattr(self.given, "ask") or isinstance(self.given, type):
            import nevergrad

            space = nevergrad.p.Array(shape=(len(bounds),), lower=0, upper=1)
            self.optimizer = self.given(parametrization=space, budget=popsize * rounds, num_workers=popsize)
        self.pending: list[Any] = []
        self.tested_parameters, self.errors = [], []
        return popsize

    def ask(self, n_samples: int) -> list[Any]:
        asked = [self.optimizer.ask() for _ in range(n_samples)]
        self.pending += asked
        return [list(self.low + np.clip(np.asarray(a.value, dtype=float).reshape(-1), 0, 1) * self.width) for a in asked]

    def tell(self, parameters: list[Any], errors: Sequence[float]) -> None:
        for candidate, error in zip(self.pending, errors):
            self.optimizer.tell(candidate, error if np.isfinite(error) else 1e20)
        del self.pending[: len(errors)]
        self.tested_parameters += parameters
        self.errors += errors

    def recommend(self) -> dict[str, float]:
        return dict(zip(self.names, self.tested_parameters[int(np.argmin(self.errors))]))


class _Skopt(Optimizer):
    """A scikit-optimize Optimizer whose dimensions are the bounds of the parameters, in SI, in order."""

    def __init__(self, optimizer: Any) -> None:
        self.optimizer = optimizer

    def initialize(self, parameter_names: Sequence[str], popsize: int, rounds: int, **params: Any) -> int:
        self.names = list(parameter_names)
        self.tested_parameters, self.errors = [], []
        return popsize

    def ask(self, n_samples: int) -> list[Any]:
        return list(self.optimizer.ask(n_points=n_samples))

    def tell(self, parameters: list[Any], errors: Sequence[float]) -> None:
        finite = [e for e in [*self.errors, *errors] if np.isfinite(e)]
        worst = max(finite, default=1.0)
        self.optimizer.tell(parameters, [float(e) if np.isfinite(e) else worst for e in errors])
        self.tested_parameters += parameters
        self.errors += errors

    def recommend(self) -> dict[str, float]:
        return dict(zip(self.names, self.tested_parameters[int(np.argmin(self.errors))]))


def as_optimizer(optimizer: Any) -> Optimizer:
    """What ``fit`` is given as an Optimizer. Raises TypeError for anything that is none."""
    if isinstance(optimizer, Optimizer):
        return optimizer
    if optimizer is None:
        return NevergradOptimizer("NGOpt")
    if isinstance(optimizer, str):
        return SpikesmithOptimizer(optimizer)
    module = (optimizer.__module__ if isinstance(optimizer, type) else type(optimizer).__module__).partition(".")[0]
    if module == "nevergrad":
        return _Nevergrad(optimizer)
    if module == "skopt":
        return _Skopt(optimizer)
    raise TypeError(f"the optimizer must be an Optimizer or the name of a method, not {type(optimizer).__name__}")
