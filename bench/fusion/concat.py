"""`concat`: the sentence beside the visual features of every position (Reed et al. 2016, arXiv:1605.05396)."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from bench.fusion.base import BUDGET, Budgeted, FusionOut, TextContext, normed, zeroed
from bench.registry import register


@register("fusion", "concat", summary="concatenation of the sentence with the features of every position")
class Concatenation(Budgeted):
    """h' = h + W2 silu(W1 [h; s]); the product with [h; s] is the sum of one with h and one with s."""

    def __init__(self, channels: int, text_dim: int, *, budget: int = BUDGET) -> None:
        super().__init__(channels, text_dim)
        self.spend(budget, lambda width: {
            "of_h": nn.Conv2d(channels, width, 1), "of_s": nn.Linear(text_dim, width, bias=False),
            "out": zeroed(nn.Conv2d(width, channels, 1)),
        })  # fmt: skip

    def join(self, h: torch.Tensor, context: TextContext, cond: torch.Tensor | None) -> FusionOut:
        both = self.of_h(normed(h)) + self.of_s(context.sentence)[:, :, None, None]
        return FusionOut(h + self.out(F.silu(both)))
