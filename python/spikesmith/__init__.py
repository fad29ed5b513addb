"""Spikesmith finds the parameters of neuron models from recordings.

``from spikesmith import *`` gives the fitters, metrics, optimisers and callbacks; ``from spikesmith.units import *`` the units.
"""

from . import neurons, plots, units, waves
from ._core import __version__
from .callbacks import ProgressBar, callback_none, callback_setup, callback_text, make_dic
from .equations import Equations as Equations  # not in __all__: scripts may import brian2's, too
from .errors import ConfigError, DataError, DimensionMismatchError, Error, Interrupted, ModelError, NumericalError, UnitError
from .experiment import Experiment, Simulation
from .feature_metric import FeatureMetric
from ._features import Features, calc_eFEL, feature_definition, feature_names, feature_units, features, spike_features
from ._inference_options import vectorized
from .fitters import Fitter, OnlineTraceFitter, SpikeFitter, TraceFitter
from .helpers import get_param_dic, get_spikes, normalize_weights
from .inferencer import Inferencer
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
from .neuron import Neuron
from .opt_neuron import OptNeuron
from .posterior import Assessment, Posterior, Prior
from .refined import Landscape, OptimizeResult
from .optimizers import NevergradOptimizer, Optimizer, SkoptOptimizer, SpikesmithOptimizer, calc_bounds, optimizer_methods

__all__ = [
    "Assessment", "ConfigError", "DataError", "DimensionMismatchError", "Error", "FeatureMetric", "Features", "Fitter", "GammaFactor",
    "Inferencer", "Interrupted", "Landscape", "MSEMetric", "Metric", "ModelError", "NevergradOptimizer", "NumericalError",
    "OnlineTraceFitter", "OptimizeResult", "Optimizer", "Posterior", "Prior", "ProgressBar", "SkoptOptimizer", "SpikeFitter",
    "SpikeMetric", "SpikesmithOptimizer", "TraceFitter", "TraceMetric", "UnitError", "VanRossum", "VictorPurpura", "__version__",
    "calc_bounds", "calc_eFEL", "callback_none", "callback_setup", "callback_text", "feature_definition", "feature_names",
    "feature_units", "features", "firing_rate", "get_gamma_factor", "get_param_dic", "get_spikes", "make_dic", "normalize_weights",
    "optimizer_methods", "plots", "spike_features", "units", "vectorized",
]  # fmt: skip
__all__ += ["Experiment", "Neuron", "OptNeuron", "Simulation", "neurons", "waves"]
