"""T2I-CompBench's layout: the prompt is parsed from the file's name, and what a file system did to it is undone.

A name may be the prompt itself, the prompt without the signs that a file system cannot hold, or its beginning, cut
where names become too long. A name that fits several prompts is none's.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from bench.formats.folders import Listing
from bench.formats.layout_rules import FORM, UNKNOWN, Claim, Found
from bench.formats.match_rules import plain, stem_of
from bench.types import Sample

_NUMBERED = re.compile(r"(.+)_(\d{1,9})", re.DOTALL | re.ASCII)
_GRID = re.compile(r".+-grid-\d+|grid", re.DOTALL | re.ASCII)
_SHORTEST_CUT = 30
"""Letters and digits of a name that may be a cut prompt."""
_CUT_LENGTH = 0.9
"""Names are cut at one length: such a name is nearly as long as the longest of the folder."""
_SEVERAL = "cut or changed so that they fit several prompts"


class _Texts:
    """Prompts by what may be left of them in a name."""

    def __init__(self, samples: Sequence[Sample]) -> None:
        self.owners: dict[str, list[str]] = defaultdict(list)
        for sample in samples:
            self.owners[_composed(sample.prompt)].append(sample.id)
        self.forms: list[Mapping[str, list[str]]] = [_grouped(self.owners, plain), _grouped(self.owners, _squeezed)]
        self.sorted = sorted(self.forms[0])

    def find(self, name: str) -> tuple[str | None, str]:
        """(prompt, '') or (None, why not)."""
        if name in self.owners:
            return name, ""
        for form, texts in zip((plain, _squeezed), self.forms, strict=True):
            found = texts.get(form(name), ())
            if found and form(name):
                return (found[0], "") if len(found) == 1 else (None, _SEVERAL)
        return None, UNKNOWN

    def begun(self, name: str) -> tuple[str | None, str]:
        """The same for a name that is the beginning of a prompt."""
        form = plain(name)
        at = bisect_left(self.sorted, form)
        longer = [text for text in self.sorted[at : at + 2] if text.startswith(form)]
        if len(form) < _SHORTEST_CUT or not longer:
            return None, UNKNOWN
        texts = self.forms[0][longer[0]]
        return (texts[0], "") if len(longer) == len(texts) == 1 else (None, _SEVERAL)


def compbench(listing: Listing, samples: Sequence[Sample]) -> Found:
    """`samples/<prompt>_<6 digits>.png`, the folders of several categories beside each other or all in one.

    The published script counts its images through, so that numbers tell their order alone. Repeated prompts get their
    images in that order. Its overviews are `<prompt>-grid-<5 digits>.png`.
    """
    categories = sorted({s.tags.get("category", "") for s in samples} - {""}, key=len, reverse=True)
    texts = {"": _Texts(samples)}
    texts |= {c: _Texts([s for s in samples if s.tags.get("category") == c]) for c in categories}
    named = {file: _NUMBERED.fullmatch(stem_of(file)) for file in listing.files}
    longest = max((len(got[1].encode()) for got in named.values() if got), default=0)
    odd: dict[str, str] = {}
    found: dict[tuple[str, str], list[tuple[int, str]]] = defaultdict(list)
    beside, cut, digits = [], 0, 0
    for file, got in named.items():
        if got is None:
            if _GRID.fullmatch(stem_of(file)):
                beside.append(file)
            else:
                odd[file] = FORM
            continue
        category = _category(file, categories)
        text, why = _whole(texts[category], file, got[1])
        if text is None and why == UNKNOWN and len(got[1].encode()) >= _CUT_LENGTH * longest:
            text, why = texts[category].begun(_composed(got[1]))
            cut += text is not None
        if text is None:
            odd[file] = why
        else:
            digits += len(got[2]) != 6
            found[category, text].append((int(got[2]), file))
    notes = [f"{cut} names are the beginning of a prompt, cut where names become too long"][: cut > 0]
    notes += [f"{digits} names have another number of digits than six"][: digits > 0]
    return Found(_dealt(found, texts), odd, beside, notes)


def _whole(texts: _Texts, file: str, name: str) -> tuple[str | None, str]:
    """By the name; else with the folders before it, which a '/' in the prompt made."""
    found = texts.find(_composed(name))
    parts = file.split("/")[:-1]
    for start in range(len(parts) - 1, -1, -1):
        if found[0] is not None:
            break
        joined = texts.find(_composed("/".join([*parts[start:], name])))
        found = joined if joined[0] is not None else found
    return found


def _category(file: str, categories: Sequence[str]) -> str:
    for part in reversed(file.split("/")[:-1]):
        plain_part = part.casefold().replace("-", "_")
        for one in categories:
            if plain_part == one or plain_part.startswith(f"{one}_"):
                return one
    return ""


def _dealt(found: Mapping[tuple[str, str], list[tuple[int, str]]], texts: Mapping[str, _Texts]) -> list[Claim]:
    """Images of each prompt in the order of their numbers; a repeated prompt's first sample gets as many as other
    prompts have, so that what was overwritten stays missing."""
    counts = [len(files) for (category, text), files in found.items() if len(texts[category].owners[text]) == 1]
    used = Counter((category, n) for (category, _), files in found.items() for n in {n for n, _ in files})
    through = all(count == 1 for count in used.values())
    claims: list[Claim] = []
    for (category, text), files in found.items():
        ids = texts[category].owners[text]
        each = sorted(counts)[len(counts) // 2] if counts else max(1, len(files) // len(ids))
        for place, (number, file) in enumerate(sorted(files)):
            at = min(place // each, len(ids) - 1) if len(ids) > 1 else 0
            claims.append((ids[at], place - at * each if through or len(ids) > 1 else number, file))
    return claims


def _composed(text: str) -> str:
    """One code point a letter: some file systems take accents apart."""
    return unicodedata.normalize("NFC", text).strip()


def _squeezed(text: str) -> str:
    return plain(text).replace(" ", "")


def _grouped(texts: Mapping[str, list[str]], form: object) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for text in texts:
        found[form(text)].append(text)  # type: ignore[operator]
    return dict(found)
