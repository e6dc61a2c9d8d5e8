"""`aligned`: positions and words in one space, which contrastive losses make common (InfoNCE, van den Oord et al.
2018, arXiv:1807.03748; the word loss of DAMSM, Xu et al. 2018, arXiv:1711.10485)."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional as F

from bench.fusion.base import BUDGET, Budgeted, FusionOut, TextContext, maps, normed, regions, word_weights, zeroed
from bench.registry import register

_SHARP = 10.0
"""Attention by cosines: 1 / temperature."""
_CONTRAST = 10.0
_WORDS, _POOL = 5.0, 4
"""DAMSM's gamma 2; sides of the pooled map that words are aligned with."""


@register("fusion", "aligned", summary="shared space of positions and words with contrastive losses on both levels")
class Aligned(Budgeted):
    """u_i = norm(Pv h_i), e_l = norm(Pt w_l), a = softmax over words of 10 u . e; h' = h + Wo sum_l a_il V w_l.

    weight: of the loss, which is the sum of InfoNCE between images and sentences and of the word loss, both over the
    batch; 0 leaves the operator without its losses.
    """

    def __init__(self, channels: int, text_dim: int, *, weight: float = 0.1, budget: int = BUDGET) -> None:
        super().__init__(channels, text_dim)
        self.weight = float(weight)
        self.spend(budget, lambda width: {
            "see": nn.Linear(channels, width), "read": nn.Linear(text_dim, width), "whole": nn.Linear(text_dim, width),
            "value": nn.Linear(text_dim, width), "out": zeroed(nn.Linear(width, channels)),
        })  # fmt: skip

    def join(self, h: torch.Tensor, context: TextContext, cond: torch.Tensor | None) -> FusionOut:
        seen = F.normalize(self.see(regions(normed(h))), dim=2)
        words = F.normalize(self.read(context.words), dim=2)
        attention = word_weights(_SHARP * (seen @ words.transpose(1, 2))[:, None], context.mask)
        joined = h + maps(self.out(attention[:, 0] @ self.value(context.words)), h)
        wanted = self.training and self.weight > 0 and len(h) > 1
        return FusionOut(joined, attention, loss=self.weight * self._loss(seen, words, context, h) if wanted else None)

    def _loss(self, seen: torch.Tensor, words: torch.Tensor, context: TextContext, h: torch.Tensor) -> torch.Tensor:
        image = F.normalize(seen.mean(1), dim=1)
        sentence = F.normalize(self.whole(context.sentence), dim=1)
        few = F.normalize(regions(F.adaptive_avg_pool2d(maps(seen, h), min(_POOL, *h.shape[2:]))), dim=2)
        return contrast(_CONTRAST * image @ sentence.T) + contrast(_CONTRAST * word_match(few, words, context.mask))


def contrast(scores: torch.Tensor) -> torch.Tensor:
    """InfoNCE of (b, b) scores, image in rows and text in columns, both ways."""
    own = torch.arange(len(scores), device=scores.device)
    return (F.cross_entropy(scores, own) + F.cross_entropy(scores.T, own)) / 2


def word_match(seen: torch.Tensor, words: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """(b, n, d) regions and (b, l, d) words of norm 1 -> (b, b) match of image i with text j, in about [-1, 1].

    Every word attends to the regions; the match is the soft maximum over the words of the cosine of a word with what it
    attends to (DAMSM, eq. 10), less the logarithm of their number, so that long texts gain nothing.
    """
    close = torch.einsum("ind,jld->ijln", seen, words)
    found = F.normalize(torch.einsum("ijln,ind->ijld", (_WORDS * close).softmax(3), seen), dim=3)
    cosine = torch.einsum("ijld,jld->ijl", found, words).masked_fill(~mask[None], -math.inf)
    return ((_WORDS * cosine).logsumexp(2) - mask.sum(1).clamp(min=1).log()[None]) / _WORDS
