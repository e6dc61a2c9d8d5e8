"""How figures look: widths and type sizes by style, one colour and one marker a system, the font's limits.

A mark is a colour and a shape. The shape alone tells systems apart, so that a figure survives grey printing and every
kind of colour blindness; colour repeats after eight systems, the pair of both never before 39.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from bench.errors import UsageError, did_you_mean
from bench.reports.comparison.nouns import Comparison

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#8C6BB1", "#7F7F00")
"""Okabe & Ito (2008), its yellow and black replaced, which vanish on white or on dark ground."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p", "<", "h", ">", "*", "d")
"""Shapes that differ at 4 points and have an inside to fill."""
FILLS = ("full", "left", "bottom")
GREY = "#8a8a8a"
INK, FAINT = "#1b1b1d", "#dcdcde"
GOOD, BAD = "#0072B2", "#D55E00"
"""Ends of the diverging scale: blue better, orange worse, never red and green."""

RC: dict[str, Any] = {
    "svg.hashsalt": "text-image-bench", "svg.fonttype": "none", "pdf.fonttype": 42, "font.size": 8.5,
    "font.family": "DejaVu Sans", "axes.edgecolor": FAINT, "axes.labelcolor": INK, "text.color": INK,
    "xtick.color": INK, "ytick.color": INK, "axes.linewidth": 0.8, "text.parse_math": False, "axes.unicode_minus": True,
    "path.simplify": False, "axes.formatter.useoffset": False,
    "text.hinting": "no_hinting",  # a text is as wide at any resolution
}  # fmt: skip


@dataclass(frozen=True)
class Style:
    """Sizes of a figure: inches for lengths, points for type and lines."""

    name: str
    width: float
    """Of the whole figure; 0: as wide as its parts ask for."""
    least: float
    """Smallest height; lists that need more grow it."""
    text: float
    small: float
    line: float
    mark: float
    ground: bool = True
    """White behind everything; False: see-through, for the page."""


STYLES = {
    "column": Style("column", 3.3, 0.0, 7.0, 6.0, 1.1, 4.0),
    "wide": Style("wide", 6.9, 0.0, 8.0, 7.0, 1.3, 4.6),
    "slide": Style("slide", 10.0, 5.6, 14.0, 12.0, 2.2, 8.5),
    "page": Style("page", 9.6, 0.0, 8.5, 7.5, 1.6, 5.0, ground=False),
}
"""column: one of two columns; wide: both; slide: 16:9 for a talk; page: inside an HTML page."""


def style_of(name: str | Style) -> Style:
    """The style of that name; UsageError for another."""
    if isinstance(name, Style):
        return name
    if name not in STYLES:
        raise UsageError(f"'{name}' is no style of figures.{did_you_mean(name, STYLES)}")
    return STYLES[name]


# ---- one mark a system ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Mark:
    """How a system is drawn in every figure."""

    colour: str
    marker: str = "o"
    fill: str = "full"
    """'full', 'left', 'bottom', or 'none' (a control)."""

    def point(self, size: float) -> dict[str, Any]:
        """Keyword arguments of `Axes.plot` for a single point of `size` points."""
        scale = 1.25 if self.marker in "*" else 1.1 if self.marker in "PX" else 0.9 if self.marker in "sD" else 1.0
        half = {} if self.fill in ("full", "none") else {"markerfacecoloralt": "white"}
        return {
            "marker": self.marker, "color": self.colour, "markersize": size * scale, "linestyle": "none",
            "fillstyle": self.fill, "markeredgecolor": self.colour, "markeredgewidth": max(size / 6, 0.6), **half,
        }  # fmt: skip


def mark(place: int, *, control: bool = False, shade: str = "") -> Mark:
    """The mark of the system at a place; controls are grey and hollow. shade: a colour that overrides the palette's."""
    marker = MARKERS[place % len(MARKERS)]
    if control:
        return Mark(shade or GREY, marker, "none")
    fill = FILLS[place // len(MARKERS) % len(FILLS)]
    return Mark(shade or COLOURS[place % len(COLOURS)], marker, fill)


def marks(titles: Sequence[str], controls: Sequence[int] = (), colours: Mapping[str, str] | None = None) -> list[Mark]:
    """One mark a title, by its place among the systems (or among the controls). colours: title -> colour.

    UsageError for a title that is not there, or a colour that is none.
    """
    given = dict(colours or {})
    for title, shade in given.items():
        if title not in titles:
            raise UsageError(f"No system is called '{title}', so it gets no colour.{did_you_mean(title, titles)}")
        _checked(shade)
    found, count = [], {True: 0, False: 0}
    for i, title in enumerate(titles):
        apart = i in controls
        found.append(mark(count[apart], control=apart, shade=given.get(title, "")))
        count[apart] += 1
    return found


def _checked(shade: str) -> None:
    from matplotlib.colors import is_color_like

    if not is_color_like(shade) or str(shade).casefold() == "none":
        raise UsageError(f"'{shade}' is no colour; give a name of CSS or a hex code such as #0072B2.")


def colour(comparison: Comparison, system: int) -> str:
    """One colour a system, by its place in the comparison; controls are grey."""
    apart = system in comparison.controls
    return mark(0 if apart else comparison.ranked.index(system), control=apart).colour


# ---- what the font can write ---------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def _glyphs() -> frozenset[int]:
    from matplotlib import font_manager

    font = font_manager.get_font(font_manager.findfont("DejaVu Sans"))
    return frozenset(font.get_charmap())


def writable(text: str) -> str:
    """Text with glyphs that the font lacks as U+XXXX, so that nothing becomes an empty box."""
    return "".join(c if ord(c) in _glyphs() or c == "\n" else f"[U+{ord(c):04X}]" for c in text)
