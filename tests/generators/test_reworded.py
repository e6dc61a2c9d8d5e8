"""Other words: the reader reads through what preserves the meaning, and draws something else where it changes."""

from __future__ import annotations

import dataclasses
from itertools import pairwise

import numpy as np
import pytest
from wrapped import drawn, made, pixels, requests, right, scenes

from bench.datasets import perturbing
from bench.errors import UsageError
from bench.registry import create
from bench.spec import parse
from bench.types import Request

STRENGTHS = (0.2, 0.4, 0.6, 0.8, 1.0)


def words(kind, strength, generator="reader"):
    return f"reworded(generator={generator},kind={kind},strength={strength})"


def shares(kind):
    return [right(drawn(words(kind, s)), requests()).mean() for s in (0.0, *STRENGTHS)]


@pytest.mark.parametrize("kind", perturbing.PRESERVING)
def test_what_preserves_the_meaning_leaves_the_score(kind):
    assert min(shares(kind)) >= 0.97


@pytest.mark.parametrize("kind", perturbing.CHANGING)
def test_what_changes_the_meaning_lets_it_fall(kind):
    found = shares(kind)
    assert found[0] >= 0.97 and found[-1] <= 0.1
    slope = np.polyfit((0.0, *STRENGTHS), found, 1)[0]
    assert slope < -0.4 and all(b <= a + 0.08 for a, b in pairwise(found))


@pytest.mark.parametrize("kind", ["case", "synonyms"])
def test_equal_meaning_is_equal_to_the_pixel(kind):
    assert (pixels(drawn(words(kind, 1.0))) == pixels(drawn("reader"))).all()


def test_strength_0_is_the_generator_as_it_is():
    found = drawn(words("order", 0.0))
    assert (pixels(found) == pixels(drawn("reader"))).all() and not any(o.info for o in found)


def test_words_are_those_of_the_perturbed_dataset_and_are_recorded():
    data = create("dataset", "perturbed", {"base": "scenes(size=40)", "kind": "drops", "strength": 0.6})
    asked = {s.group: s.prompt for s in data}
    for request, outcome in zip(requests(), drawn(words("drops", 0.6)), strict=True):
        assert outcome.info.get("asked", request.prompt) == asked[request.sample_id]


def test_the_image_is_of_the_words_and_the_seed_alone():
    generator = made(words("swaps", 0.6))
    asked = requests()
    together = pixels(list(generator.generate(asked)))
    alone = np.concatenate([pixels(list(generator.generate([r]))) for r in reversed(asked)])[::-1]
    assert (together == alone).all()
    fresh = [dataclasses.replace(r, seed=r.seed ^ 1) for r in asked]
    again = list(generator.generate(fresh))
    first = list(generator.generate(asked))
    assert [o.info.get("asked") for o in again] == [o.info.get("asked") for o in first]  # the words do not change


def test_the_perturbed_dataset_can_be_drawn_by_the_reader():
    data = create("dataset", "perturbed", {"base": "scenes(size=40)", "kind": "typos", "strength": 0.6})
    asked = [Request(s.id, 0, s.prompt, i) for i, s in enumerate(data)]
    plain = [dataclasses.replace(r, prompt=s.prompt) for r, s in zip(asked, scenes(), strict=True)]
    found = right(drawn("reader", asked), plain)
    assert found.mean() >= 0.95


def test_stories_are_read_too():
    told = "first a red circle appears, then a blue square appears"
    (one, two) = drawn("reader", [Request("x", 0, told, 1, frames=6), Request("y", 0, "nothing", 1, frames=6)])
    assert len(one.image) == 6 and (np.asarray(one.image[0]) != np.asarray(one.image[-1])).any()
    assert len(two.image) == 6
    (odd,) = drawn("reader", [Request("x", 0, told, 1, frames=3)])
    assert odd.status == "failed" and "6 frames" in odd.reason


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (words("typo", 0.5), "Did you mean typos"),
        (words("typos", 1.5), "no share"),
        (words("typos", 0.5, "nobody"), "No generator is called"),
        ("reader(side=48)", "32, 64 or 128"),
    ],
)
def test_what_cannot_be_is_one_sentence(text, told):
    spec = parse(text)
    with pytest.raises(UsageError, match=told):
        create("generator", spec.name, spec.params)
