"""`discriminator`: the critic that a trained generator was played against, as a judge of image and text together.

It is published by the generator (`judge`), found through the registry and run as it was left by the training. It has
seen that generator's images and learned from the same captions: its word on that generator is never independent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bench import registry
from bench.errors import UsageError
from bench.extractors.base import Extractor
from bench.registry import register
from bench.spec import parse_system
from bench.types import Sample


@register("extractor", "discriminator", summary="the critic of a trained generator: do image and prompt match?")
class Discriminator(Extractor):
    """Images asked about their prompts -> logits (b, 1): D(x, t), whose sigmoid is the match score.

    system: a generator that publishes its critic, e.g. cgan, "iten+film" or cgan(train_seed=1); its weights are used.
    """

    image_outputs = ("logits",)
    query = "prompt"
    batch_size = 64

    def __init__(self, system: str = "cgan") -> None:
        self.system = parse_system(str(system))
        spec = self.system.generator
        self.generator = registry.create("generator", spec.name, spec.params)
        if not hasattr(self.generator, "judge"):
            raise UsageError(f"The generator '{spec.name}' publishes no discriminator; cgan, for instance, does.")
        if self.system.fusion is not None:
            self.generator.fuse(self.system.fusion)

    @property
    def caveat(self) -> str:  # type: ignore[override]
        name = self.system.generator.name
        return f"critic trained on the images of {name}: not independent for {name}"

    def problems(self) -> list[str]:
        return list(self.generator.problems())

    def identity(self) -> Mapping[str, Any]:
        return {
            "critic": str(self.system), **self.generator.identity(),
            "preprocessing": {"size": self.generator.side, "resize": "as the scenes' detector"},
        }  # fmt: skip

    def prepare_image(self, image: np.ndarray) -> np.ndarray:
        """As it is: the generator knows its own side."""
        return image

    def extract_images(self, batch: Sequence[Any], queries: Sequence[Sample] | None = None) -> dict[str, Any]:
        """Images with their samples -> logits (b, 1)."""
        assert queries is not None
        return {"logits": self.generator.judge(batch, [s.prompt if s is not None else "" for s in queries])[:, None]}
