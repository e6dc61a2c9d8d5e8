"""`caption-diversity`: how different the images of one prompt are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from bench.errors import UsageError
from bench.functional import checks, intra_group_diversity
from bench.functional.diversity import DISTANCES
from bench.metrics.base import Metric, mean_output
from bench.metrics.rowwise import estimates, mark
from bench.registry import register
from bench.types import Sample, View


@register(
    "metric", "caption-diversity", summary="mean distance between the images of one prompt", scope="group",
    direction="higher",
)  # fmt: skip
class CaptionDiversity(Metric):
    """Mean over prompts of the mean distance between pairs of their images; prompts with one image do not count.

    distance: cosine (1 - cosine of features) or squared, which is LPIPS with extractor=lpips. Says nothing of quality:
    noise is diverse.
    """

    formula = "mean over prompts of the mean distance of pairs of their images"
    scope = "group"
    responds_to = ("seeds-ignored", "constant")
    paper = "Zhu et al. 2017, arXiv:1711.11586"
    compares = False
    minimum = 2

    def __init__(self, extractor: str = "inception-v3", distance: str = "cosine") -> None:
        if distance not in DISTANCES:
            raise UsageError(f"caption-diversity has no distance '{distance}'; allowed: {', '.join(DISTANCES)}.")
        super().__init__()
        self.extractor, self.distance = str(extractor), distance
        high = 2.0 if distance == "cosine" else None
        self.outputs = (mean_output("value", "diversity within prompts", high=high),)  # type: ignore[misc]
        self.states = {name: self.add_rows(name, extractor, distance) for name in ("features", "prompts")}

    def views(self) -> Mapping[str, View]:
        return {"image": View("generated", "features", self.extractor), "truth": View("sample", "truth")}

    def missing(self) -> Mapping[str, float]:
        return {}  # a prompt with an image fewer has fewer pairs, which says nothing of their distance

    def update(self, *, image: torch.Tensor, truth: Sequence[Sample], ids: Sequence[str] | None = None) -> None:
        """Features (b, d) and samples."""
        checks.features(image, "image", ids=ids)
        getattr(self, self.states["features"]).append(image.detach())
        getattr(self, self.states["prompts"]).append(torch.tensor([mark(s.id) for s in truth], dtype=torch.int64))

    def table(self) -> dict[str, np.ndarray]:
        features, prompts = (self.joined(self.states[name]).cpu() for name in ("features", "prompts"))
        self.need(len(features))
        return {"score": intra_group_diversity(features, prompts.tolist(), distance=self.distance).numpy()}

    def compute(self) -> torch.Tensor | dict[str, torch.Tensor]:
        return estimates(self, self.table())
