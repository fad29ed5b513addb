"""Metrics and optimisers of a script that derive from those of the package."""

import pickle

import numpy as np
import pytest
from small_fits import E, algebraic, current, dt, make_fitter, recorded_spikes, spiking, voltage

from spikesmith import FeatureMetric, GammaFactor, MSEMetric, NevergradOptimizer, SkoptOptimizer, SpikeFitter, TraceFitter, TraceMetric
from spikesmith.units import amp, ms, nS, pF, second, volt


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
