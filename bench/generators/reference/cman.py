"""`cman`: a cross-modal attention network, with attention in the painter and in the critic.

The literature uses the label for retrieval, anomaly detection and emotion, not for a text-to-image generator; the
nearest are AttnGAN (Xu et al. 2018, arXiv:1711.10485) for painting and SCAN (Lee et al. 2018, arXiv:1803.08024) for
matching. What is built here: the painter attends from things, then from pixels, to words (four heads; any other fusion
may stand there); in the critic every word attends to the image's regions, and words that find nothing speak against the
image; and the painter is also held to a matcher of words and regions (DAMSM) that is trained before and then frozen.
The painter begins to read by the matcher's text encoder, as AttnGAN does. Not AttnGAN's: one stage instead of three,
and the painter's text encoder learns on, because a matcher of whole captions knows pairs rather than words.
"""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional as F

from bench.fusion.base import TextContext, regions
from bench.generators.reference.adversarial import Adversarial
from bench.generators.reference.canvas import Canvas
from bench.generators.reference.gan_nets import EDGES, GAIN, Critic, Eye, Painter
from bench.generators.reference.text import TEXT_DIM, TextEncoder
from bench.registry import register

HEAD = 64


class CmanPainter(Painter):
    """Nothing but latent, places and fusions; its text encoder begins as the matcher's."""


class CmanCritic(Critic):
    """logit = v . mean region + mean over words of u . silu(word * what it looks at)."""

    def __init__(self, canvas: Canvas) -> None:
        super().__init__(canvas)
        self.query, self.key = nn.Linear(TEXT_DIM, HEAD), nn.Linear(self.width, HEAD)
        self.value, self.word = nn.Linear(self.width, HEAD), nn.Linear(TEXT_DIM, HEAD)
        self.found = nn.Linear(HEAD, 1)
        self.whole = nn.Linear(TEXT_DIM, HEAD)
        self.real = nn.Linear(self.width * 16, HEAD)
        self.out = nn.Linear(HEAD, 1)

    def judge(self, seen: torch.Tensor, context: TextContext) -> torch.Tensor:
        rows = regions(seen)
        attention = self.looks(rows, context)
        looked = self.word(context.words) * F.leaky_relu(attention @ self.value(rows), GAIN)
        share = context.mask.to(looked.dtype)
        words = (self.found(F.silu(looked))[:, :, 0] * share).sum(1) / share.sum(1).sqrt()
        whole = F.leaky_relu(self.real(seen.flatten(1)), GAIN)
        return self.out(whole)[:, 0] + words + (whole * self.whole(context.sentence)).sum(1) / HEAD**0.5

    def looks(self, rows: torch.Tensor, context: TextContext) -> torch.Tensor:
        """(b, n, width) regions -> (b, l, n): where each word looks, summing to 1 over regions."""
        scores = self.query(context.words) @ self.key(rows).transpose(1, 2) / math.sqrt(HEAD)
        return scores.softmax(2)


class Matcher(nn.Module):
    """DAMSM, small: regions and words, and whole images and sentences, in one space of 64 dimensions."""

    def __init__(self, canvas: Canvas, edges: float = EDGES) -> None:
        super().__init__()
        self.text = TextEncoder()
        self.trunk = Eye(canvas, edges)
        self.region = nn.Linear(self.trunk.width, TEXT_DIM)
        self.image = nn.Linear(self.trunk.width * 16, TEXT_DIM)

    def see(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(b, 3, s, s) -> regions (b, 16, 64) and whole images (b, 64)."""
        seen = self.trunk.see(images)
        return self.region(regions(seen)), self.image(seen.flatten(1))


@register("generator", "cman", summary="cross-modal attention network: attention in painter and critic, DAMSM loss")
class Cman(Adversarial):
    """Images of scenes. side: 32 or 64. blind: the text-blind twin. train_seed: of the weights. weights: another file
    of `bench train generator:cman`."""

    fusion = "attention"
    painter, critic = CmanPainter, CmanCritic
