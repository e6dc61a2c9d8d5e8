"""Forest plot: paired differences in standard deviations of prompts' differences, right being better in every line.

The raw difference with its interval stands at the right, in the metric's own unit and running as the metric runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.reports.comparison.forest import effect
from bench.reports.figures.lines import Block, Line, lined
from bench.reports.figures.material import (
    Ask,
    Lacking,
    Material,
    Panel,
    both_of,
    drawable,
    named_panels,
    need_comparison,
    need_systems,
    title_of,
    value_of,
)
from bench.reports.figures.sheet import pencil
from bench.reports.numbers import ABSENT, decimals, number

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NOTE = "▲ better, ▼ worse, = not told apart after correction for all comparisons, ? no interval. Lines: 95 %."
AXIS = "paired difference / its standard deviation over prompts"


def forest(material: Material, ask: Ask) -> Figure:
    """Every system against one reference: the second of two, the baseline, or the best of the first metric."""
    need_comparison(material)
    need_systems(material, 2)
    asked = named_panels(material, ask.metrics) if ask.metrics else [p for p in material.panels if p.primary]
    found = [p for p in asked if drawable(material, p) and p.direction != "none"]
    if not found:
        raise Lacking("It needs a metric with a direction that both systems have, and there is none.")
    reference = _reference(material, found[0])
    others = [i for i in material.ranked if i != reference]
    with pencil():
        blocks = _two(material, ask, found, others[0], reference) if len(others) == 1 else []
        blocks = blocks or [_many(material, ask, p, others, reference) for p in found]
        if all(x.text == ABSENT for b in blocks for x in b.lines):
            raise Lacking(f"No two of the scores can be subtracted: {blocks[0].lines[0].reason}.")
        against = title_of(material, reference, ask)
        ends = sides(material, (others[0], reference), ask)
        ends = ends if len(others) == 1 else (ends[0], "better than that ▶")
        return lined(
            ask.style, blocks, axis_label=AXIS, sides=ends, note=NOTE,
            numbers=f"less {against} [95 %]" if len(others) > 1 else "difference [95 %]", margin=ask.margin,
        )  # fmt: skip


def _reference(material: Material, panel: Panel) -> int:
    if len(material.ranked) == 2:
        return both_of(material)[1]
    base = material.comparison.baseline if material.comparison is not None else None
    if base is not None and base in material.ranked:
        return base
    return max(material.ranked, key=lambda i: (_worth(panel, i), -i))


def _worth(panel: Panel, system: int) -> float:
    value = value_of(panel, system)
    return float("-inf") if value is None else panel.sign * value


def _two(material: Material, ask: Ask, panels: list[Panel], system: int, reference: int) -> list[Block]:
    """One block without a head: a line a metric."""
    made = []
    for panel in panels:
        made.append(line(material, panel, system, reference, (panel.head(ask.literal), panel.under(ask.literal))))
    return [Block("", tuple(made))]


def _many(material: Material, ask: Ask, panel: Panel, others: list[int], reference: int) -> Block:
    """A block a metric: a line a system."""
    made = [line(material, panel, i, reference, (title_of(material, i, ask), "")) for i in others]
    return Block(panel.head(ask.literal), tuple(made), panel.under(ask.literal))


def line(material: Material, panel: Panel, system: int, reference: int, label: tuple[str, str]) -> Line:
    """A system against the reference on one metric, or the reason why not. label: with what stands below it."""
    comparison, tables = need_comparison(material)
    assert panel.row is not None
    one = effect(comparison, tables, panel.row, (system, reference))
    why = "" if one.effect is not None else one.refusal or "no spread: every prompt differs alike"
    flat = one.delta == 0 and one.low == one.high is not None
    at = (0.0, 0.0, 0.0) if one.effect is None and flat else (one.effect, one.effect_low, one.effect_high)
    text = raw(one.delta, one.low, one.high, panel.unit)
    return Line(label[0], *at, material.marks[system], one.kind, text, label[1], reason=why)


def raw(delta: float | None, low: float | None, high: float | None, unit: str = "") -> str:
    """'+0.012 [−0.003, +0.027] s'."""
    digits = decimals([None if low is None or high is None else (high - low) / 2], [delta])
    text = number(delta, digits, signed=True)
    if low is not None and high is not None:
        text += f" [{number(low, digits, signed=True)}, {number(high, digits, signed=True)}]"
    return f"{text} {unit}".rstrip() if delta is not None else text


def sides(material: Material, pair: tuple[int, int], ask: Ask) -> tuple[str, str]:
    """What left and right of zero mean for two systems."""
    ours, theirs = (title_of(material, i, ask) for i in pair)
    return f"◀ {theirs} better", f"{ours} better ▶"
