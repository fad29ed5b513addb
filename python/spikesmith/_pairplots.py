"""Pair plots of samples, and of a density along two parameters with the others fixed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from . import _core
from ._borders import FloatArray
from .posterior import Posterior, columns_of
from .units import Exponents

__all__ = ["bounds_of", "conditional_corrcoeff", "conditional_pairplot", "conditioned", "indices", "pairplot", "within"]

LogDensity = Callable[[FloatArray], FloatArray]

# arguments of sbi's plots that have no counterpart here
_ignored = (
    "axis_lines", "contour_offdiag", "despine", "diag_kwargs", "fig_bg_colors", "fig_kwargs", "fontscale", "hist_diag", "hist_offdiag", "kde_diag",
    "kde_offdiag", "labels_points", "legend", "lower", "lower_kwargs", "points_diag", "samples_colors", "samples_labels", "scatter_diag", "scatter_offdiag",
    "show_progress_bars", "tick_labels", "tickformatter", "upper_kwargs", "verbose", "warn_about_deprecation",
)  # fmt: skip
_older = {"fig_size": "figsize", "offdiag": "upper"}
_shown = ("figsize", "title", "points_colors", "points_offdiag", "upper", "diag", "cmap")


@dataclass(frozen=True)
class _Style:
    """What users of sbi say about a plot."""

    figsize: tuple[float, float] | None = None
    title: str | None = None
    points_colors: Any = None  # one for all points, or a list with the first for all
    points_offdiag: Mapping[str, Any] = field(default_factory=dict)
    upper: Any = "hist"  # or "scatter"
    diag: Any = "hist"
    cmap: str = "viridis"

    @staticmethod
    def of(given: Mapping[str, Any]) -> _Style:
        given = {_older.get(name, name): value for name, value in given.items()}
        for name in given:
            if name not in (*_shown, *_ignored):
                raise TypeError(f"there is no argument `{name}` of pair plots: {', '.join((*_shown, 'bins', 'resolution'))}")
        return _Style(**{name: value for name, value in given.items() if name in _shown and value is not None})

    @property
    def color(self) -> Any:
        if self.points_colors is None:
            return "C3"
        return self.points_colors if isinstance(self.points_colors, str) else self.points_colors[0]

    @property
    def scattered(self) -> bool:
        return "scatter" in (self.upper if isinstance(self.upper, (list, tuple)) else [self.upper])


class _Grid:
    """The triangle of axes, with a readable unit per parameter."""

    def __init__(
        self, names: Sequence[str], dims: Mapping[str, Exponents], low: FloatArray, high: FloatArray, subset: Any, labels: Any, ax: Any,
        style: _Style,
    ) -> None:  # fmt: skip
        import matplotlib.pyplot as plt

        self.chosen = indices(names, subset)
        self.low, self.high = low, high
        n = len(self.chosen)
        if ax is None:
            self.figure, axes = plt.subplots(n, n, figsize=style.figsize or (2.2 * n, 2.2 * n), squeeze=False, layout="constrained")
        else:
            axes = np.asarray(ax).reshape(n, n)
            self.figure = axes[0, 0].figure
        self.axes, self.style = axes, style
        if style.title:
            self.figure.suptitle(style.title)
        self.scales = []
        for row, k in enumerate(self.chosen):
            unit, scale = _core.display_unit(dims[names[k]], np.array([low[k], high[k]]))
            self.scales.append(scale)
            text = _label_of(labels, names, k) or (names[k] if unit == "1" else f"{names[k]} ({unit})")
            axes[row, row].set_xlabel(text)
            axes[row, row].set_yticks([])
            for column in range(row):
                axes[row, column].axis("off")
        for row in range(n):
            for column in range(row, n):
                scale_x = self.scales[column]
                axes[row, column].set_xlim(low[self.chosen[column]] / scale_x, high[self.chosen[column]] / scale_x)
                if column > row:
                    axes[row, column].set_ylim(low[self.chosen[row]] / self.scales[row], high[self.chosen[row]] / self.scales[row])
                    axes[row, column].set(xticks=[], yticks=[])

    def ticks(self, ticks: Sequence[Any]) -> None:
        for row, k in enumerate(self.chosen):
            if ticks[k] is not None:
                self.axes[row, row].set_xticks(np.asarray(ticks[k]) / self.scales[row])

    def points(self, points: Sequence[Any]) -> None:
        for row, k in enumerate(self.chosen):
            if points[k] is None:
                continue
            for value in np.atleast_1d(points[k]):
                self.axes[row, row].axvline(value / self.scales[row], color=self.style.color)
            for column in range(row + 1, len(self.chosen)):
                other = points[self.chosen[column]]
                if other is not None:
                    x, y = np.atleast_1d(other) / self.scales[column], np.atleast_1d(points[k]) / self.scales[row]
                    self.axes[row, column].plot(
                        x, y, **{"marker": "+", "linestyle": "", "markersize": 10, "color": self.style.color, **self.style.points_offdiag}
                    )


def bounds_of(posterior: Posterior) -> tuple[FloatArray, FloatArray]:
    """Of the prior; infinite where there are none."""
    pairs = posterior.bounds
    low, high = (np.array([pairs[name][k] for name in posterior.names], dtype=float) for k in (0, 1))
    return low, high


def conditioned(posterior: Posterior, condition: Any) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Finite bounds, and the condition as a row."""
    row = np.asarray(condition, dtype=float).reshape(-1)
    if len(row) != len(posterior.names):
        raise ValueError(f"the condition has {len(row)} values for {len(posterior.names)} parameters")
    low, high = bounds_of(posterior)
    if not (np.all(np.isfinite(low)) and np.all(np.isfinite(high))):
        drawn = posterior.sample((1000,), seed=0)
        low, high = np.where(np.isfinite(low), low, drawn.min(axis=0)), np.where(np.isfinite(high), high, drawn.max(axis=0))
    return low, high, row


def indices(names: Sequence[str], subset: Any) -> list[int]:
    if subset is None:
        return list(range(len(names)))
    chosen = []
    for item in subset:
        if isinstance(item, str) and item not in names:
            raise AttributeError(f"`{item}` is no parameter: {', '.join(names)}")
        chosen.append(names.index(item) if isinstance(item, str) else int(item))
    return chosen


def _label_of(labels: Any, names: Sequence[str], k: int) -> str:
    if labels is None:
        return ""
    if isinstance(labels, Mapping):
        return str(labels[names[k]])
    return str(list(labels)[k])


def _pairs(values: Sequence[Any], what: str) -> None:
    for value in values:
        if value is not None and np.size(value) != 2:
            raise ValueError(f"{what} need two values for each parameter")


def within(
    limits: Any, names: Sequence[str], dims: Mapping[str, Exponents], low: FloatArray, high: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """The limits by parameter; where there are none the bounds."""
    given = columns_of(limits, names, dims, "limits")
    _pairs(given, "limits")
    ends = [(low[k], high[k]) if limit is None else (float(limit[0]), float(limit[1])) for k, limit in enumerate(given)]
    return np.array([e[0] for e in ends]), np.array([e[1] for e in ends])


def pairplot(
    samples: FloatArray, names: Sequence[str], dims: Mapping[str, Exponents], low: FloatArray, high: FloatArray, points: Any = None,
    limits: Any = None, subset: Any = None, labels: Any = None, ticks: Any = None, ax: Any = None, bins: int = 40, **style: Any,
) -> tuple[Any, Any]:  # fmt: skip
    """Histograms of samples (n x parameters): each parameter, and each pair. Returns figure and axes."""
    rows = np.asarray(samples, dtype=float).reshape(-1, len(names))
    shown_low = np.where(np.isfinite(low), low, rows.min(axis=0))
    shown_high = np.where(np.isfinite(high), high, rows.max(axis=0))
    shown_low, shown_high = within(limits, names, dims, shown_low, shown_high)
    tick_values = columns_of(ticks, names, dims, "ticks")
    _pairs(tick_values, "ticks")
    shown = _Style.of(style)
    grid = _Grid(names, dims, shown_low, shown_high, subset, labels, ax, shown)
    for row, k in enumerate(grid.chosen):
        scale = grid.scales[row]
        mine = (shown_low[k] / scale, shown_high[k] / scale)
        grid.axes[row, row].hist(rows[:, k] / scale, bins=bins, range=mine, color="C0", histtype="stepfilled", density=True)
        for column in range(row + 1, len(grid.chosen)):
            j = grid.chosen[column]
            other = grid.scales[column]
            box = [[shown_low[j] / other, shown_high[j] / other], mine]
            if shown.scattered:
                grid.axes[row, column].plot(rows[:, j] / other, rows[:, k] / scale, ".", markersize=1, color="C0")
            else:
                grid.axes[row, column].hist2d(rows[:, j] / other, rows[:, k] / scale, bins=bins, range=box, cmap=shown.cmap)
    grid.points(columns_of(points, names, dims, "points"))
    grid.ticks(tick_values)
    return grid.figure, grid.axes


def _conditional(density: LogDensity, condition: FloatArray, changed: Sequence[int], axes: Sequence[FloatArray]) -> FloatArray:
    """Density, 1 at its highest, over a grid of one or two parameters; the others as in the condition."""
    mesh = np.meshgrid(*axes, indexing="ij")
    theta = np.tile(condition, (mesh[0].size, 1))
    for k, values in zip(changed, mesh):
        theta[:, k] = values.reshape(-1)
    logs = density(theta)
    highest = np.max(logs)
    if not np.isfinite(highest):
        raise ValueError("the density is zero everywhere on the grid: the condition or the limits are outside the prior")
    return np.exp(logs - highest).reshape(mesh[0].shape)


def _middles(low: float, high: float, n: int) -> FloatArray:
    return low + (np.arange(n) + 0.5) * (high - low) / n


def conditional_pairplot(
    density: LogDensity, condition: FloatArray, names: Sequence[str], dims: Mapping[str, Exponents], low: FloatArray, high: FloatArray,
    points: Any = None, limits: Any = None, subset: Any = None, labels: Any = None, ticks: Any = None, ax: Any = None,
    resolution: int = 50, **style: Any,
) -> tuple[Any, Any]:  # fmt: skip
    """The density along each parameter and each pair, the others fixed at ``condition``. Returns figure and axes."""
    low, high = within(limits, names, dims, low, high)
    tick_values = columns_of(ticks, names, dims, "ticks")
    _pairs(tick_values, "ticks")
    shown = _Style.of(style)
    grid = _Grid(names, dims, low, high, subset, labels, ax, shown)
    for row, k in enumerate(grid.chosen):
        mine = _middles(low[k], high[k], resolution)
        curve = _conditional(density, condition, [k], [mine])
        grid.axes[row, row].plot(mine / grid.scales[row], curve, color="C0")
        for column in range(row + 1, len(grid.chosen)):
            j = grid.chosen[column]
            other = _middles(low[j], high[j], resolution)
            values = _conditional(density, condition, [k, j], [mine, other])
            grid.axes[row, column].pcolormesh(
                other / grid.scales[column], mine / grid.scales[row], values, shading="nearest", cmap=shown.cmap
            )
    grid.points(columns_of(points, names, dims, "points"))
    grid.ticks(tick_values)
    return grid.figure, grid.axes


def conditional_corrcoeff(
    density: LogDensity, condition: FloatArray, low: FloatArray, high: FloatArray, subset: Sequence[int], resolution: int = 50
) -> FloatArray:
    """Correlation of each pair of parameters when the others are fixed at ``condition``; a symmetric matrix with ones."""
    result = np.eye(len(subset))
    for a, k in enumerate(subset):
        for b in range(a + 1, len(subset)):
            j = subset[b]
            x, y = _middles(low[k], high[k], resolution), _middles(low[j], high[j], resolution)
            weights = _conditional(density, condition, [k, j], [x, y])
            weights /= weights.sum()
            dx, dy = x - weights.sum(axis=1) @ x, y - weights.sum(axis=0) @ y
            spread = np.sqrt((weights.sum(axis=1) @ dx**2) * (weights.sum(axis=0) @ dy**2))
            result[a, b] = result[b, a] = float(dx @ weights @ dy / spread) if spread > 0 else np.nan
    return result
