"""`film` and `film-words`: text sets a gain and an offset of every channel (Perez et al. 2018, arXiv:1709.07871).

`film-words` is the control of granularity: the operator of FiLM with the information that attention has.
"""

from __future__ import annotations

import math

import torch
from torch import nn

from bench.fusion.base import BUDGET, Budgeted, FusionOut, TextContext, maps, normed, regions, word_weights, zeroed
from bench.registry import register


@register("fusion", "film", summary="dynamic weights: the sentence sets gain and offset of every channel (FiLM)")
class Film(Budgeted):
    """h' = (1 + g(s)) * h + b(s)."""

    def __init__(self, channels: int, text_dim: int, *, budget: int = BUDGET) -> None:
        super().__init__(channels, text_dim)
        self.spend(budget, lambda width: {"affine": _affine(text_dim, width, channels)})

    def join(self, h: torch.Tensor, context: TextContext, cond: torch.Tensor | None) -> FusionOut:
        gain, offset = self.affine(context.sentence)[:, :, None, None].chunk(2, 1)
        return FusionOut((1 + gain) * h + offset)


@register(
    "fusion", "film-words", summary="FiLM by words: gain and offset of a position are those of the words it attends to"
)
class WordFilm(Budgeted):
    """h'_i = (1 + sum_l a_il g(w_l)) * h_i + sum_l a_il b(w_l), a = softmax over words of q_i . k_l."""

    def __init__(self, channels: int, text_dim: int, *, budget: int = BUDGET) -> None:
        super().__init__(channels, text_dim)
        self.width = self.spend(budget, lambda width: {
            "query": nn.Linear(channels, width), "key": nn.Linear(text_dim, width),
            "affine": _affine(text_dim, width, channels),
        })  # fmt: skip

    def join(self, h: torch.Tensor, context: TextContext, cond: torch.Tensor | None) -> FusionOut:
        query, key = self.query(regions(normed(h))), self.key(context.words)
        scores = (query @ key.transpose(1, 2))[:, None] / math.sqrt(self.width)
        attention = word_weights(scores, context.mask)
        gain, offset = (maps(part, h) for part in (attention[:, 0] @ self.affine(context.words)).chunk(2, 2))
        return FusionOut((1 + gain) * h + offset, attention)


def _affine(text_dim: int, width: int, channels: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(text_dim, width), nn.SiLU(), zeroed(nn.Linear(width, 2 * channels)))
