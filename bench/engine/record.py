"""What is kept of a scored run: the table of its samples and its record, joined with what was scored before."""

from __future__ import annotations

import dataclasses
import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from bench import store
from bench.engine import plan as plans
from bench.engine.generate import write_png
from bench.engine.options import Options
from bench.engine.plan import Plan
from bench.engine.pool import Member
from bench.engine.provenance import provenance
from bench.engine.score import Scored
from bench.engine.shared import shared_folder
from bench.errors import StoreError
from bench.spec import parse, safe_id
from bench.types import Run, Sample, Score

MOST_TOLD = 20
"""Different lines of single images that a run repeats."""
MOST_REFERENCES = 2000
"""Rows whose reference image is drawn for the report, where the dataset draws its references itself."""


def samples_table(plan: Plan, found: Scored, outcomes: pd.DataFrame) -> pd.DataFrame:
    """samples.parquet: a row for each (sample, k) in plan order, with a column for each metric column."""
    frame = outcomes[outcomes["frame"] == 0].reset_index(drop=True)
    samples = {s.id: s for s in plan.resolved.samples}
    of = [samples[i] for i in frame["sample"]]
    data: dict[str, Any] = {
        "sample": frame["sample"], "k": frame["k"], "group": [s.group for s in of], "prompt": [s.prompt for s in of],
        "status": frame["status"], "reason": frame["reason"], "image": [_recorded(i) for i in frame["image"]],
        "digest": frame["digest"], "width": frame["width"], "height": frame["height"], "seed": frame["seed"],
        "reference": _shown_references(plan, of),
    }  # fmt: skip
    for tag in sorted({t for s in of for t in s.tags}):
        data[f"tag:{tag}"] = [s.tags.get(tag, "") for s in of]
    for name, column in found.columns.items():
        data[name] = column.to_numpy()
    return pd.DataFrame(data)


def _shown_references(plan: Plan, samples: Sequence[Sample]) -> list[str]:
    """Where a reader finds each sample's reference image: its file, or a PNG drawn once for all runs of the dataset."""
    drawn = {s.id: _drawn(plan, s) for s in {s.id: s for s in samples[:MOST_REFERENCES]}.values()}
    return [drawn.get(s.id, s.reference or "") for s in samples]


def _drawn(plan: Plan, sample: Sample) -> str:
    if not sample.reference or os.path.isfile(sample.reference):
        return os.path.abspath(sample.reference) if sample.reference else ""
    path = shared_folder(plan.folder.parent) / "reference-images" / f"{safe_id(sample.id)}.png"
    if not path.is_file():
        write_png(path, plan.resolved.dataset.load_image(sample.reference))
    return os.path.relpath(path, plan.folder)


def _recorded(image: str) -> str:
    return os.path.abspath(image) if image and os.path.isabs(image) else image


def run_record(plan: Plan, pool: Sequence[Member], found: Scored, outcomes: pd.DataFrame, options: Options) -> Run:
    """The Run of these scores."""
    resolved = plan.resolved
    firsts = outcomes[outcomes["frame"] == 0]
    spec = resolved.spec
    factors = {**spec.factors, **({"control": "true"} if resolved.generator.control else {})}
    return Run(
        path=str(plan.folder),
        spec=dataclasses.replace(spec, repeats=resolved.repeats, factors=factors),
        digest=plan.digest,
        label=spec.label,
        scores=tuple(found.scores),
        cards={a.text: a.card for a in resolved.metrics},
        protocols=found.protocols,
        provenance=provenance(options),
        dataset={
            **plans.dataset_identity(resolved.dataset), "prompts": resolved.prompts, "samples": len(resolved.samples),
            "declared": len(resolved.every), "whole": resolved.whole, "only": spec.only,
            **resolved.seen.recorded(), **_condition(resolved.dataset),
            "pool": [[m.folder.name, m.digest, m.shards] for m in pool] if spec.reference == "others" else [],
        },
        counts={str(k): int(v) for k, v in firsts["status"].value_counts().sort_index().items()},
        notes=tuple(dict.fromkeys([*resolved.notes, *found.notes, *_other_sizes(outcomes, spec.size), *_told(firsts)])),
    )  # fmt: skip


def _told(outcomes: pd.DataFrame) -> list[str]:
    """What the generator noted of single images (`info["notes"]`), counted: '3 of 40 images: the prompt was cut'."""
    infos = (json.loads(text) for text in outcomes.get("info", ()) if '"notes"' in text)
    lines = [line for info in infos if isinstance(info.get("notes"), list) for line in dict.fromkeys(info["notes"])]
    counted = Counter(map(str, lines)).most_common(MOST_TOLD)
    return [f"{count} of {len(outcomes)} images: {line}." for line, count in counted]


def _condition(dataset: Any) -> dict[str, str]:
    """What the prompts try, where the dataset says it (an outsider's class may not)."""
    condition = str(getattr(dataset, "condition", "") or "")
    return {"condition": condition} if condition else {}


def _other_sizes(outcomes: pd.DataFrame, asked: tuple[int, int] | None) -> list[str]:
    """A line when images were asked for in one size and came in another."""
    fine = outcomes[outcomes["status"] == "ok"]
    if asked is None or fine.empty:
        return []
    odd = fine[(fine["width"] != asked[0]) | (fine["height"] != asked[1])]
    if odd.empty:
        return []
    first = f"{odd['width'].iloc[0]} x {odd['height'].iloc[0]} for '{odd['sample'].iloc[0]}'"
    return [f"{len(odd)} of {len(fine)} images are not of the size {asked[0]} x {asked[1]} asked for (first: {first})."]


def _past(old: Run, kept: Sequence[Score]) -> tuple[pd.DataFrame, list[str]]:
    """The table of a run as it was, empty where it is damaged, and what is to be said then."""
    try:
        return store.samples(old.path), []
    except StoreError:
        metrics = dict.fromkeys(s.metric for s in kept)
        said = f"samples.parquet was damaged; the scores of {', '.join(metrics)} went with it: score them again."
        return pd.DataFrame(), [said] if metrics else []


def _aged(old: Run, new: Run) -> dict[str, str]:
    """Metric text -> the text under which its scores of an older version stay."""
    found = {}
    for text, card in new.cards.items():
        was = old.cards.get(text)
        if was is not None and was.version < card.version:
            found[text] = str(parse(text).with_params(version=was.version))
    return found


def _renamed(run: Run, names: Mapping[str, str]) -> Run:
    """The run with its scores and cards of these metrics under other texts."""
    scores = tuple(dataclasses.replace(s, metric=names.get(s.metric, s.metric)) for s in run.scores)
    cards = {names.get(t, t): dataclasses.replace(c, metric=names.get(t, t)) for t, c in run.cards.items()}
    return dataclasses.replace(run, scores=scores, cards=cards)


def joined(old: Run, new: Run, samples: pd.DataFrame) -> tuple[Run, pd.DataFrame]:
    """The new scores beside those old ones that they do not replace.

    A score of an older version of a metric is not replaced: it stays as 'metric(version=1)', so that a board that pins
    that version keeps it.
    """
    names = _aged(old, new)
    old = _renamed(old, names)
    fresh = {s.metric for s in new.scores}
    kept: list[Score] = [s for s in old.scores if s.metric not in fresh and s.metric in old.cards]
    past, lost = _past(old, kept)
    parts = {c: c.rpartition(":") for c in past.columns}
    past = past.rename(columns={c: f"{names[m]}:{rest}" for c, (m, _, rest) in parts.items() if m in names})
    same = past["digest"].equals(samples["digest"]) and past["sample"].equals(samples["sample"]) if len(past) else False
    if kept and not same:
        kept = []
    marks = {s.protocol for s in kept}
    for name in past.columns if kept else ():
        metric = name.rpartition(":")[0]
        if name not in samples.columns and any(s.metric == metric for s in kept):
            samples[name] = past[name]
    present = [s.metric for s in kept if "version" not in parse(s.metric).params]
    metrics = tuple(dict.fromkeys([*present, *new.spec.metrics]))
    run = dataclasses.replace(
        new,
        spec=dataclasses.replace(new.spec, metrics=metrics),
        scores=(*kept, *new.scores),
        cards={**{m: old.cards[m] for m in {s.metric for s in kept}}, **new.cards},
        protocols={**{k: v for k, v in old.protocols.items() if k in marks}, **new.protocols},
        notes=tuple(dict.fromkeys([*old.notes, *new.notes] if kept else [*new.notes, *lost])),
    )
    return run, samples
