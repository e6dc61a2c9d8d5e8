"""Run folders with known scores for boards, quickly written by the suite's own store: no images, no views.

    folder = write_run(root, Synthetic("a", skill=.3))                      one run
    board, runs = write_board_runs(root, systems=200, metrics=30, prompts=1632)     many, with their board.toml

Scores follow from the samples by the suite's own estimators, as the engine's would.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench import store
from bench.spec import digest
from bench.stats.bootstrap import estimate, interval
from bench.stats.jackknife import jackknife_interval
from bench.types import Estimator, MetricCard, OutputCard, Provenance, Run, RunSpec, Score, contribution

Change = Callable[[dict[str, Any], pd.DataFrame], None]


def mean_card(name: str, label: str = "", *, direction: Any = "higher", version: int = 1) -> MetricCard:
    """A metric whose score is the mean of a column."""
    estimator = Estimator("mean", ("score",))
    output = OutputCard("value", label or name, direction, None, None, "", True, estimator)
    return MetricCard(name, name.partition("(")[0], version, "sample", (output,), summary=f"Mean of {name}.")


HITS = MetricCard(
    "hits", "hits", 1, "sample",
    (
        OutputCard("value", "Hits", "higher", 0.0, 1.0, "", True, Estimator("mean", ("hit",))),
        OutputCard("side", "Right side if hit", "higher", 0.0, 1.0, "", True, Estimator("ratio", ("side", "hit"))),
        OutputCard("kinds", "Hits by kind", "higher", 0.0, 1.0, "", True, Estimator("macro", ("hit", "kind"))),
        OutputCard("middle", "Median rank", "lower", 1.0, None, "", False, Estimator("median", ("rank",))),
    ),
)  # fmt: skip
FD = MetricCard(
    "fd(extractor=toy)", "fd", 1, "set", (OutputCard("value", "FD", "lower", 0.0, None),), summary="A set's distance.",
)  # fmt: skip
PRC = MetricCard(
    "prc(extractor=toy)", "prc", 1, "set",
    (OutputCard("precision", "Precision", "higher", 0.0, 1.0), OutputCard("recall", "Recall", "higher", 0.0, 1.0)),
)  # fmt: skip
SCORE = mean_card("quality", "Quality")
LOSS = mean_card("loss", "Loss", direction="lower")
CARDS = (SCORE, LOSS, HITS, FD, PRC)


@dataclasses.dataclass(frozen=True)
class Synthetic:
    """One run to be written. `skill` raises every score towards its better side."""

    label: str
    skill: float = 0.0
    seed: int = 1
    """Of this run's own noise; runs of different systems need different ones."""
    system: str = ""
    """Text form; '': made of the label."""
    dataset: str = "toy"
    n: int = 60
    repeats: int = 1
    run_seed: int = 0
    factors: dict[str, str] = dataclasses.field(default_factory=dict)
    cards: tuple[MetricCard, ...] = CARDS
    failed: int = 0
    """Images that failed: no score, not counted by the metrics."""
    whole: bool = True
    noise: float = 1.0
    constant: float | None = None
    """Every score of every row."""
    folder: str = ""
    change: Change | None = None
    """Last word on the record and on the table."""


def write_run(root: Path, one: Synthetic) -> str:
    """Write a run below `root` and give its folder."""
    folder = root / (one.folder or f"{len(list(root.glob('*'))):03d}-{digest(one.label)[:8]}")
    folder.mkdir(parents=True)
    frame = samples(one)
    system = one.system or f"toy(name={digest(one.label)[:10]})"
    identity = {"name": one.dataset, "version": "1"}
    prompts = digest([identity, one.n, "prompts"])
    data = {
        "path": str(folder), "label": one.label,
        "spec": RunSpec(system, one.dataset, one.label, seed=one.run_seed, repeats=one.repeats, factors=one.factors),
        "digest": digest([system, prompts, one.run_seed, one.repeats, one.seed, one.skill]),
        "scores": scores(one, frame), "cards": {c.metric: c for c in one.cards},
        "protocols": {protocol_digest(one, c): protocol(one, c) for c in one.cards},
        "provenance": Provenance("0.1.0", f"bench run {one.label}", {"torch": "2.9"}, "3.11", "linux", "cpu"),
        "dataset": {**identity, "label": one.dataset, "prompts": prompts, "samples": one.n, "declared": one.n,
                    "whole": one.whole, "only": ""},
        "counts": {"ok": len(frame) - one.failed, **({"failed": one.failed} if one.failed else {})}, "notes": (),
    }  # fmt: skip
    if one.change:
        one.change(data, frame)
    store.write_parquet(folder / "samples.parquet", frame)
    store.save(Run(**data))
    return str(folder)


def protocol(one: Synthetic, card: MetricCard) -> dict[str, Any]:
    """What the engine records of a metric, as far as it matters here."""
    dataset = {"name": one.dataset, "version": "1"}
    return {
        "metric": card.name, "version": card.version, "params": {}, "dataset": dataset,
        "extractors": [{"name": "toy", "weights": "a" * 64}], "prompts": digest([dataset, one.n, "prompts"]),
        "repeats": one.repeats, "missing": "exclude",
    }  # fmt: skip


def protocol_digest(one: Synthetic, card: MetricCard) -> str:
    return digest(protocol(one, card))


def samples(one: Synthetic) -> pd.DataFrame:
    """The table: what prompts have in common comes from the data set, the rest from the run's own seed."""
    shared, own = (
        np.random.default_rng(len(one.dataset)),
        np.random.default_rng([one.seed, one.run_seed, len(one.dataset)]),
    )
    rows = one.n * one.repeats
    names = np.repeat([f"s{i:05d}" for i in range(one.n)], one.repeats)
    data: dict[str, Any] = {
        "sample": names, "k": np.tile(np.arange(one.repeats), one.n), "group": names,
        "prompt": [f"a photograph of {name}" for name in names], "status": "ok", "reason": "", "image": "",
        "digest": [digest([one.label, i]) for i in range(rows)] if rows < 500 else "", "reference": "",
        "tag:kind": np.repeat([("animal", "tool", "place")[i % 3] for i in range(one.n)], one.repeats),
    }  # fmt: skip
    missing = np.arange(rows) < one.failed
    for card in one.cards:
        ease = np.repeat(shared.normal(size=one.n), one.repeats)
        data |= _columns(one, card, ease, own, missing)
    frame = pd.DataFrame(data)
    if one.failed:
        frame.loc[frame.index[: one.failed], ["status", "reason"]] = "failed", "the safety filter refused"
    return frame


def _columns(
    one: Synthetic, card: MetricCard, ease: np.ndarray, own: np.random.Generator, missing: np.ndarray
) -> dict[str, Any]:
    value = ease + one.skill + one.noise * own.normal(size=len(ease))
    if one.constant is not None:
        value = np.full(len(ease), one.constant)
    found: dict[str, np.ndarray] = {}
    if card is HITS:
        hit = (value > -0.3).astype(float)
        found = {"hit": hit, "side": hit * (own.random(len(hit)) < 0.6), "rank": np.ceil(np.exp(3 - value))}
    elif card.scope == "set":
        if card is FD:
            found = {contribution("value"): 40 - value}
    else:
        found = {"score": -value if card.outputs[0].direction == "lower" else value}
    return {f"{card.metric}:{name}": np.where(missing, np.nan, column) for name, column in found.items()}


def scores(one: Synthetic, frame: pd.DataFrame, resamples: int = 200) -> tuple[Score, ...]:
    """Scores of the table, with the engine's own intervals (of fewer resamples)."""
    made = []
    groups = frame["group"].to_numpy()
    n = int((frame["status"] == "ok").sum())
    for card in one.cards:
        mark = protocol_digest(one, card)
        for output in card.outputs:
            base = Score(card.metric, output.name, None, n=n, n_missing=len(frame) - n, protocol=mark)
            estimator = output.estimator or Estimator("mean", (contribution(output.name),))
            if output.estimator is None and f"{card.metric}:{contribution(output.name)}" not in frame:
                made.append(_of_blocks(base, one))
                continue
            columns = {
                c: frame[f"tag:{c}" if f"tag:{c}" in frame else f"{card.metric}:{c}"].to_numpy()
                for c in estimator.columns
            }
            value = estimate(estimator, columns)
            low, high, method = interval(estimator, columns, groups, resamples=resamples)
            made.append(dataclasses.replace(base, value=_real(value), low=_real(low), high=_real(high), method=method))
    return tuple(made)


def _of_blocks(base: Score, one: Synthetic) -> Score:
    shared, own = np.random.default_rng(5), np.random.default_rng([one.seed, one.run_seed, 6])
    value = float(np.clip(0.5 + one.skill / 10, 0, 1))
    blocks = np.clip(value + 0.01 * shared.normal(size=10) + 0.004 * own.normal(size=10), 0, 1)
    low, high, method = jackknife_interval(value, blocks)
    return dataclasses.replace(
        base, value=value, low=low, high=high, method=method, replicates=tuple(map(float, blocks))
    )


def _real(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


BOARD = """\
title = "Toy board"
version = "1"

[order]
metric = "quality"

[[dataset]]
name = "toy"

[[metric]]
metric = "quality"
"""


def write_board_runs(
    root: Path, *, systems: int = 12, metrics: int = 6, prompts: int = 200, primary: int = 5, failed: int = 0,
    spread: float = 0.3, seed: int = 0,
) -> tuple[Path, list[str]]:  # fmt: skip
    """A board.toml and its runs: `metrics` means, the first `primary` of them in the family; skills are normal.

    failed: images that each run lacks, other ones in each. Generators and fusions make a factorial.
    """
    rng = np.random.default_rng(seed)
    cards = tuple(
        mean_card(f"metric-{i:02d}", f"Metric {i:02d}", direction="lower" if i % 4 == 3 else "higher")
        for i in range(metrics)
    )
    runs = [
        _fast(root, i, cards, float(rng.normal() * spread), prompts, failed, np.random.default_rng([seed, i]))
        for i in range(systems)
    ]
    lines = ['title = "Synthetic board"', 'version = "1"', f"coverage = {0.5 if failed else 1.0}", "",
             "[order]", 'metric = "metric-00"', "", "[[dataset]]", 'name = "toy"']  # fmt: skip
    for i in range(metrics):
        lines += ["", "[[metric]]", f'metric = "metric-{i:02d}"', f"primary = {'true' if i < primary else 'false'}"]
    board = root / "board.toml"
    board.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return board, runs


_FUSIONS = ("none", "concat", "film", "attention(heads=4)")


def _fast(
    root: Path, i: int, cards: Sequence[MetricCard], skill: float, prompts: int, failed: int, rng: np.random.Generator
) -> str:
    """As `write_run`, with intervals by formula: 200 runs are written in seconds."""
    folder = root / "runs" / f"system-{i:03d}"
    folder.mkdir(parents=True)
    system = f"gen{i // 4:02d}(steps={i // 4 + 4})+{_FUSIONS[i % 4]}"
    one = Synthetic(f"System {i:03d}", skill, system=system, n=prompts, cards=tuple(cards))
    ease = np.random.default_rng(7).normal(size=(len(cards), prompts))
    values = ease + skill + rng.normal(size=(len(cards), prompts))
    lost = rng.choice(prompts, failed, replace=False)
    values[:, lost] = np.nan
    names = [f"s{p:05d}" for p in range(prompts)]
    data: dict[str, Any] = {
        "sample": names, "k": 0, "group": names, "prompt": [f"a photograph of thing {p}" for p in range(prompts)],
        "status": np.where(np.isin(np.arange(prompts), lost), "failed", "ok"), "reason": "", "image": "", "digest": "",
        "tag:kind": [("animal", "tool", "place")[p % 3] for p in range(prompts)],
    }  # fmt: skip
    made = []
    for card, row in zip(cards, values, strict=True):
        column = -row if card.outputs[0].direction == "lower" else row
        data[f"{card.metric}:score"] = column
        mean, half = float(np.nanmean(column)), 1.96 * float(np.nanstd(column, ddof=1) / np.sqrt(prompts - failed))
        made.append(Score(card.metric, "value", mean, mean - half, mean + half, "cluster bootstrap (BCa)",
                          prompts - failed, failed, "exclude", protocol_digest(one, card)))  # fmt: skip
    store.write_parquet(folder / "samples.parquet", pd.DataFrame(data))
    identity = {"name": "toy", "version": "1"}
    listed = digest([identity, prompts, "prompts"])
    store.save(Run(
        path=str(folder), spec=RunSpec(one.system, "toy", one.label, repeats=1), digest=digest([one.system, listed]),
        label=one.label, scores=tuple(made), cards={c.metric: c for c in cards},
        protocols={protocol_digest(one, c): protocol(one, c) for c in cards},
        provenance=Provenance("0.1.0", f"bench run {one.label}", {"torch": "2.9"}, "3.11", "linux", "cpu"),
        dataset={**identity, "label": "toy", "prompts": listed, "samples": prompts, "declared": prompts, "whole": True,
                 "only": ""},
        counts={"ok": prompts - failed, **({"failed": failed} if failed else {})},
    ))  # fmt: skip
    return str(folder)
