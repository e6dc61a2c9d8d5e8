"""A board file and runs that differ in what a test is about."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from board_runs import BOARD, Synthetic, write_run

from bench.reports.board.make import leaderboard
from bench.reports.board.nouns import Board


class Toys:
    """Writes runs and board files below one root, and makes boards of them."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def run(self, label: str, **fields: Any) -> str:
        """A run; its own noise follows from its label unless a seed is given."""
        fields.setdefault("seed", sum(map(ord, label)) * 7 + len(label))
        return write_run(self.root / "runs", Synthetic(label, **fields))

    def rules(self, more: str = "", *, text: str = BOARD, name: str = "board.toml") -> Path:
        """A board file: the toy board's and more lines; top-level keys go in front with `text`."""
        path = self.root / name
        path.write_text(text + more, encoding="utf-8")
        return path

    def board(self, runs: list[str], more: str = "", **changed: Any) -> Board:
        return leaderboard(self.rules(more, **changed), runs)


@pytest.fixture
def toys(tmp_path: Path) -> Toys:
    """The factory below a temporary root."""
    return Toys(tmp_path)


@pytest.fixture(scope="session")
def cells() -> Callable[..., dict[str, Any]]:
    """board, column id -> title -> cell."""

    def made(board: Board, column: str = "toy/quality.value") -> dict[str, Any]:
        at = next(i for i, c in enumerate(board.columns) if c.id == column)
        return {r.title: r.cells[at] for r in board.rows}

    return made
