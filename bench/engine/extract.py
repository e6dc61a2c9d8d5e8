"""Generate and extract: shard by shard, outcomes and views are written as soon as they are whole.

A shard is done when its outcomes and the view files of all extractors are there and were made from the same pixels;
what is done is never made again. Shards are independent, so that any number of processes may share a run (`--shard
i/n`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from bench import store
from bench.engine import views
from bench.engine.cache import Cache
from bench.engine.generate import Made, Spoilt, Times, discard, input_digest, outcome_records, produce, settle
from bench.engine.looks import Batch, Eye, Look, ahead, look
from bench.engine.options import Options
from bench.engine.plan import Plan, Row
from bench.errors import Incomplete, StoreError
from bench.types import ImageRow, Outcome, PixelFacts, without_image


@dataclass(frozen=True)
class Todo:
    """What a shard still needs."""

    index: int
    rows: tuple[Row, ...]
    outcomes: bool
    """Whether its outcomes must be made (again)."""
    eyes: tuple[Eye, ...]


@dataclass(frozen=True)
class Seen:
    """One row after its pixels were looked at; the pixels themselves are gone."""

    row: Row
    outcome: Outcome
    facts: tuple[tuple[str, PixelFacts], ...]
    """(recorded path, facts) of each frame."""
    looks: tuple[tuple[Look, ...], ...]
    """For each frame, one look an eye."""


def outcomes_path(folder: Path, shard: int) -> Path:
    """Where a shard's outcomes lie."""
    return folder / "shards" / "outcomes" / f"{shard:05d}.parquet"


def read_outcomes(folder: Path, shard: int, columns: list[str] | None = None) -> pd.DataFrame:
    """A shard's outcomes; StoreError when their file is damaged."""
    path = outcomes_path(folder, shard)
    try:
        return pd.read_parquet(path, columns=columns)
    except FileNotFoundError:
        raise
    except Exception as error:  # pyarrow's own kinds, and ValueError
        raise StoreError(f"{path} is damaged ({error}); repeat the run's command to make it again.") from error


def view_path(folder: Path, key: str, shard: int) -> Path:
    """Where an extractor's rows of a shard lie."""
    return folder / "shards" / "views" / key / f"{shard:05d}.safetensors"


def make_eye(extractor: Any, options: Options) -> Eye:
    """An Eye for an extractor; nothing is loaded yet."""
    size = options.batch_size or extractor.batch_size
    return Eye(extractor, views.extractor_key(extractor, options.dtype), options.device, options.dtype, size)


def outstanding(plan: Plan, eyes: Sequence[Eye], options: Options) -> list[Todo]:
    """The shards of this process that are not done yet."""
    todos = (_todo(plan, index, eyes) for index in plan.mine(options.shard))
    return [t for t in todos if t.outcomes or t.eyes]


def _todo(plan: Plan, index: int, eyes: Sequence[Eye]) -> Todo:
    rows, path = plan.shards[index], outcomes_path(plan.folder, index)
    if not path.is_file():
        return Todo(index, rows, True, tuple(eyes))
    try:
        frame = read_outcomes(plan.folder, index)
    except StoreError:
        return Todo(index, rows, True, tuple(eyes))
    if not plan.resolved.generator.existing and (frame["status"] == "failed").any():
        return Todo(index, rows, True, tuple(eyes))
    lacking = tuple(e for e in eyes if not _fits(view_path(plan.folder, e.key, index), expected_inputs(rows, frame, e)))
    return Todo(index, rows, False, lacking)


def expected_inputs(rows: Sequence[Row], frame: pd.DataFrame, eye: Eye) -> tuple[str, ...]:
    """Input digests that a shard's view file must state, from its outcomes."""
    samples = {r.sample.id: r.sample for r in rows}
    fine = frame[frame["status"] == "ok"]
    return tuple(
        input_digest(digest, eye.queries(samples[sample], ImageRow(sample, int(k), int(frame))))
        for sample, k, frame, digest in zip(fine["sample"], fine["k"], fine["frame"], fine["digest"], strict=True)
    )


def _fits(path: Path, expected: tuple[str, ...]) -> bool:
    if not path.is_file():
        return not expected
    try:
        return views.read_inputs(path) == expected
    except StoreError:
        return False


def extract(
    plan: Plan, todos: Sequence[Todo], eyes: Sequence[Eye], cache: Cache, options: Options, times: Times | None = None
) -> None:
    """Do what is outstanding; each finished shard is on disk before the next one ends. times: as in `produce`."""
    window = 2 * max([e.batch_size for e in eyes], default=16) + 2 * options.threads
    stream = ahead(_work(plan, todos, times), lambda task: _see(task, plan, cache), options.threads, window)
    try:
        for todo in todos:
            _shard(plan, todo, stream, cache, options)
    except Spoilt as error:  # it comes out of `ahead` when the last image is written
        discard(error.rows, plan.folder)
        raise


def _work(plan: Plan, todos: Sequence[Todo], times: Times | None = None) -> Iterator[tuple[Todo, Made]]:
    store.crash_point("before-generate")
    for todo in todos:
        if todo.outcomes:
            made = produce(plan.resolved.generator, todo.rows, plan.folder, times)
        else:
            made = _recorded(plan, todo)
        yield from ((todo, one) for one in made)


def _recorded(plan: Plan, todo: Todo) -> Iterator[Made]:
    """Rows whose outcomes are known; their images are only to be looked at by further extractors."""
    frame = read_outcomes(plan.folder, todo.index)
    by_row = {key: part for key, part in frame.groupby(["sample", "k"], sort=False)}
    for row in todo.rows:
        part = by_row[row.sample.id, row.request.k]
        first = part.iloc[0]
        digests = tuple(part["digest"]) if first["status"] == "ok" else None
        outcome = Outcome(path="\n".join(part["image"]), status=first["status"], reason=first["reason"])
        if first["status"] == "ok" and not first["image"]:
            outcome = without_image(first["digest"], (int(first["width"]), int(first["height"])))
        yield Made(row, outcome, digests)


def _see(task: tuple[Todo, Made], plan: Plan, cache: Cache) -> Seen:
    todo, made = task
    outcome, frames = settle(made, plan.folder)
    if made.digests is not None and made.digests != tuple(f.facts.digest for f in frames):
        raise Incomplete(_changed(made, outcome, plan))
    sample, k = made.row.sample, made.row.request.k
    rows = [
        ImageRow(sample.id, k, at, f.path, f.facts.digest, (f.facts.width, f.facts.height))
        for at, f in enumerate(frames)
    ]
    looks = [tuple(look(todo.eyes, f.pixels, r, sample, cache)) for f, r in zip(frames, rows, strict=True)]
    return Seen(made.row, outcome, tuple((f.path, f.facts) for f in frames), tuple(looks))


def _changed(made: Made, outcome: Outcome, plan: Plan) -> str:
    """A further extractor must see the images that the others saw."""
    what = outcome.reason if outcome.status != "ok" else "The image is not the one that was recorded."
    return (
        f"The images of sample '{made.row.sample.id}' have changed since the run {plan.folder} was made. {what} "
        "Restore it, or move the run away and repeat its command."
    )


def _shard(plan: Plan, todo: Todo, stream: Iterator[Seen], cache: Cache, options: Options) -> None:
    batches = [Batch(eye) for eye in todo.eyes]
    records: list[dict[str, Any]] = []
    for _ in todo.rows:
        seen = next(stream)
        records += outcome_records(seen.row, seen.outcome, seen.facts)
        for key, looks in zip(seen.row.frame_keys(), seen.looks, strict=False):
            for batch, one in zip(batches, looks, strict=True):
                batch.add(key, one, seen.row.sample)
        options.progress.advance()
    if todo.outcomes:
        store.write_parquet(
            outcomes_path(plan.folder, todo.index), pd.DataFrame(records),
            temp_point="outcomes-temp", done_point="outcomes-written",
        )  # fmt: skip
    store.crash_point("before-extract")
    for batch in batches:
        write_batch(view_path(plan.folder, batch.eye.key, todo.index), batch, cache)


def write_batch(path: Path, batch: Batch, cache: Cache) -> None:
    """Finish a batch, write its view file and index it; a shard without a single image has no file."""
    if not batch.keys:
        return
    rows = batch.finish()
    views.write(path, rows, temp_point="view-temp", done_point="view-written")
    cache.add(path, rows.inputs, batch.eye.key)
