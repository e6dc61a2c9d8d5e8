"""`flow`: rectified flow on scenes, the reference generator of the fusion board, trained by `bench train
generator:flow`.

Liu et al. 2022 (arXiv:2209.03003) on pixels of 32 or 64 a side, with a small U-Net and any fusion strategy; its
text-blind twin (`blind=true`) has the same parameters and was never shown a text.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from bench.errors import UsageError
from bench.generators.base import Denoiser
from bench.generators.reference.flow_model import GUIDANCE, STEPS, FlowModel
from bench.generators.reference.fusing import maker
from bench.generators.reference.trained import Trained, noise_of
from bench.registry import register
from bench.types import Request
from bench.world.tokens import PAD

ATTACKED_AT = (0.5, 0.7, 0.9)
"""Times of the loss whose gradient attacks: where the text decides."""


@register("generator", "flow", summary="rectified flow trained on scenes, with any fusion strategy")
class Flow(Trained):
    """side: 32 or 64 pixels. steps, guidance: of sampling. blind: the twin that reads no text. train_seed: which of
    several trainings. weights: a file of `bench train generator:flow`."""

    plugin_name = "flow"
    version = 1

    def __init__(
        self,
        side: int = 32,
        steps: int = STEPS,
        guidance: float = GUIDANCE,
        blind: bool = False,
        train_seed: int = 0,
        weights: str | None = None,
    ) -> None:
        super().__init__(side, blind, train_seed, weights)
        if not 1 <= steps <= 1000:
            raise UsageError(f"flow takes 1 to 1000 steps; got {steps}.")
        if not 0 <= guidance <= 20:
            raise UsageError(f"flow takes a guidance from 0 (no text) over 1 (none) to 20; got {guidance}.")
        self.steps, self.guidance = steps, float(guidance)

    def build(self) -> FlowModel:
        return FlowModel(maker(self.strategy), self.side)

    def draw(self, network: FlowModel, seeds: Sequence[int], ids: torch.Tensor) -> torch.Tensor:
        noise = torch.stack([noise_of(seed, 3, self.side, self.side) for seed in seeds])
        noise = noise.contiguous(memory_format=torch.channels_last)
        return network.sample(noise, ids, steps=self.steps, guidance=1.0 if self.blind else self.guidance)

    def own_loss(self, network: FlowModel, seeds: Sequence[int], ids: torch.Tensor) -> torch.Tensor:
        """Error of the velocity towards the images that it draws of these texts itself, at a few times."""
        with torch.no_grad():
            images = self.draw(network, seeds, ids).clone()
            noise = torch.stack([noise_of(seed + 1, 3, self.side, self.side) for seed in seeds]).to(images.device)
        context, total = network.text(ids), images.new_zeros(())
        for time in ATTACKED_AT:
            at = torch.full((len(images),), time, device=images.device)
            found, _ = network.velocity((1 - time) * images + time * noise, at, context)
            total = total + (found - (noise - images)).square().mean((1, 2, 3)).sum()
        return total

    def denoiser(self, requests: Sequence[Request]) -> Denoiser:
        network = self.network
        assert isinstance(network, FlowModel)
        seeds, ids = self.batch(requests)
        start = torch.stack([noise_of(seed, 3, self.side, self.side) for seed in seeds])
        with torch.inference_mode():
            told, empty = network.text(ids), network.text(torch.full_like(ids, PAD))

        def velocities(x: torch.Tensor, t: float) -> tuple[torch.Tensor, torch.Tensor]:
            at = torch.full((len(x),), t)
            with torch.inference_mode():
                return network.velocity(x, at, told)[0], network.velocity(x, at, empty)[0]

        return Denoiser(
            start, velocities, 1.0 if self.blind else self.guidance, self.steps,
            lambda x: [outcome.image for outcome in self.outcomes(requests, x)],
        )  # fmt: skip
