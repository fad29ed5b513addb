"""What users of the established tool rely on in refine, and what they miss there."""

import pickle

import numpy as np
import pytest

from spikesmith import (
    FeatureMetric,
    GammaFactor,
    Landscape,
    MSEMetric,
    OnlineTraceFitter,
    OptimizeResult,
    SpikeFitter,
    TraceFitter,
    TraceMetric,
)
from spikesmith.units import Mohm, Quantity, amp, mV, ms, nA, nS, pF, pA, second, volt

dt = 0.1 * ms
R, tau = 20 * Mohm, 10 * ms
leaky = """
dv/dt = (R*I - v)/tau : volt
R : ohm (constant)
tau : second (constant)
"""
bounds = {"R": [1 * Mohm, 100 * Mohm], "tau": [1 * ms, 50 * ms]}
current = np.array([np.full(200, 1.0), np.full(200, -0.5)]) * nA
recorded = (1 - (1 - 0.01) ** np.arange(200)) * np.array([[20.0], [-10.0]]) * mV  # what Euler's method gives


def make_fitter(**changes):
    options = {"model": leaky, "input": {"I": current}, "output": {"v": recorded}, "dt": dt, "n_samples": 30, "method": "euler"} | changes
    return TraceFitter(**options)


def test_after_a_fit():
    fitter = make_fitter()
    found, error = fitter.fit("DE", n_rounds=3, callback=None, **bounds)
    params, result = fitter.refine(callback=None)
    assert isinstance(result, OptimizeResult) and isinstance(params, dict)
    assert float(params["R"] / Mohm) == pytest.approx(20, rel=1e-8) and float(params["tau"] / ms) == pytest.approx(10, rel=1e-8)
    assert result.success and result["success"] is True and result.status > 0 and result.message
    assert result.nfev > 0 and result.cost < 1e-20 and list(result.x) == [float(params["R"]), float(params["tau"])]
    assert "success" in dir(result) and "cost" in repr(result)
    # nothing of the fit has changed
    assert fitter.best_params == found and fitter.best_error == error
    fitter.fit(n_rounds=1, callback=None)
    assert len(fitter.results()) == 120


def test_without_a_fit():
    params, result = make_fitter().refine({"R": 5 * Mohm, "tau": 30 * ms}, callback=None, **bounds)
    assert float(params["R"] / Mohm) == pytest.approx(20, rel=1e-8) and isinstance(params["R"], Quantity)
    params, _ = make_fitter(use_units=False).refine({"R": 5e6, "tau": 0.03}, callback=None, bounds=bounds)
    assert type(params["R"]) is float and params["R"] == pytest.approx(20e6, rel=1e-8)


def test_constants_of_the_script():
    fitter = make_fitter(model="dv/dt = (R*I - v)/time_constant : volt\nR : ohm (constant)")
    time_constant = 10 * ms  # only now, and used by its name
    assert float(time_constant) == 0.01
    params, _ = fitter.refine({"R": 5 * Mohm}, callback=None, R=bounds["R"])
    assert float(params["R"] / Mohm) == pytest.approx(20, rel=1e-8)


def test_cost_scales_with_normalization():
    noisy = recorded + np.random.default_rng(1).normal(0, 0.3, recorded.shape) * mV
    start = {"R": 18 * Mohm, "tau": 9 * ms}
    _, plain = make_fitter(output={"v": noisy}).refine(start, callback=None, normalization=1, **bounds)
    _, half = make_fitter(output={"v": noisy}).refine(start, MSEMetric(normalization=0.5), callback=None, **bounds)
    assert half.cost == pytest.approx(4 * plain.cost, rel=1e-9)
    assert plain.cost == pytest.approx(0.5 * np.sum(plain.fun**2)) and plain.fun.shape == (400,)


def test_statistics_are_those_of_linear_theory():
    noisy = recorded + np.random.default_rng(2).normal(0, 0.3, recorded.shape) * mV
    params, result = make_fitter(output={"v": noisy}).refine({"R": 18 * Mohm, "tau": 9 * ms}, callback=None, **bounds)
    assert result.jac.shape == (400, 2)
    variance = 2 * result.cost / (400 - 2)
    covariance = variance * np.linalg.inv(result.jac.T @ result.jac)
    np.testing.assert_allclose(result.covariance, covariance, rtol=1e-4)
    assert float(result.standard_errors["R"] / Mohm) == pytest.approx(np.sqrt(covariance[0, 0]) / 1e6, rel=1e-4)
    assert result.confidence_low["R"] < params["R"] < result.confidence_high["R"]
    assert np.abs(result.grad * [1e6, 1e-3]).max() < 1e-6 * result.cost
    assert result.correlation[0, 1] == pytest.approx(covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1]), rel=1e-4)


def test_undetermined_parameters_are_named():
    fitter = TraceFitter(
        model="dv/dt = (a*b*I - v)/(10*ms) : volt\na : ohm (constant)\nb : 1 (constant)",
        input={"I": current}, output={"v": recorded}, dt=dt, method="euler",
    )  # fmt: skip
    _, result = fitter.refine({"a": 5 * Mohm, "b": 3}, callback=None, a=[1 * Mohm, 100 * Mohm], b=[0.1, 10])
    assert any("a" in text and "b" in text for text in result.undetermined)


@pytest.mark.parametrize("calc_gradient", [True, False, "exact", "differences"])
def test_derivatives(calc_gradient):
    params, result = make_fitter().refine({"R": 5 * Mohm, "tau": 30 * ms}, callback=None, calc_gradient=calc_gradient, optimize=False, **bounds)
    assert float(params["tau"] / ms) == pytest.approx(10, rel=1e-5)
    assert result.derivatives == ("differences" if calc_gradient == "differences" else "exact")


def half_wrong(end):
    """A trace that is 10 mV in its first half and `end` later."""
    values = np.full((1, 100), 10.0)
    values[:, 50:] = end
    return values * mV


def test_start_of_the_last_fit_is_kept():
    fitter = TraceFitter(model="v = x + 0*I/amp*volt : volt\nx : volt (constant)", input={"I": np.zeros((1, 100)) * nA},
                         output={"v": half_wrong(20)}, dt=dt)  # fmt: skip
    fitter.fit("DE", MSEMetric(t_start=50 * dt), n_rounds=0, callback=None, x=[0 * mV, 50 * mV])
    params, _ = fitter.refine({"x": 5 * mV}, callback=None)
    assert float(params["x"] / mV) == pytest.approx(20)
    params, _ = fitter.refine({"x": 5 * mV}, t_start=0 * ms, callback=None)
    assert float(params["x"] / mV) == pytest.approx(15)
    weights = np.r_[np.zeros(50), np.ones(50)]
    params, result = fitter.refine({"x": 5 * mV}, MSEMetric(t_weights=weights), callback=None)
    assert float(params["x"] / mV) == pytest.approx(20) and result.cost == pytest.approx(0, abs=1e-20)


def test_starts_of_several_outputs():
    fitter = TraceFitter(model="v = x + 0*I/amp*volt : volt\nw = x + 0*I/amp*volt : volt\nx : volt (constant)", input={"I": np.zeros((1, 100)) * nA},
                         output={"v": half_wrong(20), "w": half_wrong(15)}, dt=dt)  # fmt: skip
    metrics = {"v": MSEMetric(t_start=50 * dt), "w": MSEMetric(t_start=50 * dt)}
    fitter.fit("DE", metrics, n_rounds=0, callback=None, x=[0 * mV, 50 * mV])
    told = []
    params, _ = fitter.refine({"x": 5 * mV}, callback=lambda *arguments: told.append(arguments) or None)
    assert float(params["x"] / mV) == pytest.approx(17.5)
    assert len(told[-1][1][-1]) == 2 and sum(told[-1][1][-1]) == pytest.approx(float(told[-1][3]))


def test_wrong_arguments():
    fitter = make_fitter()
    with pytest.raises(TypeError, match="specify parameters or run the fit"):
        fitter.refine(callback=None)
    with pytest.raises(TypeError, match="Bounds must be set"):
        fitter.refine({"R": 5 * Mohm, "tau": 30 * ms}, callback=None)
    start = {"R": 5 * Mohm, "tau": 30 * ms}
    with pytest.raises(TypeError, match="MSEMetric for `v`, not FeatureMetric"):
        fitter.refine(start, FeatureMetric([(0 * ms, 10 * ms)], ["voltage_base"]), callback=None, **bounds)
    with pytest.raises(KeyError):
        fitter.refine({"R": 5 * Mohm}, callback=None, **bounds)
    with pytest.raises(ValueError, match="R"):
        fitter.refine({"R": 500 * Mohm, "tau": 30 * ms}, callback=None, **bounds)
    with pytest.raises(TypeError, match="tolerance"):
        fitter.refine(start, callback=None, tolerance=1, **bounds)
    with pytest.raises(ValueError, match="lm"):
        fitter.refine(start, callback=None, method="lm", **bounds)
    with pytest.raises(AssertionError):
        fitter.refine(start, callback=None, jac="2-point", **bounds)
    with pytest.raises(TypeError, match="both"):
        fitter.refine(start, MSEMetric(), t_start=1 * ms, callback=None, **bounds)
    with pytest.raises(TypeError, match="ohm"):
        fitter.refine({"R": 5 * mV, "tau": 30 * ms}, callback=None, **bounds)


def test_number_of_evaluations():
    start = {"R": 90 * Mohm, "tau": 45 * ms}
    _, result = make_fitter().refine(start, callback=None, max_nfev=1, **bounds)
    assert not result.success and result.status == 0 and result.nit == 1
    with pytest.warns(DeprecationWarning, match="max_nfev"):
        make_fitter().refine(start, callback=None, maxfev=1, **bounds)
    with pytest.raises(ValueError, match="maxfev"), pytest.warns(DeprecationWarning):
        make_fitter().refine(start, callback=None, maxfev=1, max_nfev=1, **bounds)


def test_callback(capsys):
    calls = []

    def watch(params, errors, best_params, best_error, index, additional_info):
        calls.append(index)
        assert isinstance(errors, list) and isinstance(errors[0], tuple)
        assert set(params) == set(best_params) == {"R", "tau"} and isinstance(params["R"], Quantity)
        assert additional_info["output_var"] == ["v"] and len(additional_info["objective_errors"]) == 1
        return index == 1

    _, result = make_fitter().refine({"R": 5 * Mohm, "tau": 30 * ms}, callback=watch, **bounds)
    assert calls == [0, 1] and result.status == -2 and not result.success
    make_fitter().refine({"R": 5 * Mohm, "tau": 30 * ms}, **bounds)
    assert "Best parameters R=" in capsys.readouterr().out
    with pytest.raises(ZeroDivisionError):
        make_fitter().refine({"R": 5 * Mohm, "tau": 30 * ms}, callback=lambda *_: 1 / 0, **bounds)


def test_several_starts():
    starts = [{"R": 99 * Mohm, "tau": 49 * ms}, {"R": 2 * Mohm, "tau": 2 * ms}]
    params, result = make_fitter().refine(starts, callback=None, **bounds)
    assert len(result.starts) == 2 and float(params["R"] / Mohm) == pytest.approx(20, rel=1e-8)


def test_online_fitter():
    fitter = OnlineTraceFitter(model=leaky, input={"I": current}, output={"v": recorded}, dt=dt, n_samples=20, t_start=2 * ms, method="euler")
    fitter.fit("DE", n_rounds=2, callback=None, **bounds)
    params, result = fitter.refine(callback=None)
    assert float(params["R"] / Mohm) == pytest.approx(20, rel=1e-8) and result.fun.shape == (2 * 180,)


def test_spike_fitter():
    neuron = {
        "model": "dv/dt = (gL*(-70*mV - v) + I)/C : volt\ngL : siemens (constant)\nC : farad (constant)",
        "input": {"I": np.linspace(300, 700, 3000).reshape(1, -1) * pA}, "dt": dt, "threshold": "v > -50*mV", "reset": "v = -65*mV",
        "param_init": {"v": -70 * mV},
    }  # fmt: skip
    times = SpikeFitter(output=[[0.1]], **neuron).generate_spikes(params={"gL": 12 * nS, "C": 250 * pF})
    assert len(times[0]) > 5
    fitter = SpikeFitter(output=times, **neuron)
    bounds = {"gL": [5 * nS, 30 * nS], "C": [100 * pF, 500 * pF]}
    params, result = fitter.refine({"gL": 12.3 * nS, "C": 240 * pF}, callback=None, **bounds)
    assert float(params["gL"] / nS) == pytest.approx(12, abs=0.2) and result.method == "spike_times"


# --- minimize and landscape -----------------------------------------------------------------------------------------------


class Mean(TraceMetric):
    def get_features(self, model, target, dt):
        return (model.mean(axis=2) - target.mean(axis=1)) ** 2 + (model[..., -1] - target[..., -1]) ** 2

    def get_errors(self, features):
        return features.mean(axis=1)


def test_minimize_takes_any_metric():
    params, result = make_fitter().minimize({"R": 15 * Mohm, "tau": 12 * ms}, Mean(normalization=1e-3), callback=None, **bounds)
    assert float(params["R"] / Mohm) == pytest.approx(20, rel=1e-3) and result.method == "quasi_newton"
    assert result.cost == pytest.approx(float(result.error))
    with pytest.raises(TypeError, match="steps"):
        make_fitter().minimize({"R": 15 * Mohm, "tau": 12 * ms}, callback=None, steps=3, **bounds)


def test_minimize_takes_gradients_and_hops():
    start = {"R": 15 * Mohm, "tau": 12 * ms}
    for kind in ("exact", "adjoint", "differences"):
        params, result = make_fitter().minimize(start, callback=None, calc_gradient=kind, hops=3, **bounds)
        assert float(params["R"] / Mohm) == pytest.approx(20, rel=1e-3) and result.derivatives == kind


def test_landscape():
    fitter = make_fitter()
    field = fitter.landscape("R", "tau", (9, 7), {"R": 20 * Mohm, "tau": 10 * ms}, ranges={"R": [10 * Mohm, 30 * Mohm]}, bounds=bounds)
    assert isinstance(field, Landscape) and field.error.shape == (7, 9) == field.gradient[0].shape
    assert float(field.x[0] / Mohm) == pytest.approx(10) and float(field.x[-1] / Mohm) == pytest.approx(30)
    assert float(field.centre_error) == pytest.approx(0, abs=1e-20) and field.centre["R"] == 20 * Mohm
    # the error of a leaky membrane at R with the right tau: ((R - 20 MOhm)/20 MOhm)^2 * mean(v^2)
    near = fitter.landscape("R", "tau", (3, 3), {"R": 20 * Mohm, "tau": 10 * ms}, bounds=bounds,
                            ranges={"R": [10 * Mohm, 30 * Mohm], "tau": [9 * ms, 11 * ms]})  # fmt: skip
    assert float(near.error[1, 0]) == pytest.approx(0.25 * np.mean(np.asarray(recorded) ** 2), rel=1e-9)
    assert float(near.gradient[0][1, 0]) == pytest.approx(-np.mean(np.asarray(recorded) ** 2) / 20e6, rel=1e-6)
    with pytest.raises(ValueError):
        fitter.landscape("R", "R", 5, {"R": 20 * Mohm, "tau": 10 * ms}, bounds=bounds)


def test_plot_landscape():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    axis = make_fitter().plot_landscape("R", "tau", 5, params={"R": 20 * Mohm, "tau": 10 * ms}, bounds=bounds)
    assert axis.get_xlabel() == "R (Mohm)" and axis.get_ylabel() == "tau (ms)"


def test_losses_of_scipy():
    spoilt = np.array(recorded)
    spoilt[:, 50] += 0.1
    start = {"R": 18 * Mohm, "tau": 9 * ms}
    fitter = make_fitter(output={"v": spoilt * volt})
    plain, _ = fitter.refine(start, callback=None, **bounds)
    robust, result = fitter.refine(start, callback=None, loss="soft_l1", f_scale=1e-4, **bounds)
    same, _ = fitter.refine(start, MSEMetric(loss="soft_l1", loss_scale=0.1 * mV), callback=None, **bounds)
    assert abs(robust["R"] / Mohm - 20) < 0.1 < abs(plain["R"] / Mohm - 20) and robust == same
    scaled, _ = fitter.refine(start, MSEMetric(normalization=1 * mV), callback=None, loss="soft_l1", f_scale=0.1, **bounds)
    assert float(scaled["R"]) == pytest.approx(float(robust["R"]), rel=1e-6)
    with pytest.raises(ValueError, match="arctan"):
        fitter.refine(start, callback=None, loss="arctan", **bounds)


def test_result_is_one_of_scipy_where_that_is_in_use():
    optimize = pytest.importorskip("scipy.optimize")
    _, result = make_fitter().refine({"R": 18 * Mohm, "tau": 9 * ms}, callback=None, **bounds)
    assert isinstance(result, optimize.OptimizeResult) and isinstance(result, OptimizeResult)
    copied = pickle.loads(pickle.dumps(result))
    assert copied.success is True and list(copied) == list(result)


# --- callbacks ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("call", ["refine", "minimize"])
def test_callback_sees_the_start_first(call):
    seen = []
    start = {"R": 15 * Mohm, "tau": 12 * ms}

    def note(params, errors, best_params, best_error, index, info):
        seen.append((index, params, errors[-1][0], float(best_error)))

    fitter = make_fitter()
    _, result = getattr(fitter, call)(start, callback=note, **bounds)
    index, params, error, best_error = seen[0]
    assert index == 0 and params == start and error == best_error == float(result.start_error)
    assert error == pytest.approx(float(np.mean((fitter.generate_traces(start) - recorded) ** 2)))
    assert [one[0] for one in seen] == list(range(len(seen))) and seen[-1][2] < 1e-6 * error
    seen.clear()
    _, result = fitter.refine([start, {"R": 25 * Mohm, "tau": 12 * ms}], callback=lambda *args: bool(seen.append(1)) or True, **bounds)
    assert len(seen) == 2 and result.nit == 0
