"""Agreement between metrics: Spearman on prompts, that neither ease nor the systems' means can fake."""

from __future__ import annotations

import numpy as np
import pytest
from planted_runs import card
from scipy.stats import spearmanr

from bench.reports.comparison.agreement import agreement
from bench.reports.comparison.compare import compare

ONE, TWO, DOWN = card("one"), card("two"), card("three", "lower")


def test_of_one_system_it_is_spearmans_of_its_prompts(plant):
    rng = np.random.default_rng(0)
    x = rng.normal(size=50)
    y = x + rng.normal(size=50)
    found = compare([plant("a", {"one:score": x, "two:score": np.exp(y)}, [ONE, TWO])])
    made = agreement(found, found.tables)
    assert made.basis == "values" and made.n[0, 1] == 50
    assert made.rho[0, 1] == made.rho[1, 0] == pytest.approx(spearmanr(x, y).statistic)
    assert np.diag(made.rho) == pytest.approx(1)


def test_of_two_systems_it_is_spearmans_of_the_differences(plant):
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(2, 2, 60))
    y[1] += x[1] - x[0]
    runs = [plant(n, {"one:score": x[i], "two:score": y[i]}, [ONE, TWO]) for i, n in enumerate("ab")]
    found = compare(runs)
    made = agreement(found, found.tables)
    assert made.basis == "differences"
    assert made.rho[0, 1] == pytest.approx(spearmanr(x[1] - x[0], y[1] - y[0]).statistic)


def test_a_lower_is_better_metric_agrees_when_it_falls(plant):
    x = np.random.default_rng(2).normal(size=(2, 40))
    runs = [plant(n, {"one:score": x[i], "three:score": -3 * x[i]}, [ONE, DOWN]) for i, n in enumerate("ab")]
    found = compare(runs)
    assert agreement(found, found.tables).rho[0, 1] == pytest.approx(1)


def test_neither_easy_prompts_nor_better_systems_make_an_agreement(plant):
    """Two metrics that share ease and rank four systems alike, and are unrelated on the prompts of each pair."""
    rng = np.random.default_rng(3)
    ease, runs = 5 * rng.normal(size=300), []
    for i, name in enumerate("abcd"):
        x, y = ease + 4 * i + rng.normal(size=(2, 300))
        runs.append(plant(name, {"one:score": x, "two:score": y}, [ONE, TWO]))
    found = compare(runs)
    values = [np.concatenate([found.tables.frame(i)[f"{m}:score"] for i in range(4)]) for m in ("one", "two")]
    assert spearmanr(*values).statistic > 0.9
    made = agreement(found, found.tables)
    assert abs(made.rho[0, 1]) < 0.1 and made.n[0, 1] == 900


def test_holes_leave_only_common_prompts(plant):
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(2, 30))
    x[:10], y[25:] = np.nan, np.nan
    found = compare([plant("a", {"one:score": x, "two:score": y}, [ONE, TWO])])
    made = agreement(found, found.tables)
    assert made.n[0, 1] == 15 and made.n[0, 0] == 20
    assert made.rho[0, 1] == pytest.approx(spearmanr(x[10:25], y[10:25]).statistic)


def test_a_constant_metric_is_left_out_and_one_alone_makes_no_matrix(plant):
    values = {"one:score": np.arange(9.0), "two:score": np.ones(9), "three:score": np.arange(9.0) % 3}
    found = compare([plant("a", values, [ONE, TWO, DOWN])])
    assert [r.metric for r in agreement(found, found.tables).rows] == ["one", "three"]
    alone = compare([plant("a", {"one:score": np.arange(9.0)}, [ONE])])
    assert agreement(alone, alone.tables) is None


def test_shared_weights_and_dependence_are_said(plant):
    rng = np.random.default_rng(5)
    eye = {"extractors": [{"name": "clip", "weights": "sha256:aa"}]}
    other = {"extractors": [{"name": "judge", "weights": "sha256:bb"}]}
    cards = [ONE, TWO, card("three", caveat="not independent of the generator")]
    values = {f"{n}:score": rng.normal(size=20) for n in ("one", "two", "three")}
    found = compare([plant("a", values, cards, protocols={"one": eye, "two": eye, "three": other})])
    made = agreement(found, found.tables)
    assert made.shared == ((0, 1, "clip"),)
    assert any("one, two look through the same weights (clip)" in n for n in made.notes)
    assert any("three: not independent" in n for n in made.notes)
