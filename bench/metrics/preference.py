"""`hpsv2`, `pickscore`, `image-reward`, `aesthetic-score`: what people would prefer, by models of their choices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from bench.functional import checks, cosine
from bench.metrics.base import mean_output
from bench.metrics.rowwise import Rowwise
from bench.registry import register
from bench.types import View

WEIGHT = 100.0
"""Both are shown as 100 times the cosine, which is the logit that they were trained with."""


class _Preference(Rowwise):
    """100 * cosine of image and prompt under a fine-tuned CLIP, signed; values of two versions are not comparable."""

    responds_to = ("shuffled", "constant", "noise")

    def __init__(self, extractor: str) -> None:
        super().__init__(extractor)
        self.extractor = str(extractor)

    def views(self) -> Mapping[str, View]:
        return {
            "image": View("generated", "features", self.extractor),
            "text": View("prompt", "features", self.extractor),
        }

    def update(self, *, image: torch.Tensor, text: torch.Tensor, ids: Sequence[str] | None = None) -> None:
        """Aligned embeddings (b, d), (b, d)."""
        self.append(WEIGHT * cosine(image, text, ids=ids))


@register(
    "metric", "hpsv2", summary="human preference score, a CLIP fine-tuned on ranked images", scope="sample",
    direction="higher",
)  # fmt: skip
class HpsV2(_Preference):
    """HPSv2: 100 * cosine under its ViT-H-14. Give the file of v2.0 or v2.1, whose scores are not comparable:
    hpsv2(extractor=open-clip(model=ViT-H-14,pretrained=PATH))."""

    formula = "100 cos(image, prompt)"
    outputs = (mean_output("value", "HPSv2", low=-WEIGHT, high=WEIGHT),)
    paper = "Wu et al. 2023, arXiv:2306.09341"

    def __init__(self, extractor: str = "open-clip(model=ViT-H-14,pretrained=HPS_v2.1_compressed.pt)") -> None:
        super().__init__(extractor)


@register(
    "metric", "pickscore", summary="preference by a CLIP fine-tuned on choices between two images", scope="sample",
    direction="higher",
)  # fmt: skip
class PickScore(_Preference):
    """PickScore: 100 * cosine under its ViT-H-14; differences of two images are log odds of being preferred. Give its
    file: pickscore(extractor=open-clip(model=ViT-H-14,pretrained=PATH))."""

    formula = "100 cos(image, prompt)"
    outputs = (mean_output("value", "PickScore", low=-WEIGHT, high=WEIGHT),)
    paper = "Kirstain et al. 2023, arXiv:2305.01569"

    def __init__(self, extractor: str = "open-clip(model=ViT-H-14,pretrained=PickScore_v1.safetensors)") -> None:
        super().__init__(extractor)


@register(
    "metric", "aesthetic-score", summary="LAION's aesthetic rating, whatever the prompt", scope="sample",
    direction="higher",
)  # fmt: skip
class AestheticScore(Rowwise):
    """Mean rating of the images, about 1 to 10; knows nothing of the prompt."""

    formula = "linear layers on the unit CLIP embedding, mean over images"
    compares = False
    outputs = (mean_output("value", "aesthetic", low=None, high=None),)
    responds_to = ("constant", "noise")
    paper = "Schuhmann et al. 2022, arXiv:2210.08402"

    def __init__(self, extractor: str = "aesthetic") -> None:
        super().__init__(extractor)
        self.extractor = str(extractor)

    def views(self) -> Mapping[str, View]:
        return {"rating": View("generated", "logits", self.extractor)}

    def update(self, *, rating: torch.Tensor, ids: Sequence[str] | None = None) -> None:
        """Ratings (b, 1)."""
        checks.features(rating, "rating", ids=ids)
        self.append(rating[:, 0])


@register(
    "metric", "image-reward", summary="reward by a model of people's rankings of images for a prompt", scope="sample",
    direction="higher",
)  # fmt: skip
class ImageReward(Rowwise):
    """Mean standardised reward: 0 is the average image of the training data, 1 a standard deviation better. Give the
    files: image-reward(extractor=image-reward(weights=PATH,vocabulary=PATH))."""

    formula = "(MLP(BLIP(image, prompt)) - 0.1672) / 1.0333"
    outputs = (mean_output("value", "ImageReward", low=None, high=None),)
    responds_to = ("shuffled", "constant", "noise")
    paper = "Xu et al. 2023, arXiv:2304.05977"

    def __init__(self, extractor: str = "image-reward") -> None:
        super().__init__(extractor)
        self.extractor = str(extractor)

    def views(self) -> Mapping[str, View]:
        return {"reward": View("generated", "logits", self.extractor, "prompt")}

    def update(self, *, reward: torch.Tensor, ids: Sequence[str] | None = None) -> None:
        """Rewards (b, 1)."""
        checks.features(reward, "reward", ids=ids)
        self.append(reward[:, 0])
