"""Recipe of the scene classifier: shape and colour of the only object, on the one-object slice of the scenes."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from bench.extractors.scene_nets import SceneClassifier, pixels
from bench.training.loop import Recipe, down
from bench.training.scene_batches import class_batch, class_of
from bench.world.description import understand
from bench.world.mismatches import held_out
from bench.world.render import render
from bench.world.sampling import sample_scene
from bench.world.split import scene_at

_BATCH = 256
_CALIBRATION = 2048


def losses(model: Any, step: int, first: int, rows: int) -> Mapping[str, torch.Tensor]:
    """The parts of the loss on one batch."""
    batch = class_batch(first, rows)
    device = next(model.parameters()).device
    logits = model(torch.from_numpy(pixels(batch.images)).permute(0, 3, 1, 2).to(device))["logits"]
    return {"class": F.cross_entropy(logits, torch.from_numpy(batch.classes).to(device))}


def evaluate(model: Any, images: int) -> Mapping[str, float]:
    """Accuracy in training, on the validation split."""
    return accuracy(model, "val", images)


def accuracy(model: Any, split: str, images: int) -> dict[str, float]:
    """Share of one-object scenes of a split whose class is right; `held out`: of a pair that training never showed."""
    scenes = [sample_scene(i, split=split, kind="one") for i in range(images)]
    wanted = np.array([class_of(s) for s in scenes])
    new = np.array([held_out(understand(s)) for s in scenes])
    right = predicted(model, render(scenes, list(range(images)))) == wanted
    return {"accuracy": float(right.mean()), "held out": float(right[new].mean()) if new.any() else float("nan")}


def predicted(model: Any, images: np.ndarray) -> np.ndarray:
    """uint8 (n, h, w, 3) -> int64 (n,) classes in the order of CLASSES."""
    model.eval()
    device = next(model.parameters()).device
    found = []
    with torch.inference_mode():
        for at in range(0, len(images), _BATCH):
            given = torch.from_numpy(pixels(images[at : at + _BATCH])).permute(0, 3, 1, 2).to(device)
            found.append(model(given)["logits"].argmax(1).cpu().numpy())
    return np.concatenate(found) if found else np.zeros(0, np.int64)


def calibrated(model: Any) -> SceneClassifier:
    """The network with features of mean variance 1 over scenes and the same logits, so that distances of features have
    a readable scale: ReLU lets a positive factor through, which the heads take back."""
    scenes = [scene_at("train", i).scene for i in range(_CALIBRATION)]
    given = torch.from_numpy(pixels(render(scenes, list(range(_CALIBRATION))))).permute(0, 3, 1, 2)
    found = copy.deepcopy(model).cpu().eval()
    with torch.inference_mode():
        rows = torch.cat([found(part)["features"] for part in given.split(_BATCH)])
    factor = float(rows.var(0).mean().rsqrt())
    with torch.no_grad():
        for value in found.squeeze.parameters():
            value.mul_(factor)
        for head in (found.colour, found.shape):
            head.weight.div_(factor)
    return found


SCENE_CLASSIFIER = Recipe(
    "scene-classifier", SceneClassifier, down(losses), evaluate, steps=2500, rows=128, first=3_000_000, seed=31,
    rate=3e-3,
)  # fmt: skip
