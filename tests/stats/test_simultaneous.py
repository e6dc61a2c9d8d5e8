"""max-T in blocks of float32 against the exact form, its level, and rank shares."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from bench.stats.ranks import simultaneous_ends
from bench.stats.simultaneous import deviations, largest, rank_shares, reaches, spreads, student


def field(groups: int = 300, systems: int = 12, seed: int = 0) -> np.ndarray:
    """(G, S) influences of means that share the ease of prompts."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(groups, 1)) + rng.normal(size=(groups, systems)) * rng.uniform(0.3, 2, systems)
    return (x - x.mean(0)) / groups


def test_it_is_the_slow_form_on_the_same_draws():
    influence, values = field(), np.random.default_rng(1).normal(size=12)
    drawn = deviations(influence, draws=3000)
    low, high = simultaneous_ends(values, values + drawn.T, family="row", level=0.95)
    own = np.array([[(drawn[i].astype(float) - drawn[j]).std(ddof=1) for j in range(12)] for i in range(12)])
    reach = reaches(drawn, own, 0.95)
    apart = values[:, None] - values
    off = ~np.eye(12, dtype=bool)
    assert (apart - reach[:, None] * own)[off] == pytest.approx(low[off], abs=2e-5)
    assert (apart + reach[:, None] * own)[off] == pytest.approx(high[off], abs=2e-5)


def test_spreads_are_those_of_the_draws():
    influence = field()
    drawn = deviations(influence, draws=20000).astype(float)
    own = np.array([[(drawn[i] - drawn[j]).std() for j in range(12)] for i in range(12)])
    off = ~np.eye(12, dtype=bool)
    assert spreads(influence)[off] == pytest.approx(own[off], rel=0.03)


def test_one_comparison_is_students_t():
    influence = field(groups=20, systems=2)
    reach = student(reaches(deviations(influence, draws=20000), spreads(influence), 0.95), 19)
    assert reach == pytest.approx(np.full(2, stats.t.ppf(0.975, 19)), rel=0.02)


def test_it_covers_all_comparisons_of_a_row():
    """Share of samples in which any of a row's intervals misses is near the level; single intervals would miss more."""
    rng, groups, systems = np.random.default_rng(5), 80, 10
    missed = alone = 0
    for _ in range(300):
        x = rng.normal(size=(groups, 1)) + rng.normal(size=(groups, systems))
        influence = (x - x.mean(0)) / groups
        apart = x.mean(0)[0] - x.mean(0)[1:]
        error = spreads(influence)[0, 1:] * np.sqrt(groups / (groups - 1))
        reach = student(reaches(deviations(influence, draws=1000), spreads(influence), 0.9), groups - 1)[0]
        missed += bool((np.abs(apart) > reach * error).any())
        alone += bool((np.abs(apart) > stats.t.ppf(0.95, groups - 1) * error).any())
    assert 0.05 < missed / 300 < 0.15
    assert alone / 300 > 0.25


def test_adding_a_system_leaves_the_draws_of_the_others():
    influence = field(systems=6)
    few, many = deviations(influence[:, :5]), deviations(influence)
    assert many[:5] == pytest.approx(few, rel=1e-5, abs=1e-9)
    assert (reaches(many, spreads(influence), 0.95)[:5] >= reaches(few, spreads(influence[:, :5]), 0.95) - 1e-6).all()


def test_equal_systems_do_not_count_and_one_system_has_no_reach():
    influence = field(systems=3)
    twin = influence[:, [0, 0, 1]]
    reach = reaches(deviations(twin), spreads(twin), 0.95)
    pair = reaches(deviations(influence[:, :2]), spreads(influence[:, :2]), 0.95)
    assert reach[:2] == pytest.approx([pair[0], pair[0]])
    assert np.isnan(reaches(deviations(influence[:, :1]), np.zeros((1, 1)), 0.95)).all()
    assert largest(deviations(influence[:, [0, 0]]), np.zeros((2, 2))).max() == 0


def test_nearly_equal_systems_do_not_blow_up_the_reach():
    """Their difference is noise of float32; divided by its tiny spread it would be any number."""
    influence = field(systems=4)
    twin = influence[:, [0, 0, 1, 2]] * np.array([1, 1 + 1e-9, 1, 1])
    plain = reaches(deviations(influence[:, :3]), spreads(influence[:, :3]), 0.95)
    assert reaches(deviations(twin), spreads(twin), 0.95)[[0, 2, 3]] == pytest.approx(plain, rel=1e-3)


def test_many_groups_are_drawn_in_chunks(monkeypatch):
    import bench.stats.simultaneous as module

    influence = field(groups=50, systems=3)
    whole = deviations(influence, (0, 7), 64)
    monkeypatch.setattr(module, "_CHUNK", 50 * 16)
    assert deviations(influence, (0, 7), 64) == pytest.approx(whole, rel=1e-5, abs=1e-9)


def test_rank_shares_are_probabilities_of_ranks():
    values = np.array([3.0, 2.0, 1.0])
    drawn = np.random.default_rng(0).normal(size=(3, 4000)).astype(np.float32)
    shares = rank_shares(values, drawn)
    assert shares.sum(0) == pytest.approx(np.ones(3)) and shares.sum(1) == pytest.approx(np.ones(3))
    assert shares[0, 0] > shares[1, 0] > shares[2, 0] > 0
    direct = np.argsort(np.argsort(-(values[:, None] + drawn), axis=0), axis=0)
    assert shares[1, 2] == pytest.approx((direct[1] == 2).mean())


def test_equal_systems_share_their_ranks():
    """Which are equal is told from the rows: a product of matrices may give equal columns other last bits."""
    one = np.random.default_rng(0).normal(size=500).astype(np.float32)
    drawn = np.stack([one, one + 1e-7, one - 1e-7, one - 9])
    shares = rank_shares(np.array([1.0, 1.0, 1.0, 1.0]), drawn, np.array([0, 0, 0, 3]))
    assert shares[:3, :3] == pytest.approx(np.full((3, 3), 1 / 3)) and shares[3, 3] == 1
    assert rank_shares(np.array([1.0, 1.0, 1.0, 1.0]), drawn)[2, 2] > 0.5, "without twins they would not share"
