"""`none`: no text at all; what every other strategy is compared with at equal size."""

from __future__ import annotations

import torch

from bench.fusion.base import BUDGET, Budgeted, FusionOut, TextContext
from bench.registry import register


@register("fusion", "none", summary="no text: a map of the visual features alone, of equal size")
class NoFusion(Budgeted):
    """h' = h + W2 silu(W1 h)."""

    def __init__(self, channels: int, text_dim: int, *, budget: int = BUDGET) -> None:
        super().__init__(channels, text_dim)
        self.spend(budget)

    def join(self, h: torch.Tensor, context: TextContext, cond: torch.Tensor | None) -> FusionOut:
        return FusionOut(h)
