"""What users of sbi write as options, as the core knows it; and checks of features that are functions."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ._borders import FloatArray
from ._torch_modules import with_module
from .errors import ConfigError

__all__ = ["checked_features", "inference_options", "method_and_models", "posterior_options", "training_options", "vectorized"]

# options of sbi that have no counterpart, because nothing depends on them here
_ignored_training = (
    "show_train_summary", "resume_training", "force_first_round_loss", "exclude_invalid_x", "dataloader_kwargs", "calibration_kernel",
)  # fmt: skip
_ignored_posterior = ("show_progress_bars", "x_shape", "rejection_sampling_parameters", "enable_transform")
_of_inference = ("num_atoms", "use_combined_loss")


def _one_number(function: Callable[[FloatArray], Any], label: str) -> Callable[[FloatArray], float]:
    def checked(values: FloatArray) -> float:
        result = np.asarray(function(values), dtype=float)
        if result.size != 1:
            raise ValueError(f"the feature `{label}` gave {result.size} numbers for a trace; one is needed")
        return float(result.reshape(-1)[0])

    return checked


def vectorized(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A feature of an Inferencer that takes many traces at once, which saves most of the time that short functions need.

    The function is given an array of n traces x n_steps (of spikes: a list of n arrays) and returns n numbers, each of its trace alone:
    how traces are grouped is open.

    Examples
    --------
    >>> import numpy as np
    >>> @vectorized
    ... def peak(traces):
    ...     return traces.max(axis=1)
    >>> peak(np.array([[0.0, 2.0], [3.0, 1.0]])).tolist()
    [2.0, 3.0]
    """

    @functools.wraps(function)
    def called(traces: Any) -> Any:
        return function(traces)

    called.__name__ = getattr(function, "__name__", type(function).__name__)
    called.vectorized = True  # type: ignore[attr-defined]
    return called


def _numbers(function: Callable[[Any], Any], label: str) -> Callable[[Any], FloatArray]:
    def checked(traces: Any) -> FloatArray:
        result = np.asarray(function(traces), dtype=float)
        if result.size != len(traces):
            raise ValueError(f"the feature `{label}` gave {result.size} numbers for {len(traces)} traces; one for each is needed")
        return np.ascontiguousarray(result.reshape(-1))

    return checked


def checked_features(features: Any, outputs: Sequence[str]) -> list[tuple[str, list[tuple[str, Any, bool]]]]:
    """By output, in their order: labels with functions and whether these are vectorized, or names of features with None."""
    if not features:
        return []
    if not isinstance(features, Mapping):
        raise TypeError("features must be a dictionary: {output: [functions or names]}")
    for name in features:
        if name not in outputs:
            raise KeyError(f"there are features of `{name}`, which is no output")
    groups = []
    for name in outputs:
        if name not in features:
            raise KeyError(f"there are no features of the output `{name}`")
        members: list[tuple[str, Any, bool]] = []
        for k, feature in enumerate(features[name]):
            if isinstance(feature, str):
                members.append((feature, None, False))
            elif callable(feature):
                label = getattr(feature, "__name__", type(feature).__name__)
                taken = label in [n for n, _, _ in members] or label == "<lambda>"
                block = bool(getattr(feature, "vectorized", False))
                checked = _numbers(feature, label) if block else _one_number(feature, label)
                members.append((f"{label.strip('<>')}_{k}" if taken else label, checked, block))
            else:
                raise TypeError(f"a feature of `{name}` is neither a function nor a name: {feature!r}")
        groups.append((name, members))
    return groups


def method_and_models(method: Any, model: Any, error: type[Exception]) -> tuple[str, list[str]]:
    name = str(method).upper()
    if name in ("AUTO", "AUTOMATIC"):
        if model not in ("maf", None, [], ()):  # "maf": the default
            raise ConfigError("AUTO chooses its networks itself", "leave density_estimator_model out")
        return "AUTO", []
    if name not in ("SNPE", "SNPE_C", "NPE", "SNLE", "SNLE_A", "NLE", "SNRE", "NRE", "SNRE_A", "SNRE_B", "SNRE_C"):
        raise error(f"inference method {method} is not supported. Choose between SNPE, SNLE or SNRE, or AUTO.")
    models = [model] if isinstance(model, str) else list(model) if isinstance(model, (list, tuple)) else None
    if models is None or not all(isinstance(m, str) for m in models):
        raise TypeError("density_estimator_model is a name or a list of names")
    if "NRE" in name and models == ["maf"]:
        models = ["resnet"]  # the default
    return name, models


def inference_options(inference: Mapping[str, Any], training: Mapping[str, Any]) -> dict[str, Any]:
    options = with_module({**{name: value for name, value in training.items() if name in _of_inference}, **inference})
    net = options.get("embedding_net")
    if isinstance(net, os.PathLike) or (isinstance(net, str) and net.endswith((".pt", ".pth"))):
        options |= {"embedding_net": "torchscript", "embedding_file": os.path.abspath(net)}
    elif net is not None and not isinstance(net, str):
        raise TypeError("embedding_net is a name, 'mlp', 'cnn' or 'yulenet', or the path of a TorchScript file: torch.jit.script(net).save('net.pt')")
    options.pop("show_progress_bars", None)
    return options


def training_options(training: Mapping[str, Any]) -> dict[str, Any]:
    options = {name: value for name, value in training.items() if name not in (*_ignored_training, *_of_inference) and value is not None}
    if "retrain_from_scratch_each_round" in options:  # its former name
        options.setdefault("retrain_from_scratch", options.pop("retrain_from_scratch_each_round"))
    return options


def posterior_options(posterior: Mapping[str, Any]) -> dict[str, Any]:
    options = {name: value for name, value in posterior.items() if name not in _ignored_posterior}
    chains = options.pop("sample_with_mcmc", False)
    if options.pop("mcmc_method", None) is not None or chains:
        options.setdefault("sample_with", "mcmc")
    for name, value in (options.pop("mcmc_parameters", None) or {}).items():
        if name in ("num_chains", "warmup_steps", "thin"):
            options[name] = value
    return options
