"""Fitters as scripts for brian2modelfitting use them."""

from inspect import Parameter

import numpy as np
import pytest
from known import (
    DimensionMismatchError,
    OnlineTraceFitter,
    Quantity,
    SpikeFitter,
    TraceFitter,
    arguments,
    brian,
    ours,
    released,
    same_dimension,
    theirs,
    tool,
    units,
)

amp, volt, second, mV, ms, nS, nA, pF, mvolt = (getattr(units, n) for n in "amp volt second mV ms nS nA pF mvolt".split())
MSEMetric, GammaFactor, NevergradOptimizer = tool.MSEMetric, tool.GammaFactor, tool.NevergradOptimizer
no_default = Parameter.empty

dt = 0.01 * ms
E = 40 * mV
stimulus = np.tile([0.0, 10.0, 20.0, 15.0, -5.0], (10, 1)) * mV
recorded = 30 * nS * (stimulus - E)
ohmic = """
I = g*(v - E) : amp
g : siemens (constant)
"""
# a constant that the data say changes halfway
steps = 200
plateaus = np.hstack([np.full((2, steps // 2), 10.0), np.full((2, steps // 2), 20.0)]) * mV
nothing = np.zeros((2, steps)) * mV
level_model = """
v = c + x : volt
c : volt (constant)
"""
bounds = {"g": [1 * nS, 30 * nS]}


def ohmic_fitter(**changes):
    return TraceFitter(**{"dt": dt, "model": ohmic, "input": {"v": stimulus}, "output": {"I": recorded}, "n_samples": 30, **changes})


def level_fitter(**changes):
    return TraceFitter(**{"dt": dt, "model": level_model, "input": {"x": nothing}, "output": {"v": plateaus}, "n_samples": 30, **changes})


def de(**options):
    return NevergradOptimizer("DE", **options)


# --- signatures -------------------------------------------------------------------------------------------------------


@released
def test_signatures():
    assert arguments(tool.TraceFitter) == [
        ("model", no_default), ("input", no_default), ("output", no_default), ("dt", no_default), ("n_samples", 60), ("input_var", None),
        ("output_var", None), ("method", None), ("reset", None), ("refractory", False), ("threshold", None), ("param_init", None),
        ("penalty", None), ("use_units", True),
    ]  # fmt: skip
    assert arguments(tool.SpikeFitter) == [
        ("model", no_default), ("input", no_default), ("output", no_default), ("dt", no_default), ("reset", no_default),
        ("threshold", no_default), ("input_var", "I"), ("refractory", False), ("n_samples", 30), ("method", None), ("param_init", None),
        ("penalty", None), ("use_units", True),
    ]  # fmt: skip
    names = [n for n, _ in arguments(tool.OnlineTraceFitter)]
    assert names[:14] == [
        "model", "input_var", "input", "output_var", "output", "dt", "n_samples", "method", "reset", "refractory", "threshold", "param_init",
        "t_start", "penalty",
    ]  # fmt: skip
    assert dict(arguments(tool.OnlineTraceFitter))["n_samples"] == 30
    fit = ["optimizer", "metric", "n_rounds", "callback", "restart", "start_iteration", "penalty", "level", "params"]
    assert [n for n, _ in arguments(tool.TraceFitter.fit)] == [n for n, _ in arguments(tool.SpikeFitter.fit)] == fit
    assert [n for n, _ in arguments(tool.OnlineTraceFitter.fit)] == [n for n in fit if n != "metric"]
    defaults = dict(arguments(tool.TraceFitter.fit))
    assert (defaults["metric"], defaults["n_rounds"], defaults["callback"], defaults["restart"], defaults["level"]) == (
        None,
        1,
        "text",
        False,
        0,
    )
    generate = [("params", None), ("param_init", None), ("iteration", 1e9), ("level", 0)]
    assert arguments(tool.TraceFitter.generate) == [("output_var", None), *generate]
    assert arguments(tool.TraceFitter.generate_traces) == arguments(tool.SpikeFitter.generate_spikes) == generate
    assert arguments(tool.OnlineTraceFitter.generate_traces) == [("params", None), ("param_init", None), ("level", 0)]
    assert arguments(tool.TraceFitter.results) == [("format", "list"), ("use_units", None)]
    assert arguments(tool.TraceFitter.refine)[:-1] == [
        ("params", None), ("metric", None), ("callback", "text"), ("calc_gradient", False), ("optimize", True), ("iteration", 1e9), ("level", 0),
    ]  # fmt: skip


# --- construction -----------------------------------------------------------------------------------------------------


def test_attributes_before_a_fit():
    fitter = ohmic_fitter()
    for name in (
        "dt simulator parameter_names n_traces duration n_neurons n_samples method threshold reset refractory input output output_var "
        "output_dim best_params input_traces model optimizer metric iteration"
    ).split():
        assert hasattr(fitter, name), name
    assert fitter.metric is None and fitter.optimizer is None and fitter.best_params is None and fitter.simulator is None
    assert fitter.n_traces == 10 and fitter.n_samples == 30 and fitter.n_neurons == 300 and fitter.iteration == 0
    assert float(fitter.duration / dt) == pytest.approx(5)
    assert set(fitter.parameter_names) == {"g"} and fitter.refractory is False and fitter.method is None
    assert list(fitter.output_var) == ["I"]


@released
def test_targets_are_part_of_the_model():
    fitter = ohmic_fitter()
    assert "I_target" in fitter.model and same_dimension(fitter.model["I_target"], amp)
    assert {"v", "I", "I_target"} <= set(fitter.model.names) and set(fitter.model.parameter_names) == {"g"}


def test_wrong_names_and_types():
    with pytest.raises(NameError):
        ohmic_fitter(input={"Exx": stimulus})
    with pytest.raises(NameError if ours else KeyError):
        ohmic_fitter(output={"Exx": recorded})
    with pytest.raises(ValueError):
        ohmic_fitter(param_init={"Q": 1})
    with pytest.raises(Exception):  # noqa: B017
        ohmic_fitter(output=[recorded])
    with pytest.raises(DimensionMismatchError):
        ohmic_fitter(output={"I": recorded / amp * volt})
    with pytest.raises(DimensionMismatchError):
        ohmic_fitter(output={"I": np.asarray(recorded)})
    with pytest.raises(Exception, match="[Dd]uplicate|already defined"):
        ohmic_fitter(model=ohmic + "g : siemens")


@released
def test_wrong_arguments_of_dictionaries():
    with pytest.raises(TypeError):
        ohmic_fitter(input=stimulus)
    with pytest.raises(TypeError):
        ohmic_fitter(output=recorded)
    with pytest.raises(ValueError, match="same size"):
        ohmic_fitter(output={"I": recorded[:, :3]})
    with pytest.raises(NotImplementedError if not ours else NameError):
        ohmic_fitter(input={"v": stimulus, "w": stimulus})
    with pytest.raises(ValueError):
        ohmic_fitter(input_var="w")
    with pytest.raises(ValueError):
        ohmic_fitter(output_var="J")


def test_a_zero_output_fits_any_dimension():
    fitter = ohmic_fitter(output={"I": np.zeros((10, 5))})
    if ours:
        assert fitter.generate_traces(params={"g": 30 * nS}).shape == (10, 5)


@released
def test_wrong_input_dimension():
    with pytest.raises(DimensionMismatchError):
        ohmic_fitter(input={"v": stimulus / volt * amp}).fit(de(), n_rounds=1, callback=None, **bounds)
    with pytest.raises(DimensionMismatchError):
        ohmic_fitter(input={"v": np.asarray(stimulus)}).fit(de(), n_rounds=1, callback=None, **bounds)


def test_variables_named_beside_arrays():
    fitter = tool.TraceFitter(model=ohmic, input_var="v", input=stimulus, output_var="I", output=recorded, dt=dt, n_samples=30)
    params, error = fitter.fit(de(), MSEMetric(), n_rounds=2, callback=None, **bounds)
    assert set(params) == {"g"}


def test_equations_objects():
    Equations = units.Equations if brian else tool.Equations
    equations = Equations(ohmic)
    params, error = ohmic_fitter(model=equations).fit(de(), n_rounds=2, callback=None, **bounds)
    assert set(params) == {"g"} and set(equations.names) == {"I", "g"}


# --- fit --------------------------------------------------------------------------------------------------------------


def test_types_of_what_fit_returns():
    fitter = ohmic_fitter()
    params, error = fitter.fit(de(), metric=MSEMetric(), n_rounds=2, callback=None, **bounds)
    assert isinstance(params, dict) and list(params) == ["g"] and isinstance(params["g"], Quantity) and isinstance(error, Quantity)
    assert same_dimension(params["g"], nS) and same_dimension(error, amp**2)
    assert params == fitter.best_params and error == fitter.best_error
    assert 1 * nS <= params["g"] <= 30 * nS and np.ndim(params["g"]) == 0


def test_use_units_false():
    fitter = ohmic_fitter(use_units=False)
    params, error = fitter.fit(de(), metric=MSEMetric(), n_rounds=2, callback=None, **bounds)
    assert isinstance(params["g"], float) and isinstance(error, float)
    assert not isinstance(params["g"], Quantity) and not isinstance(error, Quantity)
    assert params == fitter.best_params and error == fitter.best_error
    rows = fitter.results(format="list")
    assert not isinstance(rows[0]["g"], Quantity) and not isinstance(fitter.results("dict")["error"], Quantity)
    assert isinstance(fitter.results("dict", use_units=True)["g"], Quantity)


def test_defaults_of_fit():
    fitter = ohmic_fitter()
    params, error = fitter.fit(None, n_rounds=2, callback=None, **bounds)
    assert isinstance(fitter.optimizer, NevergradOptimizer)
    assert isinstance(fitter.metric[0] if ours else fitter.metric, MSEMetric) and (not ours or len(fitter.metric) == 1)
    assert params == fitter.best_params and error == fitter.best_error and fitter.iteration == 2


def test_no_rounds():
    fitter = ohmic_fitter()
    if ours:  # release 0.4 cannot
        assert fitter.fit(de(), n_rounds=0, callback=None, **bounds) == (None, None)
        assert fitter.best_params is None and fitter.best_error is None


def test_wrong_arguments_of_fit():
    fitter = ohmic_fitter()
    with pytest.raises(TypeError):
        fitter.fit(5, metric=MSEMetric(), callback=None, **bounds)
    with pytest.raises(TypeError):
        fitter.fit(de(), metric=GammaFactor(1 * ms, 10 * ms), callback=None, **bounds)
    with pytest.raises(TypeError):
        fitter.fit(de(), metric="MSE", callback=None, **bounds)
    with pytest.raises(TypeError, match="Bounds must be set for parameter g"):
        fitter.fit(de(), callback=None)
    with pytest.raises(ValueError, match="must be defined as a parameter in the model"):
        fitter.fit(de(), callback=None, **bounds, E=[1 * mV, 2 * mV])
    with pytest.raises((AssertionError, ValueError)):
        fitter.fit(de(), callback=None, g=[1 * nS])
    with pytest.raises(TypeError):
        fitter.fit(de(), callback="loud", **bounds)


@released
def test_metrics_by_output():
    both = {"I": recorded, "w": stimulus}
    model = ohmic + "w = 2*v + 0*g*v/nS - v : volt\n"
    metrics = {"I": MSEMetric(normalization=1 * nA), "w": MSEMetric(normalization=1 * mV)}
    fitter = ohmic_fitter(model=model, output=both)
    fitter.fit(de(), metric=metrics, n_rounds=1, callback=None, **bounds)
    assert set(fitter.metric) == {"I", "w"}
    for wrong, error in (
        ({"I": MSEMetric()}, ValueError),
        ({**metrics, "u": MSEMetric()}, ValueError),
        ([MSEMetric()], TypeError),
        ("ab", TypeError),
    ):
        with pytest.raises(error):
            ohmic_fitter(model=model, output=both).fit(de(), metric=wrong, n_rounds=1, callback=None, **bounds)


def test_callback_by_rounds():
    calls = []

    def stop_after_first(params, errors, best_params, best_error, index, *additional_info):
        assert isinstance(params, list) and len(params) == 30 and all(set(p) == {"g"} for p in params)
        assert np.shape(errors) == (30,) and isinstance(best_params, dict) and isinstance(best_params["g"], Quantity)
        if ours:
            assert isinstance(params[0]["g"], Quantity) and isinstance(errors, Quantity) and isinstance(best_error, Quantity)
            info = additional_info[0]
            assert info["output_var"] == ["I"] and len(info["objective_errors"]) == len(info["objective_errors_normalized"]) == 1
        calls.append(index)
        return True

    fitter, optimizer, metric = ohmic_fitter(), de(), MSEMetric()
    fitter.fit(optimizer, metric=metric, n_rounds=2, callback=stop_after_first, **bounds)
    assert calls == [0] and fitter.iteration == 1
    fitter.fit(optimizer, metric=metric, n_rounds=2, callback=lambda *args: 1, **bounds)  # 1 is not True
    assert fitter.iteration == 3


def test_text_callback(capsys):
    ohmic_fitter().fit(de(), n_rounds=2, **bounds)
    out = capsys.readouterr().out
    assert "Round 0: " in out and "Round 1: " in out and "g=" in out.replace("g =", "g=")


def test_t_start_and_t_weights():
    late = np.r_[np.zeros(steps // 2), np.ones(steps // 2)]
    search = {"c": [0 * mV, 40 * mV]}
    options = ({"metric": MSEMetric(t_start=steps // 2 * dt)}, {"metric": MSEMetric(t_weights=late)})
    for option in options:
        params, error = level_fitter().fit(de(), n_rounds=15, callback=None, **option, **search)
        assert float(params["c"] / mV) == pytest.approx(20, abs=1)
    with pytest.raises(ValueError):
        level_fitter().fit(de(), metric=MSEMetric(t_weights=np.ones(7)), n_rounds=1, callback=None, **search)


def test_penalty():
    model = level_model + "cost = 10*mV**2 : volt**2\nwrong = 10*mV : volt\n"
    plateau = {"output": {"v": np.full((2, steps), 10.0) * mV}, "model": model}
    plain = level_fitter(**plateau).fit(de(), n_rounds=10, callback=None, c=[5 * mV, 15 * mV])[1]
    for fitter, argument in ((level_fitter(**plateau, penalty="cost"), {}), (level_fitter(**plateau), {"penalty": "cost"})):
        error = fitter.fit(de(), n_rounds=10, callback=None, c=[5 * mV, 15 * mV], **argument)[1]
        assert float((error - plain) / mV**2) == pytest.approx(10, abs=1)
        assert error == fitter.best_error
    with pytest.raises(DimensionMismatchError):
        level_fitter(**plateau).fit(de(), n_rounds=1, callback=None, penalty="wrong", c=[5 * mV, 15 * mV])


# --- continuing -------------------------------------------------------------------------------------------------------


def test_changes_need_a_restart():
    fitter, optimizer, metric = ohmic_fitter(), de(), MSEMetric()
    fitter.fit(optimizer, metric=metric, n_rounds=2, callback=None, **bounds)
    with pytest.raises(Exception, match="metric"):
        fitter.fit(optimizer, metric=MSEMetric(), n_rounds=1, callback=None, **bounds)
    with pytest.raises(Exception, match="optimizer"):
        fitter.fit(de(), metric=metric, n_rounds=1, callback=None, **bounds)
    fitter.fit(de(), metric=MSEMetric(), n_rounds=1, callback=None, restart=True, **bounds)
    assert fitter.iteration == 1 and len(fitter.results()) == 30


def test_iterations_are_counted():
    fitter, optimizer, metric = ohmic_fitter(), de(), MSEMetric()
    options = {"optimizer": optimizer, "metric": metric, "callback": None, **bounds}
    fitter.fit(n_rounds=2, **options)
    fitter.fit(n_rounds=2, **options)
    assert fitter.iteration == 4
    fitter.fit(n_rounds=2, restart=True, **options)
    assert fitter.iteration == 2
    fitter.fit(n_rounds=2, start_iteration=17, restart=True, **options)
    assert fitter.iteration == 19
    fitter.fit(n_rounds=1, **options)
    assert fitter.iteration == 20
    fitter.fit(n_rounds=1, start_iteration=5, restart=True, **options)
    assert fitter.iteration == 6


def test_the_model_sees_the_iteration():
    # the error is that of the best value of c in the round that is simulated: |iteration| mV off
    model = "v = x + 0*c + iteration*mV : volt\nc : volt (constant)"
    rounds = []

    def note(params, errors, *rest):
        rounds.append(round(float(np.sqrt(np.min(np.asarray(errors)))) * 1000))

    fitter = level_fitter(model=model, output={"v": nothing})
    optimizer, metric = de(), MSEMetric()
    options = {"optimizer": optimizer, "metric": metric, "callback": note, "c": [0 * mV, 1 * mV]}
    fitter.fit(n_rounds=2, **options)
    fitter.fit(n_rounds=1, **options)
    fitter.fit(n_rounds=1, restart=True, **options)
    fitter.fit(n_rounds=2, restart=True, start_iteration=17, **options)
    fitter.fit(n_rounds=1, **options)
    assert rounds == [0, 1, 2, 0, 17, 18, 19]


def test_fit_generate_fit_generate():
    fitter, optimizer, metric = ohmic_fitter(), de(), MSEMetric()
    for repeat in range(2):
        fitter.fit(optimizer, metric=metric, n_rounds=2, callback=None, **bounds)
        traces = fitter.generate_traces()
        assert traces.shape == (10, 5) and isinstance(traces, Quantity)
    assert len(fitter.results()) == 120


# --- generate ---------------------------------------------------------------------------------------------------------


def test_generate():
    fitter = ohmic_fitter()
    fitter.fit(de(), n_rounds=2, callback=None, **bounds)
    traces = fitter.generate_traces()
    assert isinstance(traces, np.ndarray) and np.shape(traces) == np.shape(recorded) and same_dimension(traces, amp)
    several = fitter.generate(output_var=["I", "g"])
    assert set(several) == {"I", "g"} and np.shape(several["I"]) == np.shape(several["g"]) == (10, 5)
    np.testing.assert_allclose(np.asarray(several["g"]), float(fitter.best_params["g"]))
    assert isinstance(fitter.generate(output_var="I"), Quantity)
    assert not ours or isinstance(fitter.generate(output_var=["I"]), Quantity)
    given = fitter.generate(params={"g": 15 * nS})
    np.testing.assert_allclose(np.asarray(given), np.asarray(recorded) / 2)
    np.testing.assert_allclose(np.asarray(fitter.generate(params={"g": 15e-9})), np.asarray(recorded) / 2)
    with pytest.raises(Exception):  # noqa: B017
        fitter.generate("nonsense")
    with pytest.raises(Exception):  # noqa: B017
        fitter.generate("spikes")


def test_generate_ignores_use_units():
    traces = ohmic_fitter(use_units=False).generate_traces(params={"g": 30 * nS})
    assert isinstance(traces, Quantity)


def test_generate_iteration():
    model = "v = x + c + iteration*mV : volt\nc : volt (constant)"
    fitter = level_fitter(model=model, output={"v": nothing})
    assert float(fitter.generate_traces(params={"c": 1 * mV}, iteration=3)[0, 0] / mV) == pytest.approx(4)
    assert float(fitter.generate(params={"c": 0 * mV})[0, 0] / volt) == pytest.approx(1e6)


@theirs
def test_generate_initial_values():
    model = "dv/dt = (x - v)/(10*ms) : volt\n"
    fitter = level_fitter(model=model + "c : volt", output={"v": nothing}, param_init={"v": "c"})
    start = fitter.generate_traces(params={"c": 7 * mV})
    assert float(start[0, 0] / mV) == pytest.approx(7)
    assert float(fitter.generate_traces(params={"c": 7 * mV}, param_init={"v": 5 * mV})[0, 0] / mV) == pytest.approx(5)


def outside_scope(fitter, **options):
    return fitter.generate_traces(params={"g": 30 * nS}, **options)


def test_constants_come_from_the_caller():
    reversal = 40 * mV
    fitter = tool.TraceFitter(
        model="I = g*(v - reversal) : amp\ng : siemens (constant)", dt=dt, n_samples=30,
        **({"input": {"v": stimulus}, "output": {"I": recorded}} if ours else {"input_var": "v", "input": stimulus, "output_var": "I", "output": recorded}),
    )  # fmt: skip
    np.testing.assert_allclose(np.asarray(fitter.generate_traces(params={"g": 30 * nS})), np.asarray(recorded))
    np.testing.assert_allclose(np.asarray(outside_scope(fitter, level=1)), np.asarray(recorded))
    assert float(reversal / mV) == 40


def fit_elsewhere(fitter, optimizer, level):
    return fitter.fit(optimizer, n_rounds=1, callback=None, level=level, **bounds)


def test_level_of_fit():
    fitter = ohmic_fitter(model="I = g*(v - late) : amp\ng : siemens (constant)")
    late = 40 * mV
    assert set(fit_elsewhere(fitter, de(), 1)[0]) == {"g"} and float(late / mV) == 40


def test_a_missing_constant():
    with pytest.raises(Exception, match="nowhere"):
        try:
            ohmic_fitter(model="I = g*(v - nowhere) : amp\ng : siemens (constant)").fit(de(), n_rounds=1, callback=None, **bounds)
        except Exception as error:  # theirs hides the cause
            raise (error.__cause__ or error)


# --- results ----------------------------------------------------------------------------------------------------------


def test_results():
    fitter = ohmic_fitter()
    fitter.fit(de(), n_rounds=2, callback=None, **bounds)
    rows = fitter.results(format="list")
    assert isinstance(rows, list) and len(rows) == 60 and all(isinstance(row, dict) for row in rows)
    assert set(rows[0]) >= {"g"} and len(rows[0]) == 2 and all(isinstance(row["g"], Quantity) for row in rows)
    columns = fitter.results(format="dict")
    assert isinstance(columns, dict) and len(columns) == 2 and np.shape(columns["g"]) == (60,) and isinstance(columns["g"], Quantity)
    pandas = pytest.importorskip("pandas")
    table = fitter.results(format="dataframe")
    assert isinstance(table, pandas.DataFrame) and len(table) == 60 and "g" in table.keys() and len(table.keys()) == 2
    assert table["g"].dtype == float
    if ours:
        assert set(rows[0]) == {"g", "error"} and isinstance(rows[0]["error"], Quantity) and list(table.keys()) == ["g", "error"]
        assert min(row["error"] for row in rows) == fitter.best_error
    plain = fitter.results(use_units=False)
    assert not isinstance(plain[0]["g"], Quantity) and isinstance(plain[0]["g"], float)


# --- several outputs --------------------------------------------------------------------------------------------------

relaxing = """
dv/dt = (target_v - v)/(5*ms) : volt
dw/dt = (target_w - w)/(10*ms) : 1
target_v : volt (constant)
target_w : 1 (constant)
total = v + x : volt
"""


def two_outputs(**changes):
    t = np.arange(500) * 0.1
    v, w = 10 * (1 - np.exp(-t / 5)), 0.1 * (1 - np.exp(-t / 10))
    return TraceFitter(
        **{
            "dt": 0.1 * ms, "model": relaxing, "input": {"x": np.zeros((1, 500)) * mV}, "n_samples": 30, "method": "exact",
            "output": {"v": v.reshape(1, -1) * mV, "w": w.reshape(1, -1)}, **changes,
        }
    )  # fmt: skip


@released
@pytest.mark.parametrize("use_units", [True, False])
def test_two_outputs(use_units):
    fitter = two_outputs(use_units=use_units)
    metrics = {"v": MSEMetric(normalization=10 * mV), "w": MSEMetric(normalization=0.1)}
    params, error = fitter.fit(de(), metric=metrics, n_rounds=20, callback=None, target_v=[0 * mV, 20 * mV], target_w=[0, 1])
    assert float(params["target_v"]) == pytest.approx(10e-3, abs=1e-4) and float(params["target_w"]) == pytest.approx(0.1, abs=0.01)
    assert type(error) is float or np.ndim(error) == 0 and not isinstance(error, Quantity)
    raw, normalized = fitter.best_objective_errors, fitter.best_objective_errors_normalized
    assert set(raw) == set(normalized) == {"v", "w"}
    assert sum(float(e) for e in normalized.values()) == pytest.approx(float(error))
    assert float(raw["v"]) == pytest.approx(float(normalized["v"]) * 1e-4)
    assert isinstance(raw["v"], Quantity) is use_units and (not use_units or same_dimension(raw["v"], volt**2))
    rows, columns = fitter.results(), fitter.results("dict")
    assert set(rows[0]) == {"target_v", "target_w", "error", "objective_errors", "objective_errors_normalized"}
    assert set(rows[0]["objective_errors"]) == {"v", "w"} and np.shape(columns["objective_errors"]["v"]) == (600,)
    pytest.importorskip("pandas")
    table = fitter.results("dataframe")
    assert list(table.keys())[:2] == ["target_v", "target_w"] or set(table.keys()) >= {"target_v", "target_w"}
    assert {"error", "normalized_error_v", "error_v", "normalized_error_w", "error_w"} <= set(table.keys())
    traces = fitter.generate_traces()
    assert set(traces) == {"v", "w"} and np.shape(traces["w"]) == (1, 500) and not isinstance(traces["w"], Quantity)
    refined, result = fitter.refine(calc_gradient=True, callback=None)
    assert float(refined["target_v"]) == pytest.approx(10e-3, abs=1e-5) and float(refined["target_w"]) == pytest.approx(0.1, abs=1e-5)


@released
def test_outputs_of_different_dimensions_do_not_add():
    with pytest.raises(DimensionMismatchError):
        two_outputs().fit(de(), n_rounds=1, callback=None, target_v=[0 * mV, 20 * mV], target_w=[0, 1])
    two_outputs(use_units=False).fit(de(), n_rounds=1, callback=None, target_v=[0 * mV, 20 * mV], target_w=[0, 1])


# --- refine (release 0.4 used another package for it) -----------------------------------------------------------------------------------------------------------

leaky = """
dv/dt = (gL*(EL - v) + I)/(100*pF) : volt
gL : siemens (constant)
EL : volt (constant)
"""


def leaky_fitter(**changes):
    t = np.arange(400) * 0.1
    currents = np.vstack([np.where((t > 5) & (t < 25), 0.1, 0.0), np.where((t > 5) & (t < 25), -0.1, 0.0)]) * nA
    options = {"dt": 0.1 * ms, "model": leaky, "input": {"I": currents}, "n_samples": 30, "param_init": {"v": "EL"}, "method": "exact"}
    truth = TraceFitter(output={"v": np.zeros((2, 400)) * mV}, **options).generate_traces(params={"gL": 10 * nS, "EL": -70 * mV})
    return TraceFitter(output={"v": truth}, **{**options, **changes})


leaky_bounds = {"gL": [1 * nS, 50 * nS], "EL": [-90 * mV, -50 * mV]}


@released
@pytest.mark.parametrize("calc_gradient", [False, True])
def test_refine_after_fit(calc_gradient):
    fitter = leaky_fitter()
    fitter.fit(de(), n_rounds=3, callback=None, **leaky_bounds)
    before = dict(fitter.best_params)
    params, result = fitter.refine(calc_gradient=calc_gradient, callback=None)
    assert float(params["gL"] / nS) == pytest.approx(10, rel=1e-3) and float(params["EL"] / mV) == pytest.approx(-70, rel=1e-4)
    assert isinstance(params["gL"], Quantity) and result.success and result.x.shape == (2,)
    assert result.cost == pytest.approx(0.5 * np.sum(result.fun**2)) and result.jac.shape == (len(result.fun), 2)
    for name in "x cost fun jac grad optimality active_mask nfev njev status message success".split():
        assert hasattr(result, name) and name in result, name
    assert fitter.best_params == before


@released
def test_refine_without_fit():
    start = {"gL": 20 * nS, "EL": -60 * mV}
    params, result = leaky_fitter().refine(start, callback=None, **leaky_bounds)
    assert float(params["gL"] / nS) == pytest.approx(10, rel=1e-3)
    plain = level_fitter().refine({"c": 12 * mV}, callback=None, c=[0 * mV, 40 * mV])[1]
    halved = level_fitter().refine({"c": 12 * mV}, metric=MSEMetric(normalization=1 / 2), callback=None, c=[0 * mV, 40 * mV])[1]
    old = level_fitter().refine({"c": 12 * mV}, normalization=1 / 2, callback=None, c=[0 * mV, 40 * mV])[1]
    for other in (halved, old):
        assert other.cost == pytest.approx(4 * plain.cost)
    assert plain.cost == pytest.approx(0.5 * 400 * 5e-3**2)


@released
def test_refine_with_times():
    late = np.r_[np.zeros(steps // 2), np.ones(steps // 2)]
    for metric, old in (
        (MSEMetric(t_start=steps // 2 * dt), {"t_start": steps // 2 * dt}),
        (MSEMetric(t_weights=late), {"t_weights": late}),
    ):
        fitter = level_fitter()
        if ours:
            fitter.fit(de(), metric=metric, n_rounds=0, callback=None, c=[0 * mV, 40 * mV])
            params, error = fitter.refine({"c": 5 * mV}, callback=None)
            assert float(params["c"] / mV) == pytest.approx(20, abs=1e-3)
        params, error = level_fitter().refine({"c": 5 * mV}, callback=None, c=[0 * mV, 40 * mV], **old)
        assert float(params["c"] / mV) == pytest.approx(20, abs=1e-3)


@released
def test_refine_with_times_by_output():
    model = "v = c + x : volt\nw = c - x : volt\nc : volt (constant)"
    half = {"v": plateaus[:, ::-1], "w": plateaus}
    fitter = level_fitter(model=model, output=half)
    weights = np.r_[np.zeros(3 * steps // 4), np.ones(steps // 4)]
    metrics = {"v": MSEMetric(t_start=0 * second), "w": MSEMetric(t_start=steps // 2 * dt)}
    fitter.fit(de(), metric=metrics, n_rounds=0, callback=None, c=[0 * mV, 40 * mV])
    # 15 mV for one, 20 mV for the other
    assert float(fitter.refine({"c": 5 * mV}, callback=None)[0]["c"] / mV) == pytest.approx(17.5, abs=1e-2)
    params, error = fitter.refine(
        {"c": 5 * mV}, metric={"v": MSEMetric(t_weights=weights), "w": MSEMetric(t_weights=weights)}, callback=None
    )
    assert float(params["c"] / mV) == pytest.approx(15, abs=1e-2)


@released
def test_wrong_arguments_of_refine():
    with pytest.raises(TypeError, match="specify parameters or run the fit"):
        leaky_fitter().refine(callback=None)
    with pytest.raises(TypeError, match="Bounds|bounds"):
        leaky_fitter().refine({"gL": 20 * nS, "EL": -60 * mV}, callback=None)
    start = {"gL": 20 * nS, "EL": -60 * mV}
    with pytest.raises(ValueError):
        leaky_fitter().refine(start, callback=None, maxfev=10, max_nfev=10, **leaky_bounds)
    with pytest.raises(Exception):  # noqa: B017
        leaky_fitter().refine(start, callback=None, jac=lambda x: x, **leaky_bounds)
    with pytest.raises((TypeError, ValueError)):
        leaky_fitter().refine({"gL": 90 * nS, "EL": -60 * mV}, callback=None, **leaky_bounds)
    with pytest.raises(KeyError):
        leaky_fitter().refine({"gL": 9 * nS}, callback=None, **leaky_bounds)
    leaky_fitter().refine(start, callback=None, max_nfev=10, ftol=1e-6, x_scale="jac", method="trf", **leaky_bounds)
    if ours:
        with pytest.raises(TypeError, match="MSEMetric"):
            leaky_fitter().refine(start, metric=tool.FeatureMetric([(1 * ms, 2 * ms)], ["voltage_base"]), callback=None, **leaky_bounds)


@released
def test_callback_of_refine():
    calls = []

    def callback(params, errors, best_params, best_error, index, *additional_info):
        assert isinstance(params, dict) and isinstance(errors, list) and isinstance(best_params, dict) and isinstance(index, int)
        assert isinstance(params["gL"], Quantity) or not ours
        if ours:
            assert all(isinstance(e, tuple) and len(e) == 1 for e in errors) and set(additional_info[0]) >= {
                "output_var",
                "objective_errors",
            }
        calls.append(index)

    fitter = leaky_fitter()
    fitter.refine({"gL": 20 * nS, "EL": -60 * mV}, callback=callback, **leaky_bounds)
    assert calls and calls == sorted(calls)


# --- spikes -----------------------------------------------------------------------------------------------------------

integrate = """
dv/dt = (gL*(-70*mV - v) + I)/C : volt
gL : siemens (constant)
C : farad (constant)
"""
spike_currents = np.vstack([np.full(1000, 0.4), np.full(1000, 0.3)]) * nA
trains = [np.array([0.01, 0.03, 0.05, 0.07, 0.09]), np.array([0.02, 0.05, 0.08])]
spike_bounds = {"gL": [5 * nS, 15 * nS], "C": [100 * pF, 500 * pF]}


def spike_fitter(**changes):
    options = {
        "model": integrate, "input": {"I": spike_currents} if ours else spike_currents, "output": [t * second for t in trains], "dt": 0.1 * ms,
        "n_samples": 30, "threshold": "v > -50*mV", "reset": "v = -65*mV", "param_init": {"v": -70 * mV}, **changes,
    }  # fmt: skip
    return SpikeFitter(**options)


def test_attributes_of_a_spike_fitter():
    fitter = spike_fitter()
    for (
        name
    ) in "dt parameter_names n_traces duration n_neurons n_samples method threshold reset refractory output best_params model".split():
        assert hasattr(fitter, name), name
    assert fitter.best_params is None and fitter.optimizer is None and fitter.metric is None
    assert set(fitter.parameter_names) == {"gL", "C"} and fitter.n_traces == 2 and list(fitter.output_var) in (["spikes"], list("spikes"))


def test_wrong_arguments_of_a_spike_fitter():
    with pytest.raises(Exception):  # noqa: B017
        spike_fitter(input=spike_currents, input_var="Exx")
    with pytest.raises(ValueError):
        spike_fitter(param_init={"V": -70 * mV})
    fitter = spike_fitter()
    with pytest.raises(TypeError):
        fitter.fit(de(), metric=MSEMetric(), n_rounds=1, callback=None, **spike_bounds)
    with pytest.raises(TypeError):
        fitter.fit("nothing like that" if not ours else 7, n_rounds=1, callback=None, **spike_bounds)


def test_spike_fit():
    fitter = spike_fitter()
    params, error = fitter.fit(None, n_rounds=2, callback=None, **spike_bounds)
    assert isinstance(params, dict) and set(params) == {"gL", "C"} and isinstance(error, float) and isinstance(params["C"], Quantity)
    assert isinstance(fitter.optimizer, NevergradOptimizer)
    assert isinstance(fitter.metric[0] if ours else fitter.metric, GammaFactor)
    spikes = fitter.generate_spikes()
    assert isinstance(spikes, list) and len(spikes) == 2 and all(isinstance(train, np.ndarray) for train in spikes)
    voltages = fitter.generate("v", param_init={"v": -60 * mV})
    assert np.shape(voltages) == (2, 1000) and isinstance(voltages, Quantity)
    if ours:
        assert float(voltages[0, 0] / mV) == pytest.approx(-60)
    both = fitter.generate(["v", "spikes"])
    assert set(both) == {"v", "spikes"} and np.shape(both["v"]) == (2, 1000) and len(both["spikes"]) == 2


def test_forms_of_spike_trains():
    for output in ([t for t in trains], [t * second for t in trains], np.array([[0.01, 0.03], [0.02, 0.05]])):
        params, error = spike_fitter(output=output).fit(
            de(), metric=GammaFactor(2 * ms, 100 * ms), n_rounds=1, callback=None, **spike_bounds
        )
        assert np.isfinite(error)


@theirs
def test_other_inputs_and_numbers_of_trains():
    fitter = spike_fitter(model=integrate.replace("+ I", "+ J"), input={"J": spike_currents}, output={"spikes": trains})
    assert set(fitter.fit(de(), n_rounds=1, callback=None, **spike_bounds)[0]) == {"gL", "C"}
    with pytest.raises(ValueError):
        spike_fitter(output=trains[:1])


def test_default_method_of_spike_fitters():
    # no linear form of it is exact: exponential Euler by default
    model = integrate.replace("+ I", "+ gL*mV*exp((v + 55*mV)/mV/5) + I")
    assert len(spike_fitter(model=model).generate_spikes(params={"gL": 10 * nS, "C": 200 * pF})) == 2


# --- online -----------------------------------------------------------------------------------------------------------


def online_fitter(**changes):
    return OnlineTraceFitter(
        **{"model": "v = c + x : volt\nc : volt (constant)", "input_var": "x", "input": nothing, "output_var": "v", "output": plateaus, "dt": 0.1 * ms,
           "n_samples": 30, **changes}
    )  # fmt: skip


def test_online_fitter():
    fitter = online_fitter()
    assert fitter.output_var is not None and float(fitter.t_start / second) == 0
    params, error = fitter.fit(de(), n_rounds=2, callback=None, c=[0 * mV, 40 * mV])
    assert set(params) == {"c"} and isinstance(params["c"], Quantity) and error == fitter.best_error
    assert np.shape(fitter.generate_traces()) == (2, steps)
    late = online_fitter(t_start=steps // 2 * 0.1 * ms)
    params, error = late.fit(de(), n_rounds=15, callback=None, c=[0 * mV, 40 * mV])
    assert float(params["c"] / mV) == pytest.approx(20, abs=1)


def test_wrong_arguments_of_an_online_fitter():
    for wrong in ({"input_var": "Exx"}, {"output_var": "Exx"}, {"output": [plateaus]}):
        with pytest.raises(Exception):  # noqa: B017
            online_fitter(**wrong)
    with pytest.raises(TypeError):
        online_fitter().fit(de(), metric=MSEMetric(), n_rounds=1, callback=None, c=[0 * mV, 40 * mV])


@theirs
def test_online_fitter_with_dictionaries():
    fitter = OnlineTraceFitter(model=level_model, input={"x": nothing}, output={"v": plateaus}, dt=0.1 * ms)
    assert set(fitter.fit(de(), n_rounds=1, callback=None, c=[0 * mV, 40 * mV])[0]) == {"c"}
