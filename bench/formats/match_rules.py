"""The four rules by which existing files can meet prompts. Each is a pure function of names and samples -> Candidate.

A rule never decides whether it is the right one: it says what it pairs, what it cannot do (`problem`) and what would be
a guess (`doubt`: fine when the user asked for this rule, not enough for `auto`). `matching.py` judges.
"""

from __future__ import annotations

import os
import re
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from bench.formats.folders import natural_key
from bench.formats.images import EXTENSIONS
from bench.formats.manifests import Entry
from bench.spec import safe_id
from bench.types import Sample

Key = tuple[str, int]
"""(sample id, k)"""

_DIGITS = re.compile(r"([0-9]+)")
_REPEAT = re.compile(r"(.+?)[_\-. ]([0-9]{1,9})")
_COCO = re.compile(r"(?:COCO_[A-Za-z]+[0-9]{4}_)?([0-9]{1,18})")
_SHORTEST_CUT = 30
"""A file name this long (normalised characters) may be a prompt cut off by the tool that saved it."""


@dataclass(frozen=True)
class Candidate:
    """What one rule makes of the files."""

    rule: str
    pairs: dict[Key, str] = field(default_factory=dict)
    """(sample id, k) -> file; the files of a sample with several frames are joined by line breaks."""
    duplicates: tuple[str, ...] = ()
    """Files that claim a pair that another file has."""
    notes: tuple[str, ...] = ()
    problem: str = ""
    doubt: str = ""


def stem_of(file: str) -> str:
    """File name without folder and without an image's ending ('a.b' stays 'a.b')."""
    name = file.rsplit("/", 1)[-1]
    head, tail = os.path.splitext(name)
    return head if tail.casefold() in EXTENSIONS else name


def claimed(rule: str, claims: Iterable[tuple[str, int, str]], notes: Sequence[str] = (), doubt: str = "") -> Candidate:
    """The first file (in the order given) that claims a pair has it; later ones are duplicates."""
    pairs: dict[Key, str] = {}
    duplicates = []
    for sample_id, k, file in claims:
        if pairs.setdefault((sample_id, k), file) != file:
            duplicates.append(file)
    return Candidate(rule, pairs, tuple(duplicates), tuple(notes), doubt=doubt)


def repeat_numbers(found: Iterable[int | None]) -> dict[int | None, int]:
    """Numbers as written (None: a name without one) -> k from 0: counted from 0 or 1 where dense, ranked where not."""
    numbers = sorted({-1 if n is None else n for n in found})
    if not numbers:
        return {}
    dense = numbers[-1] - numbers[0] < 2 * len(numbers) and numbers[0] <= 1
    base = 0 if numbers[0] == 0 or (numbers[0] == -1 and 0 not in numbers) else numbers[0]
    ks = {n: max(0, n - base) if dense else rank for rank, n in enumerate(numbers)}
    return {None if n == -1 else n: k for n, k in ks.items()}


def with_repeats(claims: Sequence[tuple[str, int | None, str]]) -> list[tuple[str, int, str]]:
    """(sample id, number as written, file) -> (sample id, k, file). Seeds in names are ranked within each sample."""
    own: dict[str, set[int | None]] = defaultdict(set)
    for sample_id, number, _ in claims:
        own[sample_id].add(number)
    ks = repeat_numbers(number for _, number, _ in claims)
    if max(ks.values(), default=0) < 2 * max(map(len, own.values()), default=1):
        return [(sample_id, ks[number], file) for sample_id, number, file in claims]
    ranked = {s: {n: k for k, n in enumerate(sorted(found, key=lambda n: ks[n]))} for s, found in own.items()}
    return [(sample_id, ranked[sample_id][number], file) for sample_id, number, file in claims]


# ---- stem: the file is named after the sample's id -----------------------------------------------------------------


def stem(files: Sequence[str], samples: Sequence[Sample]) -> Candidate:
    """`<id>`, `<id>_<k>`, `<safe id>_<k>[_<frame>]`, `<id>/<k>`, zero-padded and COCO-named numbers."""
    known = _Ids(samples)
    readings = [_read_all(files, known.of_name), _read_all(files, known.of_folder)]
    best = max(readings, key=lambda found: len({claim[:3] for claim in found}))  # the first wins a tie
    if any(sample.frames > 1 for sample in samples):
        return _framed(best, samples)
    return claimed("stem", with_repeats([(sample_id, number, file) for sample_id, number, _, file in best]))


_Claim = tuple[str, int | None, int, str]
"""(sample id, repeat as written, frame, file)"""


def _read_all(files: Sequence[str], read: Callable[[str], tuple[str, int | None, int] | None]) -> list[_Claim]:
    found = ((read(file), file) for file in files)
    return [(*one, file) for one, file in found if one is not None]


class _Ids:
    """Lookup of the ways in which a file can name a sample."""

    def __init__(self, samples: Sequence[Sample]) -> None:
        self.frames = {s.id: s.frames for s in samples}
        self.keys = {safe_id(s.id): s.id for s in samples}
        self.keys |= {stem_of(s.id): s.id for s in samples}
        self.keys |= {s.id: s.id for s in samples}
        self.numbers = {s.id.lstrip("0"): s.id for s in samples if s.id.isascii() and s.id.isdecimal()}

    def of_name(self, file: str) -> tuple[str, int | None, int] | None:
        whole = file[: len(file) - len(file.rsplit("/", 1)[-1])] + stem_of(file)
        return self._read(whole) or self._read(stem_of(file))

    def of_folder(self, file: str) -> tuple[str, int | None, int] | None:
        for folder in reversed(file.split("/")[:-1]):
            if (known := self._known(folder)) is not None:
                number = re.search(r"([0-9]{1,9})$", stem_of(file))
                return known, int(number[1]) if number else None, 0
        return None

    def _read(self, name: str) -> tuple[str, int | None, int] | None:
        if (known := self._known(name)) is not None:
            return known, None, 0
        cut = _REPEAT.fullmatch(name)
        if cut is None:
            return None
        if (known := self._known(cut[1])) is not None:
            return known, int(cut[2]), 0
        again = _REPEAT.fullmatch(cut[1])
        if again and (known := self._known(again[1])) is not None and self.frames[known] > 1:
            return known, int(again[2]), int(cut[2])
        return None

    def _known(self, name: str) -> str | None:
        if name in self.keys:
            return self.keys[name]
        number = _COCO.fullmatch(name)
        return self.numbers.get(number[1].lstrip("0")) if number else None


def _framed(claims: Sequence[_Claim], samples: Sequence[Sample]) -> Candidate:
    """Frames of one (sample, k) joined in their order; a sequence that lacks a frame is left out and noted."""
    frames = {s.id: s.frames for s in samples}
    films: dict[Key, dict[int, str]] = defaultdict(dict)
    duplicates = []
    ks = repeat_numbers(number for _, number, _, _ in claims)
    for sample_id, number, frame, file in claims:
        if films[sample_id, ks[number]].setdefault(frame, file) != file:
            duplicates.append(file)
    whole = {key: film for key, film in films.items() if set(film) == set(range(frames[key[0]]))}
    notes = [f"{len(films) - len(whole)} sequences lack a frame (frames are counted from 0)"][: len(films) > len(whole)]
    pairs = {key: "\n".join(film[f] for f in sorted(film)) for key, film in whole.items()}
    return Candidate("stem", pairs, tuple(duplicates), tuple(notes))


# ---- caption: the file is named after the prompt -------------------------------------------------------------------


def plain(text: str) -> str:
    """Letters and digits of a text, case-folded, single spaces between: what survives in a file name."""
    return " ".join(re.findall(r"[^\W_]+", text.casefold()))


def caption(files: Sequence[str], samples: Sequence[Sample]) -> Candidate:
    """`<prompt>`, `<prompt>_<number>` (T2I-CompBench), prompts cut to 30 or more letters; equal prompts share files."""
    owners: dict[str, list[str]] = defaultdict(list)
    for sample in samples:
        owners[plain(sample.prompt)].append(sample.id)
    texts = sorted(owners)
    found: dict[str, list[str]] = defaultdict(list)
    for file in files:
        text = _prompt_of(stem_of(file), owners, texts)
        if text:
            found[text].append(file)
    shared = sum(len(owners[text]) > 1 for text in found)
    notes = [f"images of {shared} repeated prompts were dealt among their samples in order"][: shared > 0]
    return claimed("caption", (claim for text, own in found.items() for claim in _dealt(own, owners[text])), notes)


def _prompt_of(name: str, owners: dict[str, list[str]], texts: Sequence[str]) -> str | None:
    cut = _REPEAT.fullmatch(name)
    forms = [plain(form) for form in ([name, cut[1]] if cut else [name])]
    whole = next((form for form in forms if form in owners), None)
    if whole is not None:
        return whole
    for form in forms:
        at = bisect_left(texts, form)
        longer = [text for text in texts[at : at + 2] if text.startswith(form)]
        if len(form) >= _SHORTEST_CUT and len(longer) == 1:
            return longer[0]
    return None


def _dealt(files: Sequence[str], ids: Sequence[str]) -> Iterable[tuple[str, int, str]]:
    each = max(1, len(files) // len(ids))
    for at, file in enumerate(files):
        owner = min(at // each, len(ids) - 1)
        yield ids[owner], at - owner * each, file


# ---- index: the n-th image belongs to the n-th prompt --------------------------------------------------------------


def index(files: Sequence[str], samples: Sequence[Sample]) -> Candidate:
    """By the number in the name, from 0 or 1 as the names show; `<n>_<k>` or `<n>/.../<k>` for several a prompt."""
    if any(sample.frames > 1 for sample in samples):
        return Candidate("index", problem="prompts with several frames are matched by 'stem' only")
    numbered, varying = _varying(files)
    if len(varying) not in (1, 2):
        return _in_order(files, samples)
    columns = [[numbers[at] for numbers in numbered.values()] for at in varying]
    if len(columns) == 1:
        return _one_number(dict(zip(numbered, columns[0], strict=True)), samples)
    return _two_numbers(list(numbered), columns, samples)


def _varying(files: Sequence[str]) -> tuple[dict[str, tuple[int, ...]], list[int]]:
    """Files of the commonest shape of name with their numbers, and the positions of the numbers that differ."""
    shapes: dict[tuple[str, ...], dict[str, tuple[int, ...]]] = defaultdict(dict)
    for file in files:
        parts = _DIGITS.split(os.path.splitext(file)[0])
        if all(len(digits) < 19 for digits in parts[1::2]):
            shapes[tuple(parts[::2])][file] = tuple(map(int, parts[1::2]))
    main = max(shapes.values(), key=len, default={})
    others = [file for file in files if file not in main and stem_of(file) != "grid"]  # GenEval's overview pictures
    if len(others) > 0.1 * len(files):
        return {}, []
    columns = list(zip(*main.values(), strict=True))
    return main, [at for at, column in enumerate(columns) if len(set(column)) > 1]


def _in_order(files: Sequence[str], samples: Sequence[Sample]) -> Candidate:
    """Names without a common numbering: their natural order, when the counts allow it."""
    each, rest = divmod(len(files), len(samples))
    if rest or not each:
        return Candidate("index", problem=_unequal(len(files), len(samples)))
    claims = ((samples[at // each].id, at % each, file) for at, file in enumerate(files))
    doubt = "" if len(samples) == 1 else "the names have no common numbering, only their sorted order"
    return claimed("index", claims, ["files were taken in the natural order of their names"], doubt)


def _one_number(numbers: dict[str, int], samples: Sequence[Sample]) -> Candidate:
    place, note, doubt = _places(numbers.values(), len(samples))
    if place is not None:
        return claimed("index", ((samples[place[n]].id, 0, file) for file, n in numbers.items()), [note], doubt)
    distinct = sorted(set(numbers.values()))
    each, rest = divmod(len(distinct), len(samples))
    if rest or not each:
        return Candidate("index", problem=_unequal(len(distinct), len(samples)))
    rank = {n: at for at, n in enumerate(distinct)}
    claims = ((samples[rank[n] // each].id, rank[n] % each, file) for file, n in numbers.items())
    doubt = "" if len(samples) == 1 else f"{each} consecutive images would be taken for each prompt"
    return claimed("index", claims, [f"{each} consecutive images were taken for each prompt"], doubt)


def _two_numbers(files: Sequence[str], columns: Sequence[Sequence[int]], samples: Sequence[Sample]) -> Candidate:
    """`<n>_<k>`, or `<k>/<n>` where only the second number fits the prompts."""
    fits = [_places(column, len(samples)) for column in columns]
    ranks = [2 if place is None else int(doubt != "") for place, _, doubt in fits]  # 0: fits, 1: a guess, 2: does not
    first = ranks.index(min(ranks))
    place, note, doubt = fits[first]
    if place is None:
        return Candidate("index", problem=_unequal(len(set(columns[0])), len(samples)))
    if ranks[0] == ranks[1]:
        doubt = "both numbers in the names fit the number of prompts"
    notes = [note, f"the {('first', 'second')[first]} number of a name is the prompt, the other one the repeat"]
    rows = zip(files, columns[first], columns[1 - first], strict=True)
    return claimed("index", with_repeats([(samples[place[n]].id, k, file) for file, n, k in rows]), notes, doubt)


def _places(numbers: Iterable[int], count: int) -> tuple[dict[int, int] | None, str, str]:
    """(number -> place among the prompts or None, note, doubt). A gap is allowed only where both ends are there."""
    found = sorted(set(numbers))
    low, high = found[0], found[-1]
    if len(found) == count:
        consecutive = high - low == count - 1
        doubt = "" if consecutive else "the numbers in the names are not consecutive"
        return {n: at for at, n in enumerate(found)}, f"names are numbered from {low} to {high}", doubt
    for base in (0, 1):
        if low == base and high == base + count - 1:
            return {n: n - base for n in found}, f"names are numbered from {base} to {high}, with gaps", ""
    return None, "", ""


def _unequal(images: int, prompts: int) -> str:
    return (
        f"there are {images} numbered images and {prompts} prompts, neither equal nor a multiple, so the n-th image "
        "need not belong to the n-th prompt"
    )


# ---- manifest: a table says it -------------------------------------------------------------------------------------


def manifest(files: Sequence[str], samples: Sequence[Sample], entries: Sequence[Entry]) -> Candidate:
    """Rows of a manifest; a path that is not in the folder is tried by its file name alone, where that is unique."""
    known = {s.id for s in samples}
    by_prompt: dict[str, list[str]] = defaultdict(list)
    for sample in samples:
        by_prompt[sample.prompt.strip()].append(sample.id)
    names = Counter(file.rsplit("/", 1)[-1] for file in files)
    unique = {file.rsplit("/", 1)[-1]: file for file in files if names[file.rsplit("/", 1)[-1]] == 1}
    there, next_k = set(files), Counter[str]()
    claims, absent, strangers = [], 0, 0
    for entry in entries:
        file = entry.file if entry.file in there else unique.get(entry.file.rsplit("/", 1)[-1])
        owners = [entry.sample] if entry.sample in known else by_prompt.get(entry.prompt, [])
        absent, strangers = absent + (file is None), strangers + (not owners)
        if file is not None and owners:
            owner = min(owners, key=lambda one: next_k[one]) if entry.k is None else owners[0]
            claims.append((owner, next_k[owner] if entry.k is None else entry.k, file))
            next_k[owner] += 1
    notes = [f"{absent} files of the manifest are not in the folder"][: absent > 0]
    notes += [f"{strangers} rows of the manifest name no prompt of this dataset"][: strangers > 0]
    return claimed("manifest", claims, notes)


def in_order(files: Sequence[str]) -> list[str]:
    """Files in natural order."""
    return sorted(files, key=natural_key)
