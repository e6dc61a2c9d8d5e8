"""`prc`: precision and recall of nearest-neighbour manifolds (Kynkäänniemi et al. 2019, arXiv 1904.06991)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from bench.functional import precision_recall, precision_recall_block_replicates
from bench.metrics.sets import TwoSided, as_replicates
from bench.registry import register
from bench.types import OutputCard


@register(
    "metric",
    "prc",
    summary="precision (quality) and recall (diversity) against the reference set",
    scope="set",
    direction="higher",
)
class PrecisionRecall(TwoSided):
    """Precision: share of generated images near the reference set. Recall: share of the reference set that is
    reached."""

    formula = "precision = share of generated within a reference ball of radius NN_k; recall = the reverse"
    outputs = (
        OutputCard("precision", "precision", "higher", 0.0, 1.0),
        OutputCard("recall", "recall", "higher", 0.0, 1.0),
    )
    responds_to = ("constant", "noise")
    paper = "Kynkäänniemi et al. 2019, arXiv:1904.06991"

    def __init__(self, extractor: str = "inception-v3", k: int = 3) -> None:
        super().__init__(extractor, k)
        self.k = k
        self.minimum = k + 1
        self.remedy = "give more or lower k"

    def compute(self) -> dict[str, torch.Tensor]:
        precision, recall = precision_recall(*self.both(), k=self.k)
        return {"precision": precision, "recall": recall}

    def replicates(self, blocks: Sequence[int]) -> dict[str, np.ndarray]:
        generated, reference = self.both()
        precision, recall = precision_recall_block_replicates(generated, blocks, reference, k=self.k)
        return as_replicates(precision=precision, recall=recall)
