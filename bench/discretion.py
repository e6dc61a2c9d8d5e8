"""Words that may not be said: the captions of private datasets are taken out of every message before it is read.

Whoever opens private prompts, or a run of them, tells `keep` where its words are; `discreet` then replaces in a text
  - a whole caption or id by the sample's blinded name ('sample 3f9a01c2d4e5'), however it is punctuated,
  - four words that stand together in a caption, and every word (also cut short) that only a caption can have brought
    in, by '[withheld]'.
Words that the suite's own source uses, and those of the command line and of the systems' names, are no secrets.
Errors pass through here when they are made, and everything printed when it is printed. Nothing is read until then.
"""

from __future__ import annotations

import bisect
import contextlib
import hashlib
import hmac
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

PUBLIC, PRIVATE = "public", "private"
BLINDED, NONE = "blinded", "none"
"""Of run.dataset["rows"] of a private run's light copy: rows under blinded names, or no rows."""
WITHHELD = "[withheld]"
_IDEOGRAMS = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
_WORD = re.compile(f"[{_IDEOGRAMS}]|[^\\W_{_IDEOGRAMS}]+")
"""Letters and digits; scripts without spaces give a word a sign."""
_SHORTEST = 3
"""Letters of a word that can give anything away alone."""
_RUN = 4
"""Words of a caption that give it away together, however common each is."""


def first_word(visibility: Any) -> str:
    """What decides of a card's or run's `visibility`: 'private' of 'private: patients'; 'public' of nothing."""
    text = str(visibility or PUBLIC).casefold()
    for mark in ":,;.!":
        text = text.replace(mark, " ")
    return (text.split() or [PUBLIC])[0]


def is_private(visibility: Any) -> bool:
    """Whether captions, images and rows stay with the run."""
    return first_word(visibility) == PRIVATE


# ---- names of samples ----------------------------------------------------------------------------------------------


def list_key(pairs: Iterable[tuple[str, str]]) -> bytes:
    """The key of a list of (id, prompt), in any order: nobody has it who has not the list."""
    text = json.dumps(sorted(set(pairs)), ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(f"blinded rows:{text}".encode()).digest()


def blinded(key: bytes, text: str) -> str:
    """sha256 (hex) of an id, group or tag under a list's key."""
    return hmac.new(key, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def blinded_name(key: bytes, sample_id: str) -> str:
    """'sample 3f9a01c2d4e5': no two of a hundred thousand samples share a name but once in fifty thousand lists."""
    return f"sample {blinded(key, sample_id)[:12]}"


# ---- what is kept back ---------------------------------------------------------------------------------------------


@dataclass
class _Kept:
    """The secrets of one source, as words."""

    starts: dict[str, list[tuple[tuple[str, ...], str]]] = field(default_factory=dict)
    """First word -> (all words of a caption or id, what is said instead), longest first."""
    runs: set[tuple[str, ...]] = field(default_factory=set)
    words: list[str] = field(default_factory=list)
    """Sorted words of the captions that are nobody else's."""
    ends: list[str] = field(default_factory=list)
    """The same, each spelt backwards."""
    known: frozenset[str] = frozenset()
    """Words that tell nothing."""


_sources: dict[str, Callable[[], Mapping[str, str]]] = {}
_public: set[str] = set()
_kept: dict[str, _Kept] = {}


def keep(name: str, texts: Callable[[], Mapping[str, str]], public: Iterable[str] = ()) -> None:
    """From now on say none of `texts()` (text -> what is said instead); called once, when something is to be said.

    name: of the source; the first call of a name counts. public: texts whose words may be said (labels, paths).
    """
    _sources.setdefault(name, texts)
    fresh = {w for text in public for w in words_of(text)} - _public
    if fresh:
        _public.update(fresh)
        _kept.clear()


def release(name: str) -> None:
    """A source whose texts another one holds by now."""
    _sources.pop(name, None)
    _kept.pop(name, None)


def forget() -> None:
    """Nothing is kept back any more."""
    _sources.clear()
    _kept.clear()
    _public.clear()


def words_of(text: str) -> list[str]:
    """The words of a text, case-folded."""
    return [w.casefold() for w in _WORD.findall(text)]


def discreet(text: str) -> str:
    """The text without what is kept back."""
    if not _sources or not text:
        return text
    for name in reversed(list(_sources)):  # the latest is of the narrowest list
        text = _without(text, _of(name))
    return text


def told_by(text: str) -> str:
    """What is said instead of the first whole caption or id that stands in a text; '' where none does."""
    words = words_of(text) if _sources else []
    for name in list(_sources):
        starts = _of(name).starts
        for at, word in enumerate(words):
            for sequence, instead in starts.get(word, ()):
                if tuple(words[at : at + len(sequence)]) == sequence:
                    return instead
    return ""


def discreet_data(value: Any) -> Any:
    """JSON-like data with discreet texts; names of fields are the suite's own."""
    if not _sources:
        return value
    if isinstance(value, str):
        return discreet(value)
    if isinstance(value, Mapping):
        return {key: discreet_data(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [discreet_data(inner) for inner in value]
    return value


def _of(name: str) -> _Kept:
    if name not in _kept:
        _kept[name] = _Kept()  # for the message of a table that cannot be read, which comes through here too
        with contextlib.suppress(Exception):
            _kept[name] = _indexed(_sources[name]())
    return _kept[name]


def _indexed(texts: Mapping[str, str]) -> _Kept:
    known = _known()
    found, words = _Kept(known=known), set[str]()
    for text, instead in texts.items():
        sequence = tuple(words_of(text))
        own = {w for w in sequence if len(w) >= _SHORTEST and not w.isdecimal() and w not in known}
        words |= own
        if own or len(sequence) >= _RUN:
            found.starts.setdefault(sequence[0], []).append((sequence, instead))
        found.runs.update(sequence[i : i + _RUN] for i in range(len(sequence) - _RUN + 1))
    for same in found.starts.values():
        same.sort(key=lambda pair: (-len(pair[0]), pair))
    found.words, found.ends = sorted(words), sorted(w[::-1] for w in words)
    return found


def _known() -> frozenset[str]:
    """Words that tell nothing: of the suite's source, the command line, this folder, and what callers named."""
    places = (*sys.argv, os.getcwd(), os.environ.get("BENCH_HOME", ""), str(Path.home()))
    return _suite() | _public | {w for text in places for w in words_of(text)}


@cache
def _suite() -> frozenset[str]:
    found: set[str] = set()
    for path in sorted(Path(__file__).resolve().parent.rglob("*.py")):
        found.update(words_of(path.read_text(encoding="utf-8", errors="replace")))
    return frozenset(found)


# ---- taking out ----------------------------------------------------------------------------------------------------


def _without(text: str, kept: _Kept) -> str:
    spans = [(m.start(), m.end()) for m in _WORD.finditer(text)]
    words = [text[a:b].casefold() for a, b in spans]
    out: list[str] = []
    at = told = 0
    while at < len(words):
        count, instead = _secret(words, at, kept)
        if count:
            between = text[told : spans[at][0]]
            follows = bool(out) and out[-1] == instead == WITHHELD and not between.strip(" -_.,")
            out += [] if follows else [between, instead]
            told = spans[at + count - 1][1]
        at += count or 1
    return "".join([*out, text[told:]])


def _secret(words: list[str], at: int, kept: _Kept) -> tuple[int, str]:
    """How many words from here on are secret (0: none), and what is said instead."""
    for sequence, instead in kept.starts.get(words[at], ()):
        if tuple(words[at : at + len(sequence)]) == sequence:
            return len(sequence), instead
    count = 0
    while tuple(words[at + count : at + count + _RUN]) in kept.runs:
        count += 1
    if count:
        return count + _RUN - 1, WITHHELD
    return (1, WITHHELD) if _only_theirs(words[at], kept) else (0, "")


def _only_theirs(word: str, kept: _Kept) -> bool:
    """Whether a word is one that only captions have, or the head or tail of one."""
    if len(word) < _SHORTEST or word.isdecimal():
        return False
    for piece, sorted_words in ((word, kept.words), (word[::-1], kept.ends)):
        place = bisect.bisect_left(sorted_words, piece)
        if place < len(sorted_words) and sorted_words[place].startswith(piece):
            return piece == sorted_words[place] or word not in kept.known
    return False
