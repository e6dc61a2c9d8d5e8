"""`dpg`: DPG-Bench's score of dense prompts, with a score for each category of questions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import torch

from bench.functional.rules import counted_answers
from bench.metrics.answers import OfAnswers, parents_of, right
from bench.metrics.base import mean_output
from bench.metrics.detections import NOTHING
from bench.metrics.rowwise import mark
from bench.registry import register
from bench.types import Answers, Estimator, OutputCard, Sample

CATEGORIES = ("entity", "attribute", "relation", "global", "other")


@register(
    "metric", "dpg", summary="DPG-Bench: questions answered right by their graph, and by category", scope="group",
    direction="higher",
)  # fmt: skip
class Dpg(OfAnswers):
    """As dsg: a question counts as no where any that it depends on, directly or not, was answered no; mean over an
    image's questions, then over images (four tiles are four images). A category's score is the share of its questions.

    The published script takes categories from the bare answers (raw_categories=true), of the last image of a prompt
    alone (last_image=true), and leaves out the first question of its file, which the data set here keeps.
    """

    formula = "mean over images of the share of questions that are right with all that they depend on"
    scope = "group"
    columns: ClassVar[tuple[str, ...]] = (
        "score", *(f"{c} {part}" for c in CATEGORIES for part in ("right", "asked"))
    )  # fmt: skip
    outputs: ClassVar[tuple[OutputCard, ...]] = (
        mean_output("score", "DPG"),
        *(
            OutputCard(c, f"DPG {c}", "higher", 0.0, 1.0, primary=False,
                       estimator=Estimator("ratio", (f"{c} right", f"{c} asked")))
            for c in CATEGORIES
        ),
    )  # fmt: skip
    paper = "Hu et al. 2024, arXiv:2403.05135"

    def __init__(
        self, extractor: str = "scene-answers", raw_categories: bool = False, last_image: bool = False
    ) -> None:
        super().__init__(extractor, raw_categories, last_image)
        self.raw, self.last = bool(raw_categories), bool(last_image)
        self.places = self.add_rows("places", extractor, raw_categories, last_image)

    def update(self, *, answers: Sequence[Answers], truth: Sequence[Sample], ids: Sequence[str] | None = None) -> None:
        """Aligned lists of length b. ids ('sample#k') say which image of a prompt is the last; else the order does."""
        if not truth:
            return
        rows = np.array([self._row(a, s) for a, s in zip(answers, truth, strict=True)])
        self.append(*torch.from_numpy(rows).T)
        start = len(self.joined(self.places))
        order = [start + i if ids is None else int(ids[i].rpartition("#")[2]) for i in range(len(truth))]
        places = [[mark(s.id), k] for s, k in zip(truth, order, strict=True)]
        getattr(self, self.places).append(torch.tensor(places, dtype=torch.int64))

    def _row(self, answers: Answers, sample: Sample) -> list[float]:
        asked = sample.questions
        if not asked:
            return [NOTHING] * len(self.columns)
        said = np.array([right(answers, q) for q in asked])
        counted = counted_answers(said, parents_of(asked))
        kinds = [q.kind.casefold().split("-")[0].strip() for q in asked]
        given = said if self.raw else counted
        parts = [[given[i] for i, kind in enumerate(kinds) if kind == c] for c in CATEGORIES]
        return [float(counted.mean()), *(float(v) for part in parts for v in (sum(part), len(part)))]

    def table(self) -> dict[str, np.ndarray]:
        rows = super().table()
        if not self.last:
            return rows
        of, k = self.joined(self.places).numpy(force=True).T
        _, code = np.unique(of, return_inverse=True)
        latest = np.full(code.max() + 1, -1)
        np.maximum.at(latest, code, k)
        other = latest[code] != k
        return {n: v if n == "score" else np.where(other & np.isfinite(v), 0.0, v) for n, v in rows.items()}
