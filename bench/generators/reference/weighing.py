"""Weights files of reference generators: their sha256, and reading them into a network, strictly."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

import torch
from torch import nn

from bench.errors import DataError, NotFinite


def sha256(path: Path) -> str:
    """sha256 (hex) of a file of a few megabytes, remembered while it does not change."""
    status = path.stat()
    return _hash(path, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


@functools.cache
def _hash(path: Path, *state: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def load(network: nn.Module, path: Path, who: str) -> None:
    """Read a safetensors file into a network; DataError for one that does not fit, NotFinite for one with NaN."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        state = load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise DataError(f"{path} is no readable safetensors file ({error}); train it again.") from error
    own = network.state_dict()
    for name in sorted({*own, *state}):
        if name not in state or name not in own or own[name].shape != state[name].shape:
            raise DataError(
                f"{path} holds no weights of {who}: '{name}' is absent or of another shape; give the file that "
                "belongs to this network."
            )
    bad = next((n for n, v in state.items() if v.is_floating_point() and not bool(torch.isfinite(v).all())), None)
    if bad is not None:
        raise NotFinite(f"The weights file {path} holds NaN or infinite numbers ('{bad}'); train it again.")
    network.load_state_dict({name: v.to(own[name].dtype) for name, v in state.items()})
