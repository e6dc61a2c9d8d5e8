"""A system's revisions on the board: in their order, with the step that was planted; nothing where there is none."""

from __future__ import annotations

import re
import shutil

import pytest

from bench.reports.pages.board_history import histories
from bench.reports.pages.board_page import page


@pytest.fixture
def made(toys):
    def of(revisions):
        runs = [
            toys.run("ours", skill=0.0 if i < 5 else -1.5, seed=i + 1, run_seed=i, n=80, system="toy(name=ours)",
                     factors={"revision": name})
            for i, name in enumerate(revisions)
        ]  # fmt: skip
        return toys.board([*runs, toys.run("theirs", n=80)])

    return of


def test_revisions_stand_in_the_order_of_their_numbers_with_their_step(made):
    board = made([f"v{i}" for i in range(5, 13)])
    (one,) = histories(board)
    assert one["alt"].endswith("8 revisions: v5, v6, v7, v8, v9, v10, v11, v12")
    said = re.sub(r"<[^>]*>", " ", str(one["svg"]))
    assert "Worse from run 6" in " ".join(said.split())
    text = page(board)
    assert '<section id="history">' in text and text.count('id="history-0-') > 0


def test_boards_without_revisions_or_runs_have_no_history(made, tmp_path):
    assert '<section id="history">' not in page(made(["a", "a", "a", "b"]))
    board = made([f"r{i}" for i in range(6)])
    shutil.rmtree(tmp_path / "runs")
    assert histories(board) == []
