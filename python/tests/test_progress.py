"""Inferences show how far they are, and stop when they are told to."""

import os
import signal
import sys
import threading
import time

import numpy as np
import pytest

from spikesmith import Inferencer, ProgressBar
from spikesmith._progress import Bars, inference_progress, remaining
from spikesmith.units import Mohm, mV, ms, nA

model = "dv/dt = (R*I - v)/tau : volt\nR : ohm (constant)\ntau : second (constant)"
bounds = {"R": [1 * Mohm, 100 * Mohm], "tau": [1 * ms, 50 * ms]}


def make(n_steps=200, features=(np.mean, np.max), **options):
    v = 20 * (1 - np.exp(-np.arange(n_steps) * 0.01)).reshape(1, -1) * mV
    return Inferencer(
        dt=0.1 * ms, model=model, input={"I": np.full((1, n_steps), 1.0) * nA}, output={"v": v}, features={"v": list(features)}, **options
    )  # fmt: skip


def slow(trace):
    time.sleep(0.002)
    return trace[-1]


def test_news_of_an_inference():
    heard = []
    inferencer = make(features=[slow], progress=heard.append)
    inferencer.infer(n_samples=200, density_estimator_model="mdn", train_kwargs={"max_num_epochs": 2000, "stop_after_epochs": 15}, **bounds)
    assert heard[-1] is None
    news = [one for one in heard if one is not None]
    simulated = [(done, total) for done, total, _, states, _ in news if not states]
    assert simulated and all(total == 200 for _, total in simulated) and [d for d, _ in simulated] == sorted(d for d, _ in simulated)
    states = [(networks, states, stop) for _, _, networks, states, stop in news if states]
    assert states and all(networks == 1 and stop == 15 and set(s) == {0} for networks, s, stop in states)
    epochs = [s[0][0] for _, s, _ in states]
    assert epochs == sorted(epochs) and all(s[0][1] <= s[0][0] and s[0][3] <= s[0][2] + 1e-12 for _, s, _ in states)


def test_an_exception_of_ones_own_progress_stops():
    def stop(news):
        if news is not None:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        make(features=[slow], progress=stop).infer(n_samples=2000, **bounds)


def feed(bars):
    bars((40, 100, 0, {}, 20))
    bars((100, 100, 0, {}, 20))
    bars((100, 100, 2, {0: (3, 2, 1.5, 1.25, False), 1: (2, 2, 1.75, 1.75, False)}, 20))
    bars((100, 100, 2, {0: (30, 10, 1.5, -0.25, True), 1: (9, 2, 1.75, 1.75, False)}, 20))
    bars(None)


def test_bars(capsys):
    pytest.importorskip("tqdm")
    feed(Bars())
    text = capsys.readouterr().err
    assert "simulations" in text and "100/100" in text and "training" in text
    assert "1 of 2 networks" in text and "best -0.25" in text and "s left" in text


def test_bars_without_tqdm(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    feed(Bars())
    text = capsys.readouterr().err
    assert "simulations: 40 %" in text and "epoch 30: 1 of 2 networks" in text and text.endswith("\n")
    bar = ProgressBar(total=3)
    bar([], [], {}, 1.0, 0, {})
    assert bar.t is None and capsys.readouterr().err == "."


def test_bars_are_for_terminals():
    assert inference_progress(None) is None or sys.stderr.isatty() or "ipykernel" in sys.modules
    assert isinstance(inference_progress(True), Bars) and inference_progress(False) is None
    assert inference_progress(print) is print


def test_time_that_is_left():
    assert remaining({0: (10, 4, 1, 1, False)}, 20, 5.0) == pytest.approx((20 - 6) * 0.5)
    assert remaining({0: (10, 4, 1, 1, True)}, 20, 5.0) is None and remaining({}, 20, 5.0) is None


def time_to_stop(work, after):
    """Seconds from Ctrl-C to KeyboardInterrupt."""
    pressed = []

    def press():
        pressed.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    timer = threading.Timer(after, press)
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            work()
        return time.monotonic() - pressed[0]
    finally:
        timer.cancel()


def test_interrupt_while_simulating():
    inferencer = make(features=[slow])
    inferencer.init_prior(**bounds)
    theta = np.tile([20e6, 0.01], (20_000, 1))  # 40 s
    assert time_to_stop(lambda: inferencer.extract_summary_statistics(theta), 0.5) < 1
    assert inferencer.extract_summary_statistics(theta[:10]).shape == (10, 1)
    assert time_to_stop(lambda: inferencer.infer(n_samples=20_000, **bounds), 0.5) < 1


@pytest.mark.parametrize("model", ["maf", "nsf", ["mdn", "maf"]])
def test_interrupt_while_training(model):
    inferencer = make()
    inferencer.init_prior(**bounds)
    theta = inferencer.generate_training_data(5000)
    x = inferencer.extract_summary_statistics(theta)
    inference = inferencer.init_inference("SNPE", model, hidden_features=100)
    training = {"training_batch_size": 2000, "stop_after_epochs": 10_000, "max_num_epochs": 10_000}
    assert time_to_stop(lambda: inferencer.train(inference, theta, x, **training), 0.5) < 1
