"""Constants, attributes and penalties that change between the calls of one fitter."""

import numpy as np
import pytest
from small_fits import dt, make_fitter

from spikesmith import ModelError, MSEMetric, TraceFitter, UnitError
from spikesmith.units import Mohm, ms, mV, nA, nS, second, volt


def test_a_metric_changed_between_fits():
    metric = MSEMetric()
    fitter = make_fitter()
    fitter.fit("RandomSearch", metric, n_rounds=1, callback=None, g=[1 * nS, 100 * nS])
    metric.t_start = 2 * dt
    fitter.fit("RandomSearch", metric, n_rounds=1, callback=None, restart=True, g=[1 * nS, 100 * nS])
    fresh = make_fitter()
    fresh.fit("RandomSearch", MSEMetric(t_start=2 * dt), n_rounds=1, callback=None, g=[1 * nS, 100 * nS])
    assert fitter.best_error == fresh.best_error


def test_recordings_are_generated_too():
    fitter = charging_fitter("dv/dt = (R*I - v)/(10*ms) + (v_target - v)/second : volt\nR : ohm")
    both = fitter.generate(["v_target", "v"], {"R": 20 * Mohm})
    np.testing.assert_array_equal(both["v_target"], charging)
    assert fitter.generate("v_target", {"R": 20 * Mohm}).dim == volt.dim == fitter.output_dim[0]


charging = 20 * (1 - np.exp(-np.arange(200) * 0.01)).reshape(1, -1) * mV


def charging_fitter(model="dv/dt = (R*I - v)/time_constant : volt\nR : ohm", **changes):
    options = {"input": {"I": np.full((1, 200), 1.0) * nA}, "output": {"v": charging}, "dt": dt, "n_samples": 20} | changes
    return TraceFitter(model=model, **options)


def test_constants_are_those_of_the_call():
    time_constant = 10 * ms
    fitter = charging_fitter()
    first = fitter.generate_traces({"R": 20 * Mohm})
    time_constant = 100 * ms
    second_one = fitter.generate_traces({"R": 20 * Mohm})
    assert float(first[0, -1] / mV) == pytest.approx(17.3, abs=0.1) and float(second_one[0, -1] / mV) == pytest.approx(3.6, abs=0.1)
    time_constant *= 0.1  # in place or not
    np.testing.assert_allclose(fitter.generate_traces({"R": 20 * Mohm}), first, rtol=1e-12)

    narrow = {"R": [19.9 * Mohm, 20.1 * Mohm]}
    assert float(fitter.fit("DE", n_rounds=2, callback=None, **narrow)[1]) < 1e-8
    time_constant = 100 * ms
    assert float(fitter.fit("DE", n_rounds=2, callback=None, restart=True, **narrow)[1]) > 1e-5
    assert len(fitter.results()) == 40
    params, _ = fitter.refine(callback=None, R=[1 * Mohm, 300 * Mohm])
    assert float(params["R"] / Mohm) > 100
    assert time_constant == 100 * ms


def test_constants_that_change_while_a_fit_continues():
    time_constant = 10 * ms
    bounds = {"R": [1 * Mohm, 100 * Mohm]}
    fitter = charging_fitter()
    fitter.fit("CMA", n_rounds=3, callback=None, **bounds)
    time_constant = 20 * ms
    fitter.fit(n_rounds=2, callback=None)
    errors = fitter.results("dict", use_units=False)
    assert len(errors["error"]) == 100 and fitter.iteration == 5
    for k in (70, 10):
        again = charging_fitter(namespace={"time_constant": (20 if k == 70 else 10) * ms})
        trace = again.generate_traces({"R": errors["R"][k]})
        assert float(np.mean((trace - charging) ** 2)) == pytest.approx(errors["error"][k], rel=1e-6)
    assert float(fitter.best_error) == np.min(errors["error"])
    assert time_constant == 20 * ms


@pytest.mark.parametrize("method", ["CMA", "DE", "PSO"])
def test_a_search_that_changes_its_problem_is_the_same_search(method):
    """A constant changes that has no influence: points and errors are those of a search without interruption."""
    unused, time_constant = 1.0, 10 * ms
    model = "dv/dt = (R*I - v)/time_constant + 0*unused*volt/second : volt\nR : ohm"
    bounds = {"R": [1 * Mohm, 100 * Mohm]}
    whole, parts = charging_fitter(model), charging_fitter(model)
    whole.fit(method, n_rounds=6, callback=None, **bounds)
    parts.fit(method, n_rounds=6, callback=lambda *args: args[4] == 2, **bounds)
    unused = 2.0
    parts.fit(n_rounds=2, callback=None)
    parts.generate_traces()
    unused = 3.0
    parts.fit(n_rounds=1, callback="text")
    for name in ("R", "error"):
        np.testing.assert_array_equal(whole.results("dict")[name], parts.results("dict")[name])
    assert whole.best_params == parts.best_params and unused + time_constant / second > 3


def test_simulations_between_rounds_leave_the_search_alone():
    time_constant = 10 * ms
    whole, parts = charging_fitter(), charging_fitter()
    bounds = {"R": [1 * Mohm, 100 * Mohm]}
    whole.fit("CMA", n_rounds=4, callback=None, **bounds)
    parts.fit("CMA", n_rounds=4, callback=lambda *args: args[4] == 1, **bounds)
    core = parts._core
    time_constant = 50 * ms
    parts.generate_traces()
    time_constant = 10 * ms
    parts.fit(n_rounds=2, callback=None)
    assert parts._core is core
    np.testing.assert_array_equal(whole.results("dict")["error"], parts.results("dict")["error"])
    assert time_constant == 10 * ms


def test_attributes_that_change():
    time_constant = 10 * ms
    metric = MSEMetric()
    fitter = charging_fitter(param_init={"v": 0 * mV})
    fitter.param_init["v"] = 5 * mV
    assert float(fitter.generate_traces({"R": 20 * Mohm})[0, 0] / mV) == 5
    fitter.n_samples = 50
    fitter.fit("RandomSearch", metric, n_rounds=1, callback=None, R=[1 * Mohm, 100 * Mohm])
    assert len(fitter.results()) == 50
    metric.t_start = 10 * ms
    fitter.fit(n_rounds=1, callback=None)
    errors = fitter.results("dict", use_units=False)
    trace = fitter.generate_traces({"R": errors["R"][70]})
    assert errors["error"][70] == pytest.approx(float(np.mean((trace - charging)[:, 100:] ** 2)))
    assert time_constant == 10 * ms


def test_penalty_of_each_fit():
    model = "dv/dt = (R*I - v)/(10*ms) : volt\nR : ohm\npa = 1*volt**2 : volt**2\npb = 2*volt**2 : volt**2\nwrong = 1*volt : volt"
    fitter = charging_fitter(model)
    assert 1 <= float(fitter.fit("DE", penalty="pa", n_rounds=1, callback=None, R=[1 * Mohm, 100 * Mohm])[1]) < 1.1
    fitter.fit(n_rounds=1, callback=None, penalty="pb")
    errors = fitter.results("dict", use_units=False)["error"]
    assert np.all(errors[20:] >= 2) and np.all(errors[:20] < 2)
    with pytest.raises(UnitError):
        fitter.fit(n_rounds=1, callback=None, penalty="wrong")
    with pytest.raises(ModelError, match="nothing"):
        fitter.fit(n_rounds=1, callback=None, penalty="nothing")
    fitter.fit(n_rounds=1, callback=None)
    assert np.all(fitter.results("dict", use_units=False)["error"][40:] < 1)
