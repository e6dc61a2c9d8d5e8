"""Estimators under weights equal the estimator on the expanded rows, and leave out what is missing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import UsageError
from bench.stats.bootstrap import estimate
from bench.stats.kernels import kernel
from bench.types import Estimator

MEAN, MEDIAN = Estimator("mean", ("x",)), Estimator("median", ("x",))
RATIO, MACRO = Estimator("ratio", ("x", "d")), Estimator("macro", ("x", "tag"))
ALL = [MEAN, MEDIAN, RATIO, MACRO]


def table(n: int = 60, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    d = rng.integers(0, 2, n).astype(float)
    tags = np.array(["a", "b", "c"], dtype=object)[rng.integers(0, 3, n)]
    groups = rng.integers(0, 12, n).astype(str)
    return {"x": rng.normal(size=n).round(1) * d, "d": d, "tag": tags, "g": groups}


def direct(estimator: Estimator, t: dict[str, np.ndarray]) -> float:
    if estimator.kind == "mean":
        return t["x"].mean()
    if estimator.kind == "median":
        return float(np.median(t["x"]))
    if estimator.kind == "ratio":
        return t["x"].sum() / t["d"].sum()
    return float(np.mean([t["x"][t["tag"] == v].mean() for v in sorted(set(t["tag"]))]))


@pytest.mark.parametrize("estimator", ALL, ids=lambda e: e.kind)
def test_estimate_is_the_definition(estimator):
    assert estimate(estimator, table()) == pytest.approx(direct(estimator, table()), abs=1e-12)


@settings(max_examples=25, deadline=None)
@given(weights=st.lists(st.integers(0, 3), min_size=12, max_size=12).filter(any), seed=st.integers(0, 5))
@pytest.mark.parametrize("estimator", ALL, ids=lambda e: e.kind)
def test_weights_mean_repeated_groups(estimator, weights, seed):
    t = table(80, seed)
    made = kernel(estimator, t, t["g"])
    labels = sorted(set(t["g"]))
    weights = np.array(weights[: len(labels)], dtype=float)
    rows = np.concatenate([np.tile(np.flatnonzero(t["g"] == g), int(w)) for g, w in zip(labels, weights, strict=True)])
    rows = rows.astype(int)
    found = made.values(weights[None])[0, 0]
    if len(rows) == 0 or (estimator.kind == "ratio" and t["d"][rows].sum() == 0):
        assert np.isnan(found)
        return
    assert found == pytest.approx(direct(estimator, {k: v[rows] for k, v in t.items()}), abs=1e-12)


@pytest.mark.parametrize("estimator", [MEAN, RATIO, MACRO], ids=lambda e: e.kind)
def test_influence_is_the_derivative(estimator):
    t = table(200, 3)
    made = kernel(estimator, t, t["g"])
    ones, step = np.ones((1, made.groups)), 1e-6
    numeric = [(made.values(ones + step * row) - made.values(ones))[0, 0] / step for row in np.eye(made.groups)]
    assert made.influence()[:, 0] == pytest.approx(np.array(numeric), abs=1e-6)


@pytest.mark.parametrize("estimator", ALL, ids=lambda e: e.kind)
def test_a_missing_row_is_no_row(estimator):
    t = table()
    t["x"] = t["x"].copy()
    t["x"][::7] = np.nan
    kept = np.arange(60) % 7 != 0
    without = {k: v[kept] for k, v in t.items()}
    assert estimate(estimator, t) == pytest.approx(direct(estimator, without), abs=1e-12)
    assert kernel(estimator, t, t["g"]).rows == kept.sum()


def test_a_row_without_the_tag_is_in_no_mean():
    t = {"x": np.array([0.0, 1.0, 100.0]), "tag": np.array(["a", "b", ""], dtype=object)}
    assert estimate(MACRO, t) == 0.5


def test_macro_weighs_cells_alike_and_mean_weighs_rows():
    t = {"x": np.array([1.0, 1.0, 1.0, 0.0]), "tag": np.array(["a", "a", "a", "b"], dtype=object)}
    assert (estimate(MACRO, t), estimate(MEAN, t)) == (0.5, 0.75)


def test_no_row_is_no_number():
    assert np.isnan(estimate(MEAN, {"x": np.array([np.nan, np.nan])}))
    assert np.isnan(estimate(MEAN, {"x": np.array([])}))


@pytest.mark.parametrize("estimator", ALL, ids=lambda e: e.kind)
def test_systems_side_by_side_equal_systems_alone(estimator):
    t, u = table(90, 1), table(90, 2)
    u["g"], u["tag"] = t["g"], t["tag"]
    joint = {k: np.stack([t[k], u[k]], axis=1) for k in ("x", "d")} | {"tag": t["tag"]}
    weights = np.random.default_rng(0).integers(0, 3, (5, 12)).astype(float)
    both = kernel(estimator, joint, t["g"]).values(weights)
    for i, alone in enumerate((t, u)):
        assert both[:, i] == pytest.approx(kernel(estimator, alone, t["g"]).values(weights)[:, 0], abs=1e-12)


@pytest.mark.parametrize("estimator", ALL, ids=lambda e: e.kind)
def test_exchange_of_all_groups_turns_the_sign(estimator):
    t, u = table(90, 1), table(90, 2)
    joint = {k: np.stack([t[k], u[k]], axis=1) for k in ("x", "d")} | {"tag": t["tag"]}
    made = kernel(estimator, joint, t["g"])
    none, every = made.swapped(np.array([[0.0] * made.groups, [1.0] * made.groups]))
    values = made.values(np.ones((1, made.groups)))[0]
    assert none == pytest.approx(values[0] - values[1], abs=1e-12)
    assert every == pytest.approx(-none, abs=1e-12)


def test_an_absent_column_is_named():
    with pytest.raises(UsageError, match="'d'"):
        estimate(RATIO, {"x": np.ones(3)})
    with pytest.raises(UsageError, match="'tag'"):
        estimate(MACRO, {"x": np.ones(3)})
