"""Photographs with captions in their official layouts: cub, oxford-102, flickr30k, coco-karpathy."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from bench.datasets.official import Official
from bench.errors import DataError
from bench.formats.flickr_sets import SOURCES, read_flickr, read_listed
from bench.formats.photo_sets import (
    FLOWER_SPLITS,
    KARPATHY_SPLITS,
    PROMPTS,
    Photo,
    bird_crop,
    read_cub,
    read_flowers,
    read_karpathy,
    samples,
)
from bench.formats.reading import Reading
from bench.registry import register
from bench.types import Box, Sample

Choices = Mapping[str, tuple[str, ...]]


class Photographs(Official):
    """What data sets of photographs share: prompts (first: one a photograph; all: each caption), and the photographs as
    references, which images=none leaves out."""

    def __init__(
        self, root: str | None, reference: str | None, images: str | None, prompts: str, **chosen: Any
    ) -> None:
        super().__init__(root, reference, prompts=prompts, **chosen)
        self.with_images = images not in (None, "none")

    def _check_own(self) -> None:
        absent = [s.reference for s in self.samples if s.reference is not None and not os.path.isfile(s.reference)]
        if absent:
            raise DataError(
                f"{len(set(absent))} photographs of {self.plugin_name} are not there, the first is {absent[0]}: unpack "
                f"its images whole, or give images=none to use the captions alone."
            )


@register("dataset", "cub", summary="CUB-200-2011: 11,788 birds of 200 species, ten captions and a box each")
class Cub(Photographs):
    """split: test, train or all. splits: official, or attngan (150 and 50 disjoint species: zero-shot). crop: attngan
    shows each bird in the square around its box, as GANs are trained and scored; the boxes are left out then.
    """

    choices: ClassVar[Choices] = {
        "split": ("test", "train", "all"), "splits": ("official", "attngan"), "prompts": PROMPTS,
        "crop": ("none", "attngan"),
    }  # fmt: skip

    def __init__(
        self, root: str | None = None, split: str = "test", splits: str = "attngan", prompts: str = "first",
        crop: str = "none", images: str | None = "auto", reference: str | None = None,
    ) -> None:  # fmt: skip
        super().__init__(root, reference, images, prompts, split=split, splits=splits, crop=crop)

    @cached_property
    def _boxes(self) -> dict[str, Box]:
        """Photograph -> the bird's box."""
        photos = read_cub(Reading(self.plugin_name, self.reading.root), "all", "official")
        return {p.image: t.box for p in photos for t in p.things if t.box is not None}

    def read(self, reading: Reading) -> Iterable[Sample]:
        photos = read_cub(reading, self.chosen["split"], self.chosen["splits"])
        found = samples(photos, self.chosen["prompts"], self.with_images)
        return found if self.chosen["crop"] == "none" else map(_without_boxes, found)

    def load_image(self, locator: str) -> np.ndarray:
        image = super().load_image(locator)
        box = self._boxes.get(locator) if self.chosen["crop"] == "attngan" else None
        if box is None:
            return image
        x0, y0, x1, y1 = bird_crop(image.shape[1], image.shape[0], box)
        return np.ascontiguousarray(image[y0:y1, x0:x1])

    def own_identity(self) -> Any:
        return [super().own_identity(), self.chosen["crop"]]

    def training(self) -> Iterable[Sample]:
        """Samples of the training split, where this is another one."""
        if self.chosen["split"] != "test":
            return ()
        train = Cub(self.given, "train", self.chosen["splits"], self.chosen["prompts"])
        return () if train.problems() else train.samples


def _without_boxes(sample: Sample) -> Sample:
    return dataclasses.replace(sample, objects=tuple(dataclasses.replace(t, box=None) for t in sample.objects))


@register("dataset", "oxford-102", summary="Oxford-102: 8,189 flowers of 102 kinds, ten captions each")
class Oxford102(Photographs):
    """split: test, val, train or all. splits: official (setid.mat), or stackgan (its pickles)."""

    choices: ClassVar[Choices] = {
        "split": (*reversed(FLOWER_SPLITS), "all"), "splits": ("official", "stackgan"), "prompts": PROMPTS
    }

    def __init__(
        self, root: str | None = None, split: str = "test", splits: str = "official", prompts: str = "first",
        images: str | None = "auto", reference: str | None = None,
    ) -> None:  # fmt: skip
        super().__init__(root, reference, images, prompts, split=split, splits=splits)

    def read(self, reading: Reading) -> Iterable[Sample]:
        photos = read_flowers(reading, self.chosen["split"], self.chosen["splits"])
        return samples(photos, self.chosen["prompts"], self.with_images)


@register("dataset", "flickr30k", summary="Flickr30k: 31,783 photographs with five captions and boxes of phrases")
class Flickr30k(Photographs):
    """split: test, val, train or all. source: karpathy, list, entities (brings boxes of phrases), results, or auto: the
    first that is there."""

    choices: ClassVar[Choices] = {"split": ("test", "val", "train", "all"), "source": SOURCES, "prompts": PROMPTS}

    def __init__(
        self, root: str | None = None, split: str = "test", source: str = "auto", prompts: str = "first",
        images: str | None = "auto", reference: str | None = None,
    ) -> None:  # fmt: skip
        super().__init__(root, reference, images, prompts, split=split, source=source)

    def read(self, reading: Reading) -> Iterable[Sample]:
        photos = read_flickr(reading, self.chosen["split"], self.chosen["source"])
        return samples(photos, self.chosen["prompts"], self.with_images)


def _of_coco(photo: Photo, folder: Path) -> Photo:
    """A photograph by its name alone (COCO_val2014_000000000042): its number as id, its release's folder."""
    _, release, number = [*photo.id.split("_"), "", ""][:3]
    return dataclasses.replace(photo, id=number or photo.id, image=str(folder / release / Path(photo.image).name))


@register("dataset", "coco-karpathy", summary="COCO's photographs and captions under Karpathy's split")
class CocoKarpathy(Photographs):
    """split: test, val, train, restval or all. root: the folder of dataset_coco.json (or of coco_karpathy_<split>.json,
    as retrieval code hands it on) and of val2014/, train2014/."""

    choices: ClassVar[Choices] = {"split": KARPATHY_SPLITS, "prompts": PROMPTS}

    def __init__(
        self, root: str | None = None, split: str = "test", prompts: str = "first", images: str | None = "auto",
        reference: str | None = None,
    ) -> None:  # fmt: skip
        super().__init__(root, reference, images, prompts, split=split)
        self.images = images

    def read(self, reading: Reading) -> Iterable[Sample]:
        own = self.images in (None, "none", "auto")
        folder = reading.root if own else Path(str(self.images)).expanduser()
        split = self.chosen["split"]
        listed = reading.find(f"coco_karpathy_{split}.json", f"annotations/coco_karpathy_{split}.json")
        places = ("dataset_coco.json", "annotations/dataset_coco.json", "karpathy/dataset_coco.json")
        if listed is not None and reading.find(*places) is None:
            photos: Iterable[Photo] = (_of_coco(photo, folder) for photo in read_listed(reading, listed, folder))
        else:
            path = reading.need(*places)
            photos = read_karpathy(reading, path, split, folder) if path is not None else ()
        return samples(photos, self.chosen["prompts"], self.with_images)
