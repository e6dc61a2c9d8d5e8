"""Recipes of the two-tower scene judges: contrast of images and captions with one-edit mismatches among them.

The loss has five parts: image to text over own captions and mismatches, text to image over images and their twins
(texts that say the same are all right answers), own caption against its mismatch alone, shapes and colours told from
the image tower's 8 x 8 grid, and the place of each colour and shape told by a linear map of the embedding. The last two
are all there is to the first OPENING steps: a tower that knows where things are learns 'left of' as a direction of its
embedding, while one that begins with the contrast never does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from bench.extractors.scene_nets import EMBEDDING, pixels, scene_clip, scene_clip_independent
from bench.training.loop import Recipe, down
from bench.training.pair_figures import one_edit, retrieval
from bench.training.scene_batches import PairBatch, pair_batch
from bench.world.mismatches import KINDS
from bench.world.palette import COLOURS, SHAPES
from bench.world.tokens import tokens

OPENING = 400
"""Steps of the image tower alone."""
_LARGEST_SCALE = 4.6052
"""ln 100: CLIP's bound of the logits' scale."""


class Pairs(nn.Module):
    """A two-tower model in training, with the heads that read its grid."""

    def __init__(self, model: Any, grid: str, width: int, token: bool) -> None:
        super().__init__()
        self.model = model
        self.heads = nn.Linear(width, 1 + len(SHAPES) + len(COLOURS))
        self.places = nn.Linear(EMBEDDING, 4 * (len(SHAPES) + len(COLOURS)))
        self.token = token
        self._grid: list[torch.Tensor] = []
        model.visual.get_submodule(grid).register_forward_hook(lambda _, __, out: self._grid.append(out))

    def see(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(b, 3, 64, 64) -> unit embeddings (b, d), cells (b, 64, 15): logits of shape or nothing, and of colour."""
        self._grid.clear()
        found = self.model.encode_image(images, normalize=True)
        grid = self._grid.pop()
        cells = grid[:, 1:] if self.token else grid.flatten(2).transpose(1, 2)
        return found, self.heads(cells)


def batch_of(images: np.ndarray, like: nn.Module) -> torch.Tensor:
    """uint8 (b, h, w, 3) as the networks take them."""
    device = next(like.parameters()).device
    return torch.from_numpy(pixels(images)).permute(0, 3, 1, 2).to(device)


def losses(pairs: Pairs, step: int, first: int, rows: int) -> Mapping[str, torch.Tensor]:
    """The parts of the loss on one batch."""
    batch = pair_batch(first, rows)
    image, cells = pairs.see(batch_of(batch.images, pairs))
    told = _told_of_images(pairs, batch, image, cells)
    return told if step < OPENING else {**_contrasts(pairs, batch, image), **told}


def _contrasts(pairs: Pairs, batch: PairBatch, image: torch.Tensor) -> dict[str, torch.Tensor]:
    b = len(image)
    text = pairs.model.encode_text(torch.from_numpy(tokens(batch.texts)[0]).to(image.device), normalize=True)
    scale = pairs.model.logit_scale.clamp(max=_LARGEST_SCALE).exp()
    logits = scale * image @ text.T
    same = _equal(batch.meanings[:b], batch.meanings).to(image.device)
    own, wrong = logits[:, :b], logits[:, b:]
    return {
        "image": _contrast(logits, same),
        "text": _contrast(own.T, same[:, :b].T),
        "edit": F.softplus(wrong.diagonal() - own.diagonal()).mean(),
    }


def _told_of_images(
    pairs: Pairs, batch: PairBatch, image: torch.Tensor, cells: torch.Tensor
) -> dict[str, torch.Tensor]:
    places = pairs.places(image * EMBEDDING**0.5).unflatten(1, (-1, 4))
    return {
        "cells": _cells(cells, torch.from_numpy(batch.shapes), torch.from_numpy(batch.colours)),
        "places": _places(places, torch.from_numpy(batch.places).to(image.device)),
    }


def _equal(rows: Sequence[str], columns: Sequence[str]) -> torch.Tensor:
    numbers = {m: i for i, m in enumerate(dict.fromkeys([*rows, *columns]))}
    a, b = (torch.tensor([numbers[m] for m in side]) for side in (rows, columns))
    return a[:, None] == b[None, :]


def _contrast(logits: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """-log of the probability that one of the right answers is chosen."""
    return (logits.logsumexp(1) - logits.masked_fill(~right, -torch.inf).logsumexp(1)).mean()


def _cells(cells: torch.Tensor, shapes: torch.Tensor, colours: torch.Tensor) -> torch.Tensor:
    shape = cells[..., : 1 + len(SHAPES)].flatten(0, 1)
    colour = cells[..., 1 + len(SHAPES) :].flatten(0, 1)
    device = cells.device
    return F.cross_entropy(shape, shapes.flatten().to(device)) + F.cross_entropy(
        colour, colours.flatten().to(device), ignore_index=-1
    )


def _places(told: torch.Tensor, true: torch.Tensor) -> torch.Tensor:
    """Mean squared error where there is a place."""
    there = ~true.isnan()
    return (told - true)[there].square().mean()


def evaluate(pairs: Pairs, images: int) -> Mapping[str, float]:
    """Held-out figures in training: R@1 of 100 and own caption against mismatches, on the validation split."""
    pairs.eval()
    with torch.inference_mode():
        found = {"r@1": retrieval(pairs.model, "val", images), **one_edit(pairs.model, "val", images)}
    return {k: found[k] for k in ("r@1", *KINDS)}


def _main() -> Pairs:
    return Pairs(scene_clip(), "transformer", 128, token=True)


def _independent() -> Pairs:
    model = scene_clip_independent()
    return Pairs(model, "layer3", 12 * 4 * 4, token=False)


SCENE_CLIP = Recipe(
    "scene-clip", _main, down(losses), evaluate, steps=3400, rows=64, first=1_000_000, seed=11, rate=1.5e-3
)  # fmt: skip
SCENE_CLIP_INDEPENDENT = Recipe(
    "scene-clip-independent", _independent, down(losses), evaluate, steps=2800, rows=64, first=2_000_000,
    seed=23, rate=1.5e-3,
)  # fmt: skip
