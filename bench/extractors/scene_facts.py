"""`scene-facts`: an analytic two-tower model of the scenes: images and captions as bags of facts in one space.

A fact is 'a red circle', 'a red circle at the top left' or 'a red circle left of a blue square'. An image's facts are
those of what the analytic detector finds, a caption's are those that it states. Each fact is a fixed random sign
vector, so that the cosine is the share of facts in common (up to 1/sqrt(dim) of chance). Nothing is trained; it judges
scenes only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import torch

from bench.errors import UsageError
from bench.extractors.base import Extractor
from bench.extractors.scene_detector import RULES, found_in
from bench.registry import register
from bench.types import Sample
from bench.world.description import Understanding
from bench.world.detect import Found
from bench.world.palette import CELLS, OPPOSITE
from bench.world.parsing import parse

DIM = 1024
WEIGHTS = {"object": 1.0, "size": 0.5, "cell": 0.5, "relation": 0.5}
"""How much a kind of fact counts; an object is the most, since all others repeat it."""

Fact = tuple[str, str]


@register("extractor", "scene-facts", summary="analytic two-tower of the scenes: facts seen and facts said")
class SceneFacts(Extractor):
    image_outputs = ("features",)
    text_outputs = ("features",)
    batch_size = 64
    caveat = "analytic judge of scenes"

    def identity(self) -> Mapping[str, Any]:
        return {"rules": RULES, "dim": DIM, "weights": WEIGHTS}

    def extract_images(self, batch: Sequence[np.ndarray], queries: Sequence[Sample] | None = None) -> dict[str, Any]:
        """uint8 (h, w, 3) images, of any sizes."""
        looks = zip(found_in(batch), batch, strict=True)
        return {"features": torch.stack([_vector(_seen(found, *image.shape[:2])) for found, image in looks])}

    def extract_texts(self, texts: Sequence[str]) -> dict[str, Any]:
        """Captions of the scenes' grammar; others say nothing that this judge knows."""
        return {"features": torch.stack([_vector(_said(text)) for text in texts])}


def _vector(facts: Iterable[Fact]) -> torch.Tensor:
    """Sum of the facts' vectors; a constant direction of its own stands for having none, which no text has."""
    total = 0.05 * _signs("nothing")
    for kind, fact in facts:
        total = total + WEIGHTS[kind] * _signs(fact)
    return torch.from_numpy(total.astype(np.float32))


@cache
def _signs(fact: str) -> np.ndarray:
    seed = int.from_bytes(hashlib.sha256(fact.encode()).digest()[:8], "big")
    return np.random.Generator(np.random.PCG64(seed)).choice([-1.0, 1.0], DIM) / DIM**0.5


def _seen(found: Found, height: int, width: int) -> list[Fact]:
    things = [f"{colour} {shape}" for colour, shape in zip(found.colours, found.shapes, strict=True)]
    facts: list[Fact] = [("object", thing) for thing in things]
    facts += [("size", f"{size} {thing}") for size, thing in zip(found.sizes, things, strict=True)]
    centres = [((b[0] + b[2]) / 2 / width, (b[1] + b[3]) / 2 / height) for b in found.boxes]
    facts += [("cell", f"{thing} at {_cell(*centre)}") for thing, centre in zip(things, centres, strict=True)]
    for a, (x, y) in zip(things, centres, strict=True):
        for b, (u, v) in zip(things, centres, strict=True):
            facts += [("relation", f"{a} left of {b}")] if x < u else []
            facts += [("relation", f"{a} above {b}")] if y < v else []
    return facts


def _cell(x: float, y: float) -> str:
    return CELLS[3 * min(2, int(y * 3)) + min(2, int(x * 3))]


def _said(text: str) -> list[Fact]:
    try:
        told = parse(text)
    except UsageError:
        return [("object", f"unparsed: {text}")]
    return _facts(told)


def _facts(told: Understanding) -> list[Fact]:
    facts: list[Fact] = []
    for d in told.objects:
        thing = f"{d.colour} {d.shape}"
        facts += [("object", thing)] * d.count
        facts += [("size", f"{d.size} {thing}")] * (d.count if d.size else 0)
        facts += [("cell", f"{thing} at {d.cell}")] * (d.count if d.cell else 0)
    for i, word, j in told.relations:
        if word in ("right of", "below"):
            i, word, j = j, OPPOSITE[word], i
        a, b = (f"{told.objects[k].colour} {told.objects[k].shape}" for k in (i, j))
        facts.append(("relation", f"{a} {word} {b}"))
    return facts
