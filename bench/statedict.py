"""State dicts from files of weights into networks: read without running code, and applied strictly.

Only safetensors and `weights_only=True` pickles are read: a weights file is never allowed to run code, hence
TorchScript archives are refused. torch is imported inside the functions alone.
"""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from bench.errors import DataError, NotFinite, WeightsMissing

if TYPE_CHECKING:
    import torch

ENDINGS = (".safetensors", ".pth", ".pt", ".bin", ".ckpt")
"""File names that are taken for weights."""


def load(module: torch.nn.Module, path: Path, who: str) -> None:
    """`read` and `apply`."""
    apply(module, read(path), path, who)


def read(path: Path) -> dict[str, torch.Tensor]:
    """The state dict of a safetensors or torch file, on the CPU; a DataError says why a file is refused."""
    if not path.is_file():
        raise WeightsMissing(f"The weights file {path} does not exist; give the path of a {', '.join(ENDINGS)} file.")
    state = _read_safetensors(path) if path.suffix == ".safetensors" else _read_torch(path)
    bad = next((k for k, v in state.items() if v.is_floating_point() and not bool(v.isfinite().all())), None)
    if bad is not None:
        raise NotFinite(f"The weights file {path} holds NaN or infinite numbers ('{bad}'); fetch or train it again.")
    return state


def _read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise DataError(f"{path} is no readable safetensors file ({error}); fetch it again.") from error


def _read_torch(path: Path) -> dict[str, torch.Tensor]:
    import torch

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch announces what the message below says better
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError, AttributeError, OSError) as error:
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise DataError(
            f"{path} is refused as weights ({reason}): only tensors are read, never code (no TorchScript, no pickled "
            "objects); save its state_dict() as safetensors or with torch.save, and give that file."
        ) from error
    return _tensors(loaded, path)


def _tensors(loaded: Any, path: Path) -> dict[str, torch.Tensor]:
    """The state dict inside the usual wrappings of checkpoints."""
    import torch

    for key in ("state_dict", "model"):
        if isinstance(loaded, Mapping) and isinstance(loaded.get(key), Mapping):
            loaded = loaded[key]
    if not isinstance(loaded, Mapping) or not loaded or not all(isinstance(v, torch.Tensor) for v in loaded.values()):
        raise DataError(f"{path} holds no state dict (a mapping of names to tensors); save model.state_dict() instead.")
    prefixed = all(str(name).startswith("module.") for name in loaded)
    return {str(name).removeprefix("module.") if prefixed else str(name): value for name, value in loaded.items()}


def apply(module: torch.nn.Module, state: Mapping[str, torch.Tensor], path: Path, who: str) -> None:
    """Load a state dict strictly; a DataError names the first key that is absent, unknown or of another shape."""
    own = module.state_dict()
    free = {k for k in own if k.endswith("num_batches_tracked")}
    for name in sorted(own):
        if name not in state and name not in free:
            _unfit(path, who, f"'{name}' is absent from it")
        if name in state and state[name].shape != own[name].shape:
            _unfit(path, who, f"'{name}' has shape {tuple(state[name].shape)} where {tuple(own[name].shape)} is needed")
    unknown = sorted(set(state) - set(own) - {"num_batches_tracked"})
    if unknown:
        _unfit(path, who, f"the network has no '{unknown[0]}'")
    module.load_state_dict(dict(state), strict=False)


def _unfit(path: Path, who: str, why: str) -> NoReturn:
    raise DataError(f"{path} holds no weights of {who}: {why}; give the file that belongs to this network.")
