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
from bench.metrics.rowwise import estimates
from bench.registry import register
from bench.types import Estimator, OutputCard, Sample, View


class _Gallery(Metric):
    """Embeddings of all pairs, kept until compute; meanings decide who is whose mismatch."""

    scope = "gallery"
    minimum = 2

    def __init__(self, extractor: str) -> None:
        super().__init__()
        self.extractor = str(extractor)
        self.prefix = type(self).__name__.lower()
        for side in ("image", "text"):
            self.add_state(f"{self.prefix}_{side}", [], dist_reduce_fx="cat", persistent=True)
        self.keys: list[str] = []
        self.samples: list[Sample] = []

    def views(self) -> Mapping[str, View]:
        return {
            "image": View("generated", "features", self.extractor),
            "text": View("prompt", "features", self.extractor),
            "truth": View("sample", "truth"),
        }

    def update(
        self, *, image: torch.Tensor, text: torch.Tensor, truth: Sequence[Sample], ids: Sequence[str] | None = None
    ) -> None:
        """Aligned embeddings (b, d), (b, d) and the samples they belong to."""
        checks.features(image, "image", ids=ids)
        checks.features(text, "text", ids=ids)
        getattr(self, f"{self.prefix}_image").append(image.detach())
        getattr(self, f"{self.prefix}_text").append(text.detach())
        start = len(self.keys)
        self.keys += list(ids) if ids is not None else [str(start + i) for i in range(len(image))]
        self.samples += list(truth)

    def reset(self) -> None:
        self.keys, self.samples = [], []
        super().reset()

    def side(self, name: str) -> torch.Tensor:
        """All embeddings (n, d) of a side."""
        held = getattr(self, f"{self.prefix}_{name}")
        found = torch.cat(held) if isinstance(held, list) and held else held
        self.need(len(found))
        return found

    def compute(self) -> torch.Tensor | dict[str, torch.Tensor]:
        found = estimates(self, self.table())
        return found["value"] if list(found) == ["value"] else found


@register(
    "metric",
    "r-precision",
    summary="true prompt ranked first among 99 others, by cosine",
    scope="gallery",
    direction="higher",
)
class RPrecision(_Gallery):
    """Share of images whose own prompt is nearest among `candidates` prompts of different meaning; chance 1/candidates.

    The others are drawn by (seed, row), without replacement; ties share the credit.
    """

    outputs = (mean_output("value", "R-precision"),)
    responds_to = ("wrong-colour", "wrong-shape", "wrong-count", "shuffled", "constant", "noise")
    paper = "Xu et al. 2018, arXiv:1711.10485"

    def __init__(
        self, extractor: str = "open-clip(model=ViT-B-32,pretrained=openai)", candidates: int = 100, seed: int = 0
    ) -> None:
        super().__init__(extractor)
        self.candidates, self.seed = candidates, seed
        self.minimum = self.minimum_meanings = candidates

    def table(self) -> dict[str, np.ndarray]:
        credit = r_precision(
            self.side("image"),
            self.side("text"),
            candidates=self.candidates,
            seed=self.seed,
            meaning=[s.meaning for s in self.samples],
            keys=self.keys,
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
    """R@1, R@5, R@10, median rank and mAP: texts of one meaning are each other's positives, and so are their images.

    Gallery: all images of the run, and all its different meanings. Ties count by expectation.
    """

    outputs = _outputs()
    responds_to = ("wrong-colour", "wrong-shape", "wrong-count", "shuffled", "constant", "noise")

    def __init__(self, extractor: str = "open-clip(model=ViT-B-32,pretrained=openai)") -> None:
        super().__init__(extractor)

    def table(self) -> dict[str, np.ndarray]:
        image, text = self.side("image"), self.side("text")
        meanings = [s.meaning for s in self.samples]
        order = np.argsort(self.keys, kind="stable")
        first = {meanings[i]: int(i) for i in reversed(order)}
        names = sorted(first)
        texts = text[torch.tensor([first[m] for m in names], device=text.device)]
        to_text = ranks_from_features(image, texts, (meanings, names))
        to_image = ranks_from_features(texts, image, (names, meanings))
        place = _places(names, meanings)
        return {**_columns("t2i", Ranks(*(c[place] for c in to_image))), **_columns("i2t", to_text)}


def _places(names: Sequence[str], meanings: Sequence[str]) -> torch.Tensor:
    number = {m: i for i, m in enumerate(names)}
    return torch.tensor([number[m] for m in meanings])


def _columns(way: str, ranks: Ranks) -> dict[str, Any]:
    found = {f"{way}.R@{k}": ranks.recall(k) for k in _KS}
    found |= {f"{way}.rank": ranks.rank(), f"{way}.AP": ranks.average_precision}
    return {name: column.cpu().numpy() for name, column in found.items()}
