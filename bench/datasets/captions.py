"""`captions`: one's own prompts, from a file or from a folder of captioned images, with any reference set."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from bench.datasets.referenced import Referenced
from bench.formats.captioned import read_captioned
from bench.formats.findings import Finding
from bench.formats.prompts import read_prompts
from bench.formats.reading import Reading
from bench.registry import register
from bench.types import Sample


@register("dataset", "captions", summary="prompts from a csv, tsv, json, jsonl or txt file, or from a folder of images")
class Captions(Referenced):
    """`path`: a file of prompts, or a folder whose images carry captions (see `captioned-folder`).

    `reference`: a folder of images, an .npz of statistics, or a dataset; default: the file's own column `reference`.
    """

    def __init__(self, path: str, reference: str | None = None) -> None:
        super().__init__(reference)
        self.path = os.path.expanduser(str(path))

    @cached_property
    def samples(self) -> Sequence[Sample]:
        return read_captioned(self.path).samples if os.path.isdir(self.path) else read_prompts(self.path)

    # ---- what `bench data verify` asks ----

    def findings(self) -> list[Finding]:
        """What stands in the way, or what is odd about a file that can be read: line ends, a byte-order mark, prompts
        that repeat or look like a path."""
        path = Path(self.path)
        reading = Reading("captions", path.parent)
        for message in self.problems():
            reading.log.add("unreadable", path.name, message)
        if path.is_file() and not reading.log.refused:
            reading.text(path)
            for at, sample in enumerate(self.samples, 1):
                reading.said(sample.prompt, path, f"prompt {at}")
            reading.repeats([sample.prompt for sample in self.samples], path)
        return reading.log.all()

    def readable(self) -> int:
        """Samples that could be read."""
        return 0 if self.problems() else len(self.samples)
