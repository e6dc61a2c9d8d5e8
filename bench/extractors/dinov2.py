"""`dinov2`: the class token of DINOv2 as FD-DINOv2 uses it (Stein et al. 2023, arXiv 2306.04675).

The network is timm's; two things are the evaluation's own. Images are squashed to 224 x 224: by Pillow's bicubic filter
on bytes (`dgm-eval`, the published numbers) or by torch's antialiased bicubic filter on floats (`torch`, as EDM2 does,
which may leave the range of bytes). And position embeddings are resampled by DINOv2's own code: bicubic without
antialiasing, at a scale with an offset of 0.1, where timm antialiases.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.errors import did_you_mean
from bench.extractors.preprocess import Preprocess
from bench.extractors.timm_model import Timm
from bench.registry import register

if TYPE_CHECKING:
    import torch

SIZE, PATCH, OFFSET = 224, 14, 0.1
SIZES = {"vits14": "small", "vitb14": "base", "vitl14": "large", "vitg14": "giant"}
RESIZES = ("dgm-eval", "torch")
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@register("extractor", "dinov2", summary="class token of DINOv2 at 224 pixels, as FD-DINOv2 uses it")
class DinoV2(Timm):
    """Images -> features (b, 1024 for vitl14). resize: dgm-eval (as published) or torch (faster on a GPU, other last
    digits). weights: timm's file of the model; none: where it is found. seed: random network instead."""

    plugin_name = "dinov2"

    def __init__(
        self, arch: str = "vitl14", resize: str = "dgm-eval", weights: str | None = None, seed: int | None = None
    ) -> None:
        if arch not in SIZES:
            self.unknown_model(arch, did_you_mean(arch, SIZES))
        if resize not in RESIZES:
            self.unknown_model(resize, did_you_mean(resize, RESIZES))
        super().__init__(f"vit_{SIZES[arch]}_patch14_dinov2.lvd142m", weights, seed, SIZE)
        self.resize = resize

    @property
    def recipe(self) -> Preprocess:
        """The whole image at 224 x 224."""
        return Preprocess((SIZE, SIZE), _MEAN, _STD, interpolation="bicubic", mode="squash")

    def preprocessing(self) -> Mapping[str, Any]:
        return {**self.recipe.describe(), "filter": self.resize, "positions": f"dinov2, offset {OFFSET}"}

    def prepare_image(self, image: np.ndarray) -> np.ndarray:
        """(h, w, 3) uint8 -> (224, 224, 3) float32."""
        if self.resize == "dgm-eval":
            return self.recipe(image)
        import torch

        pixels = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None].float()
        resized = torch.nn.functional.interpolate(
            pixels, size=(SIZE, SIZE), mode="bicubic", align_corners=False, antialias=True
        )
        unit = resized[0].permute(1, 2, 0).numpy() / np.float32(255)
        return (unit - np.array(_MEAN, np.float32)) / np.array(_STD, np.float32)

    def _resized(self, module: torch.nn.Module) -> torch.nn.Module:
        """Positions by DINOv2's rule, in place of what timm makes of them."""
        import torch

        before = module.pos_embed.detach().clone()
        super()._resized(module)
        if module.pos_embed.shape != before.shape:
            positions = resampled(before, SIZE // PATCH)
            module.pos_embed = torch.nn.Parameter(positions.to(module.pos_embed.dtype), requires_grad=False)
        return module


def resampled(positions: torch.Tensor, side: int) -> torch.Tensor:
    """Position embeddings (1, 1 + s * s, d), the class token's first -> (1, 1 + side * side, d)."""
    import torch

    token, patches = positions[:, :1], positions[:, 1:]
    old = round(patches.shape[1] ** 0.5)
    grid = patches.reshape(1, old, old, -1).permute(0, 3, 1, 2).float()
    scale = (side + OFFSET) / old
    new = torch.nn.functional.interpolate(grid, scale_factor=(scale, scale), mode="bicubic", antialias=False)
    assert new.shape[-2:] == (side, side)
    return torch.cat([token.float(), new.permute(0, 2, 3, 1).reshape(1, side * side, -1)], 1)
