"""What T2I-CompBench's templated prompts ask for: objects and relation of its 2D and 3D categories, numbers of
numeracy.

The published scripts find nouns with a part-of-speech model; the prompts of these categories are templates ("a bee on
the right of a refrigerator", "two boys"), so that they are read exactly and without a model. What no template fits is
left without truth, never guessed at.
"""

from __future__ import annotations

import re

from bench.types import Relation, Thing

_PLACED = re.compile(
    r"(?:an?|the) (.+?) (on the (?:top|bottom|left|right) of|on side of|next to|near|in front of|behind|hidden by) "
    r"(?:an?|the) (.+?)\.?",
    re.IGNORECASE,
)
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
    return (), ()


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
