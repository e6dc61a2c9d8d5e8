"""`hugging-face`: a data set that Hugging Face's `datasets` wrote to disk (extra `hub`), by its columns' names."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterable
from functools import cached_property
from typing import Any

import numpy as np

from bench.datasets.official import Official
from bench.errors import DataError, UsageError, did_you_mean
from bench.formats.arrays import to_pixels
from bench.formats.findings import Findings
from bench.formats.reading import Reading
from bench.registry import register
from bench.types import Sample

_LOCATOR = "hub-row/"


@register("dataset", "hugging-face", summary="a data set saved by Hugging Face's `datasets`, or its parquet files")
class HuggingFace(Official):
    """root: what `save_to_disk` wrote, or a folder of parquet files. prompt, image, id: columns (image and id may be
    none). Nothing is downloaded, and no code of a data set is run.
    """

    def __init__(
        self, root: str, split: str = "", prompt: str = "prompt", image: str | None = None, id: str | None = None,
        reference: str | None = None,
    ) -> None:  # fmt: skip
        super().__init__(root, reference)
        self.split, self.columns = split, {"prompt": prompt, "image": image, "id": id}

    @cached_property
    def rows(self) -> Any:
        """The split as `datasets` gives it."""
        return _opened(os.path.expanduser(str(self.given)), self.split)

    def read(self, reading: Reading) -> Iterable[Sample]:
        for column in filter(None, self.columns.values()):
            if column not in self.rows.column_names:
                hint = did_you_mean(column, self.rows.column_names)
                reading.log.add("header", str(reading.root), f"there is no column '{column}'.{hint}")
                return
        image, name = self.columns["image"], self.columns["id"]
        texts = self.rows[self.columns["prompt"]]
        names = self.rows[name] if name else range(len(texts))
        for at, (own, text) in enumerate(zip(names, texts, strict=True)):
            prompt = reading.said(text, reading.root, f"row {at}")
            if prompt:
                yield Sample(
                    str(own) if name else f"{at:06d}", prompt, reference=f"{_LOCATOR}{at}" if image else None,
                    tags={"line": str(at + 1)},
                )  # fmt: skip

    def _check_own(self) -> None:
        """Images are rows, which are there with their table."""

    def load_image(self, locator: str) -> np.ndarray:
        if not locator.startswith(_LOCATOR):
            return super().load_image(locator)
        return to_pixels(self.rows[int(locator.removeprefix(_LOCATOR))][self.columns["image"]], f"The image {locator}")

    @cached_property
    def _reference_identity(self) -> Any:
        return super()._reference_identity if self.reference else {"rows": self.own_identity()}

    def own_identity(self) -> Any:
        """The fingerprint that `datasets` keeps of a table."""
        return self.rows._fingerprint

    def _look_at_images(self, samples: Iterable[Sample], log: Findings, reading: Reading) -> None:
        """Images are rows."""


def _opened(path: str, split: str) -> Any:
    try:
        datasets: Any = importlib.import_module("datasets")
    except ImportError:
        datasets = None
    # from the root of a checkout `datasets` is the folder of cards, a package without any name in it
    if not hasattr(datasets, "load_from_disk"):
        raise UsageError("'hugging-face' needs Hugging Face's library: pip install 'text-image-bench[hub]'.")
    try:
        if any(os.path.isfile(os.path.join(path, f)) for f in ("dataset_dict.json", "state.json")):
            found = datasets.load_from_disk(path)
        else:
            files = sorted(os.path.join(base, f) for base, _, names in os.walk(path) for f in names
                           if f.endswith(".parquet") and (not split or f.startswith(split)))  # fmt: skip
            if not files:
                raise DataError(f"'{path}' holds neither what save_to_disk writes nor parquet files of the split.")
            found = datasets.Dataset.from_parquet(files)
    except DataError:
        raise
    except Exception as error:  # what the library raises is its own affair
        raise DataError(f"'{path}' cannot be opened by `datasets` ({error}).") from None
    if not isinstance(found, dict):
        return found
    if split not in found:
        raise DataError(f"'{path}' has no split '{split}'.{did_you_mean(split, found)}")
    return found[split]
