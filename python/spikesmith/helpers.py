"""Small functions that scripts for brian2modelfitting import."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ._borders import FloatArray

__all__ = ["get_param_dic", "get_spikes", "normalize_weights"]


def normalize_weights(t_weights: npt.ArrayLike) -> FloatArray:
    """Weights of samples, divided by their mean.

    >>> normalize_weights([0, 1, 3])
    array([0.  , 0.75, 2.25])
    """
    weights = np.asarray(t_weights, dtype=float)
    return np.asarray(weights / weights.mean())


def get_param_dic(params: Sequence[Mapping[str, Any]], param_names: Sequence[str], n_traces: int, n_samples: int) -> dict[str, list[Any]]:
    """Parameter sets as a list by parameter, each value as often as there are traces.

    >>> get_param_dic([{'g': 1}, {'g': 2}], ['g'], n_traces=2, n_samples=2)
    {'g': [1, 1, 2, 2]}
    """
    return {name: [params[sample][name] for sample in range(n_samples) for _ in range(n_traces)] for name in param_names}


def get_spikes(monitor: Any, n_samples: int, n_traces: int) -> list[list[FloatArray]]:
    """The trains of a spike monitor (brian2's) by sample and trace, seconds."""
    trains = monitor.spike_trains()
    return [[np.asarray(trains[sample * n_traces + trace], dtype=float) for trace in range(n_traces)] for sample in range(n_samples)]
