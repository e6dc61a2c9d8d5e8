"""`cgan`: the conditional GAN for text (Mirza & Osindero 2014, arXiv:1411.1784; Reed et al. 2016, arXiv:1605.05396).

What the literature has under this name is what is built here, small: the painter's input is latent and sentence side by
side, the sentence is concatenated again at every depth (any other fusion may stand there), and the critic concatenates
the replicated sentence with its 4 x 4 features. It learns from matching pairs against painted and against mismatched
ones (GAN-CLS), the painter also from means of two sentences (GAN-INT). Not the paper's: the small trained text encoder
in place of the pretrained char-CNN-RNN, group instead of batch normalisation, and the penalties of bench.training.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from bench.fusion.base import TextContext
from bench.generators.reference.adversarial import Adversarial
from bench.generators.reference.canvas import Canvas
from bench.generators.reference.gan_nets import GAIN, LATENT, TOLD, Critic, Painter
from bench.generators.reference.text import TEXT_DIM
from bench.registry import register


class CganPainter(Painter):
    """Latent and sentence at the entrance, a fusion at every depth.

    The entrance has the sentence as quiet as it comes: louder, it alone would say where things are, and every seed
    would draw the same.
    """

    entry_dim = LATENT + TEXT_DIM

    def entry(self, z: torch.Tensor, context: TextContext) -> torch.Tensor:
        return torch.cat([z, context.sentence / TOLD], 1)


class CganCritic(Critic):
    """The sentence beside the features of each of the 16 positions."""

    def __init__(self, canvas: Canvas) -> None:
        super().__init__(canvas)
        self.told = nn.Linear(TEXT_DIM, TEXT_DIM)
        self.both = nn.Conv2d(self.width + TEXT_DIM, self.width, 1)
        self.out = nn.Linear(self.width * 16, 1)

    def judge(self, seen: torch.Tensor, context: TextContext) -> torch.Tensor:
        told = F.leaky_relu(self.told(context.sentence), GAIN)[:, :, None, None].expand(-1, -1, 4, 4)
        both = F.leaky_relu(self.both(torch.cat([seen, told], 1)), GAIN)
        return self.out(both.flatten(1))[:, 0]


@register("generator", "cgan", summary="conditional GAN: latent and sentence in, a concatenating critic (Reed 2016)")
class Cgan(Adversarial):
    """Images of scenes. side: 32 or 64. blind: the text-blind twin. train_seed: of the weights. weights: another file
    of `bench train generator:cgan`."""

    fusion = "concat"
    painter, critic = CganPainter, CganCritic
