"""Is a run whole? Checksums of its files (files.json, written when a command ends), and what must agree between them.

A run may be moved or copied: nothing here looks at where it lies. Images are not among the checksums: the table of
outcomes holds the digest of their pixels, which is compared when images are asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath

import msgspec
import pandas as pd

from bench import store
from bench.engine import hostile, views
from bench.engine.consistency import Content, Finding, consistency
from bench.errors import BadImage, StoreError
from bench.formats.folders import few, file_digest
from bench.formats.images import decode, pixel_digest
from bench.formats.tiles import file_of, split
from bench.ledger import FILES
from bench.types import Run

_UNSEALED = ("images", "thumbnails", "measured.json")
"""What has no checksum: images, and the times that a later command may add to."""
_SAMPLES = {
    "sample": "O", "k": "iu", "group": "O", "prompt": "O", "status": "O", "reason": "O", "image": "O", "digest": "O",
    "width": "iu", "height": "iu", "seed": "iu", "reference": "O",
}  # fmt: skip
_OUTCOMES = {"sample": "O", "k": "iu", "frame": "iu", "status": "O", "image": "O", "digest": "O", "seed": "iu"}
"""Columns that tables must have, with their kinds; O: texts."""
Files = dict[tuple[str, int, int], Path | None]
"""(sample, k, frame) of an image -> its file, None where there is none."""


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
    content, found = agreeing(folder)
    if content is None:
        return found
    if content.outcomes is None or store.packed(folder):
        return [*found, Finding("images", None, "a light run holds thumbnails at most")]
    return [*found, looked_at(content, located(content, folder, None), content.ids(), images, advance)]


def agreeing(folder: Path, strict: bool = False) -> tuple[Content | None, list[Finding]]:
    """A run with its tables, None where they cannot be read; and what is found of its files and of what they state.

    strict: every file must have its checksum.
    """
    try:
        content = content_of(folder)
    except StoreError as error:
        return None, [Finding("record", False, str(error)), _checksums(folder, strict)]
    record, *rest = consistency(content)
    return content, [record, _checksums(folder, strict), _tables(content), _views(folder), *rest]


def content_of(folder: Path) -> Content:
    """The record and tables of a run, each of the form that it must have; StoreError."""
    run = typed(folder)
    manifest = folder / "manifest.json"
    if manifest.is_file() and (begun := store.read_json(manifest).get("digest")) != run.digest:
        raise StoreError(f"{folder}: manifest.json is of the run {begun!s:.8} and run.json of {run.digest:.8}.")
    samples = _with_columns(store.samples(folder), _SAMPLES, f"{folder}/samples.parquet")
    for column in samples:
        if column not in _SAMPLES and samples[column].dtype.kind not in ("O" if _is_tag(column) else "iufb"):
            told = "texts" if _is_tag(column) else "numbers"
            raise StoreError(f"{folder}/samples.parquet: the column '{column}' must hold {told}.")
    outcomes = None
    if not run.dataset.get("rows"):
        outcomes = _with_columns(_outcomes(folder), _OUTCOMES, f"{folder}: the table of outcomes")
    return Content(run, samples, outcomes)


def typed(folder: Path) -> Run:
    """run.json with every field of its type; StoreError names the first that is not."""
    try:
        data = hostile.strict_json((folder / "run.json").read_bytes())
        if isinstance(data, dict) and data.get("format") == store.FORMAT:
            msgspec.convert({**data, "path": str(folder)}, Run)
    except FileNotFoundError:
        pass  # said by store.load
    except (OSError, ValueError, RecursionError) as error:  # msgspec.ValidationError is a ValueError
        raise StoreError(f"{folder}/run.json is not what a record must be ({error}).") from error
    return store.load(folder)


def _is_tag(column: str) -> bool:
    return column.startswith("tag:")


def _with_columns(frame: pd.DataFrame, wanted: dict[str, str], name: str) -> pd.DataFrame:
    for column, kinds in wanted.items():
        if column not in frame:
            raise StoreError(f"{name} lacks the column '{column}'.")
        if not len(frame):
            continue
        kind = frame[column].dtype.kind
        fits = kind not in "iufb" and not frame[column].isna().any() if kinds == "O" else kind in kinds
        if not fits:
            what = "texts, none absent" if kinds == "O" else "whole numbers"
            raise StoreError(f"{name}: the column '{column}' holds {frame[column].dtype} and must hold {what}.")
    return frame


def images_of(folder: Path) -> int:
    """Number of images that `verify` would decode."""
    try:
        return int((_outcomes(folder)["status"] == "ok").sum())
    except (StoreError, KeyError):
        return 0


# ---- the parts -----------------------------------------------------------------------------------------------------


def _checksums(folder: Path, strict: bool) -> Finding:
    try:
        wanted = dict(store.read_json(folder / FILES))
    except FileNotFoundError:
        why = f"no {FILES}: made by an older version, or a command was interrupted; `bench score` on it writes one"
        return Finding("checksums", False if strict else None, why)
    except (StoreError, TypeError, ValueError, RecursionError) as error:
        return Finding("checksums", False, f"{FILES} cannot be read ({error})")
    there = dict(_files(folder))
    gone = [name for name in wanted if name not in there]
    changed = [n for n, p in there.items() if n in wanted and [p.stat().st_size, file_digest(p)] != wanted[n]]
    added = [name for name in there if name not in wanted]
    told = [f"{len(names)} {how} ({few(names)})" for how, names in (("missing", gone), ("changed", changed)) if names]
    if added:
        told.append(f"{len(added)} not listed ({few(added)})")
    size = sum(p.stat().st_size for p in there.values())
    fine = not gone and not changed and not (strict and added)
    return Finding("checksums", fine, "; ".join(told) or f"{len(wanted)} files, {size / 1e6:.1f} MB")


def _outcomes(folder: Path) -> pd.DataFrame:
    parts = sorted((folder / "shards" / "outcomes").glob("*.parquet"))
    try:
        return pd.concat([pd.read_parquet(p) for p in parts], ignore_index=True)
    except ValueError as error:
        raise StoreError(f"{folder} has no table of outcomes ({error}).") from error
    except Exception as error:  # pyarrow's own kinds
        raise StoreError(f"{folder}: a table of outcomes is damaged ({error}).") from error


def _tables(content: Content) -> Finding:
    if content.outcomes is None:
        return Finding("tables", None, f"outcomes stay with the private run; its rows here: {content.withheld}")
    firsts = content.outcomes[content.outcomes["frame"] == 0].reset_index(drop=True)
    columns = ["sample", "k", "status", "digest", "seed"]
    same = content.samples[columns].astype(str).equals(firsts[columns].astype(str))
    how = "agree" if same else "do not agree"
    return Finding("tables", same, f"{len(content.samples)} rows of samples.parquet {how} with the outcomes")


def _views(folder: Path) -> Finding:
    files = sorted((folder / "shards" / "views").glob("*/*.safetensors"))
    damaged = [p.relative_to(folder).as_posix() for p in files if not views.whole(p)]
    told = f"{len(damaged)} cannot be read ({few(damaged)})" if damaged else f"{len(files)} files can be read"
    return Finding("views", not damaged, told)


# ---- images --------------------------------------------------------------------------------------------------------


def located(content: Content, folder: Path, images: Path | None) -> Files:
    """The file of every image: below `images`, else where the run in `folder` recorded it.

    Below `images` the longest end of the recorded path counts that is there: what a stranger recorded is no path here.
    """
    assert content.outcomes is not None
    fine = content.outcomes[content.outcomes["status"] == "ok"]
    found: Files = {}
    for sample, k, frame, name in zip(fine["sample"], fine["k"], fine["frame"], fine["image"], strict=True):
        path = store.image_path(folder, name) if images is None else _below(images, name)
        found[str(sample), int(k), int(frame)] = path if path is not None and file_of(path).is_file() else None
    return found


def _below(images: Path, recorded: str) -> Path | None:
    name, tile = split(recorded)
    parts = [p for p in PurePosixPath(name.replace("\\", "/")).parts if p != "/"]
    if ".." in parts:
        return None
    for start in range(len(parts)):
        path = images.joinpath(*parts[start:])
        if path.is_file() and path.resolve().is_relative_to(images.resolve()):
            return Path(f"{path}{tile or ''}")
    return None


def looked_at(
    content: Content, files: Files, ids: Sequence[str], look: bool, advance: Callable[[], None] = lambda: None
) -> Finding:
    """Whether the images of these prompts are there and, if `look`, have the recorded pixels."""
    assert content.outcomes is not None
    wanted, frame = set(ids), content.outcomes
    gone, other, count = [], [], 0
    for sample, k, number, mark in zip(frame["sample"], frame["k"], frame["frame"], frame["digest"], strict=True):
        key = (str(sample), int(k), int(number))
        if key not in files or key[0] not in wanted:
            continue
        path, count = files[key], count + 1
        advance()
        if path is None:
            gone.append(key[0])
        elif look and not _same_pixels(path, mark):
            other.append(key[0])
    told = [
        f"{len(names)} {how} ({few(names)})" for how, names in (("missing", gone), ("other pixels", other)) if names
    ]
    seen = "have the recorded pixels" if look else "are there (--images compares their pixels)"
    return Finding("images", not told, "; ".join(told) or f"{count} {seen}")


def _same_pixels(path: Path, mark: str) -> bool:
    try:
        return pixel_digest(decode(path)) == mark
    except BadImage:
        return False
