"""Names written beside points where there is room for all of them: no name over a point, a line or another name."""

from __future__ import annotations

from collections.abc import Sequence

from bench.reports.figures.sheet import extent

Box = tuple[float, float, float, float]
"""Left, top, right, bottom in inches."""


def beside(
    points: Sequence[tuple[float, float]], texts: Sequence[str], size: float, room: Box, taken: Sequence[Box]
) -> list[Box] | None:
    """A box for each text next to its point, within `room` and off the `taken` boxes; None unless all have one."""
    placed: list[Box] = []
    for (x, y), text in sorted(zip(points, texts, strict=True), key=lambda p: (p[0][1], p[0][0], p[1])):
        wide, high = extent(text, size)
        fit = next((b for b in _around(x, y, wide, high) if _inside(b, room) and not _hits(b, [*taken, *placed])), None)
        if fit is None:
            return None
        placed.append(fit)
    order = sorted(range(len(points)), key=lambda i: (points[i][1], points[i][0], texts[i]))
    found: list[Box] = [(0.0, 0.0, 0.0, 0.0)] * len(points)
    for place, i in enumerate(order):
        found[i] = placed[place]
    return found


def _around(x: float, y: float, wide: float, high: float) -> list[Box]:
    """Right, left, above, below, then the corners."""
    off, near = 0.09, 0.07
    middle, above, before = y - high / 2, y - near - high, x - near - wide
    corners = [
        (x + off, middle), (x - off - wide, middle), (x - wide / 2, above), (x - wide / 2, y + near),
        (x + near, above), (x + near, y + near), (before, above), (before, y + near),
    ]  # fmt: skip
    return [(left, top, left + wide, top + high) for left, top in corners]


def _inside(box: Box, room: Box) -> bool:
    return box[0] >= room[0] and box[1] >= room[1] and box[2] <= room[2] and box[3] <= room[3]


def _hits(box: Box, others: Sequence[Box]) -> bool:
    return any(box[0] < o[2] and o[0] < box[2] and box[1] < o[3] and o[1] < box[3] for o in others)
