"""Small runs whose every number a test decides, written by the suite's own store."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path

import numpy as np
import pandas as pd

from bench import store
from bench.stats.bootstrap import estimate, interval
from bench.stats.jackknife import jackknife_interval
from bench.types import Estimator, MetricCard, OutputCard, Provenance, Run, RunSpec, Score

MATCH = MetricCard(
    "match(extractor=eye)", "match", 1, "sample",
    (OutputCard("value", "Match", "higher", 0.0, 100.0, estimator=Estimator("mean", ("score",))),),
)  # fmt: skip
HITS = MetricCard(
    "hits", "hits", 1, "sample",
    (OutputCard("value", "Hits", "higher", 0.0, 1.0, estimator=Estimator("mean", ("score",))),),
)  # fmt: skip
ERROR = MetricCard(
    "error", "error", 1, "sample",
    (OutputCard("value", "Error", "lower", 0.0, None, estimator=Estimator("mean", ("score",))),),
)  # fmt: skip
FD = MetricCard("fd(extractor=eye)", "fd", 1, "set", (OutputCard("value", "FD", "lower", 0.0, None),))
RANK = MetricCard(
    "rank", "rank", 1, "gallery",
    (OutputCard("value", "R@1", "higher", 0.0, 1.0, estimator=Estimator("mean", ("score",))),),
)  # fmt: skip
OTHER = MetricCard(
    "match(extractor=ear)", "match", 1, "sample",
    (OutputCard("value", "Match", "higher", 0.0, 100.0, estimator=Estimator("mean", ("score",))),),
)  # fmt: skip
_CARDS = {"other": OTHER, "match": MATCH, "hits": HITS, "error": ERROR, "rank": RANK}
_count = itertools.count()


def run(
    root: Path, label: str = "ours", *, repeats: int = 1, blocks=None, only: str = "", prompts: str = "list",
    words=lambda i: f"a picture of thing {i}", status=None, digests=None, tags=None, chance=None, protocol=None,
    packages=None, first: int = 0, visibility: str = "", **scores,
) -> Path:  # fmt: skip
    """A run with a row an image of `match`, `other`, `hits`, `error`, `rank` (those given as arrays of prompts x
    repeats) and, from `blocks`, a set metric (value, replicates)."""
    rows = len(next(iter(scores.values())))
    n, number = rows // repeats, next(_count)
    sample = np.repeat([f"s{i + first:05d}" for i in range(n)], repeats)
    frame = pd.DataFrame({
        "sample": sample, "k": np.tile(np.arange(repeats), n), "group": sample,
        "prompt": np.repeat([words(i + first) for i in range(n)], repeats),
        "status": "ok" if status is None else status, "reason": "",
        "image": [f"images/{i}.png" for i in range(rows)],
        "digest": [f"{number}-{i}" for i in range(rows)] if digests is None else digests, "reference": "",
        **{f"tag:{k}": v for k, v in (tags or {}).items()},
    })  # fmt: skip
    found, cards, protocols = [], {}, {}
    for name, values in scores.items():
        card = _CARDS[name]
        frame[f"{card.metric}:score"] = np.asarray(values, dtype=np.float64)
        table = {"score": np.asarray(values, dtype=np.float64)}
        estimator = card.outputs[0].estimator
        low, high, method = interval(estimator, table, sample)
        mark = f"{name}-{protocol or 'p'}-{prompts}"
        protocols[mark] = {"metric": name, "resize": protocol or "p", "prompts": prompts}
        cards[card.metric] = card
        ends = [float(x) if np.isfinite(x) else None for x in (low, high)]
        found.append(Score(
            card.metric, "value", float(estimate(estimator, table)), *ends, method, rows, 0,
            "exclude", mark, chance=None if chance is None else chance.get(name),
        ))  # fmt: skip
    if blocks is not None:
        value, replicates = blocks
        low, high, method = jackknife_interval(value, replicates)
        cards[FD.metric], protocols["fd"] = FD, {"metric": "fd", "prompts": prompts}
        found.append(Score(FD.metric, "value", value, float(low), float(high), method, rows, 0, "exclude", "fd",
                           tuple(map(float, replicates))))  # fmt: skip
    folder = root / "runs" / f"{label}-{number:04d}"
    record = Run(
        path=str(folder), spec=RunSpec(f"toy(name={label})", "toy", label, repeats=repeats, only=only),
        digest=f"{number:08d}" + "0" * 24, label=label, scores=tuple(found), cards=cards, protocols=protocols,
        provenance=Provenance("0.1.0", f"bench run {label}", packages or {"torch": "2.9"}, "3.11", "linux", "cpu"),
        dataset={"name": "toy", "version": 1, "prompts": prompts, "samples": n,
                 **({"visibility": visibility} if visibility else {})},
        counts={"ok": rows},
    )  # fmt: skip
    folder.mkdir(parents=True)
    store.write_parquet(folder / "samples.parquet", frame)
    store.save(dataclasses.replace(record))
    return folder


def scores(n: int, *, seed: int = 0, shift: float = 0.0, noise: float = 1.0) -> np.ndarray:
    """(n,) of prompts of unequal ease, with own noise of this model's images."""
    ease = 5 * np.random.default_rng(99).normal(size=n)
    return 50 + ease + shift + noise * np.random.default_rng(seed).normal(size=n)


def hits(n: int, share: float, *, seed: int = 0) -> np.ndarray:
    """(n,) zeros and ones."""
    return (np.random.default_rng(seed).random(n) < share).astype(float)
