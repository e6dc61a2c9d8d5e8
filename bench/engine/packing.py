"""A light run without its images, which `show` and `compare` read like a full one; as a folder or one archive.

A pack keeps the record, the table of samples and of outcomes, thumbnails for the report, and on request the views.
Archives are the same bytes each time. Archives of others are read as hostile: only plain files below the archive's own
folder, of bounded number and size.
"""

from __future__ import annotations

import gzip
import io
import shutil
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
from PIL import Image

from bench import store
from bench.engine.verifying import seal
from bench.errors import BadImage, DataError, StoreError, UsageError
from bench.formats.folders import file_digest
from bench.formats.images import decode
from bench.spec import safe_id

ENDINGS = (".tar.gz", ".tgz")
MOST_FILES, MOST_BYTES = 2_000_000, 64 << 30
"""Of an archive, unpacked."""


def pack(
    runs: Sequence[Path], out: Path, *, thumbnails: int = 96, views: bool = False,
    advance: Callable[[], None] = lambda: None,
) -> Path:  # fmt: skip
    """Write a pack of finished runs: a folder, or one archive where `out` ends with .tar.gz. Its path.

    thumbnails: longer side in pixels, 0 for none. UsageError where something stands at `out` already.
    """
    if out.exists():
        raise UsageError(f"{out} exists already; give another --out.")
    folder = out.with_name(f".{out.name}.tmp") if out.name.endswith(ENDINGS) else out
    with store.disk_errors(out):
        if folder != out and folder.exists():
            shutil.rmtree(folder)
        try:
            for run in runs:
                _light(run, folder / run.resolve().parent.name / run.resolve().name, thumbnails, views, advance)
            if folder != out:
                store.write_atomic(out, archived(folder, out.name.removesuffix(".tar.gz").removesuffix(".tgz")))
        finally:
            if folder != out:
                shutil.rmtree(folder, ignore_errors=True)
    return out


def _light(run: Path, to: Path, thumbnails: int, views: bool, advance: Callable[[], None]) -> None:
    record = store.load(run)  # says what is wrong with a damaged run, before anything is written
    if store.packed(run):
        raise UsageError(f"{run} is a pack already; pack the run that it was made of.")
    to.mkdir(parents=True)
    keep = ["manifest.json", "measured.json", *(["shards"] if views else ["shards/outcomes"])]
    for name in keep:
        source = run / name
        if source.is_dir():
            shutil.copytree(source, to / name, ignore=shutil.ignore_patterns(".*"))
        elif source.is_file():
            shutil.copyfile(source, to / name)
    samples = store.samples(run)
    samples["image"] = _shrunk(run, to, samples["image"], thumbnails, advance)
    samples["reference"] = _shrunk(run, to, samples["reference"], thumbnails, lambda: None)
    store.write_parquet(to / "samples.parquet", samples)
    data = store.read_json(run / "run.json")
    store.write_json(to / "run.json", {**data, "packed": {"thumbnails": thumbnails, "views": views}})
    assert store.load(to).digest == record.digest
    seal(to)


def _shrunk(run: Path, to: Path, images: pd.Series, side: int, advance: Callable[[], None]) -> list[str]:
    """Names of thumbnails, '' where there is no image; each image once."""
    made: dict[str, str] = {}
    for image in images:
        advance()
        if image and image not in made:
            made[image] = _thumbnail(store.image_path(run, image), to, side) if side else ""
    return [made.get(image, "") for image in images]


def _thumbnail(path: Path, to: Path, side: int) -> str:
    try:
        picture = Image.fromarray(decode(path))
    except BadImage:
        return ""
    picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    name = f"thumbnails/{safe_id(str(path))}.webp"
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=80)
    store.write_atomic(to / name, buffer.getvalue())
    return name


# ---- archives ------------------------------------------------------------------------------------------------------


def archived(folder: Path, name: str) -> bytes:
    """A folder as a .tar.gz below the folder `name`: sorted, without times and owners."""
    buffer = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0, filename="") as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            entry = tarfile.TarInfo(f"{name}/{path.relative_to(folder).as_posix()}")
            entry.size, entry.mode = path.stat().st_size, 0o644
            with open(path, "rb") as content:
                archive.addfile(entry, content)
    return buffer.getvalue()


def unpacked(archive: Path, root: Path) -> Path:
    """The folder root/packs/<digest> with an archive's content, made once. DataError for an archive that is damaged or
    holds what a pack never holds."""
    to = root / "packs" / file_digest(archive)[:16]
    if to.is_dir():
        return _top(to, archive)
    partly = to.with_name(f".{to.name}.tmp")
    shutil.rmtree(partly, ignore_errors=True)
    try:
        with store.disk_errors(to), tarfile.open(archive, "r:gz") as content:
            partly.mkdir(parents=True)
            for entry in _members(content, archive):
                content.extract(entry, partly, filter="data")
            partly.rename(to)
    except (tarfile.TarError, EOFError, gzip.BadGzipFile, ValueError) as error:
        raise DataError(f"{archive} is no pack, or a damaged one ({error}).") from error
    finally:
        shutil.rmtree(partly, ignore_errors=True)
    return _top(to, archive)


def _top(to: Path, archive: Path) -> Path:
    """The archive's one folder, which holds the runs."""
    inside = sorted(to.iterdir())
    if len(inside) != 1 or not store.find_runs(inside[0]):
        shutil.rmtree(to)
        raise StoreError(f"{archive} holds no run.")
    return inside[0]


def _members(content: tarfile.TarFile, archive: Path) -> list[tarfile.TarInfo]:
    found: list[tarfile.TarInfo] = []
    size = 0
    for entry in content:
        size += entry.size
        if not (entry.isfile() or entry.isdir()):
            raise DataError(f"{archive} holds '{entry.name}', which is no plain file; a pack holds nothing else.")
        if len(found) >= MOST_FILES or size > MOST_BYTES:
            raise DataError(f"{archive} holds more than {MOST_FILES:,} files or {MOST_BYTES >> 30} GiB.")
        found.append(entry)
    return found
