"""The trained judges of scenes: `scene-clip`, `scene-clip-independent`, `scene-classifier`.

Their weights are shipped beside the code (bench/judges/, made by `bench train`, figures in docs/judges.md); `weights=`
names a file of the same command instead. They know scenes and nothing else: numbers on photographs mean nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from bench.errors import UsageError, WeightsMissing
from bench.extractors.network import Network
from bench.registry import register
from bench.world.tokens import CONTEXT, tokens

if TYPE_CHECKING:
    import torch

SHIPPED = Path(__file__).resolve().parent.parent / "judges"


class _Judge(Network):
    """What the three share: shipped weights, their own pixels."""

    batch_size = 64
    builder: ClassVar[str]
    """Name in bench.extractors.scene_nets, where open_clip is imported."""

    def __init__(self, weights: str | None = None) -> None:
        super().__init__(weights, None)

    @property
    def caveat(self) -> str:  # type: ignore[override]
        return "learned judge of scenes"

    def network(self) -> str:
        return self.plugin_name

    def preprocessing(self) -> Mapping[str, Any]:
        return {"size": 64, "resize": "as the scenes' detector", "middle": 128, "spread": 64}

    def _check_presence(self) -> None:
        if self._is_path():
            return super()._check_presence()
        if not self._shipped.is_file():
            raise WeightsMissing(
                f"The weights of {self.plugin_name} are not in this installation ({self._shipped}); install it anew, "
                f"or make them: bench train extractor:{self.plugin_name}."
            )

    def weights_path(self) -> Path:
        self._check_presence()
        return Path(str(self.given)).expanduser() if self._is_path() else self._shipped

    @property
    def _shipped(self) -> Path:
        return SHIPPED / f"{self.plugin_name}.safetensors"

    def build(self) -> torch.nn.Module:
        from bench.extractors import scene_nets

        return getattr(scene_nets, self.builder)().eval()

    def prepare_image(self, image: np.ndarray) -> np.ndarray:
        """(h, w, 3) uint8 -> (64, 64, 3) float32."""
        from bench.extractors.scene_nets import pixels

        return pixels(image[None])[0]


class _TwoTower(_Judge):
    image_outputs = ("features",)
    text_outputs = ("features",)
    context = CONTEXT

    def identity(self) -> Mapping[str, Any]:
        return {**super().identity(), "context_length": CONTEXT}

    def forward(self, module: torch.nn.Module, images: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"features": module.encode_image(images)}

    def extract_texts(self, texts: Sequence[str]) -> dict[str, Any]:
        """Texts -> features (b, 256), unnormalised; an empty text is a UsageError."""
        import torch

        if any(not text.strip() for text in texts):
            raise UsageError(f"An empty text was given to {self.plugin_name}; a text says at least one word.")
        module = self._ready()
        device = next(module.parameters()).device
        with torch.inference_mode():
            return {"features": module.encode_text(torch.from_numpy(tokens(texts)[0]).to(device)).float()}

    def overlong(self, texts: Sequence[str]) -> int:
        return int(tokens(texts)[1].sum())


@register("extractor", "scene-clip", summary="two-tower model trained on scenes: images and captions in one space")
class SceneClip(_TwoTower):
    """Images and texts -> features (b, 256), unnormalised. weights: another file of `bench train`."""

    plugin_name = "scene-clip"
    builder = "scene_clip"


@register(
    "extractor", "scene-clip-independent", summary="second two-tower model of scenes: other data, other architecture"
)
class SceneClipIndependent(_TwoTower):
    """Images and texts -> features (b, 256), unnormalised. weights: another file of `bench train`."""

    plugin_name = "scene-clip-independent"
    builder = "scene_clip_independent"


@register(
    "extractor", "scene-classifier", summary="classifier of colour and shape of one-object scenes: for FID and IS"
)
class SceneClassifierJudge(_Judge):
    """Images -> features (b, 64) and logits (b, 48). weights: another file of `bench train`."""

    plugin_name = "scene-classifier"
    builder = "SceneClassifier"

    def forward(self, module: torch.nn.Module, images: torch.Tensor) -> dict[str, torch.Tensor]:
        return module(images)
