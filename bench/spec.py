"""Text form of plug-ins and systems, canonical JSON, and the digests made from it.

`fd(extractor=inception-v3,k=3)` is canonical; `fd:extractor=inception-v3,k=3` means the same and survives every shell.
`ours=DIR` and a bare path are systems too: `folder(path=DIR)`. Values are none, true, false, numbers, bare words,
quoted strings, or a nested plug-in. Parameters print sorted by name, so that equal specs have equal text.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.errors import UsageError

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.\-]*")
_BARE = re.compile(r"[A-Za-z0-9_./~@\-][A-Za-z0-9_./~@\-]*")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")


@dataclass(frozen=True)
class Spec:
    """A plug-in with its parameters, e.g. `fd(extractor=inception-v3)`."""

    name: str
    params: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        if not self.params:
            return self.name
        return f"{self.name}({','.join(f'{k}={value_text(v)}' for k, v in sorted(self.params.items()))})"

    def __hash__(self) -> int:
        return hash(str(self))

    def with_params(self, **params: Any) -> Spec:
        return Spec(self.name, {**self.params, **params})


@dataclass(frozen=True)
class System:
    """Generator + fusion strategy: what a board ranks; prints as `flow+attention`."""

    generator: Spec
    fusion: Spec | None = None
    label: str = ""

    def __str__(self) -> str:
        return str(self.generator) if self.fusion is None else f"{self.generator}+{self.fusion}"

    @property
    def title(self) -> str:
        """The label, or the text form."""
        return self.label or str(self)


def value_text(value: Any) -> str:
    """A parameter value as the text form writes it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(int(value)) + ".0" if value.is_integer() and abs(value) < 1e16 else repr(value)
    if isinstance(value, int | Spec):
        return str(value)
    text = str(value)
    plain = _BARE.fullmatch(text) and not _NUMBER.fullmatch(text) and text not in ("none", "true", "false")
    return text if plain else json.dumps(text, ensure_ascii=False)


def parse(text: str) -> Spec:
    """`name`, `name(a=1,b=x)` or `name:a=1,b=x` -> Spec; a UsageError shows where the text goes wrong."""
    reader = _Reader(text.strip())
    spec = reader.spec(colon=True)
    reader.end()
    return spec


def parse_system(text: str) -> System:
    """`[label=]generator[+fusion]` or `[label=]path` -> System; a path holds '/' or '.' first, or '\\'."""
    label, rest = "", text.strip()
    found = re.match(r"([^=(:+/\\]+)=(.+)$", rest, re.DOTALL)
    if found:
        label, rest = found[1].strip(), found[2].strip()
    if not rest:
        raise UsageError(f"The system '{text}' is empty; give a generator (see `bench list generators`) or a folder.")
    if is_path(rest):
        return System(Spec("folder", {"path": rest}), None, label or _folder_name(rest))
    reader = _Reader(rest)
    generator = reader.spec(colon=True, stop="+")
    fusion = None
    if reader.take("+"):
        fusion = reader.spec(colon=True)
    reader.end()
    return System(generator, fusion, label)


def is_path(text: str) -> bool:
    """Whether a system text names a folder: it starts like a path or contains a separator outside parentheses."""
    head = re.split(r"[(:]", text, maxsplit=1)[0]
    return text in (".", "..") or text.startswith(("/", "./", "../", "~")) or "/" in head or "\\" in head


def _folder_name(path: str) -> str:
    parts = [p for p in re.split(r"[/\\]", path) if p not in ("", ".", "..")]
    return parts[-1] if parts else "images"


class _Reader:
    """Recursive descent over one spec text."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def fail(self, wanted: str) -> UsageError:
        return UsageError(
            f"'{self.text}' is not a plug-in text: {wanted} is expected at position {self.at + 1} "
            f"('{self.text[self.at : self.at + 12]}'). Write name(key=value,...) or name:key=value,..."
        )

    def take(self, mark: str) -> bool:
        if self.text.startswith(mark, self.at):
            self.at += len(mark)
            return True
        return False

    def match(self, pattern: re.Pattern[str]) -> str | None:
        found = pattern.match(self.text, self.at)
        if found:
            self.at = found.end()
            return found[0]
        return None

    def end(self) -> None:
        if self.at != len(self.text):
            raise self.fail("the end")

    def spec(self, *, colon: bool, stop: str = "") -> Spec:
        name = self.match(_NAME)
        if name is None:
            raise self.fail("a name")
        if self.take("("):
            params = self.params(")")
            if not self.take(")"):
                raise self.fail("',' or ')'")
            return Spec(name, params)
        if colon and self.take(":"):
            return Spec(name, self.params(stop))
        return Spec(name)

    def params(self, close: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while self.at < len(self.text) and not (close and self.text[self.at] in close):
            key = self.match(_NAME)
            if key is None or not self.take("="):
                raise self.fail("key=")
            if key in found:
                raise UsageError(f"'{self.text}' gives '{key}' twice.")
            found[key] = self.value()
            if not self.take(","):
                break
        return found

    def value(self) -> Any:
        if self.at < len(self.text) and self.text[self.at] == '"':
            try:
                value, length = json.JSONDecoder().raw_decode(self.text[self.at :])
            except ValueError:
                raise self.fail("a closing quote") from None
            self.at += length
            return value
        number = _NUMBER.match(self.text, self.at)
        if number and not _BARE.match(self.text, number.end()):  # here, because 1e+16 holds the mark of a fusion
            self.at = number.end()
            return _typed(number[0])
        word = self.match(_BARE)
        if word is None:
            raise self.fail('a value (quote it with " when it holds special characters)')
        if self.text.startswith("(", self.at):
            self.at -= len(word)
            return self.spec(colon=False)
        return _typed(word)


def _typed(word: str) -> Any:
    constants = {"none": None, "true": True, "false": False}
    if word in constants:
        return constants[word]
    if _NUMBER.fullmatch(word):
        return int(word) if re.fullmatch(r"[+-]?\d+", word) else float(word)
    return word


# ---- canonical JSON and digests ------------------------------------------------------------------------------------


def canonical(value: Any) -> str:
    """JSON with sorted keys, no spaces, no NaN: equal values give equal text. Specs are written in text form."""
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, str)):  # nearly all that there is, in lists of prompts
        return value
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise UsageError(f"{value} cannot be part of a protocol or spec; give a finite number.")
    return value if isinstance(value, float) else str(value)


def digest(value: Any) -> str:
    """sha256 (hex) of the canonical JSON."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def text_digest(text: str) -> str:
    """sha256 (hex) of a text's UTF-8 bytes: the view digest of a prompt. Half characters, as file names of no encoding
    have them, count as themselves."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def seed_for(run_seed: int, sample_id: str, k: int) -> int:
    """63-bit seed of one image: a hash of (run seed, sample id, k) and nothing else."""
    return int.from_bytes(hashlib.sha256(canonical([run_seed, sample_id, k]).encode()).digest()[:8], "big") >> 1


def order_key(sample_id: str) -> str:
    """Sort key of the plan: the id's digest, so that a prefix is a fair and nested subset."""
    return text_digest(sample_id)


def safe_id(sample_id: str) -> str:
    """File-name form of an id: a slug for people and 10 digits of its digest for uniqueness."""
    slug = re.sub(r"[^A-Za-z0-9]+", "-", sample_id).strip("-")[:40]
    return f"{slug}-{text_digest(sample_id)[:10]}" if slug else text_digest(sample_id)[:10]
