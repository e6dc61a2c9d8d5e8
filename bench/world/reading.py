"""Reads texts that are not quite the grammar's, as a person would who knows the scenes: other words, capitals, marks
and slips of the fingers change nothing; what is lost is lost.

A text of the grammar is read by the grammar. Of another one every noun phrase is taken that still stands together, with
relations between neighbours and cells; a colour that is not said with its shape is unknown, and so drawn at random.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

from bench.errors import UsageError
from bench.world.description import Described, Understanding
from bench.world.draws import Draw
from bench.world.palette import COLOURS, FRAMES, SHAPES, SIZES
from bench.world.parsing import parse
from bench.world.phrases import CELL_PHRASES, NUMBERS, PLURAL, RELATION_PHRASES, SINGULAR
from bench.world.tokens import WORDS

MEANS: dict[str, str] = {
    "big": "large", "huge": "large", "little": "small", "tiny": "small", "minute": "small", "gray": "grey",
    "photo": "picture", "photograph": "picture", "beneath": "below", "underneath": "below", "center": "centre",
    "shows": "is", "that": "is", "this": "there",
}  # fmt: skip
"""Words that a caption may use instead of the grammar's."""
SLIP = 0.74
"""Least likeness (difflib's ratio) at which an unknown word is taken for a known one."""
MOST = 5
"""Objects that are read of a text that is not the grammar's."""

_NUMBER = {"a": 1, "an": 1, **{word: n for n, word in enumerate(NUMBERS, 1)}}
_RELATION = {phrase: word for word, phrases in RELATION_PHRASES.items() for phrase in phrases}
_CELL = {phrase: word for word, phrases in CELL_PHRASES.items() for phrase in phrases}
_KNOWN = frozenset(w for w in WORDS if w.isalpha())
_SHAPES = (*SHAPES, *PLURAL.values())


def _any(words: Sequence[str]) -> str:
    return "|".join(sorted(map(re.escape, words), key=len, reverse=True))


_LOOSE = re.compile(
    rf"\b(?:({_any([*_NUMBER])}) )?(?:({_any([*SIZES])}) )?(?:({_any([*COLOURS])}) )?({_any(_SHAPES)})\b"
    rf"|\b({_any([*_RELATION])})\b|\b({_any([*_CELL])})\b"
)


def read(text: str, seed: int, frames: int = 1) -> Understanding:
    """What a text says; seed: of the guesses where it says nothing. Never fails: a text may say of no object."""
    for way in (text, _tidy(text, commas=True), _tidy(text, commas=False)):
        try:
            told = parse(way)
        except UsageError:
            continue
        if told.frames == frames:
            return told
    return _gist(_tidy(text, commas=False), seed, frames)


def _tidy(text: str, commas: bool) -> str:
    """In the grammar's words, without marks (or with those commas that stand before a space)."""
    kept = re.findall(r"[^\W_]+|,(?= )" if commas else r"[^\W_]+", text.casefold())
    plain = " ".join(_word(w) for w in kept).replace(" ,", ",")
    return plain.replace("in the centre", "in the middle").replace("a image", "an image")


def _word(word: str) -> str:
    word = MEANS.get(word, word)
    if word in _KNOWN or not word.isalpha() or len(word) < 3:
        return word
    near = difflib.get_close_matches(word, sorted(w for w in _KNOWN if len(w) > 3), 1, SLIP)
    return near[0] if near else word


def _gist(text: str, seed: int, frames: int) -> Understanding:
    draw = Draw("reading", seed)
    objects: list[Described] = []
    relations: list[tuple[int, str]] = []
    cells: dict[int, str] = {}
    for token in _LOOSE.finditer(text):
        number, size, colour, shape, relation, cell = token.groups()
        if shape:
            count = min(_NUMBER[number] if number else 1, MOST - sum(d.count for d in objects))
            if count > 0:
                said = colour or draw.choice(tuple(COLOURS))
                objects.append(Described(SINGULAR.get(shape, shape), said, size or "", count=count))
        elif relation and objects:
            relations.append((len(objects) - 1, _RELATION[relation]))
        elif cell:
            cells.setdefault(max(len(objects) - 1, 0), _CELL[cell])
    if frames > 1:
        return Understanding(tuple(objects), frames=FRAMES)
    placed = tuple(Described(d.shape, d.colour, d.size, cells.get(i, ""), d.count) for i, d in enumerate(objects))
    held = [(i, word, i + 1) for i, word in relations if i + 1 < len(objects)][:1]
    return Understanding(placed, tuple(held))


def simpler(told: Understanding) -> list[Understanding]:
    """The same with less and less said of places, for a text that asks for more than fits on the canvas."""
    bare = tuple(Described(d.shape, d.colour, "", "", d.count) for d in told.objects)
    loose = Understanding(bare, told.relations, told.frames)
    return [told, loose, Understanding(bare, (), told.frames)]
