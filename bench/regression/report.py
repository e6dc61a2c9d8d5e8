"""The page of a run and its baselines: the verdict, each difference against its margin, and the pictures behind it."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.errors import NotComparable
from bench.regression import forms
from bench.regression.baseline import Baseline, as_run
from bench.regression.verdict import Item, Verdict
from bench.reports.comparison.compare import compare
from bench.reports.pages.effects import grid
from bench.reports.pages.views import broken, strip
from bench.reports.write import write_report

_NEAR, _FAR = 3.0, 8.0
"""Margins that the axis shows to either side: at least, and at most."""
_BADGES = {
    "pass": ("better", "✓ pass"), "regressed": ("worse", "▼ regressed"), "inconclusive": ("unknown", "? inconclusive"),
    "not comparable": ("worse", "≠ not comparable"), "incomplete": ("worse", "! incomplete"),
}  # fmt: skip
_LEGEND = (
    "Dot and bar: difference to the baseline with its 90 % interval, on an axis of margins; right is better. Shaded: "
    "what the gate accepts. A comparison passes when its whole bar is in the shade, and is a regression when it is not "
    "and the run is worse beyond chance. Grey: advisory. Seen from: the smallest true drop that is called a regression "
    "with 80 % power."
)


def report(verdict: Verdict, run: Path, baselines: Sequence[Baseline], home: Path, out: Path) -> Path | None:
    """Write the page to `out`; None where the two are not comparable."""
    if verdict.differences:
        return None
    with tempfile.TemporaryDirectory() as scratch:
        held = []
        for one in baselines:
            as_run(one, Path(scratch) / one.name, home, label=one.name)
            held.append(Path(scratch) / one.name)
        try:
            comparison = compare([run, *held], baseline=str(held[0]))
        except NotComparable:  # a part of the prompts, or another protocol of what the gate does not ask for
            comparison = compare([run, *held], baseline=str(held[0]), force=True)
        return write_report(comparison, out, gate=told(verdict))


def told(verdict: Verdict) -> dict[str, Any]:
    """The verdict as gate.html.j2 places it."""
    kind, badge = _BADGES[verdict.outcome]
    head, ends = forms.headline(verdict), _axis(verdict.items)
    words = (f"−1{' margin' if ends[1] == _NEAR else ''}", "0", "+1")
    ticks = [{"left": round(50 + 50 * i / ends[1], 2), "text": words[i + 1]} for i in (-1, 0, 1)]
    findings = [(f.text, *(("", "note") if f.outcome == "pass" else _BADGES[f.outcome])) for f in verdict.findings]
    return {
        "title": f"{verdict.run} against baseline {' and '.join(verdict.baselines)}", "kind": kind, "badge": badge,
        "head": head, "findings": [{"text": t, "kind": k, "badge": b} for t, k, b in findings if t not in head],
        "lines": [_line(item, len(verdict.baselines) > 1, ends) for item in forms.ordered(verdict)],
        "ticks": ticks, "grid": grid(ticks), "legend": _LEGEND, "changes": verdict.changes,
        "command": forms.reproduce(verdict),
    }  # fmt: skip


def _axis(items: Sequence[Item]) -> tuple[float, float]:
    """Ends, in margins, that hold the intervals where that is possible."""
    found = [abs(v) / i.margin for i in items for v in (i.low, i.high) if v is not None and i.margin]
    reach = min(max(float(np.ceil(max(found, default=0.0))), _NEAR), _FAR)
    return -reach, reach


def _line(item: Item, several: bool, ends: tuple[float, float]) -> dict[str, Any]:
    kind, badge = _BADGES[item.outcome]
    cells = dict(zip(forms.HEAD, forms.row(item, several), strict=True))
    margin, left = item.margin, round(50 - 50 / ends[1], 2)
    delta, low, high = (None if v is None or not margin else v / margin for v in (item.delta, item.low, item.high))
    return {
        "name": broken(cells["metric"]), "kind": kind if item.blocking else "faint", "badge": badge,
        "note": "" if item.blocking else "advisory", "why": item.reason,
        "strip": strip(delta, low, high, ends, 0.0), "blind": {"left": left, "width": 100 - left},
        "delta": cells["change"], "span": cells["90 % interval"], "before": cells["baseline"], "after": cells["run"],
        "margin": cells["margin"], "seen": cells["seen from"], "prompts": cells["prompts"],
    }  # fmt: skip
