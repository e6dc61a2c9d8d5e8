"""`pair-accuracy`, `winoground`, `tise-pa`: is an image nearer to its true caption than to a false one?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
import torch

from bench.errors import UsageError, did_you_mean
from bench.functional import cosine
from bench.functional.rules import PAIR_TIES, caption_credit, positional_alignment, winoground
from bench.metrics.base import mean_output
from bench.metrics.detections import NOTHING
from bench.metrics.rowwise import Rowwise, mark
from bench.registry import register
from bench.types import Estimator, OutputCard, Sample, View

CLIP = "open-clip(model=ViT-B-32,pretrained=openai)"


class _OfCaptions(Rowwise):
    """A verdict on each image by the embeddings of its prompt and of its sample's false captions; samples without one
    do not count. by: the samples' tag whose values count alike ('': all pairs do)."""

    needs: ClassVar[tuple[str, ...]] = ("negatives",)
    responds_to = ("shuffled", "constant", "noise")
    label: ClassVar[str] = ""

    def __init__(self, extractor: str, by: str, *parameters: object) -> None:
        super().__init__(extractor, by, *parameters)
        self.extractor, self.by = str(extractor), str(by)
        self.kinds = self.add_rows("kinds", extractor, by, *parameters)
        macro = Estimator("macro", ("score", self.by))
        self.outputs: tuple[OutputCard, ...] = (  # type: ignore[misc]
            OutputCard("value", self.label, "higher", 0.0, 1.0, estimator=macro)
            if self.by
            else mean_output("value", self.label),
        )

    def views(self) -> Mapping[str, View]:
        return {
            "image": View("generated", "features", self.extractor),
            "text": View("prompt", "features", self.extractor),
            "negatives": View("negatives", "features", self.extractor),
            "truth": View("sample", "truth"),
        }

    def update(
        self,
        *,
        image: torch.Tensor,
        text: torch.Tensor,
        negatives: Sequence[torch.Tensor],
        truth: Sequence[Sample],
        ids: Sequence[str] | None = None,
    ) -> None:
        """Aligned embeddings (b, d), (b, d), a (c_i, d) for each row, and the samples."""
        if not truth:
            return
        self.append(self.judge(image, text, negatives, ids))
        kinds = [mark(s.tags.get(self.by, "")) for s in truth]
        getattr(self, self.kinds).append(torch.tensor(kinds, dtype=torch.int64))

    def tags(self) -> dict[str, np.ndarray]:
        return {self.by: self.joined(self.kinds).numpy(force=True)} if self.by else {}

    def judge(
        self, image: torch.Tensor, text: torch.Tensor, negatives: Sequence[torch.Tensor], ids: Sequence[str] | None
    ) -> torch.Tensor:
        """(b,) the verdicts."""
        raise NotImplementedError


def _against(image: torch.Tensor, negatives: Sequence[torch.Tensor], ids: Sequence[str] | None) -> list[torch.Tensor]:
    """The cosines of each image with its false captions."""
    counts = [len(n) for n in negatives]
    if not sum(counts):
        return [torch.zeros(0, dtype=torch.float64)] * len(counts)
    rows = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    names = None if ids is None else [ids[i] for i in rows.tolist()]
    false = torch.cat([n for n in negatives if len(n)]).to(image.device)
    return list(cosine(image[rows.to(image.device)], false, ids=names).cpu().split(counts))


@register(
    "metric", "pair-accuracy", summary="the true caption beats the false ones (SugarCrepe, ARO)", scope="sample",
    direction="higher",
)  # fmt: skip
class PairAccuracy(_OfCaptions):
    """Share of images that are nearer to their caption than to each of its false ones, by cosine: a test of the model,
    on photographs (system `real`), or of a system's images by a model that is trusted.

    ties: wrong, as the benchmarks' own code has it; right, as where the first of the largest is taken; half. by: a tag
    whose values count alike, e.g. split (SugarCrepe) or about (ARO's mean over relations); default: all pairs.
    """

    formula = "1[cos(image, caption) > max over false captions of cos(image, caption)]"
    label = "pair accuracy"
    outputs = (mean_output("value", "pair accuracy"),)
    paper = "Hsieh et al. 2023, arXiv:2306.14610"

    def __init__(self, extractor: str = CLIP, ties: str = "wrong", by: str = "") -> None:
        if ties not in PAIR_TIES:
            raise UsageError(f"pair-accuracy has no ties='{ties}'.{did_you_mean(ties, PAIR_TIES)}")
        super().__init__(extractor, by, ties)
        self.ties = ties

    def judge(
        self, image: torch.Tensor, text: torch.Tensor, negatives: Sequence[torch.Tensor], ids: Sequence[str] | None
    ) -> torch.Tensor:
        true = cosine(image, text, ids=ids).cpu().numpy()
        return torch.from_numpy(caption_credit(true, [f.numpy() for f in _against(image, negatives, ids)],
                                               ties=self.ties))  # fmt: skip


@register(
    "metric", "tise-pa", summary="the true word of position beats the false one, surely (TISE's PA)", scope="sample",
    direction="higher",
)  # fmt: skip
class TisePositional(_OfCaptions):
    """Share of images to which CLIP's softmax over the caption and the one with its word of position turned round gives
    the true one more than .6; mean over the words (`by` names the samples' tag)."""

    formula = "mean over words of 1[softmax(100 cos(image, true), 100 cos(image, false)) > 0.6]"
    label = "positional alignment (PA)"
    outputs = (mean_output("value", "positional alignment (PA)"),)
    paper = "Dinh et al. 2022, arXiv:2112.01398"

    def __init__(self, extractor: str = CLIP, by: str = "word") -> None:
        super().__init__(extractor, by)

    def judge(
        self, image: torch.Tensor, text: torch.Tensor, negatives: Sequence[torch.Tensor], ids: Sequence[str] | None
    ) -> torch.Tensor:
        false = _against(image, negatives, ids)
        there = [i for i, one in enumerate(false) if len(one)]
        found = torch.full((len(false),), NOTHING, dtype=torch.float64)
        cosine(image, text, ids=ids)  # what is not finite is told with its row
        nearest = [negatives[i][int(false[i].argmax())] for i in there]
        if there:
            verdicts = positional_alignment(image[there], text[there], torch.stack(nearest).to(image.device))
            found[there] = verdicts.double().cpu()
        return found


@register(
    "metric", "winoground", summary="two captions of the same words find their images (Winoground)", scope="group",
    direction="higher",
)  # fmt: skip
class Winoground(Rowwise):
    """text: each image of a pair prefers its own caption; image: each caption prefers its own image; group: both.
    Chance is 1/4, 1/4 and 1/6.

    A pair is the two samples of one group. ties: wrong (strict, as published) or right.
    """

    formula = "text: s(c0,i0) > s(c1,i0) and s(c1,i1) > s(c0,i1); image: s(c0,i0) > s(c0,i1) and s(c1,i1) > s(c1,i0)"
    scope = "group"
    outputs: ClassVar[tuple[OutputCard, ...]] = tuple(
        mean_output(name, f"Winoground {name}", column=name, primary=name == "group")
        for name in ("group", "text", "image")
    )
    responds_to = ("shuffled", "constant", "noise")
    paper = "Thrush et al. 2022, arXiv:2204.03162"

    def __init__(self, extractor: str = CLIP, ties: str = "wrong") -> None:
        if ties not in ("wrong", "right"):
            raise UsageError(f"Ties of winoground are wrong or right; got '{ties}'.")
        super().__init__(extractor, ties)
        self.extractor, self.ties = str(extractor), ties
        self.image, self.text, self.pairs = (self.add_rows(n, extractor, ties) for n in ("image", "text", "pairs"))

    def views(self) -> Mapping[str, View]:
        return {
            "image": View("generated", "features", self.extractor),
            "text": View("prompt", "features", self.extractor),
            "truth": View("sample", "truth"),
        }

    def update(
        self, *, image: torch.Tensor, text: torch.Tensor, truth: Sequence[Sample], ids: Sequence[str] | None = None
    ) -> None:
        """Aligned embeddings (b, d), (b, d) and the samples; ids ('sample#k') tell the repeats of a pair apart."""
        if not truth:
            return
        self.append(cosine(image, text, ids=ids))
        repeats = ["0" if ids is None else ids[i].rpartition("#")[2] for i in range(len(truth))]
        marks = [[mark(f"{s.group}\n{k}"), mark(s.id)] for s, k in zip(truth, repeats, strict=True)]
        for state, rows in ((self.image, image), (self.text, text), (self.pairs, torch.tensor(marks))):
            getattr(self, state).append(rows.detach())

    def table(self) -> dict[str, np.ndarray]:
        """Both rows of a pair have its verdicts; a row without its other one has none."""
        own = self.held()[:, 0].cpu()
        image, text = (self.joined(state).cpu() for state in (self.image, self.text))
        groups, samples = self.joined(self.pairs).numpy(force=True).T
        order = np.lexsort((samples, groups))
        parts = np.split(order, np.flatnonzero(np.diff(groups[order])) + 1)
        whole = np.array([p for p in parts if len(p) == 2 and samples[p[0]] != samples[p[1]]], dtype=int).reshape(-1, 2)
        found = {name: np.full(len(own), NOTHING) for name in ("group", "text", "image")}
        if len(whole):
            a, b = torch.from_numpy(whole).T
            first, second = cosine(image[b], text[a]), cosine(image[a], text[b])
            scores = torch.stack([torch.stack([own[a], first], 1), torch.stack([second, own[b]], 1)], 1)
            for name, values in zip(
                ("text", "image", "group"), winoground(scores.numpy(), ties=self.ties), strict=True
            ):
                found[name][whole] = values[:, None]
        return found
