"""Writes the table of the README from a run of the quickstart: `python tools/readme_table.py [reports/quickstart]`.

Rows and columns are an excerpt; every number is copied from scores.csv.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

README = Path(__file__).resolve().parent.parent / "README.md"
BEGIN, END = "<!-- quickstart:begin -->", "<!-- quickstart:end -->"
ROWS = (
    "oracle", "wrong colour 50%", "wrong shape 50%", "wrong count 50%", "wrong side 50%", "shuffled", "constant",
    "noise", "nearest", "flow+attention", "text-blind flow", "iten+film",
)  # fmt: skip
COLUMNS = {
    "objects ↑": ("object-presence", "value"),
    "counts ↑": ("counting", "value"),
    "binding ↑": ("attribute-binding", "value"),
    "relation ↑": ("spatial-relation", "uncond"),
    "CLIPScore ↑": ("clipscore(extractor=scene-clip)", "value"),
    "R-precision ↑": ("r-precision(extractor=scene-clip)", "value"),
    "FD ↓": ("fd(extractor=scene-classifier)", "value"),
    "IS ↑": ("is(extractor=scene-classifier)", "value"),
}
"""Heading -> metric and output."""


def table(scores: pd.DataFrame) -> str:
    """The excerpt as plain text."""
    known = scores.set_index(["system", "metric", "output"])["value"]
    rows = [[name, *(_number(known.get((name, *key))) for key in COLUMNS.values())] for name in ROWS]
    lines = [["", *COLUMNS], *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return "\n".join(
        "  ".join([line[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(line[1:], widths[1:], strict=True))]).rstrip()
        for line in lines
    )


def _number(value: float | None) -> str:
    if value is None or pd.isna(value):
        return "none"
    return f"{value:.3f}" if abs(value) < 2 else f"{value:.1f}"


def written(text: str, excerpt: str) -> str:
    """The README with the excerpt between its marks."""
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n```text\n{excerpt}\n```\n{END}{tail}"


if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "reports/quickstart")
    README.write_text(written(README.read_text(), table(pd.read_csv(folder / "scores.csv"))), encoding="utf-8")
