"""`weighted`: a weighted sum of visual and text features, with a weight set by hand or learned."""

from __future__ import annotations

import torch
from torch import nn

from bench.errors import UsageError
from bench.fusion.base import BUDGET, Budgeted, FusionOut, TextContext, zeroed
from bench.registry import register


@register("fusion", "weighted", summary="static weighted sum of features and sentence; lam scales the text's share")
class WeightedSum(Budgeted):
    """h' = a * h + lam * b * P s, a channel at a time.

    lam: the share of the text, for sweeps of a trained model too. learned: a and b are trained (from 1 and 0);
    otherwise both are 1 and P begins at 0.
    """

    def __init__(
        self, channels: int, text_dim: int, *, lam: float = 1.0, learned: bool = True, budget: int = BUDGET
    ) -> None:
        super().__init__(channels, text_dim)
        if lam < 0:
            raise UsageError(f"weighted's lam is a share of the text, 0 or more; got {lam}.")
        self.lam = float(lam)
        self.a = nn.Parameter(torch.ones(channels), requires_grad=learned)
        self.b = nn.Parameter(torch.zeros(channels) if learned else torch.ones(channels), requires_grad=learned)
        self.spend(budget, lambda width: {
            "project": nn.Sequential(nn.Linear(text_dim, width), nn.SiLU(), nn.Linear(width, channels))
        })  # fmt: skip
        if not learned:
            zeroed(self.project[2])

    def join(self, h: torch.Tensor, context: TextContext, cond: torch.Tensor | None) -> FusionOut:
        text = self.lam * self.b * self.project(context.sentence)
        return FusionOut(self.a[:, None, None] * h + text[:, :, None, None])
