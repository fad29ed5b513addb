"""Optimisers: Spikesmith's own by name, those of other packages, and one's own.

``fit`` accepts an :class:`Optimizer`, the name of a method ("CMA", "DE", "GP", ...; :func:`optimizer_methods` lists all), or an
optimiser object of nevergrad or scikit-optimize.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from . import _core
from ._borders import FloatArray, split
from ._own_classes import overridden
from ._search import Search
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

    def _in_core(self) -> bool:
        """Whether a fit needs none of these methods."""
        return False

    def _searches(self, search: Search) -> None:
        """In a fit that begins."""

    def _decides(self) -> bool:
        """Whether the best parameters are what it recommends, and not those with the smallest error."""
        return True

    def _recommendation(self) -> dict[str, float] | None:
        found: Any = self.recommend()
        if isinstance(found, Mapping):
            return {name: float(value) for name, value in found.items()}
        return None if found is None else dict(zip(self._names, map(float, found)))

    _names: Sequence[str] = ()

    def _choice(self, names: Sequence[str], popsize: int, rounds: int, bounds: Mapping[str, Any]) -> tuple[_core.OptimizerChoice, int]:
        self._names = list(names)
        shim = _Shim(self, names, bounds)
        # optimisers that were written for older releases of brian2modelfitting do not know the number of rounds
        known = inspect.signature(self.initialize).parameters
        hands_on = "popsize" not in known and any(p.kind is p.VAR_KEYWORD for p in known.values())
        knows_rounds = "rounds" in known or hands_on
        actual = self.initialize(list(names), popsize=popsize, **({"rounds": rounds} if knows_rounds else {}), **bounds)
        return _core.python_optimizer(shim, f"{type(self).__name__} (Python object {id(self):x})"), int(actual or popsize)


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
        self._core_method = method
        self.core_choice = _core.optimizer(method, options)
        self._of_fit: Search | None = None
        self.tested_parameters, self.errors = [], []
        self._search: _core.Optimizer | None = None

    def initialize(self, parameter_names: Sequence[str], popsize: int, rounds: int, **params: Any) -> int:
        self.parameter_names = list(parameter_names)
        self.bounds = _checked_bounds(self.parameter_names, params)
        self._low = np.array([low for low, _ in self.bounds])
        self._width = np.array([high for _, high in self.bounds]) - self._low
        self._made = (len(self.bounds), popsize, rounds, self.seed)
        self._search = self.core_choice.make(*self._made)
        self._open: list[tuple[int, tuple[float, ...]]] = []
        self._of_fit = None
        self.tested_parameters, self.errors = [], []
        return popsize

    @property
    def tested_parameters(self) -> list[Any]:
        """Parameter sets whose errors are known, by hand or in the last fit."""
        self._read_fit()
        return self._tested

    @tested_parameters.setter
    def tested_parameters(self, values: list[Any]) -> None:
        self._tested = values

    @property
    def errors(self) -> list[float]:
        """Their errors."""
        self._read_fit()
        return self._told

    @errors.setter
    def errors(self, values: list[float]) -> None:
        self._told = values

    def _read_fit(self) -> None:
        if self._of_fit is not None and self._of_fit.n_evaluations > len(self._told):
            _, values, errors, _ = self._of_fit.evaluations(len(self._told))
            self._tested += map(tuple, values.tolist())
            self._told += errors.tolist()

    def _in_core(self) -> bool:
        return not overridden(self, "initialize", "ask", "tell", "recommend")

    def _searches(self, search: Search) -> None:
        if self._in_core() and search is not self._of_fit:
            self.tested_parameters, self.errors = [], []
            self._of_fit = search

    def _decides(self) -> bool:
        return overridden(self, "recommend")

    def __getstate__(self) -> dict[str, Any]:
        self._read_fit()
        search = None if self._search is None else self._search.save_state()
        return {**{name: value for name, value in vars(self).items() if name != "core_choice"}, "_search": search, "_of_fit": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self.core_choice = _core.optimizer(self._core_method, self.options)
        self._search = None
        if state["_search"] is not None:
            self._search = self.core_choice.make(*self._made)
            self._search.load_state(state["_search"])

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
        if not self._in_core():
            return super()._choice(names, popsize, rounds, bounds)
        self.parameter_names = list(names)
        return self.core_choice, popsize


class _NamedByOthers(SpikesmithOptimizer):
    """A method of ours under the name that another package uses, or a search of that package itself."""

    _theirs: Optimizer | None = None

    def initialize(self, parameter_names: Sequence[str], popsize: int, rounds: int, **params: Any) -> int:
        if self._theirs is None:
            return super().initialize(parameter_names, popsize, rounds, **params)
        actual = self._theirs.initialize(parameter_names, popsize, rounds, **params)
        self.tested_parameters, self.errors = self._theirs.tested_parameters, self._theirs.errors
        return actual

    def ask(self, n_samples: int) -> list[Any]:
        return super().ask(n_samples) if self._theirs is None else self._theirs.ask(n_samples)

    def tell(self, parameters: list[Any], errors: Sequence[float]) -> None:
        if self._theirs is None:
            super().tell(parameters, errors)
        else:
            self._theirs.tell(parameters, errors)

    def recommend(self) -> dict[str, float]:
        return super().recommend() if self._theirs is None else self._theirs.recommend()

    def _in_core(self) -> bool:
        return self._theirs is None and super()._in_core()

    def _decides(self) -> bool:
        return super()._decides() or (self._theirs is not None and self._theirs._decides())


class NevergradOptimizer(_NamedByOthers):
    """Spikesmith's method of the name that nevergrad uses ("DE", "TwoPointsDE", "PSO", "CMA", "OnePlusOne", "NGOpt", ...).

    Names that only nevergrad has, and its classes, are searches of nevergrad itself where that is installed.

    Parameters
    ----------
    method : str or class
        See :func:`optimizer_methods`.
    use_nevergrad_recommendation : bool
        Of searches of nevergrad: its recommendation instead of the best point.
    budget : int, optional
        Of searches of nevergrad: evaluations that are planned; rounds times samples, if not given.
    **options
        Of the method.
    """

    def __init__(self, method: Any = "DE", use_nevergrad_recommendation: bool = False, budget: int | None = None, **options: Any) -> None:
        self.use_nevergrad_recommendation = use_nevergrad_recommendation
        ours = "NGOpt" if isinstance(method, str) and method.startswith("NGO") else method  # which it has in many versions
        if isinstance(ours, str) and ours in optimizer_methods():
            super().__init__(ours, **options)
            return
        found = _nevergrad_class(method)
        super().__init__()
        self.method = method
        self._theirs = _Nevergrad(found, budget, use_nevergrad_recommendation)


def _nevergrad_class(method: Any) -> Any:
    """Of its registry by name; classes and configured families as they are."""
    if not isinstance(method, str):
        if callable(method):
            return method
        raise TypeError(f"method is a name or a class of nevergrad, not {method!r}")
    try:
        import nevergrad
    except ImportError:
        nevergrad = None
    if nevergrad is not None and method in nevergrad.optimizers.registry:
        return nevergrad.optimizers.registry[method]
    known = ", ".join(optimizer_methods())
    more = "" if nevergrad is not None else "; other methods of nevergrad need that to be installed"
    raise AssertionError(f"Unknown optimization method {method}; known: {known}{more}")


# arguments of skopt.Optimizer that have no counterpart, because nothing depends on them here
_ignored_by_skopt = ("acq_optimizer", "acq_optimizer_kwargs", "acq_func_kwargs", "initial_point_generator", "n_jobs", "model_queue_size")


class SkoptOptimizer(_NamedByOthers):
    """Bayesian optimisation with a surrogate: "GP", "RF", "ET" or "GBRT".

    ``ask`` gives lists in the order of the parameters.

    Parameters
    ----------
    method : str or regressor
        A regressor of scikit-learn is used by scikit-optimize itself, which must be installed then.
    n_initial_points : int, optional
        Size of the initial design.
    acq_func : str, optional
        "gp_hedge", "EI", "PI" or "LCB".
    random_state : int, optional
        Seed when driven by hand.
    **options
        Further options of the method. ``acq_optimizer`` and the like are accepted; nothing depends on them.
    """

    def __init__(
        self,
        method: Any = "GP",
        n_initial_points: int | None = None,
        acq_func: str | None = None,
        random_state: int | None = None,
        **options: Any,
    ) -> None:
        given = {"n_initial_points": n_initial_points, "acq_func": acq_func}
        given = {name: value for name, value in given.items() if value is not None}
        if not isinstance(method, str):
            super().__init__()
            self._theirs = _Skopt(None, {"base_estimator": method, "random_state": random_state, **given, **options})
            return
        name = method.upper()
        if name not in ("GP", "RF", "ET", "GBRT"):
            raise AssertionError(f"Provided method: {method} is not one of GP, RF, ET, GBRT")
        options = {key: value for key, value in options.items() if key not in _ignored_by_skopt}
        super().__init__(name, seed=random_state or 0, **given, **options)

    def ask(self, n_samples: int) -> list[Any]:
        return [list(one.values()) if isinstance(one, Mapping) else one for one in super().ask(n_samples)]


def _best_of(names: Sequence[str], tested: Sequence[Any], errors: Sequence[float]) -> dict[str, float]:
    if not np.any(np.isfinite(errors)):
        raise RuntimeError("no error is finite so far")
    best = tested[int(np.argmin(np.where(np.isfinite(errors), errors, np.inf)))]
    return {name: float(best[name]) for name in names} if isinstance(best, Mapping) else dict(zip(names, map(float, best)))


class _Nevergrad(Optimizer):
    """A search of nevergrad: its class, or an object.

    An object searches a parametrization with the names of the parameters (Dict or Instrumentation, SI values), or an array with a
    number per parameter between 0 and 1.
    """

    def __init__(self, optimizer: Any, budget: int | None = None, their_recommendation: bool = False) -> None:
        self.given, self.optimizer = optimizer, optimizer
        self.budget, self.their_recommendation = budget, their_recommendation

    def initialize(self, parameter_names: Sequence[str], popsize: int, rounds: int, **params: Any) -> int:
        self.names = list(parameter_names)
        bounds = _checked_bounds(self.names, params)
        self.low = np.array([low for low, _ in bounds])
        self.width = np.array([high for _, high in bounds]) - self.low
        planned = self.budget or max(popsize * rounds, 1)
        if getattr(self.given, "no_parallelization", False):
            popsize = 1  # one after the other
        if not hasattr(self.given, "ask") or isinstance(self.given, type):
            import nevergrad

            space = nevergrad.p.Array(init=np.full(len(bounds), 0.5)).set_bounds(0, 1)
            self.optimizer = self.given(parametrization=space, budget=planned, num_workers=popsize)
        self.pending: list[Any] = []
        self.tested_parameters, self.errors = [], []
        return popsize

    def _values(self, candidate: Any) -> list[float]:
        value = candidate.value
        if isinstance(value, tuple) and len(value) == 2 and isinstance(value[1], Mapping):
            value = value[1]  # of an Instrumentation
        if isinstance(value, Mapping):
            missing = [name for name in self.names if name not in value]
            if missing:
                raise ConfigError(f"the optimizer searches {', '.join(map(str, value))}, but the model has {', '.join(missing)}")
            return [float(value[name]) for name in self.names]
        numbers = np.asarray(value, dtype=float).reshape(-1)
        if len(numbers) != len(self.names):
            raise ConfigError(f"the optimizer searches {len(numbers)} numbers for {len(self.names)} parameters")
        return list(self.low + np.clip(numbers, 0, 1) * self.width)

    def ask(self, n_samples: int) -> list[Any]:
        asked = [self.optimizer.ask() for _ in range(n_samples)]
        self.pending += asked
        return [dict(zip(self.names, self._values(a))) for a in asked]

    def tell(self, parameters: list[Any], errors: Sequence[float]) -> None:
        for candidate, error in zip(self.pending, errors):
            self.optimizer.tell(candidate, float(error) if np.isfinite(error) else 1e20)
        del self.pending[: len(errors)]
        self.tested_parameters += list(parameters)
        self.errors += [float(e) for e in errors]

    def _decides(self) -> bool:
        return self.their_recommendation

    def recommend(self) -> dict[str, float]:
        if self.their_recommendation:
            return dict(zip(self.names, self._values(self.optimizer.provide_recommendation())))
        return _best_of(self.names, self.tested_parameters, self.errors)


class _Skopt(Optimizer):
    """A search of scikit-optimize: an Optimizer whose dimensions are the bounds of the parameters, in SI, in order, or what makes one."""

    def __init__(self, optimizer: Any, options: Mapping[str, Any] | None = None) -> None:
        self.optimizer, self.options = optimizer, dict(options or {})
        if optimizer is None:
            import skopt  # noqa: F401 (says early what is missing)

    def initialize(self, parameter_names: Sequence[str], popsize: int, rounds: int, **params: Any) -> int:
        self.names = list(parameter_names)
        bounds = _checked_bounds(self.names, params)
        if self.options:
            import skopt

            dimensions = [skopt.space.Real(low, high, transform="normalize") for low, high in bounds]
            self.optimizer = skopt.Optimizer(dimensions, **self.options)
        elif len(self.optimizer.space.dimensions) != len(bounds):
            raise ConfigError(f"the optimizer searches {len(self.optimizer.space.dimensions)} numbers for {len(bounds)} parameters")
        self.tested_parameters, self.errors = [], []
        return popsize

    def ask(self, n_samples: int) -> list[Any]:
        return list(self.optimizer.ask(n_points=n_samples))

    def tell(self, parameters: list[Any], errors: Sequence[float]) -> None:
        finite = [e for e in [*self.errors, *errors] if np.isfinite(e)]
        worst = max(finite, default=1.0)
        self.optimizer.tell([list(p) for p in parameters], [float(e) if np.isfinite(e) else worst for e in errors])
        self.tested_parameters += list(parameters)
        self.errors += [float(e) for e in errors]

    def _decides(self) -> bool:
        return False

    def recommend(self) -> dict[str, float]:
        return _best_of(self.names, self.tested_parameters, self.errors)


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
    if module == "skopt" and not isinstance(optimizer, type):
        return _Skopt(optimizer)
    raise TypeError(f"the optimizer must be an Optimizer or the name of a method, not {type(optimizer).__name__}")
