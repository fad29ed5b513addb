"""An integrate-and-fire neuron is fitted to spike times."""

from typing import Any

import numpy as np

from spikesmith import GammaFactor, NevergradOptimizer, SpikeFitter
from spikesmith.units import mV, ms, nA, nS, pF

model = """
dv/dt = (gL*(-70*mV - v) + I)/C : volt
gL : siemens (constant)
C : farad (constant)
"""
truth: dict[str, Any] = {"gL": 20 * nS, "C": 300 * pF}
steps = np.arange(4000)
currents = np.stack([0.7 + 0.25 * np.sin(steps / 250), 0.5 + 1.5e-4 * steps]) * nA
neuron: dict[str, Any] = {
    "model": model, "input": {"I": currents}, "dt": 0.1 * ms, "threshold": "v > -50*mV", "reset": "v = -70*mV",
    "param_init": {"v": -70 * mV},
}  # fmt: skip
spikes = SpikeFitter(output=[[0.1], [0.1]], **neuron).generate_spikes(params=truth)

fitter = SpikeFitter(output=spikes, n_samples=60, **neuron)
metric = GammaFactor(delta=2 * ms, time=400 * ms)
params, error = fitter.fit(
    n_rounds=30, optimizer=NevergradOptimizer("DE"), metric=metric, callback=None, gL=[5 * nS, 50 * nS], C=[100 * pF, 600 * pF]
)
print(params, error)
fitted_spikes = fitter.generate_spikes()
