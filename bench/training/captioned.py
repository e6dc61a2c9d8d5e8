"""Batches of pictures with captions for generators: a function of the row that they begin with.

Rows of different seeds never overlap, and none is a row that a judge was trained on: they begin at 1,000,000,000.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from bench.generators.reference.text import ids_of
from bench.world.description import understand
from bench.world.grammar import paraphrases
from bench.world.render import render
from bench.world.scene import Scene
from bench.world.split import Entry, scene_at

FIRST, APART = 1_000_000_000, 10_000_000
"""The first row of seed 0, and how far apart the first rows of two seeds are."""


def first_row(seed: int) -> int:
    """Where the data of a training seed begin."""
    return FIRST + seed * APART


def entries_of(first: int, rows: int, ones: float = 0.0) -> list[Entry]:
    """Rows of the train split; a share `ones` of them, the first, show a single object and say what it is."""
    single = round(rows * ones)
    return [scene_at("one-train" if i < single else "train", first + i) for i in range(rows)]


def said(entry: Entry) -> str:
    """The row's caption."""
    texts = paraphrases(understand(entry.scene))
    return texts[entry.variant % len(texts)]


def images_of(scenes: Sequence[Scene], seeds: Sequence[int], side: int) -> torch.Tensor:
    """float32 (n, 3, side, side) in [-1, 1]."""
    return torch.from_numpy(render(scenes, seeds, side)).permute(0, 3, 1, 2).float().div_(127.5).sub_(1)


def pixels_of(images: torch.Tensor) -> np.ndarray:
    """(n, 3, h, w) in [-1, 1] -> uint8 (n, h, w, 3)."""
    return images.add(1).mul(127.5).round().clamp(0, 255).permute(0, 2, 3, 1).to("cpu", torch.uint8).numpy()


def batch(first: int, rows: int, side: int, ones: float = 0.0) -> tuple[torch.Tensor, torch.Tensor]:
    """Images float32 (rows, 3, side, side) in [-1, 1] and their captions' ids (rows, 32)."""
    entries = entries_of(first, rows, ones)
    images = images_of([e.scene for e in entries], [first + i for i in range(rows)], side)
    return images, ids_of([said(e) for e in entries])
