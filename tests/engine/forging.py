"""Submissions of toy runs, and the hands that forge them: unpack, change, seal again, pack again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from bench import store, systemcard
from bench.engine import archives
from bench.engine.admission import Asked, Verdict, sources, verdicts
from bench.engine.options import Options
from bench.engine.submitting import submit
from bench.engine.verifying import seal
from bench.spec import digest

CARD = {
    "format": 1, "name": "painter", "version": "1.0", "licence": "MIT", "parameters": "unknown",
    "training_data": "none", "url": "", "hardware": "one core", "prompts_in_training": "no", "judges": [],
}  # fmt: skip


def submitted(run: Any, out: Path, card: dict[str, Any] | None = None, **how: Any) -> Path:
    """The archive of a run."""
    out.parent.mkdir(parents=True, exist_ok=True)
    return submit([Path(run.path)], systemcard.checked(card or CARD, "card"), out, **how)


def forged(archive: Path, out: Path, change: Callable[[Path], Any], sealed: bool = True) -> Path:
    """The archive with its run's folder changed; sealed: the checksums are made to fit."""
    root = out.parent / f".{out.name}.root"
    (run,) = store.find_runs(archives.unpacked(archive, root))
    change(run)
    if sealed:
        seal(run)
    out.write_bytes(archives.archived(run.parents[1], run.parents[1].name))
    shutil.rmtree(root)
    return out


def record(change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], None]:
    """A change of run.json."""

    def changed(run: Path) -> None:
        data = json.loads((run / "run.json").read_text())
        change(data)
        (run / "run.json").write_text(json.dumps(data))

    return changed


def table(change: Callable[[pd.DataFrame], Any], also: str = "") -> Callable[[Path], None]:
    """A change of samples.parquet, in place or by another frame; also: of this column in the outcomes too."""

    def changed(run: Path) -> None:
        frame = store.samples(run)
        made = change(frame)
        frame = made if isinstance(made, pd.DataFrame) else frame
        store.write_parquet(run / "samples.parquet", frame)
        if also:
            at = 0
            for part in sorted((run / "shards" / "outcomes").glob("*.parquet")):
                outcomes = pd.read_parquet(part)
                outcomes[also] = frame[also].iloc[at : at + len(outcomes)].to_numpy()
                at += len(outcomes)
                store.write_parquet(part, outcomes)

    return changed


def all_of(*changes: Callable[[Path], Any]) -> Callable[[Path], None]:
    def changed(run: Path) -> None:
        for change in changes:
            change(run)

    return changed


def protocols_again(data: dict[str, Any]) -> None:
    """Digests of changed protocols, in scores too."""
    marks = {old: digest(fields) for old, fields in data["protocols"].items()}
    data["protocols"] = {marks[old]: fields for old, fields in data["protocols"].items()}
    for score in data["scores"]:
        score["protocol"] = marks[score["protocol"]]


def judged(archive: Path, root: Path, known: Any = None, **how: Any) -> Verdict:
    """The verdict on an archive of one run."""
    (verdict,) = verdicts(sources(archive, root), Asked(options=Options(root=root), **how), known)
    return verdict


def wrong(verdict: Verdict) -> dict[str, str]:
    """What was found wrong -> how it was told."""
    return {f.what: f.told for f in verdict.findings if f.fine is False}


def told(verdict: Verdict, what: str) -> str:
    return next(f.told for f in verdict.findings if f.what == what)
