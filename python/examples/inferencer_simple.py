"""The posterior of a neuron's conductances from features of one recording."""

import numpy as np
from hodgkin_huxley import constants, currents, dt, model, truth, voltages

from spikesmith import Inferencer
from spikesmith.units import nS, uS

inferencer = Inferencer(
    dt=dt, model=model, input={"I": currents[:3]}, output={"v": voltages[:3]},
    features={"v": [np.max, np.min, np.mean, np.std]},
    method="exponential_euler", param_init={"v": "El"}, namespace=constants,
)  # fmt: skip
posterior = inferencer.infer(
    n_samples=700, density_estimator_model="mdn", train_kwargs={"learning_rate": 2e-3, "max_num_epochs": 80, "training_batch_size": 100},
    gl=[1 * nS, 60 * nS], g_na=[5 * uS, 60 * uS], g_kd=[1 * uS, 20 * uS],
)  # fmt: skip
samples = inferencer.sample((1000,))
figure, axes = inferencer.pairplot(points=truth)
traces = inferencer.generate_traces(n_samples=10)
print(inferencer.param_names, samples.mean(axis=0), samples.std(axis=0))
