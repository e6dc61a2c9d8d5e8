"""Constraints on what a generator draws: each prefers images of their own captions, and teaches only whom it should."""

from __future__ import annotations

import pytest
import torch

from bench.errors import UsageError
from bench.training.consistency import OPTIONS, WEIGHTS, Consistency, asked
from bench.training.recipes import How, trainable
from bench.training.rows import Rendered, floats
from bench.training.scene_flow import feed, losses, plan

LEARNED = ("cosine", "words", "matching")
FIRST = 1_500_000_000


def batch(first: int, rows: int, ones: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    source = Rendered(32, False)
    taken = source.take(source.plan(first, ones), rows)
    return floats(taken.images), taken.ids.long()


def taught(kind: str, steps: int = 150) -> Consistency:
    """A constraint whose matcher has learned for a moment from images of single objects."""
    torch.manual_seed(0)
    one = Consistency(kind, 1.0, 32)
    optimiser = torch.optim.Adam(one.parameters(), lr=2e-3)
    for step in range(steps):
        images, ids = batch(FIRST + 24 * step, 24, 24)
        loss = one(torch.zeros_like(images), images, ids)["matcher"]
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return one


def held(one: Consistency, made: torch.Tensor, images: torch.Tensor, ids: torch.Tensor) -> float:
    with torch.no_grad():
        return float(one(made, images, ids)["consistency"])


@pytest.mark.parametrize("kind", LEARNED)
def test_what_is_learned_beside_prefers_images_of_their_own_captions(kind):
    one = taught(kind)
    images, ids = batch(FIRST + 900_000, 64, 64)
    own, others = held(one, images, images, ids), held(one, images.roll(1, 0), images, ids)
    assert own < others - 0.02, (own, others)


def test_the_frozen_space_prefers_images_of_their_own_captions():
    one = Consistency("embedding", 1.0, 32)
    images, ids = batch(FIRST, 32, 16)
    own, others = held(one, images, images, ids), held(one, images.roll(1, 0), images, ids)
    assert own < others - 0.2, (own, others)
    assert not list(one.parameters()) and not one.state_dict(), "the judge is no part of what is trained or saved"


def test_similarity_is_nothing_for_the_row_itself_and_grows_with_the_distance():
    one = Consistency("ssim", 2.0, 32)
    images, ids = batch(FIRST, 8)
    noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(0))
    found = [held(one, images + share * noise, images, ids) for share in (0.0, 0.05, 0.5)]
    assert found[0] == pytest.approx(0, abs=1e-5) and found[0] < found[1] < found[2] <= 4


@pytest.mark.parametrize("kind", WEIGHTS)
def test_gradients_go_where_they_belong(kind):
    torch.manual_seed(1)
    one = Consistency(kind, 1.0, 32)
    images, ids = batch(FIRST, 6)
    made = (images + 0.1).requires_grad_()
    parts = one(made, images, ids)
    parameters = list(one.parameters())
    into = torch.autograd.grad(parts["consistency"], [made, *parameters], allow_unused=True, retain_graph=True)
    assert into[0].abs().sum() > 0 and all(g is None for g in into[1:]), "the matcher is not pulled towards the images"
    if kind in LEARNED:
        back = torch.autograd.grad(parts["matcher"], [made, *parameters], allow_unused=True)
        assert back[0] is None and any(g is not None and g.abs().sum() > 0 for g in back[1:])
    else:
        assert set(parts) == {"consistency"} and not parameters


@pytest.mark.parametrize("kind", WEIGHTS)
def test_a_flow_may_be_held_to_each(kind):
    how = How(options={"consistency": kind, "weight": "0.5"}, steps=10)
    made = trainable("generator:flow", how)
    plain = trainable("generator:flow", How(steps=10))
    assert made.recipe.name != plain.recipe.name and f"--option consistency={kind}" in made.command
    assert made.about["settings"] == {"consistency": kind, "weight": 0.5}
    assert made.about.get("teachers", []) == (["scene-clip"] if kind == "embedding" else [])
    torch.manual_seed(0)
    training, without = made.recipe.build(), plain.recipe.build()
    without.model.load_state_dict(training.model.state_dict())
    training.ready("cpu")
    draw = torch.Generator().manual_seed(FIRST)
    given = feed(training, plan(training, 0, FIRST, 8), 8, draw)
    parts, alone = losses(training, "", given), losses(without, "", given)
    assert parts["consistency"].item() > 0 and "consistency" not in alone
    assert parts["velocity"].item() == pytest.approx(alone["velocity"].item())
    shipped = made.shipped(training).state_dict()
    assert shipped.keys() == plain.shipped(without).state_dict().keys(), "what was learned beside it is not shipped"


@pytest.mark.parametrize(
    ("options", "says"),
    [({"consistency": "cosin"}, "did you mean cosine|cosine"), ({"weight": "1"}, "name one"),
     ({"consistency": "ssim", "weight": "nan"}, "got 'nan'"), ({"consistency": "ssim", "weight": "-1"}, "got '-1'")],
)  # fmt: skip
def test_settings_that_do_not_exist_are_said(options, says):
    with pytest.raises(UsageError, match=says):
        asked(options)
    assert asked({}) == ("", 0.0) and set(OPTIONS) == {"consistency", "weight"}


def test_a_blind_twin_is_held_to_no_caption():
    with pytest.raises(UsageError, match="sees no caption"):
        trainable("generator:flow", How(blind=True, options={"consistency": "ssim"}))
