"""Reading through other words, and facts of a caption held against what is seen."""

from __future__ import annotations

import numpy as np
import pytest

from bench.datasets import perturbing
from bench.registry import create
from bench.types import Detections
from bench.world.description import Understanding, meaning
from bench.world.draws import Draw
from bench.world.fidelity import facts, share, told_by
from bench.world.grammar import paraphrases, understand
from bench.world.parsing import parse
from bench.world.reading import MOST, read, simpler
from bench.world.split import scene_at


@pytest.fixture(scope="module")
def told():
    return [understand(scene_at("test", i).scene) for i in range(150)]


def perturbed(kind, text, strength, i):
    return perturbing.KINDS[kind](text, strength, Draw("reading", kind, i))


# ---- reading -------------------------------------------------------------------------------------------------------


def test_every_sentence_of_the_grammar_is_read_by_the_grammar(told):
    for one in told[:40]:
        assert all(meaning(read(text, 0)) == meaning(one) for text in paraphrases(one)[:8])


@pytest.mark.parametrize("kind", [k for k in perturbing.PRESERVING if k != "paraphrase"])
@pytest.mark.parametrize("strength", [0.4, 1.0])
def test_what_preserves_the_meaning_is_read_as_before(kind, strength, told):
    texts = [paraphrases(one)[i % 5] for i, one in enumerate(told)]
    same = [meaning(read(perturbed(kind, t, strength, i), 0)) == meaning(o) for i, (t, o) in enumerate(
        zip(texts, told, strict=True))]  # fmt: skip
    assert np.mean(same) >= (1.0 if kind in ("case", "synonyms") else 0.97)


@pytest.mark.parametrize("kind", ["drops", "swaps", "order"])
def test_what_changes_the_meaning_is_not(kind, told):
    same = [meaning(read(perturbed(kind, paraphrases(o)[0], 0.6, i), 0)) == meaning(o) for i, o in enumerate(told)]
    assert np.mean(same) < 0.4


def test_a_slip_of_the_fingers_is_read_through_and_another_word_is_not():
    assert meaning(read("a gren cirlce to the lfet of a bleu sqaure", 0)) == meaning(
        parse("a green circle left of a blue square")
    )
    assert read("a green elephant", 0).objects == ()


def test_what_is_not_said_is_guessed_by_the_seed():
    colours = {read("circle", seed).objects[0].colour for seed in range(40)}
    assert len(colours) > 4 and read("circle", 3) == read("circle", 3)


@pytest.mark.parametrize("text", ["", "   ", "!!!", "left of", "at the top", "five red circles " * 9, "\x00", "圆圈"])
def test_anything_can_be_read(text):
    found = read(text, 0)
    assert sum(d.count for d in found.objects) <= MOST
    assert all(0 <= i < len(found.objects) and 0 <= j < len(found.objects) for i, _, j in found.relations)
    assert simpler(found)[-1].relations == ()


# ---- facts ---------------------------------------------------------------------------------------------------------


def seen(*things, readable=True):
    """(colour, shape, x, y), 10 pixels wide, in 60 x 60."""
    boxes = np.array([[x - 5, y - 5, x + 5, y + 5] for _, _, x, y in things], float).reshape(-1, 4)
    return Detections(
        boxes, tuple(s for _, s, _, _ in things), np.ones(len(things)),
        tuple({"colour": c, "size": "small"} for c, *_ in things), (60, 60), readable,
    )  # fmt: skip


RED, BLUE = ("red", "circle", 10, 30), ("blue", "square", 50, 30)
LEFT = "a red circle left of a blue square"


def holds(prompt, found):
    told = told_by(prompt)
    assert told is not None
    return {f.text: f.holds for f in facts(told, found)}


def test_all_holds_where_all_is_there():
    assert all(holds(LEFT, seen(RED, BLUE)).values())


@pytest.mark.parametrize(
    ("things", "kinds"),
    [
        ((RED, ("blue", "square", 2, 30)), {"relation"}),
        ((RED,), {"object", "colour", "count", "relation"}),
        ((RED, BLUE, ("pink", "star", 30, 50)), {"extra"}),
        ((("blue", "circle", 10, 30), ("red", "square", 50, 30)), {"colour", "count", "relation"}),
        ((RED, BLUE, ("red", "circle", 12, 50)), {"count", "extra"}),
    ],
)
def test_each_fault_has_its_facts(things, kinds):
    told = told_by(LEFT)
    assert told is not None
    assert {f.kind for f in facts(told, seen(*things)) if not f.holds} == kinds


def test_cells_and_counts():
    text = "two red circles at the top"
    good = seen(("red", "circle", 25, 8), ("red", "circle", 35, 8))
    assert all(holds(text, good).values())
    low = holds(text, seen(("red", "circle", 25, 8), ("red", "circle", 35, 50)))
    assert [t for t, ok in low.items() if not ok] == ["is the red circle at the top?"]


def test_nothing_holds_of_an_unreadable_image():
    told = told_by(LEFT)
    assert told is not None and share(facts(told, seen(RED, BLUE, readable=False))) == 0


def test_what_is_no_still_scene_tells_nothing():
    assert told_by("a dog") is None and told_by("first a red circle appears, then a blue square appears") is None
    assert isinstance(told_by("a red circle"), Understanding)


def test_the_oracle_is_right_by_its_prompts_and_a_defect_is_seen():
    scenes = create("dataset", "scenes", {"size": 30})
    for sample in scenes:
        assert told_by(sample.prompt) is not None
