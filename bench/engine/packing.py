"""A light run without its images, which `show` and `compare` read like a full one; as a folder or one archive.

A pack keeps the record, the table of samples and of outcomes, thumbnails for the report, and on request the views.
"""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
from PIL import Image

from bench import discretion, store
from bench.engine import blinding
from bench.engine.archives import ENDINGS, archived
from bench.engine.verifying import seal
from bench.errors import BadImage, UsageError
from bench.formats.images import decode
from bench.spec import safe_id


def pack(
    runs: Sequence[Path], out: Path, *, thumbnails: int = 96, views: bool = False, rows: str = discretion.NONE,
    advance: Callable[[], None] = lambda: None,
) -> Path:  # fmt: skip
    """Write a pack of finished runs: a folder, or one archive where `out` ends with .tar.gz. Its path.

    thumbnails: longer side in pixels, 0 for none. rows: of private runs, 'none' or 'blinded'. UsageError where
    something stands at `out` already.
    """
    if out.exists():
        raise UsageError(f"{out} exists already; give another --out.")
    folder = out.with_name(f".{out.name}.tmp") if out.name.endswith(ENDINGS) else out
    with store.disk_errors(out):
        if folder != out and folder.exists():
            shutil.rmtree(folder)
        try:
            for run in runs:
                light(run, folder / run.resolve().parent.name / run.resolve().name, thumbnails, views, rows, advance)
            if folder != out:
                store.write_atomic(out, archived(folder, out.name.removesuffix(".tar.gz").removesuffix(".tgz")))
        finally:
            if folder != out:
                shutil.rmtree(folder, ignore_errors=True)
    return out


def light(
    run: Path, to: Path, thumbnails: int = 0, views: bool = False, rows: str = discretion.NONE,
    advance: Callable[[], None] = lambda: None,
) -> None:  # fmt: skip
    """Write the light copy of a finished run to the folder `to`."""
    record = store.load(run)  # says what is wrong with a damaged run, before anything is written
    if store.packed(run):
        raise UsageError(f"{run} is a pack already; pack the run that it was made of.")
    to.mkdir(parents=True)
    if blinding.private(record):
        blinding.light(run, to, record, rows=rows, views=views)
        seal(to)
        return
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
