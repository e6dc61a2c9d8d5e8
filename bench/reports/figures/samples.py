"""A grid of images: prompts down, systems across, the truth beside them where it is known.

The prompts are the first in the order of their digests, so that nobody has chosen them. Private runs show no images;
sensitive ones are named and not shown, for a printed page has no click.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bench import store
from bench.errors import BenchError
from bench.formats.images import decode
from bench.formats.tiles import file_of
from bench.reports.comparison.differences import Tables
from bench.reports.figures.heat import column_heads
from bench.reports.figures.material import Ask, Lacking, Material, need_comparison, title_of
from bench.reports.figures.sheet import PAD, Sheet, extent, fitted, pencil, shown
from bench.reports.figures.style import FAINT, Style
from bench.reports.privacy import images_allowed, prompt_text, sensitive

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROWS = {"column": 6, "wide": 6, "slide": 4, "page": 6}
SMALLEST = {"column": 0.44, "wide": 0.6, "slide": 0.9, "page": 0.7}
"""Inches of an image, below which the systems go on in a block below."""
LARGEST = {"column": 0.75, "wide": 1.0, "slide": 1.5, "page": 1.1}
GAP = 0.04
DPI = 300
LONGEST = 400
"""Signs of a prompt that are shown."""
TRUTH = "truth"


@dataclass(frozen=True)
class Picture:
    """One place of the grid: pixels, or why there are none."""

    pixels: np.ndarray | None
    reason: str = ""


@dataclass(frozen=True)
class Line:
    """One prompt."""

    prompt: str
    pictures: tuple[Picture, ...]
    """The truth first where the grid has it, then one a system."""


def samples(material: Material, ask: Ask) -> Figure:
    """`prompts` rows of the images that all systems were asked for."""
    comparison, tables = need_comparison(material)
    members = material.picked
    if not all(images_allowed(comparison.systems[i].run) for i in members):
        raise Lacking("It shows images, and those of a private run never leave it.")
    keys = _keys(tables, members)
    if not len(keys):
        raise Lacking("It needs images of the same prompts, and the systems have none in common.")
    lines = [_line(material, tables, members, key, ask) for key in keys[: ask.prompts or ROWS[ask.style.name]]]
    if not any(p.pixels is not None or p.reason for line in lines for p in line.pictures[1:]):
        raise Lacking("It needs images, and these systems have none.")
    truth = any(line.pictures[0].pixels is not None for line in lines)
    heads = [TRUTH] * truth + [title_of(material, i, ask) for i in members]
    lines = lines if truth else [Line(x.prompt, x.pictures[1:]) for x in lines]
    with pencil():
        return _drawn(ask.style, heads, lines)


def _keys(tables: Tables, members: Sequence[int]) -> list[tuple[str, int]]:
    """The first image of each prompt that all have, in the plan's order."""
    common = tables.keys(members[0])
    for i in members[1:]:
        common = common[common.isin(tables.keys(i))]
    return list(common[~common.get_level_values(0).duplicated()])


def _line(material: Material, tables: Tables, members: Sequence[int], key: tuple[str, int], ask: Ask) -> Line:
    assert material.comparison is not None
    rows = [tables.frame(i).iloc[tables.position(i, *key)] for i in members]
    runs = [material.comparison.systems[i].run for i in members]
    text = prompt_text(runs[0], str(key[0]), str(rows[0]["prompt"]))
    text = text if len(text) <= LONGEST else f"{text[:LONGEST]}… ({len(text)} characters)"
    found = [_picture(run.path, row, sensitive(run, row)) for run, row in zip(runs, rows, strict=True)]
    return Line(shown(text, ask.literal), (_truth(runs[0].path, rows[0], sensitive(runs[0], rows[0])), *found))


def _picture(path: str, row: Any, hidden: bool) -> Picture:
    if row["status"] != "ok" or not row["image"]:
        return Picture(None, "" if row["status"] == "ok" else str(row["status"]))
    if hidden:
        return Picture(None, "sensitive, not shown")
    file = store.image_path(path, str(row["image"]).split("\n")[0])
    try:
        return Picture(decode(file))
    except (BenchError, OSError):
        return Picture(None, "unreadable" if file_of(file).exists() else "file missing")


def _truth(path: str, row: Any, hidden: bool) -> Picture:
    """The reference where its locator is a file that lies there."""
    locator = str(row.get("reference") or "")
    file = store.image_path(path, locator) if locator else None
    if file is None or hidden or not os.path.isfile(file):
        return Picture(None)
    try:
        return Picture(decode(file))
    except (BenchError, OSError):
        return Picture(None)


# ---- drawing -------------------------------------------------------------------------------------------------------


def _drawn(style: Style, heads: Sequence[str], lines: Sequence[Line]) -> Figure:
    """The systems in blocks of as many as fit; the truth, where there is one, begins every block."""
    plan = _Plan(style, heads, lines)
    sheet = Sheet(style, plan.height)
    canvas = sheet.canvas()
    y = PAD
    for block in plan.blocks:
        y += plan.head
        for place, c in enumerate(block):
            middle = plan.x(place) + plan.size / 2
            sheet.write(middle, y - 0.04, plan.tops[c], size=style.small, ha="center", va="bottom")
        for line, text, height in zip(lines, plan.texts, plan.rows, strict=True):
            middle = y + (height - GAP) / 2
            sheet.write(plan.left - 0.08, middle, text, size=style.small, ha="right", va="center")
            for place, c in enumerate(block):
                _place(canvas, style, line.pictures[c], (plan.x(place), middle - plan.size / 2), plan.size)
            y += height
        y += 0.08
    for one in plan.key:
        sheet.write(PAD, y, one, size=style.small, alpha=0.85)
        y += extent(one, style.small)[1] + 0.05
    sheet.fix(canvas)
    return sheet.figure


class _Plan:
    """Blocks of columns, the side of an image, and the room of each row."""

    def __init__(self, style: Style, heads: Sequence[str], lines: Sequence[Line]) -> None:
        full = style.width - 2 * PAD
        self.texts = [fitted(x.prompt, style.small, 0.24 * full) for x in lines]
        self.left = PAD + max(extent(t, style.small)[0] for t in self.texts) + 0.08
        room = style.width - PAD - self.left + GAP
        first = 1 if heads[0] == TRUTH else 0
        across = max(int(room / (SMALLEST[style.name] + GAP)) - first, 1)
        count = -(-(len(heads) - first) // across)
        across = -(-(len(heads) - first) // count)
        self.blocks = [
            [*range(first), *range(first + b * across, min(first + (b + 1) * across, len(heads)))] for b in range(count)
        ]
        self.size = min(room / (across + first) - GAP, LARGEST[style.name])
        if style.least and count == 1:
            spare = style.least - 2 * PAD - 0.5
            self.size = min(self.size, max(spare / len(lines) - GAP, 0.6))
        self.tops, key = column_heads(heads, self.size, style)
        self.key = [fitted(k, style.small, full) for k in key]
        self.head = max(extent(t, style.small)[1] for t in self.tops) + 0.06
        self.rows = [max(self.size, extent(t, style.small)[1]) + GAP for t in self.texts]
        foot = sum(extent(t, style.small)[1] + 0.05 for t in self.key)
        self.height = PAD + count * (self.head + sum(self.rows) + 0.08) + foot + PAD

    def x(self, place: int) -> float:
        """Left edge of a column."""
        return self.left + place * (self.size + GAP)


def _place(canvas: Axes, style: Style, picture: Picture, at: tuple[float, float], size: float) -> None:
    """A picture, or a frame with the reason; the canvas is in inches, y down."""
    from matplotlib.patches import Rectangle

    x, y = at
    if picture.pixels is None:
        canvas.add_patch(Rectangle(at, size, size, facecolor="none", edgecolor=FAINT, linewidth=0.8))
        small = 0.85 * style.small
        text = fitted(picture.reason, small, size - 0.06)
        canvas.text(x + size / 2, y + size / 2, text, fontsize=small, ha="center", va="center", alpha=0.8)
        return
    pixels = _scaled(picture.pixels, size)
    height, width = picture.pixels.shape[:2]
    wide, high = size * width / max(width, height), size * height / max(width, height)
    left, top = x + (size - wide) / 2, y + (size - high) / 2
    canvas.imshow(pixels, interpolation="nearest", aspect="auto", extent=(left, left + wide, top + high, top))


def _scaled(pixels: np.ndarray, size: float) -> np.ndarray:
    """Large images at what print resolves; small ones as they are, so that each pixel stays a square."""
    from PIL import Image

    most = round(size * DPI)
    height, width = pixels.shape[:2]
    if max(height, width) <= most:
        return pixels
    image = Image.fromarray(np.ascontiguousarray(pixels))
    image.thumbnail((most, most), Image.Resampling.LANCZOS)
    return np.asarray(image)
