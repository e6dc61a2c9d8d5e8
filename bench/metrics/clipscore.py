"""`clipscore`: cosine of image and prompt (Hessel et al. 2021, arXiv 2104.08718, eq. 1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from bench.errors import UsageError, did_you_mean
from bench.functional import cosine
from bench.metrics.base import mean_output
from bench.metrics.rowwise import Rowwise
from bench.registry import register
from bench.types import OutputCard, View

MODES = {"raw": (100.0, True), "hessel": (2.5, True), "torchmetrics": (100.0, False)}
"""Weight, and whether each image's negative cosine counts as 0."""


@register(
    "metric", "clipscore", summary="cosine of image and prompt in a shared space", scope="sample", direction="higher"
)
class CLIPScore(Rowwise):
    """weight * max(cosine, 0), mean over images; a missing image counts 0.

    `mode`: raw (weight 100), hessel (the paper's 2.5), torchmetrics (100 and signed: negative cosines count as such;
    torchmetrics shows 0 where the mean is negative, this shows the mean).
    """

    formula = "w max(cos(image, prompt), 0), mean over images"
    responds_to = ("wrong-colour", "wrong-shape", "wrong-count", "wrong-side", "shuffled", "constant", "noise")
    paper = "Hessel et al. 2021, arXiv:2104.08718"

    def __init__(self, extractor: str = "open-clip(model=ViT-B-32,pretrained=openai)", mode: str = "raw") -> None:
        if mode not in MODES:
            raise UsageError(f"clipscore has no mode '{mode}'.{did_you_mean(mode, MODES)}")
        super().__init__(extractor, mode)
        self.extractor, self.mode = str(extractor), mode
        self.weight, self.each_cut = MODES[mode]
        low = 0.0 if self.each_cut else -self.weight
        self.outputs: tuple[OutputCard, ...] = (  # type: ignore[misc]
            mean_output("value", "CLIPScore" if mode == "raw" else f"CLIPScore ({mode})", low=low, high=self.weight),
        )

    def views(self) -> Mapping[str, View]:
        return {
            "image": View("generated", "features", self.extractor),
            "text": View("prompt", "features", self.extractor),
        }

    def missing(self) -> Mapping[str, float]:
        return {"score": 0.0}  # not the lower bound of the signed mode: what is absent agrees with nothing

    def update(self, *, image: torch.Tensor, text: torch.Tensor, ids: Sequence[str] | None = None) -> None:
        """Aligned embeddings (b, d), (b, d)."""
        value = self.weight * cosine(image, text, ids=ids)
        self.append(value.clamp_min(0) if self.each_cut else value)
