"""The family of a comparison: every primary row with a direction, times every pair that a verdict may be about.

With a baseline these are all systems against it. Without one they are all pairs: the best system of a row is found in
the same data, and a correction for the comparisons with it alone would call equal systems different too often. p is
adjusted by max-T over the same exchanges of whole groups, which uses that metrics of one image go together. Set
metrics known by jackknife blocks alone have no rows to exchange: they are corrected by Holm, and each of the two parts
gets its share of the error by its number of comparisons.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from bench.reports.comparison.differences import Refused, Tables, columns, contributions, same_number
from bench.reports.comparison.nouns import Family
from bench.stats.bootstrap import flips
from bench.stats.families import holm, step_down
from bench.stats.jackknife import jackknife_difference
from bench.stats.kernels import kernel
from bench.stats.paired import PERMUTATIONS, complete
from bench.types import Estimator, MetricCard, OutputCard, Score

MOST = 2000
"""Comparisons that are corrected together; a larger table of systems is a leaderboard's work."""
_EQUAL = 1e-12
"""Differences up to this share of the values are rounding."""

Key = tuple[str, int, int]


@dataclass(frozen=True)
class Kin:
    """A row to be: one output of one metric under one protocol, with the systems' scores."""

    metric: str
    card: MetricCard
    output: OutputCard
    protocol: str
    world: str
    scores: tuple[Score | None, ...]
    """One a system."""

    @property
    def key(self) -> str:
        """As `Row.key`."""
        return f"{self.metric}|{self.output.name}|{self.protocol}" + (f"|{self.world}" if self.world else "")


def declared(tables: Tables, kinds: Sequence[Kin], contestants: Sequence[int], base: int | None) -> Family:
    """The family with its adjusted p; without p, and with a note, when it is too large."""
    rows = [k for k in kinds if k.output.primary and k.output.direction != "none"]
    wanted = [(kind, a, b) for kind in rows for a, b in _pairs(kind, contestants, base)]
    if len(wanted) > MOST:
        note = (
            f"{len(wanted)} comparisons are more than the {MOST} that are corrected together: p is adjusted within "
            "each metric alone. Name a --baseline, or make a leaderboard."
        )
        return Family({}, {}, len(wanted), len(rows), base, note)
    grid = _Grid(tables)
    exchanged: dict[Key, tuple[float, np.ndarray]] = {}
    blocked: dict[Key, float] = {}
    for kind, a, b in wanted:
        try:
            estimator = _estimator(tables, kind, a, b)
            if estimator is None:
                blocked[kind.key, a, b] = _block_p(kind, a, b)
            elif estimator.kind == "mean":
                grid.add(kind, estimator.columns[0], a, b)
            else:
                exchanged[kind.key, a, b] = _drawn(tables, kind, estimator, a, b)
        except Refused:
            continue
    exchanged |= grid.drawn()
    single = {key: _own(*one) for key, one in exchanged.items()}
    return Family(_together(exchanged, blocked), single, len(exchanged) + len(blocked), len(rows), base)


def _pairs(kind: Kin, contestants: Sequence[int], base: int | None) -> Iterator[tuple[int, int]]:
    members = [i for i in contestants if kind.scores[i] is not None]
    if base is None:
        return itertools.combinations(sorted(members), 2)
    return ((min(i, base), max(i, base)) for i in members if i != base and kind.scores[base] is not None)


def _estimator(tables: Tables, kind: Kin, a: int, b: int) -> Estimator | None:
    """The estimator whose rows are exchanged; None: blocks. Refused where `difference` would refuse."""
    first, second = kind.scores[a], kind.scores[b]
    if first is None or second is None or first.value is None or second.value is None:
        raise Refused("no score")
    if kind.output.estimator is not None:
        return kind.output.estimator
    same_number(first, second)
    return contributions(tables, kind.card, kind.output, (a, b))


def _block_p(kind: Kin, a: int, b: int) -> float:
    first, second = kind.scores[a], kind.scores[b]
    assert first is not None and second is not None and first.value is not None and second.value is not None
    if not first.replicates or len(first.replicates) != len(second.replicates):
        raise Refused("no blocks")
    p = jackknife_difference(first.value, first.replicates, second.value, second.replicates).p
    if not np.isfinite(p):
        raise Refused("no p")
    return p


def _drawn(tables: Tables, kind: Kin, estimator: Estimator, a: int, b: int) -> tuple[float, np.ndarray]:
    """The difference as it is and (B,) under exchange, of an estimator that is no mean."""
    here, there = tables.pair(a, b)
    left = columns(tables.frame(a), kind.card, estimator, here)
    right = columns(tables.frame(b), kind.card, estimator, there)
    both = kernel(estimator, complete(estimator, left, right), tables.codes(a)[here])
    if not both.groups:
        raise Refused("nothing in common")
    as_it_is = float(both.swapped(np.zeros((1, both.groups)))[0])
    drawn = np.concatenate([both.swapped(f) for f in flips(both.groups, PERMUTATIONS, 0)])
    least = _EQUAL * both.scale
    return as_it_is * (abs(as_it_is) > least), np.where(np.abs(drawn) > least, drawn, 0.0)


class _Grid:
    """Means: the differences of all pairs summed by group, so that one product of matrices exchanges them all."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self.keys: list[Key] = []
        self.sums: list[np.ndarray] = []
        self.counts: list[int] = []

    def add(self, kind: Kin, column: str, a: int, b: int) -> None:
        """One comparison; Refused when there is nothing in common."""
        here, there = self.tables.pair(a, b)
        estimator = Estimator("mean", (column,))
        left, right = (
            columns(self.tables.frame(i), kind.card, estimator, at)[column].astype(np.float64)
            for i, at in ((a, here), (b, there))
        )
        fine = np.isfinite(left) & np.isfinite(right)
        if not fine.any():
            raise Refused("nothing in common")
        groups, apart = self.tables.codes(a)[here[fine]], left[fine] - right[fine]
        apart[np.abs(apart) <= _EQUAL * np.abs(left[fine]).max()] = 0.0
        self.keys.append((kind.key, a, b))
        self.sums.append(np.bincount(groups, apart, minlength=self.tables.groups))
        self.counts.append(int(fine.sum()))

    def drawn(self) -> dict[Key, tuple[float, np.ndarray]]:
        """Key -> (difference, (B,) under exchange)."""
        if not self.keys:
            return {}
        gaps = np.stack(self.sums, axis=1)
        used = np.flatnonzero(gaps.any(1))
        gaps, counts = gaps[used], np.array(self.counts, dtype=np.float64)
        total = gaps.sum(0)
        found = np.concatenate([total - 2 * (f @ gaps) for f in flips(len(used), PERMUTATIONS, 0)]) / counts
        return {key: (float(total[i] / counts[i]), found[:, i]) for i, key in enumerate(self.keys)}


def _own(observed: float, drawn: np.ndarray) -> float:
    """p of one comparison, as `stats.paired.permutation_p` has it."""
    return float(((np.abs(drawn) >= abs(observed) * (1 - 1e-9)).sum() + 1) / (len(drawn) + 1))


def _together(exchanged: dict[Key, tuple[float, np.ndarray]], blocked: dict[Key, float]) -> dict[Key, float]:
    """Adjusted p of both parts; a part's share of the error is its share of the comparisons."""
    size, p = len(exchanged) + len(blocked), dict[Key, float]()
    if exchanged:
        observed = np.abs([v for v, _ in exchanged.values()])
        drawn = np.abs(np.stack([d for _, d in exchanged.values()], axis=1))
        peak = drawn.max(0)
        unit = np.where(peak > 0, peak, 1.0)  # squares of very large and very small numbers leave float64's range
        spread = np.sqrt(np.square(drawn / unit).mean(0)) * unit
        scale = np.where(spread > 0, spread, np.inf)
        adjusted = step_down(observed / scale, drawn / scale)
        p |= dict(zip(exchanged, adjusted * size / len(exchanged), strict=True))
    if blocked:
        p |= dict(zip(blocked, holm(list(blocked.values())) * size / len(blocked), strict=True))
    return {key: min(1.0, float(value)) for key, value in p.items()}
