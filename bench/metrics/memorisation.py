"""`mifid`, `authenticity`: are the images copies of the reference set, which must be the training set here?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from bench.functional import authentic, checks, memorisation_informed_fd
from bench.functional.memorisation import THRESHOLD
from bench.metrics.sets import TwoSided, as_replicates
from bench.registry import register
from bench.types import OutputCard


@register(
    "metric", "mifid", summary="Fréchet distance divided by how near the images are to the training set's",
    scope="set", direction="lower",
)  # fmt: skip
class MemorisationInformedFD(TwoSided):
    """FD / m, m being the mean cosine distance to the nearest training image where that is below `threshold`, else 1.

    The reference set must be the training set. Above the threshold it is the Fréchet distance.
    """

    formula = "FD / mean_g min_t (1 - |cos(g, t)|) where that mean is below the threshold, else FD"
    outputs = (OutputCard("value", "MiFID", "lower", 0.0),)
    responds_to = ("constant", "noise")
    copies_are_best = False
    paper = "Bai et al. 2021, arXiv:2106.03062"

    def __init__(self, extractor: str = "inception-v3", threshold: float = THRESHOLD) -> None:
        super().__init__(extractor, threshold)
        self.threshold = float(threshold)

    def compute(self) -> torch.Tensor:
        return memorisation_informed_fd(*self.both(), threshold=self.threshold)

    def replicates(self, blocks: Sequence[int]) -> dict[str, np.ndarray]:
        generated, reference = self.both()
        which, count = checks.blocks(blocks, generated, least=2)
        values = [
            memorisation_informed_fd(generated[which != b], reference, threshold=self.threshold) for b in range(count)
        ]
        return as_replicates(value=torch.stack(values))


@register(
    "metric", "authenticity", summary="share of images that are no near copies of training images", scope="set",
    direction="higher",
)  # fmt: skip
class Authenticity(TwoSided):
    """Share of images that are farther from their nearest training image than that one is from its own nearest.

    The reference set must be the training set. Noise is authentic, too: read it beside a measure of quality.
    """

    formula = "share of g with |g - t*| > |t* - NN(t*)|, t* = nearest training image of g"
    outputs = (OutputCard("value", "AuthPct", "higher", 0.0, 1.0),)
    responds_to = ()
    copies_are_best = False
    paper = "Alaa et al. 2022, arXiv:2102.08921"

    def __init__(self, extractor: str = "inception-v3") -> None:
        super().__init__(extractor)

    def compute(self) -> torch.Tensor:
        return authentic(*self.both()).double().mean()

    def influence(self) -> dict[str, np.ndarray]:
        flags = authentic(*self.both()).double()
        return as_replicates(value=flags - flags.mean())
