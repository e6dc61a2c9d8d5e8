"""Prompts by what a difference is made of: largest gains and losses, disagreements, flips."""

from __future__ import annotations

import numpy as np
import pytest
from planted_runs import card
from scipy import stats

from bench import store
from bench.reports.comparison.compare import compare
from bench.reports.comparison.explain import findings
from bench.reports.comparison.values import row_called

UP, DOWN, PASS = card("up"), card("down", "lower"), card("pass", high=1.0)
FD = "fd:contribution to value"


def test_best_and_worst_are_by_the_paired_difference_turned(plant):
    gain = np.array([0.0, 3.0, -2.0, 0.5, -5.0, 1.0])
    up = [plant(n, {"up:score": v}, [UP]) for n, v in (("a", np.arange(6.0)), ("b", np.arange(6.0) + gain))]
    found = findings(compare(up), pair=(1, 0)).prompts
    assert [(p.sample, p.size) for p in found.best] == [("p0001", 3.0), ("p0005", 1.0), ("p0003", 0.5)]
    assert [(p.sample, p.size) for p in found.worst] == [("p0004", -5.0), ("p0002", -2.0)]
    down = [plant(n, {"down:score": v}, [DOWN]) for n, v in (("a", np.arange(6.0)), ("b", np.arange(6.0) + gain))]
    found = findings(compare(down), pair=(1, 0)).prompts
    assert [(p.sample, p.size) for p in found.best] == [("p0004", 5.0), ("p0002", 2.0)]
    assert found.values[0].system[4] - found.values[0].reference[4] == -5.0  # values run as the metric runs


def test_a_prompt_is_the_mean_of_its_images_that_both_have(plant):
    a, b = np.array([1.0, 3.0, 5.0, np.nan]), np.array([2.0, np.nan, 9.0, 7.0])
    runs = [plant(n, {"up:score": v}, [UP], repeats=2) for n, v in (("a", a), ("b", b))]
    found = findings(compare(runs), pair=(1, 0)).prompts
    assert found.values[0].gain == pytest.approx([1.0, 4.0])
    assert found.values[0].system == pytest.approx([2.0, 9.0])
    assert found.images == ((0, 1), (0, 1)) and found.best[0].prompt == "a picture of p0001"


def test_pairing_is_by_sample_and_not_by_place(plant):
    runs = [plant(n, {"up:score": v}, [UP]) for n, v in (("a", np.arange(9.0)), ("b", np.arange(9.0) ** 2))]
    before = findings(compare(runs), pair=(1, 0)).prompts
    frame = store.samples(runs[1]).sample(frac=1.0, random_state=1)
    store.write_parquet(store.Path(runs[1]) / "samples.parquet", frame)
    after = findings(compare(runs), pair=(1, 0)).prompts
    assert [(p.sample, p.size) for p in after.best] == [(p.sample, p.size) for p in before.best]


def test_prompts_can_go_by_what_images_add_to_a_set_metric(plant):
    fd = card("fd", "lower", scope="set")
    a = {"up:score": np.arange(5.0), FD: np.full(5, 4.0)}
    b = {"up:score": np.arange(5.0) + 1, FD: np.array([4.0, 9.0, 4.0, 1.0, 4.0])}
    found = compare([plant("a", a, [UP, fd]), plant("b", b, [UP, fd])])
    told = findings(found, pair=(1, 0), by=row_called("fd", found.rows)).prompts
    assert told.values[told.order].row.metric == "fd"
    assert ([p.sample for p in told.best], [p.sample for p in told.worst]) == (["p0003"], ["p0001"])
    assert findings(found, pair=(1, 0)).prompts.values[0].row.metric == "up"


def test_disagreements_are_where_one_metric_gains_and_another_loses(plant):
    n = 40
    rng = np.random.default_rng(0)
    one, two = np.abs(rng.normal(size=(2, n))) + 0.5
    one[7], two[7] = 3.0, -3.0  # the first sees b better, the second worse
    base = rng.normal(size=(2, n))
    a = {"up:score": base[0], "down:score": 1000 * base[1]}
    b = {"up:score": base[0] + one, "down:score": 1000 * (base[1] - two)}
    runs = [plant("a", a, [UP, DOWN]), plant("b", b, [UP, DOWN])]
    (only,) = findings(compare(runs), pair=(1, 0)).prompts.disagreements
    told = findings(compare(runs), pair=(1, 0)).prompts
    assert only.sample == "p0007"
    assert (told.values[only.high].row.metric, told.values[only.low].row.metric) == ("up", "down")
    (turned,) = findings(compare(runs), pair=(0, 1)).prompts.disagreements
    assert (turned.sample, told.values[turned.high].row.metric) == ("p0007", "down")


def test_one_metric_or_one_that_never_differs_cannot_disagree(plant):
    values = {"up:score": np.arange(9.0), "down:score": np.ones(9)}
    other = {"up:score": np.arange(9.0)[::-1], "down:score": np.ones(9)}
    found = findings(compare([plant("a", values, [UP, DOWN]), plant("b", other, [UP, DOWN])]))
    assert found.prompts.disagreements == ()


def test_flips_name_the_images_and_count_the_rest(plant):
    a = np.array([1, 1, 1, 0, 0, 0, 1, 1.0])
    b = np.array([1, 0, 1, 0, 1, 0, 0, 0.0])
    runs = [plant(n, {"pass:score": v}, [PASS]) for n, v in (("a", a), ("b", b))]
    (found,) = findings(compare(runs), pair=(1, 0)).flips
    assert [f.sample for f in found.gained] == ["p0004"]
    assert [f.sample for f in found.lost] == ["p0001", "p0006", "p0007"]
    assert (found.both_pass, found.both_fail) == (2, 2)
    assert found.p == pytest.approx(stats.binomtest(1, 4).pvalue)
    (back,) = findings(compare(runs), pair=(0, 1)).flips
    assert [f.sample for f in back.lost] == ["p0004"] and (back.both_pass, back.p) == (2, found.p)


def test_of_a_metric_of_failures_passing_is_zero(plant):
    bad = card("black", "lower")
    runs = [plant(n, {"black:score": v}, [bad]) for n, v in (("a", [0, 0, 1, 0]), ("b", [1, 0, 1, 0]))]
    (found,) = findings(compare(runs), pair=(1, 0)).flips
    assert [f.sample for f in found.lost] == ["p0000"] and found.gained == ()
    assert (found.both_pass, found.both_fail) == (2, 1)


def test_several_images_of_a_prompt_flip_without_a_p(plant):
    runs = [plant(n, {"pass:score": v}, [PASS], repeats=2) for n, v in (("a", [0, 1, 1, 1]), ("b", [1, 1, 0, np.nan]))]
    (found,) = findings(compare(runs), pair=(1, 0)).flips
    assert [(f.sample, f.k) for f in found.gained] == [("p0000", 0)] and [(f.sample, f.k) for f in found.lost] == [
        ("p0001", 0)
    ]
    assert found.p is None and "not independent" in found.note and (found.both_pass, found.both_fail) == (1, 0)


def test_scores_that_are_no_zeros_and_ones_have_no_flips(plant):
    runs = [plant(n, {"up:score": v}, [UP]) for n, v in (("a", [0, 1, 0.5]), ("b", [1, 1, 0]))]
    assert findings(compare(runs)).flips == ()


def test_a_private_run_names_no_prompt(plant):
    more = {"dataset": {"visibility": "private"}}
    runs = [plant(n, {"pass:score": v}, [PASS], **more) for n, v in (("a", [0, 1, 1]), ("b", [1, 1, 0]))]
    found = findings(compare(runs), pair=(1, 0))
    shown = [*found.prompts.texts, *(f.prompt for f in found.flips[0].lost), *(p.name for p in found.prompts.best)]
    assert len(shown) == 5 and all(t.startswith("sample ") and "picture" not in t for t in shown)
