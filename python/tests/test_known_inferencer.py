"""The Inferencer as scripts for brian2modelfitting use it."""

from inspect import Parameter

import numpy as np
import pytest
from known import DimensionMismatchError, Quantity, arguments, ours, released, theirs, tool, units

if not ours:
    tool = pytest.importorskip("brian2modelfitting.inferencer", reason="release 0.4 has no Inferencer")

ms, mV, nS, amp, volt = units.ms, units.mV, units.nS, units.amp, units.volt
required = Parameter.empty
dt = 0.01 * ms
stimulus = np.tile([0.0, 10.0, 20.0, 15.0, -5.0], (10, 1)) * mV
recorded = 30 * nS * (stimulus - 40 * mV)
ohmic = "I = g*(v - E) : amp\ng : siemens (constant)\nE : volt (constant)\n"
leak = "I = g*(v - 40*mV) : amp\ng : siemens (constant)\n"
bounds = {"g": [1 * nS, 100 * nS]}
quick = {"max_num_epochs": 5}


def inferencer(**changes):
    return tool.Inferencer(
        **{"dt": dt, "model": leak, "input": {"v": stimulus}, "output": {"I": recorded}, "features": {"I": [lambda x: x.mean()]}, **changes}
    )


@released
def test_signatures():
    of = tool.Inferencer
    assert [(n, d) for n, d in arguments(of)] == [
        ("dt", required), ("model", required), ("input", required), ("output", required), ("features", None), ("method", None), ("threshold", None),
        ("reset", None), ("refractory", False), ("param_init", None),
    ]  # fmt: skip
    assert arguments(of.generate_training_data)[0] == ("n_samples", required) and arguments(of.generate_training_data)[1][0] == "prior"
    assert arguments(of.extract_summary_statistics) == [("theta", required), ("level", 0)]
    assert arguments(of.save_summary_statistics) == [("f", required), ("theta", None), ("x", None)]
    assert arguments(of.load_summary_statistics) == arguments(of.save_posterior) == arguments(of.load_posterior) == [("f", required)]
    assert [n for n, _ in arguments(of.init_inference)] == [
        "inference_method", "density_estimator_model", "prior", "sbi_device", "inference_kwargs"
    ]  # fmt: skip
    assert [n for n, _ in arguments(of.train)] == ["inference", "theta", "x", "args", "train_kwargs"]
    assert [n for n, _ in arguments(of.build_posterior)] == ["inference", "posterior_kwargs"]
    assert [n for n, _ in arguments(of.infer_step)] == [
        "proposal", "inference", "n_samples", "theta", "x", "train_kwargs", "posterior_kwargs", "args"
    ]  # fmt: skip
    infer = arguments(of.infer)
    assert [n for n, _ in infer] == [
        "n_samples", "theta", "x", "n_rounds", "inference_method", "density_estimator_model", "inference_kwargs", "train_kwargs",
        "posterior_kwargs", "restart", "sbi_device", "params",
    ]  # fmt: skip
    defaults = dict(infer)
    assert (defaults["n_rounds"], defaults["inference_method"], defaults["density_estimator_model"]) == (1, "SNPE", "maf")
    assert (defaults["restart"], defaults["sbi_device"]) == (False, "cpu")
    assert [n for n, _ in arguments(of.sample)] == ["shape", "posterior", "kwargs"]
    assert arguments(of.generate_traces) == [
        ("n_samples", 1),
        ("posterior", None),
        ("output_var", None),
        ("param_init", None),
        ("level", 0),
    ]
    pair = ["samples", "points", "limits", "subset", "labels", "ticks"]
    assert [n for n, _ in arguments(of.pairplot)][:6] == pair
    assert [n for n, _ in arguments(of.conditional_pairplot)][:7] == ["condition", "density", *pair[1:]]
    assert [n for n, _ in arguments(of.conditional_corrcoeff)][:4] == ["condition", "density", "limits", "subset"]


def test_attributes_before_an_inference():
    one = inferencer(features=None)
    for name in "dt n_traces input output output_var param_init method model x_o".split():
        assert hasattr(one, name), name
    for name in "params n_samples samples posterior theta x".split():
        assert getattr(one, name) is None, name
    assert list(one.param_names) == ["g"] and one.sbi_device == "cpu"
    assert "I_target" in one.model
    np.testing.assert_allclose(np.ravel(one.x_o), np.ravel(np.asarray(recorded)), rtol=1e-6)
    with pytest.raises(ValueError):
        one.n_neurons  # noqa: B018
    assert list(inferencer(model=ohmic).param_names) == ["E", "g"]


def test_features_of_the_recordings():
    one = inferencer(features={"I": [lambda x: np.max(np.asarray(x)), lambda x: np.mean(np.asarray(x))]})
    wanted = np.stack([np.asarray(recorded).max(axis=1), np.asarray(recorded).mean(axis=1)], axis=1)
    np.testing.assert_allclose(np.ravel(one.x_o), wanted.ravel(), rtol=1e-6)


def test_prior():
    one = inferencer(model=ohmic)
    prior = one.init_prior(g=[1 * nS, 100 * nS], E=[0 * mV, 80 * mV])
    np.testing.assert_allclose(np.asarray(prior.mean), [40e-3, 50.5e-9], rtol=1e-5)
    np.testing.assert_allclose(np.asarray(prior.stddev), [80e-3 / np.sqrt(12), 99e-9 / np.sqrt(12)], rtol=1e-5)
    assert np.shape(prior.sample((10,))) == (10, 2) and set(one.params) == {"g", "E"}
    one.init_prior(g=[100 * nS, 1 * nS], E=[0 * mV, 80 * mV])  # in either order
    with pytest.raises(TypeError, match="Bounds must be set for parameter"):
        one.init_prior(g=[1 * nS, 100 * nS])
    with pytest.raises(ValueError):
        one.init_prior(g=[1 * nS, 100 * nS], E=[0 * mV, 80 * mV], C=[0, 1])


def test_simulations():
    one = inferencer()
    prior = one.init_prior(**bounds)
    theta = one.generate_training_data(100, prior)
    assert np.shape(theta) == (100, 1) and one.n_samples == 100 and one.n_neurons == 1000
    x = one.extract_summary_statistics(theta)
    assert np.shape(x) == (100, 10)
    np.testing.assert_allclose(x, np.asarray(theta) * (np.asarray(stimulus).mean(axis=1) - 40e-3), rtol=1e-4)


def test_files_of_simulations(tmp_path):
    one = inferencer()
    with pytest.raises(AttributeError):
        one.save_summary_statistics(tmp_path / "none.npz")
    theta, x = np.random.default_rng(0).uniform(1e-9, 1e-7, (20, 1)), np.random.default_rng(1).normal(size=(20, 10))
    with pytest.raises(TypeError):
        one.save_summary_statistics(3, theta=theta, x=x)
    one.save_summary_statistics(str(tmp_path / "some"), theta=theta, x=x)
    loaded = one.load_summary_statistics(tmp_path / "some.npz")
    np.testing.assert_allclose(loaded[0], theta, rtol=1e-6)
    np.testing.assert_allclose(loaded[1], x, rtol=1e-6)
    assert one.theta is not None and one.x is not None


def test_wrong_methods():
    one = inferencer()
    prior = one.init_prior(**bounds)
    with pytest.raises(NameError):
        one.init_inference(inference_method="test", density_estimator_model="mdn", prior=prior)
    one.init_inference(inference_method="SNPE", density_estimator_model="mdn", prior=prior, sbi_device="unknown")
    assert one.sbi_device == "cpu"
    with pytest.raises(ValueError):
        one.infer(n_samples=10, n_rounds=1.5, **bounds)
    with pytest.raises(ValueError):
        one.infer(n_samples=10, inference_method="ABC", **bounds)
    with pytest.raises(ValueError):
        one.infer(**bounds)


def test_one_step():
    one = inferencer()
    prior = one.init_prior(**bounds)
    inference = one.init_inference("SNPE", "mdn", prior)
    with pytest.raises(ValueError):
        one.infer_step(prior, inference)
    with pytest.raises(ValueError):
        one.infer_step(prior, inference, theta=None, x=np.zeros((3, 10)))
    posterior = one.infer_step(prior, inference, n_samples=50, train_kwargs=quick)
    assert one.posterior is posterior and np.shape(one.x) == (50, 10) and np.shape(one.theta) == (50, 1)
    assert np.shape(one.sample((20,))) == (20, 1)


@pytest.mark.parametrize(("method", "model"), [("SNPE", "maf"), ("snle", "mdn"), ("SNRE", "mlp")])
def test_methods(method, model):
    one = inferencer()
    posterior = one.infer(n_samples=50, inference_method=method, density_estimator_model=model, train_kwargs=quick, **bounds)
    assert one.posterior is posterior
    samples = one.sample((10,))
    assert np.shape(samples) == (10, 1) and np.all((samples >= 1e-9) & (samples <= 100e-9))


def test_continuing_and_beginning_anew():
    one = inferencer()
    first = one.infer(n_samples=50, density_estimator_model="mdn", train_kwargs=quick, **bounds)
    one.infer(train_kwargs=quick)
    assert one.posterior is not None
    second = one.infer(n_samples=20, n_rounds=2, density_estimator_model="mdn", train_kwargs=quick, restart=True, **bounds)
    assert second is not first and one.posterior is second


def test_simulations_that_exist():
    one = inferencer()
    one.init_prior(**bounds)
    theta = one.generate_training_data(50, one.init_prior(**bounds))
    x = one.extract_summary_statistics(theta)
    posterior = inferencer().infer(theta=theta, x=x, density_estimator_model="mdn", train_kwargs=quick, **bounds)
    assert posterior is not None


def test_samples_and_traces():
    one = inferencer()
    with pytest.raises(ValueError):
        one.sample((10,))
    with pytest.raises(Exception):  # noqa: B017
        one.generate_traces()
    one.infer(n_samples=50, density_estimator_model="mdn", train_kwargs=quick, **bounds)
    assert np.shape(one.sample((10,))) == (10, 1) and np.shape(one.samples) == (10, 1)
    traces = one.generate_traces()
    assert np.shape(traces) == (10, 5) and isinstance(traces, Quantity)
    assert np.shape(one.generate_traces(n_samples=10, output_var="I")) == (10, 5)
    with pytest.raises(ValueError):
        one.generate_traces(n_samples=1.5)


@theirs
def test_traces_of_several_outputs():
    one = inferencer()
    one.infer(n_samples=50, density_estimator_model="mdn", train_kwargs=quick, **bounds)
    assert set(one.generate_traces(output_var=["I", "g"])) == {"I", "g"}


@theirs
def test_posterior_files(tmp_path):
    one = inferencer()
    with pytest.raises(ValueError):
        one.save_posterior(tmp_path / "posterior")
    posterior = one.infer(n_samples=50, density_estimator_model="mdn", train_kwargs=quick, **bounds)
    one.save_posterior(tmp_path / "posterior")
    other = inferencer()
    loaded = other.load_posterior(tmp_path / "posterior")
    assert loaded == posterior and other.posterior is loaded and posterior == posterior.set_default_x(posterior.default_x)
    assert loaded != one.infer(n_samples=60, density_estimator_model="mdn", train_kwargs=quick, restart=True, **bounds)


def test_plots():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    one = inferencer(model=ohmic)
    with pytest.raises(ValueError):
        one.pairplot()
    one.infer(n_samples=100, density_estimator_model="mdn", train_kwargs=quick, **bounds, E=[0 * mV, 80 * mV])
    with pytest.raises(ValueError):
        one.pairplot()
    samples = one.sample((200,))
    by_name = {"limits": {"g": [1 * nS, 100 * nS], "E": [0 * mV, 80 * mV]}, "ticks": {"g": [1 * nS, 100 * nS], "E": [0 * mV, 80 * mV]}}
    points, labels = {"g": 30 * nS, "E": 40 * mV}, {"g": "conductance", "E": "reversal"}
    if not ours:  # of several numbers it takes plain ones
        by_name = {k: {n: [float(x) for x in pair] for n, pair in v.items()} for k, v in by_name.items()}
    figure, axes = one.pairplot(
        samples, points=points, labels=labels, **by_name, points_offdiag={"markersize": 9}, points_colors=["r"], figsize=(4, 4)
    )
    assert np.shape(axes)[0] == 2
    one.pairplot(subset=["g", "E"])
    condition = one.sample((1,))
    one.conditional_pairplot(condition=condition, points=points, labels=labels, **by_name, figsize=(5, 5), points_colors=["b"])
    one.conditional_pairplot(condition=condition, limits=by_name["limits"])
    correlation = one.conditional_corrcoeff(condition=condition)
    assert np.shape(correlation) == (2, 2) and float(correlation[0, 0]) == pytest.approx(1)
    with pytest.raises(AttributeError):
        one.pairplot(limits={"g": [0, 1], "Exx": [0, 1]})
    with pytest.raises(KeyError):
        one.pairplot(limits={"g": [0, 1]})
    with pytest.raises(ValueError):
        one.pairplot(ticks={"g": [0, 1, 2], "E": [0, 1]})


@theirs
def test_spikes_and_units():
    with pytest.raises(DimensionMismatchError):
        inferencer().init_prior(g=[1 * mV, 100 * mV])
    model = "dv/dt = (I - v)/(10*ms) : volt\nd : volt (constant)\n"
    trains = [np.array([0.01]), np.array([0.01, 0.02])]
    one = tool.Inferencer(
        dt=0.1 * ms, model=model, input={"I": np.full((2, 300), 20.0) * mV}, output={"spikes": trains}, features={"spikes": [len]},
        threshold="v > 10*mV + d", reset="v = 0*mV",
    )  # fmt: skip
    np.testing.assert_allclose(one.x_o, [1, 2])
    one.infer(n_samples=30, density_estimator_model="mdn", train_kwargs=quick, d=[0 * mV, 5 * mV])
    assert len(one.generate_traces()) == 2


def test_constants_of_the_caller():
    reversal = 40 * mV
    one = inferencer(model="I = g*(v - reversal) : amp\ng : siemens (constant)\n")
    posterior = one.infer(n_samples=20, density_estimator_model="mdn", train_kwargs=quick, **bounds)
    assert posterior is not None and float(reversal / mV) == 40
