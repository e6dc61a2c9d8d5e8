"""The comparison as text: a table for the terminal, Markdown, CSV in long form, and plain data for --json.

The terminal's table has systems down and metrics across, in as many blocks as the width asks for; names wrap and are
never cut. Control characters and marks that turn the direction of writing are made visible, since names come from
strangers.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

from bench.reports.comparison.nouns import Cell, Comparison, Row
from bench.reports.comparison.verdicts import verdicts
from bench.reports.numbers import ABSENT, ARROWS, DIRECTIONS, number, row_decimals, spread
from bench.reports.words import clean, display_width, escaped, wrapped

WIDTH = 100
_NAME = 28
_ASCII = str.maketrans(
    {"↑": "^", "↓": "v", "±": "~", "\u2212": "-", "\u2013": "-", "…": "..", "≥": ">=", "\N{NO-BREAK SPACE}": " "}
)

CSV_FIELDS = (
    "system", "dataset", "metric", "output", "value", "low", "high", "method", "n", "n_missing", "policy", "protocol",
)  # fmt: skip


# ---- terminal -------------------------------------------------------------------------------------------------------


def table(comparison: Comparison, *, width: int = WIDTH, ascii_only: bool = False, details: bool = False) -> str:
    """Plain aligned text of at most `width` columns: scores, verdicts, notes. `details` adds the secondary outputs."""
    rows = comparison.rows if details or not comparison.primary else comparison.primary
    parts = [_headline(comparison), *_blocks(comparison, rows, width)]
    sentences = [f"{_MARKS[v.kind]} {v.text}" for v in verdicts(comparison)]
    for title, lines in (("", sentences), ("Not compared:", comparison.refused), ("Notes:", comparison.notes)):
        if lines:
            parts.append("\n".join([title] * bool(title) + [w for line in lines for w in _filled(line, width)]))
    text = "\n\n".join(parts) + "\n"
    return text.translate(_ASCII) if ascii_only else text


_MARKS = {"better": "+", "worse": "-", "tied": "=", "unknown": "?"}


def _headline(comparison: Comparison) -> str:
    name = comparison.dataset.get("label") or comparison.dataset.get("name", "dataset")
    return clean(f"{name}: {comparison.prompts} prompts, {comparison.common} images a system")


def _blocks(comparison: Comparison, rows: Sequence[Row], width: int) -> list[str]:
    """Groups of metrics that fit the width, each a table."""
    names = {i: wrapped(clean(s.title), _NAME) for i, s in enumerate(comparison.systems)}
    first = max((display_width(line) for lines in names.values() for line in lines), default=0)
    columns = [_column(comparison, row) for row in rows]
    blocks: list[list[list[str]]] = []
    current: list[list[str]] = []
    used = first
    for column in columns:
        need = 2 + max(display_width(t) for t in column)
        if current and used + need > width:
            blocks.append(current)
            current, used = [], first
        current.append(column)
        used += need
    return [_block(comparison, names, first, block) for block in [*blocks, current] if block]


def _column(comparison: Comparison, row: Row) -> list[str]:
    """Head lines, then a text for each system: label, metric, n, cells."""
    digits = row_decimals(row)
    label = wrapped(f"{clean(row.label)}\N{NO-BREAK SPACE}{ARROWS[row.direction]}".rstrip(), 22)
    kind = wrapped(clean(row.title if not row.note else f"{row.title}, {row.note}"), 22)
    counts = sorted({c.n for c in row.cells if c is not None})
    n = f"n {counts[0]}" if len(counts) == 1 else f"n {counts[0]} to {counts[-1]}" if counts else ""
    head = [*(label[:3] + [""] * 3)[:3], *(kind[:3] + [""] * 3)[:3], n]
    return head + [cell_text(c, digits) for c in row.cells]


def cell_text(cell: Cell | None, digits: int) -> str:
    """'0.812 ±0.013*': value, interval, mark of the best set."""
    if cell is None or cell.value is None:
        return ABSENT
    return f"{number(cell.value, digits)} {spread(cell, digits)}".rstrip() + ("*" if cell.best else " ")


def _block(comparison: Comparison, names: dict[int, list[str]], first: int, columns: Sequence[list[str]]) -> str:
    head = len(columns[0]) - len(comparison.systems)
    widths = [max(display_width(t) for t in column) for column in columns]

    def line(name: str, at: int) -> str:
        cells = [_right(column[at], w) for column, w in zip(columns, widths, strict=True)]
        return "  ".join([_left(name, first), *cells]).rstrip()

    lines = [text for at in range(head) if (text := line("", at))]
    rule = "-" * (first + sum(w + 2 for w in widths))
    for group in (comparison.ranked, comparison.controls):
        lines += [rule] if group else []
        for i in group:
            lines += [line(names[i][0], head + i), *names[i][1:]]
    marked = any(row_text.endswith("*") for column in columns for row_text in column[head:])
    return "\n".join([*lines, "* not surely worse than the best"] if marked else lines)


# ---- Markdown -------------------------------------------------------------------------------------------------------


def markdown(comparison: Comparison) -> str:
    """report.md: verdicts, scores, differences and notes."""
    name = comparison.dataset.get("label") or comparison.dataset.get("name", "dataset")
    parts = [f"# Comparison on {escaped(str(name))}"]
    parts.append(f"{comparison.prompts} prompts, {comparison.common} images a system.")
    parts.append("\n".join(f"- {escaped(v.text)}." for v in verdicts(comparison)))
    parts += ["## Scores", _markdown_scores(comparison)]
    parts.append(
        "± is half the 95 % interval, [low, high] a lopsided one; **bold** marks all systems that are not surely worse "
        "than the best."
    )
    for title, lines in (("Not compared", comparison.refused), ("Notes", comparison.notes)):
        if lines:
            parts += [f"## {title}", "\n".join(f"- {escaped(line)}" for line in lines)]
    return "\n\n".join(p for p in parts if p) + "\n"


def _markdown_scores(comparison: Comparison) -> str:
    rows = comparison.rows
    head = ["System", *(escaped(f"{r.label} {ARROWS[r.direction]} ({r.title})") for r in rows)]
    lines = [_piped(head), _piped(["---", *("---:" for _ in rows)])]
    digits = [row_decimals(r) for r in rows]
    for i in (*comparison.ranked, *comparison.controls):
        title = escaped(comparison.systems[i].title)
        cells = [cell_text(r.cells[i], d).strip() for r, d in zip(rows, digits, strict=True)]
        bold = [f"**{c[:-1]}**" if c.endswith("*") else c for c in cells]
        lines.append(_piped([f"{title} (control)" if i in comparison.controls else title, *bold]))
    return "\n".join(lines)


def _piped(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


# ---- data -----------------------------------------------------------------------------------------------------------


def scores_csv(comparison: Comparison) -> str:
    """scores.csv: a line for each system and output, full precision, empty where there is no number."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(CSV_FIELDS)
    name = str(comparison.dataset.get("label") or comparison.dataset.get("name", ""))
    for i, system in enumerate(comparison.systems):
        for row in comparison.rows:
            c = row.cells[i]
            if c is None:
                continue
            numbers = ["" if v is None else repr(v) for v in (c.value, c.low, c.high)]
            writer.writerow([
                system.title, name, row.metric, row.output.name, *numbers, c.method, c.n, c.n_missing, c.policy,
                c.protocol,
            ])  # fmt: skip
    return stream.getvalue()


def as_data(comparison: Comparison) -> dict[str, Any]:
    """The comparison as JSON-ready data (`bench compare --json`)."""
    titles = [s.title for s in comparison.systems]
    return {
        "dataset": dict(comparison.dataset), "prompts": comparison.prompts, "common": comparison.common,
        "baseline": None if comparison.baseline is None else titles[comparison.baseline],
        "systems": [{"title": s.title, "run": s.path, "digest": s.run.digest, "control": s.control}
                    for s in comparison.systems],
        "scores": [_row_data(row, titles) for row in comparison.rows],
        "verdicts": [{"metric": v.row.metric, "output": v.row.output.name, "kind": v.kind, "text": v.text}
                     for v in verdicts(comparison)],
        "refused": list(comparison.refused), "notes": list(comparison.notes),
    }  # fmt: skip


def _row_data(row: Row, titles: Sequence[str]) -> dict[str, Any]:
    differences = [
        {**{k: v for k, v in vars(d).items() if k not in ("system", "reference")},
         "system": titles[d.system], "reference": titles[d.reference]}
        for d in row.differences if d is not None
    ]  # fmt: skip
    return {
        "metric": row.metric, "output": row.output.name, "label": row.label, "direction": row.direction,
        "meaning": DIRECTIONS[row.direction], "unit": row.output.unit, "protocol": row.protocol, "primary": row.primary,
        "systems": {t: vars(c) for t, c in zip(titles, row.cells, strict=True) if c is not None},
        "differences": differences,
    }  # fmt: skip


# ---- aligned lines --------------------------------------------------------------------------------------------------


def _left(text: str, width: int) -> str:
    return text + " " * (width - display_width(text))


def _right(text: str, width: int) -> str:
    return " " * (width - display_width(text)) + text


def _filled(text: str, width: int) -> list[str]:
    first, *rest = wrapped(clean(text), width - 2, " ")
    return [first, *(f"  {line}" for line in rest)]
