"""What leaves a run, searched for what should not: words of captions, and images in any of the forms they travel in."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import re
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

_DATA = re.compile(rb"data:[\w/+.-]+;base64,([A-Za-z0-9+/=]+)")
_STREAM = re.compile(rb"stream\r?\n(.*?)endstream", re.DOTALL)


def texts(name: str, data: bytes) -> Iterator[tuple[str, bytes]]:
    """(where, bytes) of a file and of everything that is packed into it."""
    yield name, name.encode()
    yield name, data
    if name.endswith((".tar.gz", ".tgz")):
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            for entry in archive:
                inner = archive.extractfile(entry)
                if inner is not None:
                    yield from texts(f"{name}!{entry.name}", inner.read())
    elif data[:2] == b"\x1f\x8b":
        yield from texts(f"{name}!", gzip.decompress(data))
    elif name.endswith(".parquet"):
        yield name, pd.read_parquet(io.BytesIO(data)).to_csv().encode()
    elif data[:5] == b"%PDF-":
        for found in _STREAM.finditer(data):
            try:
                yield f"{name}!stream", zlib.decompress(found[1])
            except zlib.error:
                continue
    for found in _DATA.finditer(data):
        yield f"{name}!data", base64.b64decode(found[1] + b"==")


def everything(*places: Path) -> Iterator[tuple[str, bytes]]:
    """All that lies below folders or in files."""
    for place in places:
        files = [place] if place.is_file() else sorted(p for p in place.rglob("*") if p.is_file())
        for path in files:
            yield from texts(path.relative_to(place.parent).as_posix(), path.read_bytes())


def words_in(words: list[str], *places: Path) -> list[str]:
    """'word in file' for each word (of letters) that is found, whatever its case."""
    return [
        f"{word} in {where}"
        for where, data in everything(*places)
        for word in words
        if word.casefold().encode() in data.lower()
    ]


def images_in(images: list[Path], *places: Path) -> list[str]:
    """Where an image is found: its bytes, a part of them in base64, its digests, or any picture that is no figure."""
    found = []
    marks: dict[bytes, str] = {}
    for path in images:
        data = path.read_bytes()
        if len(data) < 120:  # a damaged one
            continue
        marks[data[60:120]] = f"bytes of {path.name}"
        for shift in range(3):
            marks[base64.b64encode(data[60 + shift : 120 + shift])[4:-4]] = f"base64 of {path.name}"
        marks[hashlib.sha256(data).hexdigest()[:12].encode()] = f"sha256 of {path.name}"
    for where, data in everything(*places):
        found += [f"{told} in {where}" for mark, told in marks.items() if mark in data]
        if re.search(rb"data:image/(png|jpe?g|webp|gif)", data):
            found.append(f"a picture embedded in {where}")
        if where.endswith((".png", ".jpg", ".webp")) and "/figures/" not in f"/{where}":
            found.append(f"a picture: {where}")
    return found
