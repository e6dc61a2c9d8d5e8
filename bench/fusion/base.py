"""What a fusion strategy is: the module that joins text features to visual features inside a generator.

Strategies are compared at equal size: `Budgeted` spends what an operator leaves of its budget on a residual map of the
visual features alone, which `none` consists of. Every strategy is the identity when it is made, so that all begin at
the same network.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cache
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional as F

BUDGET = 12_000
"""Parameters of a strategy where the backbone does not say otherwise."""
_OPERATOR = 0.85
"""Largest share of the budget that goes to the operator itself; the rest fills up evenly."""


class TextContext(NamedTuple):
    """A batch of encoded prompts."""

    words: torch.Tensor
    """(b, l, d) word features."""
    mask: torch.Tensor
    """(b, l) bool, True for a real token."""
    sentence: torch.Tensor
    """(b, d) sentence features."""


class FusionOut(NamedTuple):
    """What a fusion gives back."""

    h: torch.Tensor
    """(b, c, y, x) visual features with the text joined in."""
    attention: torch.Tensor | None = None
    """(b, heads, y*x, l), summing to 1 over real tokens."""
    gate: torch.Tensor | None = None
    """(b, c, y, x) in [0, 1]: share of the visual features that is kept."""
    loss: torch.Tensor | None = None
    """Auxiliary loss (alignment), a scalar, already weighted."""


class Fusion(nn.Module):
    """Base of all strategies: the constructor takes (channels, text_dim) and keyword parameters.

    A backbone also hands over `cond_dim` and `budget` where the constructor knows these names.
    """

    def forward(self, h: torch.Tensor, context: TextContext, cond: torch.Tensor | None = None) -> FusionOut:
        """h (b, c, y, x), cond (b, e) or None (e.g. time or noise) -> FusionOut; identity at initialisation."""
        raise NotImplementedError


class Budgeted(Fusion):
    """A strategy of a given number of parameters. Subclasses call `spend` and implement `join`."""

    def __init__(self, channels: int, text_dim: int) -> None:
        super().__init__()
        self.channels, self.text_dim = channels, text_dim

    def spend(self, budget: int, make: Callable[[int], Mapping[str, nn.Module]] | None = None, step: int = 1) -> int:
        """Add the modules of `make` at the widest inner width (a multiple of `step`) that the operator's share allows,
        and the residual map that uses up the rest. Returns the width, 0 without `make`."""
        width = inner_width(make, int(budget * _OPERATOR), step) if make is not None else 0
        for name, module in (make(width) if make is not None else {}).items():
            self.add_module(name, module)
        left = budget - sum(p.numel() for p in self.parameters())
        self.mixing = Mixing(self.channels, max(1, round((left - self.channels) / (2 * self.channels + 1))))
        return width

    def join(self, h: torch.Tensor, context: TextContext, cond: torch.Tensor | None) -> FusionOut:
        """The operator."""
        raise NotImplementedError

    def forward(self, h: torch.Tensor, context: TextContext, cond: torch.Tensor | None = None) -> FusionOut:
        found = self.join(h, context, cond)
        return found._replace(h=self.mixing(found.h))


class Mixing(nn.Module):
    """h + W2 silu(W1 h) at each position, W2 = 0 at first."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.down = nn.Conv2d(channels, width, 1)
        self.up = zeroed(nn.Conv2d(width, channels, 1))

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        return h + self.up(F.silu(self.down(h)))


def inner_width(make: Callable[[int], Mapping[str, nn.Module]], budget: int, step: int = 1) -> int:
    """The largest multiple of `step`, at least one, at which the modules have no more parameters than the budget."""
    width = step
    with torch.device("meta"):  # counts without memory and without drawing random numbers
        while sum(p.numel() for m in make(width + step).values() for p in m.parameters()) <= budget:
            width += step
    return width


def zeroed(module: nn.Module) -> nn.Module:
    """The module with all parameters 0."""
    for parameter in module.parameters():
        nn.init.zeros_(parameter)
    return module


def normed(h: torch.Tensor) -> torch.Tensor:
    """(b, c, y, x) with mean 0 and variance 1 over each image's features."""
    return F.group_norm(h, 1)


def regions(h: torch.Tensor) -> torch.Tensor:
    """(b, c, y, x) -> (b, y*x, c)."""
    return h.flatten(2).transpose(1, 2)


def maps(rows: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """(b, y*x, c) -> (b, c, y, x) of the shape of `like`."""
    return rows.transpose(1, 2).reshape(len(rows), -1, *like.shape[2:])


def word_weights(scores: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Softmax over the last axis of (b, heads, n, l) scores, 0 for padding; mask (b, l)."""
    hidden = ~mask[:, None, None, :]
    return scores.masked_fill(hidden, torch.finfo(scores.dtype).min).softmax(-1).masked_fill(hidden, 0.0)


@cache  # a recording on a GPU reads it where it lies, so that none may be let go
@torch.inference_mode(False)  # what is kept must serve training too, whoever asks first
def position_code(channels: int, height: int, width: int, device: torch.device | str = "cpu") -> torch.Tensor:
    """(1, channels, height, width) sinusoids of row and column, as Vaswani et al. 2017 have them for a sequence."""
    quarter = max(1, math.ceil(channels / 4))
    rate = math.pi * 2.0 ** torch.linspace(0, math.log2(max(2, max(height, width) / 2)), quarter)
    rows, columns = (torch.arange(n)[:, None] / n * rate for n in (height, width))
    down = torch.cat([rows.sin(), rows.cos()], 1).T[:, :, None].expand(-1, -1, width)
    across = torch.cat([columns.sin(), columns.cos()], 1).T[:, None, :].expand(-1, height, -1)
    return torch.cat([down, across])[None, :channels].contiguous().to(device)
