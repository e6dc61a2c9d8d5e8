"""What a root holds, by kind, and the removal of what can be made again and nobody uses.

Never touched: tables, scores, records, generated images, and images that lie elsewhere.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import store
from bench.engine.cache import Cache
from bench.errors import StoreError
from bench.spec import digest

KINDS: dict[str, str] = {
    "temporary": "files that a killed process left half-written",
    "reference-views": "views of references and texts by extractors that no run of the dataset was scored with",
    "packs": "unpacked archives; comparing the archive unpacks it again",
    "unfinished": "runs that were begun and never finished, with their images",
    "views": "views of runs by extractors that none of their scores used; a further metric looks at the images again",
}
_ABANDONED = 3600.0
"""Seconds after which a half-written file beside the runs belongs to no living command."""
SAFE = ("temporary", "reference-views", "packs")
"""What is removed unless kinds are named."""


@dataclass(frozen=True)
class Removable:
    """A file or folder that may go."""

    kind: str
    path: Path
    bytes: int


def held(root: Path) -> dict[str, int]:
    """Kind of content -> bytes below the root: images, views, reference views, tables and records, packs, index."""
    found = dict.fromkeys(("images", "views", "reference views", "tables and records", "packs", "reports", "index"), 0)
    for path in root.rglob("*"):
        if path.is_file() and not path.is_symlink():
            found[_kind_of(path.relative_to(root).parts)] += path.stat().st_size
    return found


def _kind_of(parts: Sequence[str]) -> str:
    if parts[0].startswith("cache.sqlite"):
        return "index"
    if parts[0] in ("packs", "reports"):
        return parts[0]
    if "shared" in parts[:2]:
        return "reference views" if "views" in parts else "images"
    if "images" in parts:
        return "images"
    return "views" if "views" in parts else "tables and records"


def removable(root: Path, kinds: Sequence[str] = SAFE, older: float = 0.0) -> list[Removable]:
    """What may go, of these kinds and untouched for `older` days."""
    found = [one for kind in kinds for one in _FIND[kind](root)]
    before = time.time() - older * 86_400
    return [one for one in found if not older or _last_change(one.path) < before]


def remove(root: Path, chosen: Sequence[Removable]) -> int:
    """Remove them, those of runs at work excepted, and index the rest anew; the bytes that were freed."""
    freed = 0
    for one in chosen:
        run = _run_of(one.path)
        try:
            if run is None:
                _take_away(one.path)
            else:
                with store.lock(run):
                    _take_away(one.path)
            freed += one.bytes
        except StoreError:  # at work: not now
            continue
    Cache(root).rebuild()
    return freed


def _run_of(path: Path) -> Path | None:
    """The run that a path is or lies in."""
    return next((p for p in (path, *path.parents) if (p / "manifest.json").is_file()), None)


def _take_away(path: Path) -> None:
    with store.disk_errors(path):
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


# ---- the kinds -----------------------------------------------------------------------------------------------------


def used_by(run: Path) -> set[str]:
    """Keys of the extractors that a run's scores rest on."""
    protocols = store.load(run).protocols.values()
    return {digest(extractor)[:16] for p in protocols for extractor in p.get("extractors", ())}


def _temporary(root: Path) -> Iterator[Removable]:
    """In a run its lock protects those of a command at work; elsewhere they must have been left alone for an hour."""
    for path in root.rglob(".*.tmp"):
        if _run_of(path) is not None or _last_change(path) < time.time() - _ABANDONED:
            yield _one("temporary", path)


def _reference_views(root: Path) -> Iterator[Removable]:
    for shared in root.glob("*/shared"):
        runs = [p.parent for p in shared.parent.glob("*/manifest.json")]
        if any(not store.is_run(run) for run in runs):
            continue  # an unfinished run may yet need them
        if any(_of_files(run) for run in runs):
            continue
        used = set().union(*(used_by(run) for run in runs)) if runs else set()
        yield from (_one("reference-views", p) for p in sorted(shared.glob("views/*")) if p.name not in used)


def _packs(root: Path) -> Iterator[Removable]:
    yield from (_one("packs", path) for path in sorted(root.glob("packs/*")))


def _unfinished(root: Path) -> Iterator[Removable]:
    for manifest in sorted(root.glob("*/*/manifest.json")):
        if not store.is_run(manifest.parent):
            yield _one("unfinished", manifest.parent)


def _of_files(run: Path) -> bool:
    """Whether scores rest on recorded evidence, whose protocol does not name the files and so not the views."""
    protocols = store.load(run).protocols.values()
    return any(e.get("name") == "recorded" for p in protocols for e in p.get("extractors", ()))


def _views(root: Path) -> Iterator[Removable]:
    for run in store.find_runs(root):
        if _of_files(run):
            continue
        used = used_by(run)
        yield from (_one("views", p) for p in sorted(run.glob("shards/views/*")) if p.name not in used)


_FIND = {
    "temporary": _temporary, "reference-views": _reference_views, "packs": _packs, "unfinished": _unfinished,
    "views": _views,
}  # fmt: skip


def _one(kind: str, path: Path) -> Removable:
    files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
    return Removable(kind, path, sum(f.stat().st_size for f in files))


def _last_change(path: Path) -> float:
    return max((p.stat().st_mtime for p in (path, *path.rglob("*"))), default=0.0)
