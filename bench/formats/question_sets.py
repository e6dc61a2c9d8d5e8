"""Benchmarks that ask questions about images or hold people's judgements of them: TIFA, DSG-1k, DPG-Bench,
GenAI-Bench, ImageReward, HPDv2. Sources of the layouts: the repositories named in the cards of datasets/.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from bench.formats.folders import natural_key
from bench.formats.reading import Reading, fields, whole
from bench.types import Question, Sample

# ---- TIFA ------------------------------------------------------------------------------------------------------------

TIFA_PARTS = ("coco", "parti", "drawbench", "paintskill")


def read_tifa(reading: Reading) -> Iterator[Sample]:
    """*_text_inputs.json: [{id, caption}], *_question_answers.json: [{id, question, choices, answer, element_type}].

    Questions are numbered within their text in the order of the file; `tags.part` is the source of the text.
    """
    texts = reading.need("tifa_v1.0/tifa_v1.0_text_inputs.json", "tifa_v1.0_text_inputs.json", "*_text_inputs.json")
    asked = reading.need(
        "tifa_v1.0/tifa_v1.0_question_answers.json", "tifa_v1.0_question_answers.json", "*_question_answers.json"
    )
    if texts is None or asked is None:
        return
    rows = [row for at, row in enumerate(reading.json(texts)) if _has(reading, texts, at, row, id=str, caption=str)]
    reading.unique([row["id"] for row in rows], texts)
    questions = _tifa_questions(reading, asked, {row["id"] for row in rows})
    bare = [row["id"] for row in rows if not questions.get(row["id"])]
    if bare:
        reading.log.add("left-out", reading.short(asked), f"texts have no question, the first is {bare[0]}.", len(bare))
    for at, row in enumerate(rows):
        prompt = reading.said(row["caption"], texts, f"entry {at}")
        if prompt:
            told = {"coco_val_id": str(row["coco_val_id"])} if row.get("coco_val_id") else {}
            yield Sample(
                row["id"], prompt, questions=tuple(questions.get(row["id"], ())),
                tags={"part": row["id"].split("_")[0], **told},
            )  # fmt: skip


def _tifa_questions(reading: Reading, path: Path, known: set[str]) -> dict[str, list[Question]]:
    found: dict[str, list[Question]] = {}
    for at, row in enumerate(reading.json(path)):
        if not _has(reading, path, at, row, id=str, question=str, choices=list, answer=str):
            continue
        if row["id"] not in known:
            reading.log.add("unknown-image", reading.short(path), f"entry {at} ('{row['id']}')")
            continue
        choices = tuple(str(c) for c in row["choices"])
        if choices and row["answer"] not in choices:
            reading.log.add("bad-value", reading.short(path), f"the answer of entry {at}, which is none of its choices")
        of = found.setdefault(row["id"], [])
        of.append(
            Question(str(len(of)), row["question"], row["answer"], choices, kind=str(row.get("element_type", "")))
        )
    return found


def _has(reading: Reading, path: Path, at: int, row: Any, **wanted: type) -> bool:
    if fields(row, wanted):
        return True
    reading.log.add("bad-value", reading.short(path), f"entry {at}, which needs {', '.join(wanted)}")
    return False


# ---- DSG and DPG -----------------------------------------------------------------------------------------------------

DSG_COLUMNS = ("item_id", "text", "proposition_id", "dependency", "category_broad", "question_natural_language")


def read_dsg(reading: Reading) -> Iterator[Sample]:
    """dsg-1k-anns.csv, a row a question: each is to be answered yes, and counts where its parents are.

    Junk among the parents ("5, right") is left out and counted; the published script drops the graph of the whole item.
    """
    path = reading.need("dsg-1k-anns.csv", "dsg/data/dsg-1k-anns.csv", "*.csv")
    if path is None:
        return
    for item, rows in graphs(reading, path).items():
        texts = list(dict.fromkeys(row["text"] for _, row in rows))
        line = rows[0][0]
        if len(texts) > 1:
            reading.log.add("bad-value", reading.short(path), f"line {line}: '{item}' has several texts")
        prompt = reading.said(texts[0], path, f"line {line}")
        if prompt:
            yield Sample(
                item, prompt, questions=asked(reading, path, rows), tags={"source": item.rpartition("_")[0] or item}
            )


def graphs(reading: Reading, path: Path) -> dict[str, list[tuple[int, Mapping[str, str]]]]:
    """Item -> its rows in the order of the file."""
    found: dict[str, list[tuple[int, Mapping[str, str]]]] = {}
    for line, row in reading.table(path, DSG_COLUMNS):
        if not row["item_id"].strip() or whole(row["proposition_id"]) is None:
            reading.log.add("bad-value", reading.short(path), f"item_id or proposition_id in line {line}")
            continue
        found.setdefault(row["item_id"].strip(), []).append((line, row))
    return found


def asked(reading: Reading, path: Path, rows: Iterable[tuple[int, Mapping[str, str]]]) -> tuple[Question, ...]:
    """The questions of one item; ids are proposition ids, "0" among the parents means that there is none."""
    kept: dict[str, tuple[int, Mapping[str, str]]] = {}
    for line, row in rows:
        name = str(whole(row["proposition_id"]))
        if name in kept:
            reading.log.add("duplicate-id", reading.short(path), f"proposition {name} in line {line}")
        kept[name] = (line, row)
    return tuple(
        Question(
            name, row["question_natural_language"].strip(), "yes", ("yes", "no"),
            _parents(reading, path, line, name, row["dependency"], kept), row["category_broad"].strip(),
        )
        for name, (line, row) in kept.items()
    )  # fmt: skip


def _parents(
    reading: Reading, path: Path, line: int, own: str, given: str, known: Mapping[str, Any]
) -> tuple[str, ...]:
    parts = [part.strip() for part in given.split(",")]
    numbers = [str(whole(part)) for part in parts]
    good = [n for n in numbers if n in known and n != own]
    where = f"line {line} ('{given.strip()[:40]}')"
    for kind, met in (
        ("junk-dependency", any(whole(part) is None for part in parts)),
        ("own-parent", own in numbers),
        ("absent-parent", any(n not in known for n in numbers if n not in ("0", "None"))),
    ):
        reading.log.add(kind, reading.short(path), where, int(met))
    return tuple(dict.fromkeys(good))


def read_dpg(reading: Reading, questions: bool) -> Iterator[Sample]:
    """dpg_bench/prompts/<id>.txt, one dense prompt a file, and dpg_bench.csv with DSG's columns. Ids are file stems,
    which images are named after; all rows count, the first one too."""
    folder = reading.need("dpg_bench/prompts", "prompts")
    if folder is None:
        return
    files = sorted(folder.glob("*.txt"), key=lambda p: natural_key(p.name))
    if not files:
        reading.log.add("missing-file", "dpg_bench/prompts", reading.absent("dpg_bench/prompts"))
    found: dict[str, list[tuple[int, Mapping[str, str]]]] = {}
    table = reading.need("dpg_bench/dpg_bench.csv", "dpg_bench.csv") if questions else None
    if table is not None:
        found = graphs(reading, table)
        for item in found.keys() - {f.stem for f in files}:
            reading.log.add("unknown-image", reading.short(table), f"item '{item}'", len(found[item]))
        bare = [f.stem for f in files if f.stem not in found]
        if bare:
            told = f"prompts have no question, the first is {bare[0]}."
            reading.log.add("left-out", reading.short(table), told, len(bare))
    for file in files:
        prompt = " ".join(text for _, text in reading.lines(file))
        if prompt and reading.said(prompt, file, "line 1"):
            own = asked(reading, table, found[file.stem]) if table is not None and file.stem in found else ()
            yield Sample(file.stem, prompt, questions=own, tags={"source": file.stem.rstrip("0123456789") or "number"})


# ---- GenAI-Bench -----------------------------------------------------------------------------------------------------


def read_genai(reading: Reading) -> Iterator[Sample]:
    """genai_image.json: {"00001": {prompt, models: {name: ratings}}} and genai_skills.json: {skill: [numbers]}.

    An id is a key of the file, never a row: the list of 527 begins at "00001" and the published script counts from 0.
    """
    path = reading.need("genai_image.json")
    if path is None:
        return
    every = reading.json(path, dict)
    numbers = {name: whole(name) for name in every}
    for name, number in numbers.items():
        if number is None:
            reading.log.add("bad-value", reading.short(path), f"the id '{name}'")
    reading.gaps([n for n in numbers.values() if n is not None], path)
    skills = _skills(reading, {n for n in numbers.values() if n is not None})
    for name, row in every.items():
        if not _has(reading, path, name, row, prompt=str) or numbers[name] is None:
            continue
        prompt = reading.said(row["prompt"], path, f"'{name}'")
        if prompt:
            own = skills.get(numbers[name] or 0, [])
            yield Sample(name, prompt, tags={"skills": ", ".join(own)} if own else {})


def _skills(reading: Reading, known: set[int]) -> dict[int, list[str]]:
    path = reading.find("genai_skills.json")
    found: dict[int, list[str]] = {}
    for skill, ids in (reading.json(path, dict) if path is not None and known else {}).items():
        for one in ids if isinstance(ids, list) else ():
            number = whole(one)
            if number is None or number not in known:
                reading.log.add("unknown-image", reading.short(Path("genai_skills.json")), f"{one!r} of {skill}")
            else:
                found.setdefault(number, []).append(skill)
    return found


# ---- preferences -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Preference:
    """Images of one prompt in the order that people put them into."""

    id: str
    prompt: str
    images: tuple[str, ...]
    """As the file names them."""
    ranks: tuple[int, ...]
    """For each image; 1 is the best, equal ranks are ties."""

    @property
    def tied(self) -> bool:
        """Whether two images have one rank."""
        return len(set(self.ranks)) < len(self.ranks)

    @property
    def untied(self) -> int:
        """Pairs of images of which one was preferred."""
        return sum(a != b for a, b in combinations(self.ranks, 2))

    def sample(self) -> Sample:
        """Its prompt as a sample; `tags` hold images and ranking as JSON."""
        told = {"generations": json.dumps(self.images), "ranking": json.dumps(self.ranks)}
        return Sample(self.id, self.prompt, tags=told)

    def samples(self, folder: Path) -> list[Sample]:
        """Each of its images as the reference of a sample `<id>/<place>` of one group, with its rank as a tag."""
        return [
            Sample(
                f"{self.id}/{at}", self.prompt, reference=str(folder / name), group=self.id, tags={"rank": str(rank)}
            )
            for at, (name, rank) in enumerate(zip(self.images, self.ranks, strict=True))
        ]


def read_imagereward(reading: Reading) -> Iterator[Preference]:
    """data/test.json: [{id, prompt, generations, ranking}]."""
    path = reading.need("data/test.json", "test.json", "ImageReward_test.json")
    if path is None:
        return
    for at, row in enumerate(reading.json(path)):
        if _has(reading, path, at, row, id=str, prompt=str, generations=list, ranking=list):
            yield from _preference(reading, path, at, row["id"], row, row["generations"], row["ranking"])


def read_hpd(reading: Reading) -> Iterator[Preference]:
    """HPDv2's test.json: [{prompt, image_path, rank}]; ids are places in the file."""
    path = reading.need("test.json")
    if path is None:
        return
    for at, row in enumerate(reading.json(path)):
        if _has(reading, path, at, row, prompt=str, image_path=list, rank=list):
            yield from _preference(reading, path, at, f"{at:05d}", row, row["image_path"], row["rank"])


def _preference(
    reading: Reading, path: Path, at: int, name: str, row: Mapping[str, Any], images: list[Any], ranks: list[Any]
) -> Iterator[Preference]:
    prompt = reading.said(row["prompt"], path, f"entry {at}")
    numbers = [whole(r) for r in ranks]
    if len(images) != len(ranks) or None in numbers or not all(isinstance(i, str) for i in images):
        reading.log.add("bad-value", reading.short(path), f"entry {at}, which needs a rank for each image")
    elif prompt:
        yield Preference(name, prompt, tuple(images), tuple(n for n in numbers if n is not None))
