"""Archives of runs: written as the same bytes each time, read as the work of somebody hostile.

An archive is read as a stream within budgets: how many files, how many bytes each and all, how many times larger than
the archive, how much between two files (names, headers). Only plain files and folders with plain names are written,
each once, below one folder; what they contain is then looked at by `hostile` before anything else reads it.
"""

from __future__ import annotations

import gzip
import io
import os
import re
import shutil
import tarfile
import unicodedata
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from bench import store
from bench.engine import hostile
from bench.errors import DataError, StoreError
from bench.formats.folders import few, file_digest

ENDINGS = (".tar.gz", ".tgz")
MOST_FILES, MOST_BYTES, MOST_OF_ONE = 200_000, 8 << 30, 2 << 30
"""Of an archive, unpacked."""
FREE_BYTES, MOST_TIMES = 64 << 20, 200
"""An archive may unpack to so many bytes, or to so many times its own size, whichever is more."""
_BETWEEN = 1 << 20
"""Bytes between the contents of two files: headers with long names, padding, what is read ahead."""
_LONGEST_PART, _LONGEST, _DEEPEST = 150, 400, 8
"""Bytes of a name's part, of a name, and parts of a name."""
_PLAIN = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE)
_DAMAGED = (tarfile.TarError, EOFError, gzip.BadGzipFile, zlib.error, ValueError, UnicodeError, OverflowError)


def archived(folder: Path, name: str) -> bytes:
    """A folder as a .tar.gz below the folder `name`: sorted, without times and owners."""
    buffer = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0, filename="") as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            entry = tarfile.TarInfo(f"{name}/{path.relative_to(folder).as_posix()}")
            entry.size, entry.mode = path.stat().st_size, 0o644
            with open(path, "rb") as content:
                archive.addfile(entry, content)
    return buffer.getvalue()


def unpacked(archive: Path, root: Path) -> Path:
    """The folder root/packs/<digest> with an archive's content, made once. DataError for an archive that is damaged or
    holds what an archive of runs never holds."""
    to = root / "packs" / file_digest(archive)[:16]
    if to.is_dir():
        return _top(to, archive)
    partly = to.with_name(f".{to.name}.tmp")
    shutil.rmtree(partly, ignore_errors=True)
    try:
        with store.disk_errors(to):
            partly.mkdir(parents=True)
            _write(archive, partly)
            if not any(store.find_runs(inside) for inside in partly.iterdir()):
                raise StoreError(f"{archive} holds no run.")
            if said := hostile.problems(partly):
                raise DataError(f"{archive} holds what no run holds: {few(said)}")
            partly.rename(to)
    except _DAMAGED as error:
        raise DataError(f"{archive} is no archive of runs, or a damaged one ({error}).") from error
    finally:
        shutil.rmtree(partly, ignore_errors=True)
    return _top(to, archive)


def _top(to: Path, archive: Path) -> Path:
    """The archive's one folder, which holds the runs."""
    inside = sorted(to.iterdir())
    if len(inside) != 1 or not store.find_runs(inside[0]):
        shutil.rmtree(to)
        raise StoreError(f"{archive} holds no run.")
    return inside[0]


# ---- reading within budgets ----------------------------------------------------------------------------------------


class _Budget(io.RawIOBase):
    """A stream that gives so many bytes and no more, until it is allowed further ones."""

    def __init__(self, inner: BinaryIO, archive: Path) -> None:
        self.inner, self.archive, self.left, self.total = inner, archive, 0, 0
        self.most = max(FREE_BYTES, MOST_TIMES * archive.stat().st_size)

    def allow(self, size: int) -> None:
        self.left = size

    def read(self, size: int = -1) -> bytes:
        data = self.inner.read(size)
        self.left, self.total = self.left - len(data), self.total + len(data)
        if self.left < 0:
            raise DataError(f"{self.archive} holds a name or header of more than {_BETWEEN >> 20} MiB.")
        if self.total > self.most:
            raise DataError(
                f"{self.archive} unpacks to more than {self.most >> 20} MiB, over {MOST_TIMES} times its own size; no "
                "archive of runs does."
            )
        return data


def _write(archive: Path, to: Path) -> None:
    """Write the files of an archive below a folder."""
    with gzip.open(archive, "rb") as zipped:
        stream = _Budget(zipped, archive)  # type: ignore[arg-type]
        stream.allow(_BETWEEN)
        with tarfile.open(fileobj=stream, mode="r|", errorlevel=2) as content:
            for entry, name in _members(content, archive):
                stream.allow(entry.size + _BETWEEN)
                if entry.isdir():
                    (to / name).mkdir(parents=True, exist_ok=True)
                else:
                    _copy(content, entry, to / name)
                stream.allow(_BETWEEN)
        stream.allow(2 * _BETWEEN)
        if stream.read(_BETWEEN).strip(b"\0") or stream.read(1):
            raise DataError(f"{archive} goes on after its end.")


def _copy(content: tarfile.TarFile, entry: tarfile.TarInfo, path: Path) -> None:
    source = content.extractfile(entry)
    assert source is not None  # of a plain file
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "xb") as out:
        shutil.copyfileobj(source, out, 1 << 18)
    if path.stat().st_size != entry.size:
        raise EOFError(f"it ends within '{entry.name}'")


def _members(content: tarfile.TarFile, archive: Path) -> Iterator[tuple[tarfile.TarInfo, str]]:
    """The entries with their names, each entry allowed."""
    size, files = 0, 0
    spelt: dict[str, tuple[str, bool]] = {}
    for entry in content:
        files, size = files + 1, size + entry.size
        shown = ascii(entry.name)[1:-1][:100]
        sparse = entry.sparse or any(key.startswith("GNU.sparse") for key in entry.pax_headers)
        if entry.size < 0 or entry.type not in _PLAIN or sparse:
            raise DataError(f"{archive} holds '{shown}', which is no plain file; archives of runs hold nothing else.")
        if files > MOST_FILES or size > MOST_BYTES or entry.size > MOST_OF_ONE:
            raise DataError(
                f"{archive} holds more than {MOST_FILES:,} files, {MOST_BYTES >> 30} GiB, or a file of over "
                f"{MOST_OF_ONE >> 30} GiB."
            )
        if wrong := wrong_name(entry.name) or _twice(entry.name.rstrip("/"), entry.isdir(), spelt):
            raise DataError(f"{archive} holds '{shown}', {wrong}.")
        yield entry, entry.name


def wrong_name(name: str) -> str:
    """What is wrong with a name, as the end of a sentence; ''."""
    parts = name.rstrip("/").split("/")
    if name.startswith("/") or re.match(r"[A-Za-z]:", name) or ".." in parts:
        return "a name that leads out of the archive"
    if "\\" in name or not name.isprintable() or any(unicodedata.category(c) in ("Cf", "Cs", "Co") for c in name):
        return "a name with signs that no file of a run has"
    longest = max(len(os.fsencode(part)) for part in parts)
    if len(os.fsencode(name)) > _LONGEST or len(parts) > _DEEPEST or longest > _LONGEST_PART:
        return "an overlong name"
    if any(part.startswith(".") for part in parts):
        return "a hidden file"
    if any(not part or part != part.strip() or part.endswith(".") for part in parts):
        return "a name with an empty part, or a space or dot at an end"
    return ""


def _twice(name: str, folder: bool, spelt: dict[str, tuple[str, bool]]) -> str:
    """Whether a name, or the name of a folder on its way, was there before as another file or in other letters."""
    parts = name.split("/")
    for depth in range(1, len(parts) + 1):
        way, is_folder = "/".join(parts[:depth]), folder or depth < len(parts)
        key = unicodedata.normalize("NFKC", way).casefold()
        if key not in spelt:
            spelt[key] = (way, is_folder)
            continue
        if spelt[key][0] != way:
            return f"whose name differs from '{ascii(spelt[key][0])[1:-1][:100]}' in the form of its letters alone"
        if not (is_folder and spelt[key][1]):
            return "a second time"
    return ""
