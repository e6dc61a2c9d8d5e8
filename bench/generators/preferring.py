"""How much a judge prefers an image for a prompt: a number for each image, made from what the judge's extractor gives.

features of images and texts   the cosine of the two (scene-clip, open-clip(...), scene-facts)
logits asked about the prompt  the logit (discriminator)
detections                     the share of the facts stated in the prompt, as the scenes' grammar reads it, that hold
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bench import registry
from bench.errors import UsageError
from bench.generators.base import Context
from bench.spec import parse
from bench.types import Detections, Sample
from bench.world.fidelity import facts, share, told_by


def rule_of(judge: str) -> str:
    """'cosine', 'logit' or 'facts'; UsageError for an extractor that compares nothing with a prompt."""
    spec = parse(judge)
    one = registry.create("extractor", spec.name, spec.params)
    if "features" in one.image_outputs and "features" in one.text_outputs:
        return "cosine"
    if "logits" in one.image_outputs and one.query == "prompt":
        return "logit"
    if "detections" in one.image_outputs:
        return "facts"
    raise UsageError(
        f"{spec.name} says nothing of how well an image fits its prompt, so that nothing can be chosen by it; give "
        "scene-clip, open-clip(...), scene-detector or discriminator(...)."
    )


def preferences(
    context: Context, judge: str, rule: str, images: Sequence[Any], samples: Sequence[Sample]
) -> np.ndarray:
    """uint8 images (h, w, 3) and what is known of their prompts -> float64 (n,), more is better."""
    assert context.view is not None
    if rule == "facts":
        seen = context.view("detections", judge, images, samples)
        return np.array([_holding(s.prompt, d) for s, d in zip(samples, seen, strict=True)], np.float64)
    if rule == "logit":
        return context.view("logits", judge, images, samples).double().numpy().reshape(len(images), -1)[:, 0]
    seen = context.view("features", judge, images, samples).double().numpy()
    read = context.view("features", judge, None, samples).double().numpy()
    lengths = np.linalg.norm(seen, axis=1) * np.linalg.norm(read, axis=1)
    return (seen * read).sum(1) / np.maximum(lengths, 1e-12)


def _holding(prompt: str, found: Detections) -> float:
    told = told_by(prompt)
    return 0.0 if told is None else share(facts(told, found))
