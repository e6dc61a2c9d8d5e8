"""`evidence`: images that are known by recorded evidence alone; they are not here and nothing of them is made up."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar

from bench.errors import BenchError, DataError
from bench.formats.evidence import Evidence, Index, Ref, by_names, read_all
from bench.generators.base import Context, Generator
from bench.registry import register
from bench.spec import digest
from bench.types import ImageRow, Outcome, Request, without_image


@register("generator", "evidence", summary="images that are not here, known by recorded evidence (boxes, features)")
class OfEvidence(Generator):
    """`path`: a file of evidence, or a folder of them. An image is missing where no file has a row of it."""

    existing: ClassVar[bool] = True
    not_identity: ClassVar[tuple[str, ...]] = ("path",)

    def __init__(self, path: str) -> None:
        self.evidence = os.path.expanduser(str(path))
        self._found: list[Evidence] = []
        self._indices: list[Index] = []

    def problems(self) -> list[str]:
        try:
            _ = self._read
        except BenchError as error:
            return list(error.messages)
        return []

    @cached_property
    def _read(self) -> list[Evidence]:
        return read_all(self.evidence)

    def setup(self, context: Context) -> None:
        super().setup(context)
        samples = list(context.samples.values())
        if any(s.frames > 1 for s in samples):
            raise DataError(f"{context.dataset} asks for stories of several frames, whose evidence is not read.")
        self._found = [by_names(one, samples) for one in self._read]
        self._indices = [Index(one.refs) for one in self._found]
        if not any(self._met(s.id, k) for s in samples for k in range(min(self.repeats() or 1, 2))):
            first = next((str(ref) for one in self._found for ref in one.refs), "none")
            raise DataError(
                f"No row of '{self.evidence}' (the first is of '{first}') belongs to a prompt of {context.dataset}; "
                "name images 'sample#k', or by files that `bench run DIR` would match."
            )

    def identity(self) -> Mapping[str, Any]:
        return self._identity

    @cached_property
    def _identity(self) -> Mapping[str, Any]:
        """The images where their digests are stated, else the files."""
        refs = sorted({(r.sample, r.k, r.frame, r.digest) for one in self._read for r in one.refs})
        if refs and all(ref[3] for ref in refs):
            return {"images": digest([[*ref] for ref in refs])}
        return {"files": sorted(one.sha256 for one in self._read)}

    def repeats(self) -> int | None:
        known = [r.k for one in self._found or self._read for r in one.refs if r.sample or r.digest]
        return max(known, default=0) + 1

    def notes(self) -> Sequence[str]:
        return ["The images are not here: the run rests on recorded evidence, and nobody here has looked at them."]

    def generate(self, requests: Sequence[Request]) -> Iterator[Outcome]:
        for request in requests:
            met = self._met(request.sample_id, request.k)
            if met is None:
                reason = f"'{os.path.basename(self.evidence)}' has no row of it"
                yield Outcome(status="missing", reason=reason)
            else:
                made_up = digest([self.identity(), request.sample_id, request.k])  # no image: equal to no other's
                yield without_image(met.digest or made_up, met.size)

    def _met(self, sample: str, k: int) -> Ref | None:
        for index in self._indices:
            at = index.find(ImageRow(sample, k))
            if at is not None:
                return index.refs[at]
        return None
