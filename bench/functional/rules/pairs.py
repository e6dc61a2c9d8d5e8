"""True captions against false ones: SugarCrepe (Hsieh et al. 2023, arXiv 2306.14610), ARO (Yuksekgonul et al. 2023,
arXiv 2210.01936), Winoground (Thrush et al. 2022, arXiv 2204.03162).

Ties decide much: of SugarCrepe's 7,511 pairs, 572 hold the same words, on which a bag of words ties exactly. wrong: a
tie is wrong, as in the code of all three. right: as where the true caption stands first and the first of the largest is
taken. half: what a coin among the tied would get.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bench.errors import NotFinite, UsageError, did_you_mean

PAIR_TIES = ("wrong", "right", "half")


def caption_credit(
    true: Sequence[float] | np.ndarray, false: Sequence[Sequence[float] | np.ndarray], *, ties: str = "wrong"
) -> np.ndarray:
    """Scores (n,) of the true captions, and of each one's false ones -> (n,) credit; NaN where there is no false one.

    A true caption must beat all of its false ones.
    """
    if ties not in PAIR_TIES:
        raise UsageError(f"'{ties}' is no rule for ties.{did_you_mean(ties, PAIR_TIES)}")
    given = np.asarray(true, dtype=np.float64)
    if given.ndim != 1 or len(given) != len(false):
        raise UsageError(f"There must be false captions for each true one; got {len(false)} for {given.shape}.")
    found = np.full(len(given), np.nan)
    for i, (own, others) in enumerate(zip(given.tolist(), false, strict=True)):
        rest = np.asarray(others, dtype=np.float64)
        if not (np.isfinite(own) and np.isfinite(rest).all()):
            raise NotFinite(f"The scores of pair {i} must be finite.")
        if not len(rest):
            continue
        best, tied = rest.max(), int((rest == own).sum())
        if own != best:
            found[i] = float(own > best)
        else:
            found[i] = {"wrong": 0.0, "right": 1.0, "half": 1 / (1 + tied)}[ties]
    return found


def winoground(scores: np.ndarray, *, ties: str = "wrong") -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(n, 2, 2) scores of caption i with image j, (0, 0) and (1, 1) being true -> (text, image, group), each (n,) bool.

    text: each image prefers its own caption; image: each caption prefers its own image; group: both. Strict, unless
    ties are right.
    """
    given = np.asarray(scores, dtype=np.float64)
    if ties not in ("wrong", "right"):
        raise UsageError(f"Ties of Winoground are wrong or right; got '{ties}'.")
    if given.ndim != 3 or given.shape[1:] != (2, 2):
        raise UsageError(f"scores must be (n, 2, 2), captions by images; got {given.shape}.")
    if not np.isfinite(given).all():
        raise NotFinite("The scores of captions with images must be finite.")
    above = np.greater if ties == "wrong" else np.greater_equal
    text = above(given[:, 0, 0], given[:, 1, 0]) & above(given[:, 1, 1], given[:, 0, 1])
    image = above(given[:, 0, 0], given[:, 0, 1]) & above(given[:, 1, 1], given[:, 1, 0])
    return text, image, text & image
