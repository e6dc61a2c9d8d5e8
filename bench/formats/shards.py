"""Tars in the manner of webdataset: files that share a name up to its first dot are one sample.

`000017.jpg`, `000017.txt`, `000017.json` in shard-000000.tar are the sample 000017. A shard is listed without reading
its images; an image's locator is `<tar>!<offset>:<size>`, so that it is read in one piece when it is looked at.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bench.errors import BadImage, DataError
from bench.formats.archives import part, tar_files
from bench.formats.folders import natural_key
from bench.formats.images import EXTENSIONS, decode
from bench.formats.reading import Reading
from bench.types import Sample

TEXTS = ("txt", "caption", "text", "cap")
KEYS = ("caption", "prompt", "text")
_LOCATOR = re.compile(r"(.+)!(\d+):(\d+)", re.DOTALL)
MOST_TEXT = 1 << 20


def read_shards(reading: Reading) -> Iterator[Sample]:
    """Samples of all `*.tar` of a folder (or of one tar) in natural order of the shards and then as they lie in them.

    The caption is the text file's, or `caption`, `prompt` or `text` of the JSON file; samples without one are left out
    and counted. Keys that several shards have get the shard's name before them.
    """
    if reading.root.is_file():
        shards = [reading.root]
    else:
        shards = sorted(reading.root.glob("*.tar"), key=lambda p: natural_key(p.name))
    if not shards:
        reading.log.add("missing-file", "*.tar", reading.absent("*.tar"))
    seen: set[str] = set()
    for shard in shards:
        for key, parts in _grouped(reading, shard):
            caption = _caption(reading, shard, key, parts)
            if not caption:
                reading.log.add("left-out", shard.name, f"samples without a caption are left out, the first is {key}.")
                continue
            name = key if key not in seen else f"{shard.stem}/{key}"
            seen.add(name)
            image = next((place for ending, place in parts.items() if _is_image(ending)), None)
            locator = f"{os.path.abspath(shard)}!{image[0]}:{image[1]}" if image else None
            yield Sample(name, caption, reference=locator, tags={"shard": shard.name})


def _is_image(ending: str) -> bool:
    return "." + ending.rpartition(".")[2].casefold() in EXTENSIONS


def _grouped(reading: Reading, shard: Path) -> Iterator[tuple[str, dict[str, tuple[int, int]]]]:
    """(key, {ending: (offset, size)}) of samples as they lie in a tar, neighbours of one key together."""
    key, parts = "", dict[str, tuple[int, int]]()
    try:
        for name, offset, size in tar_files(shard):
            folder, _, file = name.rpartition("/")
            stem, dot, ending = file.partition(".")
            if not stem or not dot:
                continue
            own = f"{folder}/{stem}" if folder else stem
            if own != key and parts:
                yield key, parts
                parts = {}
            key = own
            parts[ending] = (offset, size)
    except DataError as error:
        reading.log.add("unreadable", shard.name, error.messages[0])
    if parts:
        yield key, parts


def _caption(reading: Reading, shard: Path, key: str, parts: dict[str, tuple[int, int]]) -> str:
    for ending, (offset, size) in parts.items():
        if size > MOST_TEXT or ending not in (*TEXTS, "json"):
            continue
        try:
            text = part(shard, offset, size).decode("utf-8-sig")
            if ending == "json":
                row = json.loads(text)
                text = next((row[k] for k in KEYS if isinstance(row.get(k), str)), "") if isinstance(row, dict) else ""
        except (ValueError, RecursionError) as error:
            told = f"'{shard.name}': {ending} of {key} cannot be read ({error})."
            reading.log.add("unreadable", f"{shard.name}/{key}", told)
            continue
        if text.strip():
            return reading.said(text, shard, key)
    return ""


def is_locator(locator: str) -> bool:
    """Whether it names a piece of a tar."""
    return _LOCATOR.fullmatch(locator) is not None


def load(locator: str) -> np.ndarray:
    """The image of a locator: uint8 (h, w, 3). BadImage when the tar has changed or the piece is no image."""
    found = _LOCATOR.fullmatch(locator)
    if found is None:
        raise BadImage(f"'{locator}' is no image of a tar.")
    try:
        return decode(part(found[1], int(found[2]), int(found[3])))
    except OSError as error:
        raise BadImage(f"'{locator}' cannot be read: {error.strerror}.") from None
