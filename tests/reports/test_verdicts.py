"""Sentences say what the differences say."""

from __future__ import annotations

import dataclasses

import pytest

from bench import store
from bench.reports.comparison.compare import compare
from bench.reports.comparison.verdicts import verdicts
from bench.reports.numbers import MINUS, decimals, number, p_value


def said(comparison, label: str):
    return next(v for v in verdicts(comparison) if v.row.label == label)


def test_two_runs_from_the_better_ones_side(make):
    found = compare([make("ours", seed=1), make("sdxl", skill=2.0, seed=2)])
    clip, fid = said(found, "CLIPScore"), said(found, "FID")
    assert clip.kind == "better" and clip.text.startswith("sdxl is better than ours on CLIPScore by +")
    assert "% of prompts" in clip.text
    assert fid.text.startswith(f"sdxl is better than ours on FID by {MINUS}") and "prompts" not in fid.text


def test_two_runs_from_the_new_ones_side_when_there_is_a_baseline(make):
    runs = [make("old", skill=2.0, seed=1), make("new", seed=2)]
    verdict = said(compare(runs, baseline="old"), "CLIPScore")
    assert verdict.kind == "worse" and verdict.text.startswith(f"new is worse than old on CLIPScore by {MINUS}")


def test_no_difference_says_what_could_have_been_seen(make):
    verdict = said(compare([make("a", seed=1), make("b", seed=2)]), "CLIPScore")
    assert verdict.kind == "tied"
    assert "no detectable difference" in verdict.text and "can see ≥" in verdict.text


def test_many_runs(make):
    runs = [make("best", skill=3.0, seed=1), make("mid", skill=1.0, seed=2), make("low", seed=3)]
    clear = said(compare(runs), "CLIPScore")
    assert clear.text.startswith("CLIPScore: best is better than all 2 others; nearest mid at")
    assert clear.badge == "▲ clear best"
    shared = said(compare([*runs, make("twin", skill=3.0, seed=4)]), "CLIPScore")
    assert "not told apart" in shared.text and shared.badge == "◆ shared lead"
    against = said(compare(runs, baseline="mid"), "CLIPScore")
    assert "better best by +" in against.text and f"worse low by {MINUS}" in against.text


def test_refused_pairs_are_said_too(make):
    verdict = said(compare([make("a", seed=1), make("b", seed=2, failed=3)]), "FID")
    assert verdict.kind == "unknown" and "not compared on FID" in verdict.text


def test_prompts_and_images_a_prompt_are_said(make):
    two = compare([make("a", seed=1), make("b", skill=2.0, seed=2)])
    assert "; P = 60, K = 2)" in said(two, "CLIPScore").text
    assert said(two, "FID").text.endswith("n = 120 images)")  # blocks alone are known of this one
    many = [make("a", seed=1), make("b", seed=2), make("c", seed=3, failed=40)]
    told = said(compare(many), "CLIPScore").text
    assert "; P = 40 to 60, K = 2;" in told or "; P = 40, K = 2;" in told


def test_failures_are_counted_with_how_they_count(make):
    text = said(compare([make("a", seed=1), make("b", seed=2, failed=11)]), "CLIPScore").text
    assert text.endswith("; b lacks 11 of 120 images (left out)")

    def worst(data):
        data["scores"] = tuple(dataclasses.replace(s, policy="worst") for s in data["scores"])

    text = said(compare([make("a", seed=1), make("c", skill=3.0, seed=2, failed=3, change=worst)]), "CLIPScore").text
    assert text.endswith("; c lacks 3 of 120 images (counted as the worst score)")
    assert "lacks" not in said(compare([make("a", seed=1), make("b", seed=2)]), "CLIPScore").text


def test_clusters_of_prompts_are_the_independent_units(make):
    runs = [make("a", seed=1), make("b", seed=2)]
    for path in runs:
        frame = store.samples(path)
        frame["group"] = "g" + frame["sample"].str[-2:-1]
        store.write_parquet(store.Path(path) / "samples.parquet", frame)
    assert "P = 60, K = 2, 6 independent groups" in said(compare(runs), "CLIPScore").text


@pytest.mark.parametrize(
    ("halves", "values", "digits"),
    [
        ([0.013], [0.812], 3), ([1.3], [25.0], 1), ([13.0], [38.0], 0), ([None], [0.5], 3), ([None], [2e7], -1),
        ([0.0], [0.0], 2),
    ],
)  # fmt: skip
def test_digits_follow_the_interval(halves, values, digits):
    assert decimals(halves, values) == digits


def test_numbers_are_plain():
    assert number(-0.0001, 2, signed=True) == "0.00"
    assert number(-1.25, 2) == f"{MINUS}1.25" and number(1.25, 2, signed=True) == "+1.25"
    assert number(float("nan"), 2) == number(None, 2) == "\u2013"
    assert number(2.5e7, -1) == "2.50e+07"
    assert (p_value(0.0004), p_value(0.0234), p_value(1.0)) == ("< .001", ".023", "1")
