"""`torchvision`: penultimate features and logits of any torchvision classifier.

The penultimate layer is what enters the last linear layer, which holds for every classification family of torchvision
but SqueezeNet (it ends in a convolution and is refused). Weights are an enum name (`IMAGENET1K_V1`), a file, or
random by seed; preprocessing is that of the enum, or of the model's default enum.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.errors import UsageError
from bench.extractors.preprocess import Preprocess
from bench.extractors.torchvision_weights import TorchvisionNetwork
from bench.extractors.weights import Source
from bench.registry import register

if TYPE_CHECKING:
    import torch


@register("extractor", "torchvision", summary="penultimate features and logits of a torchvision classifier")
class Torchvision(TorchvisionNetwork):
    """Images -> features (b, d) and logits (b, classes).

    model: a classifier of torchvision.models. weights: an enum name, a file, or none for the model's default enum.
    seed: random network instead. size: side of the input in pixels; none: as published.
    """

    plugin_name = "torchvision"
    batch_size = 16

    def __init__(
        self, model: str = "resnet18", weights: str | None = None, seed: int | None = None, size: int | None = None
    ) -> None:
        super().__init__(weights, seed)
        self.model, self.size = model, size
        if size is not None and size <= 128:
            self.batch_size = 64  # small inputs leave a small batch bound by reading the weights

    @cached_property
    def enum(self) -> Any:
        """The member of the model's weights enum that says preprocessing and file."""
        from torchvision import models

        classifiers = models.list_models(module=models)
        if self.model in classifiers and self.model.startswith("squeezenet"):
            raise UsageError(f"{self.model} has no last linear layer to take features from; choose another model.")
        return self.published(classifiers)

    @cached_property
    def recipe(self) -> Preprocess:
        """The preprocessing of the enum at this size."""
        says = self.enum.transforms()
        crop, short = says.crop_size[0], says.resize_size[0]
        if self.size is not None and not 16 <= self.size <= 4096:
            raise UsageError(f"size={self.size} of torchvision is no sensible side; give 16 to 4096 pixels.")
        size = self.size or crop
        return Preprocess(
            size=(size, size),
            mean=tuple(says.mean),
            std=tuple(says.std),
            interpolation=says.interpolation.value,
            resize=round(short * size / crop),
        )

    def source(self) -> Source:
        url = self.enum.url
        digest = re.search(r"-([0-9a-f]{8})\.pth$", url)
        return Source(names=(Path(url).name,), url=url, sha256=digest[1] if digest else "")

    def network(self) -> str:
        return f"torchvision {self.model}"

    def preprocessing(self) -> Mapping[str, Any]:
        return self.recipe.describe()

    def build(self) -> torch.nn.Module:
        from torchvision import models

        extra = {"init_weights": False} if self.model in ("googlenet", "inception_v3") else {}
        return models.get_model(self.model, weights=None, **extra).eval()

    def randomise(self, module: torch.nn.Module, seed: int) -> None:
        from bench.extractors import seeded

        key = f"{self.network()} {self.recipe.describe()}"
        head = seeded.classifier_of(module)
        seeded.build(module, seed, key=key, images=lambda: seeded.batch(self.recipe, seed), classifier=head)

    def prepare_image(self, image: np.ndarray) -> np.ndarray:
        """(h, w, 3) uint8 -> (size, size, 3) float32."""
        return self.recipe(image)

    def forward(self, module: torch.nn.Module, images: torch.Tensor) -> dict[str, torch.Tensor]:
        from bench.extractors.seeded import classifier_of

        seen: list[torch.Tensor] = []
        hook = classifier_of(module).register_forward_pre_hook(lambda _, args: seen.append(args[0]))
        try:
            logits = module(images)
        finally:
            hook.remove()
        return {"features": seen[-1].flatten(1), "logits": logits}
