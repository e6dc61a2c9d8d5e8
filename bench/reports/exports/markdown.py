"""Comparisons and runs in Markdown: verdicts, scores, differences, notes; names of strangers are literal."""

from __future__ import annotations

from collections.abc import Sequence

from bench.reports.comparison.nouns import Comparison, Difference, Row
from bench.reports.comparison.verdicts import amount, span, verdicts
from bench.reports.exports.one_run import main_rows, printed
from bench.reports.exports.rankings import rankings_markdown
from bench.reports.exports.text import cell_text
from bench.reports.numbers import ABSENT, ARROWS, difference_decimals, p_value, row_decimals
from bench.reports.words import escaped
from bench.types import Run


def markdown(comparison: Comparison) -> str:
    """report.md: verdicts, scores, differences, what was not compared, notes."""
    name = comparison.dataset.get("label") or comparison.dataset.get("name", "dataset")
    parts = [f"# Comparison on {escaped(str(name))}"]
    parts.append(f"{comparison.prompts} prompts, {comparison.common} images a system.")
    parts.append("\n".join(f"- {escaped(v.text)}." for v in verdicts(comparison)))
    parts += ["## Scores", _scores(comparison)]
    parts.append(
        "± is half the 95 % interval, [low, high] a lopsided one; **bold** marks all systems that are not surely worse "
        "than the best."
    )
    lines = [line for row in comparison.rows for line in _differences(comparison, row)]
    if lines:
        head = [_piped(["Metric", "System", "less", "Difference", "p, adjusted", "Verdict"])]
        parts += ["## Differences", "\n".join([*head, _piped(["---"] * 3 + ["---:"] * 2 + ["---"]), *lines])]
    parts += [rankings_markdown(comparison.rankings).rstrip("\n")] if comparison.rankings is not None else []
    lists = (("Not read", comparison.broken), ("Not compared", comparison.refused), ("Notes", comparison.notes))
    for title, told in lists:
        if told:
            parts += [f"## {title}", "\n".join(f"- {escaped(line)}" for line in told)]
    return "\n\n".join(p for p in parts if p) + "\n"


def _scores(comparison: Comparison) -> str:
    rows = comparison.rows
    head = ["System", *(escaped(f"{_label(r)} {ARROWS[r.direction]} ({r.title})") for r in rows)]
    lines = [_piped(head), _piped(["---", *("---:" for _ in rows)])]
    digits = [row_decimals(r) for r in rows]
    for i in (*comparison.ranked, *comparison.controls):
        title = escaped(comparison.systems[i].title)
        cells = [cell_text(r.cells[i], d).strip() for r, d in zip(rows, digits, strict=True)]
        bold = [f"**{c[:-1]}**" if c.endswith("*") else c for c in cells]
        lines.append(_piped([f"{title} (control)" if i in comparison.controls else title, *bold]))
    return "\n".join(lines)


def _label(row: Row) -> str:
    return f"{row.label} [{row.output.unit}]" if row.output.unit else row.label


def _differences(comparison: Comparison, row: Row) -> list[str]:
    return [_difference(comparison, row, d) for d in row.differences if d is not None]


def _difference(comparison: Comparison, row: Row, one: Difference) -> str:
    digits = difference_decimals(one)
    told = f"{amount(row, one.delta, digits, signed=True)} ({span(one, digits)})"
    titles = [escaped(comparison.systems[i].title) for i in (one.system, one.reference)]
    label = escaped(f"{row.label} ({row.title})")
    p = ABSENT if one.p_adjusted is None else escaped(p_value(one.p_adjusted))
    return _piped([label, *titles, told, p, one.kind])


def _piped(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def run_table(run: Run) -> str:
    """A table of metric, score with its 95 % interval, and n."""
    lines = ["| metric | score [95 %] | n |", "|---|---:|---:|"]
    for label, score, output in main_rows(run):
        name = f"{escaped(label)} {ARROWS[output.direction]}".rstrip()
        lines.append(f"| {name} | {' '.join(printed(score)).rstrip()} | {score.n} |")
    return "\n".join(lines)
