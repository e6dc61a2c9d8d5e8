"""Batches of adversarial generators: pictures, their captions, and captions that are false of them.

A false caption is another row's, or, on every second row, the own one with one thing exchanged (a colour, a shape, a
relation, ...): nothing teaches a critic to read as cheaply. Nothing held out is said. Captions are as long as the
longest of the batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from bench.generators.reference.text import ids_of
from bench.training.captioned import entries_of, images_of
from bench.world.description import Understanding, meaning, understand
from bench.world.draws import Draw
from bench.world.grammar import paraphrases
from bench.world.mismatches import held_out, mismatch
from bench.world.palette import COLOURS, SHAPES
from bench.world.scene import Scene
from bench.world.tokens import PAD

_EDITS = {"colour": 4, "shape": 4, "count": 2, "relation": 4, "size": 2, "cell": 3, "binding": 3}
NAMES: tuple[str, ...] = (*COLOURS, *SHAPES)
"""What `shown` says of an image, in this order."""


@dataclass(frozen=True)
class GanBatch:
    """b rows."""

    images: torch.Tensor
    """float32 (b, 3, s, s) in [-1, 1]."""
    ids: torch.Tensor
    """int64 (b, l): their captions."""
    swapped: torch.Tensor
    """int64 (b, l): the same with one thing exchanged."""
    wrong: torch.Tensor
    """int64 (b, l): false captions, half of them other rows', half of them swapped."""
    alike: torch.Tensor
    """bool (b, b): rows whose captions say the same."""
    shown: torch.Tensor
    """float32 (b, 14): which colours and shapes are there."""

    def to(self, device: torch.device) -> GanBatch:
        """The batch on another device."""
        return GanBatch(*(value.to(device) for value in vars(self).values()))


def gan_batch(first: int, rows: int, side: int, ones: float) -> GanBatch:
    """Train rows first..first + rows - 1, the first `ones` of them of a single object."""
    entries = entries_of(first, rows, ones)
    told = [understand(e.scene) for e in entries]
    swapped = [_swapped(t, Draw("swap", first, i)) for i, t in enumerate(told)]
    means = [meaning(t) for t in told]
    own, other = ([_said(t, e.variant) for t, e in zip(some, entries, strict=True)] for some in (told, swapped))
    wrong = [other[i] if i % 2 or means[i] == means[i - 1] else own[i - 1] for i in range(rows)]
    ids = ids_of([*own, *other, *wrong])
    ids = ids[:, : int((ids != PAD).sum(1).max())]
    numbers = torch.tensor([means.index(m) for m in means])
    scenes = [e.scene for e in entries]
    return GanBatch(
        images=images_of(scenes, [first + i for i in range(rows)], side),
        ids=ids[:rows], swapped=ids[rows : 2 * rows], wrong=ids[2 * rows :],
        alike=numbers[:, None] == numbers[None], shown=shown(scenes),
    )  # fmt: skip


def shown(scenes: Sequence[Scene]) -> torch.Tensor:
    """float32 (n, 14): 1 for every colour and shape that a scene has."""
    found = torch.zeros(len(scenes), len(NAMES))
    for row, scene in zip(found, scenes, strict=True):
        row[[NAMES.index(word) for thing in scene.objects for word in (thing.colour, thing.shape)]] = 1
    return found


def _said(told: Understanding, variant: int) -> str:
    texts = paraphrases(told)
    return texts[variant % len(texts)]


def _swapped(told: Understanding, draw: Draw) -> Understanding:
    """What is told with one thing exchanged, of what training may tell."""
    while True:  # ends: some colour of some thing can always be changed
        edited = mismatch(told, draw.weighted(_EDITS), draw)
        if edited is not None and not held_out(edited):
            return edited
