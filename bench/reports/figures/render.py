"""Figures as bytes: equal figures give equal bytes, and the page's SVG takes the page's ink, ground and font.

Fixed hash salt, no dates, no version in the metadata. User text is never parsed as mathematics.
"""

from __future__ import annotations

import io
import re
import warnings
from typing import TYPE_CHECKING, Any

from bench.reports.figures.sheet import pencil
from bench.reports.figures.style import FAINT, INK

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KINDS = ("pdf", "svg", "png")
DPI = 200
_VARIABLES = {INK: "var(--ink, #1b1b1d)", FAINT: "var(--line, #dcdcde)"}
_NOTHING: dict[str, dict[str, Any]] = {
    "svg": {"Date": None, "Creator": None, "Format": None, "Type": None},
    "pdf": {"CreationDate": None, "ModDate": None, "Creator": None, "Producer": None},
    "png": {"Software": None},
}


def rendered(figure: Figure, kind: str, dpi: int = DPI) -> bytes:
    """The figure as 'svg', 'png' or 'pdf' bytes; `dpi` is of PNG and of pictures within the others."""
    stream = io.BytesIO()
    with pencil(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        figure.savefig(stream, format=kind, dpi=dpi, metadata=_NOTHING[kind])
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
