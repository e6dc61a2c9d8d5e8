"""The rows that metrics read: views, truth and facts of a run's images, shard by shard, aligned with the plan."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from bench.engine import views
from bench.engine.extract import outcomes_path, read_outcomes, view_path
from bench.engine.plan import Plan, Row
from bench.errors import Incomplete
from bench.registry import plain
from bench.types import PixelFacts, Sample, View

MASKED = 127
"""Level of a mask's picture above which a pixel belongs to the object."""


@dataclass(frozen=True)
class Slab:
    """The ok rows of one shard: one entry an image (or a frame), aligned lists."""

    keys: tuple[str, ...]
    samples: tuple[Sample, ...]
    facts: tuple[PixelFacts, ...]
    images: tuple[str, ...]
    views: Mapping[str, Mapping[str, Any]]
    """Extractor key -> output -> rows."""


@dataclass(frozen=True)
class Whole:
    """A row of the run with all its frames: entries start..stop - 1 of a slab."""

    key: str
    sample: Sample
    start: int
    stop: int


def wholes(slab: Slab) -> list[Whole]:
    """The rows of a slab that have all their frames; a story with a frame missing is no row. Frames are adjacent."""
    found, start = [], 0
    while start < len(slab.keys):
        sample, key = slab.samples[start], row_key(slab.keys[start], slab.samples[start])
        stop = start + 1
        while stop < len(slab.keys) and row_key(slab.keys[stop], slab.samples[stop]) == key:
            stop += 1
        if stop - start == sample.frames:
            found.append(Whole(key, sample, start, stop))
        start = stop
    return found


def row_key(key: str, sample: Sample) -> str:
    """'sample#k' of an image's key, which names the frame too where there are several."""
    return key if sample.frames == 1 else key.rpartition("#")[0]


@dataclass(frozen=True)
class Beside:
    """What stands beside the images of a run: its encoded texts, and its samples' own references and masks."""

    table: Mapping[str, Mapping[str, Mapping[str, Any]]]
    """Extractor text -> text -> outputs."""
    owned: Mapping[str, Mapping[str, Mapping[str, Any]]] = field(default_factory=dict)
    """Extractor text -> locator of a sample's own reference -> outputs."""
    load: Callable[[str], Any] = field(default=lambda locator: None)
    """Locator -> pixels, by the dataset."""

    def own(self, view: View, sample: Sample) -> Any:
        """Pixels of a sample's own reference, or what an extractor saw in it."""
        assert sample.reference is not None  # metrics that need it are refused where a sample has none
        if view.output == "image":
            return self.load(sample.reference)
        return self.owned[plain("extractor", view.extractor or "")][sample.reference][view.output]

    def masks(self, sample: Sample) -> list[Any]:
        """For each object its mask bool (h, w), or None."""
        return [None if t.mask is None else self.load(t.mask)[..., 0] > MASKED for t in sample.objects]

    def prompt(self, extractor: str, output: str, sample: Sample) -> Any:
        """The output of a sample's prompt."""
        return self.table[extractor][sample.prompt][output]

    def captions(self, extractor: str, output: str, sample: Sample) -> Any:
        """The outputs of all captions of a sample: a (c, ...) tensor or a list."""
        found = [self.table[extractor][c][output] for c in sample.captions]
        return torch.stack(found) if output in views.TENSORS else found

    def negatives(self, extractor: str, output: str, sample: Sample) -> Any:
        """The same of its false captions, of which there may be none: (0, ...) then."""
        found = [self.table[extractor][c][output] for c in sample.negatives]
        if found or output not in views.TENSORS:
            return torch.stack(found) if output in views.TENSORS else found
        return self.prompt(extractor, output, sample)[None][:0]


def outcomes(plan: Plan) -> pd.DataFrame:
    """All outcomes of a run in plan order; Incomplete when a shard is absent."""
    absent = [i for i in range(len(plan.shards)) if not outcomes_path(plan.folder, i).is_file()]
    if absent:
        raise Incomplete(
            f"{plan.folder} lacks {len(absent)} of {len(plan.shards)} shards (the first: {absent[0]}); run the missing "
            "--shard parts, or repeat `bench run` without --shard, then score again."
        )
    return pd.concat([read_outcomes(plan.folder, i) for i in range(len(plan.shards))], ignore_index=True)


def image_keys(plan: Plan) -> list[str]:
    """The key of every image that a run has, in plan order."""
    found: list[str] = []
    for index, rows in enumerate(plan.shards):
        frame = read_outcomes(plan.folder, index)
        found += _slab(plan, index, rows, frame[frame["status"] == "ok"], ()).keys
    return found


def slabs(plan: Plan, keys: Sequence[str], common: frozenset[str] | None = None) -> Iterator[Slab]:
    """The ok rows of every shard with the views of these extractor keys; of `common` images only, where given."""
    for index, rows in enumerate(plan.shards):
        frame = read_outcomes(plan.folder, index)
        slab = _slab(plan, index, rows, frame[frame["status"] == "ok"], keys)
        if common is not None:
            slab = _part(slab, [i for i, key in enumerate(slab.keys) if key in common])
        if slab.keys:
            yield slab


def evident(slab: Slab, wanted: Iterable[tuple[str, str]]) -> tuple[Slab, list[str]]:
    """The rows of which all these (extractor key, output) are known, and the keys of the others."""
    absent = [(output, slab.views[key].get("absent")) for key, output in wanted]
    gone = {i for output, rows in absent if rows is not None for i, names in enumerate(rows) if output in names}
    if not gone:
        return slab, []
    return _part(slab, [i for i in range(len(slab.keys)) if i not in gone]), [slab.keys[i] for i in sorted(gone)]


def _part(slab: Slab, at: Sequence[int]) -> Slab:
    def chosen(values: Any) -> Any:
        return values[list(at)] if isinstance(values, torch.Tensor) else type(values)(values[i] for i in at)

    held = {key: {name: chosen(rows) for name, rows in view.items()} for key, view in slab.views.items()}
    return Slab(chosen(slab.keys), chosen(slab.samples), chosen(slab.facts), chosen(slab.images), held)


def _slab(plan: Plan, index: int, rows: Sequence[Row], fine: pd.DataFrame, keys: Sequence[str]) -> Slab:
    by_row = {(r.sample.id, r.request.k): r for r in rows}
    found = [by_row[pair] for pair in zip(fine["sample"], fine["k"], strict=True)]
    names = tuple(r.frame_keys()[f] for r, f in zip(found, fine["frame"], strict=True))
    facts = tuple(
        PixelFacts(*facts)
        for facts in zip(*(fine[c] for c in ("digest", "width", "height", "low", "high", "uniform")), strict=True)
    )
    loaded = {k: _view(plan.folder, k, index, names) for k in keys} if names else {}
    return Slab(names, tuple(r.sample for r in found), facts, tuple(fine["image"]), loaded)


def _view(folder: Path, key: str, index: int, names: tuple[str, ...]) -> Mapping[str, Any]:
    path = view_path(folder, key, index)
    if not path.is_file():
        raise Incomplete(f"{path} is missing; repeat the run's command to make it.")
    rows = views.read(path)
    if rows.keys != names:
        raise Incomplete(f"{path} belongs to other images; delete it and repeat the run's command.")
    return rows.outputs


def arguments(
    wanted: Mapping[str, View],
    slab: Slab,
    keys: Mapping[str, str],
    beside: Beside,
    other: Callable[[Sample], Sample],
    pixels: Callable[[str], Any],
    whole: Sequence[Whole] | None = None,
) -> dict[str, Any]:
    """The arguments of `update` for a slab. `other` maps a row's sample to the one whose text and truth it is given.

    whole: rows instead of images; the generated side of each is then a sequence with one entry a frame.
    """
    found = {}
    samples = [other(s) for s in (slab.samples if whole is None else [w.sample for w in whole])]
    for name, view in wanted.items():
        if view.subject == "generated":
            images = _seen(view, slab, keys, pixels)
            found[name] = images if whole is None else [images[w.start : w.stop] for w in whole]
        elif view.subject == "own":
            rows = [beside.own(view, s) for s in samples]
            found[name] = torch.stack(rows) if view.output in views.TENSORS else rows
        elif view.subject != "reference":
            found[name] = _told(view, samples, beside)
    return found


def _seen(view: View, slab: Slab, keys: Mapping[str, str], pixels: Callable[[str], Any]) -> Any:
    if view.output == "facts":
        return list(slab.facts)
    if view.output == "image":
        return [pixels(path) for path in slab.images]
    return slab.views[keys[plain("extractor", view.extractor or "")]][view.output]


def _told(view: View, samples: Sequence[Sample], beside: Beside) -> Any:
    extractor = plain("extractor", view.extractor) if view.extractor else ""
    if view.output == "truth":
        return list(samples)
    if view.output == "masks":
        return [beside.masks(s) for s in samples]
    if view.output == "text":
        texts = {"prompt": lambda s: s.prompt, "negatives": lambda s: list(s.negatives)}
        return [texts.get(view.subject, lambda s: list(s.captions))(s) for s in samples]
    if view.subject == "prompt":
        found = [beside.prompt(extractor, view.output, s) for s in samples]
        return torch.stack(found) if view.output in views.TENSORS else found
    read = beside.negatives if view.subject == "negatives" else beside.captions
    return [read(extractor, view.output, s) for s in samples]
