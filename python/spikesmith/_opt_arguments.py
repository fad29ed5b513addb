"""What users of OptNeuron write, in the words of the core: bounds, expressions, options of methods, priors, targets."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from . import _core
from .errors import ConfigError
from .posterior import prior_argument
from .recordings import Results
from .units import DIMENSIONLESS

__all__ = ["Variable", "expression", "loss_parts", "method_options", "milliseconds", "one_of", "option_text", "priors", "target_record", "variables", "whole"]

_cma_options = {"lambda_": "population"}


def expression(text: str) -> str:
    """An expression of Python (``2*a if a > 1 else np.exp(b)``) in the language of the core; others stay as they are."""
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except SyntaxError:
        return text
    if not any(isinstance(node, (ast.IfExp, ast.Attribute)) for node in ast.walk(tree)):
        return text  # places in errors stay those of the text
    known = {"minimum": "min", "maximum": "max", "arcsin": "asin", "arccos": "acos", "arctan": "atan", "absolute": "abs"}

    class Rewrite(ast.NodeTransformer):
        def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
            self.generic_visit(node)
            return ast.Call(ast.Name("ite", ast.Load()), [node.test, node.body, node.orelse], [])

        def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
            if isinstance(node.value, ast.Name) and node.value.id in ("np", "numpy", "math"):
                return ast.Name(known.get(node.attr, node.attr), ast.Load())
            return node

    return ast.unparse(ast.fix_missing_locations(Rewrite().visit(tree)))


# name, bounds, value, expression, scale, integer, guess
Variable = tuple[str, tuple[float, float] | None, float | None, str, str, bool, tuple[float, float] | None]


def _two(name: str, given: Any, what: str) -> tuple[float, float]:
    if np.ndim(given) == 0 or len(given) != 2 or any(isinstance(bound, str) for bound in given):
        raise ConfigError(f"the {what} of `{name}` must be two numbers, not {given!r}")
    return float(given[0]), float(given[1])


def _variable(name: str, given: Any, guess: Any) -> Variable:
    scale, integer = "linear", False
    if isinstance(given, Mapping):
        unknown = set(given) - {"bounds", "scale", "integer"}
        if unknown or "bounds" not in given:
            raise ConfigError(f"`{name}` must have `bounds`, and may have `scale` and `integer`, not {sorted(unknown)}")
        scale, integer = given.get("scale", "linear"), bool(given.get("integer", False))
        if scale not in ("linear", "log"):
            raise ConfigError(f"the scale of `{name}` cannot be `{scale}`: linear or log")
        given = given["bounds"]
    if isinstance(given, str):
        return name, None, None, expression(given), scale, integer, None
    if np.ndim(given) == 0:
        if isinstance(given, bool) or not isinstance(given, (int, float, np.number)):
            raise ConfigError(f"`{name}` must be two bounds, a number or an expression, not {type(given).__name__}")
        return name, None, float(given), "", scale, integer, None
    return name, _two(name, given, "bounds"), None, "", scale, integer, None if guess is None else _two(name, guess, "guess")


def variables(bounds: Mapping[str, Any], guess: Mapping[str, Any] | None) -> list[Variable]:
    """The entries of ``variables_bounds``; `guess` names the fitted ones, all of them."""
    made = [_variable(name, given, (guess or {}).get(name)) for name, given in bounds.items()]
    fitted = [entry[0] for entry in made if entry[1] is not None]
    if not fitted:
        raise ConfigError('no variable has bounds, so nothing can be fitted: `variables_bounds={"a": [0, 1]}`')
    if guess is not None:
        missing = [name for name in fitted if name not in guess]
        if missing:
            raise ConfigError(f"variables_bounds_guess says nothing about {', '.join(missing)}")
        unknown = [name for name in guess if name not in fitted]
        if unknown:
            raise ConfigError(f"variables_bounds_guess names {', '.join(unknown)}, which is not fitted")
    return made


def one_of(name: str, first: Any, alias: str, second: Any) -> Any:
    if first is not None and second is not None:
        raise ConfigError(f"`{name}` and `{alias}` are the same: give one of them")
    return second if first is None else first


def whole(name: str, value: Any, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise ConfigError(f"`{name}` must be a whole number of at least {least}, not {value!r}")
    return int(value)


def milliseconds(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or not 0 < float(value) < float("inf"):
        raise ConfigError(f"`{name}` must be a positive number of milliseconds, not {value!r}")
    return float(value)


def loss_parts(value: Any) -> list[float]:
    """What a loss has returned, as numbers."""
    parts = np.ravel(value)
    if not all(isinstance(part, (int, float, np.bool_, np.integer, np.floating)) for part in parts.tolist()):
        raise TypeError(f"the loss must return a number or a list of numbers, not {value!r}")
    return [float(part) for part in parts]


def method_options(cma: Mapping[str, Any] | None, bads: Mapping[str, Any] | None, own: Mapping[str, Any] | None) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for name, value in (cma or {}).items():
        if name not in _cma_options and name in ("mu", "weights", "ccum", "cs", "ccov1", "ccovmu", "damps", "cmatrix"):
            raise ConfigError(f"`{name}` of cma_params_dict follows from the population and the dimension here; `lambda_` sets the population")
        options[_cma_options.get(name, name)] = value
    if bads:
        raise ConfigError("bads_params_dict is of another program's method; options of ours are `optimizer_options`")
    return {**options, **(own or {})}


def option_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def priors(prior: Any, names: Sequence[str]) -> list[tuple[str, str, list[float]]]:
    """``{"a": ("normal", 0, 1), "b": [0, 5]}``; what is not named is uniform within its bounds."""
    if prior is None:
        return []
    if not isinstance(prior, Mapping):
        raise ConfigError("`prior` must be a dictionary: {\"a\": (\"normal\", mean, deviation), \"b\": [low, high]}")
    unknown = set(prior) - set(names)
    if unknown:
        raise ConfigError(f"`prior` names {', '.join(sorted(unknown))}, which is not fitted")
    made = [prior_argument(name, given, DIMENSIONLESS) for name, given in prior.items()]
    return [(name, kind, values) for name, kind, values, _ in made]


def target_record(data: Any, settings: Mapping[str, Any]) -> _core.SimulationRecord:
    """Target data as a record of the core, from which a posterior is learned."""
    dt, names = settings["time_step"], [name for name in settings["record"] if name != "spike"]
    interval = round((settings["recording_period"] or dt) / dt)
    chunks: list[dict[str, Any]] = []
    if isinstance(data, Results):
        chunks = [{key.partition(";")[2]: value for key, value in chunk.items()} for chunk in data.recordings]
        chunks = [{**chunk, **({"spike": chunk["spike"][0]} if "spike" in chunk else {})} for chunk in chunks]
    elif isinstance(data, (list, tuple, np.ndarray)):
        chunks = [dict(chunk) if isinstance(chunk, Mapping) else {names[0]: chunk} for chunk in data if len(names) == 1 or isinstance(chunk, Mapping)]
    spikes = "spike" in settings["record"]
    wanted = [*names, *(["spike"] if spikes else [])]
    if not chunks or any(name not in chunk for chunk in chunks for name in wanted):
        raise ConfigError(
            "a posterior is learned from recordings: give `results_soll` as results, or as a list with a dictionary per chunk: "
            + "{" + ", ".join(f'"{name}": ...' for name in wanted) + "}"
        )  # fmt: skip
    return _core.make_record(
        dt=dt * 1e-3,
        interval_steps=interval,
        variables=names,
        chunks=[[np.ascontiguousarray(chunk[name], dtype=float).reshape(-1) for name in names] for chunk in chunks],
        spikes=[[int(step) for step in chunk["spike"]] for chunk in chunks] if spikes else None,
    )
