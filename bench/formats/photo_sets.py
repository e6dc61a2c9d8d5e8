"""Photographs with captions: CUB-200-2011 with AttnGAN's split, Oxford-102, Flickr30k, Karpathy's splits.

A photograph is read once as a `Photo`; `samples` makes one sample of it, or one of each caption. Sources of the
layouts: the read-me files and loaders named in the cards of datasets/.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from bench.formats.reading import Reading, whole
from bench.types import Box, Sample, Thing

PROMPTS = ("first", "all")


@dataclass(frozen=True)
class Photo:
    """A photograph as its data set knows it."""

    id: str
    image: str
    """Its path."""
    captions: tuple[str, ...] = ()
    things: tuple[Thing, ...] = ()
    tags: dict[str, str] = field(default_factory=dict)


def samples(photos: Iterable[Photo], prompts: str, with_images: bool = True) -> Iterator[Sample]:
    """first: a sample a photograph, whose prompt is its first caption; all: a sample a caption (`<photo>#<number>`), in
    groups by photograph."""
    for photo in photos:
        reference = photo.image if with_images else None
        for k, caption in enumerate(photo.captions):
            others = (*photo.captions[:k], *photo.captions[k + 1 :])
            name, meaning = (photo.id, "") if prompts == "first" else (f"{photo.id}#{k}", f"photo {photo.id}")
            yield Sample(
                name, caption, (caption, *others), reference, objects=photo.things, group=photo.id, meaning=meaning,
                tags=photo.tags,
            )  # fmt: skip
            if prompts == "first":
                break


# ---- CUB-200-2011 ----------------------------------------------------------------------------------------------------


def read_cub(reading: Reading, split: str, splits: str) -> list[Photo]:
    """CUB_200_2011/{images,bounding_boxes,image_class_labels,classes,train_test_split}.txt, images/, and captions in
    text/<class>/<name>.txt (or AttnGAN's captions.pickle).

    split: train, test or all. splits: official (train_test_split.txt) or attngan ({train,test}/filenames.pickle, whose
    classes are disjoint).
    """
    folder = "" if reading.find("images.txt") else "CUB_200_2011/"
    names = dict(_numbered(reading, f"{folder}images.txt", 2))
    classes = dict(_numbered(reading, f"{folder}classes.txt", 2))
    labels = dict(_numbered(reading, f"{folder}image_class_labels.txt", 2))
    boxes = {key: _box(reading, folder, key, row) for key, row in _numbered(reading, f"{folder}bounding_boxes.txt", 5)}
    reading.gaps([n for n in map(whole, names) if n is not None], Path(f"{folder}images.txt"))
    for file, known in (("image_class_labels.txt", labels), ("bounding_boxes.txt", boxes)):
        for key in known.keys() - names.keys():
            reading.log.add("unknown-image", folder + file, key)
    by_key = {row[0].removesuffix(".jpg"): key for key, row in names.items()}
    chosen = _attngan(reading, split) if splits == "attngan" else _official(reading, folder, split, names)
    spoken = _bird_captions(reading, chosen, split, splits)
    found = []
    for name in chosen:
        if not by_key:
            break  # the list itself is absent, which is told
        key = by_key.get(name, "")
        if not key:
            reading.log.add("unknown-image", f"{folder}images.txt", f"'{name}' of the split")
            continue
        label = classes.get(labels.get(key, [""])[0], [name.split("/")[0]])[0]
        plain = label.partition(".")[2].replace("_", " ") or label
        box = boxes.get(key)
        things = (Thing(plain, box=box),) if box is not None else ()
        image = str(reading.root / folder / "images" / f"{name}.jpg")
        found.append(Photo(name, image, spoken.get(name, ()), things, {"class": label}))
    return found


def _numbered(reading: Reading, file: str, columns: int) -> Iterator[tuple[str, list[str]]]:
    """(id, further fields) of a table of blanks; fields too few or too many are counted and the row left out."""
    path = reading.need(file)
    rows: list[tuple[str, list[str]]] = []
    for line, text in reading.lines(path) if path is not None else ():
        parts = text.split()
        if len(parts) != columns:
            reading.log.add("short-row" if len(parts) < columns else "long-row", file, f"line {line}")
        elif whole(parts[0]) is None:
            reading.log.add("bad-value", file, f"the id '{parts[0]}' in line {line}")
        else:
            rows.append((parts[0], parts[1:]))
    if path is not None:
        reading.unique([key for key, _ in rows], path)
    yield from rows


def _box(reading: Reading, folder: str, key: str, row: Sequence[str]) -> Box | None:
    try:
        x, y, width, height = (float(v) for v in row)
    except ValueError:
        reading.log.add("bad-value", f"{folder}bounding_boxes.txt", f"the box of image {key}")
        return None
    if not (np.isfinite([x, y, width, height]).all() and width > 0 and height > 0):
        reading.log.add("bad-box", f"{folder}bounding_boxes.txt", f"that of image {key}")
        return None
    return x, y, x + width, y + height


def _official(reading: Reading, folder: str, split: str, names: dict[str, list[str]]) -> list[str]:
    wanted = {"train": "1", "test": "0"}.get(split)
    flags = dict(_numbered(reading, f"{folder}train_test_split.txt", 2))
    return [row[0].removesuffix(".jpg") for key, row in names.items() if wanted in (None, flags.get(key, [""])[0])]


def attngan_split(reading: Reading, split: str) -> tuple[list[str], list[int]]:
    """(names, class numbers) of {train,test}/{filenames,class_info}.pickle; classes are [] where the file is absent."""
    path = reading.need(f"{split}/filenames.pickle")
    names = reading.pickle(path) if path is not None else []
    if not isinstance(names, list) or not all(isinstance(n, str) for n in names):
        reading.log.add("bad-value", f"{split}/filenames.pickle", "the value, which is no list of names")
        return [], []
    classes = reading.find(f"{split}/class_info.pickle")
    numbers = reading.pickle(classes) if classes is not None else []
    numbers = numbers.tolist() if isinstance(numbers, np.ndarray) else numbers
    if not isinstance(numbers, list) or not all(isinstance(n, int) for n in numbers) or (
        numbers and len(numbers) != len(names)):  # fmt: skip
        reading.log.add("bad-value", f"{split}/class_info.pickle", "the value, which is no list of a class a name")
        numbers = []
    if path is not None:
        reading.unique(names, path)
    return [_forward(n) for n in names], list(numbers)


def _forward(name: str) -> str:
    return name.replace("\\", "/")


def _attngan(reading: Reading, split: str) -> list[str]:
    parts = {part: attngan_split(reading, part)[0] for part in ("train", "test")}
    shared = {n.split("/")[0] for n in parts["train"]} & {n.split("/")[0] for n in parts["test"]}
    if shared:
        reading.log.add("overlap", "train and test", "classes", len(shared))
    return parts.get(split, [*parts["train"], *parts["test"]])


def _bird_captions(reading: Reading, names: Sequence[str], split: str, splits: str) -> dict[str, tuple[str, ...]]:
    folder = reading.find("text", "text_c10", "CUB_200_2011/text", "birds/text")
    if folder is not None:
        return caption_files(reading, {n: folder / f"{n}.txt" for n in names}, 10)
    stored = reading.find("captions.pickle", "captions_DAMSM.pickle")
    if stored is not None and splits == "attngan" and split in ("train", "test"):
        return dict(zip(names, attngan_captions(reading, stored, split, 10), strict=False))
    reading.log.add("missing-file", "text", reading.absent("text"))
    return {}


def caption_files(reading: Reading, files: dict[str, Path], wanted: int) -> dict[str, tuple[str, ...]]:
    """One caption a line of each photograph's file, the first `wanted` as the published loaders take them; fewer, more
    and none are counted."""
    found = {}
    more = "captions beyond those that the published loaders take are left out."
    for name, path in files.items():
        where = reading.short(path.parent.parent)
        if not path.is_file():
            reading.log.add("no-captions", where, reading.short(path))
            continue
        texts = tuple(" ".join(text.replace("\ufffd\ufffd", " ").split()) for _, text in reading.lines(path))
        reading.log.add("few-captions", where, reading.short(path), int(0 < len(texts) < wanted))
        reading.log.add("no-captions", where, reading.short(path), int(not texts))
        reading.log.add("left-out", where, more, max(len(texts) - wanted, 0))
        found[name] = texts[:wanted]
    return found


def attngan_captions(reading: Reading, path: Path, split: str, each: int) -> list[tuple[str, ...]]:
    """Captions of captions.pickle = [train, test, number -> word, word -> number], `each` in a row being one photo's.

    Their words are lower case and without punctuation: it is what AttnGAN's text encoder read, not what people wrote.
    """
    value = reading.pickle(path)
    if not isinstance(value, list | tuple) or len(value) < 4 or not isinstance(value[2], dict):
        reading.log.add("bad-value", reading.short(path), "the value, which is not [train, test, words, numbers]")
        return []
    words, coded = value[2], value[0 if split == "train" else 1]
    try:
        spoken = [" ".join(words[int(number)] for number in sentence) for sentence in coded]
    except (KeyError, TypeError, ValueError):
        reading.log.add("bad-value", reading.short(path), "a sentence with a number that is no word")
        return []
    return [tuple(filter(None, spoken[at : at + each])) for at in range(0, len(spoken), each)]


def bird_crop(width: int, height: int, box: Box) -> tuple[int, int, int, int]:
    """The square that AttnGAN and its kin cut around a bird: 1.5 times the box's longer side, cut at the borders.

    width, height: the photograph's; box: xyxy in pixels, whose corner and sides are made whole first, as there.
    """
    x, y, wide, high = (int(v) for v in (box[0], box[1], box[2] - box[0], box[3] - box[1]))
    reach = int(max(wide, high) * 0.75)
    middle_x, middle_y = int((2 * x + wide) / 2), int((2 * y + high) / 2)
    return (
        max(0, middle_x - reach), max(0, middle_y - reach),
        min(width, middle_x + reach), min(height, middle_y + reach),
    )  # fmt: skip


# ---- Oxford-102 ------------------------------------------------------------------------------------------------------

FLOWER_SPLITS = {"train": "trnid", "val": "valid", "test": "tstid"}


def read_flowers(reading: Reading, split: str, splits: str) -> list[Photo]:
    """jpg/image_00001.jpg, imagelabels.mat, setid.mat and text_c10/class_00001/image_00001.txt; splits: official, or
    stackgan ({train,test}/filenames.pickle with names such as jpg/image_06734)."""
    labels = _matrix(reading, "imagelabels.mat", "labels")
    if splits == "stackgan":
        names, _ = attngan_split(reading, split)
        numbers = [whole(n.rpartition("_")[2]) or 0 for n in names]
    else:
        parts = [FLOWER_SPLITS[split]] if split != "all" else list(FLOWER_SPLITS.values())
        numbers = [n for part in parts for n in _matrix(reading, "setid.mat", part)]
    bad = [n for n in numbers if not 1 <= n <= len(labels)]
    if labels and bad:
        reading.log.add("unknown-image", "setid.mat", f"image {bad[0]}", len(bad))
    folder = reading.find("text_c10") or reading.need("text_c10")
    kept = {f"image_{n:05d}": labels[n - 1] for n in numbers if 1 <= n <= len(labels)}
    files = {name: folder / f"class_{cls:05d}" / f"{name}.txt" for name, cls in kept.items()} if folder else {}
    spoken = caption_files(reading, files, 10)
    return [
        Photo(name, str(reading.root / "jpg" / f"{name}.jpg"), spoken.get(name, ()), (), {"class": str(cls)})
        for name, cls in kept.items()
    ]


def _matrix(reading: Reading, file: str, name: str) -> list[int]:
    """The whole numbers of a variable of a MATLAB file (version 5)."""
    from scipy.io import loadmat

    path = reading.need(file)
    if path is None:
        return []
    try:
        found = np.asarray(loadmat(path, variable_names=[name])[name]).reshape(-1)
        return [int(v) for v in found.astype(np.int64)]
    except Exception as error:  # SciPy's reader raises nearly every kind on damaged bytes
        told = f"'{path}' is no MATLAB file with '{name}' that can be read ({error or type(error).__name__})."
        reading.log.add("unreadable", file, told)
        return []


# ---- Karpathy's splits -----------------------------------------------------------------------------------------------

KARPATHY_SPLITS = ("test", "val", "train", "restval", "all")


class _Sentence(msgspec.Struct):
    raw: Any = None


class _Listed(msgspec.Struct):
    filename: str
    sentences: list[_Sentence]
    filepath: str = ""
    split: str = ""
    cocoid: Any = None


def read_karpathy(reading: Reading, path: Path, split: str, images: Path) -> Iterator[Photo]:
    """dataset_{coco,flickr30k,flickr8k}.json: {images: [{filename, (filepath, cocoid,) split, sentences: [{raw}]}]}."""
    file = reading.short(path)
    ids = []
    for at, row in reading.records(path, "images", _Listed):
        if split not in ("all", row.split):
            continue
        captions = reading.captions((s.raw for s in row.sentences), path, f"entry {at}")
        reading.log.add("no-captions", file, row.filename, int(not captions))
        number = whole(row.cocoid)
        name = row.filename.rpartition(".")[0] if number is None else f"{number:012d}"
        ids.append(name)
        yield Photo(name, str(images / row.filepath / row.filename), captions, (), {"split": row.split})
    reading.unique(ids, path)
