"""Comparison of two texts, and of two multisets: edit distance (Damerau 1964, Levenshtein 1966), exact match, overlap.

Texts are compared after Unicode normalisation (NFKC), case folding and with single spaces.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Hashable, Iterable

_QUOTED = re.compile("\"([^\"]+)\"|“([^”]+)”|„([^“]+)“|«([^»]+)»|(?<!\\w)'([^']+)'(?!\\w)")


def normalised_text(text: str) -> str:
    """The form in which texts are compared."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def quoted(prompt: str) -> tuple[str, ...]:
    """What a prompt puts in quotation marks, which is what an image of it should show as writing."""
    return tuple(next(g for g in found.groups() if g is not None) for found in _QUOTED.finditer(prompt))


def edit_distance(text: str, other: str) -> int:
    """Fewest insertions, deletions and replacements of characters that turn one text into the other."""
    if len(text) < len(other):
        text, other = other, text
    row = list(range(len(other) + 1))
    for i, a in enumerate(text, 1):
        previous, row[0] = row[0], i
        for j, b in enumerate(other, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (a != b))
    return row[-1]


def rendered_exactly(read: str, wanted: str) -> bool:
    """Is the wanted text among what was read, whole words and in order?"""
    return f" {normalised_text(wanted)} " in f" {normalised_text(read)} "


def rendering_similarity(read: str, wanted: str) -> float:
    """1 - edit distance / length of the longer text, in [0, 1]; two empty texts are equal."""
    a, b = normalised_text(read), normalised_text(wanted)
    longer = max(len(a), len(b))
    return 1 - edit_distance(a, b) / longer if longer else 1.0


def multiset_f1(found: Iterable[Hashable], wanted: Iterable[Hashable]) -> float:
    """Harmonic mean of precision and recall of two multisets, in [0, 1]; two empty ones are equal."""
    a, b = Counter(found), Counter(wanted)
    total = a.total() + b.total()
    return 2 * (a & b).total() / total if total else 1.0


def multiset_jaccard(found: Iterable[Hashable], wanted: Iterable[Hashable]) -> float:
    """Size of the intersection over that of the union of two multisets, in [0, 1]; two empty ones are equal."""
    a, b = Counter(found), Counter(wanted)
    union = (a | b).total()
    return (a & b).total() / union if union else 1.0


def words(text: str) -> list[str]:
    """Words of a normalised text."""
    return re.findall(r"\w+", normalised_text(text))
