"""`preference-accuracy`: does a model of preferences order the images of a prompt as people did?"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
import torch

from bench.errors import DataError, UsageError, did_you_mean
from bench.functional import checks, cosine
from bench.functional.rules import OVER_PROMPTS, PREFERENCE_TIES, preference_pairs
from bench.metrics.detections import NOTHING
from bench.metrics.rowwise import Rowwise, mark
from bench.registry import register
from bench.types import Estimator, OutputCard, Sample, View

_OF = ("logits", "features")


@register(
    "metric", "preference-accuracy", summary="share of pairs of images that a model orders as people did",
    scope="group", direction="higher",
)  # fmt: skip
class PreferenceAccuracy(Rowwise):
    """Pairs of images of one group that the model's score orders as people's ranks do; a test of the model, on images
    that people have ranked (imagereward and hpdv2 with per=image).

    of: logits (a reward, as image-reward gives it) or features (the cosine with the prompt, as HPSv2 and PickScore).
    ties: the published rule, imagereward, hpsv2 (mean over prompts) or pickscore, or expected, which gives a constant
    model one half. threshold: how little two scores of a tie differ. A rank is the sample's tag `rank`, or, for the
    k-th image of a sample, the k-th of its tag `ranking`.
    """

    formula = "share of pairs in which sign(score_a - score_b) is that of people's ranks; ties by the rule named"
    scope = "group"
    columns: ClassVar[tuple[str, ...]] = ("score",)
    outputs = (
        OutputCard(
            "value", "preference accuracy", "higher", 0.0, 1.0, estimator=Estimator("ratio", ("right", "pairs"))
        ),
    )
    responds_to = ("shuffled", "constant")
    paper = "Xu et al. 2023, arXiv:2304.05977"

    def __init__(
        self, extractor: str = "image-reward", of: str = "logits", ties: str = "imagereward", threshold: float = 0.0
    ) -> None:
        if of not in _OF or ties not in PREFERENCE_TIES:
            word, known = (of, _OF) if of not in _OF else (ties, PREFERENCE_TIES)
            raise UsageError(
                f"preference-accuracy has no '{word}'; allowed: {', '.join(known)}.{did_you_mean(word, known)}"
            )
        if not 0 <= float(threshold) < float("inf"):
            raise UsageError(
                f"threshold={threshold} of preference-accuracy is no difference of scores; give 0 or more."
            )
        super().__init__(extractor, of, ties, threshold)
        self.extractor, self.of, self.ties, self.threshold = str(extractor), of, ties, float(threshold)
        self.people = self.add_rows("people", extractor, of, ties, threshold)

    def views(self) -> Mapping[str, View]:
        truth = View("sample", "truth")
        if self.of == "logits":
            return {"reward": View("generated", "logits", self.extractor, "prompt"), "truth": truth}
        image = View("generated", "features", self.extractor)
        return {"image": image, "text": View("prompt", "features", self.extractor), "truth": truth}

    def update(
        self,
        *,
        truth: Sequence[Sample],
        reward: torch.Tensor | None = None,
        image: torch.Tensor | None = None,
        text: torch.Tensor | None = None,
        ids: Sequence[str] | None = None,
    ) -> None:
        """Rewards (b, 1), or aligned embeddings (b, d), (b, d); with the samples."""
        if reward is not None:
            scores = checks.features(reward, "reward", ids=ids)[:, 0].double()
        else:
            assert image is not None and text is not None
            scores = cosine(image, text, ids=ids)
        if not truth:
            return
        self.append(scores)
        names = ids or [s.id for s in truth]
        people = [[mark(s.group), _rank(s, name)] for s, name in zip(truth, names, strict=True)]
        getattr(self, self.people).append(torch.tensor(people, dtype=torch.int64))

    def table(self) -> dict[str, np.ndarray]:
        """Each row has its half of its pairs; where the rule is a mean over prompts, its part of its prompt's."""
        scores = self.held()[:, 0].numpy(force=True)
        groups, ranks = self.joined(self.people).numpy(force=True).T
        right, pairs = np.full(len(scores), NOTHING), np.full(len(scores), NOTHING)
        order = np.argsort(groups, kind="stable")
        for at in np.split(order, np.flatnonzero(np.diff(groups[order])) + 1):
            ranked = at[ranks[at] > 0]
            a, b = preference_pairs(scores[ranked], ranks[ranked], ties=self.ties, threshold=self.threshold)
            if b.sum() > 0:
                whole = b.sum() if self.ties in OVER_PROMPTS else 1.0
                right[ranked], pairs[ranked] = a / whole, b / whole
        return {"right": right, "pairs": pairs}


def _rank(sample: Sample, name: str) -> int:
    """People's rank of an image ('sample#k'), 1 the best; 0 where they gave none."""
    if "rank" in sample.tags:
        return _whole(sample.tags["rank"], sample)
    if "ranking" not in sample.tags:
        return 0
    try:
        ranking, k = json.loads(sample.tags["ranking"]), name.rpartition("#")[2]
        return _whole(ranking[int(k)], sample) if "#" in name and int(k) < len(ranking) else 0
    except (ValueError, TypeError, KeyError) as error:
        raise DataError(f"The tag 'ranking' of sample '{sample.id}' is no list of ranks: {error}.") from error


def _whole(given: object, sample: Sample) -> int:
    text = str(given)
    if not text.isdecimal() or not 1 <= int(text) < 2**31:
        raise DataError(f"The rank of sample '{sample.id}' is '{text[:40]}'; ranks are whole numbers from 1.")
    return int(text)
