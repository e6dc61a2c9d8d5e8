"""Which forms a comparison has beside the page: by name for stdout, by file name for the report's folder."""

from __future__ import annotations

from collections.abc import Callable

from bench.reports.comparison.nouns import Comparison
from bench.reports.exports.data import comparison_json, scores_csv, scores_parquet
from bench.reports.exports.latex import comparison_table
from bench.reports.exports.markdown import markdown
from bench.reports.exports.methods import comparison_methods
from bench.reports.exports.text import table

PRINTED: dict[str, Callable[[Comparison], str]] = {
    "text": table, "markdown": markdown, "latex": comparison_table, "csv": scores_csv, "json": comparison_json,
    "methods": comparison_methods,
}  # fmt: skip
"""Name -> the comparison in that form (`bench compare RUNS --print NAME`)."""


def files(comparison: Comparison) -> dict[str, bytes]:
    """File name -> bytes of every export of a report's folder; equal for equal input."""
    texts = {
        "report.md": markdown(comparison), "scores.csv": scores_csv(comparison),
        "table.tex": comparison_table(comparison), "comparison.json": comparison_json(comparison),
    }  # fmt: skip
    return {
        **{name: text.encode("utf-8", "replace") for name, text in texts.items()},
        "scores.parquet": scores_parquet(comparison),
    }  # fmt: skip
