"""What the adversarial reference generators share: a painter's trunk with fusion at every scale, and a critic's.

Pixels are folded into channels, 2 x 2 at 32 pixels and 4 x 4 at 64: features of the finest scale are 16 wide. Learned
maps at every scale tell positions apart, without which a fusion by the sentence alone could not place anything.
Normalisation is by groups: an image depends on its own latent and text alone. Critics have none.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional as F

from bench.fusion.base import BUDGET, TextContext
from bench.generators.reference.fusing import MakeFusion
from bench.generators.reference.text import TEXT_DIM, TextEncoder
from bench.generators.reference.trained import noise_of
from bench.generators.reference.unet import doubled

LATENT = 64
WIDTHS = (96, 64, 32)
"""Channels of the painter at 4, 8 and 16."""
SEEN = {16: (32, 64, 96), 8: (32, 64)}
"""Width of the finest map -> channels of the critic, from there to 4; matchers of a moment have 8."""
GAIN = 0.2
"""Slope of the critics' leaky rectifiers."""
GROUND = 0.76
"""The mean background of a scene in [-1, 1]: critics look at what differs from it, painters begin with it."""
LOUD = 5.0
"""Sentences are means over words, so that captions differ little in them; critics hear them so many times as loud."""
TOLD = 1.5
"""And painters so many times: much louder, and the latent is not heard, every seed then draws the same."""


class Canvas(NamedTuple):
    """Side of the images, and width of the finest map."""

    side: int = 32
    grid: int = 16

    @property
    def fold(self) -> int:
        """Side of the pixel blocks that become channels."""
        return self.side // self.grid


class Painted(NamedTuple):
    """What a painter gives back."""

    images: torch.Tensor
    """(b, 3, s, s) in [-1, 1]."""
    loss: torch.Tensor
    """(): what the fusions add to the loss."""
    attention: Sequence[torch.Tensor] = ()
    """Of the fusions that have some, coarse to fine: (b, heads, y*x, l)."""


class Painter(nn.Module):
    """Latent (b, 64) and text to images. Subclasses say what goes in (`entry`) and may change the context (`read`)."""

    entry_dim = LATENT

    def __init__(self, fusion: MakeFusion, canvas: Canvas) -> None:
        super().__init__()
        self.canvas = canvas
        widths = WIDTHS
        self.text = TextEncoder()
        self.enter = nn.Linear(self.entry_dim, widths[0] * 16)
        sides = [4 * 2**k for k in range(len(widths))]
        self.places = nn.ParameterList(
            nn.Parameter(0.1 * torch.randn(1, c, s, s)) for c, s in zip(widths, sides, strict=True)
        )
        self.wide = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in pairwise(widths))
        self.blocks = nn.ModuleList(Residual(c) for c in widths)
        # the widest map has half the budget, as in the reference flow
        self.fusions = nn.ModuleList(
            fusion(c, TEXT_DIM, LATENT, BUDGET // 2 if s == 16 else BUDGET) for c, s in zip(widths, sides, strict=True)
        )
        self.leave = nn.Sequential(
            nn.GroupNorm(8, widths[-1]), nn.SiLU(), nn.Conv2d(widths[-1], 3 * canvas.fold**2, 3, padding=1)
        )
        nn.init.constant_(self.leave[2].bias, math.atanh(GROUND))

    def read(self, ids: torch.Tensor) -> TextContext:
        """int64 (b, l) token ids -> what the fusions see."""
        return loud(self.text(ids), TOLD)

    def entry(self, z: torch.Tensor, context: TextContext) -> torch.Tensor:
        """What the coarsest map is made from, (b, entry_dim)."""
        return z

    def paint(self, z: torch.Tensor, context: TextContext) -> Painted:
        """(b, 64) and texts -> images."""
        losses, attention = [], []
        h = self.enter(self.entry(z, context)).unflatten(1, (-1, 4, 4))
        for k, (place, block, fusion) in enumerate(zip(self.places, self.blocks, self.fusions, strict=True)):
            h = self.wide[k - 1](doubled(h)) if k else h
            out = fusion(block(h + place), context, z)
            losses += [out.loss] if out.loss is not None else []
            attention += [out.attention] if out.attention is not None else []
            h = out.h
        images = torch.tanh(F.pixel_shuffle(self.leave(h), self.canvas.fold))
        return Painted(images, torch.stack(losses).mean() if losses else images.new_zeros(()), attention)

    def forward(self, z: torch.Tensor, ids: torch.Tensor) -> Painted:
        return self.paint(z, self.read(ids))


class Residual(nn.Module):
    """A normalised convolution beside the features as they are."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.GroupNorm(8, channels), nn.SiLU(), nn.Conv2d(channels, channels, 3, padding=1))

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        return h + self.body(h)


class Critic(nn.Module):
    """Image and text to a logit: how well they go together and how real the image is. Subclasses implement `judge`."""

    def __init__(self, canvas: Canvas) -> None:
        super().__init__()
        self.canvas = canvas
        widths = SEEN[canvas.grid]
        self.width = widths[-1]
        self.text = TextEncoder()
        self.enter = nn.Conv2d(3 * canvas.fold**2, widths[0], 3, padding=1)
        self.down = nn.ModuleList(nn.Conv2d(a, b, 4, 2, 1) for a, b in pairwise(widths))
        self.deep = nn.Conv2d(widths[-1], widths[-1], 3, padding=1)
        for conv in (self.enter, *self.down, self.deep):  # features would fade from layer to layer
            nn.init.kaiming_normal_(conv.weight, a=GAIN)
            nn.init.zeros_(conv.bias)

    def read(self, ids: torch.Tensor) -> TextContext:
        """int64 (b, l) token ids -> what images are judged by."""
        return loud(self.text(ids))

    def see(self, images: torch.Tensor) -> torch.Tensor:
        """(b, 3, s, s) -> features (b, width, 4, 4), the part that knows no text."""
        h = F.leaky_relu(self.enter(F.pixel_unshuffle(2 * (images - GROUND), self.canvas.fold)), GAIN)
        for conv in self.down:
            h = F.leaky_relu(conv(h), GAIN)
        return F.leaky_relu(h + self.deep(h), GAIN)

    def judge(self, seen: torch.Tensor, context: TextContext) -> torch.Tensor:
        """Features and texts -> logits (b,)."""
        raise NotImplementedError

    def forward(self, images: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
        """(b, 3, s, s) and int64 (b, l) -> logits (b,)."""
        return self.judge(self.see(images), self.read(ids))


def loud(context: TextContext, times: float = LOUD) -> TextContext:
    """The context with its sentences so many times as large."""
    return context._replace(sentence=times * context.sentence)


class Pair(nn.Module):
    """What is shipped of a system: the painter that draws and the critic that judges."""

    def __init__(self, painter: nn.Module, critic: Critic) -> None:
        super().__init__()
        self.painter, self.critic = painter, critic


def latents(seeds: Sequence[int]) -> torch.Tensor:
    """(n, 64): the latent of each seed, equal on every device and in every batch."""
    return torch.stack([noise_of(seed, LATENT) for seed in seeds])


