"""Prompts from the files that people have: TXT, CSV, TSV, JSON, JSONL; among them COCO captions and GenEval metadata.

Every layout becomes rows of named values, and one function turns rows into samples. An id comes from the id column; a
file without one gets ids from the text (readable slug, digest, and `-2`, `-3`, ... for repeated texts), so that ids
survive the insertion or removal of other lines. `tags['line']` is the 1-based position, which matching by index uses.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.errors import DataError
from bench.formats.tables import column_name, others, read_table
from bench.formats.textfiles import kind_of, lines, read_json, read_jsonl, read_text
from bench.spec import safe_id
from bench.types import Relation, Sample, Thing

KINDS = (".txt", ".csv", ".tsv", ".json", ".jsonl", ".ndjson")
PROMPT_COLUMNS = ("prompt", "caption", "text")
ID_COLUMNS = ("id", "sample_id", "unique_id", "prompt_id", "text_id")
MOST_FRAMES, MOST_THINGS = 10_000, 10_000
"""Frames of one sample, and objects of one kind in it: more is a slip of the pen that would fill the memory."""
_FIELDS = ("captions", "group", "reference", "input_image", "frames", "meaning")
_LIST_KEYS = ("prompts", "captions", "texts", "samples", "data")


@dataclass(frozen=True)
class _Row:
    """One prompt as the file has it."""

    where: str
    """'line 3' or 'entry 3', for errors."""
    values: Mapping[str, Any]


def read_prompts(path: str | Path) -> list[Sample]:
    """All prompts of a file in file order. Relative `reference` paths are taken from the file's folder.

    Raises DataError for an unknown kind, an empty file, an empty prompt, undecodable text, a missing column, equal ids.
    """
    kind = Path(path).suffix.casefold()
    if kind not in KINDS:
        raise DataError(f"'{path}' is no file of prompts by its ending '{kind}'; give one of {', '.join(KINDS)}.")
    rows = _READERS[kind](path)
    if not rows:
        raise DataError(f"'{path}' holds no prompts.")
    return _samples(rows, path)


# ---- files to rows -------------------------------------------------------------------------------------------------


def _txt(path: str | Path) -> list[_Row]:
    return [_Row(f"line {n}", {"prompt": line}) for n, line in enumerate(lines(read_text(path)), 1)]


def _table(path: str | Path) -> list[_Row]:
    header, rows = read_table(path)
    if not any(name in header for name in (*PROMPT_COLUMNS, "captions")):
        raise _no_column(f"'{path}'", header)
    return [_Row(f"line {line}", row) for line, row in rows]


def _jsonl(path: str | Path) -> list[_Row]:
    return [_Row(f"line {n}", _values(value, f"'{path}', line {n}")) for n, value in read_jsonl(path)]


def _json(path: str | Path) -> list[_Row]:
    content = read_json(path)
    if isinstance(content, dict):
        lists = [key for key in content if key in _LIST_KEYS and isinstance(content[key], list)]
        if len(content) == 1 and lists:
            content = content[lists[0]]
        elif isinstance(content.get("annotations"), list):
            return _coco(content, path)
        else:
            return [
                _Row(f"entry '{key}'", {**_values(value, f"'{path}', entry '{key}'"), "id": key})
                for key, value in content.items()
            ]
    if not isinstance(content, list):
        raise DataError(f"'{path}' holds {kind_of(content)}; give a list of prompts or an object id: text.")
    return [_Row(f"entry {n}", _values(v, f"'{path}', entry {n}")) for n, v in enumerate(content, 1)]


def _values(value: Any, where: str) -> dict[str, Any]:
    """A JSON entry as named values: a text, a list of true texts, or an object."""
    if value is None or isinstance(value, str):
        return {"prompt": value}
    if isinstance(value, list) and all(isinstance(v, str) for v in value):
        return {"captions": value}
    if not isinstance(value, dict):
        raise DataError(f"{where} is {kind_of(value)}; give a text or an object with a prompt.")
    named = {column_name(key): v for key, v in value.items()}
    if not any(name in named for name in (*PROMPT_COLUMNS, "captions")):
        raise _no_column(where, list(named))
    return named


def _coco(content: Mapping[str, Any], path: str | Path) -> list[_Row]:
    """COCO captions: a row for each photograph, its captions in the order of their annotation ids."""
    try:
        names = {image["id"]: image.get("file_name", "") for image in content.get("images", ())}
        found: dict[Any, list[str]] = {key: [] for key in names}
        for note in sorted(content["annotations"], key=lambda note: note.get("id", 0)):
            found.setdefault(note["image_id"], []).append(note["caption"])
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(f"'{path}' looks like COCO captions, but an entry lacks {error}.") from None
    return [
        _Row(f"image {key}", {"id": key, "group": key, "captions": texts, "file_name": names.get(key, "")})
        for key, texts in found.items()
        if texts
    ]


_READERS = {".txt": _txt, ".csv": _table, ".tsv": _table, ".json": _json, ".jsonl": _jsonl, ".ndjson": _jsonl}


def _no_column(where: str, there: Sequence[str]) -> DataError:
    return DataError(
        f"{where} has no column {' or '.join(PROMPT_COLUMNS)}; its columns are {', '.join(there) or 'none'}. "
        "Name the prompts' column in a header, or use a .txt file with one prompt a line."
    )


# ---- rows to samples -----------------------------------------------------------------------------------------------


def _samples(rows: Sequence[_Row], path: str | Path) -> list[Sample]:
    empty = [row.where for row in rows if not _said(row)]
    if empty:
        raise DataError(f"'{path}', {empty[0]}: empty prompt{others(len(empty))}; give it a text or remove it.")
    texts = [_texts(row, path) for row in rows]
    ids, groups = _ids(rows, [found[0] for found in texts], path)
    return [_sample(*each, path, line) for line, each in enumerate(zip(rows, texts, ids, groups, strict=True), 1)]


def _said(row: _Row) -> list[Any]:
    """The prompt, then all other true texts of a row; [] where the prompt is empty."""
    own = [row.values[name] for name in PROMPT_COLUMNS if name in row.values][:1]
    more = row.values.get("captions") or []
    found = [*own, *([more] if isinstance(more, str) else more)]
    found = [text.strip() if isinstance(text, str) else text for text in found]
    return [] if not found or found[0] is None or found[0] == "" else found


def _texts(row: _Row, path: str | Path) -> tuple[str, ...]:
    """The prompt, then all other true texts of the row."""
    found = _said(row)
    if not all(isinstance(text, str) and text for text in found):
        raise DataError(f"'{path}', {row.where}: a prompt must be a text, and {found[0]!r} has something else in it.")
    return tuple(dict.fromkeys(found))


def _ids(rows: Sequence[_Row], texts: Sequence[str], path: str | Path) -> tuple[list[str], list[str]]:
    """(ids, groups). `image_id` is an id where it is unique and otherwise the group of several captions."""
    column = next((name for name in ID_COLUMNS if name in rows[0].values), None)
    if column is None and "image_id" in rows[0].values:
        images = [_id(row, "image_id", path) for row in rows]
        return (images if len(set(images)) == len(images) else _numbered(images)), images
    if column is None:
        return _numbered([safe_id(text) for text in texts]), [""] * len(rows)
    ids = [_id(row, column, path) for row in rows]
    twice = [name for name, count in Counter(ids).items() if count > 1]
    if twice:
        at = " and ".join([row.where for row, name in zip(rows, ids, strict=True) if name == twice[0]][:2])
        more = f" (and {len(twice) - 1} more ids)" if len(twice) > 1 else ""
        raise DataError(f"'{path}': the id '{twice[0]}' occurs more than once, at {at}{more}; ids must be unique.")
    return ids, [""] * len(rows)


def _id(row: _Row, column: str, path: str | Path) -> str:
    value = row.values.get(column)
    if isinstance(value, bool) or not isinstance(value, str | int) or not str(value).strip():
        raise DataError(f"'{path}', {row.where}: the {column} is {value!r}; give a text or a whole number.")
    return str(value).strip()


def _numbered(names: Sequence[str]) -> list[str]:
    """Repeated names get '-2', '-3', ... from their second occurrence on, never a name that the file has itself."""
    seen: Counter[str] = Counter()
    own = set(names)
    found = []
    for name in names:
        seen[name] += 1
        while seen[name] > 1 and f"{name}-{seen[name]}" in own:
            seen[name] += 1
        found.append(name if seen[name] == 1 else f"{name}-{seen[name]}")
    return found


def _sample(row: _Row, texts: tuple[str, ...], name: str, group: str, path: str | Path, line: int) -> Sample:
    values = row.values
    where = f"'{path}', {row.where}"
    objects, relations = _geneval(values.get("include"), where)
    return Sample(
        id=name,
        prompt=texts[0],
        captions=texts,
        reference=_located(values.get("reference"), Path(path).parent),
        input_image=_located(values.get("input_image"), Path(path).parent),
        frames=_frames(values.get("frames"), where),
        objects=objects,
        relations=relations,
        group=str(values.get("group") or group).strip(),
        meaning=str(values.get("meaning") or "").strip(),
        tags={**_tags(values), "line": str(line)},
    )


def _tags(values: Mapping[str, Any]) -> dict[str, str]:
    """All further columns with a plain value; nested values are no tags."""
    used = {*ID_COLUMNS, *_FIELDS, next((name for name in PROMPT_COLUMNS if name in values), "")}
    plain = {k: v for k, v in values.items() if k and k not in used and isinstance(v, str | int | float)}
    return {key: str(value).strip() for key, value in plain.items()}


def _located(value: Any, base: Path) -> str | None:
    return os.path.normpath(base / str(value).strip()) if value not in (None, "") else None


def _frames(value: Any, where: str) -> int:
    if value in (None, ""):
        return 1
    text = str(value).strip()
    if not (text.isascii() and text.isdecimal()) or len(text) > 9 or not 1 <= int(text) <= MOST_FRAMES:
        raise DataError(f"{where}: frames is {text[:40]!r}; give a whole number from 1 to {MOST_FRAMES}.")
    return int(text)


def _geneval(include: Any, where: str) -> tuple[tuple[Thing, ...], tuple[Relation, ...]]:
    """GenEval's `include`: [{class, count, color?, position?: [predicate, index into include]}] -> truth."""
    if not isinstance(include, list) or not all(isinstance(entry, dict) and "class" in entry for entry in include):
        return (), ()
    objects: list[Thing] = []
    first: list[int] = []
    for entry in include:
        count = entry.get("count", 1)
        if not isinstance(count, int) or not 1 <= count <= MOST_THINGS:
            raise DataError(f"{where}: the count of '{entry['class']}' is {count!r}; give 1 to {MOST_THINGS}.")
        first.append(len(objects))
        colour = {"colour": str(entry["color"])} if entry.get("color") else {}
        objects += [Thing(str(entry["class"]), colour)] * count
    placed = [(at, entry["position"]) for at, entry in enumerate(include) if entry.get("position")]
    return tuple(objects), tuple(_placed(first, at, position, where) for at, position in placed)


def _placed(first: Sequence[int], at: int, position: Any, where: str) -> Relation:
    """`first`: the index of each entry's first object; `at`: the entry that has the position."""
    if isinstance(position, list) and len(position) == 2:
        predicate, target = position
        if isinstance(predicate, str) and isinstance(target, int) and 0 <= target < len(first) and target != at:
            return Relation(first[at], predicate, first[target])
    raise DataError(f"{where}: the position {position!r} is not [predicate, number of another entry of include].")
