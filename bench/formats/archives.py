"""Archives of others: their members looked at before anything is written, and unpacked only when all of them are safe.

A name that is absolute, climbs by `..`, or a link that leaves the target makes the whole archive refused: an archive
that holds one such member is not the one that was meant.
"""

from __future__ import annotations

import lzma
import posixpath
import re
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from bench.errors import DataError, DiskError
from bench.formats.folders import few
from bench.store import disk_errors

_DAMAGE = (EOFError, tarfile.TarError, zipfile.BadZipFile, RuntimeError, zlib.error, lzma.LZMAError)
"""What the readers of archives raise; RuntimeError: a password, or a compression that they do not know."""
ENDINGS = (".zip", ".tar", ".tar.gz", ".tgz")


@dataclass(frozen=True)
class Member:
    """A file, folder or link in an archive."""

    name: str
    size: int
    unsafe: str = ""
    """Why it must not be written; empty: it may."""


def is_archive(path: str | Path) -> bool:
    """By its name."""
    return str(path).casefold().endswith(ENDINGS)


def unsafe(name: str, link: str | None = None) -> str:
    """Why a member of this name (and target, where it is a link) must not be written; '' when it may."""
    plain = name.replace("\\", "/")
    if not plain.strip("/") or "\0" in plain:
        return "it has no name"
    if plain.startswith("/") or re.match(r"[A-Za-z]:", plain):
        return "its name is absolute"
    if ".." in plain.split("/"):
        return "its name climbs by '..'"
    if link is not None:
        target = link.replace("\\", "/")
        aimed = posixpath.normpath(posixpath.join(posixpath.dirname(plain), target))
        if target.startswith("/") or re.match(r"[A-Za-z]:", target) or aimed == ".." or aimed.startswith("../"):
            return "it is a link that leaves the archive"
    return ""


def members(path: str | Path) -> list[Member]:
    """All members in their order. DataError when the file is no archive or damaged."""
    try:
        if str(path).casefold().endswith(".zip"):
            with zipfile.ZipFile(path) as archive:
                return [_zipped(one) for one in archive.infolist()]
        with tarfile.open(path) as tar:
            links = set[str]()
            found = []
            for one in tar:
                found.append(_tarred(one))
                links |= {posixpath.normpath(one.name)} if one.issym() else set()
            return [_not_through(links, one) for one in found] if links else found
    except (*_DAMAGE, OSError, ValueError) as error:
        raise DataError(f"'{path}' is no archive that can be read ({error}); fetch it again.") from None


def _zipped(one: zipfile.ZipInfo) -> Member:
    linked = stat.S_ISLNK(one.external_attr >> 16)
    return Member(one.filename, one.file_size, unsafe(one.filename) or ("it is a link" if linked else ""))


def _tarred(one: tarfile.TarInfo) -> Member:
    if not (one.isfile() or one.isdir() or one.issym() or one.islnk()):
        return Member(one.name, one.size, "it is a device or a pipe")
    link = one.linkname if one.issym() else posixpath.relpath(one.linkname, posixpath.dirname(one.name) or ".") if (
        one.islnk()) else None  # fmt: skip
    return Member(one.name, one.size, unsafe(one.name, link))


def _not_through(links: set[str], one: Member) -> Member:
    """A member below a link would be written where the link leads to."""
    above = PurePosixPath(posixpath.normpath(one.name)).parents
    return replace(one, unsafe="it lies below a link") if not links.isdisjoint(map(str, above)) else one


def unpack(path: str | Path, target: Path) -> int:
    """Write all members below `target` and give their number. DataError when one of them is unsafe (nothing is written
    then), DiskError when there is no room."""
    every = members(path)
    bad = [m for m in every if m.unsafe]
    if bad:
        raise DataError(
            f"'{path}' is refused: {len(bad)} of its {len(every)} members would be written outside of '{target}', the "
            f"first is '{few([bad[0].name])}' ({bad[0].unsafe}); nothing was unpacked."
        )
    room(target, sum(m.size for m in every), f"unpack '{path}'")
    with disk_errors(target):
        target.mkdir(parents=True, exist_ok=True)
        try:
            if str(path).casefold().endswith(".zip"):
                with zipfile.ZipFile(path) as archive:
                    archive.extractall(target)
            else:
                with tarfile.open(path) as tar:
                    tar.extractall(target, filter="data")
        except _DAMAGE as error:
            raise DataError(f"'{path}' is damaged ({error}); fetch it again.") from None
    return len(every)


def room(target: Path, needed: int, what: str) -> None:
    """DiskError when the disk of `target` has less than `needed` bytes (and a hundredth more) free."""
    there = target
    while not there.exists() and there != there.parent:
        there = there.parent
    free = shutil.disk_usage(there).free
    if needed * 1.01 > free:
        raise DiskError(
            f"There is no room to {what}: {needed / 1e6:.1f} MB are needed and {there} has {free / 1e6:.1f} MB free; "
            "make room, or choose another folder by BENCH_HOME or --to."
        )


def tar_files(path: str | Path) -> Iterator[tuple[str, int, int]]:
    """(name, offset, size) of the plain files of an uncompressed tar, without reading them. DataError for another file
    and for an unsafe name."""
    try:
        with tarfile.open(path, "r:") as tar:
            for one in tar:
                if why := _tarred(one).unsafe:
                    raise DataError(f"'{path}' is refused: its member '{one.name}' is not safe ({why}).")
                if one.isfile():
                    yield one.name, one.offset_data, one.size
    except (OSError, EOFError, tarfile.TarError, ValueError) as error:
        raise DataError(f"'{path}' is no uncompressed tar that can be read ({error}).") from None


def part(path: str | Path, offset: int, size: int) -> bytes:
    """A piece of a file, shorter where the file ends."""
    with open(path, "rb", buffering=0) as file:
        file.seek(offset)
        return file.read(size)
