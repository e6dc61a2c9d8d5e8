"""Score against a numeric factor (strength of a perturbation, guidance, steps): points with intervals and a slope.

The slope is that of least squares over a series' points. Where they share their prompts its interval is that of the
contrast of scores, prompts resampled together; else it adds up the points' own errors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from bench.errors import UsageError, did_you_mean
from bench.reports.figures import scales
from bench.reports.figures.material import Ask, Lacking, Material, Panel, the_panel, value_of
from bench.reports.figures.pairing import joint
from bench.reports.figures.plane import Plane, plane
from bench.reports.figures.sheet import grid, pencil, shown
from bench.reports.figures.style import Mark, marks
from bench.reports.numbers import decimals, number
from bench.spec import parse_system
from bench.stats.bootstrap import standard_error

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_Z = float(special.ndtri(0.975))


@dataclass(frozen=True)
class Series:
    """Points of one line."""

    name: str
    systems: tuple[int, ...]
    x: tuple[float, ...]
    """Ascending."""


def curve(material: Material, ask: Ask) -> Figure:
    """A line a series; `against` names the factor where several vary."""
    panel = the_panel(material, ask.metric)
    factor, found = series(material, panel, ask.against)
    with pencil():
        cells = [(s, [panel.cells[i] for i in s.systems]) for s in found]
        looks = _marks(material, factor, found)
        names = [f"{shown(s.name, ask.literal)}: {_told(material, panel, s)}" for s in found]
        xs = scales.ends((x for s in found for x in s.x), margin=0.05)
        ys = scales.ends(v for _, c in cells for one in c if one for v in (one.value, one.low, one.high))
        drawn = plane(ask.style, Plane(
            xs, ys, shown(factor, ask.literal), panel.head(ask.literal), "", panel.under(ask.literal),
            "Lines at the points: 95 %; slopes by least squares, 95 %.", tuple(zip(looks, names, strict=True)),
            line=True, turned=(False, panel.direction == "lower"),
        ))  # fmt: skip
        grid(drawn.axis, "both")
        for (line, own), one in zip(cells, looks, strict=True):
            known = [(x, c) for x, c in zip(line.x, own, strict=True) if c is not None]
            points = [(x, c.value, c) for x, c in known if c.value is not None]
            drawn.axis.plot([x for x, _, _ in points], [v for _, v, _ in points], color=one.colour,
                            linewidth=ask.style.line)  # fmt: skip
            for x, value, cell in points:
                if cell.low is not None and cell.high is not None:
                    drawn.axis.plot([x, x], [cell.low, cell.high], color=one.colour, linewidth=ask.style.line)
                drawn.axis.plot([x], [value], **one.point(ask.style.mark))
        return drawn.sheet.figure


def series(material: Material, panel: Panel, against: str = "") -> tuple[str, list[Series]]:
    """(factor, lines of two or more points): systems that differ in the factor and in nothing else."""
    known = {i: _factors(material, i) for i in material.picked if value_of(panel, i) is not None}
    names = sorted({n for numbers, _ in known.values() for n in numbers})
    varying = [n for n in names if len({numbers.get(n) for numbers, _ in known.values() if n in numbers}) > 1]
    if against and against not in names:
        raise UsageError(f"No system has a number called '{against}' to draw against.{did_you_mean(against, names)}")
    if not against and len(varying) > 1:
        told = ", ".join(varying)
        raise UsageError(f"Several numbers differ between the systems ({told}); choose one with --against.")
    factor = against or (varying[0] if varying else "")
    groups: dict[str, list[tuple[float, int]]] = {}
    for i, (numbers, rest) in known.items():
        if factor in numbers:
            groups.setdefault(_name(numbers, rest, factor), []).append((numbers[factor], i))
    lines = [_series(name, points) for name, points in groups.items() if len({x for x, _ in points}) > 1]
    if not lines:
        told = f" '{factor}'" if factor else ""
        raise Lacking(f"It needs systems that differ in one numeric factor{told} alone, and there are no two.")
    return factor, lines


def _name(numbers: Mapping[str, float], rest: str, factor: str) -> str:
    """The line that a system belongs to: all that it is but the factor."""
    return ", ".join([rest, *(f"{n}={v:g}" for n, v in sorted(numbers.items()) if n != factor)])


def _marks(material: Material, factor: str, lines: Sequence[Series]) -> list[Mark]:
    """A mark for each line, the same on every curve of the factor, whichever systems the metric was taken of."""
    known = {i: _factors(material, i) for i in range(len(material.titles))}
    names = {i: _name(numbers, rest, factor) for i, (numbers, rest) in known.items() if factor in numbers}
    every = list(dict.fromkeys(names.values()))
    controls = [k for k, name in enumerate(every) if all(i in material.controls for i in names if names[i] == name)]
    own = material.marks  # refuses a colour of nobody
    colours = {names[i]: own[i].colour for i in names if material.titles[i] in material.colours}
    found = dict(zip(every, marks(every, controls, colours), strict=True))
    return [found[line.name] for line in lines]


def _series(name: str, points: list[tuple[float, int]]) -> Series:
    ordered = sorted(points)
    return Series(name, tuple(i for _, i in ordered), tuple(x for x, _ in ordered))


def _factors(material: Material, system: int) -> tuple[dict[str, float], str]:
    """(numeric parameters and factors of a system, what else it is)."""
    if material.comparison is not None:
        run = material.comparison.systems[system].run
        text, factors = run.spec.system, dict(run.spec.factors)
    else:
        assert material.board is not None
        row = [r for r in material.board.rows if r.role != "unranked"][system]
        text, factors = row.system, {k: v[0] for k, v in row.factors.items() if len(v) == 1}
    numbers = {n: x for n, v in factors.items() if (x := _number(v)) is not None and n not in ("seed", "control")}
    if material.bare:
        return numbers, factors.get("series", text)
    try:
        parsed = parse_system(text)
    except UsageError:
        return numbers, text
    parts = [p for p in (parsed.generator, parsed.fusion) if p is not None]
    rest = []
    for part in parts:
        own = {n: float(v) for n, v in part.params.items() if isinstance(v, int | float) and not isinstance(v, bool)}
        numbers |= own
        rest.append(str(type(part)(part.name, {n: v for n, v in part.params.items() if n not in own})))
    return numbers, "+".join(rest)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if np.isfinite(value) else None


def slope(material: Material, panel: Panel, line: Series) -> tuple[float, float | None]:
    """(least-squares slope, half of its 95 % interval or None)."""
    x = np.asarray(line.x)
    weights = (x - x.mean()) / np.square(x - x.mean()).sum()
    cells = [panel.cells[i] for i in line.systems]
    values = np.array([c.value for c in cells if c is not None], dtype=float)
    found = float(weights @ values)
    if abs(found) <= 1e-12 * float(np.abs(weights) @ np.abs(values)):  # a rounding error of equal scores
        found = 0.0
    if material.tables is not None and not (panel.row is not None and panel.row.output.estimator is None):
        try:
            both = joint(material, panel, members=line.systems)
        except Lacking:
            both = None
        influence = None if both is None else both.kernel.influence()
        if both is not None and influence is not None and both.kernel.groups > 1:
            half = float(special.stdtrit(both.kernel.groups - 1, 0.975)) * standard_error(influence @ weights)
            return found, half
    halves = [c.half for c in cells if c is not None]
    if any(h is None for h in halves):
        return found, None
    return found, float(np.sqrt(np.square(weights * np.array(halves, dtype=float)).sum()))


def _told(material: Material, panel: Panel, line: Series) -> str:
    value, half = slope(material, panel, line)
    digits = decimals([half if half is not None and half > 1e-9 * abs(value) else None], [value])
    text = f"slope {number(value, digits, signed=True)}"
    if half is None:
        return text
    return f"{text} [{number(value - half, digits, signed=True)}, {number(value + half, digits, signed=True)}]"
