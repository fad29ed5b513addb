"""The example scripts run, and find the parameters that made their recordings."""

import runpy
from pathlib import Path

import numpy as np
import pytest

folder = Path(__file__).resolve().parents[1] / "examples"


@pytest.fixture
def run(monkeypatch):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    monkeypatch.syspath_prepend(str(folder))
    return lambda name: runpy.run_path(str(folder / f"{name}.py"), run_name="__main__")


def assert_close(params, truth, rel):
    for name, value in truth.items():
        assert float(params[name] / value) == pytest.approx(1, rel=rel), name


def test_every_example_is_tested():
    tested = {name.removeprefix("test_") for name in globals() if name.startswith("test_")}
    assert {path.stem for path in folder.glob("*.py")} - {"hodgkin_huxley"} <= tested


def test_hh_trace_fitter(run):
    pytest.importorskip("pandas")
    names = run("hh_trace_fitter")
    assert_close(names["params"], run("hodgkin_huxley")["truth"], 0.02)
    assert names["traces"].shape == names["voltages"].shape and len(names["table"]) == 4000


def test_hh_multirun_refine(run):
    names = run("hh_multirun_refine")
    truth = run("hodgkin_huxley")["truth"]
    for params, result in names["results"]:
        assert_close(params, truth, 0.03)
        assert result.success and result.derivatives == "exact"
        for name, value in truth.items():
            assert abs(params[name] - value) < 4 * result.standard_errors[name]
    assert names["results"][0][1].cost == pytest.approx(names["results"][1][1].cost, rel=1e-6)


def test_online_fitter(run):
    names = run("online_fitter")
    assert_close(names["params"], names["truth"], 1e-2)


def test_spike_fitter(run):
    names = run("spike_fitter")
    assert_close(names["params"], names["truth"], 0.03)
    assert [len(train) for train in names["fitted_spikes"]] == [len(train) for train in names["spikes"]]


def test_multi_objective(run):
    names = run("multi_objective")
    assert_close(names["params"], names["truth"], 1e-3)
    assert set(names["fitter"].best_objective_errors) == {"v", "w"}


def test_feature_metric(run):
    names = run("feature_metric")
    assert_close(names["params"], names["truth"], 0.1)
    assert names["error"] < 0.1


def test_inferencer_simple(run):
    names = run("inferencer_simple")
    samples = names["samples"]
    truth = np.array([float(names["truth"][name]) for name in names["inferencer"].param_names])
    assert np.all(np.abs(samples.mean(axis=0) - truth) < 3 * samples.std(axis=0))
    prior = names["inferencer"].prior
    assert np.all(samples[:, :2].std(axis=0) < 0.5 * prior.stddev[:2])  # the leak is hardly determined by these traces
    assert names["traces"].shape == (3, names["currents"].shape[1]) and names["axes"].shape == (3, 3)


def test_inferencer_flexible(run):
    names = run("inferencer_flexible")
    samples = names["samples"]
    np.testing.assert_allclose(samples.mean(axis=0), [200e-12, 10e-9], rtol=0.1)
    assert np.all(samples.std(axis=0) < 0.2 * names["prior"].stddev)
    assert names["correlation"].shape == (2, 2)


def test_opt_neuron_from_data(run):
    fit = run("opt_neuron_from_data")["fit"]
    assert (fit["a"], fit["b"]) == (pytest.approx(0.8, abs=1e-6), pytest.approx(2, abs=1e-6))
    assert fit["results"].data["sim"].kwargs[1]["a2"] == 10


def test_opt_neuron_from_model(run):
    fit = run("opt_neuron_from_model")["fit"]
    assert (fit["a"], fit["b"]) == (pytest.approx(6, abs=1e-6), pytest.approx(0, abs=1e-6))
