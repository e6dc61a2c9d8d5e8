"""Collapse: each way in which a system can stop making images, and none of the others."""

from __future__ import annotations

import math

import pytest

from bench.types import PixelFacts, Sample


def _metric(kit, *images: tuple[str, str, int, int]):
    """(sample, digest, low, high) an image."""
    metric = kit.make("collapse")
    metric.update(
        facts=[PixelFacts(digest, 8, 8, low, high) for _, digest, low, high in images],
        truth=[Sample(sample, sample) for sample, _, _, _ in images],
    )
    return metric


def test_different_images_are_fine(kit):
    found = kit.values(_metric(kit, ("a", "1", 0, 255), ("a", "2", 3, 250), ("b", "3", 0, 200), ("b", "4", 0, 200)))
    assert set(found.values()) == {0.0}


def test_one_image_for_all_prompts_is_a_duplicate_and_no_ignored_seed(kit):
    found = kit.values(_metric(kit, *((s, "same", 0, 255) for s in "abcd")))
    assert found["duplicates"] == 1 and found["constant"] == found["black"] == 0
    assert math.isnan(found["seeds-ignored"]), "without repeats nothing can be said of seeds"


def test_equal_repeats_are_ignored_seeds_and_no_duplicates(kit):
    found = kit.values(_metric(kit, *((s, s, 0, 255) for s in "aabbb")))
    assert found["seeds-ignored"] == 1 and found["duplicates"] == 0


def test_prompts_without_repeats_do_not_dilute_ignored_seeds(kit):
    found = kit.values(_metric(kit, ("a", "1", 0, 9), ("a", "1", 0, 9), ("b", "2", 0, 9), ("c", "3", 0, 9)))
    assert found["seeds-ignored"] == 1


def test_shares_count_the_images_concerned(kit):
    found = kit.values(_metric(kit, ("a", "1", 0, 255), ("b", "1", 0, 255), ("c", "2", 0, 255), ("d", "3", 0, 255)))
    assert found["duplicates"] == 0.5


@pytest.mark.parametrize(
    ("low", "high", "constant", "black"), [(0, 0, 1, 1), (0, 8, 0, 1), (0, 9, 0, 0), (7, 7, 1, 1), (200, 200, 1, 0)]
)
def test_constant_and_black_by_their_extremes(low, high, constant, black, kit):
    found = kit.values(_metric(kit, ("a", "1", low, high)))
    assert (found["constant"], found["black"]) == (constant, black)


def test_lower_is_better_and_the_worst_is_all(kit):
    metric = kit.make("collapse")
    assert metric.higher_is_better is False and set(metric.missing().values()) == {1.0}
