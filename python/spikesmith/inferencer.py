"""Inferencer: the posterior of a model's parameters given recordings, learned from simulations."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from . import _core, _pairplots, plots
from ._borders import FloatArray
from ._features import windows_of
from ._inference_options import checked_features, inference_options, method_and_models, posterior_options, training_options
from ._model import NeuronText, caller_namespace
from ._progress import Progress, inference_progress
from ._problem import Problem
from .errors import ConfigError, DataError
from .posterior import Assessment, Posterior, Prior, _Arguments, prior_argument

__all__ = ["Inference", "Inferencer"]


class Inference:
    """What :meth:`Inferencer.init_inference` gives: the method and the networks, to be handed to the next steps."""

    def __init__(self, method: str, models: Sequence[str]) -> None:
        self.method, self.models = method, list(models)

    def __repr__(self) -> str:
        return f"{self.method} with {', '.join(self.models)}" if self.models else self.method


class Inferencer(Problem):
    """The posterior of the parameters of a model given recordings.

    Parameters
    ----------
    dt, model, input, output, method, threshold, reset, refractory, param_init
        See :class:`TraceFitter`. Spike trains are the output ``'spikes'``.
    features : dict, optional
        ``{output: [features]}``: functions of one trace (or array of spike times) that give one number, or of many traces
        (:func:`spikesmith.vectorized`), or names of :func:`spikesmith.feature_names`. Not given: the samples of the traces.
    stim_times : (start, end), or one for each trace
        Times (or plain seconds), needed for features by name.
    mode, settings
        Of features by name, see :func:`spikesmith.features`.
    volts_per_unit : number, optional
        Of an output without unit: 1e-3 if it is in mV.
    use_units, namespace, seed, threads
        See :class:`TraceFitter`.
    progress : bool or callable, optional
        Bars of simulations and epochs, with the time that is left; in terminals and notebooks, if not given.

    Attributes
    ----------
    param_names : list of str
        Sorted; the columns of theta.
    x_o : array
        Features of the recordings: by output, by trace, by feature.
    posterior : Posterior or None
    theta, x, samples : array or None
        Parameters and features of the last simulations; the last draws.

    Examples
    --------
    >>> import numpy as np
    >>> from spikesmith.units import *
    >>> inferencer = Inferencer(dt=0.1*ms, model='''dv/dt = (R*I - v)/(10*ms) : volt
    ...                                             R : ohm (constant)''',
    ...                         input={'I': np.full((1, 100), 1.0)*nA}, output={'v': np.linspace(0, 12.6, 100).reshape(1, -1)*mV},
    ...                         features={'v': [lambda v: v[-1]]})
    >>> posterior = inferencer.infer(n_samples=200, density_estimator_model='mdn', train_kwargs={'max_num_epochs': 50},
    ...                              R=[1*Mohm, 50*Mohm])
    >>> inferencer.sample((100,)).shape
    (100, 1)
    """

    def __init__(
        self,
        dt: Any,
        model: Any,
        input: Mapping[str, Any],
        output: Mapping[str, Any],
        features: Mapping[str, Sequence[Any]] | None = None,
        method: str | None = None,
        threshold: str | None = None,
        reset: str | None = None,
        refractory: Any = False,
        param_init: Mapping[str, Any] | None = None,
        *,
        stim_times: Any = None,
        mode: str = "efel",
        settings: Mapping[str, float] | None = None,
        volts_per_unit: float = 1.0,
        use_units: bool = True,
        namespace: Mapping[str, Any] | None = None,
        seed: int = 0,
        threads: int = 0,
        progress: bool | Progress | None = None,
        _level: int = 0,
    ) -> None:
        for name, given in (("input", input), ("output", output)):
            if not isinstance(given, Mapping):
                raise TypeError(f"{name} must be a dictionary: {{name: array}}")
        outputs = dict(output)
        spikes = outputs.pop("spikes", None)
        super().__init__(
            model=model, input=input, output=outputs, spikes=spikes, dt=dt, n_samples=0, method=method, threshold=threshold, reset=reset,
            refractory=refractory, param_init=param_init, penalty=None, use_units=use_units, namespace=namespace, seed=seed,
            threads=threads, trace_weights=None, frame=caller_namespace(_level + 1),
        )  # fmt: skip
        self.features = features
        self._features = checked_features(features, self.output_var)
        self._feature_options: dict[str, Any] = {
            "windows": [] if stim_times is None else windows_of(stim_times, self.n_traces),
            "mode": mode, "settings": dict(settings or {}), "volts_per_unit": volts_per_unit,
        }  # fmt: skip
        self.n_samples = None  # simulations of the last round
        self.params: dict[str, Any] | None = None
        self.prior: Prior | None = None
        self.samples: FloatArray | None = None
        self.posterior: Posterior | None = None
        self.theta: FloatArray | None = None
        self.x: FloatArray | None = None
        self.sbi_device = "cpu"
        self.progress = progress
        self._inferencer: _core.Inferencer | None = None
        self._given: tuple[FloatArray, FloatArray] | None = None  # simulations that the core knows already
        if self._parsed is not None:
            self._search_in_neuron(self.parameter_names)  # until a prior says which
            self._ready({})

    # --- what is known before ----------------------------------------------------------------------------------------

    @property
    def param_names(self) -> list[str]:
        """The parameters that are inferred, sorted."""
        fixed = self._parsed_initial() if self._parsed is not None else set(self.param_init or {})
        return sorted(name for name in self.parameter_names if name not in fixed)

    @property
    def sim_time(self) -> Any:
        """The duration of a simulation."""
        return self.duration

    @property
    def n_neurons(self) -> int:
        """Simulations of the last round times traces."""
        if self.n_samples is None:
            raise ValueError("the number of samples is not known before there are simulations")
        return int(self.n_samples * self.n_traces)

    @property
    def x_o(self) -> FloatArray:
        """Features of the recordings."""
        return np.asarray(self._ready(caller_namespace(1)).observation)

    @property
    def feature_labels(self) -> list[str]:
        """What the columns of x are."""
        return list(self._ready(caller_namespace(1)).feature_names)

    def _ready(self, frame: Mapping[str, Any]) -> _core.Inferencer:
        """The core's inferencer, made when first needed, with the constants of the script at that time."""
        if self._inferencer is None:
            if not self._plain_namespace:
                self._namespace |= self._text.capture(frame)
            self._text.set_initial(self.param_init)
            parsed, _ = self._text.parse(self._namespace)
            self._check_outputs(parsed)
            self._parsed = parsed
            self.parameter_names = self._declared(parsed)
            self._inferencer = _core.Inferencer(
                model=parsed, inputs=self._inputs, outputs=self._outputs, spikes=self._spikes, dt=self._dt,
                duration=0.0 if self._inputs or self._outputs else self._n_steps * self._dt, features=self._features,
                method=self.method or "", threads=self.threads, seed=self.seed, **self._feature_options,
            )  # fmt: skip
            self._warn(self._inferencer.warnings, stacklevel=4)
            self._inferencer.progress = inference_progress(self.progress)
        return self._inferencer

    def _search_in_neuron(self, names: Iterable[str]) -> None:
        known = self._text.free if isinstance(self._text, NeuronText) else None
        super()._search_in_neuron(names)
        if isinstance(self._text, NeuronText) and self._text.free != known:
            self._inferencer = None

    def _best_values(self) -> dict[str, float] | None:
        return None

    # --- steps --------------------------------------------------------------------------------------------------------

    def init_prior(self, *, bounds: Mapping[str, Any] | None = None, **params: Any) -> Prior:
        """The prior: ``name=[low, high]`` is uniform; ``name=('log_uniform', low, high)``, ``('normal', mean, deviation)``,
        ``('truncated_normal', mean, deviation, low, high)``, ``('log_normal', median, deviation of the logarithm)``.
        """
        given = {**(bounds or {}), **params}
        self._search_in_neuron(name for name in given if name in self.parameter_names)
        core = self._ready(caller_namespace(1))
        for name in given:
            if name not in self.param_names:
                raise ValueError(f"Parameter {name} must be defined as a parameter in the model")
        dims = self._parameter_dims()
        arguments: _Arguments = []
        for name in self.param_names:
            if name not in given:
                raise TypeError(f"Bounds must be set for parameter {name}")
            arguments.append(prior_argument(name, given[name], dims[name]))
        core.init_prior(arguments)
        self._given = None
        self.params, self.prior = given, Prior(arguments, self.seed)
        return self.prior

    def generate_training_data(self, n_samples: int, prior: Prior | Posterior | None = None) -> FloatArray:
        """Parameters to simulate (n_samples x parameters): draws of the prior, or of what the posterior so far proposes."""
        core = self._require_prior()
        if isinstance(prior, Prior) and self.posterior is not None:
            theta = prior.sample((n_samples,))
        else:
            theta = core.generate_training_data(n_samples)
        self.n_samples = n_samples
        self.theta = theta
        return theta

    def extract_summary_statistics(self, theta: Any, level: int = 0) -> FloatArray:
        """Simulates rows of parameters and gives their features (n_samples x features); NaN where there is none."""
        core = self._require_prior()
        rows = np.ascontiguousarray(np.asarray(theta, dtype=float))
        x = core.extract_summary_statistics(rows)
        self.n_samples = len(rows)
        self.theta, self.x = rows, x
        self._given = (rows, x)
        return x

    def save_summary_statistics(self, f: str | os.PathLike[str], theta: Any = None, x: Any = None) -> None:
        """Writes ``theta`` and ``x`` (the last ones, if not given) to a compressed NumPy archive."""
        if not isinstance(f, (str, os.PathLike)):
            raise TypeError("a path is needed")
        theta = self.theta if theta is None else theta
        x = self.x if x is None else x
        if theta is None or x is None:
            raise AttributeError("there are no parameters and features yet: provide `theta` and `x`")
        np.savez_compressed(f, theta=np.asarray(theta), x=np.asarray(x))

    def load_summary_statistics(self, f: str | os.PathLike[str]) -> tuple[FloatArray, FloatArray]:
        """``theta`` and ``x`` of such an archive, which the next steps may use."""
        path = os.fspath(f)
        path = path if os.path.exists(path) else path + ".npz"
        with np.load(path, allow_pickle=False) as archive:
            missing = [name for name in ("theta", "x") if name not in archive.files]
            if missing:
                raise DataError(f"{path} has no array {' and '.join(missing)}")
            theta, x = np.asarray(archive["theta"], dtype=float), np.asarray(archive["x"], dtype=float)
        if theta.ndim != 2 or x.ndim != 2 or len(theta) != len(x):
            raise DataError(f"{path}: theta and x must be tables with the same number of rows, not {theta.shape} and {x.shape}")
        self.theta, self.x = theta, x
        return theta, x

    def init_inference(
        self,
        inference_method: str = "SNPE",
        density_estimator_model: str | Sequence[str] = "maf",
        prior: Prior | None = None,
        sbi_device: str = "cpu",
        **inference_kwargs: Any,
    ) -> Inference:
        """Chooses method and networks.

        Parameters
        ----------
        inference_method : {'SNPE', 'SNLE', 'SNRE', 'AUTO'}
            Also 'SNRE_A', 'SNRE_B', 'SNRE_C'. 'AUTO' learns posterior and likelihood, each with three kinds of networks, and takes what
            describes held-out simulations better (:attr:`choice`); later rounds draw from the prior where the posterior so far is.
        density_estimator_model : {'mdn', 'made', 'maf', 'nsf'} or {'linear', 'mlp', 'resnet'}
            The latter for SNRE. A list: of each kind a network, weighted by how well they do. 'made' knows posteriors that end at bounds.
        sbi_device : str
            'cuda': where a TorchScript embedding is computed; everything else is computed on the processor.
        **inference_kwargs
            hidden_features, num_transforms, num_blocks, num_bins, num_components, embedding_net ('mlp', 'cnn', 'yulenet', or the
            path of a network of one's own, saved by ``torch.jit.script(net).save('net.pt')``), embedding_features, ensemble, num_atoms, missing ('mask', 'drop', 'restrict_prior').
        """
        core = self._require_prior()
        options = inference_options(inference_kwargs, {})
        self._device(sbi_device, options)
        method, models = method_and_models(inference_method, density_estimator_model, NameError)
        core.init_inference(method, models, options)
        return Inference(method, models)

    def train(self, inference: Inference, theta: Any, x: Any, *args: Any, **train_kwargs: Any) -> Inference:
        """Adds simulations and trains the networks on all of them.

        Parameters
        ----------
        inference : Inference
        theta, x : arrays
            Parameters and features.
        *args
            What theta was drawn from, if not from the prior.
        **train_kwargs
            training_batch_size, learning_rate, validation_fraction, stop_after_epochs, max_num_epochs, clip_max_norm. Networks are trained
            anew in each round, on the simulations of all; with ``retrain_from_scratch=False``, the default of SNPE and SNRE after proposals
            that were not truncated, they go on from those of the round before; with ``discard_prior_samples=True`` later rounds do without the simulations of the first.
        """
        core = self._require_prior()
        rows = np.ascontiguousarray(np.asarray(theta, dtype=float))
        columns = np.ascontiguousarray(np.asarray(x, dtype=float))
        known = self._given is not None and np.array_equal(rows, self._given[0]) and np.array_equal(columns, self._given[1], equal_nan=True)
        if not known:
            core.set_summary_statistics(rows, columns, any(isinstance(a, Posterior) for a in args))
        self._given = None
        self.theta, self.x, self.n_samples = rows, columns, len(rows)
        core.train(training_options(train_kwargs))
        return inference

    def build_posterior(self, inference: Inference, **posterior_kwargs: Any) -> tuple[Inference, Posterior]:
        """The posterior of the recordings. ``sample_with``: 'direct', 'mcmc', 'rejection'; num_chains, warmup_steps, thin.

        ``sample_with_mcmc=True`` means 'mcmc'.
        """
        self.posterior = self._posterior(self._require_prior().build_posterior(posterior_options(posterior_kwargs)))
        return inference, self.posterior

    def infer_step(
        self,
        proposal: Prior | Posterior | None,
        inference: Inference,
        n_samples: int | None = None,
        theta: Any = None,
        x: Any = None,
        train_kwargs: Mapping[str, Any] | None = None,
        posterior_kwargs: Mapping[str, Any] | None = None,
        *args: Any,
    ) -> Posterior:
        """One round: parameters of the proposal and their features, unless they are given; training; posterior."""
        if theta is None:
            if n_samples is None:
                raise ValueError("Either provide `theta` or `n_samples`.")
            theta = self.generate_training_data(n_samples, proposal)
        if x is None:
            x = self.extract_summary_statistics(theta)
        self.train(inference, theta, x, *args, **(train_kwargs or {}))
        return self.build_posterior(inference, **(posterior_kwargs or {}))[1]

    # --- all of it ----------------------------------------------------------------------------------------------------

    def infer(
        self,
        n_samples: int | None = None,
        theta: Any = None,
        x: Any = None,
        n_rounds: int = 1,
        inference_method: str = "SNPE",
        density_estimator_model: str | Sequence[str] = "maf",
        inference_kwargs: Mapping[str, Any] | None = None,
        train_kwargs: Mapping[str, Any] | None = None,
        posterior_kwargs: Mapping[str, Any] | None = None,
        restart: bool = False,
        sbi_device: str = "cpu",
        *,
        assess: bool = True,
        bounds: Mapping[str, Any] | None = None,
        **params: Any,
    ) -> Posterior:
        """Simulates, trains, and gives the posterior.

        Parameters
        ----------
        n_samples : int
            Simulations per round.
        theta, x : arrays, optional
            Simulations of the first round that exist already.
        n_rounds : int
            One round knows every observation; several are focused on this one. A second call adds rounds.
        inference_method, density_estimator_model, inference_kwargs, train_kwargs, posterior_kwargs
            See :meth:`init_inference`, :meth:`train`, :meth:`build_posterior`.
        restart : bool
            Forgets earlier rounds.
        assess : bool
            Judges the posterior afterwards by new simulations: see :attr:`assessment`.
        bounds : dict, optional
            Priors of parameters that are named like an argument.
        **params
            Priors, see :meth:`init_prior`.
        """
        if isinstance(n_rounds, bool) or not isinstance(n_rounds, (int, np.integer)) or n_rounds < 1:
            raise ValueError("n_rounds must be a positive whole number")
        if not isinstance(inference_method, str):
            raise TypeError("inference_method must be a name")
        method, models = method_and_models(inference_method, density_estimator_model, ValueError)
        options = inference_options(inference_kwargs or {}, train_kwargs or {})
        self._device(sbi_device, options)
        if restart:
            self._inferencer, self.posterior, self._given = None, None, None
        first = self.posterior is None
        core = self._ready(caller_namespace(1))
        if first:
            given = {**(bounds or {}), **params}
            if given or self.prior is None:
                self.init_prior(bounds=given)
            else:
                core.init_prior(self.prior._arguments)
            if theta is not None or x is not None:
                if theta is None:
                    raise ValueError("Either provide `theta` with `x`, or only `n_samples`.")
                x = self.extract_summary_statistics(theta) if x is None else x
                rows, columns = (np.ascontiguousarray(np.asarray(a, dtype=float)) for a in (theta, x))
                core.set_summary_statistics(rows, columns, False)
                self.theta, self.x, self.n_samples = rows, columns, len(rows)
            elif n_samples is None:
                raise ValueError("Either provide `theta` or `n_samples`.")
        elif theta is not None or x is not None:
            raise ConfigError("simulations can be given to the first round only", "restart=True begins anew; infer_step adds some")
        waiting = theta is not None if first else self._given is not None  # simulations that are there already
        size = n_samples or self.n_samples
        for k in range(n_rounds):
            if not waiting:
                if size is None:
                    raise ValueError("Either provide `theta` or `n_samples`.")
                self.theta = core.generate_training_data(size)
                self.x, self.n_samples = core.extract_summary_statistics(self.theta), size
            waiting, self._given = False, None
            found = core.infer(
                priors=[], n_samples=0, n_rounds=1, method=method, models=models, inference=options,
                training=training_options(train_kwargs or {}), posterior=posterior_options(posterior_kwargs or {}),
                assess=assess and k == n_rounds - 1,
            )  # fmt: skip
            self.posterior = self._posterior(found)
        assert self.posterior is not None
        return self.posterior

    def _device(self, name: str, options: dict[str, Any]) -> None:
        self.sbi_device = "cpu"
        if name not in ("gpu", "cuda"):
            return
        if options.get("embedding_net") == "torchscript":
            self.sbi_device = options["embedding_device"] = "cuda"
        else:
            warnings.warn("everything is computed on the processor", stacklevel=3)

    def _require_prior(self) -> _core.Inferencer:
        core = self._ready(caller_namespace(2))
        if self.prior is None:
            raise ConfigError("there is no prior", "call init_prior first")
        return core

    def _posterior(self, core: _core.Posterior) -> Posterior:
        return Posterior(core, self._maker(), self.seed)

    @property
    def choice(self) -> dict[str, Any] | None:
        """With the method 'AUTO': which ``method`` the last round chose, the ``reason`` in words, ``scores`` of both methods."""
        return None if self._inferencer is None else self._inferencer.choice

    @property
    def reports(self) -> list[dict[str, Any]]:
        """Of each training: losses by epoch, weights of the networks, missing features."""
        return [] if self._inferencer is None else list(self._inferencer.reports)

    # --- using the posterior ------------------------------------------------------------------------------------------

    def _require_posterior(self, posterior: Posterior | None = None) -> Posterior:
        posterior = posterior if posterior is not None else self.posterior
        if posterior is None:
            raise ValueError("Need to provide posterior argument if no posterior has been calculated by the infer method.")
        return posterior

    def sample(self, shape: tuple[int, ...], posterior: Posterior | None = None, **kwargs: Any) -> FloatArray:
        """Draws given the recordings, of the shape ``shape + (parameters,)``, SI units; kept in ``samples``."""
        kwargs.pop("show_progress_bars", None)
        self.samples = self._require_posterior(posterior).sample(shape, **kwargs)
        return self.samples

    def log_prob(self, theta: Any) -> FloatArray:
        """Log density of rows of parameters."""
        return self._require_posterior().log_prob(theta)

    def map(self, **options: Any) -> dict[str, Any]:
        """The most probable parameters."""
        return self._require_posterior().map(**options)

    def generate_traces(
        self,
        n_samples: int = 1,
        posterior: Posterior | None = None,
        output_var: Any = None,
        param_init: Mapping[str, Any] | None = None,
        level: int = 0,
    ) -> Any:
        """Traces with the mean of ``n_samples`` draws of the posterior; :meth:`predictive_traces` simulates every draw.

        Returns
        -------
        array, list or dict
            As :meth:`TraceFitter.generate`.
        """
        if isinstance(n_samples, bool) or not isinstance(n_samples, (int, np.integer)):
            raise ValueError("n_samples must be a whole number")
        chosen = self._require_posterior(posterior)
        mean = chosen.sample((int(n_samples),)).mean(axis=0)
        params = {name: float(value) for name, value in zip(chosen.names, mean)}
        return self._generate(output_var, params, param_init, 0, caller_namespace(level + 1))

    def predictive_traces(self, n_samples: int = 100, output_var: str | Sequence[str] | None = None) -> dict[str, Any]:
        """Simulates draws of the posterior.

        Returns
        -------
        dict
            ``theta`` (draws x parameters), and by output a dictionary: ``mean``, ``median``, ``low``, ``high`` (n_traces x
            n_steps; 2.5 % and 97.5 %), ``traces`` (a list over traces of draws x n_steps).
        """
        self._require_posterior()
        names = [] if output_var is None else [output_var] if isinstance(output_var, str) else list(output_var)
        theta, outputs = self._ready({}).generate_traces(n_samples, names)
        make = self._maker()
        result: dict[str, Any] = {"theta": theta}
        for name, entry in outputs.items():
            dim = tuple(entry["exponents"])
            result[name] = {key: make(entry[key], dim) for key in ("mean", "median", "low", "high")}
            result[name]["traces"] = [make(rows, dim) for rows in entry["traces"]]
        return result

    @property
    def assessment(self) -> Assessment | None:
        """What is to be thought of the posterior, after :meth:`infer` or :meth:`assess`."""
        made = None if self._inferencer is None else self._inferencer.assessment
        return None if made is None else Assessment(*made)

    def assess(self, pairs: int | None = None, predictions: int = 200) -> Assessment:
        """Judges the posterior.

        Parameters
        ----------
        pairs : int, optional
            New simulations of the prior for :meth:`calibrate`; 300, or 60 where each needs Markov chains; 0: none.
        predictions : int
            Simulated draws for :meth:`check_predictions`; 0: none.
        """
        self._require_posterior()
        core = self._ready({})
        core.assess(pairs, predictions)
        made = core.assessment
        assert made is not None
        return Assessment(*made)

    def calibrate(self, pairs: int = 300) -> str:
        """Simulates new parameters of the prior and judges by them whether the posterior is too narrow, too wide or right."""
        self._require_posterior()
        return str(self._ready({}).calibrate(pairs)[0])

    def check_predictions(self, draws: int = 200) -> str:
        """Simulates draws of the posterior and compares their features with those of the recordings."""
        self._require_posterior()
        return str(self._ready({}).check_predictions(draws)[0])

    def save_posterior(self, f: str | os.PathLike[str]) -> None:
        """To a file."""
        self._require_posterior().save(f)

    def load_posterior(self, f: str | os.PathLike[str]) -> Posterior:
        """From a file that was written for this model and these recordings."""
        self.posterior = self._posterior(self._ready(caller_namespace(1)).load_posterior(os.fspath(f)))
        return self.posterior

    # --- plots --------------------------------------------------------------------------------------------------------

    def pairplot(
        self, samples: Any = None, points: Any = None, limits: Any = None, subset: Any = None, labels: Any = None, ticks: Any = None,
        ax: Any = None, **kwargs: Any,
    ) -> tuple[Any, Any]:  # fmt: skip
        """Histograms of draws: each parameter and each pair.

        Parameters
        ----------
        samples : array, optional
            The last draws, if not given.
        points : dict, optional
            Values by parameter that are marked.
        limits, ticks : dict, optional
            Two values for each parameter; the prior's bounds, if not given.
        subset : list of str, optional
        labels : dict, optional

        Returns
        -------
        figure, axes
        """
        posterior = self._require_posterior()
        if samples is None:
            samples = self.samples
        if samples is None:
            raise ValueError("there are no samples: call sample first, or give them")
        return plots.pairplot(posterior, samples, points, limits, subset, labels, ticks, ax, **kwargs)

    def conditional_pairplot(
        self, condition: Any, density: Posterior | None = None, points: Any = None, limits: Any = None, subset: Any = None,
        labels: Any = None, ticks: Any = None, ax: Any = None, **kwargs: Any,
    ) -> tuple[Any, Any]:  # fmt: skip
        """The density along each parameter and each pair, the others fixed at ``condition``, a row as of ``sample((1,))``."""
        return plots.conditional_pairplot(self._require_posterior(density), condition, points, limits, subset, labels, ticks, ax, **kwargs)

    def conditional_corrcoeff(
        self, condition: Any, density: Posterior | None = None, limits: Any = None, subset: Any = None, resolution: int = 50, **kwargs: Any
    ) -> FloatArray:
        """Correlation of each pair of parameters, the others fixed at ``condition``."""
        posterior = self._require_posterior(density)
        low, high, row = _pairplots.conditioned(posterior, condition)
        low, high = _pairplots.within(limits, posterior.names, posterior.exponents(), low, high)
        chosen = _pairplots.indices(posterior.names, subset)
        return _pairplots.conditional_corrcoeff(posterior.log_prob, row, low, high, chosen, resolution)

    def plot_predictive(self, output: str | None = None, n_samples: int = 100, traces: Any = None, ax: Any = None) -> Any:
        """See :func:`spikesmith.plots.plot_predictive`."""
        return plots.plot_predictive(self, output, n_samples, traces, ax)

    def plot_calibration(self, pairs: int = 300, ax: Any = None) -> Any:
        """See :func:`spikesmith.plots.plot_calibration`."""
        return plots.plot_calibration(self, pairs, ax)
