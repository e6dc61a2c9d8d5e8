"""All pairs at once are what `paired` finds pair by pair, with all rows and with holes of every kind."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bench.stats import common
from bench.stats.bootstrap import standard_error
from bench.stats.jackknife import jackknife_difference
from bench.stats.kernels import Contrast, kernel
from bench.stats.paired import complete, paired
from bench.stats.pairwise import averaged, block_differences, differences
from bench.types import Estimator

ESTIMATORS = (Estimator("mean", ("x",)), Estimator("ratio", ("x", "y")), Estimator("macro", ("x", "t")))
SYSTEMS = 5


def table(kind: str, repeats: int, holes: str, share: float = 0.15, tags: str = "group", n: int = 90) -> dict[str, Any]:
    """Columns (n, S) with something in common, their groups and tags."""
    rng = np.random.default_rng([len(kind), repeats, len(holes)])
    groups = np.repeat(np.arange(n // repeats), repeats)
    x = rng.normal(size=(n, 1)) + rng.normal(size=(n, SYSTEMS)) + 100
    y = (rng.random((n, SYSTEMS)) < 0.7).astype(float)
    if kind == "ratio":
        x = y * (rng.random((n, SYSTEMS)) < 0.5)
    if holes == "groups":
        x = np.where(np.repeat(rng.random((n // repeats, SYSTEMS)) < share, repeats, axis=0), np.nan, x)
    if holes == "rows":
        x = np.where(rng.random((n, SYSTEMS)) < share, np.nan, x)
    of = groups % 4 if tags == "group" else rng.integers(0, 4, n)
    return {"x": x, "y": y, "t": np.array(list("abcd"), dtype=object)[of], "groups": groups}


def one(columns: dict[str, Any], i: int) -> dict[str, Any]:
    return {k: v[:, i] if v.ndim == 2 else v for k, v in columns.items()}


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: e.kind)
@pytest.mark.parametrize("repeats", [1, 3])
@pytest.mark.parametrize(
    ("holes", "share"), [("none", 0), ("groups", 0.15), ("rows", 0.04), ("rows", 0.15), ("rows", 0.7)]
)
@pytest.mark.parametrize("tags", ["group", "row"])
def test_every_pair_is_that_of_paired(estimator, repeats, holes, share, tags):
    columns = table(estimator.kind, repeats, holes, share, tags)
    groups = columns.pop("groups")
    found = differences(estimator, columns, groups)
    for i in range(SYSTEMS):
        for j in range(SYSTEMS):
            if i == j:
                continue
            a, b = one(columns, i), one(columns, j)
            contrast = Contrast(kernel(estimator, complete(estimator, a, b), groups))
            told = paired(estimator, a, b, groups, permutations=1, resamples=10)
            assert found.delta[i, j] == pytest.approx(told.delta, rel=1e-9, abs=1e-12)
            assert found.error[i, j] == pytest.approx(standard_error(contrast.influence()), rel=1e-9)
            assert found.delta[i, j] == pytest.approx(-found.delta[j, i], rel=1e-12)


def test_holes_change_the_estimate_of_a_pair():
    """Guards the test above: pairing on common rows is not subtracting what each has by itself."""
    columns = table("mean", 1, "rows", 0.3)
    found = differences(ESTIMATORS[0], columns, columns["groups"])
    alone = np.nanmean(columns["x"], axis=0)
    assert np.abs(found.delta - (alone[:, None] - alone)).max() > 0.01
    assert found.values == pytest.approx(alone)


@pytest.mark.parametrize("holes", ["none", "rows"])
def test_medians_are_bootstrapped(holes):
    columns = table("mean", 1, holes)
    estimator, groups = Estimator("median", ("x",)), columns["groups"]
    found = differences(estimator, columns, groups)
    x = columns["x"]
    both = np.isfinite(x[:, 0]) & np.isfinite(x[:, 1])
    assert found.delta[0, 1] == pytest.approx(np.median(x[both, 0]) - np.median(x[both, 1]))
    told = paired(estimator, one(columns, 0), one(columns, 1), groups, permutations=1, resamples=4000)
    assert found.error[0, 1] == pytest.approx((told.high - told.low) / 2 / 1.96, rel=0.25)


def test_equal_systems_and_constant_differences_have_no_error():
    base = np.random.default_rng(0).normal(size=50)
    x = np.stack([base, base, base + 0.5, base * 1.01], axis=1)
    found = differences(ESTIMATORS[0], {"x": x}, np.arange(50))
    assert found.error[0, 1] == found.error[0, 2] == 0 and found.delta[0, 1] == 0
    many = differences(ESTIMATORS[0], {"x": np.repeat(base[:, None] + 7, 9, axis=1)}, np.arange(50))
    assert (many.delta == 0).all() and (many.error == 0).all(), (
        "equal to the last bit, whatever a product of matrices does"
    )
    assert found.delta[2, 0] == pytest.approx(0.5)
    assert found.error[0, 3] == pytest.approx(0.01 * base.std(ddof=1) / np.sqrt(50), rel=1e-9)


@pytest.mark.parametrize("holes", [0.0, 0.1])
def test_nearly_equal_systems_keep_their_digits(holes):
    """The difference of two large products is noise; these are computed again directly."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(400, 1)) + np.array([0, 1e-6]) * rng.normal(size=(400, 2))
    x = np.where(rng.random((400, 2)) < holes, np.nan, x)
    found = differences(ESTIMATORS[0], {"x": x}, np.arange(400))
    apart = (x[:, 0] - x[:, 1])[np.isfinite(x).all(1)]
    assert found.error[0, 1] == pytest.approx(apart.std(ddof=1) / np.sqrt(len(apart)), rel=1e-6)


@pytest.mark.parametrize("share", [0.02, 0.3])
@pytest.mark.parametrize("kind", ["mean", "ratio"])
@pytest.mark.parametrize("huge", [1e8, 1e150])
def test_a_huge_row_that_one_of_two_lacks_takes_no_digits(kind, huge, share):
    """What the pair does not share is no part of its error, however large; dense and with few holes."""
    rng = np.random.default_rng(1)
    there, x = rng.random((300, SYSTEMS)) > share, rng.normal(size=(300, SYSTEMS))
    x[7], there[7] = x[7] * huge, [True, False, True, False, True]
    y = (rng.random(x.shape) < 0.5) * 0.3 if kind == "ratio" else np.ones(x.shape)
    columns = {"x": np.where(there, x * (y > 0), np.nan), "y": y}
    estimator = Estimator(kind, ("x", "y") if kind == "ratio" else ("x",))
    found = differences(estimator, columns, np.arange(300))
    for i, j in [(0, 1), (1, 0), (2, 3), (1, 3)]:
        pair = complete(estimator, one(columns, i), one(columns, j))
        contrast = Contrast(kernel(estimator, pair, np.arange(300)))
        assert found.error[i, j] == pytest.approx(standard_error(contrast.influence()), rel=1e-9)
        assert found.error[i, j] < 1


@pytest.mark.parametrize("holes", [False, True])
def test_a_huge_system_makes_no_others_equal(holes):
    """What is 0 up to rounding is measured by the pair, not by the column."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=(200, 4))
    x[:, 0] *= 1e150
    x[:, 3] = x[:, 2] + 1e-14
    if holes:
        x[:3, 1] = np.nan
    found = differences(Estimator("mean", ("x",)), {"x": x}, np.arange(200))
    gap = (x[:, 1] - x[:, 2])[np.isfinite(x[:, 1])]
    assert found.delta[1, 2] == pytest.approx(gap.mean(), rel=1e-9)
    assert found.error[1, 2] == pytest.approx(gap.std(ddof=1) / np.sqrt(len(gap)), rel=1e-9)
    assert found.delta[2, 3] == found.error[2, 3] == 0


def test_replicates_are_averaged_and_never_counted_as_systems():
    columns = table("mean", 1, "none")
    x, groups = columns["x"], columns["groups"]
    found = differences(ESTIMATORS[0], {"x": x}, groups, owner=[0, 1, 0, 1, 1])
    means = np.stack([x[:, [0, 2]].mean(1), x[:, [1, 3, 4]].mean(1)], axis=1)
    apart = means[:, 0] - means[:, 1]
    assert found.values == pytest.approx(means.mean(0))
    assert found.error[0, 1] == pytest.approx(apart.std(ddof=1) / np.sqrt(len(apart)))
    assert found.runs == pytest.approx(x.mean(0))


def test_a_system_of_replicates_has_the_rows_that_all_of_them_have():
    x = np.random.default_rng(3).normal(size=(40, 3))
    x[:5, 0], x[5:9, 1] = np.nan, np.nan
    found = differences(ESTIMATORS[0], {"x": x}, np.arange(40), owner=[0, 0, 1])
    both = slice(9, 40)
    assert found.delta[0, 1] == pytest.approx(x[both, :2].mean() - x[both, 2].mean())


def test_pairs_without_common_rows_are_not_compared():
    x = np.full((10, 3), np.nan)
    x[:5, 0], x[5:, 1], x[:, 2] = 1.0, 2.0, np.arange(10)
    found = differences(ESTIMATORS[0], {"x": x}, np.arange(10))
    assert np.isnan(found.delta[0, 1]) and np.isnan(found.error[0, 1])
    assert np.isfinite(found.error[0, 2])


def test_one_group_has_no_error():
    found = differences(ESTIMATORS[0], {"x": np.array([[1.0, 2.0], [2.0, 4.0]])}, np.array([0, 0]))
    assert found.delta[1, 0] == 1.5 and np.isnan(found.error).all()


def test_blocks_are_jackknife_differences():
    rng = np.random.default_rng(4)
    values, blocks = rng.normal(size=3), rng.normal(size=(10, 3))
    found = block_differences(values, blocks)
    told = jackknife_difference(values[0], blocks[:, 0], values[1], blocks[:, 1])
    assert found.delta[0, 1] == pytest.approx(told.delta) and found.groups == told.blocks
    assert found.error[0, 1] * 2.262157 == pytest.approx((told.high - told.low) / 2, rel=1e-6)


def test_averaging_follows_the_owners():
    assert averaged(np.array([[1.0, 2.0, 4.0]]), np.array([1, 0, 1])).tolist() == [[2.0, 2.5]]
    assert averaged(np.array([[1.0, 2.0]]), np.array([1, 0])).tolist() == [[2.0, 1.0]]


def test_large_groups_are_done_one_system_at_a_time(monkeypatch):
    """Both ways give the same; the second is there for groups of very many rows."""
    columns = table("macro", 3, "rows")
    groups = columns.pop("groups")
    fast = differences(ESTIMATORS[2], columns, groups)
    monkeypatch.setattr(common, "_MOST_PAIRS", 0)
    slow = differences(ESTIMATORS[2], columns, groups)
    assert fast.error == pytest.approx(slow.error, rel=1e-9) and fast.delta == pytest.approx(slow.delta, rel=1e-9)
