"""What the field's data sets share: an official layout on disk, read once with every defect counted, and found by name.

`root` is where the layout lies; without it the place that `bench data link` or `bench data fetch` noted. A plug-in
says how its layout is read (`read`), nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

from PIL import Image, UnidentifiedImageError

from bench.datasets.referenced import Referenced
from bench.errors import DataError, UsageError, did_you_mean
from bench.formats.findings import Finding, Findings
from bench.formats.places import root_of
from bench.formats.reading import Reading
from bench.spec import digest
from bench.types import Sample


class Official(Referenced):
    """A data set in its official layout. Subclass, implement `read`, register; `choices` is what parameters may be."""

    plugin_name: ClassVar[str]
    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    made: ClassVar[bool] = False
    """Whether the samples follow from a rule, so that no file is needed where no root is given."""

    def __init__(self, root: str | None = None, reference: str | None = None, **chosen: Any) -> None:
        super().__init__(reference)
        self.given = root
        self.chosen = chosen
        for name, allowed in self.choices.items():
            if chosen.get(name) not in allowed:
                given = str(chosen.get(name))
                raise UsageError(f"{name}={given} of {self.plugin_name} is unknown.{did_you_mean(given, allowed)}")

    def read(self, reading: Reading) -> Iterable[Sample]:
        """Samples of the layout below `reading.root`; defects go to `reading.log`, never as exceptions."""
        raise NotImplementedError

    # ---- reading ----

    @cached_property
    def reading(self) -> Reading:
        """The folder with all that was met while it was read."""
        return self._content[0]

    @cached_property
    def _content(self) -> tuple[Reading, list[Sample]]:
        reading = self._opened()
        samples = list(self.read(reading))
        if not any(f.kind == "duplicate-id" for f in reading.log.all()):
            reading.unique((s.id for s in samples), Path(self.plugin_name))
        reading.forget()
        return reading, samples

    @cached_property
    def samples(self) -> list[Sample]:
        """All samples; DataError with a sentence for each kind of defect that cannot be read past."""
        reading, samples = self._content
        if reading.log.refused:
            raise DataError(*reading.log.refused)
        if not samples:
            raise DataError(f"{self.plugin_name} in '{reading.root}' holds no samples of the choice {self._chosen()}.")
        return samples

    def first(self, count: int) -> list[Sample]:
        """The first samples, read no further than that, whatever is wrong later in the files."""
        if "_content" in self.__dict__:
            return self._content[1][:count]
        return list(islice(self.read(self._opened()), count))

    def _opened(self) -> Reading:
        made = self.made and self.given is None
        reading = Reading(self.plugin_name, "." if made else root_of(self.plugin_name, self.given))
        if not reading.root.exists():
            raise DataError(f"{self.plugin_name} is not at '{reading.root}': give its folder as root=PATH.")
        return reading

    def _chosen(self) -> str:
        return ", ".join(f"{k}={v}" for k, v in self.chosen.items()) or "all"

    def notes(self) -> list[str]:
        """What was mended or left out while the files were read, and which of them are not the published ones."""
        return [*self.reading.log.handled, *self.other_files()]

    def other_files(self) -> list[str]:
        """A sentence for each file that was read and has another sha256 than the card states."""
        from bench.formats.fetching import checked  # the network's modules, which few readers need

        log = Findings()
        for file, found, expected in checked(self.plugin_name, self.reading.root, self.reading.found):
            if not found.startswith(expected):
                log.add("wrong-digest", file, f"{found[:16]}... where {expected[:16]}... is expected")
        return log.refused

    # ---- what `bench data verify` asks ----

    def findings(self) -> list[Finding]:
        """Everything wrong with the files, images looked into as well; nothing is raised but a missing root."""
        reading, samples = self._content
        log = Findings()
        log.take(reading.log.all())
        self._look_at_images(samples, log, reading)
        return log.all()

    def _look_at_images(self, samples: Iterable[Sample], log: Findings, reading: Reading) -> None:
        looked: set[str] = set()
        for one in samples:
            path = one.reference
            if path is None or path in looked or "\0" in path:
                continue
            looked.add(path)
            file = reading.short(Path(path).parent)
            if not Path(path).is_file():
                log.add("missing-image", file, Path(path).name)
                continue
            boxes = [thing.box for thing in one.objects if thing.box is not None]
            if not boxes:
                continue
            try:
                with Image.open(path) as picture:
                    width, height = picture.size
            except (OSError, UnidentifiedImageError, Image.DecompressionBombError):
                log.add("unreadable", file, f"'{path}' is no image that can be read.")
                continue
            outside = sum(min(x0, y0) < -1 or x1 > width + 1 or y1 > height + 1 for x0, y0, x1, y1 in boxes)
            log.add("box-outside", file, f"that of {Path(path).name}", outside)

    def readable(self) -> int:
        """Samples that could be read."""
        return len(self._content[1])

    # ---- identity ----

    def identity(self) -> Mapping[str, Any]:
        """The choice by name, digests of all that is known of the samples and of the reference's contents; no paths."""
        chosen = [str(v) for v in self.chosen.values() if v not in (None, "", "all")]
        return {
            "label": "-".join([self.plugin_name, *chosen]),
            "samples": self._digest, "reference": self._reference_identity,
        }  # fmt: skip

    @cached_property
    def _digest(self) -> str:
        return digest([_truth(s) for s in self.samples])


def _truth(sample: Sample) -> list[Any]:
    """All that is known of a sample, less where its images lie."""
    return [
        sample.id, sample.prompt, list(sample.captions), sample.group, sample.meaning, sample.frames,
        [[t.label, dict(t.attributes), t.box] for t in sample.objects],
        [[r.subject, r.predicate, r.object] for r in sample.relations],
        [[q.id, q.text, q.answer, list(q.choices), list(q.parents), q.kind] for q in sample.questions],
        dict(sample.tags),
    ]  # fmt: skip
