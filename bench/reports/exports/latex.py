"""Tables for a paper: booktabs, every system of the best set in bold, intervals small, controls below a rule.

Compiles with pdfLaTeX, XeLaTeX and LuaLaTeX whatever the names are (`words.latex`). Leaderboards use the same cells.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from bench.reports.comparison.nouns import Cell, Comparison, Row
from bench.reports.exports.one_run import main_rows, printed
from bench.reports.exports.tables import side_by_side
from bench.reports.numbers import ABSENT, MINUS, number, row_decimals, spread, thousands
from bench.reports.words import LATEX_SIGNS, clean, display_width, latex, wrapped
from bench.types import Direction, Run

PAGE = 345.0
"""Points that a table may be wide (LaTeX's own text width); what does not fit becomes a table below."""
HEIGHT = 420.0
"""Points that the tables of one float may be high, below its caption; the others follow in floats of their own."""
_LINE_HEIGHT, _EDGES = 9.6, 45.0
"""Points of a system's line, and of a table's head, rules and the space after it."""
_LETTER, _SMALL, _GAP = 4.5, 3.8, 12.0
"""Points of a letter in \\footnotesize, of one in \\scriptsize, and between columns."""
_HEAD, _NAME = 14, 26
"""Letters a line of a head and of a system's name."""
_ARROWS: dict[Direction, str] = {"higher": r" $\uparrow$", "lower": r" $\downarrow$", "none": ""}
_POWER = re.compile(r"(.*)e([+\-−]?)0*(\d+)$")


# ---- cells ----------------------------------------------------------------------------------------------------------


def figure(text: str) -> str:
    """A printed number: a true minus, a power of ten instead of an exponent."""
    found = _POWER.match(text)
    if found:
        sign = "-" if found[2] in ("-", MINUS) else ""
        return rf"${found[1].replace(MINUS, '-')}\times10^{{{sign}{found[3]}}}$"
    return text.replace(MINUS, "$-$").replace(ABSENT, "--")


def interval(text: str) -> str:
    r"""'±0.013' or '[0.969, 1.000]' in small type; '' stays ''."""
    if not text:
        return ""
    if text[0] == "±":
        return rf"{{\scriptsize$\pm${figure(text[1:])}}}"
    low, _, high = text.strip("[]").partition(", ")
    return rf"{{\scriptsize {{[}}{figure(low)}, {figure(high)}{{]}}}}"


def cell(one: Cell | None, digits: int) -> str:
    """'\\textbf{0.812} ±0.013'; '--' where there is no number."""
    if one is None or one.value is None:
        return "--"
    value = figure(number(one.value, digits))
    shown = bold(value) if one.best else value
    return f"{shown} {interval(spread(one, digits))}".rstrip()


def bold(value: str) -> str:
    """A figure in bold, its mathematical signs too."""
    return rf"\textbf{{\boldmath {value}}}" if "$" in value else rf"\textbf{{{value}}}"


def stacked(lines: Sequence[str], side: str) -> str:
    """Escaped lines above one another; side: l or r."""
    over = r" \\ ".join(lines)
    return over if len(lines) == 1 else rf"\shortstack[{side}]{{{over}}}"


def name(text: str) -> str:
    """A system's whole name, on as many lines as it takes."""
    return stacked([latex(line) for line in _name_lines(text)], "l")


def _name_lines(text: str) -> list[str]:
    """Signs that may print as their code, '[U+56F3]', take the room of eight."""
    return wrapped(clean(text), _NAME // 4 if r"\benchsign" in latex(text) else _NAME)


def _name_width(text: str) -> float:
    return max(sum(8 if r"\benchsign" in latex(c) else 1 for c in line) for line in _name_lines(text)) * _LETTER


def head(label: str, direction: Direction, small: str = "", unit: str = "") -> str:
    """A column's head: the label with its arrow, below it in small type what the label alone leaves open."""
    lines = [latex(line) for line in wrapped(clean(f"{label} ({unit})" if unit else label), _HEAD)]
    lines[-1] += _ARROWS[direction]
    below = [rf"\scriptsize {latex(line)}" for line in wrapped(clean(small), _HEAD + 4, " ,(")] if small else []
    return stacked([*lines, *below], "r")


def tabular(heads: Sequence[str], groups: Sequence[Sequence[Sequence[str]]], first: str) -> str:
    """A booktabs table: groups of rows (name, cells...) between rules; the first column is named `first`."""
    lines = [rf"\begin{{tabular}}{{@{{}}l{'r' * len(heads)}@{{}}}}", r"\toprule", _line([first, *heads])]
    for rows in groups:
        lines += [r"\midrule", *(_line(row) for row in rows)] if rows else []
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"])


def _line(cells: Sequence[str]) -> str:
    return " & ".join(cells) + r" \\"


def prelude(body: str) -> str:
    """What must stand before a table: which package it needs, and the signs that pdfLaTeX lacks, if it has any."""
    return "% needs \\usepackage{booktabs}\n" + (LATEX_SIGNS + "\n" if r"\benchsign" in body else "")


# ---- tables ---------------------------------------------------------------------------------------------------------


def comparison_table(comparison: Comparison) -> str:
    """table.tex: the primary metrics as floating tables, the first with a caption that says what the marks mean."""
    rows = comparison.primary or comparison.rows
    parts = _parts(comparison, rows)
    lines = sum(len(_name_lines(s.title)) for s in comparison.systems)
    side = max(1, int(HEIGHT // (_EDGES + lines * _LINE_HEIGHT)))
    floats = [
        _float(comparison, parts[at : at + side], _caption(comparison, rows) if not at else _more(comparison), not at)
        for at in range(0, len(parts), side)
    ]
    text = "\n".join(floats)
    return prelude(text) + text


def _float(comparison: Comparison, parts: Sequence[Sequence[Row]], caption: str, first: bool) -> str:
    label = [rf"\label{{tab:{_slug(_dataset(comparison))}}}"] if first else []
    body = "\n\n\\medskip\n".join(_block(comparison, part) for part in parts)
    head = [r"\begin{table}", r"\centering", rf"\caption{{{caption}}}", *label, r"\footnotesize"]
    return "\n".join([*head, body, r"\end{table}"]) + "\n"


def _more(comparison: Comparison) -> str:
    return f"{latex(_dataset(comparison))}, further metrics; marks as in the table before."


def _parts(comparison: Comparison, rows: Sequence[Row]) -> list[list[Row]]:
    """Rows that fit the page side by side, in order."""
    first = max(_name_width(s.title) for s in comparison.systems)
    return side_by_side(rows, lambda row: _GAP + _width(row), first, PAGE)


def _width(row: Row) -> float:
    """Points of a column, by its letters."""
    digits = row_decimals(row)
    held = [c for c in row.cells if c is not None and c.value is not None]
    cells = [len(number(c.value, digits)) * _LETTER + len(spread(c, digits)) * _SMALL for c in held]
    label = [display_width(line) * _LETTER for line in wrapped(clean(_label(row)), _HEAD)]
    note = [display_width(line) * _SMALL for line in wrapped(clean(row.note), _HEAD + 4, " ,(")] if row.note else []
    return max([2 * _LETTER + label[-1], *label, *note, *cells])


def _block(comparison: Comparison, rows: Sequence[Row]) -> str:
    digits = [row_decimals(r) for r in rows]

    def line(system: int) -> list[str]:
        cells = [cell(r.cells[system], d) for r, d in zip(rows, digits, strict=True)]
        return [name(comparison.systems[system].title), *cells]

    groups = [[line(i) for i in members] for members in (comparison.ranked, comparison.controls)]
    return tabular([_head(r) for r in rows], groups, "System")


def _head(row: Row) -> str:
    return head(row.label, row.direction, row.note, row.output.unit)


def _label(row: Row) -> str:
    return f"{row.label} ({row.output.unit})" if row.output.unit else row.label


def _dataset(comparison: Comparison) -> str:
    return str(comparison.dataset.get("label") or comparison.dataset.get("name", "dataset"))


def _caption(comparison: Comparison, rows: Sequence[Row]) -> str:
    cells = [c for r in rows for c in r.cells]
    said = [
        f"{latex(_dataset(comparison))}: {thousands(comparison.prompts)} prompts, {thousands(comparison.common)} "
        r"images a system. $\pm$ is half the 95\,\% interval, brackets are a lopsided one."
    ]
    if any(c is not None and c.best for c in cells):
        said.append("Bold: every system that is not surely worse than the best of its column by paired differences.")
    if comparison.controls:
        said.append("Below the last rule: controls, measured alike and not ranked.")
    if any(c is None or c.value is None for c in cells):
        said.append("--: no score.")
    for caveat in dict.fromkeys(r.card.caveat for r in rows if r.card.caveat):
        names = ", ".join(dict.fromkeys(latex(r.label) for r in rows if r.card.caveat == caveat))
        said.append(f"{names}: {latex(caveat)}.")
    known = {r.title: [q.label for q in rows if q.title == r.title] for r in rows}
    full = [f"{latex(', '.join(dict.fromkeys(labels)))} by {_breakable(title)}" for title, labels in known.items()
            if title.casefold() not in {x.casefold() for x in labels}]  # fmt: skip
    return " ".join([*said, f"Metrics: {'; '.join(full)}."] if full else said)


def _breakable(title: str) -> str:
    """A metric's text form, which a line may end in."""
    return latex(title).replace(",", r",\allowbreak{}").replace("(", r"(\allowbreak{}")


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.casefold()).strip("-") or "scores"


def run_table(run: Run) -> str:
    """The primary scores of one run, a row each."""
    rows = []
    for label, score, output in main_rows(run):
        value, around = printed(score)
        told = f"{figure(value)} {interval(around)}".rstrip()
        rows.append([latex(label) + _ARROWS[output.direction], told, str(score.n)])
    body = tabular([r"score {[}95\,\%{]}", "$n$"], [rows], "metric")
    return prelude(body) + body
