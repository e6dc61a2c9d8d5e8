"""Tables of coloured cells: names down, numbered or named columns, a mark or a number in each cell that has room.

Colours run from orange over white to blue (worse, equal, better) or from white to blue (none, all); what a cell says is
written in it too, so that nothing hangs on colour.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.reports.figures.sheet import PAD, POINT, SPACING, Labels, Sheet, extent, fitted, labels, rows
from bench.reports.figures.style import BAD, GOOD, Style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SMALLEST = 3.0
"""Points of the smallest sign that can be told apart in print."""
EDGE = "#e4e4e6"
BLANK = "#f4f4f5"
"""A cell that has no number."""


def blend(share: float, end: str = GOOD) -> str:
    """From white (0) to a colour (1) as a hex code, nearly linear to the eye."""
    goal = np.array([int(end[i : i + 2], 16) for i in (1, 3, 5)])
    mixed = np.rint(255 + (goal - 255) * min(max(share, 0.0), 1.0)).astype(int)
    return "#" + "".join(f"{c:02x}" for c in mixed)


def diverging(value: float) -> str:
    """-1 (worse, orange) over 0 (white) to 1 (better, blue)."""
    return blend(abs(value), GOOD if value > 0 else BAD)


def ink_on(shade: str) -> str:
    """White or black, whichever stands out more from a ground (contrast as WCAG 2 has it: 4.58 or more)."""
    light = brightness(shade) + 0.05
    return "#ffffff" if 1.05 / light > light / 0.05 else "#000000"


def brightness(shade: str) -> float:
    """Relative luminance of a hex code, 0 to 1."""
    parts = np.array([int(shade[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(parts <= 0.03928, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))


@dataclass(frozen=True)
class Cell:
    """One cell: its ground, and what it says from the fullest to the shortest form; the first that fits is written."""

    shade: str
    texts: tuple[str, ...] = ()
    bold: bool = False


@dataclass(frozen=True)
class Table:
    """A table of cells with all that stands around it."""

    names: tuple[str, ...]
    """Down the left side."""
    heads: tuple[str, ...]
    """Over the columns; they may be numbers of a key."""
    cells: tuple[tuple[Cell | None, ...], ...]
    title: str = ""
    under: str = ""
    note: str = ""
    over: str = ""
    """What the columns are."""


def table(style: Style, given: Table, *, least: float = 0.0) -> tuple[Sheet, Axes]:
    """Draw it. least: smallest width of a column in inches; where the style has less room the figure grows wider."""
    full = style.width - 2 * PAD
    names = labels(given.names, style, 0.42 * full, row=2.0)
    left = PAD + names.width + 0.1
    count = max(len(given.heads), 1)
    cell = max((style.width - PAD - left) / count, least, 0.8 * style.small * POINT)
    cell = min(cell, 12 * style.text * POINT) if style.name != "slide" else cell
    names = _grown(names, given, cell, style)
    heads, key = column_heads(given.heads, cell, style)
    width = max(style.width, left + count * cell + PAD)
    top = _Top(given, style, width, left, heads)
    told = [fitted(t, style.small, width - 2 * PAD) for t in (*key, given.note) if t]
    below = sum(extent(t, style.small)[1] + 0.05 for t in told) + (0.06 if told else 0.0)
    names = names.stretched(style.least - top.height - below - PAD, 1.8)
    sheet = Sheet(style, top.height + names.total + below + PAD, width=width)
    axis = sheet.axes(left, top.height, count * cell, names.total)
    axis.spines["bottom"].set_visible(False)
    axis.set_xlim(0, count)
    axis.set_xticks([])
    rows(axis, names, size=style.text)
    top.write(sheet, cell)
    _fill(axis, given, names, _form(given, names, cell, style))
    y = top.height + names.total + 0.08
    for text in told:
        sheet.write(PAD, y, text, size=style.small, alpha=0.85)
        y += extent(text, style.small)[1] + 0.05
    return sheet, axis


def _grown(names: Labels, given: Table, cell: float, style: Style) -> Labels:
    """Rows high enough for the cells' fullest text where that is of several lines and fits the width."""
    heights = []
    for height, line in zip(names.heights, given.cells, strict=True):
        full = [c.texts[0] for c in line if c is not None and c.texts]
        need = [extent(t, style.small)[1] for t in full if "\n" in t and _fits(t, cell, style)]
        heights.append(max([height, *(n + 0.5 * style.small * POINT for n in need)]))
    return Labels(names.texts, names.width, tuple(heights))


def _fits(text: str, cell: float, style: Style) -> bool:
    return extent(text, style.small)[0] <= cell - 0.03


@dataclass(frozen=True)
class _Form:
    """How cells are written: which of their texts, and the size of its type in points."""

    text: int
    size: float


def _form(given: Table, names: Labels, cell: float, style: Style) -> _Form | None:
    """The fullest form in which all cells can be written, so that a table is written in one; the shortest in smaller
    type where that is needed; None where even this has no room."""
    cells = [(c, h) for line, h in zip(given.cells, names.heights, strict=True) for c in line if c and c.texts]
    forms = max((len(c.texts) for c, _ in cells), default=0)
    for form in range(forms):
        room = _room(form, cells, cell, style)
        if room >= 1 or form == forms - 1:
            size = style.small * min(room, 1.0)
            return _Form(form, size) if size >= _SMALLEST else None
    return None


def _room(form: int, cells: Sequence[tuple[Cell, float]], cell: float, style: Style) -> float:
    """How many times larger the type of a form could be. Only the longest texts are measured: there are hundreds."""
    known = {(c.texts[min(form, len(c.texts) - 1)], c.bold, round(height, 6)) for c, height in cells}
    longest = max((_length(t) for t, _, _ in known), default=0)
    found = []
    for text, bold, height in sorted(known):
        if _length(text) >= longest - 1:
            wide, high = extent(text, style.small, "bold" if bold else "normal")
            found.append(min((cell - min(0.03, 0.1 * cell)) / wide, height / high))
    return min(found, default=1.0)


def _length(text: str) -> int:
    return max(map(len, text.split("\n")), default=0)


def _fill(axis: Axes, given: Table, names: Labels, form: _Form | None) -> None:
    from matplotlib.collections import PolyCollection

    at, corners, shades = 0.0, [], []
    for height, line in zip(names.heights, given.cells, strict=True):
        for x, one in enumerate(line):
            if one is None:
                continue
            corners.append([(x, at), (x + 1, at), (x + 1, at + height), (x, at + height)])
            shades.append(one.shade)
            if one.texts and form is not None:
                text, weight = one.texts[min(form.text, len(one.texts) - 1)], "bold" if one.bold else "normal"
                axis.text(x + 0.5, at + height / 2, text, fontsize=form.size, ha="center", va="center",
                          color=ink_on(one.shade), fontweight=weight, linespacing=SPACING)  # fmt: skip
        at += height
    axis.add_collection(PolyCollection(corners, facecolors=shades, edgecolors=EDGE, linewidths=0.6), autolim=False)


def column_heads(heads: Sequence[str], cell: float, style: Style) -> tuple[list[str], list[str]]:
    """(texts over the columns, key): names in up to three lines where no word is broken, else numbers with a key."""
    if all(h.isdecimal() for h in heads):
        return list(heads), []
    wrapped = [fitted(h, style.small, cell - 0.04) for h in heads]
    whole = all(unbroken(h, w) and w.count("\n") < 3 and extent(w, style.small)[0] <= cell for h, w in zip(
        heads, wrapped, strict=True))  # fmt: skip
    if whole:
        return wrapped, []
    numbers = [str(i + 1) for i in range(len(heads))]
    return numbers, [f"{n}\N{NO-BREAK SPACE}\N{NO-BREAK SPACE}{h}" for n, h in zip(numbers, heads, strict=True)]


def unbroken(text: str, lines: str) -> bool:
    """Whether every line ends where a word does."""
    joints, at = " ,(/+-_=", 0
    for line in lines.split("\n")[:-1]:
        at = text.index(line, at) + len(line)
        if line[-1] not in joints and text[at : at + 1] not in (" ", ""):
            return False
    return True


class _Top:
    """Title, what the columns are, and the columns' heads, staggered where they are wider than a column."""

    def __init__(self, given: Table, style: Style, width: float, left: float, heads: Sequence[str]) -> None:
        full = width - 2 * PAD
        self.style, self.left, self.heads = style, left, heads
        self.title = fitted(given.title, style.text, full, "bold") if given.title else ""
        self.under = fitted(given.under, style.small, full) if given.under else ""
        self.over = fitted(given.over, style.small, width - left - PAD) if given.over else ""
        self.head = max((extent(h, style.small)[1] for h in heads), default=0.0)
        self.cell = (width - PAD - left) / max(len(heads), 1)
        widest = max((extent(h, style.small)[0] for h in heads), default=0.0)
        self.levels = max(math.ceil((widest + 0.02) / self.cell), 1)
        self.height = PAD
        self.height += extent(self.title, style.text, "bold")[1] + 0.03 if self.title else 0.0
        self.height += extent(self.under, style.small)[1] + 0.03 if self.under else 0.0
        self.height += extent(self.over, style.small)[1] + 0.05 if self.over else 0.0
        self.height += self.levels * (self.head + 0.03) + 0.03

    def write(self, sheet: Sheet, cell: float) -> None:
        style, y = self.style, PAD
        if self.title:
            sheet.write(PAD, y, self.title, fontweight="bold")
            y += extent(self.title, style.text, "bold")[1] + 0.03
        if self.under:
            sheet.write(PAD, y, self.under, size=style.small, alpha=0.8)
            y += extent(self.under, style.small)[1] + 0.03
        if self.over:
            sheet.write(self.left, y, self.over, size=style.small, alpha=0.8)
        for i, head in enumerate(self.heads):
            level = i % self.levels
            bottom = self.height - 0.04 - level * (self.head + 0.03)
            sheet.write(self.left + (i + 0.5) * cell, bottom, head, size=style.small, ha="center", va="bottom")
