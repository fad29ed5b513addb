import copy
import pickle

import numpy as np
import pytest

from spikesmith import ConfigError, waves
from spikesmith.compneuro import (
    CompNeuroExp,
    CompNeuroSim,
    Neuron,
    ReqPopHasAttr,
    attr_ramp,
    attr_sim,
    current_ramp,
    current_step,
    current_stim,
    dt,
    get_population,
    get_time,
    increasing_current,
    simulate,
)
from spikesmith.experiment import Simulation

adder = Neuron(parameters="I_app = 0; a = 1", equations="s += a*I_app\nr = s + 0*a")


def run(body, n=1, record=("r",), neuron=adder, **options):
    class Given(CompNeuroExp):
        def run(self, population_name):
            self.monitors.start()
            body(self, population_name)
            return self.results()

    return Simulation(neuron, n=n, record=record, name="pop", **options).experiment(Given)


def test_labels_are_those_of_annarchy():
    results = run(lambda self, pop: current_step(pop, t1=3, t2=2, a1=0, a2=1))
    (chunk,) = results.recordings
    np.testing.assert_array_equal(chunk["pop;r"][:, 0], [0, 0, 0, 1, 2])  # after the step
    assert chunk["pop;period"] == 1 and chunk["dt"] == 1
    assert results.recording_times.time_lims() == (0, 4)
    assert results.recording_times.idx_lims() == (0, 4)
    np.testing.assert_array_equal(chunk["pop;parameter_dict"]["I_app"], [0])  # its former value again


@pytest.mark.parametrize("flags, level, r, time", [({}, 0, 0, 0), ({"parameters": False}, 2, 0, 0), ({"model": False}, 2, 6, 3), ({"populations": False}, 2, 6, 0)])
def test_reset(flags, level, r, time):
    def body(self, pop):
        get_population(pop).I_app = 2
        simulate(3)
        self.reset(**flags)
        assert get_time() == time
        assert get_population(pop).I_app[0] == level and get_population(pop).s[0] == r
        simulate(1)

    results = run(body)
    assert len(results.recordings) == 2
    assert results.recording_times.time_lims(chunk=1)[0] == time


def test_a_population_has_many_neurons():
    def body(self, pop):
        population = get_population(pop)
        assert population.size == 3 and population.name == "pop"
        population.a = [1, 2, 3]
        population.set({"I_app": 1})
        simulate(2)
        with pytest.raises(AttributeError, match="no attribute `b`"):
            population.b = 1
        with pytest.raises(AttributeError, match="no attribute `b`"):
            population.b

    np.testing.assert_array_equal(run(body, n=3).recordings[0]["pop;r"], [[1, 2, 3], [2, 4, 6]])


def test_protocols_return_what_they_injected():
    arrays = {}

    def body(self, pop):
        arrays["stim"] = current_stim(pop, t=4, a=3)
        arrays["ramp"] = current_ramp(pop, a0=0, a1=4, dur=10, n=5)
        arrays["stairs"] = increasing_current(pop, a0=1, da=2, nr_steps=3, dur_step=2)
        arrays["sim"] = attr_sim(pop, {"I_app": 7, "a": 2}, t=2)
        assert get_population(pop).I_app[0] == 0

    results = run(body)
    np.testing.assert_array_equal(arrays["stim"], [3, 3, 3, 3])
    assert arrays["ramp"]["da"] == 1 and arrays["ramp"]["dur_stim"] == 2
    assert arrays["stairs"]["current_list"] == [1, 3, 5]
    injected = np.concatenate([arrays["stim"], arrays["ramp"]["current_arr"], arrays["stairs"]["current_arr"], 2 * arrays["sim"]["I_app"]])
    np.testing.assert_allclose(results.recordings[0]["pop;r"][:, 0], np.cumsum(injected))


def test_every_plateau_that_is_a_whole_number_of_steps():
    def body(self, pop):
        for steps in range(1, 40):
            assert len(attr_ramp(pop, "I_app", 0, 1, 3 * steps * dt(), 3)["v_arr"]) == 3 * steps
        with pytest.raises(ValueError, match="whole number"):
            attr_ramp(pop, "I_app", 0, 1, 0.35, 3)
        with pytest.raises(ValueError, match="two plateaus"):
            attr_ramp(pop, "I_app", 0, 1, 0.3, 1)

    run(body, dt=0.1)


def test_windows_have_the_samples_they_should():
    """100 ms at dt = 0.1 from any step are 1000 samples."""

    def body(self, pop):
        self.monitors.pause()
        for start in (1, 6, 7, 123):
            simulate(0.1 * start)
            self.monitors.start()
            simulate(100)
            self.monitors.pause()

    results = run(body, dt=0.1)
    times = results.recording_times
    assert times.nbr_periods() == times.nr_periods(chunk=0) == 4
    assert [stop - start + 1 for start, stop in (times.idx_lims(period=k) for k in range(4))] == [1000] * 4
    assert times.time_lims(period=0) == (0.1, 100.0)


def test_gaps_between_periods():
    def body(self, pop):
        get_population(pop).I_app = 1
        simulate(2)
        self.monitors.pause()
        simulate(3)
        self.monitors.start()
        simulate(2)
        self.reset()
        simulate(1)

    results = run(body)
    times, recordings = results.recording_times, results.recordings
    assert times.all()[0]["pop"] == {"start": {"ms": [0, 5], "idx": [0, 2]}, "stop": {"ms": [1, 6], "idx": [1, 3]}}
    np.testing.assert_array_equal(times.combine_periods(recordings, "pop;r")[0], [0, 1, 5, 6])
    grid, values = times.combine_periods(recordings, "pop;r", fill="nan")
    np.testing.assert_array_equal(grid, np.arange(7))
    np.testing.assert_array_equal(values[:, 0], [1, 2, np.nan, np.nan, np.nan, 6, 7])
    np.testing.assert_array_equal(times.combine_periods(recordings, "pop;r", fill=-1.0)[1][:, 0], [1, 2, -1, -1, -1, 6, 7])
    np.testing.assert_array_equal(times.combine_periods(recordings, "pop;r", fill="interpolate")[1][:, 0], [1, 2, 2, 6, 6, 6, 7])
    grid, values = times.combine_chunks(recordings, "pop;r", mode="consecutive")
    np.testing.assert_array_equal(grid, np.arange(8))
    assert values[-1, 0] == 0
    assert times.combine_chunks(recordings, "pop;r")[0][-1] == 0
    with pytest.raises(ConfigError, match="no chunk 2"):
        times.time_lims(chunk=2)
    with pytest.raises(ConfigError, match="recorded: pop;r"):
        times.combine_periods(recordings, "pop;v")


def test_simulations_with_a_description():
    def body(self, pop):
        sim = CompNeuroSim(
            simulation_function=current_step,
            simulation_kwargs={"pop": pop, "t1": 2, "t2": 1, "a1": 0, "a2": 5},
            name="steps",
            requirements=[{"req": ReqPopHasAttr, "pop": "simulation_kwargs.pop", "attr": "I_app"}],
            monitor_object=self.monitors,
        )
        sim.run()
        self.reset()
        sim.run({"a2": 10})
        self.data["sim"] = sim.simulation_info()
        with pytest.raises(ValueError, match="no attribute `I`"):
            CompNeuroSim(current_step, {"pop": pop}, requirements=[{"req": ReqPopHasAttr, "pop": pop, "attr": "I"}]).run()

    info = run(body).data["sim"]
    assert (info.start, info.end, info.monitor_chunk) == ([0, 0], [3, 3], [0, 1])
    np.testing.assert_array_equal(info.get_current_arr(dt=1, flat=True), [0, 0, 5, 0, 0, 10])


def test_waves_and_clamps():
    neuron = Neuron(parameters="I_app = 0; g = 2", equations="dv/dt = -g*v + I_app\nr = v + I_app")
    simulation = Simulation(neuron, dt=0.1, record=["v", "I_app", "v_clamp_current"])
    simulation.start()
    simulation.run(10, drive={"I_app": waves.ramp(0, 1)}, clamp={"v": waves.step(0, 5, start=5)})
    (chunk,) = simulation.results().recordings
    np.testing.assert_allclose(chunk["population;I_app"][:, 0], np.linspace(0, 1, 100))
    np.testing.assert_array_equal(chunk["population;v"][:, 0], np.repeat([0, 5], 50))
    np.testing.assert_allclose(chunk["population;v_clamp_current"][-1, 0], 2 * 5 - 1, rtol=1e-12)


def test_results_are_data():
    results = run(lambda self, pop: (self.data.update(level=3), simulate(2)), record=["r"])
    for other in (pickle.loads(pickle.dumps(results)), copy.deepcopy(results)):
        assert other.data == {"level": 3}
        np.testing.assert_array_equal(other.recordings[0]["pop;r"], results.recordings[0]["pop;r"])
        assert other.recording_times.time_lims() == (0, 1)
    assert results.mon_dict == {"pop;1": ["r"]}


def test_what_is_wrong_is_said():
    with pytest.raises(ConfigError, match="there is no simulation here"):
        simulate(1)
    with pytest.raises(TypeError, match="return self.results"):
        class Forgotten(CompNeuroExp):
            def run(self, population_name):
                simulate(1)

        Simulation(adder).experiment(Forgotten)
    with pytest.raises(NotImplementedError, match="run"):
        Simulation(adder).experiment(CompNeuroExp)
    with pytest.raises(ConfigError, match="there is no population `other`"):
        run(lambda self, pop: get_population("other"))
    with pytest.raises(ConfigError, match="I_ap"):
        Simulation(adder).set("I_ap", 1)
