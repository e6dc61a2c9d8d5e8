"""`fd`: Fréchet distance of features (as FID: Heusel et al. 2017, arXiv 1706.08500, eq. 6)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from bench.functional import (
    Factor,
    factor,
    frechet_block_replicates,
    frechet_distance_from_factors,
    frechet_influence,
)
from bench.functional.frechet import factor_from_moments
from bench.metrics.sets import TwoSided, as_replicates, statistics_of
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

    formula = "|m_g - m_r|^2 + tr S_g + tr S_r - 2 tr (S_g S_r)^(1/2)"
    outputs = (OutputCard("value", "FD", "lower", 0.0),)
    responds_to = ("wrong-count", "constant", "noise")
    paper = "Heusel et al. 2017, arXiv:1706.08500"
    moments_suffice = True

    def __init__(self, extractor: str = "inception-v3") -> None:
        super().__init__(extractor)
        self._given: Factor | None = None
        self._made: tuple[list[torch.Tensor], Factor] | None = None

    def use_statistics(self, path: str) -> None:
        """Take the reference side from an .npz of moments; it stays through `reset`, as parameters do."""
        self._given = factor_from_moments(statistics_of(path))

    def reference(self) -> Factor:
        """The reference side's factor, made once for the same rows."""
        if self._given is not None:
            return self._given
        held = getattr(self, self.states["reference"])
        held = [held] if isinstance(held, torch.Tensor) else list(held)
        if self._made is None or not _same(self._made[0], held):
            self._made = held, factor(self.rows("reference"))
        return self._made[1]

    def compute(self) -> torch.Tensor:
        return frechet_distance_from_factors(factor(self.rows("generated")), self.reference())

    def remarks(self) -> list[str]:
        """The value is biased upwards, and has no interval, where the covariance has not full rank."""
        n, d = len(self.rows("generated")), self.reference().mean.numel()
        if n > d:
            return []
        return [
            f"{self.plugin_name}: {n} images for {d} features, so that the covariance has rank {n - 1} at most: the "
            f"distance is much too large by its bias, and no interval can be given; compare equal n only."
        ]

    def influence(self) -> dict[str, np.ndarray]:
        return as_replicates(value=frechet_influence(self.rows("generated"), self.reference()))

    def replicates(self, blocks: Sequence[int]) -> dict[str, np.ndarray]:
        return as_replicates(value=frechet_block_replicates(self.rows("generated"), blocks, self.reference()))


def _same(a: Sequence[torch.Tensor], b: Sequence[torch.Tensor]) -> bool:
    return len(a) == len(b) and all(x is y for x, y in zip(a, b, strict=True))
