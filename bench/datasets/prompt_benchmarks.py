"""Benchmarks that are prompts with what they ask for: geneval, parti-prompts, drawbench, t2i-compbench, visor,
hpsv2."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from bench.datasets.official import Official
from bench.formats.prompt_sets import (
    COMPBENCH,
    COMPBENCH_SPLITS,
    GENEVAL_TASKS,
    HPS_STYLES,
    VISOR_KINDS,
    read_compbench,
    read_drawbench,
    read_geneval,
    read_hpsv2,
    read_parti,
    read_visor,
    visor_phrases,
    visor_sample,
)
from bench.formats.reading import Reading
from bench.formats.skill_sets import SKILL_SPLITS, SKILLS, read_paintskills
from bench.registry import register
from bench.types import Sample


@register("dataset", "geneval", summary="553 prompts of objects, counts, colours and positions, as GenEval asks them")
class GenEval(Official):
    """task: one of GenEval's six, or all. root: the folder of evaluation_metadata.jsonl; default: as linked."""

    condition = "semantic"
    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {"task": ("all", *GENEVAL_TASKS)}

    def __init__(self, root: str | None = None, task: str = "all", reference: str | None = None) -> None:
        super().__init__(root, reference, task=task)

    def read(self, reading: Reading) -> Iterable[Sample]:
        return (s for s in read_geneval(reading) if self.chosen["task"] in ("all", s.tags["kind"]))


@register("dataset", "parti-prompts", summary="1,632 prompts of 12 categories and 11 challenges (PartiPrompts, P2)")
class PartiPrompts(Official):
    """category, challenge: as the table has them, or all. root: the folder of PartiPrompts.tsv; default: as linked."""

    condition = "semantic"

    def __init__(
        self, root: str | None = None, category: str = "all", challenge: str = "all", reference: str | None = None
    ) -> None:
        super().__init__(root, reference, category=category, challenge=challenge)

    def read(self, reading: Reading) -> Iterable[Sample]:
        wanted = {k: v.casefold() for k, v in self.chosen.items() if v != "all"}
        return (s for s in read_parti(reading) if all(s.tags.get(k, "").casefold() == v for k, v in wanted.items()))


@register("dataset", "drawbench", summary="200 prompts of 11 categories (DrawBench, of Imagen)")
class DrawBench(Official):
    """category: as the table has it (without its trailing blank), or all. root: the folder of the csv."""

    condition = "semantic"

    def __init__(self, root: str | None = None, category: str = "all", reference: str | None = None) -> None:
        super().__init__(root, reference, category=category)

    def read(self, reading: Reading) -> Iterable[Sample]:
        asked = self.chosen["category"].strip().casefold()
        return (s for s in read_drawbench(reading) if asked in ("all", s.tags["category"].casefold()))


@register("dataset", "t2i-compbench", summary="T2I-CompBench(++): 8 categories of compositional prompts, 300 each")
class CompBench(Official):
    """category: one of the eight, or all. split: val (what papers report), train, all, val_seen, val_unseen."""

    condition = "semantic"
    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {"category": ("all", *COMPBENCH), "split": COMPBENCH_SPLITS}

    def __init__(
        self, root: str | None = None, category: str = "all", split: str = "val", reference: str | None = None
    ) -> None:
        super().__init__(root, reference, category=category, split=split)

    def read(self, reading: Reading) -> Iterable[Sample]:
        asked = self.chosen["category"]
        return read_compbench(reading, COMPBENCH if asked == "all" else [asked], self.chosen["split"])


@register("dataset", "visor", summary="VISOR's SR2D: 25,280 spatial prompts over COCO's 80 classes, made by its rule")
class Visor(Official):
    """kind: spatial (what VISOR scores), and, single, or all 31,680. They are made by the published rule with its ids;
    root: a file with a part of them instead. each: only every each-th pair of classes, for a trial.
    """

    condition = "spatial"
    made = True
    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {"kind": VISOR_KINDS}

    def __init__(
        self, root: str | None = None, kind: str = "spatial", each: int = 1, reference: str | None = None
    ) -> None:
        super().__init__(root, reference, kind=kind)
        self.each = max(int(each), 1)

    def read(self, reading: Reading) -> Iterable[Sample]:
        every = read_visor(reading) if self.given else (visor_sample(e) for e in visor_phrases() if self._in(e))
        return (s for s in every if self.chosen["kind"] in ("all", s.tags["kind"]))

    def _in(self, entry: dict[str, Any]) -> bool:
        pair = entry["unique_id"] // 10
        return self.each == 1 or entry["num_objects"] == 1 or pair % self.each == 0


@register("dataset", "hpsv2", summary="HPSv2's benchmark prompts: 800 for each of four styles, and DrawBench's")
class HpsV2(Official):
    """style: anime, concept-art, paintings, photo, drawbench, or all four styles. root: the folder of the files."""

    condition = "semantic"
    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {"style": ("all", *HPS_STYLES)}

    def __init__(self, root: str | None = None, style: str = "all", reference: str | None = None) -> None:
        super().__init__(root, reference, style=style)

    def read(self, reading: Reading) -> Iterable[Sample]:
        asked = self.chosen["style"]
        return read_hpsv2(reading, HPS_STYLES[:4] if asked == "all" else [asked])


@register("dataset", "paintskills", summary="PaintSkills: prompts of objects, counts, colours and places, as scenes")
class PaintSkills(Official):
    """skill: object, count, color, spatial, or all. split: val, train. root: the folder of the skills' folders."""

    condition = "semantic"
    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {"skill": ("all", *SKILLS), "split": SKILL_SPLITS}

    def __init__(
        self, root: str | None = None, skill: str = "all", split: str = "val", reference: str | None = None
    ) -> None:
        super().__init__(root, reference, skill=skill, split=split)

    def read(self, reading: Reading) -> Iterable[Sample]:
        asked = self.chosen["skill"]
        return read_paintskills(reading, SKILLS if asked == "all" else [asked], self.chosen["split"])
