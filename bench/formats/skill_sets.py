"""PaintSkills' scenes, TISE's captions of positions, and ARO's captions in another order.

PaintSkills: paintskills/README.md and detr/datasets/skill_eval.py of j-min/DallEval. TISE: positional_alignment/PA.py
of VinAIResearch/tise-toolbox. ARO's order: dataset_zoo/{aro_datasets,perturbations}.py of mertyg's repository.
"""

from __future__ import annotations

import hashlib
import json
import random
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from bench.formats.class_names import canonical
from bench.formats.flickr_sets import read_listed
from bench.formats.photo_sets import Photo
from bench.formats.reading import Reading, fields
from bench.formats.word_classes import ADJECTIVES, NOUNS, Tagged, Tagger
from bench.types import Relation, Sample, Thing

SKILLS = ("object", "count", "color", "spatial")
SKILL_SPLITS = ("val", "train")
_SIDES = {"left": "left of", "right": "right of", "above": "above", "below": "below"}
ORDERS = {
    "coco-order": ("coco_order.json", "coco_karpathy_test.json", "annotations/coco_karpathy_test.json"),
    "flickr30k-order": ("flickr30k_order.json", "flickr30k_test.json"),
}
"""Part of ARO -> its file of ready captions, then the lists of captions that they are made from."""
WORDS = 30
"""Words of a caption that ARO keeps."""


# ---- PaintSkills -----------------------------------------------------------------------------------------------------


def read_paintskills(reading: Reading, skills: Sequence[str], split: str) -> Iterator[Sample]:
    """<skill>/scenes/<skill>_<split>.json: {"data": [{id, text, objects: [{shape, color, relation}]}]}.

    Shapes have COCO's names ('humanSophie' is a person, 'bike' a bicycle). The second object's relation 'left_0' is its
    place to the first one. Images of the data are <skill>/images/image_<id>.png, a generator's <id>.png.
    """
    for skill in skills:
        name = f"{skill}_{split}.json"
        path = reading.need(f"{skill}/scenes/{name}", f"scenes/{name}", name)
        if path is None:
            continue
        images = reading.find(f"{skill}/images", "images")
        rows = reading.json(path, dict).get("data")
        ids = []
        for at, row in enumerate(rows if isinstance(rows, list) else ()):
            if not fields(row, {"id": str, "text": str, "objects": list}):
                reading.log.add("bad-value", reading.short(path), f"entry {at}, which needs id, text and objects")
                continue
            prompt, things = reading.said(row["text"], path, f"entry {at}"), _things(row["objects"])
            relations = _relations(row["objects"]) if skill == "spatial" else ()
            if things is None or relations is None or (skill == "spatial" and not relations):
                reading.log.add("bad-value", reading.short(path), f"the objects of '{row['id']}'")
            elif prompt:
                ids.append(row["id"])
                image = str(images / f"image_{row['id']}.png") if images is not None else None
                yield Sample(row["id"], prompt, reference=image, objects=things, relations=relations,
                             tags={"skill": skill, "split": split})  # fmt: skip
        reading.unique(ids, path)


def _things(objects: list[Any]) -> tuple[Thing, ...] | None:
    if not all(fields(one, {"shape": str}) for one in objects) or not objects:
        return None
    plain = (None, "", "plain")
    return tuple(
        Thing(_shape(one["shape"]), {} if one.get("color") in plain else {"color": str(one["color"])})
        for one in objects
    )


def _shape(shape: str) -> str:
    """COCO's name of a shape: 'fireHydrant' in two words, all people one."""
    if "human" in shape:
        return "person"
    return canonical("bicycle" if shape == "bike" else re.sub(r"(?<=[a-z])(?=[A-Z])", " ", shape))


def _relations(objects: list[Any]) -> tuple[Relation, ...] | None:
    found = []
    for at, one in enumerate(objects):
        if one.get("relation") in (None, ""):
            continue
        side, _, other = str(one["relation"]).partition("_")
        if side not in _SIDES or not other.isdecimal() or int(other) >= len(objects) or int(other) == at:
            return None
        found.append(Relation(at, _SIDES[side], int(other)))
    return tuple(found)


# ---- TISE ------------------------------------------------------------------------------------------------------------


def read_tise(reading: Reading) -> Iterator[Sample]:
    """PA_input_captions.pkl: {word: [{caption, false_caption, caption_id}]}; an image is <word>/<caption id>.png."""
    path = reading.need(
        "captions/PA_input_captions.pkl", "PA_input_captions.pkl", "positional_alignment/captions/PA_input_captions.pkl"
    )
    if path is None:
        return
    every = reading.pickle(path)
    if not isinstance(every, dict):
        if every is not None:
            reading.log.add("bad-value", reading.short(path), "the file, which is no mapping of words")
        return
    for word, rows in every.items():
        for at, row in enumerate(rows if isinstance(rows, list) else ()):
            where = f"entry {at} of '{word}'"
            if not isinstance(row, dict) or "caption_id" not in row:
                reading.log.add("bad-value", reading.short(path), f"{where}, which needs caption_id")
                continue
            true, false = (reading.said(row.get(k), path, where) for k in ("caption", "false_caption"))
            if true and false:
                name = str(row["caption_id"])
                yield Sample(f"{word}/{name}", true, group=f"{word}/{name}",
                             tags={"word": str(word), "caption_id": name, "negative": false})  # fmt: skip


# ---- ARO's order -----------------------------------------------------------------------------------------------------


def read_order(reading: Reading, part: str, seed: int, tagger: Tagger | None = None) -> Iterator[Sample]:
    """Each caption against itself in another order.

    <part>_order.json, [{image, caption_options: [true, false, ...]}], is read as it is. Without it the lists that ARO
    starts from are taken (coco_karpathy_test.json, flickr30k_test.json), and its four kinds are made here, by a seed:
    nouns among nouns and adjectives among adjectives; all other words; words within groups of three; groups of three.
    The first two need a tagger, and are left out without one. ARO's own shuffles have no seed, so that no two sets of
    them are equal.
    """
    ready, *lists = ORDERS[part]
    path = reading.find(ready)
    if path is not None:
        yield from _ready(reading, path, part)
        return
    path = reading.need(*lists)
    if path is None:
        return
    folder = reading.find("flickr30k-images", "val2014", "images") or reading.root
    photos = read_listed(reading, path, folder)
    count = 0
    for photo in photos:
        classed: Iterable[Tagged] = tagger.of(photo.captions) if tagger else [[] for _ in photo.captions]
        for at, (caption, words) in enumerate(zip(photo.captions, classed, strict=True)):
            name = f"{part}-{Path(photo.image).stem}-{at}"
            yield _ordered(name, part, caption, photo, seed, words)
            count += 1
    if tagger is None:
        told = (
            "captions have two of ARO's four kinds of false ones: nouns and adjectives need a part-of-speech model, "
            "tagger=en_core_web_sm or another pipeline of spaCy."
        )
        reading.log.add("left-out", reading.short(path), told, count)


def _ready(reading: Reading, path: Path, part: str) -> Iterator[Sample]:
    for at, row in enumerate(reading.json(path)):
        options = row.get("caption_options") if isinstance(row, dict) else None
        if not isinstance(options, list) or len(options) < 2 or not isinstance(row.get("image"), str):
            reading.log.add("bad-value", reading.short(path), f"entry {at}, which needs image and caption_options")
            continue
        texts = [reading.said(text, path, f"entry {at}") for text in options]
        if all(texts):
            image = str(reading.root / row["image"])
            yield Sample(f"{part}-{at:06d}", texts[0], reference=image, group=row["image"],
                         tags={"part": part, "negatives": json.dumps(texts[1:])})  # fmt: skip


def _ordered(name: str, part: str, caption: str, photo: Photo, seed: int, classed: Tagged) -> Sample:
    true = plain_caption(caption)
    dice = _dice(f"{seed} {name}")
    words = re.findall(r"[^\s.,!?;:\"()]+|[.,!?;:\"()]", caption)
    three = [words[i : i + 3] for i in range(0, len(words), 3)]
    within = [dice.sample(some, len(some)) for some in three]
    among = dice.sample(three, len(three))
    grouped = [[word for some in groups for word in some] for groups in (within, among)]
    orders = [*_by_class(classed, _dice(f"{seed} {name} classes")), *grouped]
    false = [plain_caption(" ".join(order)) for order in orders]
    kept = list(dict.fromkeys(f for f in false if f != true))
    return Sample(name, true, reference=photo.image, group=Path(photo.image).name,
                  tags={"part": part, "negatives": json.dumps(kept)})  # fmt: skip


def _by_class(classed: Tagged, dice: random.Random) -> list[list[str]]:
    """ARO's first two kinds: nouns and adjectives exchanged, each among themselves; and all words but these."""
    if not classed:
        return []
    words, both = [word for word, _ in classed], NOUNS | ADJECTIVES
    first = list(words)
    for of in (NOUNS, ADJECTIVES):
        first = _exchanged(first, [i for i, (_, tag) in enumerate(classed) if tag in of], dice)
    return [first, _exchanged(words, [i for i, (_, tag) in enumerate(classed) if tag not in both], dice)]


def _exchanged(words: Sequence[str], places: Sequence[int], dice: random.Random) -> list[str]:
    found = list(words)
    for at, word in zip(places, dice.sample([words[i] for i in places], len(places)), strict=True):
        found[at] = word
    return found


def _dice(text: str) -> random.Random:
    return random.Random(int(hashlib.sha256(text.encode()).hexdigest()[:16], 16))


def plain_caption(text: str) -> str:
    """As ARO hands a caption to a model: lower case, without .!"()*#:;~, its first 30 words."""
    plain = re.sub(r"\s{2,}", " ", re.sub(r"([.!\"()*#:;~])", " ", text.lower())).rstrip("\n").strip(" ")
    return " ".join(plain.split(" ")[:WORDS])
