"""Optimisers and callbacks as scripts for brian2modelfitting use them."""

from inspect import Parameter

import numpy as np
import pytest
from known import TraceFitter, arguments, ours, released, theirs, tool, units

mV, nS, ms, amp = units.mV, units.nS, units.ms, units.amp
NevergradOptimizer, SkoptOptimizer, Optimizer = tool.NevergradOptimizer, tool.SkoptOptimizer, tool.Optimizer
more = {"rounds": 3} if ours else {}  # release 0.4 does not know the number of rounds


def skopt():
    try:
        return SkoptOptimizer()
    except ImportError:
        pytest.skip("needs scikit-optimize")


def fitter(**changes):
    stimulus = np.tile([0.0, 10.0, 20.0, 15.0, -5.0], (3, 1)) * mV
    return TraceFitter(
        **{
            "model": "I = g*(v - E) : amp\ng : siemens (constant)\nE : volt (constant)", "input": {"v": stimulus},
            "output": {"I": 30 * nS * (stimulus - 40 * mV)}, "dt": 0.1 * ms, "n_samples": 30, **changes,
        }
    )  # fmt: skip


bounds = {"g": [1 * nS, 100 * nS], "E": [0 * mV, 80 * mV]}


def test_signatures():
    assert [n for n, _ in arguments(NevergradOptimizer)][:2] == ["method", "use_nevergrad_recommendation"]
    assert dict(arguments(NevergradOptimizer))["method"] == "DE" and dict(arguments(SkoptOptimizer))["method"] == "GP"
    for name in "initialize ask tell recommend".split():
        assert callable(getattr(Optimizer, name))
    if ours:
        assert arguments(Optimizer.initialize)[:3] == [(n, Parameter.empty) for n in ("parameter_names", "popsize", "rounds")]


def test_constructors():
    assert isinstance(NevergradOptimizer(), Optimizer) and isinstance(NevergradOptimizer("PSO", budget=100), Optimizer)
    assert isinstance(skopt(), Optimizer)
    assert isinstance(SkoptOptimizer("rf", acq_func="LCB", n_initial_points=5), Optimizer)
    assert isinstance(SkoptOptimizer("GP", acq_optimizer="sampling", random_state=3), Optimizer)
    for wrong in (NevergradOptimizer, SkoptOptimizer):
        with pytest.raises(AssertionError):
            wrong(method="foo")


def test_calc_bounds():
    assert tool.calc_bounds(["b", "a"], a=[1, 2], b=[3, 4]) == [[3, 4], [1, 2]]
    with pytest.raises(TypeError):
        tool.calc_bounds(["b", "a"], a=[1, 2])


def test_initialize():
    for make in (NevergradOptimizer, skopt):
        optimizer = make()
        optimizer.initialize(["g"], popsize=30, **more, g=[1, 30])
        optimizer.initialize(["g", "E"], popsize=30, **more, g=[1, 30], E=[-1, 1])
        for wrong in ([1], [[1, 2]]):
            with pytest.raises(AssertionError if ours else (AssertionError, TypeError)):
                optimizer.initialize(["g"], popsize=30, **more, g=wrong)
        for missing in ({"g": [1, 2], "E": [1, 2]}, {}):
            with pytest.raises(Exception):  # noqa: B017
                optimizer.initialize(["g"], popsize=30, **more, **missing)


def test_initialize_gives_the_number_of_samples():
    if ours:
        assert NevergradOptimizer().initialize(["g"], popsize=30, rounds=2, g=[1, 30]) == 30


def test_ask_nevergrad():
    optimizer = NevergradOptimizer()
    optimizer.initialize(["a", "b"], popsize=30, **more, a=[1, 2], b=[3, 4])
    for n in (1, 7):
        sets = optimizer.ask(n)
        assert isinstance(sets, list) and len(sets) == n
        for given in sets:
            if ours:
                assert set(given) == {"a", "b"} and 1 <= given["a"] <= 2 and 3 <= given["b"] <= 4


def test_ask_skopt():
    optimizer = skopt()
    optimizer.initialize(["a", "b"], popsize=30, **more, a=[1, 2], b=[3, 4])
    sets = optimizer.ask(4)
    assert np.shape(sets) == (4, 2)
    assert np.all((np.array(sets) >= [1, 3]) & (np.array(sets) <= [2, 4]))


@pytest.mark.parametrize("make", [NevergradOptimizer, skopt])
def test_tell_and_recommend(make):
    optimizer = make()
    optimizer.initialize(["a", "b"], popsize=3, **more, a=[1, 2], b=[3, 4])
    sets = optimizer.ask(3)
    optimizer.tell(sets, [2.0, 0.5, 1.0])
    best = optimizer.recommend()
    wanted = list(sets[1].values()) if isinstance(sets[1], dict) else list(sets[1])
    assert (list(best.values()) if isinstance(best, dict) else list(best)) == pytest.approx(wanted)
    assert len(optimizer.tested_parameters) == 3 and list(optimizer.errors) == [2.0, 0.5, 1.0]


@pytest.mark.parametrize("method", ["DE", "TwoPointsDE", "PSO", "CMA", "OnePlusOne", "RandomSearch", pytest.param("NGO", marks=released)])
def test_methods_in_a_fit(method):
    params, error = fitter().fit(NevergradOptimizer(method), n_rounds=2, callback=None, **bounds)
    assert set(params) == {"g", "E"} and 1 * nS <= params["g"] <= 100 * nS


@theirs
@pytest.mark.parametrize("method", ["GP", "RF", "ET", "GBRT"])
def test_skopt_methods_in_a_fit(method):
    params, _ = fitter(n_samples=8).fit(SkoptOptimizer(method), n_rounds=2, callback=None, **bounds)
    assert set(params) == {"g", "E"} and 1 * nS <= params["g"] <= 100 * nS


@pytest.mark.parametrize("with_rounds", [True, False])
def test_an_optimizer_of_ones_own(with_rounds):
    told = {}

    class Random(Optimizer):
        if with_rounds:

            def initialize(self, parameter_names, popsize, rounds, **params):
                return self.start(parameter_names, popsize, params)
        else:

            def initialize(self, parameter_names, popsize, **params):
                return self.start(parameter_names, popsize, params)

        def start(self, names, popsize, params):
            assert set(params) == set(names)
            self.names, self.low, self.high = list(names), [float(params[n][0]) for n in names], [float(params[n][1]) for n in names]
            self.random, self.tested_parameters, self.errors = np.random.default_rng(1), [], []
            return popsize

        def ask(self, n_samples):
            return [
                dict(zip(self.names, self.random.uniform(self.low, self.high))) if ours else list(self.random.uniform(self.low, self.high))
                for _ in range(n_samples)
            ]

        def tell(self, parameters, errors):
            assert len(parameters) == len(errors)
            self.tested_parameters.extend(parameters)
            self.errors.extend(errors)
            told["n"] = len(self.errors)

        def recommend(self):
            return self.tested_parameters[int(np.argmin(self.errors))]

    if with_rounds and not ours:
        pytest.skip("release 0.4 does not know rounds")
    optimizer = Random()
    params, error = fitter().fit(optimizer, n_rounds=3, callback=None, **bounds)
    assert told["n"] == 90 and len(optimizer.errors) == 90 and float(error) == pytest.approx(min(optimizer.errors))


# --- callbacks and small functions --------------------------------------------------------------------------------------


def test_make_dic():
    assert tool.make_dic(["a", "b"], [1, 2]) == {"a": 1, "b": 2}


def test_callback_setup():
    assert tool.callback_setup("text", 10) is tool.callback_text
    assert isinstance(tool.callback_setup("progressbar", 10), tool.ProgressBar)
    quiet = tool.callback_setup(None, 10)
    assert quiet is tool.callback_none or callable(quiet)
    own = lambda *args: None  # noqa: E731
    assert tool.callback_setup(own, 10) is own
    with pytest.raises(TypeError):
        tool.callback_setup("nothing", 10)


def test_callbacks_with_five_arguments():
    indices = []

    def note(params, errors, best_params, best_error, index):
        assert len(params) == 30 and np.shape(errors) == (30,)
        indices.append(index)

    fitter().fit(NevergradOptimizer("DE"), n_rounds=2, callback=note, **bounds)
    assert indices == [0, 1]


def test_callbacks_with_little_information(capsys):
    values = ([{"a": 3}], [2, 1, 3], {"a": 4}, 2, 0)
    assert tool.callback_none(*values, *([{"output_var": "v"}] if ours else [])) is None
    if ours:
        tool.callback_text(*values, {"output_var": ["v"]})
        tool.callback_text(*values, {"output_var": "spikes"})
        assert "(spikes)" in capsys.readouterr().out
    tool.callback_text(*values)
    assert "a" in capsys.readouterr().out


@theirs
def test_text_of_several_outputs(capsys):
    info = {
        "output_var": ["v", "w"], "objective_errors": (980.527 * mV**2, 9.81), "objective_errors_normalized": (9.81, 9.81),
    }  # fmt: skip
    tool.callback_text([], [], {"E": -61.222 * mV, "R": 61.675 * units.Mohm}, 19.62, 0, info)
    first, second = capsys.readouterr().out.splitlines()
    assert first == "Round 0: Best parameters E=-61.222 mV, R=61.675 Mohm"
    assert second == "         Best error: 19.62 = 9.81 (v, unnormalized error: 980.527 mV^2) + 9.81 (w)"


def test_progress_bar():
    tqdm = pytest.importorskip("tqdm")
    bar = tool.ProgressBar(total=10, disable=True)
    assert isinstance(bar.t, tqdm.tqdm)
    bar([1, 2, 3], [1.2, 2.3, 0.1], {"a": 3}, 0.1, 2, *([{"output_var": ["v"]}] if ours else []))
    assert tool.ProgressBar().t is not None


def test_progress_bar_of_a_fit():
    params, _ = fitter().fit(NevergradOptimizer("DE"), n_rounds=2, callback="progressbar", **bounds)
    assert set(params) == {"g", "E"}


@released
def test_get_param_dic():
    found = tool.get_param_dic([{"a": 1, "b": 2}, {"a": 3, "b": 4}], ["a", "b"], 2, 2)
    assert {n: list(v) for n, v in found.items()} == {"a": [1, 1, 3, 3], "b": [2, 2, 4, 4]}


def test_get_spikes():
    class Monitor:
        def spike_trains(self):
            return {0: np.array([1.0]), 1: np.array([]), 2: np.array([2.0, 3.0]), 3: np.array([4.0])}

    found = tool.get_spikes(Monitor(), 2, 2)
    assert [[list(train) for train in sample] for sample in found] == [[[1], []], [[2, 3], [4]]]


@released
def test_star_import():
    names: dict[str, object] = {}
    exec("from spikesmith import *", names)
    for name in (
        "Fitter TraceFitter SpikeFitter OnlineTraceFitter Inferencer Metric TraceMetric SpikeMetric MSEMetric GammaFactor FeatureMetric "
        "Optimizer NevergradOptimizer SkoptOptimizer callback_setup callback_text callback_none ProgressBar calc_bounds make_dic "
        "get_gamma_factor firing_rate calc_eFEL get_spikes get_param_dic normalize_weights"
    ).split():
        assert name in names, name
