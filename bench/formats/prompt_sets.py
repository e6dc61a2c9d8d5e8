"""Benchmarks that are lists of prompts with what they ask for: GenEval, PartiPrompts, DrawBench, T2I-CompBench, VISOR,
HPSv2. Sources of the layouts: the repositories named in the cards of datasets/.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

from bench.formats.class_names import COCO
from bench.formats.compbench_truth import PHRASED, compbench_questions, compbench_truth
from bench.formats.reading import Reading, whole
from bench.formats.tables import wrapped
from bench.types import Relation, Sample, Thing

# ---- GenEval ---------------------------------------------------------------------------------------------------------

GENEVAL_TASKS = ("single_object", "two_object", "counting", "colors", "position", "color_attr")
MOST_THINGS = 100


def read_geneval(reading: Reading) -> Iterator[Sample]:
    """evaluation_metadata.jsonl; ids are the folder names `00000`, ... that GenEval's scripts read images from. Without
    it, the metadata.jsonl that its generation script wrote into each of these folders.

    `tags`: kind, the task; include and exclude as the file has them (JSON), which the verdict is made from. Positions
    are relations: "this object is RELATION of include[n]".
    """
    for name, path, line, row in _geneval_rows(reading):
        prompt = reading.said(row.get("prompt"), path, f"line {line}")
        include, exclude = row.get("include"), row.get("exclude", [])
        if not _clauses(include) or not _clauses(exclude) or not include:
            reading.log.add("bad-value", reading.short(path), f"include or exclude in line {line}")
            continue
        if not prompt:
            continue
        objects, relations = _geneval_truth(include)
        if relations is None:
            reading.log.add("bad-value", reading.short(path), f"a position in line {line}")
            continue
        told = {"include": json.dumps(include), **({"exclude": json.dumps(exclude)} if exclude else {})}
        yield Sample(
            name, prompt, objects=objects, relations=relations, tags={"kind": str(row.get("tag", "")), **told}
        )  # fmt: skip


def _geneval_rows(reading: Reading) -> Iterator[tuple[str, Path, int, dict[str, Any]]]:
    """(id, file, line, object) of each prompt."""
    path = reading.find("evaluation_metadata.jsonl", "prompts/evaluation_metadata.jsonl", "*.jsonl")
    folders = sorted(reading.root.glob("[0-9]*/metadata.jsonl")) if path is None else []
    if not folders:
        path = reading.need("evaluation_metadata.jsonl", "prompts/evaluation_metadata.jsonl", "*.jsonl")
        for at, (line, row) in enumerate(reading.jsonl(path) if path is not None else ()):
            yield f"{at:05d}", path or reading.root, line, row
        return
    numbers = []
    for file in folders:
        number = whole(file.parent.name)
        rows = list(reading.jsonl(file))
        if number is None or len(rows) != 1:
            reading.log.add("bad-value", "metadata.jsonl", f"{file.parent.name}, which needs one line a prompt")
            continue
        numbers.append(number)
        yield f"{number:05d}", file, *rows[0]
    reading.gaps([-1, *numbers] if numbers else [], Path("metadata.jsonl"))


def _clauses(given: Any) -> bool:
    return isinstance(given, list) and all(
        isinstance(c, dict) and isinstance(c.get("class"), str) and isinstance(c.get("count"), int)
        and not isinstance(c["count"], bool) and 1 <= c["count"] <= MOST_THINGS
        for c in given
    )  # fmt: skip


def _geneval_truth(include: Sequence[Any]) -> tuple[tuple[Thing, ...], tuple[Relation, ...] | None]:
    objects: list[Thing] = []
    first: list[int] = []
    for clause in include:
        first.append(len(objects))
        colour = {"colour": str(clause["color"])} if clause.get("color") else {}
        objects += [Thing(clause["class"], colour)] * clause["count"]
    relations = []
    for at, clause in enumerate(include):
        if clause.get("position") is None:
            continue
        match clause["position"]:
            case [str(predicate), int(target)] if 0 <= target < len(first) and target != at:
                relations.append(Relation(first[at], predicate, first[target]))
            case _:
                return (), None
    return tuple(objects), tuple(relations)


# ---- tables of prompts -----------------------------------------------------------------------------------------------


def read_parti(reading: Reading) -> Iterator[Sample]:
    """PartiPrompts.tsv: Prompt, Category, Challenge, Note. Tabs only: its quotation marks are part of prompts."""
    path = reading.need("PartiPrompts.tsv", "*.tsv")
    if path is None:
        return
    rows = list(reading.table(path, ["prompt", "category", "challenge"], mark="\t", quoted=False))
    quoted = [line for line, row in rows if wrapped(row["prompt"])]
    if quoted:
        reading.log.add("quoted-tsv", reading.short(path), f"line {quoted[0]}", len(quoted))
        return
    prompts = []
    for at, (line, row) in enumerate(rows):
        prompt = reading.said(row["prompt"], path, f"line {line}")
        prompts.append(prompt)
        if prompt:
            told = {k: row[k].strip() for k in ("category", "challenge", "note") if row.get(k, "").strip()}
            yield Sample(f"{at:04d}", prompt, tags=told)
    reading.repeats([p for p in prompts if p], path)


def read_drawbench(reading: Reading) -> Iterator[Sample]:
    """The csv of prompts and categories; its first column is called Prompts or Prompt. Categories lose outer blanks."""
    path = reading.need("drawbench.csv", "DrawBench*.csv", "*rawbench*.csv", "*.csv")
    if path is None:
        return
    head = next((line for _, line in reading.lines(path)), "")
    column = "prompts" if head.casefold().startswith(("prompts", '"prompts')) else "prompt"
    prompts = []
    for at, (line, row) in enumerate(reading.table(path, [column, "category"])):
        prompt = reading.said(row[column], path, f"line {line}")
        prompts.append(prompt)
        if prompt:
            yield Sample(f"{at:03d}", prompt, tags={"category": row["category"].strip()})
    reading.repeats([p for p in prompts if p], path)


# ---- T2I-CompBench ---------------------------------------------------------------------------------------------------

COMPBENCH = ("color", "shape", "texture", "spatial", "non_spatial", "complex", "3d_spatial", "numeracy")
COMPBENCH_SPLITS = ("val", "train", "all", "val_seen", "val_unseen")


def read_compbench(reading: Reading, categories: Sequence[str], split: str) -> Iterator[Sample]:
    """examples/dataset/<category>[_<split>].txt, one prompt a line, in the published mixture of line ends.

    A repeated prompt stays a sample of its own with the same meaning, as the published file names count it. Objects,
    relations, numbers and questions about phrases are those that templates state; a prompt that none fits has none.
    Complex prompts have the tag `complex`, what their 3-in-1 score is the mean of: spatial, action or both.
    """
    for category in categories:
        name = f"{category}{'' if split == 'all' else '_' + split}.txt"
        path = reading.need(f"examples/dataset/{name}", f"dataset/{name}", name)
        if path is None:
            continue
        prompts, asked = [], 0
        members = _members(reading, split) if category == "complex" else None
        for at, (line, text) in enumerate(reading.lines(path)):
            prompt = reading.said(text, path, f"line {line}")
            prompts.append(prompt)
            objects, relations = compbench_truth(category, prompt)
            told = {} if members is None else {"complex": members.get(_as_member(prompt), "both")}
            questions = compbench_questions(category, prompt)
            asked += bool(questions)
            yield Sample(
                f"{category}-{at:06d}", prompt, objects=objects, relations=relations, questions=questions,
                tags={"category": category, "split": split, **told},
            )  # fmt: skip
        reading.repeats(prompts, path)
        if category in PHRASED:
            whole_list = f"of {len(prompts)} prompts have no question about a phrase: no template fits; {asked} have."
            reading.log.add("left-out", reading.short(path), whole_list, len(prompts) - asked)


def _members(reading: Reading, split: str) -> dict[str, str] | None:
    """Complex prompt -> spatial or action, by the lists of the split; None where there are none. As in the published
    script, the spatial list comes first and what is in neither is of both."""
    found: dict[str, str] = {}
    known = False
    for kind in ("action", "spatial"):
        name = f"complex_{split}_{kind}.txt"
        path = reading.find(f"examples/dataset/{name}", f"dataset/{name}", name)
        if path is not None:
            known = True
            found |= {_as_member(text): kind for _, text in reading.lines(path)}
    return found if known else None


def _as_member(prompt: str) -> str:
    """A prompt as the published script compares it."""
    return prompt.split(".")[0].strip().casefold()


# ---- VISOR -----------------------------------------------------------------------------------------------------------

RELATIONS = ("to the left of", "to the right of", "above", "below")
_PREDICATES = {"to the left of": "left of", "to the right of": "right of", "above": "above", "below": "below"}
VISOR_KINDS = ("spatial", "and", "single", "all")


def visor_phrases() -> Iterator[dict[str, Any]]:
    """The rule of text_spatial_rel_phrases.json: 31,680 entries with its keys, in its order and with its ids.

    For each pair of COCO's names: each relation in both orders, then "and" in both orders; then each name alone.
    """
    entries: list[tuple[str, str | None, str, str]] = []
    for one, other in combinations(COCO, 2):
        for relation in (*RELATIONS, "and"):
            entries += [(a, b, relation, f"{_a(a)} {relation} {_a(b)}") for a, b in ((one, other), (other, one))]
    entries += [(name, None, "single", _a(name)) for name in COCO]
    for number, (first, second, relation, text) in enumerate(entries):
        yield {
            "unique_id": number, "num_objects": 1 if second is None else 2, "obj_1_attributes": [first],
            "obj_2_attributes": [second], "rel_type": relation, "text": text,
        }  # fmt: skip


def _a(name: str) -> str:
    """With its indefinite article; none of the 80 names needs more than the rule of vowels."""
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def visor_sample(entry: dict[str, Any]) -> Sample:
    """One entry as a sample: the objects and, for a spatial one, the relation of the first to the second."""
    names = [n for n in (*entry["obj_1_attributes"], *entry["obj_2_attributes"]) if n]
    predicate = _PREDICATES.get(entry["rel_type"])
    kind = entry["rel_type"] if predicate is None else "spatial"
    return Sample(
        str(entry["unique_id"]), entry["text"], objects=tuple(Thing(n) for n in names),
        relations=(Relation(0, predicate, 1),) if predicate else (),
        tags={"kind": kind, "relation": entry["rel_type"]},
    )  # fmt: skip


def read_visor(reading: Reading) -> Iterator[Sample]:
    """A file of prompts with VISOR's keys, whole or in part; each entry must be the one that the rule gives its id."""
    path = reading.need("text_spatial_rel_phrases.json", "prompts.json", "*.json")
    if path is None:
        return
    rule = {e["unique_id"]: e for e in visor_phrases()}
    found = reading.json(path)
    for at, entry in enumerate(found):
        if not isinstance(entry, dict) or entry != rule.get(entry.get("unique_id", -1)):
            reading.log.add("bad-value", reading.short(path), f"entry {at}, which VISOR's rule does not give")
            continue
        yield visor_sample(entry)
    reading.unique([e.get("unique_id") for e in found if isinstance(e, dict)], path)


# ---- HPSv2 -----------------------------------------------------------------------------------------------------------

HPS_STYLES = ("anime", "concept-art", "paintings", "photo", "drawbench")


def read_hpsv2(reading: Reading, styles: Sequence[str]) -> Iterator[Sample]:
    """benchmark/<style>.json: a list of prompts; the image of one is `<style>/<index of five digits>.jpg`."""
    for style in styles:
        path = reading.need(f"benchmark/{style}.json", f"{style}.json", f"datasets/benchmark/{style}.json")
        if path is None:
            continue
        prompts = []
        for at, text in enumerate(reading.json(path)):
            prompt = reading.said(text, path, f"entry {at}")
            prompts.append(prompt)
            if prompt:
                yield Sample(f"{style}/{at:05d}", prompt, tags={"style": style})
        reading.repeats([p for p in prompts if p], path)
