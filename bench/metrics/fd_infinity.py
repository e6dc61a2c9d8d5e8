"""`fd-infinity`: the Fréchet distance without its bias in n (Chong & Forsyth 2020, arXiv 1911.07023)."""

from __future__ import annotations

import numpy as np
import torch

from bench.functional import frechet_distance_infinity, frechet_infinity_influence
from bench.metrics.fd import FrechetDistance
from bench.metrics.sets import as_replicates
from bench.registry import register
from bench.types import OutputCard


@register(
    "metric",
    "fd-infinity",
    summary="Fréchet distance extrapolated to infinitely many images",
    scope="set",
    direction="lower",
)
class FrechetDistanceInfinity(FrechetDistance):
    """Value at 1/n = 0 of a line through the distances of `points` growing subsets. Runs of unlike n may be compared
    with care: the bias is taken off, the noise is that of n and larger than the plain distance's."""

    formula = "intercept a of FD(n) = a + b / n over 15 sizes"
    outputs = (OutputCard("value", "FD∞", "lower", None),)
    paper = "Chong and Forsyth 2020, arXiv:1911.07023"

    def __init__(self, extractor: str = "inception-v3", points: int = 15, seed: int = 2020) -> None:
        super().__init__(extractor)
        self.points, self.seed = points, seed
        self.minimum = 20
        self.remedy = "give more"

    def compute(self) -> torch.Tensor:
        return frechet_distance_infinity(self.rows("generated"), self.reference(), points=self.points, seed=self.seed)

    def influence(self) -> dict[str, np.ndarray]:
        found = frechet_infinity_influence(self.rows("generated"), self.reference(), points=self.points, seed=self.seed)
        return as_replicates(value=found)
