"""What moved between two boards, and why, in plain sentences."""

from __future__ import annotations

import dataclasses
import json

import pytest
from board_runs import BOARD, LOSS, SCORE, mean_card

from bench import store
from bench.errors import StoreError, UsageError
from bench.reports.board.diff import diff, diff_text, read
from bench.reports.exports.board_data import board_data


@pytest.fixture
def compared(toys):
    """(old runs, new runs, and the board files' texts) -> Diff by way of board.json."""

    def made(old, new, before=BOARD, after=BOARD, more=""):
        boards = []
        for runs, text in ((old, before), (new, after)):
            data = board_data(toys.board(runs, more, text=text))
            boards.append(json.loads(json.dumps(data)))
        return diff(*boards)

    return made


def why(found) -> dict[str, str]:
    return {c.title: "; ".join(c.why) for c in found.changes}


def kinds(found) -> dict[str, str]:
    return {c.title: c.kind for c in found.changes}


def test_equal_boards_say_so(toys, compared):
    runs = [toys.run("a"), toys.run("b", skill=1)]
    found = compared(runs, runs)
    assert not found.changes and not found.rules and found.same == 2
    assert diff_text(found) == "The two boards rank the same systems alike."


def test_a_new_competitor_moves_those_below_it(toys, compared):
    runs = [toys.run("top", skill=4), toys.run("low", skill=-4)]
    found = compared(runs, [*runs, toys.run("middle", skill=0)])
    assert kinds(found) == {"middle": "entered", "low": "moved"}
    assert why(found) == {"middle": "it was not on the old board", "low": "middle came in above it"}
    assert found.same == 1
    moved = next(c for c in found.changes if c.title == "low")
    assert (moved.before, moved.after) == ("2, 2–2", "3, 3–3")
    assert "low moved from 2, 2–2 to 3, 3–3: middle came in above it." in diff_text(found)


def test_a_row_that_left_and_what_that_did(toys, compared):
    a, b, c = toys.run("a", skill=3), toys.run("b"), toys.run("c", skill=-3)
    found = compared([a, b, c], [b, c])
    assert kinds(found) == {"a": "left", "b": "moved", "c": "moved"}
    assert why(found)["a"] == "none of its runs was given to the new board"
    assert why(found)["c"] == "a above it went"


def test_an_exclusion_is_told_as_rule_and_as_reason(toys, compared):
    runs = [toys.run("a", skill=3), toys.run("b")]
    text = BOARD + '\n[[exclude]]\nrun = "a"\nreason = "trained on the test"\n'
    found = compared(runs, runs, after=text)
    assert why(found)["a"] == "it is not ranked any more: excluded by the board: trained on the test"
    assert "'a' is excluded: trained on the test." in found.rules
    back = compared(runs, runs, before=text)
    assert why(back)["a"] == "it was not ranked before: excluded by the board: trained on the test"
    assert "'a' is not excluded any more." in back.rules


def test_another_run_of_a_system(toys, compared):
    other = toys.run("other")
    old = toys.run("ours", system="flow(steps=4)", skill=-2, seed=5)
    new = toys.run("ours", system="flow(steps=4)", skill=2, seed=6)
    found = compared([old, other], [new, other])
    assert (
        "1 run in place of 1; its Quality went from" in why(found)["ours"] and "it passed other" in why(found)["ours"]
    )
    assert why(found)["other"] == "ours passed it"
    more = compared([old, other], [old, toys.run("ours", system="flow(steps=4)", run_seed=3, seed=8), other])
    assert "1 more run" in why(more)["ours"]


def test_a_new_pin_and_a_new_score(toys, compared):
    two = dataclasses.replace(mean_card("quality(version=2)", "Quality", version=2), name="quality")
    runs = [toys.run(x, cards=(SCORE, two), skill=s) for x, s in (("a", 1), ("b", 0))]
    after = BOARD.replace('"quality"', '"quality(version=2)"')
    found = compared(runs, runs, after=after)
    assert any("rule that orders the board changed from quality to quality(version=2)" in r for r in found.rules)
    marks = {s.metric: s.protocol for s in store.load(runs[0]).scores}
    pinned = [BOARD + f'protocol = "{marks[m]}"\n' for m in ("quality", "quality(version=2)")]
    moved = compared(runs, runs, before=pinned[0], after=pinned[1])
    assert any("toy/quality.value is pinned to another protocol (version is 1 in" in r for r in moved.rules)
    assert all("by the other protocol that is pinned now" in reason for reason in why(moved).values())
    assert len(moved.changes) == 2


def test_a_changed_protocol_under_one_column_names_the_fields(toys):
    runs = [toys.run("a"), toys.run("b", skill=1)]
    old = json.loads(json.dumps(board_data(toys.board(runs))))
    newer = [toys.run("a", cards=(mean_card("quality", "Quality", version=2), LOSS), folder="x"),
             toys.run("b", skill=1, cards=(mean_card("quality", "Quality", version=2), LOSS), folder="y")]  # fmt: skip
    new = json.loads(json.dumps(board_data(toys.board(newer))))
    found = diff(old, new)
    assert any(
        "is pinned to another protocol (version is 1 in the old one, 2 in the new one)" in r for r in found.rules
    )


def test_changed_rules_are_named(toys, compared):
    runs = [toys.run(f"s{i}", skill=0.2 * i) for i in range(5)]
    found = compared(
        runs, runs, after="error = 0.5\ncoverage = 0.9\n" + BOARD.replace('version = "1"', 'version = "2"')
    )
    assert "The error level changed from 0.05 to 0.5." in found.rules
    assert (
        "The required coverage changed from 1 to 0.9." in found.rules
        and "The version changed from '1' to '2'." in found.rules
    )
    assert found.changes and all("the board's rules changed" in "; ".join(c.why) for c in found.changes)


def test_a_changed_order_and_columns(toys, compared):
    runs = [toys.run("a", skill=1), toys.run("b")]
    after = BOARD.replace('metric = "quality"\n\n', 'metric = "loss"\n\n', 1) + '\n[[metric]]\nmetric = "loss"\n'
    found = compared(runs, runs, after=after)
    assert "The column toy/loss.value was added." in found.rules
    assert any("rule that orders the board changed from quality to loss" in r for r in found.rules)


def test_names_of_strangers_stay_on_one_line(toys, compared):
    found = compared([toys.run("a")], [toys.run("a"), toys.run("evil\n\u202eline", skill=5)])
    assert "\u202e" not in diff_text(found) and len(diff_text(found).splitlines()) == 3


def test_what_is_no_board_is_said(tmp_path):
    with pytest.raises(UsageError, match="There is no board"):
        read(tmp_path)
    newer = '{"spec": {}, "rows": [], "columns": [], "order": "", "format": 9}'
    for text, said in (("{}", "no board.json of this suite"), ("[", "cannot be read"), (newer, "board format 9")):
        (tmp_path / "board.json").write_text(text)
        with pytest.raises(StoreError, match=said):
            read(tmp_path)
