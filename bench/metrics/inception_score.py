"""`is`: Inception Score (Salimans et al. 2016, arXiv 1606.03498)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from bench.errors import UsageError
from bench.functional import checks, inception_score, inception_score_influence
from bench.metrics.base import Metric
from bench.metrics.sets import as_replicates
from bench.registry import register
from bench.types import OutputCard, View


@register("metric", "is", summary="Inception Score: confident and varied classes", scope="set", direction="higher")
class InceptionScore(Metric):
    """exp of the mean KL divergence of an image's classes from all images'; between 1 and the number of classes.

    The mean over `splits` parts of a seeded permutation, cut by row number as in torch-fidelity, so that the order of
    rows matters a little. temperature: logits are divided by it, which calibrates an overconfident network (IS*: Dinh
    et al. 2022, arXiv 2112.01398, sec. 4.1).
    """

    formula = "exp(E_x KL(p(c | x) | p(c))), p = softmax(logits / temperature)"
    scope = "set"
    outputs = (OutputCard("value", "IS", "higher", 1.0),)
    responds_to = ("constant",)
    paper = "Salimans et al. 2016, arXiv:1606.03498"

    def __init__(
        self, extractor: str = "inception-v3", splits: int = 10, seed: int = 2020, temperature: float = 1.0
    ) -> None:
        if not temperature > 0:
            raise UsageError(f"temperature must be above 0; got {temperature}.")
        super().__init__()
        self.extractor, self.splits, self.seed, self.temperature = str(extractor), splits, seed, float(temperature)
        if self.temperature != 1:
            self.outputs = (OutputCard("value", "IS*", "higher", 1.0),)  # type: ignore[misc]
        self.minimum = splits
        self.remedy = "give more or lower splits"
        self.state = self.add_rows("logits", extractor, splits, seed, temperature)

    def views(self) -> Mapping[str, View]:
        return {"generated": View("generated", "logits", self.extractor)}

    def update(self, *, generated: torch.Tensor, ids: Sequence[str] | None = None) -> None:
        """Logits (b, c)."""
        checks.features(generated, "logits", ids=ids)
        getattr(self, self.state).append(generated.detach())

    def _logits(self) -> torch.Tensor:
        found = self.joined(self.state)
        self.need(len(found))
        return found if self.temperature == 1 else found.double() / self.temperature

    def compute(self) -> torch.Tensor:
        return inception_score(self._logits(), splits=self.splits, seed=self.seed)[0]

    def influence(self) -> dict[str, np.ndarray]:
        return as_replicates(value=inception_score_influence(self._logits(), splits=self.splits, seed=self.seed))
