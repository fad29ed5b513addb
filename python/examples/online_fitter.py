"""A leaky integrator is fitted with errors that are computed while simulating; the beginning does not count."""

from typing import Any

import numpy as np

from spikesmith import NevergradOptimizer, OnlineTraceFitter
from spikesmith.units import mV, ms, nA, nS, pF

model = """
dv/dt = (g*(E - v) + I)/(100*pF) : volt
g : siemens (constant)
E : volt (constant)
"""
truth: dict[str, Any] = {"g": 10 * nS, "E": -68 * mV}
current = 0.1 * np.sin(np.arange(2000) / 100).reshape(1, -1) * nA
neuron: dict[str, Any] = {"model": model, "input": {"I": current}, "dt": 0.1 * ms, "param_init": {"v": -70 * mV}}
voltage = OnlineTraceFitter(output={"v": np.zeros((1, 2000)) * mV}, **neuron).generate_traces(params=truth)

fitter = OnlineTraceFitter(output={"v": voltage}, n_samples=30, t_start=10 * ms, **neuron)
params, error = fitter.fit(NevergradOptimizer("CMA"), n_rounds=30, callback=None, g=[1 * nS, 100 * nS], E=[-90 * mV, -50 * mV])
print(params, error)
