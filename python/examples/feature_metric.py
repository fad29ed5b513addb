"""A spiking neuron is fitted by features of its membrane potential instead of the potential itself."""

from typing import Any

import numpy as np
from hodgkin_huxley import constants, currents, dt, model, truth

from spikesmith import FeatureMetric, NevergradOptimizer, TraceFitter
from spikesmith.units import mV, ms, nS, uS

neuron: dict[str, Any] = {
    "model": model, "input": {"I": currents[2:]}, "dt": dt, "method": "exponential_euler", "param_init": {"v": "El"}, "namespace": constants,
}  # fmt: skip
nothing = np.zeros(currents[2:].shape) * mV
recorded = TraceFitter(output={"v": nothing}, **neuron).generate_traces(params=truth)

fitter = TraceFitter(output={"v": recorded}, n_samples=40, **neuron)
metric = FeatureMetric(
    stim_times=[(1 * ms, 15 * ms)],
    feat_list=["Spikecount", "maximum_voltage", "minimum_voltage"],
    weights={"Spikecount": 5, "maximum_voltage": 1, "minimum_voltage": 1},
)
params, error = fitter.fit(
    NevergradOptimizer("DE"), metric, n_rounds=25, callback=None, gl=[5 * nS, 20 * nS], g_na=[10 * uS, 40 * uS], g_kd=[3 * uS, 12 * uS]
)
print(params, error)
