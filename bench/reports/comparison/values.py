"""One number an image, and one a prompt, for the rows of a comparison that have any.

The columns of samples.parquet are read through the row's card: a mean's own column, a ratio's numerator over its
denominator, what an image contributes to a set metric.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bench.errors import UsageError, did_you_mean
from bench.reports.comparison.differences import Tables
from bench.reports.comparison.findings import Pair
from bench.reports.comparison.nouns import Comparison, Row
from bench.types import contribution


def sign(row: Row) -> int:
    """What turns a number of this row so that more is better: -1 where lower is."""
    return -1 if row.direction == "lower" else 1


def per_image(row: Row) -> bool:
    """Whether the row judges single images (or prompts) and one way is better."""
    return row.card.scope != "set" and row.output.estimator is not None and row.direction != "none"


def image_columns(row: Row) -> tuple[str, str | None]:
    """Names of the columns of samples.parquet whose (ratio of) sums are the row: numerator, denominator or None."""
    estimator = row.output.estimator
    if estimator is None:
        return f"{row.metric}:{contribution(row.output.name)}", None
    below = f"{row.metric}:{estimator.columns[1]}" if estimator.kind == "ratio" else None
    return f"{row.metric}:{estimator.columns[0]}", below


@dataclass(frozen=True)
class Parts:
    """A row's numbers of single images: value = top / below."""

    top: np.ndarray
    """(n,) NaN where an image has none."""
    below: np.ndarray
    """(n,) 1 but for ratios."""

    @property
    def values(self) -> np.ndarray:
        """(n,) NaN where there is none."""
        return np.divide(self.top, self.below, out=np.full(len(self.top), np.nan), where=self.below != 0)


def image_parts(tables: Tables, row: Row, system: int) -> Parts | None:
    """A system's images in the order of its frame; None where the run has no such column."""
    frame, (top, below) = tables.frame(system), image_columns(row)
    if row.cells[system] is None or top not in frame or (below is not None and below not in frame):
        return None
    above = frame[top].to_numpy(dtype=np.float64)
    under = np.ones(len(above)) if below is None else frame[below].to_numpy(dtype=np.float64)
    known = np.isfinite(above) & np.isfinite(under)
    return Parts(np.where(known, above, np.nan), np.where(known, under, 0.0))


@dataclass(frozen=True)
class Common:
    """The images that both runs of a pair have, by prompt."""

    here: np.ndarray
    """(n,) rows of the system's frame."""
    there: np.ndarray
    """(n,) rows of the reference's frame."""
    codes: np.ndarray
    """(n,) prompt of each image, in the order of first appearance."""
    samples: tuple[str, ...]
    """(P,) ids."""


def common(tables: Tables, pair: Pair) -> Common:
    """Images of both runs; empty where they have none in common."""
    here, there = tables.pair(*pair)
    codes, samples = pd.factorize(tables.frame(pair[0])["sample"].to_numpy()[here])
    return Common(here, there, codes, tuple(str(s) for s in samples))


def prompt_values(tables: Tables, row: Row, pair: Pair, shared: Common) -> tuple[np.ndarray, np.ndarray] | None:
    """(P,) values of system and reference for each common prompt, on the images that have one in both; NaN where there
    is none, None where a run lacks the column."""
    both = [image_parts(tables, row, i) for i in pair]
    if both[0] is None or both[1] is None:
        return None
    parts = [(p.top[at], p.below[at]) for p, at in zip(both, (shared.here, shared.there), strict=True) if p is not None]
    known = np.all([np.isfinite(top) for top, _ in parts], axis=0)
    sums = [[_summed(np.where(known, v, 0.0), shared) for v in part] for part in parts]
    found = [np.divide(top, below, out=np.full(len(top), np.nan), where=below != 0) for top, below in sums]
    fine = np.isfinite(found[0]) & np.isfinite(found[1])
    return np.where(fine, found[0], np.nan), np.where(fine, found[1], np.nan)


def _summed(values: np.ndarray, shared: Common) -> np.ndarray:
    return np.bincount(shared.codes, weights=values, minlength=len(shared.samples))


def chosen_row(comparison: Comparison, metric: str = "") -> Row | None:
    """The row that best and worst prompts go by: the metric asked for (by name, alias, text or label), else the first
    primary per-sample mean.

    A set metric goes by what images contribute to it, where the runs have that. UsageError for an unknown name.
    """
    fit = [
        r for r in comparison.rows
        if r.output.estimator is not None and r.output.estimator.kind in ("mean", "macro", "median")
        and r.card.scope == "sample" and r.direction != "none"
    ]  # fmt: skip
    if not metric:
        return next(iter([*(r for r in fit if r.primary), *fit]), None)
    return row_called(
        metric, [*fit, *(r for r in comparison.rows if r.card.scope == "set")], " and says something of single prompts"
    )


def row_called(metric: str, rows: Sequence[Row], wanted: str = "") -> Row:
    """The row of a metric's name, alias, text form, label or `metric.output`; UsageError names the nearest."""
    names = {name: r for r in reversed(rows) for name in names_of(r)}
    if metric not in names:
        raise UsageError(f"No metric of these runs is called '{metric}'{wanted}.{did_you_mean(metric, names)}")
    return names[metric]


def names_of(row: Row) -> tuple[str, ...]:
    return (row.metric, row.title, row.card.name, row.label, f"{row.metric}.{row.output.name}")
