"""Plain tables of names and numbers: aligned for the terminal, and Markdown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from bench.reports.words import clean, display_width, escaped, wrapped

T = TypeVar("T")
WIDTH = 100
_NAME = 28

Table = tuple[str, list[str], list[list[str]]]
"""Title, heads, rows; the first column is a name."""


def aligned(table: Table) -> str:
    """Lines of at most `WIDTH` columns, in as many blocks as that asks for."""
    title, heads, rows = table[0], [clean(h) for h in table[1]], table[2]
    names = [[heads[0]], *(wrapped(clean(row[0]), _NAME) or [""] for row in rows)]
    first = max([display_width(part) for name in names for part in name], default=0)
    columns = [[heads[j], *(row[j] for row in rows)] for j in range(1, len(heads))]
    lines: list[str] = [*wrapped(clean(title), WIDTH, " ")]
    for block in side_by_side(columns, lambda column: 2 + max(display_width(c) for c in column), first, WIDTH):
        widths = [max(display_width(c) for c in column) for column in block]
        for at, name in enumerate(names):
            cells = [" " * (w - display_width(c[at])) + c[at] for c, w in zip(block, widths, strict=True)]
            lines.append("  ".join([name[0] + " " * (first - display_width(name[0])), *cells]).rstrip())
            lines += name[1:]
    return "\n".join(lines)


def side_by_side(items: Sequence[T], need: Callable[[T], float], first: float, most: float) -> list[list[T]]:
    """Items in order, in parts of at most `most` beside something `first` wide; one that is wider stands alone."""
    parts: list[list[T]] = [[]]
    used = first
    for item in items:
        if parts[-1] and used + need(item) > most:
            parts.append([])
            used = first
        parts[-1].append(item)
        used += need(item)
    return parts


def marked_down(table: Table) -> list[str]:
    """A heading and a table."""
    title, heads, rows = table
    lines = [_piped([escaped(h) for h in heads]), _piped(["---", *("---:" for _ in heads[1:])])]
    lines += [_piped([escaped(c) for c in row]) for row in rows]
    return [f"### {escaped(title)}", "\n".join(lines)]


def _piped(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
