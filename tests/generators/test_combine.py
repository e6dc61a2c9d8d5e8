"""Two flows as one: closed forms on flows whose velocities are known, identities on a network."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from stirred import small_batches, weights_of  # noqa: F401  (a fixture)
from wrapped import drawn, made, requests

from bench.errors import UsageError
from bench.generators.base import Denoiser, Generator
from bench.registry import create, register
from bench.spec import parse
from bench.types import Request


@register("generator", "toy-point", summary="a flow to one grey")
class ToyPoint(Generator):
    """With the text it goes to the grey `at`, without to `empty`, both in [-1, 1]: velocities (x - image) / t."""

    def __init__(self, at: float = 0.5, empty: float = 0.0, guidance: float = 1.0, steps: int = 4, side: int = 8):
        self.at, self.empty, self.guidance, self.steps, self.side = at, empty, guidance, steps, side

    def denoiser(self, requests):
        start = torch.stack([
            torch.randn(3, self.side, self.side, generator=torch.Generator().manual_seed(r.seed)) for r in requests
        ])  # fmt: skip
        return Denoiser(
            start, lambda x, t: ((x - self.at) / t, (x - self.empty) / t), self.guidance, self.steps,
            lambda x: list(((x + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()),
        )  # fmt: skip


def grey(value):
    return round((value + 1) * 127.5)


def ends(text):
    (image,) = {tuple(np.unique(o.image)) for o in drawn(text, requests()[:5])}
    (level,) = image
    return int(level)


@pytest.mark.parametrize("weight", [0.0, 0.25, 0.5, 1.0])
def test_the_average_of_two_points_is_their_weighted_mean(weight):
    text = f"combine(first=toy-point(at=0.8),second=toy-point(at=-0.4),weight={weight})"
    assert abs(ends(text) - grey(0.8 * weight - 0.4 * (1 - weight))) <= 1


@pytest.mark.parametrize(("g1", "g2"), [(1.0, 1.0), (2.0, 0.5), (0.0, 1.0)])
def test_the_product_adds_what_the_texts_say(g1, g2):
    """empty + g1 (at1 - empty1) + g2 (at2 - empty2) with the empties averaged."""
    text = (
        f"combine(first=toy-point(at=0.3,empty=0.1,guidance={g1}),"
        f"second=toy-point(at=-0.2,empty=-0.1,guidance={g2}),how=product)"
    )
    assert abs(ends(text) - grey(0.0 + g1 * 0.2 + g2 * -0.1)) <= 1


def test_the_product_is_not_the_average():
    both = [ends(f"combine(first=toy-point(at=0.41),second=toy-point(at=0.41),how={how})") for how in
            ("average", "product")]  # fmt: skip
    assert both == [grey(0.41), grey(0.82)]


@pytest.fixture(scope="module")
def flows(tmp_path_factory):
    folder = tmp_path_factory.mktemp("flows")
    return [weights_of(folder, "flow", seed, steps=3) for seed in (0, 1)]


def pictures(text, count=3):
    return np.stack([np.asarray(o.image, np.int64) for o in drawn(text, requests()[:count])])


def test_a_flow_with_itself_is_that_flow_and_its_product_is_it_at_twice_the_guidance(flows):
    one, _ = flows
    strong = one.replace("steps=3", "guidance=4.0,steps=3")
    assert np.abs(pictures(f"combine(first={one},second={one})") - pictures(one)).max() <= 1
    assert np.abs(pictures(f"combine(first={one},second={one},how=product)") - pictures(strong)).max() <= 1
    assert np.abs(pictures(strong) - pictures(one)).max() > 3


def test_the_weights_are_those_of_the_first_and_the_second(flows):
    one, two = flows
    assert np.abs(pictures(f"combine(first={one},second={two},weight=1.0)") - pictures(one)).max() <= 1
    other = pictures(f"combine(first={one},second={two},weight=0.0)") - pictures(two)
    assert np.abs(other).max() <= 1  # the noise is that of the seed, equal for both
    half = pictures(f"combine(first={one},second={two})")
    assert min(np.abs(half - pictures(t)).max() for t in flows) > 3


def test_an_image_depends_on_its_request_alone(flows):
    one, two = flows
    text = f"combine(first={one},second={two})"
    generator, asked = made(text), requests()[:4]
    together = [o.image for o in generator.generate(asked)]
    alone = [next(iter(generator.generate([r]))).image for r in asked]
    assert all(np.array_equal(a, b) for a, b in zip(together, alone, strict=True))


def test_stories_and_steps(flows):
    (told,) = drawn("combine(first=toy-point,second=toy-point)", [Request("test-0", 0, "x", 0, frames=6)])
    assert told.status == "failed"
    asked = create("generator", "combine", {"first": "toy-point", "second": "toy-point(steps=9)"})
    assert asked.steps is None and not asked.control


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("combine(first=oracle)", "oracle predicts no velocity"),
        ("combine(first=flow,second=cgan)", "cgan predicts no velocity"),
        ("combine(weight=1.5)", "from 0 to 1"),
        ("combine(how=sum)", "average and product"),
        ("combine(steps=0)", "1 to 1000"),
    ],
)
def test_what_cannot_be_combined_is_one_sentence(text, told):
    spec = parse(text)
    with pytest.raises(UsageError, match=told) as caught:
        create("generator", spec.name, spec.params)
    assert len(caught.value.messages) == 1


def test_other_sizes_are_refused_and_fusions_reach_those_without_one():
    with pytest.raises(UsageError, match="one image size; got 8x8 and 16x16"):
        drawn("combine(first=toy-point,second=toy-point(side=16))", requests()[:2])
    made_ = create("generator", "combine", {"first": "flow", "second": "flow+film"})
    assert made_.fusion == "attention"
    made_.fuse(parse("gated"))
    assert [str(i.made.strategy) for i in made_.inner] == ["gated", "film"]
