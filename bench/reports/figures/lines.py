"""Dot-interval lines around a zero line, in groups with heads, with a column of numbers: forest plot and slices."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.reports.comparison.nouns import Kind
from bench.reports.figures import scales
from bench.reports.figures.sheet import PAD, POINT, SPACING, TICKS, Sheet, extent, fitted
from bench.reports.figures.style import FAINT, INK, Mark, Style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIGNS: dict[Kind, str] = {"better": "▲", "worse": "▼", "tied": "=", "unknown": "?"}


@dataclass(frozen=True)
class Line:
    """One line: right of zero is better."""

    label: str
    effect: float | None
    low: float | None
    high: float | None
    mark: Mark
    kind: Kind
    text: str
    """What stands in the column of numbers."""
    under: str = ""
    """In small type below the label."""
    faint: bool = False
    reason: str = ""
    """Stands in the plot where there is no effect."""


@dataclass(frozen=True)
class Block:
    """Lines under a head; '' for none."""

    head: str
    lines: tuple[Line, ...]
    under: str = ""


@dataclass(frozen=True)
class _Placed:
    line: Line
    label: str
    under: str
    text: str
    reason: str
    height: float
    middle: float


def lined(
    style: Style, blocks: Sequence[Block], *, axis_label: str, sides: tuple[str, str], numbers: str, note: str = "",
    margin: float = 0.0,
) -> Figure:  # fmt: skip
    """The figure. sides: what left and right of zero mean; numbers: head of the column; margin: half of the band."""
    plan = _Plan(style, blocks, numbers, axis_label, sides, note)
    sheet = Sheet(style, plan.height)
    plan.write(sheet)
    axis = sheet.axes(plan.left, plan.top, plan.plot, plan.body)
    axis.set_ylim(plan.body, 0)
    axis.set_yticks([])
    every = [line for block in blocks for line in block.lines]
    limits = scales.ends((e for x in every for e in (x.effect, x.low, x.high)), zero=True)
    scales.scale(axis, "x", limits, plan.plot, style.small, most=5)
    for place in axis.get_xticks():
        for low, high in _stretches(plan.placed):
            axis.plot([place, place], [low, high], color=FAINT, linewidth=0.6)
    for low, high in _stretches(plan.placed):
        if margin:
            axis.fill_betweenx([low, high], -margin, margin, color=FAINT, alpha=0.6, linewidth=0)
        axis.plot([0, 0], [low, high], color=INK, linewidth=0.8)
    for one in plan.placed:
        _draw(axis, one, style)
    return sheet.figure


def _stretches(placed: Sequence[_Placed]) -> list[tuple[float, float]]:
    """Where the zero line runs: past all lines but those that hold words instead of a mark."""
    found: list[tuple[float, float]] = []
    for one in placed:
        if one.line.effect is not None:
            top, bottom = one.middle - one.height / 2, one.middle + one.height / 2
            if found and top - found[-1][1] < 0.6 * one.height:
                top = found.pop()[0]
            found.append((top, bottom))
    return found


def _draw(axis: Axes, one: _Placed, style: Style) -> None:
    line, y = one.line, one.middle
    alpha = 0.45 if line.faint else 1.0
    if line.effect is None:
        return
    if line.low is not None and line.high is not None:
        axis.plot([line.low, line.high], [y, y], color=line.mark.colour, linewidth=style.line, alpha=alpha,
                  solid_capstyle="round")  # fmt: skip
    axis.plot([line.effect], [y], **line.mark.point(style.mark), alpha=alpha)


def _broken(text: str, size: float, inches: float) -> str:
    """A number with its interval, the interval on a line of its own where both are too long."""
    if extent(text, size)[0] <= inches:
        return text
    return "\n".join(fitted(part, size, inches) for part in text.replace(" [", "\n[", 1).split("\n"))


class _Plan:
    """Where everything stands: measured first, drawn afterwards."""

    def __init__(
        self, style: Style, blocks: Sequence[Block], numbers: str, axis_label: str, sides: tuple[str, str], note: str
    ) -> None:
        self.style = style
        full = style.width - 2 * PAD
        self.numbers = fitted(numbers, style.small, 0.3 * full)
        texts = [_broken(x.text, style.small, 0.27 * full) for b in blocks for x in b.lines]
        wide = max([extent(t, style.small)[0] for t in [*texts, self.numbers]], default=0.0)
        indent = 0.1 if any(b.head for b in blocks) else 0.0
        names = [fitted(x.label, style.text, 0.34 * full - indent) for b in blocks for x in b.lines]
        unders = [fitted(x.under, style.small, 0.34 * full - indent) for b in blocks for x in b.lines]
        wides = [max(extent(n, style.text)[0], extent(u, style.small)[0]) for n, u in zip(names, unders, strict=True)]
        label = max(wides, default=0.0) + indent
        self.indent, self.sign = indent, extent("▲", style.small)[0] + 0.05
        self.left = PAD + label + 0.12
        self.plot = style.width - PAD - wide - self.sign - 0.14 - self.left
        self.foot = [fitted(axis_label, style.small, full)]
        self.sides = [fitted(s, style.small, 0.46 * full) for s in sides]
        self.note = fitted(note, style.small, full) if note else ""
        self.top = PAD + max(extent(self.numbers, style.small)[1], 0.0) + 0.06
        self._place(blocks, names, unders, texts, full)
        self._stretch()

    def _place(
        self, blocks: Sequence[Block], names: Sequence[str], unders: Sequence[str], texts: Sequence[str], full: float
    ) -> None:
        style, at, i = self.style, 0.0, 0
        self.placed: list[_Placed] = []
        self.heads: list[tuple[float, str, str]] = []
        for block in blocks:
            if block.head:
                head = fitted(block.head, style.text, full, "bold")
                under = fitted(block.under, style.small, full) if block.under else ""
                at += 0.07 if self.heads else 0.0
                self.heads.append((at, head, under))
                at += extent(head, style.text, "bold")[1] + 0.05
                at += extent(under, style.small)[1] + 0.04 if under else 0.0
            for line in block.lines:
                reason = fitted(line.reason, style.small, self.plot) if line.effect is None else ""
                label = self.two(names[i], unders[i])
                boxes = [label, extent(texts[i], style.small)[1], extent(reason, style.small)[1]]
                height = max(1.7 * style.text * POINT, max(boxes) + 0.4 * style.text * POINT)
                self.placed.append(_Placed(line, names[i], unders[i], texts[i], reason, height, at + height / 2))
                at += height
                i += 1
        self.body = at + 0.02

    def _stretch(self) -> None:
        """A slide's lines stand further apart where there are few."""
        style = self.style
        tick = TICKS * style.small * POINT
        sides = max(extent(s, style.small)[1] for s in self.sides)
        self.below = tick + sides + 0.05 + extent(self.foot[0], style.small)[1] + 0.06
        self.below += extent(self.note, style.small)[1] + 0.08 if self.note else 0.0
        fixed = self.top + self.below + PAD
        factor = min(max((style.least - fixed) / self.body, 1.0), 2.2)
        self.body *= factor
        self.placed = [
            dataclasses.replace(p, height=p.height * factor, middle=p.middle * factor) for p in self.placed
        ]
        self.heads = [(at * factor, head, under) for at, head, under in self.heads]
        self.height = fixed + self.body

    def two(self, label: str, under: str) -> float:
        """Height of a label with what stands below it."""
        height = extent(label, self.style.text)[1]
        return height + (0.02 + extent(under, self.style.small)[1] if under else 0.0)

    def write(self, sheet: Sheet) -> None:
        """All text."""
        style, right = self.style, self.style.width - PAD
        sheet.write(right, PAD, self.numbers, size=style.small, ha="right", alpha=0.8)
        for at, head, under in self.heads:
            sheet.write(PAD, self.top + at, head, fontweight="bold")
            if under:
                y = self.top + at + extent(head, style.text, "bold")[1] + 0.04
                sheet.write(PAD, y, under, size=style.small, alpha=0.8)
        for p in self.placed:
            y, alpha = self.top + p.middle, 0.6 if p.line.faint else 1.0
            top, edge = y - self.two(p.label, p.under) / 2, self.left - 0.1
            sheet.write(edge, top, p.label, ha="right", alpha=alpha)
            if p.under:
                below = top + self.two(p.label, p.under)
                sheet.write(edge, below, p.under, size=style.small, ha="right", va="bottom", alpha=0.8 * alpha)
            sheet.write(right, y, p.text, size=style.small, ha="right", va="center", alpha=alpha)
            sign = self.left + self.plot + 0.1 + (self.sign - 0.05) / 2
            sheet.write(sign, y, SIGNS[p.line.kind], size=style.small, ha="center", va="center", alpha=alpha)
            if p.reason:
                sheet.write(self.left, y, p.reason, size=style.small, va="center", alpha=0.8)
        y = self.top + self.body + TICKS * style.small * POINT
        middle = self.left + self.plot / 2
        y = self._sides(sheet, y)
        half = extent(self.foot[0], style.small)[0] / 2
        middle = min(max(middle, PAD + half), style.width - PAD - half)
        sheet.write(middle, y, self.foot[0], size=style.small, ha="center", linespacing=SPACING)
        if self.note:
            sheet.write(PAD, sheet.height - PAD, self.note, size=style.small, va="bottom", alpha=0.75)

    def _sides(self, sheet: Sheet, y: float) -> float:
        """What left and right of zero mean, at the two ends of the plot; kept apart and on the sheet."""
        style = self.style
        wide = [extent(s, style.small)[0] for s in self.sides]
        start = max(PAD, min(self.left, self.left + self.plot - wide[1] - wide[0] - 0.2))
        end = min(style.width - PAD, max(self.left + self.plot, start + wide[0] + 0.2 + wide[1]))
        sheet.write(start, y, self.sides[0], size=style.small, alpha=0.8)
        sheet.write(end, y, self.sides[1], size=style.small, ha="right", alpha=0.8)
        return y + max(extent(s, style.small)[1] for s in self.sides) + 0.05
