"""Flickr30k in the forms that it is handed on in: results.csv, Karpathy's split, lists of captions, Flickr30k Entities.

Sources: the read-me of BryanPlummer/flickr30k_entities for sentences, boxes and splits; Karpathy's form is read by
photo_sets.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path

from bench.formats.photo_sets import Photo, read_karpathy
from bench.formats.reading import Reading, whole
from bench.types import Box, Thing

SOURCES = ("auto", "karpathy", "results", "entities", "list")
_PHRASE = re.compile(r"\[/EN#(\d+)((?:/[^\s/\]]+)+) ([^\]]*)\]")
_FILES = {
    "karpathy": ("dataset_flickr30k.json", "karpathy/dataset_flickr30k.json"),
    "list": ("flickr30k_test.json", "flickr30k_test_karpathy.txt"),
    "entities": ("Sentences", "flickr30k_entities/Sentences", "annotations/Sentences"),
    "results": ("results.csv", "flickr30k_images/results.csv", "results_20130124.token"),
}


def read_flickr(reading: Reading, split: str, source: str) -> list[Photo]:
    """Photographs of a split. source: karpathy (dataset_flickr30k.json), list (flickr30k_test.json or
    flickr30k_test_karpathy.txt: the test split only), entities (Sentences/, Annotations/), results (results.csv, whose
    split is that of {train,val,test}.txt), or auto: the first of these that is there."""
    order = list(_FILES) if source == "auto" else [source]
    chosen = next((name for name in order if reading.find(*_FILES[name]) is not None), order[0])
    path = reading.need(*_FILES[chosen])
    if path is None:
        return []
    images = reading.find("flickr30k-images", "flickr30k_images/flickr30k_images", "flickr30k_images", "images")
    folder = images or reading.root / "flickr30k-images"
    if chosen == "karpathy":
        return list(read_karpathy(reading, path, split, folder))
    if chosen == "list":
        return read_listed(reading, path, folder)
    wanted = _ids(reading, split)
    if chosen == "entities":
        return _entities(reading, path, wanted, folder)
    return _results(reading, path, wanted, folder)


def _ids(reading: Reading, split: str) -> list[str] | None:
    """The photographs of a split by the lists of Flickr30k Entities; None: all."""
    if split == "all":
        return None
    path = reading.need(f"{split}.txt", f"flickr30k_entities/{split}.txt")
    found = [text for _, text in reading.lines(path)] if path is not None else []
    if path is not None:
        reading.unique(found, path)
    return found


def _unrelated(reading: Reading) -> set[tuple[str, int]]:
    """(photograph, caption from 0) of UNRELATED_CAPTIONS, captions that do not tell of their photograph; the file
    counts them from 1 to 5."""
    path = reading.find("UNRELATED_CAPTIONS", "flickr30k_entities/UNRELATED_CAPTIONS")
    found = set()
    for line, text in reading.lines(path) if path is not None else ():
        if text.startswith("#"):
            continue
        name, _, number = text.partition(" ")
        if not whole(number):
            reading.log.add("bad-value", "UNRELATED_CAPTIONS", f"line {line}")
        else:
            found.add((name, int(number) - 1))
    return found


# ---- results.csv -----------------------------------------------------------------------------------------------------


def _results(reading: Reading, path: Path, wanted: list[str] | None, folder: Path) -> list[Photo]:
    """`image_name| comment_number| comment`; a row that lacks its third field (there is one) is left out."""
    file = reading.short(path)
    said: dict[str, dict[int, str]] = {}
    token = path.suffix == ".token"  # results_20130124.token: `1000092795.jpg#0 <tab> caption`, without a header
    for line, text in reading.lines(path):
        parts = re.split(r"#(?=\d+\t)|\t", text, maxsplit=2) if token else [p.strip() for p in text.split("|", 2)]
        if line == 1 and parts[0].casefold() == "image_name":
            continue
        if len(parts) < 3:
            reading.log.add("left-out-row", file, f"line {line}")
            continue
        number, caption = whole(parts[1]), " ".join(parts[2].split())
        if number is None:
            reading.log.add("bad-value", file, f"the number of the comment in line {line}")
            continue
        if not caption:
            reading.log.add("empty-caption", file, f"line {line}")
            continue
        own = said.setdefault(parts[0], {})
        if number in own:
            reading.log.add("duplicate-id", file, f"comment {number} of {parts[0]}")
        own[number] = caption
    return _photos(reading, path, {n: [c for _, c in sorted(own.items())] for n, own in said.items()}, wanted, folder)


def _photos(
    reading: Reading, path: Path, said: dict[str, Sequence[str]] | dict[str, list[str]], wanted: list[str] | None,
    folder: Path,
) -> list[Photo]:  # fmt: skip
    by_id = {name.rpartition(".")[0] or name: (name, texts) for name, texts in said.items()}
    chosen = list(by_id) if wanted is None else wanted
    found = []
    for one in chosen:
        if one not in by_id:
            reading.log.add("unknown-image", reading.short(path), f"'{one}' of the split, which has no captions")
            continue
        name, texts = by_id[one]
        found.append(Photo(one, str(folder / name), tuple(texts)))
    return found


def read_listed(reading: Reading, path: Path, folder: Path) -> list[Photo]:
    """[{image, caption: [...]}] as retrieval code hands the test split on, or the csv `image,caption` of it."""
    said: dict[str, list[str]] = {}
    if path.suffix == ".json":
        for at, row in enumerate(reading.json(path)):
            if not isinstance(row, dict) or not isinstance(row.get("image"), str):
                reading.log.add("bad-value", reading.short(path), f"entry {at}, which needs image and caption")
                continue
            texts = row.get("caption")
            texts = [texts] if isinstance(texts, str) else texts if isinstance(texts, list) else []
            said.setdefault(Path(row["image"]).name, []).extend(reading.captions(texts, path, f"entry {at}"))
    else:
        for line, cells in reading.table(path, ["image", "caption"]):
            said.setdefault(Path(cells["image"]).name, []).extend(
                reading.captions([cells["caption"]], path, f"line {line}")
            )
    return _photos(reading, path, said, None, folder)


# ---- Flickr30k Entities ----------------------------------------------------------------------------------------------


def _entities(reading: Reading, sentences: Path, wanted: list[str] | None, folder: Path) -> list[Photo]:
    names = wanted if wanted is not None else sorted(p.stem for p in sentences.glob("*.txt"))
    left = _unrelated(reading)
    found, dropped = [], 0
    for name in names:
        path = sentences / f"{name}.txt"
        if not path.is_file():
            reading.log.add("unknown-image", reading.short(sentences), f"'{name}' of the split, which has no sentences")
            continue
        texts: list[str] = []
        phrases: dict[str, tuple[str, str]] = {}
        for number, (_, line) in enumerate(reading.lines(path)):
            for chain, kinds, words in _PHRASE.findall(line):
                phrases.setdefault(chain, (words, kinds.strip("/")))
            if (name, number) in left:
                dropped += 1
            else:
                texts.append(_PHRASE.sub(r"\3", line))
        boxes = _boxes(reading, sentences.parent / "Annotations" / f"{name}.xml")
        things = tuple(
            Thing(phrases[chain][0], {"kind": phrases[chain][1]}, box)
            for chain, own in boxes.items() if chain in phrases and chain != "0" for box in own
        )  # fmt: skip
        found.append(Photo(name, str(folder / f"{name}.jpg"), tuple(texts), things))
    reading.log.add("left-out", "UNRELATED_CAPTIONS", "captions that tell of another photograph are left out.", dropped)
    return found


def _boxes(reading: Reading, path: Path) -> dict[str, list[Box]]:
    """Chain of phrases -> its boxes, of an XML file in the manner of Pascal VOC."""
    found: dict[str, list[Box]] = {}
    if not path.is_file():
        reading.log.add("left-out", "Annotations", f"photographs have no file of boxes, the first is {path.name}.")
        return found
    text = reading.text(path)
    try:
        if "<!DOCTYPE" in text or "<!ENTITY" in text:
            raise ValueError("it declares entities, which no annotation needs")
        objects = ET.fromstring(text).findall("object") if text else []
        for thing in objects:
            edges = [thing.findtext(f"bndbox/{edge}") for edge in ("xmin", "ymin", "xmax", "ymax")]
            if None in edges:
                continue
            x0, y0, x1, y1 = (float(edge or "nan") for edge in edges)
            if not (x1 > x0 and y1 > y0):
                reading.log.add("bad-box", "Annotations", f"one of {path.name}")
                continue
            for name in thing.findall("name"):
                found.setdefault(name.text or "", []).append((x0, y0, x1, y1))
    except (ET.ParseError, ValueError) as error:
        reading.log.add("unreadable", "Annotations", f"'{path}' is no file of boxes that can be read ({error}).")
    return found
