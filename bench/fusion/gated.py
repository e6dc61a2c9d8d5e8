"""`gated`: a gate decides at every position and channel how much text comes in (GMU, Arevalo et al. 2017,
arXiv:1702.01992), with the fit of what is drawn so far as feedback on request."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional as F

from bench.fusion.base import BUDGET, Budgeted, FusionOut, TextContext, maps, normed, regions, word_weights, zeroed
from bench.registry import register


@register("fusion", "gated", summary="adaptive: a gate of features and text decides how much text comes in")
class Gated(Budgeted):
    """g_i = sigmoid(Wg [h_i; c_i; f; e]); h'_i = g_i * h_i + (1 - g_i) * (h_i + Wo c_i); c_i: the words that i attends
    to.

    feedback: the gate also sees f, the cosine of the whole image's features with the sentence. frozen: the gate stays
    at 1/2, the control of what gating buys. e: the backbone's condition, where it has one.
    """

    def __init__(
        self,
        channels: int,
        text_dim: int,
        *,
        feedback: bool = False,
        frozen: bool = False,
        cond_dim: int = 0,
        budget: int = BUDGET,
    ) -> None:
        super().__init__(channels, text_dim)
        self.feedback, self.frozen = feedback, frozen

        def make(width: int) -> dict[str, nn.Module]:
            modules: dict[str, nn.Module] = {
                "query": nn.Linear(channels, width), "key": nn.Linear(text_dim, width),
                "value": nn.Linear(text_dim, width), "out": zeroed(nn.Linear(width, channels)),
                "of_h": nn.Linear(channels, width), "of_c": nn.Linear(width, width, bias=False),
                "gate": nn.Linear(width, channels),
            }  # fmt: skip
            if cond_dim:
                modules["of_e"] = nn.Linear(cond_dim, width, bias=False)
            if feedback:
                modules["look"] = nn.Linear(channels, width, bias=False)
                modules["told"] = nn.Linear(text_dim, width, bias=False)
                modules["of_f"] = nn.Linear(1, width, bias=False)
            return modules

        self.width = self.spend(budget, make)

    def join(self, h: torch.Tensor, context: TextContext, cond: torch.Tensor | None) -> FusionOut:
        rows = regions(normed(h))
        scores = (self.query(rows) @ self.key(context.words).transpose(1, 2))[:, None] / math.sqrt(self.width)
        attention = word_weights(scores, context.mask)
        read = attention[:, 0] @ self.value(context.words)
        gate = maps(torch.full_like(rows, 0.5) if self.frozen else self._gate(rows, read, context, cond), h)
        return FusionOut(h + (1 - gate) * maps(self.out(read), h), attention, gate)

    def _gate(
        self, rows: torch.Tensor, read: torch.Tensor, context: TextContext, cond: torch.Tensor | None
    ) -> torch.Tensor:
        seen = self.of_h(rows) + self.of_c(read)
        if cond is not None and hasattr(self, "of_e"):
            seen = seen + self.of_e(cond)[:, None]
        if self.feedback:
            fit = F.cosine_similarity(self.look(rows.mean(1)), self.told(context.sentence), dim=1)
            seen = seen + self.of_f(fit[:, None])[:, None]
        return self.gate(F.silu(seen)).sigmoid()
