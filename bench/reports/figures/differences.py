"""Distribution of paired differences over prompts, right being better: zero line, the whole with its interval."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.reports.comparison.differences import Refused
from bench.reports.comparison.forest import between
from bench.reports.comparison.nouns import Difference
from bench.reports.figures import scales
from bench.reports.figures.forest import raw
from bench.reports.figures.material import Ask, Lacking, Material, Panel, both_of, need_comparison, the_panel, title_of
from bench.reports.figures.pairing import joint
from bench.reports.figures.plane import Drawn, Plane, plane
from bench.reports.figures.sheet import pencil
from bench.reports.figures.style import FAINT, GREY, INK
from bench.reports.numbers import percent

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FEW = 25
"""Different values up to which each has a bar of its own."""


def differences(material: Material, ask: Ask) -> Figure:
    """Bars count prompts; the axis is turned where less is better, its numbers stay the metric's."""
    panel = the_panel(material, ask.metric, paired=True)
    system, reference = both_of(material)
    values = joint(material, panel, members=(system, reference)).values
    gaps = (values[:, 0] - values[:, 1])[np.isfinite(values).all(1)]
    try:
        comparison, tables = need_comparison(material)
        assert panel.row is not None
        whole = between(comparison, tables, panel.row, (system, reference))
    except Refused as reason:
        raise Lacking(f"{panel.label}: {reason}.") from None
    found = bars(gaps)
    ends = [float(found.edges.min()), float(found.edges.max()), whole.low, whole.high]
    limits = scales.ends(ends, margin=0.03, zero=True)
    ours, theirs = title_of(material, system, ask), title_of(material, reference, ask)
    top = max(float(found.counts.max()), found.ties, 1.0) * 1.22
    with pencil():
        drawn = plane(ask.style, Plane(
            limits, (0.0, top), f"{ours} less {theirs}{f', {panel.unit}' if panel.unit else ''}  (right: better)",
            "prompts", panel.head(ask.literal), panel.under(ask.literal), note=_note(gaps, whole, panel, ours),
            turned=(panel.direction == "lower", False),
        ))  # fmt: skip
        _draw(drawn, material, found, whole, panel, (system, reference))
        return drawn.sheet.figure


@dataclass(frozen=True)
class Bars:
    """A histogram; ties are no part of it where the bins have a width."""

    edges: np.ndarray
    """(bins, 2)."""
    counts: np.ndarray
    ties: int
    """Prompts without a difference, beside the bins; 0 where values are few and ties are a bar like others."""


def bars(gaps: np.ndarray) -> Bars:
    """A bar a value where values are few, else Freedman-Diaconis bins with an edge at 0 and the ties apart."""
    fine = np.where(np.abs(gaps) <= 1e-12 * float(np.abs(gaps).max(initial=0)), 0.0, gaps)
    kinds = np.unique(np.round(fine, 12) if np.abs(fine).max(initial=0) < 1e3 else fine)
    if len(kinds) <= FEW:
        step = float(np.diff(kinds).min()) if len(kinds) > 1 else (abs(float(kinds[0])) or 1.0)
        counts = np.array([int((np.abs(fine - k) < step / 2).sum()) for k in kinds])
        half = 0.42 * max(step, float(np.ptp(kinds)) / 40)
        return Bars(np.column_stack([kinds - half, kinds + half]), counts, 0)
    moved = fine[fine != 0]
    low, high = min(float(moved.min()), 0.0), max(float(moved.max()), 0.0)
    quarter = float(np.subtract(*np.percentile(moved, [75, 25])))
    width = 2 * quarter / len(moved) ** (1 / 3) or (high - low) / 20
    width = min(max(width, (high - low) / 60), (high - low) / 8)
    first, last = math.floor(low / width), math.ceil(high / width)
    places = np.arange(first, last + 1) * width
    at = np.where(moved < 0, np.floor(moved / width), np.ceil(moved / width) - 1).astype(int) - first
    counts = np.bincount(np.clip(at, 0, last - first - 1), minlength=last - first)
    return Bars(np.column_stack([places[:-1], places[1:]]), counts, len(fine) - len(moved))


def _draw(
    drawn: Drawn, material: Material, given: Bars, whole: Difference, panel: Panel, pair: tuple[int, int]
) -> None:  # fmt: skip
    axis, style = drawn.axis, drawn.sheet.style
    axis.grid(axis="y", color=FAINT, linewidth=0.6)
    edges, counts = given.edges, given.counts
    middle = panel.sign * edges.mean(1)
    ours, theirs = (material.marks[i].colour for i in pair)
    shades = [ours if m > 1e-300 else theirs if m < -1e-300 else GREY for m in middle]
    axis.bar(edges[:, 0], counts, width=edges[:, 1] - edges[:, 0], align="edge", color=shades, linewidth=0.4,
             edgecolor="white")  # fmt: skip
    axis.axvline(0, color=INK, linewidth=0.9)
    if given.ties:
        axis.plot([0, 0], [0, given.ties], color=GREY, linewidth=2.5 * style.line, solid_capstyle="butt")
        axis.plot([0], [given.ties], "o", color=GREY, markersize=style.mark)
    y = 0.92 * axis.get_ylim()[1]
    if whole.low is not None and whole.high is not None:
        axis.plot([whole.low, whole.high], [y, y], color=INK, linewidth=1.4 * style.line, solid_capstyle="round")
    axis.plot([whole.delta], [y], "o", color=INK, markersize=style.mark)


def _note(gaps: np.ndarray, whole: Difference, panel: Panel, ours: str) -> str:
    up, down = (int((panel.sign * gaps > 0).sum()), int((panel.sign * gaps < 0).sum()))
    shares = ", ".join(
        f"{word} on {percent(count / len(gaps))}"
        for word, count in (("better", up), ("equal", len(gaps) - up - down), ("worse", down))
    )
    amount = raw(whole.delta, whole.low, whole.high, panel.unit)
    return f"Black: {amount}, 95 %. {ours}: {shares} of {len(gaps):,} prompts."
