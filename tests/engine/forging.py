"""Toy runs, their submissions, and the hands that forge them: unpack, change, seal again, pack again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import toys

import bench.api as api
from bench import store, systemcard
from bench.engine import archives
from bench.engine.admission import Asked, Verdict, sources, verdicts
from bench.engine.options import Options
from bench.engine.sets import within
from bench.engine.submitting import submit
from bench.engine.verifying import content_of, seal
from bench.registry import register
from bench.spec import digest
from bench.stats.bootstrap import estimate, interval
from bench.study import Study

METRICS = ("toy-match", "toy-distance", "toy-shade")
N = 40
CARD = {
    "format": 1, "name": "painter", "version": "1.0", "licence": "MIT", "parameters": "unknown",
    "training_data": "none", "url": "", "hardware": "one core", "prompts_in_training": "no", "judges": [],
}  # fmt: skip


@register("metric", "toy-shade", summary="mean green value of an image")
class ToyShade(toys.ToyMatch):
    outputs = (toys.mean_output("value", "shade", low=-128.0, high=128.0),)

    def update(self, *, ids=None, image, text):
        self.toy_match_rows.append(image[:, 1].double())


def run(root: Path, system: str = "toy-painter(refuse=s003)", metrics: tuple[str, ...] = METRICS, **fields: Any) -> Any:
    study = Study(systems=(system,), **{"dataset": f"toy-colours(n={N})", "metrics": metrics, **fields})
    return api.run(study, options=Options(root=root))[0]


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


def score_of(data: dict[str, Any], metric: str = "toy-shade") -> dict[str, Any]:
    """A score of run.json."""
    return next(s for s in data["scores"] if s["metric"] == metric)


def put(metric: str = "toy-shade", **fields: Any) -> Callable[[Path], None]:
    """Fields of a score of run.json, changed."""
    return record(lambda data: score_of(data, metric).update(fields))


def begun_as(mark: str) -> Callable[[Path], None]:
    """A manifest of another run."""
    return lambda run: store.write_json(
        run / "manifest.json", {**store.read_json(run / "manifest.json"), "digest": mark}
    )


def score_again(run: Path) -> None:
    """Score and interval that follow from the changed table, as a careful forger states them."""
    content = content_of(run)
    card = content.run.cards["toy-shade"].outputs[0]
    data = {"score": content.samples["toy-shade:score"].to_numpy()}
    low, high, method = interval(card.estimator, data, content.samples["group"].to_numpy(), proportion=False)
    ends = within(card, low, high)
    put(value=estimate(card.estimator, data), low=ends[0], high=ends[1], method=method)(run)


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
