"""Optimisers of nevergrad and scikit-optimize, where these are installed."""

import numpy as np
import pytest

from spikesmith import ConfigError, NevergradOptimizer, SkoptOptimizer, TraceFitter, optimizer_methods
from spikesmith.units import mV, ms, nS

voltage = np.tile([0.0, 10.0, 20.0, 15.0, -5.0], (3, 1)) * mV
bounds = {"g": [1 * nS, 100 * nS], "E": [0 * mV, 80 * mV]}


def fit(optimizer, n_rounds=10, n_samples=20):
    fitter = TraceFitter(
        model="I = g*(v - E) : amp\ng : siemens (constant)\nE : volt (constant)", input={"v": voltage},
        output={"I": 30 * nS * (voltage - 40 * mV)}, dt=0.1 * ms, n_samples=n_samples,
    )  # fmt: skip
    params, error = fitter.fit(optimizer, n_rounds=n_rounds, callback=None, **bounds)
    assert params == fitter.best_params and float(error) == min(fitter.results("dict", use_units=False)["error"])
    return float(params["g"] / nS), float(params["E"] / mV), fitter


# --- nevergrad --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ng():
    return pytest.importorskip("nevergrad")


def test_classes_and_families_of_nevergrad(ng):
    np.random.seed(1)
    for method in (ng.optimizers.TwoPointsDE, ng.optimizers.registry["CMA"], ng.optimizers.DifferentialEvolution(crossover="twopoints")):
        g, E, fitter = fit(method)
        assert g == pytest.approx(30, rel=0.2) and E == pytest.approx(40, rel=0.2)
        assert len(fitter.results()) == 200
    g, E, _ = fit(NevergradOptimizer(ng.optimizers.DifferentialEvolution(crossover="twopoints"), budget=400))
    assert g == pytest.approx(30, rel=0.3)


def test_objects_of_nevergrad(ng):
    np.random.seed(1)
    unit = ng.p.Array(shape=(2,)).set_bounds(0, 1)
    named = {"g": ng.p.Scalar(lower=1e-9, upper=1e-7), "E": ng.p.Scalar(lower=0, upper=0.08)}
    for space in (unit, ng.p.Dict(**named), ng.p.Instrumentation(**named)):
        optimizer = ng.optimizers.TwoPointsDE(parametrization=space, budget=300, num_workers=20)
        g, E, _ = fit(optimizer, n_rounds=15)
        assert g == pytest.approx(30, rel=0.2) and E == pytest.approx(40, rel=0.2)
        assert optimizer.num_tell == 300
    wrong = ng.optimizers.TwoPointsDE(parametrization=ng.p.Array(shape=(3,)).set_bounds(0, 1), budget=100, num_workers=20)
    with pytest.raises(ConfigError, match="3 numbers for 2 parameters"):
        fit(wrong)
    with pytest.raises(ConfigError, match="the model has E"):
        fit(ng.optimizers.TwoPointsDE(parametrization=ng.p.Dict(g=named["g"]), budget=100, num_workers=20))


def test_names_that_only_nevergrad_has(ng):
    names = sorted(set(ng.optimizers.registry) - set(optimizer_methods()))
    parallel = [
        name for name in names if name in ("RLSOnePlusOne", "LhsDE", "MetaModel", "RotatedTwoPointsDE", "SADiscreteLenglerOnePlusOneExp09")
    ]
    assert parallel
    for name in parallel:
        g, _, fitter = fit(NevergradOptimizer(name), n_rounds=2)
        assert 1 <= g <= 100 and len(fitter.results()) == 40
    with pytest.raises(AssertionError, match="Unknown optimization method foo"):
        NevergradOptimizer("foo")


def test_sequential_methods_of_nevergrad(ng):
    name = next(n for n in ("ChainDEwithRfL", "SQP", "NelderMead") if n in ng.optimizers.registry)
    optimizer = ng.optimizers.registry[name]
    with pytest.warns(UserWarning, match="optimizer will use 1"):
        _, _, fitter = (
            fit(optimizer, n_rounds=3) if getattr(optimizer, "no_parallelization", False) else pytest.skip("none in this release")
        )
    assert len(fitter.results()) == 3


def test_recommendation_of_nevergrad(ng):
    optimizer = NevergradOptimizer(ng.optimizers.CMA, use_nevergrad_recommendation=True)
    optimizer.initialize(["x"], popsize=8, rounds=5, x=[-1, 1])
    for _ in range(5):
        points = optimizer.ask(8)
        optimizer.tell(points, [(p["x"] - 0.5) ** 2 for p in points])
    assert optimizer.recommend()["x"] == pytest.approx(0.5, abs=0.3) and len(optimizer.errors) == len(optimizer.tested_parameters) == 40


# --- scikit-optimize --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def skopt():
    return pytest.importorskip("skopt")


@pytest.mark.filterwarnings("ignore")
def test_objects_of_scikit_optimize(skopt):
    optimizer = skopt.Optimizer([(1e-9, 1e-7), (0.0, 0.08)], "ET", n_initial_points=16, random_state=1)
    g, E, _ = fit(optimizer, n_rounds=5, n_samples=8)
    assert g == pytest.approx(30, rel=0.7) and len(optimizer.Xi) == 40
    with pytest.raises(ConfigError, match="1 numbers for 2 parameters"):
        fit(skopt.Optimizer([(0.0, 1.0)], "ET", n_initial_points=2), n_rounds=1)


@pytest.mark.filterwarnings("ignore")
def test_regressors(skopt):
    ensemble = pytest.importorskip("sklearn.ensemble")
    optimizer = SkoptOptimizer(skopt.learning.ExtraTreesRegressor(n_estimators=10), n_initial_points=8, random_state=1)
    g, _, _ = fit(optimizer, n_rounds=3, n_samples=8)
    assert 1 <= g <= 100 and len(optimizer.errors) == 24 and ensemble is not None
