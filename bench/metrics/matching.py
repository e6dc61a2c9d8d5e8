"""`discriminator-score`, `vqascore`: the probability that a model gives to image and prompt belonging together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from bench.errors import UsageError
from bench.functional import checks
from bench.metrics.base import mean_output
from bench.metrics.rowwise import Rowwise
from bench.registry import register
from bench.types import View


class _Match(Rowwise):
    """Sigmoid of the first logit of an extractor that is asked about the image with its prompt."""

    responds_to = ("shuffled", "constant", "noise")

    def __init__(self, extractor: str) -> None:
        super().__init__(extractor)
        self.extractor = str(extractor)

    def views(self) -> Mapping[str, View]:
        return {"match": View("generated", "logits", self.extractor, "prompt")}

    def update(self, *, match: torch.Tensor, ids: Sequence[str] | None = None) -> None:
        """Logits (b, 1): log odds that the image is of its prompt."""
        checks.features(match, "match", ids=ids)
        if match.shape[1] != 1:
            raise UsageError(f"A match is one logit an image; {self.extractor} gives {match.shape[1]}.")
        self.append(match[:, 0].double().sigmoid())


@register(
    "metric", "discriminator-score", summary="a conditional discriminator's probability of image and prompt matching",
    scope="sample", direction="higher",
)  # fmt: skip
class DiscriminatorScore(_Match):
    """sigmoid(D(image, prompt)), mean over images; says nothing of a generator that was trained against the same D.

    extractor: a discriminator that a trained generator publishes.
    """

    formula = "sigmoid(D(image, prompt))"
    outputs = (mean_output("value", "discriminator"),)
    paper = "Reed et al. 2016, arXiv:1605.05396"


@register(
    "metric", "vqascore", summary="probability of 'yes' to whether the image shows the prompt", scope="sample",
    direction="higher",
)  # fmt: skip
class VqaScore(_Match):
    """P(yes) to 'Does this figure show "..."? Please answer yes or no.', mean over images.

    extractor: a model of questions and answers whose logit is the log odds of yes.
    """

    formula = "P(yes | image, 'does this figure show the prompt?')"
    outputs = (mean_output("value", "VQAScore"),)
    paper = "Lin et al. 2024, arXiv:2404.01291"
