"""Perturbations of captions, for questions of robustness: what each kind does to the words.

strength   from 0 (unchanged) to 1: the share of words (or of neighbours, or of captions) that is touched. Which ones is
           decided by a draw of their own for each place, so that what is touched at .2 is among what is touched at .5.

Words of plain English are listed here with words that mean the same or that exclude each other; a caption of which none
is listed has no such perturbation.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from bench.world.draws import Draw

SYNONYMS: dict[str, tuple[str, ...]] = {
    "big": ("large",), "large": ("big",), "small": ("little",), "little": ("small",), "tiny": ("minute",),
    "picture": ("image",), "image": ("picture",), "photo": ("photograph",), "photograph": ("photo",),
    "man": ("gentleman",), "woman": ("lady",), "kid": ("child",), "child": ("kid",), "children": ("kids",),
    "person": ("human",), "bike": ("bicycle",), "bicycle": ("bike",), "car": ("automobile",), "plane": ("airplane",),
    "airplane": ("aircraft",), "couch": ("sofa",), "sofa": ("couch",), "tv": ("television",), "road": ("street",),
    "street": ("road",), "near": ("close to",), "beside": ("next to",), "above": ("over",), "over": ("above",),
    "below": ("under",), "under": ("below",), "grey": ("gray",), "gray": ("grey",), "middle": ("centre",),
    "centre": ("middle",), "sitting": ("seated",), "several": ("some",), "stone": ("rock",), "rock": ("stone",),
}  # fmt: skip
EXCLUDING: tuple[tuple[str, ...], ...] = (
    ("red", "orange", "yellow", "green", "cyan", "blue", "purple", "pink", "black", "white", "brown", "grey", "gray"),
    ("two", "three", "four", "five", "six"),
    ("left", "right"), ("above", "below"), ("over", "under"), ("inside", "outside"), ("in", "outside"),
    ("big", "small"), ("large", "tiny"), ("tall", "short"), ("long", "short"), ("old", "young"), ("open", "closed"),
    ("man", "woman"), ("boy", "girl"), ("day", "night"), ("indoors", "outdoors"), ("standing", "sitting"),
    ("empty", "full"), ("hot", "cold"), ("wet", "dry"), ("front", "back"), ("first", "last"), ("happy", "sad"),
)  # fmt: skip
_OPPOSITES: dict[str, tuple[str, ...]] = {}
for _words in EXCLUDING:
    for _word in _words:
        _OPPOSITES.setdefault(_word, tuple(w for w in _words if w != _word and {w, _word} != {"grey", "gray"}))
_KEYS = {
    key: row[max(0, i - 1) : i] + row[i + 1 : i + 2]
    for row in ("qwertyuiop", "asdfghjkl", "zxcvbnm") for i, key in enumerate(row)
}  # fmt: skip
_MARKS = (",", ";", "!", "...")
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")


def typos(text: str, strength: float, draw: Draw) -> str:
    """One slip of the fingers in a share of the words of four letters or more."""

    def slip(word: str, own: Draw) -> str:
        at = 1 + own.below(len(word) - 2)  # the first letter stays
        kind, letter = own.below(4), word[at]
        if kind == 0 and word[at + 1] != letter:
            return word[:at] + word[at + 1] + letter + word[at + 2 :]
        if kind == 1:
            return word[:at] + word[at + 1 :]
        near = _KEYS.get(letter.lower(), "")
        return word[:at] + (own.choice(near) if kind == 2 and near else 2 * letter) + word[at + 1 :]

    return _each_word(text, strength, draw, lambda w: len(w) >= 4, slip)


def drops(text: str, strength: float, draw: Draw) -> str:
    """A share of the words left out; one always stays."""
    words = text.split()
    levels = [draw.unit() for _ in words]
    last = max(range(len(words)), key=levels.__getitem__, default=0)
    return " ".join(w for i, w in enumerate(words) if levels[i] >= strength or i == last)


def swaps(text: str, strength: float, draw: Draw) -> str:
    """A share of the pairs of neighbours exchanged, each word at most once."""
    words, i = text.split(), 0
    levels = [draw.unit() for _ in words]
    while i + 1 < len(words):
        if levels[i] < strength:
            words[i], words[i + 1] = words[i + 1], words[i]
            i += 1
        i += 1
    return " ".join(words)


def order(text: str, strength: float, draw: Draw) -> str:
    """A share of the words permuted among their places."""
    words = text.split()
    chosen = [i for i in range(len(words)) if draw.unit() < strength]
    for i, word in zip(chosen, draw.shuffled([words[i] for i in chosen]), strict=True):
        words[i] = word
    return " ".join(words)


def synonyms(text: str, strength: float, draw: Draw) -> str:
    """A share of the listed words by words that mean the same."""
    return _each_word(text, strength, draw, lambda w: w.lower() in SYNONYMS, _replaced(SYNONYMS))


def contradiction(text: str, strength: float, draw: Draw) -> str:
    """In a share of the captions one listed word by a word that excludes it."""
    found = [m for m in _WORD.finditer(text) if m[0].lower() in _OPPOSITES]
    if draw.unit() >= strength or not found:
        return text
    one = draw.choice(found)
    return text[: one.start()] + _replaced(_OPPOSITES)(one[0], draw) + text[one.end() :]


def paraphrase(text: str, strength: float, draw: Draw) -> str:
    """In a share of the captions another way to begin."""
    openings = ("a picture of ", "an image of ", "a photograph that shows ", "this shows ")
    body = text
    for opening in (*openings, "a photo of ", "there is ", "there are "):
        body = body[len(opening) :] if body.lower().startswith(opening) else body
    if draw.unit() >= strength:
        return text
    return draw.choice([o for o in openings if not text.lower().startswith(o)]) + body[:1].lower() + body[1:]


def case(text: str, strength: float, draw: Draw) -> str:
    """A share of the words in capitals, or with the case of the first letter turned."""

    def turned(word: str, own: Draw) -> str:
        other = word[0].swapcase() + word[1:]
        return word.upper() if len(word) > 1 and word != word.upper() and own.below(2) else other

    return _each_word(text, strength, draw, lambda w: w[0].swapcase() != w[0], turned)


def punctuation(text: str, strength: float, draw: Draw) -> str:
    """A share of the words with marks behind them that say nothing, or without the marks that were there."""
    found = []
    for i, word in enumerate(text.split()):
        own = Draw(draw.state, i)
        bare = word.rstrip(",.;:!?")
        if bare and own.unit() < strength:
            word = bare if bare != word and own.below(2) else bare + own.choice([m for m in _MARKS if bare + m != word])
        found.append(word)
    return " ".join(found)


Perturbation = Callable[[str, float, Draw], str]
KINDS: dict[str, Perturbation] = {
    "typos": typos, "drops": drops, "swaps": swaps, "order": order, "synonyms": synonyms, "paraphrase": paraphrase,
    "contradiction": contradiction, "case": case, "punctuation": punctuation,
}  # fmt: skip
PRESERVING: tuple[str, ...] = ("synonyms", "paraphrase", "case", "punctuation")
"""Kinds that leave what a caption means as it is: a system that understands it draws the same."""
CHANGING: tuple[str, ...] = ("drops", "swaps", "order", "contradiction")
"""Kinds that leave another meaning, or none. Typos are between the two: people read through them."""


def applies(kind: str, text: str) -> bool:
    """Whether there is anything in a text that the kind could touch."""
    words = text.split()
    table = {"synonyms": SYNONYMS, "contradiction": _OPPOSITES}.get(kind)
    if table is not None:
        return any(w.lower() in table for w in _WORD.findall(text))
    if kind == "case":
        return any(w[0].swapcase() != w[0] for w in _WORD.findall(text))
    if kind == "typos":
        return any(len(w) >= 4 for w in _WORD.findall(text))
    return len(words) >= (1 if kind in ("paraphrase", "punctuation") else 2)


def _replaced(table: dict[str, tuple[str, ...]]) -> Callable[[str, Draw], str]:
    def replace(word: str, own: Draw) -> str:
        new = own.choice(table[word.lower()])
        return new.capitalize() if word[0].isupper() else new

    return replace


def _each_word(
    text: str, strength: float, draw: Draw, fits: Callable[[str], bool], change: Callable[[str, Draw], str]
) -> str:
    """The text with a share of the fitting words changed, each by a draw of its own."""
    pieces: list[str] = []
    at = 0
    for i, found in enumerate(_WORD.finditer(text)):
        own = Draw(draw.state, i)
        touched = fits(found[0]) and own.unit() < strength
        pieces += [text[at : found.start()], change(found[0], own) if touched else found[0]]
        at = found.end()
    return "".join([*pieces, text[at:]])


def names() -> Sequence[str]:
    """All kinds."""
    return tuple(KINDS)
