"""`titan`: one transformer over words and image patches together, as encoder and as decoder (a conditional VAE).

The only published TITAN of images and text found is a pathology slide model (Ding et al. 2025), no generator. The
nearest are the joint sequence of DALL-E (Ramesh et al. 2021, arXiv:2102.12092), the joint attention of MM-DiT (Esser et
al. 2024, arXiv:2403.03206) and the conditional VAE of Sohn, Lee & Yan 2015. What is built here: the encoder reads
[words; patches] and gives the latent q(z | x, t); the decoder reads [words; z; empty things] and gives the things that
an image is drawn from (bench.generators.reference.drawing); pooled words and pooled patches of the encoder are drawn
together by InfoNCE, so that both spaces are transformed jointly; a small projection critic with little weight sharpens
what is drawn from the prior once pixels are learned. There is no other fusion: the words are in the sequence.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from bench.fusion.base import TextContext
from bench.generators.reference.adversarial import Adversarial
from bench.generators.reference.canvas import GROUND, Canvas
from bench.generators.reference.drawing import THINGS, Drawing
from bench.generators.reference.gan_nets import Painted
from bench.generators.reference.iten import ItenCritic
from bench.generators.reference.text import TEXT_DIM, TextEncoder
from bench.registry import register

WIDTH, HEADS, LAYERS = 64, 4, 2
CODE = 32
"""Dimensions of the VAE's latent; the seed's other 32 are not used."""
PATCHES = 4
"""Along a side."""


class Joint(nn.Module):
    """A transformer over a sequence of words, one more token, and patches."""

    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(
            WIDTH, HEADS, 2 * WIDTH, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerEncoder(layer, LAYERS, norm=nn.LayerNorm(WIDTH), enable_nested_tensor=False)

    def forward(self, words: torch.Tensor, mask: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
        """(b, l, d), (b, l), (b, n, d) -> (b, l + n, d)."""
        hidden = torch.cat([~mask, mask.new_zeros(others.shape[:2])], 1)
        return self.layers(torch.cat([words, others], 1), src_key_padding_mask=hidden)


class TitanPainter(nn.Module):
    """Encoder, decoder and text. `forward` draws z from the prior, `rebuild` from the image's posterior."""

    def __init__(self, canvas: Canvas) -> None:
        super().__init__()
        self.canvas = canvas
        self.patch = canvas.side // PATCHES
        pixels = 3 * self.patch**2
        self.text = TextEncoder()
        self.words = nn.Linear(TEXT_DIM, WIDTH)
        self.enter = nn.Linear(pixels, WIDTH)
        self.asks = nn.Parameter(0.02 * torch.randn(1, 1, WIDTH))
        self.seen = nn.Parameter(0.02 * torch.randn(1, PATCHES**2, WIDTH))
        self.blank = nn.Parameter(torch.randn(1, THINGS, WIDTH))
        self.encoder, self.decoder = Joint(), Joint()
        self.code = nn.Linear(WIDTH, 2 * CODE)
        self.given = nn.Linear(CODE, WIDTH)
        self.drawing = Drawing(WIDTH, CODE, canvas)
        nn.init.constant_(self.code.bias[CODE:], -4.0)  # z says something from the first step on, or never will

    def encode(self, images: torch.Tensor, context: TextContext) -> tuple[torch.Tensor, ...]:
        """Images and texts -> mean and log variance of z (b, 32) each, pooled words and pooled patches (b, d) each."""
        pixels = F.pixel_unshuffle(2 * (images - GROUND), self.patch).flatten(2).transpose(1, 2)
        patches = self.enter(pixels) + self.seen
        words = self.words(context.words)
        at = words.shape[1]
        found = self.encoder(words, context.mask, torch.cat([self.asks.expand(len(images), -1, -1), patches], 1))
        mean, spread = self.code(found[:, at]).chunk(2, 1)
        share = context.mask[..., None].to(words.dtype)
        return mean, spread.clamp(-8, 4), (found[:, :at] * share).sum(1) / share.sum(1), found[:, at + 1 :].mean(1)

    def decode(self, code: torch.Tensor, context: TextContext) -> torch.Tensor:
        """z (b, 32) and texts -> images (b, 3, s, s)."""
        given = self.given(code)[:, None]
        blank = self.blank.expand(len(code), -1, -1) + given
        words = self.words(context.words)
        found = self.decoder(words, context.mask, torch.cat([given, blank], 1))[:, -THINGS:]
        images: torch.Tensor = self.drawing(found, code)
        return images

    def read(self, ids: torch.Tensor) -> TextContext:
        """int64 (b, l) token ids -> words and sentence."""
        return self.text(ids)

    def paint(self, z: torch.Tensor, context: TextContext) -> Painted:
        """(b, 64) latents, of which the first 32 are used, and texts -> images."""
        images = self.decode(z[:, :CODE], context)
        return Painted(images, images.new_zeros(()))

    def forward(self, z: torch.Tensor, ids: torch.Tensor) -> Painted:
        return self.paint(z, self.read(ids))


class TitanCritic(ItenCritic):
    """A projection critic, as small as ITEN's."""


@register("generator", "titan", summary="joint transformer of words and patches: conditional VAE, light critic")
class Titan(Adversarial):
    """Images of scenes. side: 32 or 64. blind: the text-blind twin. train_seed: of the weights. weights: another file
    of `bench train generator:titan`."""

    fusion = "none"
    swappable = False
    painter, critic = TitanPainter, TitanCritic
