"""What a fusion strategy is: the module that joins text features to visual features inside a generator."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn


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
    loss: torch.Tensor | None = None
    """Auxiliary loss (alignment), a scalar."""


class Fusion(nn.Module):
    """Base of all strategies: the constructor takes (channels, text_dim) and keyword parameters."""

    def forward(self, h: torch.Tensor, context: TextContext, cond: torch.Tensor | None = None) -> FusionOut:
        """h (b, c, y, x), cond (b, e) or None (e.g. time or noise) -> FusionOut; identity at initialisation."""
        raise NotImplementedError
