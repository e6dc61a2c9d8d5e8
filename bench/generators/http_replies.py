"""What a server of the images API answered: images, a refusal, or a failure with its sentence. No traffic here.

Answers are not trusted: they may be HTML, of another shape, endless or nested, and may repeat the key that was sent.
The signs of a refusal are those that OpenAI, Azure, xAI, Together and gateways before them give: an error's code or
type, an item's finish reason, a flag `respect_moderation`.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

PASSING = frozenset({408, 409, 425, 429})
"""Statuses below 500 that may be gone at the next try; all from 500 on may."""
_LONGEST = 300
_CODE = re.compile(r"content[_ -]?(policy|filter|moderat)|moderation|safety|responsible_?ai|nsfw", re.IGNORECASE)
_WORDS = re.compile(r"safety system|content (policy|filter|moderation)|usage policies", re.IGNORECASE)
_SPENT = re.compile(r"insufficient_quota|billing|quota_exceeded|payment", re.IGNORECASE)
_SETTINGS = frozenset({"model", "size", "quality", "n", "response_format", "style", "background", "output_format"})
_FINISHED = frozenset({"", "stop", "success", "succeeded", "completed", "none"})


class Refused(Exception):
    """The server will not make this image; the text says why."""


class Failed(Exception):
    """This image cannot be had. `server`: whether that is the server's state rather than the prompt's."""

    def __init__(self, reason: str, server: bool = False) -> None:
        super().__init__(reason)
        self.server = server


class Passing(Exception):
    """It may go well at the next try, after `wait` seconds where the server says so."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


class Useless(Exception):
    """No call can succeed: a wrong key, an unknown model, no money."""


@dataclass(frozen=True)
class Item:
    """One picture of an answer, still encoded or still to be fetched; neither where there is but a `reason`."""

    data: bytes | None = None
    url: str = ""
    info: Mapping[str, Any] = field(default_factory=dict)
    problem: Refused | Failed | None = None


def brief(text: Any) -> str:
    """A stranger's text on one line, without signs that steer a terminal, cut at 300 signs."""
    line = " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 3] + "..."


def retry_after(value: str | None) -> float | None:
    """Retry-After as seconds from now: a number of seconds or an HTTP date; None where it is neither."""
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            at = parsedate_to_datetime(value)
        except (TypeError, ValueError, IndexError):
            return None
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        seconds = (at - datetime.now(UTC)).total_seconds()
    return max(0.0, seconds) if math.isfinite(seconds) else None


def items(status: int, headers: Mapping[str, str], body: bytes) -> tuple[list[Item], dict[str, Any]]:
    """The pictures of an answer and what it tells of itself (usage); raises what else it is."""
    if status >= 300:
        raise _error(status, headers, _json(body))
    answer = _json(body)
    if answer is None:
        raise Passing(f"the server answered {_kind(headers, body)} instead of JSON")
    if isinstance(answer, Mapping) and answer.get("error"):
        raise _error(status, headers, answer)
    data = answer.get("data") if isinstance(answer, Mapping) else None
    if not isinstance(data, list) or not all(isinstance(one, Mapping) for one in data):
        raise Failed(f"the answer is JSON without a list 'data' of images ({_shape(answer)})", server=True)
    if not data:
        reason = _reason(answer)
        raise Refused(reason) if reason else Failed("the answer holds no image and no reason", server=True)
    told = {"usage": used} if (used := _numbers(answer.get("usage"))) else {}
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
    neither = f"an item of the answer holds neither b64_json nor url ({_shape(one)})"
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


# ---- errors --------------------------------------------------------------------------------------------------------


def _error(status: int, headers: Mapping[str, str], answer: Any) -> Exception:
    """The exception that an error's answer means."""
    error = answer.get("error", answer) if isinstance(answer, Mapping) else {}
    error = error if isinstance(error, Mapping) else {"message": error}
    message = brief(error.get("message") or error.get("detail") or "")
    codes = [str(c) for c in _codes(error)]
    said = f"{status}{f' {codes[0]}' if codes else ''}{f': {message}' if message else ''}"
    if any(_CODE.search(c) for c in codes) or (status in (400, 422, 451) and _WORDS.search(message)) or status == 451:
        return Refused(message or said)
    if 300 <= status < 400:
        return Useless(f"the server redirects to {brief(headers.get('location', 'nowhere'))}: give that address as url")
    if status in (401, 403):
        return Useless(f"the server refuses the key or what it may do ({said})")
    if status in (402, 404, 405) or any(_SPENT.search(c) for c in codes):
        why = {404: "has no such address or model", 405: "takes no images API at this address"}
        return Useless(f"the server {why.get(status, 'wants to be paid first')} ({said})")
    if status in PASSING or status >= 500:
        return Passing(f"the server answered {said}", retry_after(headers.get("retry-after")))
    if "model_not_found" in codes or str(error.get("param")) in _SETTINGS:
        return Useless(f"the server does not take the settings of this system ({said})")
    return Failed(f"the server answered {said}")


def _codes(error: Mapping[str, Any]) -> Iterable[Any]:
    inner = error.get("innererror") or error.get("inner_error")
    for one in (error, inner if isinstance(inner, Mapping) else {}):
        yield from (one[key] for key in ("code", "type") if isinstance(one.get(key), str | int) and one.get(key))


# ---- JSON of strangers ---------------------------------------------------------------------------------------------


def _json(body: bytes) -> Any:
    """What the bytes mean; None where they are no JSON."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _kind(headers: Mapping[str, str], body: bytes) -> str:
    kind = headers.get("content-type", "").partition(";")[0].strip() or "no content type"
    start = brief(body[:200].decode("utf-8", "replace"))[:80] if not kind.startswith("image/") else ""
    return f"{len(body)} bytes of {brief(kind)}" + (f" ('{start}')" if start else "")


def _shape(value: Any) -> str:
    if isinstance(value, Mapping):
        return "its keys: " + (brief(", ".join(str(k) for k in list(value)[:8])) or "none")
    return f"a {type(value).__name__}"


def _numbers(value: Any) -> dict[str, Any]:
    """Finite numbers of a mapping, one level of mappings below it included."""
    found: dict[str, Any] = {}
    for key, one in list(value.items())[:20] if isinstance(value, Mapping) else ():
        if isinstance(one, Mapping):
            flat = {k: v for k, v in one.items() if not isinstance(v, Mapping)}
            found |= {f"{brief(key)[:40]}.{k}": v for k, v in _numbers(flat).items()}
        elif isinstance(one, int | float) and not isinstance(one, bool) and abs(one) < 1e15:
            found[brief(key)[:40]] = one
    return found
