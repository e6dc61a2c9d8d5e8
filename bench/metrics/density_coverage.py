"""`density-coverage`: fidelity and diversity by counting in balls (Naeem et al. 2020, arXiv 2002.09797)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from bench.functional import density_coverage, density_coverage_block_replicates
from bench.metrics.sets import TwoSided, as_replicates
from bench.registry import register
from bench.types import OutputCard


@register(
    "metric",
    "density-coverage",
    summary="density (quality) and coverage (diversity) against the reference set",
    scope="set",
    direction="higher",
)
class DensityCoverage(TwoSided):
    """Density: how many reference balls hold a generated image, over k; above 1 where they crowd. Coverage: share of
    reference balls that hold a generated image. Less moved by outliers than precision and recall."""

    formula = "density = balls around references that hold x, / k; coverage = share of balls that hold any x"
    outputs = (
        OutputCard("density", "density", "higher", 0.0),
        OutputCard("coverage", "coverage", "higher", 0.0, 1.0),
    )
    responds_to = ("constant", "noise")
    paper = "Naeem et al. 2020, arXiv:2002.09797"

    def __init__(self, extractor: str = "inception-v3", k: int = 5) -> None:
        super().__init__(extractor, k)
        self.k = k
        self.minimum = k + 1
        self.remedy = "give more or lower k"

    def compute(self) -> dict[str, torch.Tensor]:
        density, coverage = density_coverage(*self.both(), k=self.k)
        return {"density": density, "coverage": coverage}

    def replicates(self, blocks: Sequence[int]) -> dict[str, np.ndarray]:
        generated, reference = self.both()
        density, coverage = density_coverage_block_replicates(generated, blocks, reference, k=self.k)
        return as_replicates(density=density, coverage=coverage)
