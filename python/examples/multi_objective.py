"""Membrane potential and adaptation current are fitted at once, each with its own normalisation."""

from typing import Any

import numpy as np

from spikesmith import MSEMetric, NevergradOptimizer, TraceFitter
from spikesmith.units import mV, ms, nA, nS, pA, pF

model = """
dv/dt = (g*(-70*mV - v) - w + I)/(150*pF) : volt
dw/dt = (a*(v + 70*mV) - w)/(50*ms) : amp
g : siemens (constant)
a : siemens (constant)
"""
truth: dict[str, Any] = {"g": 10 * nS, "a": 4 * nS}
steps = np.zeros((1, 3000))
steps[:, 500:2000] = 0.1
neuron: dict[str, Any] = {"model": model, "input": {"I": steps * nA}, "dt": 0.1 * ms, "param_init": {"v": -70 * mV}}
zeros: dict[str, Any] = {"v": np.zeros((1, 3000)) * mV, "w": np.zeros((1, 3000)) * pA}
recorded = TraceFitter(output=zeros, **neuron).generate(["v", "w"], params=truth)

fitter = TraceFitter(output={"v": recorded["v"], "w": recorded["w"]}, n_samples=30, **neuron)
metric = {"v": MSEMetric(normalization=1 * mV), "w": MSEMetric(normalization=10 * pA)}
params, error = fitter.fit(NevergradOptimizer("CMA"), metric, n_rounds=30, callback=None, g=[1 * nS, 50 * nS], a=[0 * nS, 20 * nS])
print(params, error, fitter.best_objective_errors)
