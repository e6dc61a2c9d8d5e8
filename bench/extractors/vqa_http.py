"""`vqa-http`: questions about images answered by a server of the OpenAI-style chat API (POST .../v1/chat/completions).

Each exchange is kept whole: request (the image by its digest, never the key) and answer are an output of the extractor,
so that they lie in the run's folder with the answers; and they are noted as they come, so that nothing is paid twice.
An image of which a question is refused has no answers: it is missing, counted apart, and never wrong. Where the server
does not answer at all, the run stops, and its repetition goes on.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import json
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

import numpy as np
from PIL import Image

from bench.errors import Incomplete
from bench.extractors.base import Extractor
from bench.extractors.sentence_model import MPNET, Nearest, has_choices
from bench.extractors.vqa_asking import Asking, answers_of, asked_of, chance, of_choices, of_yes
from bench.extractors.vqa_replies import Said, read_reply
from bench.formats.http_calls import Calls, Terms, endpoint_of, header_of, key_of, lacking
from bench.formats.http_errors import Failed, Refused, Useless, brief
from bench.registry import register
from bench.spec import digest
from bench.store import home, write_atomic
from bench.types import ImageRow, Question, Sample

PATIENCE = 10
"""Calls in a row that may fail by the server's fault before no more are sent."""
MOST_BYTES = 4 << 20
WORDS = {
    "yes": "{} Answer with one word: yes or no.",
    "choices": "{} Answer with exactly one of these and nothing else: {choices}.",
    "free": "{} Answer in one or a few words.",
}
"""What stands around a question of each kind."""


@register("extractor", "vqa-http", summary="answers about an image by a server of the chat API; exchanges are kept")
class VqaHttp(Extractor):
    """Images asked the questions of their samples -> answers and exchange; ask=prompt: -> logits and exchange (for
    vqascore; needs logprobs).

    `url`: the server, its /v1, or the whole address. `model`: its name there. `template`: words around a question of
    yes or no (or around the prompt), with {}. `choose`: the server is asked to name one of a question's choices; false:
    it answers freely, and `sentences` bring that to the nearest choice, as TIFA does (none: it stays as it is).
    `logprobs`: ask for the probabilities of first tokens, where the server
    knows them. `side`: longest side of the image that is sent, larger ones are reduced. `detail`: of image_url, where
    given. `key_env`: the environment variable with the key, none for no key; `key_header`: the header that takes it.
    `timeout`: seconds of one exchange; `total_timeout`: of a call with all its tries. `retries` with waits that begin
    at `backoff` seconds and double; `rate`: calls a minute; `concurrency`: calls at once. `revision`: declares what
    stands behind the address.
    """

    lacks: ClassVar[bool] = True

    def __init__(
        self, url: str, model: str, ask: str = "questions", template: str = "", choose: bool = True,
        sentences: str | None = MPNET, logprobs: bool = False, longest: int = 16, side: int = 1024, detail: str = "",
        revision: str = "", key_env: str | None = "OPENAI_API_KEY", key_header: str = "Authorization",
        timeout: float = 120.0, total_timeout: float = 900.0, retries: int = 5, backoff: float = 1.0, rate: float = 0.0,
        concurrency: int = 4,
    ) -> None:  # fmt: skip
        self.url, self.named, self.declared = str(url), str(model), str(revision)
        self.asking = Asking(str(ask), str(template), "", bool(choose))
        self.nearest = Nearest(None if choose else sentences, "vqa-http")
        self.judges, self._limits = self.nearest.judges, False
        self.logprobs, self.longest, self.side, self.detail = bool(logprobs), int(longest), int(side), str(detail)
        self.key_env, self.key_header = str(key_env or ""), str(key_header)
        self.timeout, self.total_timeout, self.retries = float(timeout), float(total_timeout), int(retries)
        self.backoff, self.rate, self.concurrency = float(backoff), float(rate), int(concurrency)
        self.batch_size = max(1, 2 * self.concurrency)
        first = "logits" if self.asking.ask == "prompt" else "answers"
        self.image_outputs = (first, "exchange")
        self.query = "prompt" if self.asking.ask == "prompt" else "answers"
        self._calls: Calls | None = None
        self._stopped, self._in_a_row = "", 0

    # ---- before anything is sent ----

    def attach(self, label: str, evidence: str, samples: Iterable[Sample]) -> None:
        self._limits = not self.asking.choose and has_choices(samples)

    @property
    def endpoint(self) -> str:
        """The address that is asked."""
        return endpoint_of(self.url, "/chat/completions")

    @property
    def host(self) -> str:
        """Its server, for messages."""
        return urlsplit(self.endpoint).netloc

    def problems(self) -> list[str]:
        """A missing package or key, an address that cannot be meant, parameters out of range. Nothing is sent."""
        found = list(lacking("vqa-http", self.url, self.key_env))
        if self.timeout <= 0 or self.total_timeout <= 0 or self.concurrency < 1 or not 1 <= self.longest <= 512:
            found.append("timeout, total_timeout and concurrency must be above 0, and longest from 1 to 512.")
        if self.retries < 0 or self.backoff < 0 or self.rate < 0 or not 32 <= self.side <= 8192:
            found.append("retries, backoff and rate cannot be below 0, and side lies from 32 to 8192.")
        if self.detail not in ("", "low", "high", "auto"):
            found.append(f"detail={brief(self.detail)} is unknown; give low, high or auto.")
        if self.asking.ask == "prompt" and not self.logprobs:
            found.append("vqa-http(ask=prompt) gives probabilities, which the server says with logprobs=true alone.")
        return found + (self.nearest.problems() if self._limits else [])

    def identity(self) -> Mapping[str, Any]:
        """The declared revision, or the address without its scheme; what is asked; how the image is sent."""
        what = {"revision": self.declared} if self.declared else {"server": self.endpoint.partition("//")[2]}
        return {
            **what, "model": self.named, **self.asking.identity(), "words": digest(WORDS), "logprobs": self.logprobs,
            "longest": self.longest, "side": self.side, "detail": self.detail,
            **(self.nearest.identity() if self._limits else {}),
        }  # fmt: skip

    @property
    def source(self) -> str:
        """Who answers, for messages."""
        return f"what {self.host} answered"

    def remarks(self, rows: Sequence[ImageRow]) -> list[str]:
        return [f"Images and questions were sent to {self.host} (model {self.named})."]

    def reasons(self, outputs: Mapping[str, Any]) -> list[str]:
        """Why questions have no answer, a text each; the server's own words are in the exchange alone."""
        every = [Said(one).answer for row in outputs["exchange"] for one in row or ()]
        words = {"refused": f"{self.host} refused a question", "failed": f"{self.host} could not take a question"}
        return [text for answer in every for key, text in words.items() if key in answer]

    # ---- asking ----

    def prepare_image(self, image: np.ndarray) -> bytes:
        """uint8 (h, w, 3) -> PNG, at most `side` pixels long."""
        picture = Image.fromarray(image)
        if max(picture.size) > self.side:
            scale = self.side / max(picture.size)
            sides = tuple(max(1, round(n * scale)) for n in picture.size)
            picture = picture.resize((sides[0], sides[1]), Image.Resampling.BICUBIC)
        stream = io.BytesIO()
        picture.save(stream, "PNG")
        return stream.getvalue()

    def extract_images(self, batch: Sequence[Any], queries: Sequence[Sample] | None = None) -> dict[str, Any]:
        """PNGs with their samples -> answers (or log odds) and exchanges; `absent` names what an image lacks.

        Raises Incomplete where the server did not answer; what was answered is kept for the next time.
        """
        import torch

        asked = self._asked(batch, queries)
        said = self._told([call for calls in asked for _, call in calls])
        first = self.image_outputs[0]
        rows: list[Any] = []
        exchanges, absent = [], []
        for calls in asked:
            got = [(question, said[_name(call)]) for question, call in calls]
            exchanges.append([one.exchange for _, one in got])
            gone = any(one.refused for _, one in got) or (first == "logits" and not got)
            absent.append([first] if gone else [])
            rows.append(None if gone else self._row([(q, one) for q, one in got]))
        if first == "logits":
            rows_ = torch.tensor([[0.0 if row is None else row] for row in rows])
            return {"logits": rows_, "exchange": exchanges, "absent": absent}
        return {"answers": rows, "exchange": exchanges, "absent": absent}

    def _asked(
        self, batch: Sequence[bytes], queries: Sequence[Sample] | None
    ) -> list[list[tuple[Question | None, dict[str, Any]]]]:
        """For each image its calls."""
        if self.asking.ask == "prompt":
            prompts = [s.prompt if s is not None else "" for s in queries] if queries else [""] * len(batch)
            texts = [self.asking.about(p) if p else "" for p in prompts]  # without a prompt nothing is sent
            pairs = zip(batch, texts, strict=True)
            return [[(None, self._call(image, text))] if text else [] for image, text in pairs]
        every = asked_of(queries, len(batch))
        return [
            [(q, self._call(image, self._words(q))) for q in some] for image, some in zip(batch, every, strict=True)
        ]

    def _words(self, question: Question) -> str:
        kind = self.asking.kind(question)
        if kind == "yes":
            return self.asking.yes_no(question.text, WORDS["yes"])
        return WORDS[kind].replace("{choices}", ", ".join(question.choices)).replace("{}", question.text)

    def _call(self, image: bytes, text: str) -> dict[str, Any]:
        """The body of a call."""
        url = {"url": "data:image/png;base64," + base64.b64encode(image).decode()}
        url |= {"detail": self.detail} if self.detail else {}
        content = [{"type": "image_url", "image_url": url}, {"type": "text", "text": text}]
        more = {"logprobs": True, "top_logprobs": 20} if self.logprobs else {}
        return {
            "model": self.named, "messages": [{"role": "user", "content": content}], "temperature": 0,
            "max_tokens": self.longest, **more,
        }  # fmt: skip

    def _row(self, got: Sequence[tuple[Question | None, Said]]) -> Any:
        if self.asking.ask == "prompt":
            return self.asking.odds(*got[0][1].yes_no())
        asked = [(q, said) for q, said in got if q is not None]
        told = answers_of({q.id: self._answer(q, said) for q, said in asked})
        return self.nearest.limited(told, [q for q, _ in asked])

    def _answer(self, question: Question, said: Said) -> tuple[str, float | None]:
        kind = self.asking.kind(question)
        if kind == "yes":
            if self.logprobs and said.first:
                return of_yes(question, chance(self.asking.odds(*said.yes_no())))
            return said.word(("yes", "no")), None
        if kind == "choices":
            match = said.word(question.choices)
            given = [1.0 if c == match else 0.0 for c in question.choices]
            return of_choices(question, given)[0] if any(given) else said.text, None
        return said.text, None

    # ---- traffic ----

    def _told(self, calls: Sequence[Mapping[str, Any]]) -> dict[str, Said]:
        """Every distinct call's answer: noted ones from disk, the others from the server."""
        distinct = {_name(call): call for call in calls}
        known = {name: self._noted(name) for name in distinct}
        found = {name: said for name, said in known.items() if said is not None}
        failures: list[str] = []
        traffic = self._open()
        gate = asyncio.Semaphore(self.concurrency)

        async def one(name: str, call: Mapping[str, Any]) -> None:
            async with gate:
                if self._stopped:
                    failures.append(self._stopped)
                    return
                try:
                    found[name] = await self._exchange(traffic, name, call)
                    self._in_a_row = 0
                except (Failed, Useless) as error:
                    failures.append(self._clean(str(error)))
                    self._in_a_row += 1
                    if isinstance(error, Useless) or self._in_a_row >= PATIENCE:
                        self._stopped = self._clean(str(error))

        started = [traffic.start(one(name, call)) for name, call in distinct.items() if name not in found]
        try:
            for future in started:
                future.result()
        finally:  # also at Ctrl-C
            for future in started:
                future.cancel()
        if failures:
            raise Incomplete(
                f"{self.host} did not answer {len(failures)} of {len(distinct)} questions, the first because: "
                f"{failures[0]}. What was answered is kept; mend it and repeat the command."
            )
        return found

    async def _exchange(self, traffic: Calls, name: str, call: Mapping[str, Any]) -> Said:
        await traffic.turn()
        began = time.monotonic()
        try:
            once = partial(traffic.posted, call, read_reply, MOST_BYTES)
            answer, tries = await traffic.tried(once, began, paced=True)
        except Refused as error:
            answer, tries = {"refused": str(error)}, 1
        except Failed as error:
            if error.server:
                raise
            answer, tries = {"failed": str(error)}, 1
        seconds = round(time.monotonic() - began, 3)
        told = json.loads(self._clean(json.dumps(answer)))
        exchange = {"request": shown(call), "answer": told, "tries": tries, "seconds": seconds}
        self._note(name, exchange)
        return Said(exchange)

    def _open(self) -> Calls:
        if self._calls is None:
            headers = header_of(self.key_header, key_of(self.key_env))
            self._calls = Calls(
                Terms(
                    self.endpoint, headers, self.timeout, self.total_timeout, self.retries, self.backoff, self.rate,
                )
            )  # fmt: skip
        return self._calls

    def _clean(self, text: str) -> str:
        """A text of the server without the key, should it repeat it."""
        key = key_of(self.key_env)
        return text.replace(key, "[key]") if key else text

    # ---- what was answered ----

    @property
    def _folder(self) -> Path:
        return home() / "exchanges" / digest([self.identity(), self.endpoint])[:16]

    def _noted(self, name: str) -> Said | None:
        try:
            return Said(json.loads((self._folder / f"{name}.json").read_bytes()))
        except (OSError, ValueError):
            return None

    def _note(self, name: str, exchange: Mapping[str, Any]) -> None:
        write_atomic(self._folder / f"{name}.json", json.dumps(exchange, ensure_ascii=False).encode())


def _name(call: Mapping[str, Any]) -> str:
    return digest(call)[:32]


def shown(call: Mapping[str, Any]) -> dict[str, Any]:
    """A call as it is kept: its image by the digest of the bytes that were sent."""

    def plain(match: re.Match[str]) -> str:
        data = base64.b64decode(match[1])
        return f"data:image/png;sha256,{hashlib.sha256(data).hexdigest()}"

    text = json.dumps(call, ensure_ascii=False)
    return json.loads(re.sub(r"data:image/png;base64,([A-Za-z0-9+/=]+)", plain, text))
