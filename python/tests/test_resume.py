"""Fits that are stopped, and go on from a checkpoint."""

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from spikesmith import ConfigError, DataError, TraceFitter
from spikesmith.units import amp, mV, ms, nS, volt

voltage = np.tile(np.array([0.0, -0.03, -0.06, -0.045, -0.08]), (10, 1)) * volt
current = np.asarray(30 * nS * (voltage - 40 * mV)) * amp
options = {
    "model": "I = g*(v - E) : amp\ng : siemens (constant)\nE : volt (constant)",
    "input": {"v": voltage},
    "output": {"I": current},
    "dt": 0.1 * ms,
    "n_samples": 20,
    "seed": 4,
}
bounds = {"g": [1 * nS, 100 * nS], "E": [0 * mV, 90 * mV]}


def rows(fitter):
    return fitter.results(format="dict", use_units=False)


def same(one, other):
    return one.keys() == other.keys() and all(np.array_equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize("method", ["DE", "CMA", "TPE"])
@pytest.mark.parametrize("callback", [None, lambda *_: False])
def test_a_stopped_fit_goes_on_bit_for_bit(method, callback, tmp_path):
    whole = TraceFitter(**options)
    whole.fit(method, n_rounds=6, callback=None, **bounds)
    file = tmp_path / "checkpoint"
    for stop in (1, 3):
        part = TraceFitter(**options)
        part.fit(method, n_rounds=6, callback=lambda *a: a[4] + 1 >= stop, checkpoint=file, resume=True, **bounds)
        assert len(rows(part)["g"]) == 20 * stop
    rest = TraceFitter(**options)
    found = rest.fit(method, n_rounds=6, callback=callback, checkpoint=file, resume=True, **bounds)
    assert same(rows(rest), rows(whole)) and found == (whole.best_params, whole.best_error)
    assert rest.iteration == whole.iteration == 6
    assert rest.fit(method, n_rounds=6, callback=callback, checkpoint=file, resume=True, **bounds) == found  # nothing left


def test_wrong_checkpoints(tmp_path):
    file = tmp_path / "checkpoint"
    TraceFitter(**options).fit("DE", n_rounds=1, callback=None, checkpoint=file, **bounds)
    with pytest.raises(ConfigError, match="give `checkpoint`"):
        TraceFitter(**options).fit("DE", n_rounds=2, callback=None, resume=True, **bounds)
    with pytest.raises(DataError):
        TraceFitter(**options | {"seed": 5}).fit("DE", n_rounds=2, callback=None, checkpoint=file, resume=True, **bounds)
    with pytest.raises(DataError):
        TraceFitter(**options).fit("CMA", n_rounds=2, callback=None, checkpoint=file, resume=True, **bounds)


def test_killed(tmp_path):
    file = tmp_path / "checkpoint"
    script = tmp_path / "fit.py"
    script.write_text(
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from test_resume import *\n"
        "TraceFitter(**options).fit('DE', n_rounds=100000, callback=None, checkpoint=sys.argv[2], **bounds)\n"
    )
    process = subprocess.Popen([sys.executable, str(script), os.path.dirname(__file__), str(file)])
    while not file.exists() and process.poll() is None:
        time.sleep(0.01)
    time.sleep(0.05)
    process.kill()
    process.wait()
    rest = TraceFitter(**options)
    rest.fit("DE", n_rounds=100000, callback=lambda *_: True, checkpoint=file, resume=True, **bounds)
    whole = TraceFitter(**options)
    done = len(rows(rest)["g"]) // 20
    whole.fit("DE", n_rounds=100000, callback=lambda *a: a[4] + 1 >= done, **bounds)
    assert done > 1 and same(rows(rest), rows(whole))


@pytest.mark.parametrize("callback", [None, lambda *_: False])
def test_an_interrupted_fit_keeps_its_best(callback):
    fitter = TraceFitter(**options)
    timer = threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        fitter.fit("DE", n_rounds=10**7, callback=callback, **bounds)
    assert fitter.best_params["g"] == pytest.approx(float(30 * nS), rel=0.1) and len(rows(fitter)["g"]) >= 20
    before = fitter.best_error
    fitter.fit(n_rounds=1, callback=None)
    assert fitter.best_error <= before
