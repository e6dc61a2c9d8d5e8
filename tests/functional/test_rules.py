"""The benchmarks' rules against hand-computed cases and their published identities."""

from __future__ import annotations

import csv

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bench.errors import NotFinite, UsageError
from bench.functional import rules
from bench.functional.rules import Clause
from bench.types import Detections


def seen(*things: tuple[str, tuple[float, ...], float, str]) -> Detections:
    boxes = np.array([t[1] for t in things], dtype=float).reshape(-1, 4)
    return Detections(
        boxes, tuple(t[0] for t in things), np.array([t[2] for t in things]), tuple({"colour": t[3]} for t in things)
    )


LEFT, RIGHT = (0.0, 40.0, 20.0, 60.0), (70.0, 40.0, 90.0, 60.0)


# ---- questions -----------------------------------------------------------------------------------------------------


def test_a_question_counts_only_when_those_it_depends_on_are_right():
    right, parents = [1, 0, 1, 1], [[], [0], [1], [2]]
    assert rules.tifa(right) == 0.75
    assert rules.dsg(right, parents, cascade=False) == 0.5, "only the direct child of the wrong one is void"
    assert rules.dsg(right, parents) == 0.25, "and with the cascade its own child too"


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8), st.data())
def test_dsg_lies_between_nothing_and_tifa(right, data):
    parents = [data.draw(st.lists(st.integers(0, i - 1), max_size=2)) if i else [] for i in range(len(right))]
    strict, mild = rules.dsg(right, parents), rules.dsg(right, parents, cascade=False)
    assert 0 <= strict <= mild + 1e-12 <= rules.tifa(right) + 2e-12
    assert rules.dsg(right, [[] for _ in right]) == pytest.approx(rules.tifa(right))


def test_bad_questions_are_refused():
    with pytest.raises(UsageError, match="without any"):
        rules.tifa([])
    with pytest.raises(UsageError, match="depends on itself"):
        rules.dsg([1, 1, 1], [[2], [0], [1]])
    with pytest.raises(UsageError, match="which is no question"):
        rules.dsg([1, 1], [[], [7]])
    with pytest.raises(UsageError, match="which is no question"):
        rules.dsg([1, 1], [[], ["5, right"]])  # type: ignore[list-item]
    with pytest.raises(NotFinite):
        rules.tifa([1, float("nan")])
    with pytest.raises(UsageError, match=r"0\.\.1"):
        rules.vqa_score([1.5])
    deep = 5000
    assert rules.dsg([1] * deep, [[i - 1] if i else [] for i in range(deep)]) == 1, "long chains are no problem"


def test_products_and_means_of_probabilities():
    assert rules.blip_vqa([0.5, 0.5, 0.8]) == pytest.approx(0.2)
    assert rules.vqa_score([0.2, 0.4]) == pytest.approx(0.3)
    assert rules.three_in_one(0.2, float("nan"), 0.4) == pytest.approx(0.3)


# ---- VISOR ---------------------------------------------------------------------------------------------------------


def test_visor_identities():
    rng = np.random.default_rng(0)
    both = rng.random(400) < 0.6
    right = both & (rng.random(400) < 0.7)
    found = rules.visor(both, right, [i // 4 for i in range(400)])
    assert found["uncond"] == pytest.approx(found["OA"] * found["cond"])
    assert np.mean([found[f"VISOR_{n}"] for n in (1, 2, 3, 4)]) == pytest.approx(found["uncond"])
    assert found["VISOR_1"] >= found["VISOR_2"] >= found["VISOR_3"] >= found["VISOR_4"]
    none = rules.visor([False] * 4, [False] * 4, ["a"] * 4)
    assert np.isnan(none["cond"]) and none["uncond"] == 0
    with pytest.raises(UsageError, match="right implies both"):
        rules.visor([False], [True], ["a"])


def test_visor_identities_hold_on_its_published_table(shared_data):
    with open(shared_data / "visor" / "published_table.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) >= 7
    number = {name.casefold(): name for name in rows[0]}
    for row in rows:
        oa, cond, uncond = (float(row[number[k]]) for k in ("oa", "visor_cond", "visor_uncond"))
        assert uncond == pytest.approx(oa * cond / 100, abs=0.03), row
        assert np.mean([float(row[number[f"visor_{n}"]]) for n in (1, 2, 3, 4)]) == pytest.approx(uncond, abs=0.02), row


# ---- GenEval -------------------------------------------------------------------------------------------------------


def test_geneval_wants_everything():
    found = seen(("dog", LEFT, 0.9, "red"), ("cat", RIGHT, 0.8, "blue"), ("cat", LEFT, 0.2, "red"))
    assert rules.geneval_verdict(found, [Clause("dog"), Clause("cat")]) == (True, ())
    assert not rules.geneval_verdict(found, [Clause("dog"), Clause("bird")])[0]
    assert not rules.geneval_verdict(found, [Clause("cat", 2)])[0], "the third is below the confidence"
    assert not rules.geneval_verdict(found, [Clause("dog", 1, "blue")])[0]
    assert not rules.geneval_verdict(found, [Clause("dog")], [Clause("cat")])[0], "excluded"


def test_geneval_positions_are_not_symmetric():
    found = seen(("dog", LEFT, 0.9, "red"), ("cat", RIGHT, 0.8, "blue"))
    assert rules.geneval_verdict(found, [Clause("cat"), Clause("dog", position=("left of", 0))])[0]
    assert not rules.geneval_verdict(found, [Clause("cat"), Clause("dog", position=("right of", 0))])[0]
    right, why = rules.geneval_verdict(found, [Clause("bird"), Clause("dog", position=("left of", 0))])
    assert not right and why == ("expected bird>=1, found 0", "no target for dog to be left of")
    with pytest.raises(UsageError, match="points at clause"):
        rules.geneval_verdict(found, [Clause("dog", position=("left of", 3))])


def test_geneval_counts_only_what_it_is_sure_of():
    found = seen(("dog", LEFT, 0.95, "red"), ("dog", RIGHT, 0.5, "red"))
    assert rules.geneval_verdict(found, [Clause("dog", 2)])[0]
    assert not rules.geneval_verdict(found, [Clause("dog", 2)], counting=True)[0]
    assert rules.geneval_verdict(found, [Clause("dog", 1)], [Clause("dog", 2)], counting=True)[0]


def test_geneval_overall_is_the_mean_of_tasks():
    assert rules.geneval_overall([1, 1, 1, 0], ["a", "a", "a", "b"]) == 0.5
    with pytest.raises(UsageError):
        rules.geneval_overall([], [])


# ---- T2I-CompBench, HRS, PaintSkills, SOA, TISE ----------------------------------------------------------------------


def test_compbench_spatial_needs_both_objects_and_the_right_side():
    a, b = (0.8, LEFT), (0.6, RIGHT)
    assert rules.compbench_spatial(a, b, "left of") == pytest.approx(0.25 * 1.4 + 0.5)
    assert rules.compbench_spatial(a, b, "right of") == 0, "below one half it counts as nothing"
    assert rules.compbench_spatial((1.0, LEFT), None, "left of") == 0
    assert rules.compbench_spatial((1.0, LEFT), (1.0, RIGHT), "right of") == 0.5
    above = (1.0, (0.0, 0.0, 20.0, 20.0)), (1.0, (0.0, 60.0, 20.0, 80.0))
    assert rules.compbench_spatial(*above, "on top of") == 1, "the published script never credits this one"


def test_compbench_depth():
    near, far = (1.0, (0.0, 0.0, 20.0, 20.0), 0.9), (1.0, (0.0, 0.0, 20.0, 30.0), 0.1)
    assert rules.compbench_spatial_3d(near, far, "in front of") == 1
    assert rules.compbench_spatial_3d(near, far, "behind") == 0.5
    partly = (1.0, (15.0, 0.0, 35.0, 20.0), 0.1)
    assert 0.5 < rules.compbench_spatial_3d(near, partly, "in front of") < 1
    with pytest.raises(UsageError, match="no relation in depth"):
        rules.compbench_spatial_3d(near, far, "left of")


def test_numbers_of_objects():
    assert rules.compbench_numeracy(["dog", "dog", "cat"], ["dog", "dog", "cat"]) == 1
    assert rules.compbench_numeracy(["dog", "cat"], ["dog", "dog", "cat"]) == 0.75
    assert rules.compbench_numeracy([], ["dog"]) == 0
    sums = rules.hrs_counting([(["dog", "dog", "cat"], ["dog"]), (["dog"], ["dog", "dog"])])
    assert sums == (2, 3, 3) and sums.precision == sums.recall == sums.f1 == pytest.approx(2 / 3)
    assert rules.hrs_counting([(["cat"], ["dog"])]).precision == 0
    assert rules.counting_rmse(["dog"], {"dog": 3, "cat": 0}) == pytest.approx(2**0.5)
    with pytest.raises(UsageError):
        rules.counting_rmse(["dog"], {})


def test_dall_evals_own_verdict():
    """Worked by hand, the image twice as wide as high: shares of the sides decide which axis is the longer one."""
    labels, sure = ["cup", "dog", "cat"], [0.1, 0.9, 0.8]
    boxes = np.array([[0, 0, 9, 9], [40, 10, 60, 30], [80, 50, 100, 70]])

    def verdict(relation, labels=labels, sure=sure, size=(200, 100), asked=("dog", "cat")):
        return rules.dalleval_spatial(labels, boxes, np.array(sure), size, (*asked, relation))

    # centres (50, 20) and (90, 60): offset (-40, -40) pixels, (-.2, -.4) of the sides
    assert [r for r in ("left of", "right of", "above", "below") if verdict(r)] == ["above"]
    assert [r for r in ("left of", "right of", "above", "below") if verdict(r, size=(100, 200))] == ["left of"]
    assert verdict("below", asked=("cat", "dog")) and not verdict("above", asked=("cat", "dog"))
    assert not verdict("above", sure=[0.95, 0.9, 0.8]), "the surest two are a cup and a dog"
    assert not verdict("above", asked=("dog", "cup")) and not rules.dalleval_spatial(
        ["dog"], boxes[:1], np.ones(1), (9, 9), ("dog", "cat", "above")
    )  # fmt: skip
    twins = ["cup", "dog", "dog"]
    assert [r for r in ("left of", "right of", "above", "below") if verdict(r, twins, asked=("dog", "dog"))] == [
        "above", "below"
    ]  # fmt: skip


def test_paintskills():
    boxes = torch.tensor([LEFT, RIGHT])
    assert rules.paintskills_spatial(["dog", "cat"], boxes, "dog", "cat", "left of")
    assert not rules.paintskills_spatial(["dog", "cat"], boxes, "dog", "cat", "right of")
    twice = torch.tensor([LEFT, RIGHT, RIGHT])
    assert not rules.paintskills_spatial(["dog", "cat", "cat"], twice, "dog", "cat", "left of"), "exactly one of each"
    assert rules.paintskills_object(["dog"], "dog") and not rules.paintskills_object(["dog"], "cat")
    assert rules.paintskills_count(["dog"] * 3, "dog", 3) and not rules.paintskills_count(["dog"] * 3, "dog", 2)


def test_soa_by_class_and_by_image():
    detected, classes = [1, 1, 1, 0, 0, 1], ["dog"] * 4 + ["cat"] * 2
    found = rules.soa(detected, classes, [0.5, 0.7, np.nan, 0.9, 0.1, 0.6])
    assert found["SOA-C"] == pytest.approx((0.75 + 0.5) / 2) and found["SOA-I"] == pytest.approx(4 / 6)
    assert found["IoU"] == pytest.approx(np.mean([0.5, 0.7, 0.6]))
    assert found["IoU, misses 0"] == pytest.approx(np.mean([0.5, 0.7, 0, 0, 0.6]))
    halves = rules.soa(detected, classes, half=1)
    assert halves["SOA-C top 1"] == 0.75 and halves["SOA-C bottom 1"] == 0.5
    with pytest.raises(UsageError):
        rules.soa([], [])


def test_positional_alignment_needs_a_margin():
    image, true, false = torch.tensor([[1.0, 0.0]] * 2), torch.tensor([[1.0, 0.0]] * 2), torch.tensor([[0.0, 1.0]] * 2)
    false[1] = torch.tensor([1.0, 0.001])
    assert rules.positional_alignment(image, true, false).tolist() == [True, False]
    assert not rules.positional_alignment(image, false, true).any()
