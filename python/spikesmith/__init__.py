"""Spikesmith finds the parameters of neuron models from recordings.

``from spikesmith import *`` gives the fitters, metrics, optimisers and callbacks; ``from spikesmith.units import *`` the units.
"""

from . import plots, units
from ._core import __version__
from .callbacks import ProgressBar, callback_none, callback_setup, callback_text, make_dic
from .errors import ConfigError, DataError, DimensionMismatchError, Error, Interrupted, ModelError, NumericalError, UnitError
from .fitters import Fitter, OnlineTraceFitter, SpikeFitter, TraceFitter
from .metrics import (
    GammaFactor,
    Metric,
    MSEMetric,
    SpikeMetric,
    TraceMetric,
    VanRossum,
    VictorPurpura,
    firing_rate,
    get_gamma_factor,
)
from .optimizers import NevergradOptimizer, Optimizer, SkoptOptimizer, SpikesmithOptimizer, calc_bounds, optimizer_methods

__all__ = [
    "ConfigError", "DataError", "DimensionMismatchError", "Error", "Fitter", "GammaFactor", "Interrupted", "MSEMetric", "Metric",
    "ModelError", "NevergradOptimizer", "NumericalError", "OnlineTraceFitter", "Optimizer", "ProgressBar", "SkoptOptimizer",
    "SpikeFitter", "SpikeMetric", "SpikesmithOptimizer", "TraceFitter", "TraceMetric", "UnitError", "VanRossum", "VictorPurpura",
    "__version__", "calc_bounds", "callback_none", "callback_setup", "callback_text", "firing_rate", "get_gamma_factor", "make_dic",
    "optimizer_methods", "plots", "units",
]  # fmt: skip
