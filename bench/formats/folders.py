"""Listing and fingerprint of image folders: natural order, hidden and foreign files counted, loops of links survived.

A fingerprint is over relative names and contents, never over times, so that a copied folder has the same one. Contents
are hashed by a few threads (hashlib releases the interpreter lock), at the disk's speed.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from bench.errors import DataError
from bench.formats.images import EXTENSIONS
from bench.formats.tiles import split

_DIGITS = re.compile(r"([0-9]+)")
_THREADS = 4


@dataclass(frozen=True)
class Listing:
    """The images under a folder."""

    root: str
    files: tuple[str, ...]
    """Paths relative to the root, '/' between parts, in natural order."""
    others: tuple[str, ...] = ()
    """Files that are no images by their ending, or hidden."""
    unusable: tuple[str, ...] = ()
    """Images that cannot be used: broken links, pipes, names with a line break or no UTF-8 (printable form)."""

    def path(self, file: str) -> str:
        """Absolute path of a listed file."""
        return os.path.join(self.root, *file.split("/"))

    def notes(self) -> list[str]:
        """What a reader of the run should know about the folder."""
        found = []
        if self.others:
            found.append(f"{len(self.others)} files in {self.root} are no images: left out ({few(self.others)}).")
        return [*found, *self.left_out()]

    def left_out(self) -> list[str]:
        """A line about images that cannot be used."""
        if not self.unusable:
            return []
        return [
            f"{len(self.unusable)} images in {self.root} were left out (no file behind the name, or a name with a line "
            f"break or bytes that are no UTF-8): {few(self.unusable)}."
        ]


def few(names: Sequence[str], most: int = 3) -> str:
    """The first names and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(str(name) for name in names[:most]) + more


def natural_key(path: str) -> tuple[tuple[object, ...], str]:
    """Sort key by which numbers in names compare as numbers ('2.png' before '10.png') and folders sort as units."""
    return tuple(part for name in path.split("/") for part in _name_key(name)), path


def _name_key(name: str) -> Iterator[tuple[object, ...]]:
    for at, part in enumerate(_DIGITS.split(name)):
        digits = part.lstrip("0")
        yield (1, len(digits), digits) if at % 2 else (0, 0, part)  # no int(): names may hold thousands of digits
    yield (-1, 0, "")


def list_images(root: str | Path) -> Listing:
    """All images under a folder, subfolders included; each real folder is entered once, whatever links lead to it."""
    root = os.path.abspath(os.path.expanduser(root))
    if not os.path.isdir(root):
        what = "is a file" if os.path.exists(root) else "does not exist"
        raise DataError(f"The folder of images '{root}' {what}; give a folder.")
    found: dict[str, list[str]] = {"files": [], "others": [], "unusable": []}
    _walk(root, "", set(), found)
    return Listing(root, *(tuple(sorted(found[kind], key=natural_key)) for kind in ("files", "others", "unusable")))


def _walk(folder: str, prefix: str, seen: set[tuple[int, int]], found: dict[str, list[str]]) -> None:
    try:
        place = os.stat(folder)
        if (place.st_dev, place.st_ino) in seen:
            return
        seen.add((place.st_dev, place.st_ino))
        entries = sorted(os.scandir(folder), key=lambda e: natural_key(e.name))
    except OSError as error:
        raise DataError(f"The folder '{folder!a}' cannot be read: {error.strerror}.") from None
    for entry in entries:
        name = prefix + entry.name
        if os.path.isdir(entry.path):  # entry.is_dir() raises at a loop of links
            if not entry.name.startswith((".", "__MACOSX")):
                _walk(entry.path, name + "/", seen, found)
        else:
            found[_kind(entry, name)].append(name if _printable(name) else ascii(name))


def _kind(entry: os.DirEntry[str], name: str) -> str:
    if entry.name.startswith(".") or os.path.splitext(entry.name)[1].casefold() not in EXTENSIONS:
        return "others"
    return "files" if _printable(name) and os.path.isfile(entry.path) else "unusable"


def _printable(name: str) -> bool:
    """Whether the name is UTF-8 and on one line: others cannot be written into a run's record."""
    return not re.search("[\r\n\ud800-\udfff]", name)


def file_digest(path: str | Path) -> str:
    """sha256 (hex) of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def image_digest(path: str | Path) -> str:
    """sha256 (hex) of the file of an image as runs record it, with the tile's place behind it where it is a tile."""
    file, tile = split(path)
    return f"{file_digest(file)}{tile or ''}"


def manifest_digest(root: str | Path, files: Sequence[str]) -> str:
    """sha256 (hex) over (relative name, content) of files under a root, in the order of their names."""
    names = sorted(files)
    try:
        with ThreadPoolExecutor(_THREADS) as pool:
            digests = list(pool.map(lambda name: file_digest(os.path.join(root, name)), names))
    except OSError as error:
        raise DataError(f"'{error.filename}' cannot be read: {error.strerror}.") from None
    lines = "".join(f"{digest} {name}\n" for name, digest in zip(names, digests, strict=True))
    return hashlib.sha256(lines.encode()).hexdigest()
