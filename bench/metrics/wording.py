"""`redescription`, `text-rendering`: what a captioner says of the image, and what can be read in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch

from bench.errors import UsageError
from bench.functional import multiset_f1, rendered_exactly, rendering_similarity
from bench.functional.wording import quoted, words
from bench.metrics.base import mean_output
from bench.metrics.detections import NOTHING
from bench.metrics.rowwise import Rowwise
from bench.registry import register
from bench.types import Sample, View
from bench.world.parsing import parse


class _OfText(Rowwise):
    """A metric of a text that an extractor gives for the image."""

    def __init__(self, extractor: str) -> None:
        super().__init__(extractor)
        self.extractor = str(extractor)

    def views(self) -> Mapping[str, View]:
        return {"read": View("generated", "text", self.extractor), "truth": View("sample", "truth")}

    def update(self, *, read: Sequence[str], truth: Sequence[Sample], ids: Sequence[str] | None = None) -> None:
        """Aligned lists of length b."""
        rows = [self.judge(t, s) for t, s in zip(read, truth, strict=True)]
        if rows:
            self.append(*torch.tensor(rows, dtype=torch.float64).T)

    def judge(self, text: str, sample: Sample) -> tuple[float, float]:
        """The columns of one image."""
        raise NotImplementedError


@register(
    "metric", "redescription", summary="agreement of a caption of the image with the prompt", scope="sample",
    direction="higher",
)  # fmt: skip
class Redescription(_OfText):
    """The image is captioned and the caption compared with the prompt.

    slots: F1 of the multisets of (colour, shape) that both name, where the grammar of the scenes reads both; words: F1
    of their words, best over the sample's captions.
    """

    formula = "F1 of the multisets of (colour, shape) of caption and prompt; F1 of their words"
    columns: ClassVar[tuple[str, ...]] = ("slots", "words")
    outputs = (
        mean_output("slots", "redescription, slots", column="slots"),
        mean_output("words", "redescription, words", column="words", primary=False),
    )
    responds_to = ("wrong-colour", "wrong-shape", "wrong-count", "shuffled", "constant", "noise")
    paper = "Qiao et al. 2019, arXiv:1903.05854"

    def __init__(self, extractor: str = "scene-captioner") -> None:
        super().__init__(extractor)

    def judge(self, text: str, sample: Sample) -> tuple[float, float]:
        shared = max(multiset_f1(words(text), words(c)) for c in sample.captions)
        wanted = _slots(sample.prompt)
        if wanted is None:
            return NOTHING, shared
        said = _slots(text) if text else []
        return (NOTHING if said is None else multiset_f1(said, wanted)), shared


def _slots(text: str) -> list[tuple[str, str]] | None:
    """(colour, shape) of each object that a sentence names; None where it is no sentence of the scenes."""
    try:
        return [(d.colour, d.shape) for d in parse(text).objects for _ in range(d.count)]
    except UsageError:
        return None


@register(
    "metric", "text-rendering", summary="does the writing in the image say what the prompt quotes?", scope="sample",
    direction="higher",
)  # fmt: skip
class TextRendering(_OfText):
    """exact: the quoted text is among what is read, whole. similarity: 1 - edit distance over the longer length.

    The wanted texts are those that the prompt puts in quotation marks (joined by spaces); other prompts do not count.
    extractor: one that reads writing.
    """

    formula = "exact = 1[quoted text read whole]; similarity = 1 - edit distance / longer length"
    columns: ClassVar[tuple[str, ...]] = ("exact", "similarity")
    outputs = (
        mean_output("exact", "text exact", column="exact"),
        mean_output("similarity", "text similarity", column="similarity"),
    )
    responds_to = ("shuffled", "constant", "noise")
    paper = "Damerau 1964, doi:10.1145/363958.363994"

    def judge(self, text: str, sample: Sample) -> tuple[float, float]:
        asked = quoted(sample.prompt)
        if not asked:
            return NOTHING, NOTHING
        return float(all(rendered_exactly(text, one) for one in asked)), rendering_similarity(text, " ".join(asked))
