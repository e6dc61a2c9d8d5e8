"""Does an image hold what its prompt says? Facts of a caption, each held against what a detector found.

Only the prompt's own words count: what the grammar reads in them, never what else is known of a sample. A fact is one
question of `bench.world.questions`, a stated cell, or that nothing else is there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.errors import UsageError
from bench.types import Detections
from bench.world.description import Described, Understanding
from bench.world.palette import CELLS
from bench.world.parsing import parse
from bench.world.questions import Seen, answer, questions


@dataclass(frozen=True)
class Fact:
    """One thing that a caption says."""

    text: str
    """As a question."""
    holds: bool
    kind: str
    """object, colour, size, count, relation, cell or extra."""


def told_by(prompt: str) -> Understanding | None:
    """What a prompt says of a still scene; None where the grammar does not read it, or reads a story."""
    try:
        told = parse(prompt)
    except UsageError:
        return None
    return None if told.story or not told.objects else told


def facts(told: Understanding, found: Detections) -> tuple[Fact, ...]:
    """All facts of a caption, true or not of what was found. In an unreadable image none holds."""
    seen = _seen(found)
    asked = questions(told)
    right: dict[str, bool] = {}
    for q in asked:  # parents come first; a question whose parent fails fails with it
        right[q.id] = answer(q.text, seen) == q.answer and all(right[p] for p in q.parents)
    listed = [Fact(q.text, right[q.id] and found.readable, q.kind) for q in asked]
    for d in told.objects:
        if d.cell:
            there = sum(_fits(d, s) and _cell(s, found.size) == d.cell for s in seen)
            text = f"is the {d.colour} {d.shape} at the {d.cell}?"
            listed.append(Fact(text, there >= d.count and found.readable, "cell"))
    wanted = sum(d.count for d in told.objects)
    listed.append(Fact("is nothing else there?", len(seen) <= wanted and found.readable, "extra"))
    return tuple(listed)


def share(listed: Sequence[Fact]) -> float:
    """Share of the facts that hold, 0 to 1."""
    return sum(fact.holds for fact in listed) / len(listed)


def _seen(found: Detections) -> list[Seen]:
    return [
        Seen(label, more.get("colour", ""), more.get("size", ""), float(x0 + x1) / 2, float(y0 + y1) / 2)
        for label, more, (x0, y0, x1, y1) in zip(found.labels, found.attributes, found.boxes, strict=True)
    ]


def _fits(d: Described, s: Seen) -> bool:
    return (s.shape, s.colour) == (d.shape, d.colour) and d.size in ("", s.size)


def _cell(s: Seen, size: tuple[int, int]) -> str:
    column, row = (min(2, int(3 * at / of)) if of else 0 for at, of in zip((s.x, s.y), size, strict=True))
    return CELLS[3 * row + column]
