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


@pytest.mark.parametrize("by_name", [False, True])
def test_an_online_fit(by_name):
    recorded = response(8.0, 10.0)
    data = {"input_var": "I", "input": current, "output_var": "v", "output": recorded}
    given = data if by_name else {"input": {"I": current}, "output": {"v": recorded}}
    fit = sm.OnlineTraceFitter(model=leaky, dt=0.1 * ms, n_samples=30, t_start=1 * ms, **given)
    assert fit.parameter_names == ["R", "tau", "E"] and fit.model is leaky
    params, error = fit.fit(n_rounds=60, callback=None, R=[1, 20], tau=[2, 40])
    assert params["R"] == pytest.approx(8.0, rel=1e-3) and params["tau"] == pytest.approx(10.0, rel=1e-3)
    expected = np.mean((response(params["R"], params["tau"])[:, 10:] - recorded[:, 10:]) ** 2)
    assert type(params["R"]) is float and float(error) == pytest.approx(expected, rel=1e-6, abs=1e-18)
    np.testing.assert_allclose(fit.generate_traces(), response(params["R"], params["tau"]), atol=1e-9)
    np.testing.assert_allclose(fit.generate_traces(params={"R": 3.0, "tau": 5.0}), response(3.0, 5.0), atol=1e-9)
    refined, _ = fit.refine(callback=None)
    assert refined["R"] == pytest.approx(8.0, rel=1e-6)
    # it goes on, and begins again with another parameter
    assert fit.fit(n_rounds=1, callback=None)[1] <= error
    params, error = fit.fit(n_rounds=30, callback=None, restart=True, E=[-80, -60])
    assert set(params) == {"E"} and error > 1e-3
    assert len(fit.results()) == 900 and set(fit.results()[0]) == {"E", "error"}


def test_an_online_fit_is_the_same_fit_as_that_of_a_trace_fitter():
    searches = []
    for kind in (sm.TraceFitter, sm.OnlineTraceFitter):
        fit = kind(model=leaky, input={"I": current}, output={"v": response(8.0, 10.0)}, dt=0.1 * ms, n_samples=20, seed=3)
        fit.fit("DE", n_rounds=3, callback=None, R=[1, 20], tau=[2, 40])
        searches.append(fit.results("dict"))
    for name in ("R", "tau", "error"):
        np.testing.assert_array_equal(searches[0][name], searches[1][name])


def test_an_online_fit_refuses_what_it_cannot_do():
    given = {"model": leaky, "input": {"I": current}, "dt": 0.1 * ms}
    fit = sm.OnlineTraceFitter(output={"v": response(8.0, 10.0)}, **given)
    with pytest.raises(TypeError, match="own metric"):
        fit.fit(n_rounds=1, callback=None, metric=sm.MSEMetric(), R=[1, 20])
    with pytest.raises(TypeError, match="Neuron has its spike condition"):
        sm.OnlineTraceFitter(output={"v": response(8.0, 10.0)}, threshold="v > 0", **given)
    with pytest.raises(NameError, match="not a model variable"):
        sm.OnlineTraceFitter(output={"w": response(8.0, 10.0)}, **given)
    with pytest.raises(sm.UnitError, match="v is a plain number"):
        sm.OnlineTraceFitter(output={"v": response(8.0, 10.0) * mV}, **given)


def test_an_online_fit_of_a_spiking_neuron():
    neuron = Neuron(parameters="R = 5.0; I = 0.0", equations="10*dv/dt = -70 - v + R*I : init = -70", spike="v > -65", reset="v = -70")
    given = {"model": neuron, "input": {"I": current}, "dt": 0.1 * ms, "n_samples": 30}
    made = sm.OnlineTraceFitter(output={"v": np.full((2, 200), -70.0)}, **given)
    made.fit(n_rounds=0, callback=None, R=[5, 30])
    recorded = made.generate_traces(params={"R": 20.0})
    assert recorded.max() < -64 and np.sum(np.diff(recorded[0]) < -3) == 3  # resets
    params, error = sm.OnlineTraceFitter(output={"v": recorded}, **given).fit(n_rounds=20, callback=None, R=[5, 30])
    assert params["R"] == pytest.approx(20.0, rel=1e-3)


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
