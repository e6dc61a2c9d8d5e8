"""Writes reports/reference from nothing: `python tools/reference.py [controls] [fusion] [--device cuda]`.

controls: the runs of examples/quickstart.toml (drawn and judged here, no download), their comparison, their board with
the trained systems that come with the package, and the README's figure; minutes. fusion: the board of strategies; those
that BENCH_HOME has no weights of are trained first, which takes a GPU ten minutes and two cores a night. Without a name
the controls. Paths are relative to the checkout, so that what is committed names no machine.
"""

from __future__ import annotations

import argparse
import os
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OUT = "reports/reference"
SHOWN = (
    "r-precision(extractor=scene-clip)", "attribute-binding", "spatial-relation", "counting",
)  # fmt: skip
"""Metrics of the README's figure."""
TRAINED = ("cgan", "cman", "wirn", "titan")
"""Trained systems beside those of the quickstart."""
SEEN = (
    "oracle", "flow+attention", "text-blind flow", "cgan+concat", "iten+film", "cman+attention", "wirn+none",
    "titan+none",
)  # fmt: skip
"""Systems whose pictures stand side by side."""
STEPS, SEEDS = 860, "1,2,3"
"""Of the trainings of the board of strategies."""


def bench(*words: str) -> None:
    """One command line; ends the program where it fails."""
    from bench.cli import main

    sys.argv = ["bench", *words]  # what the runs record as their command
    code = main(words)
    if code:
        raise SystemExit(f"bench {' '.join(words)} ended with {code}")


def controls() -> None:
    """comparison, board and figures."""
    bench("run", "examples/quickstart.toml", "--report", f"{OUT}/comparison")
    size = tomllib.loads(Path("examples/quickstart.toml").read_text())["dataset"]
    bench("run", *TRAINED, "--dataset", size, "--report", "runs/trained")
    runs = str(next(p for p in sorted(Path("runs").glob("scenes-test-*")) if any(p.glob("oracle-*"))))
    bench("leaderboard", "pin", f"{OUT}/board.toml", runs)
    bench("leaderboard", f"{OUT}/board.toml", runs, "--out", f"{OUT}/board")
    metrics = [w for metric in SHOWN for w in ("-m", metric)]
    bench("plot", "scores", runs, *metrics, "--style", "wide", "--format", "svg,png", "--out", f"{OUT}/figures")
    bench("plot", "samples", runs, *_only(*SEEN), "--style", "wide", "--format", "png", "--prompts", "8",
          "--out", f"{OUT}/figures")  # fmt: skip


def _only(*systems: str) -> list[str]:
    return [word for system in systems for word in ("--system", system)]


def fusion(device: str) -> None:
    """fusion/: board, factorial and pictures of the strategies."""
    from bench import registry
    from bench.errors import WeightsMissing
    from bench.spec import parse

    folder = f"{OUT}/fusion"
    systems = tomllib.loads(Path(f"{folder}/systems.toml").read_text())["systems"]
    for strategy in dict.fromkeys(system.partition("+")[2] for system in systems):
        for seed in SEEDS.split(","):
            system = registry.create("generator", "flow", {"train_seed": int(seed)})
            system.fuse(parse(strategy))
            try:
                system.path()
            except WeightsMissing:
                bench("train", "generator:flow", "--fusion", strategy, "--full", "--steps", str(STEPS), "--seed", seed,
                      "--device", device, "--install")  # fmt: skip
    bench("run", f"{folder}/systems.toml", "--root", "runs/fusion", "--report", "runs/fusion/report")
    runs = str(next(iter(sorted(Path("runs/fusion").glob("scenes-test-*")))))
    bench("leaderboard", "pin", f"{folder}/board.toml", runs)
    bench("leaderboard", f"{folder}/board.toml", runs, "--out", f"{folder}/board")
    one = _only(*(system for system in systems if "train_seed=1" in system))
    bench("plot", "samples", runs, *one, "--style", "wide", "--format", "png", "--prompts", "10", "--out", folder)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=("controls", "fusion"))
    parser.add_argument("--device", default="cpu")
    asked = parser.parse_args()
    os.chdir(ROOT)
    if "controls" in (asked.parts or ["controls"]):
        controls()
    if "fusion" in asked.parts:
        fusion(asked.device)
