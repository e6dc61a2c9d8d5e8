"""`kd`: kernel distance of features (as KID: Binkowski et al. 2018, arXiv 1801.01401, eq. 4)."""

from __future__ import annotations

import numpy as np
import torch

from bench.functional import kernel_distance, kernel_distance_full, kernel_influence
from bench.metrics.sets import TwoSided, as_replicates
from bench.registry import register
from bench.types import OutputCard


@register(
    "metric",
    "kd",
    summary="kernel distance to the reference set (KID with inception-v3)",
    scope="set",
    direction="lower",
)
class KernelDistance(TwoSided):
    """Unbiased MMD^2 with a cubic kernel, mean over random subsets; may be slightly negative for equal distributions.

    subsets=0 takes all pairs instead, which is what the subsets estimate: no draw, and the least variance. Subsets are
    drawn by row number, as in torch-fidelity, so that the order of rows matters a little. The interval comes from the
    influences on the all-pairs estimate, which the subsets estimate with added noise.
    """

    formula = "MMD^2, unbiased, k(x, y) = (x.y / d + 1)^3; mean over subsets"
    outputs = (OutputCard("value", "KD", "lower", None),)
    responds_to = ("wrong-count", "constant", "noise")
    paper = "Binkowski et al. 2018, arXiv:1801.01401"

    def __init__(
        self, extractor: str = "inception-v3", subsets: int = 100, subset_size: int = 1000, seed: int = 2020
    ) -> None:
        super().__init__(extractor, subsets, subset_size, seed)
        self.subsets, self.subset_size, self.seed = subsets, subset_size, seed
        self.minimum = subset_size if subsets else 2
        self.remedy = "give more, or smaller subsets, e.g. subset_size=100"

    def compute(self) -> torch.Tensor:
        generated, reference = self.both()
        if not self.subsets:
            return kernel_distance_full(generated, reference)
        mean, _ = kernel_distance(
            generated, reference, subsets=self.subsets, subset_size=self.subset_size, seed=self.seed
        )
        return mean

    def influence(self) -> dict[str, np.ndarray]:
        return as_replicates(value=kernel_influence(*self.both()))
