"""A small U-Net that predicts the image of rectified flow, with a fusion strategy at four sites.

Pixels are folded into channels (2 x 2 at 32 pixels, 4 x 4 at 64) for a thin map 16 wide that sees and draws edges, in
three blocks of its own; what is where is worked out on features 8 and 4 wide. Learned maps of positions tell places
apart, without which a fusion by the sentence alone could not place anything. Normalisation is by groups: an image does
not depend on its batch.
"""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional as F

from bench.fusion.base import BUDGET, TextContext
from bench.generators.reference.fusing import MakeFusion as MakeFusion

WIDTHS = (48, 96)
GRID = 8
"""Side of the widest feature map that text reaches, at every image side."""
FINE = {32: 24, 64: 32}
"""Image side -> channels of the map of twice that side in which edges are kept and drawn."""
TIME_DIM = 128


class UNet(nn.Module):
    """x (b, 3, s, s), t (b,) in [0, 1], TextContext -> (image or velocity (b, 3, s, s), auxiliary loss of the fusions).

    The strategy sits after the first block, in the middle, and after each of the last two blocks.
    """

    def __init__(self, fusion: MakeFusion, text_dim: int, side: int = 32, widths: tuple[int, int] = WIDTHS) -> None:
        super().__init__()
        self.fold, fine = side // (2 * GRID), FINE[side]
        wide, deep = widths
        self.time = nn.Sequential(nn.Linear(TIME_DIM, TIME_DIM), nn.SiLU(), nn.Linear(TIME_DIM, TIME_DIM))
        self.enter, self.halve = nn.Conv2d(3 * self.fold**2, fine, 3, padding=1), nn.Conv2d(fine, wide, 3, 2, 1)
        self.left0 = Residual(fine, fine)
        self.places = nn.ParameterList(nn.Parameter(0.02 * torch.randn(1, c, s, s)) for c, s in
                                       ((wide, GRID), (deep, GRID // 2)))  # fmt: skip
        self.down, self.up = nn.Conv2d(wide, deep, 3, 2, 1), nn.Conv2d(deep, wide, 3, padding=1)
        self.left1, self.left2, self.bottom = Residual(wide, wide), Residual(deep, deep), Residual(deep, deep)
        self.right2, self.right1 = Residual(2 * deep, deep), Residual(2 * wide, wide)
        self.right0 = Residual(wide, wide)
        self.look2, self.look1 = Looking(deep), Looking(wide)
        sites = ((wide, BUDGET), (deep, BUDGET), (wide, BUDGET), (wide, BUDGET // 2))
        self.fusions = nn.ModuleList(fusion(c, text_dim, TIME_DIM, budget) for c, budget in sites)
        self.widen = nn.Conv2d(wide, 4 * fine, 3, padding=1)
        self.sharpen, self.finish = Residual(2 * fine, fine), Residual(fine, fine)
        self.leave = nn.Sequential(nn.GroupNorm(8, fine), nn.SiLU(), nn.Conv2d(fine, 3 * self.fold**2, 3, padding=1))
        nn.init.zeros_(self.leave[2].weight)
        nn.init.zeros_(self.leave[2].bias)

    def forward(self, x: torch.Tensor, t: torch.Tensor, context: TextContext) -> tuple[torch.Tensor, torch.Tensor]:
        cond = self.time(time_code(t))
        losses: list[torch.Tensor] = []

        def fused(site: int, h: torch.Tensor) -> torch.Tensor:
            out = self.fusions[site](h, context, cond)
            losses.extend([out.loss] if out.loss is not None else [])
            return out.h

        seen = self.left0(self.enter(F.pixel_unshuffle(x, self.fold)), cond)
        a = fused(0, self.left1(self.halve(seen) + self.places[0], cond))
        b = self.left2(self.down(a) + self.places[1], cond)
        c = self.bottom(self.look2(fused(1, b)), cond)
        c = self.right2(torch.cat([c, b], 1), cond)
        a = fused(2, self.right1(torch.cat([self.up(doubled(c)), a], 1), cond))
        a = fused(3, self.right0(self.look1(a), cond))
        drawn = self.finish(self.sharpen(torch.cat([F.pixel_shuffle(self.widen(a), 2), seen], 1), cond), cond)
        loss = torch.stack(losses).mean() if losses else x.new_zeros(())
        return F.pixel_shuffle(self.leave(drawn), self.fold), loss


class Residual(nn.Module):
    """Two convolutions with the condition's gain and offset between them; the second is 0 at first."""

    def __init__(self, given: int, made: int) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.GroupNorm(8, given), nn.SiLU(), nn.Conv2d(given, made, 3, padding=1))
        self.affine = nn.Linear(TIME_DIM, 2 * made)
        self.norm, self.second = nn.GroupNorm(8, made), nn.Conv2d(made, made, 3, padding=1)
        self.skip = nn.Conv2d(given, made, 1) if given != made else nn.Identity()
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)

    def forward(self, h: torch.Tensor, cond: torch.Tensor) -> torch.Tensor:
        gain, offset = self.affine(F.silu(cond))[:, :, None, None].chunk(2, 1)
        return self.skip(h) + self.second(F.silu((1 + gain) * self.norm(self.first(h)) + offset))


class Looking(nn.Module):
    """Self-attention of the positions in four heads; 0 at first."""

    def __init__(self, channels: int, heads: int = 4) -> None:
        super().__init__()
        self.heads, self.norm = heads, nn.GroupNorm(8, channels)
        self.mixed, self.out = nn.Conv2d(channels, 3 * channels, 1), nn.Conv2d(channels, channels, 1)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        rows = self.mixed(self.norm(h)).flatten(2).unflatten(1, (3, self.heads, -1)).transpose(3, 4)
        seen = F.scaled_dot_product_attention(rows[:, 0], rows[:, 1], rows[:, 2])
        return h + self.out(seen.transpose(2, 3).flatten(1, 2).reshape(h.shape))


def doubled(h: torch.Tensor) -> torch.Tensor:
    """Twice the height and width, by repetition."""
    return F.interpolate(h, scale_factor=2.0, mode="nearest")


def time_code(t: torch.Tensor) -> torch.Tensor:
    """(b,) in [0, 1] -> (b, TIME_DIM) sinusoids."""
    rate = torch.exp(torch.linspace(0, math.log(1000.0), TIME_DIM // 2, device=t.device))
    angle = t[:, None] * rate
    return torch.cat([angle.sin(), angle.cos()], 1)
