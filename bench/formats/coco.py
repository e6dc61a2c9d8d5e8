"""COCO's annotation files: captions and instances of 2014 and 2017 (Lin et al. 2014; Chen et al. 2015).

Files are decoded straight into small records; the outlines of instances stay raw bytes until a mask is asked for, so
that the 860,000 instances of a training split fit into memory. Masks are made by pycocotools (extra `coco`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np

from bench.errors import DataError, UsageError
from bench.formats.textfiles import read_bytes


class Photo(msgspec.Struct, gc=False, frozen=True):
    """A photograph."""

    id: int
    file_name: str
    width: int = 0
    height: int = 0


class Caption(msgspec.Struct, gc=False, frozen=True):
    """One of the captions of a photograph."""

    id: int
    image_id: int
    caption: str


class Instance(msgspec.Struct, gc=False, frozen=True):
    """An object of a photograph, or (iscrowd) a region of many that were not told apart."""

    id: int
    image_id: int
    category_id: int
    bbox: tuple[float, float, float, float]
    """x, y, width, height in pixels of the photograph."""
    segmentation: msgspec.Raw = msgspec.Raw(b"")
    iscrowd: int = 0

    @property
    def box(self) -> tuple[float, float, float, float]:
        """xyxy."""
        x, y, width, height = self.bbox
        return x, y, x + width, y + height


class _Category(msgspec.Struct, frozen=True):
    id: int
    name: str


class _CaptionFile(msgspec.Struct):
    images: list[Photo]
    annotations: list[Caption]


class _InstanceFile(msgspec.Struct):
    images: list[Photo]
    annotations: list[Instance]
    categories: list[_Category]


@dataclass(frozen=True)
class Captions:
    """captions_*.json."""

    photos: dict[int, Photo]
    """By id, ascending."""
    captions: dict[int, list[Caption]]
    """Photograph id -> its captions by annotation id; photographs without captions are absent."""


@dataclass(frozen=True)
class Instances:
    """instances_*.json."""

    photos: dict[int, Photo]
    instances: dict[int, list[Instance]]
    """Photograph id -> its instances by annotation id."""
    categories: dict[int, str]

    def mask(self, one: Instance) -> np.ndarray:
        """bool (height, width) of the photograph, from polygons or run lengths. UsageError without pycocotools;
        DataError for an outline that is neither."""
        try:
            from pycocotools import mask as tools
        except ImportError as error:
            raise UsageError("Masks of COCO need pycocotools: pip install 'text-image-bench[coco]'.") from error
        photo = self.photos[one.image_id]
        try:
            outline = msgspec.json.decode(one.segmentation)
            if isinstance(outline, list):
                runs = tools.merge(tools.frPyObjects(outline, photo.height, photo.width))
            elif isinstance(outline["counts"], list):
                runs = tools.frPyObjects(outline, photo.height, photo.width)
            else:
                runs = outline
            return tools.decode(runs).astype(bool)
        except Exception as error:  # pycocotools raises what its C code meets
            raise DataError(
                f"The outline of the instance {one.id} is no polygon and no run lengths ({error})."
            ) from error


def read_captions(path: str | Path) -> Captions:
    """Captions by photograph. DataError for a file that is no such JSON, a caption of an unknown photograph, an empty
    caption, or ids that repeat."""
    found = _decoded(path, _CaptionFile, "captions")
    photos = _by_id(found.images, path, "photographs")
    _by_id(found.annotations, path, "captions")
    for one in found.annotations:
        if not one.caption.strip():
            raise DataError(f"{path}: the caption {one.id} is empty.")
    return Captions(photos, _by_photo(found.annotations, photos, path))


def read_instances(path: str | Path) -> Instances:
    """Instances by photograph. DataError as `read_captions`, and for boxes of unknown categories or negative size."""
    found = _decoded(path, _InstanceFile, "instances")
    photos = _by_id(found.images, path, "photographs")
    _by_id(found.annotations, path, "instances")
    categories = {c.id: c.name for c in found.categories}
    for one in found.annotations:
        if one.category_id not in categories:
            raise DataError(f"{path}: the instance {one.id} is of category {one.category_id}, which is not listed.")
        if min(one.bbox[2:]) < 0:
            raise DataError(f"{path}: the box of the instance {one.id} has a negative size: {list(one.bbox)}.")
    return Instances(photos, _by_photo(found.annotations, photos, path), categories)


T = TypeVar("T", Photo, Caption, Instance)
Of = TypeVar("Of", Caption, Instance)


def _decoded(path: str | Path, kind: Any, what: str) -> Any:
    try:
        return msgspec.json.decode(read_bytes(path), type=kind)
    except msgspec.ValidationError as error:
        raise DataError(f"{path} is no file of COCO {what}: {str(error).rstrip('.')}.") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DataError(f"{path} is truncated or no JSON ({error}); download it again.") from error


def _by_id(records: Iterable[T], path: str | Path, what: str) -> dict[int, T]:
    ordered = sorted(records, key=lambda r: r.id)
    found = {r.id: r for r in ordered}
    if len(found) < len(ordered):
        twice = Counter(r.id for r in ordered).most_common(1)[0][0]
        raise DataError(f"{path}: {len(ordered) - len(found)} ids of {what} repeat, the first is {twice}.")
    return found


def _by_photo(records: list[Of], photos: dict[int, Photo], path: str | Path) -> dict[int, list[Of]]:
    records.sort(key=lambda r: (r.image_id, r.id))
    found: dict[int, list[Of]] = {}
    for one in records:
        found.setdefault(one.image_id, []).append(one)
    unknown = found.keys() - photos.keys()
    if unknown:
        raise DataError(
            f"{path}: the annotation {found[min(unknown)][0].id} is of photograph {min(unknown)}, which is absent."
        )
    return found
