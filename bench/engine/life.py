"""The life of a study: resolve all, then generate and extract each run, then score each run.

Everything is checked before anything heavy starts. All systems are extracted before any is scored, since the reference
of one may be the images of the others.
"""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from bench import store
from bench.engine import plan as plans
from bench.engine import rows as rows_of
from bench.engine.cache import Cache
from bench.engine.extract import extract, make_eye, outcomes_path, outstanding, view_path
from bench.engine.generate import write_png
from bench.engine.looks import Eye
from bench.engine.options import Options
from bench.engine.plan import Plan
from bench.engine.provenance import provenance
from bench.engine.resolve import Asked, Opened, Resolved, has_reference, open_dataset, resolve
from bench.engine.score import Reference, Scored, score
from bench.engine.shared import reference_files, shared_folder, text_view
from bench.errors import BenchError, Incomplete, StoreError, UsageError
from bench.registry import plain
from bench.spec import digest, safe_id
from bench.types import Run, RunSpec, Sample, Score

MOST_REFERENCES = 2000
"""Rows whose reference image is drawn for the report, where the dataset draws its references itself."""


@dataclass
class Session:
    """What the runs of one study share: options, cache and the extractors in memory."""

    options: Options
    cache: Cache
    eyes: dict[str, Eye] = dataclasses.field(default_factory=dict)
    """Extractor text -> Eye: a network is loaded once a study."""

    def eyes_of(self, resolved: Resolved, asked: Sequence[Asked], subjects: Sequence[str]) -> dict[str, Eye]:
        """The extractors that these metrics' views of these subjects name."""
        texts = [
            plain("extractor", v.extractor)
            for a in asked
            for v in a.card.views.values()
            if v.extractor and v.subject in subjects
        ]
        for text in dict.fromkeys(texts):
            if text not in self.eyes:
                self.eyes[text] = make_eye(resolved.extractors[text], self.options)
        return {text: self.eyes[text] for text in dict.fromkeys(texts)}


def prepare(specs: Sequence[RunSpec], options: Options, generators: Mapping[str, Any] | None = None) -> list[Plan]:
    """Resolve and plan all runs; one UsageError with the problems of all."""
    found, problems = [], []
    opened: dict[str, Opened] = {}
    for spec in specs:
        try:
            if spec.dataset not in opened:
                opened[spec.dataset] = open_dataset(spec.dataset)
            told: list[str] = []
            resolved = resolve(spec, opened[spec.dataset], told.append, (generators or {}).get(spec.label))
            for line in dict.fromkeys([*told, *resolved.notes]):
                options.progress.line(f"{spec.label}: {line}")
            found.append(plans.make(resolved, options.root))
        except UsageError as error:
            problems += [m if len(specs) == 1 else f"{spec.label}: {m}" for m in error.messages]
    if problems:
        raise UsageError(*dict.fromkeys(problems))
    _same_folder(found)
    store.crash_point("planned")
    return found


def _same_folder(found: Sequence[Plan]) -> None:
    by_digest: dict[str, str] = {}
    for one in found:
        label = one.resolved.spec.label
        if one.digest in by_digest:
            raise UsageError(
                f"'{by_digest[one.digest]}' and '{label}' are the same system with the same images; name one of them."
            )
        by_digest[one.digest] = label


def carry_out(found: Sequence[Plan], options: Options) -> list[Run]:
    """Generate, extract and score planned runs. With `--shard`, only that part is extracted and nothing is scored."""
    session = Session(options, Cache(options.root))
    for number, plan in enumerate(found, 1):
        with store.lock(plan.folder, _lock_name(options)):
            store.crash_point("locked")
            images(plan, session, f"{plan.resolved.spec.label} ({number}/{len(found)})")
    if options.shard is not None:
        return []
    pool = [member(plan) for plan in found]
    return [_scored(plan, pool, session) for plan in found]


def _lock_name(options: Options) -> str:
    return "run" if options.shard is None else f"shard-{options.shard[0]}-of-{options.shard[1]}"


# ---- generate and extract ------------------------------------------------------------------------------------------


def images(plan: Plan, session: Session, title: str) -> None:
    """Bring a run's outcomes and views up to date."""
    options = session.options
    if options.shard is None:
        store.sweep(plan.folder)
    _manifest(plan)
    eyes = list(session.eyes_of(plan.resolved, plan.resolved.metrics, ("generated",)).values())
    todos = outstanding(plan, eyes, options)
    if not todos:
        return
    options.progress.phase(title, "images", sum(len(t.rows) for t in todos))
    began, forwards = time.perf_counter(), {e.key: e.forwards for e in eyes}
    try:
        extract(plan, todos, eyes, session.cache, options)
    finally:
        plan.resolved.generator.close()
    seconds = time.perf_counter() - began
    rows = sum(len(t.rows) for t in todos)
    _measured(plan, options, seconds, rows, {e.key: e.forwards - forwards[e.key] for e in eyes})


def _manifest(plan: Plan) -> None:
    path = plan.folder / "manifest.json"
    if not path.is_file():
        store.write_json(
            path, {"format": store.FORMAT, "digest": plan.digest, "rows": plan.rows, "shards": len(plan.shards),
                   "spec": dataclasses.asdict(plan.resolved.spec)},
            done_point="manifest-written",
        )  # fmt: skip
        return
    known = store.read_json(path)
    if known.get("format") != store.FORMAT or known.get("digest") != plan.digest:
        raise StoreError(
            f"{plan.folder} was begun as another run or by another version of the suite (format {known.get('format')}, "
            f"this one writes {store.FORMAT}); move it away and repeat the command."
        )


def _measured(plan: Plan, options: Options, seconds: float, rows: int, forwards: Mapping[str, int]) -> None:
    path = plan.folder / ("measured.json" if options.shard is None else f"measured-{_lock_name(options)}.json")
    past = store.read_json(path)["passes"] if path.is_file() else []
    now = {
        "seconds": round(seconds, 3), "rows": rows, "rows_per_second": round(rows / max(seconds, 1e-9), 3),
        "forwards": dict(forwards), "device": options.device, "dtype": options.dtype, "workers": options.threads,
    }  # fmt: skip
    store.write_json(path, {"passes": [*past, now]})


# ---- score ---------------------------------------------------------------------------------------------------------


def _scored(plan: Plan, pool: Sequence[Member], session: Session) -> Run:
    with store.lock(plan.folder):
        return scored(plan, pool, session, plan.resolved.metrics)


def scored(plan: Plan, pool: Sequence[Member], session: Session, asked: Sequence[Asked]) -> Run:
    """Score a run on the asked metrics; scores of other metrics that it has already are kept."""
    options, resolved = session.options, plan.resolved
    eyes = session.eyes_of(resolved, asked, ("generated", "reference", "prompt", "captions"))
    texts = _texts(plan, asked, session)
    reference = _reference(plan, pool, asked, session)
    store.crash_point("before-score")
    options.progress.phase(resolved.spec.label, "score", plan.rows)
    found = score(plan, asked, eyes, texts, reference, options.progress.advance)
    run = _run(plan, pool, found, options)
    samples = _samples(plan, found)
    old = store.load(plan.folder) if store.is_run(plan.folder) else None
    if old is not None:
        run, samples = _joined(old, run, samples)
    store.write_parquet(
        plan.folder / "samples.parquet", samples, temp_point="samples-temp", done_point="samples-written"
    )
    store.save(run)
    return run


def _texts(plan: Plan, asked: Sequence[Asked], session: Session) -> rows_of.Texts:
    resolved, table = plan.resolved, {}
    for text, eye in session.eyes_of(resolved, asked, ("prompt", "captions")).items():
        subjects = {
            v.subject
            for a in asked
            for v in a.card.views.values()
            if v.extractor and plain("extractor", v.extractor) == text
        }
        wanted = [s.prompt for s in resolved.samples]
        if "captions" in subjects:
            wanted += [c for s in resolved.samples for c in s.captions]
        table[text] = text_view(wanted, eye, plan.folder.parent, session.cache, session.options)
    store.crash_point("shared-done")
    return rows_of.Texts(table)


def _reference(plan: Plan, pool: Sequence[Member], asked: Sequence[Asked], session: Session) -> Reference | None:
    resolved = plan.resolved
    eyes = list(session.eyes_of(resolved, asked, ("reference",)).values())
    if not eyes:
        return None
    if resolved.spec.reference == "others":
        return _others(plan, pool, eyes)
    identity = plans.reference_identity(resolved.dataset)
    statistics = getattr(resolved.dataset, "statistics", None)
    if statistics is not None:
        return Reference({"set": identity}, {}, str(statistics))
    if not has_reference(resolved.dataset):
        return None
    files = reference_files(
        resolved.dataset, digest(identity), eyes, plan.folder.parent, session.cache, session.options
    )
    return Reference({"set": identity}, files)


@dataclass(frozen=True)
class Member:
    """A run whose images are part of a pooled reference."""

    folder: Path
    digest: str
    shards: int


def member(plan: Plan) -> Member:
    """A planned run as a member of a pool."""
    return Member(plan.folder, plan.digest, len(plan.shards))


def _others(plan: Plan, pool: Sequence[Member], eyes: Sequence[Eye]) -> Reference:
    """The images of the other systems of the study, pooled: one rule for all, hence comparable among them."""
    others = [m for m in pool if m.digest != plan.digest]
    if not others:
        raise UsageError("--reference others needs at least two systems; name more, or give --reference DIR.")
    files = {e.key: [f for m in others for f in _files_of(m, e)] for e in eyes}
    return Reference({"rule": "the other systems, pooled", "pool": sorted(m.digest for m in pool)}, files)


def _files_of(one: Member, eye: Eye) -> Iterator[Path]:
    for shard in range(one.shards):
        path = view_path(one.folder, eye.key, shard)
        if path.is_file():
            yield path
        elif (pd.read_parquet(outcomes_path(one.folder, shard), columns=["status"])["status"] == "ok").any():
            name = getattr(eye.extractor, "plugin_name", "the extractor")
            raise Incomplete(
                f"{one.folder} is part of the pooled reference and has no views of {name} yet; score all systems of "
                "the pool in one command."
            )


def _samples(plan: Plan, found: Scored) -> pd.DataFrame:
    """samples.parquet: a row for each (sample, k) in plan order, with a column for each metric column."""
    outcomes = rows_of.outcomes(plan)
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


def _run(plan: Plan, pool: Sequence[Member], found: Scored, options: Options) -> Run:
    resolved = plan.resolved
    outcomes = rows_of.outcomes(plan)
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
            "pool": [[m.folder.name, m.digest, m.shards] for m in pool] if spec.reference == "others" else [],
        },
        counts={str(k): int(v) for k, v in firsts["status"].value_counts().sort_index().items()},
        notes=tuple(dict.fromkeys([*resolved.notes, *found.notes])),
    )  # fmt: skip


def _joined(old: Run, new: Run, samples: pd.DataFrame) -> tuple[Run, pd.DataFrame]:
    """The new scores beside those old ones that they do not replace."""
    fresh = {s.metric for s in new.scores}
    kept: list[Score] = [s for s in old.scores if s.metric not in fresh and s.metric in old.cards]
    marks = {s.protocol for s in kept}
    past = store.samples(old.path)
    same = past["digest"].equals(samples["digest"]) and past["sample"].equals(samples["sample"])
    if kept and not same:
        kept, marks = [], set()
    for name in past.columns if kept else ():
        metric = name.rpartition(":")[0]
        if name not in samples.columns and any(s.metric == metric for s in kept):
            samples[name] = past[name]
    metrics = tuple(dict.fromkeys([*(s.metric for s in kept), *new.spec.metrics]))
    run = dataclasses.replace(
        new,
        spec=dataclasses.replace(new.spec, metrics=metrics),
        scores=(*kept, *new.scores),
        cards={**{m: old.cards[m] for m in {s.metric for s in kept}}, **new.cards},
        protocols={**{k: v for k, v in old.protocols.items() if k in marks}, **new.protocols},
        notes=tuple(dict.fromkeys([*old.notes, *new.notes])) if kept else new.notes,
    )
    return run, samples


# ---- score finished runs again -------------------------------------------------------------------------------------


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except BenchError as error:
        raise type(error)(*(f"{path}: {m}" for m in error.messages)) from error


def rescore(paths: Sequence[Path], changes: Mapping[str, Any], options: Options) -> list[Run]:
    """Add metrics to runs (finished or extracted in parts) from their stored views; only new extractors look again."""
    found = []
    for path in paths:
        with _explained(path):
            found.append(_again(path, changes, options))
    session = Session(options, Cache(options.root))
    for plan, _ in found:
        with store.lock(plan.folder):
            images(plan, session, plan.resolved.spec.label)
    return [_scored(plan, pool, session) for plan, pool in found]


def _again(path: Path, changes: Mapping[str, Any], options: Options) -> tuple[Plan, list[Member]]:
    old = store.load(path) if store.is_run(path) else None
    spec = old.spec if old else _begun(path)
    plan = plans.make(resolve(dataclasses.replace(spec, **changes), open_dataset(spec.dataset)), options.root)
    if plan.folder.resolve() != path.resolve():
        raise StoreError(
            f"its images or dataset have changed since it was made (they now belong to {plan.folder.name}), or it lies "
            f"below another --root than {options.root}; run it anew."
        )
    pool = [Member(path.parent / name, mark, shards) for name, mark, shards in (old.dataset["pool"] if old else ())]
    return plan, pool or [member(plan)]


def _begun(path: Path) -> RunSpec:
    """The spec of a run that was extracted in parts and never scored."""
    manifest = path / "manifest.json"
    if not manifest.is_file():
        raise StoreError("it holds no run; give a folder that `bench run` made.")
    return store.spec_from(store.read_json(manifest)["spec"])
