"""Losses and penalties of two players against closed forms, and against being the wrong way round."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from bench.training.gan_losses import (
    LOSSES,
    contrast,
    critic_loss,
    damsm,
    distance,
    kl_to_standard,
    matching_aware,
    normalised,
    painter_loss,
    plain,
    r1,
    seeking,
    word_scores,
)


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("kind", LOSSES)
def test_the_critic_wants_real_pairs_high_and_the_rest_low(kind):
    high, low = torch.full((4,), 2.0), torch.full((4,), -2.0)
    right = critic_loss(kind, high, low, low)
    for real, painted, wrong in ((low, high, high), (high, high, low), (high, low, high), (low, low, low)):
        assert critic_loss(kind, real, painted, wrong) > right + 0.3


@pytest.mark.parametrize("kind", LOSSES)
def test_the_painter_wants_what_it_painted_high(kind):
    painted = torch.zeros(4, requires_grad=True)
    painter_loss(kind, painted, torch.zeros(4)).backward()
    assert (painted.grad < 0).all()


def test_losses_at_zero_have_their_known_values():
    zero = torch.zeros(3)
    assert float(critic_loss("hinge", zero, zero, zero)) == 2
    assert float(critic_loss("logistic", zero, zero, zero)) == pytest.approx(2 * math.log(2))
    assert float(critic_loss("rp", zero, zero, zero)) == pytest.approx(math.log(2))
    assert float(painter_loss("rp", zero + 1, zero)) == pytest.approx(math.log1p(math.exp(-1)))


def test_hinge_is_satisfied_beyond_the_margin():
    beyond = torch.tensor([1.5, 3.0])
    assert float(critic_loss("hinge", beyond, -beyond, -beyond)) == 0


def test_r1_of_a_linear_critic_is_half_its_squared_norm_and_trains_it():
    w = draw(3, 4, 4).requires_grad_()
    images = draw(5, 3, 4, 4, seed=1).requires_grad_()
    penalty = r1((images * w).flatten(1).sum(1), images)
    assert float(penalty) == pytest.approx(float(w.square().sum()) / 2, rel=1e-5)
    penalty.backward()
    assert torch.allclose(w.grad, w.detach(), atol=1e-5)


def test_ma_gp_takes_the_joint_norm_to_the_sixth():
    w, v = draw(3, 2, 2), draw(7, seed=2)
    images, sentence = draw(4, 3, 2, 2, seed=3).requires_grad_(), draw(4, 7, seed=4).requires_grad_()
    logits = (images * w).flatten(1).sum(1) + sentence @ v
    joint = float(w.square().sum() + v.square().sum())
    assert float(matching_aware(logits, [images, sentence])) == pytest.approx(joint**3, rel=1e-4)
    apart = float(w.square().sum()) ** 3 + float(v.square().sum()) ** 3
    assert joint**3 > 1.5 * apart, "the sum of two norms would be another penalty"


def test_the_gradient_of_salimans_penalty_points_to_the_past():
    weights, past = [draw(3, 3).requires_grad_(), draw(4).requires_grad_()], [draw(3, 3, seed=1), draw(4, seed=1)]
    value = distance(weights, past)
    assert float(value) == pytest.approx(sum(float((w - p).square().sum()) for w, p in zip(weights, past, strict=True)))
    value.backward()
    for w, p in zip(weights, past, strict=True):
        assert torch.allclose(w.grad, 2 * (w.detach() - p))


def test_seeking_is_large_where_latents_say_nothing():
    z, w, image = draw(4, 8), draw(4, 8, seed=1), draw(4, 3, 4, 4)
    same, other = seeking(image, image, z, w), seeking(image, -image, z, w)
    assert float(same) == pytest.approx(float((z - w).abs().mean()) / 1e-2, rel=1e-4) and same > 10 * other


def test_spectral_norm_is_measured_at_1_and_taken_off_without_a_change():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(8 * 36, 4))
    net.add_module("text", nn.Linear(4, 4))
    before = {n: p.clone() for n, p in net.named_parameters()}
    assert max(_sigma(m.weight) for m in (net[0], net[2])) != pytest.approx(1, abs=0.05)
    normalised(net)
    for _ in range(30):  # each look is one power iteration
        _ = net[0].weight, net[2].weight
    for module in (net[0], net[2]):
        assert _sigma(module.weight) == pytest.approx(1, abs=0.02)
    assert torch.equal(net.text.weight, before["text.weight"])
    net.eval()
    held = net[2].weight.clone()
    assert set(plain(net).state_dict()) == set(before) and torch.allclose(net[2].weight, held)


def _sigma(weight: torch.Tensor) -> float:
    return float(torch.linalg.matrix_norm(weight.detach().flatten(1), 2))


def test_contrast_is_infonce_and_alike_rows_are_no_negatives():
    scores = draw(5, 5)
    alone = torch.eye(5, dtype=torch.bool)
    own = torch.arange(5)
    wanted = (F.cross_entropy(scores, own) + F.cross_entropy(scores.T, own)) / 2
    assert torch.allclose(contrast(scores, alone), wanted)
    twins = alone.clone()
    twins[0, 1] = twins[1, 0] = True
    assert contrast(scores, twins) < contrast(scores, alone)
    assert float(contrast(scores, torch.ones(5, 5, dtype=torch.bool))) == pytest.approx(0, abs=1e-6)


def test_words_find_their_regions_and_padding_says_nothing():
    words = F.normalize(draw(3, 4, 16), dim=2)
    mask = torch.tensor([[1, 1, 1, 0], [1, 1, 0, 0], [1, 1, 1, 1]], dtype=torch.bool)
    regions = torch.stack([w[torch.arange(9) % int(m.sum())] for w, m in zip(words, mask, strict=True)])
    found = word_scores(4 * regions, words, mask)
    assert (found.argmax(1) == torch.arange(3)).all()
    noisy = torch.where(mask[..., None], words, 100 * draw(3, 4, 16, seed=9))
    assert torch.allclose(word_scores(4 * regions, noisy, mask), found, atol=1e-5)
    own = damsm(4 * regions, regions.mean(1), words, regions.mean(1), mask, torch.eye(3, dtype=torch.bool))
    shifted = damsm(4 * regions.roll(1, 0), regions.mean(1).roll(1, 0), words, regions.mean(1), mask,
                    torch.eye(3, dtype=torch.bool))  # fmt: skip
    assert own < shifted


def test_kl_to_the_standard_normal():
    mean, spread = draw(6, 3), draw(6, 3, seed=1)
    ours = kl_to_standard(mean, spread)
    theirs = torch.distributions.kl_divergence(
        torch.distributions.Normal(mean, (spread / 2).exp()), torch.distributions.Normal(0.0, 1.0)
    ).sum(1).mean()  # fmt: skip
    assert torch.allclose(ours, theirs, atol=1e-5)
    assert float(kl_to_standard(torch.zeros(2, 3), torch.zeros(2, 3))) == 0
