"""The tokenizer of networks that read captions of scenes (judges, generators): a word is a token, and the list of words
belongs to the weights.

The list is written out instead of taken from the grammar: were a word added there, every later number would shift and
trained weights would silently read other words. A test holds that the grammar uses none that is absent here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

CONTEXT = 32
"""Tokens of a text, the end included; the longest sentence of the grammar has 27."""
PAD, UNKNOWN = 0, 1
WORDS: tuple[str, ...] = (
    ",", "a", "an", "one", "two", "three", "four", "five", "small", "large",
    "red", "orange", "yellow", "green", "cyan", "blue", "purple", "pink",
    "circle", "square", "triangle", "diamond", "star", "cross",
    "circles", "squares", "triangles", "diamonds", "stars", "crosses",
    "left", "right", "above", "over", "below", "under", "of", "to", "the",
    "top", "bottom", "middle", "centre", "corner", "side", "in", "at", "on",
    "there", "is", "are", "picture", "image", "scene", "with", "and", "also",
    "first", "then", "followed", "by", "appears", "before", "after", "frames", "1", "2", "3", "4", "5", "6",
)  # fmt: skip
END = len(WORDS) + 2
"""The highest token: open_clip's text tower reads its output at the highest one."""
VOCABULARY = END + 1

_TOKEN = {word: i for i, word in enumerate(WORDS, 2)}
_SPLIT = re.compile(r"[^\W_]+(?:'\w+)?|,")


def words_of(text: str) -> list[str]:
    """Lower-case words and commas; other punctuation says nothing here."""
    return _SPLIT.findall(text.casefold())


def tokens(texts: Sequence[str], context: int = CONTEXT) -> tuple[np.ndarray, np.ndarray]:
    """n texts -> int64 (n, context), and bool (n,): which were longer and lost words at their end.

    Unknown words become one common token; every row ends with END and is filled with PAD.
    """
    rows = np.full((len(texts), context), PAD, np.int64)
    cut = np.zeros(len(texts), bool)
    for row, (i, text) in zip(rows, enumerate(texts), strict=True):
        found = [_TOKEN.get(word, UNKNOWN) for word in words_of(text)]
        cut[i] = len(found) > context - 1
        found = found[: context - 1]
        row[: len(found) + 1] = [*found, END]
    return rows, cut
