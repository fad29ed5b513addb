"""Metrics as scripts for brian2modelfitting use them."""

from inspect import Parameter

import numpy as np
import pytest
from known import DimensionMismatchError, arguments, exponents, ours, released, theirs, tool, units

ms, mV, second, volt = units.ms, units.mV, units.second, units.volt
MSEMetric, GammaFactor, FeatureMetric = tool.MSEMetric, tool.GammaFactor, tool.FeatureMetric
empty = Parameter.empty
dt = 0.1 * ms


def test_signatures():
    for metric, names in (
        (tool.Metric, ["t_start", "normalization"]),
        (tool.TraceMetric, ["t_start", "t_weights", "normalization"]),
        (tool.SpikeMetric, ["t_start", "normalization"]),
        (MSEMetric, ["t_start", "t_weights", "normalization"]),
        (GammaFactor, ["delta", "time", "t_start", "normalization", "rate_correction"]),
        (FeatureMetric, ["stim_times", "feat_list", "weights", "combine", "t_start", "normalization", "parallel_processes"]),
    ):
        if ours:
            assert [n for n, _ in arguments(metric.__init__)][: len(names)] == names
        for name in "calc get_features get_errors get_dimensions get_normalized_dimensions".split():
            assert hasattr(metric, name)
        assert not ours or hasattr(metric, "revert_normalization")
    assert arguments(tool.get_gamma_factor) == [
        ("model", empty), ("data", empty), ("delta", empty), ("time", empty), ("dt", empty), ("rate_correction", True)
    ]  # fmt: skip
    assert [n for n, _ in arguments(tool.calc_eFEL)][:4] == ["traces", "inp_times", "feat_list", "dt"]


# --- functions --------------------------------------------------------------------------------------------------------


def test_firing_rate():
    for rate in (1, 5, 10):
        assert float(tool.firing_rate(np.linspace(0, 1, rate + 1))) == pytest.approx(rate)
    if ours:
        assert np.isnan(tool.firing_rate(np.array([0.1])))


def test_get_gamma_factor():
    trains = np.sort(np.random.default_rng(1).uniform(0, 10, 60))
    full, half = trains * second, trains[::2] * second
    assert float(tool.get_gamma_factor(full, full, 10 * ms, 10 * second, dt)) == pytest.approx(0, abs=1e-9)
    assert tool.get_gamma_factor(half, full, 10 * ms, 10 * second, dt) > 1
    assert tool.get_gamma_factor(full, half, 10 * ms, 10 * second, dt) > 0
    assert 0 < tool.get_gamma_factor(half, full, 10 * ms, 10 * second, dt, rate_correction=False) < 1


def reference_gamma(model, data, delta, time, dt, rate_correction=True):
    """The definition, step by step."""
    m, d = np.rint(np.asarray(model) / dt), np.rint(np.asarray(data) / dt)
    window = int(np.rint(delta / dt))
    model_rate, data_rate = len(m) / time, len(d) / time
    if len(m) > 1:
        nearest = m[np.digitize(d, (m[1:] + m[:-1]) / 2)]
        coincidences = int(np.sum(np.abs(d - nearest) <= window))
    else:
        coincidences = int(np.sum(np.abs(d - m[0]) <= window)) if len(m) else 0
    expected = 2 * delta * len(d) * data_rate
    norm = 0.5 * (1 - 2 * data_rate * delta)
    gamma = (coincidences - expected) / (norm * (len(m) + len(d)))
    correction = 1 + 2 * abs(data_rate - model_rate) / data_rate if rate_correction else 1
    return max(correction - gamma, 0)


@pytest.mark.parametrize("rate_correction", [True, False])
def test_gamma_factor_by_its_definition(rate_correction):
    random = np.random.default_rng(3)
    for _ in range(40):
        data = np.sort(random.uniform(0, 1, random.integers(1, 12)))
        model = np.sort(random.uniform(0, 1, random.integers(0, 12)))
        wanted = reference_gamma(model, data, 0.004, 1.0, 1e-4, rate_correction)
        found = tool.get_gamma_factor(model * second, data * second, 4 * ms, 1 * second, dt, rate_correction)
        assert float(found) == pytest.approx(wanted, abs=1e-9)


def test_normalize_weights():
    np.testing.assert_allclose(tool.normalize_weights(np.array([0.0, 1.0, 3.0])), [0, 0.75, 2.25])


# --- mean squared error -----------------------------------------------------------------------------------------------


def test_mse_errors():
    random = np.random.default_rng(0)
    data = random.normal(size=(2, 20))
    model = np.tile(data, (5, 1, 1))
    np.testing.assert_array_equal(MSEMetric().calc(model, data, dt), np.zeros(5))
    zeros, ones = np.zeros((2, 20)), np.ones((2, 20))
    both = np.stack([zeros, ones])
    np.testing.assert_allclose(MSEMetric().calc(both, zeros, dt), [0, 1])
    np.testing.assert_allclose(MSEMetric(normalization=0.5).calc(both, zeros, dt), [0, 4])
    noisy = model + random.normal(size=model.shape)
    np.testing.assert_allclose(MSEMetric().calc(noisy, data, dt), ((noisy - data) ** 2).mean(axis=(1, 2)))


def test_mse_times():
    data, model = np.zeros((2, 20)), np.zeros((3, 2, 20))
    model[:, :, :10] = 7
    late = np.r_[np.zeros(10), np.ones(10)]
    metric = MSEMetric(t_start=10 * dt)
    np.testing.assert_array_equal(metric.calc(model, data, dt), np.zeros(3))
    noisy = model + np.random.default_rng(0).normal(size=model.shape)
    wanted = metric.calc(noisy, data, dt)
    for weights in (late, 2 * late):
        np.testing.assert_allclose(MSEMetric(t_weights=weights).calc(noisy, data, dt), wanted)
    # half to even
    np.testing.assert_allclose(MSEMetric(t_start=2.5 * dt).calc(noisy, data, dt), ((noisy - data)[:, :, 2:] ** 2).mean(axis=(1, 2)))


def test_wrong_weights():
    for weights in (np.array([-1.0, 1.0]), np.zeros(4)):
        with pytest.raises(ValueError):
            MSEMetric(t_weights=weights)
    with pytest.raises(ValueError):
        MSEMetric(t_weights=np.ones(4), t_start=1 * ms)
    with pytest.raises((DimensionMismatchError, TypeError)):
        MSEMetric(t_start=1 * mV)


def test_mse_features_and_errors():
    model, data = np.random.default_rng(0).normal(size=(5, 2, 10)), np.zeros((2, 10))
    features = MSEMetric().get_features(model, data, dt)
    assert features.shape == (5, 2)
    np.testing.assert_allclose(features, (model**2).mean(axis=2))
    np.testing.assert_allclose(MSEMetric().get_errors(features), features.mean(axis=1))
    assert np.all(MSEMetric().get_features(np.tile(data, (5, 1, 1)), data, dt) == 0)


def test_dimensions_of_errors():
    dim = volt.dim
    assert exponents(MSEMetric().get_dimensions(dim)) == exponents((volt**2).dim)
    assert exponents(MSEMetric(normalization=1 * mV).get_normalized_dimensions(dim)) == (0,) * 7
    assert exponents(GammaFactor(1 * ms, 1 * second).get_dimensions(dim)) == (0,) * 7
    if ours:
        assert float(MSEMetric(normalization=0.1).revert_normalization(5.0)) == pytest.approx(0.05)
        assert float(MSEMetric(normalization=0.1).normalization) == pytest.approx(10)


# --- spikes -----------------------------------------------------------------------------------------------------------


def test_wrong_arguments_of_the_gamma_factor():
    for given in ({}, {"delta": 10 * ms}, {"time": 10 * ms}):
        with pytest.raises(TypeError):
            GammaFactor(**given)
    for given in ({"delta": 10 * mV, "time": 10 * ms}, {"delta": 10 * ms, "time": 10 * mV}):
        with pytest.raises(DimensionMismatchError):
            GammaFactor(**given)


def test_gamma_errors():
    data = [np.array([0.1, 0.4, 0.7]), np.array([0.2, 0.5, 0.8])]
    same, fewer, none = data, [t[:1] for t in data], [np.array([]), np.array([])]
    metric = GammaFactor(delta=4 * ms, time=1 * second)
    errors = metric.calc([same, fewer, none], data, dt)
    assert np.shape(errors) == (3,) and errors[0] == pytest.approx(0, abs=1e-9) and 0 < errors[1] < errors[2]
    shifted = [np.r_[t[:1] + 0.05, t[1:]] for t in data]
    late = GammaFactor(delta=4 * ms, time=1 * second, t_start=300 * ms)
    assert float(late.calc([shifted], data, dt)[0]) == pytest.approx(0, abs=0.05 if ours else 1e-9)


def test_gamma_features():
    data = [np.array([0.1, 0.4, 0.7]), np.array([0.2, 0.5, 0.8])]
    model = [data, [t[:1] for t in data]]
    features = GammaFactor(delta=4 * ms, time=1 * second).get_features(model, data, dt)
    assert np.shape(features) == (2, 2) and np.allclose(features[0], 0)
    double = GammaFactor(delta=4 * ms, time=1 * second, normalization=0.5).get_features(model, data, dt)
    np.testing.assert_allclose(double, 2 * np.asarray(features))
    errors = GammaFactor(delta=4 * ms, time=1 * second).get_errors(np.asarray(features))
    np.testing.assert_allclose(errors, np.mean(features, axis=1))


# --- features ---------------------------------------------------------------------------------------------------------


def resting(level, n=2):
    """Traces at rest that are lifted during a stimulus, volts."""
    rows = np.full((n, 2000), level * 1e-3)
    rows[:, 500:1500] += 5e-3
    return rows


@released  # which hands volts to eFEL
def test_calc_eFEL():
    traces = np.vstack([resting(-70, 1), resting(-60, 1)])
    found = tool.calc_eFEL(traces, [[50 * ms, 150 * ms], [50 * ms, 150 * ms]], ["voltage_base"], dt)
    assert isinstance(found, list) and len(found) == 2
    assert [float(np.ravel(f["voltage_base"])[0]) for f in found] == pytest.approx([-70, -60], abs=0.2)
    for processes in (0, 2, -1):
        assert len(tool.calc_eFEL(traces, [[50, 150], [50, 150]], ["voltage_base"], dt, processes)) == 2
    with pytest.raises(ValueError):
        tool.calc_eFEL(traces, [[50, 150]], ["voltage_base"], dt, parallel_processes=-2)


def differences(**options):
    metric = FeatureMetric([(50 * ms, 150 * ms), (50 * ms, 150 * ms)], ["voltage_base"], **options)
    data = np.vstack([resting(-70, 1), resting(-60, 1)])
    model = np.stack([data, data + 2e-3, data - 3e-3])
    return metric, metric.get_features(model, data, dt), metric.calc(model, data, dt)


@released  # which hands volts to eFEL
def test_feature_metric():
    _, features, errors = differences()
    assert len(features) == 3 and [sorted(f) for f in features] == [["voltage_base"]] * 3
    values = np.array([np.ravel(f["voltage_base"]) for f in features], dtype=float)
    np.testing.assert_allclose(values, [[0, 0], [2, 2], [3, 3]], atol=1e-6)
    np.testing.assert_allclose(np.asarray(errors, dtype=float), [0, 4, 6], atol=1e-6)


@released  # which hands volts to eFEL
def test_feature_metric_with_a_combination():
    _, features, errors = differences(combine=lambda model, data: (model - data) ** 2)
    values = np.array([np.ravel(f["voltage_base"]) for f in features], dtype=float)
    np.testing.assert_allclose(values, [[0, 0], [4, 4], [9, 9]], atol=1e-5)
    np.testing.assert_allclose(np.asarray(errors, dtype=float), [0, 8, 18], atol=1e-5)


def test_feature_weights():
    features = [{"a": np.array([1.0, 2.0]), "b": np.array([10.0, 0.0])}]
    if ours:
        metric = FeatureMetric([(50 * ms, 150 * ms)], ["voltage_base", "Spikecount"], weights={"voltage_base": 2, "Spikecount": 1})
        features = [{"voltage_base": np.array([1.0, 2.0]), "Spikecount": np.array([10.0, 0.0])}]
    else:
        metric = FeatureMetric([(50 * ms, 150 * ms)], ["a", "b"], weights={"a": 2, "b": 1})
    np.testing.assert_allclose(np.asarray(metric.get_errors(features), dtype=float), [16])
    with pytest.raises(TypeError):
        FeatureMetric([(50 * ms, 150 * ms)], ["voltage_base"], weights=[1])


@released  # which hands volts to eFEL
def test_feature_metric_in_a_fit():
    from known import TraceFitter

    target = resting(-65) * volt
    fitter = TraceFitter(
        model="v = c + x : volt\nc : volt (constant)",
        input={"x": (np.asarray(target) + 0.065) * volt},
        output={"v": target},
        dt=dt,
        n_samples=30,
    )
    metric = FeatureMetric([(50 * ms, 150 * ms), (50 * ms, 150 * ms)], ["voltage_base", "maximum_voltage"])
    params, error = fitter.fit(tool.NevergradOptimizer("DE"), metric=metric, n_rounds=8, callback=None, c=[-90 * mV, -40 * mV])
    assert float(params["c"] / mV) == pytest.approx(-65, abs=1)
    # the sum over traces of both features
    assert float(error) == pytest.approx(4 * abs(float(params["c"] / mV) + 65), rel=1e-3, abs=1e-6)


@theirs
def test_wrong_numbers_of_stimuli():
    metric = FeatureMetric([(50 * ms, 150 * ms)] * 3, ["voltage_base"])
    with pytest.raises(ValueError):
        metric.calc(resting(-70)[None], resting(-70), dt)


# --- one's own --------------------------------------------------------------------------------------------------------


def test_a_metric_of_ones_own():
    from known import TraceFitter

    shapes = []

    class Largest(tool.TraceMetric):
        def get_features(self, model, target, dt):
            shapes.append((np.shape(model), np.shape(target)))
            return np.abs(model - target).max(axis=2)

        def get_errors(self, features):
            return features.mean(axis=1)

        def get_dimensions(self, output_dim):
            return output_dim**2 / output_dim

        def get_normalized_dimensions(self, output_dim):
            return output_dim

    model = np.zeros((3, 2, 10))
    np.testing.assert_allclose(Largest().calc(model + 2, np.zeros((2, 10)), dt), [2, 2, 2])
    target = np.full((2, 10), 20.0) * mV
    fitter = TraceFitter(model="v = c + x : volt\nc : volt (constant)", input={"x": 0 * target}, output={"v": target}, dt=dt, n_samples=30)
    params, error = fitter.fit(tool.NevergradOptimizer("DE"), metric=Largest(), n_rounds=10, callback=None, c=[0 * mV, 50 * mV])
    assert float(params["c"] / mV) == pytest.approx(20, abs=1) and exponents(error.dim) == exponents(volt.dim)
    assert all(len(m) == 3 and len(t) == 2 for m, t in shapes)


def test_a_spike_metric_of_ones_own():
    class Counts(tool.SpikeMetric):
        def get_features(self, model, target, dt):
            return np.array([[abs(len(m) - len(t)) for m, t in zip(sample, target)] for sample in model], dtype=float)

        def get_errors(self, features):
            return features.mean(axis=1)

    data = [np.array([0.1, 0.2]), np.array([0.3])]
    np.testing.assert_allclose(Counts().calc([data, [data[0], np.array([])]], data, dt), [0, 0.5])
    np.testing.assert_allclose(Counts(t_start=150 * ms).calc([data, [data[0], np.array([])]], data, dt), [0, 0.5])


@released
def test_unfinished_metrics_are_abstract():
    for base in (tool.Metric, tool.TraceMetric, tool.SpikeMetric):
        with pytest.raises(TypeError):
            base()
