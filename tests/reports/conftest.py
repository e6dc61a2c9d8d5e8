"""Synthetic run folders with known differences, written by the suite's own store."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from bench import store
from bench.stats.bootstrap import estimate, interval
from bench.stats.jackknife import jackknife_interval
from bench.types import Estimator, MetricCard, OutputCard, Provenance, Run, RunSpec, Score, View

CLIP = MetricCard(
    "clipscore", "clipscore", 1, "sample",
    (OutputCard("value", "CLIPScore", "higher", 0.0, 100.0, "", True, Estimator("mean", ("score",))),),
    views={"image": View("generated", "features", "open-clip")}, caveat="random weights (seed 0)",
)  # fmt: skip
HITS = MetricCard(
    "object-presence", "object-presence", 1, "sample",
    (
        OutputCard("value", "Objects present", "higher", 0.0, 1.0, "", True, Estimator("mean", ("hit",))),
        OutputCard("side", "Right side if present", "higher", 0.0, 1.0, "", True, Estimator("ratio", ("side", "hit"))),
        OutputCard("kinds", "Objects by kind", "higher", 0.0, 1.0, "", False, Estimator("macro", ("hit", "kind"))),
    ),
)  # fmt: skip
FD = MetricCard(
    "fd(extractor=inception-v3(resize=tf-fid))", "fd", 1, "set",
    (OutputCard("value", "FID", "lower", 0.0, None),), summary="Fréchet distance",
)  # fmt: skip
CARDS = (FD, CLIP, HITS)


def picture(seed: int, size: int = 64) -> np.ndarray:
    """A smooth colourful image: uint8 (size, size, 3)."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:size, 0:size] / size
    waves = [np.sin(2 * np.pi * (rng.uniform(0.5, 2) * x + rng.uniform(0.5, 2) * y + rng.uniform())) for _ in range(3)]
    return (127 + 120 * np.stack(waves, axis=-1)).astype(np.uint8)


@dataclasses.dataclass
class Maker:
    """Writes runs below one root."""

    root: Path

    def __call__(
        self,
        label: str,
        *,
        skill: float = 0.0,
        n: int = 60,
        repeats: int = 2,
        control: bool = False,
        seed: int = 1,
        prompts: Callable[[int], str] = lambda i: f"a photograph of thing number {i}",
        images: bool = True,
        failed: int = 0,
        change: Callable[[dict[str, Any]], None] | None = None,
        size: int = 64,
        cards: tuple[MetricCard, ...] = CARDS,
    ) -> str:
        folder = self.root / f"run-{len(list(self.root.glob('run-*')))}"
        folder.mkdir(parents=True)
        frame = self._frame(folder, skill, n, repeats, seed, prompts, images, failed, size)
        data = {
            "path": str(folder), "spec": RunSpec(f"folder(path={label})", "toy", label, repeats=repeats,
                                                 factors={"control": "true"} if control else {}),
            "label": label, "scores": self._scores(frame, skill, seed),
            "digest": f"{len(list(self.root.glob('run-*'))):08d}abcd",
            "cards": {c.metric: c for c in cards},
            "protocols": {f"{c.name:_<8}"[:8] + "0" * 24: self._protocol(c, n, repeats) for c in cards},
            "provenance": Provenance("0.1.0", f"bench run {label}", {"torch": "2.9"}, "3.11", "linux", "cpu"),
            "dataset": {"name": "toy", "version": "1", "prompts": f"list-{n}", "samples": n},
            "counts": {"ok": len(frame) - failed, **({"failed": failed} if failed else {})},
            "notes": (),
        }  # fmt: skip
        if change:
            change(data)
        wanted = {c.metric for c in cards}
        data["scores"] = tuple(s for s in data["scores"] if s.metric in wanted)
        store.write_parquet(folder / "samples.parquet", frame)
        store.save(Run(**data))
        return str(folder)

    def _frame(self, folder, skill, n, repeats, seed, prompts, images, failed, size) -> pd.DataFrame:
        shared, own = np.random.default_rng(0), np.random.default_rng(seed + 1000)
        ease = np.repeat(shared.normal(size=n), repeats)
        rows = n * repeats
        hit = (ease + skill + own.normal(size=rows) > -0.5).astype(float)
        frame = pd.DataFrame({
            "sample": np.repeat([f"s{i:04d}" for i in range(n)], repeats), "k": np.tile(np.arange(repeats), n),
            "group": np.repeat([f"s{i:04d}" for i in range(n)], repeats), 
            "prompt": np.repeat([prompts(i) for i in range(n)], repeats),
            "status": "ok", "reason": "", "image": "", "digest": "", "width": size, "height": size, "reference": "",
            "tag:kind": np.repeat([("animal", "tool", "place")[i % 3] for i in range(n)], repeats),
            "clipscore:score": 25 + 2 * ease + skill + own.normal(size=rows), "object-presence:hit": hit,
            "object-presence:side": hit * own.integers(0, 2, rows),
        })  # fmt: skip
        if images:
            (folder / "images").mkdir()
            for i in range(min(rows, 24)):
                name = f"images/{i}.png"
                Image.fromarray(picture(seed * 100 + i, size)).save(folder / name)
                frame.loc[i, ["image", "digest"]] = name, f"{seed}-{i}"
        if failed:
            where = frame.index[:failed]
            frame.loc[where, ["status", "reason", "image"]] = "failed", "the safety filter refused", ""
            frame.loc[where, "object-presence:hit"] = 0.0
            frame.loc[where, ["clipscore:score", "object-presence:side"]] = np.nan, 0.0
        return frame

    @staticmethod
    def _protocol(card: MetricCard, n: int, repeats: int) -> dict[str, Any]:
        return {"metric": card.name, "version": card.version, "params": {}, "extractors": [{"weights": "a" * 64}],
                "dataset": {"name": "toy"}, "prompts": f"list-{n}", "repeats": repeats}  # fmt: skip

    @staticmethod
    def _scores(frame: pd.DataFrame, skill: float, seed: int) -> tuple[Score, ...]:
        n, missing = len(frame), int((frame["status"] != "ok").sum())
        base = np.random.default_rng(99).normal(size=10) * 2
        blocks = 40 - 6 * skill + base + np.random.default_rng(seed).normal(size=10) * 0.3
        low, high, method = jackknife_interval(40 - 6 * skill, blocks)
        made = [Score(FD.metric, "value", 40 - 6 * skill, low, high, method, n - missing, missing, "exclude",
                      f"{'fd':_<8}" + "0" * 24, tuple(blocks))]  # fmt: skip
        for card in (CLIP, HITS):
            for output in card.outputs:
                columns = {c: frame[f"{card.metric}:{c}"].to_numpy() for c in output.estimator.columns if c != "kind"}
                columns["kind"] = frame["tag:kind"].to_numpy()
                ends = interval(output.estimator, columns, frame["group"].to_numpy(), resamples=300)
                numbers = (estimate(output.estimator, columns), *ends[:2])
                value, low, high = (None if np.isnan(v) else v for v in numbers)
                made.append(Score(card.metric, output.name, value, low, high, ends[2], n=n - missing,
                                  n_missing=missing, policy="exclude", protocol=f"{card.name:_<8}"[:8] + "0" * 24,
                                  chance=0.5))  # fmt: skip
        return tuple(made)


@pytest.fixture(scope="session")
def maker() -> type[Maker]:
    """The factory's class, for roots that outlive a test."""
    return Maker


@pytest.fixture
def make(tmp_path) -> Maker:
    """Factory of run folders below a temporary root."""
    return Maker(tmp_path / "runs")
