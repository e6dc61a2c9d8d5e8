"""TISE's alignment scores (Dinh et al. 2022, arXiv 2112.01398): positional alignment, counting alignment.

Its ranking score is `bench.stats.ranks.ranking_score`.
"""

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
