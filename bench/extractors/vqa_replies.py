"""What a server of the chat API answered to a question: words, the probabilities of the first token, or a refusal.

Answers are not trusted: they may be HTML, cut off, of another shape, or a long excuse.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from bench.errors import DataError
from bench.extractors.vqa_asking import NO, YES
from bench.formats import http_errors as errors
from bench.formats.http_errors import Failed, Passing, Refused, brief

API = "chat API"
SETTINGS = frozenset({"model", "temperature", "max_tokens", "logprobs", "top_logprobs", "messages"})
_FLOOR = math.log(1e-12)
"""Logarithm of the probability of what is not among the tokens that the server names."""


def read_reply(status: int, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    """The answer's JSON, checked: text, first (token -> log probability) and usage. Raises what else it is."""
    if status >= 300:
        raise errors.error_of(status, headers, errors.from_json(body), API, SETTINGS)
    answer = errors.from_json(body)
    if answer is None:
        raise Passing(f"the server answered {errors.kind_of(headers, body)} instead of JSON")
    if isinstance(answer, Mapping) and answer.get("error"):
        raise errors.error_of(status, headers, answer, API, SETTINGS)
    choices = answer.get("choices") if isinstance(answer, Mapping) else None
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], Mapping):
        raise Failed(f"the answer is JSON without 'choices' ({errors.shape_of(answer)})", server=True)
    one = choices[0]
    message = one.get("message")
    message = message if isinstance(message, Mapping) else {}
    if message.get("refusal"):
        raise Refused(brief(message["refusal"]))
    if one.get("finish_reason") == "content_filter":
        raise Refused("the server's content filter")
    text = _text(message.get("content"))
    if not text:
        raise Failed(f"the answer holds no words (finish_reason {brief(one.get('finish_reason'))})", server=True)
    told: dict[str, Any] = {"text": brief(text), "first": _first(one.get("logprobs"))}
    if isinstance(answer.get("model"), str):
        told["model"] = brief(answer["model"])
    return {**told, **({"usage": used} if (used := errors.numbers_of(answer.get("usage"))) else {})}


def _text(content: Any) -> str:
    """The words of a message: a text, or parts of one."""
    if isinstance(content, str):
        return content.strip()
    parts = content if isinstance(content, list) else []
    return " ".join(str(p.get("text", "")) for p in parts if isinstance(p, Mapping)).strip()


def _first(logprobs: Any) -> dict[str, float]:
    """Token -> log probability at the first place of the answer; {} where the server does not say."""
    content = logprobs.get("content") if isinstance(logprobs, Mapping) else None
    first = content[0] if isinstance(content, list) and content else None
    if not isinstance(first, Mapping):
        return {}
    found: dict[str, float] = {}
    top = first.get("top_logprobs")
    for one in [first, *(top if isinstance(top, list) else [])]:
        token, value = (one.get("token"), one.get("logprob")) if isinstance(one, Mapping) else (None, None)
        if isinstance(token, str) and isinstance(value, int | float) and -1e4 < value <= 1e-6:
            found.setdefault(token[:40], min(float(value), 0.0))
    return found


class Said:
    """An exchange, read: what was answered to one question."""

    def __init__(self, exchange: Mapping[str, Any]) -> None:
        self.exchange = exchange
        self.answer: Mapping[str, Any] = exchange["answer"]

    @property
    def refused(self) -> str:
        """Why there is no answer to this question; '' where there is one."""
        return str(self.answer.get("refused", "") or self.answer.get("failed", ""))

    @property
    def text(self) -> str:
        """The answer's words."""
        return str(self.answer.get("text", "")).strip().strip(".\"'").strip()

    @cached_property
    def first(self) -> Mapping[str, float]:
        """Token -> log probability of the first token."""
        return self.answer.get("first", {})

    def yes_no(self) -> tuple[float, float]:
        """Logarithms of P(yes) and P(no) of the first token. DataError where the server gave no probabilities."""
        if not self.first:
            raise DataError("The server gave no probabilities of tokens (logprobs): ask without logprobs=true.")
        return self._sum(YES), self._sum(NO)

    def _sum(self, words: Sequence[str]) -> float:
        total = sum(math.exp(v) for token, v in self.first.items() if token.strip() in words)
        return min(0.0, math.log(total)) if total > 0 else _FLOOR

    def word(self, choices: Sequence[str]) -> str:
        """The choice that the answer begins with, or is alone in it; the answer itself where there is none."""
        plain = self.text.casefold()
        starts = [c for c in choices if re.match(rf"{re.escape(c.casefold())}\b", plain)]
        if starts:
            return max(starts, key=len)
        within = [c for c in choices if re.search(rf"\b{re.escape(c.casefold())}\b", plain)]
        longest = max(within, key=len, default="")
        return longest if within and all(c in longest for c in within) else self.text
