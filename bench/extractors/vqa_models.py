"""How models of visual questions give probabilities: one that decodes an answer from a question (BLIP), one that
classifies (ViLT), and all that go on after a prompt with an image in it (LLaVA, BLIP-2, ...).

Each sees an image once and says, for a question, the logarithms of P(yes) and P(no) among all that it could answer, how
likely each of several answers is, and what it answers by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from bench.errors import UsageError
from bench.extractors.vqa_asking import NO, YES

Passes = Callable[[Sequence[Mapping[str, Any]]], Iterable[tuple[list[int], dict[str, Any]]]]
"""Rows of tensors -> (places, batch) as HubModel.passes."""
_MARKS = "\u0120\u2581 "
"""What tokenizers put before a word: byte-level BPE's G with a dot, SentencePiece's low line, a space."""
NEVER = -60.0
"""Logarithm of the probability of what a model cannot say."""


class Answering:
    """A loaded model with its processor."""

    words: ClassVar[str] = "{}"
    """Around a question of yes or no."""

    def __init__(self, module: Any, processor: Any, passes: Passes, longest: int) -> None:
        self.module, self.processor, self.passes, self.longest = module, processor, passes, longest

    def look(self, images: Sequence[np.ndarray]) -> list[Any]:
        """Images as this model's questions need them."""
        return list(images)

    def yes_no(self, asked: Sequence[tuple[Any, str]]) -> list[tuple[float, float]]:
        """(image, question) -> logarithms of P(yes) and P(no)."""
        raise NotImplementedError

    def likely(self, image: Any, question: str, choices: Sequence[str]) -> list[float]:
        """Logarithm of the probability of each choice."""
        raise NotImplementedError

    def free(self, asked: Sequence[tuple[Any, str]]) -> list[str]:
        """(image, question) -> the model's own answer."""
        raise NotImplementedError


def of_model(module: Any, processor: Any, passes: Passes, longest: int) -> Answering:
    """The way to ask a model."""
    kinds = {"BlipForQuestionAnswering": Decoding, "ViltForQuestionAnswering": Classifying}
    return kinds.get(type(module).__name__, GoingOn)(module, processor, passes, longest)


def tokens_of(tokenizer: Any, words: Sequence[str]) -> list[int]:
    """Ids of all single tokens that are one of these words, with or without a space before them."""
    found = [i for token, i in tokenizer.get_vocab().items() if token.lstrip(_MARKS) in words]
    if not found:
        raise UsageError(f"The model's vocabulary has no token for '{words[0]}': it cannot answer yes or no.")
    return sorted(found)


def _sums(logits: Any, groups: Sequence[Sequence[int]]) -> list[tuple[float, ...]]:
    """(b, vocabulary) -> for each row the logarithm of the probability of each group of tokens."""
    import torch

    logs = logits.double().log_softmax(dim=-1)
    rows = torch.stack([logs[:, list(some)].logsumexp(dim=-1) for some in groups], dim=-1)
    return [tuple(row) for row in rows.tolist()]


# ---- BLIP ------------------------------------------------------------------------------------------------------------


class Decoding(Answering):
    """BlipForQuestionAnswering: the image is encoded once, a question is read with it, an answer is decoded."""

    def __init__(self, module: Any, processor: Any, passes: Passes, longest: int) -> None:
        super().__init__(module, processor, passes, longest)
        self.yes_and_no = [tokens_of(processor.tokenizer, words) for words in (YES, NO)]

    def look(self, images: Sequence[np.ndarray]) -> list[Any]:
        rows = [dict(self.processor.image_processor(images=image, return_tensors="pt")) for image in images]
        found: list[Any] = [None] * len(rows)
        for places, batch in self.passes(rows):
            seen = self.module.vision_model(pixel_values=batch["pixel_values"]).last_hidden_state
            for i, place in enumerate(places):
                found[place] = seen[i : i + 1]
        return found

    def yes_no(self, asked: Sequence[tuple[Any, str]]) -> list[tuple[float, float]]:
        import torch

        found: list[Any] = [None] * len(asked)
        for places, read, mask in self._read(asked):
            first = torch.full((len(read), 1), self.module.decoder_start_token_id, device=read.device)
            logits = self._decoded(first, read, mask)[:, 0]
            for place, pair in zip(places, _sums(logits, self.yes_and_no), strict=False):
                found[place] = pair
        return found

    def likely(self, image: Any, question: str, choices: Sequence[str]) -> list[float]:
        import torch

        ((_, read, mask),) = self._read([(image, question)])
        found = []
        for choice in choices:
            ids = self.processor.tokenizer(choice, return_tensors="pt")["input_ids"].to(read.device)
            ids[:, 0] = self.module.decoder_start_token_id
            logs = self._decoded(ids[:, :-1], read[:1], mask[:1]).double().log_softmax(dim=-1)
            found.append(float(torch.gather(logs[0], 1, ids[0, 1:, None]).sum()))
        return found

    def free(self, asked: Sequence[tuple[Any, str]]) -> list[str]:
        import torch

        found = [""] * len(asked)
        for places, read, mask in self._read(asked):
            first = torch.full((len(read), 1), self.module.decoder_start_token_id, device=read.device)
            ids = self.module.text_decoder.generate(
                input_ids=first, eos_token_id=self.module.config.text_config.sep_token_id,
                pad_token_id=self.module.config.text_config.pad_token_id, encoder_hidden_states=read,
                encoder_attention_mask=mask, max_new_tokens=self.longest, do_sample=False, num_beams=1,
            )  # fmt: skip
            for place, row in zip(places, ids, strict=False):
                found[place] = self.processor.decode(row[1:], skip_special_tokens=True).strip()
        return found

    def _read(self, asked: Sequence[tuple[Any, str]]) -> Iterable[tuple[list[int], Any, Any]]:
        """Questions with their images: (places, states, mask)."""
        rows = []
        for seen, question in asked:
            told = self.processor.tokenizer(question, return_tensors="pt")
            rows.append({"ids": told["input_ids"], "mask": told["attention_mask"], "seen": seen})
        for places, batch in self.passes(rows):
            states = self.module.text_encoder(
                input_ids=batch["ids"], attention_mask=batch["mask"], encoder_hidden_states=batch["seen"]
            )
            yield places, states[0], batch["mask"]

    def _decoded(self, ids: Any, read: Any, mask: Any) -> Any:
        return self.module.text_decoder(input_ids=ids, encoder_hidden_states=read, encoder_attention_mask=mask).logits


# ---- ViLT ------------------------------------------------------------------------------------------------------------


class Classifying(Answering):
    """ViltForQuestionAnswering: a score for each of its answers, trained one by one, so that they are sigmoids."""

    def __init__(self, module: Any, processor: Any, passes: Passes, longest: int) -> None:
        super().__init__(module, processor, passes, longest)
        self.names = [str(module.config.id2label[i]) for i in range(module.config.num_labels)]
        self.place = {name.casefold(): i for i, name in reversed(list(enumerate(self.names)))}
        if not {"yes", "no"} <= set(self.place):
            raise UsageError("The model's answers (id2label) know no yes and no: it was not made for questions.")

    def look(self, images: Sequence[np.ndarray]) -> list[Any]:
        return [dict(self.processor.image_processor(images=image, return_tensors="pt")) for image in images]

    def _logits(self, asked: Sequence[tuple[Any, str]]) -> list[Any]:
        import torch

        rows = [{**seen, **self.processor.tokenizer(text, return_tensors="pt")} for seen, text in asked]
        found: list[Any] = [None] * len(rows)
        for places, batch in self.passes(rows):
            with torch.random.fork_rng(devices=()):
                torch.manual_seed(0)  # it looks at patches in an order of chance, and at some of them where many are
                logits = self.module(**batch).logits.double()
            for place, row in zip(places, logits, strict=False):
                found[place] = row
        return found

    def yes_no(self, asked: Sequence[tuple[Any, str]]) -> list[tuple[float, float]]:
        from torch.nn.functional import logsigmoid

        return [
            (float(logsigmoid(row[self.place["yes"]])), float(logsigmoid(row[self.place["no"]])))
            for row in self._logits(asked)
        ]

    def likely(self, image: Any, question: str, choices: Sequence[str]) -> list[float]:
        from torch.nn.functional import logsigmoid

        (row,) = self._logits([(image, question)])
        places = [self.place.get(choice.strip().casefold()) for choice in choices]
        return [NEVER if at is None else float(logsigmoid(row[at])) for at in places]

    def free(self, asked: Sequence[tuple[Any, str]]) -> list[str]:
        return [self.names[int(row.argmax())] for row in self._logits(asked)]


# ---- models that go on after a prompt --------------------------------------------------------------------------------


class GoingOn(Answering):
    """Image-text-to-text models: the question stands in the model's own chat template, or before 'Answer:' where it has
    none, and the answer is what comes next."""

    words = "{} Please answer yes or no."

    def __init__(self, module: Any, processor: Any, passes: Passes, longest: int) -> None:
        super().__init__(module, processor, passes, longest)
        self.yes_and_no = [tokens_of(processor.tokenizer, words) for words in (YES, NO)]
        text = getattr(module.config, "text_config", module.config)
        self.decoder = bool(getattr(module.config, "is_encoder_decoder", False) or text.is_encoder_decoder)
        self.start = getattr(text, "decoder_start_token_id", None) if self.decoder else None

    def prompt(self, question: str) -> str:
        """What the model goes on after."""
        if getattr(self.processor, "chat_template", None):
            turn = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": question}]}]
            return self.processor.apply_chat_template(turn, add_generation_prompt=True, tokenize=False)
        return f"Question: {question} Answer:"

    def _inputs(self, image: np.ndarray, text: str) -> dict[str, Any]:
        return dict(self.processor(images=image, text=text, return_tensors="pt"))

    def _first(self, batch: Mapping[str, Any]) -> Any:
        """Logits of the first token of the answer."""
        import torch

        if not self.decoder:
            return self.module(**batch).logits[:, -1]
        begin = torch.full((len(batch["input_ids"]), 1), int(self.start or 0), device=batch["input_ids"].device)
        return self.module(**batch, decoder_input_ids=begin).logits[:, 0]

    def yes_no(self, asked: Sequence[tuple[Any, str]]) -> list[tuple[float, float]]:
        rows = [self._inputs(image, self.prompt(text)) for image, text in asked]
        found: list[Any] = [None] * len(rows)
        for places, batch in self.passes(rows):
            for place, pair in zip(places, _sums(self._first(batch), self.yes_and_no), strict=False):
                found[place] = pair
        return found

    def likely(self, image: Any, question: str, choices: Sequence[str]) -> list[float]:
        """The choices stand in the question, and each is read after it."""
        text = self.prompt(f"{question} Answer with one of: {', '.join(choices)}.")
        return [self._continued(image, text, choice) for choice in choices]

    def _continued(self, image: Any, text: str, choice: str) -> float:
        """Logarithm of the probability of the choice after the text."""
        import torch

        if self.decoder:
            ids = torch.tensor([self.processor.tokenizer.encode(choice)])
            for _, batch in self.passes([{**self._inputs(image, text), "answer": ids}]):
                ids = batch.pop("answer")[:1]
                begin = torch.cat([torch.full_like(ids[:, :1], int(self.start or 0)), ids[:, :-1]], dim=1)
                logits = self.module(**batch, decoder_input_ids=begin.repeat(len(batch["input_ids"]), 1)).logits[0]
        else:
            whole = self._inputs(image, (text if text.endswith((" ", "\n")) else f"{text} ") + choice)
            before = _common(self._inputs(image, text)["input_ids"][0], whole["input_ids"][0])
            for _, batch in self.passes([whole]):
                ids = batch["input_ids"][:1, before:]
                logits = self.module(**batch).logits[0, before - 1 : -1]
        logs = logits.double().log_softmax(dim=-1)
        return float(torch.gather(logs, 1, ids[0, :, None]).sum())

    def free(self, asked: Sequence[tuple[Any, str]]) -> list[str]:
        rows = [self._inputs(image, self.prompt(f"{text} Answer in one or a few words.")) for image, text in asked]
        found = [""] * len(rows)
        for places, batch in self.passes(rows):
            ids = self.module.generate(**batch, max_new_tokens=self.longest, do_sample=False, num_beams=1)
            for i, (place, row) in enumerate(zip(places, ids, strict=False)):
                given = batch["input_ids"][i]
                told = row[len(given) :] if _common(given, row) == len(given) else row  # some repeat the prompt
                said = self.processor.decode(told, skip_special_tokens=True)
                found[place] = said.strip().split("\n")[0].strip(" .")
        return found


def _common(first: Any, second: Any) -> int:
    """How many tokens two rows share from their beginnings."""
    some = min(len(first), len(second))
    differ = (first[:some] != second[:some]).nonzero()
    return int(differ[0]) if len(differ) else some
