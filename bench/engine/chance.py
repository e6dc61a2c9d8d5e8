"""What a metric would say if texts and images did not belong together: the chance level from the same views, and the
check that they do.

A permutation gives each sample the texts and the truth of another sample of another meaning. Nothing is generated or
extracted again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from bench.engine import rows as rows_of
from bench.engine.plan import Plan
from bench.spec import text_digest
from bench.types import Sample, View

PERMUTATIONS = 2
EXCHANGED = frozenset({"prompt", "captions", "negatives", "sample", "own"})
"""Subjects that belong to the sample and not to the image."""
SHIFTS = (1, -1, 2, -2, 3, -3)


def permutable(views: Mapping[str, View]) -> bool:
    """Whether a metric compares images with texts or truth that can be exchanged among samples."""
    subjects = {v.subject for v in views.values()}
    return "generated" in subjects and bool(subjects & EXCHANGED)


def permutation(samples: Sequence[Sample], seed: int) -> dict[str, Sample]:
    """Sample id -> the sample whose texts it is given: a seeded rotation, so that none keeps its own meaning.

    Where one meaning holds more than half of the samples, some must keep it.
    """
    order = sorted(samples, key=lambda s: text_digest(f"{seed}:{s.id}"))
    by_meaning: dict[str, list[Sample]] = {}
    for sample in order:
        by_meaning.setdefault(sample.meaning, []).append(sample)
    grouped = [s for group in sorted(by_meaning.values(), key=len, reverse=True) for s in group]
    step = max(max(len(g) for g in by_meaning.values()), 1 + len(grouped) // 3)
    return {s.id: grouped[(i + step) % len(grouped)] for i, s in enumerate(grouped)}


class Matcher:
    """Collects image and prompt features of every text-image extractor that ran, for the own-prompts check."""

    def __init__(self, plan: Plan, keys: Mapping[str, str], texts: rows_of.Beside) -> None:
        self.plan, self.texts = plan, texts
        self.extractors = {
            text: keys[text]
            for text in texts.table
            if text in keys and "features" in plan.resolved.extractors[text].image_outputs
        }
        self.images: dict[str, list[Any]] = {text: [] for text in self.extractors}
        self.samples: list[Sample] = []

    def see(self, slab: rows_of.Slab) -> None:
        slab, _ = rows_of.evident(slab, [(key, "features") for key in self.extractors.values()])
        self.samples += slab.samples
        for text, key in self.extractors.items():
            self.images[text].append(slab.views[key]["features"])

    def notes(self) -> list[str]:
        found = []
        for text, parts in self.images.items():
            if parts and self.samples[0].prompt in self.texts.table[text]:
                prompts = torch.stack([self.texts.prompt(text, "features", s) for s in self.samples])
                found.append(mismatch_note(torch.cat(parts), prompts, self.samples, self.plan.resolved.every, text))
        return [note for note in found if note]


def mismatch_note(
    images: torch.Tensor, texts: torch.Tensor, samples: Sequence[Sample], every: Mapping[str, Sample], extractor: str
) -> str:
    """'' when own prompts beat other samples' prompts by cosine; else a sentence, with the shift by index that would
    fit.

    images (n, d) and texts (n, d) are aligned: texts[i] is the prompt of image i, whose sample is samples[i].
    """
    row_of = {s.id: i for i, s in enumerate(samples)}
    if len(row_of) < 4:
        return ""
    image, text = (torch.nn.functional.normalize(t.double(), dim=1) for t in (images, texts))
    own = (image * text).sum(1)
    margin = _advantage(own, image, text, samples, row_of)
    if margin > 2.0:
        return ""
    fitting = _shift(image, text, own, samples, every, row_of)
    hint = (
        f" The texts fit when shifted by {fitting:+d}: check that line and image numbers agree."
        if fitting
        else (" Either images and prompts are mixed up, or this extractor cannot tell them apart.")
    )
    return (
        f"By {extractor}, the images do not fit their own prompts better than other samples' prompts "
        f"(z = {margin:z.1f}).{hint}"
    )


def _advantage(
    own: torch.Tensor, image: torch.Tensor, text: torch.Tensor, samples: Sequence[Sample], row_of: Mapping[str, int]
) -> float:
    """z of the mean of own minus others' cosine over a permutation."""
    unique = [samples[i] for i in sorted(row_of.values())]
    swapped = permutation(unique, 0)
    rows = torch.tensor([row_of[swapped[s.id].id] for s in samples])
    return _z(own - (image * text[rows]).sum(1))


def _shift(
    image: torch.Tensor,
    text: torch.Tensor,
    own: torch.Tensor,
    samples: Sequence[Sample],
    every: Mapping[str, Sample],
    row_of: Mapping[str, int],
) -> int:
    order = list(every)
    place = {sample_id: i for i, sample_id in enumerate(order)}
    for shift in SHIFTS:
        pairs = [(i, row_of.get(order[(place[s.id] + shift) % len(order)])) for i, s in enumerate(samples)]
        known = [(i, j) for i, j in pairs if j is not None]
        if len(known) < max(4, len(samples) // 2):
            continue
        a, b = (torch.tensor(x) for x in zip(*known, strict=True))
        if _z((image[a] * text[b]).sum(1) - own[a]) > 4.0:
            return shift
    return 0


def _z(difference: torch.Tensor) -> float:
    spread = difference.std() / len(difference) ** 0.5
    return float(difference.mean() / spread) if spread > 0 else (0.0 if difference.mean() <= 0 else float("inf"))
