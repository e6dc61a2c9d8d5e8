"""Writes reports/reference from nothing: `python tools/reference.py [PART]... [--device cuda]`.

controls      the runs of examples/quickstart.toml (drawn and judged here, no download), their comparison, their board
              with the trained systems that come with the package, and the README's figure; minutes
fusion        the board of strategies and the factorial of generators x strategies
mitigations   cgan with each of the survey's mitigations: modes, divergence from uniform
constraints   flow with each semantic-consistency constraint, by judges that taught none of them
distance      the Fréchet distance of flow from renders of its own size, against that of renders of other scenes
robustness    trained systems asked in other words at five strengths, and with word embeddings moved against them

Without a name the controls. The others train first what has no weights yet (fusion: in BENCH_HOME; the rest: below
runs/training), which takes a GPU minutes and two cores a night. Paths are relative to the checkout, so that what is
committed names no machine.
"""

from __future__ import annotations

import argparse
import os
import tomllib
from pathlib import Path

from studies import OUT, STUDIES, bench

ROOT = Path(__file__).resolve().parent.parent
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


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=("controls", *STUDIES))
    parser.add_argument("--device", default="cpu")
    asked = parser.parse_args()
    os.chdir(ROOT)
    if "controls" in (asked.parts or ["controls"]):
        controls()
    for part in asked.parts:
        if part in STUDIES:
            STUDIES[part](asked.device)
