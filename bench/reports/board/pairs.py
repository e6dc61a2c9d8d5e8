"""Pairs: from a sheet to simultaneous intervals, rank intervals and rank shares; and the mean between fixed anchors.

Every column of a data set is resampled by the same multipliers of its groups, data sets by independent ones. Adding a
system leaves all other values, errors and draws as they are; only the reach of a row grows with the number of its
comparisons, and ranks count one more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from bench.reports.board.nouns import Column, Pairs
from bench.reports.board.sheets import Sheet
from bench.reports.comparison.nouns import Cell
from bench.spec import text_digest
from bench.stats.bootstrap import LEVEL
from bench.stats.ranks import rank_intervals
from bench.stats.simultaneous import DRAWS, deviations, rank_shares, reaches, spreads, student

FEW_DRAWS = 500
"""For the rank shares of columns that are not primary."""


@dataclass(frozen=True)
class Field:
    """A column's differences among some members, ready for intervals."""

    column: Column
    members: np.ndarray
    """(S,) places of the members."""
    values: np.ndarray
    delta: np.ndarray
    error: np.ndarray
    """(S, S), replicates' spread included."""
    sources: Mapping[tuple[str, ...], np.ndarray]
    """Source -> (units, S) influences."""
    apart: np.ndarray
    """(S, S) variances of the differences of two systems' draws, replicates' spread included."""
    between: np.ndarray
    """(S,)"""
    freedom: int

    def among(self, members: Sequence[int]) -> Field:
        """The same for some of the members, in their order; those without differences are left out."""
        place = {int(m): i for i, m in enumerate(self.members)}
        at = np.array([place[m] for m in members if m in place], dtype=int)
        return Field(
            self.column, self.members[at], self.values[at], self.delta[np.ix_(at, at)], self.error[np.ix_(at, at)],
            {k: v[:, at] for k, v in self.sources.items()}, self.apart[np.ix_(at, at)], self.between[at], self.freedom,
        )  # fmt: skip


def field_of(sheet: Sheet) -> Field | None:
    """A sheet as a field; None where nobody has differences, or nothing is better than anything."""
    if sheet.found is None or sheet.asked.column.direction == "none":
        return None
    between = sheet.between[:, None] + sheet.between
    np.fill_diagonal(between, 0.0)
    error = np.sqrt(sheet.found.error**2 + between)
    own = np.array([sheet.cells[i].value for i in sheet.at], dtype=float)
    return Field(
        sheet.asked.column, sheet.at, own, sheet.found.delta, error, {sheet.source: sheet.influence},
        sheet.found.apart**2 + between, sheet.between, sheet.freedom,
    )  # fmt: skip


# ---- intervals and ranks --------------------------------------------------------------------------------------------


def pairs(field: Field | None, members: Sequence[int], ids: Sequence[str], error: float) -> Pairs | None:
    """Pairs among the members (places, best first), all of them in the matrices, NaN where one has no number.

    ids: of these members, for the draws of their replicates' spread; error: the board's level of error.
    """
    some = None if field is None else field.among(members)
    if some is None or not len(some.members):
        return None
    sign = -1.0 if some.column.direction == "lower" else 1.0
    at = [list(members).index(int(m)) for m in some.members]
    primary = some.column.primary
    deviated = drawn(some, [ids[i] for i in at], DRAWS if primary else FEW_DRAWS)
    if primary:
        reach = student(reaches(deviated, np.sqrt(some.apart), 1 - error), max(some.freedom, 1))
    else:
        reach = np.full(len(at), -special.stdtrit(max(some.freedom, 1), error / 2))
    half = reach[:, None] * some.error
    apart = sign * some.delta
    known = np.isfinite(some.error) & ((some.error > 0) | (apart != 0))
    with np.errstate(invalid="ignore"):
        half = np.where(some.error == 0, 0.0, half)
        ends = np.where(known, apart - half, np.nan), np.where(known, apart + half, np.nan)
    equal = ((some.error == 0) & (some.delta == 0)) | np.eye(len(at), dtype=bool)
    twins = np.array([int(np.flatnonzero(row)[0]) for row in equal])
    shares = rank_shares(sign * some.values, sign * deviated, twins)
    size = len(members)
    ranks = [(0, 0)] * size
    for i, rank in zip(at, rank_intervals(*ends), strict=True):
        ranks[i] = rank
    return Pairs(
        _placed(some.delta, at, size), _placed(some.error, at, size), _placed(reach, at, size), tuple(ranks),
        np.nan_to_num(_placed(shares, at, size)), some.freedom + 1,
        not primary, _method(some, primary), some.freedom,
    )  # fmt: skip


def drawn(some: Field, ids: Sequence[str], draws: int) -> np.ndarray:
    """(S, draws) joint deviations of the members' numbers."""
    found = np.zeros((len(ids), draws), dtype=np.float32)
    for source in sorted(some.sources):
        found += deviations(some.sources[source], _seed(*source), draws)
    for i in map(int, np.flatnonzero(some.between > 0)):
        own = np.random.default_rng(_seed("replicates", ids[i])).standard_normal(draws)
        found[i] += (np.sqrt(some.between[i]) * own).astype(np.float32)
    return found


def _seed(*names: str) -> tuple[int, int]:
    """Of a source's multipliers: the same on every board."""
    return (0, int(text_digest("\n".join(names))[:12], 16))


def _placed(values: np.ndarray, at: Sequence[int], size: int) -> np.ndarray:
    """Rows (and columns) of some members among all, NaN elsewhere."""
    found = np.full((size,) * values.ndim, np.nan)
    found[np.ix_(*[at] * values.ndim)] = values
    return found


def _method(some: Field, primary: bool) -> str:
    kinds = {source[-1] for source in some.sources}
    unit = "jackknife block" if any(k.endswith(" blocks") for k in kinds) else "prompt"
    told = f"paired by {unit}, {some.freedom + 1} {unit}s"
    if len(some.sources) > 1:
        told = "paired by prompt, data sets apart"
    family = "max-T over each row's own comparisons" if primary else "each comparison by itself, not adjusted"
    return f"{told}, {family}{', spread of replicates included' if (some.between > 0).any() else ''}"


def different(found: Pairs) -> np.ndarray:
    """(S, S) bool, symmetric: both rows' own intervals leave out 0."""
    reach = np.fmax(found.reach[:, None], found.reach)
    with np.errstate(invalid="ignore"):
        beyond = np.abs(found.delta) > np.where(found.error == 0, 0.0, reach * found.error)
    return beyond & np.isfinite(found.error) & ~np.eye(len(beyond), dtype=bool)


# ---- between anchors ------------------------------------------------------------------------------------------------


def anchored(
    column: Column, anchors: Mapping[str, tuple[float, float]], sheets: Mapping[str, Sheet], count: int
) -> tuple[list[Cell], Field | None]:
    """Cells and field of the mean of rescaled columns; a member that lacks one of them has no number.

    Errors are of each system's own rows, with all that columns of one data set have in common; a pair's difference is
    that of its common rows, column by column.
    """
    chosen = {name: sheets[name] for name in anchors}
    weight = {name: 1.0 / (one - zero) / len(anchors) for name, (zero, one) in anchors.items()}
    lacking = [
        [name for name, s in chosen.items() if s.cells[i].value is None or i not in set(s.at.tolist())]
        for i in range(count)
    ]
    members = np.array([i for i in range(count) if not lacking[i]], dtype=int)
    cells = [Cell(None, note=_lacks(lack, chosen, i)) for i, lack in enumerate(lacking)]
    if not len(members):
        return cells, None
    values, delta = np.zeros(len(members)), np.zeros((len(members), len(members)))
    variance, between = np.zeros(delta.shape), np.zeros(len(members))
    sources: dict[tuple[str, ...], np.ndarray] = {}
    factors: dict[tuple[str, ...], float] = {}
    for name, one in chosen.items():
        assert one.found is not None
        at = np.array([int(np.flatnonzero(one.at == m)[0]) for m in members])
        numbers = np.array([one.cells[m].value for m in members], dtype=float)
        values += weight[name] * (numbers - anchors[name][0])
        delta += weight[name] * one.found.delta[np.ix_(at, at)]
        sources[one.source] = sources.get(one.source, 0.0) + weight[name] * one.influence[:, at]
        factors[one.source] = max(factors.get(one.source, 0.0), one.found.factor)
    for name in {s.source[0]: None for s in chosen.values()}:
        between += _between([(weight[k], s) for k, s in chosen.items() if s.source[0] == name], members)
    for source, influence in sources.items():
        variance += factors[source] * spreads(influence) ** 2
    shared = between[:, None] + between
    np.fill_diagonal(shared, 0.0)
    freedom = min(s.freedom for s in chosen.values())
    plain = sum(spreads(v) ** 2 for v in sources.values()) + shared
    error = np.sqrt(variance + shared)
    error = np.where(error <= 1e-12 * np.abs(values).max(initial=0.0), 0.0, error)
    field = Field(column, members, values, delta, error, sources, plain, between, freedom)
    for place, i in enumerate(members):
        own = sum(factors[s] * float(np.square(v[:, place]).sum()) for s, v in sources.items()) + between[place]
        cells[i] = _anchored_cell(float(values[place]), own, freedom, chosen, int(i))
    return cells, field


def _between(parts: Sequence[tuple[float, Sheet]], members: np.ndarray) -> np.ndarray:
    """What replicates' spread adds, of one data set: the variance of the mean of each replicate's weighted sum."""
    found = np.zeros(len(members))
    for place, member in enumerate(members):
        own = [w * s.parts[int(np.flatnonzero(s.at == member)[0])] for w, s in parts]
        sums = np.sum(own, axis=0)
        found[place] = np.var(sums, ddof=1) / len(sums) if len(sums) > 1 else 0.0
    return found


def _anchored_cell(value: float, variance: float, freedom: int, chosen: Mapping[str, Sheet], member: int) -> Cell:
    half = float(special.stdtrit(max(freedom, 1), (1 + LEVEL) / 2)) * float(np.sqrt(variance))
    fine = bool(np.isfinite(half)) and freedom > 0
    own = [s.cells[member] for s in chosen.values()]
    return Cell(
        value, value - half if fine else None, value + half if fine else None,
        f"t interval of the mean of {len(own)} rescaled columns" if fine else "no interval",
        n=min(c.n for c in own), n_missing=max(c.n_missing for c in own),
    )  # fmt: skip


def _lacks(lacking: Sequence[str], chosen: Mapping[str, Sheet], member: int) -> str:
    """Why there is no mean: nothing is averaged over missing cells."""
    told = [f"{name} ({note})" if (note := chosen[name].cells[member].note) else name for name in lacking]
    return f"no mean over missing cells: it lacks {', '.join(told)}" if told else ""
