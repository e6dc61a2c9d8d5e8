"""`coco-30k`: the protocol under which most text-to-image papers report FID on COCO, with its variants by name.

30,000 captions of val2014, one a photograph. Papers differ in which captions, in the reference set and in how
photographs become square; their numbers differ by as much as the models do (12.8 against the training photographs is
19.1 against the validation ones for one model). Here each choice is a parameter and part of the digest: runs of two
variants are not compared.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from bench.datasets.coco import Coco
from bench.errors import DataError, UsageError, did_you_mean
from bench.formats.coco import read_captions
from bench.formats.photo_sets import read_karpathy
from bench.formats.reading import Reading, whole
from bench.formats.textfiles import lines, read_text
from bench.registry import register
from bench.spec import digest
from bench.types import Sample

COUNT, SIDE = 30_000, 256
REFERENCES = {
    "sampled": "the photographs of the captions",
    "val": "all photographs of val2014",
    "train": "all photographs of train2014",
}
FITS = ("crop", "squash", "none")
KARPATHY = ("all", "restval", "test", "val")


@register("dataset", "coco-30k", summary="30,000 COCO captions under a named variant of the zero-shot FID protocol")
class Coco30k(Coco):
    """captions: 'seeded' (one a photograph, drawn by `seed`) or a text file of caption ids, one a line. against: which
    photographs are the reference set: sampled, val or train. fit: crop (centre square, then 256 x 256 by Pillow's
    bicubic filter), squash (256 x 256 of the whole), none (as they are). count: fewer captions, for a trial. karpathy:
    captions only of photographs that Karpathy's split (dataset_coco.json) has in restval, test or val.
    """

    panel = "coco-30k"

    def __init__(
        self, root: str | None = None, captions: str = "seeded", against: str = "sampled", fit: str = "crop",
        seed: int = 0, count: int = COUNT, karpathy: str = "all",
    ) -> None:  # fmt: skip
        super().__init__(root, 2014, "val", "all")
        for name, given, allowed in (
            ("against", against, REFERENCES), ("fit", fit, FITS), ("karpathy", karpathy, KARPATHY)
        ):  # fmt: skip
            if given not in allowed:
                raise UsageError(f"{name}={given} of coco-30k is unknown.{did_you_mean(given, allowed)}")
        if count < 2:
            raise UsageError(f"count of coco-30k must be at least 2; got {count}.")
        self.captions, self.against, self.fit, self.seed, self.count = str(captions), against, fit, int(seed), count
        self.karpathy = karpathy

    # ---- captions ----

    @cached_property
    def samples(self) -> list[Sample]:
        by_id = {sample.id: sample for sample in self._samples() if self._within(sample.group)}
        chosen = self._listed(by_id) if self.captions != "seeded" else self._drawn(list(by_id.values()))
        return chosen

    def _within(self, photo: str) -> bool:
        return self.karpathy == "all" or photo in self._karpathy

    @cached_property
    def _karpathy(self) -> set[str]:
        """Photographs of the asked part of Karpathy's split."""
        reading = Reading("coco-karpathy", self.root)
        path = reading.need("dataset_coco.json", "annotations/dataset_coco.json", "karpathy/dataset_coco.json")
        found = read_karpathy(reading, path, self.karpathy, Path(self.root)) if path is not None else ()
        photos = {str(whole(photo.id.rpartition("_")[2])) for photo in found}
        if reading.log.refused:
            raise DataError(*reading.log.refused)
        return photos

    def _drawn(self, every: list[Sample]) -> list[Sample]:
        """One caption of each photograph and `count` photographs, by numpy's RandomState(seed) in the order of ids."""
        rng = np.random.RandomState(self.seed)
        photos: dict[str, list[Sample]] = {}
        for sample in sorted(every, key=lambda s: (int(s.group), int(s.id))):
            photos.setdefault(sample.group, []).append(sample)
        one = [said[rng.randint(len(said))] for said in photos.values()]
        if len(one) < self.count:
            raise DataError(f"coco-30k needs {self.count} photographs with captions and {self._part()} has {len(one)}.")
        return [one[i] for i in sorted(rng.permutation(len(one))[: self.count])]

    def _part(self) -> str:
        return self.part if self.karpathy == "all" else f"Karpathy's {self.karpathy} of {self.part}"

    def _listed(self, by_id: Mapping[str, Sample]) -> list[Sample]:
        path = os.path.expanduser(self.captions)
        wanted = [line.strip() for line in lines(read_text(path)) if line.strip()]
        unknown = [one for one in wanted if one not in by_id]
        if unknown:
            raise DataError(
                f"The caption list '{path}' names '{unknown[0]}', which is no caption of {self._part()}; it holds one "
                "caption id of COCO a line."
            )
        return [by_id[one] for one in wanted]

    def caption_digest(self) -> str:
        """sha256 over ids and texts in order: two papers with equal digests used the same captions."""
        return digest([[s.id, s.prompt] for s in self.samples])

    # ---- reference ----

    def references(self) -> Iterable[str]:
        """Files of the reference photographs."""
        if self.against == "sampled":
            return list(dict.fromkeys(s.reference for s in self.samples if s.reference is not None))
        if self.against == "val":
            return [os.path.join(self.images, p.file_name) for p in self._captions.photos.values()]
        return [os.path.join(self.root, "train2014", name) for name in self._trained]

    @cached_property
    def _trained(self) -> list[str]:
        path = os.path.join(self.root, "annotations", "captions_train2014.json")
        if not os.path.isfile(path):
            raise DataError(
                f"against=train needs {path} and the photographs in {os.path.join(self.root, 'train2014')}."
            )
        return [p.file_name for p in read_captions(path).photos.values()]

    def _check_own(self) -> None:
        super()._check_own()
        absent = next((p for p in self.references() if not Path(p).is_file()), None)
        if absent is not None:
            raise DataError(f"A reference photograph is missing: {absent}; unpack the photographs' archives whole.")

    def load_image(self, locator: str) -> np.ndarray:
        """A photograph as the variant makes it square."""
        return fitted(super().load_image(locator), self.fit)

    @cached_property
    def _reference_identity(self) -> Any:
        names = [os.path.basename(p) for p in self.references()]
        return {"against": self.against, "fit": self.fit, "side": SIDE, "photographs": digest(names)}

    def identity(self) -> Mapping[str, Any]:
        """The variant by name and by digest of its captions and photographs (COCO's files have fixed names)."""
        return {
            "label": f"coco-30k-{self.against}-{self.fit}", "captions": self.caption_digest(),
            "reference": self._reference_identity, **({"karpathy": self.karpathy} if self.karpathy != "all" else {}),
        }  # fmt: skip

    def own_identity(self) -> Any:
        return self._reference_identity

    def notes(self) -> list[str]:
        known = f"RandomState({self.seed})" if self.captions == "seeded" else Path(self.captions).name
        return [
            f"COCO-30k variant: {len(self.samples)} captions by {known} (digest {self.caption_digest()[:12]}), "
            f"against {REFERENCES[self.against]}, fit {self.fit}."
        ]


def fitted(image: np.ndarray, fit: str) -> np.ndarray:
    """A picture at 256 x 256 by the variant's rule; `none` leaves it."""
    if fit == "none":
        return image
    picture = Image.fromarray(image)
    if fit == "crop":
        width, height = picture.size
        side = min(width, height)
        left, top = (width - side) // 2, (height - side) // 2
        picture = picture.crop((left, top, left + side, top + side))
    return np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.BICUBIC))
