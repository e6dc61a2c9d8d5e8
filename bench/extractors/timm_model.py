"""`timm`: pooled features (and logits where there is a classifier) of any timm model, DINOv2 among them.

Preprocessing is the model's published data configuration in its test form. `size` changes the input: position
embeddings of transformers are resampled by timm (DINOv2 is published at 518, FD-DINOv2 is used at 224), convolutional
networks take any size; the shorter side before the crop keeps the published ratio.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.errors import UsageError, did_you_mean
from bench.extractors.network import Network
from bench.extractors.preprocess import Preprocess
from bench.extractors.weights import Source
from bench.registry import register

if TYPE_CHECKING:
    import torch

_FILES = ("model.safetensors", "pytorch_model.bin")


@register("extractor", "timm", summary="pooled features of any timm model (DINOv2, ConvNeXt, ...)")
class Timm(Network):
    """Images -> features (b, d) and, where the model classifies, logits (b, classes).

    model: a name of timm.list_models(pretrained=True). weights: a file; none: the published ones where found.
    seed: random network instead. size: side of the input in pixels; none: as published.
    """

    plugin_name = "timm"
    batch_size = 16

    def __init__(
        self,
        model: str = "vit_small_patch14_dinov2.lvd142m",
        weights: str | None = None,
        seed: int | None = None,
        size: int | None = None,
    ) -> None:
        super().__init__(weights, seed)
        self.model, self.size = model, size
        if size is not None and size <= 128:
            self.batch_size = 64  # small inputs leave a small batch bound by reading the weights

    @cached_property
    def config(self) -> Any:
        """timm's published configuration of the model."""
        import timm

        found = timm.get_pretrained_cfg(self.model, allow_unregistered=False) if timm.is_model(self.model) else None
        if found is None:
            self.unknown_model(self.model, did_you_mean(self.model, timm.list_models(pretrained=True)))
        return found

    @property
    def image_outputs(self) -> tuple[str, ...]:  # type: ignore[override]
        return ("features", "logits") if self.config.num_classes else ("features",)

    @cached_property
    def recipe(self) -> Preprocess:
        """The preprocessing of this model at this size."""
        says = self.config
        size = (self.size, self.size) if self.size else tuple((says.test_input_size or says.input_size)[1:])
        if min(size) < 16 or max(size) > 4096:
            raise UsageError(f"size={self.size} of timm is no sensible side; give 16 to 4096 pixels.")
        crop = says.test_crop_pct or says.crop_pct
        return Preprocess(
            size=size,
            mean=tuple(says.mean),
            std=tuple(says.std),
            interpolation=says.interpolation if says.interpolation != "random" else "bilinear",
            mode="squash" if says.crop_mode == "squash" else "crop",
            resize=math.floor(min(size) / crop),
        )

    def source(self) -> Source:
        hub = self.config.hf_hub_id or ""
        url = f"https://huggingface.co/{hub}/resolve/main/{_FILES[0]}" if hub else self.config.url
        name = f"timm-{self.model}{'.safetensors' if hub else Path(url or '').suffix}"
        return Source(names=(name,), hub=hub, hub_names=_FILES if hub else (), url=url or "")

    def network(self) -> str:
        return f"timm {self.model}"

    def preprocessing(self) -> Mapping[str, Any]:
        return self.recipe.describe()

    def build(self) -> torch.nn.Module:
        import timm

        return timm.create_model(self.model, pretrained=False).eval()

    def fit(self, state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        if self.config.num_classes:
            return state
        return {k: v for k, v in state.items() if not k.startswith(("head.", "mask_token"))}

    def randomise(self, module: torch.nn.Module, seed: int) -> None:
        from bench.extractors import seeded

        self._resized(module)
        key = f"{self.network()} {self.recipe.describe()}"
        head = seeded.classifier_of(module) if self.config.num_classes else None
        seeded.build(module, seed, key=key, images=lambda: seeded.batch(self.recipe, seed), classifier=head)

    def finish(self, module: torch.nn.Module) -> torch.nn.Module:
        return self._resized(module)

    def _resized(self, module: torch.nn.Module) -> torch.nn.Module:
        """Position embeddings for the input size; nothing to do for convolutional networks."""
        if self.size and hasattr(module, "set_input_size"):
            try:
                module.set_input_size(img_size=self.recipe.size)
            except (AssertionError, ValueError, RuntimeError) as error:
                raise UsageError(f"{self.model} takes no images of side {self.size}: {error}.") from error
        return module

    def prepare_image(self, image: np.ndarray) -> np.ndarray:
        """(h, w, 3) uint8 -> (size, size, 3) float32."""
        return self.recipe(image)

    def forward(self, module: torch.nn.Module, images: torch.Tensor) -> dict[str, torch.Tensor]:
        tokens = module.forward_features(images)
        out = {"features": module.forward_head(tokens, pre_logits=True)}
        if self.config.num_classes:
            out["logits"] = module.forward_head(tokens)
        return out
