import numpy as np
import pytest

from spikesmith import ModelError, neurons
from spikesmith.experiment import Simulation
from spikesmith.neuron import Neuron


def test_a_neuron_tells_what_it_has():
    neuron = Neuron(
        parameters={"a": 0.02, "on": True, "n": 3},
        equations=["dv/dt = a*v + n : init=-65, midpoint", "du/dt = -u"],
        spike="v > 30",
        reset=["v = -65", "u += 1"],
        refractory=2,
        name="mine",
    )
    assert list(neuron.parameters) == ["a", "on", "n"] and neuron.parameters["a"] == "0.02"
    assert neuron.variables == {"v": "-65", "u": "0"}
    assert neuron.spiking and "mine" in repr(neuron)
    assert "v" in neuron.describe_step(0.1)


def test_errors_show_their_line():
    with pytest.raises(ModelError, match="nonsense") as caught:
        Neuron(parameters="a = 1", equations="r = a\ndx/dt = nonsense*a")
    assert (caught.value.line, caught.value.column) == (2, 9)
    with pytest.raises(ModelError, match="must define `r`"):
        Neuron(equations="dv/dt = -v")
    with pytest.raises(TypeError, match="network"):
        Neuron(equations="r = 1", axon_spike="r > 1")


def test_other_initial_values():
    neuron = Neuron(parameters="E = -70", equations="r = E\ndv/dt = E - v : init=E", init={"v": -60})
    assert neuron.variables["v"] == "-60"
    assert neuron.with_init({"E": -50}).parameters["E"] == "-50" and neuron.parameters["E"] == "-70"
    with pytest.raises(ModelError, match="not a variable or a parameter"):
        neuron.with_init({"w": 1})


def test_the_library():
    neuron = neurons.Izhikevich2007(a=0.05, init={"v": -60})
    assert neuron.parameters["a"] == "0.05" and neuron.variables["v"] == "-60"
    assert type(neurons.Izhikevich2007_syn()).__name__ == "Izhikevich2007Syn"  # an older name
    assert "Izhikevich" in neurons.reference("Izhikevich2007")
    with pytest.raises(ModelError, match="C"):
        neurons.Izhikevich2007(CC=3)
    with pytest.raises(AttributeError, match="Izhikevich2008"):
        neurons.Izhikevich2008
    assert len(neurons.names()) == 39
    for name in neurons.names():
        assert getattr(neurons, name)().model() is not None


def test_published_spikes():
    """CompNeuroPy's Izhikevich2007 at v = u = 0 under 100 from the first step, as ANNarchy's generated code has it."""
    simulation = Simulation(neurons.Izhikevich2007(), dt=0.1, record=["v", "u", "spike"])
    simulation.start()
    simulation.run(1000, drive={"I_app": 100})
    (chunk,) = simulation.results().recordings
    assert chunk["population;spike"][0][:11] == [12, 888, 1644, 2406, 3167, 3927, 4687, 5448, 6208, 6970, 7730]
    v, u = chunk["population;v"][:, 0], chunk["population;u"][:, 0]
    np.testing.assert_allclose(v[:2], [1.78, 3.68717788], rtol=1e-12)
    np.testing.assert_allclose([v[100], u[100]], [-54.074033377, 68.836986713], rtol=1e-10)
