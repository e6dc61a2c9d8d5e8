"""`recorded`: evidence that other tools computed, read from their files, so that rules run without models or images.

Which formats, how rows meet images and what is refused: docs/recorded-evidence.md. An image without a row is missing
evidence; it is never taken for an image in which nothing was found.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import torch

from bench.errors import BenchError, DataError, Incomplete, UsageError, did_you_mean
from bench.extractors.base import Extractor
from bench.extractors.sentence_model import MPNET, Nearest, has_choices
from bench.formats.evidence import Evidence, Index, by_names, labels_of, read_all
from bench.formats.evidence_boxes import OUTSIDE, naming
from bench.formats.evidence_told import answered
from bench.registry import register
from bench.spec import digest
from bench.types import ImageRow, Sample

_ARRAYS = ("features", "logits")


@register("extractor", "recorded", summary="evidence that other tools computed: boxes, answers, features, from files")
class Recorded(Extractor):
    """`path`: a file, or a folder of them; `{label}` in it stands for the run's label; default: what `bench data
    import` gave to the run. `by`: who computed it (with `threshold`, its own, where known): it picks one of several
    that a folder holds, and states it for a file that does not. `outside`: clip, keep or refuse boxes beyond the image.
    `sentences`: an answer that is none of its question's choices becomes the nearest of them by this model, as TIFA
    does; none: it stays, and is not right.

    Scores of evidence whose maker is stated are of one protocol, whatever file holds it; of an unknown maker, the
    file's sha256 is the protocol.
    """

    of_rows: ClassVar[bool] = True
    batch_size = 64

    def __init__(self, path: str = "", by: str = "", threshold: str = "", outside: str = "clip",
                 sentences: str | None = MPNET) -> None:  # fmt: skip
        if outside not in OUTSIDE:
            raise UsageError(f"recorded has no rule outside={outside}.{did_you_mean(str(outside), OUTSIDE)}")
        self.path, self.by, self.threshold, self.outside = str(path), str(by), str(threshold), str(outside)
        self.nearest = Nearest(sentences, "recorded")
        self.judges = () if sentences == MPNET else self.nearest.judges  # asked for; else few files need one
        self.label, self.given = "", ""
        self.samples: tuple[Sample, ...] = ()
        self.names: Mapping[str, str] = {}
        self._name = naming(self.names)
        self.image_outputs = ("detections", "answers", *_ARRAYS)
        self.text_outputs = ("features",)

    # ---- what it is --------------------------------------------------------------------------------------------------

    def attach(self, label: str, evidence: str, samples: Iterable[Sample]) -> None:
        self.label, self.given, self.samples = label, evidence, tuple(samples)
        self.names = labels_of(self.samples)
        self._name = naming(self.names)

    @property
    def source(self) -> str:
        """The file or folder."""
        return self.path.replace("{label}", self.label) if self.path else self.given

    def problems(self) -> list[str]:
        if not self.source:
            return ["recorded needs the evidence: recorded(path=FILE), or a run that `bench data import` made."]
        try:
            found = self.evidence
        except BenchError as error:
            return list(error.messages)
        self.image_outputs = tuple(found)
        self.text_outputs = ("features",) if "features" in found and found["features"].texts else ()
        self.caveat = "; ".join(dict.fromkeys(one.caveat for one in found.values() if one.caveat))
        return []

    @cached_property
    def evidence(self) -> Mapping[str, Evidence]:
        """Output -> its evidence. DataError where none or several are meant."""
        every = read_all(self.source)
        kept = [one for one in every if not self.by or _made_by(one, self.by)]
        found: dict[str, Evidence] = {}
        for one in kept:
            if one.output in found:
                makers = sorted(str(e.stated.get("by", e.path.name)) for e in kept if e.output == one.output)
                raise DataError(
                    f"'{self.source}' holds {one.output} by {' and by '.join(makers)}; say whose by recorded(by=NAME)."
                )
            found[one.output] = one
        if not found:
            makers = sorted({str(e.stated["by"]) for e in every})
            raise DataError(f"'{self.source}' holds nothing by {self.by}; it has evidence by {', '.join(makers)}.")
        if self.path:
            return found
        return {name: by_names(one, self.samples) for name, one in found.items()}

    @cached_property
    def _indices(self) -> Mapping[str, Index]:
        return {name: Index(one.refs) for name, one in self.evidence.items()}

    def identity(self) -> Mapping[str, Any]:
        files = {name: one.sha256 for name, one in self.evidence.items()}
        told = {"files": files, "by": self.by, "outside": self.outside, "names": digest(dict(self.names))}
        return {**told, **self.nearest.identity()} if "answers" in files and has_choices(self.samples) else told

    def protocol(self) -> Mapping[str, Any]:
        found: dict[str, Any] = {"outside": self.outside}
        for name, one in self.evidence.items():
            by = one.stated.get("by") or self.by
            threshold = self.threshold or one.stated.get("threshold", "")
            found[name] = {"by": by, "threshold": threshold} if by else {"sha256": one.sha256}
        if "answers" in found and has_choices(self.samples):
            found["answers"] |= self.nearest.protocol()
        return found

    def remarks(self, rows: Sequence[ImageRow]) -> list[str]:
        found = []
        for name, one in self.evidence.items():
            met = {at for row in rows if (at := self._indices[name].find(row)) is not None}
            by = self.protocol()[name].get("by", "a tool that it does not name")
            found.append(f"{name} were read from {one.path.name} (sha256 {one.sha256[:16]}), computed by {by}.")
            if extra := [ref for at, ref in enumerate(one.refs) if at not in met]:
                first = f"the first is {extra[0]}"
                found.append(f"{one.path.name}: {len(extra)} rows belong to no image of the run, {first}.")
            found += one.notes
        return list(dict.fromkeys(found))

    # ---- what it says ------------------------------------------------------------------------------------------------

    def extract_images(self, batch: Sequence[Any], queries: Sequence[Sample] | None = None) -> dict[str, Any]:
        """A row an `ImageRow`; `absent` holds the outputs that have no row of it."""
        samples: Sequence[Sample | None] = queries or [None] * len(batch)
        found: dict[str, list[Any]] = {name: [] for name in self.evidence}
        absent = []
        for row, sample in zip(batch, samples, strict=True):
            rows = {name: self._row(name, row, sample) for name in found}
            gone = [name for name, value in rows.items() if value is None]
            if gone and sample is None:
                raise Incomplete(f"'{self.source}' has no {gone[0]} of the reference image '{row.path}'.")
            absent.append(gone)
            for name, value in rows.items():
                found[name].append(value)
        return {**{name: self._stacked(name, rows) for name, rows in found.items()}, "absent": absent}

    def _row(self, name: str, row: ImageRow, sample: Sample | None) -> Any:
        at = self._indices[name].find(row)
        if at is None:
            return None
        one = self.evidence[name]
        if name == "detections":
            return one.row(at, row.size, self._name, self.outside)
        if name == "answers":
            asked = sample.questions if sample else ()
            answers, lacking = answered(one.row(at), asked)
            return None if lacking else self.nearest.limited(answers, asked)
        return np.asarray(one.row(at))

    def _stacked(self, name: str, rows: list[Any]) -> Any:
        if name not in _ARRAYS:
            return rows
        empty = np.zeros_like(np.asarray(self.evidence[name].row(0)))
        return torch.from_numpy(np.stack([empty if row is None else row for row in rows]))

    def extract_texts(self, texts: Sequence[str]) -> dict[str, Any]:
        """Features of the texts that the file has; Incomplete for any other."""
        known = self.evidence["features"].texts
        absent = [text for text in texts if text not in known]
        if absent:
            raise Incomplete(
                f"'{self.source}' has no features of {len(absent)} texts, the first is '{absent[0][:80]}'; record them "
                "as texts and text_features."
            )
        return {"features": torch.from_numpy(np.stack([np.asarray(known[text]) for text in texts]))}


def _made_by(one: Evidence, by: str) -> bool:
    """Whether a file is by this maker, or does not say by whom; an export states a name and a digest."""
    stated = str(one.stated.get("by", ""))
    return stated in ("", by) or stated.split(" ")[0] == by
