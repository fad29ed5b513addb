"""Names of ANNarchy and CompNeuroPy for a fit with OptNeuron: a script needs other imports and nothing else.

    from spikesmith.compneuro import CompNeuroExp, Neuron, OptNeuron, current_step, dt, rmse
"""

from __future__ import annotations

from typing import Any

from .analysis import (
    RNG,
    efel_loss,
    find_x_bound,
    get_maximum,
    get_minimum,
    get_spike_features_loss_of_chunk,
    get_spike_features_of_chunk,
    my_raster_plot,
    rmse,
    rsse,
    sample_data_with_timestep,
)
from .experiment import (
    CompNeuroExp,
    CompNeuroSim,
    Monitors,
    ReqPopHasAttr,
    SimInfo,
    attr_ramp,
    attr_sim,
    attribute_step,
    current_ramp,
    current_step,
    current_stim,
    dt,
    get_population,
    get_time,
    increasing_attr,
    increasing_current,
    req_pop_attr,
    simulate,
    step,
)
from .neuron import Neuron
from .opt_neuron import OptNeuron, load_results, opt_neuron
from .recordings import RecordingTimes, Results

CompNeuroMonitors = Monitors

__all__ = [
    "CompNeuroExp", "CompNeuroMonitors", "CompNeuroSim", "Monitors", "Neuron", "OptNeuron", "RNG", "RecordingTimes", "ReqPopHasAttr", "Results",
    "SimInfo", "attr_ramp", "attr_sim", "attribute_step", "current_ramp", "current_step", "current_stim", "dt", "efel_loss", "find_x_bound",
    "get_maximum", "get_minimum", "get_population", "get_spike_features_loss_of_chunk", "get_spike_features_of_chunk", "get_time",
    "increasing_attr", "increasing_current", "load_results", "my_raster_plot", "opt_neuron", "req_pop_attr", "rmse", "rsse",
    "sample_data_with_timestep", "simulate", "step",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """Neurons of the library by name."""
    from . import neurons

    return getattr(neurons, name)
