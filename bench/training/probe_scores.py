"""The numbers of a probe: retrieval with ties, linear probes in closed form, intervals over seeds and rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

RANKS = (1, 5, 10)
RESAMPLES = 2000
RIDGE = 0.01
"""Weight of the probes' squared coefficients, for each row."""


@dataclass(frozen=True)
class Number:
    """A mean over seeds and rows."""

    value: float
    low: float
    high: float
    chance: float
    n: int
    """Rows of each seed."""


def hits(scores: np.ndarray, k: int) -> np.ndarray:
    """(q, g) scores whose true pairs are the diagonal -> (q,) probability that the true one is among the first k, equal
    scores in random order."""
    true = np.diagonal(scores)[:, None]
    above, equal = (scores > true).sum(1), (scores == true).sum(1)
    return np.clip((k - above) / equal, 0.0, 1.0)


def retrieval(scores: np.ndarray) -> dict[str, np.ndarray]:
    """Scores (images, texts) -> a column a direction and rank."""
    return {
        f"{way} R@{k}": hits(square, k)
        for way, square in (("image to text", scores), ("text to image", scores.T))
        for k in RANKS
    }


def linear_probe(
    true: np.ndarray, false: np.ndarray, test_true: np.ndarray, test_false: np.ndarray
) -> np.ndarray:
    """Features of pairs that match and that do not (n, d), for fitting and for testing (m, d) -> (m,) share of each
    test row's two pairs that ridge regression puts on the right side; on the line counts a half."""
    both = np.concatenate([true, false]).astype(np.float64)
    middle, spread = both.mean(0), both.std(0) + 1e-6
    x = (both - middle) / spread
    y = np.repeat([1.0, -1.0], [len(true), len(false)])
    y = y - y.mean()
    weights = np.linalg.solve(x.T @ x + RIDGE * len(x) * np.eye(x.shape[1]), x.T @ y)
    sides = [np.sign(_settled((part - middle) / spread @ weights)) for part in (test_true, test_false)]
    return ((1 + sides[0]) / 2 + (1 - sides[1]) / 2) / 2


def _settled(scores: np.ndarray) -> np.ndarray:
    """Rounding errors are no side."""
    return np.where(np.abs(scores) < 1e-9, 0.0, scores)


def numbers(columns: Mapping[str, np.ndarray], chance: Mapping[str, float]) -> dict[str, Number]:
    """Columns (seeds, rows) -> means with 95 % intervals by a bootstrap of rows, and of seeds where there are several.

    The rows drawn are equal in all columns of one width, so that strategies of one protocol pair.
    """
    found = {}
    for name, values in columns.items():
        seeds, rows = values.shape
        draw = np.random.Generator(np.random.PCG64(2020))
        means = np.empty(RESAMPLES)
        for i in range(RESAMPLES):
            chosen = values[draw.integers(0, seeds, seeds)] if seeds > 1 else values
            means[i] = chosen[:, draw.integers(0, rows, rows)].mean()
        low, high = np.quantile(means, [0.025, 0.975])
        found[name] = Number(float(values.mean()), float(low), float(high), chance[name], rows)
    return found
