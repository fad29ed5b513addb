"""A model with its recordings: what the fitters and the Inferencer have in common."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Mapping
from types import EllipsisType
from typing import Any

import numpy as np

from . import _core
from ._borders import SECOND, Maker, plain_number, si, si_number, split
from ._model import ModelText, NeuronText, caller_namespace, equations_text, output_maker, parameters_by_eye, series
from .equations import Equations
from .errors import UnitError
from .neuron import Neuron
from .units import DIMENSIONLESS, Dimension, Exponents, _name, _same

__all__ = ["Problem", "input_dictionary", "output_dictionary"]


class Problem:
    """Model, recordings, constants; checks them, and simulates with given parameters."""

    _online = False

    def __init__(
        self,
        *,
        model: Any,
        input: Mapping[str, Any],
        output: Mapping[str, Any],
        spikes: list[Any] | None,
        dt: Any,
        n_samples: int,
        method: str | None,
        threshold: str | None,
        reset: str | None,
        refractory: Any,
        param_init: Mapping[str, Any] | None,
        penalty: str | None,
        use_units: bool,
        namespace: Mapping[str, Any] | None,
        seed: int,
        threads: int,
        trace_weights: Any,
        frame: Mapping[str, Any],
    ) -> None:
        self._neuron = model if isinstance(model, Neuron) else None
        self._equations = equations_text(model) if self._neuron is None else ""
        self.dt = dt
        self._dt = si_number(dt, SECOND, "dt", required=True)
        if not self._dt > 0:
            raise ValueError("dt must be positive")
        self.n_samples: Any = n_samples
        self.method, self.threshold, self.reset, self.refractory = method, threshold, reset, refractory
        self.param_init, self.penalty, self.use_units = param_init, penalty, use_units
        self.seed, self.threads = seed, threads
        self._plain_namespace = namespace is not None
        self._trace_weights = [] if trace_weights is None else [float(w) for w in trace_weights]

        makers: list[Maker | None] = []
        self._inputs, dims = [], {}
        for name, values in input.items():
            rows, dim, maker = series(values)
            self._inputs.append((name, rows, [self._dt]))
            dims[name] = dim
            makers.append(maker)
        self._outputs, self._output_dims = [], {}
        for name, values in output.items():
            rows, dim, maker = series(values)
            self._outputs.append((name, rows, [self._dt]))
            self._output_dims[name] = dim
            makers.append(maker)
        self._spikes = None
        if spikes is not None:
            trains = [split(train) for train in spikes]
            makers += [maker for _, _, maker in trains]
            self._spikes = [np.ascontiguousarray(si(train, SECOND, "spike times")).reshape(-1) for train in spikes]
        makers.append(split(dt)[2])
        self._make = output_maker(makers, True)
        self.simulator = None  # there is none to be set up
        self.input, self.output_var = dict(input), [*output, *(["spikes"] if spikes is not None else [])]
        self.output = [*output.values(), *([spikes] if spikes is not None else [])]

        rows = self._inputs[0][1] if self._inputs else self._outputs[0][1]
        self.n_traces = len(rows)
        self._n_steps = max(len(row) for row in rows)
        if self._spikes is not None and len(self._spikes) != self.n_traces:
            raise ValueError(f"there are {len(self._spikes)} spike trains for {self.n_traces} input traces")
        self._text: ModelText | NeuronText
        if self._neuron is None:
            self._text = ModelText(self._equations, dims, list(output), threshold, reset, refractory, param_init)
        else:
            if threshold is not None or reset is not None or refractory not in (None, False):
                raise TypeError("a Neuron has its spike condition, reset and refractory time")
            self._text = NeuronText(self._neuron, list(dims), list(output), param_init)
        self._namespace = self._text.capture(frame if namespace is None else namespace)
        self._check_names()
        parsed = self._text.try_parse(self._namespace)
        self.parameter_names = self._declared(parsed)
        if parsed is not None:
            self._check_outputs(parsed)
        self._warned: set[str] = set()
        self._core: _core.Fitter | None = None  # the one that was used last
        self._made: list[tuple[Any, _core.Model, _core.Fitter]] = []  # with what they were made of; the last used first
        self._used_penalty = penalty
        self._parsed = parsed

    # --- what is known before anything is simulated -----------------------------------------------------------------------------------

    @property
    def duration(self) -> Any:
        """Of the longest trace."""
        return self._make(self._n_steps * self._dt, SECOND)

    @property
    def n_neurons(self) -> int:
        """Samples times traces."""
        return int(self.n_samples * self.n_traces)

    @property
    def model(self) -> Equations | Neuron:
        """The equations, with inputs and targets (``v_target``); a neuron as it was given."""
        if self._neuron is not None:
            return self._neuron
        known = {} if self._parsed is None else {name: tuple(dim) for name, dim in self._parsed.inputs}
        dims = {name: known.get(name, dim or DIMENSIONLESS) for name, dim in self._text.inputs.items()}
        equations = Equations(self._equations)
        targets = {f"{name}_target": equations[name].dim for name, _, _ in self._outputs if name in equations}
        return equations.with_inputs({**dims, **targets})

    @property
    def input_traces(self) -> Any:
        """The recordings of the first input."""
        return next(iter(self.input.values()), None)

    @property
    def output_dim(self) -> list[Exponents]:
        """Exponents of the dimensions of the outputs; of seconds for spikes."""
        model = self.model
        if isinstance(model, Neuron):
            return [SECOND if name == "spikes" else DIMENSIONLESS for name in self.output_var]
        return [Dimension(SECOND if name == "spikes" else model[name].dim) for name in self.output_var]

    def _check_names(self) -> None:
        if self._neuron is not None:
            known = _known(self._neuron.model())
            for name in self._output_dims:
                if name not in known:
                    raise NameError(f"{name} is not a model variable")
            return
        text = self._equations
        for name in self._text.inputs:
            if not _occurs(name, text):
                raise NameError(f"{name} is not an identifier in the model")
        defined = _defined(text)
        for name in self._output_dims:
            if name not in defined:
                raise NameError(f"{name} is not a model variable")
        for name in self.param_init or {}:
            if name not in defined:
                raise ValueError(f"{name} is not a model variable or a parameter in the model")
        for name in self._text.inputs:
            if name in defined and name not in parameters_by_eye(text):
                raise NameError(f"{name} is not an identifier in the model: it is defined there")

    def _declared(self, parsed: _core.Model | None) -> list[str]:
        if parsed is None:
            names = parameters_by_eye(self._equations)
        else:
            names = [name for name, _ in parsed.parameters]
        return [name for name in names if name not in self._text.inputs]

    def _check_outputs(self, parsed: _core.Model) -> None:
        dims = {name: tuple(dim) for name, dim in [*parsed.states, *parsed.subexpressions, *parsed.parameters]}
        for name, dim in self._output_dims.items():
            if dim is not None and not _same(dim, dims[name]):
                raise UnitError(f"the recorded {name} is {_name(dim)}, but {name} is {_name(dims[name])} in the model")
        dims |= {name: tuple(dim) for name, dim in parsed.inputs}
        for name, rows, _ in [*self._inputs, *self._outputs]:
            given = {**self._text.inputs, **self._output_dims}[name]
            if self.use_units and given is None and not _same(dims[name], DIMENSIONLESS) and any(np.any(row) for row in rows):
                raise UnitError(f"{name} is {_name(dims[name])}, but its recording has no unit; use_units=False takes plain SI numbers")

    def _search_in_neuron(self, names: Iterable[str]) -> None:
        """Parameters of a neuron, which all have values, are searched where there are bounds for them."""
        free = list(names)
        if isinstance(self._text, NeuronText) and free != self._text.free:
            self._text.free = free

    def _built(self, frame: Mapping[str, Any], penalty: str | EllipsisType | None = ..., fresh: bool = False) -> _core.Fitter:
        """The core's fitter of the problem with the constants and attributes of now.

        ``penalty``: from now on, if given. ``fresh``: one that was never used.
        """
        if isinstance(penalty, EllipsisType):
            penalty = self._used_penalty
        if not self._plain_namespace:
            self._namespace |= self._text.capture(frame)
        self._text.set_initial(self.param_init)
        state = (self._text.state(self._namespace), penalty, self.n_samples, self.method, self.seed, self.threads)
        made = next((one for one in self._made if one[0] == state), None)
        if made is None:
            parsed, notes = self._text.parse(self._namespace)
            for note in notes:
                warnings.warn(note, stacklevel=4)
            self._check_outputs(parsed)
            made = (state, parsed, self._make_core(parsed, penalty))
        elif fresh:
            made = (state, made[1], self._make_core(made[1], penalty))
        self._used_penalty = penalty
        # two of them, so that generate may alternate with fit
        self._made = [made, *[one for one in self._made if one[0] != state][:1]]
        if self._parsed is not made[1]:
            self._parsed = made[1]
            self.parameter_names = self._declared(self._parsed)
        self._core = made[2]
        return made[2]

    def _make_core(self, parsed: _core.Model, penalty: str | None) -> _core.Fitter:
        core = _core.Fitter(
            model=parsed,
            inputs=self._inputs,
            outputs=self._outputs,
            spikes=self._spikes,
            dt=self._dt,
            duration=0.0 if self._inputs or self._outputs else self._n_steps * self._dt,
            n_samples=self.n_samples or 0,
            method=self.method or "",
            penalty=penalty or "",
            online_only=self._online,
            threads=self.threads,
            seed=self.seed,
            trace_weights=self._trace_weights,
        )
        self._warn(core.warnings, stacklevel=6)
        return core

    def _warn(self, texts: Iterable[str], stacklevel: int) -> None:
        """Of each text once."""
        for text in texts:
            if text not in self._warned:
                self._warned.add(text)
                warnings.warn(text, stacklevel=stacklevel)

    def _require_parsed(self) -> _core.Model:
        assert self._parsed is not None
        return self._parsed

    def _parsed_initial(self) -> set[str]:
        return set(self._require_parsed().initial_names)

    def _parameter_dims(self) -> dict[str, Exponents]:
        return {name: tuple(dim) for name, dim in self._require_parsed().parameters}

    def _maker(self, use_units: bool | None = None) -> Maker:
        return self._make if (self.use_units if use_units is None else use_units) else plain_number

    def _best_values(self) -> dict[str, float] | None:
        """The parameters that are used where none are given, SI."""
        return None

    # --- generate -----------------------------------------------------------------------------------------------------

    def generate(
        self,
        output_var: str | list[str] | None = None,
        params: Mapping[str, Any] | None = None,
        param_init: Mapping[str, Any] | None = None,
        iteration: float = 1e9,
        level: int = 0,
    ) -> Any:
        """Simulates all traces with one parameter set (the best one, if none is given).

        Parameters
        ----------
        output_var : str or list of str, optional
            States, subexpressions, parameters, recordings (``v_target``) or "spikes"; the fitted outputs, if not given.
        params : dict, optional
            Values of parameters; those not named have their best value.
        param_init : dict, optional
            Initial values for this simulation, besides those of the fitter.
        iteration : float
            The model's ``iteration``.

        Returns
        -------
        array, list or dict
            One output: n_traces x n_steps (a list of spike time arrays for "spikes"); several: a dictionary.
        """
        return self._generate(output_var, params, param_init, iteration, caller_namespace(level + 1))

    def _generate(self, output_var: Any, params: Any, param_init: Any, iteration: float, frame: Mapping[str, Any]) -> Any:
        core = self._built(frame)
        names = self.output_var if output_var is None else [output_var] if isinstance(output_var, str) else list(output_var)
        dims = self._parameter_dims()
        values: dict[str, float] = {}
        if params is None and self._best_values() is None:
            raise RuntimeError("there are no best parameters before a fit: give `params`")
        for name, value in (params or {}).items():
            if name not in dims:
                raise KeyError(f"{name} is not a parameter of the model")
            values[name] = si_number(value, dims[name], name)
        values = {**{n: v for n, v in (self._best_values() or {}).items() if n in dims}, **values}
        if param_init:
            parsed, _ = self._text.parse({**self._namespace, **self._text.capture(frame, param_init)}, param_init)
            values = {name: value for name, value in values.items() if name not in (param_init or {})}
            core = self._make_core(parsed, None)
        known = _known(self._require_parsed())
        constants = [name for name in names if name in dims]
        targets = {f"{name}_target": (rows, known[name]) for name, rows, _ in self._outputs}
        for name in names:
            if name != "spikes" and name not in known and name not in targets:
                raise KeyError(f"{name} is not a variable of the model")
        if "spikes" in names and not self._require_parsed().has_threshold:
            raise ValueError("spikes need a threshold")
        recorded = [name for name in names if name != "spikes" and name not in constants and name not in targets]
        traces, spikes, steps = core.generate(recorded or list(known)[:1], values, {}, iteration)
        generated: dict[str, Any] = {}
        for name in names:
            if name == "spikes":
                generated[name] = list(spikes)
            elif name in targets:
                rows, dim_of_rows = targets[name]
                padded = [np.pad(row, (0, max(steps) - len(row)), constant_values=np.nan) for row in rows]
                generated[name] = self._make(np.array(padded), dim_of_rows)
            elif name in constants:
                value = values[name] if name in values else (self._best_values() or {})[name]
                generated[name] = self._make(np.full((self.n_traces, max(steps)), value), dims[name])
            else:
                array, dim = traces[name]
                generated[name] = self._make(array, tuple(dim))
        return generated[names[0]] if len(names) == 1 else generated


def _known(parsed: _core.Model) -> dict[str, Exponents]:
    """Dimensions of all variables."""
    return {name: tuple(dim) for name, dim in [*parsed.states, *parsed.subexpressions, *parsed.parameters, *parsed.inputs]}


def _occurs(name: str, text: str) -> bool:
    return re.search(rf"(?<![\w.]){re.escape(name)}(?!\w)", text) is not None


def _defined(text: str) -> set[str]:
    names = set(parameters_by_eye(text))
    names |= set(re.findall(r"^\s*d(\w+)\s*/\s*dt\s*=", text, re.MULTILINE))
    names |= set(re.findall(r"^\s*(\w+)\s*=", text, re.MULTILINE))
    return names


def output_dictionary(argument: str, bare: Any, names: Any, kind: str) -> dict[str, Any]:
    """``input_var=``/``output_var=`` beside ``input=``/``output=``, as before dictionaries."""
    names = [names] if isinstance(names, str) else list(names)
    if isinstance(bare, Mapping):
        if set(bare) != set(names):
            raise ValueError(f"`{argument}` names {names}, but `{kind}` has {list(bare)}")
        return dict(bare)
    warnings.warn(f"`{argument}` is not needed: give `{kind}` as a dictionary", DeprecationWarning, stacklevel=4)
    if len(names) == 1 and not (isinstance(bare, (list, tuple)) and kind == "output" and len(bare) == 1 and np.ndim(bare[0]) == 2):
        return {names[0]: bare}
    if len(names) != len(bare):
        raise ValueError(f"`{argument}` has {len(names)} names, `{kind}` {len(bare)} entries")
    return dict(zip(names, bare))


def input_dictionary(input: Any, input_var: str | None) -> dict[str, Any]:
    if input_var is not None:
        return output_dictionary("input_var", input, input_var, "input")
    if not isinstance(input, Mapping):
        raise TypeError("input must be a dictionary: {name: array}")
    return dict(input)
