"""`perturbed`: another dataset with its captions perturbed, for robustness: the same samples, asked for in other words.

Samples belong to the group of the sample that they were made from, so that boards of several kinds and strengths pair.
The truth stays the base's, for it is what was meant; a contradicted caption means something else, so that its truth is
its own on scenes, whose grammar says what it is, and absent elsewhere.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any

import numpy as np

from bench import registry
from bench.datasets import perturbing
from bench.datasets.base import Dataset
from bench.errors import UsageError, did_you_mean
from bench.registry import register
from bench.spec import parse as parse_spec
from bench.types import Relation, Sample, Thing
from bench.world.description import Understanding, meaning
from bench.world.draws import Draw
from bench.world.grammar import paraphrases
from bench.world.mismatches import KINDS as EDITS
from bench.world.mismatches import mismatch
from bench.world.parsing import parse


@register(
    "dataset", "perturbed", summary="another dataset in other words: typos, drops, swaps, synonyms, contradictions"
)
class Perturbed(Dataset):
    """base: a dataset's text form. kind: synonyms, paraphrase, case, punctuation (which keep the meaning), typos,
    drops, swaps, order or contradiction. strength: 0 to 1, the share of words (paraphrase, contradiction: of captions)
    that is touched. Samples with nothing to touch are left out and counted."""

    def __init__(self, base: str, kind: str = "typos", strength: float = 0.3) -> None:
        if kind not in perturbing.KINDS:
            raise UsageError(f"perturbed knows no kind '{kind}'.{did_you_mean(kind, perturbing.KINDS)}")
        if not 0 <= strength <= 1:
            raise UsageError(f"strength={strength} of perturbed is no share; give a number from 0 to 1.")
        spec = parse_spec(str(base))
        self.base: Dataset = registry.create("dataset", spec.name, spec.params)
        self.name, self.kind, self.strength = spec.name, kind, float(strength)

    @property
    def panel(self) -> str:  # type: ignore[override]
        """The base's."""
        return self.base.panel

    @property
    def condition(self) -> str:  # type: ignore[override]
        """The base's."""
        return self.base.condition

    def problems(self) -> list[str]:
        return self.base.problems()

    def identity(self) -> Mapping[str, Any]:
        inner = dict(self.base.identity())
        label = f"{inner.pop('label', self.name)}-{self.kind}-{self.strength:g}"
        return {
            "label": label, "base": {"name": self.name, "version": self.base.version, **inner},
            "kind": self.kind, "strength": self.strength,
        }  # fmt: skip

    @cached_property
    def _samples(self) -> list[Sample]:
        return [made for made in map(self.reword, self.base) if made is not None]

    def __iter__(self) -> Iterator[Sample]:
        return iter(self._samples)

    @property
    def left_out(self) -> int:
        """How many of the base's samples have nothing that this kind could touch."""
        return sum(1 for _ in self.base) - len(self._samples)

    def notes(self) -> list[str]:
        """What a run records."""
        return [f"{self.left_out} samples have nothing to perturb by {self.kind}."] if self.left_out else []

    def reword(self, sample: Sample) -> Sample | None:
        """A sample of the base in other words; None where there is nothing to touch."""
        told = _told(sample.prompt) if self.name == "scenes" else None
        draw = Draw("perturbed", self.kind, sample.id)
        kept: dict[str, Any] = {"id": f"{sample.id}~{self.kind}-{self.strength:g}", "group": sample.id}
        if told is not None and self.kind == "contradiction":
            return _contradicted(sample, told, self.strength, draw, kept)
        if told is not None and self.kind == "paraphrase":
            texts = paraphrases(told)
            text = (
                draw.choice([t for t in texts if t != sample.prompt]) if draw.unit() < self.strength else sample.prompt
            )
            return dataclasses.replace(sample, prompt=text, **kept)
        if not perturbing.applies(self.kind, sample.prompt):
            return None
        text = perturbing.KINDS[self.kind](sample.prompt, self.strength, draw)
        if self.kind == "contradiction" and text != sample.prompt:
            return Sample(prompt=text, frames=sample.frames, tags=sample.tags, **kept)
        return dataclasses.replace(sample, prompt=text, **kept)

    def references(self) -> Iterable[str]:
        return self.base.references()

    def load_image(self, locator: str) -> np.ndarray:
        return self.base.load_image(locator)

    def own_identity(self) -> Any:
        return self.base.own_identity()

    def training(self) -> Iterable[Sample]:
        return self.base.training()


def _told(prompt: str) -> Understanding | None:
    try:
        return parse(prompt)
    except UsageError:
        return None


def _contradicted(
    sample: Sample, told: Understanding, strength: float, draw: Draw, kept: Mapping[str, Any]
) -> Sample | None:
    """The scene's caption with one edit that makes it false, and the truth of the new caption; None for a story."""
    if draw.unit() >= strength:
        return None if told.story else dataclasses.replace(sample, **kept)
    edits = [edited for kind in draw.shuffled(EDITS) if (edited := mismatch(told, kind, draw)) is not None]
    if not edits:
        return None
    new, place = edits[0], list[int]()
    things: list[Thing] = []
    for one in new.objects:
        place.append(len(things))
        stated = {"colour": one.colour, **({"size": one.size} if one.size else {})}
        things += [Thing(one.shape, stated)] * one.count
    text = paraphrases(new)[0]
    return Sample(
        prompt=text, size=sample.size, objects=tuple(things), meaning=meaning(new), tags=sample.tags,
        relations=tuple(Relation(place[i], word, place[j]) for i, word, j in new.relations), **kept,
    )  # fmt: skip
