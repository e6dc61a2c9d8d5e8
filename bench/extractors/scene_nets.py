"""The networks of the scene judges: two two-tower models of open_clip's own classes, and a classifier.

scene-clip              a small vision transformer over a convolutional stem (8 x 8 tokens); causal text tower
scene-clip-independent  open_clip's modified ResNet with attention pooling; bidirectional text tower
scene-classifier        a plain convolutional network; features (64), logits of shape x colour (48)

Objects are 12 to 18 pixels wide on 64, hence the early strides are small. Widths were chosen for training on a few
processor cores in a quarter of an hour. All take float32 (b, 3, 64, 64) of `pixels`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from open_clip.model import CustomTextCLIP
from torch import nn

from bench.world.palette import CANVAS, COLOURS, SHAPES
from bench.world.resample import to_square
from bench.world.tokens import CONTEXT, VOCABULARY

EMBEDDING = 256
CLASSES = tuple(f"{colour} {shape}" for colour in COLOURS for shape in SHAPES)
"""Names of the classifier's logits."""
FEATURES = 64
"""Width of the classifier's features: few enough for a covariance of some hundred images."""
MIDDLE, SPREAD = 128.0, 64.0
"""Pixels are taken to (value - MIDDLE) / SPREAD."""


def pixels(images: np.ndarray) -> np.ndarray:
    """uint8 (n, h, w, 3) of any size -> float32 (n, 64, 64, 3) as the networks take them (channels last)."""
    return (to_square(images, CANVAS) - np.float32(MIDDLE)) / np.float32(SPREAD)


def _conv(given: int, made: int, size: int = 3, stride: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(given, made, size, stride, size // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(made), nn.ReLU(inplace=True))


def scene_clip() -> CustomTextCLIP:
    """The main judge; 0.9 million parameters."""
    width = 128
    model = CustomTextCLIP(
        EMBEDDING,
        {"layers": 2, "width": width, "head_width": 32, "mlp_ratio": 2.0, "patch_size": 8, "image_size": CANVAS},
        {**_TEXT, "width": 96, "heads": 4, "layers": 2},
    )
    model.visual.conv1 = nn.Sequential(_conv(3, 32, 5, 2), _conv(32, 48, 3, 2), _conv(48, 64), _conv(64, width, 3, 2))
    return model


def scene_clip_independent() -> CustomTextCLIP:
    """The second judge, of another architecture; 1.9 million parameters."""
    model = CustomTextCLIP(
        EMBEDDING,
        {"layers": (1, 1, 1, 1), "width": 12, "image_size": 2 * CANVAS},
        {**_TEXT, "width": 128, "heads": 2, "layers": 2, "mlp_ratio": 2.0, "no_causal_mask": True},
    )
    model.visual.avgpool = nn.Identity()  # as if the image were twice as large: objects are small
    return model


_TEXT: dict[str, Any] = {"context_length": CONTEXT, "vocab_size": VOCABULARY}


class SceneClassifier(nn.Module):
    """(b, 3, 64, 64) -> features (b, 64) and logits (b, 48) in the order of CLASSES.

    The log-probability of a class is that of its colour plus that of its shape, so that pairs which training never
    shows are as possible as any.
    """

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Sequential(
            _conv(3, 24, 5, 2), _conv(24, 48, 3, 2), _conv(48, 64), _conv(64, 96, 3, 2), _conv(96, 96)
        )
        self.squeeze = nn.Linear(2 * 96, FEATURES)
        self.colour = nn.Linear(FEATURES, len(COLOURS))
        self.shape = nn.Linear(FEATURES, len(SHAPES))

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        grid = self.trunk(images)
        features = self.squeeze(torch.cat([grid.mean((2, 3)), grid.amax((2, 3))], 1))
        seen = torch.relu(features)
        colour, shape = self.colour(seen).log_softmax(1), self.shape(seen).log_softmax(1)
        return {"features": features, "logits": (colour[:, :, None] + shape[:, None, :]).flatten(1)}
