"""Agreement with people against scipy, against resamples that are written out, and on published ratings."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy import stats

from bench.errors import TooFew, UsageError
from bench.stats.agreement import STATISTICS, agreement, differences, tie_threshold
from bench.stats.bootstrap import drawn_weights

PUBLISHED = {
    "tifa_mplug-large": 0.471716, "tifa_blip2-flant5xl": 0.435997, "tifa_git-large": 0.425508, "tifa_vilt": 0.382409,
    "tifa_ofa-large": 0.372478, "clipscore_vitb32": 0.231446, "meteor": 0.274076, "bleu": 0.187910, "rouge": 0.244858,
    "spice": 0.231758,
}  # fmt: skip
"""Metric -> tau-b with people (Hu et al. 2023, table 2, recomputed from the ratings to six digits)."""


def rated(seed: int = 0, n: int = 90) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    human = rng.integers(1, 6, n).astype(float)
    return human, np.round(human + rng.normal(0, 2, n), 1), np.arange(n) // 3


def accuracy(x: np.ndarray, y: np.ndarray) -> float:
    i, j = np.triu_indices(len(x), 1)
    return float(np.mean(np.sign(x[i] - x[j]) == np.sign(y[i] - y[j])))


ORACLES = {
    "pearson": lambda x, y: stats.pearsonr(x, y).statistic,
    "spearman": lambda x, y: stats.spearmanr(x, y).statistic,
    "tau-b": lambda x, y: stats.kendalltau(x, y).statistic,
    "tau-c": lambda x, y: stats.kendalltau(x, y, variant="c").statistic,
    "accuracy": accuracy,
}
EXACT = [s for s in STATISTICS if s != "calibrated"]


@pytest.mark.parametrize("statistic", EXACT)
def test_values_and_resamples_are_scipys(statistic):
    human, metric, groups = rated()
    (found,) = agreement(human, {"m": metric}, groups, statistics=[statistic], resamples=25, seed=3)
    assert found.value == pytest.approx(ORACLES[statistic](human, metric), abs=1e-12)
    for draw, weights in zip(found.draws, drawn_weights(30, 25, 3), strict=True):
        rows = np.concatenate([np.tile(np.flatnonzero(groups == g), int(k)) for g, k in enumerate(weights)])
        assert draw == pytest.approx(ORACLES[statistic](human[rows], metric[rows]), abs=1e-12)


def test_the_wrong_way_round_has_the_other_sign():
    human, metric, groups = rated()
    for one, other in zip(
        agreement(human, {"m": metric}, groups, resamples=50),
        agreement(human, {"m": -metric}, groups, resamples=50), strict=True,
    ):  # fmt: skip
        if one.statistic not in ("accuracy", "calibrated"):
            assert other.value == pytest.approx(-one.value) and other.low == pytest.approx(-one.high)
    assert tie_threshold(human, metric)[1] > tie_threshold(human, -metric)[1]


def test_a_copy_of_a_metric_is_not_better_and_noise_is_worse():
    human, metric, groups = rated(n=300)
    noise = np.random.default_rng(9).normal(size=300)
    found = differences(agreement(human, {"m": metric, "copy": metric.copy(), "noise": noise}, groups, resamples=500))
    for one in found:
        assert one.significant == (one.second == "noise"), one
    same = next(d for d in found if d.second == "copy")
    assert same.value == same.low == same.high == 0


def test_tie_threshold_by_trying_all():
    human, metric, _ = rated(2, 40)
    i, j = np.triu_indices(40, 1)
    gap, apart = np.round(metric[i] - metric[j], 9), np.sign(human[i] - human[j])
    best = max(
        float(np.mean(np.where(np.abs(gap) <= t, 0, np.sign(gap)) == apart)) for t in [0.0, *np.abs(gap).tolist()]
    )
    threshold, found = tie_threshold(human, metric)
    assert found == pytest.approx(best)
    assert found >= accuracy(human, metric)
    assert found == pytest.approx(np.mean(np.where(np.abs(gap) <= threshold + 1e-9, 0, np.sign(gap)) == apart))


def test_calibrated_ties_in_resamples_that_are_written_out():
    human, metric, groups = rated(5)
    human = (human > 4).astype(float)  # people tie most pairs, the metric few
    (found,) = agreement(human, {"m": metric}, groups, statistics=["calibrated"], resamples=25, seed=3)
    threshold, best = tie_threshold(human, metric)
    assert (found.threshold, found.value) == (threshold, pytest.approx(best)) and threshold > 0
    for draw, weights in zip(found.draws, drawn_weights(30, 25, 3), strict=True):
        rows = np.concatenate([np.tile(np.flatnonzero(groups == g), int(k)) for g, k in enumerate(weights)])
        i, j = np.triu_indices(len(rows), 1)
        gap = metric[rows][i] - metric[rows][j]
        called = np.where(np.abs(gap) <= threshold, 0, np.sign(gap))
        assert draw == pytest.approx(np.mean(called == np.sign(human[rows][i] - human[rows][j])))


def test_pairs_within_groups_alone():
    human, metric, groups = rated(7)
    metric = metric + groups * 100.0  # a level of each prompt, of which people's ranks say nothing
    found = {a.statistic: a for a in agreement(human, {"m": metric}, groups, within=True, resamples=25, seed=3)}
    i, j = np.triu_indices(90, 1)
    i, j = i[groups[i] == groups[j]], j[groups[i] == groups[j]]
    x, y = np.sign(human[i] - human[j]), np.sign(metric[i] - metric[j])
    assert found["accuracy"].value == pytest.approx(np.mean(x == y))
    assert found["tau-b"].value == pytest.approx((x * y).sum() / np.sqrt(np.abs(x).sum() * np.abs(y).sum()))
    draw = drawn_weights(30, 25, 3)[0][groups[i]]
    assert found["accuracy"].draws[0] == pytest.approx(((x == y) * draw).sum() / draw.sum())
    whole = {a.statistic: a for a in agreement(human, {"m": metric}, groups, resamples=25, statistics=["tau-b"])}
    assert found["tau-b"].value > whole["tau-b"].value + 0.2
    with pytest.raises(UsageError, match="within groups"):
        agreement(human, {"m": metric}, groups, within=True, statistics=["pearson"])


def test_the_calibrated_accuracy_is_never_below_the_plain_one():
    human = np.array([1.0, 2, 3, 4, 5, 6])
    tiny = np.array([0, 1e-13, 2e-13, 3e-13, 4e-13, 1.0])  # each as near to the next as rounding errors are
    (plain, best) = agreement(human, {"m": tiny}, np.arange(6), statistics=["accuracy", "calibrated"], resamples=20)
    assert plain.value == best.value == 1


def test_all_ties_nan_and_too_few():
    human, metric, groups = rated()
    flat = {a.statistic: a.value for a in agreement(human, {"m": np.ones(90)}, groups, resamples=20)}
    assert all(np.isnan(flat[s]) for s in EXACT if s != "accuracy")
    holes = metric.copy()
    holes[:9] = np.nan
    some = agreement(human, {"m": holes}, groups, statistics=["tau-b"], resamples=20)[0]
    assert some.value == pytest.approx(ORACLES["tau-b"](human[9:], metric[9:]))
    with pytest.raises(TooFew, match="2 groups"):
        agreement(human, {"m": metric}, np.zeros(90), resamples=20)
    with pytest.raises(UsageError, match="no statistic"):
        agreement(human, {"m": metric}, groups, statistics=["tau-d"])


def test_the_published_taus_of_tifa(shared_data):
    rows = list(json.loads((shared_data / "tifa" / "human_annotations_with_scores.json").read_text()).values())
    human = np.array([r["human_avg"] for r in rows])
    metrics = {name: np.array([r[name] for r in rows], dtype=float) for name in PUBLISHED}
    found = agreement(human, metrics, [r["text_id"] for r in rows], statistics=["pearson", "tau-b"])
    taus = {a.metric: a for a in found if a.statistic == "tau-b"}
    for name, tau in PUBLISHED.items():
        assert taus[name].value == pytest.approx(tau, abs=5e-7), name
    pearson = {a.metric: a.value for a in found if a.statistic == "pearson"}
    assert pearson["tifa_mplug-large"] == pytest.approx(0.596720, abs=5e-7), "published as Spearman"
    best = taus["tifa_mplug-large"]
    assert best.low == pytest.approx(0.408, abs=0.01) and best.high == pytest.approx(0.529, abs=0.01)
    apart = {d.second: d for d in differences(found) if d.statistic == "tau-b"}
    assert not apart["tifa_blip2-flant5xl"].significant, "the published winner is not surely one"
    assert apart["clipscore_vitb32"].significant
