"""Quantities of other packages come in and go out as such."""

import numpy as np
import pytest

from spikesmith import TraceFitter

model = "dv/dt = (R*I - v)/(10*ms) : volt\nR : ohm (constant)"


def fit(current, voltage, dt, bounds, **options):
    fitter = TraceFitter(model=model, input={"I": current}, output={"v": voltage}, dt=dt, n_samples=30, **options)
    params, error = fitter.fit("DE", n_rounds=12, callback=None, R=bounds)
    return fitter, params["R"], error


amperes = np.full((1, 50), 1e-9)
volts = 0.02 * (1 - np.exp(-np.arange(50) * 0.01)).reshape(1, -1)


def test_pint():
    pint = pytest.importorskip("pint")
    u = pint.UnitRegistry()
    fitter, R, error = fit(amperes * 1e9 * u.nA, volts * 1e3 * u.mV, 0.1 * u.ms, [1 * u.Mohm, 100 * u.Mohm])
    assert R.to(u.Mohm).magnitude == pytest.approx(20, rel=1e-2)
    assert error.check("[length]**4*[mass]**2/[time]**6/[current]**2")
    assert fitter.generate_traces().to(u.mV).shape == (1, 50)


def test_quantities():
    pq = pytest.importorskip("quantities")
    fitter, R, error = fit(amperes * 1e9 * pq.nA, volts * 1e3 * pq.mV, 0.1 * pq.ms, [1, 100] * pq.Quantity(1, "Mohm"))
    assert float(R.rescale("Mohm")) == pytest.approx(20, rel=1e-2)
    assert fitter.generate_traces().rescale("mV").shape == (1, 50)


def test_brian2():
    b = _brian2()
    fitter, R, error = fit(amperes * b.amp, volts * b.volt, 0.1 * b.ms, [1 * b.Mohm, 100 * b.Mohm], param_init={"v": 0 * b.mV})
    assert isinstance(R, b.Quantity) and float(R / b.Mohm) == pytest.approx(20, rel=1e-2)
    assert b.have_same_dimensions(error, b.volt**2)
    assert b.have_same_dimensions(fitter.generate_traces(), b.volt)
    equations = b.Equations("""
        dv/dt = (R*I - v)/tau + a/second : volt (unless refractory)
        a = 0*volt : volt
        R : ohm (constant)
        """)
    tau = 10 * b.ms  # noqa: F841 (read by the fitter)
    other = TraceFitter(model=equations, input={"I": amperes * b.amp}, output={"v": volts * b.volt}, dt=0.1 * b.ms)
    assert other.parameter_names == ["R"]
    assert float(other.fit("DE", n_rounds=10, callback=None, R=[1 * b.Mohm, 100 * b.Mohm])[0]["R"] / b.Mohm) == pytest.approx(20, rel=1e-2)


def _brian2():
    try:
        import brian2
    except Exception:  # not there, or not for this NumPy
        pytest.skip("brian2 cannot be imported")
    return brian2


def test_plain_numbers():
    _, R, error = fit(amperes, volts, "0.1 ms", [1e6, 100e6], use_units=False)
    assert R == pytest.approx(20e6, rel=1e-2) and type(error) is float
