"""Which rows of the train split generators learn from, and what they say; pixels as bytes.

Rows of different seeds never overlap, and none is a row that a judge was trained on: they begin at 1,000,000,000.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from bench.world.description import understand
from bench.world.grammar import paraphrases
from bench.world.split import Entry, scene_at

FIRST, APART = 1_000_000_000, 10_000_000
"""The first row of seed 0, and how far apart the first rows of two seeds are."""


def first_row(seed: int) -> int:
    """Where the data of a training seed begin."""
    return FIRST + seed * APART


def entries_of(which: Sequence[int], ones: int = 0) -> list[Entry]:
    """Rows of the train split, of which the first `ones` show a single object and say what it is."""
    return [scene_at("one-train" if i < ones else "train", row) for i, row in enumerate(which)]


def said(entry: Entry) -> str:
    """The row's caption."""
    texts = paraphrases(understand(entry.scene))
    return texts[entry.variant % len(texts)]


def pixels_of(images: torch.Tensor) -> np.ndarray:
    """(n, 3, h, w) in [-1, 1] -> uint8 (n, h, w, 3)."""
    return images.add(1).mul(127.5).round().clamp(0, 255).permute(0, 2, 3, 1).to("cpu", torch.uint8).numpy()
