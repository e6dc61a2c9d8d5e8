"""Estimators as functions of integer weights on groups, so that one product of matrices resamples them all.

Owns the translation of `types.Estimator` over rows into per-group sums. Mean, ratio and macro are means over cells of
sum(numerator) / sum(denominator), hence linear in the weights and joint over systems at the price of one; the median
has no such form and is found by cumulated weights, system by system. A NaN row is an excluded row: it adds to neither
sum.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import pandas as pd

from bench.errors import UsageError
from bench.types import Estimator


class Kernel(Protocol):
    """An estimator over G groups for S systems."""

    groups: int
    rows: int
    labels: np.ndarray | None
    """(G,) the groups' own labels, in order; None for a kernel that was made of another."""

    @property
    def scale(self) -> float:
        """Size of the largest value that a group has: what rounding errors are measured against."""

    def values(self, weights: np.ndarray) -> np.ndarray:
        """(r, G) non-negative integer weights -> (r, S) estimates; NaN where nothing is left."""

    def influence(self) -> np.ndarray | None:
        """(G, S) first-order effect of each group on the estimate (they sum to 0), or None where it has no form."""

    def swapped(self, flips: np.ndarray) -> np.ndarray:
        """(r, G) of 0 and 1 -> (r,) difference of systems 0 and 1 when they change places in the groups marked 1."""


class Cells:
    """mean, ratio, macro: mean over cells of sum(numerator) / sum(denominator); sums are (G, C, S)."""

    def __init__(
        self, numerators: np.ndarray, denominators: np.ndarray, rows: int, labels: np.ndarray | None = None
    ) -> None:
        self.numerators, self.denominators, self.rows, self.labels = numerators, denominators, rows, labels
        self.groups = len(numerators)

    @property
    def scale(self) -> float:
        return float(self.scales.max(initial=0.0))

    @property
    def scales(self) -> np.ndarray:
        """(S,) largest size of one system's groups."""
        known = np.zeros(self.numerators.shape)
        np.divide(self.numerators, self.denominators, out=known, where=self.denominators != 0)
        return np.abs(known).max((0, 1), initial=0.0)

    def values(self, weights: np.ndarray) -> np.ndarray:
        shape = (len(weights), *self.numerators.shape[1:])
        flat = self.groups, -1
        above = (weights @ self.numerators.reshape(flat)).reshape(shape)
        below = (weights @ self.denominators.reshape(flat)).reshape(shape)
        return cell_mean(above, below)

    def influence(self) -> np.ndarray:
        below = self.denominators.sum(0)
        with np.errstate(invalid="ignore", divide="ignore"):
            ratio = self.numerators.sum(0) / below
            effect = (self.numerators - ratio * self.denominators) / below
        used = below != 0
        return np.where(used, effect, 0.0).sum(1) / np.maximum(used.sum(0), 1)

    def swapped(self, flips: np.ndarray) -> np.ndarray:
        above = self._exchanged(self.numerators, flips)
        below = self._exchanged(self.denominators, flips)
        both = cell_mean(above, below)
        return both[:, 0] - both[:, 1]

    @staticmethod
    def _exchanged(sums: np.ndarray, flips: np.ndarray) -> np.ndarray:
        """(r, C, 2) totals after the exchange."""
        gap = sums[:, :, 1] - sums[:, :, 0]
        moved = flips @ gap if np.any(gap) else np.zeros((len(flips), gap.shape[1]))
        total = sums.sum(0)
        return np.stack([total[:, 0] + moved, total[:, 1] - moved], axis=-1)


class Medians:
    """The median of each system's rows under group weights (mean of the two middle rows, as numpy has it)."""

    def __init__(
        self, columns: np.ndarray, codes: np.ndarray, groups: int, labels: np.ndarray | None = None
    ) -> None:
        self.columns, self.codes, self.groups, self.labels = columns, codes, groups, labels
        self.rows = int(np.isfinite(columns).any(1).sum())

    @property
    def scale(self) -> float:
        return float(np.abs(np.nan_to_num(self.columns)).max(initial=0.0))

    def values(self, weights: np.ndarray) -> np.ndarray:
        found = [_weighted_median(column, self.codes, weights) for column in self.columns.T]
        return np.stack(found, axis=1)

    def influence(self) -> None:
        return None

    def swapped(self, flips: np.ndarray) -> np.ndarray:
        stacked = np.concatenate([self.columns[:, 0], self.columns[:, 1]])
        codes = np.concatenate([self.codes, self.codes + self.groups])
        first = _weighted_median(stacked, codes, np.hstack([1 - flips, flips]))
        second = _weighted_median(stacked, codes, np.hstack([flips, 1 - flips]))
        return first - second


class Contrast:
    """System 0 less system 1 of a kernel of two systems, itself a kernel of one."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel, self.groups, self.rows, self.labels = kernel, kernel.groups, kernel.rows, kernel.labels

    @property
    def scale(self) -> float:
        return self.kernel.scale

    def values(self, weights: np.ndarray) -> np.ndarray:
        both = self.kernel.values(weights)
        return both[:, :1] - both[:, 1:]

    def influence(self) -> np.ndarray | None:
        both = self.kernel.influence()
        return None if both is None else both[:, :1] - both[:, 1:]

    def swapped(self, flips: np.ndarray) -> np.ndarray:
        return self.kernel.swapped(flips)


def kernel(estimator: Estimator, columns: Mapping[str, Any], groups: Sequence[Any] | np.ndarray) -> Kernel:
    """The kernel of an estimator.

    columns: name -> (n,) or (n, S) numbers, and (n,) texts for the tag of `macro`; groups: (n,) labels. Groups without
    any counted row are left out, in sorted order of their labels otherwise. UsageError names an absent column.
    """
    main = matrix(estimator, columns, 0)
    cells = _cells(estimator, columns, len(main))
    counted = np.isfinite(main) & (cells >= 0)[:, None]
    below = matrix(estimator, columns, 1) if estimator.kind == "ratio" else np.ones_like(main)
    counted = counted & np.isfinite(below)
    kept = counted.any(1)
    codes, labels = pd.factorize(np.asarray(groups)[kept], sort=True)
    main = np.where(counted, main, np.nan)[kept]
    if estimator.kind == "median":
        return Medians(main, codes, len(labels), labels)
    size = (len(labels), int(cells.max(initial=0)) + 1)
    keys = codes * size[1] + cells[kept]
    above = _sums(np.nan_to_num(main), keys, size)
    return Cells(above, _sums(np.where(counted, below, 0.0)[kept], keys, size), int(kept.sum()), labels)


def matrix(estimator: Estimator, columns: Mapping[str, Any], index: int) -> np.ndarray:
    """Column `index` of an estimator as float64 (n, S)."""
    name = estimator.columns[index]
    if name not in columns:
        raise UsageError(f"The estimator {estimator.kind} needs the column '{name}', and there are {sorted(columns)}.")
    found = np.asarray(columns[name], dtype=np.float64)
    return found[:, None] if found.ndim == 1 else found


def _cells(estimator: Estimator, columns: Mapping[str, Any], n: int) -> np.ndarray:
    """(n,) cell of each row, -1 for rows without the tag."""
    if estimator.kind != "macro":
        return np.zeros(n, dtype=int)
    name = estimator.columns[1]
    if name not in columns:
        raise UsageError(f"The estimator macro needs the tag '{name}', and there are {sorted(columns)}.")
    tags = pd.Series(np.asarray(columns[name], dtype=object)).replace("", None)
    return np.asarray(pd.factorize(tags, sort=True)[0])


def _sums(values: np.ndarray, keys: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(n, S) values summed by key -> (G, C, S)."""
    count = size[0] * size[1]
    sums = [np.bincount(keys, weights=column, minlength=count) for column in values.T]
    return np.stack(sums, axis=-1).reshape(*size, values.shape[1])


def cell_mean(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """(r, C, S) sums -> (r, S): mean of the cells that hold anything."""
    used = below != 0
    ratio = np.divide(above, below, out=np.zeros_like(above), where=used)
    count = used.sum(1)
    total = ratio.sum(1)
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)


def _weighted_median(column: np.ndarray, codes: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(n,) values with (r, G) integer weights of their groups -> (r,) medians of the expanded rows."""
    fine = np.flatnonzero(np.isfinite(column))
    order = fine[np.argsort(column[fine], kind="stable")]
    if not len(order):
        return np.full(len(weights), np.nan)
    ordered, rows = column[order], codes[order]
    width = math.isqrt(len(order))
    inside = np.zeros((weights.shape[1], -(-len(order) // width)))
    np.add.at(inside, (rows, np.arange(len(order)) // width), 1.0)
    reached = np.cumsum(weights @ inside, axis=1)
    total = reached[:, -1]
    low, high = (_reaching(weights, rows, reached, width, target) for target in ((total - 1) // 2, total // 2))
    return np.where(total > 0, (ordered[low] + ordered[high]) / 2, np.nan)


def _reaching(weights: np.ndarray, rows: np.ndarray, reached: np.ndarray, width: int, target: np.ndarray) -> np.ndarray:
    """(r,) place of the ordered row at which the cumulated weight exceeds the target: first its bin of `width` rows
    by their cumulated totals (r, bins), then the row in it."""
    bins = np.minimum((reached <= target[:, None]).sum(1), reached.shape[1] - 1)
    before = np.where(bins > 0, np.take_along_axis(reached, np.maximum(bins - 1, 0)[:, None], 1)[:, 0], 0.0)
    places = bins[:, None] * width + np.arange(width)
    there = np.take_along_axis(weights, rows[np.minimum(places, len(rows) - 1)], 1)
    upto = before[:, None] + np.cumsum(there, axis=1)
    return np.minimum(bins * width + (upto <= target[:, None]).sum(1), len(rows) - 1)
