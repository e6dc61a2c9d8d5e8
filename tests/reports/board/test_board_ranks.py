"""Ranks and differences: properties that every board must have, and the known ways in which boards have lied."""

from __future__ import annotations

import dataclasses
import json
import random
from pathlib import Path

import numpy as np
import pytest
from board_runs import BOARD, CARDS, FD, HITS, LOSS, PRC, SCORE, mean_card
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench import store
from bench.errors import UsageError
from bench.reports.board.columns import ANCHORED
from bench.reports.board.nouns import Pairs
from bench.reports.board.pairs import different
from bench.reports.board.site import contents
from bench.stats.paired import paired
from bench.types import Estimator

ALL = (
    '\n[[metric]]\nmetric = "loss"\n[[metric]]\nmetric = "hits"\n[[metric]]\nmetric = "fd(extractor=toy)"\n'
    '[[metric]]\nmetric = "prc(extractor=toy)"\n[[metric]]\nmetric = "hits"\noutput = "middle"\nprimary = false\n'
)
ANCHORS = BOARD.replace('metric = "quality"\n\n', 'anchors = { "Quality" = [-2, 2], "Loss" = [2, -2] }\n\n', 1)
LOSSES = '\n[[metric]]\nmetric = "loss"\n'


def field(toys, count=6, spread=0.4, **more):
    return [toys.run(f"s{i}", skill=spread * i, **more) for i in range(count)]


# ---- order ----------------------------------------------------------------------------------------------------------


def test_the_order_of_arguments_changes_no_byte(toys):
    runs = field(toys, 5) + [toys.run("replica", system="flow", run_seed=s) for s in range(2)]
    (Path(runs[0]) / "run.json").write_text("{")
    one = contents(toys.board(runs, ALL))
    random.Random(0).shuffle(runs)
    two = contents(toys.board(runs, ALL))
    assert one == two and list(one)[-1] == "index.html"


def test_a_better_system_ranks_higher_in_both_directions(toys):
    board = toys.board(field(toys), ALL)
    assert [r.title for r in board.ranked] == [f"s{i}" for i in reversed(range(6))]
    for column in ("toy/quality.value", "toy/loss.value", "toy/fd.value", "toy/hits.value"):
        best = [b for b, _ in board.pairs[column].ranks]
        assert best == sorted(best) and best[0] == 1 < best[-1], column
        assert board.pairs[column].rank_shares[0, 0] > 0.5 > board.pairs[column].rank_shares[-1, 0]


def test_ranks_come_with_intervals_and_shares(toys):
    board = toys.board(field(toys), ALL)
    for name, pairs in board.pairs.items():
        assert len(pairs.ranks) == 6 and all(1 <= b <= w <= 6 for b, w in pairs.ranks), name
        assert pairs.rank_shares.sum(0) == pytest.approx(np.ones(6)), name
        assert pairs.rank_shares.sum(1) == pytest.approx(np.ones(6)), name
        for place, (best, worst) in enumerate(pairs.ranks):
            assert pairs.rank_shares[place, best - 1 : worst].sum() > 0.8, (name, place)


def test_every_difference_is_that_of_compare(toys):
    runs = field(toys, 3)
    board = toys.board(runs, ALL)
    frames = {r.title: store.samples(p) for r, p in ((r, r.paths[0]) for r in board.ranked)}
    pairs = board.pairs["toy/quality.value"]
    a, b = (frames[r.title]["quality:score"].to_numpy() for r in board.ranked[:2])
    told = paired(Estimator("mean", ("x",)), {"x": a}, {"x": b}, frames["s0"]["group"].to_numpy(), permutations=1)
    assert pairs.delta[0, 1] == pytest.approx(told.delta, rel=1e-9)
    assert pairs.error[0, 1] == pytest.approx((told.high - told.low) / 2 / 2.000995, rel=1e-5), "t with 59 degrees"
    assert pairs.groups == 60 and pairs.freedom == 59


def test_columns_that_are_not_primary_are_exploratory(toys):
    board = toys.board(field(toys), ALL)
    middle, first = board.pairs["toy/hits.middle"], board.pairs["toy/quality.value"]
    assert middle.exploratory and not first.exploratory
    assert middle.reach == pytest.approx(np.full(6, 2.000995), rel=1e-5) and (first.reach > 2.3).all()
    assert "not adjusted" in middle.method and "max-T" in first.method


def test_all_ties_give_everyone_every_rank_and_one_letter(toys):
    runs = [toys.run(f"s{i}", seed=3, skill=0.0, system=f"flow(i={i})") for i in range(5)]
    board = toys.board(runs)
    pairs = board.pairs[board.order]
    assert pairs.ranks == ((1, 5),) * 5 and board.letters == ("a",) * 5
    assert pairs.rank_shares == pytest.approx(np.full((5, 5), 0.2))
    assert all(r.cells[0].best for r in board.ranked)


def test_one_system_has_a_rank_and_no_opponent(toys):
    board = toys.board([toys.run("alone")], ALL)
    assert board.pairs[board.order].ranks == ((1, 1),) and board.letters == ("a",)
    assert not board.ranked[0].cells[0].best, "best of one says nothing"
    assert board.factorial is None


def test_constant_scores_are_told_apart_only_where_they_differ(toys):
    runs = [toys.run("zero", constant=0.0), toys.run("one", constant=1.0), toys.run("uno", constant=1.0)]
    board = toys.board(runs)
    pairs = board.pairs[board.order]
    assert pairs.ranks == ((1, 2), (1, 2), (3, 3)) and board.letters == ("a", "a", "b")
    assert (pairs.error == 0).all()


def test_one_prompt_ranks_nobody_above_anybody(toys):
    board = toys.board([toys.run("a", n=1, cards=(SCORE,)), toys.run("b", n=1, skill=9, cards=(SCORE,))])
    assert board.pairs[board.order].ranks == ((1, 2), (1, 2)) and board.letters == ("a", "a")


@pytest.mark.parametrize("size", [1e12, 1e-12])
def test_huge_and_tiny_values_are_ranked_alike(toys, size):
    def scaled(data, frame):
        frame["quality:score"] *= size
        data["scores"] = tuple(
            dataclasses.replace(s, value=s.value * size, low=s.low * size, high=s.high * size)
            if s.metric == "quality" else s for s in data["scores"])  # fmt: skip

    plain = toys.board([toys.run(f"s{i}", skill=i, seed=i) for i in range(4)])
    turned = toys.board([toys.run(f"s{i}", skill=i, seed=i, change=scaled, system=f"x(i={i})") for i in range(4)])
    assert plain.pairs[plain.order].ranks == turned.pairs[turned.order].ranks


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=6), st.integers(0, 5))
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_letters_and_ranks_agree(toys, skills, seed):
    runs = [toys.run(f"s{i}", skill=s, seed=seed * 10 + i, system=f"h(i={i},s={seed},k={abs(s)})", n=30, cards=(SCORE,))
            for i, s in enumerate(skills)]  # fmt: skip
    board = toys.board(runs)
    apart = different(board.pairs[board.order])
    for i in range(len(skills)):
        for j in range(len(skills)):
            assert i == j or bool(set(board.letters[i]) & set(board.letters[j])) != apart[i, j]
        best = board.pairs[board.order].ranks[i][0]
        assert best > 1 or not apart[i, :i].any(), "who may be first is tied with all above it"


# ---- what boards have got wrong -------------------------------------------------------------------------------------


def numbers(board, column):
    at = next(i for i, c in enumerate(board.columns) if c.id == column)
    return {r.title: (r.cells[at].value, r.cells[at].low, r.cells[at].high) for r in board.rows}


@pytest.mark.parametrize(
    ("text", "column"), [(BOARD, "toy/quality.value"), (ANCHORS, ANCHORED)], ids=["one", "anchors"]
)
def test_adding_a_system_moves_nobodys_number(toys, text, column):
    """Win rates and pool min-max change all rows when one enters; here values, errors and decisions stay. What grows is
    the number of a row's comparisons, hence its reach: a decision on the edge may become a tie, and nothing else."""
    runs = field(toys, 5)
    few = toys.board(runs, LOSSES, text=text)
    many = toys.board([*runs, toys.run("giant", skill=30.0)], LOSSES, text=text)
    old, new = few.pairs[column], many.pairs[column]
    assert few.order == column and many.ranked[0].title == "giant"
    assert {k: v for k, v in numbers(many, column).items() if k != "giant"} == numbers(few, column)
    assert new.delta[1:, 1:] == pytest.approx(old.delta, rel=1e-12) and new.error[1:, 1:] == pytest.approx(
        old.error, rel=1e-12
    )
    assert ((new.reach[1:] >= old.reach) & (new.reach[1:] < old.reach * 1.15)).all()
    assert not (different(new)[1:, 1:] & ~different(old)).any()
    sure = np.abs(old.delta) > 1.15 * np.fmax(old.reach[:, None], old.reach) * old.error
    assert sure.any() and different(new)[1:, 1:][sure].all()
    for (best, worst), (first, last) in zip(old.ranks, new.ranks[1:], strict=True):
        assert first <= best + 1 and worst + 1 <= last, "ranks count one more; no interval gets narrower"


def test_anchors_are_fixed_and_never_the_pool(toys):
    """The number of a row is a formula of its own scores, whoever else is there."""
    board = toys.board(field(toys, 4), LOSSES, text=ANCHORS)
    for row in board.ranked:
        values = {c.id: x.value for c, x in zip(board.columns, row.cells, strict=True)}
        told = ((values["toy/quality.value"] + 2) / 4 + (values["toy/loss.value"] - 2) / -4) / 2
        assert values[ANCHORED] == pytest.approx(told, rel=1e-12)
    assert [r.title for r in board.ranked] == ["s3", "s2", "s1", "s0"] and board.columns[0].id == ANCHORED


def test_an_anchored_mean_has_the_error_of_its_own_rows(toys):
    """Columns of one data set are correlated: the error is that of the rescaled rows' mean, not of independent sums."""
    board = toys.board(field(toys, 3), LOSSES, text=ANCHORS)
    rows = [store.samples(r.paths[0]) for r in board.ranked]
    own = [((f["quality:score"] + 2) / 4 + (f["loss:score"] - 2) / -4).to_numpy() / 2 for f in rows]
    apart = own[0] - own[1]
    pairs = board.pairs[ANCHORED]
    assert pairs.error[0, 1] == pytest.approx(apart.std(ddof=1) / np.sqrt(60), rel=1e-9)
    half = own[0].std(ddof=1) / np.sqrt(60) * 2.000995
    assert board.ranked[0].cells[0].half == pytest.approx(half, rel=1e-5)


def test_no_mean_is_taken_over_missing_cells(toys):
    runs = [*field(toys, 3), toys.run("half", skill=9, cards=(SCORE,))]
    board = toys.board(runs, LOSSES, text=ANCHORS)
    assert "half" not in [r.title for r in board.ranked]
    told = next(r for r in board.unranked if r.title == "half")
    assert "no mean over missing cells: it lacks toy/loss.value (not scored)" in told.reason
    assert told.cells[0].value is None


@pytest.mark.parametrize(("anchors", "said"), [
    ('{ "Quality" = [2, -2] }', "wrong way round: higher is better"),
    ('{ "Loss" = [-2, 2] }', "wrong way round: lower is better"),
    ('{ "Qualty" = [0, 1] }', "'Qualty' is no column of the board. Did you mean"),
    ('{ "Quality" = [0, 1], "toy/quality.value" = [0, 1] }', "anchored twice"),
])  # fmt: skip
def test_anchors_that_cannot_be(toys, anchors, said):
    text = BOARD.replace('metric = "quality"\n\n', f"anchors = {anchors}\n\n", 1)
    with pytest.raises(UsageError, match=said):
        toys.board(field(toys, 2), LOSSES, text=text)


def test_several_data_sets_are_resampled_apart(toys):
    """Over two data sets the variances add up; prompts are resampled within each."""
    text = ANCHORS.replace(
        '"Quality" = [-2, 2], "Loss" = [2, -2]', '"toy/quality.value" = [0, 1], "more/quality.value" = [0, 1]'
    )
    runs = [toys.run(f"s{i}", skill=0.3 * i, system=f"flow(i={i})", dataset=d, n=n, cards=(SCORE,))
            for i in range(3) for d, n in (("toy", 50), ("more", 80))]  # fmt: skip
    board = toys.board(runs, '\n[[dataset]]\nname = "more"\n', text=text)
    assert [c.id for c in board.columns] == [ANCHORED, "toy/quality.value", "more/quality.value"]
    parts = [board.pairs[c.id].error[0, 1] for c in board.columns]
    assert parts[0] == pytest.approx(np.hypot(parts[1], parts[2]) / 2, rel=1e-9)
    assert len(board.ranked[0].runs) == 2 and board.ranked[0].seeds == 1


def test_set_metrics_are_compared_at_equal_numbers_of_images_only(toys):
    """A Fréchet distance at fewer images is another number: shown, marked, and never ranked."""
    text = "coverage = 0.5\n" + BOARD
    runs = [*field(toys, 3), toys.run("fewer", skill=9, failed=4)]
    board = toys.board(runs, ALL, text=text)
    at = next(i for i, c in enumerate(board.columns) if c.id == "toy/fd.value")
    row = next(i for i, r in enumerate(board.ranked) if r.title == "fewer")
    assert board.ranked[row].cells[at].value is not None
    assert "over 56 images where the others are over 60: not compared" in board.ranked[row].cells[at].note
    assert board.pairs["toy/fd.value"].ranks[row] == (0, 0) and not board.ranked[row].cells[at].best
    assert np.isnan(board.pairs["toy/fd.value"].delta[row]).all()
    ordered = toys.board(
        runs, ALL, text=text.replace('[order]\nmetric = "quality"', '[order]\nmetric = "fd(extractor=toy)"')
    )
    assert "fewer" not in [r.title for r in ordered.ranked]
    assert "not compared" in next(r for r in ordered.unranked if r.title == "fewer").reason


def test_replicates_of_a_set_metric_have_equal_numbers_of_images(toys):
    """A mean of distances over 60 and 56 images would be of neither."""
    runs = [toys.run("ours", system="flow", run_seed=s, failed=f) for s, f in ((0, 0), (1, 4))]
    board = toys.board([*runs, toys.run("other")], ALL, text="coverage = 0.5\n" + BOARD)
    row = next(r for r in board.ranked if r.title == "ours")
    told = dict(zip([c.id for c in board.columns], row.cells, strict=True))
    assert told["toy/fd.value"].value is None and "different numbers of images" in told["toy/fd.value"].note
    assert told["toy/quality.value"].value is not None


def test_two_rows_differ_when_both_their_intervals_say_so():
    """Each row has a reach of its own; a letter must not part what one of the two calls a tie."""
    delta = np.array([[0.0, 2.5, 9.0], [-2.5, 0.0, np.nan], [-9.0, np.nan, 0.0]])
    error = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
    pairs = Pairs(delta, error, np.array([2.4, 2.6, np.nan]), ((1, 2), (1, 3), (2, 3)), np.eye(3))
    assert different(pairs).tolist() == [[False, False, True], [False, False, False], [True, False, False]]
    near = dataclasses.replace(pairs, reach=np.array([2.4, 2.4, np.nan]))
    assert different(near)[0, 1] and different(near)[1, 0]


def test_rows_that_lack_images_are_paired_on_common_rows(toys):
    """Failed images are left out of both sides of a pair, not counted as nothing."""
    text = "coverage = 0.5\n" + BOARD
    a, b = toys.run("a", skill=1), toys.run("b", failed=9)
    board = toys.board([a, b], text=text)
    x, y = (store.samples(p)["quality:score"].to_numpy()[9:] for p in (a, b))
    pairs = board.pairs[board.order]
    assert pairs.delta[0, 1] == pytest.approx((x - y).mean(), rel=1e-9)
    assert pairs.error[0, 1] == pytest.approx((x - y).std(ddof=1) / np.sqrt(51), rel=1e-9)
    assert pairs.delta[0, 1] != pytest.approx(board.ranked[0].cells[0].value - board.ranked[1].cells[0].value, rel=1e-6)


def test_jackknife_blocks_pair_where_images_contribute_nothing(toys):
    board = toys.board(field(toys, 3), ALL)
    pairs = board.pairs["toy/prc.precision"]
    assert pairs.groups == 10 and "jackknife block" in pairs.method
    scores = [next(s for s in store.load(r.paths[0]).scores if s.output == "precision") for r in board.ranked[:2]]
    apart = np.array(scores[0].replicates) - np.array(scores[1].replicates)
    assert pairs.error[0, 1] == pytest.approx(np.sqrt(0.9 * np.square(apart - apart.mean()).sum()), rel=1e-9)


def test_blocks_that_do_not_pair_are_not_compared(toys):
    def seven(data, _):
        data["scores"] = tuple(dataclasses.replace(s, replicates=s.replicates[:7]) for s in data["scores"])

    board = toys.board([*field(toys, 2), toys.run("seven", change=seven)], ALL)
    at = next(i for i, c in enumerate(board.columns) if c.id == "toy/prc.precision")
    row = next(i for i, r in enumerate(board.ranked) if r.title == "seven")
    assert "no jackknife blocks that pair" in board.ranked[row].cells[at].note
    assert board.pairs["toy/prc.precision"].ranks[row] == (0, 0)


# ---- hostile names, and what is never printed -----------------------------------------------------------------------

HOSTILE = (
    "<script>alert(1)</script>",
    "$\\foo$ {{ 7*7 }}",
    "x" * 500,
    "\u202eאבגד",
    "図 🐉",
    "=HYPERLINK(1)",
    "a|b\nc",
    "nan",
)


def test_hostile_labels_reach_every_export_harmless(toys):
    runs = [toys.run(label, skill=i / 9, system=f"h(i={i})") for i, label in enumerate(HOSTILE)]
    runs += [toys.run("twice", system="t(i=1)"), toys.run("twice", system="t(i=2)")]
    card = mean_card("evil", "<b>Quality</b> $\\x$ | =1+1")
    runs += [toys.run("metric", cards=(SCORE, card))]
    board = toys.board(runs, '\n[[metric]]\nmetric = "evil"\n')
    files = contents(board)
    page, csv, markdown, tex = (files[n].decode() for n in ("index.html", "board.csv", "board.md", "board.tex"))
    assert "<script>alert(1)" not in page and "<script>alert" not in markdown.replace("\\", "")
    assert "\n=HYPERLINK" not in csv and ",=HYPERLINK" not in csv
    assert "x" * 500 in page and len([r for r in board.ranked if r.title.startswith("twice [")]) == 2
    assert json.loads(files["board.json"])["rows"] and r"\$" in tex
    assert "\u202e" not in csv and "\u202e" not in markdown


def test_nan_is_never_printed(toys):
    """One prompt, one system, empty columns, absent values: no NaN in any file."""
    lone = toys.board([toys.run("a", n=1, cards=(SCORE, LOSS))], LOSSES)
    holes = toys.board([*field(toys, 2), toys.run("b", cards=(SCORE,))], ALL)
    for board in (lone, holes):
        for name, data in contents(board).items():
            if name.endswith((".json", ".csv", ".md", ".tex")):
                text = data.decode().lower().replace("nanosecond", "")
                assert "nan" not in text.replace("financ", ""), name


def test_every_card_is_on_the_board_that_lists_it(toys):
    board = toys.board(field(toys, 2), ALL)
    assert (
        {c.metric for c in board.columns}
        == {c.metric for c in CARDS}
        == {SCORE.metric, LOSS.metric, HITS.metric, FD.metric, PRC.metric}
    )
    assert [c.id for c in board.columns] == [
        "toy/quality.value", "toy/loss.value", "toy/hits.value", "toy/hits.side", "toy/hits.kinds", "toy/fd.value",
        "toy/prc.precision", "toy/prc.recall", "toy/hits.middle",
    ]  # fmt: skip
