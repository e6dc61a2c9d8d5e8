"""Benchmarks that hold a true caption against a false one: SugarCrepe, Winoground, ARO; and SOA's lists of captions.

A sample has its image as reference and the true caption as prompt; `tags.negative` is the false one. Sources of the
layouts: the repositories named in the cards of datasets/.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bench.formats.class_names import COCO, canonical
from bench.formats.reading import Reading, fields, whole
from bench.types import Sample, Thing

SUGARCREPE = ("add_att", "add_obj", "replace_att", "replace_obj", "replace_rel", "swap_att", "swap_obj")
ARO_PARTS = ("relation", "attribution", "negclip")


def read_sugarcrepe(reading: Reading, splits: Sequence[str], images: Path | None) -> Iterator[Sample]:
    """data/<split>.json: {"0": {filename, caption, negative_caption}} on photographs of COCO's val2017.

    Ids are the file's own keys: swap_obj lacks 108, so that a place is no id.
    """
    for split in splits:
        path = reading.need(f"data/{split}.json", f"{split}.json")
        if path is None:
            continue
        rows = reading.json(path, dict)
        reading.gaps([n for n in map(whole, rows) if n is not None], path)
        for key, row in rows.items():
            if not fields(row, {"filename": str, "caption": str, "negative_caption": str}):
                told = f"'{key}', which needs filename, caption and negative_caption"
                reading.log.add("bad-value", reading.short(path), told)
                continue
            true, false = (reading.said(row[k], path, f"'{key}'") for k in ("caption", "negative_caption"))
            if true and false:
                yield Sample(
                    f"{split}-{key}", true, reference=_image(images, row["filename"]), group=row["filename"],
                    tags={"split": split, "negative": false},
                )  # fmt: skip


def _image(folder: Path | None, name: str) -> str | None:
    return str(folder / name) if folder is not None else None


def read_winoground(reading: Reading, with_images: bool = True) -> Iterator[Sample]:
    """examples.jsonl (or metadata.csv): id, image_0, image_1, caption_0, caption_1, tags. Two samples an id, in one
    group: `<id>_0` and `<id>_1`, each with the other's caption as the false one."""
    path = reading.need("examples.jsonl", "data/examples.jsonl", "metadata.csv")
    if path is None:
        return
    needed = ["id", "image_0", "image_1", "caption_0", "caption_1"]
    rows: Iterator[tuple[int, dict[str, Any]]]
    rows = reading.jsonl(path) if path.suffix == ".jsonl" else reading.table(path, needed)
    folder = reading.find("images", "data/images") or reading.root / "images"
    ids = []
    for line, row in rows:
        number = whole(row.get("id", ""))
        if number is None or not all(isinstance(row.get(k), str) for k in needed[1:]):
            reading.log.add("bad-value", reading.short(path), f"line {line}, which needs {', '.join(needed)}")
            continue
        ids.append(number)
        texts = [reading.said(row[f"caption_{k}"], path, f"line {line}") for k in (0, 1)]
        if not all(texts):
            continue
        told = {k: str(row[k]) for k in ("tag", "secondary_tag", "collapsed_tag", "num_main_preds") if row.get(k)}
        for k in (0, 1):
            name = Path(row[f"image_{k}"]).name
            yield Sample(
                f"{number}_{k}", texts[k], reference=_image(folder, name if "." in name else f"{name}.png")
                if with_images else None, group=str(number), tags={**told, "negative": texts[1 - k]},
            )  # fmt: skip
    reading.unique(ids, path)
    reading.gaps(ids, path)


def read_aro(reading: Reading, part: str) -> Iterator[Sample]:
    """visual_genome_{relation,attribution}.json: [{image_path, true_caption, false_caption, bbox_x, bbox_y, bbox_w,
    bbox_h, relation_name | attributes}]; negclip: valid_neg_clip.tsv with its lists of false captions.

    The box is the part of the image that is judged (`tags.crop`: left, top, right, bottom)."""
    if part == "negclip":
        yield from _negclip(reading)
        return
    path = reading.need(f"visual_genome_{part}.json")
    if path is None:
        return
    for at, row in enumerate(reading.json(path)):
        if not fields(row, {"image_path": str, "true_caption": str, "false_caption": str}):
            reading.log.add("bad-value", reading.short(path), f"entry {at}, which needs an image and two captions")
            continue
        true, false = (reading.said(row[k], path, f"entry {at}") for k in ("true_caption", "false_caption"))
        x, y, width, height = (row.get(f"bbox_{k}") for k in "xywh")
        box = all(isinstance(v, int | float) and not isinstance(v, bool) for v in (x, y, width, height))
        if not box or width <= 0 or height <= 0:
            reading.log.add("bad-box", reading.short(path), f"that of entry {at}")
            continue
        about = row.get("relation_name") or "_".join(map(str, row.get("attributes") or ()))
        if true and false:
            yield Sample(
                f"{part}-{at:05d}", true, reference=str(reading.root / "images" / row["image_path"]),
                group=row["image_path"],
                tags={"part": part, "about": str(about), "negative": false,
                      "crop": json.dumps([x, y, x + width, y + height])},
            )  # fmt: skip


def _negclip(reading: Reading) -> Iterator[Sample]:
    path = reading.need("valid_neg_clip.tsv", "temp_data/valid_neg_clip.tsv")
    if path is None:
        return
    for line, row in reading.table(path, ["title", "filepath", "neg_caption"], mark="\t", quoted=True):
        true = reading.said(row["title"], path, f"line {line}")
        false = _literal_texts(row["neg_caption"])
        if false is None:
            reading.log.add("bad-value", reading.short(path), f"neg_caption in line {line}, which is no list of texts")
        elif true:
            yield Sample(
                f"negclip-{line - 2:05d}", true, reference=str(reading.root / row["filepath"]), group=row["filepath"],
                tags={"part": "negclip", "negative": false[0] if false else "", "negatives": json.dumps(false)},
            )  # fmt: skip


def _literal_texts(text: str) -> list[str] | None:
    """A list of texts as Python prints it, read as data."""
    try:
        found = ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return None
    return found if isinstance(found, list) and all(isinstance(t, str) for t in found) else None


# ---- SOA -------------------------------------------------------------------------------------------------------------


def read_soa(reading: Reading, labels: Sequence[str]) -> Iterator[Sample]:
    """captions/label_NN_name.pkl: [{image_id, id, idx: [photo, caption], caption}], one file a class of COCO.

    A caption of several classes is in several files: ids are `NN-<caption id>`. Images lie in `label_NN_name*/`.
    """
    folder = reading.need("captions", "SOA/captions") if reading.find("label_*.pkl") is None else reading.root
    if folder is None:
        return
    files = {p.stem.split("_")[1]: p for p in sorted(folder.glob("label_*_*.pkl"))}
    wanted = [(at, label) for at, label in enumerate(COCO) if not labels or label in labels]
    lacking = [f"label_{at:02d}_*.pkl" for at, _ in wanted if f"{at:02d}" not in files]
    if lacking:
        counts = f"{len(wanted)} lists in {folder} and {len(lacking)} are not there"
        told = f"soa expects {counts}, the first is {lacking[0]}"
        get = "`bench data fetch soa --allow-download` gets them, or `soa(label=NAME)` takes one class"
        reading.log.add("missing-file", "captions", f"{told}: {get}.")
    reading.found.update(files.values())
    for at, label in wanted:
        path = files.get(f"{at:02d}")
        if path is None:
            continue
        if canonical(path.stem.split("_", 2)[2]) != label:
            reading.log.add("bad-value", reading.short(path), f"its name, whose number is that of {label}")
            continue
        rows = reading.pickle(path)
        seen: set[int] = set()
        for place, row in enumerate(rows if isinstance(rows, list) else ()):
            if not fields(row, {"id": int, "image_id": int, "caption": str}):
                told = f"entry {place}, which needs id, image_id and caption"
                reading.log.add("bad-value", reading.short(path), told)
                continue
            if row["id"] in seen:
                reading.log.add("duplicate-id", reading.short(path), row["id"])
                continue
            seen.add(row["id"])
            prompt = reading.said(row["caption"], path, f"entry {place}")
            if prompt:
                yield Sample(
                    f"{at:02d}-{row['id']}", prompt, objects=(Thing(label),), group=str(row["image_id"]),
                    tags={"label": label, "folder": path.stem},
                )  # fmt: skip
