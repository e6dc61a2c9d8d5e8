"""How the adversarial painters make pixels: a few things, each drawn around a point of its own.

An image is a sum of `THINGS` patches. A thing is a vector; where it is comes from the latent, linearly, and from the
thing itself. Its patch is a function of the way from that point alone, as waves of many directions and lengths
(Fourier features, Tancik et al. 2020, arXiv:2006.10739), which the vector modulates layer by layer (pixels that know
their place: CIPS, Anokhin et al. 2021, arXiv:2011.13775; scenes made of blobs: BlobGAN, Epstein et al. 2022,
arXiv:2205.02837). So a shape is learned once for all places. Nothing is normalised over an image: what covers a few
percent of it would be drowned by the background.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F

from bench.generators.reference.canvas import GROUND, Canvas

THINGS = 3
"""In an image."""
FINE = 64
"""Channels of the pixels."""
WAVES, FREQUENCY = 32, 12.0
"""How many, and the standard deviation of their frequencies along an axis, in radians per half side."""
REACH = 0.4
"""Standard deviation of a thing's window, which is Gaussian, in half sides."""
OUTSIDE = 1.1
"""How far from the middle a thing may be, in half sides."""
_LAYERS = 3
_GOLDEN = math.pi * (3 - math.sqrt(5))


class Drawing(nn.Module):
    """Things (b, THINGS, c) and a latent (b, d) to images. A step may join text with the pixels' features."""

    at: torch.Tensor
    waves: torch.Tensor

    def __init__(self, channels: int, latent: int, canvas: Canvas) -> None:
        super().__init__()
        self.canvas = canvas
        self.drawn, self.told = nn.Linear(latent, 2 * THINGS), nn.Linear(channels, 2)
        nn.init.normal_(self.told.weight, std=0.01)
        at = (torch.arange(canvas.grid) + 0.5) / canvas.grid * 2 - 1
        self.register_buffer("at", at, persistent=False)
        self.register_buffer("waves", FREQUENCY * spiral(WAVES), persistent=False)
        self.near = nn.Conv2d(2 * WAVES, FINE, 1)
        self.styles = nn.ModuleList(nn.Linear(channels, 2 * FINE) for _ in range(_LAYERS))
        self.layers = nn.ModuleList(nn.Conv2d(FINE, FINE, 1) for _ in range(_LAYERS))
        self.ground = nn.Linear(THINGS * channels, FINE)
        self.after = nn.Conv2d(FINE, FINE, 1)
        self.leave = nn.Conv2d(FINE, 3 * canvas.fold**2, 1)
        nn.init.constant_(self.leave.bias, math.atanh(GROUND))

    def forward(
        self, things: torch.Tensor, z: torch.Tensor, join: Callable[[torch.Tensor], torch.Tensor] = lambda h: h
    ) -> torch.Tensor:
        """(b, THINGS, c), (b, d) -> images (b, 3, s, s) in [-1, 1]. join: of pixels' features (b, FINE, y, x)."""
        off = (self.at - self.centres(things, z)[..., None]).flatten(0, 1)  # the way along each axis
        h = _pixelwise(self.near, self._waves(off))
        for style, layer in zip(self.styles, self.layers, strict=True):
            gain, offset = style(things.flatten(0, 1))[:, None, None].chunk(2, 3)
            h = _pixelwise(layer, F.silu(h * (1 + gain) + offset))
        across, down = (off.square() / (-2 * REACH**2)).exp().unbind(1)
        h = h * (down[:, :, None] * across[:, None])[..., None]
        ground = self.ground(things.flatten(1))[:, None, None]
        h = join((h.unflatten(0, (len(z), THINGS)).sum(1) + ground).permute(0, 3, 1, 2))
        h = h + self.after(F.silu(h))
        return torch.tanh(F.pixel_shuffle(self.leave(F.silu(h)), self.canvas.fold))

    def _waves(self, off: torch.Tensor) -> torch.Tensor:
        """(n, 2, g) ways along x and y -> (n, g, g, 2 WAVES) sines and cosines, made of those of each axis."""
        across, down = (off[..., None] * self.waves.T[:, None]).unbind(1)
        sin_x, cos_x = across.sin()[:, None], across.cos()[:, None]
        sin_y, cos_y = down.sin()[:, :, None], down.cos()[:, :, None]
        return torch.cat([sin_x * cos_y + cos_x * sin_y, cos_x * cos_y - sin_x * sin_y], 3)

    def centres(self, things: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        """(b, THINGS, 2): x and y in half sides from the middle, y downwards."""
        return OUTSIDE * torch.tanh(self.told(things) + self.drawn(z).unflatten(1, (THINGS, 2)))


def _pixelwise(layer: nn.Conv2d, h: torch.Tensor) -> torch.Tensor:
    """A 1 x 1 convolution of features that come last, (n, y, x, c)."""
    return F.linear(h, layer.weight.flatten(1), layer.bias)


def spiral(points: int) -> torch.Tensor:
    """(n, 2): points spread as a standard normal is, the same at every call."""
    k = torch.arange(points) + 0.5
    radius, angle = (-2 * torch.log1p(-k / points)).sqrt(), k * _GOLDEN
    return torch.stack([radius * angle.cos(), radius * angle.sin()], 1)
