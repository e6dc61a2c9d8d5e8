"""`t2i-compbench-3in1`: T2I-CompBench's score of complex prompts, from answers, boxes and embeddings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from bench.functional import cosine
from bench.functional.relations import IN_DEPTH
from bench.functional.rules import blip_vqa, compbench_spatial, three_in_one
from bench.metrics.answers import sure
from bench.metrics.base import mean_output
from bench.metrics.benchmarks import surest
from bench.metrics.detections import EMPTY, NOTHING
from bench.metrics.rowwise import Rowwise
from bench.registry import register
from bench.types import Answers, Detections, Sample, View

PARTS = {"spatial": (True, False), "action": (False, True), "both": (True, True)}
"""Tag `complex` -> whether position and CLIP enter beside the answers."""


@register(
    "metric", "t2i-compbench-3in1", summary="complex prompts: mean of answers, position and CLIP score (T2I-CompBench)",
    scope="sample", direction="higher",
)  # fmt: skip
class ThreeInOne(Rowwise):
    """Mean of blip-vqa with the 2D position (tag `complex` is spatial), with the cosine of image and prompt (action),
    or with both. Prompts of which a part is not known do not count.

    A cosine below 0 counts as 0, so that the score stays in 0 to 1.
    """

    formula = "mean of BLIP-VQA and, by the prompt's membership, 2D position and max(cos(image, prompt), 0)"
    outputs = (mean_output("value", "3-in-1 (CompBench)"),)
    needs = ("questions",)
    responds_to = ("wrong-shape", "shuffled", "constant", "noise")
    paper = "Huang et al. 2023, arXiv:2307.06350"

    def __init__(
        self,
        answers_extractor: str = "scene-answers",
        extractor: str = "scene-detector",
        clip_extractor: str = "open-clip(model=ViT-B-32,pretrained=openai)",
        on_top_of: bool = True,
    ) -> None:
        super().__init__(answers_extractor, extractor, clip_extractor, on_top_of)
        self.extractors = str(answers_extractor), str(extractor), str(clip_extractor)
        self.on_top_of = bool(on_top_of)

    def views(self) -> Mapping[str, View]:
        answers, detector, clip = self.extractors
        return {
            "answers": View("generated", "answers", answers, "questions"),
            "found": View("generated", "detections", detector),
            "image": View("generated", "features", clip),
            "text": View("prompt", "features", clip),
            "truth": View("sample", "truth"),
        }

    def update(
        self,
        *,
        answers: Sequence[Answers],
        found: Sequence[Detections],
        image: torch.Tensor,
        text: torch.Tensor,
        truth: Sequence[Sample],
        ids: Sequence[str] | None = None,
    ) -> None:
        """Aligned rows of length b."""
        if not truth:
            return
        clip = cosine(image, text, ids=ids).clamp_min(0).tolist()
        rows = [
            self._score(a, f if f.readable else EMPTY, c, s)
            for a, f, c, s in zip(answers, found, clip, truth, strict=True)
        ]
        self.append(torch.tensor(rows, dtype=torch.float64))

    def _score(self, answers: Answers, found: Detections, clip: float, sample: Sample) -> float:
        parts = PARTS.get(sample.tags.get("complex", ""))
        first = sample.relations[0] if sample.relations else None
        placed = first is not None and first.predicate not in IN_DEPTH
        if parts is None or not sample.questions or (parts[0] and not placed):
            return NOTHING
        vqa = blip_vqa(np.array([sure(answers, q) for q in sample.questions]))
        spatial = NOTHING
        if parts[0] and first is not None:
            one, other = (surest(found, sample.objects[i].label) for i in (first.subject, first.object))
            spatial = compbench_spatial(one, other, first.predicate, on_top_of=self.on_top_of)
        return three_in_one(vqa, spatial, clip if parts[1] else NOTHING)
