"""Writes reports/reference from nothing: `python tools/reference.py`.

The runs of examples/quickstart.toml (drawn and judged here, no download), their comparison, the board of
reports/reference/board.toml and the README's figure. Paths are relative to the checkout, so that what is committed
names no machine.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OUT = "reports/reference"
SHOWN = (
    "r-precision(extractor=scene-clip)", "attribute-binding", "spatial-relation", "counting",
)  # fmt: skip
"""Metrics of the README's figure."""


def bench(*words: str) -> None:
    """One command line; ends the program where it fails."""
    from bench.cli import main

    sys.argv = ["bench", *words]  # what the runs record as their command
    code = main(words)
    if code:
        raise SystemExit(f"bench {' '.join(words)} ended with {code}")


def made() -> None:
    """All that is committed below reports/reference but its README and board.toml."""
    bench("run", "examples/quickstart.toml", "--report", f"{OUT}/comparison")
    runs = str(next(p for p in sorted(Path("runs").glob("scenes-test-*")) if any(p.glob("oracle-*"))))
    bench("leaderboard", "pin", f"{OUT}/board.toml", runs)
    bench("leaderboard", f"{OUT}/board.toml", runs, "--out", f"{OUT}/board")
    metrics = [w for metric in SHOWN for w in ("-m", metric)]
    bench("plot", "scores", runs, *metrics, "--style", "wide", "--format", "svg,png", "--out", f"{OUT}/figures")


if __name__ == "__main__":
    os.chdir(ROOT)
    made()
