"""The neuron and the recordings of the Hodgkin-Huxley examples."""

from pathlib import Path
from typing import Any

import numpy as np

from spikesmith.units import amp, mV, ms, mS, nS, pF, psiemens, uS

folder = Path(__file__).resolve().parents[2] / "examples" / "hodgkin_huxley" / "data"
currents = np.load(folder / "hh_input_I_ampere.npy") * amp
voltages = np.load(folder / "hh_target_v_millivolt.npy") * mV
dt = 0.01 * ms

model = """
dv/dt = (gl*(El - v) - g_na*m**3*h*(v - ENa) - g_kd*n**4*(v - EK) + I)/Cm : volt
dm/dt = alpha_m*(1 - m) - beta_m*m : 1
dn/dt = alpha_n*(1 - n) - beta_n*n : 1
dh/dt = alpha_h*(1 - h) - beta_h*h : 1
alpha_m = 0.32*(13*mV - v + VT)/mV/(exp((13*mV - v + VT)/(4*mV)) - 1)/ms : Hz
beta_m = 0.28*(v - VT - 40*mV)/mV/(exp((v - VT - 40*mV)/(5*mV)) - 1)/ms : Hz
alpha_n = 0.032*(15*mV - v + VT)/mV/(exp((15*mV - v + VT)/(5*mV)) - 1)/ms : Hz
beta_n = 0.5*exp((10*mV - v + VT)/(40*mV))/ms : Hz
alpha_h = 0.128*exp((17*mV - v + VT)/(18*mV))/ms : Hz
beta_h = 4/(1 + exp((40*mV - v + VT)/(5*mV)))/ms : Hz
gl : siemens (constant)
g_na : siemens (constant)
g_kd : siemens (constant)
"""
constants: dict[str, Any] = {"Cm": 200 * pF, "El": -65 * mV, "EK": -90 * mV, "ENa": 50 * mV, "VT": -63 * mV}
bounds: dict[str, Any] = {"gl": [2 * psiemens, 200 * nS], "g_na": [200 * nS, 0.4 * mS], "g_kd": [200 * nS, 200 * uS]}
truth: dict[str, Any] = {"gl": 10 * nS, "g_na": 20 * uS, "g_kd": 6 * uS}
