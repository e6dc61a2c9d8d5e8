"""What differed between the runs besides the system: hard fields, on which numbers may not be compared, and soft ones.

Hard are data set, prompt list and protocols (`checks` refuses them; they appear here in a forced comparison). Soft are
machine, versions, command, seeds and the like, which ought not to matter and sometimes do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bench.reports.comparison.checks import flat, identity
from bench.reports.comparison.findings import Change
from bench.reports.comparison.nouns import Comparison
from bench.types import Run


def changes(comparison: Comparison) -> tuple[Change, ...]:
    """Fields in which not all runs agree, hard ones first, by name."""
    runs = [s.run for s in comparison.systems]
    hard = _apart([flat({"dataset": identity(run)}) for run in runs], True)
    for metric in sorted({s.metric for run in runs for s in run.scores}):
        hard += _apart([_protocol(run, metric) for run in runs], True)
    return (*hard, *_apart([_soft(run) for run in runs], False))


def _apart(fields: Sequence[Mapping[str, str] | None], hard: bool) -> list[Change]:
    """None: the run has nothing to do with these fields, and differs from nobody."""
    found = []
    for name in sorted({n for f in fields if f is not None for n in f}):
        if len({f.get(name, "") for f in fields if f is not None}) > 1:
            found.append(Change(name, hard, tuple("" if f is None else f.get(name, "") for f in fields)))
    return found


def _protocol(run: Run, metric: str) -> dict[str, str] | None:
    """The protocol of a metric's scores; None where the run has none."""
    mark = next((s.protocol for s in run.scores if s.metric == metric), None)
    return None if mark is None else flat({metric: run.protocols.get(mark, {"protocol": mark})})


def _soft(run: Run) -> dict[str, str]:
    made, spec = run.provenance, run.spec
    fields: dict[str, Any] = {
        "suite": made.suite, "git": made.git, "command": made.command, "Python": made.python,
        "platform": made.platform, "device": made.device, "dtype": made.dtype,
        "package": dict(made.packages), "run seed": str(spec.seed), "subset": spec.only,
        "extractors": ", ".join(spec.extractors), "missing": spec.missing,
        "size": "" if spec.size is None else f"{spec.size[0]}x{spec.size[1]}",
        "factor": {k: v for k, v in spec.factors.items() if k != "control"},
    }  # fmt: skip
    return {name: value for name, value in flat(fields).items() if value}
