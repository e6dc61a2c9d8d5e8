"""Steps in a series: closed forms, simulation of what is there and what is not, and errors of runs of one list."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from bench.errors import UsageError
from bench.stats.bootstrap import standard_error
from bench.stats.steps import levels, paired_errors, steps


def found(values, errors=None, **more):
    return steps(levels(values, np.ones(len(values)) if errors is None else errors, **more))


def test_a_series_without_noise_is_cut_where_it_steps():
    (one, two) = found([0.0] * 4 + [9.0] * 3 + [5.0] * 5, np.full(12, 0.5))
    assert (one.at, one.size, two.at, two.size) == (4, 9.0, 7, -4.0)
    assert one.high - one.low == pytest.approx(2 * 1.959964 * 0.5 * np.sqrt(1 / 4 + 1 / 3))


@pytest.mark.parametrize("extra", [0.99, 1.01])
def test_the_price_of_a_step_is_three_logarithms(extra):
    """n/2 values of -d and of d: the step saves n d^2 of the sum of squares."""
    n = 12
    d = np.sqrt(extra * 3 * np.log(n) / n)
    assert len(found([-d] * 6 + [d] * 6)) == (extra > 1)


def test_the_cut_is_the_best_of_all_cuts():
    """All cuts into levels of two or more, and all ways of setting values aside for one and a half steps each."""
    rng, price = np.random.default_rng(3), 3 * np.log(9)
    some = 0
    for round_ in range(30):
        values, errors = rng.normal(size=9) * 3, rng.uniform(0.3, 2, size=9)
        if round_ % 2:
            values[rng.integers(9)] += 20

        def level(a, b, values=values, errors=errors):
            best = np.inf
            for kept in itertools.chain(*(itertools.combinations(range(a, b), k) for k in range(2, b - a + 1))):
                w, x = errors[list(kept)] ** -2, values[list(kept)]
                squares = (w * (x - (w * x).sum() / w.sum()) ** 2).sum()
                best = min(best, squares + 1.5 * price * (b - a - len(kept)))
            return best

        cost = {(a, b): level(a, b) for a in range(8) for b in range(a + 2, 10)}
        every = [
            (0, *cuts, 9) for k in range(5) for cuts in itertools.combinations(range(2, 8), k)
            if all(b - a >= 2 for a, b in itertools.pairwise((0, *cuts, 9)))
        ]  # fmt: skip

        def total(ends, cost=cost):
            return sum(cost[pair] for pair in itertools.pairwise(ends)) + price * (len(ends) - 2)

        made = levels(values, errors)
        assert total((*(one.start for one in made), 9)) == pytest.approx(min(map(total, every)))
        some += any(one.odd for one in made)
    assert some > 5


@pytest.mark.parametrize("n", [8, 30, 100])
def test_a_flat_series_has_no_step(n):
    rng = np.random.default_rng(n)
    false = np.mean([bool(found(rng.normal(size=n))) for _ in range(400)])
    assert false <= 0.06


def test_a_step_is_found_at_its_place_and_with_its_sign():
    rng = np.random.default_rng(0)
    right = covered = 0
    for _ in range(200):
        values = rng.normal(size=24)
        values[15:] -= 3.0
        told = found(values)
        if len(told) == 1 and abs(told[0].at - 15) <= 1:
            right += 1
            assert told[0].size < 0
        covered += any(s.low <= -3.0 <= s.high for s in told)
    assert right >= 185 and covered >= 175


@pytest.mark.parametrize("size", [4.3, 9.0, 40.0, -1e4])
@pytest.mark.parametrize("at", range(7))
def test_one_odd_run_is_no_step_wherever_it_stands_and_however_odd(size, at):
    values = np.zeros(7)
    values[at] = size
    (one,) = levels(values, np.ones(7))
    assert (one.start, one.end) == (0, 7)
    if abs(size) > 5:
        assert one.odd == (at,) and one.value == pytest.approx(0.0) and one.error == pytest.approx(6**-0.5)


def test_two_odd_runs_in_a_row_are_a_level_and_two_apart_are_none():
    (up, down) = found([0, 0, 9, 9, 0, 0, 0])
    assert (up.at, up.size, down.at, down.size) == (2, 9.0, 4, -9.0)
    (one,) = levels([0, 0, 9, 0, 0, 9, 0, 0], np.ones(8))
    assert one.odd == (2, 5)
    (late,) = found([0, 0, 0, 0, 9, 9])
    assert late.at == 4 and found([0, 0, 0, 0, 9]) == []  # one value after a step tells nothing yet


def test_an_odd_run_hides_no_step():
    rng = np.random.default_rng(2)
    right = 0
    for _ in range(100):
        values = rng.normal(size=20)
        values[12:] -= 4.0
        values[5] += 30.0
        told = levels(values, np.ones(20))
        right += len(told) == 2 and abs(told[1].start - 12) <= 1 and told[0].odd == (5,)
    assert right >= 90


def test_a_shift_and_a_turn_change_nothing_but_the_sign():
    values = np.random.default_rng(5).normal(size=20)
    values[8:] += 5
    base, moved, turned = found(values), found(values + 1e9), found(-values)
    assert [s.at for s in base] == [s.at for s in moved] == [s.at for s in turned] == [8]
    assert turned[0].size == pytest.approx(-base[0].size) and moved[0].size == pytest.approx(base[0].size, abs=1e-5)


def test_short_empty_and_equal_series():
    assert levels([], []) == [] and found([3.0]) == [] and found([3.0, 90.0]) == [] and found([1.0, 2.0, 3.0]) == []
    assert found([2.0] * 6, np.zeros(6)) == []
    (one,) = found([2.0] * 4 + [2.5] * 4, np.zeros(8))
    assert one.at == 4 and one.size == pytest.approx(0.5)


@pytest.mark.parametrize(("values", "errors"), [([1, np.nan], [1, 1]), ([1, 2], [1]), ([1, 2], [1, -1])])
def test_what_is_no_series_is_refused(values, errors):
    with pytest.raises(UsageError, match="A series"):
        levels(values, errors)


def test_what_all_runs_share_is_no_noise_of_a_step():
    """Errors of single runs hold the prompts' ease; steps between runs of one list do not."""
    rng = np.random.default_rng(0)
    scores = 5 * rng.normal(size=(200, 1)) + rng.normal(size=(200, 12))
    influence = (scores - scores.mean(0)) / 200
    errors = paired_errors(influence)
    assert errors == pytest.approx(np.full(12, 1 / np.sqrt(200)), rel=0.25)
    assert standard_error(influence[:, 0]) > 4 * errors.mean()
    two = paired_errors(influence[:, :2])  # of two runs: that of their difference, shared out
    assert np.hypot(*two) == pytest.approx(standard_error(influence[:, 0] - influence[:, 1]))
    values = scores.mean(0)
    values[6:] += 0.45
    assert [s.at for s in found(values, errors)] == [6]
    with pytest.raises(UsageError, match="two prompts and two runs"):
        paired_errors(influence[:, :1])
