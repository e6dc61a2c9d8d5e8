"""Does a run agree with itself? What its record states is computed again from its table of samples.

No model, no data set and no plug-in is needed: seeds and order follow from the ids, the digest of the prompts from ids
and prompts, protocol digests from protocols, and every score from its columns by its estimator, interval included. A
score of a set without contributions of images can be held against its replicates only.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import get_args

import numpy as np
import pandas as pd

from bench.discretion import BLINDED
from bench.engine.sets import within
from bench.errors import BenchError
from bench.formats.folders import few
from bench.spec import digest, order_key, parse, parse_system, seed_for
from bench.stats.bootstrap import estimate, interval
from bench.stats.jackknife import jackknife_interval
from bench.types import Estimator, OutputCard, Run, Score, Status, contribution

RELATIVE = 1e-6
"""Share of a score's size by which it may differ from what its table gives; the same code on another machine stays
below 1e-9."""

_OF_THE_RUN = ("prompts", "samples", "declared", "whole", "only", "pool", "visibility", "sensitive", "rows")
"""Fields of run.dataset that the engine adds to what identifies the data set."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    what: str
    fine: bool | None
    """None: cannot be told, which is no damage."""
    told: str


@dataclass(frozen=True)
class Content:
    """A run with its tables."""

    run: Run
    samples: pd.DataFrame
    outcomes: pd.DataFrame | None
    """One row a frame; None where they stay with a private run."""

    @property
    def withheld(self) -> str:
        """'none' or 'blinded' for the light copy of a private run, else ''."""
        return str(self.run.dataset.get("rows") or "")

    @property
    def ok(self) -> np.ndarray:
        """(N,) bool: rows with an image."""
        return (self.samples["status"] == "ok").to_numpy()

    def ids(self) -> list[str]:
        """Sample ids in the table's order, each once."""
        return list(dict.fromkeys(self.samples["sample"].astype(str)))

    def pixels(self) -> str:
        """Digest of all pixels in order: equal for copies of a run, whatever they are called."""
        return digest([str(d) for d in self.samples["digest"][self.ok]])


def close(a: float, b: float, scale: float = 0.0, relative: float = RELATIVE) -> bool:
    """Whether two numbers agree within a share of their size."""
    return a == b or abs(a - b) <= relative * max(abs(a), abs(b), scale)


def consistency(content: Content) -> list[Finding]:
    """All findings, in the order in which they are told."""
    checks = {"record": _record, "protocols": _protocols, "counts": _counts, "prompts": _prompts, "scores": _scores}
    return [finding(what, check(content)) for what, check in checks.items()]


def finding(what: str, told: Iterator[str]) -> Finding:
    """Lines that begin with '+' say what was found right, those with '?' what cannot be told; all others are wrong."""
    try:
        lines = list(told)
    except BenchError as error:
        lines = list(error.messages)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, RecursionError) as error:
        lines = [f"cannot be looked at: a field is of another kind ({type(error).__name__}: {error!s:.200})"]
    wrong = [line for line in lines if line[0] not in "+?"]
    open_ = [line[1:] for line in lines if line[0] == "?"]
    if wrong:
        return Finding(what, False, f"{few(wrong, 5)}")
    return Finding(what, None if open_ else True, "; ".join([*open_, *(line[1:] for line in lines if line[0] == "+")]))


# ---- the record ----------------------------------------------------------------------------------------------------


def _record(content: Content) -> Iterator[str]:
    run = content.run
    yield f"+run.json of {run.label}, {len(run.scores)} scores"
    if len(run.digest) != 64 or not run.label.strip() or len(run.label) > 500:
        yield "its digest or its label is none"
    try:
        parse_system(run.spec.system)
        parse(run.spec.dataset)
    except BenchError as error:
        yield str(error)
    if not run.scores:
        yield "it states no score"
    for text, card in run.cards.items():
        if card.metric != text or not _named(text, card.name):
            yield f"the card of '{text}' is that of '{card.metric}'"
    yield from _each_once(run)
    for name in content.samples.columns:
        values = content.samples[name]
        if values.dtype.kind == "f" and np.isinf(values).any():
            at = content.samples["sample"][int(np.isinf(values).argmax())]
            yield f"the column '{name}' holds an infinity for '{at}'"


def _named(text: str, name: str) -> bool:
    try:
        return parse(text).name == name
    except BenchError:
        return False


def _each_once(run: Run) -> Iterator[str]:
    seen: set[tuple[str, str]] = set()
    for score in run.scores:
        key = (score.metric, score.output)
        known = run.cards.get(score.metric)
        if key in seen:
            yield f"'{score.metric}' has two scores of {score.output}"
        if known is None or score.output not in {o.name for o in known.outputs}:
            yield f"the score '{score.metric}' ({score.output}) has no card"
        seen.add(key)


def _protocols(content: Content) -> Iterator[str]:
    run = content.run
    yield f"+{len(run.protocols)} digests follow from their protocols"
    for mark, fields in run.protocols.items():
        if digest(fields) != mark:
            yield f"the protocol {mark[:8]} has another digest ({digest(fields)[:8]})"
    for score in run.scores:
        try:
            said = _protocol_of(run, score)
        except (BenchError, TypeError, AttributeError, ValueError) as error:  # fields of any shape
            said = f"its protocol cannot be read ({error})"
        if said:
            yield f"'{score.metric}': {said}"


def _protocol_of(run: Run, score: Score) -> str:
    """What is wrong with the protocol of a score."""
    fields, card = run.protocols.get(score.protocol), run.cards.get(score.metric)
    if fields is None or card is None:
        return "its protocol or its card is missing"
    given = {k: str(v) for k, v in parse(score.metric).params.items() if k != "version" and not k.endswith("extractor")}
    stated = fields.get("params", {})
    if fields.get("metric") != card.name or fields.get("version") != card.version:
        return "its protocol is that of another metric or version"
    if any(str(stated.get(k)) != v for k, v in given.items()):
        return "its protocol has other parameters than its name"
    identity = {k: v for k, v in dict(fields.get("dataset") or {"name": 0}).items() if k not in _OF_THE_RUN}
    if any(run.dataset.get(k) != v for k, v in identity.items()):
        return "its protocol is of another data set"
    if fields.get("prompts") != run.dataset.get("prompts") or fields.get("repeats") != run.spec.repeats:
        return "its protocol is of other prompts or repeats"
    names = {parse(v.extractor).name for v in card.views.values() if v.extractor}
    if names != {str(e.get("name")) for e in fields.get("extractors", ())}:
        return "its protocol names other extractors than its card"
    if fields.get("missing") != score.policy:
        return "it counts missing images in another way than its protocol"
    return ""


# ---- rows ----------------------------------------------------------------------------------------------------------


def _counts(content: Content) -> Iterator[str]:
    run, samples = content.run, content.samples
    if content.withheld and not len(samples):
        yield "?the rows stay with the private run"
        return
    found = {str(k): int(v) for k, v in samples["status"].value_counts().items()}
    ids, repeats = content.ids(), run.spec.repeats or 0
    yield f"+{len(samples)} rows, {len(ids)} prompts, {found.get('ok', 0)} images"
    if unknown := set(found) - set(get_args(Status)):
        yield f"'{min(unknown)}' is no outcome of an image"
    if found != dict(run.counts):
        yield f"the record counts {dict(run.counts)} and the table {found}"
    if len(ids) * repeats != len(samples) or samples.duplicated(["sample", "k"]).any():
        yield f"{len(samples)} rows are not {repeats} images of each of {len(ids)} prompts"
    stated, declared = run.dataset.get("samples"), run.dataset.get("declared")
    if stated != len(ids) or (run.dataset.get("whole") and declared != len(ids)):
        yield f"the record states {stated} prompts of {declared}; the table has {len(ids)}"
    if content.withheld:
        return
    images = samples["digest"].astype(str).str.fullmatch("[0-9a-f]{64}").to_numpy()
    if (images != content.ok).any():
        yield f"{int((images != content.ok).sum())} rows have an image without a digest of its pixels, or the reverse"


def _prompts(content: Content) -> Iterator[str]:
    run, samples, ids = content.run, content.samples, content.ids()
    if content.withheld:
        yield "?the prompts stay with the private run"
        return
    pairs = list(dict.fromkeys(zip(samples["sample"].astype(str), samples["prompt"].astype(str), strict=True)))
    yield "+digest of ids and prompts, order and seeds follow from the table"
    if digest([list(pair) for pair in pairs]) != run.dataset.get("prompts"):
        yield "the prompts of the table are not those whose digest the record states"
    wanted = [(i, k) for i in sorted(ids, key=order_key) for k in range(run.spec.repeats or 0)]
    rows = list(zip(samples["sample"].astype(str), samples["k"].astype(int), strict=True))
    if rows != wanted:
        yield "the rows are not in the order of their ids' digests"
    seeds = [seed_for(run.spec.seed, i, k) for i, k in rows]
    if (odd := sum(a != b for a, b in zip(seeds, samples["seed"].tolist(), strict=True))) > 0:
        yield f"{odd} images have another seed than the run's gives them"


# ---- scores --------------------------------------------------------------------------------------------------------


def _scores(content: Content) -> Iterator[str]:
    if content.withheld and content.withheld != BLINDED:
        yield "?the rows stay with the private run, so that no score can be computed again"
        return
    again, replicated = 0, 0
    for score in content.run.scores:
        card = content.run.cards.get(score.metric)
        output = next((o for o in card.outputs if o.name == score.output), None) if card else None
        if card is None or output is None:
            continue  # told by the record
        told = list(_score(content, score, output, card.scope))
        yield from (f"{score.metric} ({score.output}): {line}" for line in told if line not in ("table", "replicates"))
        again, replicated = again + ("table" in told), replicated + ("replicates" in told)
    rest = len(content.run.scores) - again - replicated
    yield (
        f"+{again} are what the table gives, intervals included"
        + (f"; the intervals of {replicated} follow from their replicates" if replicated else "")
        + (f"; {rest} have no number or no interval" if rest else "")
    )


def _score(content: Content, score: Score, output: OutputCard, scope: str) -> Iterator[str]:
    """What is wrong with a score, or 'table' or 'replicates' for what it follows from."""
    numbers = [v for v in (score.value, score.low, score.high, score.chance, *score.replicates) if v is not None]
    if not all(math.isfinite(v) for v in numbers):
        yield "a number is not finite"
        return
    if score.value is None:
        if score.low is not None or not (score.note or score.method):
            yield "it has an interval without a value, or no reason for having none"
        return
    if (output.low is not None and score.value < output.low - 1e-6 * abs(output.low) - 1e-9) or (
        output.high is not None and score.value > output.high + 1e-6 * abs(output.high) + 1e-9
    ):
        yield f"{score.value:g} is outside of {output.low} to {output.high}"
    yield from _of_rows(content, score, output) if scope != "set" else _of_set(content, score, output)


def _of_rows(content: Content, score: Score, output: OutputCard) -> Iterator[str]:
    estimator = output.estimator
    if estimator is None:
        yield "its card has no estimator"
        return
    try:
        table = {c: _column(content, score.metric, c, estimator) for c in estimator.columns}
    except KeyError as error:
        yield f"the column {error} is missing"
        return
    first = np.asarray(table[estimator.columns[0]], dtype=np.float64)
    yield from _missing_rows(content, score, first)
    if (n := int((np.isfinite(first) & content.ok).sum())) != score.n:
        yield f"it counts {score.n} images and its column {n}"
    if (lost := int((~content.ok).sum())) != score.n_missing:
        yield f"it counts {score.n_missing} missing images and the table {lost}"
    groups = content.samples["group"].to_numpy(dtype=object)
    value = estimate(estimator, table)
    ends = interval(estimator, table, groups, proportion=(output.low, output.high) == (0.0, 1.0))
    yield from _same(score, float(value), within(output, ends[0], ends[1]), ends[2])
    yield "table"


def _column(content: Content, metric: str, column: str, estimator: Estimator) -> np.ndarray:
    tag = estimator.kind == "macro" and column == estimator.columns[1]
    return content.samples[f"tag:{column}" if tag else f"{metric}:{column}"].to_numpy()


def _missing_rows(content: Content, score: Score, column: np.ndarray) -> Iterator[str]:
    """Missing images count all alike, or not at all; as what, the metric says (`declared`)."""
    held = column[~content.ok]
    counted = held[np.isfinite(held)]
    if score.policy != "worst" and len(counted):
        yield f"{len(counted)} missing images have a score, and none should count"
    if score.policy == "worst" and len(set(held[np.isfinite(held)])) > 1:
        yield "missing images do not count alike"


def _of_set(content: Content, score: Score, output: OutputCard) -> Iterator[str]:
    name = f"{score.metric}:{contribution(output.name)}"
    assert score.value is not None
    if name in content.samples:
        column = content.samples[name].to_numpy(dtype=np.float64)
        fed = np.isfinite(column)
        if (fed & ~content.ok).any():
            yield "missing images contribute to it"
        if score.n < int(fed.sum()) or (_single(content) and score.n != int(fed.sum())):
            yield f"it counts {score.n} images and its column {int(fed.sum())}"
        groups = content.samples["group"].to_numpy(dtype=object)
        ends = interval(
            Estimator("mean", ("x",)), {"x": column}, groups, proportion=(output.low, output.high) == (0.0, 1.0)
        )
        scale = float(np.sqrt(np.mean(np.square(column[fed])))) if fed.any() else 0.0
        mean = float(column[fed].mean()) if fed.any() else math.nan
        yield from _same(score, mean, within(output, ends[0], ends[1]), f"influence of images, {ends[2]}", scale)
        yield "table"
    elif score.replicates:
        low, high, method = jackknife_interval(score.value, score.replicates)
        yield from _same(score, score.value, within(output, low, high), method)
        yield "replicates"
    elif score.low is not None:
        yield "its interval follows from nothing"
    frames = content.outcomes
    if frames is not None and int((frames["status"] != "ok").sum()) != score.n_missing:
        yield f"it counts {score.n_missing} missing images and the table {int((frames['status'] != 'ok').sum())}"


def _single(content: Content) -> bool:
    return content.outcomes is not None and not (content.outcomes["frame"] > 0).any()


def _same(
    score: Score, value: float, ends: tuple[float | None, float | None], method: str, scale: float = 0.0
) -> Iterator[str]:
    """Whether value, interval and method are those that were computed again."""
    assert score.value is not None
    if not close(score.value, value, scale):
        yield f"{score.value:.10g} is stated and the table gives {value:.10g}"
        return
    stated = (score.low, score.high)
    width = max([abs(v) for v in (*stated, *ends, score.value) if v is not None], default=0.0)
    pairs = zip(stated, ends, strict=True)
    if not all(a == b or (a is not None and b is not None and close(a, b, width)) for a, b in pairs):
        yield f"the interval {_told(stated)} is stated and the table gives {_told(ends)}"
    elif score.method != method:
        yield f"'{score.method}' is stated as its method and is '{method}'"


def _told(ends: tuple[float | None, float | None]) -> str:
    return " to ".join("none" if v is None else f"{v:.8g}" for v in ends)
