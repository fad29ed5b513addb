"""TraceFitter, SpikeFitter, OnlineTraceFitter: find the parameters with which a model comes closest to recordings."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from ._fitting import Fitter
from ._model import caller_namespace
from ._problem import input_dictionary, output_dictionary
from .metrics import GammaFactor, MSEMetric
from .units import second

__all__ = ["Fitter", "TraceFitter", "SpikeFitter", "OnlineTraceFitter"]


class _MetricFitter(Fitter):
    """A fitter whose ``fit`` takes metrics."""

    def fit(
        self,
        optimizer: Any = None,
        metric: Any = None,
        n_rounds: int = 1,
        callback: Any = "text",
        restart: bool = False,
        start_iteration: int | None = None,
        penalty: str | None = None,
        level: int = 0,
        *,
        bounds: Mapping[str, Any] | None = None,
        checkpoint: Any = None,
        resume: bool = False,
        **params: Any,
    ) -> tuple[Any, Any]:
        """Searches for the best parameters.

        Parameters
        ----------
        optimizer : Optimizer or str, optional
            Chosen by the problem, if not given; the present one when continuing.
        metric : Metric or dict, optional
            For all outputs, or by output; if not given, MSEMetric, or for spikes GammaFactor with a ``delta`` of 2 ms (a quarter of
            the mean interval where that is shorter than 4 ms).
        n_rounds : int
        callback : {'text', 'progressbar', None} or callable
        restart : bool
            Forgets earlier rounds; else the search goes on.
        start_iteration : int, optional
            Value of the model's ``iteration`` in the first round.
        penalty : str, optional
        bounds : dict, optional
            ``{parameter: [low, high]}``, for parameters that are named like an argument.
        checkpoint : path, optional
            Written after each round.
        resume : bool
            Goes on from the checkpoint, if there is one: with the same arguments the result is that of an uninterrupted run, bit for bit.
            ``n_rounds`` counts what was done before. A file of another problem is refused.
        **params
            Bounds by parameter.

        Returns
        -------
        best_params : dict
        best_error : quantity or float
        """
        frame = caller_namespace(level + 1)
        return self._fit(
            optimizer, metric, n_rounds, callback, restart, start_iteration, penalty, frame, {**(bounds or {}), **params}, checkpoint, resume
        )


class TraceFitter(_MetricFitter):
    """Fits traces: membrane potentials, currents, any variable of the model.

    Parameters
    ----------
    model : str or Neuron
        Equations in Brian 2's language, or a neuron in ANNarchy's, whose parameters all have values: those with bounds are fitted.
    input : dict
        ``{name: array}``, each n_traces x n_steps (a list of arrays for traces of different length).
    output : dict
        ``{variable: array}`` of recorded traces; several are fitted at once.
    dt : time
        Sampling interval and simulation step.
    n_samples : int
        Parameter sets per round.
    method : str, optional
        Integration method; chosen by the equations, if not given.
    threshold, reset, refractory : str, optional
    param_init : dict, optional
        Initial values: numbers, quantities or expressions. A parameter that has one is not fitted.
    penalty : str, optional
        A variable whose value at the end is added to the error (mean over traces).
    use_units : bool
        Whether results are quantities (of the package whose quantities came in) or plain SI numbers.
    namespace : dict, optional
        Constants of the model; if not given, those of the calling script.
    seed : int
        Same seed, same numbers.
    threads : int
        0: all cores. Results do not depend on it.
    trace_weights : sequence of float, optional
        Of the traces in the error.

    Examples
    --------
    >>> import numpy as np
    >>> from spikesmith.units import *
    >>> current = np.full((1, 100), 1.0)*nA
    >>> voltage = (1 - np.exp(-np.arange(100)*0.1/10)).reshape(1, -1)*20*mV
    >>> fitter = TraceFitter(model='''dv/dt = (R*I - v)/tau : volt
    ...                               R : ohm (constant)
    ...                               tau : second (constant)''',
    ...                      input={'I': current}, output={'v': voltage}, dt=0.1*ms, n_samples=30)
    >>> params, error = fitter.fit(n_rounds=40, callback=None, R=[1*Mohm, 100*Mohm], tau=[1*ms, 50*ms])
    >>> print(f"{params['R']/Mohm:.2f} {params['tau']/ms:.2f}")
    20.00 10.00
    """

    _kind = "TraceFitter"

    def __init__(
        self,
        model: Any,
        input: Any,
        output: Any,
        dt: Any,
        n_samples: int = 60,
        input_var: str | None = None,
        output_var: Any = None,
        method: str | None = None,
        reset: str | None = None,
        refractory: Any = False,
        threshold: str | None = None,
        param_init: Mapping[str, Any] | None = None,
        penalty: str | None = None,
        use_units: bool = True,
        *,
        namespace: Mapping[str, Any] | None = None,
        seed: int = 0,
        threads: int = 0,
        trace_weights: Any = None,
        _level: int = 0,
    ) -> None:
        inputs = input_dictionary(input, input_var)
        if output_var is not None:
            outputs = output_dictionary("output_var", output, output_var, "output")
        elif isinstance(output, Mapping):
            outputs = dict(output)
        else:
            raise TypeError("output must be a dictionary: {variable: array}")
        if not outputs:
            raise ValueError("there is nothing to fit: `output` is empty")
        spikes = outputs.pop("spikes", None)
        super().__init__(
            model=model, input=inputs, output=outputs, spikes=spikes, dt=dt, n_samples=n_samples, method=method, threshold=threshold,
            reset=reset, refractory=refractory, param_init=param_init, penalty=penalty, use_units=use_units, namespace=namespace,
            seed=seed, threads=threads, trace_weights=trace_weights, frame=caller_namespace(_level + 1),
        )  # fmt: skip
        for name, rows, _ in self._outputs:
            stimulus = self._inputs[0][1] if self._inputs else rows
            if [len(r) for r in rows] != [len(r) for r in stimulus]:
                raise ValueError(
                    f"Input and output must have the same size: `{name}` has {len(rows)} traces of {len(rows[0])} samples, "
                    f"the input {len(stimulus)} of {len(stimulus[0])}"
                )

    def generate_traces(
        self, params: Mapping[str, Any] | None = None, param_init: Mapping[str, Any] | None = None, iteration: float = 1e9, level: int = 0
    ) -> Any:
        """The fitted outputs with one parameter set; see :meth:`generate`."""
        return self._generate(None, params, param_init, iteration, caller_namespace(level + 1))


class SpikeFitter(_MetricFitter):
    """Fits spike trains.

    Parameters
    ----------
    model : str
    input : dict or array
        ``{name: array}``, or the array of the input ``input_var``.
    output : list of arrays, or dict
        Spike times of each trace (``{'spikes': [...]}`` works too), in any order. What is before its start or after its end is left out,
        with a warning.
    dt : time
    reset, threshold : str
    input_var : str
        'I', if the input is not a dictionary.
    Others
        See :class:`TraceFitter`.
    """

    _kind = "SpikeFitter"

    def __init__(
        self,
        model: Any,
        input: Any,
        output: Any,
        dt: Any,
        reset: str | None,
        threshold: str | None,
        input_var: str | None = "I",
        refractory: Any = False,
        n_samples: int = 30,
        method: str | None = None,
        param_init: Mapping[str, Any] | None = None,
        penalty: str | None = None,
        use_units: bool = True,
        *,
        namespace: Mapping[str, Any] | None = None,
        seed: int = 0,
        threads: int = 0,
        trace_weights: Any = None,
        _level: int = 0,
    ) -> None:
        if isinstance(input, Mapping):
            if input_var not in (None, "I") and input_var not in input:
                raise ValueError(f"`input_var` is {input_var}, but `input` has {list(input)}")
            inputs = dict(input)
        else:
            inputs = {input_var or "I": input}
        if isinstance(output, Mapping):
            if set(output) != {"spikes"}:
                raise NameError("the output of a SpikeFitter is 'spikes'; a TraceFitter fits traces and spikes together")
            output = output["spikes"]
        if output is None or np.ndim(output[0] if len(output) else 0) == 0:
            raise TypeError("output must be a list of spike time arrays, one per trace")
        super().__init__(
            model=model, input=inputs, output={}, spikes=list(output), dt=dt, n_samples=n_samples, method=method, threshold=threshold,
            reset=reset, refractory=refractory, param_init=param_init, penalty=penalty, use_units=use_units, namespace=namespace,
            seed=seed, threads=threads, trace_weights=trace_weights, frame=caller_namespace(_level + 1),
        )  # fmt: skip

    def _default_metric(self) -> Any:
        delta, spikes = 0.002, self._spikes or []
        lasts = [len(row) * self._dt for row in self._inputs[0][1]]
        rate = max((np.sum((train >= 0) & (train < time)) / time for train, time in zip(spikes, lasts)), default=0.0)
        if 2 * delta * rate >= 1:  # as many coincidences by chance as there can be
            delta = 0.25 / rate
            warnings.warn(f"The spikes are too dense for a Gamma factor with delta = 2 ms: it is {1e3 * delta:.3g} ms.", stacklevel=4)
        return GammaFactor(delta=delta * second, time=lasts[0] * second if len(set(lasts)) == 1 else None)

    def generate_spikes(
        self, params: Mapping[str, Any] | None = None, param_init: Mapping[str, Any] | None = None, iteration: float = 1e9, level: int = 0
    ) -> Any:
        """Spike times (seconds) of each trace with one parameter set; see :meth:`generate`."""
        return self._generate("spikes", params, param_init, iteration, caller_namespace(level + 1))


class OnlineTraceFitter(Fitter):
    """A TraceFitter whose errors are certain to be computed while simulating, so that memory does not grow with traces.

    Every fitter does so where its metric allows; this one refuses other metrics. The error is that of MSEMetric with ``t_start``.
    """

    _kind = "OnlineTraceFitter"
    _online = True

    def __init__(
        self,
        model: Any,
        input_var: str | None = None,
        input: Any = None,
        output_var: Any = None,
        output: Any = None,
        dt: Any = None,
        n_samples: int = 30,
        method: str | None = None,
        reset: str | None = None,
        refractory: Any = False,
        threshold: str | None = None,
        param_init: Mapping[str, Any] | None = None,
        t_start: Any = None,
        penalty: str | None = None,
        use_units: bool = True,
        *,
        namespace: Mapping[str, Any] | None = None,
        seed: int = 0,
        threads: int = 0,
        trace_weights: Any = None,
        _level: int = 0,
    ) -> None:
        inputs = dict(input) if isinstance(input, Mapping) else {input_var or "I": input}
        if isinstance(output, Mapping):
            outputs = dict(output)
        elif isinstance(output_var, str):
            outputs = {output_var: output}
        else:
            raise TypeError("output must be {variable: array}, or an array with the name of its variable in `output_var`")
        self.t_start = t_start if t_start is not None else 0 * second
        super().__init__(
            model=model, input=inputs, output=outputs, spikes=None, dt=dt, n_samples=n_samples, method=method, threshold=threshold,
            reset=reset, refractory=refractory, param_init=param_init, penalty=penalty, use_units=use_units, namespace=namespace,
            seed=seed, threads=threads, trace_weights=trace_weights, frame=caller_namespace(_level + 1),
        )  # fmt: skip

    def _default_metric(self) -> Any:
        return MSEMetric(t_start=self.t_start)

    def fit(
        self,
        optimizer: Any = None,
        n_rounds: int = 1,
        callback: Any = "text",
        restart: bool = False,
        start_iteration: int | None = None,
        penalty: str | None = None,
        level: int = 0,
        *,
        bounds: Mapping[str, Any] | None = None,
        checkpoint: Any = None,
        resume: bool = False,
        **params: Any,
    ) -> tuple[Any, Any]:
        """See :meth:`TraceFitter.fit`."""
        if "metric" in params and "metric" not in self.parameter_names:
            raise TypeError("an OnlineTraceFitter has its own metric, the mean squared error; a TraceFitter takes any")
        frame = caller_namespace(level + 1)
        return self._fit(
            optimizer, None, n_rounds, callback, restart, start_iteration, penalty, frame, {**(bounds or {}), **params}, checkpoint, resume
        )

    def generate_traces(self, params: Mapping[str, Any] | None = None, param_init: Mapping[str, Any] | None = None, level: int = 0) -> Any:
        """The fitted output with one parameter set; see :meth:`generate`."""
        return self._generate(None, params, param_init, 1e9, caller_namespace(level + 1))
