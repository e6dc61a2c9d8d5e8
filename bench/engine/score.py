"""Score: metrics read the stored views in shard order and become Scores with intervals, chance levels and protocols."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from bench import registry, store
from bench.engine import judging, recorded, views
from bench.engine import rows as rows_of
from bench.engine.chance import EXCHANGED, PERMUTATIONS, Matcher, permutable, permutation
from bench.engine.looks import Eye
from bench.engine.plan import Plan, blocks, dataset_identity, own_identity
from bench.engine.resolve import Asked
from bench.engine.sets import of_set, within
from bench.engine.table import Rows
from bench.errors import Incomplete, TooFew
from bench.formats.images import decode
from bench.registry import plain
from bench.spec import digest, parse
from bench.stats.bootstrap import estimate, interval
from bench.types import MetricCard, OutputCard, Sample, Score, View


@dataclass(frozen=True)
class Reference:
    """The reference side of set metrics."""

    identity: Mapping[str, Any]
    """What protocols record of it."""
    files: Mapping[str, Sequence[Path]]
    """Extractor key -> view files."""
    statistics: str | None = None
    """Path of an .npz with mu and sigma, for metrics which moments suffice."""


@dataclass
class Scored:
    """The scores of one run."""

    scores: list[Score]
    columns: dict[str, pd.Series]
    """'<metric>:<column>' -> values by row key."""
    protocols: dict[str, dict[str, Any]]
    notes: list[str]


@dataclass(frozen=True)
class _Work:
    """One metric being fed, with its permuted twins."""

    asked: Asked
    metric: Any
    twins: tuple[tuple[Any, Mapping[str, Sample]], ...]
    rows: list[tuple[str, Sample]] = field(default_factory=list)
    lacking: set[str] = field(default_factory=set)
    """Keys of rows with an image of which an extractor knows nothing."""
    """'sample#k' of what it was fed, in order: one entry an image, or a story for metrics that take stories whole."""


def score(
    plan: Plan,
    asked: Sequence[Asked],
    eyes: Mapping[str, Eye],
    beside: rows_of.Beside,
    reference: Reference | None,
    advance: Callable[[int], None] = lambda _: None,
    common: frozenset[str] | None = None,
) -> Scored:
    """Scores, columns and protocols of the asked metrics on a run whose views are complete.

    common: the keys of the only images to score (set metrics on what several runs have).
    """
    outcomes = rows_of.outcomes(plan)
    keys = {text: eye.key for text, eye in eyes.items()}
    works = [_work(one, plan) for one in asked]
    seen = {e: keys[e] for one in asked for e in _generated(one.card)}
    matcher = Matcher(plan, seen, beside)
    used = sorted({*seen.values()})
    with _threads(plan.rows):
        for slab in rows_of.slabs(plan, used, common):
            matcher.see(slab)
            for work in works:
                _feed(work, slab, keys, beside, plan.folder)
            advance(len(slab.keys))
        scored = Scored([], {}, {}, [*matcher.notes(), *recorded.remarks(plan, [eyes[text] for text in seen])])
        for work in works:
            _finish(work, plan, eyes, reference, outcomes, common, scored)
            store.crash_point("metric-scored")
    return scored


FEW_ROWS = 2000
"""Runs below this are scored by one thread: their tensors are so small that splitting them costs more than it gives."""


@contextmanager
def _threads(rows: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1 if rows < FEW_ROWS else before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _looks(card: MetricCard) -> list[View]:
    return [v for v in card.views.values() if v.subject == "generated" and v.extractor]


def _generated(card: MetricCard) -> set[str]:
    return {plain("extractor", v.extractor or "") for v in _looks(card)}


def _extractors(card: MetricCard) -> list[str]:
    """All that a metric looks through, as plain texts."""
    return sorted({plain("extractor", v.extractor) for v in card.views.values() if v.extractor})


def _work(asked: Asked, plan: Plan) -> _Work:
    metric = copy.deepcopy(asked.metric)
    twins: list[tuple[Any, Mapping[str, Sample]]] = []
    if asked.metric.compares and permutable(asked.card.views) and len(plan.resolved.samples) > 3:
        for seed in range(PERMUTATIONS):
            twins.append((copy.deepcopy(asked.metric), permutation(plan.resolved.samples, seed)))
    return _Work(asked, metric, tuple(twins))


def _feed(work: _Work, slab: rows_of.Slab, keys: Mapping[str, str], beside: rows_of.Beside, folder: Path) -> None:
    def pixels(path: str) -> np.ndarray:
        return decode(store.image_path(folder, path))

    wanted = work.asked.card.views
    of = dict(zip(slab.keys, slab.samples, strict=True))
    seen = [(keys[plain("extractor", v.extractor or "")], v.output) for v in _looks(work.asked.card)]
    slab, gone = rows_of.evident(slab, seen)
    work.lacking.update(rows_of.row_key(key, of[key]) for key in gone)
    whole = rows_of.wholes(slab) if work.metric.frames else None
    if whole is None:
        rows = [(rows_of.row_key(k, s), s) for k, s in zip(slab.keys, slab.samples, strict=True)]
    else:
        rows = [(w.key, w.sample) for w in whole]
    if not rows:
        return
    ids = list(slab.keys) if whole is None else [key for key, _ in rows]
    given = rows_of.arguments(wanted, slab, keys, beside, lambda s: s, pixels, whole)
    work.metric.update(ids=ids, **given)
    work.rows.extend(rows)
    for twin, other in work.twins:
        swapped = {n: v for n, v in wanted.items() if v.subject in EXCHANGED}
        fresh = rows_of.arguments(swapped, slab, keys, beside, lambda s, other=other: other[s.id], pixels, whole)  # type: ignore[misc]
        twin.update(ids=ids, **{**given, **fresh})


# ---- from a fed metric to scores -----------------------------------------------------------------------------------


def _finish(
    work: _Work,
    plan: Plan,
    eyes: Mapping[str, Eye],
    reference: Reference | None,
    outcomes: pd.DataFrame,
    common: frozenset[str] | None,
    scored: Scored,
) -> None:
    asked, metric = work.asked, work.metric
    protocol = _protocol(asked, plan, eyes, reference)
    if common is not None:
        protocol["common"] = digest(sorted(common))
    mark = digest(protocol)
    scored.protocols[mark] = protocol
    note = judging.mark([eyes[e].extractor for e in _extractors(asked.card)], plan.resolved.generator)
    base = Score(asked.text, "", None, n=len(work.rows), policy=protocol["missing"], protocol=mark, note=note)
    rows = Rows.of(outcomes, work.rows, plan.resolved.samples, work.lacking)
    try:
        metric.need(len(work.rows))
        if asked.card.scope == "set":
            base = dataclasses.replace(base, n_missing=int((outcomes["status"] != "ok").sum()) + len(work.lacking))
            feed_reference(metric, asked.card, eyes, reference)
            block = blocks(plan.resolved.samples)
            block_of = np.array([block[sample.id] for _, sample in work.rows])
            found, columns = of_set(asked.card, metric, values(metric, asked.card), base, rows, block_of)
            scored.notes += metric.remarks()
        else:
            base = dataclasses.replace(base, n_missing=int(rows.missing.sum()))
            found, columns = _of_rows(work, base, rows)
    except TooFew as error:
        found = [dataclasses.replace(base, output=o.name, note=str(error)) for o in asked.card.outputs]
        columns = {}
    scored.scores += found
    for name, values_of in columns.items():
        scored.columns[f"{asked.card.metric}:{name}"] = pd.Series(values_of, index=rows.keys)


def values(metric: Any, card: MetricCard) -> dict[str, float]:
    """compute() as output name -> float."""
    result = metric.compute()
    named = result if isinstance(result, Mapping) else {card.outputs[0].name: result}
    return {name: float(value) for name, value in named.items()}


def feed_reference(metric: Any, card: MetricCard, eyes: Mapping[str, Eye], reference: Reference | None) -> None:
    """Give a set metric its reference rows (or statistics), where it wants any."""
    for argument, view in card.views.items():
        if view.subject != "reference":
            continue
        if reference is None:
            raise Incomplete("The run has no reference images; add --reference.")
        if reference.statistics is not None:
            metric.use_statistics(reference.statistics)
            continue
        for path in reference.files[eyes[plain("extractor", view.extractor or "")].key]:
            metric.update(**{argument: views.read(path).outputs[view.output]})


def _of_rows(work: _Work, base: Score, rows: Rows) -> tuple[list[Score], dict[str, np.ndarray]]:
    card, metric = work.asked.card, work.metric
    table = metric.table()
    frame = rows.spread(table, metric.missing() if base.policy == "worst" else {})
    scores = []
    for output in card.outputs:
        value, low, high, method = _estimate(output, {**frame, **rows.tags}, rows.groups)
        chance = [values(twin, card)[output.name] for twin, _ in work.twins]
        scores.append(
            dataclasses.replace(
                base, output=output.name, value=value, low=low, high=high, method=method, n=_counted(output, table),
                chance=float(np.mean(chance)) if chance and np.isfinite(chance).all() else None,
            )
        )  # fmt: skip
    return scores, frame


def _counted(output: OutputCard, table: Mapping[str, np.ndarray]) -> int:
    """Images to which the metric applies."""
    assert output.estimator is not None
    return int(np.isfinite(table[output.estimator.columns[0]]).sum())


def _estimate(
    output: OutputCard, data: Mapping[str, np.ndarray], groups: np.ndarray
) -> tuple[float | None, float | None, float | None, str]:
    """Value and interval from the full table (missing images included as the policy says)."""
    assert output.estimator is not None
    value = estimate(output.estimator, data)
    if not np.isfinite(value):
        return None, None, None, "no row to which it applies"
    low, high, method = interval(output.estimator, data, groups, proportion=(output.low, output.high) == (0.0, 1.0))
    return (float(value), *within(output, low, high), method)


# ---- protocol ------------------------------------------------------------------------------------------------------


def _protocol(asked: Asked, plan: Plan, eyes: Mapping[str, Eye], reference: Reference | None) -> dict[str, Any]:
    """Everything that changes this score and is no factor of the run."""
    resolved, card = plan.resolved, asked.card
    spec = parse(asked.text)
    subjects = {v.subject for v in card.views.values()}
    used = _extractors(card)
    params = registry.resolved("metric", spec.name, spec.params)
    return {
        "metric": spec.name,
        "version": card.version,
        "params": {k: v for k, v in params.items() if k != "version" and not k.endswith("extractor")},
        "extractors": [views.stated_protocol(eyes[e].extractor, eyes[e].dtype) for e in used],
        "dataset": dataset_identity(resolved.dataset),
        "prompts": resolved.prompts,
        "repeats": resolved.repeats,
        "reference": dict(reference.identity) if reference and "reference" in subjects else None,
        **({"own": own_identity(resolved.dataset)} if "own" in subjects else {}),
        "missing": _policy(asked, resolved.spec.missing),
    }


def _policy(asked: Asked, override: str) -> str:
    """'worst' or 'exclude': the override, else worst where the metric states a worst score for every primary column."""
    if asked.card.scope == "set":
        return "exclude"
    if override:
        return override
    worst = asked.metric.missing()
    columns = {o.estimator.columns[0] for o in asked.card.outputs if o.primary and o.estimator}
    return "worst" if columns and columns <= set(worst) else "exclude"
