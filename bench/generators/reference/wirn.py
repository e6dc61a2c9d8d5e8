"""`wirn`: a word-image relation network; relations of words and regions steer both players.

The literature has nothing of this name; the nearest are the word-level critic of ControlGAN (Li et al. 2019,
arXiv:1909.07083), the semantic masks of SSA-GAN (Liao et al. 2022, arXiv:2104.00567) and Relation Networks (Santoro et
al. 2017, arXiv:1706.01427). What is built here: in the painter every word has a map of relations with the positions,
r_li = sigmoid(q_i . k_l / sqrt(d) + p_li), words independent of each other, where p_li reads from the word which
positions it means; gain and offset of a position are sums over words, h (1 + sum_l r_li g_l) + sum_l r_li b_l. The
critic gives every word its own logit of being shown; it learns them by captions of which one word was exchanged. The
relation map is this system's own: no other fusion can stand there.
"""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional as F

from bench.fusion.base import BUDGET, Budgeted, FusionOut, TextContext, maps, normed, position_code, regions, zeroed
from bench.generators.reference.adversarial import Adversarial
from bench.generators.reference.canvas import Canvas
from bench.generators.reference.gan_nets import GAIN, Critic, Painter
from bench.generators.reference.text import TEXT_DIM
from bench.registry import register

HEAD = 64


class RelationMaps(Budgeted):
    """h'_i = (1 + sum_l r_il g(w_l)) h_i + sum_l r_il b(w_l); as attention it gives r over its sum."""

    def __init__(self, channels: int, text_dim: int, *, budget: int = BUDGET) -> None:
        super().__init__(channels, text_dim)
        self.width = self.spend(budget, lambda width: {
            "query": nn.Linear(channels, width), "key": nn.Linear(text_dim, width),
            "place": nn.Linear(text_dim, width), "where": nn.Linear(channels, width),
            "squeeze": nn.Linear(text_dim, width), "affine": zeroed(nn.Linear(width, 2 * channels)),
        })  # fmt: skip

    def relations(self, h: torch.Tensor, context: TextContext) -> torch.Tensor:
        """(b, n, l) in [0, 1]: how much a position has to do with a word; 0 for padding."""
        rows = regions(normed(h))
        code = regions(position_code(self.channels, *h.shape[2:], h.device).to(h))
        # words first: a product with three rows is rounded differently from one place in a batch to another
        scores = self.key(context.words) @ self.query(rows).transpose(1, 2)
        scores = scores + self.place(context.words) @ self.where(code).transpose(1, 2)
        related = (scores / math.sqrt(self.width)).sigmoid() * context.mask[..., None].to(scores.dtype)
        return related.transpose(1, 2)

    def join(self, h: torch.Tensor, context: TextContext, cond: torch.Tensor | None) -> FusionOut:
        found = self.relations(h, context)
        told = found @ self.affine(F.silu(self.squeeze(context.words)))
        gain, offset = (maps(part, h) for part in told.chunk(2, 2))
        share = found / found.sum(2, keepdim=True).clamp(min=1e-9)
        return FusionOut((1 + gain) * h + offset, share[:, None])


class WirnPainter(Painter):
    """Relation maps of things and of pixels."""

    def __init__(self, canvas: Canvas) -> None:
        super().__init__(lambda c, d, e, budget: RelationMaps(c, d, budget=budget), canvas)


class WirnCritic(Critic):
    """A logit for every word, and one for the image; the logit of a pair is their sum over words and the image's."""

    def __init__(self, canvas: Canvas) -> None:
        super().__init__(canvas)
        self.query, self.key = nn.Linear(TEXT_DIM, HEAD), nn.Linear(self.width, HEAD)
        self.bias = nn.Linear(TEXT_DIM, 1)
        self.real = nn.Linear(self.width * 16, HEAD)
        self.out = nn.Linear(HEAD, 1)

    def words(self, seen: torch.Tensor, context: TextContext) -> torch.Tensor:
        """(b, l) logits of the words being shown: the soft maximum of their relations with the regions."""
        related = self.query(context.words) @ self.key(regions(seen)).transpose(1, 2) / math.sqrt(HEAD)
        return related.logsumexp(2) - math.log(related.shape[2]) + self.bias(context.words)[:, :, 0]

    def judge(self, seen: torch.Tensor, context: TextContext) -> torch.Tensor:
        share = context.mask.to(seen.dtype)
        words = (self.words(seen, context) * share).sum(1) / share.sum(1).sqrt()
        return self.out(F.leaky_relu(self.real(seen.flatten(1)), GAIN))[:, 0] + words


@register("generator", "wirn", summary="word-image relation network: relation maps paint, words are judged one by one")
class Wirn(Adversarial):
    """Images of scenes. side: 32 or 64. blind: the text-blind twin. train_seed: of the weights. weights: another file
    of `bench train generator:wirn`."""

    fusion = "none"
    swappable = False
    painter, critic = WirnPainter, WirnCritic
