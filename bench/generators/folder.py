"""`folder`: images that exist already, matched to prompts by a declared rule and recorded by path, never copied.

The fingerprint is over (sample, k, content): moving or copying the folder keeps it, and so does renaming files as long
as the same images meet the same prompts; another rule or another image changes it. Of a tile it is over the file's
content and the tile's place.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cached_property
from typing import Any, ClassVar

from bench.errors import BenchError, DataError
from bench.formats.folders import Listing, file_digest, list_images, manifest_digest
from bench.formats.layouts import arrange, layout_named, recognised, without_read
from bench.formats.manifests import find_manifest, read_manifest
from bench.formats.matching import RULES, Matching, match
from bench.formats.tiles import Tile, grid, split
from bench.generators.base import Context, Generator
from bench.registry import register
from bench.spec import digest
from bench.types import Outcome, Request

_ONE_IMAGE = "each file is taken as one image; where files hold four, 2x2, as DPG-Bench tiles them, give layout=dpg"


@register("generator", "folder", summary="images that exist already, in a folder")
class Folder(Generator):
    """`path`: the folder, searched with its subfolders. `match`: index, stem, caption, manifest or auto.

    `manifest`: a table (csv, tsv, jsonl) of file and sample or prompt; default: the folder's own manifest.* if any.
    `layout`, in place of the two: attngan, dpg, genai-bench, geneval, hpsv2, soa, t2i-compbench, tise or visor.
    `tiles` (dpg): the grid of images in a file, default 2x2; `resolution` (dpg): the side of a tile, default the
    picture's, divided.
    """

    existing: ClassVar[bool] = True
    not_identity: ClassVar[tuple[str, ...]] = ("path", "match", "manifest", "layout", "tiles", "resolution")

    def __init__(
        self, path: str, match: str = "auto", manifest: str | None = None, layout: str | None = None,
        tiles: str | None = None, resolution: int | None = None,
    ) -> None:  # fmt: skip
        self.path, self.rule, self.manifest = os.path.expanduser(str(path)), str(match), manifest
        self.layout, self.tiles, self.resolution = layout, tiles, resolution
        self.matching: Matching | None = None

    def problems(self) -> list[str]:
        """Unknown rule or layout, absent folder, folder without images, unreadable manifest: each a sentence."""
        if self.rule not in (*RULES, "auto"):
            return [f"match={self.rule} is no rule of matching; give auto, {', '.join(RULES)}."]
        try:
            if told := self._odd_layout():
                return [told]
            if not self.listing.files:
                return [f"The folder '{self.path}' holds no images (of {len(self.listing.others)} files)."]
            _ = self._entries
        except BenchError as error:
            return list(error.messages)
        return []

    def _odd_layout(self) -> str:
        """What is wrong with layout, tiles and resolution, ''. UsageError for an unknown layout or grid."""
        tiled = self.layout is not None and layout_named(self.layout).tiled
        if self.layout is not None and (self.rule != "auto" or self.manifest is not None):
            return f"layout={self.layout} says how files meet prompts, and so does match or manifest; give one of them."
        if not tiled and (self.tiles is not None or self.resolution is not None):
            return "tiles and resolution are of images that hold several; give layout=dpg with them."
        side = self.resolution
        if side is not None and (isinstance(side, bool) or not isinstance(side, int) or not 0 < side < 10**6):
            return f"resolution={side} is no side of a tile; give whole pixels, e.g. 512."
        _ = self._tiles
        return ""

    @property
    def _tiles(self) -> list[Tile]:
        if self.layout is None or not layout_named(self.layout).tiled:
            return []
        return grid(self.tiles or "2x2", self.resolution or 0)

    @cached_property
    def listing(self) -> Listing:
        """The images below the folder, listed once."""
        return list_images(self.path)

    @cached_property
    def _entries(self) -> Sequence[Any] | None:
        table = self.manifest or (find_manifest(self.path) if self.rule in ("auto", "manifest") else None)
        return read_manifest(os.path.expanduser(table)) if table else None

    def setup(self, context: Context) -> None:
        """Match the files with all samples of the dataset; shows the rule, the counts and three pairs."""
        super().setup(context)
        try:
            self.matching = self._matched(context)
        except DataError as error:
            raise DataError(" ".join([f"{self.path}: {error}", *self.listing.left_out()])) from None
        for line in (*self.matching.summary(), *self.matching.preview(3)):
            context.notify(line)

    def _matched(self, context: Context) -> Matching:
        samples = list(context.samples.values())
        if self.layout is not None:
            return arrange(self.listing, samples, self.layout, self._tiles)
        found = recognised(self.listing, samples) if self.rule == "auto" and self._entries is None else None
        found = found or match(self.listing.files, samples, self.rule, self._entries)
        if context.dataset.startswith("dpg-bench"):
            found = replace(found, notes=(*found.notes, _ONE_IMAGE))
        return found

    def identity(self) -> Mapping[str, Any]:
        """sha256 over (sample, k, content); before `setup` over (name, content)."""
        if self.matching is None:
            return {"files": manifest_digest(self.path, self.listing.files)}
        return {"files": self._paired_digest}

    @cached_property
    def _paired_digest(self) -> str:
        assert self.matching is not None
        pairs = sorted(self.matching.pairs.items())
        images = [(key, *split(self._path(file))) for key, joined in pairs for file in joined.split("\n")]
        files = list(dict.fromkeys(file for _, file, _ in images))
        try:
            with ThreadPoolExecutor(4) as pool:
                contents = dict(zip(files, pool.map(file_digest, files), strict=True))
        except OSError as error:
            raise DataError(f"'{error.filename}' cannot be read: {error.strerror}.") from None
        return digest([[*key, f"{contents[file]}{tile or ''}"] for key, file, tile in images])  # as image_digest

    def repeats(self) -> int | None:
        return self.matching.repeats if self.matching else None

    def notes(self) -> list[str]:
        """How the files were matched, with the numbers of missing, extra and duplicate images, and what was ignored."""
        if self.matching is None:
            return self.listing.notes()
        return [*self.matching.summary(), *without_read(self.listing, self.matching).notes()]

    def generate(self, requests: Sequence[Request]) -> Iterator[Outcome]:
        if self.matching is None:
            raise DataError(f"The folder '{self.path}' was asked for images before it was matched; call setup first.")
        for request in requests:
            files = self.matching.pairs.get((request.sample_id, request.k))
            if files is None:
                reason = f"no image in '{self.path}' belongs to this prompt (matched by {self.matching.rule})"
                yield Outcome(status="missing", reason=reason)
            else:
                yield Outcome(path="\n".join(self._path(file) for file in files.split("\n")))

    def _path(self, file: str) -> str:
        return self.listing.path(file)
