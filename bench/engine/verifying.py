"""Is a run whole? Checksums of its files (files.json, written when a command ends), and what must agree between them.

A run may be moved or copied: nothing here looks at where it lies. Images are not among the checksums: the table of
outcomes holds the digest of their pixels, which is compared when images are asked for.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from bench import store
from bench.engine import views
from bench.errors import BadImage, StoreError
from bench.formats.folders import few, file_digest
from bench.formats.images import decode, pixel_digest

FILES = "files.json"
_UNSEALED = ("images", "thumbnails", "measured.json")
"""What has no checksum: images, and the times that a later command may add to."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    what: str
    fine: bool | None
    """None: cannot be told, which is no damage."""
    told: str


def unseal(folder: Path) -> None:
    """Take the checksums away before files change; an interrupted command leaves none."""
    with store.disk_errors(folder):
        (folder / FILES).unlink(missing_ok=True)


def seal(folder: Path) -> None:
    """Write the checksums of all files of a run but its images."""
    content = {name: [path.stat().st_size, file_digest(path)] for name, path in _files(folder)}
    store.write_json(folder / FILES, content)


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        hidden = any(part.startswith(".") for part in name.split("/"))
        if path.is_file() and not hidden and name != FILES and name.split("/")[0] not in _UNSEALED:
            yield name, path


def verify(folder: Path, *, images: bool = False, advance: Callable[[], None] = lambda: None) -> list[Finding]:
    """What is found of a run; `images` decodes each of them (advance is called for each)."""
    found = [_record(folder), _checksums(folder), *_tables(folder)]
    return [*found, *_images(folder, images, advance)]


def images_of(folder: Path) -> int:
    """Number of images that `verify` would decode."""
    return int((_outcomes(folder)["status"] == "ok").sum())


# ---- the parts -----------------------------------------------------------------------------------------------------


def _record(folder: Path) -> Finding:
    try:
        run = store.load(folder)
    except StoreError as error:
        return Finding("record", False, str(error))
    return Finding("record", True, f"run.json of {run.label}, {len(run.scores)} scores")


def _checksums(folder: Path) -> Finding:
    try:
        wanted = store.read_json(folder / FILES)
    except FileNotFoundError:
        return Finding("checksums", None, f"no {FILES}: made by an older version, or a command was interrupted; `bench "
                       "score` on it writes one")  # fmt: skip
    except StoreError as error:
        return Finding("checksums", False, str(error))
    there = dict(_files(folder))
    gone = [name for name in wanted if name not in there]
    changed = [n for n, p in there.items() if n in wanted and [p.stat().st_size, file_digest(p)] != wanted[n]]
    added = [name for name in there if name not in wanted]
    told = [f"{len(names)} {how} ({few(names)})" for how, names in (("missing", gone), ("changed", changed)) if names]
    if added:
        told.append(f"{len(added)} not listed ({few(added)})")
    size = sum(int(entry[0]) for entry in wanted.values())
    return Finding(
        "checksums", not gone and not changed, "; ".join(told) or f"{len(wanted)} files, {size / 1e6:.1f} MB"
    )


def _outcomes(folder: Path) -> pd.DataFrame:
    parts = sorted((folder / "shards" / "outcomes").glob("*.parquet"))
    try:
        return pd.concat([pd.read_parquet(p) for p in parts], ignore_index=True)
    except ValueError as error:
        raise StoreError(f"{folder} has no table of outcomes ({error}).") from error
    except Exception as error:  # pyarrow's own kinds
        raise StoreError(f"{folder}: a table of outcomes is damaged ({error}).") from error


def _tables(folder: Path) -> Iterator[Finding]:
    try:
        samples, outcomes = store.samples(folder), _outcomes(folder)
        firsts = outcomes[outcomes["frame"] == 0].reset_index(drop=True)
    except StoreError as error:
        yield Finding("tables", False, str(error))
        return
    columns = ["sample", "k", "status", "digest"]
    same = samples[columns].astype(str).equals(firsts[columns].astype(str))
    yield Finding("tables", same, f"{len(samples)} rows of samples.parquet "
                  + ("agree with the outcomes" if same else "do not agree with the outcomes"))  # fmt: skip
    yield _views(folder, {str(d) for d in outcomes["digest"] if d})


def _views(folder: Path, digests: set[str]) -> Finding:
    files = sorted((folder / "shards" / "views").glob("*/*.safetensors"))
    damaged = [p.relative_to(folder).as_posix() for p in files if not views.whole(p)]
    told = f"{len(damaged)} cannot be read ({few(damaged)})" if damaged else f"{len(files)} files can be read"
    return Finding("views", not damaged, told)


def _images(folder: Path, look: bool, advance: Callable[[], None]) -> Iterator[Finding]:
    try:
        outcomes, packed = _outcomes(folder), store.packed(folder)
    except StoreError:
        return
    if packed:
        yield Finding("images", None, "a packed run holds thumbnails only")
        return
    fine = outcomes[outcomes["status"] == "ok"]
    gone, other = [], []
    for image, digest in zip(fine["image"], fine["digest"], strict=True):
        path = store.image_path(folder, image)
        if not path.is_file():
            gone.append(os.path.basename(image))
        elif look:
            try:
                same = pixel_digest(decode(path)) == digest
            except BadImage:
                same = False
            other += [] if same else [os.path.basename(image)]
        advance()
    told = [
        f"{len(names)} {how} ({few(names)})" for how, names in (("missing", gone), ("other pixels", other)) if names
    ]
    seen = "have the recorded pixels" if look else "are there (--images compares their pixels)"
    yield Finding("images", not gone and not other, "; ".join(told) or f"{len(fine)} {seen}")
