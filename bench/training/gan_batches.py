"""Batches of adversarial generators: pictures, their captions, and captions that are false of them.

A false caption is another row's, or, on every second row, the own one with one thing exchanged (a colour, a shape, a
relation, ...): nothing teaches a critic to read as cheaply. Nothing held out is said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from bench.training.rows import Rows, floats
from bench.world.tokens import PAD


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


def gan_batch(rows: Rows) -> GanBatch:
    """The batch of some rows, on their device; on the CPU captions are cut at the longest."""
    ids, swapped = rows.ids.long(), rows.swapped.long()
    odd = torch.arange(len(ids), device=ids.device) % 2 == 1
    mine = odd | (rows.meaning == rows.meaning.roll(1))  # the row before says the same: it is not false
    wrong = torch.where(mine[:, None], swapped, ids.roll(1, 0))
    if ids.device.type == "cpu":
        longest = int((torch.cat([ids, swapped]) != PAD).sum(1).max())
        ids, swapped, wrong = ids[:, :longest], swapped[:, :longest], wrong[:, :longest]
    alike = rows.meaning[:, None] == rows.meaning[None]
    return GanBatch(floats(rows.images), ids, swapped, wrong, alike, rows.shown.float())


def of(inputs: Mapping[str, torch.Tensor]) -> GanBatch:
    """The batch among what a step was given."""
    return GanBatch(*(inputs[name] for name in GanBatch.__dataclass_fields__))
