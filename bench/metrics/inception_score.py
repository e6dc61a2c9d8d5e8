"""`is`: Inception Score (Salimans et al. 2016, arXiv 1606.03498)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from bench.functional import checks, inception_score, inception_score_block_replicates
from bench.metrics.base import Metric
from bench.registry import register
from bench.types import OutputCard, View


@register("metric", "is", summary="Inception Score: confident and varied classes", scope="set", direction="higher")
class InceptionScore(Metric):
    """exp of the mean KL divergence of an image's classes from all images'; between 1 and the number of classes."""

    scope = "set"
    outputs = (OutputCard("value", "IS", "higher", 1.0),)
    responds_to = ("constant",)
    paper = "Salimans et al. 2016, arXiv:1606.03498"

    def __init__(self, extractor: str = "inception-v3", splits: int = 10, seed: int = 2020) -> None:
        super().__init__()
        self.extractor, self.splits, self.seed = str(extractor), splits, seed
        self.minimum = splits
        self.add_state("is_logits", [], dist_reduce_fx="cat", persistent=True)

    def views(self) -> Mapping[str, View]:
        return {"generated": View("generated", "logits", self.extractor)}

    def update(self, *, generated: torch.Tensor, ids: Sequence[str] | None = None) -> None:
        """Logits (b, c)."""
        checks.features(generated, "logits", ids=ids)
        self.is_logits.append(generated.detach())

    def _logits(self) -> torch.Tensor:
        held = torch.cat(self.is_logits) if isinstance(self.is_logits, list) and self.is_logits else self.is_logits
        self.need(len(held))
        return held

    def compute(self) -> torch.Tensor:
        return inception_score(self._logits(), splits=self.splits, seed=self.seed)[0]

    def replicates(self, blocks: Sequence[int]) -> dict[str, np.ndarray]:
        found = inception_score_block_replicates(self._logits(), blocks, splits=self.splits, seed=self.seed)
        return {"value": found.cpu().numpy()}
