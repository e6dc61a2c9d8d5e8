"""A pipeline as a folder: what is in it, what it lacks, and what fixes it. Reads files alone, imports no library.

The layout is that of diffusers' `save_pretrained`: model_index.json names the pipeline's class and its parts, each part
is a folder with a configuration and, where it is a network, weights. Code that comes with a folder is never run, and
parts are classes of diffusers and transformers alone.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from bench.errors import DataError
from bench.formats import model_folders
from bench.formats.model_folders import is_hub as is_hub
from bench.formats.model_folders import located as located
from bench.spec import digest

INDEX = "model_index.json"
_VOCABULARIES = (
    "tokenizer.json", "vocab.json", "vocab.txt", "spiece.model", "sentencepiece.bpe.model", "tokenizer.model",
)  # fmt: skip
_NEEDS = (
    ("Scheduler", ("scheduler_config.json",)),
    ("Tokenizer", _VOCABULARIES),
    ("Processor", ("preprocessor_config.json", "processor_config.json", "tokenizer_config.json")),
    ("FeatureExtractor", ("preprocessor_config.json",)),
)  # fmt: skip
"""End of a class's name -> files of which such a part has at least one; any other class is a network."""


def absent(model: str, revision: str = "") -> str:
    """Why there is nothing to load; '' where there is, or where it may be fetched."""
    return model_folders.absent(model, revision, "a diffusers pipeline")


@dataclass(frozen=True)
class Part:
    """A part of a pipeline."""

    name: str
    package: str
    """Of which its class is: diffusers, transformers, or a folder of the former."""
    kind: str
    """Its class."""
    folder: Path

    @cached_property
    def needs(self) -> tuple[str, ...]:
        """Files of which one must be there; () for a network, which has weights."""
        return next((files for end, files in _NEEDS if self.kind.removesuffix("Fast").endswith(end)), ())


@dataclass(frozen=True)
class Pipeline:
    """A folder of a pipeline."""

    folder: Path
    variant: str = ""

    @cached_property
    def index(self) -> Mapping[str, Any]:
        """model_index.json; a DataError says why there is none."""
        path = self.folder / INDEX
        if self.folder.is_file():
            raise DataError(
                f"'{self.folder}' is one file, and a pipeline is a folder: load it once with diffusers' "
                "from_single_file, save_pretrained(DIR), and give DIR."
            )
        if not path.is_file():
            part = " (it is a single part of one)" if (self.folder / "config.json").is_file() else ""
            raise DataError(
                f"'{self.folder}' is no diffusers pipeline{part}: it lacks {INDEX}, which save_pretrained writes."
            )
        try:
            found = json.loads(path.read_bytes())
        except (ValueError, RecursionError) as error:
            raise DataError(f"{path} is damaged ({error}); copy the folder again.") from None
        if not isinstance(found, Mapping) or not found.get("_class_name"):
            raise DataError(f"{path} names no pipeline (_class_name); copy the folder again.")
        return found

    @property
    def kind(self) -> str:
        """The pipeline's class."""
        return str(self.index["_class_name"])

    @cached_property
    def parts(self) -> dict[str, Part]:
        """Its parts by name, those that are left out (null) excepted."""
        found = {}
        for name, value in self.index.items():
            if isinstance(value, list) and len(value) == 2 and all(isinstance(v, str) for v in value):
                package, kind = value
                found[name] = Part(name, package, kind, self.folder / name)
        return found

    def problems(self) -> list[str]:
        """What is missing or may not be used, a sentence each."""
        try:
            foreign = list(self._foreign())
            lacking = (said for part in self.parts.values() for said in self._lacks(part))
            return foreign or [*lacking, *self._lacking_variant()]
        except DataError as error:
            return list(error.messages)

    def _foreign(self) -> Iterator[str]:
        """Code of its own, and parts of other packages."""
        kind = self.index["_class_name"]
        if not isinstance(kind, str):
            yield f"'{self.folder}' is a custom pipeline ({kind}), whose code comes with it and is not run here."
            return
        for part in self.parts.values():
            if not part.name.isidentifier():
                yield f"{self.folder / INDEX} names a part {part.name!r:.60}, which is no name; copy the folder again."
            elif any((place / f"{part.package}.py").is_file() for place in (self.folder, part.folder)):
                yield f"'{self.folder}' brings code of its own ({part.package}.py for '{part.name}'), which is not run."
            elif part.package not in ("diffusers", "transformers") and not _of_diffusers(part.package):
                yield (
                    f"The part '{part.name}' of '{self.folder}' is of the package {part.package!r:.60}; only parts of "
                    "diffusers and transformers are loaded."
                )

    def _lacks(self, part: Part) -> Iterator[str]:
        who = f"'{part.name}' ({part.kind})"
        if not part.folder.is_dir():
            yield f"'{self.folder}' lacks its part {who}: there is no folder {part.name}/; copy or fetch it again."
        elif part.needs:
            if not any((part.folder / name).is_file() for name in part.needs):
                yield f"The part {who} of '{self.folder}' lacks {' or '.join(part.needs[:3])}; copy or fetch it again."
        elif not (part.folder / "config.json").is_file():
            yield f"The part {who} of '{self.folder}' lacks config.json; copy or fetch it again."
        else:
            yield from self._lacking_weights(part, who)

    def _lacking_weights(self, part: Part, who: str) -> Iterator[str]:
        files = self.weights(part)
        if not files:
            others = sorted(p.name for p in part.folder.iterdir() if p.suffix in (".safetensors", ".bin", ".ckpt"))
            more = f" (there is {others[0]}: say which with variant=)" if others else ""
            yield f"The part {who} of '{self.folder}' has no weights{more}; copy or fetch it again."
        yield from model_folders.damage(part.folder, files, f"The part {who} of '{self.folder}'")

    def _lacking_variant(self) -> Iterator[str]:
        names = [file.name for part in self.parts.values() for file in self.weights(part)]
        if self.variant and not any(f".{self.variant}" in name for name in names):
            yield f"No part of '{self.folder}' has weights of the variant '{self.variant}'; leave variant= out."

    def weights(self, part: Part) -> list[Path]:
        """The files of weights that are loaded: of the variant where there are any, safetensors where there are any."""
        if not part.folder.is_dir() or part.needs:
            return []
        return model_folders.weights_of(part.folder, self.variant)

    def identity(self) -> dict[str, str]:
        """Part -> digest of its configuration, vocabulary and weights: the same for every copy of it."""
        return {name: digest(self._content(part)) for name, part in sorted(self.parts.items())}

    def _content(self, part: Part) -> list[list[str]]:
        return model_folders.content(part.folder, self.weights(part))


def _of_diffusers(package: str) -> bool:
    """Whether it is a folder of diffusers' own pipelines, where safety checkers live."""
    spec = importlib.util.find_spec("diffusers")
    if spec is None or spec.origin is None or not package.isidentifier():
        return False
    return (Path(spec.origin).parent / "pipelines" / package).is_dir()
