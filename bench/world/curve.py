"""How far the detector can be trusted: its share of exact images on clean, blurred and noisy renders.

`python -m bench.world.curve` prints the curve. Blur is Gaussian (cut at 4 sd, edges repeated), noise is added to every
channel and cut at 0 and 255.
"""

from __future__ import annotations

import math

import numpy as np

from bench.world.detect import Found, detect
from bench.world.render import render
from bench.world.scene import Box, Scene
from bench.world.split import split

BLURS, NOISES = (0.5, 1.0, 1.5, 2.0), (5.0, 10.0, 20.0, 40.0)
LEAST_IOU = 0.9


def detector_curve(n: int = 500, seed: int = 0, split_name: str = "test") -> dict[str, float]:
    """Condition ('clean', 'blur 1.0', 'noise 10', ...) -> share of n images in which every object is exact."""
    scenes = [entry.scene for entry in split(split_name, n)]
    clean = render(scenes, [seed + i for i in range(n)])
    found = {"clean": _share(scenes, clean)}
    found |= {f"blur {sigma:g}": _share(scenes, blurred(clean, sigma)) for sigma in BLURS}
    return found | {f"noise {sd:g}": _share(scenes, noisy(clean, sd, seed)) for sd in NOISES}


def _share(scenes: list[Scene], images: np.ndarray) -> float:
    return sum(exact(scene, found) for scene, found in zip(scenes, detect(images), strict=True)) / len(scenes)


def exact(scene: Scene, found: Found, scale: float = 1.0) -> bool:
    """Whether the detections are the scene's objects: each with its shape, colour and size, and a box of IoU > .9.

    scale: pixels of the image for one of the canvas.
    """
    if not found.readable or len(found) != len(scene.objects):
        return False
    free = list(range(len(found)))
    for thing in scene.objects:
        names = (thing.shape, thing.colour, thing.size)
        box = np.array(thing.box) * scale
        fitting = [j for j in free if (found.shapes[j], found.colours[j], found.sizes[j]) == names]
        best = max(fitting, key=lambda j: iou(found.boxes[j], box), default=None)
        if best is None or iou(found.boxes[best], box) <= LEAST_IOU:
            return False
        free.remove(best)
    return True


def iou(a: Box | np.ndarray, b: Box | np.ndarray) -> float:
    """Intersection over union of two xyxy boxes."""
    across, along = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    common = max(across, 0.0) * max(along, 0.0)
    return float(common / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - common))


def blurred(images: np.ndarray, sigma: float) -> np.ndarray:
    """uint8 (n, h, w, 3) -> the same, blurred with a Gaussian of `sigma` pixels."""
    reach = math.ceil(4 * sigma)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    values = images.astype(np.float64)
    for axis in (1, 2):
        padding = [(reach, reach) if a == axis else (0, 0) for a in range(4)]
        wide, length = np.pad(values, padding, "edge"), values.shape[axis]
        parts = [w * np.take(wide, range(k, k + length), axis) for k, w in enumerate(weights / weights.sum())]
        values = np.sum(parts, axis=0)
    return np.rint(values).astype(np.uint8)


def noisy(images: np.ndarray, sd: float, seed: int = 0) -> np.ndarray:
    """uint8 (n, h, w, 3) -> the same with normal noise of `sd` grey levels."""
    noise = np.random.default_rng(seed).normal(0, sd, images.shape)
    return np.clip(np.rint(images + noise), 0, 255).astype(np.uint8)


def main() -> None:
    """Print the curve."""
    for condition, share in detector_curve().items():
        print(f"{condition:10s} {share:.3f}")


if __name__ == "__main__":
    main()
