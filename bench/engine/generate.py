"""From requests to pixels: what a generator gives is checked, made uint8 RGB, and written as PNG.

An image that exists already (a folder's, or this run's own from before an interruption) is recorded by path and not
made again. Whatever happens to one image is an Outcome with a reason; only a generator that breaks as a whole stops the
run.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench import store
from bench.engine.plan import Row
from bench.errors import BadImage, BenchError, GenerationFailed, NotFinite
from bench.formats.arrays import to_pixels
from bench.formats.images import decode, encode_png, pixel_digest
from bench.generators.base import as_outcomes
from bench.spec import digest
from bench.types import Outcome, PixelFacts


@dataclass(frozen=True)
class Made:
    """A row with its outcome and, when ok, its frames."""

    row: Row
    outcome: Outcome
    digests: tuple[str, ...] | None = None
    """Of the pixels of each frame, where they were recorded before: they must not have changed since."""


@dataclass(frozen=True)
class Frame:
    """One decoded image of a row."""

    path: str
    """As recorded: relative to the run folder for generated images, absolute for existing ones."""
    pixels: Any
    """uint8 (h, w, 3); None for an image that is not here."""
    facts: PixelFacts


Times = list[tuple[float, int]]
"""(seconds, images) of each batch that a generator made."""


def produce(generator: Any, rows: Sequence[Row], folder: Path, times: Times | None = None) -> Iterator[Made]:
    """Outcomes of rows in order; rows whose images this run has already are not asked for again.

    times: gets an entry a batch that was made now.
    """
    for done, batch in _batches(rows, generator, folder):
        if done:
            yield from (Made(row, _restored(row, folder)) for row in batch)
        else:
            yield from _timed(_asked(generator, batch), len(batch), None if generator.existing else times)


def _timed(made: Iterator[Made], count: int, times: Times | None) -> Iterator[Made]:
    """What a generator makes, one by one; only its own seconds count, not those of who takes the images."""
    spent, end = 0.0, object()
    while True:
        began = time.perf_counter()
        one: Any = next(made, end)
        spent += time.perf_counter() - began
        if one is end:
            break
        yield one
    if times is not None:
        times.append((spent, count))


def pace(times: Times) -> dict[str, float]:
    """Images, seconds, and the quartiles of seconds an image over batches, each image counting as its batch's mean."""
    if not times:
        return {}
    each = np.repeat([seconds / count for seconds, count in times], [count for _, count in times])
    low, median, high = (round(float(q), 6) for q in np.quantile(each, [0.25, 0.5, 0.75]))
    return {
        "images": len(each),
        "seconds": round(sum(s for s, _ in times), 3),
        "low": low,
        "median": median,
        "high": high,
    }


def _batches(rows: Sequence[Row], generator: Any, folder: Path) -> Iterator[tuple[bool, list[Row]]]:
    def there(row: Row) -> bool:
        return not generator.existing and all(_whole(folder / "images" / n) for n in row.file_names())

    for done, group in itertools.groupby(rows, key=there):
        members = list(group)
        for i in range(0, len(members), generator.batch_size):
            yield done, members[i : i + generator.batch_size]


def _whole(path: Path) -> bool:
    """Whether an image that an interrupted run left can be read: it was not flushed, and a power cut may empty it."""
    try:
        return path.is_file() and decode(path).size > 0
    except BadImage:
        return False


def _restored(row: Row, folder: Path) -> Outcome:
    info: dict[str, Any] = {}
    beside = folder / "images" / f"{row.file_names()[0]}.json"
    if beside.is_file():
        info = store.read_json(beside)
    return Outcome(path="\n".join(os.path.join("images", n) for n in row.file_names()), info=info)


class Spoilt(GenerationFailed):
    """A generator lost its way within a batch: which image belongs to which of these rows is not known."""

    def __init__(self, message: str, rows: Sequence[Row]) -> None:
        super().__init__(message)
        self.rows = rows


def discard(rows: Sequence[Row], folder: Path) -> None:
    """Remove what was written of these rows, so that it is made again."""
    for path in (folder / "images" / name for row in rows for name in row.file_names()):
        path.unlink(missing_ok=True)
        path.with_name(f"{path.name}.json").unlink(missing_ok=True)


def _asked(generator: Any, batch: list[Row]) -> Iterator[Made]:
    """What a generator makes of a batch, passed on one by one: an interruption costs the images on their way only."""
    name, count = getattr(generator, "plugin_name", type(generator).__name__), 0
    try:
        for outcome in as_outcomes(generator.generate([row.request for row in batch])):
            count += 1
            if count <= len(batch):
                yield Made(batch[count - 1], outcome)
    except (BenchError, KeyboardInterrupt, MemoryError):
        raise
    except Exception as error:
        at = batch[min(count, len(batch) - 1)].sample.id
        raise Spoilt(
            f"The generator '{name}' broke at sample '{at}': {type(error).__name__}: {error}. What was finished before "
            "its batch is kept; mend it and repeat the command.", batch,
        ) from error  # fmt: skip
    if count != len(batch):
        raise Spoilt(
            f"The generator '{name}' gave {count} images for {len(batch)} requests; it must give one image or Outcome "
            "for each, in order.", batch,
        )  # fmt: skip


# ---- pixels (runs in worker threads) -------------------------------------------------------------------------------


def settle(made: Made, folder: Path) -> tuple[Outcome, list[Frame]]:
    """Decode or write one row's images: the outcome as it is recorded, and its frames (none unless ok)."""
    outcome, row = made.outcome, made.row
    if outcome.status != "ok":
        return outcome, []
    if outcome.image is None and outcome.path is None and "without image" in outcome.info:
        return outcome, [_elsewhere(**outcome.info["without image"])]
    try:
        if outcome.image is not None:
            return _written(row, outcome, folder)
        return outcome, [_existing(p, folder) for p in (outcome.path or "").split("\n")]
    except BadImage as error:
        return Outcome(status="unreadable", reason=str(error), path=outcome.path, info=outcome.info), []


def _elsewhere(digest: str, size: Sequence[int]) -> Frame:
    """A frame that is not here, known by recorded evidence."""
    return Frame("", None, PixelFacts(digest, size[0], size[1], 0, 0))


def _existing(path: str, folder: Path) -> Frame:
    pixels = decode(store.image_path(folder, path))
    return Frame(path, pixels, facts_of(pixels))


def _written(row: Row, outcome: Outcome, folder: Path) -> tuple[Outcome, list[Frame]]:
    images = outcome.image if row.sample.frames > 1 else [outcome.image]
    if len(images) != row.sample.frames:
        reason = f"{row.sample.frames} frames were asked for and {len(images)} were given"
        return Outcome(status="failed", reason=reason, info=outcome.info), []
    try:
        frames = [to_pixels(image) for image in images]
    except (BadImage, NotFinite) as error:
        return Outcome(status="failed", reason=str(error), info=outcome.info), []
    names = [os.path.join("images", name) for name in row.file_names()]
    if outcome.info:
        store.write_json(folder / f"{names[0]}.json", dict(outcome.info))
    for name, pixels in zip(names, frames, strict=True):
        write_png(folder / name, pixels)
    recorded = Outcome(path="\n".join(names), info=outcome.info)
    return recorded, [Frame(n, p, facts_of(p)) for n, p in zip(names, frames, strict=True)]


def write_png(path: Path, pixels: np.ndarray) -> None:
    """Whole or absent; not flushed to disk one by one (10,000 flushes cost minutes), the recorded digest guards it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with store.disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            temporary.write_bytes(encode_png(pixels))
            store.crash_point("image-temp")
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
    store.crash_point("image-written")


def facts_of(pixels: np.ndarray) -> PixelFacts:
    """Digest, size and range of decoded pixels."""
    height, width = pixels.shape[:2]
    flat = pixels.reshape(-1, 3)
    uniform = bool((flat[:64] == flat[0]).all() and (flat == flat[0]).all())  # nearly all images differ at once
    return PixelFacts(pixel_digest(pixels), width, height, int(pixels.min()), int(pixels.max()), uniform)


# ---- outcomes on disk ----------------------------------------------------------------------------------------------


def outcome_records(row: Row, outcome: Outcome, frames: Sequence[tuple[str, PixelFacts]]) -> list[dict[str, Any]]:
    """One record a frame (path, facts), one for a row without images, as outcomes/NNNNN.parquet holds them."""
    base = {
        "sample": row.sample.id, "k": row.request.k, "seed": row.request.seed, "status": outcome.status,
        "reason": outcome.reason, "info": json.dumps(dict(outcome.info), sort_keys=True, default=str),
    }  # fmt: skip
    if not frames:
        blank = {
            "frame": 0, "image": outcome.path or "", "digest": "", "width": 0, "height": 0, "low": 0, "high": 0,
            "uniform": False,
        }  # fmt: skip
        return [{**base, **blank}]
    return [
        {
            **base, "frame": f, "image": path, "digest": facts.digest, "width": facts.width, "height": facts.height,
            "low": facts.low, "high": facts.high, "uniform": facts.uniform,
        }
        for f, (path, facts) in enumerate(frames)
    ]  # fmt: skip


def input_digest(pixels: str, queries: Iterable[str]) -> str:
    """Digest of what an extractor looks at: the pixels alone, or the pixels and what is asked about them."""
    asked = list(queries)
    return digest([pixels, asked]) if asked else pixels
