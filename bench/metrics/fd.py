"""`fd`: Fréchet distance of features (as FID: Heusel et al. 2017, arXiv 1706.08500, eq. 6)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from bench.functional import Factor, factor, frechet_block_replicates, frechet_distance_from_factors
from bench.functional.frechet import factor_from_moments
from bench.metrics.sets import TwoSided, statistics_of
from bench.registry import register
from bench.types import OutputCard


@register(
    "metric",
    "fd",
    summary="Fréchet distance to the reference set (FID with inception-v3)",
    scope="set",
    direction="lower",
)
class FrechetDistance(TwoSided):
    """Distance between Gaussians fitted to both sides' features; 0 for equal sets. Depends on n: compare equal n
    only."""

    outputs = (OutputCard("value", "FD", "lower", 0.0),)
    responds_to = ("wrong-count", "constant", "noise")
    paper = "Heusel et al. 2017, arXiv:1706.08500"
    moments_suffice = True

    def __init__(self, extractor: str = "inception-v3") -> None:
        super().__init__(extractor)
        self._reference: Factor | None = None

    def use_statistics(self, path: str) -> None:
        """Take the reference side from an .npz of moments."""
        self._reference = factor_from_moments(statistics_of(path))

    def reference(self) -> Factor:
        """The reference side's factor, made once."""
        if self._reference is None:
            self._reference = factor(self.rows("reference"))
        return self._reference

    def reset(self) -> None:
        self._reference = None
        super().reset()

    def compute(self) -> torch.Tensor:
        return frechet_distance_from_factors(factor(self.rows("generated")), self.reference())

    def replicates(self, blocks: Sequence[int]) -> dict[str, np.ndarray]:
        return self.each(frechet_block_replicates(self.rows("generated"), blocks, self.reference()))
