"""`captioned-folder`: a folder of images with their captions, as prompts, as a reference set, or both.

`reference=self` makes the images the reference of their own captions (photographs that others are measured against).
It is not the default: a folder of generated images measured against itself would score perfectly.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from functools import cached_property

from bench.datasets.referenced import Referenced
from bench.formats.captioned import Captioned, read_captioned
from bench.registry import register
from bench.types import Sample


@register("dataset", "captioned-folder", summary="images with captions in text files, a table or their file names")
class CaptionedFolder(Referenced):
    """`captions`: manifest, sidecar (`a.txt` beside `a.png`), names (`a red dog_0001.png`) or auto.

    `reference`: self, a folder of images, an .npz of statistics, or a dataset.
    """

    def __init__(self, path: str, captions: str = "auto", reference: str | None = None) -> None:
        super().__init__(None if reference == "self" else reference)
        self.path, self.captions, self.own = os.path.expanduser(str(path)), str(captions), reference == "self"

    @cached_property
    def _content(self) -> Captioned:
        return read_captioned(self.path, self.captions)

    @cached_property
    def samples(self) -> Sequence[Sample]:
        found = self._content
        if not self.own:
            return found.samples
        return [dataclasses.replace(s, reference=found.images[s.id]) for s in found.samples]
