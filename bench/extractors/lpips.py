"""`lpips`: features whose squared Euclidean distance is LPIPS (Zhang et al. 2018, arXiv 1801.03924, eq. 1).

The distance is a sum over layers of the mean over places of weighted squared differences of channel-normalised
activations: with activations times sqrt(weight / places) it is one squared distance, so that LPIPS to a reference,
diversity within a prompt and nearest images all come from one forward pass an image. The weights of the layers ship
with torchmetrics (version 0.1 of the authors); the network under them is torchvision's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.errors import UsageError, did_you_mean
from bench.extractors import weights as files
from bench.extractors.network import Network
from bench.extractors.preprocess import Preprocess
from bench.registry import register

if TYPE_CHECKING:
    import torch

LAYERS: dict[str, tuple[str, tuple[int, ...]]] = {
    "alex": ("alexnet", (1, 4, 7, 9, 11)),
    "vgg": ("vgg16", (3, 8, 15, 22, 29)),
}
"""Name of the field -> torchvision's, and the places of the activations that are compared in its `features`."""
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""The authors' shift and scale of [-1, 1] pixels, for pixels in [0, 1]."""


@register("extractor", "lpips", summary="features whose squared distance is LPIPS")
class Lpips(Network):
    """Images -> features (b, d). net: alex or vgg. size: side to which images are brought (64, as the authors' human
    judgements were made); weights: a file of the torchvision network; seed: random network instead."""

    plugin_name = "lpips"
    image_outputs = ("features",)
    batch_size = 32

    def __init__(self, net: str = "alex", size: int = 64, weights: str | None = None, seed: int | None = None) -> None:
        super().__init__(weights, seed)
        if net not in LAYERS:
            self.unknown_model(net, did_you_mean(net, LAYERS))
        if not 32 <= size <= 512:
            raise UsageError(f"size={size} of lpips is no sensible side; give 32 to 512 pixels.")
        self.net, self.size = net, int(size)

    @property
    def recipe(self) -> Preprocess:
        """Both sides to `size` by Pillow's antialiased bicubic filter."""
        return Preprocess((self.size, self.size), _MEAN, _STD, interpolation="bicubic", mode="squash")

    def source(self) -> files.Source:
        from torchvision import models

        url = models.get_model_weights(LAYERS[self.net][0])["IMAGENET1K_V1"].url
        digest = re.search(r"-([0-9a-f]{8})\.pth$", url)
        return files.Source(names=(Path(url).name,), url=url, sha256=digest[1] if digest else "")

    def network(self) -> str:
        return f"LPIPS 0.1 {self.net}"

    def preprocessing(self) -> Mapping[str, Any]:
        return self.recipe.describe()

    def build(self) -> torch.nn.Module:
        from torchvision import models

        return models.get_model(LAYERS[self.net][0], weights=None).features.eval()

    def fit(self, state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Of a whole classifier's file, the convolutions."""
        kept = {name.removeprefix("features."): value for name, value in state.items() if name.startswith("features.")}
        return kept or state

    def randomise(self, module: torch.nn.Module, seed: int) -> None:
        from bench.extractors import seeded

        key = f"{self.network()} {self.recipe.describe()}"
        seeded.build(module, seed, key=key, images=lambda: seeded.batch(self.recipe, seed))

    def prepare_image(self, image: np.ndarray) -> np.ndarray:
        """(h, w, 3) uint8 -> (size, size, 3) float32."""
        return self.recipe(image)

    def forward(self, module: torch.nn.Module, images: torch.Tensor) -> dict[str, torch.Tensor]:
        import torch

        parts, wanted = [], dict(zip(LAYERS[self.net][1], self._heads(), strict=True))
        for place, layer in enumerate(module.children()):
            images = layer(images)
            if place in wanted:
                # torchmetrics adds eps within the root, the authors after it; neither shows in 6 digits
                length = (images.square().sum(1, keepdim=True) + 1e-8).sqrt()
                places = images.shape[2] * images.shape[3]
                scale = (wanted[place].to(images.device, images.dtype) / places).clamp_min(0).sqrt()
                parts.append((images / length * scale[None, :, None, None]).flatten(1))
        return {"features": torch.cat(parts, 1)}

    def _heads(self) -> list[torch.Tensor]:
        """(c,) weights of each layer, as they ship with torchmetrics."""
        import torch
        import torchmetrics

        folder = Path(torchmetrics.__file__).parent / "functional" / "image" / "lpips_models"
        state = torch.load(folder / f"{self.net}.pth", map_location="cpu", weights_only=True)
        return [state[f"lin{i}.model.1.weight"].flatten() for i in range(len(LAYERS[self.net][1]))]
