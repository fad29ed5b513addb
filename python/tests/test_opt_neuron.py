import json
import math
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import spikesmith
from spikesmith import ConfigError, DataError, ModelError, NumericalError
from spikesmith.analysis import (
    RNG,
    efel_loss,
    find_x_bound,
    get_maximum,
    get_minimum,
    get_spike_features_loss_of_chunk,
    get_spike_features_of_chunk,
    my_raster_plot,
    rmse,
    rsse,
    sample_data_with_timestep,
)
from spikesmith.compneuro import CompNeuroExp, Neuron, OptNeuron, current_step, load_results, simulate
from spikesmith.experiment import Simulation

line = Neuron(parameters="I_app = 0; a = 0; b = 0", equations="r = a*I_app + b")
key = "model_neuron;r"


class Steps(CompNeuroExp):
    def run(self, population_name):
        self.monitors.start()
        for level in (5, 10):
            current_step(population_name, t1=5, t2=5, a1=0, a2=level)
            if level == 5:
                self.reset()
        self.data["population_name"] = population_name
        return self.results()


truth = [np.repeat([2.0, 0.8 * level + 2], 5) for level in (5, 10)]


def loss(results, target):
    return [rmse(chunk[key][:, 0], soll) for chunk, soll in zip(results.recordings, target)]


def fitted(**options):
    given = {"experiment": Steps, "get_loss_function": loss, "variables_bounds": {"a": [-10, 10], "b": [-10, 10]}, "neuron_model": line}
    return OptNeuron(**{**given, "results_soll": truth, "record": ["r"], **options})


def test_every_key_of_the_result(tmp_path):
    opt = fitted(variables_bounds={"a": [10, -10], "b": "c + 0*a", "c": [-10, 10], "I_app": 0})
    name = tmp_path / "folder" / "best"
    result = opt.run(max_evals=60, results_file_name=str(name), deap_plot_file=None)
    assert result["a"] == pytest.approx(0.8, abs=1e-6) and result["c"] == pytest.approx(2, abs=1e-6)
    assert result["loss"] == pytest.approx(sum(result["all_loss"])) and result["loss"] < 1e-6
    assert result["std"] is None and result["results_soll"] is truth
    assert result["parameters"] == {"a": result["a"], "b": pytest.approx(result["c"]), "c": result["c"], "I_app": 0}
    assert result["constants"] == {"I_app": 0} and result["expressions"] == {"b": "c + 0*a"}
    assert result["results"].recordings[1][key].shape == (10, 1)
    assert result["results"].data == {"population_name": "model_neuron"}
    assert len(result["logbook"]) == 60 and result["logbook"][0]["nevals"] == opt.popsize == 6
    assert result["deap_pop"].shape == (6, 2) and result["best_fitness"] <= result["logbook"][-1]["min"]
    history = result["history"]
    assert history["variables"].shape == (360, 2) and np.all(np.abs(history["variables"]) <= 10)
    assert np.nanmin(history["losses"]) == result["best_fitness"]
    assert opt.fitting_variables_name_list == ["a", "c"] and opt.results is result
    assert opt.loss_history.shape == (60, 2) and opt.loss_history[-1, 0] == result["best_fitness"]

    document = json.loads((tmp_path / "folder" / "best.json").read_text())
    for part in ("a", "c", "loss", "all_loss", "parameters", "constants", "expressions", "history", "settings", "seed", "version"):
        assert part in document, part
    assert document["a"] == result["a"] and len(document["history"]["losses"]) == 360
    arrays = np.load(tmp_path / "folder" / "best.npz")
    np.testing.assert_array_equal(arrays["results;1;" + key], result["results"].recordings[1][key])
    loaded = load_results(str(name))
    assert loaded["a"] == result["a"]
    np.testing.assert_array_equal(loaded["results"].recordings[0][key], result["results"].recordings[0][key])


def test_files_load_without_optional_packages(tmp_path):
    fitted().run(max_evals=2, results_file_name=str(tmp_path / "best"))
    code = (
        "import sys; sys.modules.update(dict.fromkeys(['matplotlib', 'pandas', 'tqdm', 'torch', 'scipy']));"
        f"from spikesmith.opt_neuron import load_results; print(load_results({str(tmp_path / 'best')!r})['parameters'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(eval(done.stdout)) == {"a", "b"}


methods = sorted(name for name, _, _ in spikesmith._core.optimizer_methods())


@pytest.mark.parametrize("method", [*methods, "RF", "ET", "GBRT", "deap", "hyperopt", "bads"])
def test_every_optimizer_finds_the_truth(method):
    """The two reference fits, with the bounds of the specification; a search of 120 evaluations, whose best is polished."""
    wide = {"a": [-50, 100], "b": [-50, 150]}
    run = {"max_evaluations": 720, "polish_evaluations": 600, "results_file_name": None}
    result = fitted(method=method, variables_bounds=wide).run(**run)
    assert result["a"] == pytest.approx(0.8, abs=1e-6) and result["b"] == pytest.approx(2, abs=1e-6)
    assert len(result["history"]["losses"]) == 720

    def difference(ist, soll):
        return [rmse(i[key][:, 0], s["target_model_neuron;r"][:, 0]) for i, s in zip(ist.recordings, soll.recordings)]

    parameters = "I_app = 0; m_1 = 1; m_2 = 2; m_3 = 3; n_1 = 1; n_2 = 0; n_3 = -1"
    target = Neuron(parameters=parameters, equations="r = m_1*I_app + n_1 + m_2*I_app + n_2 + m_3*I_app + n_3")
    opt = fitted(method=method, variables_bounds=wide, results_soll=None, target_model=target, get_loss_function=difference)
    result = opt.run(**run)
    assert result["a"] == pytest.approx(6, abs=1e-6) and result["b"] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("method", ["deap", "nelder_mead", "jso"])
def test_methods_that_converge_find_it_alone(method):
    result = fitted(method=method).run(max_evaluations=4000, results_file_name=None, stop_at_loss=1e-7)
    assert result["a"] == pytest.approx(0.8, abs=1e-6) and result["b"] == pytest.approx(2, abs=1e-6)


def test_another_model_is_the_target():
    target = Neuron(parameters="I_app = 0; m = 3; n = 1", equations="x = m*I_app\nr = x + n")

    def difference(ist, soll):
        return sum(rmse(i[key][:, 0], s["target_model_neuron;r"][:, 0]) for i, s in zip(ist.recordings, soll.recordings))

    opt = fitted(results_soll=None, target_model=target, get_loss_function=difference)
    assert opt.results_soll.data["population_name"] == "target_model_neuron"
    result = opt.run(max_evals=80, results_file_name=None)
    assert (result["a"], result["b"]) == (pytest.approx(3, abs=1e-6), pytest.approx(1, abs=1e-6))
    assert isinstance(result["all_loss"], float)


noisy = Neuron(parameters="a = 0; s = 1", equations="r = a + s*Normal(0, 1)")


class Noise(CompNeuroExp):
    def run(self, population_name):
        self.monitors.start()
        simulate(1)
        return self.results()


def noisy_fit(**options):
    def value(results, target):
        return float(results.recordings[0][key][0, 0])

    return OptNeuron(experiment=Noise, loss=value, bounds={"a": [0, 1]}, neuron_model=noisy, target_data=0, record=["r"], method="random_search", **options)


def test_repetitions_have_noise_of_their_own():
    """The mean of n draws of standard deviation 1 has the error 1/sqrt(n), and the deviation that is reported is 1."""
    for n in (1, 16):
        opt = noisy_fit(repetitions=n)
        losses = np.array([parts[0] for parts in opt.losses(np.zeros((800, 1)))])
        assert abs(losses.mean()) < 4 / math.sqrt(800 * n)
        assert losses.std() == pytest.approx(1 / math.sqrt(n), rel=0.12)
    history = noisy_fit(repetitions=50).run(max_evaluations=64, results_file_name=None)["history"]
    assert np.mean(history["deviations"]) == pytest.approx(1, rel=0.05)
    assert noisy_fit(repetitions=2).run(max_evaluations=8, results_file_name=None)["std"] > 0


def test_common_noise_is_the_same_for_all():
    losses = noisy_fit(noise="common").losses(np.zeros((5, 1)))
    assert losses == [losses[0]] * 5
    own = noisy_fit().losses(np.zeros((5, 1)))
    assert len({parts[0] for parts in own}) == 5


def test_equal_seeds_give_equal_results():
    def history(**options):
        return noisy_fit(**options).run(max_evaluations=40, results_file_name=None)["history"]["losses"]

    np.testing.assert_array_equal(history(seed=3, threads=1), history(seed=3, threads=2))
    assert np.any(history(seed=3) != history(seed=4))


def test_initial_values_are_fitted_and_resets_return_to_them():
    decay = Neuron(parameters="tau = 10", equations="tau*dv/dt = -v : exponential\nr = v")

    class Twice(CompNeuroExp):
        def run(self, population_name):
            self.monitors.start()
            simulate(20)
            self.reset()
            simulate(20)
            return self.results()

    target = 3 * np.exp(-np.arange(1, 21) / 10)

    def difference(results, soll):
        return [rmse(chunk[key][:, 0], soll) for chunk in results.recordings]

    opt = OptNeuron(experiment=Twice, loss=difference, bounds={"v": [0, 10], "tau": {"bounds": [1, 100], "scale": "log"}}, neuron_model=decay, target_data=target, record=["r"])
    result = opt.run(max_evals=80, results_file_name=None)
    assert result["v"] == pytest.approx(3, abs=1e-6) and result["tau"] == pytest.approx(10, abs=1e-5)
    assert result["all_loss"][0] == result["all_loss"][1]


def test_expressions_of_python_are_understood():
    opt = fitted(variables_bounds={"a": [0, 2], "b": "np.clip(2*x if x > 1 else np.exp(0*x), 0, 5)", "x": 1.5})
    result = opt.run(max_evaluations=20, results_file_name=None)
    assert result["parameters"]["b"] == 3


def test_failed_candidates_are_counted():
    def sometimes(results, target):
        return math.nan if results.recordings[0][key][0, 0] < 0 else rmse(results.recordings[0][key][:, 0], target[0])

    result = fitted(get_loss_function=sometimes).run(max_evals=60, results_file_name=None)
    assert 0 < result["n_failed"] == np.isnan(result["history"]["losses"]).sum()
    assert result["b"] == pytest.approx(2, abs=1e-5)


def test_nothing_but_failures_is_an_error():
    with pytest.raises(NumericalError, match="every one of 12 evaluations failed"):
        fitted(get_loss_function=lambda results, target: math.nan).run(max_evals=2, results_file_name=None)


def test_sources_and_guesses_start_the_search():
    source = [([0.8, 2.0], 0.0), ([0.9, 2.1], 1.1), ([0.7, 1.9], 1.1)]
    result = fitted(source_solutions=source).run(max_evaluations=60, results_file_name=None)
    assert result["best_loss"] < 0.5
    guessed = fitted(variables_bounds_guess={"a": [0.7, 0.9], "b": [1.9, 2.1]}).run(max_evaluations=100, results_file_name=None)
    assert guessed["best_loss"] < 0.05
    with pytest.raises(ConfigError, match="says nothing about b"):
        fitted(variables_bounds_guess={"a": [0, 1]}).run(max_evaluations=10, results_file_name=None)


def test_a_second_run_goes_on():
    opt = fitted()
    first = opt.run(max_evals=20, results_file_name=None)
    second = opt.run(max_evals=20, results_file_name=None)
    assert len(second["history"]["losses"]) == 240 and second["best_loss"] <= first["best_loss"]


def same(one, other):
    for name in ("variables", "losses", "deviations"):
        np.testing.assert_array_equal(one["history"][name], other["history"][name])
    for name in ("loss", "best_loss", "parameters", "n_failed", "failures", "settings", "optimizer"):
        assert one[name] == other[name], name
    np.testing.assert_array_equal(one["results"].recordings[1][key], other["results"].recordings[1][key])


def test_a_checkpoint_goes_on_bit_for_bit(tmp_path):
    file = tmp_path / "checkpoint"
    run = {"max_evaluations": 120, "polish_evaluations": 40, "results_file_name": None}
    bounds = {"a": [-10, 10], "b": "c", "c": [-10, 10]}
    guess = {"a": [0, 2], "c": [0, 5]}

    def make(**options):
        return fitted(variables_bounds=bounds, variables_bounds_guess=guess, **options)

    whole = make().run(**run)
    for evaluations in (12, 60, 90):
        make().run(**run, checkpoint=file, resume=True, callback=lambda n, best, loss, stop=evaluations: n >= stop)
    same(make(threads=1).run(**run, checkpoint=file, resume=True), whole)
    same(make().run(**run, checkpoint=file, resume=True), whole)
    with pytest.raises(DataError, match="the seed is `0` there and `1` here"):
        make(seed=1).run(**run, checkpoint=file, resume=True)
    with pytest.raises(DataError, match="checksum of the loss"):
        make(get_loss_function=lambda results, target: 1.0).run(**run, checkpoint=file, resume=True)
    with pytest.raises(ConfigError, match="give `checkpoint`"):
        make().run(**run, resume=True)


def test_a_killed_process_goes_on(tmp_path):
    code = """
import sys
sys.path.insert(0, sys.argv[1])
from test_opt_neuron import fitted, rmse
import time
def slow(results, target):
    time.sleep(0.002)
    return [rmse(chunk["model_neuron;r"][:, 0], soll) for chunk, soll in zip(results.recordings, target)]
fitted(get_loss_function=slow).run(max_evaluations=100000, results_file_name=None, checkpoint=sys.argv[2])
"""
    file = tmp_path / "checkpoint"
    process = subprocess.Popen([sys.executable, "-c", code, str(Path(__file__).parent), str(file)])
    start = time.monotonic()
    while (not file.exists() or len(file.read_bytes()) < 3000) and time.monotonic() - start < 60:
        time.sleep(0.01)
    process.kill()
    process.wait()
    result = fitted().run(max_evaluations=100000, results_file_name=None, checkpoint=file, resume=True, callback=lambda *_: True)
    n = len(result["history"]["losses"])
    assert n > 12
    whole = fitted().run(max_evaluations=100000, results_file_name=None, callback=lambda done, *_: done >= n)
    np.testing.assert_array_equal(result["history"]["losses"], whole["history"]["losses"])


def test_the_best_so_far_survives_an_interrupt():
    def slow(results, target):
        time.sleep(0.002)
        return loss(results, target)

    opt = fitted(get_loss_function=slow)
    assert opt.results is None
    times = []

    def interrupt():
        times.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    threading.Timer(0.5, interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        opt.run(max_evaluations=1_000_000, results_file_name=None)
    assert time.monotonic() - times[0] < 20  # a second on an idle machine; a hang is what this would catch
    found = opt.results
    n = len(found["history"]["losses"])
    assert 6 <= n < 1_000_000 and found["best_loss"] == np.nanmin(found["history"]["losses"]) and opt.loss_history.shape[1] == 2
    assert found["a"] == found["history"]["variables"][np.nanargmin(found["history"]["losses"])][0]
    more = opt.run(max_evaluations=600, results_file_name=None)
    assert len(more["history"]["losses"]) == n + 600 and more["best_loss"] <= found["best_loss"]
    np.testing.assert_array_equal(more["history"]["losses"][:n], found["history"]["losses"])


def test_a_diverged_neuron_fails_though_only_spikes_are_recorded():
    runaway = Neuron(parameters="a = 0", equations="dv/dt = a*v*v*v : init=1", spike="v > 1e300", reset="v = v")

    class Run(CompNeuroExp):
        def run(self, population_name):
            self.monitors.start()
            simulate(30)
            self.reset()
            simulate(1)
            return self.results()

    opt = OptNeuron(experiment=Run, loss=lambda results, target: 1 - opt_value(results), bounds={"a": [-1, 1]}, neuron_model=runaway, target_data=0, record=["spike"], method="sobol")

    result = opt.run(max_evaluations=64, results_file_name=None)
    a = result["history"]["variables"][:, 0]
    failed = np.isnan(result["history"]["losses"])
    assert np.all(failed[a > 0.3]) and not np.any(failed[a < 0]) and result["n_failed"] == failed.sum()
    cause, count, first = result["failures"][0]
    assert cause == "the state `v` became NaN or infinite in chunk 1" and count == failed.sum() and failed[first]
    assert result["a"] < 0.3


def opt_value(results):
    return float(results.recordings[0]["model_neuron;parameter_dict"]["a"][0])


def test_callbacks_stop():
    seen = []
    result = fitted().run(max_evals=50, results_file_name=None, callback=lambda n, best, loss: seen.append((n, best, loss)) or len(seen) == 3)
    assert [n for n, _, _ in seen] == [6, 12, 18] and set(seen[0][1]) == {"a", "b"}
    assert len(result["history"]["losses"]) == 18


def test_a_posterior(tmp_path):
    """r = a with noise of deviation 0.1, recorded 0.5 once: a is 0.5 give or take 0.1."""
    neuron = Neuron(parameters="a = 0", equations="r = a + 0.1*Normal(0, 1)")

    def difference(results, target):
        return rmse(results.recordings[0][key][:, 0], target[0])

    def fit(**options):
        return OptNeuron(
            experiment=Noise, loss=difference, bounds={"a": [0, 1]}, neuron_model=neuron, target_data=[np.array([0.5])], record=["r"],
            method="sbi", summary=lambda results: results.recordings[0][key][:, 0], **options,
        )  # fmt: skip

    result = fit().run(max_evals=1500, results_file_name=str(tmp_path / "best"), sbi_plot_file=str(tmp_path / "posterior.png"))
    samples = result["samples"]
    assert samples.shape == (10000, 1) and samples.min() >= 0 and samples.max() <= 1
    assert samples.mean() == pytest.approx(0.5, abs=0.05) and samples.std() == pytest.approx(0.1, rel=0.3)
    assert result["a"] == pytest.approx(0.5, abs=0.1)
    assert spikesmith.Posterior.load(str(tmp_path / "best.spk")).names == ["a"]
    assert (tmp_path / "posterior.png").exists() and load_results(str(tmp_path / "best"))["a"] == result["a"]
    narrow = fit(prior={"a": ("normal", 0.3, 0.02)}).run(max_evals=600, results_file_name=None)
    assert narrow["samples"].mean() == pytest.approx(0.31, abs=0.02)
    with pytest.raises(ConfigError, match="not fitted"):
        fit(prior={"b": [0, 1]}).run(max_evals=600, results_file_name=None)
    with pytest.raises(ConfigError, match="learned from recordings"):
        fitted(method="sbi", results_soll=3)


def test_errors_of_the_users_code_come_out_as_they_are():
    def wrong(results, target):
        raise KeyError("population")

    with pytest.raises(KeyError, match="population"):
        fitted(get_loss_function=wrong)

    class Wrong(CompNeuroExp):
        def run(self, population_name):
            return undefined_name  # noqa: F821

    with pytest.raises(NameError, match="undefined_name"):
        fitted(experiment=Wrong)


def test_experiments_that_do_not_return_to_their_beginning_are_refused():
    class Drifting(CompNeuroExp):
        calls = 0

        def run(self, population_name):
            Drifting.calls += 1
            self.monitors.start()
            simulate(5 + Drifting.calls)
            return self.results()

    with pytest.raises(ConfigError):
        fitted(experiment=Drifting)


def test_wrong_arguments():
    with pytest.raises(ConfigError, match="either target data"):
        fitted(results_soll=None)
    with pytest.raises(ConfigError, match="either target data"):
        fitted(target_model=line)
    with pytest.raises(ConfigError, match="the same"):
        fitted(loss=loss)
    with pytest.raises(TypeError, match="must be a Neuron"):
        fitted(neuron_model=Neuron)
    with pytest.raises(ConfigError, match="no variable has bounds"):
        fitted(variables_bounds={"a": 1})
    with pytest.raises(ConfigError, match="two numbers"):
        fitted(variables_bounds={"a": [1, 2, 3]})
    with pytest.raises(ConfigError, match="unknown optimizer|dap"):
        fitted(method="dap").run(max_evals=3, results_file_name=None)
    with pytest.raises(ConfigError, match="max_evals"):
        fitted().run()
    for wrong in ({"num_rep_loss": 0}, {"num_rep_loss": -1}, {"time_step": 0}, {"time_step": "1"}, {"seed": -1}, {"seed": "x"}, {"threads": -1}):
        with pytest.raises(ConfigError, match=next(iter(wrong))):
            fitted(**wrong)
    for number in (0, -1, 2.5):
        with pytest.raises(ConfigError, match="`max_evals` must be a whole number of at least 1"):
            fitted().run(max_evals=number, results_file_name=None)
    for value in (None, "a", 1j, [1.0, None]):
        with pytest.raises(TypeError, match="the loss must return a number or a list of numbers"):
            fitted(get_loss_function=lambda results, target, value=value: value)
    with pytest.raises(ModelError, match=r"expression of b:1:3: unknown name `c`") as caught:
        fitted(variables_bounds={"a": [0, 1], "b": "2*c"})
    assert "give it an entry of its own" in str(caught.value)
    with pytest.raises(ConfigError, match="names c, which is not fitted"):
        fitted(variables_bounds_guess={"a": [0, 1], "b": [0, 1], "c": [0, 1]})
    assert any("I_app" in note for note in fitted().warnings)


# ---- helpers -------------------------------------------------------------------------------------------------------------------------


def test_small_helpers():
    assert rmse([1, 2], [1, 4]) == math.sqrt(2) and rsse([1, 2], [1, 4]) == 2
    assert get_minimum([[3, math.nan], [2]]) == 2 and get_maximum([[3, math.nan], [2]]) == 3 and get_maximum(4) == 4
    times, values = sample_data_with_timestep([0, 1, 3], [0, 10, 30], 0.5)
    np.testing.assert_allclose(times, np.arange(7) * 0.5)
    np.testing.assert_allclose(values, times * 10)
    steps, ranks = my_raster_plot({0: [3, 5], 2: [4]})
    assert steps.tolist() == [3, 5, 4] and ranks.tolist() == [0, 0, 2]
    generator = RNG(5)
    first = generator.rng.random()
    generator.reset()
    assert generator.rng.random() == first
    assert find_x_bound(lambda x: x**2, 0, 100) == pytest.approx(10, rel=1e-4)
    assert find_x_bound(lambda x: x**2, 0, 100, bound_type="less") <= 10 <= find_x_bound(lambda x: x**2, 0, 100, bound_type="greater")
    with pytest.raises(ValueError, match="does not reach"):
        find_x_bound(lambda x: 0, 0, 1)


def spiking(period, n=1000):
    clock = Neuron(parameters=f"T = {period}", equations="v = v + 1", spike="v >= T", reset="v = 0")

    class Run(CompNeuroExp):
        def run(self, population_name):
            self.monitors.start()
            simulate(n)
            self.data["pop_name"] = population_name
            return self.results()

    return Simulation(clock, record=["v", "spike"]).experiment(Run)


def test_spike_features_by_hand():
    fast, slow, silent = spiking(100), spiking(200), spiking(5000)
    found = get_spike_features_of_chunk(0, fast)
    assert found == {"spike_count": 10, "time_to_first_spike": 99, "time_to_second_spike": 199, "time_to_third_spike": 299, "time_to_last_spike": 999, "ISI_CV": 0}
    assert set(get_spike_features_of_chunk(0, silent).values()) == {0, None}
    assert get_spike_features_loss_of_chunk(0, fast, fast) == 0
    # duration 999 ms: times are close within 50 ms, counts within 5
    expected = [(10 - 5) / 5, 100 / 50, 200 / 50, 300 / 50, 0, 0]
    assert get_spike_features_loss_of_chunk(0, fast, slow) == pytest.approx(np.mean(expected))
    assert get_spike_features_loss_of_chunk(0, fast, silent, feature_list=["ISI_CV"]) == 10
    with pytest.raises(ValueError, match="no spike feature"):
        get_spike_features_loss_of_chunk(0, fast, slow, feature_list=["spikes"])


def test_efel_loss():
    times = np.arange(0, 1000, 0.1)

    def trace(base, peaks):
        voltage = np.full(len(times), float(base))
        for peak in peaks:
            voltage += 100 * np.exp(-(((times - peak) / 0.5) ** 2))
        return {"T": times, "V": voltage, "stim_start": [100], "stim_end": [900]}

    one, two = trace(-70, [200, 400, 600]), trace(-65, [250, 400])
    assert efel_loss(one, one, ["voltage_base", "spike_count"]) == [0]
    assert efel_loss(one, two, ["voltage_base"])[0] == pytest.approx(0.5, rel=1e-6)
    assert efel_loss(one, two, ["spike_count"])[0] == pytest.approx(1 / 5)
    assert efel_loss(one, two, ["time_to_first_spike"])[0] == pytest.approx(1, rel=0.01)
    regular = trace(-70, [200, 300, 400, 500, 600])
    assert efel_loss(regular, trace(-70, []), ["ISI_CV"])[0] == pytest.approx(10)
    assert efel_loss(regular, trace(-300, []), ["ISI_CV", "voltage_base"])[0] == pytest.approx((10 + 20) / 2)
    with pytest.raises(ValueError, match="no feature `AP_width`"):
        efel_loss(one, two, ["AP_width"])
