"""Many comparisons at once end as each of them does alone."""

from __future__ import annotations

import numpy as np
import pytest

from bench.stats.kernels import Cells
from bench.stats.noninferiority import Exchanged, bounds, judged, worse
from bench.stats.trials import INCONCLUSIVE, PASS, REGRESSED, Drawn, _low, outcomes

COUNT, GROUPS = 60, 40
NAMES = {"pass": PASS, "inconclusive": INCONCLUSIVE, "regressed": REGRESSED}


def sums(kind, rng):
    """(T, G, C, 2) numerators and denominators of one kind of score, the run a little worse."""
    shape = (COUNT, GROUPS, 2 if kind == "macro" else 1, 2)
    ones = np.ones(shape)
    if kind == "zeros and ones":
        return (rng.random(shape) < [0.5, 0.7]).astype(float), ones
    if kind == "macro":  # a group is of one cell
        ones[:, ::2, 0], ones[:, 1::2, 1] = 0, 0
    if kind == "ratio":
        ones = rng.integers(0, 3, shape).astype(float)
    return ones * (rng.normal(size=shape) - [0.4, 0.0]), ones


@pytest.mark.parametrize("kind", ["mean", "zeros and ones", "macro", "ratio"])
@pytest.mark.parametrize("sign", [1, -1])
def test_each_ends_as_it_does_alone(kind, sign):
    rng = np.random.default_rng(3)
    family = [Drawn(*sums(kind, rng), np.full(COUNT, GROUPS), sign, 0.3) for _ in range(2)]
    told, reach = outcomes(family, np.random.default_rng(0))
    same = 0
    for t in range(COUNT):
        alone = [Cells(one.numerators[t], one.denominators[t], GROUPS) for one in family]
        p, far = worse([Exchanged(a, sign, np.arange(GROUPS)) for a in alone], permutations=4000)
        assert reach[t] == pytest.approx(far, abs=0.4 if kind == "zeros and ones" else 0.25)  # there it has steps
        for i, both in enumerate(alone):
            low = bounds(both, sign).low
            assert _low(family[i], 0.05)[t] == pytest.approx(low, abs=1e-9)
            same += told[t, i] == NAMES[judged(low, 0.3, float(p[i]))]
    assert same >= 2 * COUNT - 4  # p near 0.05 is on either side by chance
    assert (len(set(told.ravel())) > 1) == (sign > 0 or kind != "zeros and ones")  # fewer zeros: all pass


def test_groups_that_a_trial_lacks_are_none_of_its_groups():
    rng = np.random.default_rng(1)
    above, below = sums("mean", rng)
    above[:, 30:], below[:, 30:] = 0, 0
    one = Drawn(above, below, np.full(COUNT, 30), 1, 0.3)
    for t in range(5):
        both = Cells(above[t, :30], below[t, :30], 30)
        assert _low(one, 0.05)[t] == pytest.approx(bounds(both, 1).low)


def test_equal_runs_pass_and_rounding_is_no_difference():
    both = np.repeat(np.random.default_rng(0).normal(size=(3, 50, 1, 1)), 2, axis=3)
    both[1, :, 0, 0] += 1e-17
    told, _ = outcomes([Drawn(both, np.ones(both.shape), np.full(3, 50), 1, 0.1)], np.random.default_rng(0))
    assert (told == PASS).all()
