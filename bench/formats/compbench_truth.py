"""What T2I-CompBench's templated prompts ask for: objects and relation of its 2D and 3D categories, numbers of
numeracy, phrases of colour, shape, texture and complex.

The published scripts find nouns with a part-of-speech model; the prompts of these categories are templates ("a bee on
the right of a refrigerator", "two boys"), so that they are read exactly and without a model. What no template fits is
left without truth, never guessed at.
"""

from __future__ import annotations

import re

from bench.types import Question, Relation, Thing

_PLACED = re.compile(
    r"(?:an?|the) (.+?) (on the (?:top|bottom|left|right) of|on side of|next to|near|in front of|behind|hidden by) "
    r"(?:an?|the) (.+?)\.?",
    re.IGNORECASE,
)
_WORD = r"(?!(?:and|an?|the|with|on|in|of|at|to|by|is|was|are|were)\b)[^ ,.]+"
_PHRASE = rf"(?:an?|the)(?: {_WORD})+"
_TWO = re.compile(rf"({_PHRASE}) and ({_PHRASE})\.?", re.IGNORECASE)
"""'a green bench and a blue bowl': two phrases, each with its article and without a word that joins others to it."""
_BE = re.compile(
    rf"({_PHRASE}) (?:is|was|are|were) "
    rf"(on the (?:left|right|top|bottom) of|(?!an? |the )[^ ,.]+(?: (?!an? |the )[^ ,.]+)*) ({_PHRASE})\.?",
    re.IGNORECASE,
)
"""'The red hat was on top of the brown coat rack.'"""
_NUMBERS = {word: n for n, word in enumerate("one two three four five six seven eight nine ten".split(), 1)}
_COUNTED = re.compile(
    rf"\b(?P<number>{'|'.join(_NUMBERS)}) (?P<noun>[a-z]+)\b"
    r"|(?:^|, (?:and )?| and )an? (?P<single>[a-z]+)(?=,| and |\.?$)",
    re.IGNORECASE,
)
"""A number and its noun, or a noun with its article as an item of the list."""
_SINGULAR = {
    "men": "man", "women": "woman", "people": "person", "mice": "mouse", "knives": "knife", "sheep": "sheep",
    "fish": "fish", "deer": "deer", "goldfish": "goldfish", "shrimp": "shrimp", "buses": "bus",
}  # fmt: skip


def compbench_truth(category: str, prompt: str) -> tuple[tuple[Thing, ...], tuple[Relation, ...]]:
    """(objects, relations) of a prompt; both empty where its category has no template or none fits.

    A relation is the prompt's own words ('on the right of', 'next to', 'hidden by'): the first object's place to the
    second. Numeracy gives each object as often as it is asked for.
    """
    if category in ("spatial", "3d_spatial"):
        placed = _PLACED.fullmatch(prompt)
        if placed is None:
            return (), ()
        first, relation, second = placed.groups()
        return (Thing(first), Thing(second)), (Relation(0, relation.casefold(), 1),)
    if category == "numeracy":
        things: list[Thing] = []
        for found in _COUNTED.finditer(prompt):
            number = _NUMBERS[found["number"].casefold()] if found["number"] else 1
            things += [Thing(singular(found["noun"] or found["single"], number))] * number
        return tuple(things), ()
    if category == "complex" and (placed := _BE.fullmatch(prompt)) and placed[2].strip().casefold() in _PLACES:
        first, second = (Thing(placed[n].split()[-1].casefold()) for n in (1, 3))
        return (first, second), (Relation(0, placed[2].strip().casefold(), 1),)
    return (), ()


_PLACES = ("on the left of", "on the right of", "on top of", "on the top of", "on the bottom of", "next to", "near",
           "on side of")  # fmt: skip
PHRASED = ("color", "shape", "texture", "complex")
"""Categories whose prompts are judged phrase by phrase."""


def compbench_questions(category: str, prompt: str) -> tuple[Question, ...]:
    """'a green bench?' and so on, to be answered yes, for a prompt of phrases; () where no template fits.

    The published script finds noun chunks with a model; here a phrase is what stands between an article and the word
    that joins it to the rest.
    """
    found = (_TWO.fullmatch(prompt) or _BE.fullmatch(prompt)) if category in PHRASED else None
    if found is None:
        return ()
    phrases = [part.strip() for part in (found[1], found[found.lastindex or 2])]
    return tuple(Question(str(n), f"{phrase}?", "yes", kind="phrase") for n, phrase in enumerate(phrases))


def singular(noun: str, number: int = 2) -> str:
    """The singular of a noun that comes with a number; of one it is the noun itself."""
    plain = noun.casefold()
    if number == 1 or plain in _SINGULAR:
        return _SINGULAR.get(plain, plain)
    if plain.endswith("ies"):
        return plain[:-3] + "y"
    if plain.endswith(("ches", "shes", "oes", "xes", "sses")):
        return plain[:-2]
    return plain.removesuffix("s")
