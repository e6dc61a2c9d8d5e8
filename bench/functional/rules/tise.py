"""TISE's alignment scores (Dinh et al. 2022, arXiv 2112.01398): positional alignment, counting alignment, ranking."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import torch

from bench.errors import UsageError
from bench.functional.alignment import cosine

SURE, SCALE = 0.6, 100.0
"""Probability from which a caption beats its false twin, and CLIP's temperature at which it is taken."""


def positional_alignment(
    image: torch.Tensor, true: torch.Tensor, false: torch.Tensor, *, scale: float = SCALE, sure: float = SURE
) -> torch.Tensor:
    """Embeddings (n, d) of images, of their captions and of the captions with the position word turned round -> (n,)
    bool: the softmax of the two cosines gives the true one more than `sure` (sec. 4.3)."""
    gap = scale * (cosine(image, true) - cosine(image, false))
    return torch.sigmoid(gap) > sure


def counting_rmse(labels: Sequence[str], wanted: Mapping[str, int]) -> float:
    """Root mean square error of the numbers of the wanted classes of one image (sec. 4.4); 0 is best."""
    if not wanted:
        raise UsageError("The prompt states no number, so that counts cannot be judged.")
    found = Counter(labels)
    return float(np.sqrt(np.mean([(found[c] - n) ** 2 for c, n in wanted.items()])))


TISE_ASPECTS = {
    "IS*": "realism", "FID": "realism", "RP": "relevance", "SOA-C": "objects", "SOA-I": "objects", "O-IS": "fidelity",
    "O-FID": "fidelity", "CA": "counting", "PA": "position",
}  # fmt: skip
"""TISE's measures and the aspect that each is of; the two of one aspect share its rank."""


def ranking_score(scores: np.ndarray, higher: Sequence[bool], aspects: Sequence[str] | None = None) -> np.ndarray:
    """Systems by measures (s, m) -> (s,) sum over aspects of the mean rank of their measures, the best system of a
    measure having rank s (RS, eq. 6).

    aspects: of each measure; None: each is its own. Ties share their mean rank (the published script leaves them to the
    order of a directory). Adding a system moves everybody's score: it orders one table and compares no two.
    """
    from scipy.stats import rankdata

    given = np.asarray(scores, dtype=np.float64)
    if given.ndim != 2 or given.shape[1] != len(higher) or not np.isfinite(given).all():
        raise UsageError(f"scores must be finite (systems, {len(higher)}); got {given.shape}.")
    names = np.arange(given.shape[1]) if aspects is None else np.asarray(aspects)
    if len(names) != given.shape[1]:
        raise UsageError(f"There must be an aspect for each of {given.shape[1]} measures; got {len(names)}.")
    ranks = rankdata(np.where(np.asarray(higher, dtype=bool), given, -given), axis=0)
    return np.sum([ranks[:, names == name].mean(1) for name in np.unique(names)], axis=0)
