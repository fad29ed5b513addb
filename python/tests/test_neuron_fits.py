"""Neurons in ANNarchy's language as models of the fitters and of the Inferencer."""

import numpy as np
import pytest

import spikesmith as sm
from spikesmith.neuron import Neuron
from spikesmith.units import mV, ms

current = np.zeros((2, 200))
current[0, 20:120] = 1.0
current[1, 50:] = 0.5
leaky = Neuron(parameters="R = 5.0; tau = 20.0; E = -70.0; I = 0.0", equations="tau*dv/dt = E - v + R*I : init = E", spike="v > 0", reset="v = E")


def response(R, tau, E=-70.0):
    """The same by explicit Euler steps of 0.1 ms; sample k is the state before step k."""
    v = np.full((2, 200), E)
    for k in range(199):
        v[:, k + 1] = v[:, k] + 0.1 * (E - v[:, k] + R * current[:, k]) / tau
    return v


def fitter(**options):
    given = {"model": leaky, "input": {"I": current}, "output": {"v": response(8.0, 10.0)}, "dt": 0.1 * ms, "n_samples": 30}
    return sm.TraceFitter(**{**given, **options})


def test_bounds_say_which_parameters_are_fitted():
    fit = fitter()
    assert fit.parameter_names == ["R", "tau", "E"] and fit.model is leaky
    params, error = fit.fit(n_rounds=60, callback=None, R=[1, 20], tau=[2, 40])
    assert set(params) == {"R", "tau"}
    assert params["R"] == pytest.approx(8.0, rel=1e-3) and params["tau"] == pytest.approx(10.0, rel=1e-3)
    np.testing.assert_allclose(fit.generate_traces(), response(params["R"], params["tau"]), atol=1e-9)
    refined, _ = fit.refine(callback=None)
    assert refined["R"] == pytest.approx(8.0, rel=1e-6)
    # another search of another parameter
    params, error = fit.fit(n_rounds=30, callback=None, restart=True, E=[-80, -60])
    assert set(params) == {"E"} and error > 1e-3


def test_values_instead_of_the_neurons_own():
    params, error = fitter(param_init={"tau": 10.0}).fit(n_rounds=40, callback=None, R=[1, 20])
    assert params["R"] == pytest.approx(8.0, rel=1e-4) and error < 1e-6


def test_spikes():
    neuron = Neuron(parameters="R = 5.0; I = 0.0", equations="10*dv/dt = -70 - v + R*I : init = -70", spike="v > -65", reset="v = -70")
    arguments = {"model": neuron, "input": {"I": current}, "dt": 0.1 * ms, "threshold": None, "reset": None}
    made = sm.SpikeFitter(output=[[0.0], [0.0]], **arguments)
    made.fit(n_rounds=0, callback=None, R=[5, 30])
    spikes = made.generate_spikes(params={"R": 20.0})
    assert [len(train) for train in spikes] == [3, 2]
    params, error = sm.SpikeFitter(output=spikes, **arguments).fit(n_rounds=20, callback=None, R=[5, 30])
    assert params["R"] == pytest.approx(20.0, rel=0.1) and float(error) < 0.2


def test_an_inference():
    inference = sm.Inferencer(
        dt=0.1 * ms, model=leaky, input={"I": current}, output={"v": response(8.0, 10.0)},
        features={"v": [lambda v: v.max(), lambda v: v[100]]},
    )  # fmt: skip
    inference.init_prior(R=[1, 20])
    assert inference.param_names == ["R"]
    theta = inference.generate_training_data(8)
    x = inference.extract_summary_statistics(theta)
    for R, row in zip(theta[:, 0], x):
        v = response(R, 20.0)
        assert np.min(np.abs(row - v[0].max())) < 1e-6 and np.min(np.abs(row - v[1].max())) < 1e-6


def test_wrong_arguments():
    with pytest.raises(TypeError, match="Neuron has its spike condition"):
        fitter(threshold="v > 0")
    with pytest.raises(NameError, match="not a model variable"):
        fitter(output={"w": response(8.0, 10.0)})
    with pytest.raises(sm.UnitError, match="v is a plain number"):
        fitter(output={"v": response(8.0, 10.0) * mV})
    with pytest.raises(sm.UnitError, match="plain number in ANNarchy"):
        fitter(param_init={"tau": 10 * ms})
    with pytest.raises(ValueError, match="taum"):
        fitter().fit(callback=None, taum=[1, 2])
    with pytest.raises(TypeError, match="or a Neuron"):
        fitter(model=3)
