"""How often a model of preferences orders two images as people did, under each published rule for ties.

imagereward: pairs that people tied do not count, a model's tie is wrong (its test script). hpsv2: all pairs count and
only an inversion is wrong, so that a tie of either side is right; mean over prompts (`inversion_score`). pickscore: all
pairs count, a tie of one side only is half right. expected: pairs that people tied do not count, a model's tie is half
right, as a coin would have it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bench.errors import NotFinite, UsageError, did_you_mean

PREFERENCE_TIES = ("imagereward", "hpsv2", "pickscore", "expected")
OVER_PROMPTS = frozenset({"hpsv2"})
"""Rules whose published number is the mean over prompts; the others take all pairs alike."""


def preference_pairs(
    scores: Sequence[float] | np.ndarray, ranks: Sequence[int] | np.ndarray, *, ties: str = "imagereward",
    threshold: float = 0.0,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Scores (n,) and people's ranks (n,), 1 the best, of the images of one prompt -> (right, counted), each (n,).

    Every pair is shared by its two images, so that sum(right) / sum(counted) is the accuracy over pairs. Scores that
    differ by no more than `threshold` are a tie of the model.
    """
    if ties not in PREFERENCE_TIES:
        raise UsageError(f"'{ties}' is no rule for ties.{did_you_mean(ties, PREFERENCE_TIES)}")
    given, wanted = np.asarray(scores, dtype=np.float64), np.asarray(ranks, dtype=np.float64)
    if given.ndim != 1 or given.shape != wanted.shape:
        raise UsageError(f"There must be a rank for each score; got {wanted.shape} for {given.shape}.")
    if not (np.isfinite(given).all() and np.isfinite(wanted).all()):
        raise NotFinite("Scores and ranks must be finite.")
    gap = given[:, None] - given[None]
    said = np.where(np.abs(gap) <= threshold, 0.0, np.sign(gap))
    meant = np.sign(wanted[None] - wanted[:, None])
    counted = (~np.eye(len(given), dtype=bool)).astype(np.float64)
    if ties in ("imagereward", "expected"):
        counted *= meant != 0
    right = {
        "imagereward": said == meant,
        "hpsv2": said * meant >= 0,
        "pickscore": np.where(said == meant, 1.0, np.where((said == 0) | (meant == 0), 0.5, 0.0)),
        "expected": np.where(said == 0, 0.5, said == meant),
    }[ties].astype(np.float64)
    return (right * counted).sum(1) / 2, counted.sum(1) / 2


def preference_accuracy(
    prompts: Sequence[tuple[Sequence[float], Sequence[int]]], *, ties: str = "imagereward", threshold: float = 0.0
) -> float:
    """(scores, ranks) of each prompt -> accuracy in [0, 1] as the rule publishes it; NaN where no pair counts."""
    found = [tuple(v.sum() for v in preference_pairs(s, r, ties=ties, threshold=threshold)) for s, r in prompts]
    pairs = np.array([(a, b) for a, b in found if b > 0])
    if not len(pairs):
        return float("nan")
    return float((pairs[:, 0] / pairs[:, 1]).mean() if ties in OVER_PROMPTS else pairs[:, 0].sum() / pairs[:, 1].sum())
