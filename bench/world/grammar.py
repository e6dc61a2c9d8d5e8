"""The grammar of captions: all true paraphrases of a scene in a fixed order, and the four functions around them.

A sentence is an opening ('', 'there is', 'a picture of', ...) and a body. Bodies vary the order of a list, the phrase
and the direction of a relation, the phrase of a cell, and how a sequence is told; everything else of a scene stays
unsaid. Every sentence says the same facts, so any may stand for any other; `parse` reads all of them back.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import permutations

from bench.errors import UsageError
from bench.world.description import Described, Understanding, meaning, understand
from bench.world.palette import OPPOSITE
from bench.world.parsing import parse
from bench.world.phrases import (
    CELL_PHRASES,
    NUMBERS,
    OPENING_MANY,
    OPENINGS,
    RELATION_PHRASES,
    listed,
    noun,
    span_words,
)
from bench.world.placing import layout
from bench.world.scene import Scene

__all__ = ["Described", "Understanding", "caption", "captions", "layout", "meaning", "parse", "understand"]


def caption(scene: Scene, variant: int = 0) -> str:
    """One caption; variants count through all paraphrases and begin again. Raises UsageError for an empty scene."""
    texts = paraphrases(understand(scene))
    return texts[variant % len(texts)]


def captions(scene: Scene, n: int) -> tuple[str, ...]:
    """The first n distinct paraphrases, fewer where the grammar has fewer (it has at least 5 for every scene)."""
    return paraphrases(understand(scene))[:n]


@lru_cache(maxsize=4096)
def paraphrases(told: Understanding) -> tuple[str, ...]:
    """All sentences for what is told, distinct, the plainest first. Raises UsageError when there is nothing to tell."""
    if not told.objects or any(not 1 <= d.count <= len(NUMBERS) for d in told.objects):
        raise UsageError(f"Captions tell of 1 to {len(NUMBERS)} objects of a kind; this scene has {told.objects}.")
    if told.story:
        return tuple(dict.fromkeys(_stories(told.objects)))
    bodies, sentences = _relations(told) if told.relations else _lists(told.objects)
    opened = _opened(bodies)
    return tuple(dict.fromkeys([opened[0], *sentences, *opened[1:]]))


def _opened(bodies: list[tuple[str, bool]]) -> list[str]:
    """Bodies (with whether a number leads) under every opening, so mixed that neighbours differ in both."""
    texts = []
    for k in range(len(bodies) * len(OPENINGS)):
        body, many = bodies[k % len(bodies)]
        opening = OPENINGS[(k // len(bodies) + k % len(bodies)) % len(OPENINGS)]
        texts.append((OPENING_MANY if many and opening == "there is " else opening) + body)
    return texts


def _placed(d: Described, at: int = 0) -> str:
    """The noun and, where said, its cell in the at-th phrase."""
    return f"{noun(d)} {CELL_PHRASES[d.cell][at]}" if d.cell else noun(d)


def _lists(objects: tuple[Described, ...]) -> tuple[list[tuple[str, bool]], list[str]]:
    styles = (0, 1) if any(d.cell for d in objects) else (0,)
    orders = list(permutations(objects))
    bodies = [(listed([_placed(d, at) for d in order]), order[0].count > 1) for order in orders for at in styles]
    if len(objects) > 1 or not objects[0].cell:
        return bodies, []
    only, be = objects[0], "are" if objects[0].count > 1 else "is"
    return bodies, [f"{phrase} there {be} {noun(only)}" for phrase in CELL_PHRASES[only.cell]]


def _relations(told: Understanding) -> tuple[list[tuple[str, bool]], list[str]]:
    """'A left of B' and 'B right of A'; what else is there comes before or after, where it cannot be misread."""
    subject, word, other = told.relations[0]
    a, b = _placed(told.objects[subject]), _placed(told.objects[other])
    rest = [_placed(d) for i, d in enumerate(told.objects) if i not in (subject, other)]
    told_ways = [(a, phrase, b) for phrase in RELATION_PHRASES[word]]
    told_ways += [(b, phrase, a) for phrase in RELATION_PHRASES[OPPOSITE[word]]]
    if not rest:
        plain = [(f"{x} {phrase} {y}", False) for x, phrase, y in told_ways]
        return plain, [f"{x} is {phrase} {y}" for x, phrase, y in told_ways]
    others, many = listed(rest), told.objects[-len(rest)].count > 1
    after = [(f"{x} {phrase} {y}, and also {others}", False) for x, phrase, y in told_ways]
    before = [(f"{others}, and {x} {phrase} {y}", many) for x, phrase, y in told_ways]
    return [body for pair in zip(after, before, strict=True) for body in pair], []


def _stories(objects: tuple[Described, ...]) -> list[str]:
    names = [f"{noun(d)} {span_words(d.span)}" if d.span else noun(d) for d in objects]
    starts = [f"{noun(d)} appears {span_words(d.span)}" if d.span else f"{noun(d)} appears" for d in objects]
    texts = [
        "first " + ", then ".join(starts),
        ", then ".join(names),
        "first " + ", then ".join(names),
        ", followed by ".join(names),
        ", and then ".join(starts),
    ]
    if len(names) == 2 and objects[0].span is None:
        texts += [f"{starts[0]} before {names[1]}", f"{starts[1]} after {names[0]}"]
    return texts
