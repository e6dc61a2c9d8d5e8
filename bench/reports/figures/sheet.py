"""A figure laid out in inches from its top left corner: text is measured before it is placed, so that nothing overlaps
and nothing leaves the sheet.

Matplotlib's own layouts shrink the axes to make room; with names of 500 signs nothing would be left. Here text is
wrapped to the room that it gets, and the sheet grows downwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from bench.reports.figures.style import FAINT, INK, RC, Style, writable
from bench.reports.words import clean, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text

POINT = 1 / 72
SPACING = 1.1
"""Line spacing of all text."""
TICKS = 2.1
"""Room below an x axis for its tick labels, in heights of their type."""
PAD = 0.06
"""Inches kept free at every edge."""


class Sheet:
    """A figure and its size. Lengths are inches; x runs right and y down from the top left corner."""

    def __init__(self, style: Style, height: float, *, width: float = 0.0) -> None:
        from matplotlib.figure import Figure

        self.style = style
        self.width, self.height = width or style.width, max(height, style.least)
        self.figure = Figure(figsize=(self.width, self.height))
        self.figure.patch.set_alpha(1.0 if style.ground else 0.0)
        self.figure.patch.set_facecolor("white")

    def axes(self, x: float, y: float, width: float, height: float, **options: Any) -> Axes:
        """Axes over a rectangle; see-through, no ticks' strokes, a faint line below."""
        box = (x / self.width, 1 - (y + height) / self.height, width / self.width, height / self.height)
        made = self.figure.add_axes(box, **options)
        made.patch.set_alpha(0)
        made.spines[["top", "right", "left"]].set_visible(False)
        made.tick_params(length=0, labelsize=self.style.small, pad=2.5)
        made.tick_params(axis="x", pad=0.8 * self.style.small)  # below the half of a y label at the corner
        made.set_axisbelow(True)
        return made

    def canvas(self) -> Axes:
        """Axes over the whole sheet, in inches from its top left corner, without any strokes of their own."""
        made = self.axes(0, 0, self.width, self.height)
        self.fix(made)
        made.set_axis_off()
        return made

    def fix(self, canvas: Axes) -> None:
        """The canvas's limits again, after images have moved them."""
        canvas.set_xlim(0, self.width)
        canvas.set_ylim(self.height, 0)

    def write(self, x: float, y: float, text: str, *, size: float = 0.0, alpha: float = 1.0, **options: Any) -> Text:
        """Text with its top left corner at (x, y), unless `ha` and `va` say otherwise."""
        given = {"ha": "left", "va": "top", "linespacing": SPACING, "color": INK, **options}
        return self.figure.text(
            x / self.width, 1 - y / self.height, text, fontsize=size or self.style.text, alpha=alpha, **given
        )


def pencil() -> Any:
    """The settings that figures are drawn under, as a context."""
    import matplotlib

    return matplotlib.rc_context(RC)


# ---- text ----------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def _scale() -> tuple[Figure, Any]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(1, 1), dpi=200)
    return figure, FigureCanvasAgg(figure).get_renderer()


@lru_cache(maxsize=8192)
def extent(text: str, size: float, weight: str = "normal") -> tuple[float, float]:
    """(width, height) of a text of any number of lines, in inches."""
    import warnings

    if not text:
        return 0.0, 0.0
    figure, renderer = _scale()
    with pencil(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        made = figure.text(0, 0, text, fontsize=size, fontweight=weight, linespacing=SPACING)
        box = made.get_window_extent(renderer)
        made.remove()
    return float(box.width) / 200, float(box.height) / 200


def fitted(text: str, size: float, inches: float, weight: str = "normal") -> str:
    """The whole text in lines of at most `inches`, broken at joints where there are any."""
    if extent(text, size, weight)[0] <= inches:
        return text
    columns = max(int(inches / (0.5 * size * POINT)), 1)
    while True:
        found = "\n".join(wrapped(text, columns))
        width = extent(found, size, weight)[0]
        if width <= inches or columns == 1:
            return found
        columns = max(min(columns - 1, int(columns * inches / width)), 1)


def shown(text: str, literal: bool = False) -> str:
    """A stranger's text on one line, glyphs that the font lacks as code points unless the reader's font is another."""
    return clean(text) if literal else writable(clean(text))


@dataclass(frozen=True)
class Labels:
    """Names down the left side: wrapped, and where each of them stands."""

    texts: tuple[str, ...]
    width: float
    """Of the widest, in inches."""
    heights: tuple[float, ...]
    """Room of each row."""

    @property
    def total(self) -> float:
        return sum(self.heights)

    @property
    def centres(self) -> list[float]:
        """Middle of each row, in inches from the top."""
        found, at = [], 0.0
        for height in self.heights:
            found.append(at + height / 2)
            at += height
        return found

    def stretched(self, total: float, most: float = 2.2) -> Labels:
        """The same with higher rows, up to `most` times, where there is more room than they need."""
        factor = min(max(total / self.total, 1.0), most) if self.total else 1.0
        return Labels(self.texts, self.width, tuple(h * factor for h in self.heights))


def labels(texts: Sequence[str], style: Style, inches: float, *, size: float = 0.0, row: float = 1.75) -> Labels:
    """Names wrapped to `inches`; a row is `row` lines high, more where the name needs it."""
    size = size or style.text
    found = [fitted(t, size, inches) for t in texts]
    boxes = [extent(t, size) for t in found]
    gap = 0.35 * size * POINT
    heights = tuple(max(row * size * POINT, box[1] + gap) for box in boxes)
    return Labels(tuple(found), max((box[0] for box in boxes), default=0.0), heights)


def rows(axis: Axes, given: Labels, *, named: bool = True, size: float = 0.0) -> list[float]:
    """Make y of the axes run down in inches over the rows, with their names as tick labels; gives the rows' middles."""
    axis.set_ylim(given.total, 0)
    axis.set_yticks(given.centres, given.texts if named else [""] * len(given.texts))
    for label in axis.get_yticklabels():
        label.set_linespacing(SPACING)
        label.set_fontsize(size or label.get_fontsize())
    return given.centres


def spread_apart(wanted: Sequence[float], heights: Sequence[float]) -> list[float]:
    """Places near the wanted ones at which labels of these heights, kept in order, do not overlap.

    Neighbours that collide form a block around the mean of what they want; the result may begin above 0.
    """
    order = sorted(range(len(wanted)), key=lambda i: (wanted[i], i))
    blocks: list[list[Any]] = []  # members, middle, height
    for i in order:
        blocks.append([[i], wanted[i], heights[i]])
        while len(blocks) > 1 and blocks[-2][1] + blocks[-2][2] / 2 > blocks[-1][1] - blocks[-1][2] / 2:
            members = blocks[-2][0] + blocks[-1][0]
            blocks[-2:] = [[members, _middle(members, wanted, heights), sum(heights[m] for m in members)]]
    places = [0.0] * len(wanted)
    for members, middle, height in blocks:
        at = middle - height / 2
        for i in members:
            places[i] = at + heights[i] / 2
            at += heights[i]
    return places


def _middle(members: Sequence[int], wanted: Sequence[float], heights: Sequence[float]) -> float:
    """Middle of a block of labels that leaves each as near as possible (least squares) to where it wants to be."""
    total, at, drift = sum(heights[m] for m in members), 0.0, 0.0
    for m in members:
        drift += wanted[m] - (at + heights[m] / 2 - total / 2)
        at += heights[m]
    return drift / len(members)


def grid(axis: Axes, which: Literal["both", "x", "y"] = "x") -> None:
    """Faint lines at the ticks."""
    axis.grid(axis=which, color=FAINT, linewidth=0.6)
