import pickle
from copy import deepcopy

import numpy as np
import pytest

from spikesmith import ConfigError, NevergradOptimizer, Optimizer, SkoptOptimizer, SpikesmithOptimizer, calc_bounds, optimizer_methods


def test_unknown_methods():
    for make in (NevergradOptimizer, SkoptOptimizer):
        with pytest.raises(AssertionError, match="foo"):
            make("foo")
    with pytest.raises(ConfigError, match="CMAA"):
        SpikesmithOptimizer("CMAA")
    with pytest.raises(ConfigError, match="popolation"):
        SpikesmithOptimizer("CMA", popolation=3)


def test_calc_bounds():
    assert calc_bounds(["b", "a"], a=[0, 1], b=[2, 3]) == [[2, 3], [0, 1]]
    with pytest.raises(TypeError, match="parameter b"):
        calc_bounds(["a", "b"], a=[0, 1])


@pytest.mark.parametrize("make", [lambda: NevergradOptimizer("DE"), lambda: SkoptOptimizer("GP"), lambda: SpikesmithOptimizer("CMA")])
def test_initialize(make):
    optimizer = make()
    assert optimizer.initialize(["x", "y"], popsize=10, rounds=2, x=[0, 1], y=[2, 3]) == 10
    with pytest.raises(AssertionError):
        optimizer.initialize(["x"], popsize=10, rounds=1, x=[1])
    with pytest.raises(AssertionError):
        optimizer.initialize(["x"], popsize=10, rounds=1, x=[[1, 2]])
    with pytest.raises(TypeError):
        optimizer.initialize(["x", "y"], popsize=10, rounds=1, x=[0, 1])
    with pytest.raises(ValueError, match="z must be"):
        optimizer.initialize(["x"], popsize=10, rounds=1, x=[0, 1], z=[0, 1])
    with pytest.raises(ValueError, match="below"):
        optimizer.initialize(["x"], popsize=10, rounds=1, x=[1, 0])


@pytest.mark.parametrize("method", ["DE", "CMA", "PSO", "NGOpt", "TPE", "RandomSearch"])
def test_ask_and_tell(method):
    optimizer = SpikesmithOptimizer(method, seed=3)
    optimizer.initialize(["x", "y"], popsize=20, rounds=30, x=[-1, 1], y=[5, 9])
    for _ in range(30):
        points = optimizer.ask(20)
        assert len(points) == 20
        for point in points:
            assert set(point) == {"x", "y"} and -1 <= point["x"] <= 1 and 5 <= point["y"] <= 9
        optimizer.tell(points, [(p["x"] - 0.3) ** 2 + (p["y"] - 6) ** 2 for p in points])
    assert len(optimizer.errors) == len(optimizer.tested_parameters) == 600
    best = optimizer.recommend()
    assert (best["x"] - 0.3) ** 2 + (best["y"] - 6) ** 2 == min(optimizer.errors) < 0.01


def test_failed_errors_are_never_the_best():
    optimizer = NevergradOptimizer("DE")
    optimizer.initialize(["x"], popsize=30, rounds=2, x=[0, 1])
    points = optimizer.ask(30)
    optimizer.tell(points, [float("nan")] * 15 + [float("inf")] * 14 + [3.0])
    assert optimizer.recommend() == points[-1]
    optimizer.ask(30)


def test_points_from_elsewhere():
    optimizer = SpikesmithOptimizer("CMA")
    optimizer.initialize(["x"], popsize=5, rounds=3, x=[0, 1])
    optimizer.tell([{"x": 0.25}], [0.0])
    assert optimizer.recommend() == {"x": 0.25}


def test_same_seed_same_points():
    runs = []
    for seed in (1, 1, 2):
        optimizer = SpikesmithOptimizer("DE", seed=seed)
        optimizer.initialize(["x"], popsize=30, rounds=2, x=[0, 1])
        runs.append(optimizer.ask(30))
    assert runs[0] == runs[1] != runs[2]


def test_list_of_methods():
    assert {"DE", "CMA", "PSO", "GP", "TPE", "NGOpt", "TwoPointsDE", "OnePlusOne", "SQP"} <= set(optimizer_methods())


def test_skopt_arguments():
    optimizer = SkoptOptimizer("et", n_initial_points=5, acq_func="EI", random_state=4)
    optimizer.initialize(["x"], popsize=5, rounds=4, x=[-1, 1])
    for _ in range(4):
        points = optimizer.ask(5)
        optimizer.tell(points, [x**2 for (x,) in points])
    assert min(optimizer.errors) < 0.05


def test_optimizer_is_abstract():
    with pytest.raises(TypeError):
        Optimizer()


def test_numbers():
    assert np.isfinite(SpikesmithOptimizer("DE").seed)


@pytest.mark.parametrize("make", [lambda: SpikesmithOptimizer("CMA", seed=3), lambda: NevergradOptimizer("DE"), SkoptOptimizer])
def test_copies_and_pickles(make):
    optimizer = make()
    assert pickle.loads(pickle.dumps(optimizer)).method == optimizer.method
    optimizer.initialize(["x"], popsize=6, rounds=4, x=[-1, 1])
    points = optimizer.ask(6)
    optimizer.tell(points, list(range(6)))
    for other in (deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))):
        assert other.errors == optimizer.errors and other.recommend() == optimizer.recommend()
        again = deepcopy(optimizer)
        assert other.ask(6) == again.ask(6)
