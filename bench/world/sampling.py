"""Draws scenes: which kinds there are, how often, and what training never sees.

First what is said is drawn (an Understanding), then a layout of which it is true. train and val never contain a
held-out colour-shape pair, nor a stated held-out relation triple in either direction; test draws freely, so that about
one object in eight and one relation in six of it is held out, and `tags` says which.
"""

from __future__ import annotations

from dataclasses import replace

from bench.errors import UsageError, did_you_mean
from bench.world.description import Described, Understanding
from bench.world.draws import Draw
from bench.world.palette import CELLS, COLOURS, FRAMES, OPPOSITE, RELATIONS, SHAPES, SIZES
from bench.world.placing import NEAR, place
from bench.world.scene import Scene, offset_along

SPLITS = ("train", "val", "test")
KINDS: dict[str, int] = {"one": 10, "cells": 18, "several": 17, "count": 17, "two-relation": 28, "relation-plus": 10}
"""Still kinds and how often each is drawn, in percent."""
STORY_KINDS: dict[str, int] = {"story": 1, "timed-story": 1}

HELD_OUT_PAIRS: frozenset[tuple[str, str]] = frozenset(
    {
        ("red", "star"),
        ("orange", "cross"),
        ("green", "diamond"),
        ("blue", "triangle"),
        ("purple", "circle"),
        ("cyan", "square"),
    }
)
"""(colour, shape) that no training or validation scene contains."""

_TRIPLES = (
    ("circle", "left of", "star"), ("star", "left of", "cross"), ("cross", "left of", "square"),
    ("triangle", "left of", "diamond"), ("square", "left of", "circle"), ("diamond", "left of", "triangle"),
    ("square", "above", "triangle"), ("diamond", "above", "circle"), ("star", "above", "square"),
    ("cross", "above", "diamond"), ("triangle", "above", "star"), ("circle", "above", "cross"),
)  # fmt: skip
HELD_OUT_TRIPLES: frozenset[tuple[str, str, str]] = frozenset(
    {*_TRIPLES, *((b, OPPOSITE[word], a) for a, word, b in _TRIPLES)}
)
"""(shape, relation, shape) that no training or validation scene states, closed under telling it from the other side."""

_SIZES_STATED = 40
"""Percent of still scenes whose captions say sizes."""


def sample_scene(seed: int, *, split: str, kind: str | None = None) -> Scene:
    """The seed-th scene of a split, the same on every machine.

    kind: one of KINDS or STORY_KINDS; None draws a still one.
    Raises UsageError for an unknown split or kind.
    """
    if split not in SPLITS:
        raise UsageError(f"'{split}' is no split of the scenes.{did_you_mean(split, SPLITS)}")
    if kind is not None and kind not in _DESCRIBE:
        raise UsageError(f"'{kind}' is no kind of scene.{did_you_mean(kind, _DESCRIBE)}")
    draw = Draw("scene", split, seed, kind or "")
    told = _DESCRIBE[kind or draw.weighted(KINDS)](draw, split != "test")
    return place(told, draw, near=draw.below(3) == 0)


def _pairs(draw: Draw, n: int, seen: bool) -> list[tuple[str, str]]:
    """n distinct (colour, shape); seen: without the held-out ones."""
    found: list[tuple[str, str]] = []
    while len(found) < n:
        pair = draw.choice(tuple(COLOURS)), draw.choice(SHAPES)
        if pair not in found and not (seen and pair in HELD_OUT_PAIRS):
            found.append(pair)
    return found


def _things(draw: Draw, n: int, seen: bool, sized: bool = True) -> list[Described]:
    """n distinct things, all with a size or none."""
    sized = sized and draw.below(100) < _SIZES_STATED
    return [Described(s, c, draw.choice(tuple(SIZES)) if sized else "") for c, s in _pairs(draw, n, seen)]


def _one(draw: Draw, seen: bool) -> Understanding:
    return Understanding(tuple(_things(draw, 1, seen)))


def _several(draw: Draw, seen: bool) -> Understanding:
    return Understanding(tuple(_things(draw, 2 + draw.below(2), seen)))


def _cells(draw: Draw, seen: bool) -> Understanding:
    things = _things(draw, 1 + draw.below(2), seen)
    cells = draw.shuffled(CELLS)
    return Understanding(tuple(Described(d.shape, d.colour, d.size, cells[i]) for i, d in enumerate(things)))


def _count(draw: Draw, seen: bool) -> Understanding:
    counts = draw.choice(((2,), (3,), (4,), (2, 1), (1, 2), (2, 2), (3, 1), (1, 3)))
    things = _things(draw, len(counts), seen)
    return Understanding(tuple(replace(d, count=n) for d, n in zip(things, counts, strict=True)))


def _related(draw: Draw, seen: bool, n: int) -> Understanding:
    things = _things(draw, n, seen)
    word = draw.choice(RELATIONS)
    while seen and (things[0].shape, word, things[1].shape) in HELD_OUT_TRIPLES:
        word = draw.choice(RELATIONS)
    return Understanding(tuple(things), ((0, word, 1),))


def _story(draw: Draw, seen: bool) -> Understanding:
    return Understanding(tuple(_things(draw, 2 + draw.below(2), seen, sized=False)), frames=FRAMES)


def _timed_story(draw: Draw, seen: bool) -> Understanding:
    """Two objects, each there for 2 frames or more, the second beginning later."""
    spans = [(start, end) for start in range(FRAMES - 1) for end in range(start + 1, FRAMES)]
    first = draw.choice([span for span in spans if span[0] < FRAMES - 2])
    second = draw.choice([span for span in spans if span[0] > first[0]])
    a, b = _things(draw, 2, seen, sized=False)
    told = (Described(a.shape, a.colour, span=first), Described(b.shape, b.colour, span=second))
    return Understanding(told, frames=FRAMES)


_DESCRIBE = {
    "one": _one,
    "several": _several,
    "cells": _cells,
    "count": _count,
    "two-relation": lambda draw, seen: _related(draw, seen, 2),
    "relation-plus": lambda draw, seen: _related(draw, seen, 3),
    "story": _story,
    "timed-story": _timed_story,
}


def kind_of(scene: Scene) -> str:
    """The kind that a scene is an example of, read off the scene."""
    if scene.frames > 1:
        return "timed-story" if "span" in scene.stated else "story"
    if scene.relations:
        return "two-relation" if len(scene.objects) == 2 else "relation-plus"
    if "cell" in scene.stated:
        return "cells"
    if len({(o.shape, o.colour) for o in scene.objects}) < len(scene.objects):
        return "count"
    return "one" if len(scene.objects) == 1 else "several"


def held_out_pair(scene: Scene) -> bool:
    """Whether an object has a colour-shape pair that training never shows."""
    return any((o.colour, o.shape) in HELD_OUT_PAIRS for o in scene.objects)


def held_out_triple(scene: Scene) -> bool:
    """Whether a stated relation is one that training never states."""
    return any((scene.objects[i].shape, w, scene.objects[j].shape) in HELD_OUT_TRIPLES for i, w, j in scene.relations)


def near_miss(scene: Scene) -> bool:
    """Whether a related pair lies close to the diagonal."""
    offsets = [offset_along(scene.objects[i], word, scene.objects[j]) for i, word, j in scene.relations]
    return any(aside >= NEAR[0] * along for along, aside in offsets)


def tags(scene: Scene) -> dict[str, str]:
    """What a board is sliced by: kind, objects, and whether pair, triple and layout are of the hard sort."""
    hard = {"pair": held_out_pair(scene), "triple": held_out_triple(scene)}
    found = {"kind": kind_of(scene), "objects": str(len(scene.objects))}
    found |= {name: "held-out" if value else "seen" for name, value in hard.items()}
    return found | {"near-miss": "yes" if near_miss(scene) else "no"}
