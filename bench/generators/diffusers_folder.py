"""A pipeline as a folder: what is in it, what it lacks, and what fixes it. Reads files alone, imports no library.

The layout is that of diffusers' `save_pretrained`: model_index.json names the pipeline's class and its parts, each part
is a folder with a configuration and, where it is a network, weights. Code that comes with a folder is never run, and
parts are classes of diffusers and transformers alone.
"""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from bench.errors import DataError
from bench.formats.large_files import hub_folder, may_download, named_digest, snapshot
from bench.spec import digest, text_digest

INDEX = "model_index.json"
_HUB = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_PLAIN = re.compile(r"(diffusion_pytorch_model|pytorch_model|model)(-\d+-of-\d+)?\.(safetensors|bin)")
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
_NOT_FIXING = ("_diffusers_version", "_name_or_path", "name_or_path", "transformers_version", "torch_dtype", "dtype")
"""Fields of configurations that say where and by which version they were written."""


def located(model: str, revision: str = "") -> Path | None:
    """The folder of a path or of a hub's repository in the local cache; None where there is none."""
    path = Path(model).expanduser()
    if path.exists():
        return path
    return snapshot(model, revision) if is_hub(model) else None


def is_hub(model: str) -> bool:
    """Whether a model is named as owner/name and no such path exists."""
    return bool(_HUB.fullmatch(model)) and not Path(model).expanduser().exists()


def absent(model: str, revision: str = "") -> str:
    """Why there is nothing to load; '' where there is, or where it may be fetched."""
    if located(model, revision) is not None or (is_hub(model) and may_download()):
        return ""
    if not is_hub(model):
        return f"The folder '{model}' does not exist; give the path of a diffusers pipeline or owner/name of the hub."
    what = f"'{model}'{f' at {revision}' if revision else ''}"
    return (
        f"{what} is neither a folder nor in the Hugging Face cache ({hub_folder(model)}): --allow-download fetches it, "
        "or give the path of a folder."
    )


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
        for file in files:
            with file.open("rb") as opened:
                if opened.read(24).startswith(b"version https://git-lfs"):
                    yield f"{file} is a pointer of Git LFS and not the weights; run 'git lfs pull' in that folder."
        for index in part.folder.glob("*.index*.json"):
            named = _shards(index)
            if {f.name for f in files} & named:
                gone = sorted(n for n in named if not (part.folder / n).is_file())
                if gone:
                    count = f"{len(gone)} of {len(named)} files of weights ({gone[0]})"
                    yield f"The part {who} of '{self.folder}' lacks {count}; copy or fetch it again."

    def _lacking_variant(self) -> Iterator[str]:
        names = [file.name for part in self.parts.values() for file in self.weights(part)]
        if self.variant and not any(f".{self.variant}" in name for name in names):
            yield f"No part of '{self.folder}' has weights of the variant '{self.variant}'; leave variant= out."

    def weights(self, part: Part) -> list[Path]:
        """The files of weights that are loaded: of the variant where there are any, safetensors where there are any."""
        if not part.folder.is_dir() or part.needs:
            return []
        every = sorted(p for p in part.folder.iterdir() if p.suffix in (".safetensors", ".bin") and p.is_file())
        mine = [p for p in every if self.variant and re.search(rf"\.{re.escape(self.variant)}[.-]", p.name)]
        found = mine or [p for p in every if _PLAIN.fullmatch(p.name)]
        return [p for p in found if p.suffix == ".safetensors"] or found

    def identity(self) -> dict[str, str]:
        """Part -> digest of its configuration, vocabulary and weights: the same for every copy of it."""
        return {name: digest(self._content(part)) for name, part in sorted(self.parts.items())}

    def _content(self, part: Part) -> list[list[str]]:
        found = [[p.name, named_digest(p)] for p in self.weights(part)]
        for path in sorted(part.folder.iterdir()):
            if path.suffix == ".json" and ".index" not in path.name:
                found.append([path.name, _fixed(path)])
            elif path.suffix in (".txt", ".model"):
                found.append([path.name, named_digest(path)])
        return found


def _of_diffusers(package: str) -> bool:
    """Whether it is a folder of diffusers' own pipelines, where safety checkers live."""
    spec = importlib.util.find_spec("diffusers")
    if spec is None or spec.origin is None or not package.isidentifier():
        return False
    return (Path(spec.origin).parent / "pipelines" / package).is_dir()


def _shards(index: Path) -> set[str]:
    try:
        return {Path(str(name)).name for name in json.loads(index.read_bytes())["weight_map"].values()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return set()


def _fixed(path: Path) -> str:
    """Digest of a configuration without what says who wrote it."""
    try:
        found = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is damaged ({error}); copy the folder again.") from None
    if isinstance(found, Mapping):
        found = {k: v for k, v in found.items() if k not in _NOT_FIXING}
    return text_digest(json.dumps(found, sort_keys=True))
