"""Quality against seconds an image: the front of systems that nobody beats in both. Never one blended number.

Left is cheaper and up is better, whichever way the metric runs.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.reports.comparison.cost import ALONE, TOGETHER, cost
from bench.reports.figures import scales
from bench.reports.figures.direct import Box, beside
from bench.reports.figures.material import Ask, Lacking, Material, Panel, need_systems, the_panel, title_of
from bench.reports.figures.plane import Drawn, Plane, plane
from bench.reports.figures.sheet import grid, pencil
from bench.reports.figures.style import FAINT, GREY, Mark

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDE = 20.0
"""Slowest over fastest from which on time is logarithmic."""


Time = tuple[float, float | None, float | None]
"""Seconds: median, quartiles."""


@dataclass(frozen=True)
class Point:
    """One system."""

    system: int
    seconds: float
    value: float
    x_ends: tuple[float, float] | None
    y_ends: tuple[float, float] | None


def pareto(material: Material, ask: Ask) -> Figure:
    """Systems with a score and a time that was measured alike; the others are named in the note."""
    panel = the_panel(material, ask.metric)
    members = need_systems(material, 1, ranked=False)
    times, basis = _times(material, members)
    found = [p for i in members if (p := _point(panel, i, times.get(i))) is not None]
    if not found:
        raise Lacking("It needs the seconds an image takes, and no system was timed (images of a folder never are).")
    left = [title_of(material, i, ask) for i in members if i not in {p.system for p in found}]
    note = "Lines: 95 % of the score" + ("; quartiles of the seconds." if any(p.x_ends for p in found) else ".")
    note += f" Without a score or a time measured alike: {', '.join(left)}." if left else ""
    names = [title_of(material, p.system, ask) for p in found]
    with pencil():
        drawn = _laid(ask, panel, found, (basis, note), ())
        boxes = _names(drawn, panel, found, names)
        if boxes is None:
            best = sorted(zip(found, names, strict=True), key=lambda p: (-panel.sign * p[0].value, p[0].seconds, p[1]))
            key = tuple((material.marks[p.system], name) for p, name in best)
            drawn = _laid(ask, panel, found, (basis, note), key)
        _draw(drawn, material, panel, found)
        for name, box in zip(names, boxes or [], strict=False):
            drawn.sheet.write(box[0], box[1], name, size=ask.style.small)
        return drawn.sheet.figure


def _point(panel: Panel, system: int, time: Time | None) -> Point | None:
    cell = panel.cells[system]
    if cell is None or cell.value is None or time is None:
        return None
    spread = None if time[1] is None or time[2] is None else (time[1], time[2])
    ends = None if cell.low is None or cell.high is None else (cell.low, cell.high)
    return Point(system, time[0], cell.value, spread, ends)


def _times(material: Material, members: Sequence[int]) -> tuple[dict[int, Time], str]:
    """(system -> median and quartiles of the seconds an image, what these cover); other bases are left out."""
    if material.seconds:
        return {i: material.seconds[i] for i in members if i in material.seconds}, ""
    if material.board is not None:
        shown = [r for r in material.board.rows if r.role != "unranked"]
        return {i: (s, None, None) for i in members if (s := shown[i].latency) is not None and s > 0}, ""
    if material.tables is None or material.bare:
        return {}, ""
    lines = [cost(material.tables, i) for i in members]
    basis = ALONE if any(c.basis == ALONE for c in lines) else TOGETHER
    return {
        c.system: (c.seconds, c.low, c.high) for c in lines if c.seconds is not None and c.basis == basis
    }, basis  # fmt: skip


def front(points: list[tuple[float, float]]) -> list[bool]:
    """(seconds, score with more being better) -> whether nobody is as cheap and as good, and better in one of both."""
    return [not any(s <= a and v >= b and (s, v) != (a, b) for s, v in points) for a, b in points]


def _laid(
    ask: Ask, panel: Panel, found: list[Point], words: tuple[str, str], key: tuple[tuple[Mark, str], ...]
) -> Drawn:
    """words: what the seconds cover, and the note."""
    times = [t for p in found for t in (p.seconds, *(p.x_ends or ()))]
    log = max(times) / min(t for t in times if t > 0) > WIDE
    x = (min(times) / 1.25, max(times) * 1.25) if log else scales.ends(times, margin=0.1)
    y = scales.ends((v for p in found for v in (p.value, *(p.y_ends or ()))), margin=0.12)
    return plane(ask.style, Plane(
        x, y, f"seconds an image ({words[0]})" if words[0] else "seconds an image", panel.head(ask.literal), "",
        panel.under(ask.literal), words[1], key,
        turned=(False, panel.direction == "lower"), log=log,
    ))  # fmt: skip


def _inches(drawn: Drawn, x: float, y: float) -> tuple[float, float]:
    """Where a point stands on the sheet."""
    place = drawn.axis.transLimits.transform(drawn.axis.transScale.transform((x, y)))
    return drawn.left + place[0] * drawn.wide, drawn.top + (1 - place[1]) * drawn.high


def _front_line(panel: Panel, found: list[Point]) -> list[tuple[float, float]]:
    """Corners of the steps along the front, cheapest first; none for a front of one."""
    on = front([(p.seconds, panel.sign * p.value) for p in found])
    best = sorted((p.seconds, panel.sign * p.value) for p, efficient in zip(found, on, strict=True) if efficient)
    corners = [(x, panel.sign * y) for x, y in best[:1]]
    for (_, before), (x, y) in itertools.pairwise(best):
        corners += [(x, panel.sign * before), (x, panel.sign * y)]
    return corners if len(corners) > 1 else []


def _names(drawn: Drawn, panel: Panel, found: list[Point], names: list[str]) -> list[Box] | None:
    room = (drawn.left, drawn.top, drawn.left + drawn.wide, drawn.top + drawn.high)
    points = [_inches(drawn, p.seconds, p.value) for p in found]
    half = 0.6 * drawn.sheet.style.mark / 72
    taken: list[Box] = [(x - half, y - half, x + half, y + half) for x, y in points]
    for p, (x, y) in zip(found, points, strict=True):
        if p.y_ends:
            ends = sorted(_inches(drawn, p.seconds, e)[1] for e in p.y_ends)
            taken.append((x - 0.02, ends[0], x + 0.02, ends[1]))
        if p.x_ends:
            sides = sorted(_inches(drawn, e, p.value)[0] for e in p.x_ends)
            taken.append((sides[0], y - 0.02, sides[1], y + 0.02))
    corners = [_inches(drawn, x, y) for x, y in _front_line(panel, found)]
    for (x0, y0), (x1, y1) in itertools.pairwise(corners):
        taken.append((min(x0, x1) - 0.015, min(y0, y1) - 0.015, max(x0, x1) + 0.015, max(y0, y1) + 0.015))
    return beside(points, names, drawn.sheet.style.small, room, taken)


def _draw(drawn: Drawn, material: Material, panel: Panel, found: list[Point]) -> None:
    axis, style = drawn.axis, drawn.sheet.style
    grid(axis, "both")
    axis.spines["bottom"].set_color(FAINT)
    corners = _front_line(panel, found)
    if corners:
        axis.plot([x for x, _ in corners], [y for _, y in corners], color=GREY, linewidth=0.8, linestyle=(0, (4, 2)),
                  zorder=1)  # fmt: skip
    for p in found:
        mark = material.marks[p.system]
        if p.y_ends:
            axis.plot([p.seconds] * 2, list(p.y_ends), color=mark.colour, linewidth=style.line)
        if p.x_ends:
            axis.plot(list(p.x_ends), [p.value] * 2, color=mark.colour, linewidth=style.line)
        axis.plot([p.seconds], [p.value], **mark.point(1.2 * style.mark), zorder=4)
