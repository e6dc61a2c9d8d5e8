"""The gate on 5,000 prompts and ten metrics within five seconds, from files to the verdict; what the plug-in adds to a
pytest that does not use it."""

from __future__ import annotations

import dataclasses
import statistics
import subprocess
import sys
import time
from pathlib import Path

import gated
import numpy as np

from bench import store
from bench.regression.baseline import made, read, write
from bench.regression.forms import as_json, junit, summary
from bench.regression.gate import gate
from bench.regression.policy import policy_from

PROMPTS, METRICS = 5000, 10
MOST, MOST_ADDED = 5.0, 0.1
"""Seconds."""


def wide(tmp_path: Path, label: str, seed: int) -> Path:
    """A run with ten metrics of single images, half of them zeros and ones."""
    folder = gated.run(tmp_path, label, match=gated.scores(PROMPTS, seed=seed))
    run, frame = store.load(folder), store.samples(folder)
    cards, scores = {}, []
    for i in range(METRICS):
        name = f"match(extractor=eye{i})"
        values = gated.scores(PROMPTS, seed=seed * 100 + i) if i % 2 else gated.hits(PROMPTS, 0.7, seed=seed * 100 + i)
        frame[f"{name}:score"] = values
        cards[name] = dataclasses.replace(gated.MATCH, metric=name)
        scores.append(dataclasses.replace(run.scores[0], metric=name, value=float(np.mean(values))))
    store.write_parquet(folder / "samples.parquet", frame)
    store.save(dataclasses.replace(run, cards=cards, scores=tuple(scores)))
    return folder


def test_the_gate_takes_less_than_five_seconds(tmp_path: Path, benchmark) -> None:
    write(made(wide(tmp_path, "old", 1), "main", "r", tmp_path), tmp_path)
    new = wide(tmp_path, "new", 2)
    rules = policy_from({"metric": [{"metric": f"match(extractor=eye{i})", "margin_sd": 0.2} for i in range(METRICS)]})

    def whole() -> None:
        verdict = gate(new, [read(tmp_path, "main")], rules, home=tmp_path)
        assert verdict.outcome == "pass" and len(verdict.items) == METRICS
        assert as_json(verdict) and junit(verdict) and summary(verdict)

    benchmark.pedantic(whole, rounds=3, iterations=1)
    assert benchmark.stats.stats.median < MOST


def test_who_does_not_use_the_plugin_waits_no_longer(tmp_path: Path, benchmark) -> None:
    """Starts with and without it, turn by turn."""
    (tmp_path / "test_nothing.py").write_text("def test_nothing(): pass\n")
    seconds: dict[str, list[float]] = {"with": [], "without": []}

    def start(how: str) -> None:
        words = ["-p", "no:text-image-bench"] if how == "without" else []
        began = time.perf_counter()
        done = subprocess.run([sys.executable, "-m", "pytest", "-q", *words], cwd=tmp_path, capture_output=True)
        seconds[how].append(time.perf_counter() - began)
        assert done.returncode == 0

    def both() -> None:
        start("with")
        start("without")

    benchmark.pedantic(both, rounds=7, iterations=1)
    added = statistics.median(seconds["with"]) - statistics.median(seconds["without"])
    benchmark.extra_info.update(added=added, without=statistics.median(seconds["without"]))
    assert added < MOST_ADDED
