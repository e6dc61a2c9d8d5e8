"""`tifa`, `dsg`, `blip-vqa`: share of a sample's questions that are answered right from its image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
import torch

from bench.errors import DataError
from bench.functional.rules import blip_vqa, dsg, tifa
from bench.functional.wording import normalised_text
from bench.metrics.base import mean_output
from bench.metrics.detections import NOTHING
from bench.metrics.rowwise import Rowwise
from bench.registry import register
from bench.types import Answers, Question, Sample, View


class OfAnswers(Rowwise):
    """A metric of answers to the sample's questions; images of samples without questions do not count."""

    needs: ClassVar[tuple[str, ...]] = ("questions",)
    responds_to = ("wrong-colour", "wrong-shape", "wrong-count", "wrong-side", "shuffled", "constant", "noise")

    def __init__(self, extractor: str = "scene-answers", *parameters: object) -> None:
        super().__init__(extractor, *parameters)
        self.extractor = str(extractor)

    def views(self) -> Mapping[str, View]:
        return {
            "answers": View("generated", "answers", self.extractor, "questions"),
            "truth": View("sample", "truth"),
        }

    def update(self, *, answers: Sequence[Answers], truth: Sequence[Sample], ids: Sequence[str] | None = None) -> None:
        """Aligned lists of length b."""
        rows = [self.judge(a, s.questions) if s.questions else NOTHING for a, s in zip(answers, truth, strict=True)]
        if rows:
            self.append(torch.tensor(rows, dtype=torch.float64))

    def judge(self, answers: Answers, questions: Sequence[Question]) -> float:
        """The score of one image."""
        raise NotImplementedError


def right(answers: Answers, question: Question) -> float:
    """Whether a question is answered right; one that was not answered is not."""
    return float(normalised_text(answers.texts.get(question.id, "")) == normalised_text(question.answer))


def sure(answers: Answers, question: Question) -> float:
    """Probability of the right answer where the model gives one, else whether it is right."""
    return answers.probabilities.get(question.id, right(answers, question))


@register(
    "metric", "tifa", summary="share of the prompt's questions answered right", scope="sample", direction="higher"
)
class Tifa(OfAnswers):
    """Mean over a prompt's questions of right answers, then over prompts."""

    formula = "share of questions answered right, mean over prompts"
    outputs = (mean_output("value", "TIFA"),)
    paper = "Hu et al. 2023, arXiv:2303.11897"

    def judge(self, answers: Answers, questions: Sequence[Question]) -> float:
        return tifa([right(answers, q) for q in questions])


@register(
    "metric", "dsg", summary="questions answered right, void where what they depend on is not", scope="sample",
    direction="higher",
)  # fmt: skip
class Dsg(OfAnswers):
    """As tifa, where a question counts only if those that it depends on are answered right.

    cascade: all ancestors must be, as in the paper; false: the direct parents only, as in the published script.
    """

    formula = "as tifa, a question counting only if all that it depends on are right"
    outputs = (mean_output("value", "DSG"),)
    paper = "Cho et al. 2024, arXiv:2310.18235"

    def __init__(self, extractor: str = "scene-answers", cascade: bool = True) -> None:
        super().__init__(extractor, cascade)
        self.cascade = bool(cascade)

    def judge(self, answers: Answers, questions: Sequence[Question]) -> float:
        return dsg([right(answers, q) for q in questions], parents_of(questions), cascade=self.cascade)


def parents_of(questions: Sequence[Question]) -> list[list[int]]:
    place = {q.id: i for i, q in enumerate(questions)}
    for question in questions:
        for parent in question.parents:
            if parent not in place:
                raise DataError(f"The question '{question.id}' depends on '{parent}', which is none of its prompt's.")
    return [[place[p] for p in q.parents] for q in questions]


@register(
    "metric", "blip-vqa", summary="product of the probabilities of the right answers (T2I-CompBench)", scope="sample",
    direction="higher",
)  # fmt: skip
class BlipVqa(OfAnswers):
    """Product over a prompt's questions of the probability of the right answer: one miss voids the image."""

    formula = "product over questions of P(right answer)"
    outputs = (mean_output("value", "BLIP-VQA"),)
    paper = "Huang et al. 2023, arXiv:2307.06350"

    def judge(self, answers: Answers, questions: Sequence[Question]) -> float:
        return blip_vqa(np.array([sure(answers, q) for q in questions]))
