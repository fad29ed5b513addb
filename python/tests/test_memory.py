"""Large arrays cross the border without a copy."""

import resource
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from spikesmith import TraceFitter, TraceMetric
from spikesmith.units import Mohm, ms

MODEL = "dv/dt = (R*I - v)/(10*ms) : volt\nR : ohm (constant)"


def in_a_process(script):
    """Peak and present memory count for a whole process: the script has one of its own. Gives what it prints."""
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=True)
    return [float(word) for word in done.stdout.split()]


def test_inputs_are_borrowed():
    before, built, used = in_a_process(
        """
        import resource
        import numpy as np
        from spikesmith import SpikeFitter
        from spikesmith.units import *
        currents = np.full((4, 12_500_000), 1e-9)  # 400 MB
        train = [np.array([0.01])] * 4
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        fitter = SpikeFitter(model="dv/dt = (R*I - v)/(10*ms) : volt\\nR : ohm (constant)", input={"I": currents}, output=train,
                             dt=0.01*ms, threshold="v > 10*mV", reset="v = 0*mV", n_samples=2, use_units=False)
        fitter.fit(n_rounds=0, callback=None, R=[1e6, 1e8])
        built = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        fitter.fit(n_rounds=1, callback=None)
        print(before / 1024, built / 1024, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        """
    )
    assert before > 390
    assert built - before < 40
    assert used - built < 40


TRACE_FIT = """
import resource
import numpy as np
from spikesmith import MSEMetric, TraceFitter
from spikesmith.units import *
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
currents = np.full((20, 1_000_000), 1e-9)  # 160 MB
recorded = np.full((20, 1_000_000), 1e-3)  # 160 MB
{change}
before = peak()
fitter = TraceFitter(model="dv/dt = (R*I - v)/(10*ms) : volt\\nR : ohm (constant)", input={{"I": currents}}, output={{"v": recorded}},
                     dt=0.01*ms, n_samples=2, use_units=False)
fitter.fit(n_rounds=1, callback=None, metric=MSEMetric({metric}), R=[1e6, 1e8])
print(before, peak())
"""


@pytest.mark.parametrize("metric", ["", "t_start=100*ms"])
def test_stimuli_and_recordings_are_read_in_place(metric):
    before, after = in_a_process(TRACE_FIT.format(change="", metric=metric))
    assert before > 310
    assert after - before < 50  # weights of one trace at a time are 8 MB


def test_only_what_must_change_is_copied():
    before, after = in_a_process(TRACE_FIT.format(change="recorded[3, 500] = np.nan", metric=""))
    assert after - before < 50 + 8 + 160  # one recording, and weights


def test_borrowed_arrays_live_as_long_as_the_fitter():
    currents = np.full((2, 1000), 1e-9)
    references = sys.getrefcount(currents)
    fitter = TraceFitter(model=MODEL, input={"I": currents}, output={"v": np.zeros((2, 1000))}, dt=0.1 * ms, use_units=False)
    fitter.fit(n_rounds=1, callback=None, R=[1 * Mohm, 100 * Mohm])
    assert sys.getrefcount(currents) > references
    del currents
    again = fitter.generate_traces(params={"R": 10 * Mohm})
    np.testing.assert_allclose(np.asarray(again)[:, -1], 10e6 * 1e-9 * (1 - np.exp(-99.9e-3 / 10e-3)), rtol=1e-3)


def test_rows_of_different_arrays_are_taken_too():
    rows = [np.full(1000, 1e-9), np.full(1000, 2e-9)]
    as_list = TraceFitter(model=MODEL, input={"I": rows}, output={"v": np.zeros((2, 1000))}, dt=0.1 * ms, use_units=False)
    as_array = TraceFitter(
        model=MODEL, input={"I": np.array(rows)}, output={"v": np.zeros((2, 1000))}, dt=0.1 * ms, use_units=False
    )
    strided = np.repeat(np.array(rows), 2, axis=1)[:, ::2]
    as_view = TraceFitter(model=MODEL, input={"I": strided}, output={"v": np.zeros((2, 1000))}, dt=0.1 * ms, use_units=False)
    traces = [np.asarray(f.generate_traces(params={"R": 10 * Mohm})) for f in (as_list, as_array, as_view)]
    np.testing.assert_array_equal(traces[0], traces[1])
    np.testing.assert_array_equal(traces[0], traces[2])


def test_outputs_are_handed_over():
    fitter = TraceFitter(
        model=MODEL, input={"I": np.full((2, 1000), 1e-9)}, output={"v": np.zeros((2, 1000))}, dt=0.1 * ms, use_units=False
    )
    fitter.fit(n_rounds=1, callback=None, R=[1e6, 1e8])
    core = fitter._core
    traces, _, _ = core.generate(["v"], {"R": 1e7}, {}, 1e9)
    array = traces["v"][0]
    assert not array.flags.owndata and array.flags.writeable and array.flags.c_contiguous
    assert type(array.base).__name__ == "nb_ndarray" or array.base is not None
    simulated = fitter._make(array, (2.0, 1.0, -3.0, -1.0, 0.0, 0.0, 0.0))
    assert np.shares_memory(simulated, array)


class Views(TraceMetric):
    """Notes what it is given."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def get_features(self, model, target, dt):
        self.seen.append((model.flags.owndata, model.flags.writeable, model.flags.c_contiguous, target.flags.owndata))
        assert model.shape[1:] == target.shape
        return ((model - target) ** 2).mean(axis=2)

    def get_errors(self, features):
        return features.mean(axis=1)


def test_a_metric_of_ones_own_sees_the_memory_of_the_simulator():
    metric = Views()
    fitter = TraceFitter(
        model=MODEL, input={"I": np.full((2, 1000), 1e-9)}, output={"v": np.zeros((2, 1000))}, dt=0.1 * ms, n_samples=20, use_units=False
    )
    fitter.fit(metric=metric, n_rounds=2, callback=None, R=[1 * Mohm, 100 * Mohm])
    assert metric.seen
    assert set(metric.seen) == {(False, False, True, False)}


def test_evaluations_cost_little_memory():
    fitter = TraceFitter(
        model=MODEL, input={"I": np.full((2, 100), 1e-9)}, output={"v": np.zeros((2, 100))}, dt=0.1 * ms, n_samples=1000, use_units=False
    )
    fitter.fit(n_rounds=10, callback=None, R=[1 * Mohm, 100 * Mohm])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    fitter.fit(n_rounds=100, callback=None)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 / 100_000
    assert grown < 500  # bytes for each parameter set
    assert fitter.results("dict")["R"].shape == pytest.approx((110_000,))
