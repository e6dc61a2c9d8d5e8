"""Paired differences by category of prompt: a line a tag's value, in standard deviations, right being better."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.errors import UsageError, did_you_mean
from bench.reports.comparison.findings import Slice, SliceTable
from bench.reports.comparison.slices import slices as sliced
from bench.reports.figures.forest import AXIS, sides
from bench.reports.figures.lines import Block, Line, lined
from bench.reports.figures.material import Ask, Lacking, Material, both_of, need_comparison, the_panel
from bench.reports.figures.sheet import pencil, shown
from bench.reports.figures.style import Mark
from bench.reports.numbers import decimals, number

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NOTE = (
    "▲ ▼ = by Benjamini and Hochberg over all slices: for looking around, no verdict. In brackets: prompts; pale: "
    "fewer than 20."
)


def slices(material: Material, ask: Ask) -> Figure:
    """One metric of two systems; `by` names one tag, else every tag is a block."""
    comparison, tables = need_comparison(material)
    panel = the_panel(material, ask.metric, paired=True)
    pair = both_of(material)
    found = [t for t in sliced(comparison, tables, pair) if panel.row is not None and t.row.key == panel.row.key]
    if not found:
        raise Lacking(f"{panel.label}: it needs prompts with tags of two or more values, and there are none.")
    tags = [t.tag for t in found]
    if ask.by and ask.by not in tags:
        raise UsageError(f"There is no tag '{ask.by}' that sorts these prompts.{did_you_mean(ask.by, tags)}")
    shown_ones = [t for t in found if not ask.by or t.tag == ask.by]
    with pencil():
        blocks = [_block(t, material.marks[pair[0]], ask) for t in shown_ones]
        under = panel.under(ask.literal)
        title = f"{panel.head(ask.literal)} ({under})" if under else panel.head(ask.literal)
        return lined(
            ask.style, blocks, axis_label=f"{title}: {AXIS}", sides=sides(material, pair, ask),
            numbers="difference [95 %]", note=NOTE, margin=ask.margin,
        )  # fmt: skip


def _block(given: SliceTable, mark: Mark, ask: Ask) -> Block:
    return Block(shown(given.tag, ask.literal), tuple(_line(s, mark, ask) for s in given.slices))


def _line(one: Slice, mark: Mark, ask: Ask) -> Line:
    halves = [(one.high - one.low) / 2] if one.low is not None and one.high is not None else []
    digits = decimals(halves, [one.delta])
    text = number(one.delta, digits, signed=True)
    if one.low is not None and one.high is not None:
        text += f" [{number(one.low, digits, signed=True)}, {number(one.high, digits, signed=True)}]"
    label = f"{shown(one.value, ask.literal) if one.value else 'none'} ({one.groups:,})"
    reason = "" if one.effect is not None else "no spread over prompts"
    return Line(
        label, one.effect, one.effect_low, one.effect_high, mark, one.kind, text,
        faint=one.faint, reason=reason,
    )  # fmt: skip
