"""What a dataset is: samples in a stable order, a card, and the way from a locator to pixels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

import numpy as np

from bench.formats.images import decode
from bench.types import Sample


class Dataset:
    """Base of all datasets. Subclass, implement `__iter__` and `identity`, register with `@register("dataset",
    NAME)`."""

    version: ClassVar[int] = 1
    panel: str = "quick"
    """Name of the panel that a run takes when no metric is asked for."""
    condition: ClassVar[str] = ""
    """What its prompts try: 'semantic', 'spatial', 'temporal' or another word ('': none); `compare --by dataset-group`
    ranks systems by it. Told of a run, never part of a digest."""
    visibility: ClassVar[str] = ""
    """As on a card: 'private' keeps captions, images and rows with the runs; '' leaves it to the card."""
    sensitive: ClassVar[bool] = False
    """Pages blur the images until they are clicked."""

    def problems(self) -> list[str]:
        """Sentences that say which files are missing and where they are looked for; empty when it can be read."""
        return []

    def notes(self) -> list[str]:
        """Lines for the run's record, e.g. how many samples were left out and why."""
        return []

    def identity(self) -> Mapping[str, Any]:
        """Name, version and whatever else fixes the samples (digests of files, the split). JSON-able, cheap."""
        raise NotImplementedError

    def __iter__(self) -> Iterator[Sample]:
        """Samples in a stable order, ids unique."""
        raise NotImplementedError

    def load_image(self, locator: str) -> np.ndarray:
        """Pixels of a `Sample.reference`, `input_image` or mask: uint8 (h, w, 3). Default: decode the file."""
        return decode(locator)

    def references(self) -> Iterable[str]:
        """Locators of the reference set of set metrics, in a stable order. Default: each sample's reference."""
        return [s.reference for s in self if s.reference is not None]

    def own_identity(self) -> Any:
        """What fixes the pixels of the samples' own references; None (the default): what fixes the samples does."""
        return None

    def training(self) -> Iterable[Sample]:
        """Samples of the training split, for controls that retrieve; empty when there is none."""
        return ()
