"""What a half precision does to each metric, measured: the first images of a study are looked at in float32 too.

The first shard of the first run is scored from both kinds of views, against the first file of the reference (or the
first shard of the next run, where the reference is the other systems).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from bench import store
from bench.engine.extract import extract, outstanding
from bench.engine.plan import Plan, with_spec
from bench.engine.pool import Member
from bench.engine.resolve import build
from bench.engine.score import score
from bench.engine.session import SUBJECTS, Session, beside_of, reference_of
from bench.spec import parse


def effects(plans: Sequence[Plan], session: Session) -> list[str]:
    """One line a metric output: its value in float32 and in the session's precision on the same images.

    Written to the first run's measured.json also, under `precision`.
    """
    dtype = session.options.dtype
    exact = Session(dataclasses.replace(session.options, dtype="float32"), session.cache)
    first = _beginning(plans[0])
    other = _beginning(plans[1]) if len(plans) > 1 and first.resolved.spec.reference == "others" else None
    half, full = _values(first, other, session), _values(_fresh(first), _fresh(other) if other else None, exact)
    if not half:
        return []
    found: list[dict[str, Any]] = [
        {"metric": metric, "output": output, "float32": full[metric, output], dtype: value, "images": first.rows}
        for (metric, output), value in half.items()
        if value is not None and full[metric, output] is not None
    ]
    path = first.folder / "measured.json"
    store.write_json(path, {**(store.read_json(path) if path.is_file() else {"passes": []}), "precision": found})
    labels = {(a.text, o.name): o.label for a in first.resolved.metrics for o in a.card.outputs}
    head = f"{dtype} beside float32 on {first.rows} images of {first.resolved.spec.label}:"
    return [
        head,
        *(f"  {labels[r['metric'], r['output']]} [{r['metric']}]: {_change(r['float32'], r[dtype])}" for r in found),
    ]


def _change(before: float, after: float) -> str:
    share = f", {(after - before) / abs(before):+.2%}" if before else ""
    return f"{before:.6g} -> {after:.6g} ({after - before:+.3g}{share})"


def _beginning(plan: Plan) -> Plan:
    """The plan's first shard with the metrics that an extractor serves."""
    samples = tuple({r.sample.id: r.sample for r in plan.shards[0]}.values())
    asked = tuple(a for a in plan.resolved.metrics if any(v.extractor for v in a.card.views.values()))
    resolved = dataclasses.replace(plan.resolved, samples=samples, metrics=asked)
    return dataclasses.replace(with_spec(plan, resolved), shards=plan.shards[:1])


def _fresh(plan: Plan) -> Plan:
    """The plan with extractors that are not loaded yet: those of the study hold networks in another precision."""
    extractors = {text: build("extractor", parse(text)) for text in plan.resolved.extractors}
    return with_spec(plan, dataclasses.replace(plan.resolved, extractors=extractors))


def _values(plan: Plan, other: Plan | None, session: Session) -> dict[tuple[str, str], float | None]:
    """(metric, output) -> value on the beginning of a run."""
    asked, options = plan.resolved.metrics, session.options
    if not asked:
        return {}
    eyes = session.eyes_of(plan.resolved, asked, SUBJECTS)
    seeing = list(session.eyes_of(plan.resolved, asked, ("generated", "reference")).values())
    both = (plan, other) if other else (plan,)
    for one in both:
        # a failed image is no reason to generate again: only views are made here
        todos = [dataclasses.replace(t, outcomes=False) for t in outstanding(one, seeing, options)]
        if todos:
            options.progress.phase(one.resolved.spec.label, f"images in {options.dtype}", one.rows)
            with store.lock(one.folder):
                extract(one, todos, seeing, session.cache, options)
    pool = [Member(one.folder, one.digest, 1) for one in both]
    reference = reference_of(plan, pool, asked, session, most=1)
    scored = score(plan, asked, eyes, beside_of(plan, asked, session), reference)
    return {(s.metric, s.output): s.value for s in scored.scores}
