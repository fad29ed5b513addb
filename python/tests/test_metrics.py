import pickle
from copy import deepcopy

import numpy as np
import pytest

from spikesmith import DataError, GammaFactor, MSEMetric, SpikeMetric, TraceMetric, VanRossum, VictorPurpura, firing_rate, get_gamma_factor
from spikesmith.units import Hz, ms, mV, second


@pytest.fixture
def traces():
    random = np.random.default_rng(1)
    return random.normal(size=(5, 2, 20)), random.normal(size=(2, 20))


def test_firing_rate():
    assert firing_rate(np.linspace(0, 1, 6) * second) == pytest.approx(5)
    assert np.isnan(firing_rate([0.3]))


def test_mse_is_the_mean_of_squares(traces):
    model, target = traces
    errors = MSEMetric().calc(model, target, 0.1 * ms)
    np.testing.assert_allclose(errors, ((model - target) ** 2).mean(axis=(1, 2)), rtol=1e-14)
    metric = MSEMetric()
    np.testing.assert_allclose(metric.get_errors(metric.get_features(model, target, 1e-4)), errors, rtol=1e-14)
    assert np.all(MSEMetric().calc(np.tile(target, (3, 1, 1)), target, 0.1 * ms) == 0)
    np.testing.assert_array_equal(MSEMetric().calc([[[0.0] * 4], [[1.0] * 4]], [[0.0] * 4], 0.1 * ms), [0, 1])
    np.testing.assert_array_equal(MSEMetric(normalization=0.5).calc([[[0.0] * 4], [[1.0] * 4]], [[0.0] * 4], 0.1 * ms), [0, 4])


def test_mse_start_and_weights(traces):
    model, target = traces
    late = MSEMetric(t_start=1 * ms).calc(model, target, 0.1 * ms)
    np.testing.assert_allclose(late, ((model - target)[..., 10:] ** 2).mean(axis=(1, 2)), rtol=1e-13)
    for high in (1, 2):
        weights = np.r_[np.zeros(10), np.full(10, high)]
        np.testing.assert_allclose(MSEMetric(t_weights=weights).calc(model, target, 0.1 * ms), late, rtol=1e-13)
    for wrong in (-np.ones(20), np.zeros(20)):
        with pytest.raises(ValueError):
            MSEMetric(t_weights=wrong)
    with pytest.raises(ValueError, match="exclude"):
        MSEMetric(t_weights=np.ones(20), t_start=1 * ms)
    with pytest.raises(ValueError, match=r"\(19,\)"):
        MSEMetric(t_weights=np.ones(19)).calc(model, target, 0.1 * ms)
    with pytest.raises(ValueError, match="before the end"):
        MSEMetric(t_start=1 * second).calc(model, target, 0.1 * ms)
    with pytest.raises(TypeError, match="needs a unit"):
        MSEMetric(t_start=3)


def test_mse_robust_loss():
    metric = MSEMetric(loss="soft_l1", loss_scale=1.0)
    difference = 3.0
    expected = 2 * (np.sqrt(1 + difference**2) - 1)
    np.testing.assert_allclose(metric.calc([[[difference] * 5]], [[0.0] * 5], 1e-4), expected, rtol=1e-13)
    with pytest.raises(ValueError, match="no loss"):
        MSEMetric(loss="cubic")


def test_gamma_factor():
    train = np.array([0.01, 0.03, 0.07])
    assert get_gamma_factor(train, train, 2 * ms, 100 * ms, 0.1 * ms) == 0
    assert get_gamma_factor(train[:1], train, 2 * ms, 100 * ms, 0.1 * ms) > 1
    assert 0 < get_gamma_factor(train[:1], train, 2 * ms, 100 * ms, 0.1 * ms, rate_correction=False) < 1
    # one of two spikes missing, by hand: r = 20 Hz, expected 2*delta*n*r = 0.16, norm 0.46, gamma = 0.84/(0.46*3)
    by_hand = 2 - (1 - 0.16) / (0.46 * 3)
    assert get_gamma_factor([0.02], [0.02, 0.06], 2 * ms, 100 * ms, 0.1 * ms) == pytest.approx(by_hand, rel=1e-12)
    # brian2modelfitting raises ZeroDivisionError here
    assert get_gamma_factor([], [], 2 * ms, 100 * ms, 0.1 * ms) == 0


def test_gamma_factor_without_correction_for_chance():
    # 4 spikes in 100 ms, delta 20 ms: 2*delta*rate = 1.6, so that Gamma = 2c/(n_m + 4)
    train = [10, 30, 55, 80] * ms
    assert get_gamma_factor(train, train, 20 * ms, 100 * ms, 0.1 * ms) == 0
    assert get_gamma_factor([11, 31, 56] * ms, train, 20 * ms, 100 * ms, 0.1 * ms) == pytest.approx(1.5 - 6 / 7)
    assert get_gamma_factor([20] * ms, train, 20 * ms, 100 * ms, 0.1 * ms, rate_correction=False) == pytest.approx(1 - 2 / 5)
    assert get_gamma_factor([], train, 20 * ms, 100 * ms, 0.1 * ms) == 3
    assert GammaFactor(20 * ms, 100 * ms).calc([[train], [train[:3]]], [train], 0.1 * ms) == pytest.approx([0, 1.5 - 6 / 7])


def test_spike_trains_as_they_come():
    assert get_gamma_factor([1, 3, 5] * ms, [1, 3, 5, 7] * ms, 0.5 * ms, 5 * ms, 0.1 * ms) == pytest.approx(1.5 + 0.2 / 0.7)
    shuffled, ordered = [0.07, -0.01, 0.03], [-0.01, 0.03, 0.07]
    for metric in (GammaFactor(2 * ms, 50 * ms), VanRossum(10 * ms), VictorPurpura(100 * Hz)):
        assert metric.calc([[shuffled]], [ordered], 0.1 * ms)[0] == 0
        assert metric.calc([[[0.03]]], [shuffled], 0.1 * ms)[0] == metric.calc([[[0.03]]], [ordered], 0.1 * ms)[0] > 0
        with pytest.raises(DataError, match="finite"):
            metric.calc([[[np.nan]]], [ordered], 0.1 * ms)
        with pytest.raises(DataError, match="finite"):
            metric.calc([[ordered]], [[np.inf]], 0.1 * ms)


def test_gamma_factor_options():
    train = [[[0.01, 0.03]], [[0.01]]]
    target = [[0.01, 0.03]]
    plain = GammaFactor(2 * ms, 100 * ms).calc(train, target, 0.1 * ms)
    np.testing.assert_allclose(GammaFactor(2 * ms, 100 * ms, normalization=0.5).calc(train, target, 0.1 * ms), 2 * plain)
    assert np.all(GammaFactor(2 * ms, 100 * ms, t_start=20 * ms).calc([[[0.01, 0.03]], [[0.03]]], target, 0.1 * ms) == 0)
    # a burst within delta of one simulated spike counts for all, or with `one_to_one` once
    burst = [[0.050, 0.0505]]
    one = GammaFactor(2 * ms, 100 * ms, matching="one_to_one").calc([[[0.050]]], burst, 0.1 * ms)
    near = GammaFactor(2 * ms, 100 * ms).calc([[[0.050]]], burst, 0.1 * ms)
    assert one > near
    with pytest.raises(TypeError):
        GammaFactor(3, 100 * ms)
    with pytest.raises(ValueError, match="matching"):
        GammaFactor(2 * ms, 100 * ms, matching="some")


def test_spike_distances():
    assert VanRossum(10 * ms).calc([[[0.01]]], [[]], 0.1 * ms) == pytest.approx(1)
    assert VictorPurpura(100 * Hz).calc([[[0.01]]], [[0.015]], 0.1 * ms) == pytest.approx(0.5)
    assert VictorPurpura(100 * Hz).calc([[[0.01]]], [[0.5]], 0.1 * ms) == pytest.approx(2)


def test_own_metrics(traces):
    model, target = traces

    class Largest(TraceMetric):
        def get_features(self, model, target, dt):
            return np.abs(model - target).max(axis=2)

        def get_errors(self, features):
            return features.max(axis=1)

    np.testing.assert_allclose(Largest().calc(model, target, 0.1 * ms), np.abs(model - target).max(axis=(1, 2)))
    np.testing.assert_allclose(Largest(normalization=2 * mV).calc(model, target, 0.1 * ms), np.abs(model - target).max(axis=(1, 2)) / 0.002)

    class Count(SpikeMetric):
        def get_features(self, model, target, dt):
            return np.array([[abs(len(m) - len(t)) for m, t in zip(sample, target)] for sample in model], dtype=float)

        def get_errors(self, features):
            return features.sum(axis=1)

    assert Count().calc([[[0.1, 0.2], []]], [[0.1], [0.3]], 0.1 * ms) == [2]
    assert Count(t_start=150 * ms).calc([[[0.1, 0.2], []]], [[0.1], [0.3]], 0.1 * ms) == [2]


@pytest.mark.parametrize("copy", [deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_copies_and_pickles(copy):
    traces = np.random.default_rng(0).normal(size=(3, 2, 50))
    for metric in (MSEMetric(t_start=1 * ms, normalization=2.0), MSEMetric(t_weights=np.arange(50), loss="huber", loss_scale=0.5)):
        np.testing.assert_array_equal(copy(metric).calc(traces, traces[0], 0.1 * ms), metric.calc(traces, traces[0], 0.1 * ms))
    trains = [[[0.01, 0.03]], [[0.02]]]
    for spikes in (GammaFactor(2 * ms, 100 * ms, matching="one_to_one"), VanRossum(10 * ms), VictorPurpura(100 * Hz)):
        np.testing.assert_array_equal(copy(spikes).calc(trains, [[0.01]], 0.1 * ms), spikes.calc(trains, [[0.01]], 0.1 * ms))


@pytest.mark.parametrize("name", ["t_start", "normalization", "t_weights"])
def test_what_is_set_later_counts(traces, name):
    model, target = traces
    value = {"t_start": 1 * ms, "normalization": 0.5, "t_weights": np.arange(20.0)}[name]
    metric = MSEMetric()
    setattr(metric, name, value)
    same = MSEMetric(**{name: 2.0 if name == "normalization" else value})  # the attribute is the reciprocal
    np.testing.assert_array_equal(metric.calc(model, target, 0.1 * ms), same.calc(model, target, 0.1 * ms))


def test_names_of_arguments(traces):
    model, target = traces
    errors = MSEMetric().calc(model_traces=model, data_traces=target, dt=0.1 * ms)
    np.testing.assert_array_equal(MSEMetric().get_features(model_traces=model, data_traces=target, dt=0.1 * ms).mean(axis=1), errors)
    gamma = GammaFactor(2 * ms, 100 * ms)
    assert gamma.calc(model_spikes=[[[0.01]]], data_spikes=[[0.01]], dt=0.1 * ms) == 0
    assert gamma.get_features(traces=[[[0.01]]], output=[[0.01]], dt=0.1 * ms) == 0


def test_overridden_methods_count_in_calc(traces):
    model, target = traces

    class Highest(MSEMetric):
        def get_features(self, model_traces, data_traces, dt):
            return super().get_features(model_traces, data_traces, dt) + 3

    class Worst(GammaFactor):
        def get_errors(self, features):
            return features.max(axis=1) + 5

    np.testing.assert_array_equal(Highest().calc(model, target, 0.1 * ms), MSEMetric().calc(model, target, 0.1 * ms) + 3)
    assert Worst(2 * ms, 100 * ms).calc([[[0.01], [0.01]]], [[0.01], [0.01]], 0.1 * ms) == [5]


def test_errors_of_own_spike_metrics_are_normalised():
    class Count(SpikeMetric):
        def get_features(self, model, target, dt):
            return np.array([[len(train) for train in sample] for sample in model], dtype=float)

        def get_errors(self, features):
            return features.mean(axis=1)

    assert Count(normalization=4).calc([[[0.1, 0.2]]], [[0.1]], 0.1 * ms) == [0.5]
