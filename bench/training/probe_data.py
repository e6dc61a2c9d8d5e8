"""What a fusion strategy is probed with: scenes as frozen features, true captions, and captions that are false of them.

The features are a map of the shipped scene classifier, which has learned colours and shapes of single objects and no
text, with a code of the places added; it stays as it is, so that only the strategy can have learned to join. A false
caption is another scene's, or the own one with one edit (`bench.world.mismatches`): a colour, a shape, a relation, or
two things that exchange their colours.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from bench.extractors.scene_judges import SHIPPED
from bench.extractors.scene_nets import SceneClassifier, pixels
from bench.fusion.base import position_code
from bench.generators.reference.text import ids_of
from bench.statedict import load
from bench.training.captioned import entries_of, said
from bench.world.description import Understanding, meaning, understand
from bench.world.draws import Draw
from bench.world.grammar import paraphrases
from bench.world.mismatches import mismatch
from bench.world.render import render
from bench.world.split import Entry, scene_at

CHANNELS, GRID = 96, 8
EDITS = ("colour", "shape", "binding", "relation")
"""Edits that strategies are probed on."""
FIRST = 3_000_000_000
"""The first training row: far from those of generators and judges."""


def weights() -> Path:
    """Of the classifier whose map is looked at."""
    return SHIPPED / "scene-classifier.safetensors"


class Eye(nn.Module):
    """float32 (n, 64, 64, 3) of `pixels` -> (n, 96, 8, 8), each image of mean 0 and variance 1, and where it is."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            network = SceneClassifier()
        load(network, weights(), "the scene classifier")
        self.trunk = network.trunk.eval().requires_grad_(False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        h = F.group_norm(self.trunk(images.permute(0, 3, 1, 2)), 1)
        return h + 0.5 * position_code(CHANNELS, GRID, GRID)


@dataclass(frozen=True)
class Rows:
    """n scenes with captions."""

    features: torch.Tensor
    """(n, 96, 8, 8)."""
    ids: torch.Tensor
    """(n, l): the true captions."""
    told: tuple[Understanding, ...]


def training_rows(count: int) -> Rows:
    """Scenes of the training split, half of them of one object."""
    return _rows(entries_of(range(FIRST, FIRST + count), round(count / 2)), FIRST)


def held_out_rows(count: int) -> Rows:
    """Scenes of the test split of which no two mean the same."""
    found: dict[str, Entry] = {}
    row = 0
    while len(found) < count:
        entry = scene_at("test", row)
        found.setdefault(meaning(entry.scene), entry)
        row += 1
    return _rows(list(found.values()), 0)


def _rows(entries: list[Entry], first: int) -> Rows:
    eye = Eye()
    parts = []
    with torch.no_grad():
        for at in range(0, len(entries), 256):
            some = entries[at : at + 256]
            images = render([e.scene for e in some], [first + at + i for i in range(len(some))])
            parts.append(eye(torch.from_numpy(pixels(images))))
    told = tuple(understand(e.scene) for e in entries)
    return Rows(torch.cat(parts), ids_of([said(e) for e in entries]), told)


def edited(rows: Rows, kind: str, key: object = "probe") -> tuple[list[int], torch.Tensor]:
    """The rows to which an edit applies, and the ids (k, l) of their captions with it; kind '': any that applies."""
    places, texts = [], []
    for i, told in enumerate(rows.told):
        draw = Draw(key, kind, i)
        kinds = [kind] if kind else draw.shuffled(EDITS)
        false = next((f for k in kinds if (f := mismatch(told, k, draw)) is not None), None)
        if false is not None:
            places.append(i)
            texts.append(draw.choice(paraphrases(false)))
    return places, ids_of(texts)
