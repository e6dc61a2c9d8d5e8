"""What tests of figures share: hostile names, tables of scores with them, every text of a figure with its
box, and the points and lines that are drawn."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd

NAMES = (
    "plain", "$\\frac{a}{b}$ <script>alert(1)</script>", "图像生成系统", "a-name-of-three-hundred-signs/" * 10,
    "مولد الصور", "rocket 🚀 family 👩‍👩‍👧", "ours (steps=50, guidance=7.5) revision 2", "x",
)  # fmt: skip
"""Mathematics, HTML, CJK, a very long one, right to left, emoji with joiners, parameters, one sign."""
METRICS = ("CLIPScore", "$\\foo_{1}$ <b>score</b>", "an objects-present-in-the-picture score of long name")


def names(count: int) -> list[str]:
    """So many different names, hostile ones first."""
    return [NAMES[i] if i < len(NAMES) else f"{NAMES[i % len(NAMES)]} #{i}" for i in range(count)]


def table(
    count: int, *, prompts: int = 24, metrics: tuple[str, ...] = METRICS, titles: list[str] | None = None,
    **more: object,
) -> pd.DataFrame:  # fmt: skip
    """Scores of `count` systems on single prompts: system i is better than i + 1 on the first metric, the second is
    lower-is-better, the third has ties."""
    rng = np.random.default_rng(0)
    ease = rng.normal(size=prompts)
    rows = []
    for i, name in enumerate(titles or names(count)):
        own = np.random.default_rng(100 + i)
        for m, metric in enumerate(metrics):
            skill = -0.25 * i if m != 1 else 0.25 * i
            values = 25 + 2 * ease + skill + own.normal(size=prompts)
            if m == 2:
                values = (values > 25).astype(float)
            for p, value in enumerate(values):
                rows.append({
                    "system": name, "metric": metric, "value": float(value), "prompt": f"p{p:03d}",
                    "direction": "lower" if m == 1 else "higher", "seconds": 0.1 * (i + 1),
                    "tag:kind": ("animal", "tool <i>of</i> a very long category name " * 3)[p % 2], **more,
                })  # fmt: skip
    return pd.DataFrame(rows)


@dataclass(frozen=True)
class Text:
    """A text artist and its box in pixels: left, bottom, right, top."""

    text: str
    box: tuple[float, float, float, float]
    artist: object


def texts(figure) -> list[Text]:
    """Every text that is drawn, tick labels and all."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.text import Text as Artist

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        figure.set_dpi(200)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        renderer = canvas.get_renderer()
        found = []
        for artist in figure.findobj(Artist):
            if artist.get_text().strip() and artist.get_visible() and _drawn(artist):
                box = artist.get_window_extent(renderer)
                found.append(Text(artist.get_text(), (box.x0, box.y0, box.x1, box.y1), artist))
    return found


def _drawn(artist) -> bool:
    """Tick labels of hidden ticks and of axes without strokes are artists that nobody draws."""
    axes = artist.axes
    if axes is None:
        return True
    labels = [*axes.xaxis.get_majorticklabels(), *axes.yaxis.get_majorticklabels()]
    minor = [*axes.xaxis.get_minorticklabels(), *axes.yaxis.get_minorticklabels()]
    if artist in minor or (artist in labels and not axes.axison):
        return False
    if artist in axes.xaxis.get_majorticklabels():
        low, high = sorted(axes.get_xlim())
        return low <= artist.get_position()[0] <= high
    if artist in axes.yaxis.get_majorticklabels():
        low, high = sorted(axes.get_ylim())
        return low <= artist.get_position()[1] <= high
    return True


def overlapping(found: list[Text], slack: float = 1.0) -> list[tuple[str, str]]:
    """Pairs of texts whose boxes share more than `slack` pixels both ways."""
    boxes = np.array([t.box for t in found]).reshape(-1, 4)
    wide = np.minimum(boxes[:, None, 2], boxes[None, :, 2]) - np.maximum(boxes[:, None, 0], boxes[None, :, 0])
    high = np.minimum(boxes[:, None, 3], boxes[None, :, 3]) - np.maximum(boxes[:, None, 1], boxes[None, :, 1])
    hit = np.argwhere((wide > slack) & (high > slack))
    return [(found[i].text, found[j].text) for i, j in hit if i < j]


def outside(figure, found: list[Text], slack: float = 1.0) -> list[str]:
    """Texts that reach beyond the figure's edges."""
    width, height = figure.get_size_inches() * 200
    return [
        t.text for t in found
        if t.box[0] < -slack or t.box[1] < -slack or t.box[2] > width + slack or t.box[3] > height + slack
    ]  # fmt: skip


def points(axis, marker="o"):
    """(x, y) of every single point that is drawn with a marker (any one for '')."""
    return [
        (float(line.get_xdata()[0]), float(line.get_ydata()[0])) for line in axis.get_lines()
        if len(line.get_xdata()) == 1 and (not marker or line.get_marker() == marker)
    ]  # fmt: skip


def segments(axis, horizontal=True):
    """((x0, x1), (y0, y1)) of every line of two points that runs level (or upright)."""
    found = []
    for line in axis.get_lines():
        x, y = np.asarray(line.get_xdata(), dtype=float), np.asarray(line.get_ydata(), dtype=float)
        if len(x) == 2 and (y[0] == y[1] if horizontal else x[0] == x[1]):
            found.append((tuple(x), tuple(y)))
    return found
