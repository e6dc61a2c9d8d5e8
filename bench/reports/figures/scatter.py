"""Paired scatter: each prompt's score by one system against its score by another, equal on the diagonal.

Axes run so that above the diagonal the first system is better, whichever way the metric runs. Few different values
are drawn as discs with an area by count, many prompts as hexagons by density, so that nothing hides behind anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bench.reports.figures import scales
from bench.reports.figures.material import Ask, Lacking, Material, both_of, the_panel, title_of
from bench.reports.figures.pairing import joint
from bench.reports.figures.plane import Drawn, Plane, plane
from bench.reports.figures.sheet import pencil
from bench.reports.figures.style import FAINT, GOOD, INK
from bench.reports.privacy import private

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MANY = 1500
"""Prompts from which on hexagons are drawn."""
FEW = 60
"""Different points up to which discs are drawn."""


def scatter(material: Material, ask: Ask) -> Figure:
    """The first system upwards, the second to the right."""
    panel = the_panel(material, ask.metric, paired=True, directed=False)
    system, reference = both_of(material)
    both = joint(material, panel, members=(system, reference))
    known = both.values[np.isfinite(both.values).all(1)]
    if not len(known):
        raise Lacking(f"{panel.label}: there is no prompt on which both systems have a value.")
    y, x = known[:, 0], known[:, 1]
    limits = scales.ends([float(known.min()), float(known.max())], margin=0.07)
    ours, theirs = title_of(material, system, ask), title_of(material, reference, ask)
    turned = panel.direction == "lower"
    with pencil():
        lines = _counts(panel.sign * (y - x), ours, theirs, len(known), panel.direction != "none")
        beside = ask.style.name != "column"
        drawn = plane(ask.style, Plane(
            limits, limits, theirs, ours, panel.head(ask.literal), panel.under(ask.literal),
            note="" if beside else "; ".join(lines), ratio=1.0, turned=(turned, turned),
            aside=lines if beside else (),
        ))  # fmt: skip
        _draw(drawn, x, y, limits, material)
        return drawn.sheet.figure


def _counts(gain: np.ndarray, ours: str, theirs: str, count: int, directed: bool) -> tuple[str, ...]:
    up, down = int((gain > 0).sum()), int((gain < 0).sum())
    words = ("better", "better") if directed else ("larger", "larger")
    return (
        f"{ours} {words[0]} on {up:,}", f"equal on {count - up - down:,}", f"{theirs} {words[1]} on {down:,}",
        f"of {count:,} prompts",
    )  # fmt: skip


def _draw(drawn: Drawn, x: np.ndarray, y: np.ndarray, limits: tuple[float, float], material: Material) -> None:
    axis, style = drawn.axis, drawn.sheet.style
    for place in axis.get_xticks():
        axis.axvline(place, color=FAINT, linewidth=0.6, zorder=0)
        axis.axhline(place, color=FAINT, linewidth=0.6, zorder=0)
    axis.plot(limits, limits, color=INK, linewidth=0.8, zorder=1)
    assert material.comparison is not None
    closed = any(private(s.run) for s in material.comparison.systems)
    places, counts = np.unique(np.column_stack([x, y]), axis=0, return_counts=True)
    if len(places) <= FEW and counts.max() > 1:
        _discs(drawn, places, counts)
    elif len(x) > MANY or closed:
        _hexagons(drawn, x, y, limits)
    else:
        _shade(drawn, x, y)
        axis.plot(x, y, "o", color=GOOD, markersize=0.75 * style.mark, alpha=0.45, markeredgewidth=0, zorder=3)


def _discs(drawn: Drawn, places: np.ndarray, counts: np.ndarray) -> None:
    """Area by count; the numbers stand in the discs that have room."""
    style = drawn.sheet.style
    most = 0.16 * min(drawn.wide, drawn.high) * 72 / max(len(np.unique(places)) / 4, 1)
    sizes = np.maximum(most**2 * counts / counts.max(), style.mark**2 / 2)
    at, up = places.T
    drawn.axis.scatter(at, up, s=sizes, color=GOOD, alpha=0.8, linewidths=0, zorder=3, clip_on=False)
    for (px, py), count, size in zip(places, counts, sizes, strict=True):
        if np.sqrt(size) > len(str(count)) * style.small * 0.75 + 2:
            drawn.axis.text(px, py, str(count), fontsize=style.small, color="white", ha="center", va="center", zorder=4)


def _hexagons(drawn: Drawn, x: np.ndarray, y: np.ndarray, limits: tuple[float, float]) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    shades = LinearSegmentedColormap.from_list("density", ["#cfe3f1", GOOD, "#00304d"])
    side = max(int(drawn.wide * 12), 12)
    drawn.axis.hexbin(x, y, gridsize=side, extent=(*limits, *limits), mincnt=1, bins="log", cmap=shades, linewidths=0.1,
                      zorder=2)  # fmt: skip
    drawn.axis.set_xlim(*(limits[::-1] if drawn.axis.xaxis_inverted() else limits))


def _shade(drawn: Drawn, x: np.ndarray, y: np.ndarray) -> None:
    """Pale contours of density behind the points, where there are enough of them to have one."""
    from scipy.stats import gaussian_kde

    if len(x) < 100 or np.linalg.matrix_rank(np.cov(x, y), tol=1e-9 * float(np.var(x) + np.var(y))) < 2:
        return
    low, high = sorted(drawn.axis.get_xlim())
    at = np.linspace(low, high, 60)
    grid: Any = np.meshgrid(at, at)
    dense = gaussian_kde(np.vstack([x, y]))(np.vstack([g.ravel() for g in grid])).reshape(60, 60)
    levels = dense.max() * np.array([0.1, 0.3, 0.6, 1.01])
    drawn.axis.contourf(*grid, dense, levels=levels, colors=["#edf3f8", "#dfeaf4", "#cfe0ee"], zorder=0.5)


