"""`repair` ends when the image holds what its prompt says, keeps the best attempt, and knows the prompt alone."""

from __future__ import annotations

import pytest
import wrapped  # noqa: F401  (registers the toy)
from wrapped import drawn, made, pixels, requests, right, spoilt

from bench.errors import UsageError
from bench.generators.wrapping import attempt
from bench.registry import create
from bench.spec import parse
from bench.types import Request

ORACLE = "oracle(defect=wrong-shape,p=0.6)"


def repaired(rounds, more="", generator=ORACLE):
    return f"repair(generator={generator},rounds={rounds}{more})"


def test_rounds_end_with_the_first_right_attempt():
    asked = requests()
    found = drawn(repaired(3))
    for request, outcome in zip(asked, found, strict=True):
        spoiled = [spoilt(request, "wrong-shape", 0.6, attempt(request, i).seed) for i in range(4)]
        first = spoiled.index(False) if False in spoiled else 3
        told = outcome.info["repair"]
        assert (told["rounds"], len(told["shares"])) == (first, first + 1)
        assert (told["wrong"] == []) == (not all(spoiled)) and told["shares"][told["kept"]] == max(told["shares"])


def test_it_rises_with_the_rounds():
    shares = [right(drawn(repaired(n)), requests()).mean() for n in (0, 1, 3)]
    assert shares[0] < shares[1] < shares[2]


def test_no_round_is_the_generator_alone_and_a_right_image_is_left_alone():
    assert (pixels(drawn(repaired(0))) == pixels(drawn(ORACLE))).all()
    found = drawn(repaired(3, generator="oracle"))
    assert (pixels(found) == pixels(drawn("oracle"))).all()
    assert all(o.info["repair"]["rounds"] == 0 for o in found)


def test_what_can_never_be_right_costs_all_rounds_and_keeps_the_first_of_equals():
    found = drawn(repaired(2, generator="constant"))
    assert all(o.info["repair"] | {"wrong": 0} == {
        "rounds": 2, "kept": 0, "shares": o.info["repair"]["shares"], "wrong": 0} for o in found)  # fmt: skip
    assert not right(found, requests()).any()


def test_it_goes_by_the_prompt_and_not_by_the_sample():
    """Asked for something else than the sample holds, the reader's image is right and the oracle's is not."""
    asked = [Request(r.sample_id, 0, "two pink stars and a cyan cross", r.seed) for r in requests()[:12]]
    assert all(o.info["repair"]["rounds"] == 0 for o in drawn(repaired(2, generator="reader"), asked))
    assert all(o.info["repair"]["rounds"] == 2 for o in drawn(repaired(2, generator="oracle"), asked))


def test_other_words_are_tried_where_words_were_at_fault():
    asked = requests()[:10]
    found = drawn(repaired(2, ",by=prompt", generator="constant"), asked)
    assert all(o.info["repair"]["rounds"] == 2 for o in found)
    made_ = made(repaired(2, ",by=prompt", generator="constant"))
    from bench.generators.repair import _Case
    from bench.world.description import meaning
    from bench.world.fidelity import told_by
    from bench.world.parsing import parse as read

    for request in asked:
        case = _Case(request, told_by(request.prompt))
        prompts = [made_._asked(case, k).prompt for k in range(3)]
        assert len(set(prompts)) == 3 and prompts[0] == request.prompt
        assert len({meaning(read(p)) for p in prompts}) == 1


def test_a_prompt_that_is_not_read_is_drawn_once():
    (found,) = drawn(repaired(3, generator="noise"), [Request("test-0", 0, "a photo of a dog", 5, size=(64, 64))])
    assert found.status == "ok" and found.info["repair"] == {"rounds": 0, "unread": True}


def test_failures_are_tried_again():
    asked = [Request(f"test-{i}", 0, "a red circle", i) for i in range(30)]
    found = drawn(repaired(4, generator="toy-moody"), asked)
    kinds = [[attempt(r, i).seed % 3 for i in range(5)] for r in asked]
    assert [o.status == "ok" for o in found] == [2 in k for k in kinds]
    never = drawn(repaired(2, generator="toy-moody(mood=never)"), asked[:3])
    assert all(o.status == "failed" and o.info["repair"]["shares"] == [None] * 3 for o in never)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (repaired(17), "0 to 16 rounds"),
        (repaired(1, ",by=magic"), "seed, prompt, guidance"),
        (repaired(1, ",by=guidance"), "oracle has no guidance to raise"),
        (repaired(1, ",judge=scene-clip"), "finds none; scene-detector does"),
        (repaired(-1), "0 to 16 rounds"),
    ],
)
def test_what_cannot_be_is_one_sentence(text, told):
    spec = parse(text)
    with pytest.raises(UsageError, match=told):
        create("generator", spec.name, spec.params)


def test_guidance_rises_from_round_to_round():
    generator = create("generator", "repair", {"generator": "flow(guidance=2.0)", "rounds": 2, "by": "guidance"})
    generator.fuse(parse("film"))
    assert [one.made.guidance for one in generator._stronger] == [3.0, 4.5]
    assert [str(one.made.strategy) for one in (*generator.inner, *generator._stronger)] == ["film"] * 3
