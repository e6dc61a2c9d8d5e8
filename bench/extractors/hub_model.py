"""What the models of transformers share: where a folder or a repository of the hub is, what it lacks, what fixes it,
and how it is loaded and run.

A model is named by the path of a folder that `save_pretrained` wrote, or by owner/name of the hub (its cache is looked
at first; the network only where downloads are allowed). Pixels and texts go through the processor of that folder. Code
that comes with a folder is never run. Rows go through the network one by one, so that no neighbour and no batch size
changes a bit; at_once=8 lets rows of equal shapes share a pass, which is faster on a GPU and rounds differently.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from bench.errors import BenchError, DataError, UsageError, WeightsMissing
from bench.extractors.base import Extractor
from bench.extractors.network import DTYPES, be_strict
from bench.formats import model_folders
from bench.formats.large_files import may_download
from bench.spec import digest

if TYPE_CHECKING:
    import torch

EXTRA = "pip install 'text-image-bench[evidence]'"
_FILES = ["*.json", "*.txt", "*.model", "*.jinja", "*.safetensors", "*.bin"]

Inputs = Mapping[str, Any]
"""Tensors with a leading axis of one row (or of one image's patches), as a processor gives them."""


class HubModel(Extractor):
    """Base of extractors over transformers' auto classes."""

    plugin_name: ClassVar[str] = "hub-model"
    what: ClassVar[str] = "a model"
    """For messages, e.g. 'a zero-shot detector'."""
    reader: ClassVar[str] = "processor"
    """What makes its inputs of images or texts."""
    reader_files: ClassVar[tuple[str, ...]] = ("preprocessor_config.json", "processor_config.json")
    """A folder that has any of these has the reader; messages name the first three."""
    dtypes: ClassVar[tuple[str, ...]] = DTYPES

    def __init__(self, model: str, revision: str = "", at_once: int = 1) -> None:
        self.model, self.revision, self.at_once = str(model), str(revision), int(at_once)
        if self.at_once < 1:
            raise UsageError(f"at_once={at_once} of {self.plugin_name} is no number of rows; give 1 or more.")
        self.module: Any = None
        self._lock = threading.Lock()

    # ---- before anything is loaded ----

    def models(self) -> Sequence[tuple[str, str]]:
        return ((self.model, self.revision),)

    def problems(self) -> list[str]:
        """A missing package, absent weights, a folder that cannot be meant."""
        found = []
        if importlib.util.find_spec("transformers") is None:
            found.append(f"{self.plugin_name} needs the package transformers: {EXTRA}.")
        if why := model_folders.absent(self.model, self.revision, self.what):
            return [*found, f"{self.plugin_name}: {why}"]
        try:
            return found + (list(self._lacking(place)) if (place := self._here()) else [])
        except BenchError as error:
            return [*found, *error.messages]

    def _here(self) -> Path | None:
        """The folder, where nothing must be fetched for it."""
        place = model_folders.located(self.model, self.revision)
        fetchable = model_folders.is_hub(self.model) and may_download()
        return None if place is not None and fetchable and list(self._lacking(place)) else place

    def _lacking(self, folder: Path) -> Iterator[str]:
        who = f"'{folder}', given as {self.what},"
        if not folder.is_dir():
            yield f"{who} is a file; give the folder that save_pretrained writes."
            return
        if not (folder / "config.json").is_file():
            yield f"{who} lacks config.json, which save_pretrained writes; copy or fetch it again."
            return
        config = model_folders.configuration(folder / "config.json")
        if not config.get("model_type"):
            yield f"{who} has a config.json without model_type, so that no class is known for it."
        if not any((folder / name).is_file() for name in self.reader_files):
            yield f"{who} lacks {' or '.join(self.reader_files[:3])}; save its {self.reader} there, too."
        files = model_folders.weights_of(folder)
        if not files:
            yield f"{who} has no weights (model.safetensors); copy or fetch it again."
        yield from model_folders.damage(folder, files, who)

    @cached_property
    def folder(self) -> Path:
        """The folder of the model; fetched where that is allowed."""
        if why := model_folders.absent(self.model, self.revision, self.what):
            raise WeightsMissing(f"{self.plugin_name}: {why}")
        place = self._here()
        if place is None:
            place = self._fetched()
        if lacking := list(self._lacking(place)):
            raise DataError(*lacking)
        return place

    def _fetched(self) -> Path:
        import huggingface_hub

        try:
            return Path(
                huggingface_hub.snapshot_download(self.model, revision=self.revision or None, allow_patterns=_FILES)
            )
        except (OSError, ValueError, huggingface_hub.errors.HfHubHTTPError) as error:
            first = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise WeightsMissing(f"'{self.model}' could not be fetched from the hub: {first}") from error

    @cached_property
    def content(self) -> str:
        """Digest of configuration, vocabulary and weights: the same for every copy of the model."""
        return digest(model_folders.content(self.folder, model_folders.weights_of(self.folder)))

    def identity(self) -> Mapping[str, Any]:
        return {"model": f"content:{self.content}"}

    # ---- loading ----

    def load(self, device: str = "cpu", dtype: str = "float32") -> None:
        import torch

        if dtype not in self.dtypes:
            raise UsageError(f"dtype '{dtype}' is unknown to {self.plugin_name}; allowed: {', '.join(self.dtypes)}.")
        be_strict()
        folder, kind = self.folder, torch.float32 if dtype == "float32" else torch.bfloat16
        with _quiet(), self._sentences(folder):
            module, told = self.network(folder, kind)
        lost = sorted([*told.get("missing_keys", ()), *(str(one[0]) for one in told.get("mismatched_keys", ()))])
        if lost:
            raise DataError(
                f"The weights of '{folder}' lack {len(lost)} tensors of {type(module).__name__} (the first: {lost[0]}),"
                f" which would be random; is it {self.what}?"
            )
        self.module = module.to(device=device, dtype=kind).eval().requires_grad_(False)
        self.ready()

    @property
    def processor(self) -> Any:
        """The folder's own processor: images are prepared by it before the network is there, in several threads."""
        with self._lock:
            return self._processor

    @cached_property
    def _processor(self) -> Any:
        with _quiet(), self._sentences(self.folder):
            return self._prepared()

    def _prepared(self) -> Any:
        """What turns images and texts into inputs, from the folder."""
        from transformers import AutoProcessor

        return AutoProcessor.from_pretrained(str(self.folder), local_files_only=True)

    def network(self, folder: Path, kind: torch.dtype) -> tuple[Any, Mapping[str, Any]]:
        """The network, and what of its weights was not in the files."""
        raise NotImplementedError

    def ready(self) -> None:
        """Called when processor and network are there."""

    @contextmanager
    def _sentences(self, folder: Path) -> Iterator[None]:
        """What transformers says of a folder that it cannot read, as one sentence."""
        try:
            yield
        except BenchError:
            raise
        except Exception as error:
            said = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
            raise DataError(f"transformers cannot load '{folder}' as {self.what}: {said}") from error

    def loaded(self) -> Any:
        """The network, on its device."""
        if self.module is None:
            self.load()
        return self.module

    # ---- running ----

    def passes(self, rows: Sequence[Inputs]) -> Iterator[tuple[list[int], dict[str, Any]]]:
        """Rows of equal shapes together, `at_once` of them: (their places, one batch on the device).

        A batch always has `at_once` rows, the last ones repeated where there are fewer; only the first `len(places)`
        rows of what comes out are meant.
        """
        like = next(self.loaded().parameters())
        for places in self.groups(rows):
            full = places + [places[-1]] * (self.at_once - len(places))
            yield places, {name: self._joined([rows[i][name] for i in full], like) for name in rows[places[0]]}

    def groups(self, rows: Sequence[Inputs]) -> list[list[int]]:
        """Places of rows of equal shapes, at most `at_once` together."""
        alike: dict[tuple[Any, ...], list[int]] = {}
        for at, row in enumerate(rows):
            alike.setdefault(tuple((name, tuple(value.shape)) for name, value in row.items()), []).append(at)
        return [some[i : i + self.at_once] for some in alike.values() for i in range(0, len(some), self.at_once)]

    @staticmethod
    def _joined(parts: Sequence[torch.Tensor], like: torch.Tensor) -> torch.Tensor:
        import torch

        whole = torch.cat(list(parts))
        return whole.to(like.device, like.dtype if whole.is_floating_point() else whole.dtype)


def weighed(auto: str, folder: Path, kind: torch.dtype) -> tuple[Any, Mapping[str, Any]]:
    """The network of a folder by transformers' auto class of this name, and which of its tensors no file has."""
    import transformers

    return getattr(transformers, auto).from_pretrained(
        str(folder), dtype=kind, local_files_only=True, output_loading_info=True, trust_remote_code=False
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """transformers' progress bars and remarks are not this program's."""
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    logger = logging.getLogger("transformers")
    was, logger.level = logger.level, logging.ERROR
    try:
        from transformers.utils import logging as their

        shown = their.is_progress_bar_enabled()
        their.disable_progress_bar()
        try:
            yield
        finally:
            if shown:
                their.enable_progress_bar()
    finally:
        logger.setLevel(was)
