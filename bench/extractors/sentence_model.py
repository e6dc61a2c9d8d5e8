"""`sentence-embedding`: texts by Sentence-BERT and kin; and how TIFA brings a free answer to a choice of its question.

As tifascore/mc_sbert.py of Yushi-Hu/tifa has it: the mean over a text's tokens, of length 1 (Reimers & Gurevych 2019,
arXiv 1908.10084); the choice with the largest dot product, of equals the first. An answer that is one of the choices
stays as it is, and so does an empty one, which TIFA's script would bring to some choice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import WeightsMissing
from bench.extractors.hub_model import HubModel, weighed
from bench.formats import model_folders
from bench.functional.wording import normalised_text
from bench.registry import register
from bench.types import Answers, Question, Sample

if TYPE_CHECKING:
    import torch

MPNET = "sentence-transformers/all-mpnet-base-v2"
"""TIFA's model."""


@register("extractor", "sentence-embedding", summary="unit embeddings of texts by Sentence-BERT and kin: tokens' mean")
class SentenceEmbedding(HubModel):
    """Texts -> features (n, d) of length 1. model: a folder or owner/name of the hub. at_once: texts a forward pass."""

    plugin_name = "sentence-embedding"
    what = "a model of sentences"
    reader = "tokenizer"
    reader_files = (
        "tokenizer.json", "vocab.txt", "vocab.json", "tokenizer.model", "sentencepiece.bpe.model", "spiece.model",
    )  # fmt: skip
    text_outputs = ("features",)

    def __init__(self, model: str = MPNET, revision: str = "", at_once: int = 1) -> None:
        super().__init__(model, revision, at_once)

    def _prepared(self) -> Any:
        from transformers import AutoTokenizer

        return AutoTokenizer.from_pretrained(str(self.folder), local_files_only=True)

    def network(self, folder: Path, kind: torch.dtype) -> tuple[Any, Mapping[str, Any]]:
        module, told = weighed("AutoModel", folder, kind)
        lost = [name for name in told.get("missing_keys", ()) if "pooler" not in name]  # which is not used
        return module, {**told, "missing_keys": lost}

    def extract_texts(self, texts: Sequence[str]) -> dict[str, Any]:
        """(n, d) of length 1; a text that is longer than the model reads is cut."""
        import torch

        config = self.loaded().config
        longest = min(int(self.processor.model_max_length), max(8, getattr(config, "max_position_embeddings", 514) - 2))
        rows = [dict(self.processor(t, truncation=True, max_length=longest, return_tensors="pt")) for t in texts]
        found: list[Any] = [None] * len(rows)
        with torch.inference_mode():
            for places, batch in self.passes(rows):
                tokens = self.loaded()(**batch)[0].float()
                weights = batch["attention_mask"].unsqueeze(-1).float()
                means = (tokens * weights).sum(1) / weights.sum(1).clamp(min=1e-9)
                for at, row in zip(places, torch.nn.functional.normalize(means, dim=1), strict=False):
                    found[at] = row
        return {"features": torch.stack(found)}


# ---- answers and choices ---------------------------------------------------------------------------------------------


def has_choices(samples: Iterable[Sample]) -> bool:
    """Whether any question gives choices."""
    return any(q.choices for s in samples for q in s.questions)


class Nearest:
    """Free answers brought to their question's nearest choice. model: of sentences; None: they stay as they are."""

    def __init__(self, model: str | None, whose: str) -> None:
        self.model, self.whose = SentenceEmbedding(str(model)) if model else None, whose
        self._rows: dict[str, Any] = {}

    @property
    def judges(self) -> tuple[str, ...]:
        """Text form of the model, for who lists what is needed."""
        return (f'sentence-embedding(model="{self.model.model}")',) if self.model else ()

    def problems(self) -> list[str]:
        """Why free answers cannot be brought to choices here, with the way out."""
        found = self.model.problems() if self.model else []
        return [f"{one} {self._way_out()}" for one in found]

    def _way_out(self) -> str:
        return f"It brings free answers to their choices, as TIFA does; {self.whose}(sentences=none) leaves them."

    def identity(self) -> Mapping[str, Any]:
        """What of it changes answers."""
        if self.model is None:
            return {"sentences": "none"}
        return {"sentences": self.named()}

    def protocol(self) -> Mapping[str, Any]:
        """The same where nobody knows yet whether any answer needs it: the hub's name says enough."""
        named = self.model is not None and model_folders.is_hub(self.model.model)
        return {"sentences": self.model.model} if self.model and named else self.identity()

    def named(self) -> str:
        """The model: by its content where it is here, else by its name."""
        assert self.model is not None
        there = model_folders.located(self.model.model, self.model.revision)
        return f"content:{self.model.content}" if there is not None and not self.model.problems() else self.model.model

    def limited(self, answers: Answers, questions: Sequence[Question]) -> Answers:
        """Each answer that is none of its question's choices replaced by the nearest of them. WeightsMissing where
        that needs the model and it is not here."""
        free = [q for q in questions if q.id in answers.texts and self._free(answers.texts[q.id], q)]
        if not free or self.model is None:
            return answers
        return Answers({**answers.texts, **{q.id: self._nearest(answers.texts[q.id], q) for q in free}},
                       answers.probabilities)  # fmt: skip

    @staticmethod
    def _free(text: str, question: Question) -> bool:
        said = normalised_text(text)
        return bool(said and question.choices) and said not in map(normalised_text, question.choices)

    def _nearest(self, text: str, question: Question) -> str:
        import torch

        if self.model is not None and (problems := self.problems()):
            raise WeightsMissing(
                f"'{text[:60]}' is none of the choices of '{question.text[:80]}', and the nearest cannot be found: "
                f"{problems[0]}"
            )
        near = torch.stack([self._row(c) for c in question.choices]) @ self._row(text)
        return question.choices[int(near.argmax())]

    def _row(self, text: str) -> Any:
        if text not in self._rows:
            assert self.model is not None
            self._rows[text] = self.model.extract_texts([text])["features"][0].cpu()
        return self._rows[text]
