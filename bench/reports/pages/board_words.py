"""What the board's page says in sentences: its head, who is tied with best, and what stands behind the numbers."""

from __future__ import annotations

from typing import Any

from bench.reports.board.nouns import LEVELS, Board, BoardRow, Column
from bench.reports.comparison.checks import flat
from bench.reports.numbers import ARROWS, DIRECTIONS, number, percent, spread, thousands
from bench.reports.pages.board_table import DASH, failures, pieces
from bench.reports.words import clean

_NAMED = 8
_CHECKED = {
    "self-reported": "nobody but the submitter computed them",
    "re-scored": "a random part of the images was scored again and agreed",
    "regenerated": "a random part of the images was made again and agreed",
}


def counted(n: int, one: str, many: str = "") -> str:
    """'1 system', '12 systems'."""
    return f"{thousands(n)} {one if n == 1 else many or one + 's'}"


def words(board: Board) -> dict[str, Any]:
    """All of the page's sentences and lists but the method."""
    return {
        "title": board.spec.title, "facts": facts(board), "rule": rule(board), "lead": lead(board),
        "columns": columns(board), "protocols": protocols(board), "datasets": datasets(board),
        "excluded": excluded(board), "systems": systems(board),
    }  # fmt: skip


def facts(board: Board) -> str:
    """The line below the title."""
    roles = {role: sum(r.role == role for r in board.rows) for role in ("control", "external", "unranked")}
    people = [counted(len(board.ranked), "system")]
    people += [counted(n, *words) for (_, n), words in zip(
        roles.items(), (("control",), ("external row",), ("not ranked", "not ranked")), strict=True) if n]  # fmt: skip
    datasets = ", ".join(f"{thousands(d.samples)} of {clean(d.name)}" for d in board.spec.datasets if d.samples)
    return " · ".join([
        f"version {clean(board.spec.version)}", ", ".join(people), f"prompts: {datasets or 'not pinned'}",
        f"error level {percent(board.spec.error)}",
    ])  # fmt: skip


def ordering(board: Board) -> Column:
    """The column that orders the board."""
    return next(c for c in board.columns if c.id == board.order)


def rule(board: Board) -> str:
    """By what the board is ranked."""
    column, anchors = ordering(board), board.spec.order.anchors
    if not anchors:
        where = f" on {clean(column.dataset)}" if column.dataset else ""
        return f"Ranked by {named(column)}{where}, {DIRECTIONS[column.direction]}."
    labels = {c.id: named(c) for c in board.columns}
    parts = [f"{labels.get(key, clean(key))} (0 at {low:g}, 1 at {high:g})" for key, (low, high) in anchors.items()]
    return f"Ranked by the mean of {', '.join(parts)}: the ends are fixed by the board, not taken from its rows."


def named(column: Column) -> str:
    """Label with its arrow."""
    return f"{clean(column.label)} {ARROWS[column.direction]}".rstrip()


def lead(board: Board) -> dict[str, Any]:
    """Who is tied with best: text, the names of those, and what follows them."""
    pairs, size = board.pairs.get(board.order), len(board.ranked)
    if pairs is None or size < 2:
        told = "There is one system, so" if size else "No run fits this board yet, so"
        return {"text": f"{told} nothing is ranked.", "names": [], "more": ""}
    top = [r.title for r, (best, _) in zip(board.ranked, pairs.ranks, strict=True) if best == 1]
    if len(top) == 1:
        told = "Only one may be the best, every other is surely worse than some system:"
    else:
        told = f"{'All' if len(top) == size else f'{len(top)} of'} {counted(size, 'system')} are tied with best:"
    more = f" and {len(top) - _NAMED} more, marked ◆ in the table" if len(top) > _NAMED else ""
    return {"text": told, "names": top[:_NAMED], "more": more}


def error_words(board: Board) -> str:
    """The error level as a sentence."""
    return (
        f"For each system, the chance that its rank interval misses its true rank in a column is at most "
        f"{percent(board.spec.error)}, counting all its comparisons together."
    )


def method(board: Board, coarse: float) -> list[str]:
    """Paragraphs about intervals, ranks, letters, columns, levels. coarse: error of the half widths in the script."""
    size, sure = len(board.ranked), percent(1 - board.spec.error)
    found = [
        "A dot is a score and its bar the 95 % interval for new prompts of the same kind: the unit of every statement "
        "is the prompt, or the dataset's own group of prompts, and replicates of a system (training or run seeds) are "
        "averaged into one row. The bars of a column share the axis whose ends stand in its head. Ranks do not come "
        "from these bars: two bars may overlap and the systems still differ, because differences are paired by prompt.",
        f"Ranks come from all differences between the {counted(size, 'ranked system')}. One system is surely better "
        "than another where the interval of their difference excludes 0, and each system's intervals against all "
        f"others hold together with {sure} confidence (max-T over joint resamples of the prompts). A rank interval "
        f"such as 2{DASH}5 says that one system is surely better and that {size - 5 if size > 5 else 'the rest'} are "
        "surely worse; the true rank lies between. ◆ marks every system that nobody surely beats in that column: "
        f"choose among them by other means. {error_words(board)}",
        "Two systems that share a letter or bracket are tied: by the wider of their two intervals the data do not tell "
        "them apart. Sharing is not passed on: a may be tied with b and b with c while a is surely better than c. "
        "Comparing to a row uses the intervals of that row; those of the other row are a little wider or narrower, so "
        "that near the border the view from one row and the view from the other may say different things.",
        "Differences are turned so that + is better, whichever way the metric runs. Columns that are not primary are "
        "exploratory: nothing corrects for their number, and with many columns some differences are chance.",
    ]  # fmt: skip
    if coarse > 0:
        found.append(
            "Half widths of differences are kept in this page with a relative error of at most "
            f"{number(100 * coarse, 2 if coarse < 0.01 else 1)} %; every verdict is that of the exact numbers."
        )
    if any(r.coverage is not None and r.coverage < 1 for r in board.rows):
        found.append(
            "Images that were not made count by each metric's own rule, as the worst score or not at all; a number "
            "that lacks images says so when it is pointed at, and the coverage stands in every row."
        )
    levels = "; ".join(f"{level}: {_CHECKED[level]}" for level in LEVELS)
    found.append(
        f"Levels of numbers: {levels}. This board asks for {board.spec.level} and a coverage of "
        f"{percent(board.spec.coverage)}."
    )
    return found


# ---- lists ----------------------------------------------------------------------------------------------------------


def columns(board: Board) -> list[dict[str, Any]]:
    """What each column is: measured by what, on what, by which protocol."""
    return [
        {
            "label": named(c), "dataset": c.dataset or "all of the board", "metric": f"{c.metric}: {c.output}",
            "title": c.title, "unit": c.unit, "direction": DIRECTIONS[c.direction],
            "kind": "primary" if c.primary else "exploratory", "meaning": c.meaning, "caveat": c.caveat,
            "protocol": c.protocol, "how": board.pairs[c.id].method if c.id in board.pairs else "not compared",
        }
        for c in board.columns
    ]  # fmt: skip


def datasets(board: Board) -> list[dict[str, str]]:
    """Prompt lists with their digests."""
    return [
        {
            "name": d.name, "samples": thousands(d.samples) if d.samples else "not pinned",
            "prompts": d.prompts or "not pinned",
        }
        for d in board.spec.datasets
    ]  # fmt: skip


def protocols(board: Board) -> list[dict[str, Any]]:
    """Every protocol with its fields, once."""
    metrics = {c.protocol: c.metric for c in reversed(board.columns)}
    return [
        {"mark": digest[:8], "metric": metrics.get(digest, ""), "fields": sorted(flat(fields).items())}
        for digest, fields in board.protocols.items()
    ]  # fmt: skip


def excluded(board: Board) -> list[dict[str, Any]]:
    """Rows that are not ranked, with the reason; and what the board's file excludes without there being a run."""
    found = [
        {
            "title": r.title, "pieces": pieces(r.title), "reason": r.reason or "no reason is given",
            "system": r.system, "scores": _own_scores(board, r),
        }
        for r in board.unranked
    ]  # fmt: skip
    known = [t for r in board.rows for t in (r.title, r.system, r.id, *r.runs) if t]
    found += [
        {"title": key, "pieces": pieces(key), "reason": f"excluded: {reason}", "system": "", "scores": []}
        for key, reason in sorted(board.spec.excluded.items()) if not any(t.startswith(key) for t in known)
    ]  # fmt: skip
    return found


def _own_scores(board: Board, row: BoardRow) -> list[dict[str, str]]:
    pairs = zip(board.columns, row.cells, strict=True)
    return [
        {"label": c.label, "text": f"{number(cell.value, c.decimals)} {spread(cell, c.decimals)}".rstrip()}
        for c, cell in pairs if cell is not None and cell.value is not None
    ]  # fmt: skip


def systems(board: Board) -> list[dict[str, Any]]:
    """Everything that is known about each row beside its scores."""
    return [{"title": r.title, "fields": _fields(r)} for r in board.rows]


def _fields(row: BoardRow) -> list[tuple[str, str]]:
    fields = [
        ("role", row.role), ("system", row.system), ("generator", row.generator), ("fusion", row.fusion),
        ("id", row.id), ("runs", ", ".join(row.runs)), ("seeds", str(row.seeds)),
        *((f"{k} of its runs", ", ".join(v)) for k, v in sorted(row.factors.items())),
        ("images", thousands(row.images) if row.images else ""), ("failures", failures(row) if row.failed else ""),
        ("level", "" if row.role == "external" else row.level), ("source", row.source), ("reason", row.reason),
        *((str(k).replace("_", " "), _told(v)) for k, v in sorted(row.card.items(), key=lambda kv: str(kv[0]))),
    ]  # fmt: skip
    return [(name, value) for name, value in fields if value]


def _told(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_told, value))
    return "" if value is None else str(value)
