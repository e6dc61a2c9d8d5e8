"""Run folders whose numbers are given, image by image."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench import store
from bench.stats.bootstrap import estimate, interval
from bench.types import Estimator, MetricCard, OutputCard, Provenance, Run, RunSpec, Score, contribution


def card(name: str, direction: str = "higher", *, kind: str = "mean", second: str = "", scope: str = "sample",
         responds: Sequence[str] = (), primary: bool = True, high: float | None = None, caveat: str = "",
         label: str = "") -> MetricCard:  # fmt: skip
    """A metric of one output whose column is 'score' (and `second`)."""
    rule = None if scope == "set" else Estimator(kind, ("score", second) if second else ("score",))
    low = None if high is None else 0.0
    output = OutputCard("value", label or name, direction, low, high, "", primary, rule)
    return MetricCard(name, name, 1, scope, (output,), tuple(responds), caveat=caveat)


@dataclasses.dataclass
class Plant:
    """Writes runs below one root."""

    root: Path

    def __call__(
        self, label: str, values: Mapping[str, Any], cards: Sequence[MetricCard], *, measured: Any = None, **more: Any
    ) -> str:
        """Write a run of `made`; measured: content of measured.json."""
        run, frame = self.made(label, values, cards, **more)
        folder = Path(run.path)
        store.write_parquet(folder / "samples.parquet", frame)
        store.save(run)
        if measured is not None:
            text = measured if isinstance(measured, str) else json.dumps(measured)
            (folder / "measured.json").write_text(text)
        return run.path

    def made(
        self,
        label: str,
        values: Mapping[str, Any],
        cards: Sequence[MetricCard],
        *,
        repeats: int = 1,
        tags: Mapping[str, Sequence[str]] | None = None,
        group: Sequence[str] | None = None,
        lost: Sequence[int] = (),
        images: Callable[[int], str] = lambda i: f"images/{i}.png",
        dataset: Mapping[str, Any] | None = None,
        protocols: Mapping[str, Mapping[str, Any]] | None = None,
        **more: Any,
    ) -> tuple[Run, pd.DataFrame]:
        """values: 'metric:column' -> one number an image; tags, group: one a prompt; lost: rows that failed."""
        folder = self.root / f"run-{len(list(self.root.glob('run-*'))) if self.root.is_dir() else 0:03d}"
        rows = len(next(iter(values.values())))
        n, told = rows // repeats, {"name": "toy", "prompts": f"list-{rows // repeats}", **(dataset or {})}
        prompts = [f"p{i:04d}" for i in range(n)]
        frame = pd.DataFrame({
            "sample": np.repeat(prompts, repeats), "k": np.tile(np.arange(repeats), n),
            "group": np.repeat(prompts if group is None else list(group), repeats),
            "prompt": np.repeat([f"a picture of {p}" for p in prompts], repeats), "status": "ok", "reason": "",
            "image": [images(i) for i in range(rows)], "digest": [f"{label}{i}" for i in range(rows)], "reference": "",
        })  # fmt: skip
        for name, given in (tags or {}).items():
            frame[f"tag:{name}"] = np.repeat(list(given), repeats)
        for name, given in values.items():
            frame[name] = np.asarray(given, dtype=float)
        frame.loc[list(lost), ["status", "reason", "image"]] = "failed", "broke", ""
        marks = {c.metric: f"{i:0>32}" for i, c in enumerate(cards)}
        data = {
            "path": str(folder), "spec": RunSpec(f"system({label})", "toy", label),
            "digest": folder.name.ljust(32, "0"),
            "label": label, "cards": {c.metric: c for c in cards}, "dataset": told,
            "scores": tuple(_score(c, frame, len(lost), marks[c.metric]) for c in cards),
            "protocols": {marks[c.metric]: dict((protocols or {}).get(c.metric, {"metric": c.name})) for c in cards},
            "provenance": Provenance(
                "0.1.0", f"bench run {label}", {"torch": "2.9"}, "3.11", "linux", "cpu", "float32"
            ),
            "counts": {"ok": rows - len(lost), **({"failed": len(lost)} if len(lost) else {})}, **more,
        }  # fmt: skip
        return Run(**data), frame


def _score(card: MetricCard, frame: pd.DataFrame, lost: int, mark: str) -> Score:
    output = card.outputs[0]
    rule = output.estimator or Estimator("mean", (contribution("value"),))
    tag = rule.columns[1] if rule.kind == "macro" else None
    table = {c: frame[f"tag:{c}" if c == tag else f"{card.metric}:{c}"].to_numpy() for c in rule.columns}
    value = estimate(rule, table)
    low, high, method = interval(rule, table, frame["group"].to_numpy(), resamples=200)
    ends = [float(e) if np.isfinite(e) else None for e in (low, high)]
    if not np.isfinite(value):
        return Score(card.metric, "value", None, note="no row to which it applies", protocol=mark)
    n = int(np.isfinite(table[rule.columns[0]]).sum())
    return Score(card.metric, "value", float(value), *ends, method, n, lost, "exclude", mark)
