"""Scripts that import brian2 and all of the package, as those for brian2modelfitting do; run where brian2 is installed."""

import warnings
from pathlib import Path

import numpy as np
import pytest

brian2 = pytest.importorskip("brian2")
data = Path(__file__).resolve().parents[2] / "examples" / "hodgkin_huxley" / "data"


def run(script, **names):
    names = {"__name__": "script", "data": data, **names}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(compile(script, "script", "exec"), names)  # noqa: S102
    return names


def test_hodgkin_huxley():
    names = run(
        """
from brian2 import *
from spikesmith import *

inp_trace = np.load(data / "hh_input_I_ampere.npy")[:2]
out_trace = np.load(data / "hh_target_v_millivolt.npy")[:2]
area = 20000*umetre**2
El = -65*mV
EK = -90*mV
ENa = 50*mV
VT = -63*mV
dt = 0.01*ms
defaultclock.dt = dt

model = Equations('''
dv/dt = (gl*(El-v) - g_na*(m*m*m)*h*(v-ENa) - g_kd*(n*n*n*n)*(v-EK) + I)/Cm : volt
dm/dt = 0.32*(mV**-1)*(13.*mV-v+VT)/(exp((13.*mV-v+VT)/(4.*mV))-1.)/ms*(1-m)-0.28*(mV**-1)*(v-VT-40.*mV)/(exp((v-VT-40.*mV)/(5.*mV))-1.)/ms*m : 1
dn/dt = 0.032*(mV**-1)*(15.*mV-v+VT)/(exp((15.*mV-v+VT)/(5.*mV))-1.)/ms*(1.-n)-.5*exp((10.*mV-v+VT)/(40.*mV))/ms*n : 1
dh/dt = 0.128*exp((17.*mV-v+VT)/(18.*mV))/ms*(1.-h)-4./(1+exp((40.*mV-v+VT)/(5.*mV)))/ms*h : 1
g_na : siemens (constant)
g_kd : siemens (constant)
gl   : siemens (constant)
''', Cm=200*pF)

n_opt = NevergradOptimizer()
metric = MSEMetric()
fitter = TraceFitter(model=model, input={'I': inp_trace*amp}, output={'v': out_trace*mV}, dt=dt, n_samples=60,
                     method='exponential_euler', param_init={'v': -65*mV})
res, error = fitter.fit(n_rounds=25, optimizer=n_opt, metric=metric, callback='text',
                        gl=[2*psiemens, 200*nsiemens], g_na=[200*nsiemens, 0.4*msiemens], g_kd=[200*nsiemens, 200*usiemens])
traces = fitter.generate_traces(params=res)
refined, result = fitter.refine(calc_gradient=True, callback=None)
rate = res['g_na']/area
voltages = traces/mV
"""
    )
    Quantity = brian2.Quantity
    assert isinstance(names["res"]["gl"], Quantity) and isinstance(names["error"], Quantity) and isinstance(names["traces"], Quantity)
    assert names["Equations"] is brian2.Equations and names["voltages"].shape == (2, names["inp_trace"].shape[1])
    for name, value in (("gl", 10e-9), ("g_na", 20e-6), ("g_kd", 6e-6)):
        assert float(names["refined"][name]) == pytest.approx(value, rel=0.05)


def test_spikes_made_with_brian2():
    names = run(
        """
from spikesmith import *
from brian2 import *

prefs.codegen.target = 'numpy'
eqs = '''
dv/dt = (gL*(-70*mV - v) + I(t, i))/(200*pF) : volt (unless refractory)
gL : siemens
'''
I = TimedArray(np.array([[0.4]*500, [0.3]*500]).T*nA, dt=0.1*ms)
neurons = NeuronGroup(2, eqs, threshold='v > -50*mV', reset='v = -65*mV', refractory=2*ms, method='euler', dt=0.1*ms)
neurons.gL, neurons.v = 10*nS, -70*mV
monitor = SpikeMonitor(neurons)
net = Network(neurons, monitor)
net.run(50*ms)
trains = [monitor.spike_trains()[0], monitor.spike_trains()[1]]
model = '''
dv/dt = (gL*(-70*mV - v) + I)/(200*pF) : volt (unless refractory)
gL : siemens (constant)
'''
fitter = SpikeFitter(model=model, input={'I': np.array([[0.4]*500, [0.3]*500])*nA}, output=trains, dt=0.1*ms, n_samples=30,
                     threshold='v > -50*mV', reset='v = -65*mV', refractory=2*ms, method='euler', param_init={'v': -70*mV})
ours = fitter.generate_spikes(params={'gL': 10*nS})
params, error = fitter.fit(n_rounds=10, optimizer=NevergradOptimizer('DE'), metric=GammaFactor(2*ms, 50*ms), callback=None, gL=[2*nS, 30*nS])
"""
    )
    for ours, theirs in zip(names["ours"], names["trains"]):
        np.testing.assert_allclose(ours, np.asarray(theirs), atol=1e-9)
    assert len(names["ours"][0]) > 1 and names["error"] < 0.3 and isinstance(names["params"]["gL"], brian2.Quantity)


def test_errors_are_those_of_brian2():
    names = run(
        """
from brian2 import *
from brian2.units.fundamentalunits import DimensionMismatchError
from spikesmith import TraceFitter

try:
    TraceFitter(model='v = x + c : volt\\nc : volt', input={'x': np.zeros((1, 5))*mV}, output={'v': np.ones((1, 5))*nA}, dt=0.1*ms)
except DimensionMismatchError as error:
    caught = error
"""
    )
    assert "amp" in str(names["caught"]) and isinstance(names["caught"], TypeError)


def test_a_posterior():
    names = run(
        """
from brian2 import *
from spikesmith import *

inferencer = Inferencer(dt=0.1*ms, model='dv/dt = (R*I - v)/(10*ms) : volt\\nR : ohm (constant)', input={'I': np.full((1, 100), 1.0)*nA},
                        output={'v': 20*(1 - np.exp(-np.arange(100)*0.01)).reshape(1, -1)*mV}, features={'v': [lambda x: x[-1], np.mean]})
inferencer.infer(n_samples=500, density_estimator_model='mdn', train_kwargs={'max_num_epochs': 60, 'learning_rate': 5e-3}, R=[1*Mohm, 100*Mohm])
samples = inferencer.sample((500,))
traces = inferencer.generate_traces()
"""
    )
    assert names["samples"].mean() == pytest.approx(20e6, rel=0.1) and isinstance(names["traces"], brian2.Quantity)
