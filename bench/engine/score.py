"""Score: metrics read the stored views in shard order and become Scores with intervals, chance levels and protocols."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from bench import registry, store
from bench.engine import rows as rows_of
from bench.engine import views
from bench.engine.chance import PERMUTATIONS, Matcher, permutable, permutation
from bench.engine.looks import Eye
from bench.engine.plan import BLOCKS, Plan, blocks, dataset_identity
from bench.engine.resolve import Asked
from bench.errors import Incomplete, TooFew
from bench.formats.images import decode
from bench.registry import plain
from bench.spec import digest, parse
from bench.stats.bootstrap import estimate, interval
from bench.stats.jackknife import jackknife_interval
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


def score(
    plan: Plan,
    asked: Sequence[Asked],
    eyes: Mapping[str, Eye],
    texts: rows_of.Texts,
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
    seen: list[tuple[str, Sample]] = []
    matcher = Matcher(plan, keys, texts)
    used = sorted({keys[e] for one in asked for e in _generated(one.card)} | matcher.keys)
    with _threads(plan.rows):
        for slab in rows_of.slabs(plan, used, common):
            seen += zip(slab.keys, slab.samples, strict=True)
            matcher.see(slab)
            for work in works:
                _feed(work, slab, keys, texts, plan.folder)
            advance(len(slab.keys))
        scored = Scored([], {}, {}, matcher.notes())
        for work in works:
            _finish(work, plan, eyes, reference, outcomes, seen, common, scored)
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


def _generated(card: MetricCard) -> set[str]:
    return {plain("extractor", v.extractor) for v in card.views.values() if v.subject == "generated" and v.extractor}


def _work(asked: Asked, plan: Plan) -> _Work:
    metric = copy.deepcopy(asked.metric)
    twins: list[tuple[Any, Mapping[str, Sample]]] = []
    if asked.metric.compares and permutable(asked.card.views) and len(plan.resolved.samples) > 3:
        for seed in range(PERMUTATIONS):
            twins.append((copy.deepcopy(asked.metric), permutation(plan.resolved.samples, seed)))
    return _Work(asked, metric, tuple(twins))


def _feed(work: _Work, slab: rows_of.Slab, keys: Mapping[str, str], texts: rows_of.Texts, folder: Path) -> None:
    def pixels(path: str) -> np.ndarray:
        return decode(store.image_path(folder, path))

    wanted = work.asked.card.views
    given = rows_of.arguments(wanted, slab, keys, texts, lambda s: s, pixels)
    work.metric.update(ids=list(slab.keys), **given)
    for twin, other in work.twins:
        swapped = {n: v for n, v in wanted.items() if v.subject in ("prompt", "captions", "sample")}
        fresh = rows_of.arguments(swapped, slab, keys, texts, lambda s, other=other: other[s.id], pixels)  # type: ignore[misc]
        twin.update(ids=list(slab.keys), **{**given, **fresh})


# ---- from a fed metric to scores -----------------------------------------------------------------------------------


def _finish(
    work: _Work,
    plan: Plan,
    eyes: Mapping[str, Eye],
    reference: Reference | None,
    outcomes: pd.DataFrame,
    seen: Sequence[tuple[str, Sample]],
    common: frozenset[str] | None,
    scored: Scored,
) -> None:
    asked, metric = work.asked, work.metric
    protocol = _protocol(asked, plan, eyes, reference)
    if common is not None:
        protocol["common"] = digest(sorted(common))
    mark = digest(protocol)
    scored.protocols[mark] = protocol
    base = Score(
        asked.text, "", None, n=len(seen), n_missing=_missing(outcomes), policy=protocol["missing"], protocol=mark
    )
    try:
        metric.need(len(seen))
        if asked.card.scope == "set":
            scored.scores += _set_scores(work, base, eyes, reference, plan, seen)
        else:
            scored.scores += _row_scores(work, base, outcomes, plan, seen, scored.columns)
    except TooFew as error:
        scored.scores += [dataclasses.replace(base, output=o.name, note=str(error)) for o in asked.card.outputs]


def _missing(outcomes: pd.DataFrame) -> int:
    return int((outcomes["status"] != "ok").sum())


def values(metric: Any, card: MetricCard) -> dict[str, float]:
    """compute() as output name -> float."""
    result = metric.compute()
    named = result if isinstance(result, Mapping) else {card.outputs[0].name: result}
    return {name: float(value) for name, value in named.items()}


def _set_scores(
    work: _Work,
    base: Score,
    eyes: Mapping[str, Eye],
    reference: Reference | None,
    plan: Plan,
    seen: Sequence[tuple[str, Sample]],
) -> list[Score]:
    card, metric = work.asked.card, work.metric
    for argument, view in card.views.items():
        if view.subject == "reference":
            feed_reference([metric, *(t for t, _ in work.twins)], argument, view, eyes, reference)
    found = values(metric, card)
    block = blocks(plan.resolved.samples)
    replicates = _replicates(metric, [block[sample.id] for _, sample in seen])
    return [_set_score(o, found[o.name], base, replicates) for o in card.outputs]


def _replicates(metric: Any, block: Sequence[int]) -> Mapping[str, Any] | None:
    """None when a block is empty or a replicate would have too few rows."""
    try:
        return metric.replicates(block) if len(set(block)) == BLOCKS else None
    except TooFew:
        return None


def _set_score(output: OutputCard, value: float, base: Score, replicates: Mapping[str, Any] | None) -> Score:
    if not replicates or output.name not in replicates:
        return dataclasses.replace(base, output=output.name, value=value, method="no interval: too few images")
    left_out = tuple(float(v) for v in replicates[output.name])
    low, high, method = jackknife_interval(value, left_out)
    ends = _ends(output, low, high)
    return dataclasses.replace(
        base, output=output.name, value=value, low=ends[0], high=ends[1], method=method, replicates=left_out
    )


def _ends(output: OutputCard, low: float, high: float) -> tuple[float | None, float | None]:
    """Interval ends within the output's bounds; None where there is no interval."""
    if not (np.isfinite(low) and np.isfinite(high)):
        return None, None
    return (
        float(low if output.low is None else max(low, output.low)),
        float(high if output.high is None else min(high, output.high)),
    )


def feed_reference(
    metrics: Sequence[Any], argument: str, view: View, eyes: Mapping[str, Eye], reference: Reference | None
) -> None:
    """Give set metrics their reference rows (or statistics)."""
    if reference is None:
        raise Incomplete("The run has no reference images; add --reference.")
    if reference.statistics is not None:
        for metric in metrics:
            metric.use_statistics(reference.statistics)
        return
    for path in reference.files[eyes[plain("extractor", view.extractor or "")].key]:
        rows = views.read(path).outputs[view.output]
        for metric in metrics:
            metric.update(**{argument: rows})


def _row_scores(
    work: _Work,
    base: Score,
    outcomes: pd.DataFrame,
    plan: Plan,
    seen: Sequence[tuple[str, Sample]],
    columns: dict[str, pd.Series],
) -> list[Score]:
    card, metric = work.asked.card, work.metric
    table = metric.table()
    samples = {s.id: s for s in plan.resolved.samples}
    worst = metric.missing() if base.policy == "worst" else {}
    frame, groups, tags = _full_table(table, outcomes, seen, worst, samples)
    for column in table:
        columns[f"{card.metric}:{column}"] = pd.Series(frame[column], index=_row_keys(outcomes))
    scores = []
    for output in card.outputs:
        value, low, high, method = _estimate(output, {**frame, **tags}, groups)
        chance = [values(twin, card)[output.name] for twin, _ in work.twins]
        scores.append(
            dataclasses.replace(
                base, output=output.name, value=value, low=low, high=high, method=method, n=_counted(output, table),
                chance=float(np.mean(chance)) if chance and np.isfinite(chance).all() else None,
            )
        )  # fmt: skip
    return scores


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
    return (float(value), *_ends(output, low, high), method)


def _row_keys(outcomes: pd.DataFrame) -> list[str]:
    return [f"{s}#{k}" for s, k in zip(outcomes["sample"], outcomes["k"], strict=True)]


def _full_table(
    table: Mapping[str, np.ndarray],
    outcomes: pd.DataFrame,
    seen: Sequence[tuple[str, Sample]],
    worst: Mapping[str, float],
    samples: Mapping[str, Sample],
) -> tuple[dict[str, np.ndarray], np.ndarray, dict[str, np.ndarray]]:
    """Columns, groups and tags over all rows of the run, with missing rows as worst score or NaN."""
    firsts = outcomes[outcomes["frame"] == 0]
    keys = [f"{s}#{k}" for s, k in zip(firsts["sample"], firsts["k"], strict=True)]
    place = {key: i for i, key in enumerate(keys)}
    where = np.array([place[key] for key, _ in seen], dtype=int)
    missing = (firsts["status"] != "ok").to_numpy()
    frame = {}
    for column, values_of in table.items():
        full = np.full(len(keys), np.nan)
        full[missing] = worst.get(column, np.nan)
        full[where] = np.asarray(values_of, dtype=np.float64)
        frame[column] = full
    ids = list(firsts["sample"])
    names = sorted({name for s in samples.values() for name in s.tags})
    tags = {name: np.array([samples[i].tags.get(name, "") for i in ids], dtype=object) for name in names}
    return frame, np.array([samples[i].group for i in ids], dtype=object), tags


# ---- protocol ------------------------------------------------------------------------------------------------------


def _protocol(asked: Asked, plan: Plan, eyes: Mapping[str, Eye], reference: Reference | None) -> dict[str, Any]:
    """Everything that changes this score and is no factor of the run."""
    resolved, card = plan.resolved, asked.card
    spec = parse(asked.text)
    subjects = {v.subject for v in card.views.values()}
    used = sorted({plain("extractor", v.extractor) for v in card.views.values() if v.extractor})
    params = registry.resolved("metric", spec.name, spec.params)
    return {
        "metric": spec.name,
        "version": card.version,
        "params": {k: v for k, v in params.items() if k != "version" and not k.endswith("extractor")},
        "extractors": [views.extractor_protocol(eyes[e].extractor, eyes[e].dtype) for e in used],
        "dataset": dataset_identity(resolved.dataset),
        "prompts": resolved.prompts,
        "repeats": resolved.repeats,
        "reference": dict(reference.identity) if reference and "reference" in subjects else None,
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
