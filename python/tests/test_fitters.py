import copy
import os
import pickle

import numpy as np
import pytest
from small_fits import E, algebraic, current, dt, make_fitter, voltage  # noqa: F401 (E: a constant of the model)

from spikesmith import callback_setup, ConfigError, GammaFactor, ModelError, MSEMetric, NevergradOptimizer, OnlineTraceFitter, Optimizer, SkoptOptimizer, TraceFitter, TraceMetric, UnitError
from spikesmith.units import amp, Mohm, ms, mV, nA, nS, pA, Quantity, volt


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
