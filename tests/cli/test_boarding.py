"""`bench leaderboard` from the command line: the board, its site, what moved, and pins."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from board_runs import BOARD, Synthetic, write_run

from bench.cli import main


@pytest.fixture
def setting(tmp_path: Path) -> tuple[Path, list[str]]:
    """A board file and three runs."""
    board = tmp_path / "board.toml"
    board.write_text(BOARD, encoding="utf-8")
    runs = [write_run(tmp_path / "runs", Synthetic(f"s{i}", skill=i, seed=i, folder=f"s{i}")) for i in range(3)]
    return board, runs


def test_the_board_is_printed_and_its_site_written(setting, capsys, tmp_path) -> None:
    board, runs = setting
    assert main(["leaderboard", str(board), *runs, "--out", str(tmp_path / "site")]) == 0
    out = capsys.readouterr().out
    lines = [line for line in out.splitlines() if line[:1].isdigit() and "–" in line]
    assert [line.split()[2] for line in lines] == ["s2", "s1", "s0"]
    assert f"board: {tmp_path / 'site' / 'index.html'}" in out
    assert (tmp_path / "site" / "index.html").is_file() and (tmp_path / "site" / "board.json").is_file()


def test_a_folder_of_runs_is_its_runs_and_corrupted_ones_are_listed(setting, capsys, tmp_path) -> None:
    board, runs = setting
    (Path(runs[0]) / "run.json").write_text("{")
    assert main(["leaderboard", str(board), str(tmp_path / "runs"), "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert [r["title"] for r in data["rows"] if r["role"] == "system"] == ["s2", "s1"]
    assert [r["title"] for r in data["rows"] if r["role"] == "unranked"] == ["s0"]


@pytest.mark.parametrize(("form", "said"), [
    ("markdown", "| Rank |"), ("latex", "\\toprule"), ("csv", "place,rank_best"), ("json", '"format": 1'),
])  # fmt: skip
def test_forms_for_stdout(setting, capsys, tmp_path, form, said) -> None:
    board, runs = setting
    assert main(["leaderboard", str(board), *runs, "--print", form, "--out", str(tmp_path / "site")]) == 0
    found = capsys.readouterr()
    assert said in found.out and "board:" not in found.out and "board:" in found.err


def test_diff_of_two_sites(setting, capsys, tmp_path) -> None:
    board, runs = setting
    for name, some in (("old", runs[:2]), ("new", runs)):
        assert main(["leaderboard", str(board), *some, "--out", str(tmp_path / name)]) == 0
    capsys.readouterr()
    assert main(["leaderboard", "diff", str(tmp_path / "old"), str(tmp_path / "new" / "board.json")]) == 0
    out = capsys.readouterr().out
    assert "s2 entered at 1, 1–1: it was not on the old board." in out and "s2 came in above it" in out
    assert main(["leaderboard", "diff", str(tmp_path / "old"), str(tmp_path / "new"), "--json"]) == 0
    assert {c["kind"] for c in json.loads(capsys.readouterr().out)["changes"]} == {"entered", "moved"}
    assert main(["leaderboard", "diff", str(tmp_path / "old")]) == 2
    assert "takes two boards" in capsys.readouterr().err


def test_pin_writes_into_the_file(setting, capsys) -> None:
    board, runs = setting
    assert main(["leaderboard", "pin", str(board), *runs]) == 0
    assert "1 prompt lists, 1 protocols" in capsys.readouterr().out and "[pinned.protocols]" in board.read_text()
    assert main(["leaderboard", str(board), *runs]) == 0
    assert "not pinned" not in capsys.readouterr().out
    assert main(["leaderboard", "pin", str(board)]) == 2


@pytest.mark.parametrize(("change", "code", "said"), [
    (lambda t: t.replace("quality", "qualiti", 1), 2, "is no column of the board. Did you mean quality"),
    (lambda t: t.replace("[order]", "[ordre]"), 2, "'ordre' is no key here. Did you mean order"),
    (lambda t: t.replace('name = "toy"', 'name = "coco"'), 4, "None of the 3 runs fits the board"),
    (lambda t: 'entries = ["absent.csv"]\n' + t, 2, "There is no file of entries"),
    (lambda t: t + "=", 2, "no valid TOML"),
])  # fmt: skip
def test_bad_boards_are_one_sentence_and_a_stable_code(setting, capsys, change, code, said) -> None:
    board, runs = setting
    board.write_text(change(board.read_text()))
    assert main(["leaderboard", str(board), *runs]) == code
    err = capsys.readouterr().err
    assert said in err and err.startswith("error: ") and len(err.splitlines()) == 1


def test_a_file_in_the_place_of_the_site_is_said_first(setting, capsys, tmp_path) -> None:
    board, runs = setting
    (tmp_path / "site").write_text("")
    assert main(["leaderboard", str(board), *runs, "--out", str(tmp_path / "site")]) == 2
    assert "is a file" in capsys.readouterr().err
    assert main(["leaderboard", str(board), str(tmp_path / "absent" / "run")]) == 5


def test_the_name_in_the_package(setting) -> None:
    import bench

    found = bench.leaderboard(*setting)
    assert [r.title for r in found.ranked] == ["s2", "s1", "s0"]
