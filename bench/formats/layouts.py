"""Layouts: how the published generators of benchmarks lay out their images, as one table of rules that read them.

A layout is declared (`folder(path=..., layout=geneval)`), and a few that nothing else looks like are recognised. A rule
says which file is an image of which prompt, and why another file is none. What is missing and extra is counted, by
task, style or label where a benchmark has them: the published scripts average whatever files exist.
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.errors import DataError, UsageError, did_you_mean
from bench.formats import layout_rules as rules
from bench.formats import layout_texts
from bench.formats.folders import Listing, few
from bench.formats.layout_rules import Found
from bench.formats.match_rules import Candidate, claimed, with_repeats
from bench.formats.matching import Matching, assembled, usual_repeats
from bench.formats.tiles import Tile
from bench.types import Sample

_ENOUGH = 0.1
"""Of the prompts with images; if so many have as many images as the benchmark asks for, the others lack some."""
_NEARLY_ALL = 0.9
_MOST_GROUPS = 8


@dataclass(frozen=True)
class Layout:
    """One layout."""

    form: str
    """What its files are called, below the folder."""
    read: Callable[[Listing, Sequence[Sample]], Found]
    endings: tuple[str, ...] = (".png",)
    """What the published script writes: preferred where one image is there in two formats."""
    images: int = 1
    """A prompt, as published."""
    group: str = ""
    """Tag by which missing images are counted."""
    tiled: bool = False
    """Whether a file holds several images."""
    reads: str = ""
    """Name of a file beside the images that says what they are of."""


LAYOUTS: dict[str, Layout] = {
    "geneval": Layout("<00000>/samples/<0000>.png with <00000>/metadata.jsonl", rules.geneval, images=4, group="kind",
                      reads="metadata.jsonl"),
    "t2i-compbench": Layout("[<category>/]samples/<prompt>_<6 digits>.png", layout_texts.compbench, images=10,
                            group="category"),
    "visor": Layout("<id>_<k>.png", rules.visor, images=4, group="relation"),
    "tise": Layout("<caption id>.png, or <positional word>/<caption id>.png", rules.tise, group="word"),
    "soa": Layout("label_<NN>_<name>/<anything>.png", rules.soa, images=3, group="label"),
    "dpg": Layout("<name of the prompt file>.png with the images of the prompt as tiles", rules.dpg, tiled=True,
                  group="source"),
    "hpsv2": Layout("<style>/<5 digits>.jpg", rules.hpsv2, (".jpg", ".jpeg"), group="style"),
    "genai-bench": Layout("[<model>/]<5 digits>.jpeg", rules.genai, (".jpeg", ".jpg")),
    "attngan": Layout("[<model>/valid/]single/<key>_s<k>.png", rules.attngan, group="class"),
}  # fmt: skip


def layout_named(name: str) -> Layout:
    """The layout of that name. UsageError with the names for any other."""
    if name not in LAYOUTS:
        raise UsageError(f"layout={name} is no layout of images.{did_you_mean(name, LAYOUTS)}")
    return LAYOUTS[name]


def without_read(listing: Listing, made: Matching) -> Listing:
    """The folder without the files that its layout has read, which are no images and are not left out."""
    reads = next((one.reads for name, one in LAYOUTS.items() if made.rule == f"layout {name}"), "")
    if not reads:
        return listing
    return dataclasses.replace(listing, others=tuple(f for f in listing.others if f.rpartition("/")[2] != reads))


def arrange(listing: Listing, samples: Sequence[Sample], name: str, tiles: Sequence[Tile] = ()) -> Matching:
    """Images of a folder in a layout, paired with samples (all of the dataset, in its order).

    tiles: of every file, for a layout that has them. DataError when no file is an image of a prompt, or when the folder
    holds the images of several systems.
    """
    layout = layout_named(name)
    found = layout.read(listing, samples)
    claims = sorted(with_repeats(found.claims), key=lambda claim: not _preferred(claim[2], layout))
    chosen = claimed(f"layout {name}", claims, found.notes)
    if not chosen.pairs:
        head = f"None of the {len(listing.files)} images belongs to a prompt in the layout {name}"
        raise DataError(f"{head}, {layout.form}{_why(found)}.")
    other = sum(not _preferred(file, layout) for file in chosen.pairs.values())
    if tiles:
        pairs = {(one, tile.number): f"{file}{tile}" for (one, _), file in chosen.pairs.items() for tile in tiles}
        chosen = dataclasses.replace(chosen, pairs=pairs)
    overviews = set(found.beside)
    files = [file for file in listing.files if file not in overviews]
    made = assembled(chosen, files, samples, _repeats(chosen, len(tiles) or layout.images))
    told = [
        *_lacking(made, samples, layout), *_reasons(made, found),
        *([f"{len(found.beside)} overview pictures are no images of a prompt: left out"] if found.beside else []),
        *([f"{other} images have another ending than {layout.endings[0]}, which the layout has"] if other else []),
        *_other_number(made, layout, name),
    ]  # fmt: skip
    return dataclasses.replace(made, notes=(*made.notes, *told))


def recognised(listing: Listing, samples: Sequence[Sample]) -> Matching | None:
    """The folder in the layout that it has beyond doubt; None where its files could be read in another way."""
    name = _looks_like(listing, samples[0]) if samples and listing.files else ""
    try:
        made = arrange(listing, samples, name) if name else None
    except DataError:
        return None
    if made is None:
        return None
    used, covered = len(made.pairs) + len(made.duplicates), len({sample_id for sample_id, _ in made.pairs})
    if used < _NEARLY_ALL * (used + len(made.extra)) and covered < _NEARLY_ALL * len(samples):
        return None
    return dataclasses.replace(made, notes=(f"the folder has the layout {name}: {LAYOUTS[name].form}", *made.notes))


def _looks_like(listing: Listing, some: Sample) -> str:
    files, tags = listing.files, some.tags.keys()
    folders = {file.rpartition("/samples/")[0] for file in files if re.search(r"(?:^|/)\d+/samples/\d+\.\w+$", file)}
    told = {other.rpartition("/")[0] for other in listing.others if other.endswith("/metadata.jsonl")}
    if {"kind", "include"} <= tags and folders and len(folders & told) >= _NEARLY_ALL * len(folders):
        return "geneval"
    for name, form, needed in (
        ("soa", r"(?:^|/)label_\d\d_", {"label", "folder"}),
        ("t2i-compbench", r"._\d{6}\.\w+$", {"category", "split"}),
        ("attngan", r"(?:^|/)single/.*_s-1(?:_\d+)?\.\w+$", set()),
    ):
        if needed <= tags and sum(bool(re.search(form, file)) for file in files) >= _NEARLY_ALL * len(files):
            return name
    return ""


# ---- what is told --------------------------------------------------------------------------------------------------


def _preferred(file: str, layout: Layout) -> bool:
    return os.path.splitext(file)[1].casefold() in layout.endings


def _repeats(chosen: Candidate, published: int) -> int:
    """As many images a prompt as the benchmark asks for where some prompts have them; else what most prompts have."""
    prompts = len({sample_id for sample_id, _ in chosen.pairs})
    whole = sum(k == published - 1 for _, k in chosen.pairs)
    usual = usual_repeats(chosen)
    return max(usual, published) if whole >= _ENOUGH * prompts else usual


def _lacking(made: Matching, samples: Sequence[Sample], layout: Layout) -> list[str]:
    """Missing images by group, the worst first."""
    groups = {s.id: s.tags.get(layout.group, "") for s in samples}
    wanted = Counter(groups.values())
    lost = Counter(groups[sample_id] for sample_id, _ in made.missing)
    if len(wanted) < 2 or not lost:
        return []
    told = [f"{name or 'none'} {count} of {wanted[name] * made.repeats}" for name, count in lost.most_common()]
    return [f"missing by {layout.group}: {few(told, _MOST_GROUPS)}"]


def _reasons(made: Matching, found: Found) -> list[str]:
    """Extra images by what is wrong with them."""
    by_reason: dict[str, list[str]] = defaultdict(list)
    for file in made.extra:
        by_reason[found.odd.get(file, f"more than {made.repeats} of their prompt")].append(file)
    return [f"extra, {why}: {len(files)} ({few(files)})" for why, files in by_reason.items()]


def _other_number(made: Matching, layout: Layout, name: str) -> list[str]:
    if layout.images < 2 or made.repeats == layout.images:
        return []
    return [f"{name} is published with {layout.images} images a prompt, and here are {made.repeats}"]


def _why(found: Found) -> str:
    reasons = Counter(found.odd.values())
    return "".join(f"; {count} {'is' if count == 1 else 'are'} {why}" for why, count in reasons.most_common(3))
