"""The forest plot's data: one unit for all metrics, right is better, and the pair the right way round."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from planted_runs import card

from bench import store
from bench.errors import UsageError
from bench.reports.comparison.compare import compare
from bench.reports.comparison.explain import findings, pairs
from bench.reports.comparison.findings import Effect
from bench.reports.comparison.forest import forest
from bench.stats.paired import detectable
from bench.types import Score

UP, DOWN, SET = card("up"), card("down", "lower"), card("fd", "lower", scope="set")
FD = "fd:contribution to value"


def two(plant, n: int = 60, gap: float = 0.3, seed: int = 0):
    """The second run is better by `gap` on all three metrics."""
    rng = np.random.default_rng(seed)
    base, noise = rng.normal(size=(3, n)), rng.normal(size=(3, n))
    a = {"up:score": base[0], "down:score": base[1], FD: 9 + base[2]}
    moved = [base[i] + noise[i] + sign * gap for i, sign in enumerate((1, -1, -1))]
    b = {"up:score": moved[0], "down:score": 100 * moved[1], FD: 9 + moved[2]}
    a["down:score"] = 100 * a["down:score"]
    return plant("a", a, [UP, DOWN, SET]), plant("b", b, [UP, DOWN, SET])


def line(found, name: str) -> Effect:
    return next(e for e in found.forest if e.row.metric == name)


def test_effects_are_differences_in_units_of_their_own_sd(plant):
    a, b = two(plant)
    found = findings(compare([a, b]), pair=(1, 0))
    for name, column, sign in (("up", "up:score", 1), ("down", "down:score", -1), ("fd", FD, -1)):
        gaps = store.samples(b)[column].to_numpy() - store.samples(a)[column].to_numpy()
        one = line(found, name)
        assert one.delta == pytest.approx(gaps.mean())
        assert one.effect == pytest.approx(sign * gaps.mean() / gaps.std(ddof=1))
        assert one.effect_low < one.effect < one.effect_high
        assert one.better == pytest.approx((sign * gaps > 0).mean())
        assert (one.n, one.groups) == (60, 60)


def test_right_is_better_whichever_way_the_metric_runs(plant):
    a, b = two(plant, gap=1.5)
    for one in findings(compare([a, b]), pair=(1, 0)).forest:
        assert one.effect_low > 0 and one.kind == "better" and one.better > 0.5, one.row.metric
        assert (one.delta > 0) == (one.row.direction == "higher")
    for one in findings(compare([a, b]), pair=(0, 1)).forest:
        assert one.effect_high < 0 and one.kind == "worse" and one.better < 0.5, one.row.metric


def test_the_mirrored_pair_is_the_mirror_image(plant):
    a, b = two(plant)
    found = compare([a, b])
    for forth, back in zip(forest(found, found.tables, (1, 0)), forest(found, found.tables, (0, 1)), strict=True):
        assert (back.delta, back.low, back.high) == pytest.approx((-forth.delta, -forth.high, -forth.low))
        assert (back.effect, back.effect_low) == pytest.approx((-forth.effect, -forth.effect_high))
        assert (back.wins, back.losses, back.p_adjusted) == (forth.losses, forth.wins, forth.p_adjusted)


def test_a_pair_without_the_best_is_made_anew(plant):
    rng = np.random.default_rng(0)
    base = rng.normal(size=80)
    runs = [
        plant(n, {"up:score": base + gap + rng.normal(size=80)}, [UP]) for n, gap in zip("abc", (0, 2, 4), strict=True)
    ]
    found = compare(runs)
    one = findings(found, pair=(1, 0)).forest[0]
    assert found.rows[0].best == 2 and one.kind == "better" and one.delta == pytest.approx(2, abs=0.5)
    assert one.p_adjusted == found.family.of(found.rows[0], 0, 1)


def test_blocks_stand_for_the_sd_that_their_error_means(plant):
    blocks = np.random.default_rng(0).normal(size=(2, 10))
    runs = [_blocks(plant, label, 5.0 + i, blocks[i]) for i, label in enumerate("ab")]
    one = line(findings(compare(runs), pair=(1, 0)), "prc")
    error = np.sqrt(9 / 10 * np.square((blocks[1] - blocks[0]) - (blocks[1] - blocks[0]).mean()).sum())
    assert one.delta == 1.0 and one.effect == pytest.approx(1.0 / (error * np.sqrt(50)))
    assert one.detectable == pytest.approx(detectable(error)) and one.groups == 0


def _blocks(plant, label, value, replicates):
    prc = card("prc", scope="set")
    run = store.load(plant(label, {"up:score": np.arange(50.0)}, [UP]))
    score = Score("prc", "value", value, value - 1, value + 1, "", 50, 0, "exclude", "f" * 32, tuple(replicates))
    store.save(dataclasses.replace(
        run, scores=(*run.scores, score), cards={**run.cards, "prc": prc}, protocols={**run.protocols, "f" * 32: {}}
    ))  # fmt: skip
    return run.path


def test_what_does_not_vary_has_no_unit_and_says_so(plant):
    a = plant("a", {"up:score": np.zeros(30)}, [UP])
    b = plant("b", {"up:score": np.ones(30)}, [UP])
    one = findings(compare([a, b]), pair=(1, 0)).forest[0]
    assert (one.delta, one.effect, one.kind) == (1.0, None, "better")
    same = findings(compare([a, a]), pair=(1, 0)).forest[0]
    assert (same.delta, same.effect, same.kind, same.ties) == (0.0, None, "tied", 30)


def test_a_refused_pair_gives_its_reason(plant):
    a = plant("a", {"up:score": np.arange(9.0), FD: np.arange(9.0)}, [UP, SET])
    b = plant("b", {"up:score": np.arange(9.0), FD: [*np.arange(8.0), np.nan]}, [UP, SET], lost=[8])
    one = line(findings(compare([a, b]), pair=(1, 0)), "fd")
    assert one.delta is None and "9" in one.refusal and "8" in one.refusal


def test_which_pairs_are_told(plant):
    rng = np.random.default_rng(0)
    runs = [plant(n, {"up:score": rng.normal(size=40) + i}, [UP]) for i, n in enumerate("abc")]
    assert pairs(compare(runs[:2])) == ((1, 0),)
    assert pairs(compare(runs[:2], baseline="b")) == ((0, 1),)
    assert pairs(compare(runs)) == ((0, 2), (1, 2))
    assert pairs(compare(runs, baseline="a")) == ((1, 0), (2, 0))
    assert pairs(compare(runs[:1])) == ()
    with pytest.raises(UsageError, match="no pair of the 2 systems"):
        findings(compare(runs[:2]), pair=(0, 0))
