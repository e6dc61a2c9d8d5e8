"""`webdataset`: captioned images in tars, as training code of the field keeps them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from bench.datasets.official import Official
from bench.errors import DataError
from bench.formats import shards
from bench.formats.findings import Findings
from bench.formats.large_files import sha256
from bench.formats.reading import Reading
from bench.registry import register
from bench.spec import digest
from bench.types import Sample


@register("dataset", "webdataset", summary="captioned images in tars: 000017.jpg with 000017.txt or 000017.json")
class WebDataset(Official):
    """root: a folder of *.tar, or one tar. images: none takes the captions alone; the images are references else."""

    def __init__(self, root: str, images: str | None = "auto", reference: str | None = None) -> None:
        super().__init__(root, reference)
        self.with_images = images not in (None, "none")

    def read(self, reading: Reading) -> Iterable[Sample]:
        for one in shards.read_shards(reading):
            yield one if self.with_images else Sample(one.id, one.prompt, tags=one.tags)

    def _check_own(self) -> None:
        bare = sum(s.reference is None for s in self.samples) if self.with_images else 0
        if bare:
            raise DataError(f"{bare} samples of the tars have a caption and no image; images=none uses the captions.")

    def load_image(self, locator: str) -> np.ndarray:
        return shards.load(locator) if shards.is_locator(locator) else super().load_image(locator)

    @cached_property
    def _reference_identity(self) -> Any:
        if self.reference:
            return super()._reference_identity
        return {"tars": self.own_identity() if self.with_images else None}

    def own_identity(self) -> Any:
        """Digest of the tars' contents."""
        root = self.reading.root
        return digest([sha256(Path(p)) for p in ([root] if root.is_file() else sorted(root.glob("*.tar")))])

    def _look_at_images(self, samples: Iterable[Sample], log: Findings, reading: Reading) -> None:
        for one in samples:
            if self.with_images and one.reference is None:
                log.add("missing-image", one.tags["shard"], one.id)
