"""What the adversarial generators share: an image is one pass of the painter; the critic is published as a judge.

A generator of this family is shipped as a pair, painter and critic. The critic has seen the painter's images and the
same captions, so that its word on them is never independent; it is published all the same, because how well a critic
tells captions apart is a question of its own.

All five are trained with the pairing loss of R3GAN and with a classifier of colours and shapes, most of them with an
auxiliary head of the critic too (bench.training.scene_gans). None is part of what the literature has under their names:
they are there so that a training of minutes reads its captions. Such heads are known to cost diversity.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch

from bench.errors import UsageError
from bench.generators.reference.canvas import Canvas
from bench.generators.reference.fusing import maker
from bench.generators.reference.gan_nets import Pair, latents
from bench.generators.reference.text import TextEncoder, ids_of
from bench.generators.reference.trained import Trained
from bench.spec import Spec
from bench.world.resample import to_square


class Adversarial(Trained):
    """Subclasses name their two players."""

    painter: ClassVar[type[Any]]
    critic: ClassVar[type[Any]]
    swappable: ClassVar[bool] = True
    """Whether another fusion may stand where the painter's own does."""

    def __init__(
        self, side: int = 32, blind: bool = False, train_seed: int = 0, weights: str | None = None
    ) -> None:
        super().__init__(side, blind, train_seed, weights)

    def fuse(self, fusion: Spec) -> None:
        if not self.swappable and fusion.name != self.fusion:
            raise UsageError(
                f"{self.plugin_name} joins text and image in a way of its own, and no other fusion can stand there; "
                f"got '{fusion}', give '{self.plugin_name}' alone."
            )
        super().fuse(fusion)

    def build(self) -> Pair:
        return pair(type(self), self.strategy, self.side)

    def draw(self, network: Any, seeds: Sequence[int], ids: torch.Tensor) -> torch.Tensor:
        return network.painter(latents(seeds).to(ids.device), ids).images

    def encoder(self) -> TextEncoder:
        return self.network.painter.text

    def own_loss(self, network: Any, seeds: Sequence[int], ids: torch.Tensor) -> torch.Tensor:
        """How little the critic, which reads the texts as they are, thinks that images and texts match."""
        return -network.critic(network.painter(latents(seeds).to(ids.device), ids).images, ids).sum()

    def judge(self, images: Sequence[np.ndarray], texts: Sequence[str]) -> torch.Tensor:
        """uint8 images (h, w, 3) of any size and their texts -> float32 (n,): the critic's logits D(x, t)."""
        pixels = np.concatenate([to_square(image[None], self.side) for image in images])
        given = torch.from_numpy(np.ascontiguousarray(pixels, np.float32)).permute(0, 3, 1, 2).div(127.5).sub(1)
        with torch.inference_mode():
            return self.network.critic(given, ids_of(texts)).float()


def pair(system: type[Adversarial], fusion: Spec, side: int) -> Pair:
    """Both players with the weights that the global generator draws."""
    canvas = Canvas(side)
    painter = system.painter(maker(fusion), canvas) if system.swappable else system.painter(canvas)
    return Pair(painter, system.critic(canvas))
