"""`best-of` does what re-ranking can do and no more: 1 - p^n of the prompts right, p the share of defects."""

from __future__ import annotations

import numpy as np
import pytest
import wrapped
from wrapped import drawn, made, pixels, requests, right, spoilt

from bench import registry
from bench.errors import UsageError
from bench.generators.base import Generator
from bench.generators.wrapping import attempt
from bench.registry import create, register
from bench.spec import parse
from bench.types import Request

ORACLE = "oracle(defect=wrong-colour,p=0.6)"


def best(n, more="", generator=ORACLE, judge="scene-facts"):
    return f"best-of(generator={generator},n={n},judge={judge}{more})"


def attempts_right(n):
    """bool (samples, n): which attempts have no defect."""
    return np.array(
        [[not spoilt(r, "wrong-colour", 0.6, attempt(r, i).seed) for i in range(n)] for r in requests()]
    )  # fmt: skip


@pytest.mark.parametrize("n", [2, 4, 8])
def test_a_prompt_is_right_when_one_candidate_is(n):
    found = right(drawn(best(n)), requests())
    wanted = attempts_right(n).any(1)
    assert (found == wanted).mean() >= 0.97  # the detector errs now and then
    assert abs(found.mean() - (1 - 0.6**n)) < 0.2


@pytest.mark.parametrize("n", [2, 4])
def test_the_worst_of_them_is_right_when_all_are(n):
    found = right(drawn(best(n, ",pick=worst")), requests())
    assert (found == attempts_right(n).all(1)).mean() >= 0.97
    assert found.mean() < right(drawn(ORACLE), requests()).mean()


def test_it_rises_with_n_and_the_wrong_way_round_falls():
    shares = [[right(drawn(best(n, more)), requests()).mean() for n in (1, 2, 4)] for more in ("", ",pick=worst")]
    assert shares[0][0] < shares[0][1] < shares[0][2]
    assert shares[1][0] > shares[1][1] > shares[1][2]
    assert shares[0][0] == shares[1][0]


def test_one_candidate_is_the_generator_alone_and_asks_nobody():
    one = made(best(1))
    assert one.judges == ()
    outcomes = list(one.generate(requests()))
    assert (pixels(outcomes) == pixels(drawn(ORACLE))).all() and not outcomes[0].info


def test_the_choice_is_recorded_and_candidates_nest():
    few, many = drawn(best(2)), drawn(best(4))
    for a, b in zip(few, many, strict=True):
        one, two = a.info["candidates"], b.info["candidates"]
        assert one["judge"] == "scene-facts" and two["scores"][:2] == one["scores"] and len(two["scores"]) == 4
        assert two["scores"][two["chosen"]] == max(two["scores"]) >= one["scores"][one["chosen"]]
        assert two["chosen"] == two["scores"].index(max(two["scores"]))  # the first among equals


def test_it_does_not_depend_on_the_batch():
    asked = requests()
    together = pixels(drawn(best(3)))
    generator = made(best(3))
    alone = np.concatenate([pixels(list(generator.generate([r]))) for r in reversed(asked)])[::-1]
    assert (together == alone).all()


def test_a_judge_never_sees_a_samples_truth():
    seen = []

    def view(output, extractor, images, samples):
        seen.extend(samples)
        return registry.create("extractor", "scene-facts", {}).extract_texts(["a red circle"] * len(samples))[output]

    generator = made(best(2), view=view)
    list(generator.generate(requests()[:4]))
    assert len(seen) == 16  # 8 images, and their prompts
    assert all(not s.objects and not s.relations and s.reference is None for s in seen)


def test_failures_are_passed_over_and_told_when_there_is_nothing_else():
    asked = [Request(f"test-{i}", 0, "a red circle", i) for i in range(30)]
    found = drawn("best-of(generator=toy-moody,n=3,judge=scene-facts)", asked)
    kinds = [[attempt(r, i).seed % 3 for i in range(3)] for r in asked]
    assert [o.status == "ok" for o in found] == [2 in k for k in kinds]
    for outcome, kind in zip(found, kinds, strict=True):
        if 2 in kind:
            scores = outcome.info["candidates"]["scores"]
            assert [s is None for s in scores] == [k != 2 for k in kind]
        else:
            assert (outcome.status, outcome.reason) == (("failed", "in no mood"), ("refused", "will not"))[kind[0]]


@register("generator", "toy-unready", version=1)
class Unready(Generator):
    """A red image for seeds that 3 divides, else one that is none."""

    def generate(self, requests):
        return [np.full((8, 8, 3), 0.5 if r.seed % 3 == 0 else np.nan, np.float32) for r in requests]


def test_a_candidate_that_is_no_image_fails_alone():
    asked = [Request(f"test-{i}", 0, "a red circle", i) for i in range(12)]
    found = drawn("best-of(generator=toy-unready,n=2,judge=scene-facts)", asked)
    usable = [[attempt(r, i).seed % 3 == 0 for i in range(2)] for r in asked]
    assert [o.status == "ok" for o in found] == [any(u) for u in usable]
    assert {any(u) for u in usable} == {True, False}
    assert all("NaN" in o.reason for o in found if o.status != "ok")


def test_what_taught_the_generator_inside_is_told():
    one = create("generator", "best-of", parse(best(2)).params)
    one.inner[0].made.teachers = ("scene-clip",)
    assert one.teachers == ("scene-clip",)
    assert create("generator", "best-of", parse(best(2)).params).teachers == ()


def test_stories_are_not_judged():
    (told,) = drawn(best(2), [Request("test-0", 0, "first a red circle appears", 0, frames=6)])
    assert told.status == "failed" and "single images" in told.reason


def test_controls_fusion_and_problems_are_those_inside():
    assert create("generator", "best-of", parse(best(2)).params).control
    assert not create("generator", "best-of", {"generator": "toy-moody"}).control
    flow = create("generator", "best-of", {"generator": "flow(weights=nowhere.safetensors)"})
    assert flow.fusion == "attention" and not flow.control and "nowhere.safetensors" in flow.problems()[0]
    flow.fuse(parse("film"))
    assert str(flow.inner[0].made.strategy) == "film"
    named = create("generator", "best-of", {"generator": "flow+gated"})
    assert named.fusion == "" and str(named.inner[0].made.strategy) == "gated"
    with pytest.raises(UsageError, match="has its fusion strategy already"):
        named.fuse(parse("film"))


def test_judges_of_wrappers_inside_wrappers_add_up():
    text = best(2, generator=f"repair(generator={ORACLE})", judge="scene-clip")
    assert create("generator", "best-of", parse(text).params).judges == ("scene-clip", "scene-detector")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (best(0), "n from 1 to 64"),
        (best(65), "n from 1 to 64"),
        (best(2, ",pick=middle"), "best or the worst"),
        (best(2, generator="orakel"), "Did you mean oracle"),
        (best(2, judge="scene-clap"), "Did you mean scene-clip"),
        (best(2, judge="inception-v3"), "says nothing of how well an image fits its prompt"),
        ("best-of(generator=folder(path=x),n=2)", "exist already"),
        ('best-of(generator="./images")', "plain name"),
        ("best-of(n=many)", "cannot be made"),
        ("best-of(generator=oracle(defect=none-such))", "none-such"),
    ],
)
def test_what_cannot_be_is_one_sentence(text, told):
    spec = parse(text)
    with pytest.raises(UsageError, match=told) as caught:
        create("generator", spec.name, spec.params)
    assert len(caught.value.messages) == 1


def test_other_rules_choose_too():
    """Detections: the share of the prompt's facts."""
    found = right(drawn(best(4, judge="scene-detector")), requests())
    assert (found == attempts_right(4).any(1)).mean() >= 0.97
    assert wrapped.made(best(4, judge="scene-detector")).rule == "facts"
