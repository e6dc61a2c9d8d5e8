"""`nearest`: retrieves the training image whose caption is nearest to the prompt, by cosine of tf-idf vectors of words.

The control for memorisation: a model that cannot beat it has learned to look up. Word vectors are sparse, so that
hundreds of thousands of captions fit; equal similarities go to the earlier training sample.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import ClassVar

import numpy as np
from scipy import sparse

from bench.errors import UsageError
from bench.formats.arrays import to_pixels
from bench.generators.base import Context, Generator
from bench.registry import register
from bench.types import Outcome, Request


class TfIdf:
    """tf-idf over words and word pairs, rows of unit length. idf = ln((1 + n) / (1 + df)) + 1."""

    def __init__(self, texts: Sequence[str]) -> None:
        counted = [Counter(_terms(text)) for text in texts]
        frequency = Counter(term for terms in counted for term in terms)
        self.places = {term: at for at, term in enumerate(sorted(frequency))}
        found = np.array([frequency[term] for term in self.places], np.float64)
        self.idf = np.log((1 + len(texts)) / (1 + found)) + 1
        self.matrix = self._rows(counted)

    def similarities(self, texts: Sequence[str]) -> np.ndarray:
        """(len(texts), n) cosines; words that no training caption has are ignored."""
        return (self._rows([Counter(_terms(text)) for text in texts]) @ self.matrix.T).toarray()

    def _rows(self, counted: Sequence[Counter[str]]) -> sparse.csr_matrix:
        known = [[(self.places[t], c) for t, c in sorted(terms.items()) if t in self.places] for terms in counted]
        columns = np.array([at for row in known for at, _ in row], np.int64)
        values = np.array([c for row in known for _, c in row], np.float64) * self.idf[columns]
        starts = np.concatenate([[0], np.cumsum([len(row) for row in known])])
        lengths = np.array([np.sqrt((values[a:b] ** 2).sum()) for a, b in pairwise(starts)])
        values /= np.repeat(np.where(lengths > 0, lengths, 1), np.diff(starts))
        return sparse.csr_matrix((values, columns, starts), shape=(len(known), len(self.places)))


def _terms(text: str) -> list[str]:
    words = re.findall(r"\w+", text.casefold())
    return [*words, *(f"{a} {b}" for a, b in pairwise(words))]


@register("generator", "nearest", summary="control: the training image whose caption is nearest to the prompt")
class Nearest(Generator):
    """The k-th image of a prompt is the k-th nearest training image."""

    control: ClassVar[bool] = True

    def setup(self, context: Context) -> None:
        """Index the captions of the training split. Raises UsageError when there is none with images."""
        super().setup(context)
        own = [(c, s.id, s.reference) for s in context.training() if s.reference is not None for c in s.captions]
        if not own:
            raise UsageError("nearest needs a dataset with a training split that has images, such as scenes.")
        self.index = TfIdf([caption for caption, _, _ in own])
        self.owners = [name for _, name, _ in own]
        self.locators = {name: locator for _, name, locator in own}

    def generate(self, requests: Sequence[Request]) -> Iterator[Outcome]:
        rows = self.index.similarities([request.prompt for request in requests])
        for request, row in zip(requests, rows, strict=True):
            donor, similarity = self._donor(row, request.k)
            pixels = to_pixels(self.context.load_image(self.locators[donor]))
            image = pixels if request.frames == 1 else [pixels] * request.frames
            yield Outcome(image=image, info={"donor": donor, "similarity": round(similarity, 6)})

    def _donor(self, row: np.ndarray, k: int) -> tuple[str, float]:
        """The k-th nearest training sample; beyond the last one it begins again."""
        if k == 0:
            best = int(np.argmax(row))
            return self.owners[best], float(row[best])
        order = np.argsort(-row, kind="stable")
        distinct = list(dict.fromkeys(self.owners[at] for at in order))
        chosen = distinct[k % len(distinct)]
        return chosen, float(max(row[at] for at in order if self.owners[at] == chosen))
