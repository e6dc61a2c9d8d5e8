"""`vqa`: answers to questions about an image, or the probability that it shows its prompt, by models of transformers:
BLIP's VQA, ViLT, BLIP-2, LLaVA and every other model that takes an image with a chat.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.extractors.hub_model import HubModel, weighed
from bench.extractors.sentence_model import MPNET, Nearest, has_choices
from bench.extractors.vqa_asking import Asking, answers_of, asked_of, chance, of_choices, of_yes, shares
from bench.extractors.vqa_models import Answering, of_model
from bench.formats.model_folders import configuration
from bench.registry import register
from bench.types import Answers, Question, Sample

if TYPE_CHECKING:
    import torch

ANSWERING = {"blip": "BlipForQuestionAnswering", "vilt": "ViltForQuestionAnswering"}
"""Kinds of models that were made for questions alone; all others speak in tokens after a prompt."""


@register("extractor", "vqa", summary="answers about an image by BLIP, ViLT, LLaVA and kin, with probabilities")
class Vqa(HubModel):
    """Images asked the questions of their samples -> answers; ask=prompt: -> logits (b, 1), the log odds of yes to
    whether the image shows its prompt (for vqascore).

    model: a folder or owner/name of the hub. template: words around a question of yes or no (or around the prompt),
    with {} for it. probability: pair, P(yes) / (P(yes) + P(no)), or all, P(yes) among all tokens (default: pair for
    questions, all for prompts). choose=false: questions with choices are answered freely, and the answer is brought to
    the nearest choice by the embeddings of `sentences`, as TIFA does (none: it stays as it is). longest: tokens of a
    free answer. at_once: questions a forward pass.
    """

    plugin_name = "vqa"
    what = "a model of visual questions"
    batch_size = 8

    def __init__(
        self, model: str = "Salesforce/blip-vqa-base", revision: str = "", ask: str = "questions", template: str = "",
        probability: str = "", choose: bool = True, sentences: str | None = MPNET, longest: int = 16, at_once: int = 1,
    ) -> None:  # fmt: skip
        super().__init__(model, revision, at_once)
        self.asking = Asking(str(ask), str(template), str(probability), bool(choose))
        self.nearest = Nearest(None if choose else sentences, "vqa")
        self.judges = self.nearest.judges
        self._limits = False
        self.longest = max(1, int(longest))
        self.image_outputs = ("logits",) if self.asking.ask == "prompt" else ("answers",)
        self.query = "prompt" if self.asking.ask == "prompt" else "answers"
        self.answering: Answering | None = None

    def attach(self, label: str, evidence: str, samples: Iterable[Sample]) -> None:
        self._limits = not self.asking.choose and has_choices(samples)

    def problems(self) -> list[str]:
        return [*super().problems(), *(self.nearest.problems() if self._limits else ())]

    def identity(self) -> Mapping[str, Any]:
        told = {**super().identity(), **self.asking.identity(), "longest": self.longest}
        return {**told, **self.nearest.identity()} if self._limits else told

    # ---- the model ----

    def network(self, folder: Path, kind: torch.dtype) -> tuple[Any, Mapping[str, Any]]:
        told = configuration(folder / "config.json")
        classes = told.get("architectures") or [""]
        special = ANSWERING.get(str(told.get("model_type")))
        if special and special in classes:
            return weighed("AutoModelForVisualQuestionAnswering", folder, kind)
        return weighed("AutoModelForImageTextToText", folder, kind)

    def ready(self) -> None:
        self.answering = of_model(self.module, self.processor, self.passes, self.longest)

    # ---- answers ----

    def prepare_image(self, image: np.ndarray) -> np.ndarray:
        """(h, w, 3) uint8, as it is: what becomes of it depends on the question."""
        return image

    def extract_images(self, batch: Sequence[Any], queries: Sequence[Sample] | None = None) -> dict[str, Any]:
        """Images with their samples -> answers, or log odds (b, 1) of showing the prompt."""
        import torch

        self.loaded()
        assert self.answering is not None
        with torch.inference_mode():
            seen = self.answering.look(batch)
            if self.asking.ask == "prompt":
                prompts = [s.prompt if s is not None else "" for s in queries] if queries else [""] * len(batch)
                texts = [self.asking.about(p) for p in prompts]
                pairs = self.answering.yes_no([(image, text) for image, text in zip(seen, texts, strict=True)])
                return {"logits": torch.tensor([[self.asking.odds(*pair)] for pair in pairs])}
            return {"answers": self._answers(self.answering, seen, asked_of(queries, len(batch)))}

    def _answers(self, model: Answering, seen: Sequence[Any], asked: Sequence[Sequence[Question]]) -> list[Answers]:
        """All questions of one kind together, whatever image they are of."""
        found: list[dict[str, tuple[str, float | None]]] = [{} for _ in seen]
        by: dict[str, list[tuple[int, Question]]] = {"yes": [], "choices": [], "free": []}
        for at, some in enumerate(asked):
            for question in some:
                by[self.asking.kind(question)].append((at, question))
        told = model.yes_no([(seen[at], self.asking.yes_no(q.text, model.words)) for at, q in by["yes"]])
        for (at, q), pair in zip(by["yes"], told, strict=True):
            found[at][q.id] = of_yes(q, chance(self.asking.odds(*pair)))
        for at, q in by["choices"]:
            found[at][q.id] = of_choices(q, shares(model.likely(seen[at], q.text, q.choices)))
        free = model.free([(seen[at], q.text) for at, q in by["free"]])
        for (at, q), text in zip(by["free"], free, strict=True):
            found[at][q.id] = (text, None)
        every = [answers_of({q.id: one[q.id] for q in some}) for one, some in zip(found, asked, strict=True)]
        return [self.nearest.limited(one, some) for one, some in zip(every, asked, strict=True)]
