"""COCO's annotation files looked through for everything that is wrong with them, counted, where the readers of
`formats.coco` stop at the first kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from bench.errors import DataError
from bench.formats.coco import Caption, Instance, Photo
from bench.formats.findings import Findings
from bench.formats.textfiles import read_bytes


class _File(msgspec.Struct):
    images: list[Photo]
    annotations: list[msgspec.Raw]
    categories: list[dict[str, Any]] = []


def look_at_captions(path: Path, log: Findings) -> list[Photo]:
    """The photographs of a captions file; its defects go to the log."""
    content = _decoded(path, log)
    if content is None:
        return []
    every = _each(content, Caption, path, log)
    _shared(content, every, path, log)
    empty = [c.id for c in every if not c.caption.strip()]
    log.add("empty-prompt", path.name, f"caption {empty[:1]}", len(empty))
    spoken = {c.image_id for c in every}
    bare = [p.file_name for p in content.images if p.id not in spoken]
    log.add("left-out", path.name, f"photographs have no caption, the first is {(bare or [''])[0]}.", len(bare))
    return content.images


def look_at_instances(path: Path, log: Findings) -> None:
    """Boxes outside their photograph or without a size, and objects of unknown photographs or categories."""
    content = _decoded(path, log)
    if content is None:
        return
    every = _each(content, Instance, path, log)
    _shared(content, every, path, log)
    sizes = {p.id: (p.width, p.height) for p in content.images}
    known = {c.get("id") for c in content.categories}
    for one in every:
        x0, y0, x1, y1 = one.box
        width, height = sizes.get(one.image_id, (0, 0))
        if one.category_id not in known:
            log.add("bad-value", path.name, f"category {one.category_id} of instance {one.id}")
        if x1 < x0 or y1 < y0:
            log.add("bad-box", path.name, f"that of instance {one.id}")
        elif width and (min(x0, y0) < -1 or x1 > width + 1 or y1 > height + 1):
            log.add("box-outside", path.name, f"that of instance {one.id}")


def _decoded(path: Path, log: Findings) -> _File | None:
    try:
        return msgspec.json.decode(read_bytes(path), type=_File)
    except DataError as error:
        log.add("unreadable", path.name, error.messages[0])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:  # a ValidationError is a DecodeError
        log.add("unreadable", path.name, f"{path.name} is truncated or no file of COCO ({str(error).rstrip('.')}).")
    return None


def _each(content: _File, kind: Any, path: Path, log: Findings) -> list[Any]:
    """The annotations that are of the kind; others are counted."""
    found = []
    decoder = msgspec.json.Decoder(kind)
    for at, raw in enumerate(content.annotations):
        try:
            found.append(decoder.decode(raw))
        except msgspec.ValidationError as error:
            log.add("bad-value", path.name, f"annotation {at} ({str(error).rstrip('.')})")
    return found


def _shared(content: _File, every: Iterable[Any], path: Path, log: Findings) -> None:
    for what, ids in (("photograph", (p.id for p in content.images)), ("annotation", (a.id for a in every))):
        twice = [one for one, count in Counter(ids).items() if count > 1]
        log.add("duplicate-id", path.name, f"{what} {twice[:1]}", len(twice))
    known = {p.id for p in content.images}
    for one in every:
        if one.image_id not in known:
            log.add("unknown-image", path.name, f"annotation {one.id} of photograph {one.image_id}")
