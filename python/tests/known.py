"""The package whose interface is checked by the tests named test_known_*.

They state what scripts for brian2modelfitting rely on. They run against Spikesmith; against Spikesmith with quantities of brian2
(KNOWN_UNITS=brian2); and against a brian2modelfitting that is installed (KNOWN_PACKAGE=brian2modelfitting), which shows that they are
themselves right. `released` marks what its release 0.4 does not have yet, `theirs` what it does otherwise: reasons are in
docs/python/coming_from_brian2modelfitting.md.
"""

import importlib
import inspect
import os

import numpy as np
import pytest

name = os.environ.get("KNOWN_PACKAGE", "spikesmith")
ours = name == "spikesmith"
if not ours:  # nevergrad 0.3, which release 0.4 wants, was written for an older NumPy
    np.float = float  # type: ignore[attr-defined]
brian = not ours or os.environ.get("KNOWN_UNITS") == "brian2"
tool = pytest.importorskip(name)
units = pytest.importorskip("brian2") if brian else importlib.import_module("spikesmith.units")
errors = importlib.import_module("brian2.units.fundamentalunits") if brian else tool
if not ours:
    units.prefs.codegen.target = "numpy"  # nothing is compiled for such short traces
Quantity, DimensionMismatchError = units.Quantity, errors.DimensionMismatchError

released = pytest.mark.skipif(not ours, reason="not in release 0.4 of brian2modelfitting")
theirs = pytest.mark.skipif(not ours, reason="a difference that is described")


def exponents(dim):
    """Of a dimension of either package."""
    return tuple(float(d) for d in getattr(dim, "_dims", dim))


def same_dimension(a, b):
    return exponents(getattr(a, "dim", [0] * 7)) == exponents(getattr(b, "dim", [0] * 7))


def _old_arguments(options):
    """Release 0.4 names variables beside arrays."""
    options = dict(options)
    for kind in ("input", "output"):
        given = options.get(kind)
        if isinstance(given, dict):
            variables = list(given)
            options[f"{kind}_var"] = variables[0] if kind == "input" or len(variables) == 1 else variables
            options[kind] = given[variables[0]] if len(variables) == 1 else list(given.values())
    return options


def _with_defaults(base, default_metric):
    """Release 0.4 has no default metric and optimiser."""

    class WithDefaults(base):
        def fit(self, optimizer=None, metric=None, level=0, **options):
            self.default = getattr(self, "default", None) or default_metric()
            return super().fit(optimizer or tool.NevergradOptimizer(), metric=metric or self.default, level=level + 1, **options)

    return WithDefaults


def TraceFitter(**options):
    if ours:
        return tool.TraceFitter(**options, _level=1)
    return _with_defaults(tool.TraceFitter, tool.MSEMetric)(**_old_arguments(options))


def SpikeFitter(**options):
    if ours:
        return tool.SpikeFitter(**options, _level=1)
    return _with_defaults(tool.SpikeFitter, lambda: tool.GammaFactor(delta=2 * units.ms, time=100 * units.ms))(**options)


def OnlineTraceFitter(**options):
    return tool.OnlineTraceFitter(**options, **({"_level": 1} if ours else {}))


def arguments(function):
    """Names and defaults of a function in order, without `self` and without arguments by keyword only."""
    found = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name != "self" and parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
            found.append((parameter.name, parameter.default))
    return found
