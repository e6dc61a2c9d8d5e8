"""`iten`: an image-text embedding network, in which being alike in a joint space is the critic.

The literature has no generator of this name; the nearest are the conditional image-text embedding networks for phrase
grounding (CITE, Plummer et al. 2018, arXiv:1711.08389) and the two-branch embedding networks of Wang, Li & Lazebnik
2016 (arXiv:1511.06078). What is built here: the critic has two towers and its logit is v . phi(x) + <P phi(x), psi(t)>
(the projection discriminator of Miyato & Koyama 2018, arXiv:1802.05637); both towers are trained by InfoNCE on real
pairs too, and the painter by InfoNCE on painted ones. The painter has its own embedding of the sentence, of length 1,
which sets gain and offset of every channel (film; any other fusion may stand there).
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from bench.fusion.base import TextContext
from bench.generators.reference.adversarial import Adversarial
from bench.generators.reference.canvas import Canvas
from bench.generators.reference.fusing import MakeFusion
from bench.generators.reference.gan_nets import Critic, Painter
from bench.generators.reference.text import TEXT_DIM
from bench.registry import register

JOINT = 64


class ItenPainter(Painter):
    """The fusions see the sentence by its place in a space of directions."""

    def __init__(self, fusion: MakeFusion, canvas: Canvas) -> None:
        super().__init__(fusion, canvas)
        self.embed = nn.Linear(TEXT_DIM, TEXT_DIM)

    def read(self, ids: torch.Tensor) -> TextContext:
        context = super().read(ids)
        place = F.normalize(self.embed(context.sentence), dim=1) * TEXT_DIM**0.5
        return context._replace(sentence=place)


class ItenCritic(Critic):
    """phi of images and psi of texts in 64 dimensions."""

    def __init__(self, canvas: Canvas) -> None:
        super().__init__(canvas)
        self.phi = nn.Linear(self.width * 16, 2 * JOINT)
        self.real = nn.Linear(2 * JOINT, 1)
        self.project = nn.Linear(2 * JOINT, JOINT, bias=False)
        self.psi = nn.Linear(TEXT_DIM, JOINT)

    def features(self, seen: torch.Tensor) -> torch.Tensor:
        """(b, width, 4, 4) -> phi (b, 128)."""
        return F.leaky_relu(self.phi(seen.flatten(1)), 0.2)

    def judge(self, seen: torch.Tensor, context: TextContext) -> torch.Tensor:
        phi = self.features(seen)
        return self.real(phi)[:, 0] + (self.project(phi) * self.psi(context.sentence)).sum(1)

    def embeddings(self, seen: torch.Tensor, context: TextContext) -> tuple[torch.Tensor, torch.Tensor]:
        """Places of images and texts in the joint space, (b, 64) each, of length 1."""
        image, text = self.project(self.features(seen)), self.psi(context.sentence)
        return F.normalize(image, dim=1), F.normalize(text, dim=1)


@register("generator", "iten", summary="image-text embedding network: a joint space is critic and condition")
class Iten(Adversarial):
    """Images of scenes. side: 32 or 64. blind: the text-blind twin. train_seed: of the weights. weights: another file
    of `bench train generator:iten`."""

    fusion = "film"
    painter, critic = ItenPainter, ItenCritic
