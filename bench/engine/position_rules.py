"""The stored detections of runs under the five position rules: nothing is generated or looked at again.

Needs the run's data set, for what the prompts ask, and its views; a pack has none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench import store
from bench.engine import views
from bench.engine.resolve import open_dataset
from bench.errors import Incomplete, StoreError, UsageError, did_you_mean
from bench.functional.rules import PUBLISHED, STORED, judged, position_verdicts
from bench.spec import digest
from bench.stats.verdicts import RuleRows
from bench.types import Detections, Run, Sample


def rule_rows(paths: Sequence[str | Path], detector: str = "") -> list[RuleRows]:
    """For each run what the rules say of its images. detector: whose boxes, where a run holds those of several."""
    opened: dict[tuple[str, str], Any] = {}
    found = []
    for path in paths:
        run = store.load(path)
        key = (run.spec.dataset, run.spec.visibility)
        if key not in opened:
            opened[key] = open_dataset(*key).every
        found.append(_of_run(run, opened[key], detector))
    return found


def _of_run(run: Run, every: Mapping[str, Sample], detector: str) -> RuleRows:
    name, folder = _evidence(run, detector)
    keys: list[str] = []
    found: list[Detections] = []
    for file in sorted(folder.glob("*.safetensors")):
        rows = views.read(file)
        for key, row in zip(rows.keys, rows.outputs["detections"], strict=True):
            if row is not None:
                keys.append(key)
                found.append(row)
    made = sum(n for status, n in run.counts.items() if status == "ok")
    asked: list[tuple[str, str, str]] = []
    kept: list[int] = []
    for i, key in enumerate(keys):
        one = _asked(every.get(key.rpartition("#")[0]), key, run)
        if one is not None and judged(one):
            kept.append(i)
            asked.append(one)
    if not kept:
        raise UsageError(
            f"{run.path}: no prompt of {run.spec.dataset} places one class beside, above or below another; "
            "the position rules judge nothing else."
        )
    verdicts = position_verdicts([found[i] for i in kept], asked)
    names = tuple(keys[i] for i in kept)
    return RuleRows(
        run.label, names, tuple(every[n.rpartition("#")[0]].group for n in names), verdicts.both, verdicts.low,
        verdicts.high, {rule: PUBLISHED.get(rule, STORED) for rule in verdicts.low}, max(made - len(keys), 0),
        len(keys) - len(kept), name,
    )  # fmt: skip


def _asked(sample: Sample | None, key: str, run: Run) -> tuple[str, str, str] | None:
    """The first relation of a prompt, as the benchmarks have it; None where it states none."""
    if sample is None:
        raise Incomplete(f"{run.path}: '{key}' is no image of the data set as it is today; run it anew.")
    if not sample.relations:
        return None
    first = sample.relations[0]
    if max(first.subject, first.object) >= len(sample.objects):
        return None
    return sample.objects[first.subject].label, sample.objects[first.object].label, first.predicate


def _evidence(run: Run, detector: str) -> tuple[str, Path]:
    """(name, folder) of the view with the run's detections."""
    if store.packed(run.path):
        raise StoreError(f"{run.path} is a pack, without its evidence; give the run that it was made of.")
    entries = [e for p in run.protocols.values() for e in p.get("extractors", ())]
    names = {digest(e)[:16]: _maker(e) for e in entries}
    held: dict[str, tuple[str, Path]] = {}
    folders = sorted(Path(run.path, "shards", "views").glob("*"))
    stated = {name for key, name in names.items() if key not in {f.name for f in folders}}
    if len(stated) == 1:  # of recorded evidence a protocol states the maker, and a view's key the files
        names |= {f.name: next(iter(stated)) for f in folders if f.name not in names}
    for folder in folders:
        first = next(iter(sorted(folder.glob("*.safetensors"))), None)
        if first is not None and "detections" in views.read(first).outputs:
            held[folder.name] = (names.get(folder.name, folder.name), folder)
    chosen = [v for key, v in held.items() if not detector or detector in (v[0], key)]
    if len(chosen) == 1:
        return chosen[0]
    every = [f"{name} ({key})" if name != key else key for key, (name, _) in held.items()]
    if not every:
        raise Incomplete(
            f"{run.path} holds no detections; score it by a metric of objects first, e.g. bench score {run.path} "
            "-m spatial-relation."
        )
    hint = did_you_mean(detector, [v[0] for v in held.values()]) if detector else ""
    raise UsageError(f"{run.path} holds detections by {', '.join(every)}; say which with --detector.{hint}")


def _maker(extractor: Mapping[str, Any]) -> str:
    """Who made the boxes, as a protocol has it: of recorded ones who computed them, where that is stated."""
    stated = extractor.get("detections")
    by = stated.get("by") if isinstance(stated, Mapping) else ""
    return str(by or extractor.get("name", ""))
