"""Variance components: against statsmodels' mixed model, by simulation, and by what they say of more images."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm

from bench.errors import TooFew
from bench.stats.variance import components


def draw(prompts, images, between, within, seed=0):
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(prompts), images)
    return rng.normal(0, between, prompts)[groups] + rng.normal(0, within, len(groups)), groups


def test_balanced_components_are_those_of_a_mixed_model():
    values, groups = draw(60, 4, 1.0, 1.5)
    theirs = sm.MixedLM(values, np.ones(len(values)), groups).fit(reml=True)
    found = components(values, groups)
    assert found.prompt == pytest.approx(float(theirs.cov_re[0, 0]), rel=1e-3)
    assert found.image == pytest.approx(float(theirs.scale), rel=1e-3)
    assert (found.prompts, found.images) == (60, 240)


def test_unequal_numbers_of_images_are_unbiased():
    rng = np.random.default_rng(1)
    images = rng.integers(1, 6, 80)
    found = [components(*draw(80, images, 1.0, 2.0, seed)) for seed in range(200)]
    assert np.mean([f.prompt for f in found]) == pytest.approx(1.0, abs=0.1)
    assert np.mean([f.image for f in found]) == pytest.approx(4.0, abs=0.1)


def test_prompts_and_images_are_not_exchanged():
    only_prompts = components(*draw(100, 3, 2.0, 0.0))
    only_images = components(*draw(100, 3, 0.0, 2.0))
    assert only_prompts.share == 1.0 and only_images.share < 0.15


def test_prompts_beat_seeds():
    """Between-prompt spread 1 and seed spread 1.5: 400 images as 100 x 4 give an error of .125, as 400 x 1 of .090."""
    found = components(*draw(20_000, 2, 1.0, 1.5))
    assert found.error(100, 4) == pytest.approx(0.125, rel=0.02)
    assert found.error(400, 1) == pytest.approx(0.090, rel=0.02)
    assert found.error(100, 4, same_prompts=True) == pytest.approx(1.5 / 20, rel=0.02)


def test_what_cannot_be_split_is_refused():
    with pytest.raises(TooFew, match="two images of one"):
        components([1.0, 2.0, 3.0], ["a", "b", "c"])
    with pytest.raises(TooFew, match="1 prompts"):
        components([1.0, 2.0, np.nan], ["a", "a", "b"])
    same = components([2.0, 2.0, 2.0, 2.0], list("aabb"))
    assert (same.prompt, same.image) == (0, 0) and np.isnan(same.share)
