"""Who is on a board: systems, replicates, controls, and every kind of run that is not ranked, with its reason."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import pytest
from board_runs import BOARD, CARDS, LOSS, SCORE, mean_card

from bench import ledger as ledgers
from bench import store
from bench.errors import DataError, NotComparable, UsageError
from bench.reports.board.make import leaderboard


def reasons(board) -> dict[str, str]:
    return {r.title: r.reason for r in board.unranked}


def ranked(board) -> list[str]:
    return [r.title for r in board.ranked]


def test_systems_are_ranked_best_first(toys):
    board = toys.board([toys.run("weak", skill=-1), toys.run("strong", skill=1), toys.run("middle")])
    assert ranked(board) == ["strong", "middle", "weak"]
    assert not board.unranked and board.order == "toy/quality.value"


def test_a_column_of_which_less_is_better_is_the_other_way_round(toys):
    text = BOARD.replace("quality", "loss")
    board = toys.board([toys.run("weak", skill=-1), toys.run("strong", skill=1)], text=text)
    assert ranked(board) == ["strong", "weak"]
    values = [r.cells[0].value for r in board.ranked]
    assert values[0] < values[1] and board.pairs[board.order].ranks == ((1, 1), (2, 2))
    assert board.pairs[board.order].delta[0, 1] < 0, "differences run as the metric does"


def test_a_judge_that_was_asked_while_generating_is_named_in_its_cell(toys, cells):
    asked = Path(toys.run("asker", skill=1))
    record = json.loads((asked / "run.json").read_text())
    for score in record["scores"]:
        score["note"] = "not independent: the system asked toy-eye while it generated"
    (asked / "run.json").write_text(json.dumps(record))
    found = cells(toys.board([asked, toys.run("plain")]))
    assert "not independent: the system asked toy-eye" in found["asker"].note and "asked" not in found["plain"].note


def test_replicates_are_one_row_with_their_mean(toys, cells):
    """Three seeds of one system: the mean, an error with their spread, and no rows of their own."""
    runs = [toys.run("ours", system="flow(steps=4)", run_seed=s, skill=0.4, seed=9, factors={"training_seed": str(s)})
            for s in range(3)]  # fmt: skip
    other = toys.run("other")
    board = toys.board([*runs, other])
    assert ranked(board) == ["ours", "other"]
    row = board.ranked[0]
    own = [next(s.value for s in store.load(r).scores if s.metric == "quality") for r in runs]
    cell = cells(board)["ours"]
    assert row.seeds == 3 and cell.value == pytest.approx(sum(own) / 3) and len(row.runs) == 3
    assert "3 replicates" in cell.note and row.factors["training_seed"] == ("0", "1", "2")
    assert any("variance between its runs" in n for n in board.notes)
    single = toys.board([runs[0], other])
    spread = sum((v - sum(own) / 3) ** 2 for v in own) / 2 / 3
    error = board.pairs[board.order].error[0, 1]
    columns = [store.samples(r)["quality:score"].to_numpy() for r in (*runs, other)]
    apart = sum(columns[:3]) / 3 - columns[3]
    assert error**2 == pytest.approx(apart.var(ddof=1) / len(apart) + spread, rel=1e-9)
    assert cells(single)["ours"].value == own[0]


def test_a_mean_over_replicates_is_never_over_some_of_them(toys, cells):
    """One of two seeds lacks the metric: an empty cell with the reason, not the other one's number."""
    runs = [toys.run("ours", system="flow", run_seed=s, cards=c) for s, c in ((0, CARDS), (1, (SCORE,)))]
    board = toys.board([*runs, toys.run("other")], '\n[[metric]]\nmetric = "loss"\n')
    cell = cells(board, "toy/loss.value")["ours"]
    assert cell.value is None and "one of its 2 replicates: not scored" in cell.note
    assert cells(board)["ours"].value is not None


def test_runs_of_one_system_that_nothing_tells_apart_are_not_averaged(toys):
    """Same text, seed and factors, other images: nobody can say which is meant."""
    board = toys.board(
        [toys.run("ours", system="flow", seed=1), toys.run("ours", system="flow", seed=2), toys.run("b")]
    )
    assert ranked(board) == ["b"]
    assert all("tell them apart" in r for r in reasons(board).values()) and len(board.unranked) == 2


def test_folders_are_one_system_by_their_label(toys):
    """The path is a place: the same label on two data sets is one row; two folders of one name on one data set, two."""
    text = BOARD + '\n[[dataset]]\nname = "toy2"\n'
    text = text.replace('metric = "quality"\n\n', 'metric = "quality"\ndataset = "toy"\n\n', 1)
    a = toys.run("ours", system='folder(path="/x/a")')
    b = toys.run("ours", system='folder(path="/x/b")', dataset="toy2")
    board = toys.board([a, b], text=text)
    assert ranked(board) == ["ours"] and len(board.ranked[0].runs) == 2 and board.ranked[0].generator == "ours"
    c = toys.run("ours", system='folder(path="/y/c")', seed=77)
    board = toys.board([a, c])
    assert [t.split(" [")[0] for t in ranked(board)] == ["ours", "ours"] and len(set(ranked(board))) == 2


def test_controls_are_shown_and_never_ranked(toys):
    board = toys.board([toys.run("a"), toys.run("oracle", skill=9, factors={"control": "true"}, failed=5)])
    assert ranked(board) == ["a"] and [r.title for r in board.rows if r.role == "control"] == ["oracle"]
    assert board.rows[1].cells[0].value > 5


def test_a_board_of_controls_ranks_them(toys):
    runs = [toys.run("a", factors={"control": "true"}), toys.run("oracle", skill=9, factors={"control": "true"})]
    alone = toys.board(runs, text="rank_controls = true\n" + BOARD)
    assert ranked(alone) == ["oracle", "a"] and not [r for r in alone.rows if r.role == "control"]
    assert ranked(toys.board(runs)) == []
    with pytest.raises(UsageError, match="'rank_controls' must be true or false"):
        toys.board(runs, text="rank_controls = 1\n" + BOARD)


def _other_prompts(data, _):
    data["dataset"] |= {"prompts": "f" * 64}


def _subset(data, frame):
    data["dataset"] |= {"prompts": "e" * 64, "whole": False, "samples": 20, "declared": 60}


def _elsewhere(data, _):
    data["dataset"] |= {"name": "coco", "label": "coco", "prompts": "d" * 64}
    data["spec"] = dataclasses.replace(data["spec"], dataset="coco")


MISFITS = [
    (_other_prompts, "its prompt list is another one"),
    (_subset, "it has 20 of the 60 prompts of toy, and the board asks for all"),
    (_elsewhere, "its data set is coco, and the board's is toy"),
]


@pytest.mark.parametrize(("change", "said"), MISFITS, ids=["list", "subset", "data-set"])
def test_runs_of_other_prompts_are_not_ranked(toys, change, said):
    board = toys.board([toys.run("a"), toys.run("b"), toys.run("odd", skill=9, change=change)])
    assert ranked(board) and "odd" not in ranked(board)
    assert said in reasons(board)["odd"]


def test_the_commonest_prompt_list_is_taken_and_said(toys):
    """Unpinned: two whole runs outvote one of another list, a part never wins against a whole."""
    board = toys.board([toys.run("a"), toys.run("b"), toys.run("odd", n=70)])
    assert sorted(ranked(board)) == ["a", "b"] and any("2 of 3 runs is taken" in n for n in board.notes)
    board = toys.board([toys.run("c"), toys.run("p", change=_subset), toys.run("q", change=_subset)])
    assert ranked(board) == ["c"]


def test_another_protocol_is_told_field_by_field(toys, cells):
    """A run with version 2 of the ordering metric has no number in a column of version 1."""
    newer = (mean_card("quality", "Quality", version=2), LOSS)
    runs = [toys.run("a"), toys.run("b"), toys.run("newer", skill=9, cards=newer)]
    board = toys.board(runs, '\n[[metric]]\nmetric = "loss"\n')
    assert sorted(ranked(board)) == ["a", "b"]
    assert "version is 1 in the board, 2 in this run" in reasons(board)["newer"]
    assert cells(board)["newer"].value is None and cells(board, "toy/loss.value")["newer"].value is not None


def test_two_versions_never_share_a_column(toys, cells):
    """Both versions may stand in one run; a board pins one, or shows them in columns of their own."""
    old, new = SCORE, dataclasses.replace(mean_card("quality(version=2)", "Quality", version=2), name="quality")
    runs = [toys.run("a", cards=(old, new)), toys.run("b", cards=(old, new)), toys.run("old", cards=(old,))]
    board = toys.board(runs, '\n[[metric]]\nmetric = "quality(version=2)"\n')
    ids = [c.id for c in board.columns]
    assert ids == ["toy/quality.value", "toy/quality(version=2).value"]
    assert len({c.protocol for c in board.columns}) == 2
    assert cells(board, ids[1])["old"].value is None and cells(board, ids[0])["old"].value is not None


def test_a_pin_decides_which_version_counts(toys):
    run = toys.run("a", cards=(mean_card("quality", version=1),))
    newer = toys.run("b", cards=(mean_card("quality", version=2),))
    mark = store.load(run).scores[0].protocol
    text = BOARD.replace('[[metric]]\nmetric = "quality"', f'[[metric]]\nmetric = "quality"\nprotocol = "{mark}"')
    board = toys.board([run, newer, toys.run("c", cards=(mean_card("quality", version=2),))], text=text)
    assert ranked(board) == ["a"] and not any("Protocols" in n for n in board.notes)


def test_a_pin_that_no_run_has_empties_the_column_and_says_why(toys):
    text = BOARD.replace('[[metric]]\nmetric = "quality"', f'[[metric]]\nmetric = "quality"\nprotocol = "{"0" * 64}"')
    board = toys.board([toys.run("a")], text=text)
    assert not board.ranked and "scored by another protocol: its protocol is" in reasons(board)["a"]


def test_coverage_under_the_bound(toys):
    text = "coverage = 0.95\n" + BOARD
    board = toys.board([toys.run("a"), toys.run("holes", failed=6, skill=9)], text=text)
    assert ranked(board) == ["a"]
    assert (
        "6 of 60 images were not made (6 failed): 90 % of the images asked for, and the board asks for 95 %"
        in (reasons(board)["holes"])
    )
    lenient = toys.board([toys.run("c"), toys.run("d", failed=6, skill=9)], text="coverage = 0.9\n" + BOARD)
    assert (
        ranked(lenient) == ["d", "c"]
        and lenient.ranked[0].coverage == 0.9
        and lenient.ranked[0].failed == {"failed": 6}
    )


def test_excluded_by_label_digest_and_system(toys):
    a, b, c = toys.run("a"), toys.run("b", system="flow(steps=9)"), toys.run("c")
    digest = store.load(c).digest
    more = "".join(f'\n[[exclude]]\nrun = "{x}"\nreason = "{why}"\n' for x, why in (
        ("a", "trained on the test prompts"), ("flow(steps=9)", "withdrawn"), (digest[:8], "asked for by its makers"),
        ("nobody", "x")))  # fmt: skip
    board = toys.board([a, b, c, toys.run("d")], more)
    assert ranked(board) == ["d"]
    assert reasons(board)["a"] == "excluded by the board: trained on the test prompts"
    assert all(x is None for r in board.unranked for x in r.cells), "an excluded run's numbers are not shown"
    assert any("'nobody' names none of the runs" in n for n in board.notes)


def test_a_lacking_column_is_an_empty_cell_with_a_reason(toys, cells):
    board = toys.board([toys.run("a"), toys.run("b", cards=(SCORE,), skill=3)], '\n[[metric]]\nmetric = "loss"\n')
    assert ranked(board) == ["b", "a"]
    cell = cells(board, "toy/loss.value")["b"]
    assert cell.value is None and cell.note == "not scored"
    assert board.pairs["toy/loss.value"].ranks == ((0, 0), (1, 1))


def test_a_lacking_ordering_column_is_no_rank(toys):
    board = toys.board([toys.run("a"), toys.run("b", cards=(LOSS,), skill=3)], '\n[[metric]]\nmetric = "loss"\n')
    assert ranked(board) == ["a"] and "no number in the ordering column, Quality: not scored" in reasons(board)["b"]


def test_corrupted_and_unreadable_folders_are_listed(toys):
    good = toys.run("a")
    broken = {name: toys.run(name) for name in ("json", "gone", "fields", "table", "rows", "texts")}
    (Path(broken["json"]) / "run.json").write_text('{"format": 1,')
    (Path(broken["gone"]) / "samples.parquet").unlink()
    record = json.loads((Path(broken["fields"]) / "run.json").read_text())
    record["scores"][0]["value"] = "high"
    (Path(broken["fields"]) / "run.json").write_text(json.dumps(record))
    (Path(broken["table"]) / "samples.parquet").write_bytes(b"PAR1 not quite")
    frame = store.samples(broken["rows"])
    store.write_parquet(Path(broken["rows"]) / "samples.parquet", frame.iloc[:-1])
    frame = store.samples(broken["texts"]).assign(**{"quality:score": "high"})
    store.write_parquet(Path(broken["texts"]) / "samples.parquet", frame)
    empty = toys.root / "empty"
    empty.mkdir()
    board = toys.board([good, *broken.values(), str(empty)])
    assert ranked(board) == ["a"] and len(board.unranked) == 7
    told = " | ".join(r.reason for r in board.unranked)
    for said in ("cannot be read", "is missing", "edited or damaged", "59 rows and 60 images", "holds no finished run"):
        assert said in told
    assert len({r.id for r in board.rows}) == len(board.rows)


def test_shuffled_rows_are_put_in_order_and_other_rows_refused(toys):
    """A table in another order is the same table; other ids under the same prompt list are not."""
    runs = [toys.run("a", skill=1), toys.run("b"), toys.run("c")]
    before = toys.board(runs)
    frame = store.samples(runs[0])
    store.write_parquet(Path(runs[0]) / "samples.parquet", frame.sample(frac=1, random_state=0))
    after = toys.board(runs)
    assert after.pairs[after.order].error == pytest.approx(before.pairs[before.order].error, rel=1e-9)
    store.write_parquet(Path(runs[0]) / "samples.parquet", frame.assign(sample="x" + frame["sample"]))
    assert "does not hold the rows" in reasons(toys.board(runs))["a"]
    store.write_parquet(Path(runs[0]) / "samples.parquet", frame.assign(group="all one"))
    assert "does not hold the rows" in reasons(toys.board(runs))["a"], "its own groups would make its own errors"


def test_a_score_that_does_not_follow_from_its_samples_is_no_score(toys):
    def inflated(data, _):
        data["scores"] = tuple(dataclasses.replace(s, value=(s.value or 0) + 1) for s in data["scores"])

    board = toys.board([toys.run("a"), toys.run("b"), toys.run("liar", change=inflated)])
    assert "liar" not in ranked(board) and "does not follow from its samples" in reasons(board)["liar"]


def test_a_card_that_turns_a_metric_round_is_refused(toys):
    def turned(data, _):
        card = data["cards"]["quality"]
        output = dataclasses.replace(card.outputs[0], direction="lower")
        data["cards"]["quality"] = dataclasses.replace(card, outputs=(output,))

    board = toys.board([toys.run("a"), toys.run("b"), toys.run("turned", skill=-5, change=turned)])
    assert "turned" not in ranked(board) and "states another direction" in reasons(board)["turned"]
    assert board.columns[0].direction == "higher"


def test_a_copy_of_a_run_is_not_ranked_twice(toys):
    run = toys.run("a")
    copy = toys.root / "runs" / "copy"
    shutil.copytree(run, copy)
    board = toys.board([str(copy), run, toys.run("b")])
    assert sorted(ranked(board)) == ["a", "b"] and "the same run as" in reasons(board)["a"]
    assert toys.board([run, run]).unranked[0].reason.startswith("it is the same run")


def test_the_level_of_verification_may_be_required(toys):
    """The ledger speaks of files: a verified run that changed is self-reported again."""
    checked, claimed = toys.run("checked"), toys.run("claimed", skill=5)
    for run in (checked, claimed):
        listing = {n: [0, ledgers.file_digest(Path(run) / n)] for n in ("run.json", "samples.parquet")}
        store.write_json(Path(run) / "files.json", listing)
    entry = {"level": "re-scored", "content": ledgers.content_digest(checked), "archive": "", "label": "checked",
             "pixels": "", "checked": {}, "suite": "1"}  # fmt: skip
    ledgers.write_ledger(toys.root / "ledger.json", ledgers.joined(ledgers.empty(), store.load(checked).digest, entry))
    text = 'level = "re-scored"\nledger = "ledger.json"\n' + BOARD
    board = toys.board([checked, claimed], text=text)
    assert ranked(board) == ["checked"] and board.ranked[0].level == "re-scored"
    assert "its scores are self-reported (it is not in the ledger)" in reasons(board)["claimed"]
    frame = store.samples(checked)
    store.write_parquet(Path(checked) / "samples.parquet", frame.assign(note="changed"))
    assert not toys.board([checked, claimed], text=text).ranked
    with pytest.raises(UsageError, match="no ledger"):
        toys.board([checked], text=text.replace("ledger.json", "absent.json"))


def test_cards_of_submissions_are_shown_and_judges_marked(toys, cells):
    run = toys.run("a")
    card = {
        "format": 1, "name": "A", "version": "1", "licence": "MIT", "parameters": 860_000_000, "training_data": "x",
        "url": "", "hardware": "y", "prompts_in_training": "no", "judges": [{"extractor": "toy", "use": "trained"}],
    }  # fmt: skip
    store.write_json(Path(run) / "card.json", card)
    other = toys.run("b")
    board = toys.board([run, other])
    row = next(r for r in board.ranked if r.title == "a")
    assert row.card["licence"] == "MIT" and row.card["size"] == "860 M"
    assert "not independent: the system was trained on toy" in cells(board)["a"].note
    (Path(other) / "card.json").write_text('{"licence": 3}')
    assert "its card cannot be read" in reasons(toys.board([run, other]))["b"]


def test_an_order_that_no_run_can_follow_is_an_error(toys):
    runs = [toys.run("a", cards=(LOSS,))]
    with pytest.raises(UsageError, match=r"no run has a score of quality.*Columns with scores: toy/loss.value"):
        toys.board(runs, '\n[[metric]]\nmetric = "loss"\n')
    with pytest.raises(UsageError, match=r"no output 'sidewise'. Did you mean side"):
        toys.board([toys.run("b")], '\n[[metric]]\nmetric = "hits"\noutput = "sidewise"\n')
    text = BOARD.replace('"quality"', '"hits"')
    with pytest.raises(UsageError, match="names 3 columns; add output = one of kinds, side, value"):
        toys.board([toys.run("c")], text=text)


def test_no_fitting_run_at_all_still_says_why(toys):
    """Every run is of another list than the pinned one: there is no board, and the reason is given."""
    text = BOARD.replace('name = "toy"', f'name = "toy"\nprompts = "{"9" * 64}"')
    with pytest.raises(NotComparable, match=r"None of the 1 runs fits the board. a: its prompt list is another one"):
        toys.board([toys.run("a")], text=text)


def test_published_rows_are_grey_and_unranked(toys):
    (toys.root / "published.csv").write_text(
        "system,dataset,column,value,low,high,note,source\n"
        "SDXL,toy,Quality,99,98,100,protocol unknown,Table 2\n"
        "SDXL,,hits,0.5,,,,Table 3\nSDXL,,SOA-C,3,,,,Table 3\nOld,,quality,nan,,,,\n"
    )
    text = 'entries = ["published.csv"]\n' + BOARD + '\n[[metric]]\nmetric = "hits"\noutput = "value"\n'
    with pytest.raises(DataError, match="line 5: 'value' must be a number; got 'nan'"):
        toys.board([toys.run("a")], text=text)
    (toys.root / "published.csv").write_text(
        "system,dataset,column,value,low,high,note,source\n"
        "SDXL,toy,Quality,99,98,100,protocol unknown,Table 2\nSDXL,,hits,50,,,,Table 3\nSDXL,,SOA-C,3,,,,Table 3\n"
    )
    board = toys.board([toys.run("a")], text=text)
    row = next(r for r in board.rows if r.role == "external")
    assert ranked(board) == ["a"] and row.source == "Table 2; Table 3"
    assert row.cells[0].value == 99 and row.cells[0].low == 98 and not row.cells[0].best
    assert row.cells[1].value is None and "another scale" in row.cells[1].note
    assert any("1 values are of no column of this board (SOA-C)" in n for n in board.notes)


@pytest.mark.parametrize(("content", "said"), [
    ("system,column\nx,Quality\n", "lacks the column 'value'"),
    ("system,column,value,valeu\nx,Quality,1,2\n", "'valeu' is no column of entries"),
    ("system,column,value\n,Quality,1\n", "line 2: 'system' and 'column' must be filled in"),
    ("system,column,value\nx,Quality,\n", "line 2: 'value' is empty"),
    ("system,column,value,low,high\nx,Quality,1,2,3\n", "must both be given and lie around"),
    ("system,column,value\nx,Quality,1\nx,Quality,2\n", "'x' has a value for toy/quality.value already"),
])  # fmt: skip
def test_bad_entries_are_named_by_their_line(toys, content, said):
    (toys.root / "published.csv").write_text(content)
    with pytest.raises((DataError, UsageError), match=said):
        toys.board([toys.run("a")], text='entries = ["published.csv"]\n' + BOARD)


def test_a_light_copy_of_a_private_run_says_so(toys):
    def withheld(data, _):
        data["dataset"] |= {"visibility": "private", "rows": "none"}

    board = toys.board([toys.run("a"), toys.run("hidden", change=withheld)])
    assert reasons(board)["hidden"] == "per-sample rows are private, so that it cannot be compared"


def test_a_private_run_without_its_rows_is_not_ranked(toys):
    """A light copy of a private run has scores and no rows: nothing of it can be paired."""
    run = toys.run("a")
    frame = store.samples(run)
    store.write_parquet(Path(run) / "samples.parquet", frame.drop(columns=["quality:score"]))
    board = toys.board([run, toys.run("b")])
    assert "cannot be ranked: its rows are not there" in reasons(board)["a"]
    assert next(r for r in board.unranked if r.title == "a").cells[0].value is not None


def test_a_spec_may_be_given_loaded(toys):
    from bench.reports.board.spec import read_board

    runs = [store.load(toys.run("a")), store.load(toys.run("b", skill=2))]
    assert ranked(leaderboard(read_board(toys.rules()), runs)) == ["b", "a"]
