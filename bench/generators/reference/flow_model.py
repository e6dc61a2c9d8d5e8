"""Rectified flow (Liu et al. 2022, arXiv:2209.03003): text encoder and U-Net, its loss and its sampler.

x_t = (1 - t) x + t e runs from the image (t = 0) to noise (t = 1) with the velocity e - x = (x_t - x) / t. The network
predicts the image x (Li & He 2025, arXiv:2511.13720: noise does not fit through narrow features, images do) and is
judged by the velocity that follows. Sampling follows it back from t = 1 in equal steps of Euler's rule, guided away
from the empty text (Ho & Salimans 2022, arXiv:2207.12598): v = v_empty + guidance (v_text - v_empty).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import nn

from bench.fusion.base import TextContext
from bench.generators.reference.fusing import MakeFusion
from bench.generators.reference.text import TEXT_DIM, TextEncoder
from bench.generators.reference.unet import UNet
from bench.world.tokens import PAD

TEXT_DROPPED = 0.1
"""Share of the training captions that are emptied, so that guidance has an unconditional velocity."""

STEPS, GUIDANCE = 12, 2.0
"""Of sampling, where nothing else is said."""
NOISY = 0.5
"""Mean of the logit of training times: what a scene shows is decided in heavy noise, and is all that text speaks of."""
LEAST = 0.05
"""Times below it are judged as if they were it: the velocity's error grows without bound towards t = 0."""

Held = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], Mapping[str, torch.Tensor]]
"""(made images, real images, ids) -> further parts of the loss."""


def times(b: int, draw: torch.Generator, noisy: float | torch.Tensor = NOISY) -> torch.Tensor:
    """(b,) logit-normal times to train at (Esser et al. 2024, arXiv:2403.03206), on the generator's device; noisy: mean
    of their logits."""
    return torch.sigmoid(noisy + torch.randn(b, generator=draw, device=draw.device))


class FlowModel(nn.Module):
    """Text encoder and U-Net. Images are float32 (b, 3, side, side) in about [-1, 1]."""

    def __init__(self, fusion: MakeFusion, side: int = 32) -> None:
        super().__init__()
        self.side = side
        self.text = TextEncoder()
        self.net = UNet(fusion, TEXT_DIM, side)

    def velocity(
        self, x: torch.Tensor, t: torch.Tensor, context: TextContext, least: float = 0.0
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """(b, 3, s, s), (b,) in (0, 1] -> velocity like x, auxiliary loss (). least: of the time that divides."""
        image, loss = self.net(x, t, context)
        return (x - image) / t.clamp(min=least)[:, None, None, None], loss

    def losses(
        self, images: torch.Tensor, ids: torch.Tensor, t: torch.Tensor, noise: torch.Tensor, held: Held | None = None
    ) -> dict[str, torch.Tensor]:
        """Mean squared error of the velocity at times t (b,) with a noise like the images, and what the fusion adds;
        with `held` also what it asks of the images that the clearer half of the rows lead to, rows without a text
        last."""
        b = len(images)
        at = t[:, None, None, None]
        mixed = (1 - at) * images + at * noise
        found, loss = self.velocity(mixed, t, self.text(ids), LEAST)
        wanted = (mixed - images) / at.clamp(min=LEAST)
        parts = {"velocity": (found - wanted).square().mean(), "fusion": loss}
        if held is None:
            return parts
        made = mixed - at.clamp(min=LEAST) * found
        empty = (ids == PAD).all(1)
        clear = (t + empty.to(t.dtype)).argsort()[: b // 2]
        return {**parts, **held(made[clear], images[clear], ids[clear])}

    @torch.inference_mode()
    def sample(
        self, noise: torch.Tensor, ids: torch.Tensor, *, steps: int = STEPS, guidance: float = GUIDANCE
    ) -> torch.Tensor:
        """Noise (b, 3, s, s) and int64 (b, l) -> images (b, 3, s, s) in [-1, 1]."""
        b, x = len(noise), noise
        both = guidance != 1.0
        context = self.text(torch.cat([ids, torch.full_like(ids, PAD)]) if both else ids)
        for step in range(steps):
            t = torch.full((2 * b if both else b,), 1 - step / steps, device=x.device)
            v, _ = self.velocity(torch.cat([x, x]) if both else x, t, context)
            if both:
                v = v[b:] + guidance * (v[:b] - v[b:])
            x = x - v / steps
        return x.clamp(-1, 1)
