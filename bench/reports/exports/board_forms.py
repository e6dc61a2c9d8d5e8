"""Which forms a board has beside the page: by name for stdout, by file name for the site's folder."""

from __future__ import annotations

from collections.abc import Callable

from bench.reports.board.nouns import Board
from bench.reports.exports.board_data import board_csv, board_json, board_parquet, long_rows
from bench.reports.exports.board_text import board_latex, board_markdown, board_table

PRINTED: dict[str, Callable[[Board], str]] = {
    "text": board_table, "markdown": board_markdown, "latex": board_latex, "csv": board_csv, "json": board_json,
}  # fmt: skip
"""Name -> the board in that form (`bench leaderboard BOARD RUNS --print NAME`)."""


def files(board: Board) -> dict[str, bytes]:
    """File name -> bytes of every export of a board's site; equal for equal boards."""
    rows = list(long_rows(board))
    texts = {
        "board.json": board_json(board), "board.csv": board_csv(board, rows), "board.md": board_markdown(board),
        "board.tex": board_latex(board),
    }  # fmt: skip
    return {**{n: t.encode("utf-8", "replace") for n, t in texts.items()}, "board.parquet": board_parquet(board, rows)}
