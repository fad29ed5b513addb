"""The small problems that tests of fitters share."""

import numpy as np

from spikesmith import SpikeFitter, TraceFitter
from spikesmith.units import amp, ms, mV, nA, nS, pF, volt

E = 40 * mV
dt = 0.1 * ms
# 10 traces of 5 samples
voltage = np.tile(np.array([0.0, -0.03, -0.06, -0.045, -0.08]), (10, 1)) * volt
current = np.asarray(30 * nS * (voltage - E)) * amp
algebraic = """
I = g*(v - E) : amp
g : siemens (constant)
"""
stimulus = np.r_[np.zeros(100), np.full(900, 0.5)].reshape(1, -1) * nA
integrate_and_fire = """
dv/dt = (gL*(-70*mV - v) + I)/C : volt
gL : siemens (constant)
C : farad (constant)
"""


def make_fitter(**changes):
    options = {"model": algebraic, "input": {"v": voltage}, "output": {"I": current}, "dt": dt, "n_samples": 30} | changes
    return TraceFitter(**options)


def recorded_spikes():
    fitter = SpikeFitter(output=[np.array([0.05])], **spiking())
    return fitter.generate_spikes(params={"gL": 20 * nS, "C": 300 * pF})


def spiking(**changes):
    options = {
        "model": integrate_and_fire, "input": {"I": stimulus}, "dt": dt, "threshold": "v > -50*mV", "reset": "v = -70*mV",
        "param_init": {"v": -70 * mV}, "n_samples": 30,
    } | changes  # fmt: skip
    return options
