"""write_conditions: the rankings of several data sets as a folder, with each data set's own report below it."""

from __future__ import annotations

import json
from pathlib import Path

from bench.errors import UsageError
from bench.reports.comparison.findings import Conditions
from bench.reports.exports.rankings import conditions_data, rankings_csv, rankings_markdown
from bench.reports.pages.conditions_page import conditions_page
from bench.reports.write import write_report
from bench.spec import safe_id
from bench.store import write_atomic


def write_conditions(found: Conditions, out_dir: str | Path, *, by: str = "", images: str = "embedded") -> Path:
    """Write index.html, rankings.md, .csv and .json, and a report a data set; returns the path of index.html.

    by, images: as in `write_report`, for the reports below. UsageError when `out_dir` is a file.
    """
    out = Path(out_dir)
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file, and a report is a folder; give another --out.")
    names = folders(found)
    for one, name in zip(found.comparisons, names, strict=True):
        write_report(one, out / name, by=by, images=images)
    data = json.dumps(conditions_data(found), indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    texts = {
        "rankings.md": rankings_markdown(found.rankings, level=1), "rankings.csv": rankings_csv(found.rankings),
        "rankings.json": f"{data}\n", "index.html": conditions_page(found, names),
    }  # fmt: skip
    for name, text in texts.items():
        write_atomic(out / name, text.encode("utf-8", "replace"))
    return out / "index.html"


def folders(found: Conditions) -> list[str]:
    """Name of each comparison's folder: the data set's label, with what tells two of one label apart."""
    data = [c.dataset for c in found.comparisons]
    labels = [str(d.get("label") or d.get("name", "")) for d in data]
    names = [
        safe_id(label if labels.count(label) == 1 else f"{label} {d.get('prompts', '')}")
        for label, d in zip(labels, data, strict=True)
    ]
    return [n if names.count(n) == 1 else f"{n}-{i}" for i, n in enumerate(names)]
