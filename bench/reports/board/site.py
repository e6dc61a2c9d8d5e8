"""A board's site: the page and the same board as data and tables, placed whole."""

from __future__ import annotations

from pathlib import Path

from bench.reports import privacy
from bench.reports.board.nouns import Board
from bench.reports.exports.board_forms import files
from bench.reports.folder import write_folder
from bench.reports.pages.board_page import page


def write_board(board: Board, out: str | Path) -> Path:
    """Write the site into a folder; returns the path of index.html.

    UsageError when `out` is a file, DiskError when the disk refuses; files by others in the folder stay.
    """
    write_folder(Path(out), contents(board))
    return Path(out) / "index.html"


def contents(board: Board) -> dict[str, bytes]:
    """File name -> bytes; index.html comes last. Equal boards give equal bytes."""
    made = {**files(board), "index.html": page(board).encode("utf-8", "replace")}
    privacy.check(board.private, made)
    return made
