"""A submission to a board: one archive with light runs and the card of their system.

A submission is a pack with a card in each run: record, tables, digests of all images, on request thumbnails, and views
where they are small. It is verified before it is written, so that what a board will refuse is told here.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench import store
from bench.engine import archives, hostile, packing
from bench.engine.admission import Asked, Source, verdicts
from bench.engine.verifying import seal
from bench.errors import StoreError, UsageError
from bench.formats.folders import few
from bench.spec import safe_id
from bench.systemcard import FILE

MEGABYTE = 10**6


def submit(
    runs: Sequence[Path], card: Mapping[str, Any], out: Path, *, thumbnails: int = 0, views: float = 0.0,
    rows: str = "none", advance: Callable[[], None] = lambda: None,
) -> Path:  # fmt: skip
    """Write the submission of finished runs of one system as the archive `out`. Its path.

    thumbnails: longer side in pixels, 0 for none. views: of runs whose views take at most so many megabytes. rows: of
    private runs. UsageError where `out` is no archive or exists; StoreError where a run would not be admitted.
    """
    if not out.name.endswith(archives.ENDINGS):
        raise UsageError(f"--out is one archive, NAME.tar.gz; got '{out}'.")
    if out.exists():
        raise UsageError(f"{out} exists already; give another --out.")
    _one_system(runs)
    folder = out.with_name(f".{out.name}.tmp")
    with store.disk_errors(out):
        shutil.rmtree(folder, ignore_errors=True)
        try:
            made = []
            for run in runs:
                place = run.resolve()
                to = folder / _plain(place.parent.name) / _plain(place.name)
                packing.light(
                    run, to, thumbnails, _views_of(run) <= views * MEGABYTE if views else False, rows, advance
                )
                store.write_json(to / FILE, dict(card))
                seal(to)
                made.append(to)
            _admitted(made, folder)
            store.write_atomic(
                out, archives.archived(folder, _plain(out.name.removesuffix(".gz").removesuffix(".tar")))
            )
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    return out


def _one_system(runs: Sequence[Path]) -> None:
    systems = {store.load(run).spec.system: run for run in runs}
    if len(systems) > 1:
        raise UsageError(
            f"A card describes one system, and these runs are of {len(systems)} ({few(sorted(systems))}); submit each "
            "system by itself."
        )


def _plain(name: str) -> str:
    """A folder's name as archives may hold it."""
    return name if not archives.wrong_name(name) and name.isascii() else safe_id(name)


def _views_of(run: Path) -> int:
    """Bytes of a run's views."""
    return sum(p.stat().st_size for p in (run / "shards" / "views").rglob("*.safetensors"))


def _admitted(made: Sequence[Path], folder: Path) -> None:
    """StoreError when what was made would be refused."""
    told = hostile.problems(folder)
    for one in verdicts([Source(run.name, run) for run in made], Asked(record=True)):
        told += [f"{one.name}, {f.what}: {f.told}" for f in one.findings if f.fine is False]
    if told:
        raise StoreError(f"The submission would be refused: {few(told)}. Mend the run, or make it again, first.")
