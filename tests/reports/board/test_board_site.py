"""The site's folder, the exports, and pinning a board's file."""

from __future__ import annotations

import csv
import io
import json

import pandas as pd
import pytest
from board_runs import BOARD, write_board_runs

from bench.errors import UsageError
from bench.reports.board import site
from bench.reports.board.make import leaderboard
from bench.reports.board.pin import pin
from bench.reports.board.spec import read_board
from bench.reports.exports.board_data import FIELDS, board_data, long_rows
from bench.reports.exports.board_text import board_latex, board_markdown, board_table, lead
from bench.reports.words import display_width

MORE = '\n[[metric]]\nmetric = "loss"\n[[metric]]\nmetric = "hits"\n'


@pytest.fixture
def board(toys):
    runs = [toys.run(f"s{i}", skill=0.5 * i) for i in range(4)]
    (toys.root / "published.csv").write_text("system,column,value,source\nPaper model,Quality,1.5,Table 1\n")
    runs += [toys.run("oracle", factors={"control": "true"}, skill=3), toys.run("odd", n=30)]
    return toys.board(runs, MORE, text='entries = ["published.csv"]\n' + BOARD)


def test_a_site_is_these_files(board, tmp_path):
    index = site.write_board(board, tmp_path / "deep" / "site")
    assert sorted(p.name for p in index.parent.iterdir()) == [
        "board.csv", "board.json", "board.md", "board.parquet", "board.tex", "index.html",
    ]  # fmt: skip
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["site"]


def test_the_old_site_stays_until_the_new_one_is_whole(board, tmp_path, monkeypatch):
    from bench.reports import folder

    out = site.write_board(board, tmp_path / "site").parent
    (out / "CNAME").write_text("boards.example.org")
    before = {p.name: p.read_bytes() for p in out.iterdir()}

    def broken(*_):
        raise RuntimeError("the disk went away")

    monkeypatch.setattr(folder, "fill", broken)
    with pytest.raises(RuntimeError):
        site.write_board(board, out)
    assert {p.name: p.read_bytes() for p in out.iterdir()} == before and not list(tmp_path.glob(".site*"))
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="is a file"):
        site.write_board(board, tmp_path / "file")


def test_the_long_table_holds_every_row_and_number(board):
    rows = list(csv.DictReader(io.StringIO(site.contents(board)["board.csv"].decode())))
    assert list(rows[0]) == list(FIELDS)
    told = {(r["title"], r["column"]): r for r in rows}
    best = board.ranked[0]
    line = told[best.title, "toy/quality.value"]
    assert float(line["value"]) == best.cells[0].value, "full precision"
    assert (line["place"], line["rank_best"], line["best"]) == ("1", "1", "yes")
    assert (
        told["oracle", "toy/quality.value"]["place"] == "" and told["oracle", "toy/quality.value"]["role"] == "control"
    )
    assert any(r["title"] == "odd" and r["reason"] and not r["value"] for r in rows)
    assert told["Paper model", "toy/quality.value"]["source"] == "Table 1"


def test_parquet_is_the_same_table_typed(board):
    frame = pd.read_parquet(io.BytesIO(site.contents(board)["board.parquet"]))
    assert list(frame) == list(FIELDS) and len(frame) == len(list(long_rows(board)))
    first = frame[frame["place"].eq(1).fillna(False) & frame["column"].eq("toy/quality.value").fillna(False)]
    assert first["value"].item() == board.ranked[0].cells[0].value


def test_json_holds_ranks_cells_and_pins_without_paths(board, toys):
    data = json.loads(site.contents(board)["board.json"])
    assert data == json.loads(json.dumps(board_data(board))) and data["format"] == 1
    row = data["rows"][0]
    assert row["place"] == 1 and row["cells"]["toy/quality.value"]["ranks"] == list(board.pairs[board.order].ranks[0])
    assert all(m["protocol"] for m in data["spec"]["metrics"]) and data["spec"]["datasets"][0]["prompts"]
    assert str(toys.root) not in site.contents(board)["board.json"].decode()
    assert set(data["protocols"]) == {c["protocol"] for c in data["columns"]}


def test_the_terminals_table_fits_and_marks_the_best_set(board):
    text = board_table(board, width=90)
    assert max(display_width(line) for line in text.splitlines()) <= 90
    lines = text.splitlines()
    assert next(line for line in lines if "s3" in line and line[0].isdigit()).startswith("1–")
    assert "Not ranked:" in text and "odd: " in text and "(controls, shown and not ranked)" in text
    assert "nobody is surely better" in text and "*" in text
    assert all(c.isascii() for c in board_table(board, ascii_only=True))


def test_no_name_is_cut(toys):
    long = "a very long system name " * 20
    board = toys.board([toys.run(long.strip()), toys.run("b")])
    assert "".join(long.split()) in "".join(board_table(board, width=70).split()).replace("\n", "") or all(
        word in board_table(board, width=70) for word in long.split()
    )
    assert long.strip() in board_markdown(board) and long.split()[0] in board_latex(board)


def test_markdown_and_latex_mark_a_set_with_rank_intervals(board):
    markdown, tex = board_markdown(board), board_latex(board)
    first = next(line for line in markdown.splitlines() if "| s3 |" in line)
    assert first.startswith("| 1–") and "**" in first
    assert "Paper model (published)" in markdown and "oracle (control)" in markdown
    assert r"\toprule" in tex and r"\textbf" in tex and "1--" in tex and "Below the last rule" in tex
    assert "odd" not in tex and "- odd:" in markdown


@pytest.mark.parametrize(("skills", "said"), [
    ((0, 9), "s1 is first of 2 systems by Quality"), ((0, 0.001), "2 of 2 systems may be first by Quality"),
    ((0,), "s0 is the only ranked system"),
])  # fmt: skip
def test_the_lead_sentence(toys, skills, said):
    board = toys.board([toys.run(f"s{i}", skill=s, seed=i if s else 3) for i, s in enumerate(skills)])
    assert said in lead(board)


# ---- pins -----------------------------------------------------------------------------------------------------------


def test_a_pinned_file_keeps_what_was_written_by_hand(toys):
    path = toys.rules(MORE + "# a comment of its maker's\n")
    before = path.read_text()
    runs = [toys.run("a"), toys.run("b")]
    found = pin(path, runs)
    text = path.read_text()
    assert text.startswith(before.rstrip()) and "# a comment of its maker's" in text
    spec = read_board(path)
    assert spec.datasets[0].prompts and spec.datasets[0].samples == 60
    assert {m.metric for m in spec.metrics if m.protocol} == {"quality", "loss", "hits"} and len(
        found["protocols"]
    ) == 3
    board = leaderboard(path, [*runs, toys.run("odd", n=40), toys.run("odder", n=40), toys.run("oddest", n=40)])
    assert sorted(r.title for r in board.ranked) == ["a", "b"], "pins, not votes"
    assert not any("not pinned" in n for n in board.notes)


def test_pinning_again_replaces_the_section_and_follows_the_file(toys):
    path = toys.rules(MORE)
    pin(path, [toys.run("a")])
    once = path.read_text()
    pin(path, [toys.run("b")])
    assert path.read_text() == once
    path.write_text(once.replace('[[metric]]\nmetric = "loss"\n', ""))
    with pytest.raises(UsageError, match="'toy/loss' is not on the board any more; `bench leaderboard pin` writes"):
        read_board(path)
    pin(path, [toys.run("c")])
    assert "toy/loss" not in path.read_text() and read_board(path).metrics[0].protocol


def test_pins_by_hand_stay_and_nothing_to_pin_is_said(toys):
    run = toys.run("a")
    path = toys.rules(MORE)
    pin(path, [run])
    spec = read_board(path)
    pinned = BOARD.replace('name = "toy"', f'name = "toy"\nprompts = "{spec.datasets[0].prompts}"').replace(
        '[[metric]]\nmetric = "quality"', f'[[metric]]\nmetric = "quality"\nprotocol = "{spec.metrics[0].protocol}"'
    )
    path.write_text(pinned)
    with pytest.raises(UsageError, match="There is nothing to pin"):
        pin(path, [run])
    assert path.read_text() == pinned


def test_two_data_sets_pin_a_protocol_each(toys):
    text = BOARD.replace('metric = "quality"\n\n', 'metric = "quality"\ndataset = "toy"\n\n', 1)
    path = toys.rules('\n[[dataset]]\nname = "more"\n', text=text)
    runs = [toys.run("a", dataset=d, system="flow") for d in ("toy", "more")]
    assert set(pin(path, runs)["protocols"]) == {"toy/quality", "more/quality"}
    assert [m.dataset for m in read_board(path).metrics] == ["toy", "more"]


def test_synthetic_boards_are_whole(tmp_path):
    """What the benchmark and the page's tests use is a board like any other."""
    path, runs = write_board_runs(tmp_path, systems=9, metrics=4, prompts=80, primary=2, failed=3)
    board = leaderboard(path, runs)
    assert len(board.ranked) == 9 and not board.unranked and board.factorial is not None
    assert [c.primary for c in board.columns] == [True, True, False, False]
