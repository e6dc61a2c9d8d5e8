"""How adversarial painters make pixels: a thing moves as a whole, its latent can place it, and critics see edges."""

from __future__ import annotations

import pytest
import torch

from bench.generators.reference.canvas import GROUND, Canvas
from bench.generators.reference.cgan import CganCritic
from bench.generators.reference.drawing import OUTSIDE, THINGS, Drawing, spiral

CHANNELS, LATENT = 24, 8


@pytest.fixture
def drawing():
    torch.manual_seed(0)
    made = Drawing(CHANNELS, LATENT, Canvas()).double().requires_grad_(False)
    made.told.weight.zero_()
    made.told.bias.zero_()
    return made


def placed(drawing, centres):
    """The drawing with its things at such places, (THINGS, 2) in half sides, whatever the latent."""
    drawing.drawn.weight.zero_()
    drawing.drawn.bias.copy_(torch.atanh(centres / OUTSIDE).flatten())
    return drawing


@pytest.mark.parametrize(("right", "down"), [(1, 0), (0, 2), (3, 1)])
def test_a_thing_is_drawn_the_same_at_every_place(drawing, right, down):
    things, z = torch.randn(1, THINGS, CHANNELS).double(), torch.randn(1, LATENT).double()
    at = torch.tensor([[-0.4, -0.3], [0.1, -0.2], [-0.2, 0.0]]).double()
    by = torch.tensor([right, down]).double() * 2 / 16
    here, there = (placed(drawing, centres)(things, z) for centres in (at, at + by))
    x, y = 2 * right, 2 * down  # a cell of the grid is two pixels wide
    assert torch.allclose(there[..., y:, x:], here[..., : 32 - y, : 32 - x], atol=1e-9)
    assert not torch.allclose(there, here, atol=1e-2)


def test_the_latent_places_things_and_what_they_are_draws_them(drawing):
    things, z = torch.randn(2, THINGS, CHANNELS).double(), torch.randn(2, LATENT).double()
    centres = drawing.centres(things, z)
    assert centres.shape == (2, THINGS, 2) and float(centres.abs().max()) < OUTSIDE
    assert torch.equal(drawing.centres(things.flip(0), z), centres)
    assert not torch.allclose(drawing(things.flip(0), z), drawing(things, z), atol=1e-2)


def test_a_thing_fades_with_the_way_from_its_point(drawing):
    drawing.ground.weight.zero_()
    at = torch.tensor([[-0.9, -0.9], [-0.9, -0.9], [-0.9, -0.9]]).double()
    things, z = torch.randn(2, THINGS, CHANNELS).double(), torch.randn(2, LATENT).double()
    one, other = placed(drawing, at)(things, z)
    assert torch.allclose(one[:, 28:, 28:], other[:, 28:, 28:], atol=1e-3)
    assert not torch.allclose(one[:, :4, :4], other[:, :4, :4], atol=0.1)


def test_waves_are_those_of_the_way_along_both_axes(drawing):
    off = torch.randn(2, 2, 16).double()
    angles = torch.einsum("fa,naij->nijf", drawing.waves, torch.stack(
        [off[:, :1].expand(-1, 16, -1), off[:, 1:].expand(-1, 16, -1).mT], 1))  # fmt: skip
    assert torch.allclose(drawing._waves(off), torch.cat([angles.sin(), angles.cos()], 3), atol=1e-9)


def test_what_a_thing_is_can_place_it_too():
    torch.manual_seed(0)
    made = Drawing(CHANNELS, LATENT, Canvas()).requires_grad_(False)
    things, z = torch.randn(1, THINGS, CHANNELS), torch.randn(1, LATENT)
    moved = things.clone()
    moved[:, 1] += 5
    before, after = made.centres(things, z), made.centres(moved, z)
    assert torch.equal(before[:, [0, 2]], after[:, [0, 2]]) and not torch.equal(before[:, 1], after[:, 1])


def test_text_may_be_joined_with_the_pixels(drawing):
    things, z = torch.randn(1, THINGS, CHANNELS).double(), torch.randn(1, LATENT).double()
    seen = []
    drawing(things, z, lambda pixels: seen.append(pixels.shape) or pixels)
    assert seen == [(1, 64, 16, 16)]
    dark = drawing(things, z, lambda pixels: pixels * 0)
    assert torch.allclose(dark[..., ::2, ::2], dark[..., :1, :1].expand(-1, -1, 16, 16))


def test_waves_are_as_a_normal_has_them_and_the_same_at_every_call():
    points = spiral(4096)
    assert torch.equal(points, spiral(4096))
    assert torch.allclose(points.mean(0), torch.zeros(2), atol=0.02)
    assert torch.allclose(points.T.cov(), torch.eye(2), atol=0.02)


def test_critics_see_what_differs_from_its_neighbours():
    torch.manual_seed(0)
    critic = CganCritic(Canvas()).eval()
    flat = torch.full((1, 3, 32, 32), 0.5)
    shape = flat.clone()
    shape[..., 8:20, 8:20] = GROUND
    blind = CganCritic(Canvas()).eval()
    blind.load_state_dict(critic.state_dict())
    blind.edges = 1e-9  # as good as none
    with torch.inference_mode():
        assert torch.allclose(critic.see(flat), blind.see(flat), atol=1e-5), "a plain image has no edges"
        assert not torch.allclose(critic.see(shape), blind.see(shape), atol=1e-2)
