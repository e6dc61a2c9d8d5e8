"""What compare says of runs whose differences are known."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from bench import store
from bench.errors import NotComparable, StoreError, UsageError
from bench.reports.comparison.compare import Comparison, compare, told_apart
from bench.reports.comparison.differences import adjusted, kind_of
from bench.reports.comparison.nouns import Difference, Row


def row(comparison: Comparison, label: str) -> Row:
    return next(r for r in comparison.rows if r.label == label)


def kinds(comparison: Comparison, label: str) -> dict[str, str]:
    titles = [s.title for s in comparison.systems]
    return {titles[d.system]: d.kind for d in row(comparison, label).differences if d is not None}


def best_set(comparison: Comparison, label: str) -> set[str]:
    return {s.title for s, c in zip(comparison.systems, row(comparison, label).cells, strict=True) if c and c.best}


def test_the_better_run_is_found_whichever_way_the_metric_runs(make):
    found = compare([make("plain", skill=0.0, seed=1), make("good", skill=2.0, seed=2)])
    for label, sign in (("CLIPScore", -1), ("FID", 1), ("Objects present", -1)):
        assert found.systems[row(found, label).best].title == "good"
        assert kinds(found, label) == {"plain": "worse"}
        assert np.sign(row(found, label).differences[0].delta) == sign
        assert best_set(found, label) == {"good"}


def test_runs_that_cannot_be_told_apart_share_the_best_set(make):
    found = compare([make("a", seed=1), make("b", seed=2), make("weak", skill=-2.0, seed=3)])
    assert best_set(found, "CLIPScore") == {"a", "b"}
    assert set(kinds(found, "CLIPScore").values()) == {"tied", "worse"}


def test_differences_pair_by_sample_and_not_by_place(make):
    a, b = make("a", seed=1), make("b", skill=0.5, seed=2)
    before = row(compare([a, b]), "CLIPScore").differences[0]
    frame = store.samples(b).sample(frac=1.0, random_state=3)
    store.write_parquet(store.Path(b) / "samples.parquet", frame)
    after = row(compare([a, b]), "CLIPScore").differences[0]
    assert (after.delta, after.wins, after.n) == (pytest.approx(before.delta), before.wins, before.n)
    assert after.low == pytest.approx(before.low)


def test_baseline_takes_the_place_of_the_best(make):
    runs = [make("old", seed=1), make("new", skill=2.0, seed=2), make("bad", skill=-2.0, seed=3)]
    found = compare(runs, baseline="old")
    assert found.baseline == 0
    assert kinds(found, "CLIPScore") == {"new": "better", "bad": "worse"}
    assert best_set(found, "CLIPScore") == {"new"}
    with pytest.raises(UsageError, match="Did you mean new"):
        compare(runs, baseline="nwe")


def test_a_control_is_measured_and_never_ranked(make):
    found = compare([make("ours", seed=1), make("oracle", skill=5.0, seed=2, control=True)])
    assert (found.ranked, found.controls) == ((0,), (1,))
    assert row(found, "CLIPScore").cells[1].value > row(found, "CLIPScore").cells[0].value
    assert row(found, "CLIPScore").best == 0
    assert best_set(found, "CLIPScore") == set()
    assert kinds(found, "CLIPScore") == {}


def test_controls_alone_compete_among_themselves(make):
    found = compare([make("oracle", skill=2.0, seed=1, control=True), make("noise", skill=-2.0, seed=2, control=True)])
    assert best_set(found, "CLIPScore") == {"oracle"}


def test_unlike_protocols_are_refused_with_the_field_named(make):
    def change(data):
        mark = next(m for m, p in data["protocols"].items() if p["metric"] == "clipscore")
        data["protocols"]["f" * 32] = {**data["protocols"].pop(mark), "params": {"scale": 2.5}}
        data["scores"] = tuple(
            dataclasses.replace(s, protocol="f" * 32) if s.metric == "clipscore" else s for s in data["scores"]
        )

    runs = [make("a", seed=1), make("b", seed=2, change=change)]
    with pytest.raises(NotComparable, match=r"clipscore: params\.scale is absent in a, 2\.5 in b"):
        compare(runs)
    forced = compare(runs, force=True)
    apart = [r for r in forced.rows if r.label == "CLIPScore"]
    assert [[c is not None for c in r.cells] for r in apart] == [[True, False], [False, True]]
    assert all(d is None for r in apart for d in r.differences)
    assert {r.note for r in apart} == {"protocol clipscor", "protocol ffffffff"}
    assert kinds(forced, "FID") != {}


def test_unlike_prompt_lists_are_refused_once_and_not_for_every_metric(make):
    with pytest.raises(NotComparable, match="dataset: prompts is list-60 in a, list-40 in b") as error:
        compare([make("a", seed=1), make("b", seed=2, n=40)])
    assert str(error.value).count("list-40") == 1
    assert error.value.exit_code == 4


def test_set_metrics_of_unequal_n_are_not_subtracted(make):
    found = compare([make("a", seed=1), make("b", seed=2), make("short", skill=2.0, seed=3, failed=4)])
    assert row(found, "FID").differences[2] is None
    assert "120" in row(found, "FID").refusals[2] and "116" in row(found, "FID").refusals[2]
    assert len([r for r in found.refused if "FID" in r]) == 1
    assert "short" not in best_set(found, "FID")
    assert row(found, "CLIPScore").differences[0].n == 116


def test_missing_images_count_as_the_run_says(make):
    found = compare([make("a", seed=1), make("b", seed=2, failed=10)])
    assert row(found, "Objects present").differences[1 - row(found, "Objects present").best].n == 120  # worst score
    assert row(found, "CLIPScore").differences[1 - row(found, "CLIPScore").best].n == 110  # excluded


def test_a_metric_that_one_run_lacks(make):
    def change(data):
        data["scores"] = tuple(s for s in data["scores"] if s.metric != "clipscore")

    found = compare([make("a", seed=1), make("b", seed=2, change=change)])
    assert row(found, "CLIPScore").cells[1] is None
    assert row(found, "CLIPScore").differences == (None, None)


def test_not_a_number_never_gets_in(make):
    def change(data):
        data["scores"] = tuple(dataclasses.replace(s, value=None, low=None, high=None, note="too few images", method="")
                               if s.metric == "clipscore" else s for s in data["scores"])  # fmt: skip

    found = compare([make("a", seed=1), make("b", seed=2, change=change), make("c", seed=3)])
    assert row(found, "CLIPScore").cells[1].note == "too few images"
    assert "one of the two has no score" in row(found, "CLIPScore").refusals[1]


def test_no_common_prompt(make):
    a, b = make("a", seed=1), make("b", seed=2)
    frame = store.samples(b)
    frame["sample"] = "other-" + frame["sample"]
    store.write_parquet(store.Path(b) / "samples.parquet", frame)
    found = compare([a, b])
    assert found.common == 0
    assert any("no prompt in common" in r for r in found.refused)
    assert any("0 are common" in n for n in found.notes)


def test_a_sample_twice_is_damage(make):
    a = make("a", seed=1)
    frame = store.samples(a)
    store.write_parquet(store.Path(a) / "samples.parquet", pd.concat([frame, frame.iloc[:1]]))
    with pytest.raises(StoreError, match="twice"):
        compare([a, make("b", seed=2)])


def test_one_run_and_none(make):
    found = compare([make("a", seed=1)])
    assert len(found.systems) == 1 and best_set(found, "CLIPScore") == set()
    with pytest.raises(UsageError, match="at least one"):
        compare([])


def test_equal_names_are_told_apart(make):
    titles = [s.title for s in compare([make("same", seed=1), make("same", seed=2)]).systems]
    assert len(set(titles)) == 2 and all(t.startswith("same [") for t in titles)


def test_one_prompt_and_equal_runs(make):
    one = compare([make("a", seed=1, n=1), make("b", seed=2, n=1)])
    assert set(kinds(one, "CLIPScore").values()) == {"unknown"}
    assert best_set(one, "CLIPScore") == set()
    same = compare([make("a", seed=5), make("b", seed=5)])
    assert set(kinds(same, "CLIPScore").values()) == {"tied"}
    assert best_set(same, "CLIPScore") == {"a", "b"}


def test_nobody_is_called_better_against_the_correction():
    sure = Difference(0, 1, 0.5, 0.1, 0.9, "", p=0.02, p_holm=0.02, detectable=0.4, n=50)
    assert kind_of(sure, "higher") == "better" and kind_of(sure, "lower") == "worse" and kind_of(sure, "none") == "tied"
    assert kind_of(dataclasses.replace(sure, p_holm=0.2), "higher") == "tied"
    assert kind_of(dataclasses.replace(sure, low=-0.1), "higher") == "tied"
    assert kind_of(dataclasses.replace(sure, low=None), "higher") == "unknown"


def test_the_correction_counts_the_comparisons():
    one = Difference(0, 1, 0.5, 0.1, 0.9, "", p=0.02, p_holm=0.02, detectable=0.4, n=50)
    assert [d.kind for d in adjusted([one], "higher")] == ["better"]
    assert [d.kind for d in adjusted([one, one, one], "higher")] == ["tied"] * 3


def test_metrics_of_one_label_are_told_apart_by_what_differs(make):
    (base, *_) = [r for r in compare([make("a", seed=1), make("b", seed=2)]).rows if r.label == "CLIPScore"]
    texts = ("clipscore", "clipscore(extractor=scene-clip)", "clipscore(extractor=scene-clip,mode=torchmetrics)")
    rows = told_apart([dataclasses.replace(base, metric=text) for text in texts])
    assert [r.note for r in rows] == ["", "scene-clip", "scene-clip, mode=torchmetrics"]
    assert told_apart([base, base])[0].note == ""  # two outputs of one metric
