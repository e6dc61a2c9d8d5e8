"""What a model of questions is asked about an image, in words, and what its probabilities mean: no model here.

A question is of one of three kinds. Yes or no: the right answer is one of them. Choices: the model says which of the
given answers is likeliest. Free: it answers in its own words. The words around a question are a template, which is part
of the protocol.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.errors import UsageError, did_you_mean
from bench.types import Answers, Question, Sample

FIGURE = 'Does this figure show "{}"? Please answer yes or no.'
"""VQAScore's question (Lin et al. 2024, arXiv 2404.01291, section 3)."""
YES, NO = ("yes", "Yes"), ("no", "No")
"""First tokens that mean yes and no."""
ASKS = ("questions", "prompt")
COUNTED = ("pair", "all")
_FAR = 40.0
"""Log odds are kept within this: the odds of what is certain to the last digit of a float64."""


@dataclass(frozen=True)
class Asking:
    """How questions are put, and how yes is counted."""

    ask: str = "questions"
    """questions: those of the sample; prompt: whether the image shows its prompt."""
    template: str = ""
    """Words around a question of yes or no, or around the prompt, with {} for it; '': what suits the model's kind, or
    FIGURE."""
    counted: str = ""
    """pair: P(yes) / (P(yes) + P(no)), as T2I-CompBench counts; all: P(yes) among all tokens, as VQAScore counts; '':
    pair for questions and all for prompts."""
    choose: bool = True
    """Whether of a question's choices the likeliest is taken; False: it is answered freely."""

    def __post_init__(self) -> None:
        if self.ask not in ASKS:
            raise UsageError(f"ask={self.ask} is unknown.{did_you_mean(self.ask, ASKS)}")
        if self.counted not in ("", *COUNTED):
            raise UsageError(f"probability={self.counted} is unknown.{did_you_mean(self.counted, COUNTED)}")
        if self.template and "{}" not in self.template:
            raise UsageError("template has no {} for the question; give '{} Answer yes or no.', say.")

    @property
    def among(self) -> str:
        """What yes is counted among."""
        return self.counted or ("all" if self.ask == "prompt" else "pair")

    def identity(self) -> Mapping[str, Any]:
        """What of it changes answers."""
        words = self.template or (FIGURE if self.ask == "prompt" else "")
        return {"ask": self.ask, "template": words, "probability": self.among, "choose": self.choose}

    def about(self, prompt: str) -> str:
        """The question whether an image shows a prompt."""
        return (self.template or FIGURE).replace("{}", prompt)

    def yes_no(self, question: str, usual: str = "{}") -> str:
        """A question of yes or no in its words; usual: those that suit the model's kind."""
        return (self.template or usual).replace("{}", question)

    def kind(self, question: Question) -> str:
        """'yes', 'choices' or 'free'."""
        if question.answer.strip().casefold() in ("yes", "no") and not _other(question.choices):
            return "yes"
        return "choices" if question.choices and self.choose else "free"

    def odds(self, yes: float, no: float) -> float:
        """Log odds of yes from the logarithms of P(yes) and P(no) among all."""
        if self.among == "pair":
            return max(-_FAR, min(_FAR, yes - no))
        rest = -math.expm1(yes) if yes < 0 else 0.0
        return max(-_FAR, min(_FAR, yes - (math.log(rest) if rest > 0 else -math.inf)))


def chance(odds: float) -> float:
    """The probability of log odds."""
    return 1 / (1 + math.exp(-odds)) if odds >= 0 else math.exp(odds) / (1 + math.exp(odds))


def shares(scores: Sequence[float]) -> list[float]:
    """Probabilities among choices from the logarithms of theirs."""
    top = max(scores)
    weights = [math.exp(s - top) for s in scores]
    return [w / sum(weights) for w in weights]


def _other(choices: Sequence[str]) -> bool:
    """Whether there are choices beside yes and no."""
    return any(c.strip().casefold() not in ("yes", "no") for c in choices)


def of_yes(question: Question, yes: float) -> tuple[str, float]:
    """The answer to a question of yes or no, and the probability of the right one."""
    right = yes if question.answer.strip().casefold() == "yes" else 1 - yes
    return ("yes" if yes >= 0.5 else "no"), right


def of_choices(question: Question, given: Sequence[float]) -> tuple[str, float]:
    """The likeliest choice (of equals the first), and the probability of the right one."""
    best = max(range(len(given)), key=lambda i: given[i])
    return question.choices[best], sum(p for p, c in zip(given, question.choices, strict=True) if c == question.answer)


def answers_of(found: Mapping[str, tuple[str, float | None]]) -> Answers:
    """Question id -> (text, probability of the right answer, None where it is not known)."""
    return Answers(
        {name: text for name, (text, _) in found.items()},
        {name: p for name, (_, p) in found.items() if p is not None},
    )


def asked_of(queries: Sequence[Sample | None] | None, count: int) -> list[tuple[Question, ...]]:
    """The questions of each image; an image of no sample has none."""
    return [s.questions if s is not None else () for s in (queries or [None] * count)]
