"""Bradley-Terry with ties against closed forms, a general optimiser, and what no maximum can say."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.optimize import minimize

from bench.errors import DataError, TooFew, UsageError
from bench.stats.duels import MODELS, bradley_terry
from bench.stats.voted import vote_agreement


def played(counts: dict[tuple[str, str], tuple[int, int, int]]) -> tuple[list[str], list[str], list[float]]:
    """(first, second) -> (wins of the first, ties, wins of the second), as votes."""
    votes = [
        (a, b, value)
        for (a, b), numbers in counts.items()
        for value, n in zip((1, 0.5, 0), numbers, strict=True)
        for _ in range(n)
    ]
    return tuple(map(list, zip(*votes, strict=True)))  # type: ignore[return-value]


def strengths(counts, model="davidson", **options):
    first, second, outcome = played(counts)
    found = bradley_terry(
        first, second, outcome, np.arange(len(first)), model=model, **{"resamples": 60, "seed": 1, **options}
    )
    return found, dict(zip(found.systems, found.values, strict=True))


def test_two_systems_have_a_closed_form():
    counts = {("a", "b"): (30, 10, 20)}
    found, values = strengths(counts)
    assert values["a"] - values["b"] == pytest.approx(np.log(30 / 20), abs=1e-9), "odds of winning, ties left out"
    assert found.tie == pytest.approx(10 / np.sqrt(30 * 20), abs=1e-9)
    found, values = strengths(counts, "rao-kupper")
    # p / (p + kappa q) = 30/60 and q / (q + kappa p) = 20/60
    assert values["a"] - values["b"] == pytest.approx(np.log(np.sqrt((30 / 30) / (20 / 40))), abs=1e-9)
    assert found.tie == pytest.approx(np.sqrt((30 / 30) * (40 / 20)), abs=1e-9)


FOUR = {
    ("a", "b"): (14, 5, 6), ("b", "c"): (12, 9, 10), ("a", "c"): (9, 2, 7), ("c", "d"): (8, 3, 6),
    ("d", "a"): (3, 4, 9),
}  # fmt: skip


def loss(at: np.ndarray, model: str) -> float:
    """The likelihood written out vote by vote, as the papers define it."""
    p = dict(zip("abcd", np.exp(at[:4]), strict=True))
    tie, total = np.exp(at[4]), 0.0
    for (one, other), (won, tied, lost) in FOUR.items():
        x, y = p[one], p[other]
        if model == "davidson":
            whole = x + y + tie * np.sqrt(x * y)
            chances = (x / whole, tie * np.sqrt(x * y) / whole, y / whole)
        else:
            k = 1 + tie
            chances = (x / (x + k * y), (k**2 - 1) * x * y / ((x + k * y) * (y + k * x)), y / (y + k * x))
        total -= won * np.log(chances[0]) + tied * np.log(chances[1]) + lost * np.log(chances[2])
    return total


@pytest.mark.parametrize("model", MODELS)
def test_the_maximum_is_the_one_that_a_general_optimiser_finds(model):
    best = minimize(loss, np.zeros(5), args=(model,), method="BFGS", options={"gtol": 1e-8}).x
    found, values = strengths(FOUR, model)
    assert [values[s] for s in "abcd"] == pytest.approx(best[:4] - best[:4].mean(), abs=1e-5)
    assert found.tie == pytest.approx(np.exp(best[4]) + (model == "rao-kupper"), abs=1e-5)


@pytest.mark.parametrize("model", MODELS)
def test_without_ties_it_is_bradley_and_terry(model):
    counts = {pair: (won, 0, lost) for pair, (won, _, lost) in FOUR.items()}
    found, values = strengths(counts, model)
    assert found.tie == (0 if model == "davidson" else 1)
    for one in "abcd":  # wins of each are as expected
        expected = sum(
            (won + lost) / (1 + np.exp(values[other] - values[one]))
            for pair, (won, _, lost) in counts.items() if one in pair for other in set(pair) - {one}
        )  # fmt: skip
        real = sum(won if pair[0] == one else lost for pair, (won, _, lost) in counts.items() if one in pair)
        assert expected == pytest.approx(real, abs=1e-6)


@pytest.mark.parametrize("model", MODELS)
def test_the_wrong_way_round_turns_the_order(model):
    _, values = strengths(FOUR, model)
    _, turned = strengths({pair: counts[::-1] for pair, counts in FOUR.items()}, model)
    assert [turned[s] for s in "abcd"] == pytest.approx([-values[s] for s in "abcd"], abs=1e-8)
    _, sides = strengths({pair[::-1]: counts[::-1] for pair, counts in FOUR.items()}, model)
    assert [sides[s] for s in "abcd"] == pytest.approx([values[s] for s in "abcd"], abs=1e-8)


def test_drawn_votes_give_their_strengths_back_within_intervals():
    rng = np.random.default_rng(3)
    truth = np.array([1.0, 0.5, 0.0, -0.5, -1.0])
    pairs = np.array(list(itertools.permutations(range(5), 2)) * 100)
    half = (truth[pairs[:, 0]] - truth[pairs[:, 1]]) / 2
    total = np.exp(half) + np.exp(-half) + 0.7
    dice = rng.random(len(pairs))
    outcome = np.where(dice < np.exp(half) / total, 1, np.where(dice < (np.exp(half) + 0.7) / total, 0.5, 0))
    names = np.array(list("edcba"))
    found = bradley_terry(names[pairs[:, 0]], names[pairs[:, 1]], outcome, np.arange(len(pairs)) // 4, resamples=300)
    assert found.systems == tuple("edcba") and found.tie == pytest.approx(0.7, abs=0.08)
    assert all(lo < t < hi for lo, t, hi in zip(found.low, truth, found.high, strict=True))
    assert found.ranks == ((1, 1), (2, 2), (3, 3), (4, 4), (5, 5)) and found.undefined == 0


def test_votes_of_one_prompt_are_drawn_together():
    first, second, outcome = played(FOUR)
    apart = bradley_terry(first, second, outcome, np.arange(len(first)), resamples=400)
    many = bradley_terry(first * 9, second * 9, outcome * 9, list(np.arange(len(first))) * 9, resamples=400)
    assert np.mean(many.high - many.low) == pytest.approx(np.mean(apart.high - apart.low), rel=0.1)


@pytest.mark.parametrize(
    "counts, why",
    [
        ({("a", "b"): (5, 0, 0)}, "a lost no vote"),
        ({("a", "b"): (5, 0, 2), ("c", "a"): (3, 0, 0), ("c", "b"): (3, 0, 0)}, "c lost no vote"),
        ({("a", "b"): (5, 3, 0)}, "a lost no vote"),
        ({("a", "b"): (3, 1, 2), ("c", "d"): (3, 1, 2)}, "between a and c, d"),
        ({("a", "b"): (0, 9, 0)}, "All 9 votes are ties"),
    ],
)
def test_who_cannot_be_ordered_is_named(counts, why):
    with pytest.raises(TooFew, match=why):
        strengths(counts)


@pytest.mark.parametrize("model", MODELS)
def test_a_circle_of_wins_is_enough(model):
    counts = {("a", "b"): (5, 3, 0), ("b", "c"): (5, 3, 0), ("c", "a"): (0, 3, 0)}
    assert strengths(counts, model)[0].systems[0] == "a"
    # more ties on the way than wins: the tie parameter can grow for ever
    counts = {("a", "b"): (5, 0, 0), ("b", "c"): (0, 3, 0), ("c", "a"): (0, 3, 0)}
    with pytest.raises(TooFew, match="Strengths have no bound"):
        strengths(counts, model)


def test_resamples_without_a_maximum_are_counted():
    found, _ = strengths({("a", "b"): (6, 0, 1)}, resamples=300)
    assert 0.2 < found.undefined / 300 < 0.5, "a vote in seven is not drawn in a third of the resamples"


def test_wrong_votes():
    with pytest.raises(DataError, match="stands against itself"):
        bradley_terry(["a"], ["a"], [1], [0])
    with pytest.raises(DataError, match="A vote is 1"):
        bradley_terry(["a"], ["b"], [0.7], [0])
    with pytest.raises(UsageError, match="no model of ties"):
        bradley_terry(["a"], ["b"], [1], [0], model="elo")


def test_metrics_against_votes():
    outcome, gap = np.array([1, 1, 0, 0.5, 0.5, 1]), np.array([2.0, -1.0, -3.0, 0.0, 0.4, 0.9])
    found = {a.statistic: a for a in vote_agreement(outcome, {"m": gap}, np.arange(6), resamples=50)}
    assert found["accuracy"].value == pytest.approx(4 / 6)
    assert found["untied"].value == pytest.approx(3 / 4)
    assert found["calibrated"].value == pytest.approx(5 / 6) and found["calibrated"].threshold == 0.4
    turned = {a.statistic: a.value for a in vote_agreement(outcome, {"m": -gap}, np.arange(6), resamples=50)}
    assert turned["untied"] == pytest.approx(1 / 4)
    flat = {a.statistic: a.value for a in vote_agreement(outcome, {"m": gap * 0}, np.arange(6), resamples=50)}
    assert flat["untied"] == 0.5 and flat["accuracy"] == pytest.approx(2 / 6)
