"""`cmmd`: maximum mean discrepancy of CLIP embeddings (Jayasumana et al. 2024, arXiv 2401.09603)."""

from __future__ import annotations

import numpy as np
import torch

from bench.functional import cmmd, cmmd_influence
from bench.metrics.sets import TwoSided, as_replicates
from bench.registry import register
from bench.types import OutputCard


@register(
    "metric",
    "cmmd",
    summary="kernel distance of normalised CLIP embeddings, Gaussian kernel of width 10, times 1000",
    scope="set",
    direction="lower",
)
class Cmmd(TwoSided):
    """The V-statistic of the paper: 0 for equal sets, of little bias from some thousand images on."""

    outputs = (OutputCard("value", "CMMD", "lower", 0.0),)
    responds_to = ("constant", "noise")
    paper = "Jayasumana et al. 2024, arXiv:2401.09603"

    def __init__(self, extractor: str = "open-clip(model=ViT-L-14-336,pretrained=openai)") -> None:
        super().__init__(extractor)

    def compute(self) -> torch.Tensor:
        return cmmd(*self.both())

    def influence(self) -> dict[str, np.ndarray]:
        return as_replicates(value=cmmd_influence(*self.both()))
