"""Training batches of scenes: fresh rows of the train split, each with a twin that differs in one thing.

A batch is a function of the row that it begins with, so that resuming needs no state, and two models whose rows do not
overlap share no data. Rows begin far beyond the 20,000 that a generator is trained on. Nothing held out is ever shown
or said: an edit that would make a held-out pair or relation is not made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.world.defects import applies, plant
from bench.world.description import Understanding, meaning, understand
from bench.world.draws import Draw
from bench.world.grammar import paraphrases
from bench.world.mismatches import held_out, mismatch
from bench.world.palette import CANVAS, COLOURS, SHAPES
from bench.world.render import render
from bench.world.sampling import sample_scene
from bench.world.scene import Scene
from bench.world.split import Entry, scene_at

GRID = 8
"""Cells along a side in which the truth of a scene is told to the convolutions."""
_TWINS = {"wrong-colour": 2, "wrong-shape": 2, "wrong-count": 3, "wrong-side": 4}
_EDITS = {"colour": 2, "shape": 2, "count": 3, "relation": 5, "size": 2, "cell": 3, "binding": 3}
_COLOUR_AT = {name: i for i, name in enumerate(COLOURS)}
_SHAPE_AT = {name: i for i, name in enumerate(SHAPES)}
MOST_NOISE = 12.0
"""Largest standard deviation, in grey levels, of the noise on half of the training images."""


@dataclass(frozen=True)
class PairBatch:
    """b images, their captions, and b captions that are false by one edit."""

    images: np.ndarray
    """uint8 (b, 64, 64, 3)."""
    texts: tuple[str, ...]
    """2b: own captions, then mismatches."""
    meanings: tuple[str, ...]
    """2b: what each text says."""
    shapes: np.ndarray
    """int64 (b, 8, 8): 0 for nothing, else 1 + shape of the object whose centre lies there."""
    colours: np.ndarray
    """int64 (b, 8, 8): colour, -1 for none."""
    places: np.ndarray
    """float32 (b, 14, 4): x, y and their squares, each of mean 0 and variance 1, of the only object of each colour,
    then of each shape; NaN where there is none or several."""


def pair_batch(first: int, rows: int) -> PairBatch:
    """Train rows first..first + rows - 1 and their twins: b = 2 * rows."""
    entries = [scene_at("train", first + i) for i in range(rows)]
    scenes = [e.scene for e in entries]
    twins = [_twin(e, first + i) for i, e in enumerate(entries)]
    variants = [e.variant for e in entries] * 2
    said = [understand(scene) for scene in (*scenes, *twins)]
    wrong = [_wrong(told, Draw("mismatch", first, i)) for i, told in enumerate(said)]
    shapes, colours = grids([*scenes, *twins])
    return PairBatch(
        images=disturbed(render([*scenes, *twins], [2 * first + i for i in range(2 * rows)]), first),
        texts=tuple(_said(told, v) for told, v in zip((*said, *wrong), variants * 2, strict=True)),
        meanings=tuple(meaning(told) for told in (*said, *wrong)),
        shapes=shapes,
        colours=colours,
        places=places([*scenes, *twins]),
    )


def _said(told: Understanding, variant: int) -> str:
    texts = paraphrases(told)
    return texts[variant % len(texts)]


def _twin(entry: Entry, row: int) -> Scene:
    """The scene with one defect; another scene where every defect would make something held out."""
    draw = Draw("twin", row)
    weights = {kind: w for kind, w in _TWINS.items() if applies(entry.scene, kind)}
    for attempt in range(4):
        twin = plant(entry.scene, draw.weighted(weights), 1.0, draw.below(1 << 32) + attempt)
        if twin.objects and not held_out(understand(twin)):
            return twin
    return sample_scene(row, split="train", kind="several")


def _wrong(told: Understanding, draw: Draw) -> Understanding:
    """One mismatch of what is told, that training may tell."""
    while True:  # ends: some colour of some thing can always be changed
        edited = mismatch(told, draw.weighted(_EDITS), draw)
        if edited is not None and not held_out(edited):
            return edited


def grids(scenes: Sequence[Scene]) -> tuple[np.ndarray, np.ndarray]:
    """Shapes and colours of the objects at the cells in which their centres lie; see PairBatch."""
    shapes = np.zeros((len(scenes), GRID, GRID), np.int64)
    colours = np.full((len(scenes), GRID, GRID), -1, np.int64)
    for n, scene in enumerate(scenes):
        for thing in scene.objects:
            at = n, int(thing.y * GRID // CANVAS), int(thing.x * GRID // CANVAS)
            shapes[at], colours[at] = 1 + _SHAPE_AT[thing.shape], _COLOUR_AT[thing.colour]
    return shapes, colours


def places(scenes: Sequence[Scene]) -> np.ndarray:
    """Where the only object of a colour or shape is; see PairBatch."""
    found = np.full((len(scenes), len(COLOURS) + len(SHAPES), 4), np.nan, np.float32)
    for n, scene in enumerate(scenes):
        names = [(_COLOUR_AT[t.colour], len(COLOURS) + _SHAPE_AT[t.shape]) for t in scene.objects]
        count = np.bincount(np.array(names, np.int64).ravel(), minlength=found.shape[1])
        for thing, some in zip(scene.objects, names, strict=True):
            x, y = 2 * thing.x / CANVAS - 1, 2 * thing.y / CANVAS - 1
            found[n, [i for i in some if count[i] == 1]] = x, y, x * x, y * y
    middle, spread = np.array([0, 0, 0.2, 0.2], np.float32), np.array([0.45, 0.45, 0.17, 0.17], np.float32)
    return (found - middle) / spread


def disturbed(images: np.ndarray, seed: int) -> np.ndarray:
    """Every second image with noise of up to MOST_NOISE, every fourth blurred by a 3 x 3 mean: judges see generated
    images, which are not clean."""
    rng = np.random.default_rng(seed)
    values = images.astype(np.float32)
    values[::4] = _mean3(_mean3(values[::4], 1), 2)
    noise = rng.standard_normal(values[1::2].shape, np.float32)
    values[1::2] += noise * rng.uniform(0, MOST_NOISE, (len(noise), 1, 1, 1)).astype(np.float32)
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def _mean3(values: np.ndarray, axis: int) -> np.ndarray:
    padded = np.concatenate([values.take([0], axis), values, values.take([-1], axis)], axis)
    n = values.shape[axis]
    return (padded.take(range(n), axis) + values + padded.take(range(2, n + 2), axis)) / np.float32(3)


@dataclass(frozen=True)
class ClassBatch:
    """n images of one object and its class, in the order of scene_nets.CLASSES."""

    images: np.ndarray
    classes: np.ndarray


def class_batch(first: int, rows: int) -> ClassBatch:
    """One-object scenes first..first + rows - 1 of the train split. Held-out pairs are not among them."""
    scenes = [sample_scene(first + i, split="train", kind="one") for i in range(rows)]
    images = disturbed(render(scenes, [first + i for i in range(rows)]), first)
    return ClassBatch(images, np.array([class_of(scene) for scene in scenes]))


def class_of(scene: Scene) -> int:
    """The class of a one-object scene: colour * 6 + shape."""
    (thing,) = scene.objects
    return _COLOUR_AT[thing.colour] * len(SHAPES) + _SHAPE_AT[thing.shape]
