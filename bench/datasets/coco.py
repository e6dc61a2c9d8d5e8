"""`coco`: photographs with captions, and on request with boxes and masks, from COCO's official files.

The unit of resampling is the photograph. Expected below `root` (default: the place that `bench data link coco PATH`
noted), as unpacked from the official archives:

    annotations/captions_val2014.json, annotations/instances_val2014.json
    val2014/COCO_val2014_000000000042.jpg          (2017: val2017/000000000042.jpg)
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from bench.datasets.referenced import Referenced
from bench.errors import BenchError, DataError, UsageError
from bench.formats.coco import Captions, Instances, read_captions, read_instances
from bench.formats.coco_findings import look_at_captions, look_at_instances
from bench.formats.findings import Finding, Findings
from bench.formats.folders import file_digest
from bench.formats.places import root_of
from bench.registry import register
from bench.types import Sample, Thing

YEARS, SPLITS, PROMPTS = (2014, 2017), ("train", "val"), ("first", "all")
_MASK = "coco-mask/"


@register("dataset", "coco", summary="COCO photographs with captions, boxes and masks, 2014 and 2017")
class Coco(Referenced):
    """prompts: the first caption of each photograph, or all of them (each a sample, in groups by photograph).
    instances: boxes and masks of the photograph's objects (crowd regions are left out, as in COCO's own evaluation);
    they are what a layout-to-image system is given, not what the caption names. images: folder of the photographs
    (auto: below root); none: prompts alone. reference: another reference set than the photographs themselves.
    """

    def __init__(
        self, root: str | None = None, year: int = 2014, split: str = "val", prompts: str = "first",
        instances: bool = False, images: str | None = "auto", reference: str | None = None,
    ) -> None:  # fmt: skip
        super().__init__(reference)
        for name, given, allowed in (("year", year, YEARS), ("split", split, SPLITS), ("prompts", prompts, PROMPTS)):
            if given not in allowed:
                raise UsageError(f"{name}={given} of coco is unknown; give {' or '.join(map(str, allowed))}.")
        self.given, self.part = root, f"{split}{year}"
        self.prompts, self.instances = prompts, bool(instances)
        self.with_images, self._images = images is not None, images

    # ---- files ----

    @cached_property
    def root(self) -> str:
        """Where the official archives were unpacked."""
        return str(root_of("coco", self.given))

    @cached_property
    def images(self) -> str:
        """Folder of the photographs."""
        auto = self._images == "auto"
        return os.path.join(self.root, self.part) if auto else os.path.expanduser(str(self._images))

    def _annotations(self, kind: str) -> str:
        path = os.path.join(self.root, "annotations", f"{kind}_{self.part}.json")
        if not os.path.isfile(path):
            raise DataError(
                f"COCO's {kind} are not at {path}: download annotations_trainval{self.part[-4:]}.zip from "
                f"https://cocodataset.org/#download and unpack it in {self.root}."
            )
        return path

    @cached_property
    def _captions(self) -> Captions:
        return read_captions(self._annotations("captions"))

    @cached_property
    def _instances(self) -> Instances:
        return read_instances(self._annotations("instances"))

    # ---- samples ----

    @cached_property
    def samples(self) -> list[Sample]:
        return list(self._samples())

    def _samples(self) -> Iterator[Sample]:
        things = self._things() if self.instances else {}
        for photo in self._captions.photos.values():
            said = self._captions.captions.get(photo.id, ())
            texts = tuple(" ".join(c.caption.split()) for c in said)
            shared: dict[str, Any] = {
                "reference": os.path.join(self.images, photo.file_name) if self.with_images else None,
                "size": (photo.width, photo.height), "group": str(photo.id), "objects": things.get(photo.id, ()),
            }  # fmt: skip
            if self.prompts == "first":
                if texts:
                    yield Sample(id=f"{photo.id:012d}", prompt=texts[0], captions=texts, **shared)
                continue
            for i, one in enumerate(said):
                others = texts[:i] + texts[i + 1 :]
                yield Sample(
                    id=str(one.id), prompt=texts[i], captions=(texts[i], *others), meaning=f"photo {photo.id}", **shared
                )

    def _things(self) -> dict[int, tuple[Thing, ...]]:
        names = self._instances.categories
        return {
            photo: tuple(
                Thing(names[one.category_id], box=one.box, mask=f"{_MASK}{photo}/{one.id}")
                for one in found if not one.iscrowd
            )
            for photo, found in self._instances.instances.items()
        }  # fmt: skip

    # ---- images ----

    def _check_own(self) -> None:
        if self.with_images and not os.path.isdir(self.images):
            raise DataError(
                f"COCO's photographs are not at {self.images}: download {self.part}.zip from "
                f"https://cocodataset.org/#download, or give images=PATH, or images=none to use the captions alone."
            )
        super()._check_own()

    def load_image(self, locator: str) -> np.ndarray:
        """A photograph, or a mask as 0 and 255: uint8 (h, w, 3)."""
        if not locator.startswith(_MASK):
            return super().load_image(locator)
        photo, number = (int(part) for part in locator.removeprefix(_MASK).split("/"))
        (one,) = (i for i in self._instances.instances[photo] if i.id == number)
        return np.repeat(self._instances.mask(one)[..., None] * np.uint8(255), 3, axis=2)

    # ---- what `bench data verify` asks ----

    def findings(self) -> list[Finding]:
        """Everything wrong with the annotation files that are there, and photographs that are not."""
        log = Findings()
        try:
            photos = look_at_captions(Path(self._annotations("captions")), log)
        except BenchError as error:
            log.add("missing-file", "annotations", error.messages[0])
            return log.all()
        if self.with_images:
            absent = [p.file_name for p in photos if not os.path.isfile(os.path.join(self.images, p.file_name))]
            log.add("missing-image", self.images, (absent or [""])[0], len(absent))
        instances = Path(self.root) / "annotations" / f"instances_{self.part}.json"
        if instances.is_file():
            look_at_instances(instances, log)
        return log.all()

    def readable(self) -> int:
        """Samples that could be read."""
        try:
            return len(self.samples)
        except BenchError:
            return 0

    # ---- identity ----

    def identity(self) -> Mapping[str, Any]:
        """Digests of the annotation files and of the reference's contents; no paths."""
        kinds = ("captions", "instances") if self.instances else ("captions",)
        return {
            "label": f"coco-{self.part}", "prompts": self.prompts, "reference": self._reference_identity,
            "annotations": {kind: file_digest(self._annotations(kind)) for kind in kinds},
        }  # fmt: skip

    def training(self) -> Iterable[Sample]:
        """Samples of the training split, where its files lie beside these."""
        train = Coco(self.given, int(self.part[-4:]), "train", self.prompts)
        try:
            return train.samples
        except DataError:
            return ()
