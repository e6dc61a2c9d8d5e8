"""`collapse`: does a system make different images at all? Shares of constant, black and repeated images, and of prompts
whose repeats ignore the seed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import torch

from bench.metrics.base import Metric, mean_output
from bench.metrics.rowwise import estimates, mark
from bench.registry import register
from bench.types import PixelFacts, Sample, View

BLACK = 8
"""An image whose brightest channel value is at most this is black (safety filters return such)."""


@register(
    "metric",
    "collapse",
    summary="shares of constant, black, repeated images and ignored seeds",
    scope="gallery",
    direction="lower",
)
class Collapse(Metric):
    """constant: all pixels equal. black: nothing brighter than 8 of 255. duplicates: pixels equal to those of another
    prompt. seeds-ignored: pixels equal to another repeat of the same prompt (only where there are repeats)."""

    formula = "shares of constant, black, repeated images, and of repeats that ignore the seed"
    scope = "gallery"
    compares = False
    outputs = tuple(
        mean_output(name, label, column=name, direction="lower", primary=name in ("duplicates", "constant"))
        for name, label in (
            ("constant", "constant images"), ("black", "black images"), ("duplicates", "duplicate images"),
            ("seeds-ignored", "seeds ignored"),
        )
    )  # fmt: skip
    responds_to = ("constant", "duplicates", "seeds-ignored")

    def __init__(self) -> None:
        super().__init__()
        self.flags, self.marks = self.add_rows("flags"), self.add_rows("marks")

    def views(self) -> Mapping[str, View]:
        return {"facts": View("generated", "facts"), "truth": View("sample", "truth")}

    def update(self, *, facts: Sequence[PixelFacts], truth: Sequence[Sample], ids: Sequence[str] | None = None) -> None:
        """Aligned lists of length b."""
        if not facts:
            return
        flags = [(f.constant, f.high <= BLACK) for f in facts]
        getattr(self, self.flags).append(torch.tensor(flags, dtype=torch.float64))
        pairs = zip((s.id for s in truth), (f.digest for f in facts), strict=True)
        getattr(self, self.marks).append(torch.tensor([[mark(a), mark(b)] for a, b in pairs]))

    def table(self) -> dict[str, np.ndarray]:
        flags, marks = self.joined(self.flags).numpy(force=True), self.joined(self.marks).tolist()
        self.need(len(marks))
        seen = [tuple(pair) for pair in marks]
        images, repeats = Counter(seen), Counter(sample for sample, _ in seen)
        owners = Counter(digest for _, digest in set(seen))
        duplicate = [float(owners[digest] > 1) for _, digest in seen]
        ignored = [float(images[pair] > 1) if repeats[pair[0]] > 1 else np.nan for pair in seen]
        return {
            "constant": flags[:, 0], "black": flags[:, 1], "duplicates": np.array(duplicate),
            "seeds-ignored": np.array(ignored, dtype=np.float64),
        }  # fmt: skip

    def compute(self) -> torch.Tensor | dict[str, torch.Tensor]:
        return estimates(self, self.table())
