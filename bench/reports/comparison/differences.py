"""Differences between runs of one comparison: rows paired by (sample, k), set metrics by what images contribute,
else by jackknife block."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from bench import store
from bench.errors import StoreError
from bench.reports.comparison.nouns import Cell, Difference, Kind, System
from bench.stats.families import holm
from bench.stats.jackknife import jackknife_difference
from bench.stats.paired import paired
from bench.types import Direction, Estimator, MetricCard, OutputCard, Score, contribution

ALPHA = 0.05


class Refused(Exception):
    """A pair that may not be subtracted; the text is the reason."""


class Tables:
    """The samples tables of a comparison, read once, with the rows that two runs share."""

    def __init__(self, systems: Sequence[System]) -> None:
        self.systems = systems
        self._frames: dict[int, pd.DataFrame] = {}
        self._pairs: dict[tuple[int, int], tuple[np.ndarray, np.ndarray]] = {}
        self._indices: dict[int, pd.MultiIndex] = {}

    def frame(self, system: int) -> pd.DataFrame:
        """samples.parquet of a system, as stored."""
        if system not in self._frames:
            self._frames[system] = store.samples(self.systems[system].path)
        return self._frames[system]

    def pair(self, a: int, b: int) -> tuple[np.ndarray, np.ndarray]:
        """Positions of the common (sample, k) rows in both frames, in the order of the first."""
        if (a, b) not in self._pairs:
            left, right = (self._keys(i) for i in (a, b))
            found = right.get_indexer(left)
            self._pairs[a, b] = np.flatnonzero(found >= 0), found[found >= 0]
        return self._pairs[a, b]

    def common(self) -> pd.MultiIndex:
        """(sample, k) of every system, in the order of the first."""
        keys = self._keys(0)
        for i in range(1, len(self.systems)):
            keys = keys[keys.isin(self._keys(i))]
        return keys

    def position(self, system: int, sample: str, k: int) -> int:
        """Place of an image in a system's frame."""
        return int(self._keys(system).get_loc((sample, k)))

    def _keys(self, system: int) -> pd.MultiIndex:
        if system not in self._indices:
            self._indices[system] = self._indexed(system)
        return self._indices[system]

    def _indexed(self, system: int) -> pd.MultiIndex:
        frame = self.frame(system)
        keys = pd.MultiIndex.from_arrays([frame["sample"], frame["k"]])
        if not keys.is_unique:
            twice = keys[keys.duplicated()][0]
            raise StoreError(
                f"{self.systems[system].path}/samples.parquet holds sample '{twice[0]}', image {twice[1]} twice; "
                "score the run again."
            )
        return keys


def difference(
    tables: Tables, card: MetricCard, output: OutputCard, scores: Sequence[Score | None], system: int, reference: int
) -> Difference:
    """System less reference, not yet adjusted for the other comparisons of its row. Refused says why there is none."""
    a, b = scores[system], scores[reference]
    if a is None or b is None or a.value is None or b.value is None:
        raise Refused(f"one of the two has no score{_why(a, b)}")
    estimator = output.estimator
    if estimator is None:
        _same_number(a, b)
        estimator = _contributions(tables, card, output, (system, reference))
    if estimator is None:
        found = _of_blocks(a, b)
    else:
        found = _of_rows(tables, card, estimator, output.direction, system, reference)
    made = Difference(system=system, reference=reference, p_holm=found["p"], **found)
    return dataclasses.replace(made, kind=kind_of(made, output.direction))


def _why(a: Score | None, b: Score | None) -> str:
    found = next((s for s in (a, b) if s is not None and s.value is None), None)
    told = "" if found is None else found.note or found.method
    return f" ({told})" if told else ""


def _contributions(tables: Tables, card: MetricCard, output: OutputCard, pair: Sequence[int]) -> Estimator | None:
    """The mean of what single images contribute to a set metric, where both runs have them."""
    column = contribution(output.name)
    both = all(f"{card.metric}:{column}" in tables.frame(i) for i in pair)
    return Estimator("mean", (column,)) if both else None


def _same_number(a: Score, b: Score) -> None:
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
    tables: Tables, card: MetricCard, estimator: Estimator, direction: Direction, system: int, reference: int
) -> dict[str, Any]:
    here, there = tables.pair(system, reference)
    if not len(here):
        raise Refused("they have no prompt in common")
    a = _columns(tables.frame(system), card, estimator, here)
    b = _columns(tables.frame(reference), card, estimator, there)
    groups = tables.frame(system)["group"].to_numpy()[here]
    found = paired(estimator, a, b, groups, direction=direction)
    if not found.n:
        raise Refused("no common image has a value in both")
    fields = ("low", "high", "p", "detectable", "better", "sd")
    return {
        "delta": found.delta, "method": found.method, "n": found.n, "groups": found.groups,
        "wins": found.wins, "ties": found.ties, "losses": found.losses,
        **{f: finite(getattr(found, f)) for f in fields},
    }  # fmt: skip


def _columns(frame: pd.DataFrame, card: MetricCard, estimator: Estimator, rows: np.ndarray) -> Mapping[str, np.ndarray]:
    found = {}
    for at, name in enumerate(estimator.columns):
        stored = f"tag:{name}" if estimator.kind == "macro" and at == 1 else f"{card.metric}:{name}"
        if stored not in frame:
            raise Refused(f"samples.parquet has no column '{stored}'")
        found[name] = frame[stored].to_numpy()[rows]
    return found


def adjusted(found: Sequence[Difference | None], direction: Direction) -> tuple[Difference | None, ...]:
    """The differences of one row with Holm's p over them and the verdict that follows."""
    p = holm([np.nan if d is None or d.p is None else d.p for d in found])
    made = []
    for one, value in zip(found, p, strict=True):
        fresh = None if one is None else dataclasses.replace(one, p_holm=finite(value))
        made.append(None if fresh is None else dataclasses.replace(fresh, kind=kind_of(fresh, direction)))
    return tuple(made)


def kind_of(one: Difference, direction: Direction) -> Kind:
    """better or worse only where the interval excludes 0 and the adjusted p agrees."""
    if one.low is None or one.high is None or one.p_holm is None:
        return "unknown"
    if direction == "none" or one.low <= 0 <= one.high or one.p_holm >= ALPHA:
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
