"""Experiments: what is done with a neuron and what is recorded, as a class.

    class Steps(Experiment):
        def run(self, population_name):
            self.monitors.start()
            current_step(population_name, t1=500, t2=500, a1=0, a2=5)
            self.reset()
            current_step(population_name, t1=500, t2=500, a1=0, a2=10)
            return self.results()

``Simulation(neuron, record=["v"]).experiment(Steps)`` runs it on a neuron, ``OptNeuron`` fits a neuron with it. All candidates of a fit are
neurons of one population: the experiment runs once for all of them. Times are milliseconds.
"""

from __future__ import annotations

import copy
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from . import _core
from ._borders import FloatArray
from .errors import ConfigError
from .neuron import Neuron
from .recordings import RecordingTimes, Results
from .waves import wave_of

__all__ = [
    "CompNeuroExp", "Experiment", "Monitors", "Population", "ReqPopHasAttr", "SimInfo", "Simulation", "CompNeuroSim", "attr_ramp", "attr_sim",
    "attribute_step", "current_ramp", "current_step", "current_stim", "dt", "get_population", "get_time", "increasing_attr",
    "increasing_current", "req_pop_attr", "simulate", "step",
]  # fmt: skip


class _Active(threading.local):
    """The simulations of the experiment that runs in this thread, the innermost last."""

    def __init__(self) -> None:
        self.simulations: list[Simulation] = []


_active = _Active()


def _current() -> Simulation:
    if not _active.simulations:
        raise ConfigError("there is no simulation here: this is for the `run` of an experiment (or use `Simulation`)")
    return _active.simulations[-1]


class Population:
    """The neurons of a simulation: ``population.I_app = 5`` sets all of them, an array one value each."""

    def __init__(self, simulation: Simulation) -> None:
        object.__setattr__(self, "_simulation", simulation)

    _simulation: Simulation

    @property
    def name(self) -> str:
        """Of the population."""
        return self._simulation.name

    @property
    def size(self) -> int:
        return self._simulation.n

    @property
    def parameters(self) -> list[str]:
        return [*self._simulation._core.parameters, *self._simulation._core.inputs]

    @property
    def variables(self) -> list[str]:
        return self._simulation._core.variables

    @property
    def attributes(self) -> list[str]:
        return [*self.parameters, *self.variables]

    def get(self, name: str) -> FloatArray:
        return self._simulation.get(name)

    def set(self, values: Mapping[str, Any]) -> None:
        for name, value in values.items():
            self._simulation.set(name, value)

    def __getattr__(self, name: str) -> FloatArray:
        if name.startswith("_") or name not in self.attributes:
            raise AttributeError(f"the population `{self.name}` has no attribute `{name}`")
        return self.get(name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in self.attributes:
            raise AttributeError(f"the population `{self.name}` has no attribute `{name}`")
        self._simulation.set(name, value)

    def __len__(self) -> int:
        return self.size


class Simulation:
    """A population of one neuron model, driven step by step.

    Parameters
    ----------
    neuron : Neuron
        The model.
    n : int
        Neurons.
    dt : float
        Time step in milliseconds.
    record : list of str
        Variables, and "spike".
    recording_period : float, optional
        Milliseconds between samples; every step, if not given.
    name : str
        Of the population.
    seed : int
        Of noise in the model.
    threads : int
        0: all cores. Results do not depend on it.

    Examples
    --------
    >>> from spikesmith import neurons, waves
    >>> simulation = Simulation(neurons.Izhikevich2007(init={"v": -60}), dt=0.1, record=["v", "spike"])
    >>> simulation.start()
    >>> simulation.set("I_app", 100)
    >>> simulation.run(200)
    >>> simulation.results().recordings[0]["population;spike"]
    {0: [483, 1219, 1981]}
    """

    def __init__(
        self,
        neuron: Neuron,
        n: int = 1,
        dt: float = 1.0,
        record: Iterable[str] = (),
        recording_period: float | None = None,
        name: str = "population",
        seed: int = 0,
        threads: int = 0,
    ) -> None:
        self._core = _core.Simulation(
            model=neuron.model(name),
            n=n,
            dt=dt * 1e-3,
            method="",
            record=list(record),
            recording_interval=(recording_period or 0) * 1e-3,
            seed=seed,
            threads=threads,
        )
        self._tag: Callable[[Mapping[str, Any]], None] | None = None

    @classmethod
    def _of(cls, core: _core.Simulation, tag: Callable[[Mapping[str, Any]], None] | None = None) -> Simulation:
        made = object.__new__(cls)
        made._core, made._tag = core, tag
        return made

    @property
    def name(self) -> str:
        """Of the population."""
        return self._core.name

    @property
    def n(self) -> int:
        """Number of neurons."""
        return self._core.size

    @property
    def dt(self) -> float:
        """Milliseconds."""
        return round(self._core.dt * 1e3, 12)

    @property
    def time(self) -> float:
        """Milliseconds since the last reset."""
        return round(self._core.step * self.dt, 9)

    @property
    def population(self) -> Population:
        """The neurons as an experiment sees them."""
        return Population(self)

    def run(self, t: float, drive: Mapping[str, Any] | None = None, clamp: Mapping[str, Any] | None = None) -> None:
        """Simulates ``t`` milliseconds; ``drive`` and ``clamp`` have numbers, arrays or waves (``spikesmith.waves``) by name."""

        def waves(given: Mapping[str, Any] | None) -> dict[str, tuple[str, dict[str, Any]]]:
            made = {name: wave_of(value) for name, value in (given or {}).items()}
            return {name: (wave.kind, wave.values) for name, wave in made.items()}

        self._core.run(t * 1e-3, waves(drive), waves(clamp))

    def get(self, name: str) -> FloatArray:
        """One value per neuron."""
        return self._core.get(name)

    def set(self, name: str, value: Any) -> None:
        """One value for all neurons, or one each."""
        values = np.asarray(value, dtype=float)
        self._core.set(name, np.ascontiguousarray(np.broadcast_to(values, (self.n,)) if values.ndim == 0 else values))

    def store(self) -> None:
        """Makes the present state what ``reset`` returns to."""
        self._core.store()

    def reset(self, model: bool = True, populations: bool = True, parameters: bool = True) -> None:
        """A new chunk; the state that was stored, at time 0.

        Parameters
        ----------
        model : bool
            False: only a new chunk; time and state go on.
        populations : bool
            False: only the time returns to 0.
        parameters : bool
            False: parameters keep their values, variables return.
        """
        self._core.reset(model=model, populations=populations, parameters=parameters)

    def start(self) -> None:
        """Recording on."""
        self._core.start_recording()

    def pause(self) -> None:
        """Recording off."""
        self._core.pause_recording()

    def results(self, data: Mapping[str, Any] | None = None) -> Results:
        """Everything recorded since the last call; recording is off afterwards."""
        if self._tag is not None:
            self._tag(data or {})
        return Results(self._core.results(), self.name, data or {})

    def experiment(self, experiment: type[Experiment] | Experiment) -> Results:
        """Runs an experiment on this population, from its present state."""
        made = experiment(monitors=Monitors(self)) if isinstance(experiment, type) else experiment
        made.monitors = Monitors(self)
        self.store()
        return run_experiment(made, self)


def run_experiment(experiment: Experiment, simulation: Simulation) -> Results:
    """Runs an experiment whose monitors are those of the simulation."""
    with _activated(simulation):
        results = experiment.run(simulation.name)
    if not isinstance(results, Results):
        raise TypeError(f"`run` of the experiment returned {type(results).__name__}; end it with `return self.results()`")
    return results


@contextmanager
def _activated(simulation: Simulation) -> Iterator[None]:
    _active.simulations.append(simulation)
    try:
        yield
    finally:
        _active.simulations.pop()


class Monitors:
    """What records: switched on and off by an experiment."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        period = simulation._core.recording_interval * 1e3
        name = f"{simulation.name};{period:g}" if period else simulation.name
        self.mon_dict = {name: simulation._core.record}
        self._chunk = 0

    def start(self, compartment_list: list[str] | None = None) -> None:
        """Starts or goes on; harmless if it records already."""
        self._require(compartment_list)
        self._simulation.start()

    def pause(self, compartment_list: list[str] | None = None) -> None:
        """A start that is paused at once leaves no trace."""
        self._require(compartment_list)
        self._simulation.pause()

    def reset(self, populations: bool = True, projections: bool = False, synapses: bool = False, monitors: bool = True,
              model: bool = True, parameters: bool = True, net_id: int = 0) -> None:  # fmt: skip
        """A new chunk, and the model's reset; recording stays on or off."""
        self._chunk += 1
        self._simulation.reset(model=model, populations=populations, parameters=parameters)

    def current_chunk(self) -> int | None:
        """Resets so far, or None while nothing records."""
        return self._chunk if self._simulation._core.recording else None

    def get_recordings_and_clear(self) -> tuple[list[dict[str, Any]], RecordingTimes | None]:
        results = self._simulation.results()
        self._chunk = 0
        return results.recordings, results.recording_times

    def _require(self, compartments: list[str] | None) -> None:
        for name in compartments or []:
            if name.partition(";")[0] != self._simulation.name:
                raise ConfigError(f"`{name}` has no monitor; there is `{self._simulation.name}`")


class Experiment:
    """Base class of experiments: write ``run(self, population_name)``.

    Attributes
    ----------
    monitors : Monitors
        ``start()`` and ``pause()`` recordings.
    data : dict
        Whatever the loss or a plot needs to know; copied into the results.
    """

    def __init__(self, monitors: Monitors | None = None) -> None:
        self.monitors: Any = monitors
        self.data: dict[str, Any] = {}

    def run(self, population_name: str) -> Results:
        """What is done; begins in the state with the candidate's values at time 0, and ends with ``return self.results()``."""
        raise NotImplementedError("an experiment needs a method `run(self, population_name)`")

    def reset(
        self,
        populations: bool = True,
        projections: bool = False,
        synapses: bool = False,
        model: bool = True,
        model_state: bool = True,
        parameters: bool = True,
    ) -> None:
        """Between phases: a new chunk that begins as the experiment began.

        Parameters
        ----------
        model : bool
            False: only a new chunk; time and state go on.
        parameters : bool
            False: parameters keep what the experiment has set, variables return.
        populations : bool
            False: only the time returns to 0.
        projections, synapses : bool
            There are none; for scripts that name them.
        """
        if not model_state:
            raise ConfigError("`model_state=False` would forget the values of the candidate; leave it out")
        self._monitors().reset(populations=populations, model=model, parameters=parameters)

    def results(self) -> Results:
        """Recordings and ``data`` since the last call; recording is off afterwards."""
        return self._monitors()._simulation.results(copy.deepcopy(self.data))

    def store_model_state(self, compartment_list: list[str]) -> None:
        """Makes the present state what ``reset`` returns to."""
        monitors = self._monitors()
        monitors._require(compartment_list)
        monitors._simulation.store()

    def reset_model_state(self) -> None:
        """Not offered: a stored state is replaced by storing another one."""
        raise ConfigError("a stored state is replaced by storing another one")

    def _monitors(self) -> Monitors:
        if not isinstance(self.monitors, Monitors):
            raise ConfigError("the experiment has no monitors: run it with `Simulation.experiment` or `OptNeuron`")
        return self.monitors


CompNeuroExp = Experiment


# ---- the running simulation -----------------------------------------------------------------------------------------------------------


def simulate(duration: float) -> None:
    """Simulates ``duration`` milliseconds of the running experiment."""
    _current().run(duration)


def step() -> None:
    """One time step."""
    _current().run(_current().dt)


def dt() -> float:
    """The time step of the running experiment in milliseconds."""
    return _current().dt


def get_time() -> float:
    """Milliseconds since the last reset."""
    return _current().time


def get_population(name: str) -> Population:
    """The population of the running experiment."""
    simulation = _current()
    if name != simulation.name:
        raise ConfigError(f"there is no population `{name}` here; this is `{simulation.name}`")
    return simulation.population


# ---- protocols ------------------------------------------------------------------------------------------------------------------------


def _steps(t: float) -> int:
    return int(round(t / _current().dt))


def attr_sim(pop: str, attr_dict: Mapping[str, Any], t: float = 500) -> dict[str, FloatArray]:
    """Sets attributes, simulates ``t`` ms, gives them their former values; returns the values per step."""
    population = get_population(pop)
    before = {name: population.get(name) for name in attr_dict}
    population.set(attr_dict)
    simulate(t)
    population.set(before)
    return {name: np.full(_steps(t), value) for name, value in attr_dict.items()}


def attribute_step(pop: str, attr: str, t1: float = 500, t2: float = 500, v1: float = 0, v2: float = 100) -> dict[str, Any]:
    """``v1`` for ``t1`` ms, then ``v2`` for ``t2`` ms."""
    parts = [attr_sim(pop, {attr: value}, t)[attr] for value, t in ((v1, t1), (v2, t2))]
    return {"duration": t1 + t2, "v_arr": np.concatenate(parts)}


def attr_ramp(pop: str, attr: str, v0: float, v1: float, dur: float, n: int) -> dict[str, Any]:
    """``n`` plateaus from ``v0`` to ``v1`` within ``dur`` ms; a plateau must be a whole number of steps."""
    if n < 2:
        raise ValueError("a ramp needs at least two plateaus")
    steps = dur / n / _current().dt
    if abs(steps - round(steps)) > 1e-6 * steps or round(steps) < 1:
        raise ValueError(f"a plateau of {dur / n:g} ms is no whole number of steps of {_current().dt:g} ms")
    dv = (v1 - v0) / (n - 1)
    values = np.repeat([v0 + k * dv for k in range(n)], round(steps))
    _current().run(dur, drive={attr: values})
    return {"dv": dv, "dur_stim": dur / n, "v_arr": values}


def increasing_attr(pop: str, attr: str, v0: float, dv: float, nr_steps: int, dur_step: float) -> dict[str, Any]:
    """A staircase of ``nr_steps`` plateaus of ``dur_step`` ms."""
    levels = [v0 + k * dv for k in range(nr_steps)]
    parts = [attr_sim(pop, {attr: level}, dur_step)[attr] for level in levels]
    return {"attr_list": levels, "v_arr": np.concatenate(parts)}


def current_step(pop: str, t1: float = 500, t2: float = 500, a1: float = 0, a2: float = 100) -> dict[str, Any]:
    """``attribute_step`` of ``I_app``."""
    done = attribute_step(pop, "I_app", t1, t2, a1, a2)
    return {"duration": done["duration"], "current_arr": done["v_arr"]}


def current_stim(pop: str, t: float = 500, a: float = 100) -> FloatArray:
    """One plateau of ``I_app``."""
    return attr_sim(pop, {"I_app": a}, t)["I_app"]


def current_ramp(pop: str, a0: float, a1: float, dur: float, n: int) -> dict[str, Any]:
    """``attr_ramp`` of ``I_app``."""
    done = attr_ramp(pop, "I_app", a0, a1, dur, n)
    return {"da": done["dv"], "dur_stim": done["dur_stim"], "current_arr": done["v_arr"]}


def increasing_current(pop: str, a0: float, da: float, nr_steps: int, dur_step: float) -> dict[str, Any]:
    """``increasing_attr`` of ``I_app``."""
    done = increasing_attr(pop, "I_app", a0, da, nr_steps, dur_step)
    return {"current_list": done["attr_list"], "current_arr": done["v_arr"]}


# ---- simulations with a description ---------------------------------------------------------------------------------------------------


class ReqPopHasAttr:
    """The requirement that a population has an attribute."""

    def __init__(self, pop: str, attr: str | list[str]) -> None:
        self.pop, self.attributes = pop, [attr] if isinstance(attr, str) else list(attr)

    def run(self) -> None:
        known = get_population(self.pop).attributes
        for name in self.attributes:
            if name not in known:
                raise ValueError(f"the population `{self.pop}` has no attribute `{name}`")


req_pop_attr = ReqPopHasAttr


class SimInfo:
    """What a ``CompNeuroSim`` did: a list per run of start, end, arguments, what the function returned, chunk."""

    def __init__(self, name: str, description: str, simulation_function: str, runs: list[dict[str, Any]]) -> None:
        self.name, self.description, self.simulation_function = name, description, simulation_function
        self.start = [run["start"] for run in runs]
        self.end = [run["end"] for run in runs]
        self.info = [run["info"] for run in runs]
        self.kwargs = [run["kwargs"] for run in runs]
        self.monitor_chunk = [run["chunk"] for run in runs]

    def get_current_arr(self, dt: float, flat: bool = False) -> Any:
        """The injected current of every run, or of all of them one after another."""
        arrays = []
        for info in self.info:
            if isinstance(info, Mapping) and "current_arr" in info:
                arrays.append(np.asarray(info["current_arr"]))
            elif isinstance(info, np.ndarray):
                arrays.append(info)
            else:
                raise ValueError(f"`{self.simulation_function}` tells of no current")
        return np.concatenate(arrays) if flat else arrays


class CompNeuroSim:
    """A simulation function with arguments, run once or repeatedly inside an experiment."""

    def __init__(
        self,
        simulation_function: Callable[..., Any],
        simulation_kwargs: Mapping[str, Any] | None = None,
        name: str = "simulation",
        description: str = "",
        requirements: list[dict[str, Any]] | None = None,
        kwargs_warning: bool = False,
        monitor_object: Monitors | None = None,
    ) -> None:
        self._function, self._kwargs = simulation_function, dict(simulation_kwargs or {})
        self.name, self.description = name, description
        self._requirements, self._warn, self._monitors = requirements or [], kwargs_warning, monitor_object
        self._runs: list[dict[str, Any]] = []

    def run(self, simulation_kwargs: Mapping[str, Any] | None = None) -> Any:
        """Runs with the given arguments over those from the beginning; returns what the function returns."""
        kwargs = {**self._kwargs, **(simulation_kwargs or {})}
        if self._warn and simulation_kwargs:
            warnings.warn(f"{self.name} runs with other arguments: {dict(simulation_kwargs)}", stacklevel=2)
        for requirement in self._requirements:
            arguments = {key: _resolved(value, kwargs) for key, value in requirement.items() if key != "req"}
            requirement["req"](**arguments).run()
        start = get_time()
        info = self._function(**kwargs)
        chunk = self._monitors.current_chunk() if self._monitors is not None else None
        self._runs.append({"start": start, "end": get_time(), "info": info, "kwargs": kwargs, "chunk": chunk})
        return info

    def simulation_info(self) -> SimInfo:
        return SimInfo(self.name, self.description, self._function.__name__, list(self._runs))


def _resolved(value: Any, kwargs: Mapping[str, Any]) -> Any:
    """``"simulation_kwargs.<name>[.<attribute>...]"`` as what it names."""
    if not isinstance(value, str) or not value.startswith("simulation_kwargs."):
        return value
    name, *attributes = value.removeprefix("simulation_kwargs.").split(".")
    found = kwargs[name]
    for attribute in attributes:
        found = getattr(found, attribute)
    return found


