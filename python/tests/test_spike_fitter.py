"""SpikeFitter: Gamma factors, spike trains as they come, metrics of spikes."""

import re
import warnings

import numpy as np
import pytest
from small_fits import dt, recorded_spikes, spiking, stimulus

from spikesmith import ConfigError, DataError, GammaFactor, Inferencer, MSEMetric, SpikeFitter, SpikeMetric, TraceFitter
from spikesmith.units import ms, mV, nS, pF, second


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
