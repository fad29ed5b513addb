"""What an OptNeuron leaves on disk: its result as JSON, NPZ and pickle; pictures."""

from __future__ import annotations

import json
import math
import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .recordings import Results

__all__ = ["load_results", "plot_losses", "plot_posterior", "save"]


def _plain(value: Any) -> Any:
    """For JSON, which has neither arrays nor numbers that are not finite."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, (str, int, float, bool, type(None))) else repr(value)


def save(result: Mapping[str, Any], name: Path, fitted: Sequence[str]) -> None:
    """``name.json`` for people and programs, ``name.npz`` with all arrays, ``name.pkl`` with the dictionary."""
    name.parent.mkdir(parents=True, exist_ok=True)
    left_out = {"results", "results_soll", "posterior", "samples", "seconds"}
    text = json.dumps({key: _plain(value) for key, value in result.items() if key not in left_out}, indent=4)
    name.with_name(name.name + ".json").write_text(text + "\n")
    arrays: dict[str, Any] = {"fitted": np.array(list(fitted))}
    for key, value in result.get("history", {}).items():
        arrays[f"history_{key}"] = value
    if "samples" in result:
        arrays["posterior_samples"] = result["samples"]
    results = {"results": result["results"], "results_soll": result["results_soll"]}
    for which, recorded in results.items():
        if not isinstance(recorded, Results):
            continue
        for index, chunk in enumerate(recorded.recordings):
            for key, value in chunk.items():
                if isinstance(value, np.ndarray):
                    arrays[f"{which};{index};{key}"] = value
                elif key.endswith(";spike"):
                    arrays[f"{which};{index};{key}"] = np.array(value[0])
    np.savez(name.with_name(name.name + ".npz"), **arrays)
    if "posterior" in result:
        result["posterior"].save(str(name.with_name(name.name + ".spk")))
    with open(name.with_name(name.name + ".pkl"), "wb") as file:
        pickle.dump({key: value for key, value in result.items() if key != "posterior"}, file)


def load_results(results_file_name: str) -> dict[str, Any]:
    """What a run has written under that name."""
    name = Path(results_file_name)
    with open(name if name.suffix == ".pkl" else name.with_name(name.name + ".pkl"), "rb") as file:
        loaded: dict[str, Any] = pickle.load(file)
    return loaded


def plot_losses(result: Mapping[str, Any], file: Path) -> None:
    import matplotlib.pyplot as plt

    losses = np.asarray(result["history"]["losses"])
    file.parent.mkdir(parents=True, exist_ok=True)
    figure, ax = plt.subplots(figsize=(10, 5), layout="constrained")
    ax.plot(np.arange(1, len(losses) + 1), losses, ".", alpha=0.4, label="evaluations")
    ax.plot(np.arange(1, len(losses) + 1), np.fmin.accumulate(losses), label="best")
    ax.set(xlabel="evaluations", ylabel="loss", yscale="log" if np.nanmin(losses) > 0 else "linear")
    ax.legend()
    figure.savefig(file, dpi=300)
    plt.close(figure)


def plot_posterior(result: Mapping[str, Any], bounds: Mapping[str, tuple[float, float]], file: Path) -> None:
    import matplotlib.pyplot as plt

    names, samples = list(bounds), np.asarray(result["samples"])
    file.parent.mkdir(parents=True, exist_ok=True)
    figure, axes = plt.subplots(len(names), len(names), figsize=(5, 5), squeeze=False, layout="constrained")
    for i, down in enumerate(names):
        for j, across in enumerate(names):
            ax = axes[i, j]
            if i == j:
                ax.hist(samples[:, i], bins=50, range=bounds[down])
                ax.set_xlabel(down)
            elif i < j:
                ax.plot(samples[:2000, j], samples[:2000, i], ".", markersize=1)
                ax.set(xlim=bounds[across], ylim=bounds[down])
            else:
                ax.set_visible(False)
    figure.savefig(file, dpi=300)
    plt.close(figure)
