"""What a study needs on disk, a file or a model each: where it was looked for, whether it is the one that is meant,
under which licence, and where it lies in a bundle. Nothing is downloaded here and no library of models is imported.

A bundle has the shape of BENCH_HOME (datasets/, weights/), a Hugging Face cache (hub/) and the user's own files
(files/). A licence is the card's, the model card's in the cache, or of `LICENCES`, which were read where it says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from bench.cards import card
from bench.formats import places
from bench.formats.fetching import Want, same_text, wants
from bench.formats.large_files import find_weights, hub_folder, named_digest, sha256, weight_folders
from bench.formats.model_folders import located
from bench.spec import text_digest

Status = Literal["present", "missing", "wrong"]
UNKNOWN = "unknown"
"""The licence of what states none that was read."""
LICENCES = (
    ("https://openaipublic.azureedge.net/clip/", "MIT"),  # LICENSE of github.com/openai/CLIP
    ("https://github.com/toshas/torch-fidelity/", "Apache-2.0"),  # licence of the distribution torch-fidelity
    ("https://dl.fbaipublicfiles.com/dinov2/", "Apache-2.0"),  # MODEL_CARD.md of github.com/facebookresearch/dinov2
)
"""Beginnings of addresses -> licence of the weights there."""
HUB_LICENCES = {
    "Salesforce/blip-vqa-base": "bsd-3-clause",
    "Salesforce/blip-vqa-capfilt-large": "bsd-3-clause",
    "depth-anything/Depth-Anything-V2-Small-hf": "apache-2.0",
    "google/owlv2-base-patch16-ensemble": "apache-2.0",
    "google/owlvit-base-patch32": "apache-2.0",
    "IDEA-Research/grounding-dino-base": "apache-2.0",
    "sentence-transformers/all-mpnet-base-v2": "apache-2.0",
    "timm/vit_base_patch32_clip_224.openai": "apache-2.0",
    "timm/vit_large_patch14_clip_224.openai": "apache-2.0",
    "timm/vit_large_patch14_dinov2.lvd142m": "apache-2.0",
}
"""Repository of the hub -> what its page on huggingface.co states, of models that are defaults or that the docs name. A
model card in the cache goes before. What is in neither is unknown."""


@dataclass(frozen=True)
class Need:
    """A file, a folder or a model."""

    kind: str
    """data, weights, tokenizer, statistics, or own (a file of the user)."""
    name: str
    of: str
    """Text form of what needs it."""
    status: Status
    path: Path | None = None
    """Where it is."""
    place: str = ""
    """Where it lies in a bundle; '' where nothing is to be carried."""
    looked: tuple[str, ...] = ()
    """Where it was looked for."""
    url: str = ""
    manual: str = ""
    """Where people get it who must get it by hand."""
    sha256: str = ""
    """What it must be (or the first digits of that); '' where nobody has published it."""
    found: str = ""
    """What it is, where that is another."""
    size: int = 0
    licence: str = UNKNOWN
    optional: bool = False
    hub: str = ""
    """Repository of the Hugging Face hub, with '@revision' where one is asked for."""

    def where(self) -> str:
        """One line: where it is, or where it was looked for and whence it comes."""
        if self.status == "present":
            return str(self.path) if self.path else "made here"
        if self.status == "wrong":
            return f"{self.path} has sha256 {self.found[:16]}... where {self.sha256[:16]}... is expected"
        return f"looked for {' and '.join(self.looked) or 'it'}"

    def help(self) -> str:
        """What brings it."""
        if self.status == "present":
            return ""
        if self.status == "wrong":
            return "remove it and fetch it again"
        if self.url or self.hub:
            return f"--allow-download fetches {self.url or f'{self.hub} of the hub'}"
        return f"get it from {self.manual}" if self.manual else "no address of it is known: give its path"


# ---- data sets -------------------------------------------------------------------------------------------------------


def of_dataset(name: str, root: str | None = None, text: str = "") -> list[Need]:
    """All that a data set's card names, at a root or where it is linked or fetched; one need without files for a data
    set that is made here."""
    of, licence = text or name, licence_of(name)
    every = wants(name)
    if not every:
        made = str(card(name).get("layout", "")).startswith("none")
        return [Need("data", name, of, "present", licence=licence)] if made else []
    base = Path(root).expanduser() if root else places.located(name)
    own = places.own_folder(name)
    found = []
    for want in every:
        for path in want.gives:
            found.append(_of_layout(path, want, base or own, own, of, licence))
    return found


def _of_layout(path: str, want: Want, base: Path, own: Path, of: str, licence: str) -> Need:
    spots = (path, *want.also) if not want.packed else (path,)
    digest = "" if want.packed else (want.digest or places.pins(own.name).get(want.file, ""))
    need = Need(
        "data", path, of, "missing", place=f"datasets/{own.name}/{path if '*' not in path else '*'}",
        looked=tuple(str(base / s) for s in spots), url=want.url, manual=want.manual, sha256=digest,
        size=0 if want.packed else want.size, licence=licence, optional=want.optional,
    )  # fmt: skip
    there = base if base.is_file() else next(iter(_hits(base, spots)), None)
    if there is None:
        return need
    if digest and there.is_file():
        found = sha256(there)
        if not found.startswith(digest) and not same_text(there, digest):
            return replace(need, status="wrong", path=there, found=found)
    return replace(need, status="present", path=there)


def _hits(base: Path, spots: Iterable[str]) -> Iterator[Path]:
    for spot in spots:
        yield from sorted(base.glob(spot)) if "*" in spot else [p for p in [base / spot] if p.exists()]


def licence_of(name: str) -> str:
    """The licence of a data set's card; of a variant ('as COCO') that of the data set it is of."""
    licence = str(card(name).get("licence", "")) or UNKNOWN
    base = str(card(name).get("place", ""))
    return licence_of(base) if licence.startswith("as ") and base and base != name else licence


# ---- weights and models ----------------------------------------------------------------------------------------------


def of_weights(
    names: Sequence[str], of: str, *, hub: str = "", hub_names: Sequence[str] = (), url: str = "", digest: str = ""
) -> Need:
    """A file of weights under its published names; the fields are those of an extractor's Source."""
    path = find_weights(names, hub, hub_names)
    looked = [f"{' or '.join(names)} in {folder}" for folder in weight_folders()]
    looked += [f"{hub_names[0]} in {hub_folder(hub)}"] if hub and hub_names else []
    need = Need(
        "weights", names[0], of, "missing", place=f"weights/{names[0]}", looked=tuple(looked), url=url, sha256=digest,
        licence=_of_address(url) or model_licence(hub),
    )  # fmt: skip
    if path is None:
        return need
    if hub and path.is_relative_to(hub_folder(hub)):
        need = replace(need, place=f"hub/{hub_folder(hub).name}/{path.relative_to(hub_folder(hub)).as_posix()}")
    need, found = replace(need, path=path, size=path.stat().st_size), named_digest(path)
    return replace(need, status="present") if found.startswith(digest) else replace(need, status="wrong", found=found)


def of_model(kind: str, model: str, revision: str, of: str) -> Need:
    """A model that is a folder, or owner/name of the hub."""
    path = Path(model).expanduser()
    if path.exists() or not re.fullmatch(r"[\w.-]+/[\w.-]+", model):
        return of_file(kind, model, of)
    folder = located(model, revision)
    hub = f"{model}@{revision}" if revision else model
    place = f"hub/models--{model.replace('/', '--')}"
    return Need(kind, model, of, "present" if folder else "missing", folder, place,
                looked=(str(hub_folder(model)),), licence=model_licence(model, revision), hub=hub)  # fmt: skip


def of_file(kind: str, given: str, of: str, licence: str = UNKNOWN) -> Need:
    """A file or folder that the user named by its path."""
    path = Path(given).expanduser()
    there = path.exists()
    size = path.stat().st_size if path.is_file() else 0
    place = f"files/{text_digest(given)[:8]}-{path.name}"
    return Need(kind, given, of, "present" if there else "missing", path if there else None, place,
                looked=(str(path.absolute()),), size=size, licence=licence)  # fmt: skip


def _of_address(url: str) -> str:
    return next((licence for start, licence in LICENCES if url.startswith(start)), "")


def model_licence(model: str, revision: str = "") -> str:
    """What the model card in the Hugging Face cache says, else what its page said when it was read."""
    folder = located(model, revision) if model else None
    said = UNKNOWN if folder is None else card_licence(folder)
    return said if said != UNKNOWN else HUB_LICENCES.get(model, UNKNOWN)


def card_licence(folder: Path) -> str:
    """What a model card (README.md) says."""
    if not (folder / "README.md").is_file():
        return UNKNOWN
    text = (folder / "README.md").read_text(encoding="utf-8", errors="replace")
    head = re.match(r"---\s*\n(.*?)\n---", text, re.DOTALL)
    said = re.search(r"^license:\s*[\"']?([\w.+-]+)", head.group(1), re.MULTILINE) if head else None
    return said.group(1) if said else UNKNOWN


# ---- licences --------------------------------------------------------------------------------------------------------


def refused(needs: Iterable[Need], allowed: Sequence[str]) -> list[Need]:
    """Those under a licence that is none of the allowed ones; the user's own files have the user's consent."""
    known = {one.strip().casefold() for one in allowed}
    return [n for n in needs if n.kind != "own" and n.licence.casefold() not in known]
