"""`attention` and `attention-sentence`: positions attend to words, or words to positions, in one or several heads.

text-to-image (Xu et al. 2018, arXiv:1711.10485; the cross-attention of latent diffusion): queries are positions, keys
and values words. image-to-text: queries are words, keys and values positions; every word gathers what it looks at,
and the gathered words are written back to the positions by the same scores, normalised over words.
"""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional as F

from bench.errors import UsageError, did_you_mean
from bench.fusion.base import (
    BUDGET,
    Budgeted,
    FusionOut,
    TextContext,
    maps,
    normed,
    position_code,
    regions,
    word_weights,
    zeroed,
)
from bench.registry import register

DIRECTIONS = ("text-to-image", "image-to-text")


@register("fusion", "attention", summary="cross-attention of positions and words, with heads, direction and positions")
class Attention(Budgeted):
    """h'_i = h_i + Wo sum_l a_il v_l, a = softmax over words of q_i . k_l / sqrt(d).

    heads: of the cross-attention. direction: text-to-image or image-to-text. self_attention: positions attend to each
    other first. positions: queries know where they are.
    """

    def __init__(
        self,
        channels: int,
        text_dim: int,
        *,
        heads: int = 4,
        direction: str = "text-to-image",
        self_attention: bool = False,
        positions: bool = True,
        budget: int = BUDGET,
    ) -> None:
        super().__init__(channels, text_dim)
        if direction not in DIRECTIONS:
            raise UsageError(f"attention has no direction '{direction}'.{did_you_mean(direction, DIRECTIONS)}")
        if heads < 1:
            raise UsageError(f"attention needs one head or more; got {heads}.")
        self.heads, self.direction, self.positions = heads, direction, positions

        def make(width: int) -> dict[str, nn.Module]:
            modules: dict[str, nn.Module] = {
                "query": nn.Linear(channels, width), "key": nn.Linear(text_dim, width),
                "value": nn.Linear(text_dim, width), "out": zeroed(nn.Linear(width, channels)),
            }  # fmt: skip
            if direction == "image-to-text":
                modules["seen"] = nn.Linear(channels, width)
            return modules | ({"own": SelfAttention(channels, width, heads)} if self_attention else {})

        self.width = self.spend(budget, make, heads)
        self.with_self = self_attention

    def join(self, h: torch.Tensor, context: TextContext, cond: torch.Tensor | None) -> FusionOut:
        where = position_code(self.channels, *h.shape[2:], h.device).to(h) if self.positions else 0.0
        if self.with_self:
            h = h + maps(self.own(regions(normed(h) + where)), h)
        rows = regions(normed(h) + where)
        query, key = self._split(self.query(rows)), self._split(self.key(context.words))
        scores = query @ key.transpose(2, 3) / math.sqrt(query.shape[3])
        attention = word_weights(scores, context.mask)
        value = self._split(self.value(context.words))
        if self.direction == "image-to-text":
            value = F.silu(value + scores.softmax(2).transpose(2, 3) @ self._split(self.seen(rows)))
        read = (attention @ value).transpose(1, 2).flatten(2)
        return FusionOut(h + maps(self.out(read), h), attention)

    def _split(self, rows: torch.Tensor) -> torch.Tensor:
        """(b, n, heads * d) -> (b, heads, n, d)."""
        return rows.unflatten(2, (self.heads, -1)).transpose(1, 2)


@register("fusion", "attention-sentence", summary="control: attention whose only word is the sentence")
class SentenceAttention(Attention):
    """The operator of attention with the information that concatenation has."""

    def __init__(self, channels: int, text_dim: int, *, heads: int = 4, budget: int = BUDGET) -> None:
        super().__init__(channels, text_dim, heads=heads, budget=budget)

    def join(self, h: torch.Tensor, context: TextContext, cond: torch.Tensor | None) -> FusionOut:
        one = TextContext(context.sentence[:, None], context.mask[:, :1] | True, context.sentence)
        return super().join(h, one, cond)


class SelfAttention(nn.Module):
    """(b, n, c) -> (b, n, c): positions attend to positions; 0 at first."""

    def __init__(self, channels: int, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.mixed = nn.Linear(channels, 3 * width)
        self.out = zeroed(nn.Linear(width, channels))

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        query, key, value = (
            part.unflatten(2, (self.heads, -1)).transpose(1, 2) for part in self.mixed(rows).chunk(3, 2)
        )
        return self.out(F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2))
