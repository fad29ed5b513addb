"""The same step by step, with simulations that are kept in a file and a second, focused round."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spikesmith import Inferencer, TraceFitter
from spikesmith.units import mV, ms, nA, nS, pF

model = """
dv/dt = (g*(-70*mV - v) + I)/C : volt
g : siemens (constant)
C : farad (constant)
"""
truth: dict[str, Any] = {"g": 10 * nS, "C": 200 * pF}
steps = np.zeros((1, 2000))
steps[:, 500:1500] = -0.1
neuron: dict[str, Any] = {"model": model, "input": {"I": steps * nA}, "dt": 0.1 * ms, "param_init": {"v": -70 * mV}}
recorded = TraceFitter(output={"v": np.zeros((1, 2000)) * mV}, **neuron).generate_traces(params=truth)

FloatArray = npt.NDArray[np.float64]


def steady(v: FloatArray) -> Any:
    return v[1400:1500].mean()


def early(v: FloatArray) -> Any:
    return v[500:650].mean()


inferencer = Inferencer(output={"v": recorded}, features={"v": [steady, early]}, **neuron)
prior = inferencer.init_prior(g=[2 * nS, 40 * nS], C=[50 * pF, 500 * pF])
theta = inferencer.generate_training_data(600, prior)
x = inferencer.extract_summary_statistics(theta)
with tempfile.TemporaryDirectory() as folder:
    inferencer.save_summary_statistics(Path(folder) / "simulations.npz")
    theta, x = inferencer.load_summary_statistics(Path(folder) / "simulations.npz")
inference = inferencer.init_inference(inference_method="SNPE", density_estimator_model="maf", prior=prior, hidden_features=20, num_transforms=3)
training: dict[str, Any] = {"learning_rate": 3e-3, "max_num_epochs": 60, "training_batch_size": 100}
posterior = inferencer.infer_step(proposal=prior, inference=inference, theta=theta, x=x, train_kwargs=training)
first = inferencer.sample((1000,))
posterior = inferencer.infer_step(proposal=posterior, inference=inference, n_samples=400, train_kwargs=training)
samples = inferencer.sample((1000,))
correlation = inferencer.conditional_corrcoeff(inferencer.sample((1,)))
print(inferencer.param_names, samples.mean(axis=0), samples.std(axis=0))
