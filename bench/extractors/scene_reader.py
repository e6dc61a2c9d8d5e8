"""`scene-captioner` and `scene-answers`: what the scene detector sees, as a sentence and as answers to questions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bench.extractors.base import Extractor
from bench.extractors.scene_detector import RULES, found_in
from bench.registry import register
from bench.types import Answers, Sample
from bench.world.description import Described
from bench.world.detect import Found
from bench.world.phrases import NUMBERS, listed, noun
from bench.world.questions import Seen, answer


class _Reader(Extractor):
    batch_size = 64

    def identity(self) -> Mapping[str, Any]:
        return {"rules": RULES}


@register(
    "extractor", "scene-captioner", summary="captions of scenes: the objects that the scene detector sees, counted"
)
class SceneCaptioner(_Reader):
    """Text such as 'a red circle and two blue squares'; empty where the image is no scene or shows nothing."""

    image_outputs = ("text",)

    def extract_images(self, batch: Sequence[np.ndarray], queries: Sequence[Sample] | None = None) -> dict[str, Any]:
        """uint8 (h, w, 3) images, of any sizes."""
        return {"text": [_sentence(found) for found in found_in(batch)]}


def _sentence(found: Found) -> str:
    kinds = Counter(zip(found.colours, found.shapes, strict=True))
    said = [
        Described(shape, colour, count=min(left, len(NUMBERS)))
        for (colour, shape), n in kinds.items()
        for left in range(n, 0, -len(NUMBERS))
    ]
    return listed([noun(d) for d in said]) if said else ""


@register("extractor", "scene-answers", summary="answers of the scene detector to the questions about a scene")
class SceneAnswers(_Reader):
    """Answers 'yes', 'no' or a number to each question of the sample; '' to a question that it does not know."""

    image_outputs = ("answers",)
    query = "questions"

    def extract_images(self, batch: Sequence[np.ndarray], queries: Sequence[Sample] | None = None) -> dict[str, Any]:
        """uint8 (h, w, 3) images, of any sizes, with their samples."""
        assert queries is not None
        found = [_seen(f) for f in found_in(batch)]
        return {
            "answers": [
                Answers({q.id: answer(q.text, seen) for q in sample.questions} if sample is not None else {})
                for seen, sample in zip(found, queries, strict=True)
            ]
        }


def _seen(found: Found) -> list[Seen]:
    middle = (found.boxes[:, :2] + found.boxes[:, 2:]) / 2
    rows = zip(found.shapes, found.colours, found.sizes, middle.tolist(), strict=True)
    return [Seen(shape, colour, size, x, y) for shape, colour, size, (x, y) in rows]
