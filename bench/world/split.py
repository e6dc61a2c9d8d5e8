"""The splits as stable lists with random access: `test-000017` is the same scene and caption for ever.

A split's size only says where it is cut: a larger one begins with the smaller one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from bench.errors import UsageError, did_you_mean
from bench.world.draws import Draw
from bench.world.sampling import STORY_KINDS, sample_scene
from bench.world.scene import Scene

DEFAULT_SIZES: dict[str, int] = {
    "train": 20_000, "val": 2_000, "test": 5_000,
    "one-train": 5_000, "one-val": 1_000, "one-test": 1_000,
    "stories-train": 5_000, "stories-val": 500, "stories-test": 500,
}  # fmt: skip
VARIANTS = 1 << 16
"""Captions take a variant below this number; `caption` counts through the paraphrases that a scene has."""


class Entry(NamedTuple):
    """One row of a split."""

    id: str
    scene: Scene
    variant: int
    """Which paraphrase is the prompt: `caption(scene, variant)`."""


def scene_at(split: str, index: int) -> Entry:
    """Row `index` (from 0, no upper end) of a split. Raises UsageError for an unknown split or a negative index."""
    _check(split)
    if index < 0:
        raise UsageError(f"The index {index} of split '{split}' is negative; rows count from 0.")
    draw = Draw("row", split, index)
    family, _, part = split.rpartition("-")
    kind = draw.weighted(STORY_KINDS) if family == "stories" else family or None
    return Entry(f"{split}-{index:06d}", sample_scene(index, split=part, kind=kind), draw.below(VARIANTS))


def split(name: str, size: int | None = None) -> Iterator[Entry]:
    """The rows of a split in order; size: how many (None: DEFAULT_SIZES). Raises UsageError for an unknown one."""
    _check(name)
    return (scene_at(name, index) for index in range(DEFAULT_SIZES[name] if size is None else size))


def _check(name: str) -> None:
    if name not in DEFAULT_SIZES:
        raise UsageError(f"'{name}' is no split of the scenes.{did_you_mean(name, DEFAULT_SIZES)}")
