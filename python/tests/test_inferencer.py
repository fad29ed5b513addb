"""What users of the established tool rely on in the Inferencer."""

import functools

import numpy as np
import pytest

from spikesmith import ConfigError, DataError, Inferencer, Posterior, Prior, UnitError, vectorized
from spikesmith.units import Mohm, Quantity, mV, ms, nA, nS, second, volt

E = 40 * mV
dt = 0.1 * ms
# 10 traces of 5 samples
voltage = np.tile(np.array([0.0, -0.03, -0.06, -0.045, -0.08]), (10, 1)) * (np.arange(10).reshape(-1, 1) + 1) / 5 * volt
current = np.asarray(30 * nS * (voltage - E)) * 1e9 * nA
algebraic = "I = g*(v - E) : amp\ng : siemens (constant)"
quick = {"max_num_epochs": 150, "learning_rate": 5e-3, "training_batch_size": 50}
small = {"density_estimator_model": "mdn", "inference_kwargs": {"hidden_features": 16, "num_components": 2}, "train_kwargs": quick}


def make(**changes):
    options = {"dt": dt, "model": algebraic, "input": {"v": voltage}, "output": {"I": current}} | changes
    return Inferencer(**options)


def mean(trace):
    return np.mean(trace)


# --- construction -----------------------------------------------------------------------------------------------------------


def test_attributes():
    inferencer = make()
    assert inferencer.param_names == ["g"] and inferencer.n_traces == 10 and inferencer.sbi_device == "cpu"
    for name in ("params", "n_samples", "samples", "posterior", "theta", "x"):
        assert getattr(inferencer, name) is None
    np.testing.assert_allclose(inferencer.x_o, np.asarray(current).reshape(-1))
    with pytest.raises(ValueError):
        inferencer.n_neurons  # noqa: B018
    inferencer = make(features={"I": [mean, np.max]})
    expected = np.stack([np.asarray(current).mean(axis=1), np.asarray(current).max(axis=1)], axis=1)
    np.testing.assert_allclose(inferencer.x_o, expected.reshape(-1))
    assert inferencer.feature_labels[:2] == ["I[0].mean", "I[0].max"]


def test_constants_of_the_script():
    inferencer = make(model="I = g*(v - reversal) : amp\ng : siemens (constant)", features={"I": [mean]})
    reversal = 40 * mV  # only now, and used by its name
    assert float(reversal) == 0.04
    inferencer.init_prior(g=[1 * nS, 100 * nS])
    x = inferencer.extract_summary_statistics([[30e-9]])
    np.testing.assert_allclose(x[0], inferencer.x_o)
    inferencer = make(model="I = g*(v - reversal) : amp\ng : siemens (constant)", features={"I": [mean]}, namespace={"reversal": 10 * mV})
    inferencer.init_prior(g=[1 * nS, 100 * nS])
    assert inferencer.extract_summary_statistics([[30e-9]])[0, 0] == pytest.approx(30e-9 * (np.asarray(voltage)[0].mean() - 0.01))


def test_several_outputs_and_sorted_parameters():
    model = "I = g*(v - V0) : amp\nw = 2*v + V0 : volt\ng : siemens (constant)\nV0 : volt (constant)"
    inferencer = make(model=model, output={"I": current, "w": voltage}, features={"w": [np.min], "I": [mean]})
    assert inferencer.param_names == ["V0", "g"]
    np.testing.assert_allclose(inferencer.x_o, np.r_[np.asarray(current).mean(axis=1), np.asarray(voltage).min(axis=1)])


def test_wrong_arguments():
    with pytest.raises(TypeError):
        make(input=voltage)
    with pytest.raises(TypeError):
        make(output=[current])
    with pytest.raises(NameError):
        make(input={"Exx": voltage})
    with pytest.raises(NameError):
        make(output={"Exx": current})
    with pytest.raises(TypeError, match="dictionary"):
        make(features=[mean])
    with pytest.raises(KeyError, match="J"):
        make(features={"J": [mean]})
    with pytest.raises(TypeError, match="neither"):
        make(features={"I": [3]})
    with pytest.raises(ValueError, match="5 numbers"):
        make(features={"I": [lambda trace: trace]})
    with pytest.raises(ZeroDivisionError):
        make(features={"I": [lambda trace: 1 / 0]})


# --- steps ------------------------------------------------------------------------------------------------------------------


def test_prior():
    prior = make().init_prior(g=[1 * nS, 100 * nS])
    assert isinstance(prior, Prior)
    np.testing.assert_allclose([prior.mean[0], prior.stddev[0]], [50.5e-9, 99e-9 / np.sqrt(12)])
    samples = prior.sample((10,))
    assert samples.shape == (10, 1) and np.all((samples >= 1e-9) & (samples <= 100e-9)) and not np.array_equal(samples, prior.sample((10,)))
    np.testing.assert_allclose(prior.log_prob([[50e-9], [200e-9]]), [-np.log(99e-9), -np.inf])
    with pytest.raises(TypeError, match="Bounds must be set for parameter g"):
        make().init_prior()
    with pytest.raises(ValueError, match="Exx"):
        make().init_prior(g=[1 * nS, 100 * nS], Exx=[0, 1])
    with pytest.raises(UnitError):
        make().init_prior(g=[1 * mV, 100 * mV])
    with pytest.raises(ValueError, match="two values"):
        make().init_prior(g=[1 * nS])


@pytest.mark.parametrize(
    "given", [("log_uniform", 1 * nS, 100 * nS), ("normal", 30 * nS, 3 * nS), ("truncated_normal", 30 * nS, 20 * nS, 0 * nS, 50 * nS), ("log_normal", 30 * nS, 0.3)]
)
def test_other_priors(given):
    prior = make().init_prior(g=given)
    samples = prior.sample((20000,), seed=1)[:, 0]
    assert samples.mean() == pytest.approx(prior.mean[0], rel=0.03) and samples.std() == pytest.approx(prior.stddev[0], rel=0.04)


def test_training_data():
    inferencer = make(features={"I": [mean]})
    prior = inferencer.init_prior(g=[1 * nS, 100 * nS])
    theta = inferencer.generate_training_data(100, prior)
    assert theta.shape == (100, 1) and inferencer.n_neurons == 1000
    x = inferencer.extract_summary_statistics(theta)
    assert x.shape == (100, 10)
    np.testing.assert_allclose(x, theta * (np.asarray(voltage).mean(axis=1) - 0.04), rtol=1e-12)
    with pytest.raises(ConfigError, match="init_prior"):
        make().generate_training_data(10)


def test_raw_traces():
    inferencer = make()
    inferencer.init_prior(g=[1 * nS, 100 * nS])
    assert inferencer.extract_summary_statistics(np.full((3, 1), 30e-9)).shape == (3, 50)


def test_vectorized_features():
    shapes = []

    @vectorized
    def largest(traces):
        shapes.append(np.shape(traces))
        return np.where(traces[:, 0] < -2e-9, np.nan, traces.max(axis=1))

    def slow(trace):
        return np.nan if trace[0] < -2e-9 else trace.max()

    assert largest.__name__ == "largest" and vectorized(functools.partial(np.max, axis=1)).__name__ == "partial"
    quick, plain = make(features={"I": [mean, largest]}), make(features={"I": [mean, slow]})
    theta = np.linspace(1e-9, 100e-9, 150)[:, None]
    for inferencer in (quick, plain):
        inferencer.init_prior(g=[1 * nS, 100 * nS])
    np.testing.assert_array_equal(quick.extract_summary_statistics(theta), plain.extract_summary_statistics(theta))
    assert all(len(shape) == 2 for shape in shapes) and max(shape[0] for shape in shapes) > 1
    wrong = make(features={"I": [vectorized(np.sum)]})
    wrong.init_prior(g=[1 * nS, 100 * nS])
    with pytest.raises(ValueError, match="`sum` gave 1 numbers for"):
        wrong.extract_summary_statistics(theta)


def test_missing_features_are_nan():
    inferencer = make(features={"I": [lambda trace: np.nan if trace[0] < -2e-9 else trace[0]]})
    inferencer.init_prior(g=[1 * nS, 100 * nS])
    x = inferencer.extract_summary_statistics(np.array([[30e-9], [90e-9]]))
    assert np.isfinite(x[0]).all() and np.isnan(x[1]).all()


def test_summary_statistics_file(tmp_path):
    inferencer = make(features={"I": [mean]})
    with pytest.raises(AttributeError):
        inferencer.save_summary_statistics(tmp_path / "none")
    prior = inferencer.init_prior(g=[1 * nS, 100 * nS])
    theta = inferencer.generate_training_data(10, prior)
    x = inferencer.extract_summary_statistics(theta)
    with pytest.raises(TypeError):
        inferencer.save_summary_statistics(3)
    inferencer.save_summary_statistics(tmp_path / "simulations")
    other = make(features={"I": [mean]})
    loaded = other.load_summary_statistics(tmp_path / "simulations.npz")
    np.testing.assert_array_equal(loaded[0], theta)
    np.testing.assert_array_equal(other.x, x)
    np.savez(tmp_path / "wrong.npz", theta=theta)
    with pytest.raises(DataError, match="x"):
        other.load_summary_statistics(tmp_path / "wrong.npz")


def test_inference_names():
    inferencer = make(features={"I": [mean]})
    prior = inferencer.init_prior(g=[1 * nS, 100 * nS])
    with pytest.raises(NameError, match="SNPE, SNLE or SNRE"):
        inferencer.init_inference("test", "mdn", prior)
    inferencer.init_inference("snpe", "mdn", prior, sbi_device="something")
    assert inferencer.sbi_device == "cpu"
    with pytest.warns(UserWarning, match="processor"):
        inferencer.init_inference("SNRE", "resnet", prior, sbi_device="gpu")
    with pytest.raises(ValueError, match="hidden_featurs"):
        inferencer.init_inference("SNPE", "mdn", prior, hidden_featurs=3)
    with pytest.raises(ValueError, match="mfa"):
        inferencer.init_inference("SNPE", "mfa", prior)


def test_step_by_step():
    inferencer = make(features={"I": [mean]})
    prior = inferencer.init_prior(g=[1 * nS, 100 * nS])
    inference = inferencer.init_inference("SNPE", "mdn", prior, hidden_features=16, num_components=2)
    with pytest.raises(ValueError, match="n_samples"):
        inferencer.infer_step(prior, inference)
    posterior = inferencer.infer_step(prior, inference, n_samples=400, train_kwargs=quick)
    assert isinstance(posterior, Posterior) and inferencer.theta.shape == (400, 1) and inferencer.x.shape == (400, 10)
    assert inferencer.sample((500,)).mean() == pytest.approx(30e-9, rel=0.15)
    # the same by hand
    other = make(features={"I": [mean]})
    prior = other.init_prior(g=[1 * nS, 100 * nS])
    inference = other.init_inference("SNPE", "mdn", prior, hidden_features=16, num_components=2)
    theta = other.generate_training_data(400, prior)
    inference = other.train(inference, theta, other.extract_summary_statistics(theta), **quick)
    _, again = other.build_posterior(inference)
    np.testing.assert_array_equal(again.sample((5,), seed=1), posterior.sample((5,), seed=1))


# --- infer ------------------------------------------------------------------------------------------------------------------


def test_infer():
    inferencer = make(features={"I": [mean]})
    for wrong in ({"n_rounds": 0}, {"n_rounds": 1.5}, {"inference_method": "test"}, {}):
        with pytest.raises(ValueError):
            inferencer.infer(**{"n_samples": None, **small, **wrong}, g=[1 * nS, 100 * nS])
    posterior = inferencer.infer(n_samples=300, **small, g=[1 * nS, 100 * nS])
    assert inferencer.posterior is posterior
    samples = inferencer.sample((1000,))
    assert samples.shape == (1000, 1) and inferencer.samples is samples
    assert samples.mean() == pytest.approx(30e-9, rel=0.1)
    assert isinstance(posterior.map()["g"], Quantity) and float(inferencer.map()["g"] / nS) == pytest.approx(30, rel=0.1)
    assert inferencer.log_prob([[30e-9]])[0] > inferencer.log_prob([[60e-9]])[0]
    # a second call adds a round; restart begins anew
    more = inferencer.infer(train_kwargs=quick)
    assert more is not posterior and len(inferencer.reports) == 2
    again = inferencer.infer(n_samples=200, n_rounds=2, restart=True, **small, g=[1 * nS, 100 * nS])
    assert again is inferencer.posterior and again is not more and len(inferencer.reports) == 2


def test_infer_with_given_simulations(tmp_path):
    inferencer = make(features={"I": [mean]})
    prior = inferencer.init_prior(g=[1 * nS, 100 * nS])
    theta = prior.sample((300,), seed=3)
    x = inferencer.extract_summary_statistics(theta)
    inferencer.infer(theta=theta, x=x, **small, g=[1 * nS, 100 * nS])
    assert inferencer.sample((500,)).mean() == pytest.approx(30e-9, rel=0.1)


@pytest.mark.parametrize(("method", "model"), [("SNLE", "mdn"), ("SNRE", "resnet"), ("SNRE", "maf")])
def test_other_methods(method, model):
    inferencer = make(features={"I": [mean]}, input={"v": voltage[4:6]}, output={"I": current[4:6]})
    inferencer.infer(n_samples=400, inference_method=method, density_estimator_model=model, inference_kwargs={"hidden_features": 16},
                     train_kwargs=quick, posterior_kwargs={"num_chains": 20, "warmup_steps": 20}, g=[1 * nS, 100 * nS])  # fmt: skip
    assert inferencer.sample((200,)).mean() == pytest.approx(30e-9, rel=0.3)


def test_automatic_choice():
    inferencer = make(features={"I": [mean]}, output={"I": current[:2]}, input={"v": voltage[:2]})
    brief = {"inference_kwargs": {"hidden_features": 12, "num_transforms": 2}, "train_kwargs": quick | {"max_num_epochs": 30}}
    assert inferencer.choice is None
    inferencer.infer(n_samples=150, n_rounds=2, inference_method="AUTO", assess=False, **brief, g=[1 * nS, 100 * nS])
    choice = inferencer.choice
    assert choice["method"] in ("SNPE", "SNLE") and set(choice["scores"]) == {"SNPE", "SNLE"}
    assert choice["reason"].startswith("chosen: " + choice["method"])
    assert inferencer.posterior.log_prob([[30e-9]])[0] > inferencer.posterior.log_prob([[60e-9]])[0]
    assert [len(report["networks"]) for report in inferencer.reports] == [3, 3]
    inferencer.infer(assess=False)  # one more round
    assert len(inferencer.reports) == 3 and inferencer.choice is not None
    # step by step
    inference = inferencer.init_inference("auto", hidden_features=12, num_transforms=2)
    assert repr(inference) == "AUTO"
    inferencer.init_prior(g=[1 * nS, 100 * nS])
    inference = inferencer.init_inference("AUTO", hidden_features=12, num_transforms=2)
    posterior = inferencer.infer_step(None, inference, 100, train_kwargs={"max_num_epochs": 3})
    assert inferencer.choice["method"] in inferencer.choice["reason"] and posterior.sample((5,)).shape == (5, 1)
    with pytest.raises(ConfigError, match="chooses its networks"):
        inferencer.init_inference("AUTO", "nsf")
    assert make().choice is None


def test_same_seed_same_numbers():
    draws = []
    for seed in (1, 1, 2):
        inferencer = make(features={"I": [mean]}, seed=seed)
        inferencer.infer(n_samples=100, **small, g=[1 * nS, 100 * nS])
        draws.append(inferencer.sample((20,)))
    np.testing.assert_array_equal(draws[0], draws[1])
    assert not np.array_equal(draws[0], draws[2])


def test_posterior_file(tmp_path):
    inferencer = make(features={"I": [mean]})
    with pytest.raises(ValueError, match="posterior"):
        inferencer.save_posterior(tmp_path / "posterior.spk")
    with pytest.raises(ValueError, match="posterior"):
        inferencer.sample((3,))
    posterior = inferencer.infer(n_samples=100, **small, g=[1 * nS, 100 * nS])
    inferencer.save_posterior(tmp_path / "posterior.spk")
    loaded = make(features={"I": [mean]}).load_posterior(tmp_path / "posterior.spk")
    np.testing.assert_array_equal(loaded.sample((10,), seed=1), posterior.sample((10,), seed=1))
    np.testing.assert_array_equal(Posterior.load(tmp_path / "posterior.spk").default_x[0], inferencer.x_o)
    with pytest.raises(DataError):
        make(features={"I": [mean, np.max]}).load_posterior(tmp_path / "posterior.spk")


def test_vectorized_features_of_spikes():
    def count(trains):
        assert isinstance(trains, list)
        return [len(times) for times in trains]

    spiking = "dv/dt = (R*I - v)/(10*ms) : volt\nR : ohm (constant)"
    stimulus = np.array([[1.0] * 1000, [2.0] * 1000]) * nA
    options = {"model": spiking, "input": {"I": stimulus}, "output": {"spikes": [np.array([0.02]), np.array([])]}, "threshold": "v > 15*mV"}
    x = []
    for feature in (vectorized(count), len):
        inferencer = make(**options, reset="v = 0*mV", param_init={"v": 0 * mV}, features={"spikes": [feature]})
        inferencer.init_prior(R=[1 * Mohm, 60 * Mohm])
        x.append(inferencer.extract_summary_statistics(np.linspace(1e6, 60e6, 40)[:, None]))
    np.testing.assert_array_equal(x[0], x[1])
    assert x[0].max() > 5 and x[0].min() == 0


def test_spikes_and_features_by_name():
    model = "dv/dt = (-70*mV - v + R*I)/(10*ms) : volt\nR : ohm (constant)"
    steps = np.zeros((2, 2000))
    steps[:, 500:1500] = [[0.3], [0.5]]
    neuron = {"dt": dt, "model": model, "input": {"I": steps * nA}, "threshold": "v > -50*mV", "reset": "v = -65*mV", "param_init": {"v": -70 * mV}}
    trains = [np.array([0.1, 0.12, 0.13]), np.array([0.08])]
    inferencer = Inferencer(
        output={"v": np.full((2, 2000), -0.07) * volt, "spikes": [train * second for train in trains]},
        features={"v": ["voltage_base", np.max], "spikes": [len, lambda times: times[0] if len(times) else np.nan]},
        stim_times=(50 * ms, 150 * ms),
        **neuron,
    )
    np.testing.assert_allclose(inferencer.x_o, [-70, -0.07, -70, -0.07, 3, 0.1, 1, 0.08])
    inferencer.init_prior(R=[10 * Mohm, 100 * Mohm])
    x = inferencer.extract_summary_statistics([[20e6], [90e6]])
    np.testing.assert_allclose(x[:, 0], -70)
    assert x[0, 4] == 0 and np.isnan(x[0, 5]) and x[1, 4] > 1 and x[1, 5] > 0.05


# --- using it ---------------------------------------------------------------------------------------------------------------

two = "I = g*(v - V0) : amp\ng : siemens (constant)\nV0 : volt (constant)"


@pytest.fixture(scope="module")
def inferred():
    inferencer = make(model=two, features={"I": [mean]})
    inferencer.infer(n_samples=300, **small, g=[1 * nS, 100 * nS], V0=[0 * mV, 80 * mV])
    return inferencer


def test_generate_traces(inferred):
    traces = inferred.generate_traces(100)
    assert traces.shape == (10, 5) and isinstance(traces, Quantity)
    both = inferred.generate_traces(n_samples=10, output_var=["I", "v"])
    assert set(both) == {"I", "v"} and both["v"].shape == (10, 5)
    with pytest.raises(ValueError):
        inferred.generate_traces(n_samples=1.5)
    found = inferred.predictive_traces(50)
    assert found["theta"].shape == (50, 2) and found["I"]["mean"].shape == (10, 5) and found["I"]["traces"][0].shape == (50, 5)
    assert np.all(np.asarray(found["I"]["low"]) <= np.asarray(found["I"]["high"]))
    assert "predict" in inferred.check_predictions(50) or inferred.check_predictions(50)


def test_pairplot(inferred):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    inferred.sample((200,))
    figure, axes = inferred.pairplot(points={"g": 30 * nS, "V0": 40 * mV}, limits={"g": [1 * nS, 60 * nS], "V0": [0 * mV, 80 * mV]},
                                     labels={"g": "conductance", "V0": "reversal"}, ticks={"g": [10 * nS, 50 * nS], "V0": [0, 0.08]})  # fmt: skip
    assert axes.shape == (2, 2) and axes[1, 1].get_xlabel() == "conductance"
    np.testing.assert_allclose(axes[1, 1].get_xlim(), [1, 60])
    _, axes = inferred.pairplot(subset=["g"])
    assert axes.shape == (1, 1)
    with pytest.raises(AttributeError, match="tau"):
        inferred.pairplot(points={"tau": 3})
    with pytest.raises(KeyError, match="V0"):
        inferred.pairplot(limits={"g": [1 * nS, 60 * nS]})
    with pytest.raises(ValueError):
        inferred.pairplot(ticks={"g": [1 * nS], "V0": [0 * mV]})
    with pytest.raises(ValueError):
        make().pairplot()


def test_conditional(inferred):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    condition = inferred.sample((1,))
    _, axes = inferred.conditional_pairplot(condition, limits={"g": [1 * nS, 60 * nS], "V0": [0 * mV, 80 * mV]})
    assert axes.shape == (2, 2)
    with pytest.raises(ValueError):
        inferred.conditional_pairplot(condition[:, :1])


def test_conditional_correlation_of_a_normal_density():
    from spikesmith._pairplots import conditional_corrcoeff

    covariance = np.array([[1.0, 0.6, 0.2], [0.6, 2.0, -0.3], [0.2, -0.3, 0.5]])
    precision = np.linalg.inv(covariance)
    found = conditional_corrcoeff(lambda x: -0.5 * np.sum(x @ precision * x, axis=1), np.zeros(3), np.full(3, -8.0), np.full(3, 8.0), [0, 1, 2], 200)
    # the others fixed: partial correlations
    d = 1 / np.sqrt(np.diag(precision))
    np.testing.assert_allclose(found, 2 * np.eye(3) - precision * np.outer(d, d), atol=1e-4)


def test_conditional_corrcoeff(inferred):
    matrix = inferred.conditional_corrcoeff(inferred.sample((1,)))
    assert matrix.shape == (2, 2) and matrix[0, 0] == 1 and -1 <= matrix[0, 1] <= 1 and matrix[0, 1] == matrix[1, 0]


def test_plot_predictive(inferred):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    axes = inferred.plot_predictive(n_samples=20, traces=[0, 3])
    assert len(axes) == 2 and axes[1].get_xlabel() == "time (ms)"


def test_assessment(inferred):
    made = inferred.assessment  # by infer
    assert made is not None and "pairs" in made.summary and "observation" in str(made)
    predictions_only = inferred.assess(pairs=0, predictions=50)
    assert "pairs" not in predictions_only.summary and not predictions_only.trustworthy
    assert inferred.assessment == predictions_only
    inferred.assess()


def test_own_network(tmp_path):
    inferencer = make(features={"I": [mean]})
    prior = inferencer.init_prior(g=[1 * nS, 100 * nS])
    with pytest.raises(TypeError, match="TorchScript"):
        inferencer.init_inference("SNPE", "mdn", prior, embedding_net=object())
    inference = inferencer.init_inference("SNPE", "mdn", prior, sbi_device="cuda", embedding_net=tmp_path / "network.pt")
    assert inferencer.sbi_device == "cuda"
    theta = inferencer.generate_training_data(10, prior)
    with pytest.raises(DataError, match="network.pt"):  # there is none
        inferencer.train(inference, theta, inferencer.extract_summary_statistics(theta))


def test_calibration(inferred):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    assert "pairs" in inferred.calibrate(40)
    axis = inferred.plot_calibration(40)
    coverage = next(line for line in axis.get_lines() if line.get_label() == "coverage").get_ydata()
    assert np.all(np.diff(coverage) >= 0) and coverage[-1] == 1 and len(axis.get_lines()) == 6


def test_interrupt():
    import os
    import signal
    import threading
    import time

    inferencer = make(features={"I": [mean]})
    threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        inferencer.infer(n_samples=2000, train_kwargs={"stop_after_epochs": 10**6, "max_num_epochs": 10**6}, g=[1 * nS, 100 * nS])
    assert time.monotonic() - begin < 5


# --- what scripts written for sbi say -------------------------------------------------------------------------------------


def test_last_simulations_after_infer(tmp_path):
    inferencer = make(features={"I": [mean]})
    inferencer.infer(n_samples=40, assess=False, g=[1 * nS, 100 * nS], **small)
    assert inferencer.theta.shape == (40, 1) and inferencer.x.shape == (40, 10) and inferencer.n_samples == 40
    np.testing.assert_allclose(inferencer.x, inferencer.theta * (np.asarray(voltage) - 0.04).mean(axis=1), rtol=1e-9)
    first = inferencer.theta
    inferencer.infer(n_rounds=2, assess=False, **small)
    assert inferencer.theta.shape == (40, 1) and not np.array_equal(first, inferencer.theta)
    inferencer.save_summary_statistics(tmp_path / "last")
    theta, x = make(features={"I": [mean]}).load_summary_statistics(tmp_path / "last")
    np.testing.assert_array_equal(theta, inferencer.theta)
    np.testing.assert_array_equal(x, inferencer.x)


def test_simulations_that_wait_are_used():
    inferencer = make(features={"I": [mean]})
    inferencer.infer(n_samples=40, assess=False, g=[1 * nS, 100 * nS], **small)
    theta = inferencer.generate_training_data(30)
    inferencer.extract_summary_statistics(theta)
    inferencer.infer(assess=False, **small)
    np.testing.assert_array_equal(inferencer.theta, theta)


def test_attributes_of_scripts():
    features = {"I": [mean]}
    assert make(features=features).features is features and make().features is None
    assert make().sim_time == make().duration == 0.5 * ms


@pytest.mark.parametrize(
    "option", [{"discard_prior_samples": True}, {"retrain_from_scratch": False}, {"retrain_from_scratch_each_round": False}], ids=lambda one: next(iter(one))
)
def test_options_of_later_rounds(option):
    def second_round(first, second):
        inferencer = make(features={"I": [mean]})
        inferencer.infer(n_samples=60, assess=False, g=[1 * nS, 100 * nS], **small | {"train_kwargs": quick | first})
        before = inferencer.log_prob([[30e-9]])[0]
        inferencer.infer(assess=False, **small | {"train_kwargs": quick | second})
        return before, inferencer.log_prob([[30e-9]])[0], inferencer.reports[1]["simulations"]

    plain, changed = second_round({}, {}), second_round(option, option)
    assert changed[0] == plain[0] and changed[1] != plain[1]
    assert second_round({}, option) == changed
    assert plain[2] > 60 and changed[2] == (60 if "discard_prior_samples" in option else plain[2])


def test_later_rounds_of_the_automatic_choice():
    with pytest.raises(ConfigError, match="trains anew"):
        make(features={"I": [mean]}).infer(
            n_samples=40, inference_method="AUTO", train_kwargs={"retrain_from_scratch": False}, assess=False, g=[1 * nS, 100 * nS]
        )


def test_options_of_sbi():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    inferencer = make(features={"I": [mean]})
    train = {**quick, "max_num_epochs": 2, "discard_prior_samples": True, "retrain_from_scratch": False, "retrain_from_scratch_each_round": True}
    posterior = inferencer.infer(
        n_samples=40, density_estimator_model="mdn", assess=False, train_kwargs=train, posterior_kwargs={"sample_with_mcmc": True}, g=[1 * nS, 100 * nS]
    )
    inferencer.infer(restart=True, n_samples=40, density_estimator_model="mdn", assess=False, train_kwargs=train, g=[1 * nS, 100 * nS])
    posterior = inferencer.posterior
    assert posterior.sample((3,), show_progress_bars=False).shape == (3, 1)
    figure, _ = inferencer.pairplot(posterior.sample((20,)), offdiag="scatter", fig_size=(3, 4), fig_bg_colors={"lower": None})
    assert tuple(figure.get_size_inches()) == (3, 4)
