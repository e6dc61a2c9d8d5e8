"""`vendi`: the effective number of different images (Friedman & Dieng 2022, arXiv 2210.02410)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from bench.functional import checks, vendi_influence, vendi_score
from bench.metrics.base import Metric
from bench.metrics.sets import as_replicates
from bench.registry import register
from bench.types import OutputCard, View


@register("metric", "vendi", summary="effective number of different images, no reference", scope="set",
          direction="higher")  # fmt: skip
class Vendi(Metric):
    """exp of the entropy of the eigenvalues of the cosine kernel; from 1 (all alike) to the number of images. Grows
    with n: compare equal n only. q: order of the entropy; intervals are given for 1."""

    formula = "exp(-sum l log l), l = eigenvalues of X X' / n, |x| = 1"
    scope = "set"
    outputs = (OutputCard("value", "Vendi", "higher", 1.0),)
    responds_to = ("constant",)
    paper = "Friedman and Dieng 2022, arXiv:2210.02410"

    def __init__(self, extractor: str = "inception-v3", q: float = 1) -> None:
        super().__init__()
        self.extractor, self.q = str(extractor), float(q)
        self.minimum = 2
        self.state = self.add_rows("features", extractor)

    def views(self) -> Mapping[str, View]:
        return {"generated": View("generated", "features", self.extractor)}

    def update(self, *, generated: torch.Tensor, ids: Sequence[str] | None = None) -> None:
        """Features (b, d)."""
        checks.features(generated, "features", ids=ids)
        getattr(self, self.state).append(generated.detach())

    def _features(self) -> torch.Tensor:
        found = self.joined(self.state)
        self.need(len(found))
        return found

    def compute(self) -> torch.Tensor:
        return vendi_score(self._features(), q=self.q)

    def influence(self) -> dict[str, np.ndarray]:
        return as_replicates(value=vendi_influence(self._features())) if self.q == 1 else {}
