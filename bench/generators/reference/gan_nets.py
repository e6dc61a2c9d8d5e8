"""What the adversarial reference generators share: a painter with fusion at three depths, and a critic's trunk.

Pixels are folded into channels, 2 x 2 at 32 pixels and 4 x 4 at 64: the finest features are 16 wide. An image depends
on its own latent and text alone. Critics normalise nothing; they see an image and its edges.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional as F

from bench.fusion.base import BUDGET, TextContext
from bench.generators.reference.canvas import GROUND, Canvas
from bench.generators.reference.drawing import FINE, THINGS, Drawing
from bench.generators.reference.fusing import MakeFusion
from bench.generators.reference.text import TEXT_DIM, TextEncoder
from bench.generators.reference.trained import noise_of

LATENT = 64
THING = 96
"""Dimensions of a thing."""
SEEN = {16: (32, 64, 96), 8: (32, 64)}
"""Width of the finest map -> channels of the critic, from there to 4; matchers of a moment have 8."""
GAIN = 0.2
"""Slope of the critics' leaky rectifiers."""
EDGES = 6.0
"""How much louder than an image critics see what differs from the mean of its 3 x 3 pixels."""
LOUD = 5.0
"""Sentences are means over words, so that captions differ little in them; critics hear them so many times as loud."""
TOLD = 1.5
"""And painters so many times: much louder, and the latent is not heard, every seed then draws the same."""


class Painted(NamedTuple):
    """What a painter gives back."""

    images: torch.Tensor
    """(b, 3, s, s) in [-1, 1]."""
    loss: torch.Tensor
    """(): what the fusions add to the loss."""
    attention: Sequence[torch.Tensor] = ()
    """Of the fusions that have some, twice of things and then of pixels: (b, heads, y*x, l)."""


class Painter(nn.Module):
    """Latent (b, 64) and text to images. Subclasses say what goes in (`entry`) and may change the context (`read`).

    The things of an image (bench.generators.reference.drawing) are a map of one row: two fusions join them with the
    text, a third joins the features of their pixels.
    """

    entry_dim = LATENT

    def __init__(self, fusion: MakeFusion, canvas: Canvas) -> None:
        super().__init__()
        self.canvas = canvas
        self.text = TextEncoder()
        self.enter = nn.Linear(self.entry_dim, THING * THINGS)
        self.things = nn.Parameter(torch.randn(1, THING, 1, THINGS))
        self.blocks = nn.ModuleList(Residual(THING) for _ in range(2))
        # pixels have half the budget, as the widest map of the reference flow
        self.fusions = nn.ModuleList(
            fusion(width, TEXT_DIM, LATENT, budget)
            for width, budget in ((THING, BUDGET), (THING, BUDGET), (FINE, BUDGET // 2))
        )
        self.drawing = Drawing(THING, LATENT, canvas)

    def read(self, ids: torch.Tensor) -> TextContext:
        """int64 (b, l) token ids -> what the fusions see."""
        return loud(self.text(ids), TOLD)

    def entry(self, z: torch.Tensor, context: TextContext) -> torch.Tensor:
        """What the things are made from, (b, entry_dim)."""
        return z

    def paint(self, z: torch.Tensor, context: TextContext) -> Painted:
        """(b, 64) and texts -> images."""
        losses: list[torch.Tensor] = []
        attention: list[torch.Tensor] = []

        def joined(fusion: nn.Module, h: torch.Tensor) -> torch.Tensor:
            out = fusion(h, context, z)
            losses.extend([out.loss] if out.loss is not None else [])
            attention.extend([out.attention] if out.attention is not None else [])
            return out.h

        *of_things, of_pixels = self.fusions
        h = self.enter(self.entry(z, context)).unflatten(1, (-1, 1, THINGS)) + self.things
        for block, fusion in zip(self.blocks, of_things, strict=True):
            h = joined(fusion, block(h))
        things = h[:, :, 0].transpose(1, 2)
        images = self.drawing(things, z, lambda pixels: joined(of_pixels, pixels))
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


class Eye(nn.Module):
    """Images (b, 3, s, s) to features (b, width, 4, 4). edges: how loud they are; 0: it is not shown them."""

    def __init__(self, canvas: Canvas, edges: float = EDGES) -> None:
        super().__init__()
        self.canvas, self.edges = canvas, edges
        widths = SEEN[canvas.grid]
        self.width = widths[-1]
        self.enter = nn.Conv2d((6 if edges else 3) * canvas.fold**2, widths[0], 3, padding=1)
        self.down = nn.ModuleList(nn.Conv2d(a, b, 4, 2, 1) for a, b in pairwise(widths))
        self.deep = nn.Conv2d(widths[-1], widths[-1], 3, padding=1)
        for conv in (self.enter, *self.down, self.deep):  # features would fade from layer to layer
            nn.init.kaiming_normal_(conv.weight, a=GAIN)
            nn.init.zeros_(conv.bias)

    def see(self, images: torch.Tensor) -> torch.Tensor:
        """(b, 3, s, s) -> features (b, width, 4, 4)."""
        there = 2 * (images - GROUND)
        if self.edges:
            smooth = F.avg_pool2d(there, 3, 1, 1, count_include_pad=False)
            there = torch.cat([there, self.edges * (there - smooth)], 1)
        h = F.leaky_relu(self.enter(F.pixel_unshuffle(there, self.canvas.fold)), GAIN)
        for conv in self.down:
            h = F.leaky_relu(conv(h), GAIN)
        return F.leaky_relu(h + self.deep(h), GAIN)


class Critic(Eye):
    """Image and text to a logit: how well they go together and how real the image is. Subclasses implement `judge`."""

    def __init__(self, canvas: Canvas) -> None:
        super().__init__(canvas)
        self.text = TextEncoder()

    def read(self, ids: torch.Tensor) -> TextContext:
        """int64 (b, l) token ids -> what images are judged by."""
        return loud(self.text(ids))

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


