"""Weights and other large files: their sha256, remembered, where they are looked for, and whether absent ones may be
fetched."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path

from bench.errors import DiskError
from bench.store import home, write_atomic

_SHA256 = re.compile(r"[0-9a-f]{64}")


def may_download() -> bool:
    """Whether this process may fetch weights from the network."""
    return os.environ.get("BENCH_ALLOW_DOWNLOAD", "") not in ("", "0", "false", "no")


def hub_folder(repository: str) -> Path:
    """Where the Hugging Face cache keeps a repository."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    root = os.environ.get("HF_HUB_CACHE") or Path(os.environ.get("HF_HOME") or cache / "huggingface") / "hub"
    return Path(root) / f"models--{repository.replace('/', '--')}"


def weight_folders() -> list[Path]:
    """Folders that hold weights as plain files, in order of search."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    torch_home = Path(os.environ.get("TORCH_HOME") or cache / "torch")
    return [home() / "weights", torch_home / "hub" / "checkpoints"]


def find_weights(names: Sequence[str], hub: str = "", hub_names: Sequence[str] = ()) -> Path | None:
    """The first existing file of these names; in the Hugging Face cache, revision `main` before any other."""
    found = [folder / name for folder in weight_folders() for name in names]
    if hub:
        found += [revision / name for revision in _revisions(hub_folder(hub) / "snapshots") for name in hub_names]
    return next((place for place in found if place.is_file()), None)


def _revisions(snapshots: Path) -> list[Path]:
    if not snapshots.is_dir():
        return []
    with contextlib.suppress(OSError):
        main = snapshots / (snapshots.parent / "refs" / "main").read_text().strip()
        return [main, *sorted(p for p in snapshots.iterdir() if p != main)]
    return sorted(snapshots.iterdir())


def snapshot(repository: str, revision: str = "") -> Path | None:
    """The folder of a revision (a branch, a tag, the beginning of a commit) in the Hugging Face cache; '': main."""
    folder = hub_folder(repository)
    name = revision or "main"
    with contextlib.suppress(OSError, ValueError):
        name = (folder / "refs" / name).read_text().strip()
    found = [p for p in sorted((folder / "snapshots").glob("*")) if len(name) >= 7 and p.name.startswith(name)]
    return found[0] if len(found) == 1 else None


def sha256(path: Path) -> str:
    """sha256 (hex) of a file, remembered under BENCH_HOME by path, place on disk, size and times of change.

    Archives and reproducible builds give every file one mtime, and networks of one architecture have one size: the
    inode and its own time of change, which nobody can set, tell them apart.
    """
    note, key = _noted(path)
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        known = json.loads(note.read_text())
        if known["key"] == key:
            return str(known["sha256"])
    found = hashed(path)
    _note(note, key, found)
    return found


def remember(path: Path, digest: str) -> None:
    """Note the sha256 of a file that was just hashed under another name."""
    _note(*_noted(path), digest)


def _noted(path: Path) -> tuple[Path, list[str | int]]:
    """(where the digest of a file is remembered, what tells this state of it from others)"""
    status = path.stat()
    where = str(path.resolve())
    note = home() / "sha256" / f"{hashlib.sha256(where.encode()).hexdigest()[:32]}.json"
    return note, [where, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns]


def _note(note: Path, key: list[str | int], digest: str) -> None:
    with contextlib.suppress(OSError, DiskError):
        write_atomic(note, json.dumps({"key": key, "sha256": digest}).encode())


def hashed(path: Path) -> str:
    """sha256 (hex) of a file, read now."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def named_digest(path: Path) -> str:
    """sha256 of a file; of the Hugging Face cache's large files the one that it is stored by, without reading it."""
    stored = path.resolve()
    return stored.name if stored.parent.name == "blobs" and _SHA256.fullmatch(stored.name) else sha256(path)
