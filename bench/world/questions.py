"""Questions about a scene with their right answers, and the answering of such questions from what a detector sees.

As in DSG (Cho et al. 2024), a question about an attribute depends on the one about the object, and a question about a
number or a relation on those about the objects that it names. Only what a caption says is asked.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bench.world.description import Described, Understanding
from bench.world.palette import COLOURS, RELATIONS, SHAPES, SIZES
from bench.world.phrases import PLURAL, SINGULAR

YES, NO = "yes", "no"


@dataclass(frozen=True)
class Asked:
    """One question; parents are ids of questions that must be answered right for it to make sense."""

    id: str
    text: str
    answer: str
    kind: str
    parents: tuple[str, ...] = ()


@dataclass(frozen=True)
class Seen:
    """An object as a detector sees it; x, y is the centre of its box."""

    shape: str
    colour: str
    size: str
    x: float
    y: float


def questions(told: Understanding) -> tuple[Asked, ...]:
    """The questions that a still caption answers, parents first; none for a story."""
    if told.story:
        return ()
    found: dict[str, Asked] = {}
    leaf = [_about(d, found) for d in told.objects]
    for subject, word, other in told.relations:
        a, b = (f"{told.objects[i].colour} {told.objects[i].shape}" for i in (subject, other))
        _add(found, f"is {_a(a)} {word} {_a(b)}?", YES, "relation", tuple(dict.fromkeys((leaf[subject], leaf[other]))))
    return tuple(found.values())


def _about(d: Described, found: dict[str, Asked]) -> str:
    """Ask about one described object; the id of the question that others depend on."""
    shape = _add(found, f"is there a {d.shape}?", YES, "object")
    leaf = _add(found, f"is there {_a(f'{d.colour} {d.shape}')}?", YES, "colour", (shape,))
    if d.size:
        _add(found, f"is there a {d.size} {d.colour} {d.shape}?", YES, "size", (leaf,))
    many = f"{d.size + ' ' if d.size else ''}{d.colour} {PLURAL[d.shape]}"
    _add(found, f"how many {many} are there?", str(d.count), "count", (leaf,))
    return leaf


def _a(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


def _add(found: dict[str, Asked], text: str, answer: str, kind: str, parents: tuple[str, ...] = ()) -> str:
    known = next((q.id for q in found.values() if q.text == text), None)
    if known is not None:
        return known
    name = f"q{len(found)}"
    found[name] = Asked(name, text, answer, kind, parents)
    return name


_NOUN = rf"(?:({'|'.join(SIZES)}) )?(?:({'|'.join(COLOURS)}) )?({'|'.join([*SHAPES, *PLURAL.values()])})"
_THERE = re.compile(rf"is there an? {_NOUN}\?")
_MANY = re.compile(rf"how many {_NOUN} are there\?")
_STANDS = re.compile(rf"is an? {_NOUN} ({'|'.join(RELATIONS)}) an? {_NOUN}\?")


def answer(text: str, seen: Sequence[Seen]) -> str:
    """'yes', 'no' or a number for a question of this kind; '' for another one."""
    question = " ".join(text.casefold().split())
    if there := _THERE.fullmatch(question):
        return YES if _fitting(there.groups(), seen) else NO
    if many := _MANY.fullmatch(question):
        return str(len(_fitting(many.groups(), seen)))
    if stands := _STANDS.fullmatch(question):
        first, word, second = stands.groups()[:3], stands[4], stands.groups()[4:]
        pairs = ((a, b) for a in _fitting(first, seen) for b in _fitting(second, seen) if a is not b)
        return YES if any(_holds(a, word, b) for a, b in pairs) else NO
    return ""


def _fitting(noun: Sequence[str | None], seen: Sequence[Seen]) -> list[Seen]:
    size, colour, shape = noun
    name = SINGULAR.get(shape or "", shape)
    return [o for o in seen if o.shape == name and (not colour or o.colour == colour) and (not size or o.size == size)]


def _holds(a: Seen, word: str, b: Seen) -> bool:
    return {"left of": a.x < b.x, "right of": a.x > b.x, "above": a.y < b.y, "below": a.y > b.y}[word]
