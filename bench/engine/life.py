"""The life of a study: resolve all, then generate and extract each run, then score each run.

Everything is checked before anything heavy starts. All systems are extracted before any is scored, since the reference
of one may be the images of the others.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Mapping, Sequence
from typing import Any

from bench import store
from bench.engine import plan as plans
from bench.engine import rows as rows_of
from bench.engine.cache import Cache
from bench.engine.extract import extract, outstanding
from bench.engine.footprint import Footprint
from bench.engine.generate import Times, pace
from bench.engine.options import Options, check_device
from bench.engine.plan import Plan
from bench.engine.pool import Member, member
from bench.engine.precision import effects
from bench.engine.record import joined, run_record, samples_table
from bench.engine.resolve import Opened, open_dataset, resolve
from bench.engine.score import score
from bench.engine.session import SUBJECTS, Session, beside_of, overlong_texts, reference_of
from bench.engine.verifying import seal, unseal
from bench.engine.visibility import inherited
from bench.errors import StoreError, UsageError
from bench.types import Run, RunSpec


def prepare(specs: Sequence[RunSpec], options: Options, generators: Mapping[str, Any] | None = None) -> list[Plan]:
    """Resolve and plan all runs; one UsageError with the problems of all."""
    check_device(options.device)
    found: list[Plan] = []
    problems: dict[str, list[str]] = {}
    opened: dict[str, Opened] = {}
    for spec in specs:
        try:
            if spec.dataset not in opened:
                opened[spec.dataset] = open_dataset(spec.dataset, spec.visibility)
            told: list[str] = []
            resolved = resolve(
                spec, opened[spec.dataset], told.append, (generators or {}).get(spec.label), options.device
            )
            found.append(inherited(plans.make(resolved, options.root)))
            for line in dict.fromkeys([*told, *resolved.notes]):
                options.progress.line(f"{spec.label}: {line}")
        except UsageError as error:
            for message in dict.fromkeys(error.messages):
                problems.setdefault(message, []).append(spec.label)
    if problems:
        raise UsageError(*(m if len(who) == len(specs) else f"{', '.join(who)}: {m}" for m, who in problems.items()))
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
    return score_all([(plan, [member(one) for one in found]) for plan in found], session)


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
    unseal(plan.folder)
    options.progress.phase(title, "images", sum(len(t.rows) for t in todos))
    began, forwards = time.perf_counter(), {e.key: e.forwards for e in eyes}
    times: Times = []
    memory = Footprint(options.device)
    try:
        extract(plan, todos, eyes, session.cache, options, times)
    finally:
        plan.resolved.generator.close()
    seconds = time.perf_counter() - began
    rows = sum(len(t.rows) for t in todos)
    done = {e.key: e.forwards - forwards[e.key] for e in eyes}
    _measured(plan, options, seconds, rows, done, pace(times), memory.peak())


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


def _measured(
    plan: Plan, options: Options, seconds: float, rows: int, forwards: Mapping[str, int], made: Mapping[str, float],
    memory: int | None,
) -> None:  # fmt: skip
    """Add a pass to measured.json; `made` is of the generator alone, empty where it made nothing."""
    path = plan.folder / ("measured.json" if options.shard is None else f"measured-{_lock_name(options)}.json")
    past: list[Any] = []
    with contextlib.suppress(StoreError, FileNotFoundError, KeyError, TypeError):  # times are no reason to stop
        past = list(store.read_json(path)["passes"])
    now = {
        "seconds": round(seconds, 3), "rows": rows, "rows_per_second": round(rows / max(seconds, 1e-9), 3),
        "forwards": dict(forwards), "device": options.device, "dtype": options.dtype, "workers": options.threads,
        **({"memory": memory} if memory else {}), **({"generation": dict(made)} if made else {}),
    }  # fmt: skip
    store.write_json(path, {"passes": [*past, now]})


# ---- score ---------------------------------------------------------------------------------------------------------


def score_all(
    found: Sequence[tuple[Plan, Sequence[Member]]], session: Session, common: frozenset[str] | None = None
) -> list[Run]:
    """Score runs whose images are there, each with the members of its pooled reference."""
    runs = []
    for number, (plan, pool) in enumerate(found, 1):
        with store.lock(plan.folder):
            runs.append(_scored(plan, pool, session, f"{plan.resolved.spec.label} ({number}/{len(found)})", common))
    if session.options.dtype != "float32":
        for line in effects([plan for plan, _ in found], session):
            session.options.progress.line(line)
    return runs


def _scored(
    plan: Plan, pool: Sequence[Member], session: Session, title: str, common: frozenset[str] | None = None
) -> Run:
    """Score a run on its metrics; scores of other metrics that it has already are kept."""
    options, asked = session.options, plan.resolved.metrics
    eyes = session.eyes_of(plan.resolved, asked, SUBJECTS)
    beside = beside_of(plan, asked, session)
    reference = reference_of(plan, pool, asked, session)
    store.crash_point("before-score")
    outcomes = rows_of.outcomes(plan)
    options.progress.phase(title, "score", int((outcomes["status"] == "ok").sum()) if common is None else len(common))
    found = score(plan, asked, eyes, beside, reference, options.progress.advance, common)
    found.notes += overlong_texts(plan, asked, session)
    run, samples = run_record(plan, pool, found, outcomes, options), samples_table(plan, found, outcomes)
    if store.is_run(plan.folder):
        run, samples = joined(store.load(plan.folder), run, samples)
    unseal(plan.folder)
    store.write_parquet(
        plan.folder / "samples.parquet", samples, temp_point="samples-temp", done_point="samples-written"
    )
    store.save(run)
    seal(plan.folder)
    return run
