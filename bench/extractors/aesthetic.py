"""`aesthetic`: LAION's aesthetic predictor, a small network on a CLIP image embedding
(https://github.com/christophschuhmann/improved-aesthetic-predictor)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench import registry
from bench.errors import UsageError
from bench.extractors import weights as files
from bench.extractors.base import Extractor
from bench.registry import register
from bench.spec import parse
from bench.types import Sample

if TYPE_CHECKING:
    import torch

WIDTHS = (1024, 128, 64, 16, 1)
"""Of the published predictor, between which there is dropout and no other non-linearity."""


@register("extractor", "aesthetic", summary="LAION's aesthetic rating from a CLIP embedding: about 1 to 10")
class Aesthetic(Extractor):
    """Images -> logits (b, 1), the rating. head: file of the predictor (sac+logos+ava1-l14-linearMSE.pth). of: the CLIP
    model that it was made for. Embeddings are scaled to length one."""

    image_outputs = ("logits",)
    batch_size = 16

    def __init__(
        self,
        head: str = "sac+logos+ava1-l14-linearMSE.pth",
        of: str = "open-clip(model=ViT-L-14,pretrained=openai)",
    ) -> None:
        spec = parse(str(of))
        self.head, self.inner = Path(head).expanduser(), registry.create("extractor", spec.name, spec.params)
        self.judges = (str(of),)
        if "features" not in self.inner.image_outputs:
            raise UsageError(f"aesthetic needs features of images, and {of} gives none.")
        self._layers: list[tuple[torch.Tensor, torch.Tensor]] = []

    @property
    def caveat(self) -> str:  # type: ignore[override]
        return str(self.inner.caveat)

    def problems(self) -> list[str]:
        found = list(self.inner.problems())
        if not self.head.is_file():
            found.append(f"The aesthetic predictor's weights {self.head} do not exist; give head=PATH of the file.")
        return found

    def identity(self) -> Mapping[str, Any]:
        return {
            "of": self.inner.plugin_name, "inner": dict(self.inner.identity()),
            "weights": f"sha256:{files.sha256(self.head)}",
        }  # fmt: skip

    def load(self, device: str = "cpu", dtype: str = "float32") -> None:
        self.inner.load(device, dtype)
        state = files.read(self.head)
        names = sorted((n for n in state if n.endswith(".weight")), key=lambda n: int(n.split(".")[-2]))
        self._layers = [(state[n].float(), state[n.removesuffix("weight") + "bias"].float()) for n in names]
        if tuple(len(bias) for _, bias in self._layers) != WIDTHS:
            raise UsageError(f"{self.head} is no aesthetic predictor: its layers are not {WIDTHS} wide.")

    def prepare_image(self, image: np.ndarray) -> Any:
        return self.inner.prepare_image(image)

    def extract_images(self, batch: Sequence[Any], queries: Sequence[Sample] | None = None) -> dict[str, Any]:
        """Prepared images -> logits (b, 1)."""
        rows = self.inner.extract_images(batch)["features"].float().cpu()
        rows = rows / rows.norm(dim=1, keepdim=True).clamp_min(1e-12)
        for weight, bias in self._layers:
            rows = rows @ weight.T + bias
        return {"logits": rows}
