"""`inception-v3`: the Inception network that FID, KID and IS mean (TensorFlow 2015-12-05), with its resizings.

Blocks and weights layout are torch-fidelity's, so its published file fits and outputs agree with it. What differs is
speed: rows arrive resized from the worker threads, BatchNorm is folded into the convolutions and memory is
channels-last, which on a CPU runs twice as fast as the plain module (merged 1x1 branches, prepacked weights and
TorchScript freezing were tried and gain nothing further). Results are as near to
a float64 pass as the plain module's (a test holds it); two float32 orders of summation differ by some 1e-5 of a feature
vector's length in a seeded network, which has more gain than a trained one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.errors import UsageError, did_you_mean
from bench.extractors.network import Network
from bench.extractors.resize import PRESETS
from bench.extractors.weights import Source
from bench.registry import register

if TYPE_CHECKING:
    import torch

SIZE = 299
PUBLISHED = Source(
    names=("weights-inception-2015-12-05-6726825d.pth", "pt_inception-2015-12-05-6726825d.pth"),
    url="https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/weights-inception-2015-12-05-6726825d.pth",
    sha256="6726825d",
)
"""The second name is pytorch-fid's, of the same layout."""


@register("extractor", "inception-v3", summary="Inception network of FID, KID, IS: features (2048), logits (1008)")
class InceptionV3(Network):
    """Images -> features (b, 2048), the last average pool, and logits (b, 1008) without bias (`logits_unbiased`).

    weights: path of a file; none: the published file where it is found. seed: random network instead.
    resize: tf-fid (FID as published), clean (clean-fid), torch-legacy (pytorch-fid) or tm-aa (torchmetrics).
    """

    plugin_name = "inception-v3"
    image_outputs = ("features", "logits")
    batch_size = 16

    def __init__(self, weights: str | None = None, seed: int | None = None, resize: str = "tf-fid") -> None:
        super().__init__(weights, seed)
        if resize not in PRESETS:
            raise UsageError(f"inception-v3 knows no resize '{resize}'.{did_you_mean(resize, PRESETS)}")
        self.resize = resize

    def source(self) -> Source:
        return PUBLISHED

    def network(self) -> str:
        return "inception-v3-2015-12-05"

    def preprocessing(self) -> Mapping[str, Any]:
        return {"resize": self.resize, "size": SIZE}

    def build(self) -> torch.nn.Module:
        from bench.extractors.inception_net import Inception

        return Inception().eval()

    def fit(self, state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {name: value for name, value in state.items() if not name.startswith("AuxLogits.")}

    def randomise(self, module: torch.nn.Module, seed: int) -> None:
        from bench.extractors import seeded

        seeded.build(module, seed, key=self.network(), images=lambda: _calibration(seed), classifier=module.fc)

    def finish(self, module: torch.nn.Module) -> torch.nn.Module:
        from bench.extractors.inception_net import folded

        return folded(module)

    def prepare_image(self, image: np.ndarray) -> np.ndarray:
        """(h, w, 3) uint8 -> (299, 299, 3) float32 in about [-1, 1]."""
        return PRESETS[self.resize](image, SIZE)

    def forward(self, module: torch.nn.Module, images: torch.Tensor) -> dict[str, torch.Tensor]:
        features, logits = module(images)
        return {"features": features, "logits": logits}


def _calibration(seed: int) -> torch.Tensor:
    import torch

    from bench.extractors.seeded import IMAGES, pictures

    return torch.from_numpy(pictures(IMAGES, SIZE, seed) * 2 - 1).permute(0, 3, 1, 2)
