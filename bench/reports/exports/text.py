"""The comparison as text for a terminal: scores, verdicts, notes.

The table has systems down and metrics across, in as many blocks as the width asks for; names wrap and are
never cut. Control characters and marks that turn the direction of writing are made visible, since names come from
strangers.
"""

from __future__ import annotations

from collections.abc import Sequence

from bench.reports.comparison.nouns import Cell, Comparison, Row
from bench.reports.comparison.verdicts import verdicts
from bench.reports.exports.rankings import ASCII, rankings_text
from bench.reports.numbers import ABSENT, ARROWS, number, row_decimals, spread
from bench.reports.words import clean, display_width, wrapped

WIDTH = 100
_NAME = 28

# ---- terminal -------------------------------------------------------------------------------------------------------


def table(comparison: Comparison, *, width: int = WIDTH, ascii_only: bool = False, details: bool = False) -> str:
    """Plain aligned text of at most `width` columns: scores, verdicts, notes. `details` adds the secondary outputs."""
    rows = comparison.rows if details or not comparison.primary else comparison.primary
    parts = [_headline(comparison), *_blocks(comparison, rows, width)]
    sentences = [f"{_MARKS[v.kind]} {v.text}" for v in verdicts(comparison)]
    if comparison.rankings is not None:
        parts.append(rankings_text(comparison.rankings, width=width).rstrip("\n"))
    told = (("", sentences), ("Not read:", comparison.broken), ("Not compared:", comparison.refused),
            ("Notes:", comparison.notes))  # fmt: skip
    for title, lines in told:
        if lines:
            parts.append("\n".join([title] * bool(title) + [w for line in lines for w in _filled(line, width)]))
    text = "\n\n".join(parts) + "\n"
    return text.translate(ASCII) if ascii_only else text


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


# ---- aligned lines --------------------------------------------------------------------------------------------------


def _left(text: str, width: int) -> str:
    return text + " " * (width - display_width(text))


def _right(text: str, width: int) -> str:
    return " " * (width - display_width(text)) + text


def _filled(text: str, width: int) -> list[str]:
    first, *rest = wrapped(clean(text), width - 2, " ")
    return [first, *(f"  {line}" for line in rest)]
