"""Reading as a task of its own: from the words of a caption alone, where its things stand.

What "left of" says is a sliver of a picture's pixels, and a text encoder that learns from pixels alone reads it last or
never; from text alone it takes a minute. The encoder learns it on captions of two related things beside the
generator's loss, as large generators have encoders that were taught to read before; the readout is not shipped.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from bench.fusion.base import TextContext
from bench.generators.reference.text import TEXT_DIM, ids_of
from bench.training.captioned import FIRST, said
from bench.training.captured import Numbers
from bench.training.rows import NAMES, order, ordered
from bench.training.scene_batches import places
from bench.world.sampling import sample_scene
from bench.world.split import Entry

CAPTIONS = 64
"""Read in a step."""
BANK = 1 << 16
"""Captions that a long training goes through; a power of 2."""
KIND = "two-relation"
_OF = "reading "


@dataclass(frozen=True)
class Captions:
    """n captions of two related things."""

    ids: torch.Tensor
    """uint8 (n, 32)."""
    places: torch.Tensor
    """float32 (n, 14, 4): where the only thing of each colour, then of each shape, stands; NaN for none or several (see
    scene_batches.PairBatch)."""


@functools.cache
def captions(bank: int, device: str) -> Captions:
    """The first `bank` captions, on a device."""
    scenes = [sample_scene(FIRST + i, split="train", kind=KIND) for i in range(bank)]
    ids = ids_of([said(Entry("", scene, i)) for i, scene in enumerate(scenes)])
    return Captions(ids.byte().to(device), torch.from_numpy(places(scenes)).to(device))


class Reading(nn.Module):
    """The readout: a query for each colour and shape looks for its words."""

    def __init__(self, steps: int) -> None:
        """steps: of the training, as short ones need few captions."""
        super().__init__()
        self.bank = min(BANK, 1 << max(6, (steps * CAPTIONS - 1).bit_length()))
        self.query = nn.Parameter(0.3 * torch.randn(len(NAMES), TEXT_DIM))
        self.key, self.value = nn.Linear(TEXT_DIM, TEXT_DIM), nn.Linear(TEXT_DIM, TEXT_DIM)
        self.out = nn.Linear(TEXT_DIM, 4)
        self.captions: Captions | None = None

    def ready(self, device: str) -> None:
        """Captions for this device."""
        self.captions = captions(self.bank, device)

    def plan(self, step: int) -> Numbers:
        """The numbers of the captions of a step."""
        return {_OF + name: value for name, value in order(FIRST + step * CAPTIONS, self.bank).items()}

    def feed(self, numbers: Mapping[str, Any]) -> dict[str, torch.Tensor]:
        """{'captions': int64 (c, l), 'places': (c, 14, 4)} of the step with those numbers."""
        assert self.captions is not None
        own = {name.removeprefix(_OF): value for name, value in numbers.items() if name.startswith(_OF)}
        which = ordered(own, torch.arange(CAPTIONS, device=self.captions.ids.device), self.bank)
        return {"captions": self.captions.ids[which].long(), "places": self.captions.places[which]}

    def forward(self, context: TextContext, places: torch.Tensor) -> torch.Tensor:
        """(): mean squared error of the places, (c, 14, 4), where there are any; 1 where nothing is read."""
        scores = self.query @ self.key(context.words).transpose(1, 2) / TEXT_DIM**0.5
        looks = scores.masked_fill(~context.mask[:, None], -torch.inf).softmax(2)
        found = self.out(F.gelu(looks @ self.value(context.words)))
        there = ~places.isnan()
        return ((found - places.nan_to_num()).square() * there).sum() / there.sum()
