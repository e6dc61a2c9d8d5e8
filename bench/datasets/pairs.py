"""Benchmarks that hold a true caption against a false one: sugarcrepe, winoground, aro, tise-pa; SOA's captions by
class.

The image is the sample's reference, the true caption its prompt, the false one its tag `negative`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from bench.datasets.official import Official
from bench.errors import UsageError, did_you_mean
from bench.formats.class_names import COCO, canonical
from bench.formats.pair_sets import ARO_PARTS, SUGARCREPE, read_aro, read_soa, read_sugarcrepe, read_winoground
from bench.formats.reading import Reading
from bench.formats.skill_sets import ORDERS, read_order, read_tise
from bench.formats.word_classes import Tagger
from bench.registry import register
from bench.types import Sample

Choices = Mapping[str, tuple[str, ...]]


@register("dataset", "sugarcrepe", summary="SugarCrepe: 7,511 photographs of COCO with a true and a false caption")
class SugarCrepe(Official):
    """split: one of seven, or all. images: COCO's val2017; auto: val2017/ below root; none: captions alone."""

    choices: ClassVar[Choices] = {"split": ("all", *SUGARCREPE)}

    def __init__(
        self, root: str | None = None, split: str = "all", images: str | None = "auto", reference: str | None = None
    ) -> None:
        super().__init__(root, reference, split=split)
        self.images = images

    def read(self, reading: Reading) -> Iterable[Sample]:
        asked = self.chosen["split"]
        folder = Path(str(self.images)).expanduser()
        if self.images == "auto":
            folder = reading.find("val2017", "data/coco/images/val2017") or reading.root / "val2017"
        images = None if self.images in (None, "none") else folder
        return read_sugarcrepe(reading, SUGARCREPE if asked == "all" else [asked], images)


@register("dataset", "winoground", summary="Winoground: 400 pairs of captions of the same words and their two images")
class Winoground(Official):
    """images: none reads the captions alone. root: the folder of examples.jsonl (gated on its hub)."""

    def __init__(self, root: str | None = None, images: str | None = "auto", reference: str | None = None) -> None:
        super().__init__(root, reference)
        self.with_images = images not in (None, "none")

    def read(self, reading: Reading) -> Iterable[Sample]:
        return read_winoground(reading, self.with_images)


@register("dataset", "aro", summary="ARO: relations and attributes of Visual Genome with a false caption each")
class Aro(Official):
    """part: relation, attribution, negclip (valid_neg_clip.tsv), coco-order or flickr30k-order (captions against
    themselves in another order; seed: of those that are made here; tagger: a pipeline of spaCy, installed or a folder,
    that tells nouns and adjectives for two of the four orders). The tag `crop` is the part of the image that is judged.
    """

    choices: ClassVar[Choices] = {"part": (*ARO_PARTS, *ORDERS)}

    def __init__(
        self, root: str | None = None, part: str = "relation", seed: int = 0, tagger: str | None = None,
        reference: str | None = None,
    ) -> None:  # fmt: skip
        super().__init__(root, reference, part=part)
        self.seed, self.tagger = int(seed), tagger
        if tagger and part not in ORDERS:
            raise UsageError(f"tagger is of captions in another order; give part={' or part='.join(ORDERS)} with it.")

    @cached_property
    def _classes(self) -> Tagger | None:
        return Tagger(os.path.expanduser(self.tagger)) if self.tagger else None

    def read(self, reading: Reading) -> Iterable[Sample]:
        part = self.chosen["part"]
        return read_order(reading, part, self.seed, self._classes) if part in ORDERS else read_aro(reading, part)

    def notes(self) -> list[str]:
        told = super().notes()
        if self._classes is not None and self._classes.used:  # ready captions need none
            told.append(f"Nouns and adjectives are those of spaCy's {self._classes.title}.")
        return told


@register("dataset", "tise-pa", summary="TISE's positional alignment: captions with a word of position turned round")
class TisePa(Official):
    """word: as the file has it (e.g. on the left of), or all. root: the folder of PA_input_captions.pkl."""

    condition = "spatial"

    def __init__(self, root: str | None = None, word: str = "all", reference: str | None = None) -> None:
        super().__init__(root, reference, word=word)

    def read(self, reading: Reading) -> Iterable[Sample]:
        asked = self.chosen["word"]
        return (s for s in read_tise(reading) if asked in ("all", s.tags["word"]))


@register("dataset", "soa", summary="SOA: captions of COCO's val2014 that name one of 80 classes, a list a class")
class Soa(Official):
    """label: a class by any of its names, or all. root: the folder SOA of its repository; default: as linked."""

    condition = "semantic"

    def __init__(self, root: str | None = None, label: str = "all", reference: str | None = None) -> None:
        super().__init__(root, reference, label=label)
        if label != "all" and canonical(label) not in COCO:
            raise UsageError(f"label={label} of soa is no class of COCO.{did_you_mean(label, COCO)}")

    def read(self, reading: Reading) -> Iterable[Sample]:
        asked = self.chosen["label"]
        return read_soa(reading, [] if asked == "all" else [canonical(asked)])
