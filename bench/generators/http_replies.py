"""What a server of the images API answered: its pictures, each with what the server says of it. No traffic here.

Answers are not trusted: they may be HTML, of another shape, endless or nested, and may repeat the key that was sent.
Beside the errors of `formats.http_errors`, an item's finish reason and a flag `respect_moderation` are refusals.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.formats import http_errors as errors
from bench.formats.http_errors import Failed, Passing, Refused, brief

_FINISHED = frozenset({"", "stop", "success", "succeeded", "completed", "none"})


@dataclass(frozen=True)
class Item:
    """One picture of an answer, still encoded or still to be fetched; neither where there is but a `reason`."""

    data: bytes | None = None
    url: str = ""
    info: Mapping[str, Any] = field(default_factory=dict)
    problem: Refused | Failed | None = None


def items(status: int, headers: Mapping[str, str], body: bytes) -> tuple[list[Item], dict[str, Any]]:
    """The pictures of an answer and what it tells of itself (usage); raises what else it is."""
    if status >= 300:
        raise errors.error_of(status, headers, errors.from_json(body))
    answer = errors.from_json(body)
    if answer is None:
        raise Passing(f"the server answered {errors.kind_of(headers, body)} instead of JSON")
    if isinstance(answer, Mapping) and answer.get("error"):
        raise errors.error_of(status, headers, answer)
    data = answer.get("data") if isinstance(answer, Mapping) else None
    if not isinstance(data, list) or not all(isinstance(one, Mapping) for one in data):
        raise Failed(f"the answer is JSON without a list 'data' of images ({errors.shape_of(answer)})", server=True)
    if not data:
        reason = _reason(answer)
        raise Refused(reason) if reason else Failed("the answer holds no image and no reason", server=True)
    told = {"usage": used} if (used := errors.numbers_of(answer.get("usage"))) else {}
    return [_item(one) for one in data], told


def _item(one: Mapping[str, Any]) -> Item:
    revised = one.get("revised_prompt")
    info = {"revised_prompt": revised} if isinstance(revised, str) and revised else {}
    text, url = one.get("b64_json"), one.get("url")
    if reason := _reason(one):
        return Item(info=info, problem=Refused(reason))
    if isinstance(url, str) and url.startswith("data:"):
        text, url = url, None
    if isinstance(text, str) and text:
        encoded = text.partition(",")[2] if text.startswith("data:") else text
        try:
            return Item(base64.b64decode(encoded, validate=True), info=info)
        except (binascii.Error, ValueError):
            return Item(info=info, problem=Failed("b64_json is no base64", server=True))
    if isinstance(url, str) and url:
        return Item(url=url, info=info)
    neither = f"an item of the answer holds neither b64_json nor url ({errors.shape_of(one)})"
    return Item(info=info, problem=Failed(neither, server=True))


def _reason(one: Mapping[str, Any]) -> str:
    """Why an item or answer has no image, where it says so."""
    if one.get("respect_moderation") is False:
        return "the server's moderation"
    for key in ("finish_reason", "finishReason", "raiFilteredReason"):
        said = one.get(key)
        if isinstance(said, str) and said.casefold() not in _FINISHED:
            return brief(f"{key}: {said}")
    return ""
