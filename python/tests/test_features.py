import numpy as np
import pytest

from spikesmith import FeatureMetric, TraceFitter, UnitError, calc_eFEL, feature_definition, feature_names, feature_units, features, spike_features
from spikesmith.units import mV, ms, nA, nS, second, volt

dt = 1 * ms
# 50 ms each at -70, -60, -50, -40 mV
stairs = np.ones((2, 200)) * np.repeat([-70.0, -60.0, -50.0, -40.0], 50) * mV


def spiking(times, n=3000, dt=1e-4):
    """-70 mV with triangular spikes up to 30 mV."""
    t = np.arange(n) * dt
    v = np.full(n, -0.07)
    for time in times:
        v = np.maximum(v, 0.03 - np.abs(t - time) * 100)
    return v


# --- functions --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("processes", [0, 2, -1])
def test_calc_efel(processes):
    results = calc_eFEL(stairs, [[99, 150], [49, 150]], ["voltage_base"], dt=dt, parallel_processes=processes)
    assert [set(one) for one in results] == [{"voltage_base"}] * 2
    np.testing.assert_allclose([one["voltage_base"][0] for one in results], [-60, -70])
    again = calc_eFEL(stairs, [[99 * ms, 150 * ms], [49 * ms, 150 * ms]], ["voltage_base"], dt=dt)
    assert results[0]["voltage_base"] == again[0]["voltage_base"]


def test_calc_efel_wrong():
    with pytest.raises(ValueError, match="parallel_processes"):
        calc_eFEL(stairs, [[99, 150]], ["voltage_base"], dt=dt, parallel_processes=-2)
    assert calc_eFEL(stairs, [[99, 150]], ["AP_amplitude"], dt=dt)[0]["AP_amplitude"] is None
    with pytest.raises(ValueError, match="voltage_bass"):
        calc_eFEL(stairs, [[99, 150]], ["voltage_bass"], dt=dt)


@pytest.mark.parametrize("mode", ["efel", "native"])
def test_features(mode):
    v = spiking([0.1, 0.12, 0.15]) * volt
    found = features(v, 0.1 * ms, (50 * ms, 250 * ms), ["Spikecount", "peak_time", "AP_amplitude", "ohmic_input_resistance"], mode)
    assert found["Spikecount"][0] == 3
    np.testing.assert_allclose(found["peak_time"], [100, 120, 150], atol=0.2)
    assert found.mean()["Spikecount"] == 3 and np.isnan(found.mean()["ohmic_input_resistance"])
    assert found["ohmic_input_resistance"].size == 0 and "stimulus" in found.missing["ohmic_input_resistance"]


def test_features_of_several_traces():
    rows = [spiking([0.1]), spiking([0.1, 0.2], 4000)]
    found = features(rows, 0.1 * ms, [(50 * ms, 250 * ms), (50 * ms, 350 * ms)], "Spikecount")
    assert [one["Spikecount"][0] for one in found] == [1, 2]
    with pytest.raises(ValueError, match="2 stimuli for 1 traces"):
        features(rows[0], 0.1 * ms, [(50 * ms, 250 * ms), (50 * ms, 350 * ms)], "Spikecount")
    with pytest.raises(UnitError):
        features(rows[0] * nA, 0.1 * ms, (0, 1), "Spikecount")
    assert len(features(rows[0], 0.1 * ms, (50 * ms, 250 * ms))) == len(feature_names())


def test_spike_features():
    found = spike_features(np.array([0.1, 0.12, 0.15]) * second, (50 * ms, 250 * ms), ["Spikecount", "AP_amplitude"])
    assert found["Spikecount"][0] == 3 and found.missing["AP_amplitude"]


def test_names():
    assert {"Spikecount", "voltage_base", "AP_amplitude"} <= set(feature_names())
    assert feature_units()["voltage_base"] == "mV" and "spike" in feature_definition("Spikecount")
    with pytest.raises(KeyError):
        feature_definition("nothing")


# --- metric -----------------------------------------------------------------------------------------------------------------

model = np.stack([np.ones((2, 200)) * np.repeat([-70.0, level, -50.0, -40.0], 50) * 1e-3 for level in (-60.0, -62.0, -55.0)])
times = [[99 * ms, 150 * ms], [49 * ms, 150 * ms]]


def test_metric_features():
    found = FeatureMetric(times, ["voltage_base"]).get_features(model, stairs, dt)
    assert len(found) == 3 and all(set(one) == {"voltage_base"} for one in found)
    np.testing.assert_allclose([one["voltage_base"] for one in found], [[0, 0], [2, 0], [5, 0]], atol=1e-9)
    squared = FeatureMetric(times, ["voltage_base"], combine=lambda x, y: (x - y) ** 2).get_features(model, stairs, dt)
    np.testing.assert_allclose([one["voltage_base"] for one in squared], [[0, 0], [4, 0], [25, 0]], atol=1e-9)


def test_metric_errors():
    given = [{"a": np.array([1.0, 3.0]), "b": np.array([2.0, 2.0])}, {"a": np.zeros(2), "b": np.zeros(2)}]
    metric = FeatureMetric(times, ["voltage_base", "Spikecount"], weights={"voltage_base": 2, "Spikecount": 1}, normalization=2)
    renamed = [{"voltage_base": one["a"], "Spikecount": one["b"]} for one in given]
    np.testing.assert_allclose(metric.get_errors(renamed), [(2 * 4 + 4) / 2, 0])
    # the whole: the weighted sum over features and traces, divided once by the normalization
    np.testing.assert_allclose(metric.calc(model, stairs, dt), [0, 2 * 2.0 / 2, 2 * 5.0 / 2], atol=1e-9)
    mean = FeatureMetric(times, ["voltage_base", "Spikecount"], weights={"voltage_base": 2}, normalization=2, over_traces="mean")
    np.testing.assert_allclose(mean.calc(model, stairs, dt), metric.calc(model, stairs, dt) / 2, atol=1e-9)
    np.testing.assert_allclose(mean.get_errors(mean.get_features(model, stairs, dt)), mean.calc(model, stairs, dt))
    with pytest.raises(ValueError, match="over_traces"):
        FeatureMetric(times, ["voltage_base"], over_traces="median")
    np.testing.assert_allclose(metric.calc(model, stairs, dt), metric.get_errors(metric.get_features(model, stairs, dt)))


def test_metric_with_t_start_keeps_the_times():
    early = FeatureMetric(times, ["voltage_base"]).calc(model, stairs, dt)
    late = FeatureMetric(times, ["voltage_base"], t_start=10 * ms).calc(model, stairs, dt)
    np.testing.assert_allclose(early, late, atol=1e-9)


def test_metric_missing_features():
    spiked = spiking([0.1, 0.15]).reshape(1, 1, -1)
    flat = np.full((1, 3000), -0.07)
    window = [(50 * ms, 250 * ms)]

    def error(**options):
        return FeatureMetric(window, ["AP_amplitude"], **options).calc(spiked, flat, 0.1 * ms)[0]

    assert error() == 250 and error(missing="penalty", missing_amount=7) == 7 and error(missing="ignore") == 0
    assert error(missing="difference", missing_amount=30, standard_deviations={"AP_amplitude": 10}) == pytest.approx(3)
    assert error(missing="value", missing_amount=99) == pytest.approx(1, abs=0.5)
    assert np.isnan(error(missing="fail"))
    assert FeatureMetric(window, ["AP_amplitude"]).calc(flat[None], flat, 0.1 * ms)[0] == 0
    with pytest.raises(ValueError, match="rule"):
        error(missing="nothing")


def test_metric_with_means():
    metric = FeatureMetric([(49 * ms, 150 * ms)], ["voltage_base"], means={"voltage_base": -65.0}, standard_deviations={"voltage_base": 2.5})
    np.testing.assert_allclose(metric.calc(model, np.full((2, 200), np.nan), dt), [4, 4, 4])  # two traces


def test_metric_leaves_arguments_alone():
    given = [(99 * ms, 150 * ms)]
    FeatureMetric(given, ["voltage_base"])
    assert given == [(99 * ms, 150 * ms)]
    FeatureMetric(((99 * ms, 150 * ms),), ["voltage_base"])  # a tuple is fine


def test_metric_wrong_arguments():
    with pytest.raises(TypeError, match="dictionary"):
        FeatureMetric(times, ["voltage_base"], weights=[1])
    with pytest.raises(ValueError, match="parallel_processes"):
        FeatureMetric(times, ["voltage_base"], parallel_processes=-2)
    with pytest.raises(ValueError, match="voltage_bass"):
        FeatureMetric(times, ["voltage_bass"])
    with pytest.raises(KeyError, match="Spikecount"):
        FeatureMetric(times, ["voltage_base"], weights={"Spikecount": 1})
    with pytest.raises(ValueError):
        FeatureMetric(times * 2, ["voltage_base"]).calc(model, stairs, dt)


def test_fit_by_features():
    steps = np.zeros((1, 3000))
    steps[:, 1000:2000] = -0.1
    neuron = {"model": "dv/dt = (-70*mV - v + I/g)/tau : volt\ng : siemens (constant)\ntau : second (constant)", "dt": 0.1 * ms,
              "input": {"I": steps * nA}, "param_init": {"v": -70 * mV}}  # fmt: skip
    truth = {"g": 10 * nS, "tau": 12 * ms}
    v = TraceFitter(output={"v": np.zeros((1, 3000)) * volt}, **neuron).generate_traces(params=truth)
    metric = FeatureMetric([(100 * ms, 200 * ms)], ["steady_state_voltage_stimend", "decay_time_constant_after_stim"])
    fitter = TraceFitter(output={"v": v}, n_samples=30, **neuron)
    params, error = fitter.fit("CMA", metric, n_rounds=25, callback=None, g=[2 * nS, 40 * nS], tau=[3 * ms, 50 * ms])
    assert float(params["g"] / nS) == pytest.approx(10, rel=0.02) and float(params["tau"] / ms) == pytest.approx(12, rel=0.05)
    with pytest.raises(UnitError):
        TraceFitter(model="x = a*I/amp : 1\na : 1 (constant)", input={"I": steps * nA}, output={"x": steps}, dt=0.1 * ms).fit(
            "DE", metric, n_rounds=1, callback=None, a=[0, 1]
        )
