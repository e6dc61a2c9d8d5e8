"""`r-precision` (Xu et al. 2018, arXiv 1711.10485) and `retrieval`: is each image found by its text, and each text by
its image?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, get_args

import numpy as np
import torch

from bench.errors import UsageError
from bench.functional import checks, r_precision
from bench.functional.retrieval import Ranks, Ties, ranks_from_features
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
        kept = ("image", "text", "keys", "meanings", "groups")
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
        marks = {"keys": ids, "meanings": [s.meaning for s in truth], "groups": [s.group for s in truth]}
        columns = {n: torch.tensor([mark(t) for t in texts], dtype=torch.int64) for n, texts in marks.items()}
        for name, rows in {"image": image.detach(), "text": text.detach(), **columns}.items():
            getattr(self, self.states[name]).append(rows)

    def side(self, name: str) -> torch.Tensor:
        """All embeddings (n, d) of a side, on the CPU."""
        found = self.joined(self.states[name]).cpu()
        self.need(len(found))
        return found

    def marks(self, name: str) -> list[str]:
        """The key, the meaning or the group of each row."""
        return [str(m) for m in self.joined(self.states[name]).tolist()]

    def compute(self) -> torch.Tensor | dict[str, torch.Tensor]:
        return estimates(self, self.table())


@register(
    "metric",
    "r-precision",
    summary="true prompt ranked first among mismatched ones, by cosine",
    scope="gallery",
    direction="higher",
)
class RPrecision(_Gallery):
    """Share of images whose own prompt is among the `top` nearest of `candidates` prompts of different meaning; chance
    is top / candidates.

    The others are drawn by (seed, row), without replacement unless replace=true, as one published script has it. ties:
    expected, or optimistic as in published scripts, which gives a constant judge full marks. A text picked at random is
    rarely wrong in number or side alone, so that such errors hardly show.
    """

    formula = "share of images whose prompt is among the first R of 1 + 99 by cosine"
    outputs = (mean_output("value", "R-precision"),)
    responds_to = ("wrong-colour", "wrong-shape", "shuffled", "constant", "noise")
    paper = "Xu et al. 2018, arXiv:1711.10485"

    def __init__(
        self,
        extractor: str = "open-clip(model=ViT-B-32,pretrained=openai)",
        candidates: int = 100,
        seed: int = 0,
        top: int = 1,
        ties: Ties = "expected",
        replace: bool = False,
    ) -> None:
        if not 1 <= top < candidates or ties not in get_args(Ties):
            raise UsageError(
                f"top lies in 1..{candidates - 1} and ties is one of {', '.join(get_args(Ties))}; got {top} and {ties}."
            )
        super().__init__(extractor, candidates, seed, top, ties, replace)
        self.candidates, self.seed, self.top, self.ties, self.replace = candidates, seed, top, ties, bool(replace)
        if top > 1:
            self.outputs = (mean_output("value", f"R-precision, first {top}"),)  # type: ignore[misc]
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
            top=self.top,
            ties=self.ties,
            replace=self.replace,
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
        found.append(mean_output(f"{way}.MRR", f"{name} MRR", column=f"{way}.RR", primary=False))
        found.append(mean_output(f"{way}.mAP@R", f"{name} mAP@R", column=f"{way}.AP@R", primary=False))
    return tuple(found)


@register(
    "metric",
    "retrieval",
    summary="retrieval accuracy over the whole gallery, both ways",
    scope="gallery",
    direction="higher",
)
class Retrieval(_Gallery):
    """R@1, R@5, R@10, median and reciprocal rank, mAP and mAP@R of each image's prompt among all images (t2i), and of
    each image among all prompts (i2t).

    positives: 'meaning' (all images of one meaning are right for its text) or 'group' (all texts and images of one
    group, e.g. a photograph with several captions). Prompts of one meaning (in one group) are one text of the gallery,
    in the wording of one of their rows, chosen by id. ties: expected, optimistic or pessimistic. A missing image has
    the worst rank.
    """

    formula = (
        "R@K = share of queries with a right item among the first K; mAP@R = mean of (1 / R) sum_{k<=R} P(k) rel(k)"
    )
    outputs = _outputs()
    responds_to = ("wrong-colour", "wrong-shape", "wrong-count", "wrong-side", "shuffled", "constant", "noise")
    version = 2

    def __init__(
        self,
        extractor: str = "open-clip(model=ViT-B-32,pretrained=openai)",
        positives: str = "meaning",
        ties: Ties = "expected",
    ) -> None:
        if positives not in ("meaning", "group") or ties not in get_args(Ties):
            raise UsageError(
                f"positives is 'meaning' or 'group' and ties one of {', '.join(get_args(Ties))}; got {positives} and "
                f"{ties}."
            )
        super().__init__(extractor, positives, ties)
        self.positives, self.ties = positives, ties

    def _labels(self) -> tuple[list[str], list[str]]:
        """The text of the gallery that each row has, and what makes texts and images right for each other."""
        meanings, groups = self.marks("meanings"), self.marks("groups")
        if self.positives == "meaning":
            return meanings, meanings
        return [f"{m} {g}" for m, g in zip(meanings, groups, strict=True)], groups

    def table(self) -> dict[str, np.ndarray]:
        image, text, keys = self.side("image"), self.side("text"), self.marks("keys")
        said, right = self._labels()
        first = {said[i]: i for i in sorted(range(len(keys)), key=keys.__getitem__, reverse=True)}
        names = sorted(first)
        texts = text[torch.tensor([first[m] for m in names])]
        place = {m: i for i, m in enumerate(names)}
        own = torch.tensor([place[m] for m in said])
        labels = [right[first[m]] for m in names]
        to_text = ranks_from_features(image, texts, (right, labels))
        to_image = ranks_from_features(texts, image, (labels, right))
        return {
            **_columns("t2i", Ranks(*(column[own] for column in to_image)), self.ties),
            **_columns("i2t", to_text, self.ties),
        }

    def missing(self) -> Mapping[str, float]:
        said, _ = self._labels()
        worst = {"t2i.rank": float(len(said)), "i2t.rank": float(len(set(said)))}
        return {**super().missing(), **{name: rank for name, rank in worst.items() if rank}}


def _columns(way: str, ranks: Ranks, ties: Ties) -> dict[str, Any]:
    found = {f"{way}.R@{k}": ranks.recall(k, ties) for k in _KS}
    found |= {f"{way}.rank": ranks.rank(ties), f"{way}.RR": ranks.reciprocal(ties)}
    found |= {f"{way}.AP": ranks.average_precision, f"{way}.AP@R": ranks.precision_at_r}
    return {name: column.cpu().numpy() for name, column in found.items()}
