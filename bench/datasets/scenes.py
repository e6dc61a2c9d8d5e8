"""`scenes`: the procedural world as a dataset: exact objects, relations and events for every prompt, images drawn on
demand.

The reference set of set metrics is another split (val for test), so that no system is compared with the very scenes
that it was asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any

import numpy as np

from bench.datasets.base import Dataset
from bench.errors import DataError, UsageError, did_you_mean
from bench.registry import register
from bench.spec import seed_for
from bench.types import Event, Question, Relation, Sample, Thing
from bench.world.description import meaning, understand
from bench.world.grammar import captions
from bench.world.palette import CANVAS
from bench.world.questions import questions
from bench.world.render import mask, render, render_frames
from bench.world.sampling import tags
from bench.world.scene import Scene
from bench.world.split import DEFAULT_SIZES, Entry, scene_at
from bench.world.split import split as rows_of

_PARAPHRASES = 5
_REFERENCE_SEED = -1
"""Run seed of the nuisances of reference renders: no run has it."""


@register("dataset", "scenes", summary="procedural 64x64 scenes with exact objects, relations, counts and stories")
class Scenes(Dataset):
    """split: train, val or test, with one- (one object each) or stories- before it; size: number of samples (none: the
    split's)."""

    def __init__(self, split: str = "test", size: int | None = None) -> None:
        if split not in DEFAULT_SIZES:
            raise UsageError(f"scenes has no split '{split}'.{did_you_mean(split, DEFAULT_SIZES)}")
        self.panel = "stories" if split.startswith("stories") else "scenes"
        self.split, self.size = split, DEFAULT_SIZES[split] if size is None else int(size)

    @property
    def condition(self) -> str:  # type: ignore[override]
        """One object each: what is drawn and how it looks; several: where they stand; stories: what happens when."""
        return {"one": "semantic", "stories": "temporal"}.get(self.split.rpartition("-")[0], "spatial")

    def identity(self) -> Mapping[str, Any]:
        return {"label": f"scenes-{self.split}", "split": self.split, "size": self.size}

    @cached_property
    def _samples(self) -> list[Sample]:
        return [_sample(entry, self.split) for entry in rows_of(self.split, self.size)]

    def __iter__(self) -> Iterator[Sample]:
        return iter(self._samples)

    def load_image(self, locator: str) -> np.ndarray:
        """'scene/<split>/<index>[/<frame>]', or 'mask/<split>/<index>/<object>' (0 and 255), -> uint8 (64, 64, 3)."""
        try:
            kind, split, index, *frame = locator.split("/")
            entry = scene_at(split, int(index))
        except ValueError:
            raise DataError(f"'{locator}' is no locator of a scene; it reads scene/<split>/<index>.") from None
        if kind == "mask":
            return np.repeat(mask(entry.scene, int(frame[0]))[..., None] * np.uint8(255), 3, axis=2)
        seed = seed_for(_REFERENCE_SEED, entry.id, 0)
        if frame:
            return render_frames(entry.scene, seed)[int(frame[0])]
        return render([entry.scene], [seed])[0]

    def references(self) -> Iterable[str]:
        """Renders of the validation split (of the training split, when this is the validation split), at most twice as
        many as samples."""
        family = self.split.rpartition("-")[0]
        other = "-".join(p for p in (family, "train" if self.split.endswith("val") else "val") if p)
        count = min(DEFAULT_SIZES[f"{family}-val" if family else "val"], 2 * self.size)
        frames = scene_at(self.split, 0).scene.frames
        if frames == 1:
            return [f"scene/{other}/{i:06d}" for i in range(count)]
        return [f"scene/{other}/{i:06d}/{f}" for i in range(count) for f in range(frames)]

    def training(self) -> Iterable[Sample]:
        family = self.split.rpartition("-")[0]
        train = f"{family}-train" if family else "train"
        return [_sample(entry, train) for entry in rows_of(train)]


def _sample(entry: Entry, split: str) -> Sample:
    scene = entry.scene
    texts = captions(scene, _PARAPHRASES)
    prompt = texts[entry.variant % len(texts)]
    return Sample(
        id=entry.id,
        prompt=prompt,
        captions=(prompt, *(t for t in texts if t != prompt)),
        reference=f"scene/{split}/{entry.id[-6:]}" if scene.frames == 1 else None,
        frames=scene.frames,
        size=(CANVAS, CANVAS),
        objects=tuple(_thing(entry, split, i) for i in range(len(scene.objects))),
        relations=tuple(Relation(i, word, j) for i, word, j in scene.relations),
        events=_events(scene),
        questions=tuple(
            Question(q.id, q.text, q.answer, parents=q.parents, kind=q.kind) for q in questions(understand(scene))
        ),
        meaning=meaning(scene),
        tags=tags(scene),
    )


def _thing(entry: Entry, split: str, index: int) -> Thing:
    """The object as the prompt knows it: its size only where the prompt states it; its box and mask always."""
    scene, thing = entry.scene, entry.scene.objects[index]
    stated = {"colour": thing.colour, **({"size": thing.size} if "size" in scene.stated else {})}
    return Thing(thing.shape, stated, thing.box, f"mask/{split}/{entry.id[-6:]}/{index}")


def _events(scene: Scene) -> tuple[Event, ...]:
    order = sorted(range(len(scene.spans)), key=lambda i: (scene.spans[i], i))
    return tuple(
        Event(f"{scene.objects[i].colour} {scene.objects[i].shape}", place, scene.spans[i])
        for place, i in enumerate(order)
    )
