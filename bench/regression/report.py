"""The comparison page of a run and its baselines: the pictures behind a verdict."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.regression.baseline import Baseline, as_run
from bench.regression.verdict import Verdict
from bench.reports.comparison.compare import compare
from bench.reports.write import write_report


def report(verdict: Verdict, run: Path, baselines: Sequence[Baseline], home: Path, out: Path) -> Path | None:
    """Write the page to `out`; None where the two are not comparable."""
    if verdict.differences:
        return None
    with tempfile.TemporaryDirectory() as scratch:
        held = []
        for one in baselines:
            as_run(one, Path(scratch) / one.name, home, label=one.name)
            held.append(Path(scratch) / one.name)
        comparison = compare([run, *held], baseline=str(held[0]), force=True)
        return write_report(comparison, out)
