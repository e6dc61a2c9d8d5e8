"""Losses and penalties of two players, as functions of logits, gradients and weights.

Adversarial losses: hinge (Lim & Ye 2017, arXiv:1705.02894), logistic (Goodfellow et al. 2014, the painter's in its
non-saturating form) and rp, the relativistic pairing of R3GAN (Huang et al. 2024, arXiv:2501.05441). A critic of text
and image is also given real images with false captions, which count as much as painted ones (Reed et al. 2016).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import torch
from torch import nn
from torch.nn import functional as F

LOSSES = ("hinge", "logistic", "rp")
G1, G2, G3 = 4.0, 5.0, 10.0
"""DAMSM's gammas (AttnGAN's for birds): of words' attention to regions, of words in a sentence, of the contrast."""


def critic_loss(kind: str, real: torch.Tensor, painted: torch.Tensor, wrong: torch.Tensor) -> torch.Tensor:
    """Logits (b,) of real pairs, of painted images, and of real images with false captions."""
    if kind == "rp":
        return (F.softplus(painted - real).mean() + F.softplus(wrong - real).mean()) / 2
    if kind == "hinge":
        return F.relu(1 - real).mean() + (F.relu(1 + painted).mean() + F.relu(1 + wrong).mean()) / 2
    return F.softplus(-real).mean() + (F.softplus(painted).mean() + F.softplus(wrong).mean()) / 2


def painter_loss(kind: str, painted: torch.Tensor, real: torch.Tensor | None = None) -> torch.Tensor:
    """Logits (b,) of painted images; of real pairs too for rp."""
    if kind == "rp":
        assert real is not None
        return F.softplus(real - painted).mean()
    return -painted.mean() if kind == "hinge" else F.softplus(-painted).mean()


def squared_gradient(logits: torch.Tensor, inputs: Sequence[torch.Tensor]) -> torch.Tensor:
    """(b,): squared norm of the gradient of each logit to all of its row's inputs together."""
    found = torch.autograd.grad(logits.sum(), inputs, create_graph=True, allow_unused=True)
    return torch.stack([g.flatten(1).square().sum(1) for g in found if g is not None]).sum(0)


def r1(logits: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
    """Half the mean squared norm of the critic's gradient to the images (Mescheder et al. 2018, arXiv:1801.04406)."""
    return squared_gradient(logits, [images]).mean() / 2


def matching_aware(logits: torch.Tensor, inputs: Sequence[torch.Tensor]) -> torch.Tensor:
    """Mean norm^6 of the gradient to image and text together, at real matching pairs (MA-GP, Tao et al. 2022,
    arXiv:2008.05865; the joint norm is that of its code)."""
    return squared_gradient(logits, inputs).pow(3).mean()


def distance(parameters: Iterable[torch.Tensor], history: Iterable[torch.Tensor]) -> torch.Tensor:
    """Squared distance of the weights from the mean of all they have been (Salimans et al. 2016, arXiv:1606.03498)."""
    return torch.stack([(p - m).square().sum() for p, m in zip(parameters, history, strict=True)]).sum()


def seeking(one: torch.Tensor, other: torch.Tensor, z: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    """Mode seeking (MSGAN, Mao et al. 2019, arXiv:1903.05628): distance of latents over distance of the images of one
    text, which is large where latents say nothing."""
    images = (one - other).abs().flatten(1).mean(1)
    return ((z - w).abs().mean(1) / (images + 1e-2)).mean()


def contrast(scores: torch.Tensor, alike: torch.Tensor) -> torch.Tensor:
    """InfoNCE of (b, b) scores, both ways; rows that say the same are no negatives of each other."""
    own = torch.arange(len(scores), device=scores.device)
    others = alike & ~torch.eye(len(scores), dtype=torch.bool, device=scores.device)
    kept = scores.masked_fill(others, -math.inf)
    return (F.cross_entropy(kept, own) + F.cross_entropy(kept.T, own)) / 2


def word_scores(regions: torch.Tensor, words: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """(b, n, d) regions, (b, l, d) words -> (b, b): match of image i with text j (DAMSM, eq. 7 to 10).

    As its code has it, a region's weights are first normalised over words, then a word's over regions. Other than there
    regions and words are compared by G2 times their cosine, and the number of words is taken off, so that long texts
    gain nothing.
    """
    near = torch.einsum("ind,jld->ijnl", F.normalize(regions, dim=2), F.normalize(words, dim=2))
    near = (near * G2).masked_fill(~mask[None, :, None], -math.inf).softmax(3)
    looked = torch.einsum("ijnl,ind->ijld", (near * G1).softmax(2), regions)
    cosine = F.cosine_similarity(looked, words[None], dim=3).masked_fill(~mask[None], -math.inf)
    return ((G2 * cosine).logsumexp(2) - mask.sum(1).log()[None]) / G2


def damsm(
    regions: torch.Tensor, image: torch.Tensor, words: torch.Tensor, sentence: torch.Tensor, mask: torch.Tensor,
    alike: torch.Tensor,
) -> torch.Tensor:  # fmt: skip
    """Contrast of words with regions plus contrast of sentences with whole images."""
    whole = F.normalize(image, dim=1) @ F.normalize(sentence, dim=1).T
    return contrast(G3 * word_scores(regions, words, mask), alike) + contrast(G3 * whole, alike)


def kl_to_standard(mean: torch.Tensor, spread: torch.Tensor) -> torch.Tensor:
    """Mean KL of N(mean, exp(spread)) to N(0, 1), summed over dimensions."""
    return (mean.square() + spread.exp() - 1 - spread).sum(1).mean() / 2


def normalised(module: nn.Module) -> nn.Module:
    """The module with its convolutions and matrices over their largest singular value (Miyato et al. 2018,
    arXiv:1802.05957), text encoders left alone."""
    for name, child in module.named_children():
        if name == "text":
            continue
        if isinstance(child, nn.Conv2d | nn.Linear):
            nn.utils.parametrizations.spectral_norm(child)
        else:
            normalised(child)
    return module


def plain(module: nn.Module) -> nn.Module:
    """The module with such weights as they are, without what made them."""
    for child in module.modules():
        if nn.utils.parametrize.is_parametrized(child):
            nn.utils.parametrize.remove_parametrizations(child, "weight")
    return module
