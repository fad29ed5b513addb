"""Plots with Matplotlib, one function each. Every function takes an ``ax`` (or makes a figure) and returns what it drew on.

Matplotlib is imported when a function is called, not before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _core, _pairplots
from ._borders import split
from .errors import ConfigError
from .units import DIMENSIONLESS, Exponents

if TYPE_CHECKING:
    from ._fitting import Fitter
    from .inferencer import Inferencer
    from .posterior import Posterior
    from .refined import Landscape

__all__ = [
    "conditional_pairplot",
    "pairplot",
    "plot_calibration",
    "plot_convergence",
    "plot_landscape",
    "plot_parameters",
    "plot_predictive",
    "plot_spikes",
    "plot_traces",
]


def _axes(ax: Any, **options: Any) -> Any:
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots(layout="constrained", **options)[1]


def _scaled(values: Any, dim: Exponents | None = None) -> tuple[Any, str]:
    """Numbers in a readable unit and its name; '' for plain numbers."""
    numbers, given, _ = split(values)
    dim = dim if dim is not None else given if given is not None else DIMENSIONLESS
    finite = np.ascontiguousarray(numbers[np.isfinite(numbers)]).reshape(-1)
    unit, scale = _core.display_unit(dim, finite)
    return numbers / scale, "" if unit == "1" else unit


def _label(name: str, unit: str) -> str:
    return f"{name} ({unit})" if unit else name


def plot_traces(fitter: Fitter, output: str | None = None, traces: Any = None, ax: Any = None, **generate: Any) -> Any:
    """Fitted traces over the recorded ones.

    Parameters
    ----------
    fitter : TraceFitter or OnlineTraceFitter
        With best parameters, or give ``params``.
    output : str, optional
        Which output; the first, if not given.
    traces : sequence of int, optional
        Which traces; all, if not given.
    ax : sequence of Axes, optional
        One per trace.
    **generate
        Arguments of ``generate``: ``params``, ``param_init``.

    Returns
    -------
    array of Axes
    """
    recorded = dict((name, rows) for name, rows, _ in fitter._outputs)
    output = output if output is not None else next(iter(recorded), None)
    if output not in recorded:
        raise ConfigError(f"there is no recorded trace of `{output}`", f"one of {', '.join(recorded) or 'none'}")
    fitted = fitter.generate(output, level=1, **generate)
    numbers, _, _ = split(fitted)
    chosen = list(range(fitter.n_traces)) if traces is None else list(traces)
    axes = np.atleast_1d(_axes(ax, nrows=len(chosen), sharex=True, squeeze=False, figsize=(7, 1 + 1.5 * len(chosen)))).reshape(-1)
    name_dims = {name: tuple(dim) for name, dim in [*fitter._require_parsed().states, *fitter._require_parsed().subexpressions]}
    dim = name_dims.get(output, DIMENSIONLESS)
    everything = np.concatenate([recorded[output][k] for k in chosen])
    unit, scale = _core.display_unit(dim, np.ascontiguousarray(everything[np.isfinite(everything)]))
    for axis, k in zip(axes, chosen, strict=True):
        steps = len(recorded[output][k])
        time = np.arange(steps) * fitter._dt * 1e3
        axis.plot(time, recorded[output][k] / scale, color="0.6", label="recorded")
        axis.plot(time, numbers[k][:steps] / scale, color="C0", label="fitted")
        axis.set_ylabel(_label(output, "" if unit == "1" else unit))
    axes[0].legend(frameon=False, loc="upper right")
    axes[-1].set_xlabel("time (ms)")
    return axes


def plot_spikes(fitter: Fitter, ax: Any = None, **generate: Any) -> Any:
    """Recorded and fitted spike times, a row per trace."""
    if fitter._spikes is None:
        raise ConfigError("this fitter has no recorded spikes")
    axis = _axes(ax)
    fitted = fitter.generate("spikes", level=1, **generate)
    rows = [train * 1e3 for pair in zip(fitter._spikes, fitted) for train in pair]
    offsets = [k // 2 + 0.2 * (1 - 2 * (k % 2)) for k in range(len(rows))]
    axis.eventplot(rows, lineoffsets=offsets, linelengths=0.35, colors=["0.6", "C0"] * len(fitted))
    axis.set(xlabel="time (ms)", ylabel="trace", yticks=range(len(fitted)))
    axis.plot([], [], color="0.6", label="recorded")
    axis.plot([], [], color="C0", label="fitted")
    axis.legend(frameon=False, loc="upper right")
    return axis


def plot_convergence(fitter: Fitter, ax: Any = None) -> Any:
    """Error of every evaluation and the best so far."""
    axis = _axes(ax)
    results = fitter.results("dict", use_units=False)
    errors, unit = _scaled(results["error"], fitter._error_dim())
    finite = np.where(np.isfinite(errors), errors, np.nan)
    axis.plot(np.arange(1, len(errors) + 1), finite, ".", color="0.8", markersize=2, label="evaluations")
    axis.plot(np.arange(1, len(errors) + 1), np.fmin.accumulate(finite), color="C0", label="best so far")
    if np.nanmin(finite) > 0:
        axis.set_yscale("log")
    axis.set(xlabel="evaluations", ylabel=_label("error", unit))
    axis.legend(frameon=False)
    return axis


def plot_parameters(fitter: Fitter, ax: Any = None, names: Sequence[str] | None = None) -> Any:
    """Values that were tried against their errors, one panel per parameter; the best is marked."""
    results: Mapping[str, Any] = fitter.results("dict")
    best = fitter.best_params
    if best is None:
        raise ConfigError("there are no best parameters: every evaluation failed")
    names = list(best) if names is None else list(names)
    axes = np.atleast_1d(_axes(ax, ncols=len(names), sharey=True, squeeze=False, figsize=(1 + 2.5 * len(names), 3))).reshape(-1)
    errors, error_unit = _scaled(results["error"])
    for axis, name in zip(axes, names, strict=True):
        values, unit = _scaled(results[name])
        axis.plot(values, errors, ".", color="0.7", markersize=2)
        k = int(np.nanargmin(np.where(np.isfinite(errors), errors, np.inf)))
        axis.plot(values[k], errors[k], "o", color="C3")
        axis.set_xlabel(_label(name, unit))
        if np.nanmin(errors) > 0:
            axis.set_yscale("log")
    axes[0].set_ylabel(_label("error", error_unit))
    return axes


def pairplot(
    posterior: Posterior, samples: Any = None, points: Any = None, limits: Any = None, subset: Any = None, labels: Any = None,
    ticks: Any = None, ax: Any = None, **style: Any,
) -> tuple[Any, Any]:  # fmt: skip
    """Histograms of draws of a posterior: each parameter and each pair. Returns figure and axes.

    Parameters
    ----------
    posterior : Posterior
    samples : array, optional
        5000 draws, if not given.
    points, limits, subset, labels, ticks
        See :meth:`Inferencer.pairplot`.
    ax : array of Axes, optional
        As many rows and columns as there are parameters.
    **style
        ``bins``, ``cmap``, ``figsize``, ``title``, ``upper`` ('hist' or 'scatter'), ``points_colors``, ``points_offdiag``.
    """
    samples = posterior.sample((5000,), seed=0) if samples is None else samples
    low, high = _pairplots.bounds_of(posterior)
    return _pairplots.pairplot(
        samples, posterior.names, posterior.exponents(), low, high, points, limits, subset, labels, ticks, ax, **style
    )  # fmt: skip


def conditional_pairplot(
    posterior: Posterior, condition: Any, points: Any = None, limits: Any = None, subset: Any = None, labels: Any = None,
    ticks: Any = None, ax: Any = None, **style: Any,
) -> tuple[Any, Any]:  # fmt: skip
    """The density along each parameter and each pair, the others fixed at ``condition``. Returns figure and axes.

    Arguments are those of :func:`pairplot`, and ``resolution``, the number of points along each parameter.
    """
    low, high, row = _pairplots.conditioned(posterior, condition)
    return _pairplots.conditional_pairplot(
        posterior.log_prob, row, posterior.names, posterior.exponents(), low, high, points, limits, subset, labels, ticks, ax, **style
    )  # fmt: skip


def plot_landscape(landscape: Landscape, ax: Any = None) -> Any:
    """Error over two parameters as shades with contour lines; arrows go downhill, the cross is the centre."""
    axis = _axes(ax)
    (x, x_unit), (y, y_unit) = _scaled(landscape.x), _scaled(landscape.y)
    errors, unit = _scaled(landscape.error)
    shown = np.where(np.isfinite(errors), errors, np.nan)
    logarithmic = bool(np.nanmin(shown) > 0)
    values = np.log10(shown) if logarithmic else shown
    mesh = axis.pcolormesh(x, y, values, shading="nearest", cmap="viridis")
    axis.contour(x, y, np.ma.masked_invalid(values), levels=10, colors="white", linewidths=0.5)
    label = _label("error", unit)
    axis.figure.colorbar(mesh, ax=axis, label=f"log10 {label}" if logarithmic else label)
    step = [max(1, len(v) // 12) for v in (x, y)]
    # downhill in the coordinates of the picture
    spans = [float(np.ptp(split(v)[0])) for v in (landscape.x, landscape.y)]
    down = [-split(g)[0][:: step[1], :: step[0]] * span for g, span in zip(landscape.gradient, spans)]
    length = np.hypot(*down)
    length[~(length > 0)] = np.nan
    axis.quiver(x[:: step[0]], y[:: step[1]], down[0] / length, down[1] / length, color="white", alpha=0.5, scale=30, width=0.003)
    centre = [float(split(landscape.centre[name])[0]) for name in landscape.names]
    scales = [_ratio(v, s) for v, s in ((landscape.x, x), (landscape.y, y))]
    axis.plot(centre[0] / scales[0], centre[1] / scales[1], "+", color="C3", markersize=12)
    axis.set(xlabel=_label(landscape.names[0], x_unit), ylabel=_label(landscape.names[1], y_unit))
    return axis


def _ratio(values: Any, scaled: Any) -> float:
    """The scale that `_scaled` chose."""
    numbers = split(values)[0]
    k = int(np.nanargmax(np.abs(numbers)))
    largest = numbers.reshape(-1)[k]
    return float(largest / scaled.reshape(-1)[k]) if largest else 1.0


def plot_calibration(inferencer: Inferencer, pairs: int = 300, ax: Any = None) -> Any:
    """How often regions of the posterior hold the truth, against how often they should; above the diagonal it is too wide.

    Of ``pairs`` simulations with parameters of the prior. Thin lines are the ranks of the single parameters, dashed ones where 95 %
    of calibrated posteriors stay at each level.
    """
    inferencer._require_posterior()
    _, ranks, coverage = inferencer._ready({}).calibrate(pairs)
    axis = _axes(ax)
    level = np.linspace(0, 1, 201)
    for name, values in ranks:
        axis.plot(level, np.searchsorted(np.sort(values), level, side="right") / len(values), linewidth=0.8, label=f"ranks of {name}")
    axis.plot(level, np.searchsorted(np.sort(coverage), level, side="right") / len(coverage), color="C3", linewidth=2, label="coverage")
    spread = 1.96 * np.sqrt(level * (1 - level) / max(len(coverage), 1))
    for sign in (-1, 1):
        axis.plot(level, np.clip(level + sign * spread, 0, 1), color="0.6", linestyle="--", linewidth=0.8)
    axis.plot([0, 1], [0, 1], color="0.6")
    axis.set(xlabel="expected", ylabel="observed", xlim=(0, 1), ylim=(0, 1))
    axis.legend(frameon=False, loc="lower right")
    return axis


def plot_predictive(inferencer: Inferencer, output: str | None = None, n_samples: int = 100, traces: Any = None, ax: Any = None) -> Any:
    """Recorded traces, and the median and the central 95 % of simulations with draws of the posterior; an axis per trace."""
    recorded = dict((name, rows) for name, rows, _ in inferencer._outputs)
    output = output if output is not None else next(iter(recorded), None)
    if output not in recorded:
        raise ConfigError(f"there is no recorded trace of `{output}`", f"one of {', '.join(recorded) or 'none'}")
    found = inferencer.predictive_traces(n_samples, output)[output]
    chosen = list(range(inferencer.n_traces)) if traces is None else list(traces)
    axes = np.atleast_1d(_axes(ax, nrows=len(chosen), sharex=True, squeeze=False, figsize=(7, 1 + 1.5 * len(chosen)))).reshape(-1)
    median, unit = _scaled(found["median"])
    scale = _ratio(found["median"], median)
    low, high = split(found["low"])[0] / scale, split(found["high"])[0] / scale
    for axis, k in zip(axes, chosen, strict=True):
        steps = len(recorded[output][k])
        time = np.arange(steps) * inferencer._dt * 1e3
        axis.fill_between(time, low[k][:steps], high[k][:steps], color="C0", alpha=0.3, linewidth=0, label="95 % of the draws")
        axis.plot(time, recorded[output][k] / scale, color="0.4", label="recorded")
        axis.plot(time, median[k][:steps], color="C0", label="median")
        axis.set_ylabel(_label(output, unit))
    axes[0].legend(frameon=False, loc="upper right")
    axes[-1].set_xlabel("time (ms)")
    return axes
