"""What a caption says, apart from its words: described objects, one relation, an order with spans.

`understand` reads it off a scene, `bench.world.parsing` off a caption; both give the same `meaning`. A meaning is the
multiset of described objects with the relation, in one canonical direction, so that equal meaning and interchangeable
captions are the same thing. Positions, and sizes or cells that are not stated, are no part of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from bench.errors import UsageError
from bench.world.palette import OPPOSITE
from bench.world.scene import Scene, SceneObject

Span = tuple[int, int]


@dataclass(frozen=True)
class Described:
    """What is said of one object, or of `count` equal ones; '' and None mean unsaid."""

    shape: str
    colour: str
    size: str = ""
    cell: str = ""
    count: int = 1
    span: Span | None = None


@dataclass(frozen=True)
class Understanding:
    """All that a caption says. Indices of `relations` point into `objects`; in a story objects stand in order."""

    objects: tuple[Described, ...]
    relations: tuple[tuple[int, str, int], ...] = ()
    frames: int = 1

    @property
    def story(self) -> bool:
        return self.frames > 1


def understand(scene: Scene) -> Understanding:
    """What the captions of a scene say. Raises UsageError for a scene with several relations: no sentence says two."""
    if len(scene.relations) > 1:
        raise UsageError(f"The scene has {len(scene.relations)} relations; its grammar can say one.")
    said = [_said(scene, i) for i in range(len(scene.objects))]
    if scene.frames > 1:
        order = sorted(range(len(said)), key=lambda i: (scene.spans[i], i))
        return Understanding(tuple(said[i] for i in order), frames=scene.frames)
    if not scene.relations:
        return Understanding(_merged(said))
    i, word, j = scene.relations[0]
    rest = _merged(thing for k, thing in enumerate(said) if k not in (i, j))
    return Understanding((said[i], said[j], *rest), ((0, word, 1),))


def _said(scene: Scene, i: int) -> Described:
    thing: SceneObject = scene.objects[i]
    return Described(
        thing.shape,
        thing.colour,
        size=thing.size if "size" in scene.stated else "",
        cell=thing.cell if "cell" in scene.stated else "",
        span=scene.spans[i] if "span" in scene.stated and scene.spans else None,
    )


def _merged(said: Iterable[Described]) -> tuple[Described, ...]:
    """Equal descriptions become one with a count, in the order of first appearance."""
    counts = Counter(said)
    return tuple(Described(d.shape, d.colour, d.size, d.cell, n, d.span) for d, n in counts.items())


def meaning(said: Scene | Understanding) -> str:
    """Canonical key of what the captions say, e.g. '1 red circle + 2 blue square' or '... : red circle left of ...'."""
    told = understand(said) if isinstance(said, Scene) else said
    if told.story:
        return " then ".join(_words(d) for d in told.objects)
    counts: Counter[str] = Counter()
    for d in told.objects:
        counts[_words(d)] += d.count
    text = " + ".join(f"{n} {words}" for words, n in sorted(counts.items()))
    return text + "".join(f" : {_relation(told, *relation)}" for relation in told.relations)


def _words(d: Described) -> str:
    cell = f" @ {d.cell}" if d.cell else ""
    span = f" [{d.span[0]}-{d.span[1]}]" if d.span else ""
    return f"{d.size + ' ' if d.size else ''}{d.colour} {d.shape}{cell}{span}"


def _relation(told: Understanding, subject: int, word: str, other: int) -> str:
    """One direction of the two in which a relation can be told: right of and below are turned round."""
    if word in ("right of", "below"):
        subject, word, other = other, OPPOSITE[word], subject
    return f"{_words(told.objects[subject])} {word} {_words(told.objects[other])}"
