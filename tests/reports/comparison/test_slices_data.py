"""Slices: planted where the difference is, summing to the whole, honest about small ones."""

from __future__ import annotations

import numpy as np
import pytest
from planted_runs import card

from bench.reports.comparison.compare import compare
from bench.reports.comparison.explain import findings
from bench.stats.families import benjamini_hochberg

UP, DOWN = card("up"), card("down", "lower")
KINDS = np.array(["colour", "count", "side", "text"])


def of(found, tag, metric):
    return next(t for t in found.slices if (t.tag, t.row.metric) == (tag, metric))


@pytest.fixture
def planted(plant):
    """The second run is better by 2 on 'side' alone, by both metrics, of which one is scaled by 50."""
    rng = np.random.default_rng(0)
    kind = KINDS[rng.choice(4, 300, p=[0.5, 0.3, 0.16, 0.04])]
    tags = {"kind": kind, "hard": np.where(rng.random(300) < 0.5, "yes", "no")}
    base, noise = rng.normal(size=(2, 300)), rng.normal(size=(2, 300)) * 0.7
    gain = 2.0 * (kind == "side")
    a = {"up:score": base[0], "down:score": 50 * base[1]}
    b = {"up:score": base[0] + noise[0] + gain, "down:score": 50 * (base[1] + noise[1] - gain)}
    return plant("a", a, [UP, DOWN], tags=tags), plant("b", b, [UP, DOWN], tags=tags)


def test_the_planted_slice_is_found_and_no_other(planted):
    found = findings(compare(planted), pair=(1, 0))
    for metric in ("up", "down"):
        told = {s.value: s.kind for s in of(found, "kind", metric).slices}
        assert told == {"colour": "tied", "count": "tied", "side": "better", "text": "tied"}
    assert {s.kind for s in of(findings(compare(planted), pair=(0, 1)), "kind", "up").slices} == {"worse", "tied"}


def test_slices_are_the_paired_differences_of_their_prompts(planted):
    found = compare(planted)
    frames = [found.tables.frame(i) for i in (1, 0)]
    gaps = (frames[0]["up:score"] - frames[1]["up:score"]).to_numpy()
    for one in of(findings(found, pair=(1, 0)), "kind", "up").slices:
        own = gaps[(frames[0]["tag:kind"] == one.value).to_numpy()]
        assert (one.n, one.groups) == (len(own), len(own))
        assert one.delta == pytest.approx(own.mean())
        assert one.effect == pytest.approx(own.mean() / own.std(ddof=1))
        assert one.low < one.delta < one.high


def test_contributions_of_a_tag_sum_to_the_whole(planted):
    found = findings(compare(planted), pair=(1, 0))
    for table in found.slices:
        sign = 1 if table.row.direction == "higher" else -1
        whole = next(e for e in found.forest if e.row.key == table.row.key).delta
        assert sum(s.share for s in table.slices) == pytest.approx(1)
        assert sum(s.contribution for s in table.slices) == pytest.approx(table.delta) == pytest.approx(sign * whole)
    assert max(of(found, "kind", "up").slices, key=lambda s: s.contribution).value == "side"


def test_sums_hold_with_several_images_holes_and_prompts_without_the_tag(plant):
    rng = np.random.default_rng(1)
    tags = {"kind": [*KINDS[rng.integers(0, 4, 90)], *[""] * 10]}
    a, b = rng.normal(size=(2, 300))
    b[rng.choice(300, 40, replace=False)] = np.nan
    runs = [plant(n, {"up:score": v}, [UP], tags=tags, repeats=3) for n, v in (("a", a), ("b", b))]
    table = of(findings(compare(runs), pair=(1, 0)), "kind", "up")
    assert {s.value for s in table.slices} == {"", *KINDS}
    known = np.isfinite(b)
    assert table.delta == pytest.approx((b - a)[known].mean())
    assert sum(s.contribution for s in table.slices) == pytest.approx(table.delta)
    assert sum(s.n for s in table.slices) == known.sum()


def test_a_ratio_has_slices_and_no_contribution(plant):
    rng = np.random.default_rng(2)
    ratio, tags = card("ratio", kind="ratio", second="asked"), {"kind": KINDS[rng.integers(0, 4, 80)]}
    runs = [
        plant(n, {"ratio:score": rng.integers(0, 3, 80), "ratio:asked": np.full(80, 3.0)}, [ratio], tags=tags)
        for n in "ab"
    ]
    table = of(findings(compare(runs)), "kind", "ratio")
    assert len(table.slices) == 4 and {s.contribution for s in table.slices} == {None}


def test_q_is_over_all_slices_of_the_pair(planted):
    found = findings(compare(planted), pair=(1, 0))
    every = [s for t in found.slices for s in t.slices]
    assert len(found.slices) == 4 and [s.q for s in every] == pytest.approx(benjamini_hochberg([s.p for s in every]))
    assert all(s.q >= s.p for s in every)


def test_small_slices_are_faint_and_one_prompt_has_no_interval(plant):
    tags = {"kind": ["many"] * 30 + ["few"] * 10 + ["one"]}
    rng = np.random.default_rng(3)
    runs = [plant(n, {"up:score": rng.normal(size=41)}, [UP], tags=tags) for n in "ab"]
    told = {s.value: s for s in of(findings(compare(runs)), "kind", "up").slices}
    assert {v: s.faint for v, s in told.items()} == {"many": False, "few": True, "one": True}
    assert (told["one"].low, told["one"].kind) == (None, "unknown")


@pytest.mark.parametrize("values", [["same"] * 60, [f"v{i}" for i in range(60)], [""] * 60])
def test_a_tag_that_is_no_category_makes_no_slices(plant, values):
    rng = np.random.default_rng(4)
    runs = [plant(n, {"up:score": rng.normal(size=60)}, [UP], tags={"kind": values}) for n in "ab"]
    assert findings(compare(runs)).slices == ()


def test_chance_alone_is_rarely_called(plant):
    """Of 24 slices without a difference at most a few reports have any that is called: q is what it says."""
    called = 0
    for seed in range(12):
        rng = np.random.default_rng(100 + seed)
        tags = {"kind": KINDS[rng.integers(0, 4, 80)], "length": np.array(list("abcdefgh"))[rng.integers(0, 8, 80)]}
        runs = [
            plant(
                f"{n}{seed}",
                {"up:score": rng.integers(0, 2, 80), "down:score": rng.normal(size=80)},
                [UP, DOWN],
                tags=tags,
            )
            for n in "ab"
        ]
        called += any(s.kind in ("better", "worse") for t in findings(compare(runs)).slices for s in t.slices)
    assert called <= 3
