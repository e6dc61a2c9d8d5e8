"""The published rules for ties on scores and ranks that can be counted, and on people's rankings of real images."""

from __future__ import annotations

import numpy as np
import pytest

from bench.errors import NotFinite, UsageError
from bench.formats.question_sets import read_imagereward
from bench.formats.reading import Reading
from bench.functional.rules import PREFERENCE_TIES, preference_accuracy, preference_pairs

RULES = PREFERENCE_TIES


def accuracy(scores, ranks, **more):
    return {rule: preference_accuracy([(scores, ranks)], ties=rule, **more) for rule in RULES}


def test_the_right_order_is_right_and_its_reverse_wrong():
    assert set(accuracy([3, 2, 1], [1, 2, 3]).values()) == {1.0}
    assert set(accuracy([1, 2, 3], [1, 2, 3]).values()) == {0.0}


def test_ties_of_people_and_of_the_model():
    """People: a = b > c. Model: a > b = c. Pairs: ab tied by people, bc tied by the model, ac right."""
    found = accuracy([3, 1, 1], [1, 1, 2])
    assert found == {"imagereward": 1 / 2, "hpsv2": 1.0, "pickscore": pytest.approx(2 / 3), "expected": 3 / 4}


def test_a_model_that_ties_everything():
    found = accuracy([0, 0, 0], [1, 2, 3])
    assert found == {"imagereward": 0.0, "hpsv2": 1.0, "pickscore": 0.5, "expected": 0.5}
    both = accuracy([0, 0], [1, 1])
    assert both["pickscore"] == both["hpsv2"] == 1 and np.isnan(both["imagereward"]) and np.isnan(both["expected"])


def test_scores_within_the_threshold_are_ties():
    assert accuracy([1.0, 0.9], [1, 2], threshold=0.2)["pickscore"] == 0.5
    assert accuracy([1.0, 0.9], [1, 2], threshold=0.05)["pickscore"] == 1


def test_pairs_or_prompts():
    """One prompt of four images all right, one of two images wrong."""
    prompts = [([4, 3, 2, 1], [1, 2, 3, 4]), ([1, 2], [1, 2])]
    assert preference_accuracy(prompts, ties="imagereward") == pytest.approx(6 / 7)
    assert preference_accuracy(prompts, ties="hpsv2") == 0.5


def test_each_pair_is_shared_by_its_images():
    right, counted = preference_pairs([3, 1, 2], [1, 2, 3])
    assert counted.tolist() == [1, 1, 1] and right.tolist() == [1, 0.5, 0.5], "b and c are turned round"


def test_bad_input_is_refused():
    with pytest.raises(UsageError, match="Did you mean hpsv2"):
        preference_pairs([1], [1], ties="hps")
    with pytest.raises(UsageError, match="a rank for each score"):
        preference_pairs([1, 2], [1])
    with pytest.raises(NotFinite):
        preference_pairs([1, float("nan")], [1, 2])


def test_real_rankings(shared_data):
    """466 prompts, 6,399 pairs that people did not tie: their own order is right by every rule, and a coin is not."""
    people = list(read_imagereward(Reading("imagereward", shared_data / "imagereward")))
    own = [([-r for r in p.ranks], p.ranks) for p in people]
    assert all(preference_accuracy(own, ties=rule) == 1 for rule in RULES)
    assert sum(preference_pairs(s, r)[1].sum() for s, r in own) == 6399
    rng = np.random.default_rng(0)
    coin = [(rng.random(len(p.ranks)), p.ranks) for p in people]
    found = {rule: preference_accuracy(coin, ties=rule) for rule in RULES}
    assert found["imagereward"] == found["expected"] == pytest.approx(0.5, abs=0.02)
    assert found["hpsv2"] > found["imagereward"] + 0.05, "people's ties are right for hpsv2 whatever the model says"
