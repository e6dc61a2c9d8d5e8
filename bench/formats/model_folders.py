"""A model as a folder, as diffusers' and transformers' `save_pretrained` write it: where it is, what it lacks, and what
fixes it. Reads files alone, imports no library."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.errors import DataError
from bench.formats.large_files import hub_folder, may_download, named_digest, snapshot
from bench.spec import text_digest

WEIGHTS = re.compile(r"(diffusion_pytorch_model|pytorch_model|model)(-\d+-of-\d+)?\.(safetensors|bin)")
"""Names of the files of weights that are loaded when no variant is asked for."""
_HUB = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
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


def absent(model: str, revision: str, what: str) -> str:
    """Why there is nothing to load; '' where there is, or where it may be fetched. what: 'a diffusers pipeline'."""
    if located(model, revision) is not None or (is_hub(model) and may_download()):
        return ""
    if not is_hub(model):
        return f"The folder '{model}' does not exist; give the path of {what} or owner/name of the hub."
    named = f"'{model}'{f' at {revision}' if revision else ''}"
    return (
        f"{named} is neither a folder nor in the Hugging Face cache ({hub_folder(model)}): --allow-download fetches "
        "it, or give the path of a folder."
    )


def weights_of(folder: Path, variant: str = "") -> list[Path]:
    """The files of weights that are loaded: of the variant where there are any, safetensors where there are any."""
    every = sorted(p for p in folder.iterdir() if p.suffix in (".safetensors", ".bin") and p.is_file())
    mine = [p for p in every if variant and re.search(rf"\.{re.escape(variant)}[.-]", p.name)]
    found = mine or [p for p in every if WEIGHTS.fullmatch(p.name)]
    return [p for p in found if p.suffix == ".safetensors"] or found


def damage(folder: Path, files: Sequence[Path], who: str) -> Iterator[str]:
    """Sentences on files of weights that are pointers, and on shards that are named and not there."""
    for file in files:
        with file.open("rb") as opened:
            if opened.read(24).startswith(b"version https://git-lfs"):
                yield f"{file} is a pointer of Git LFS and not the weights; run 'git lfs pull' in that folder."
    for index in folder.glob("*.index*.json"):
        named = _shards(index)
        if {f.name for f in files} & named:
            gone = sorted(n for n in named if not (folder / n).is_file())
            if gone:
                yield f"{who} lacks {len(gone)} of {len(named)} files of weights ({gone[0]}); copy or fetch it again."


def content(folder: Path, weights: Sequence[Path]) -> list[list[str]]:
    """(name, digest) of a model's weights, configurations and vocabularies: the same for every copy of it."""
    found = [[p.name, named_digest(p)] for p in weights]
    for path in sorted(folder.iterdir()):
        if path.suffix == ".json" and ".index" not in path.name:
            found.append([path.name, fixed(path)])
        elif path.suffix in (".txt", ".model", ".jinja"):
            found.append([path.name, named_digest(path)])
    return found


def _shards(index: Path) -> set[str]:
    try:
        return {Path(str(name)).name for name in json.loads(index.read_bytes())["weight_map"].values()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return set()


def fixed(path: Path) -> str:
    """Digest of a configuration without what says who wrote it."""
    found = _json(path)
    if isinstance(found, Mapping):
        found = {k: v for k, v in found.items() if k not in _NOT_FIXING}
    return text_digest(json.dumps(found, sort_keys=True))


def configuration(path: Path) -> Mapping[str, Any]:
    """A JSON object; DataError where it is none."""
    found = _json(path)
    if not isinstance(found, Mapping):
        raise DataError(f"{path} is damaged (a {type(found).__name__} where an object is expected); copy it again.")
    return found


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is damaged ({error}); copy the folder again.") from None
