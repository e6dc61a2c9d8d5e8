"""`bench compare` of two runs of 5,000 images with eleven metrics: below 20 s, report and findings included, beyond
thumbnails (the runs' images are not on disk).

Seconds of the processor, all threads together, which other work on the machine does not lengthen and which are no less
than those of the clock on a machine that is free.
"""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench import store
from bench.reports.comparison.compare import compare
from bench.reports.comparison.explain import findings
from bench.reports.write import write_report
from bench.stats.bootstrap import estimate, interval
from bench.types import Estimator, MetricCard, OutputCard, Provenance, Run, RunSpec, Score, contribution

N = 5000
KINDS = ("object", "counting", "colour", "position", "text")
ROUNDS = 3
pytestmark = pytest.mark.benchmark(timer=time.process_time)


def cards() -> list[MetricCard]:
    """Five means, two of zeros and ones, a ratio, a macro, a median and a set metric with contributions."""
    made = [("mean", ("score",), "0..1" if i > 4 else "") for i in range(7)]
    made += [("ratio", ("score", "asked"), ""), ("macro", ("score", "kind"), ""), ("median", ("score",), "")]
    found = []
    for i, (kind, columns, unit) in enumerate(made):
        output = OutputCard("value", f"metric {i}", "higher", unit=unit, estimator=Estimator(kind, columns))
        found.append(MetricCard(f"metric-{i}", f"metric-{i}", 1, "sample", (output,)))
    found.append(MetricCard("fd", "fd", 1, "set", (OutputCard("value", "FD", "lower"),)))
    return found


def run_of(folder: Path, skill: float, seed: int) -> str:
    own, shared = np.random.default_rng(seed), np.random.default_rng(0)
    ease, ids = shared.normal(size=N), [f"prompt-{i:05d}" for i in range(N)]
    data: dict[str, object] = {
        "sample": ids, "k": 0, "group": ids,
        "prompt": [f"a photograph of the thing number {i} on a table" for i in ids],
        "status": "ok", "reason": "", "image": [f"images/{i}.png" for i in ids], "digest": ids, "width": 512,
        "height": 512, "seed": 0, "reference": "",
    }  # fmt: skip
    for tag, values in {"kind": KINDS, "hard": ("yes", "no"), "length": tuple("abcdefgh")}.items():
        data[f"tag:{tag}"] = [values[int(i)] for i in shared.integers(0, len(values), N)]
    made = cards()
    for i, card in enumerate(made[:-1]):
        score = ease + skill + own.normal(size=N)
        data[f"{card.metric}:score"] = (score > 0).astype(float) if i > 4 and i != 9 else score
        if card.outputs[0].estimator.kind == "ratio":
            data[f"{card.metric}:asked"] = 1.0
    data[f"fd:{contribution('value')}"] = 20 - skill + own.normal(size=N)
    frame = pd.DataFrame(data)
    scores = []
    for card in made:
        output = card.outputs[0]
        rule = output.estimator or Estimator("mean", (contribution("value"),))
        table = {c: frame[f"tag:{c}" if c == "kind" else f"{card.metric}:{c}"].to_numpy() for c in rule.columns}
        low, high, method = interval(rule, table, np.arange(N), resamples=200)
        scores.append(
            Score(card.metric, "value", estimate(rule, table), low, high, method, N, protocol="p" + card.metric)
        )
    store.write_parquet(folder / "samples.parquet", frame)
    store.save(Run(
        path=str(folder), spec=RunSpec(folder.name, "toy"), digest=f"{seed:032d}", label=folder.name,
        scores=tuple(scores), cards={c.metric: c for c in made}, protocols={"p" + c.metric: {} for c in made},
        provenance=Provenance("0"), dataset={"name": "toy", "prompts": "one"}, counts={"ok": N},
    ))  # fmt: skip
    return str(folder)


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> list[str]:
    root = tmp_path_factory.mktemp("runs")
    return [run_of(root / name, skill, seed) for name, skill, seed in (("one", 0.0, 1), ("two", 0.1, 2))]


def test_compare_two_runs(benchmark, runs):
    found = benchmark.pedantic(lambda: compare(runs), rounds=ROUNDS)
    assert found.common == N and len(found.primary) == 11
    assert benchmark.stats.stats.median < 5


def test_findings_of_two_runs(benchmark, runs):
    found = compare(runs)
    made = benchmark.pedantic(lambda: findings(dataclasses.replace(found, tables=None)), rounds=ROUNDS)
    assert len(made.prompts.samples) == N and len(made.by_tag) == 3
    assert benchmark.stats.stats.median < 8


def test_compare_with_its_report(benchmark, runs, tmp_path):
    made = benchmark.pedantic(lambda: write_report(compare(runs), tmp_path / "out"), rounds=ROUNDS)
    assert made.is_file()
    assert benchmark.stats.stats.median < 20
