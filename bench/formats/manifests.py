"""Manifests: a table in or beside a folder of images that says which file belongs to which prompt.

CSV, TSV, JSONL or a JSON list. Columns: the file (file, path, image, file_name, filename, image_path); the sample's id
(sample, id, sample_id, unique_id, prompt_id) or its prompt (prompt, caption, text); optionally k (k, repeat). The
`metadata.csv` and `metadata.jsonl` of Hugging Face image folders are manifests too. Paths are relative to the images.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.errors import DataError
from bench.formats.tables import column_name, read_table
from bench.formats.textfiles import read_json, read_jsonl

NAMES = tuple(f"{name}{kind}" for name in ("manifest", "metadata") for kind in (".csv", ".tsv", ".jsonl", ".json"))
FILE_COLUMNS = ("file", "path", "image", "file_name", "filename", "image_path")
SAMPLE_COLUMNS = ("sample", "id", "sample_id", "unique_id", "prompt_id")
PROMPT_COLUMNS = ("prompt", "caption", "text")
_K_COLUMNS = ("k", "repeat")


@dataclass(frozen=True)
class Entry:
    """One image of a manifest."""

    file: str
    """Relative to the folder of images, '/' between parts."""
    sample: str = ""
    """The sample's id, or '' when the prompt is given instead."""
    prompt: str = ""
    k: int | None = None


def find_manifest(folder: str | Path) -> str | None:
    """Path of the folder's manifest, or None. Two of them are an error, because one would be overlooked."""
    there = [name for name in NAMES if os.path.isfile(os.path.join(folder, name))]
    if len(there) > 1:
        raise DataError(f"'{folder}' holds several manifests ({', '.join(there)}); give one by manifest=PATH.")
    return os.path.join(folder, there[0]) if there else None


def read_manifest(path: str | Path) -> list[Entry]:
    """All entries in file order. Raises DataError for missing columns, empty cells and a k that is no number."""
    rows = _rows(path)
    if not rows:
        raise DataError(f"The manifest '{path}' holds no images.")
    columns = {name for _, row in rows for name in row}
    file = _first(FILE_COLUMNS, columns)
    if file is None or not columns & {*SAMPLE_COLUMNS, *PROMPT_COLUMNS}:
        raise DataError(
            f"The manifest '{path}' needs a column for the file ({', '.join(FILE_COLUMNS)}) and one for the sample "
            f"({', '.join(SAMPLE_COLUMNS)}) or its prompt ({', '.join(PROMPT_COLUMNS)}); "
            f"its columns are {', '.join(sorted(columns))}."
        )
    sample, prompt = _first(SAMPLE_COLUMNS, columns), _first(PROMPT_COLUMNS, columns)
    k = _first(_K_COLUMNS, columns)
    return [_entry(row, f"'{path}', line {line}", file, sample, prompt, k) for line, row in rows]


def _rows(path: str | Path) -> Sequence[tuple[int, Mapping[str, Any]]]:
    kind = Path(path).suffix.casefold()
    if kind in (".csv", ".tsv"):
        return read_table(path)[1]
    if kind not in (".json", ".jsonl", ".ndjson"):
        raise DataError(f"'{path}' is no manifest by its ending '{kind}'; give a .csv, .tsv, .jsonl or .json file.")
    content = list(enumerate(read_json(path), 1)) if kind == ".json" else list(read_jsonl(path))
    for line, row in content:
        if not isinstance(row, dict):
            raise DataError(f"'{path}', line {line}: a {type(row).__name__} is no entry; give an object with a file.")
    return [(line, {column_name(key): value for key, value in row.items()}) for line, row in content]


def _first(names: Sequence[str], columns: set[str]) -> str | None:
    return next((name for name in names if name in columns), None)


def _entry(
    row: Mapping[str, Any], where: str, file: str, sample: str | None, prompt: str | None, k: str | None
) -> Entry:
    name = str(row.get(file) or "").strip().replace("\\", "/")
    if not name:
        raise DataError(f"{where}: the {file} is empty.")
    number = row.get(k, "") if k else ""
    if number not in ("", None) and not str(number).strip().isdecimal():
        raise DataError(f"{where}: {k} is {number!r}; give a whole number from 0.")
    given = {key: str(row.get(column, "") if column else "").strip() for key, column in (("s", sample), ("p", prompt))}
    if not any(given.values()):
        raise DataError(f"{where}: neither the sample's id nor its prompt is given for '{name}'.")
    return Entry(os.path.normpath(name), given["s"], given["p"], None if number in ("", None) else int(number))
