"""True captions against false ones: ties by each rule, several false ones, and Winoground's three scores."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bench.errors import NotFinite, UsageError
from bench.functional.rules import PAIR_TIES, caption_credit, winoground


def credit(true, *false):
    return {rule: float(caption_credit([true], [false], ties=rule)[0]) for rule in PAIR_TIES}


def test_a_tie_is_what_its_rule_says():
    assert set(credit(0.9, 0.1).values()) == {1.0} and set(credit(0.1, 0.9).values()) == {0.0}
    assert credit(0.5, 0.5) == {"wrong": 0, "right": 1, "half": 0.5}
    assert credit(0.5, 0.5, 0.5, 0.1) == {"wrong": 0, "right": 1, "half": pytest.approx(1 / 3)}


def test_all_false_captions_must_be_beaten():
    assert set(credit(0.5, 0.1, 0.6).values()) == {0.0} and set(credit(0.5, 0.1, 0.2).values()) == {1.0}
    assert all(math.isnan(v) for v in credit(0.5).values()), "nothing to beat is nothing to judge"


def test_winoground_s_three_scores():
    own = np.array([[3.0, 1.0], [2.0, 4.0]])
    caption_only = np.array([[3.0, 5.0], [2.0, 6.0]])  # each image prefers its caption, both prefer image 1
    image_only = caption_only.T
    turned = own[::-1]
    text, image, group = winoground(np.stack([own, caption_only, image_only, turned]))
    assert text.tolist() == [True, True, False, False]
    assert image.tolist() == [True, False, True, False]
    assert group.tolist() == [True, False, False, False]


def test_winoground_is_strict():
    flat = np.ones((1, 2, 2))
    assert not any(v.any() for v in winoground(flat))
    assert all(v.all() for v in winoground(flat, ties="right"))


def test_winoground_s_chance_is_a_quarter_a_quarter_and_a_sixth():
    found = [float(v.mean()) for v in winoground(np.random.default_rng(0).random((60_000, 2, 2)))]
    assert found == pytest.approx([1 / 4, 1 / 4, 1 / 6], abs=0.006)


def test_bad_input_is_refused():
    with pytest.raises(UsageError, match="Did you mean right"):
        caption_credit([1.0], [[0.0]], ties="rigth")
    with pytest.raises(UsageError, match="for each true one"):
        caption_credit([1.0], [])
    with pytest.raises(NotFinite, match="pair 1"):
        caption_credit([1.0, 1.0], [[0.0], [float("nan")]])
    with pytest.raises(UsageError, match=r"\(n, 2, 2\)"):
        winoground(np.ones((2, 2)))
    with pytest.raises(UsageError, match="wrong or right"):
        winoground(np.ones((1, 2, 2)), ties="half")
    with pytest.raises(NotFinite):
        winoground(np.full((1, 2, 2), np.nan))
