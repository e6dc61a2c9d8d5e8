"""`depth`: how near each place of an image is, by DPT, Depth Anything and kin of transformers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.errors import UsageError
from bench.extractors.hub_model import HubModel, weighed
from bench.registry import register
from bench.types import Sample

if TYPE_CHECKING:
    import torch


@register("extractor", "depth", summary="depth maps by DPT, Depth Anything and kin")
class Depth(HubModel):
    """Images -> map (b, side, side), whatever the image's shape.

    model: a folder or owner/name of the hub. DPT and Depth Anything give what is larger where it is nearer; models of
    true distances (ZoeDepth, GLPN, Depth Pro, the metric Depth Anything) the other way round, which the metric must be
    told (t2i-compbench-3d: nearer=low). at_once: images a forward pass.
    """

    plugin_name = "depth"
    what = "a depth estimator"
    image_outputs = ("map",)
    batch_size = 8
    dtypes = ("float32",)

    def __init__(
        self, model: str = "depth-anything/Depth-Anything-V2-Small-hf", revision: str = "", side: int = 128,
        at_once: int = 1,
    ) -> None:  # fmt: skip
        super().__init__(model, revision, at_once)
        self.side = int(side)
        if not 16 <= self.side <= 1024:
            raise UsageError(f"side={side} of depth is no sensible size of a map; give 16 to 1024.")

    def identity(self) -> Mapping[str, Any]:
        return {**super().identity(), "side": self.side}

    def network(self, folder: Path, kind: torch.dtype) -> tuple[Any, Mapping[str, Any]]:
        return weighed("AutoModelForDepthEstimation", folder, kind)

    @property
    def _images(self) -> Any:
        return getattr(self.processor, "image_processor", self.processor)

    def prepare_image(self, image: np.ndarray) -> tuple[Mapping[str, Any], tuple[int, int]]:
        """(h, w, 3) uint8 -> the processor's tensors, and (h, w)."""
        told = self._images(images=image, return_tensors="pt")
        return {"pixel_values": told["pixel_values"]}, image.shape[:2]

    def extract_images(self, batch: Sequence[Any], queries: Sequence[Sample] | None = None) -> dict[str, Any]:
        """Prepared images -> maps, brought to side x side from the network's own resolution by area."""
        import torch

        module = self.loaded()
        found = torch.zeros(len(batch), self.side, self.side)
        with torch.inference_mode():
            for places, inputs in self.passes([pixels for pixels, _ in batch]):
                deep = module(**inputs).predicted_depth.float()
                maps = torch.nn.functional.interpolate(
                    deep[:, None], size=(self.side, self.side), mode="bilinear", align_corners=False, antialias=True
                )[:, 0]
                for i, place in enumerate(places):
                    found[place] = maps[i].cpu()
        return {"map": found}
