"""What a server's answer is when it is not what was asked for: a refusal, a failure, a pause, or useless for good.

Answers are not trusted: they may be HTML, of another shape, endless or nested, and may repeat the key that was sent.
The signs of a refusal are those that OpenAI, Azure, xAI, Together and gateways before them give: an error's code or
type, or its words.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

PASSING = frozenset({408, 409, 425, 429})
"""Statuses below 500 that may be gone at the next try; all from 500 on may."""
_LONGEST = 300
_CODE = re.compile(r"content[_ -]?(policy|filter|moderat)|moderation|safety|responsible_?ai|nsfw", re.IGNORECASE)
_WORDS = re.compile(r"safety system|content (policy|filter|moderation)|usage policies", re.IGNORECASE)
_SPENT = re.compile(r"insufficient_quota|billing|quota_exceeded|payment", re.IGNORECASE)
SETTINGS = frozenset({"model", "size", "quality", "n", "response_format", "style", "background", "output_format"})


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


# ---- errors --------------------------------------------------------------------------------------------------------


def error_of(
    status: int, headers: Mapping[str, str], answer: Any, api: str = "images API", settings: Iterable[str] = SETTINGS
) -> Exception:
    """The exception that an error's answer means. settings: fields of a call that are the same in all calls."""
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
        why = {404: "has no such address or model", 405: f"takes no {api} at this address"}
        return Useless(f"the server {why.get(status, 'wants to be paid first')} ({said})")
    if status in PASSING or status >= 500:
        return Passing(f"the server answered {said}", retry_after(headers.get("retry-after")))
    if "model_not_found" in codes or str(error.get("param")) in settings:
        return Useless(f"the server does not take the settings of this system ({said})")
    return Failed(f"the server answered {said}")


def _codes(error: Mapping[str, Any]) -> Iterable[Any]:
    inner = error.get("innererror") or error.get("inner_error")
    for one in (error, inner if isinstance(inner, Mapping) else {}):
        yield from (one[key] for key in ("code", "type") if isinstance(one.get(key), str | int) and one.get(key))


# ---- JSON of strangers ---------------------------------------------------------------------------------------------


def from_json(body: bytes) -> Any:
    """What the bytes mean; None where they are no JSON."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def kind_of(headers: Mapping[str, str], body: bytes) -> str:
    kind = headers.get("content-type", "").partition(";")[0].strip() or "no content type"
    start = brief(body[:200].decode("utf-8", "replace"))[:80] if not kind.startswith("image/") else ""
    return f"{len(body)} bytes of {brief(kind)}" + (f" ('{start}')" if start else "")


def shape_of(value: Any) -> str:
    if isinstance(value, Mapping):
        return "its keys: " + (brief(", ".join(str(k) for k in list(value)[:8])) or "none")
    return f"a {type(value).__name__}"


def numbers_of(value: Any) -> dict[str, Any]:
    """Finite numbers of a mapping, one level of mappings below it included."""
    found: dict[str, Any] = {}
    for key, one in list(value.items())[:20] if isinstance(value, Mapping) else ():
        if isinstance(one, Mapping):
            flat = {k: v for k, v in one.items() if not isinstance(v, Mapping)}
            found |= {f"{brief(key)[:40]}.{k}": v for k, v in numbers_of(flat).items()}
        elif isinstance(one, int | float) and not isinstance(one, bool) and abs(one) < 1e15:
            found[brief(key)[:40]] = one
    return found
