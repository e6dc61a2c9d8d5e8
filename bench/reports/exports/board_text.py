"""A board as text: the terminal's table, Markdown for a repository's page, LaTeX for a paper.

A rank is printed with its interval, always: '1–3'. The best set is marked, never one number. What is not ranked stands
below, with the reason.
"""

from __future__ import annotations

from collections.abc import Sequence

from bench.reports.board.nouns import Board, BoardRow, Column
from bench.reports.exports.board_data import standing
from bench.reports.exports.latex import cell, head, name, prelude, tabular
from bench.reports.exports.text import cell_text
from bench.reports.numbers import ABSENT, ARROWS, percent, thousands
from bench.reports.words import clean, display_width, escaped, latex, wrapped

WIDTH = 100
_NAME, _HEAD = 28, 20
_TEX_COLUMNS = 4
"""Columns of numbers beside each other in a LaTeX table; more make another one below."""
_ASCII = str.maketrans(
    {"↑": "^", "↓": "v", "±": "~", "\u2212": "-", "\u2013": "-", "…": "..", "\N{NO-BREAK SPACE}": " "}
)
_OTHERS = {"control": "controls, shown and not ranked", "external": "published elsewhere, without evidence here"}


def rank(board: Board, place: int) -> str:
    """'1–3', by the ordering column."""
    (best, worst), _ = standing(board, ordering(board), place)
    return ABSENT if best is None else f"{best}\N{EN DASH}{worst}"


def ordering(board: Board) -> Column:
    """The column that orders the board."""
    return next(c for c in board.columns if c.id == board.order)


def main_columns(board: Board) -> list[int]:
    """Places of the ordering column, then the other primary ones that are shown."""
    first = next(i for i, c in enumerate(board.columns) if c.id == board.order)
    return [first, *(i for i, c in enumerate(board.columns) if i != first and c.primary and c.shown)]


def _where(board: Board, column: Column) -> str:
    """The data set of a column, where the board has several."""
    return column.dataset if len(board.spec.datasets) > 1 else ""


def lead(board: Board) -> str:
    """One sentence: who is first, or who may be."""
    ranked, pairs = board.ranked, board.pairs.get(board.order)
    if not ranked:
        return "No system is ranked."
    if pairs is None or len(ranked) == 1:
        return f"{clean(ranked[0].title)} is the only ranked system."
    tied = [clean(r.title) for r, x in zip(ranked, pairs.ranks, strict=True) if x[0] == 1]
    label = clean(ordering(board).label)
    if len(tied) == 1:
        return f"{tied[0]} is first of {len(ranked)} systems by {label}."
    named = ", ".join(tied[:5]) + (f" and {len(tied) - 5} more" if len(tied) > 5 else "")
    return f"{len(tied)} of {len(ranked)} systems may be first by {label}: {named}."


# ---- terminal -------------------------------------------------------------------------------------------------------


def board_table(board: Board, *, width: int = WIDTH, ascii_only: bool = False) -> str:
    """Plain aligned text of at most `width` columns; names wrap and are never cut."""
    parts = [clean(f"{board.spec.title}, version {board.spec.version}"), lead(board), *_blocks(board, width)]
    told = [f"{clean(r.title)}: {clean(r.reason)}" for r in board.unranked]
    for title, lines in (("Not ranked:", told), ("Notes:", [*board.notes, *board.spec.notes])):
        if lines:
            parts.append("\n".join([title, *(w for line in lines for w in _filled(line, width))]))
    text = "\n\n".join(parts) + "\n"
    return text.translate(_ASCII) if ascii_only else text


def _blocks(board: Board, width: int) -> list[str]:
    """Groups of columns that fit the width, each a table with ranks and names."""
    rows = [r for r in board.rows if r.role != "unranked"]
    if not rows:
        return []
    left = _left_columns(board, rows)
    used = sum(max(display_width(line) for cell in c for line in cell) + 2 for c in left)
    columns = [_column(board, i, rows) for i in main_columns(board)]
    blocks: list[list[list[str]]] = [[]]
    room = width - used
    for column in columns:
        need = 2 + max(display_width(t) for t in column)
        if blocks[-1] and need > room:
            blocks.append([])
            room = width - used
        blocks[-1].append(column)
        room -= need
    return [_block(rows, left, block) for block in blocks]


def _left_columns(board: Board, rows: Sequence[BoardRow]) -> list[list[list[str]]]:
    """Rank, letters and name of every row, each a list of lines."""
    places = {r.id: i for i, r in enumerate(board.ranked)}
    ranks = [[rank(board, places[r.id]) if r.role == "system" else ABSENT] for r in rows]
    letters = [wrapped(board.letters[places[r.id]], 8) if r.role == "system" and board.letters else [""] for r in rows]
    return [ranks, letters, [wrapped(clean(r.title), _NAME) for r in rows]]


def _column(board: Board, at: int, rows: Sequence[BoardRow]) -> list[str]:
    """Three lines of head, then a text for each row."""
    column = board.columns[at]
    label = f"{clean(column.label)}\N{NO-BREAK SPACE}{ARROWS[column.direction]}".rstrip()
    heads = [*wrapped(label, _HEAD), *(wrapped(clean(where), _HEAD) if (where := _where(board, column)) else [])]
    return [*_head_lines(heads), *(cell_text(r.cells[at], column.decimals) for r in rows)]


def _head_lines(heads: Sequence[str]) -> list[str]:
    """Always four lines, the last ones joined where there are more: heads are aligned at the bottom."""
    lines = [*heads[:3], " ".join(heads[3:])] if len(heads) > 4 else list(heads)
    return [""] * (4 - len(lines)) + lines


def _block(rows: Sequence[BoardRow], left: Sequence[Sequence[Sequence[str]]], columns: Sequence[Sequence[str]]) -> str:
    head = len(columns[0]) - len(rows)
    wide = [max(display_width(line) for cell in c for line in cell) for c in left]
    widths = [max(display_width(t) for t in c) for c in columns]

    def line(first: Sequence[str], cells: Sequence[str]) -> str:
        shown = [t + " " * (w - display_width(t)) for t, w in zip(first, wide, strict=True)]
        numbers = [" " * (w - display_width(t)) + t for t, w in zip(cells, widths, strict=True)]
        return "  ".join([*shown, *numbers]).rstrip()

    blank = [""] * len(left)
    lines = [text for i in range(head) if (text := line(blank, [c[i] for c in columns]))]
    role = ""
    for at, row in enumerate(rows):
        if row.role != role:
            lines.append("-" * (sum(wide) + sum(widths) + 2 * (len(wide) + len(widths) - 1)))
            lines += [f"({_OTHERS[row.role]})"] if row.role in _OTHERS else []
            role = row.role
        own = [c[at] for c in left]
        lines.append(line([x[0] for x in own], [c[head + at] for c in columns]))
        for more in range(1, max(len(x) for x in own)):
            lines.append(line([x[more] if more < len(x) else "" for x in own], [""] * len(columns)))
    marked = any(t.endswith("*") for c in columns for t in c[head:])
    return "\n".join([*lines, "* nobody is surely better; rows that share a letter are tied"] if marked else lines)


def _filled(text: str, width: int) -> list[str]:
    first, *rest = wrapped(clean(text), width - 2, " ")
    return [first, *(f"  {line}" for line in rest)]


# ---- Markdown -------------------------------------------------------------------------------------------------------


def board_markdown(board: Board) -> str:
    """board.md: the table with all columns, what is not ranked, notes."""
    spec = board.spec
    parts = [f"# {escaped(spec.title)}", f"Version {escaped(spec.version)}. {escaped(lead(board))}", _rule(board)]
    rows = [r for r in board.rows if r.role != "unranked"]
    if rows:
        parts.append(_markdown_table(board, rows))
        parts.append(
            "Ranks hold together with their intervals; **bold**: nobody is surely better; rows that share a letter are "
            "tied. ± is half the 95 % interval, [low, high] a lopsided one."
        )
    told = [f"{escaped(r.title)}: {escaped(r.reason)}" for r in board.unranked]
    notes = [escaped(n) for n in (*board.notes, *spec.notes)]
    for title, lines in (("Not ranked", told), ("Notes", notes)):
        if lines:
            parts += [f"## {title}", "\n".join(f"- {line}" for line in lines)]
    return "\n\n".join(p for p in parts if p) + "\n"


def _rule(board: Board) -> str:
    column, pairs = ordering(board), board.pairs.get(board.order)
    told = f"Ordered by {escaped(column.label)}{f' on {escaped(column.dataset)}' if column.dataset else ''}"
    if column.direction != "none":
        told += f" ({column.direction} is better)"
    if pairs is not None:
        told += f", over {thousands(pairs.groups)} prompts, at an error level of {percent(board.spec.error)}"
    return told + "."


def _markdown_table(board: Board, rows: Sequence[BoardRow]) -> str:
    places = {r.id: i for i, r in enumerate(board.ranked)}
    heads = [
        f"{escaped(c.label)} {ARROWS[c.direction]}".rstrip() + (f" ({escaped(w)})" if (w := _where(board, c)) else "")
        for c in board.columns
    ]
    lines = [_piped(["Rank", "Tied", "System", *heads, "Coverage", "Seeds", "Level"])]
    lines.append(_piped(["---:", "---", "---", *("---:" for _ in heads), "---:", "---:", "---"]))
    for row in rows:
        ranked = row.role == "system"
        own = rank(board, places[row.id]) if ranked else ABSENT
        letters = board.letters[places[row.id]] if ranked and board.letters else ""
        note = "" if ranked else f" ({'published' if row.role == 'external' else row.role})"
        cells = [_bold(cell_text(x, c.decimals).strip()) for x, c in zip(row.cells, board.columns, strict=True)]
        seeds, level = (ABSENT, ABSENT) if row.role == "external" else (str(row.seeds), row.level)
        lines.append(_piped([own, letters, escaped(row.title) + note, *cells, percent(row.coverage), seeds, level]))
    return "\n".join(lines)


def _bold(text: str) -> str:
    return f"**{text[:-1]}**" if text.endswith("*") else text


def _piped(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


# ---- LaTeX ----------------------------------------------------------------------------------------------------------


def board_latex(board: Board) -> str:
    """board.tex: a floating booktabs table of the main columns, the best set in bold, ranks with their intervals."""
    shown = main_columns(board)
    parts = [shown[i : i + _TEX_COLUMNS] for i in range(0, len(shown), _TEX_COLUMNS)]
    body = "\n\n\\medskip\n".join(_tex_block(board, part) for part in parts)
    caption = f"\\caption{{{_caption(board, shown)}}}"
    text = "\n".join([r"\begin{table}", r"\centering", caption, r"\footnotesize", body, r"\end{table}"]) + "\n"
    return prelude(text) + text


def _tex_block(board: Board, shown: Sequence[int]) -> str:
    places = {r.id: i for i, r in enumerate(board.ranked)}
    columns = [board.columns[i] for i in shown]

    def line(row: BoardRow) -> list[str]:
        own = rank(board, places[row.id]).replace("\N{EN DASH}", "--") if row.role == "system" else "--"
        cells = [cell(row.cells[i], c.decimals) for i, c in zip(shown, columns, strict=True)]
        return [name(row.title), own, *cells]

    groups = [[line(r) for r in board.rows if r.role == role] for role in ("system", "control", "external")]
    heads = ["rank", *(head(c.label, c.direction, _where(board, c), c.unit) for c in columns)]
    return tabular(heads, groups, "System")


def _caption(board: Board, shown: Sequence[int]) -> str:
    said = [
        f"{latex(board.spec.title)}, version {latex(board.spec.version)}: {len(board.ranked)} systems by "
        rf"{latex(ordering(board).label)}. $\pm$ is half the 95\,\% interval, brackets are a lopsided one."
    ]
    if any(c is not None and c.best for r in board.ranked for c in (r.cells[i] for i in shown)):
        said.append("Bold: every system that nobody is surely better than.")
    others = {r.role for r in board.rows}
    if "control" in others:
        said.append("Controls stand below a rule and are not ranked.")
    if "external" in others:
        said.append("Below the last rule: published scores, without evidence here.")
    if any(r.cells[i] is None or r.cells[i].value is None for r in board.rows if r.role != "unranked" for i in shown):  # type: ignore[union-attr]
        said.append("--: no score.")
    return " ".join(said)
