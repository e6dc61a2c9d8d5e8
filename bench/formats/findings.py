"""What is wrong with a data file, found while it is read: each kind counted, with one sentence and what became of it.

A reader never stops at the first defect and never hides one. A finding that is *refused* stops a run (the sentence is
the error); one that is *handled* is read in the one way that can be meant, and told in the run's notes and by `bench
data verify`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

KINDS: dict[str, tuple[bool, str]] = {
    "missing-file": (True, "{first}"),
    "unreadable": (True, "{first}"),
    "missing-image": (True, "{n} images are missing in {file}, the first is {first}."),
    "crlf": (False, "{file}: {n} lines end in CRLF, which is read as a line end and never as part of a prompt."),
    "bom": (False, "{file} begins with a byte-order mark, which is left out."),
    "quoted-tsv": (
        True, "{file}: {n} cells are quoted as in CSV, the first in {first}: a spreadsheet has rewritten this table, "
        "which has no quoting; get the original."),
    "header": (True, "{file}: {first}"),
    "gap": (False, "{file}: {n} ids are absent between the first and the last, the first is {first}; samples keep "
            "their own ids."),
    "duplicate-id": (True, "{file}: {n} ids occur more than once, the first is {first}; ids must be unique."),
    "duplicate-prompt": (False, "{file}: {n} prompts repeat an earlier one, the first is {first}; each stays a "
                         "sample."),
    "short-row": (True, "{file}: {n} rows have too few fields, the first is {first}."),
    "left-out-row": (False, "{file}: {n} rows lack a field and are left out, the first is {first}."),
    "long-row": (True, "{file}: {n} rows have too many fields, the first is {first}; a field that contains the "
                 "separator must be quoted."),
    "bad-value": (True, "{file}: {n} values are not what the layout says, the first is {first}."),
    "junk-dependency": (False, "{file}: {n} questions name parents that are no questions, the first is {first}; the "
                        "junk is left out and the question kept."),
    "absent-parent": (False, "{file}: {n} questions name a parent that their item lacks, the first is {first}; it is "
                      "left out and the question kept."),
    "own-parent": (False, "{file}: {n} questions name themselves as parent, the first is {first}; it is left out."),
    "empty-prompt": (True, "{file}: {n} prompts are empty, the first is {first}."),
    "empty-caption": (False, "{file}: {n} captions are empty and left out, the first is {first}."),
    "no-captions": (True, "{file}: {n} images have no caption left, the first is {first}."),
    "few-captions": (False, "{file}: {n} images have fewer captions than the layout says, the first is {first}."),
    "unknown-image": (True, "{file}: {n} entries are of an id that is not listed, the first is {first}."),
    "box-outside": (False, "{file}: {n} boxes reach outside their image, the first is {first}; they are kept as they "
                    "are."),
    "bad-box": (True, "{file}: {n} boxes have no size, the first is {first}."),
    "hostile-pickle": (True, "{first}"),
    "mended-pickle": (False, "{file}: its line ends were turned into CRLF, as a copy in text mode does; it is read as "
                      "it was."),
    "unsafe-name": (True, "{file}: {n} members would be written outside the target, the first is {first}; the archive "
                    "is refused whole."),
    "path-prompt": (False, "{file}: {n} prompts look like a path, the first is {first}; prompts are texts, and no file "
                    "is named after one unchanged."),
    "wrong-digest": (True, "{file} has the sha256 {first}; it is damaged or another release."),
    "pinned": (False, "{file}: no official digest is known; {first} was noted at its first use."),
    "overlap": (True, "{file}: {n} {first} are in both splits, which must share none."),
    "left-out": (False, "{file}: {n} {first}"),
}  # fmt: skip
"""Kind -> (whether it is refused, its sentence)."""


@dataclass(frozen=True)
class Finding:
    """One kind of defect in one file."""

    kind: str
    file: str
    """As the layout names it."""
    count: int
    first: str
    """Where it was met first, or what was met."""

    @property
    def refused(self) -> bool:
        """Whether the data cannot be used as it is."""
        return KINDS[self.kind][0]

    @property
    def sentence(self) -> str:
        """What is wrong, how often, and what became of it."""
        return KINDS[self.kind][1].format(n=self.count, file=self.file, first=self.first)


class Findings:
    """Findings as they are met, in order; equal kinds in one file are counted together."""

    def __init__(self) -> None:
        self._met: dict[tuple[str, str], Finding] = {}

    def add(self, kind: str, file: str, first: object, count: int = 1) -> None:
        """Count a defect; `first` is kept of the first one. Sentences that are whole are not counted together."""
        if not count:
            return
        key = (kind, f"{file} {first}" if KINDS[kind][1] in ("{first}", "{file}: {first}") else file)
        was = self._met.get(key)
        known = was or Finding(kind, file, 0, str(first))
        self._met[key] = Finding(kind, known.file, known.count + count, known.first)

    def all(self) -> list[Finding]:
        """Refused ones first, each group as it was met."""
        return sorted(self._met.values(), key=lambda f: not f.refused)

    @property
    def refused(self) -> list[str]:
        """Sentences of what stops a run."""
        return [f.sentence for f in self.all() if f.refused]

    @property
    def handled(self) -> list[str]:
        """Sentences of what was mended or left out."""
        return [f.sentence for f in self.all() if not f.refused]

    def take(self, others: Iterable[Finding]) -> None:
        """Add what another reader met."""
        for one in others:
            self.add(one.kind, one.file, one.first, one.count)
