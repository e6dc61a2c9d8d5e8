"""`occlusion-map`: where a two-tower model looks for a prompt, by covering parts of the image (Zeiler and Fergus 2014,
arXiv 1311.2901, sec. 4.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bench import registry
from bench.errors import UsageError
from bench.extractors.base import Extractor
from bench.registry import register
from bench.spec import parse
from bench.types import Sample

if TYPE_CHECKING:
    import torch

_REACH = 2
"""A window covers so many cells a side; windows start at every cell, so that they overlap."""
_TOGETHER = 256
"""Covered images that go through the network at once."""


@register("extractor", "occlusion-map", summary="where a two-tower model looks for the prompt, by covering parts")
class OcclusionMap(Extractor):
    """Map (grid, grid): by how much the cosine with the prompt falls when a window over the cell is covered with the
    colour of the border. `of`: any extractor of image and text features."""

    image_outputs = ("map",)
    query = "prompt"
    batch_size = 16

    def __init__(self, of: str = "scene-clip", grid: int = 8) -> None:
        if grid < _REACH:
            raise UsageError(f"grid must be at least {_REACH}; got {grid}.")
        spec = parse(str(of))
        self.grid, self.inner = int(grid), registry.create("extractor", spec.name, spec.params)
        self.judges = (str(of),)
        if "features" not in self.inner.image_outputs or "features" not in self.inner.text_outputs:
            raise UsageError(f"occlusion-map needs features of images and texts, and {of} does not give both.")

    @property
    def caveat(self) -> str:  # type: ignore[override]
        return str(self.inner.caveat)

    def problems(self) -> list[str]:
        return list(self.inner.problems())

    def identity(self) -> Mapping[str, Any]:
        return {"of": self.inner.plugin_name, "inner": dict(self.inner.identity()), "grid": self.grid, "reach": _REACH}

    def load(self, device: str = "cpu", dtype: str = "float32") -> None:
        self.inner.load(device, dtype)

    def extract_images(self, batch: Sequence[np.ndarray], queries: Sequence[Sample] | None = None) -> dict[str, Any]:
        """uint8 (h, w, 3) images with their samples -> map (b, grid, grid)."""
        import torch

        assert queries is not None
        prompts = list(dict.fromkeys(s.prompt if s is not None else " " for s in queries))
        said = dict(zip(prompts, self._unit(self.inner.extract_texts(prompts)["features"]), strict=True))
        rows = [
            self._map(image, said[s.prompt if s is not None else " "]) for image, s in zip(batch, queries, strict=True)
        ]
        return {"map": torch.stack(rows)}

    def _map(self, image: np.ndarray, text: torch.Tensor) -> torch.Tensor:
        import torch

        covered = [image, *(_covered(image, self.grid, i, j) for i, j in self._windows())]
        prepared = [self.inner.prepare_image(one) for one in covered]
        parts = [prepared[i : i + _TOGETHER] for i in range(0, len(prepared), _TOGETHER)]
        seen = torch.cat([self._unit(self.inner.extract_images(part)["features"]) for part in parts])
        agreement = (seen @ text.to(seen.device)).cpu()
        fall, times = torch.zeros(self.grid, self.grid), torch.zeros(self.grid, self.grid)
        for (i, j), value in zip(self._windows(), agreement[0] - agreement[1:], strict=True):
            fall[i : i + _REACH, j : j + _REACH] += value
            times[i : i + _REACH, j : j + _REACH] += 1
        return fall / times

    def _windows(self) -> list[tuple[int, int]]:
        starts = range(self.grid - _REACH + 1)
        return [(i, j) for i in starts for j in starts]

    @staticmethod
    def _unit(rows: torch.Tensor) -> torch.Tensor:
        return rows.float() / rows.float().norm(dim=1, keepdim=True).clamp_min(1e-12)


def _covered(image: np.ndarray, grid: int, row: int, column: int) -> np.ndarray:
    height, width = image.shape[:2]
    border = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    found = image.copy()
    top, bottom = row * height // grid, (row + _REACH) * height // grid
    left, right = column * width // grid, (column + _REACH) * width // grid
    found[top:bottom, left:right] = np.median(border, axis=0).astype(np.uint8)
    return found
