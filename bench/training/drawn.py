"""Held-out figures of a generator of scenes: what the analytic detector sees in images of prompts that training never
shows. Coarse and quick, for progress and cards; boards are scored by the engine."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import numpy as np

from bench.world.detect import Found, detect
from bench.world.grammar import caption
from bench.world.palette import DIRECTION
from bench.world.scene import Scene
from bench.world.split import Entry, scene_at

Draw = Callable[[Sequence[str], Sequence[int]], np.ndarray]
"""(captions, seeds) -> uint8 (n, h, w, 3)."""


def figures(draw: Draw, images: int, split: str = "val") -> dict[str, float]:
    """Shares over one-object prompts (colour, shape) and over prompts with a relation (binding, relation), half of
    the images each; `unreadable`: of all images.

    colour, shape: there is exactly one object and it has that colour, that shape. binding: all objects of the prompt
    are there, each shape in its own colour. relation: binding, and the two stand as the prompt says.
    """
    ones, several = prompts(split, images)
    entries = [*ones, *several]
    found = detect(draw([caption(e.scene, e.variant) for e in entries], list(range(len(entries)))))
    single = list(zip(found[: len(ones)], ones, strict=True))
    many = list(zip(found[len(ones) :], several, strict=True))
    return {
        "colour": _mean([f.colours == (e.scene.objects[0].colour,) for f, e in single]),
        "shape": _mean([f.shapes == (e.scene.objects[0].shape,) for f, e in single]),
        "binding": _mean([_bound(f, e.scene) for f, e in many]),
        "relation": _mean([_bound(f, e.scene) and _related(f, e.scene) for f, e in many]),
        "unreadable": _mean([not f.readable for f in found]),
    }


@functools.cache
def prompts(split: str, images: int) -> tuple[list[Entry], list[Entry]]:
    """One-object rows of a split and rows of two related objects, half of the images each."""
    ones = [scene_at(f"one-{split}", i) for i in range(images // 2)]
    several: list[Entry] = []
    row = 0
    while len(several) < images - len(ones):
        entry = scene_at(split, row)
        several += [entry] if entry.scene.relations and len(entry.scene.objects) == 2 else []
        row += 1
    return ones, several


def _mean(values: Sequence[bool]) -> float:
    return float(np.mean(values)) if len(values) else 0.0


def _names(found: Found) -> list[tuple[str, str]]:
    return list(zip(found.colours, found.shapes, strict=True))


def _bound(found: Found, scene: Scene) -> bool:
    """Whether every object of the scene is there in its colour and shape."""
    return {(o.colour, o.shape) for o in scene.objects} <= set(_names(found))


def _related(found: Found, scene: Scene) -> bool:
    """Whether some pair of the right objects stands in the stated relation."""
    i, word, j = scene.relations[0]
    centres = [((x0 + x1) / 2, (y0 + y1) / 2) for x0, y0, x1, y1 in found.boxes]
    first, second = ([c for n, c in zip(_names(found), centres, strict=True) if n == (o.colour, o.shape)]
                     for o in (scene.objects[i], scene.objects[j]))  # fmt: skip
    axis, sign = DIRECTION[word]
    return any(sign * (a[axis] - b[axis]) > 0 for a in first for b in second)
