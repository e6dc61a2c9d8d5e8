"""What the image networks share: where their weights come from, how they are loaded, and how a batch goes through.

A subclass says which network to build, which published file belongs to it and how it preprocesses; this class says
what is missing, what identifies the outputs, and keeps arithmetic strict (TF32 off, no autotuning, channels-last).
Rows that are not finite are left to the engine, which knows the samples' ids; weights that are not finite are refused
here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from bench.errors import DataError, UsageError, WeightsMissing
from bench.extractors import weights as files
from bench.extractors.base import Extractor
from bench.types import Sample

if TYPE_CHECKING:
    import torch

DTYPES = ("float32", "bfloat16")


class Network(Extractor):
    """Base of inception-v3, open-clip, timm and torchvision."""

    plugin_name = "network"
    image_outputs: tuple[str, ...] = ("features", "logits")
    module: torch.nn.Module | None = None

    def __init__(self, given: str | None, seed: int | None) -> None:
        if given is not None and seed is not None:
            raise UsageError(
                f"{self.plugin_name} was given weights ({given}) and seed={seed}: weights are either read or random; "
                "drop one of the two."
            )
        if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int) or seed < 0):
            raise UsageError(f"seed={seed} of {self.plugin_name} is no whole number from 0 on.")
        self.given, self.seed = given, seed

    # ---- what a subclass says ----

    def source(self) -> files.Source:
        """The published weights that are meant when no path is given; may raise UsageError."""
        raise NotImplementedError

    def network(self) -> str:
        """Name of the architecture, for messages and identity."""
        raise NotImplementedError

    def preprocessing(self) -> Mapping[str, Any]:
        """What happens to pixels before the network; JSON-able."""
        raise NotImplementedError

    def build(self) -> torch.nn.Module:
        """The network with arbitrary weights, float32, on the CPU, in evaluation mode."""
        raise NotImplementedError

    def randomise(self, module: torch.nn.Module, seed: int) -> None:
        """Give the network its seeded weights."""
        raise NotImplementedError

    def fit(self, state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Rename or drop what a published file has beyond the network."""
        return state

    def finish(self, module: torch.nn.Module) -> torch.nn.Module:
        """Make the loaded network fast without changing its results."""
        return module

    def forward(self, module: torch.nn.Module, images: torch.Tensor) -> dict[str, torch.Tensor]:
        """(b, 3, h, w) -> output name -> rows."""
        raise NotImplementedError

    # ---- the contract ----

    @property
    def caveat(self) -> str:  # type: ignore[override]
        return "" if self.seed is None else f"random weights (seed {self.seed})"

    def problems(self) -> list[str]:
        try:
            self.preprocessing()
            if self.seed is None:
                self._check_presence()
        except UsageError as error:
            return [str(error)]
        return []

    def _check_presence(self) -> None:
        if self._is_path():
            if not Path(str(self.given)).expanduser().is_file():
                raise WeightsMissing(
                    f"The weights file {self.given} of {self.plugin_name} does not exist; give the path of a file, "
                    "or ask for the clearly named random network with seed=0."
                )
            return
        source = self.source()
        if files.located(source) is None and not (files.may_download() and source.url):
            raise WeightsMissing(files.absent(source, f"{self.plugin_name} ({self.network()})"))

    def _is_path(self) -> bool:
        """Whether what was given names a file and not a published set of weights."""
        return self.given is not None

    def weights_path(self) -> Path:
        """The file of weights; downloads it where that is allowed."""
        if self._is_path():
            self._check_presence()
            return Path(str(self.given)).expanduser()
        return files.obtain(self.source(), f"{self.plugin_name} ({self.network()})")

    def identity(self) -> Mapping[str, Any]:
        return {
            "network": self.network(),
            "weights": f"sha256:{files.sha256(self.weights_path())}" if self.seed is None else self._scheme(),
            "preprocessing": dict(self.preprocessing()),
        }

    def _scheme(self) -> str:
        from bench.extractors.seeded import SCHEME

        return f"random:seed={self.seed},scheme={SCHEME}"

    def load(self, device: str = "cpu", dtype: str = "float32") -> None:
        import torch

        if dtype not in DTYPES:
            raise UsageError(f"dtype '{dtype}' is unknown to {self.plugin_name}; allowed: {', '.join(DTYPES)}.")
        be_strict()
        module = self.finish(self.loaded())
        kind = torch.float32 if dtype == "float32" else torch.bfloat16
        module = module.to(memory_format=torch.channels_last).to(device=device, dtype=kind)
        self.module = module.requires_grad_(False)

    def loaded(self) -> torch.nn.Module:
        """The network with its weights, before anything is folded or moved: what parity tests export."""
        from bench.extractors.seeded import quiet_construction

        path = self.weights_path() if self.seed is None else None
        with quiet_construction():
            module = self.build()
        if self.seed is not None:
            self.randomise(module, self.seed)
        elif path is not None:
            files.apply(module, self.fit(files.read(path)), path, f"{self.plugin_name} ({self.network()})")
        return module.eval().requires_grad_(False)

    def extract_images(self, batch: Sequence[Any], queries: Sequence[Sample] | None = None) -> dict[str, Any]:
        import torch

        module = self._ready()
        like = next(module.parameters())
        with torch.inference_mode():
            images = torch.from_numpy(np.stack(batch)).permute(0, 3, 1, 2).to(like.device, like.dtype)
            return {name: rows.float() for name, rows in self.forward(module, images).items()}

    def _ready(self) -> torch.nn.Module:
        if self.module is None:
            self.load()
        assert self.module is not None
        return self.module

    def unknown_model(self, name: str, near: str) -> NoReturn:
        """Refuse a model name."""
        raise UsageError(f"{self.plugin_name} knows no model '{name}'.{near}")


def be_strict() -> None:
    """float32 means float32: no TF32, no choice of kernels by timing."""
    import torch

    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = False


def save_state(module: torch.nn.Module, path: Path) -> Path:
    """Write a state dict as a torch file of the published layout, for peers that read such files."""
    import torch

    if path.suffix not in files.ENDINGS:
        raise DataError(f"{path} is no name for weights; allowed endings: {', '.join(files.ENDINGS)}.")
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({name: value.contiguous() for name, value in module.state_dict().items()}, path)
    return path
