"""`r-precision` (Xu et al. 2018, arXiv 1711.10485) and `retrieval`: is each image found by its text, and each text by
its image?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from bench.functional import checks, r_precision
from bench.functional.retrieval import Ranks, ranks_from_features
from bench.metrics.base import Metric, mean_output
from bench.metrics.rowwise import estimates, mark
from bench.registry import register
from bench.types import Estimator, OutputCard, Sample, View


class _Gallery(Metric):
    """Embeddings of all pairs, kept until compute; meanings decide who is whose mismatch."""

    scope = "gallery"
    minimum = 2

    def __init__(self, extractor: str, *parameters: object) -> None:
        super().__init__()
        self.extractor = str(extractor)
        kept = ("image", "text", "keys", "meanings")
        self.states = {name: self.add_rows(name, extractor, *parameters) for name in kept}

    def views(self) -> Mapping[str, View]:
        return {
            "image": View("generated", "features", self.extractor),
            "text": View("prompt", "features", self.extractor),
            "truth": View("sample", "truth"),
        }

    def update(
        self, *, image: torch.Tensor, text: torch.Tensor, truth: Sequence[Sample], ids: Sequence[str] | None = None
    ) -> None:
        """Aligned embeddings (b, d), (b, d) and the samples they belong to. A zero vector, without direction, is
        NotFinite."""
        for name, rows in (("image", image), ("text", text)):
            checks.unit(checks.features(rows, name, ids=ids), name, ids)
        if ids is None:
            start = len(self.joined(self.states["keys"]))
            ids = [str(start + i) for i in range(len(image))]
        marks = {"keys": ids, "meanings": [s.meaning for s in truth]}
        columns = {n: torch.tensor([mark(t) for t in texts], dtype=torch.int64) for n, texts in marks.items()}
        for name, rows in {"image": image.detach(), "text": text.detach(), **columns}.items():
            getattr(self, self.states[name]).append(rows)

    def side(self, name: str) -> torch.Tensor:
        """All embeddings (n, d) of a side, on the CPU."""
        found = self.joined(self.states[name]).cpu()
        self.need(len(found))
        return found

    def marks(self, name: str) -> list[str]:
        """The key or the meaning of each row."""
        return [str(m) for m in self.joined(self.states[name]).tolist()]

    def compute(self) -> torch.Tensor | dict[str, torch.Tensor]:
        return estimates(self, self.table())


@register(
    "metric",
    "r-precision",
    summary="true prompt ranked first among 99 others, by cosine",
    scope="gallery",
    direction="higher",
)
class RPrecision(_Gallery):
    """Share of images whose own prompt is nearest among `candidates` prompts of different meaning; chance 1/candidates.

    The others are drawn by (seed, row), without replacement; ties share the credit. A text picked at random is rarely
    wrong in number or side alone, so that such errors hardly show.
    """

    outputs = (mean_output("value", "R-precision"),)
    responds_to = ("wrong-colour", "wrong-shape", "shuffled", "constant", "noise")
    paper = "Xu et al. 2018, arXiv:1711.10485"

    def __init__(
        self, extractor: str = "open-clip(model=ViT-B-32,pretrained=openai)", candidates: int = 100, seed: int = 0
    ) -> None:
        super().__init__(extractor, candidates, seed)
        self.candidates, self.seed = candidates, seed
        self.minimum = self.minimum_meanings = candidates
        self.remedy = "give more or lower candidates"

    def table(self) -> dict[str, np.ndarray]:
        credit = r_precision(
            self.side("image"),
            self.side("text"),
            candidates=self.candidates,
            seed=self.seed,
            meaning=self.marks("meanings"),
            keys=self.marks("keys"),
        )
        return {"score": credit.cpu().numpy()}


_KS = (1, 5, 10)


def _outputs() -> tuple[OutputCard, ...]:
    found: list[OutputCard] = []
    for way, name in (("t2i", "text to image"), ("i2t", "image to text")):
        for k in _KS:
            found.append(mean_output(f"{way}.R@{k}", f"{name} R@{k}", column=f"{way}.R@{k}", primary=k == 1))
        rank = Estimator("median", (f"{way}.rank",))
        found.append(OutputCard(f"{way}.median_rank", f"{name} median rank", "lower", 1.0, None, "", False, rank))
        found.append(mean_output(f"{way}.mAP", f"{name} mAP", column=f"{way}.AP", primary=False))
    return tuple(found)


@register(
    "metric",
    "retrieval",
    summary="retrieval accuracy over the whole gallery, both ways",
    scope="gallery",
    direction="higher",
)
class Retrieval(_Gallery):
    """R@1, R@5, R@10, median rank and mAP of each image's prompt among all images (t2i), and of each image among all
    prompts (i2t).

    All images of one meaning are right for its text. Prompts of one meaning are one text of the gallery, in the wording
    of one of their rows, chosen by id. Ties count by expectation; a missing image has the worst rank.
    """

    outputs = _outputs()
    responds_to = ("wrong-colour", "wrong-shape", "wrong-count", "wrong-side", "shuffled", "constant", "noise")

    def __init__(self, extractor: str = "open-clip(model=ViT-B-32,pretrained=openai)") -> None:
        super().__init__(extractor)

    def table(self) -> dict[str, np.ndarray]:
        image, text = self.side("image"), self.side("text")
        meanings, keys = self.marks("meanings"), self.marks("keys")
        first = {meanings[i]: i for i in sorted(range(len(keys)), key=keys.__getitem__, reverse=True)}
        names = sorted(first)
        texts = text[torch.tensor([first[m] for m in names])]
        place = {m: i for i, m in enumerate(names)}
        own = torch.tensor([place[m] for m in meanings])
        to_text = ranks_from_features(image, texts, (meanings, names))
        to_image = ranks_from_features(texts, image, (names, meanings))
        return {**_columns("t2i", Ranks(*(column[own] for column in to_image))), **_columns("i2t", to_text)}

    def missing(self) -> Mapping[str, float]:
        meanings = self.marks("meanings")
        worst = {"t2i.rank": float(len(meanings)), "i2t.rank": float(len(set(meanings)))}
        return {**super().missing(), **{name: rank for name, rank in worst.items() if rank}}


def _columns(way: str, ranks: Ranks) -> dict[str, Any]:
    found = {f"{way}.R@{k}": ranks.recall(k) for k in _KS}
    found |= {f"{way}.rank": ranks.rank(), f"{way}.AP": ranks.average_precision}
    return {name: column.cpu().numpy() for name, column in found.items()}
