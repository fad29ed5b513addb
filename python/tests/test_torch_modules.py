"""Modules of PyTorch as embedding networks, where PyTorch is installed."""

import subprocess
import sys

import numpy as np
import pytest

from spikesmith import ConfigError, Inferencer
from spikesmith._torch_modules import is_module, with_module, write_torchscript
from spikesmith.units import Mohm, mV, ms, nA


def test_torch_is_not_imported():
    code = "import sys, spikesmith; from spikesmith._torch_modules import is_module; assert not is_module(3); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert not is_module("mlp") and with_module({"embedding_net": "mlp"}) == {"embedding_net": "mlp"} and with_module({}) == {}


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


@pytest.fixture
def network(torch):
    torch.manual_seed(1)
    return torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3))


def test_files_hold_the_network(torch, network):
    x = torch.linspace(-1, 1, 10).reshape(5, 2)
    for form in (network, torch.jit.script(network), torch.jit.trace(network, torch.zeros(2, 2))):
        assert is_module(form)
        loaded = torch.jit.load(write_torchscript(form))
        np.testing.assert_array_equal(loaded(x).detach().numpy(), network(x).detach().numpy())
    options = with_module({"embedding_net": network, "hidden_features": 7})
    assert options["embedding_net"] == "torchscript" and options["hidden_features"] == 7
    assert torch.jit.load(options["embedding_file"]) is not None


def test_networks_that_are_no_torchscript(torch):
    class Outside(torch.nn.Module):
        def forward(self, x):
            return np.asarray(x)

    with pytest.raises(TypeError, match="(?s)Outside cannot become TorchScript.*torch.jit.trace"):
        write_torchscript(Outside())


def test_an_inference(network):
    v = 20 * (1 - np.exp(-np.arange(100) * 0.01)).reshape(1, -1) * mV
    inferencer = Inferencer(
        dt=0.1 * ms, model="dv/dt = (R*I - v)/(10*ms) : volt\nR : ohm (constant)", input={"I": np.full((1, 100), 1.0) * nA}, output={"v": v},
        features={"v": [np.mean, np.max]},
    )  # fmt: skip
    training = {"max_num_epochs": 100, "learning_rate": 5e-3}
    try:
        inferencer.infer(
            n_samples=500, density_estimator_model="mdn", inference_kwargs={"embedding_net": network}, train_kwargs=training, R=[1 * Mohm, 100 * Mohm]
        )  # fmt: skip
    except ConfigError as error:
        pytest.skip(f"built without libtorch: {error}")
    assert inferencer.sample((500,)).mean() == pytest.approx(20e6, rel=0.1)
