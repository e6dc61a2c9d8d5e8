"""Figures as whole matplotlib figures: scores with intervals, a panel a metric, systems down.

Deterministic bytes: fixed hash salt, no dates, no version in the metadata. In the page the SVG inherits the page's
ink and ground through CSS variables, so that one drawing serves light and dark. User text is never parsed as
mathematics, and a glyph that the font lacks is written as its code point in the files for papers.
"""

from __future__ import annotations

import io
import math
import re
import warnings
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from bench.reports.comparison.nouns import Comparison, Row
from bench.reports.numbers import ARROWS
from bench.reports.words import clean, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#8C6BB1", "#7F7F00")
"""Okabe & Ito (2008), its yellow and black replaced, which vanish on white or on dark ground."""
GREY = "#8a8a8a"
INK, FAINT = "#1b1b1d", "#dcdcde"
_VARIABLES = {INK: "var(--ink, #1b1b1d)", FAINT: "var(--line, #dcdcde)"}
_STYLE = {
    "svg.hashsalt": "text-image-bench", "svg.fonttype": "none", "pdf.fonttype": 42, "font.size": 8.5,
    "font.family": "DejaVu Sans", "axes.edgecolor": FAINT, "axes.labelcolor": INK, "text.color": INK,
    "xtick.color": INK, "ytick.color": INK, "axes.linewidth": 0.8, "text.parse_math": False, "axes.unicode_minus": True,
    "path.simplify": False,
}  # fmt: skip
_PANELS = 4
_NAME = 26


def colour(comparison: Comparison, system: int) -> str:
    """One colour a system in all figures; controls are grey, and so is everyone beyond the palette."""
    if system in comparison.controls:
        return GREY
    place = comparison.ranked.index(system)
    return COLOURS[place] if len(comparison.ranked) <= len(COLOURS) else COLOURS[0]


def scores_figure(comparison: Comparison, rows: Sequence[Row] | None = None, *, literal: bool = False) -> Figure:
    """Dot-interval small multiples of the primary rows (or those given). `literal` keeps glyphs that the font lacks."""
    import matplotlib
    from matplotlib.figure import Figure

    shown = [
        r for r in (comparison.primary if rows is None else rows) if any(_drawable(r, i) for i in _order(comparison))
    ]
    names = [_name(comparison.systems[i].title, literal) for i in _order(comparison)]
    places = _places(names)
    columns = min(len(shown), _PANELS) or 1
    down = math.ceil(len(shown) / columns) or 1
    height = 0.75 + 0.2 * (places[-1] + 1 if places else 1)
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(2.1 + 2.05 * columns, 0.15 + height * down), layout="constrained")
        figure.patch.set_alpha(0)
        axes = figure.subplots(down, columns, squeeze=False)
        for at, axis in enumerate(axes.flat):
            if at >= len(shown):
                axis.set_axis_off()
                continue
            _panel(axis, comparison, shown[at], places, literal)
            axis.set_yticks(places, names if at % columns == 0 else [""] * len(names))
        _laid_out(figure)
    return figure


def _laid_out(figure: Figure) -> None:
    """Lay out once, not again for every file format: it is half of the time of a drawing."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        figure.draw_without_rendering()
    figure.set_layout_engine("none")


def _order(comparison: Comparison) -> tuple[int, ...]:
    return comparison.ranked + comparison.controls


def _drawable(row: Row, system: int) -> bool:
    cell = row.cells[system]
    return cell is not None and cell.value is not None


def _name(title: str, literal: bool) -> str:
    text = clean(title)
    return "\n".join(wrapped(text if literal else writable(text), _NAME))


def _places(names: Sequence[str]) -> list[float]:
    """A height for each name: names of several lines take more room."""
    places, at = [], 0.0
    for name in names:
        lines = 1 + 0.75 * name.count("\n")
        places.append(at + (lines - 1) / 2)
        at += lines
    return places


def _panel(axis: Axes, comparison: Comparison, row: Row, places: Sequence[float], literal: bool) -> None:
    for place, system in zip(places, _order(comparison), strict=True):
        cell = row.cells[system]
        if cell is None or cell.value is None:
            continue
        shade = colour(comparison, system)
        if cell.low is not None and cell.high is not None:
            axis.plot([cell.low, cell.high], [place, place], color=shade, linewidth=1.6, solid_capstyle="round")
        hollow = system in comparison.controls
        axis.plot([cell.value], [place], "o", color=shade, markersize=5, markerfacecolor="none" if hollow else shade)
    title = "\n".join(wrapped(clean(row.label) if literal else writable(clean(row.label)), 24))
    kind = "\n".join(wrapped(clean(row.note or row.title), 30)) if row.note or row.title != row.label else ""
    axis.set_title(f"{title} {ARROWS[row.direction]}".rstrip(), fontsize=9, loc="left", fontweight="bold", pad=5)
    if kind and kind.casefold() != title.casefold():
        axis.set_xlabel(kind if literal else writable(kind), fontsize=7)
    axis.set_ylim((places[-1] if places else 0) + 0.7, (places[0] if places else 0) - 0.7)
    axis.grid(axis="x", color=FAINT, linewidth=0.6)
    axis.set_axisbelow(True)
    axis.tick_params(length=0, labelsize=8)
    axis.tick_params(axis="x", labelsize=7)
    axis.locator_params(axis="x", nbins=4)
    axis.margins(x=0.08)
    axis.spines[["top", "right", "left"]].set_visible(False)
    axis.patch.set_alpha(0)


@lru_cache(maxsize=1)
def _glyphs() -> frozenset[int]:
    from matplotlib import font_manager

    font = font_manager.get_font(font_manager.findfont("DejaVu Sans"))
    return frozenset(font.get_charmap())


def writable(text: str) -> str:
    """Text with glyphs that the font lacks as U+XXXX, so that nothing becomes an empty box."""
    return "".join(c if ord(c) in _glyphs() or c == "\n" else f"[U+{ord(c):04X}]" for c in text)


def rendered(figure: Figure, kind: str) -> bytes:
    """The figure as 'svg', 'png' or 'pdf' bytes; equal figures give equal bytes."""
    import matplotlib

    nothing: dict[str, dict[str, Any]] = {
        "svg": {"Date": None, "Creator": None, "Format": None, "Type": None},
        "pdf": {"CreationDate": None, "ModDate": None, "Creator": None, "Producer": None},
        "png": {"Software": None},
    }
    stream = io.BytesIO()
    with matplotlib.rc_context(_STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        figure.savefig(stream, format=kind, dpi=200, metadata=nothing[kind])
    return stream.getvalue()


def inline_svg(figure: Figure) -> str:
    """The figure as an <svg> element for the page: no XML head, themed by CSS variables, the page's own font."""
    text = rendered(figure, "svg").decode()
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    for sentinel, variable in _VARIABLES.items():
        text = text.replace(f": {sentinel}", f": {variable}")
    text = re.sub(r"<style.*?</style>", "", text, flags=re.DOTALL)
    text = text.replace("'DejaVu Sans'", "var(--sans, sans-serif)")
    return text.replace("<svg ", '<svg class="figure" aria-hidden="true" ', 1)
