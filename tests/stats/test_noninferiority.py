"""Non-inferiority: known bounds, error rates by simulation, and the wrong way round."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize, stats
from statsmodels.stats.power import TTestPower
from statsmodels.stats.weightstats import ttost_paired

from bench.errors import UsageError
from bench.stats.kernels import kernel
from bench.stats.noninferiority import (
    Exchanged,
    _losing,
    block_bounds,
    bounds,
    detectable,
    judged,
    lower_reach,
    required,
    seen_from,
    tango,
    worse,
)
from bench.stats.trials import REGRESSED, Drawn, _low, outcomes
from bench.types import Estimator

MEAN = Estimator("mean", ("score",))


def pair(a, b, groups=None):
    groups = np.arange(len(a)) if groups is None else groups
    return kernel(MEAN, {"score": np.column_stack([a, b])}, groups)


def family(*pairs, sign=1):
    return [Exchanged(p, sign, np.arange(p.groups)) for p in pairs]


# ---- bounds --------------------------------------------------------------------------------------------------------


def mirrored(n, seed):
    """Two runs whose differences are not skewed at all."""
    rng = np.random.default_rng(seed)
    b, half = rng.normal(size=n), rng.normal(size=n // 2)
    return b + 0.1 + np.concatenate([half, -half]), b


def test_bounds_of_means_are_those_of_the_paired_t_test():
    a, b = mirrored(80, 0)
    found = bounds(pair(a, b), 1)
    wanted = stats.ttest_rel(a, b).confidence_interval(0.9)
    assert found.delta == pytest.approx(np.mean(a - b))
    assert (found.low, found.high) == pytest.approx((wanted.low, wanted.high), rel=1e-9)
    assert found.sd == pytest.approx(np.std(a - b, ddof=1))


def test_passing_is_statsmodels_lower_test():
    for shift in (-0.5, -0.25, 0.0):
        a, b = mirrored(60, 1)
        a = a + shift
        p_lower = ttost_paired(a, b, -0.3, 9.0)[1][1]
        assert (bounds(pair(a, b), 1).low > -0.3) == (p_lower < 0.05)


def test_lower_is_better_turns_it_round():
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=(2, 50))
    up, down = bounds(pair(a, b), 1), bounds(pair(a, b), -1)
    assert down.delta == -up.delta and down.low == pytest.approx(-up.high) and down.high == pytest.approx(-up.low)


def test_skewed_differences_have_the_bound_of_a_count_of_breaks():
    """k prompts of n lose 30 and nothing else changes: the exact Poisson bound of k, by scipy's chi-square."""
    n, size = 5000, 30.0
    for k in (1, 2, 5, 40):
        d = np.where(np.arange(n) < k, -size, 0.0)
        found = bounds(pair(d, np.zeros(n)), 1)
        wanted = stats.chi2.ppf(0.95, 2 * (k + 1)) / 2 * size / n
        assert -found.low == pytest.approx(wanted, rel=0.01)
        far = stats.t.ppf(0.95, n - 1)
        assert found.high == pytest.approx(d.mean() + far * found.error)  # never nearer than t's
        turned_round = bounds(pair(d, np.zeros(n)), -1)
        assert (turned_round.low, turned_round.high) == pytest.approx((-found.high, -found.low))


@pytest.mark.parametrize("groups", [10, 1000])
def test_the_reach_grows_with_the_skewness_and_begins_at_students_t(groups):
    far = stats.t.ppf(0.95, groups - 1)
    found = lower_reach(far, np.array([1.0, 0.0, -1e-3, -0.01, -0.5, -2.0, -(groups**0.5)]), groups)
    assert found[:2].tolist() == [far, far] and found[2] == pytest.approx(far, rel=1e-3)
    assert (np.diff(found[1:]) >= 0).all() and found[-1] < 6


def test_a_run_that_broke_on_few_prompts_passes_as_rarely_as_it_should():
    rng, n, rounds = np.random.default_rng(0), 120, 4000
    broken = rng.random((rounds, n)) < 0.1
    apart = 5 * rng.normal(size=(rounds, n)) - broken * rng.normal(20, 10, size=(rounds, n))
    sums = np.stack([apart, np.zeros((rounds, n))], axis=-1)[:, :, None]
    low = _low(Drawn(sums, np.ones(sums.shape), np.full(rounds, n), 1, 2.0), 0.05)
    far = stats.t.ppf(0.95, n - 1) * apart.std(1, ddof=1) / n**0.5
    assert (low <= -2).mean() > 0.94 > 0.935 > (apart.mean(1) - far <= -2).mean()


def likelihood_bound(better, worse_, n, alpha=0.05):
    """Tango's bound from its definition: the restricted maximum of the multinomial likelihood found numerically."""

    def restricted(d):
        def negative(q):
            p = np.array([q + d, q, 1 - 2 * q - d])
            if (p < -1e-15).any():
                return np.inf
            counts = np.array([better, worse_, n - better - worse_])
            return -np.sum(counts * np.log(np.maximum(p, 1e-300)))

        low, high = max(0.0, -d) + 1e-12, (1 - d) / 2 - 1e-12
        return optimize.minimize_scalar(negative, bounds=(low, high), method="bounded", options={"xatol": 1e-12}).x

    def score(d):
        q = restricted(d)
        return (better - worse_ - n * d) / np.sqrt(n * (2 * q + d * (1 - d))) - stats.norm.ppf(1 - alpha)

    return optimize.brentq(score, -0.999, (better - worse_) / n - 1e-9)


@pytest.mark.parametrize(("better", "worse_", "n"), [(5, 9, 60), (1, 0, 50), (12, 3, 100), (0, 4, 40)])
def test_tangos_bound_against_its_definition(better, worse_, n):
    assert tango(better, worse_, n) == pytest.approx(likelihood_bound(better, worse_, n), abs=2e-5)


def test_tangos_bound_where_nothing_changed_is_known_in_closed_form():
    z = stats.norm.ppf(0.95)
    for n in (20, 50, 400):
        assert tango(0, 0, n) == pytest.approx(-(z**2) / (n + z**2), abs=1e-7)
    assert tango(0, 50, 50) == -1.0 and 0.85 < tango(50, 0, 50) < 1


def test_zeros_and_ones_use_it_and_mirror():
    a, b = np.array([1.0] * 40 + [0.0] * 20), np.array([1.0] * 45 + [0.0] * 15)
    up, down = bounds(pair(a, b), 1), bounds(pair(b, a), 1)
    assert up.method == "Tango's score bounds" and up.low == pytest.approx(tango(0, 5, 60))
    assert (up.low, up.high) == pytest.approx((-down.high, -down.low))
    several = bounds(pair(a, b, np.repeat(np.arange(30), 2)), 1)
    assert several.method.startswith("Student's t")


def test_one_group_has_no_bounds():
    found = bounds(pair(np.ones(3), np.zeros(3), np.zeros(3)), 1)
    assert found.low == -np.inf and found.high == np.inf and "fewer than two" in found.method


def test_blocks():
    apart = np.array([0.2, 0.1, 0.3, 0.25, 0.15])
    found = block_bounds(0.2, apart, -1)
    error = np.sqrt(4 / 5 * np.square(apart - apart.mean()).sum())
    assert found.delta == -0.2 and found.error == pytest.approx(error)
    assert found.low == pytest.approx(-0.2 - stats.t.ppf(0.95, 4) * error)
    assert block_bounds(0.1, [0.1], 1).low == -np.inf


# ---- verdicts ------------------------------------------------------------------------------------------------------


def test_the_three_verdicts():
    assert judged(-0.01, 0.02, 1e-6) == "pass"  # surely worse, but within the margin
    assert judged(-0.03, 0.02, 0.01) == "regressed"
    assert judged(-0.03, 0.02, 0.2) == "inconclusive"
    with pytest.raises(UsageError, match="above 0"):
        judged(0.0, -0.1, 0.5)


def test_p_is_one_sided_and_knows_the_direction():
    rng = np.random.default_rng(3)
    b = rng.normal(size=100)
    low = pair(b - 0.5 + 0.3 * rng.normal(size=100), b)
    assert worse(family(low))[0][0] < 0.002
    assert worse(family(low, sign=-1))[0][0] >= 0.5


def test_a_family_costs_and_equal_columns_cost_nothing():
    rng = np.random.default_rng(4)
    b = rng.normal(size=60)
    a = b - 0.25 + rng.normal(size=60)
    one = worse(family(pair(a, b)))[0][0]
    same = worse(family(*[pair(a, b)] * 5))[0][0]
    others = [pair(*rng.normal(size=(2, 60))) for _ in range(9)]
    assert same == one < worse(family(pair(a, b), *others))[0][0]
    assert worse(family(pair(b, b)))[0][0] == 1.0
    with pytest.raises(UsageError, match="at least one"):
        worse([])


def verdicts(shift, margin, *, rounds, metrics=4, n=60, binary=False, seed=0):
    """Share of rounds with a false alarm anywhere, and with a pass everywhere."""
    rng = np.random.default_rng(seed)
    alarms = passes = 0
    for _ in range(rounds):
        ease = rng.normal(size=n)
        pairs = []
        for _ in range(metrics):
            a, b = (ease + shift * i + rng.normal(size=n) for i in (1, 0))
            pairs.append(pair((a > 0).astype(float), (b > 0).astype(float)) if binary else pair(a, b))
        p, _ = worse(family(*pairs), permutations=400, seed=int(rng.integers(1 << 30)))
        told = [judged(bounds(x, 1).low, margin, v) for x, v in zip(pairs, p, strict=True)]
        alarms += "regressed" in told
        passes += told == ["pass"] * metrics
    return alarms / rounds, passes / rounds


@pytest.mark.parametrize("binary", [False, True])
def test_an_unchanged_model_is_called_regressed_in_at_most_5_percent(binary):
    alarms, _ = verdicts(0.0, 1e-6, rounds=400, binary=binary)
    assert alarms <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 400)
    assert alarms > 0.005  # and not by never saying so


def test_a_drop_of_the_margin_passes_in_at_most_5_percent():
    _, passes = verdicts(-0.4, 0.4, rounds=400, metrics=1)
    assert 0.01 < passes <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 400)


def test_what_is_said_to_be_detectable_is_detected():
    n, rounds, margin = 80, 500, 0.1
    error = np.sqrt(2 / n)
    _, reach = worse(family(pair(*np.random.default_rng(5).normal(size=(2, n)))))
    drop = detectable(error, margin, reach)
    alarms, _ = verdicts(-drop, margin, rounds=rounds, metrics=1, n=n)
    assert abs(alarms - 0.8) < 3 * np.sqrt(0.16 / rounds) + 0.01
    # beyond a wide margin the margin decides
    assert detectable(0.01, 1.0, reach) == pytest.approx(1.0 + (stats.norm.ppf(0.8) - stats.norm.ppf(0.95)) * 0.01)


@pytest.mark.parametrize(("share", "n", "sign"), [(0.7, 60, 1), (0.7, 60, -1), (0.9, 150, 1)])
def test_successes_that_are_lost_make_the_difference_noisier(share, n, sign):
    """Of zeros and ones the printed drop is that of a run which loses successes, not of one that is lower by as much
    everywhere; without that, power at .9 is not .8 but .6."""
    rng, rounds, margin = np.random.default_rng(0), 400, 0.05
    cut = stats.norm.ppf(share) * 2**0.5

    def drawn(drop):
        ease = rng.normal(size=n)
        run, old = ((ease + rng.normal(size=n) < cut).astype(float) for _ in range(2))
        run *= rng.random(n) >= drop / share
        return pair(run, old) if sign > 0 else pair(1 - run, 1 - old)

    def told(drop):
        both = drawn(drop)
        p, reach = worse([Exchanged(both, sign, np.arange(n))], permutations=400, seed=int(rng.integers(1 << 30)))
        return judged(bounds(both, sign).low, margin, p[0]), seen_from(both, sign, margin, reach), bounds(both, sign)

    printed = np.array([told(0.0)[1] for _ in range(100)])
    flat = detectable(float(np.mean([told(0.0)[2].error for _ in range(50)])), margin, 1.645, groups=n)
    drop = float(np.median(printed))
    assert drop > 1.05 * flat
    found = np.mean([told(drop)[0] == "regressed" for _ in range(rounds)])
    assert abs(found - 0.8) < 0.03 + 3 * np.sqrt(0.16 / rounds)


def test_the_error_of_a_lossy_run_is_that_of_simulated_losses():
    """seen_from's closed form, against losses that are drawn, with several images a prompt."""
    rng = np.random.default_rng(1)
    hits, old = ((rng.random((40, 3)) < 0.6).astype(float) for _ in range(2))
    groups = np.repeat(np.arange(40), 3)
    told = _losing(pair(hits.ravel(), old.ravel(), groups), 1)
    assert told.error(0.0) == pytest.approx(bounds(pair(hits.ravel(), old.ravel(), groups), 1).error)
    assert told.share == pytest.approx(hits.mean()) and told.step == 1 / 120
    lost = [pair((hits * (rng.random(hits.shape) >= 0.25 / told.share)).ravel(), old.ravel(), groups)
            for _ in range(400)]  # fmt: skip
    assert told.error(0.25) ** 2 == pytest.approx(np.mean([bounds(x, 1).error ** 2 for x in lost]), rel=0.02)


def power_of(apart, margin, planted, rng, rounds=4000):
    """Share of regressions among runs that differ by `apart`, prompts drawn again and exchanged, but for the drop."""
    n = len(apart)
    signed = np.where(rng.random((rounds, n)) < 0.5, 1, -1) * apart[rng.integers(n, size=(rounds, n))] - planted
    sums = np.stack([signed, np.zeros((rounds, n))], axis=-1)[:, :, None]
    told, _ = outcomes([Drawn(sums, np.ones(sums.shape), np.full(rounds, n), 1, margin)], rng)
    return (told == REGRESSED).mean()


def test_where_few_prompts_hold_the_noise_the_printed_drop_is_still_seen_in_80_percent():
    """Errors are estimated in each comparison: a formula that takes them as known promises too much."""
    rng, n = np.random.default_rng(0), 120
    apart = rng.standard_t(2.5, size=n)
    apart *= 1 / apart.std()
    margin = 3.3 / n**0.5
    both = pair(apart - apart.mean(), np.zeros(n))
    _, reach = worse(family(both))
    drop, flat = seen_from(both, 1, margin, reach), detectable(bounds(both, 1).error, margin, reach, groups=n)
    assert drop > 1.02 * flat
    found = power_of(apart, margin, drop, rng)
    assert abs(found - 0.8) < 0.03 and power_of(apart, margin, flat, rng) < found - 0.01


@pytest.mark.parametrize("side", [1, -1])
def test_a_pair_that_is_skewed_by_chance_does_not_hide_its_own_noise(side):
    """Three prompts that happened to fall one way might as well have fallen the other."""
    rng, n = np.random.default_rng(1), 120
    apart = rng.normal(size=n)
    apart[:3] = side * np.array([14.0, 12.0, 10.0])
    apart = (apart - apart.mean()) / apart.std()
    margin, both = 3.3 / n**0.5, pair(apart, np.zeros(n))
    _, reach = worse(family(both))
    drop = seen_from(both, 1, margin, reach)
    assert drop == pytest.approx(seen_from(pair(np.zeros(n), apart), 1, margin, reach), rel=0.03)
    assert abs(power_of(apart, margin, drop, rng) - 0.8) < 0.03


@pytest.mark.parametrize("margin", [0.01, 2.5])
def test_few_blocks_know_their_error_badly(margin):
    rng, blocks = np.random.default_rng(4), 10
    reach = stats.t.ppf(0.95, blocks - 1)
    drop = detectable(1.0, margin, reach, freedom=blocks - 1)
    deltas = rng.normal(size=(20_000)) - drop
    errors = np.sqrt(rng.chisquare(blocks - 1, 20_000) / (blocks - 1))
    seen = (deltas / errors < -reach) & (deltas - reach * errors <= -margin)
    assert seen.mean() == pytest.approx(0.8, abs=0.01)
    if margin < 1:  # the noncentral t, by statsmodels
        known = TTestPower().solve_power(None, blocks, 0.05, 0.8, "larger")
        assert drop == pytest.approx(known * blocks**0.5, rel=0.01)


def test_few_groups_hide_a_drop_in_their_own_exchange():
    many = detectable(0.1, 0.05, 2.0)
    assert many == pytest.approx(0.1 * (2 + 0.8416), rel=1e-4) and detectable(0.1, 0.05, 2.0, groups=30) > many
    assert np.isnan(detectable(0.1, 0.05, 2.0, groups=4))  # two exchanged prompts of four are no surprise
    assert np.isnan(detectable(np.nan, 0.05, 2.0)) and np.isnan(detectable(0.1, 0.05, np.inf))


def test_equal_runs_under_a_margin_of_nothing_have_an_end():
    """The default margin is in standard deviations of differences, and those of equal runs are 0."""
    assert detectable(0.0, 0.0, 1.6, groups=40) == 0.0
    hits = (np.random.default_rng(0).random(60) < 0.8).astype(float)
    assert 0 < seen_from(pair(hits, hits), 1, 0.0, 1.6) < 0.3
    assert seen_from(pair(hits + 0.5, hits + 0.5), 1, 0.0, 1.6) == 0.0


def test_prompts_needed_are_those_of_the_design_rule():
    assert [required(1.0, d) for d in (0.2, 0.1, 0.05)] == [271, 1083, 4329]  # (2 z sd / d)^2, rounded up
