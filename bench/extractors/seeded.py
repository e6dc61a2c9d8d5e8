"""Random weights that are worth something: a network for machines that have no trained one, named by its seed.

A default-initialised deep network maps all images to nearly one point, so that Fréchet distances vanish and the
Inception Score is 1. Here weights are uniform with He's variance (He et al. 2015, arXiv:1502.01852, eq. 10), every
BatchNorm has the running statistics of a fixed batch of drawn pictures, and a classifier's rows are freed from the
mean feature and scaled so that logits differ between images.

Equal on every machine: numbers come from NumPy's Philox bit stream, keyed by seed and parameter name (integers, hence
exact), and the calibration runs in float64 and is rounded to float32, which hides the last bits of different
libraries. It takes seconds, so its result (not the weights) is kept under BENCH_HOME.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from bench.errors import DiskError
from bench.extractors.preprocess import Preprocess
from bench.spec import digest
from bench.store import home, write_atomic

SCHEME = 1
"""Raise when the same seed gives other weights."""
IMAGES = 8
"""Images in the calibration batch."""
LOGIT_STD = 3.0
"""Standard deviation of a logit over the calibration images."""
_TINY = ("cls_token", "pos_embed", "reg_token", "dist_token", "class_embedding", "positional_embedding", "class_token")


def uniform(seed: int, name: str, count: int) -> np.ndarray:
    """(count,) float32 in [-1, 1), equal on every machine: 24 bits a number of the Philox stream keyed by the name."""
    key = int.from_bytes(hashlib.sha256(f"{seed}:{name}".encode()).digest()[:16], "little")
    bits = np.random.Philox(key=key).random_raw((count + 1) // 2).astype("<u8").view("<u4")[:count] >> np.uint32(8)
    return bits.astype(np.float32) * np.float32(2.0**-23) - np.float32(1)


def pictures(count: int, size: int, seed: int) -> np.ndarray:
    """(count, size, size, 3) float64 in [0, 1], of four kinds in turn: smooth, cut, textured and flat.

    Statistics from smooth fields alone let the activations of photographs and drawings grow a hundredfold.
    """
    kinds = (_smooth, _cut, _textured, _flat)
    return np.stack([kinds[i % len(kinds)](size, seed, f"picture {i}") for i in range(count)])


def _field(size: int, seed: int, name: str, *, octaves: range = range(6), channels: int = 3) -> np.ndarray:
    """(size, size, channels) float64 around 0: a smooth random field with detail at the scales 2**octave."""
    total = np.zeros((size, size, channels))
    for octave in octaves:
        grid = 2**octave + 1
        knots = uniform(seed, f"{name} octave {octave}", grid * grid * channels).astype(np.float64)
        total += _enlarged(knots.reshape(grid, grid, channels), size) * 0.75 ** (octave - octaves[0])
    return total


def _smooth(size: int, seed: int, name: str) -> np.ndarray:
    return np.clip(0.5 + 0.4 * _field(size, seed, name), 0, 1)


def _cut(size: int, seed: int, name: str) -> np.ndarray:
    """Two smooth fields with a sharp winding border between them."""
    one, other = (_smooth(size, seed, f"{name} {side}") for side in ("one", "other"))
    return np.where(_field(size, seed, f"{name} border", channels=1) > 0, one, other)


def _textured(size: int, seed: int, name: str) -> np.ndarray:
    """Sharp patches a channel, some smooth shading and grain."""
    patches = np.where(_field(size, seed, f"{name} patches") > 0, 0.65, 0.1)
    grain = uniform(seed, f"{name} grain", size * size * 3).reshape(size, size, 3)
    return np.clip(patches + 0.3 * _smooth(size, seed, name) + 0.08 * grain, 0, 1)


def _flat(size: int, seed: int, name: str) -> np.ndarray:
    """A few one-coloured blobs on a one-coloured ground."""
    colours = 0.5 + 0.5 * uniform(seed, f"{name} colours", 15).reshape(5, 3).astype(np.float64)
    out = np.broadcast_to(colours[0], (size, size, 3))
    for blob in range(1, 5):
        inside = _field(size, seed, f"{name} blob {blob}", octaves=range(2, 4), channels=1) > 0.7
        out = np.where(inside, colours[blob], out)
    return out


def _enlarged(knots: np.ndarray, size: int) -> np.ndarray:
    """Bilinear interpolation of (g, g, c) knots to (size, size, c)."""
    at = np.arange(size) * ((knots.shape[0] - 1) / size)
    low = at.astype(np.intp)
    weight = at - low
    rows = knots[low] * (1 - weight)[:, None, None] + knots[low + 1] * weight[:, None, None]
    return rows[:, low] * (1 - weight)[:, None] + rows[:, low + 1] * weight[:, None]


@contextlib.contextmanager
def quiet_construction() -> Iterator[None]:
    """Networks draw default weights when they are built: keep that from moving the global random state."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


# ---- initialisation ------------------------------------------------------------------------------------------------


@torch.no_grad()
def initialise(module: nn.Module, seed: int) -> None:
    """Set every parameter of a network from the seed and the parameter's name."""
    embeddings = {f"{n}.weight" for n, m in module.named_modules() if isinstance(m, nn.Embedding)}
    for name, parameter in module.named_parameters():
        bound = _bound(name, parameter, embeddings)
        if bound is not None:
            values = uniform(seed, name, parameter.numel()) * np.float32(bound)
            parameter.copy_(torch.from_numpy(values).view(parameter.shape))
        elif parameter.ndim == 1:
            parameter.fill_(0.0 if name.endswith("bias") else 1.0)  # norms and layer scales are neutral


def _bound(name: str, parameter: torch.Tensor, embeddings: set[str]) -> float | None:
    """Half width of a parameter's uniform distribution (std = bound / sqrt 3); None: it is not random."""
    last = name.rsplit(".", 1)[-1]
    if name in embeddings:
        return 3**0.5
    if last in _TINY:
        return 0.02 * 3**0.5
    if parameter.ndim < 2 or last.startswith(("logit", "relative_position")):
        return None
    inputs = parameter.shape[0] if last.endswith("proj") else parameter[0].numel()
    gain = 2.0 if parameter.ndim == 4 else 1.0  # convolutions feed rectifiers; the linear maps here mostly do not
    return float((3.0 * gain / inputs) ** 0.5)


def classifier_of(module: nn.Module) -> nn.Linear:
    """The last linear layer of a classification network."""
    return [m for m in module.modules() if isinstance(m, nn.Linear)][-1]


def batch(recipe: Preprocess, seed: int) -> torch.Tensor:
    """(IMAGES, 3, h, w) float64: the calibration pictures in the range that a network is fed with."""
    pixels = (pictures(IMAGES, max(recipe.size), seed) - np.array(recipe.mean)) / np.array(recipe.std)
    return torch.from_numpy(pixels[:, : recipe.size[0], : recipe.size[1]]).permute(0, 3, 1, 2)


# ---- calibration ---------------------------------------------------------------------------------------------------


def build(
    module: nn.Module, seed: int, *, key: str, images: Callable[[], torch.Tensor], classifier: nn.Linear | None = None
) -> None:
    """Initialise and calibrate a network in place (on the CPU, float32).

    `key` names the architecture and the preprocessing of `images`, which gives the calibration batch in float64.
    """
    initialise(module, seed)
    norms: dict[str, _BatchNorm] = {n: m for n, m in module.named_modules() if isinstance(m, _BatchNorm)}
    if not norms and classifier is None:
        return
    note = home() / "seeded" / f"{digest([SCHEME, seed, key])[:32]}.npz"
    found = _recalled(note, norms, classifier)
    if found is None:
        found = _calibrate(module, norms, images(), classifier)
        _remember(note, found)
    _set(norms, classifier, found)


def _recalled(note: Path, norms: dict[str, _BatchNorm], classifier: nn.Linear | None) -> dict[str, np.ndarray] | None:
    wanted = {f"{n}.{part}" for n in norms for part in ("mean", "var")} | ({"logits"} if classifier else set())
    with contextlib.suppress(OSError, ValueError, KeyError, EOFError, BadZipFile):
        with np.load(note, allow_pickle=False) as file:
            found = {name: file[name] for name in file.files}
        return found if set(found) == wanted else None
    return None


def _remember(note: Path, found: dict[str, np.ndarray]) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, **found)  # type: ignore[arg-type]
    with contextlib.suppress(OSError, DiskError):  # a read-only home costs time, not the run
        write_atomic(note, buffer.getvalue())


@torch.no_grad()
def _calibrate(
    module: nn.Module, norms: dict[str, _BatchNorm], images: torch.Tensor, classifier: nn.Linear | None
) -> dict[str, np.ndarray]:
    """One float64 pass in which each BatchNorm normalises by, and keeps, the statistics of this batch."""
    seen: list[torch.Tensor] = []
    module.double().eval()
    for norm in norms.values():
        norm.train()
        norm.momentum = 1.0
    hook = classifier.register_forward_pre_hook(lambda _, args: seen.append(args[0])) if classifier else None
    module(images)
    if hook is not None:
        hook.remove()
    found = {}
    for name, norm in norms.items():
        found[f"{name}.mean"] = norm.running_mean.to(torch.float32).numpy()
        found[f"{name}.var"] = norm.running_var.to(torch.float32).numpy()
        norm.momentum = 0.1
    if classifier is not None:
        found["logits"] = _separated(classifier.weight, seen[-1]).to(torch.float32).numpy()
    module.float().eval()
    return found


def _separated(weight: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
    """Rows without the mean feature, scaled so that logits of the calibration images have std LOGIT_STD around 0."""
    mean = features.flatten(0, -2).mean(0)
    weight = weight - torch.outer(weight @ mean / (mean @ mean), mean)
    return weight * (LOGIT_STD / (features.flatten(0, -2) @ weight.T).std(0).mean())


@torch.no_grad()
def _set(norms: dict[str, _BatchNorm], classifier: nn.Linear | None, found: dict[str, np.ndarray]) -> None:
    for name, norm in norms.items():
        norm.running_mean.copy_(torch.from_numpy(found[f"{name}.mean"]))
        norm.running_var.copy_(torch.from_numpy(found[f"{name}.var"]))
        norm.num_batches_tracked.fill_(1)
    if classifier is not None:
        classifier.weight.copy_(torch.from_numpy(found["logits"]))
