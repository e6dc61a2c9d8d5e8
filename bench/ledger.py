"""How far the numbers of a run were checked: the ledger that `bench verify --record` writes and boards read.

    {"format": 1, "entries": {RUN DIGEST: {
        "level": "re-scored", "content": SHA256, "archive": SHA256, "label": "ours", "pixels": SHA256,
        "checked": {"images": 100, "rescored": 20, "regenerated": 0, "seed": "...", "metrics": [...]}, "suite": "1.0"}}}

An entry speaks of the very files that were verified: `content` is over the run's checksums (files.json) and its
measured times. A run that has changed since, or another one under the same digest, is self-reported again.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from bench import store
from bench.errors import StoreError, UsageError
from bench.spec import digest

Level = Literal["self-reported", "re-scored", "regenerated"]
LEVELS: tuple[Level, ...] = ("self-reported", "re-scored", "regenerated")
"""From least to most: the record agrees with itself; its scores follow from the images; its images from the system."""

FORMAT = 1
FILES = "files.json"
READ_BY_BOARDS = ("run.json", "samples.parquet", "card.json")
_SHA = re.compile(r"[0-9a-f]{64}")


def content_digest(run_folder: str | Path) -> str:
    """What an entry's `content` is: over files.json, which holds the sha256 of every other file, and measured.json.

    StoreError where a run has no files.json (a command was interrupted).
    """
    folder = Path(run_folder)
    measured = folder / "measured.json"
    return digest({"files": _listed(folder), "measured": file_digest(measured) if measured.is_file() else ""})


def _listed(folder: Path) -> Mapping[str, Any]:
    try:
        return store.read_json(folder / FILES)
    except FileNotFoundError:
        raise StoreError(f"{folder} has no {FILES}; `bench score {folder}` writes it.") from None


def file_digest(path: Path) -> str:
    """sha256 (hex) of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def level_of(ledger: Mapping[str, Any] | None, run_folder: str | Path) -> tuple[Level, str]:
    """Level of the run in a folder, and why it is no higher ('' where the ledger's entry holds).

    The files that boards read are hashed again: a table that was changed after it was verified has no level.
    """
    folder = Path(run_folder)
    if not ledger:
        return "self-reported", "it is in no ledger"
    run = store.read_json(folder / "run.json")
    entry = ledger["entries"].get(str(run.get("digest")))
    if entry is None:
        return "self-reported", "it is not in the ledger"
    try:
        listed, content = _listed(folder), content_digest(folder)
    except StoreError as error:
        return "self-reported", str(error)
    if content != entry["content"]:
        return "self-reported", "it is not the run that was verified, or has changed since"
    for name in READ_BY_BOARDS:
        path = folder / name
        if (name in listed) != path.is_file() or (name in listed and listed[name][1] != file_digest(path)):
            return "self-reported", f"its {name} has changed since it was verified"
    return entry["level"], ""


# ---- the file ------------------------------------------------------------------------------------------------------


def empty() -> dict[str, Any]:
    """A ledger without entries."""
    return {"format": FORMAT, "entries": {}}


def read_ledger(path: str | Path) -> dict[str, Any]:
    """A ledger, each entry checked; StoreError when it is damaged, UsageError when it is absent."""
    try:
        data = store.read_json(Path(path))
    except FileNotFoundError:
        raise UsageError(f"There is no ledger {path}; `bench verify ARCHIVE --record {path}` writes one.") from None
    entries = data.get("entries") if isinstance(data, Mapping) else None
    if not isinstance(entries, Mapping) or data.get("format") != FORMAT:
        raise StoreError(f"{path} is no ledger of verified runs; move it away and verify again with --record {path}.")
    for mark, entry in entries.items():
        if not _SHA.fullmatch(mark) or not _entry(entry):
            raise StoreError(f"{path}: the entry of run '{mark:.16}' was edited or damaged; verify that run again.")
    return {"format": FORMAT, "entries": dict(entries)}


def _entry(entry: Any) -> bool:
    if (
        not isinstance(entry, Mapping)
        or entry.get("level") not in LEVELS
        or not isinstance(entry.get("checked"), Mapping)
    ):
        return False
    texts = all(isinstance(entry.get(key), str) for key in ("archive", "label", "pixels", "suite"))
    return texts and bool(_SHA.fullmatch(str(entry.get("content"))))


def joined(ledger: Mapping[str, Any], run: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    """The ledger with an entry for a run digest. The same files keep the highest level that they ever had."""
    old = ledger["entries"].get(run)
    kept = entry
    if old is not None and old["content"] == entry["content"] and old["label"] == entry["label"]:
        kept = max(old, entry, key=lambda e: (LEVELS.index(e["level"]), e is entry))
    return {"format": FORMAT, "entries": {**ledger["entries"], run: dict(kept)}}


def write_ledger(path: str | Path, ledger: Mapping[str, Any]) -> None:
    """Atomic, sorted, without a clock."""
    store.write_json(Path(path), ledger)
