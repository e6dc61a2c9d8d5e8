"""Files of a data set brought onto this machine: found by digest among what is here, else downloaded where allowed.

Where nobody has published a digest, the first one is noted (pinned) and later files must have it. An archive is
unpacked whole or again: one whose unpacking was interrupted does not count as unpacked.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import shutil
import urllib.parse
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.cards import card
from bench.errors import BenchError, DataError, UsageError
from bench.formats import places
from bench.formats.archives import is_archive, room, unpack
from bench.formats.large_files import may_download, sha256
from bench.formats.transfers import download
from bench.store import disk_errors

_TEXTS, _MOST_TEXT = (".txt", ".csv", ".tsv", ".json", ".jsonl"), 64 << 20
Report = Callable[[str, int, int], None]
"""(file, bytes that are here, bytes in all or 0)"""


@dataclass(frozen=True)
class Fetched:
    """What became of one file."""

    file: str
    how: str
    """present, found, downloaded, or absent (where it cannot be downloaded)."""
    sha256: str = ""
    note: str = ""


@dataclass(frozen=True)
class Want:
    file: str
    """What comes: a file of the layout, or an archive of several."""
    url: str
    digest: str
    size: int
    gives: tuple[str, ...]
    """Files of the layout that are there when it is."""
    also: tuple[str, ...]
    """Other places that it may have."""
    manual: str
    optional: bool

    @property
    def packed(self) -> bool:
        """Whether it is an archive of files of the layout."""
        return self.gives != (self.file,)


def wants(name: str) -> list[Want]:
    """What a data set's card says can be had, an archive of several files once."""
    found: dict[str, Want] = {}
    for one in card(name).get("files", ()):
        url = str(one.get("url", ""))
        file = Path(urllib.parse.urlparse(url).path).name if one.get("archive") else str(one["path"])
        was = found.get(file)
        gives = (*(was.gives if was else ()), str(one["path"]))
        found[file] = Want(
            file, url, str(one.get("sha256", "")), int(one.get("bytes", 0)), gives, tuple(one.get("also", ())),
            str(one.get("from", "")), bool(one.get("optional")) and (was is None or was.optional),
        )  # fmt: skip
    return list(found.values())


def fetch(
    name: str, target: Path | None = None, search: Sequence[Path] = (), report: Report = lambda *_: None,
    optional: bool = True,
) -> list[Fetched]:  # fmt: skip
    """Bring all files of a data set below `target` (default: BENCH_HOME/datasets/NAME).

    search: folders that may hold some of them under any name. UsageError when something must be downloaded and may not
    be; DiskError without room; Incomplete when a transfer breaks for good (what came is kept).
    """
    every = [w for w in wants(name) if optional or not w.optional]
    if not every:
        raise UsageError(f"The card of {name} names no files that can be fetched; `bench show {name}` says what it is.")
    root = target or places.own_folder(name)
    done, open_ = [], []
    there = Here([root, *search, *filter(None, [places.linked(name)]), places.home() / "datasets"])
    for want in every:
        found = _here(name, want, root, there)
        done += [found] if found else []
        open_ += [] if found else [want]
    loads = [w for w in open_ if w.url]
    if loads and not may_download():
        known = sum(w.size for w in loads)
        told = f"{known / 1e6:.1f} MB or more" if known else "of unknown size"
        raise UsageError(
            f"{len(loads)} files of {name} are not here ({told}: {', '.join(w.url for w in loads[:3])}"
            f"{' ...' if len(loads) > 3 else ''}): --allow-download fetches them, --search DIR looks for them there."
        )
    room(root, sum(w.size for w in loads), f"fetch {name}")
    for want in loads:
        download(want.url, root / want.file, _expected(name, want), functools.partial(report, want.file))
        done.append(_settled(name, want, root, "downloaded"))
    roots = [root, *filter(None, [places.linked(name)])]
    return done + [_by_hand(want, roots) for want in open_ if not want.url]


def fetch_one(name: str, path: str, root: Path, report: Report = lambda *_: None) -> list[Path]:
    """Bring one file (or folder) of a data set's layout below `root` and give its files; an archive that it comes in is
    unpacked and not kept."""
    want = next(w for w in wants(name) if path in w.gives)
    if want.packed or not (root / path).is_file():
        if not places.present(root, {"path": path}):
            download(want.url, root / want.file, _expected(name, want), functools.partial(report, want.file))
            _settled(name, want, root, "downloaded")
        if want.packed:
            (root / want.file).unlink(missing_ok=True)
    there = root / path
    return [there] if there.is_file() else sorted(p for p in there.rglob("*") if p.is_file())


def _by_hand(want: Want, roots: Iterable[Path]) -> Fetched:
    """What has no address may be there all the same, as a folder or in another of its places."""
    for root in roots:
        if places.present(root, {"path": want.file, "also": want.also}):
            return Fetched(want.file, "present", note=f"in {root}")
    where = f"get it from {want.manual}" if want.manual else "no official address of it is known"
    return Fetched(want.file, "absent", note=f"cannot be fetched: {where}.")


# ---- what is here already --------------------------------------------------------------------------------------------


class Here:
    """Files below some folders by size and name; digests only of those that may be meant."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self.folders = list(dict.fromkeys(folders))
        self._files: list[Path] | None = None

    @property
    def files(self) -> list[Path]:
        if self._files is None:
            self._files = [
                Path(base) / f for folder in self.folders for base, _, names in os.walk(folder) for f in names
                if not f.endswith((".part", ".part.json", ".unpacking"))
            ]  # fmt: skip
        return self._files

    def find(self, name: str, digest: str, size: int = 0) -> Path | None:
        """A file with this digest: of the right size where it is known, else of the right name."""
        for path in self.files:
            with contextlib.suppress(OSError):
                fits = path.stat().st_size == size if size else path.name == Path(name).name
                if fits and path.is_file() and sha256(path).startswith(digest):
                    return path
        return None


def _expected(name: str, want: Want) -> str:
    """The published digest of a file, else the one of its first use, else ''."""
    return want.digest or places.pins(name).get(want.file, "")


def _here(name: str, want: Want, root: Path, there: Here) -> Fetched | None:
    """What needs no network: the files of the layout are there, or a file of the known digest is."""
    digest = _expected(name, want)
    target = root / want.file
    unpacked = all(places.present(root, {"path": path}) for path in want.gives)
    if want.packed and unpacked and not _unpacking(target).exists():
        return Fetched(want.file, "present", note=f"unpacked: {', '.join(want.gives)}")
    if target.is_file():
        found = sha256(target)
        if not found.startswith(digest):
            raise DataError(
                f"{target} has the sha256 {found[:16]}... where {digest[:16]}... is expected: it is damaged or another "
                "release; remove it and fetch again."
            )
        return _settled(name, want, root, "present")
    known = there.find(want.file, digest, want.size) if digest else None
    if known is None:
        return None
    part = target.with_name(target.name + ".part")
    with disk_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        room(root, known.stat().st_size, f"copy {known}")
        shutil.copyfile(known, part)
        os.replace(part, target)
    return _settled(name, want, root, "found", f"the same file as {known}")


def _settled(name: str, want: Want, root: Path, how: str, note: str = "") -> Fetched:
    """Unpack an archive; note a digest that nobody published, once the file is known to be the one that was meant."""
    target = root / want.file
    found = sha256(target)
    if want.packed and is_archive(target):
        with disk_errors(target):
            _unpacking(target).touch()
        unpack(target, root)
        lacking = [path for path in want.gives if not places.present(root, {"path": path})]
        _unpacking(target).unlink()
        if lacking:
            raise DataError(f"{target} was unpacked and lacks {lacking[0]}; it is not the archive that was meant.")
    if not _expected(name, want):
        places.pin(name, want.file, found)
        told = "no official digest is known: this one is noted and expected from now on"
        note = f"{note}; {told}" if note else told
    return Fetched(want.file, how, found, note)


def _unpacking(archive: Path) -> Path:
    """The mark beside an archive while it is unpacked."""
    return archive.with_name(archive.name + ".unpacking")


# ---- what is here against what is known ------------------------------------------------------------------------------


def checked(name: str, root: Path, read: Collection[Path] | None = None) -> Iterable[tuple[str, str, str]]:
    """(file as it lies there, sha256 here, sha256 expected) of the card's files that are below a root (or are it) and
    whose digest is known; of those that were read alone, where that is given."""
    known: Mapping[str, str] = places.pins(name)
    for one in card(name).get("files", ()):
        if one.get("archive"):
            continue
        expected = str(one.get("sha256", "")) or known.get(str(one["path"]), "")
        names = [str(p) for p in (one["path"], *one.get("also", ()))]
        path = next((f for p in names for f in (sorted(root.glob(p)) if "*" in p else [root / p]) if f.is_file()), None)
        if root.is_file() and root.name in {Path(p).name for p in names}:
            path = root
        if expected and path is not None and (read is None or path in read):
            with contextlib.suppress(BenchError, OSError):
                found = sha256(path)
                same = found.startswith(expected) or same_text(path, expected)
                there = path.name if path == root else path.relative_to(root).as_posix()
                yield there, expected if same else found, expected


def same_text(path: Path, expected: str) -> bool:
    """Whether a text differs from the official file in its line ends and its byte-order mark only, which readers see
    past."""
    if path.suffix.casefold() not in _TEXTS or path.stat().st_size > _MOST_TEXT:
        return False
    plain = path.read_bytes().removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n")
    return any(hashlib.sha256(text).hexdigest() == expected for text in (plain, plain.replace(b"\n", b"\r\n")))
