"""One-edit mismatches: a caption's content with exactly one thing changed, so that it is false of the scene.

They are the hard negatives of training and the questions of evaluation: own caption or its mismatch? What each changes:

colour, shape  of one described thing, to one that the caption does not use
count          of one described thing, by one (1 to 5)
relation       to its opposite
size, cell     of one described thing, to another one, where stated
binding        two described things exchange their colours (or shapes): the words stay, who has which changes
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bench.world.description import Described, Understanding, meaning
from bench.world.draws import Draw
from bench.world.palette import CELLS, COLOURS, OPPOSITE, SHAPES, SIZES
from bench.world.phrases import NUMBERS
from bench.world.sampling import HELD_OUT_PAIRS, HELD_OUT_TRIPLES

KINDS: tuple[str, ...] = ("colour", "shape", "count", "relation", "size", "cell", "binding")


def mismatch(told: Understanding, kind: str, draw: Draw) -> Understanding | None:
    """What is told with one edit of a kind; None where the kind does not apply. Stories have none."""
    if told.story or not told.objects:
        return None
    if kind == "relation":
        return _opposite(told)
    if kind == "binding":
        return _exchanged(told, draw)
    at = draw.below(len(told.objects))
    changed = _changed(told, at, kind, draw)
    if changed is None:
        return None
    objects = tuple(changed if i == at else d for i, d in enumerate(told.objects))
    return _different(told, replace(told, objects=objects))


def _changed(told: Understanding, at: int, kind: str, draw: Draw) -> Described | None:
    one = told.objects[at]
    if kind == "count":
        options = [n for n in (one.count - 1, one.count + 1) if 1 <= n <= len(NUMBERS)]
        related = any(at in (i, j) for i, _, j in told.relations)
        return None if related or one.cell else replace(one, count=draw.choice(options))
    words: dict[str, tuple[str, ...]] = {
        "colour": tuple(COLOURS), "shape": SHAPES, "size": tuple(SIZES), "cell": CELLS,
    }  # fmt: skip
    if not getattr(one, kind):
        return None
    used = {one.size} if kind == "size" else {getattr(d, kind) for d in told.objects}
    new: dict[str, Any] = {kind: draw.choice([w for w in words[kind] if w not in used])}
    return replace(one, **new)


def _opposite(told: Understanding) -> Understanding | None:
    if not told.relations:
        return None
    return replace(told, relations=tuple((i, OPPOSITE[word], j) for i, word, j in told.relations))


def _exchanged(told: Understanding, draw: Draw) -> Understanding | None:
    pairs = [(i, j) for j in range(len(told.objects)) for i in range(j)]
    for i, j in draw.shuffled(pairs):
        a, b = told.objects[i], told.objects[j]
        if a.colour != b.colour and a.shape != b.shape:
            new = {i: replace(a, colour=b.colour), j: replace(b, colour=a.colour)}
            found = tuple(new.get(k, d) for k, d in enumerate(told.objects))
            return _different(told, replace(told, objects=found))
    return None


def _different(told: Understanding, edited: Understanding) -> Understanding | None:
    """The edit, where it says something else and makes no two things alike."""
    alike = _kinds_of_things(edited) < _kinds_of_things(told)
    return None if alike or meaning(edited) == meaning(told) else edited


def _kinds_of_things(told: Understanding) -> int:
    return len({(d.colour, d.shape, d.size, d.cell) for d in told.objects})


def held_out(told: Understanding) -> bool:
    """Whether something is told that training never tells: a held-out pair, or a held-out relation."""
    things = told.objects
    pairs = any((d.colour, d.shape) in HELD_OUT_PAIRS for d in things)
    return pairs or any((things[i].shape, word, things[j].shape) in HELD_OUT_TRIPLES for i, word, j in told.relations)
