import pickle

import numpy as np
import pytest

import spikesmith
from spikesmith import UnitError
from spikesmith.units import *  # noqa: F403
from spikesmith.units import Quantity, amp, cm, mV, ms, mS, nA, nS, second, uF, volt
from spikesmith import units


def test_values_are_si():
    assert float(-70 * mV) == -0.07
    assert (20 * nS).dim == units.siemens.dim
    np.testing.assert_array_equal(np.asarray([1.0, 2.0] * nA), [1e-9, 2e-9])


def test_shown_with_sensible_prefixes():
    assert repr(-70 * mV) == "-70 mV"
    assert str(3 * uF / cm**2) == "3 uF/cm^2"
    assert "nS" in repr([1.0, 20.0] * nS)


def test_arithmetic_knows_dimensions():
    assert repr(nA / (2 * nS)) == "500 mV"
    assert isinstance(10 * mV / mV, float) and 10 * mV / mV == 10
    assert ((3 * mV) ** 2).dim == (volt**2).dim
    assert np.sqrt((3 * mV) ** 2) == 3 * mV
    with pytest.raises(UnitError, match="volt and amp"):
        mV + nA
    with pytest.raises(UnitError):
        mV + 1
    with pytest.raises(UnitError, match="exp needs plain numbers"):
        np.exp(mV)
    assert mV + 0 == mV  # zero has every dimension
    assert (mV == nA) is False


def test_arrays_keep_their_dimension():
    traces = np.arange(6.0).reshape(2, 3) * mV
    for part in (traces[0], traces[0, 1], traces.mean(), traces.max(axis=0), np.mean(traces), traces.T, next(iter(traces))):
        assert part.dim == volt.dim
    assert traces.var().dim == (volt**2).dim
    assert np.concatenate([traces, traces]).dim == volt.dim
    assert np.concatenate([traces, traces]).shape == (4, 3)
    with pytest.raises(UnitError):
        np.concatenate([traces, np.ones((1, 3)) * nA])
    with pytest.raises(UnitError):
        traces[0] = 3 * nA
    traces[0] = 3 * mV
    assert np.all(traces[0] == 3 * mV)
    back = pickle.loads(pickle.dumps(traces))
    assert back.dim == traces.dim and np.all(back == traces)


def test_every_unit_of_the_language_is_there():
    assert units.Mohm.dim == units.ohm.dim and float(units.Mohm) == 1e6
    for name in units.__all__:
        assert hasattr(units, name)
    with pytest.raises(AttributeError, match="no unit `mVolts`"):
        units.mVolts  # noqa: B018


def test_texts_become_quantities():
    assert units.quantity("20 nS") == 20 * nS
    with pytest.raises(UnitError, match="mv"):
        units.quantity("20 mv")


def test_units_cannot_be_changed():
    with pytest.raises(ValueError):
        volt[...] = 3 * volt


def test_import_is_light():
    import subprocess
    import sys

    code = "import sys, spikesmith; print([m for m in ('torch', 'pandas', 'matplotlib', 'tqdm') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_quantity_type():
    assert isinstance(2 * mS, Quantity) and isinstance(second * amp, Quantity)
    assert spikesmith.units.ms is ms


def test_dimensions_equal_those_of_brian2():
    class Theirs:  # as brian2's Dimension compares
        def __init__(self, dims):
            self._dims = dims

        def __eq__(self, other):
            return np.allclose(self._dims, other._dims)

        __hash__ = None

    for dim in (volt.dim, (volt**2).dim):
        other = Theirs(tuple(dim))
        assert dim == other and other == dim and not dim != other
    assert volt.dim != Theirs((1, 0, 0, 0, 0, 0, 0)) and Theirs((1, 0, 0, 0, 0, 0, 0)) != volt.dim
    assert volt.dim == tuple(volt.dim) and hash(volt.dim) == hash(tuple(volt.dim)) and volt.dim != "volt"
