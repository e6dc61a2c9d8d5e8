"""Benchmarks that ask questions about images or hold people's rankings: tifa, dsg-1k, dpg-bench, genai-bench,
imagereward, hpdv2."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import ClassVar

from bench.datasets.official import Official
from bench.formats.question_sets import (
    TIFA_PARTS,
    Preference,
    read_dpg,
    read_dsg,
    read_genai,
    read_hpd,
    read_imagereward,
    read_tifa,
)
from bench.formats.reading import Reading
from bench.registry import register
from bench.types import Sample


@register("dataset", "tifa", summary="TIFA v1.0: 4,081 texts of four sources with questions and choices of answers")
class Tifa(Official):
    """part: coco, parti, drawbench, paintskill, or all. root: the folder of tifa_v1.0_*.json; default: as linked."""

    condition = "semantic"
    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {"part": ("all", *TIFA_PARTS)}

    def __init__(self, root: str | None = None, part: str = "all", reference: str | None = None) -> None:
        super().__init__(root, reference, part=part)

    def read(self, reading: Reading) -> Iterable[Sample]:
        return (s for s in read_tifa(reading) if self.chosen["part"] in ("all", s.tags["part"]))


@register("dataset", "dsg-1k", summary="DSG-1k: 1,060 prompts with 8,182 yes-or-no questions that depend on each other")
class Dsg(Official):
    """source: as ids begin (tifa, whoops, localized_narratives, ...), or all. root: the folder of dsg-1k-anns.csv."""

    condition = "semantic"

    def __init__(self, root: str | None = None, source: str = "all", reference: str | None = None) -> None:
        super().__init__(root, reference, source=source)

    def read(self, reading: Reading) -> Iterable[Sample]:
        return (s for s in read_dsg(reading) if self.chosen["source"] in ("all", s.tags["source"]))


@register("dataset", "dpg-bench", summary="DPG-Bench: 1,065 dense prompts with a graph of yes-or-no questions each")
class Dpg(Official):
    """questions: false reads the prompts alone. root: the folder dpg_bench of ELLA's repository; default: as linked."""

    condition = "semantic"

    def __init__(self, root: str | None = None, questions: bool = True, reference: str | None = None) -> None:
        super().__init__(root, reference)
        self.questions = bool(questions)

    def read(self, reading: Reading) -> Iterable[Sample]:
        return read_dpg(reading, self.questions)


@register("dataset", "genai-bench", summary="GenAI-Bench: 1,600 (or 527) prompts of professionals, with their skills")
class GenAiBench(Official):
    """skill: as genai_skills.json names it, or all. root: the folder of genai_image.json; default: as linked."""

    condition = "semantic"

    def __init__(self, root: str | None = None, skill: str = "all", reference: str | None = None) -> None:
        super().__init__(root, reference, skill=skill)

    def read(self, reading: Reading) -> Iterable[Sample]:
        asked = self.chosen["skill"]
        return (s for s in read_genai(reading) if asked == "all" or asked in s.tags.get("skills", "").split(", "))


class _Ranked(Official):
    """Prompts, with the names of their images and people's ranks in their tags.

    images: the folder that the file's names are in: then a sample an image, which is its reference, with its rank.
    """

    def __init__(self, root: str | None = None, images: str | None = None, reference: str | None = None) -> None:
        super().__init__(root, reference)
        self.images = Path(str(images)).expanduser() if images not in (None, "", "none") else None

    def read(self, reading: Reading) -> Iterable[Sample]:
        for one in self.rankings(reading):
            yield from [one.sample()] if self.images is None else one.samples(self.images)

    def rankings(self, reading: Reading) -> Iterable[Preference]:
        """The prompts of the file."""
        raise NotImplementedError


@register("dataset", "imagereward", summary="ImageReward's test split: 466 prompts whose images people put in order")
class ImageReward(_Ranked):
    """Prompts, with images and ranks in their tags; with images=FOLDER a sample an image. root: the folder of
    test.json; default: as linked."""

    def rankings(self, reading: Reading) -> Iterable[Preference]:
        return read_imagereward(reading)


@register("dataset", "hpdv2", summary="HPDv2's test split: prompts whose images people put in order")
class HpdV2(_Ranked):
    """Prompts, with images and ranks in their tags; with images=FOLDER a sample an image. root: the folder of
    test.json; default: as linked."""

    def rankings(self, reading: Reading) -> Iterable[Preference]:
        return read_hpd(reading)
