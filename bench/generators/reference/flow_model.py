"""Rectified flow (Liu et al. 2022, arXiv:2209.03003): text encoder and U-Net, its loss and its sampler.

x_t = (1 - t) x + t e runs from the image (t = 0) to noise (t = 1); the network predicts the velocity e - x. Sampling
follows it back from t = 1 in equal steps of Euler's rule, guided away from the empty text (Ho & Salimans 2022,
arXiv:2207.12598): v = v_empty + guidance (v_text - v_empty).
"""

from __future__ import annotations

import torch
from torch import nn

from bench.generators.reference.fusing import MakeFusion
from bench.generators.reference.text import TEXT_DIM, TextEncoder
from bench.generators.reference.unet import UNet
from bench.world.tokens import PAD

TEXT_DROPPED = 0.1
"""Share of the training captions that are emptied, so that guidance has an unconditional velocity."""


class FlowModel(nn.Module):
    """Text encoder and U-Net. Images are float32 (b, 3, side, side) in about [-1, 1]."""

    def __init__(self, fusion: MakeFusion, side: int = 64) -> None:
        super().__init__()
        self.side = side
        self.text = TextEncoder()
        self.net = UNet(fusion, TEXT_DIM, side)

    def velocity(self, x: torch.Tensor, t: torch.Tensor, ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(b, 3, s, s), (b,), int64 (b, l) -> velocity like x, auxiliary loss ()."""
        return self.net(x, t, self.text(ids))

    def losses(self, images: torch.Tensor, ids: torch.Tensor, draw: torch.Generator) -> dict[str, torch.Tensor]:
        """Mean squared error of the velocity at logit-normal times (Esser et al. 2024, arXiv:2403.03206), and what the
        fusion adds. All randomness comes from `draw`, on the CPU."""
        b, device = len(images), images.device
        t = torch.sigmoid(torch.randn(b, generator=draw)).to(device)
        noise = torch.randn(images.shape, generator=draw).to(device)
        empty = (torch.rand(b, generator=draw) < TEXT_DROPPED).to(device)
        ids = torch.where(empty[:, None], PAD, ids)
        at = t[:, None, None, None]
        found, loss = self.velocity((1 - at) * images + at * noise, t, ids)
        return {"velocity": (found - (noise - images)).square().mean(), "fusion": loss}

    @torch.inference_mode()
    def sample(self, noise: torch.Tensor, ids: torch.Tensor, *, steps: int = 16, guidance: float = 2.0) -> torch.Tensor:
        """Noise (b, 3, s, s) and int64 (b, l) -> images (b, 3, s, s) in [-1, 1]."""
        b, x = len(noise), noise
        both = guidance != 1.0
        context = self.text(torch.cat([ids, torch.full_like(ids, PAD)]) if both else ids)
        for step in range(steps):
            t = torch.full((2 * b if both else b,), 1 - step / steps, device=x.device)
            v, _ = self.net(torch.cat([x, x]) if both else x, t, context)
            if both:
                v = v[b:] + guidance * (v[:b] - v[b:])
            x = x - v / steps
        return x.clamp(-1, 1)
