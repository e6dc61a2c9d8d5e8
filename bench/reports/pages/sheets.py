"""Prompts in full: every prompt that the page shows anywhere, with all systems' images and each metric's values.

These sheets are what the lightbox opens (it copies the sheet, so that nothing is known to the script alone) and what
`#p=<sample>` leads to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from bench.reports.comparison.nouns import Comparison, Row
from bench.reports.numbers import ARROWS, DIRECTIONS, decimals, number
from bench.reports.pages.album import Album, PromptRow, Shot
from bench.reports.pages.thumbs import LEFT_OUT

_METRICS = 12
"""Metrics that a prompt is shown with; samples.parquet has them all."""
_CROWD = 8
"""Beyond so many systems their marks cover each other, and numbers stand alone."""
_WIDE = 0.4
"""Share of a metric's bounds that values must use for the bounds to be the axis."""


@dataclass(frozen=True)
class Sheet:
    """One prompt with everything that is shown of it."""

    row: PromptRow
    lines: tuple[dict[str, Any], ...]


def sheets(album: Album, scores: Scores, samples: Sequence[str]) -> tuple[list[Sheet], int]:
    """A sheet for each sample (true ids), and how many pictures are missing in them for the size of the page alone."""
    found = []
    for sample in samples:
        (row,) = album.rows([(sample, album.repeats(sample), album.systems)])
        if not album.stock.closed and not album.stock.admit(row.all):
            album.stock.closed = True
            album.stock.left_out -= 1
        found.append(_kept(album, row))
    missing = sum(p is not None and p.reason == LEFT_OUT for row in found for p in row.all)
    return [Sheet(r, scores.lines(s, album.systems)) for s, r in zip(samples, found, strict=True)], missing


def _kept(album: Album, row: PromptRow) -> PromptRow:
    shots = tuple(Shot(s.k, tuple(album.stock.kept(p) for p in s.pictures)) for s in row.shots)
    return replace(row, shots=shots, reference=None if row.reference is None else album.stock.kept(row.reference))


# ---- values of single prompts ---------------------------------------------------------------------------------------


def prompt_metrics(comparison: Comparison) -> list[Row]:
    """Rows that say something of one prompt: primary ones with a direction, or all such where none is primary."""
    fit = [
        r for r in comparison.rows
        if r.output.estimator is not None and r.card.scope != "set" and r.direction != "none"
    ]  # fmt: skip
    return ([r for r in fit if r.primary] or fit)[:_METRICS]


class Scores:
    """Every metric's values of the prompts that a page shows, printed alike and placed on one axis a metric."""

    def __init__(self, album: Album, samples: Sequence[str]) -> None:
        self.rows = prompt_metrics(album.comparison)
        parts = [_Part(album.tables.frame(i), samples) for i in album.systems]
        self._values = [[prompt_values(r, p) for p in parts] for r in self.rows]
        self._ends = [_ends(r, v) for r, v in zip(self.rows, self._values, strict=True)]
        self._digits = [_digits(v) for v in self._values]

    def lines(self, sample: str, systems: Sequence[int]) -> tuple[dict[str, Any], ...]:
        """A metric each: label, arrow, meaning, and {text, at} a system; right is better whichever way it runs."""
        return tuple(
            {
                "label": row.label, "note": row.note, "arrow": ARROWS[row.direction],
                "meaning": DIRECTIONS[row.direction], "marks": len(systems) <= _CROWD and ends is not None,
                "cells": [self._cell(values[i].get(sample), ends, digits, row) for i in systems],
            }
            for row, values, ends, digits in zip(self.rows, self._values, self._ends, self._digits, strict=True)
        )  # fmt: skip

    @staticmethod
    def _cell(value: float | None, ends: tuple[float, float] | None, digits: int, row: Row) -> dict[str, Any]:
        text = number(value, digits)
        if value is None or ends is None:
            return {"text": text, "at": None}
        share = (value - ends[0]) / (ends[1] - ends[0])
        return {"text": text, "at": round(100 * (1 - share if row.direction == "lower" else share), 1)}


class _Part:
    """The rows of a table that belong to some samples."""

    def __init__(self, frame: pd.DataFrame, samples: Sequence[str]) -> None:
        codes = pd.Index(samples).get_indexer(frame["sample"].to_numpy())
        self.samples, self._frame, self._here = samples, frame, np.flatnonzero(codes >= 0)
        self.codes = codes[self._here]

    def column(self, name: str) -> np.ndarray | None:
        return self._frame[name].to_numpy(dtype=float)[self._here] if name in self._frame else None


def prompt_values(row: Row, part: _Part) -> dict[str, float]:
    """Sample -> value over its images, by the row's own estimator; samples without a value are absent."""
    estimator = row.output.estimator
    assert estimator is not None
    top = part.column(f"{row.metric}:{estimator.columns[0]}")
    one = estimator.kind != "ratio"
    below = np.ones(len(part.codes)) if one else part.column(f"{row.metric}:{estimator.columns[1]}")
    if top is None or below is None:
        return {}
    fine = np.isfinite(top) & np.isfinite(below)
    if estimator.kind == "median":
        found = pd.Series(top[fine]).groupby(part.codes[fine]).median()
        return {part.samples[int(i)]: float(v) for i, v in found.items()}
    count = len(part.samples)
    sums, weights = (np.bincount(part.codes[fine], v[fine], count) for v in (top, below))
    return {part.samples[i]: float(sums[i] / weights[i]) for i in np.flatnonzero(weights).tolist()}


def _ends(row: Row, values: Sequence[dict[str, float]]) -> tuple[float, float] | None:
    """The metric's own bounds where the values use a good part of them, else their range; None where all is equal."""
    known = [v for one in values for v in one.values()]
    if not known or min(known) == max(known):
        return None
    low, high = row.output.low, row.output.high
    inside = low is not None and high is not None and low <= min(known) and max(known) <= high
    if low is not None and high is not None and inside and max(known) - min(known) > _WIDE * (high - low):
        return low, high
    return min(known), max(known)


def _digits(values: Sequence[dict[str, float]]) -> int:
    known = [v for one in values for v in one.values()]
    if not known or all(v == int(v) and abs(v) < 1e6 for v in known):
        return 0
    return decimals([(max(known) - min(known)) / 10], known)
