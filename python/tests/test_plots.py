import numpy as np
import pytest

from spikesmith import ConfigError, TraceFitter
from spikesmith.units import Mohm, ms, mV, nA

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")


@pytest.fixture(scope="module")
def fitter():
    fitter = TraceFitter(
        model="dv/dt = (R*I - v)/(10*ms) : volt\nR : ohm (constant)",
        input={"I": np.full((2, 100), 1.0) * nA},
        output={"v": np.tile(20 * (1 - np.exp(-np.arange(100) * 0.01)), (2, 1)) * mV},
        dt=0.1 * ms,
        n_samples=30,
    )
    fitter.fit("DE", n_rounds=12, callback=None, R=[1 * Mohm, 100 * Mohm])
    return fitter


def test_traces(fitter):
    axes = fitter.plot_traces()
    assert len(axes) == 2 and axes[0].get_ylabel() == "v (mV)" and axes[1].get_xlabel() == "time (ms)"
    recorded, fitted = (line.get_ydata() for line in axes[0].get_lines())
    np.testing.assert_allclose(recorded, fitted, atol=0.2)
    assert len(fitter.plot_traces(traces=[1], params={"R": 30 * Mohm})) == 1
    with pytest.raises(ConfigError, match="`w`"):
        fitter.plot_traces("w")
    with pytest.raises(ConfigError, match="spikes"):
        fitter.plot_spikes()


def test_convergence(fitter):
    import matplotlib.pyplot as plt

    axis = plt.figure().add_subplot()
    assert fitter.plot_convergence(ax=axis) is axis
    best = axis.get_lines()[1].get_ydata()
    assert len(best) == 360 and np.all(np.diff(best) <= 0)
    assert "mV^2" in axis.get_ylabel() or "V^2" in axis.get_ylabel()


def test_parameters(fitter):
    (axis,) = fitter.plot_parameters()
    assert axis.get_xlabel() == "R (Mohm)"
    assert axis.get_lines()[1].get_xdata()[0] == pytest.approx(20, rel=1e-2)


def test_pairs_of_a_posterior():
    import matplotlib.pyplot as plt

    from spikesmith import Inferencer, plots

    inferencer = Inferencer(
        dt=0.1 * ms, model="dv/dt = (R*I - v)/tau : volt\nR : ohm (constant)\ntau : second (constant)",
        input={"I": np.full((1, 100), 1.0) * nA}, output={"v": 20 * (1 - np.exp(-np.arange(100) * 0.01)).reshape(1, -1) * mV},
        features={"v": [np.mean, np.max]},
    )  # fmt: skip
    posterior = inferencer.infer(
        n_samples=100, density_estimator_model="mdn", train_kwargs={"max_num_epochs": 5}, R=[1 * Mohm, 100 * Mohm], tau=[1 * ms, 50 * ms]
    )
    own = plt.subplots(2, 2)[1]
    for figure, axes in (
        plots.pairplot(posterior, points={"R": 20 * Mohm, "tau": 10 * ms}, ax=own, upper="scatter"),
        plots.conditional_pairplot(posterior, posterior.sample((1,), seed=1), ax=own, resolution=10),
    ):
        assert axes[0, 1] is own[0, 1] and figure is own[0, 0].figure
    assert axes[0, 0].get_xlabel() == "R (Mohm)" and axes[1, 1].get_xlabel() == "tau (ms)"
    figure, axes = plots.pairplot(posterior, figsize=(3, 3), title="pairs", points_colors=["g"], fontscale=2)
    assert tuple(figure.get_size_inches()) == (3, 3) and figure.get_suptitle() == "pairs"
    with pytest.raises(TypeError, match="no argument `figsiz`"):
        plots.pairplot(posterior, figsiz=(3, 3))
