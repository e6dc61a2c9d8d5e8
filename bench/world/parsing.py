"""Reads a caption of the grammar back: what it says, as an Understanding.

Nouns, cells, spans and relation phrases are replaced by marks, and what remains must be one of the grammar's sentence
frames: a word that is not understood is an error, never skipped. Case, spaces, a closing full stop and a comma before
'and' or 'then' are free.
"""

from __future__ import annotations

import re

from bench.errors import UsageError
from bench.world.description import Described, Understanding
from bench.world.palette import COLOURS, FRAMES, SHAPES, SIZES
from bench.world.phrases import CELL_PHRASES, NUMBERS, OPENING_MANY, OPENINGS, PLURAL, RELATION_PHRASES, SINGULAR

_NUMBER = {"a": 1, "an": 1, **{word: n for n, word in enumerate(NUMBERS, 1)}}
_RELATION = {phrase: word for word, phrases in RELATION_PHRASES.items() for phrase in phrases}
_CELL = {phrase: word for word, phrases in CELL_PHRASES.items() for phrase in phrases}


def _any(words: object) -> str:
    """A pattern for any of the words, longest first."""
    return "|".join(sorted(map(re.escape, words), key=len, reverse=True))  # type: ignore[call-overload]


_NOUN = rf"\b({_any(_NUMBER)}) (?:({_any(SIZES)}) )?({_any(COLOURS)}) ({_any([*SHAPES, *PLURAL.values()])})\b"
_SPAN = r"\bin frames (\d+) to (\d+)\b"
_TOKEN = re.compile(rf"{_NOUN}|{_SPAN}|\b({_any(_RELATION)})\b|\b({_any(_CELL)})\b")

_OPEN = rf"(?:{_any([*(o for o in OPENINGS if o), OPENING_MANY])})?"
_LIST = r"NC?(?:, NC?)*(?:,? and NC?)?"
_FRAMES = tuple(
    re.compile(pattern)
    for pattern in (
        rf"{_OPEN}{_LIST}",
        r"C there (?:is|are) N",
        rf"{_OPEN}NC?(?: is)? R NC?(?:,? and also {_LIST})?",
        rf"{_OPEN}{_LIST},? and NC? R NC?",
    )
)
_STORY_FRAMES = tuple(
    re.compile(pattern)
    for pattern in (
        r"(?:first )?N(?: appears)?S?(?:,? then N(?: appears)?S?)+",
        r"NS?(?:,? followed by NS?)+",
        r"N appearsS?(?:,? and then N appearsS?)+",
        r"N appears before N",
        r"N appears after N",
    )
)


def parse(caption: str) -> Understanding:
    """What a caption says. Raises UsageError when it is not a sentence of the grammar."""
    text = " ".join(caption.casefold().replace(",", ", ").rstrip(" .").split())
    tokens = list(_TOKEN.finditer(text))
    skeleton = _skeleton(text, tokens)
    if any(frame.fullmatch(skeleton) for frame in _STORY_FRAMES):
        return _story(skeleton, tokens, caption)
    if not any(frame.fullmatch(skeleton) for frame in _FRAMES):
        raise _not_a_sentence(caption)
    return _still(tokens)


def _not_a_sentence(caption: str) -> UsageError:
    shown = caption if len(caption) <= 120 else caption[:117] + "..."
    return UsageError(
        f"'{shown}' is not a sentence of the scenes' grammar; "
        "it reads like 'a small red circle left of a blue square' (see bench/world/phrases.py for all words)."
    )


def _skeleton(text: str, tokens: list[re.Match[str]]) -> str:
    """The text with N, S, R, C for nouns, spans, relations and cells; S and C stick to what they follow."""
    parts, at = [], 0
    for token in tokens:
        parts.append(text[at : token.start()] + _mark(token))
        at = token.end()
    return re.sub(r" (?=[SC])", "", "".join(parts) + text[at:])


def _mark(token: re.Match[str]) -> str:
    return "N" if token[1] else "S" if token[5] else "R" if token[7] else "C"


def _described(token: re.Match[str]) -> Described:
    number, size, colour, shape = token.group(1, 2, 3, 4)
    return Described(SINGULAR.get(shape, shape), colour, size or "", count=_NUMBER[number])


def _still(tokens: list[re.Match[str]]) -> Understanding:
    objects: list[Described] = []
    cells: dict[int, str] = {}
    relations: list[tuple[int, str, int]] = []
    for token in tokens:
        if token[1]:
            objects.append(_described(token))
        elif token[7]:
            relations.append((len(objects) - 1, _RELATION[token[7]], len(objects)))
        else:
            cells[max(len(objects) - 1, 0)] = _CELL[token[8]]
    placed = [Described(d.shape, d.colour, d.size, cells.get(i, ""), d.count) for i, d in enumerate(objects)]
    return Understanding(tuple(placed), tuple(relations))


def _story(skeleton: str, tokens: list[re.Match[str]], caption: str) -> Understanding:
    objects: list[Described] = []
    for token in tokens:
        if token[1]:
            objects.append(_described(token))
        else:
            d = objects[-1]
            objects[-1] = Described(d.shape, d.colour, d.size, span=_span(token, caption))
    if " after " in skeleton:
        objects.reverse()
    return Understanding(tuple(objects), frames=FRAMES)


def _span(token: re.Match[str], caption: str) -> tuple[int, int]:
    start, end = int(token[5]) - 1, int(token[6]) - 1
    if not 0 <= start <= end < FRAMES:
        raise UsageError(f"'{caption}' names frames {start + 1} to {end + 1}; a story has frames 1 to {FRAMES}.")
    return start, end
