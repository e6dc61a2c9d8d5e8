"""Paired differences against scipy, the table of detectable effects, and simulated false alarms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from bench.stats.paired import detectable, paired, required
from bench.types import Estimator

MEAN, MEDIAN, RATIO = Estimator("mean", ("x",)), Estimator("median", ("x",)), Estimator("ratio", ("x", "d"))
MACRO = Estimator("macro", ("x", "tag"))


def two(n: int = 80, gap: float = 0.2, seed: int = 0) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    rng = np.random.default_rng(seed)
    prompt = rng.normal(size=n) * 3
    return {"x": prompt + gap + rng.normal(size=n)}, {"x": prompt + rng.normal(size=n)}


def test_few_prompts_are_the_paired_t_test():
    a, b = two()
    found = paired(MEAN, a, b, np.arange(80))
    oracle = stats.ttest_rel(a["x"], b["x"]).confidence_interval()
    assert (found.low, found.high) == pytest.approx((oracle.low, oracle.high), abs=1e-12)
    assert found.delta == pytest.approx((a["x"] - b["x"]).mean())
    assert found.sd == pytest.approx(np.std(a["x"] - b["x"], ddof=1))
    assert (found.n, found.groups) == (80, 80)


@pytest.mark.parametrize("gap", [0.0, 0.3])
def test_p_is_scipys(gap):
    a, b = two(gap=gap, seed=3)
    found = paired(MEAN, a, b, np.arange(80), permutations=20000)
    oracle = stats.permutation_test(
        (a["x"], b["x"]), lambda x, y: np.mean(x - y), permutation_type="samples", n_resamples=20000,
        rng=np.random.default_rng(1),
    )  # fmt: skip
    assert found.p == pytest.approx(oracle.pvalue, abs=0.012)


def test_pairing_sees_what_separate_intervals_do_not():
    a, b = two(150, 0.5)
    found = paired(MEAN, a, b, np.arange(150))
    assert found.low > 0
    separate = 1.96 * np.hypot(stats.sem(a["x"]), stats.sem(b["x"]))
    assert found.delta < separate


def test_winner_follows_the_direction_and_delta_does_not():
    a, b = {"x": np.array([1.0, 2.0, 3.0, 4.0])}, {"x": np.array([0.0, 2.0, 1.0, 5.0])}
    up, down = (paired(MEAN, a, b, np.arange(4), direction=d) for d in ("higher", "lower"))
    assert (up.wins, up.ties, up.losses, up.better) == (2, 1, 1, 0.625)
    assert (down.wins, down.ties, down.losses, down.better) == (1, 1, 2, 0.375)
    assert up.delta == down.delta == 0.5


def test_exchanged_runs_give_the_opposite():
    a, b = two(120, 0.3)
    forth, back = paired(MEAN, a, b, np.arange(120)), paired(MEAN, b, a, np.arange(120))
    assert (back.delta, back.p, back.wins) == (pytest.approx(-forth.delta), pytest.approx(forth.p), forth.losses)


def test_a_row_missing_in_one_is_missing_in_both():
    a, b = two(60)
    a["x"][:10] = np.nan
    b["x"][5:20] = np.nan
    found = paired(MEAN, a, b, np.arange(60))
    assert found.n == 40
    assert found.delta == pytest.approx((a["x"] - b["x"])[20:].mean())


def test_repeats_of_a_prompt_are_one_observation():
    a, b = two(70, 0.4)
    once = paired(MEAN, a, b, np.arange(70))
    five = paired(MEAN, *({"x": np.repeat(t["x"], 5)} for t in (a, b)), np.repeat(np.arange(70), 5))
    assert (five.low, five.p, five.wins, five.n) == (pytest.approx(once.low), once.p, once.wins, 350)


@pytest.mark.parametrize("estimator", [MEAN, MEDIAN, RATIO, MACRO], ids=lambda e: e.kind)
def test_a_run_against_itself_differs_in_nothing(estimator):
    t = {"x": np.arange(120.0) % 7, "d": np.ones(120), "tag": np.array(["u", "v"] * 60, dtype=object)}
    found = paired(estimator, t, t, np.arange(120))
    assert (found.delta, found.low, found.high, found.p, found.ties) == (0, 0, 0, 1, 120)
    assert found.method.startswith("zero width")


@pytest.mark.parametrize("estimator", [MEDIAN, RATIO, MACRO], ids=lambda e: e.kind)
def test_every_estimator_sees_a_large_gap(estimator):
    a, b = two(120, 3.0)
    for t in (a, b):
        t |= {"d": np.ones(120), "tag": np.array(["u", "v"] * 60, dtype=object)}
    found = paired(estimator, a, b, np.arange(120), permutations=500)
    assert found.low > 0 and found.p < 0.01 and found.better > 0.9


def test_one_prompt_says_nothing():
    found = paired(MEAN, {"x": np.array([1.0])}, {"x": np.array([0.0])}, np.array(["p"]))
    assert np.isnan(found.low) and found.p == 1.0 and found.method == "no interval: one group"


def test_no_common_row():
    found = paired(MEAN, {"x": np.array([1.0, np.nan])}, {"x": np.array([np.nan, 1.0])}, np.arange(2))
    assert found.n == 0 and np.isnan(found.delta) and np.isnan(found.p)


@pytest.mark.parametrize(("prompts", "effect"), [(50, 0.352), (100, 0.249), (553, 0.106), (1632, 0.062)])
def test_detectable_effect_is_the_known_table(prompts, effect):
    assert detectable(1 / np.sqrt(prompts)) == pytest.approx(effect, abs=6e-4)
    assert required(1.0, effect) == pytest.approx(prompts, rel=0.04)


def test_detectable_difference_is_seen_four_times_in_five():
    limit = detectable(np.sqrt(2 / 60))
    seen = [paired(MEAN, *two(60, limit, s), np.arange(60), permutations=200) for s in range(300)]
    share = np.mean([f.delta > 0 and f.p / 2 < 0.05 for f in seen])
    assert 0.72 <= share <= 0.88


def test_false_alarms_keep_their_level():
    p = [paired(MEAN, *two(60, 0.0, s), np.arange(60), permutations=200).p for s in range(400)]
    assert 0.025 <= np.mean(np.array(p) <= 0.05) <= 0.08


def test_p_is_never_nought():
    a, b = two(60, 50.0)
    assert paired(MEAN, a, b, np.arange(60), permutations=199).p == pytest.approx(1 / 200)
