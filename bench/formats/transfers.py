"""One file of a server brought to its place on disk: weights and files of data sets come by this way and no other.

A transfer that breaks goes on where it stopped, where the halves are sure to be of one file: the server's mark of its
version fits (If-Range), or a digest will be asked for. What came is looked at before it is believed: length, whether it
is a page of HTML in place of a file, sha256. Of several processes that want one file, one fetches it and the others
wait for it.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import logging
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.errors import DataError, Incomplete, UsageError
from bench.formats.archives import room
from bench.formats.large_files import hashed, remember, sha256
from bench.store import disk_errors, home, waiting_lock

TRIES, WAIT, TIMEOUT = 4, 1.0, 30.0
"""Connections for one file, seconds between them, seconds without a byte that break one."""
EVERY = 10.0
"""Seconds between two lines of progress."""
_BLOCK = 1 << 20
Report = Callable[[int, int], None]
"""(bytes that are here, bytes in all or 0)"""
tell: Callable[[str], None] = logging.getLogger("bench").info
"""Where lines of progress go when nobody asks for a report; a command line puts its own there."""


class _Broken(Exception):
    """A transfer that may go on at another try."""


def download(url: str, target: Path, digest: str = "", report: Report | None = None) -> str:
    """Bring the file of a URL to `target` and give its sha256 (hex).

    digest: what it must be, or the first digits of it; '' where it is not known. A file that is there and fits is not
    fetched again. Incomplete when the server fails for good (what came stays beside as .part, and the next call goes on
    from there), DataError when something else came (it is removed), DiskError without room, UsageError for no address.
    """
    part = target.with_name(target.name + ".part")
    with disk_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
    with disk_errors(target), waiting_lock(_lock(target)):
        if target.is_file() and (found := sha256(target)).startswith(digest):
            return found
        for left in range(TRIES - 1, -1, -1):
            try:
                _transfer(url, part, digest, report or _lines(url, target.name))
                break
            except _Broken as error:
                if not left:
                    raise Incomplete(f"{url} cannot be fetched ({error}); what came is kept, so try again.") from None
                time.sleep(WAIT)
        found = _believed(url, target.name, part, digest)
        os.replace(part, target)
        _state(part).unlink(missing_ok=True)
        remember(target, found)
    return found


def _lock(target: Path) -> Path:
    return home() / "locks" / f"{hashlib.sha256(str(target.absolute()).encode()).hexdigest()[:32]}.lock"


def _state(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _lines(url: str, name: str) -> Report:
    """A line at the beginning and one every few seconds."""
    tell(f"fetching {url}")
    said = time.monotonic()

    def report(here: int, whole: int) -> None:
        nonlocal said
        if time.monotonic() - said >= EVERY:
            said = time.monotonic()
            tell(f"{name}: {here / 1e6:.0f}{f' of {whole / 1e6:.0f}' if whole else ''} MB")

    return report


def _transfer(url: str, part: Path, digest: str, report: Report) -> None:
    """One connection: all of the file, or what is lacking of it."""
    start = part.stat().st_size if part.exists() else 0
    mark = ""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        mark = str(json.loads(_state(part).read_text())["mark"])
    headers = {"User-Agent": "text-image-bench", "Accept-Encoding": "identity"}
    if start and (mark or digest):
        headers |= {"Range": f"bytes={start}-", **({"If-Range": mark} if mark else {})}
    try:
        reply = _opened(url, headers)
    except _Beyond:
        if digest and hashed(part).startswith(digest):
            return
        part.unlink()
        raise _Broken("the file on the server has changed") from None
    with reply:
        if not (reply.status == 206 and reply.headers.get("Content-Range", "").startswith(f"bytes {start}-")):
            start = 0
        coming = int(reply.headers.get("Content-Length") or 0)
        room(part, coming, f"fetch {url}")
        tag = reply.headers.get("ETag", "")
        mark = reply.headers.get("Last-Modified", "") if not tag or tag.startswith("W/") else tag
        _state(part).write_text(json.dumps({"mark": mark}))
        _save(reply, part, start, start + coming if coming else 0, report)


class _Beyond(Exception):
    """What is asked for begins behind the end of the server's file."""


def _opened(url: str, headers: dict[str, str]) -> Any:
    try:
        return urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416 and "Range" in headers:
            raise _Beyond from None
        if error.code >= 500 or error.code in (408, 429):
            raise _Broken(f"the server says {error.code} {error.reason}") from None
        raise Incomplete(f"{url} cannot be fetched: the server says {error.code} {error.reason}.") from None
    except (OSError, http.client.HTTPException) as error:
        raise _Broken(_why(getattr(error, "reason", None) or error)) from None
    except ValueError as error:
        raise UsageError(f"{url} is no address that can be fetched: {error}.") from None


def _save(reply: Any, part: Path, start: int, whole: int, report: Report) -> None:
    here = start
    with part.open("ab" if start else "wb") as out:
        while block := _block(reply):
            out.write(block)
            here += len(block)
            report(here, whole)
        out.flush()
        os.fsync(out.fileno())
    if here < whole:
        raise _Broken(f"the connection was cut after {here} of {whole} bytes")


def _block(reply: Any) -> bytes:
    """What is there, at once: a broken connection loses nothing that came."""
    try:
        return bytes(reply.read1(_BLOCK))
    except (OSError, http.client.HTTPException) as error:
        raise _Broken(f"the connection broke: {_why(error)}") from None


def _why(error: Any) -> str:
    return str(error).rstrip(".") or type(error).__name__


def _believed(url: str, name: str, part: Path, digest: str) -> str:
    """sha256 of what came; DataError, and the file is removed, when it is not what was asked for."""
    with part.open("rb") as file:
        head = file.read(512).lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    ending = Path(name).suffix.casefold()
    found = hashed(part)
    if _is_page(head, ending):
        why = f"gave a page of HTML in place of {name} (a log-in, a quota, or a page that asks to confirm)"
    elif ending == ".zip" and not head.startswith(b"pk"):
        why = f"gave something that is no zip in place of {name}"
    elif not found.startswith(digest):
        why = f"gave a file of sha256 {found[:16]}... where {digest[:16]}... is expected"
    else:
        return found
    part.unlink()
    _state(part).unlink(missing_ok=True)
    raise DataError(f"{url} {why}; it was removed.")


def _is_page(head: bytes, ending: str) -> bool:
    pages = (b"<!doctype html", b"<html", b"<head", *((b"<?xml",) if ending != ".xml" else ()))
    return ending not in (".html", ".htm") and head.startswith(pages)
