"""Files of a data set brought onto this machine: found by digest among what is here, else downloaded where allowed.

A transfer that breaks goes on where it stopped (Range, checked against what the server says it sends); what came is
looked at before it is believed: length, sha256, and whether it is a page of HTML in place of a file. Where nobody has
published a digest, the first one is noted (pinned) and later files must have it.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import os
import shutil
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.cards import card
from bench.errors import BenchError, DataError, Incomplete, UsageError
from bench.formats import places
from bench.formats.archives import is_archive, room, unpack
from bench.formats.large_files import may_download, sha256
from bench.store import disk_errors

TRIES, WAIT, TIMEOUT = 4, 1.0, 30.0
_BLOCK = 1 << 20
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
class _Want:
    file: str
    """What comes: a file of the layout, or an archive of several."""
    url: str
    digest: str
    size: int
    gives: tuple[str, ...]
    """Files of the layout that are there when it is."""
    manual: str
    optional: bool


def wants(name: str) -> list[_Want]:
    """What a data set's card says can be had, an archive of several files once."""
    found: dict[str, _Want] = {}
    for one in card(name).get("files", ()):
        url = str(one.get("url", ""))
        file = Path(urllib.parse.urlparse(url).path).name if one.get("archive") else str(one["path"])
        was = found.get(file)
        gives = (*(was.gives if was else ()), str(one["path"]))
        found[file] = _Want(
            file, url, str(one.get("sha256", "")), int(one.get("bytes", 0)), gives, str(one.get("from", "")),
            bool(one.get("optional")) and (was is None or was.optional),
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
    there = _Here([root, *search, *filter(None, [places.linked(name)]), places.home() / "datasets"])
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
    done += [_load(name, want, root, report) for want in loads]
    return done + [_by_hand(want) for want in open_ if not want.url]


def _by_hand(want: _Want) -> Fetched:
    where = f"get it from {want.manual}" if want.manual else "no official address of it is known"
    return Fetched(want.file, "absent", note=f"cannot be fetched: {where}.")


# ---- what is here already --------------------------------------------------------------------------------------------


class _Here:
    """Files below some folders by size and name; digests only of those that may be meant."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self.folders = list(dict.fromkeys(folders))
        self._files: list[Path] | None = None

    @property
    def files(self) -> list[Path]:
        if self._files is None:
            self._files = [
                Path(base) / f for folder in self.folders for base, _, names in os.walk(folder) for f in names
                if not f.endswith((".part", ".part.json"))
            ]  # fmt: skip
        return self._files

    def of(self, want: _Want, digest: str) -> Path | None:
        """A file with this digest: of the right size where it is known, else of the right name."""
        for path in self.files:
            with contextlib.suppress(OSError):
                fits = path.stat().st_size == want.size if want.size else path.name == Path(want.file).name
                if fits and path.is_file() and sha256(path).startswith(digest):
                    return path
        return None


def _here(name: str, want: _Want, root: Path, there: _Here) -> Fetched | None:
    """What needs no network: the files of the layout are there, or a file of the known digest is."""
    digest = want.digest or places.pins(name).get(want.file, "")
    target = root / want.file
    if want.gives != (want.file,) and all(places.present(root, {"path": path}) for path in want.gives):
        return Fetched(want.file, "present", note=f"unpacked: {', '.join(want.gives)}")
    if target.is_file():
        found = sha256(target)
        if digest and not found.startswith(digest):
            raise DataError(
                f"{target} has the sha256 {found[:16]}... where {digest[:16]}... is expected: it is damaged or another "
                "release; remove it and fetch again."
            )
        return _settled(name, want, root, target, "present", digest)
    known = there.of(want, digest) if digest else None
    if known is None:
        return None
    with disk_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        room(root, known.stat().st_size, f"copy {known}")
        shutil.copyfile(known, target)
    return _settled(name, want, root, target, "found", digest, f"the same file as {known}")


def _settled(
    name: str, want: _Want, root: Path, target: Path, how: str, digest: str, note: str = ""
) -> Fetched:
    """Unpack an archive, note a digest that nobody published."""
    found = sha256(target)
    if not want.digest and not digest:
        places.pin(name, want.file, found)
        told = "no official digest is known: this one is noted and expected from now on"
        note = f"{note}; {told}" if note else told
    if want.gives != (want.file,) and is_archive(target):
        unpack(target, root)
        lacking = [path for path in want.gives if not places.present(root, {"path": path})]
        if lacking:
            raise DataError(f"{target} was unpacked and lacks {lacking[0]}; it is not the archive that was meant.")
    return Fetched(want.file, how, found, note)


# ---- downloading -----------------------------------------------------------------------------------------------------


class _Broken(Exception):
    """A transfer that may go on at another try."""


def _load(name: str, want: _Want, root: Path, report: Report) -> Fetched:
    target = root / want.file
    part = target.with_name(target.name + ".part")
    digest = want.digest or places.pins(name).get(want.file, "")
    with disk_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        for left in range(TRIES - 1, -1, -1):
            try:
                _transfer(want.url, part, bool(digest), lambda here, whole: report(want.file, here, whole))
                break
            except _Broken as error:
                if not left:
                    told = f"{want.url} cannot be fetched ({error}); what came is kept, so the same command goes on."
                    raise Incomplete(told) from None
                time.sleep(WAIT)
        _believe(want, part, digest)
        os.replace(part, target)
        _state(part).unlink(missing_ok=True)
    return _settled(name, want, root, target, "downloaded", digest)


def _state(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _transfer(url: str, part: Path, sure: bool, report: Callable[[int, int], None]) -> None:
    """One connection: all of the file, or what is lacking of it. sure: a digest is known and will be asked for, so that
    a server without a mark of the file's version may be trusted to go on."""
    start = part.stat().st_size if part.exists() else 0
    mark = ""
    with contextlib.suppress(OSError, ValueError, KeyError):
        mark = str(json.loads(_state(part).read_text())["mark"])
    headers = {"User-Agent": "text-image-bench", "Accept-Encoding": "identity"}
    if start and (mark or sure):
        headers |= {"Range": f"bytes={start}-", **({"If-Range": mark} if mark else {})}
    with _opened(url, headers, part) as reply:
        resumed = reply.status == 206 and reply.headers.get("Content-Range", "").startswith(f"bytes {start}-")
        coming = int(reply.headers.get("Content-Length") or 0)
        room(part, coming, f"fetch {url}")
        tag = reply.headers.get("ETag", "")
        mark = reply.headers.get("Last-Modified", "") if not tag or tag.startswith("W/") else tag
        _state(part).write_text(json.dumps({"mark": mark}))
        _save(reply, part, start if resumed else 0, coming + (start if resumed else 0), report)


def _opened(url: str, headers: dict[str, str], part: Path) -> Any:
    try:
        return urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code == 416:  # what is here is longer than the file is now: it is another one
            part.unlink(missing_ok=True)
            raise _Broken("the file on the server has changed") from None
        if error.code >= 500 or error.code in (408, 429):
            raise _Broken(f"the server says {error.code} {error.reason}") from None
        raise Incomplete(f"{url} cannot be fetched: the server says {error.code} {error.reason}.") from None
    except (OSError, http.client.HTTPException) as error:
        raise _Broken(str(getattr(error, "reason", None) or error).rstrip(".") or type(error).__name__) from None
    except ValueError as error:
        raise UsageError(f"{url} is no address that can be fetched: {error}.") from None


def _save(reply: Any, part: Path, start: int, whole: int, report: Callable[[int, int], None]) -> None:
    here = start
    with part.open("ab" if start else "wb") as out:
        while block := _block(reply):
            out.write(block)
            here += len(block)
            report(here, whole)
        out.flush()
        os.fsync(out.fileno())
    if whole and here < whole:
        raise _Broken(f"the connection was cut after {here} of {whole} bytes")


def _block(reply: Any) -> bytes:
    try:
        return bytes(reply.read1(_BLOCK))
    except (OSError, http.client.HTTPException) as error:
        raise _Broken(f"the connection broke: {str(error).rstrip('.') or type(error).__name__}") from None


def _believe(want: _Want, part: Path, digest: str) -> None:
    """DataError, and the file is removed, when it is not what was asked for."""
    why = ""
    with part.open("rb") as file:
        head = file.read(512).lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    expected = Path(want.file).suffix.casefold()
    if expected not in (".html", ".htm") and head.startswith((b"<!doctype html", b"<html", b"<head", b"<?xml")) and (
        expected != ".xml"):  # fmt: skip
        why = f"gave a page of HTML in place of {want.file} (a log-in, a quota, or a page that asks to confirm)"
    elif expected == ".zip" and not head.startswith(b"pk"):
        why = f"gave something that is no zip in place of {want.file}"
    elif digest and not (found := sha256(part)).startswith(digest):
        why = f"gave a file of sha256 {found[:16]}... where {digest[:16]}... is expected"
    if why:
        part.unlink()
        _state(part).unlink(missing_ok=True)
        raise DataError(f"{want.url} {why}; it was removed.")


def checked(name: str, root: Path) -> Iterable[tuple[str, str, str]]:
    """(file, sha256 here, sha256 expected) of the card's files that are below a root and whose digest is known."""
    known: Mapping[str, str] = places.pins(name)
    for one in card(name).get("files", ()):
        if one.get("archive"):
            continue
        expected = str(one.get("sha256", "")) or known.get(str(one["path"]), "")
        path = next((root / p for p in (one["path"], *one.get("also", ())) if (root / p).is_file()), None)
        if expected and path is not None:
            with contextlib.suppress(BenchError, OSError):
                found = sha256(path)
                same = found.startswith(expected) or _reended(path, expected)
                yield str(one["path"]), expected if same else found, expected


def _reended(path: Path, expected: str) -> bool:
    """Whether a text differs from the official file in its line ends and its byte-order mark only, which readers see
    past."""
    if path.suffix.casefold() not in _TEXTS or path.stat().st_size > _MOST_TEXT:
        return False
    plain = path.read_bytes().removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n")
    return any(hashlib.sha256(text).hexdigest() == expected for text in (plain, plain.replace(b"\n", b"\r\n")))
