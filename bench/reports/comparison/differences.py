"""Differences between runs of one comparison: rows paired by (sample, k), set metrics by what images contribute,
else by jackknife block."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from bench import store
from bench.errors import StoreError
from bench.reports.comparison.nouns import Cell, Difference, Kind, System
from bench.reports.privacy import no_common, rows_withheld, veiled
from bench.stats.families import holm
from bench.stats.jackknife import jackknife_difference
from bench.stats.paired import PERMUTATIONS, paired
from bench.types import Direction, Estimator, MetricCard, OutputCard, Score, contribution

ALPHA = 0.05
_COLUMNS = ("sample", "k", "group", "prompt", "status", "reason", "image")
"""What every samples.parquet has."""


class Refused(Exception):
    """A pair that may not be subtracted; the text is the reason."""


class Tables:
    """The samples tables of a comparison, read once, with the rows that two runs share."""

    def __init__(self, systems: Sequence[System], frames: Mapping[int, pd.DataFrame] | None = None) -> None:
        """frames: those that were read before, by system."""
        self.systems = systems
        self._frames: dict[int, pd.DataFrame] = dict(frames or {})
        self._pairs: dict[tuple[int, int], tuple[np.ndarray, np.ndarray]] = {}
        self._made: dict[Any, Any] = {}
        self._indices: dict[int, pd.MultiIndex] = {}

    def once(self, key: Any, make: Callable[[], Any]) -> Any:
        """What `make` gives, made once for these tables."""
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]

    def frame(self, system: int) -> pd.DataFrame:
        """samples.parquet of a system, as stored; of a private run under blinded names."""
        if system not in self._frames:
            self._frames[system] = veiled(self.systems[system].run, store.samples(self.systems[system].path))
        return self._frames[system]

    def pair(self, a: int, b: int) -> tuple[np.ndarray, np.ndarray]:
        """Positions of the common (sample, k) rows in both frames, in the order of the first."""
        if (a, b) not in self._pairs:
            left, right = (self.keys(i) for i in (a, b))
            found = right.get_indexer(left)
            self._pairs[a, b] = np.flatnonzero(found >= 0), found[found >= 0]
        return self._pairs[a, b]

    def common(self) -> pd.MultiIndex:
        """(sample, k) of every system whose rows are there, in the order of the first."""
        there = [i for i, s in enumerate(self.systems) if not rows_withheld(s.run)] or [0]
        keys = self.keys(there[0])
        for i in there[1:]:
            keys = keys[keys.isin(self.keys(i))]
        return keys

    @cached_property
    def groups(self) -> int:
        """Resampling units of all systems together."""
        return len(self._coded[1])

    def codes(self, system: int) -> np.ndarray:
        """(n,) number of each row's group, the same in all systems."""
        return self._coded[0][system]

    @cached_property
    def _coded(self) -> tuple[list[np.ndarray], np.ndarray]:
        labels = [self.frame(i)["group"].to_numpy(dtype=object) for i in range(len(self.systems))]
        codes, known = pd.factorize(np.concatenate([g.astype(str) for g in labels]), sort=True)
        return np.split(codes, np.cumsum([len(g) for g in labels])[:-1]), known

    def position(self, system: int, sample: str, k: int) -> int:
        """Place of an image in a system's frame."""
        return int(self.keys(system).get_loc((sample, k)))

    def keys(self, system: int) -> pd.MultiIndex:
        """(sample, k) of a system's frame; StoreError where one is there twice."""
        if system not in self._indices:
            self._indices[system] = self._indexed(system)
        return self._indices[system]

    def _indexed(self, system: int) -> pd.MultiIndex:
        frame = self.frame(system)
        absent = [c for c in _COLUMNS if c not in frame]
        if absent:
            raise StoreError(
                f"{self.systems[system].path}/samples.parquet has no column '{absent[0]}'; score the run again."
            )
        words = [c for c in frame.columns if _is_score(str(c)) and frame[c].dtype.kind not in "biuf"]
        if words:
            raise StoreError(
                f"{self.systems[system].path}/samples.parquet holds other things than numbers in column '{words[0]}'; "
                "score the run again."
            )
        keys = pd.MultiIndex.from_arrays([frame["sample"], frame["k"]])
        if not keys.is_unique:
            twice = keys[keys.duplicated()][0]
            raise StoreError(
                f"{self.systems[system].path}/samples.parquet holds sample '{twice[0]}', image {twice[1]} twice; "
                "score the run again."
            )
        return keys


def _is_score(column: str) -> bool:
    """Whether a column of samples.parquet is a metric's: 'metric:column'."""
    return ":" in column and not column.startswith("tag:")


def difference(
    tables: Tables, card: MetricCard, output: OutputCard, scores: Sequence[Score | None], system: int, reference: int,
    p: float | None = None,
) -> Difference:  # fmt: skip
    """System less reference, not yet adjusted for the other comparisons of its row. Refused says why there is none.

    p: of the exchange test, where it is known already.
    """
    a, b = scores[system], scores[reference]
    if a is None or b is None or a.value is None or b.value is None:
        raise Refused(f"one of the two has no score{_why(a, b)}")
    estimator = output.estimator
    if estimator is None:
        same_number(a, b)
        estimator = contributions(tables, card, output, (system, reference))
    if estimator is None:
        found = _of_blocks(a, b)
    else:
        found = _of_rows(tables, card, estimator, output.direction, system, reference, p)
    made = Difference(system=system, reference=reference, p_holm=found["p"], **found)
    return dataclasses.replace(made, kind=kind_of(made, output.direction))


def _why(a: Score | None, b: Score | None) -> str:
    found = next((s for s in (a, b) if s is not None and s.value is None), None)
    told = "" if found is None else found.note or found.method
    return f" ({told})" if told else ""


def contributions(tables: Tables, card: MetricCard, output: OutputCard, pair: Sequence[int]) -> Estimator | None:
    """The mean of what single images contribute to a set metric, where both runs have them."""
    column = contribution(output.name)
    both = all(f"{card.metric}:{column}" in tables.frame(i) for i in pair)
    return Estimator("mean", (column,)) if both else None


def same_number(a: Score, b: Score) -> None:
    if a.n != b.n:
        raise Refused(
            f"set metrics depend on the number of images, and there are {a.n} and {b.n}; "
            "`bench score A B --common` scores the common ones"
        )


def _of_blocks(a: Score, b: Score) -> dict[str, Any]:
    if not a.replicates or not b.replicates:
        raise Refused("no jackknife replicates are stored")
    if len(a.replicates) != len(b.replicates):
        raise Refused("their jackknife blocks do not pair")
    assert a.value is not None and b.value is not None
    found = jackknife_difference(a.value, a.replicates, b.value, b.replicates)
    return {
        "delta": found.delta, "low": finite(found.low), "high": finite(found.high), "method": found.method,
        "p": finite(found.p), "detectable": finite(found.detectable), "n": a.n,
    }  # fmt: skip


def _of_rows(
    tables: Tables,
    card: MetricCard,
    estimator: Estimator,
    direction: Direction,
    system: int,
    reference: int,
    p: float | None,
) -> dict[str, Any]:
    here, there = tables.pair(system, reference)
    if not len(here):
        raise Refused(no_common([tables.systems[i].run for i in (system, reference)]))
    a = columns(tables.frame(system), card, estimator, here)
    b = columns(tables.frame(reference), card, estimator, there)
    groups = tables.codes(system)[here]
    found = paired(estimator, a, b, groups, direction=direction, permutations=PERMUTATIONS if p is None else 0)
    if not found.n:
        raise Refused("no common image has a value in both")
    if not np.isfinite(found.delta):
        raise Refused("their difference is beyond the numbers that a computer holds")
    fields = ("low", "high", "p", "detectable", "better", "sd")
    samples = tables.frame(system)["sample"].to_numpy()[here]
    return {
        "delta": found.delta, "method": found.method, "n": found.n, "groups": found.groups,
        "prompts": len(pd.unique(samples[_used(estimator, a, b)])),
        "wins": found.wins, "ties": found.ties, "losses": found.losses,
        **{f: finite(getattr(found, f)) for f in fields}, **({} if p is None else {"p": p}),
    }  # fmt: skip


def _used(estimator: Estimator, a: Mapping[str, np.ndarray], b: Mapping[str, np.ndarray]) -> np.ndarray:
    """(n,) bool: rows that have what the estimator sums in both runs."""
    numeric = estimator.columns[: 2 if estimator.kind == "ratio" else 1]
    return np.asarray(np.all([np.isfinite(t[c].astype(np.float64)) for t in (a, b) for c in numeric], axis=0))


def columns(frame: pd.DataFrame, card: MetricCard, estimator: Estimator, rows: np.ndarray) -> Mapping[str, np.ndarray]:
    found = {}
    for at, name in enumerate(estimator.columns):
        stored = f"tag:{name}" if estimator.kind == "macro" and at == 1 else f"{card.metric}:{name}"
        if stored not in frame:
            raise Refused(f"samples.parquet has no column '{stored}'")
        found[name] = frame[stored].to_numpy()[rows]
    return found


def adjusted(
    found: Sequence[Difference | None], direction: Direction, family: Sequence[float | None] = ()
) -> tuple[Difference | None, ...]:
    """The differences of one row with Holm's p over them, that over the family where it has one, and the verdict."""
    p = holm([np.nan if d is None or d.p is None else d.p for d in found])
    wide = family or [None] * len(found)
    made = []
    for one, value, over in zip(found, p, wide, strict=True):
        fresh = None if one is None else dataclasses.replace(one, p_holm=finite(value), p_family=over)
        made.append(None if fresh is None else dataclasses.replace(fresh, kind=kind_of(fresh, direction)))
    return tuple(made)


def kind_of(one: Difference, direction: Direction) -> Kind:
    """better or worse only where the interval excludes 0 and the adjusted p agrees."""
    p = one.p_adjusted
    if one.low is None or one.high is None or p is None:
        return "unknown"
    if direction == "none" or one.low <= 0 <= one.high or p >= ALPHA:
        return "tied"
    return "better" if (one.delta > 0) == (direction == "higher") else "worse"


def finite(value: float | None) -> float | None:
    """The number, or None for NaN and infinities, which no report prints."""
    return None if value is None or not np.isfinite(value) else float(value)


def cell(score: Score) -> Cell:
    """A Score as a cell, without what is not a number."""
    value = finite(score.value)
    low, high = finite(score.low), finite(score.high)
    if low is None or high is None or value is None:
        low = high = None
    note = score.note or ("" if value is not None else score.method or "no value")
    return Cell(
        value,
        low,
        high,
        score.method,
        score.n,
        score.n_missing,
        score.policy,
        score.protocol,
        finite(score.chance),
        note,
    )
