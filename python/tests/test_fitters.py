import copy
import os
import pickle
import re
import warnings

import numpy as np
import pytest

from spikesmith import (
    ConfigError,
    DataError,
    FeatureMetric,
    GammaFactor,
    Inferencer,
    ModelError,
    MSEMetric,
    NevergradOptimizer,
    OnlineTraceFitter,
    Optimizer,
    SkoptOptimizer,
    SpikeFitter,
    SpikeMetric,
    TraceFitter,
    TraceMetric,
    UnitError,
    callback_setup,
)
from spikesmith.units import Mohm, Quantity, amp, mV, ms, nA, nS, pF, pA, second, volt

E = 40 * mV
dt = 0.1 * ms
# 10 traces of 5 samples
voltage = np.tile(np.array([0.0, -0.03, -0.06, -0.045, -0.08]), (10, 1)) * volt
current = np.asarray(30 * nS * (voltage - E)) * amp

algebraic = """
I = g*(v - E) : amp
g : siemens (constant)
"""


def make_fitter(**changes):
    options = {"model": algebraic, "input": {"v": voltage}, "output": {"I": current}, "dt": dt, "n_samples": 30} | changes
    return TraceFitter(**options)


# --- construction ---------------------------------------------------------------------------------------------------------


def test_attributes():
    fitter = make_fitter()
    for name in "dt parameter_names n_traces duration n_neurons n_samples method threshold reset refractory input output output_var".split():
        assert hasattr(fitter, name)
    assert fitter.metric is None and fitter.optimizer is None and fitter.best_params is None and fitter.best_error is None
    assert fitter.n_traces == 10 and fitter.duration == 0.5 * ms and fitter.parameter_names == ["g"]


def test_wrong_arguments():
    with pytest.raises(NameError, match="Exx is not an identifier"):
        make_fitter(input={"Exx": voltage})
    with pytest.raises(NameError, match="Exx is not a model variable"):
        make_fitter(output={"Exx": current})
    with pytest.raises(TypeError, match="dictionary"):
        make_fitter(input=voltage)
    with pytest.raises(TypeError, match="dictionary"):
        make_fitter(output=[current])
    with pytest.raises(UnitError, match="volt"):
        make_fitter(output={"I": np.asarray(current) * volt})
    with pytest.raises(ValueError, match="same size"):
        make_fitter(output={"I": current[:, :4]})
    with pytest.raises(TypeError, match="unit"):
        make_fitter(dt=0.1)
    with pytest.raises(ValueError, match="variable or a parameter"):
        make_fitter(param_init={"Q": 3})
    with pytest.raises(ModelError, match="I = g"):
        make_fitter(model="I = g*(v - E : amp\ng : siemens")


def test_old_argument_names():
    with pytest.warns(DeprecationWarning):
        fitter = TraceFitter(model=algebraic, input_var="v", input=voltage, output_var="I", output=current, dt=dt, n_samples=30)
    params, _ = fitter.fit("DE", n_rounds=20, callback=None, g=[1 * nS, 100 * nS])
    assert float(params["g"] / nS) == pytest.approx(30, rel=1e-3)


# --- fit ------------------------------------------------------------------------------------------------------------------


def test_fit_gives_quantities():
    fitter = make_fitter()
    params, error = fitter.fit(optimizer=NevergradOptimizer("DE"), metric=MSEMetric(), n_rounds=20, callback=None, g=[1 * nS, 100 * nS])
    assert isinstance(params["g"], Quantity) and float(params["g"] / nS) == pytest.approx(30, rel=1e-3)
    assert isinstance(error, Quantity) and error.dim == (amp**2).dim
    assert params == fitter.best_params and error == fitter.best_error


def test_fit_without_units():
    params, error = make_fitter(use_units=False).fit("DE", n_rounds=2, callback=None, g=[1e-9, 100e-9])
    assert type(params["g"]) is float and type(error) is float


def test_bounds_as_texts_and_dictionary():
    params, _ = make_fitter().fit("DE", n_rounds=2, callback=None, bounds={"g": ["1 nS", "100 nS"]})
    assert 1 * nS <= params["g"] <= 100 * nS


def test_wrong_bounds():
    for bounds, error, text in (
        ({}, TypeError, "Bounds must be set for parameter g"),
        ({"g": [1 * nS, 2 * nS], "E": [0, 1]}, ValueError, "E must be defined"),
        ({"g": [1 * mV, 2 * mV]}, UnitError, "bounds of g is volt, but must be siemens"),
        ({"g": [1 * nS]}, ValueError, "two values"),
        ({"g": [2 * nS, 1 * nS]}, ValueError, "g"),
    ):
        with pytest.raises(error, match=text):
            make_fitter().fit("DE", n_rounds=1, callback=None, **bounds)


def test_defaults():
    fitter = make_fitter()
    fitter.fit(n_rounds=2, callback=None, g=[1 * nS, 100 * nS])
    assert isinstance(fitter.optimizer, Optimizer) and isinstance(fitter.metric["I"], MSEMetric)
    fitter.fit(n_rounds=1, callback=None)  # goes on
    assert len(fitter.results()) == 90


@pytest.mark.parametrize("method", ["DE", "TwoPointsDE", "PSO", "CMA", "OnePlusOne", "NelderMead", "SQP", "NGOpt", "RandomSearch", "TPE"])
def test_methods(method):
    params, _ = make_fitter().fit(NevergradOptimizer(method), n_rounds=2, callback=None, g=[1 * nS, 100 * nS])
    assert 1 * nS <= params["g"] <= 100 * nS


def test_skopt_optimizer():
    params, _ = make_fitter().fit(SkoptOptimizer("GP"), n_rounds=2, callback=None, g=[1 * nS, 100 * nS])
    assert float(params["g"] / nS) == pytest.approx(30, rel=0.05)


def test_wrong_optimizer_and_metric():
    with pytest.raises(TypeError, match="Optimizer"):
        make_fitter().fit(3, n_rounds=1, g=[1 * nS, 100 * nS])
    with pytest.raises(TypeError, match="TraceMetric, not GammaFactor"):
        make_fitter().fit("DE", GammaFactor(1 * ms, 10 * ms), n_rounds=1, g=[1 * nS, 100 * nS])
    with pytest.raises(ValueError, match=r"\(4,\)"):
        make_fitter().fit("DE", MSEMetric(t_weights=np.ones(4)), n_rounds=1, g=[1 * nS, 100 * nS])


def test_callback():
    calls = []

    def callback(params, errors, best_params, best_error, index, additional_info):
        assert len(params) == 30 and isinstance(params[0]["g"], Quantity)
        assert errors.shape == (30,) and isinstance(errors, Quantity)
        assert isinstance(best_params, dict) and best_error <= errors.min()
        assert additional_info["output_var"] == ["I"] and additional_info["objective_errors"][0] == best_error
        calls.append(index)
        return len(calls) == 3

    fitter = make_fitter()
    fitter.fit("DE", n_rounds=2, callback=callback, g=[1 * nS, 100 * nS])
    assert calls == [0, 1]
    fitter.fit(n_rounds=5, callback=callback)
    assert calls == [0, 1, 0]

    class Bound:
        rounds = 0

        def after(self, *args):
            self.rounds += 1

    bound = Bound()
    make_fitter().fit("DE", n_rounds=3, callback=bound.after, g=[1 * nS, 100 * nS])
    assert bound.rounds == 3
    with pytest.raises(TypeError, match="callback"):
        make_fitter().fit("DE", n_rounds=1, callback="loud", g=[1 * nS, 100 * nS])


def test_callbacks_see_parameter_sets_like_a_list():
    seen = []
    fitter = make_fitter()
    fitter.fit("DE", n_rounds=2, callback=lambda *args: seen.append(args), g=[1 * nS, 100 * nS])
    for index, (params, errors, best_params, best_error, number, info) in enumerate(seen):
        assert number == index and len(params) == 30 == len(errors)
        plain = fitter.results("dict")["g"][30 * index : 30 * (index + 1)]
        assert [float(p["g"]) for p in params] == [float(p["g"]) for p in params[:]] == [float(g) for g in plain]
        assert params[-1] is params[29] and params[3] == {"g": plain[3]} and params[3] in params
        assert params[2]["g"].dim == nS.dim and list(params[2]) == ["g"] and len(params[5:8]) == 3
        assert np.all(params["g"] == plain) and np.array(params).shape == (30,) and np.array(errors).shape == (30,)
        assert sorted(params, key=lambda p: p["g"])[0]["g"] == min(plain)
        best = int(np.argmin(errors))
        assert errors[best] >= best_error and (index > 0 or params[best] == best_params)
        assert params + [] == list(params) == [] + params == params and repr(params).startswith("[{'g': ")
        assert pickle.loads(pickle.dumps(params)) == list(params) == copy.deepcopy(params)
        assert isinstance(params, list) and type(copy.deepcopy(params)) is list and [*params] == list(reversed(params))[::-1]
        with pytest.raises(IndexError):
            params[30]
        with pytest.raises(KeyError):
            params["h"]
    params = seen[0][0]
    params.append({})
    assert len(params) == 31 and params.pop() == {} and [params.index(p) for p in params] == list(range(30))
    assert [p is q for p, q in zip(params, params)] == [True] * 30  # what was changed stays changed


def test_callbacks_without_units():
    seen = []
    make_fitter(use_units=False).fit("DE", n_rounds=1, callback=lambda *args: seen.append(args), g=[1e-9, 100e-9])
    params, errors, best_params, best_error, _, info = seen[0]
    assert type(params[0]["g"]) is float and type(params["g"]) is np.ndarray and type(best_error) is float
    assert type(errors) is np.ndarray and type(info["objective_errors"][0]) is float


def test_text_of_the_default_callback_is_that_of_callback_text(capsys):
    from spikesmith import callback_text

    for use_units in (True, False):
        make_fitter(use_units=use_units).fit("DE", n_rounds=3, g=[1e-9, 100e-9])
        fitted = capsys.readouterr().out
        make_fitter(use_units=use_units).fit("DE", n_rounds=3, callback=lambda *args: callback_text(*args), g=[1e-9, 100e-9])
        assert fitted == capsys.readouterr().out and fitted.count("Round") == 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fit_goes_on_in_a_forked_process():
    fitter = make_fitter()
    fitter.fit("DE", n_rounds=2, callback=None, g=[1 * nS, 100 * nS])
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            error = fitter.fit(n_rounds=3, callback=None)[1]
            os.write(writing, float(error).hex().encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        in_child = pipe.read()
    os.waitpid(child, 0)
    assert in_child == float(fitter.fit(n_rounds=3, callback=None)[1]).hex()


def test_text_callback(capsys):
    make_fitter().fit("DE", n_rounds=1, g=[1 * nS, 100 * nS])
    first, second_line = capsys.readouterr().out.splitlines()
    assert first.startswith("Round 0: Best parameters g=") and first.endswith("nS")
    assert second_line.strip().startswith("Best error: ") and second_line.endswith("A^2 (I)")


def test_exceptions_of_callbacks_arrive():
    with pytest.raises(ZeroDivisionError):
        make_fitter().fit("DE", n_rounds=2, callback=lambda *args: 1 / 0, g=[1 * nS, 100 * nS])


# --- two plateaus: what is fitted depends on when -------------------------------------------------------------------------

constant = """
dv/dt = 0*volt/second : volt
"""


def plateaus():
    target = np.r_[np.full(50, 0.01), np.full(50, 0.02)].reshape(1, -1) * volt
    return TraceFitter(
        model="v = c + x - x : volt\nc : volt (constant)", input={"x": np.zeros((1, 100)) * volt}, output={"v": target}, dt=dt, n_samples=30
    )


def test_t_start_and_weights():
    bounds = {"c": [0 * mV, 30 * mV]}
    assert float(plateaus().fit("DE", n_rounds=10, callback=None, **bounds)[0]["c"] / mV) == pytest.approx(15, abs=0.5)
    for metric in (MSEMetric(t_start=50 * dt), MSEMetric(t_weights=np.r_[np.zeros(50), np.ones(50)])):
        assert float(plateaus().fit("DE", metric, n_rounds=10, callback=None, **bounds)[0]["c"] / mV) == pytest.approx(20, abs=0.5)


def test_normalization():
    fitter = plateaus()
    _, error = fitter.fit("DE", MSEMetric(normalization=5 * mV), n_rounds=10, callback=None, c=[0 * mV, 30 * mV])
    assert float(error) == pytest.approx(1, rel=1e-2)  # (5 mV)^2 / (5 mV)^2
    assert float(fitter.best_objective_errors["v"]) == pytest.approx(25e-6, rel=1e-2)
    assert fitter.best_objective_errors["v"].dim == (volt**2).dim
    assert float(fitter.best_objective_errors_normalized["v"]) == float(error)


def test_penalty():
    model = "v = c + x - x : volt\nc : volt (constant)\npen = 10*mV**2 : volt**2\nwrong = 10*mV : volt"
    options = {"input": {"x": np.zeros((2, 10)) * volt}, "output": {"v": np.full((2, 10), 0.01) * volt}, "dt": dt, "n_samples": 30}
    plain = TraceFitter(model=model, **options)
    with_penalty = TraceFitter(model=model, penalty="pen", **options)
    first = plain.fit("DE", n_rounds=2, callback=None, c=[0 * mV, 30 * mV])[1]
    second_error = with_penalty.fit("DE", n_rounds=2, callback=None, c=[0 * mV, 30 * mV])[1]
    assert float(second_error - first) == pytest.approx(10e-6, rel=1e-9)
    with pytest.raises(UnitError):
        TraceFitter(model=model, **options).fit("DE", penalty="wrong", n_rounds=1, callback=None, c=[0 * mV, 30 * mV])


# --- continuing -----------------------------------------------------------------------------------------------------------

iterated = "v = c + x - x + iteration*mV : volt\nc : volt (constant)"


def test_iteration_and_restart():
    fitter = TraceFitter(
        model=iterated, input={"x": np.zeros((1, 10)) * volt}, output={"v": np.zeros((1, 10)) * volt}, dt=dt, n_samples=5
    )
    seen = []

    def callback(params, errors, *rest):
        implied = np.sqrt(np.asarray(errors)) - np.array([float(p["c"]) for p in params])
        seen.append(round(float(np.median(implied)) * 1000))

    bounds = {"c": [1 * mV, 2 * mV]}
    fitter.fit("RandomSearch", n_rounds=2, callback=callback, **bounds)
    fitter.fit(n_rounds=2, callback=callback)
    fitter.fit("RandomSearch", n_rounds=2, callback=callback, restart=True, **bounds)
    fitter.fit("RandomSearch", n_rounds=2, callback=callback, restart=True, start_iteration=17, **bounds)
    fitter.fit(n_rounds=1, callback=callback)
    assert seen == [0, 1, 2, 3, 0, 1, 17, 18, 19]


def test_changes_need_a_restart():
    fitter = make_fitter()
    bounds = {"g": [1 * nS, 100 * nS]}
    fitter.fit("DE", MSEMetric(), n_rounds=1, callback=None, **bounds)
    with pytest.raises(Exception, match="change the metric"):
        fitter.fit(None, MSEMetric(), n_rounds=1, callback=None, **bounds)
    with pytest.raises(Exception, match="change the optimizer"):
        fitter.fit(NevergradOptimizer("CMA"), n_rounds=1, callback=None, **bounds)
    fitter.fit(NevergradOptimizer("CMA"), MSEMetric(normalization=2.0), n_rounds=2, callback=None, restart=True, **bounds)
    assert len(fitter.results()) == 60


def test_continuing_is_one_fit():
    fits = []
    for rounds in ((4,), (2, 2)):
        fitter = make_fitter()
        for count in rounds:
            fitter.fit("DE", n_rounds=count, callback=None, g=[1 * nS, 100 * nS]) if fitter.optimizer is None else fitter.fit(
                n_rounds=count, callback=None
            )
        fits.append(fitter.results("dict", use_units=False)["g"])
    np.testing.assert_array_equal(*fits)


def test_fit_between_generates():
    fitter = make_fitter()
    fitter.fit("DE", n_rounds=2, callback=None, g=[1 * nS, 100 * nS])
    first = fitter.generate_traces()
    fitter.fit(n_rounds=2, callback=None)
    assert fitter.generate_traces().shape == first.shape == (10, 5)


def test_own_optimizer():
    class Halving(Optimizer):
        def initialize(self, parameter_names, popsize, rounds, **params):
            self.names, self.bounds = parameter_names, params
            self.tested_parameters, self.errors = [], []
            return popsize

        def ask(self, n):
            low, high = self.bounds["g"]
            return [{"g": low + (high - low) * k / (n - 1)} for k in range(n)]

        def tell(self, parameters, errors):
            self.tested_parameters += parameters
            self.errors += errors
            best = parameters[int(np.argmin(errors))]["g"]
            width = (self.bounds["g"][1] - self.bounds["g"][0]) / 8
            self.bounds["g"] = [max(best - width, self.bounds["g"][0]), min(best + width, self.bounds["g"][1])]

        def recommend(self):
            return self.tested_parameters[int(np.argmin(self.errors))]

    optimizer = Halving()
    params, _ = make_fitter().fit(optimizer, n_rounds=8, callback=None, g=[1 * nS, 100 * nS])
    assert float(params["g"] / nS) == pytest.approx(30, rel=1e-3)
    assert len(optimizer.errors) == 240


# --- results --------------------------------------------------------------------------------------------------------------


def test_results():
    fitter = make_fitter()
    with pytest.raises(RuntimeError):
        fitter.results()
    fitter.fit("DE", n_rounds=2, callback=None, g=[1 * nS, 100 * nS])
    rows = fitter.results()
    assert len(rows) == 60 and set(rows[0]) == {"g", "error"} and isinstance(rows[0]["g"], Quantity)
    columns = fitter.results("dict")
    assert columns["g"].shape == (60,) and columns["error"].dim == (amp**2).dim
    assert min(columns["error"]) == fitter.best_error
    assert type(fitter.results("dict", use_units=False)["g"]) is np.ndarray
    pandas = pytest.importorskip("pandas")
    with pytest.warns(UserWarning, match="no units"):
        frame = fitter.results("dataframe")
    assert isinstance(frame, pandas.DataFrame) and frame.shape == (60, 2)
    with pytest.raises(ValueError, match="no format `csv`"):
        fitter.results("csv")
    assert "<pre>" in fitter._repr_html_() and "g" in fitter.summary()


def test_generate():
    fitter = make_fitter()
    with pytest.raises(RuntimeError):
        fitter.generate_traces()
    traces = fitter.generate_traces(params={"g": 30 * nS})
    np.testing.assert_allclose(np.asarray(traces), np.asarray(current), rtol=1e-14)
    fitter.fit("DE", n_rounds=2, callback=None, g=[1 * nS, 100 * nS])
    both = fitter.generate(["I", "g"])
    assert both["I"].shape == both["g"].shape == (10, 5) and both["g"].dim == nS.dim
    with pytest.raises(KeyError):
        fitter.generate("w")
    with pytest.raises(ValueError, match="threshold"):
        fitter.generate("spikes")
    with pytest.raises(UnitError):
        fitter.generate(params={"g": 3 * mV})
    with pytest.raises(KeyError):
        fitter.generate(params={"h": 3 * mV})


def test_several_outputs():
    model = """
    dv/dt = (a - v)/(1*ms) : volt
    dw/dt = (b - w)/(1*ms) + 0*x/second : 1
    a : volt (constant)
    b : 1 (constant)
    """
    zeros = np.zeros((2, 100))
    fitter = TraceFitter(
        model=model,
        input={"x": zeros},
        output={"v": np.full((2, 100), 1e-4) * volt, "w": np.full((2, 100), 0.1)},
        dt=dt,
        n_samples=30,
        param_init={"v": "a", "w": "b"},
    )
    metric = {"v": MSEMetric(normalization=1 * mV), "w": MSEMetric()}
    params, error = fitter.fit("CMA", metric, n_rounds=20, callback=None, a=[0 * mV, 1 * mV], b=[0, 1])
    assert float(params["a"] / mV) == pytest.approx(0.1, abs=1e-3) and params["b"] == pytest.approx(0.1, abs=1e-3)
    normalized = fitter.best_objective_errors_normalized
    assert float(error) == pytest.approx(float(normalized["v"]) + float(normalized["w"]), rel=1e-12)
    row = fitter.results()[0]
    a, b = float(row["a"] / mV), row["b"]
    assert row["error"] == pytest.approx((a - 0.1) ** 2 + (b - 0.1) ** 2, rel=1e-9)
    assert row["objective_errors"]["v"].dim == (volt**2).dim
    assert float(row["objective_errors"]["v"]) == pytest.approx((a - 0.1) ** 2 * 1e-6, rel=1e-9)
    with pytest.raises(ValueError, match="no metric for the output `w`"):
        fitter.fit("CMA", {"v": MSEMetric()}, n_rounds=1, restart=True, a=[0 * mV, 1 * mV], b=[0, 1])
    pytest.importorskip("pandas")
    assert {"normalized_error_v", "error_w"} <= set(fitter.results("dataframe", use_units=False).columns)


def test_failures_are_counted():
    model = "dv/dt = sqrt(c - 0.5)/second*volt + 0*x/second : volt\nc : 1 (constant)"
    fitter = TraceFitter(model=model, input={"x": np.zeros((1, 10)) * volt}, output={"v": np.zeros((1, 10)) * volt}, dt=dt, n_samples=40)
    params, error = fitter.fit("DE", n_rounds=2, callback=None, c=[0, 1])
    assert params["c"] >= 0.5 and np.isfinite(float(error)) and fitter.failures


def test_constants_come_from_the_script():
    def local():
        tau = 10 * ms
        resistance = 20 * Mohm
        fitter = TraceFitter(
            model="dv/dt = (f*resistance*I - v)/tau : volt\nf : 1 (constant)",
            input={"I": np.full((1, 100), 1.0) * nA},
            output={"v": (1 - np.exp(-np.arange(100) * 0.01)).reshape(1, -1) * 20 * mV},
            dt=dt,
            n_samples=30,
        )
        return fitter

    params, _ = local().fit("DE", n_rounds=15, callback=None, f=[0, 3])
    assert params["f"] == pytest.approx(1, rel=1e-3)
    with pytest.raises(ModelError, match="tau"):
        TraceFitter(
            model="dv/dt = (f*resistance*I - v)/tau : volt\nf : 1 (constant)",
            input={"I": np.full((1, 100), 1.0) * nA},
            output={"v": np.zeros((1, 100)) * mV},
            dt=dt,
            namespace={"resistance": 20 * Mohm},
        ).fit("DE", n_rounds=1, callback=None, f=[0, 3])


# --- own metrics ----------------------------------------------------------------------------------------------------------


class Slow(TraceMetric):
    def get_features(self, model, target, dt):
        assert model.flags.owndata is False  # the simulator's memory
        return ((model - target) ** 2).mean(axis=2)

    def get_errors(self, features):
        return features.mean(axis=1)


def test_own_metric_gives_the_same_as_ours():
    errors = []
    for metric in (MSEMetric(), Slow()):
        fitter = make_fitter()
        fitter.fit("RandomSearch", metric, n_rounds=2, callback=None, g=[1 * nS, 100 * nS])
        errors.append(fitter.results("dict", use_units=False)["error"])
    np.testing.assert_allclose(*errors, rtol=1e-12)


def test_own_metric_with_all_traces_at_once():
    shapes = []

    class Whole(TraceMetric):
        all_at_once = True

        def get_features(self, model, target, dt):
            shapes.append((model.shape, target.shape))
            return ((model - target) ** 2).mean(axis=2)

        def get_errors(self, features):
            return features.mean(axis=1)

    whole, plain = (make_fitter(use_units=False, input={"v": voltage}, output={"I": current}) for _ in range(2))
    for fitter, metric in ((whole, Whole(t_start=2 * dt, normalization=2.0)), (plain, MSEMetric(t_start=2 * dt, normalization=2.0))):
        fitter.fit("DE", metric, n_rounds=3, callback=None, g=[1 * nS, 100 * nS])
    assert shapes == [((30, 10, 3), (10, 3))] * 3
    np.testing.assert_allclose(whole.results("dict")["error"], plain.results("dict")["error"], rtol=1e-12)
    np.testing.assert_allclose(Whole().calc(np.ones((3, 2, 10)), np.zeros((2, 10)), dt), [1, 1, 1])


def test_exceptions_of_metrics_arrive():
    class Broken(Slow):
        def get_features(self, model, target, dt):
            raise KeyError("what a metric may raise")

    with pytest.raises(KeyError, match="what a metric"):
        make_fitter().fit("DE", Broken(), n_rounds=1, callback=None, g=[1 * nS, 100 * nS])


@pytest.mark.parametrize("raised", [KeyError, KeyboardInterrupt])
def test_exceptions_of_metrics_in_short_rounds_arrive_and_the_fit_goes_on(raised):
    class Sometimes(Slow):
        fails = False

        def get_features(self, model, target, dt):
            if self.fails:
                raise raised("in a later round")
            return ((model - target) ** 2).mean(axis=2)

        def get_errors(self, features):
            return features.mean(axis=1)

    def after(params, errors, best_params, best_error, index, info):
        metric.fails = index == 2

    metric, fitter = Sometimes(), make_fitter()
    with pytest.raises(raised, match="in a later round"):
        fitter.fit("DE", metric, n_rounds=5, callback=after, g=[1 * nS, 100 * nS])
    assert len(fitter.results()) == 90
    metric.fails = False
    fitter.fit(n_rounds=1, callback=None)
    assert len(fitter.results()) == 120


# --- spikes ---------------------------------------------------------------------------------------------------------------

integrate_and_fire = """
dv/dt = (gL*(-70*mV - v) + I)/C : volt
gL : siemens (constant)
C : farad (constant)
"""
stimulus = np.r_[np.zeros(100), np.full(900, 0.5)].reshape(1, -1) * nA


def spiking(**changes):
    options = {
        "model": integrate_and_fire, "input": {"I": stimulus}, "dt": dt, "threshold": "v > -50*mV", "reset": "v = -70*mV",
        "param_init": {"v": -70 * mV}, "n_samples": 30,
    } | changes  # fmt: skip
    return options


def recorded_spikes():
    fitter = SpikeFitter(output=[np.array([0.05])], **spiking())
    return fitter.generate_spikes(params={"gL": 20 * nS, "C": 300 * pF})


def test_spike_fitter():
    train = recorded_spikes()
    assert len(train) == 1 and len(train[0]) >= 3
    for output in (train, {"spikes": train}, [train[0] * second]):
        fitter = SpikeFitter(output=output, **spiking())
        params, error = fitter.fit("DE", n_rounds=10, callback=None, gL=[5 * nS, 40 * nS], C=[100 * pF, 600 * pF])
        assert isinstance(fitter.metric["spikes"], GammaFactor) and float(error) < 0.1
        assert set(params) == {"gL", "C"}
    spikes = fitter.generate_spikes()
    assert isinstance(spikes, list) and len(spikes[0]) == len(train[0])
    both = fitter.generate(["v", "spikes"], param_init={"v": -60 * mV})
    assert both["v"].shape == (1, 1000) and float(both["v"][0, 0] / mV) == -60
    with pytest.raises(TypeError, match="SpikeMetric"):
        SpikeFitter(output=train, **spiking()).fit("DE", MSEMetric(), n_rounds=1, gL=[5 * nS, 40 * nS], C=[100 * pF, 600 * pF])
    with pytest.raises(ValueError, match="2 spike trains for 1"):
        SpikeFitter(output=[train[0], train[0]], **spiking())


def test_default_metric_of_dense_spikes():
    dense = [np.arange(1, 100) * 1e-3]
    fitter = SpikeFitter(output=dense, **spiking())
    bounds = {"gL": [5 * nS, 40 * nS], "C": [10 * pF, 600 * pF]}
    with pytest.warns(UserWarning, match="delta = 2 ms: it is 0.253 ms"):
        _, error = fitter.fit("DE", n_rounds=2, callback=None, **bounds)
    assert 0 < float(error) < 4 and float(fitter.metric["spikes"].delta / ms) == pytest.approx(0.25 / 0.99)


def test_delta_that_is_too_large():
    train = recorded_spikes()
    rate = len(train[0]) / 0.1
    metric = GammaFactor(60 * ms, 100 * ms)
    fitter = SpikeFitter(output=train, **spiking())
    bounds = {"gL": [5 * nS, 40 * nS], "C": [100 * pF, 600 * pF]}
    said = rf"delta = 0.06 s of the Gamma factor .* the {len(train[0])} spikes in 0.1 s of trace 1 \({rate:g} Hz\): .* below {0.5 / rate:.3g} s"
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        _, error = fitter.fit("DE", metric, n_rounds=3, callback=lambda *_: False, **bounds)  # once for all rounds
    assert [one.filename for one in caught] == [__file__]
    assert re.search(said, str(caught[0].message))
    simulated = fitter.generate_spikes()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert error == pytest.approx(metric.calc([simulated], train, dt)[0])
    with pytest.warns(UserWarning, match=said) as caught:
        fitter.fit(n_rounds=2, callback=None)
    assert len(caught) == 1
    with pytest.warns(UserWarning, match=said) as caught:
        fitter.minimize(callback=None, max_iterations=1)
    assert [one.filename for one in caught] == [__file__]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitter.fit("DE", GammaFactor(2 * ms, 100 * ms), restart=True, callback=None, **bounds)


def test_spikes_as_they_come():
    train = recorded_spikes()[0]
    bounds = {"gL": [5 * nS, 40 * nS], "C": [100 * pF, 600 * pF]}
    plain, shuffled = (SpikeFitter(output=[one], **spiking()) for one in (train, train[::-1]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        expected = plain.fit("DE", n_rounds=2, callback=None, **bounds)
        assert shuffled.fit("DE", n_rounds=2, callback=None, **bounds) == expected
    outside = SpikeFitter(output=[np.r_[train, 0.1, -0.01, 3]], **spiking())
    with pytest.warns(UserWarning, match=f"3 of {len(train) + 3} recorded spikes are before the start or after the end"):
        assert outside.fit("DE", n_rounds=2, callback=None, **bounds) == expected
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # once said
        outside.fit("DE", restart=True, callback=None)
        outside.n_samples = 40
        outside.generate_spikes()
    with pytest.raises(DataError, match="spike 1 of trace 1 is at nan s"):
        SpikeFitter(output=[[np.nan]], **spiking()).fit(n_rounds=1, callback=None, **bounds)
    with pytest.warns(UserWarning, match="1 of 2 recorded spikes is before"):
        inferencer = Inferencer(
            output={"spikes": [[0.05, 0.2]]}, features={"spikes": [len]}, **{name: value for name, value in spiking().items() if name != "n_samples"}
        )
    assert inferencer.x_o.tolist() == [1]


def test_time_of_the_gamma_factor():
    train = [recorded_spikes()[0] + 4e-3, np.array([20, 40]) * 1e-3]
    fitter = SpikeFitter(output=train, **spiking(input={"I": np.repeat(stimulus, 2, axis=0)}))
    bounds = {"gL": [5 * nS, 40 * nS], "C": [100 * pF, 600 * pF]}
    errors = []
    for metric in (GammaFactor(2 * ms, 100 * ms), GammaFactor(2 * ms, 400 * ms), GammaFactor(2 * ms, 400 * ms, 10 * ms)):
        _, error = fitter.fit("RandomSearch", metric, restart=True, callback=None, **bounds)
        assert error == pytest.approx(metric.calc([fitter.generate_spikes()], train, dt)[0], rel=1e-12)
        errors.append(error)
    assert len(set(errors)) == 3
    metric.time = 1 * second  # from the next call on
    _, error = fitter.fit(callback=None)
    assert error == pytest.approx(metric.calc([fitter.generate_spikes()], train, dt)[0], rel=1e-12)
    assert error not in errors and len(fitter.results()) == 60


def test_default_metric_takes_the_duration_of_each_trace():
    options = spiking(input={"I": [stimulus[0], stimulus[0, :500]]})
    train = [recorded_spikes()[0], np.array([0.02])]
    fitter = SpikeFitter(output=train, **options)
    _, error = fitter.fit("RandomSearch", callback=None, gL=[5 * nS, 40 * nS], C=[100 * pF, 600 * pF])
    by_trace = [GammaFactor(2 * ms, time).calc([[s]], [t], dt)[0] for s, t, time in zip(fitter.generate_spikes(), train, (100 * ms, 50 * ms))]
    assert error == pytest.approx(np.mean(by_trace), rel=1e-12)
    with pytest.raises(ConfigError, match="a `time`"):
        fitter.metric["spikes"].calc([train], train, dt)


def test_own_spike_metric():
    class Count(SpikeMetric):
        def get_features(self, model, target, dt):
            return np.array([[abs(len(m) - len(t)) for m, t in zip(sample, target)] for sample in model], dtype=float)

        def get_errors(self, features):
            return features.mean(axis=1)

    fitter = SpikeFitter(output=recorded_spikes(), **spiking())
    _, error = fitter.fit("DE", Count(), n_rounds=5, callback=None, gL=[5 * nS, 40 * nS], C=[100 * pF, 600 * pF])
    assert error == 0


def test_traces_and_spikes_together():
    options = spiking()
    train = recorded_spikes()
    trace = SpikeFitter(output=train, **options).generate("v", params={"gL": 20 * nS, "C": 300 * pF})
    fitter = TraceFitter(output={"v": trace, "spikes": train}, **options)
    metric = {"v": MSEMetric(normalization=1 * mV), "spikes": GammaFactor(2 * ms, 100 * ms)}
    params, _ = fitter.fit("CMA", metric, n_rounds=30, callback=None, gL=[5 * nS, 40 * nS], C=[100 * pF, 600 * pF])
    assert float(params["gL"] / nS) == pytest.approx(20, rel=1e-2)


# --- metrics derived from ours --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "method, value, expected",
    [
        ("get_features", lambda self, model, target, dt: np.full(model.shape[:2], 7.0), 7),
        ("get_errors", lambda self, features: np.full(len(features), 7.0), 7),
        ("calc", lambda self, model, target, dt: np.full(len(model), float(np.shape(model)[1])), 10),
    ],
)
def test_overridden_methods_of_a_metric_count(method, value, expected):
    derived = type("Derived", (MSEMetric,), {method: value})
    fitter = make_fitter()
    error = fitter.fit("DE", derived(), n_rounds=2, callback=None, g=[1 * nS, 100 * nS])[1]
    assert float(error) == expected and error.dim == (1 * amp**2).dim
    # refine goes by squares
    params, _ = fitter.refine({"g": 29 * nS}, callback=None)
    assert float(params["g"] / nS) == pytest.approx(30)


def test_overridden_dimensions_and_normalisation_count():
    class Derived(MSEMetric):
        def get_dimensions(self, output_dim):
            return second.dim

        def get_normalized_dimensions(self, output_dim):
            return volt.dim

        def revert_normalization(self, error):
            return 3 * error

    fitter = make_fitter()
    error = fitter.fit("DE", Derived(), n_rounds=1, callback=None, g=[1 * nS, 100 * nS])[1]
    assert error.dim == volt.dim
    raw = fitter.best_objective_errors["I"]
    assert raw.dim == second.dim and float(raw) == pytest.approx(3 * float(error))


def test_overridden_methods_of_spike_and_feature_metrics_count():
    class Seven(GammaFactor):
        def get_errors(self, features):
            assert features.shape == (30, 1)
            return np.full(len(features), 7.0)

    bounds = {"gL": [5 * nS, 40 * nS], "C": [100 * pF, 600 * pF]}
    fitter = SpikeFitter(output=recorded_spikes(), **spiking())
    assert fitter.fit("DE", Seven(2 * ms, 100 * ms), n_rounds=2, callback=None, **bounds)[1] == 7

    class Eight(FeatureMetric):
        def get_errors(self, features):
            assert set(features[0]) == {"voltage_base"}
            return np.full(len(features), 8.0)

    fitter = TraceFitter(output={"v": np.full((1, 1000), -0.06) * volt}, **spiking())
    metric = Eight([(10 * ms, 90 * ms)], ["voltage_base"])
    assert fitter.fit("DE", metric, n_rounds=1, callback=None, **bounds)[1] == 8


@pytest.mark.parametrize("kind", ["three dimensions", "dictionaries", "lists", "one number per sample"])
def test_features_of_any_kind(kind):
    class Any(TraceMetric):
        def get_features(self, model, target, dt):
            both = np.stack([(model - target).mean(axis=2), (model - target).std(axis=2)], axis=-1)
            if kind == "dictionaries":
                return [{"mean": one[:, 0], "deviation": one[:, 1]} for one in both]
            if kind == "lists":
                return [[list(pair) for pair in one] + [[0.0]] for one in both]
            return both if kind == "three dimensions" else np.abs(both).sum(axis=(1, 2))

        def get_errors(self, features):
            if kind == "dictionaries":
                return np.array([np.sum(np.abs(one["mean"]) + np.abs(one["deviation"])) for one in features])
            if kind == "lists":
                return np.array([sum(abs(x) for pair in one for x in pair) for one in features])
            return np.abs(features).sum(axis=(1, 2)) if kind == "three dimensions" else features

    other = "J = 2*I : amp\n" + algebraic
    fitter = make_fitter(model=other, output={"I": current, "J": 2 * current})
    params, error = fitter.fit("CMA", Any(), n_rounds=20, callback=None, g=[1 * nS, 100 * nS])
    assert float(params["g"] / nS) == pytest.approx(30, rel=1e-2)
    g = float(params["g"])
    one = Any().calc((g * np.asarray(voltage - E))[None], current, dt)[0]
    assert float(error) == pytest.approx(3 * one, rel=1e-9)


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


# --- what changes between calls -----------------------------------------------------------------------------------------

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


# --- optimisers derived from ours -----------------------------------------------------------------------------------------


def test_overridden_methods_of_an_optimizer_are_called():
    calls = []

    class Logging(NevergradOptimizer):
        def initialize(self, *args, **kwargs):
            calls.append("initialize")
            return super().initialize(*args, **kwargs)

        def ask(self, n_samples):
            calls.append("ask")
            return super().ask(n_samples)

        def tell(self, parameters, errors):
            calls.append("tell")
            super().tell(parameters, errors)

    optimizer, fitter = Logging("DE"), make_fitter()
    params, error = fitter.fit(optimizer, n_rounds=2, callback=None, g=[1 * nS, 100 * nS])
    assert calls == ["initialize", "ask", "tell", "ask", "tell"]
    assert len(optimizer.errors) == len(optimizer.tested_parameters) == 60 and optimizer.recommend()["g"] == float(params["g"])
    assert min(optimizer.errors) == float(error)


@pytest.mark.parametrize("make", [lambda: NevergradOptimizer("DE"), lambda: SkoptOptimizer("RF")])
def test_optimizers_know_what_a_fit_tested(make):
    optimizer, fitter = make(), make_fitter()
    params, _ = fitter.fit(optimizer, n_rounds=2, callback=None, g=[1 * nS, 100 * nS])
    results = fitter.results("dict", use_units=False)
    assert optimizer.errors == results["error"].tolist() and [g for (g,) in optimizer.tested_parameters] == results["g"].tolist()
    assert optimizer.recommend() == {"g": float(params["g"])}
    fitter.fit(optimizer, n_rounds=1, callback=None)
    assert len(optimizer.errors) == 90
    assert len(pickle.loads(pickle.dumps(optimizer)).errors) == 90
    fitter.fit(optimizer, n_rounds=1, callback=None, restart=True)
    assert len(optimizer.errors) == 30


def test_recommendations_are_the_best_parameters(capsys):
    class Opinion(NevergradOptimizer):
        def recommend(self):
            return {"g": 12e-9}

    fitter = make_fitter()
    params, error = fitter.fit(Opinion("DE"), n_rounds=2, g=[1 * nS, 100 * nS])
    assert params == fitter.best_params and float(params["g"]) == 12e-9 and "g=12 nS" in capsys.readouterr().out
    assert float(error) == np.min(fitter.results("dict", use_units=False)["error"])
    np.testing.assert_allclose(np.asarray(fitter.generate_traces()), 12e-9 * np.asarray(voltage - E))


# --- online ---------------------------------------------------------------------------------------------------------------


def test_online_fitter():
    bounds = {"g": [1 * nS, 100 * nS]}
    online = OnlineTraceFitter(model=algebraic, input_var="v", input=voltage, output_var="I", output=current, dt=dt, n_samples=30)
    params, error = online.fit("DE", n_rounds=3, callback=None, **bounds)
    same, same_error = make_fitter().fit("DE", n_rounds=3, callback=None, **bounds)
    assert params == same and error == same_error
    online.fit(n_rounds=1, callback=None)
    assert online.generate_traces().shape == (10, 5)
    with pytest.raises(TypeError):
        OnlineTraceFitter(model=algebraic, input_var="v", input=voltage, output=[current], dt=dt)


def test_interrupt_stops_soon():
    import os
    import signal
    import threading
    import time

    model = "dv/dt = (g*(E - v) + x)/(100*pF) : volt\ng : siemens (constant)"
    fitter = TraceFitter(
        model=model, input={"x": np.zeros((20, 20000)) * pA}, output={"v": np.zeros((20, 20000)) * volt}, dt=dt, n_samples=2000,
        method="rk4",
    )  # fmt: skip
    timer = threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        fitter.fit("DE", n_rounds=10000, callback=None, g=[1 * nS, 100 * nS])
    assert time.monotonic() - begin < 30  # a hang, not slowness, is what this would catch


def test_config_error_class():
    assert issubclass(ConfigError, ValueError)


def test_names_of_the_model_hide_those_of_the_script():
    n, g, tau = 100, 3 * mV, 10 * ms  # noqa: F841
    fitter = TraceFitter(
        model="dn/dt = (m - n + 0*drive)/tau : 1\nm = g*0.5 : 1\ng : 1 (constant)",
        input={"drive": np.zeros((1, 5))},
        output={"n": np.zeros((1, 5))},
        dt=dt,
        n_samples=5,
        method="exponential_euler",
    )
    result, error = fitter.fit(n_rounds=20, g=[0, 1], callback=None)
    assert fitter.parameter_names == ["g"] and result["g"] < 0.01 and error < 1e-4


def test_hints_have_a_line_of_their_own():
    assert str(ConfigError("what is wrong", "what would be right")) == "what is wrong\nhint: what would be right"


def test_callbacks_with_five_or_six_arguments():
    called = callback_setup(lambda params, errors, best_params, best_error, index: index, 3)
    assert called([], [], {}, 0, 4) == called([], [], {}, 0, 4, {}) == 4
