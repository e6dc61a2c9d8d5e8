"""What the numbers of runs that others made are worth: all that can be checked of them, and the level that follows.

self-reported: files, record, tables and scores agree with each other, and with data set and plug-ins where they are
here. re-scored: the scores of random prompts follow from images that have the recorded pixels. regenerated: the system
makes those images again. A run of which anything is found to be wrong has no level. Nothing that a stranger names is
opened or started; what is to be trusted is named by the one who verifies.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import __version__, ledger, store
from bench.engine import archives, hostile
from bench.engine.again import drawn
from bench.engine.consistency import Content, Finding
from bench.engine.declared import declared, folder_digest, open_here
from bench.engine.options import Options
from bench.engine.rechecking import RELATIVE, regenerated, rescored
from bench.engine.resolve import Opened
from bench.engine.verifying import agreeing, located, looked_at
from bench.errors import BenchError, DiskError, StoreError, UsageError, did_you_mean
from bench.formats.folders import few, file_digest
from bench.ledger import Level
from bench.systemcard import FILE, load_card, not_independent

MOST_ALIKE = 0.5
"""Share of images that two runs may have in common before one is called a copy."""
_UNSAID = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True)
class Asked:
    """How far to go."""

    images: Path | None = None
    """Folder with the submitter's images."""
    own: bool = False
    """Compare the images where a run of one's own has them."""
    part: int = 0
    """Compare the pixels of so many random prompts; 0: of all."""
    rescore: int = 0
    regenerate: int = 0
    seed: str = ""
    """Added to what the archive itself gives the draw."""
    trust: bool = False
    """Start programs and open paths that the run names."""
    datasets: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    """To score again; (): all that single images have."""
    tolerance: float = RELATIVE
    record: bool = False
    """The result is for a ledger: a run needs the card of its system."""
    options: Options = field(default_factory=Options)


@dataclass(frozen=True)
class Source:
    """One run to verify."""

    name: str
    """What the user called it."""
    folder: Path | None
    archive: str = ""
    """sha256 of the archive that it came in; '' for a folder."""
    problem: str = ""
    """Why there is no folder."""


@dataclass(frozen=True)
class Verdict:
    """What was found of one run."""

    name: str
    findings: tuple[Finding, ...]
    level: Level | None = None
    """None: something is wrong."""
    held: bool = False
    """Whether nothing is wrong and all that was asked for could be done."""
    label: str = ""
    digest: str = ""
    seed: str = ""
    checked: Mapping[str, Any] = field(default_factory=dict)
    """images: their number; rescored, regenerated: numbers of prompts; metrics: those that were scored again."""
    archive: str = ""
    content: str = ""
    pixels: str = ""

    @property
    def entry(self) -> dict[str, Any]:
        """Its entry in a ledger."""
        return {
            "level": self.level, "content": self.content, "archive": self.archive, "label": self.label,
            "pixels": self.pixels, "checked": {**self.checked, "seed": self.seed}, "suite": __version__,
        }  # fmt: skip


def sources(archive: Path, root: Path) -> list[Source]:
    """The runs of an archive; a hostile or damaged one is a source with a problem."""
    try:
        folder = archives.unpacked(archive, root)
    except DiskError:
        raise
    except (BenchError, OSError) as error:
        return [Source(str(archive), None, problem=str(error))]
    mark = file_digest(archive)
    return [Source(f"{archive}: {run.relative_to(folder).as_posix()}", run, mark) for run in store.find_runs(folder)]


def verdicts(
    found: Sequence[Source], asked: Asked, known: Mapping[str, Any] | None = None,
    advance: Callable[[], None] = lambda: None,
) -> list[Verdict]:  # fmt: skip
    """A verdict a run. known: the ledger so far, in which copies are looked for too."""
    whole = [_agreeing(source, asked) for source in found]
    _known_metrics(asked.metrics, [content for content, _ in whole if content is not None])
    alike = _copies([content for content, _ in whole], found, known or ledger.empty())
    made = []
    for source, (content, findings), copies in zip(found, whole, alike, strict=True):
        findings = [*findings, *copies]
        if content is None or source.folder is None:
            made.append(Verdict(source.name, tuple(findings)))
        else:
            made.append(_Examination(source, source.folder, content, asked, advance).verdict(findings))
    return made


def _known_metrics(metrics: Sequence[str], contents: Sequence[Content]) -> None:
    known = {metric for content in contents for metric in content.run.cards}
    for metric in metrics if contents else ():
        if metric not in known:
            raise UsageError(f"No run that is verified has scores of '{metric}'.{did_you_mean(metric, known)}")


# ---- what needs no image -------------------------------------------------------------------------------------------


def _agreeing(source: Source, asked: Asked) -> tuple[Content | None, list[Finding]]:
    if source.folder is None:
        return None, [Finding("archive", False, source.problem)]
    content, found = agreeing(source.folder, strict=bool(source.archive) or asked.record)
    if content is not None:
        found.append(_card(content, source.folder, asked.record))
    if said := _unsaid(source.folder):
        found.append(Finding("texts", False, said))
    return content, found


def _card(content: Content, folder: Path, needed: bool) -> Finding:
    try:
        card = load_card(folder)
    except StoreError as error:
        return Finding("card", False, str(error))
    if not card:
        return Finding("card", False if needed else None, f"no {FILE}: `bench submit RUN --card card.toml` adds one")
    told = [f"{card['name']} {card['version']}, {card['licence']}"]
    told += [f"{metric} {why}" for metric, why in not_independent(card, content.run).items()]
    return Finding("card", True, "; ".join(told))


def _unsaid(folder: Path) -> str:
    """Where a record holds signs that steer a terminal or turn the reading direction."""
    for name in (name for name in ("run.json", FILE) if (folder / name).is_file()):
        try:
            texts = _texts(hostile.strict_json((folder / name).read_bytes()))
        except (ValueError, RecursionError):  # told among the other findings
            continue
        for text in texts:
            if odd := _UNSAID.search(text):
                return f"{name} holds the sign {odd[0]!a} in {ascii(text)[:80]}, which no record needs"
    return ""


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        return [t for k, v in value.items() for t in (k, *_texts(v))]
    return [t for v in value for t in _texts(v)] if isinstance(value, list) else []


def _copies(
    contents: Sequence[Content | None], found: Sequence[Source], known: Mapping[str, Any]
) -> list[list[Finding]]:
    """For each run of an archive what says that it is another one under a new name."""
    made: list[list[Finding]] = []
    for content, own in zip(contents, found, strict=True):
        if content is None or not own.archive:
            made.append([])
            continue
        told = _recorded_as(content, known)
        for other, source in zip(contents, found, strict=True):
            if other is not None and other is not content:
                told += _alike(content, other, source.name)
        made.append([Finding("copies", not told, few(told) or "no other run that is known here has its images")])
    return made


def _recorded_as(content: Content, known: Mapping[str, Any]) -> list[str]:
    run, told = content.run, []
    for mark, entry in known["entries"].items():
        if entry["label"] == run.label and mark == run.digest:
            continue
        if mark == run.digest:
            told.append(f"the ledger has the same run as '{entry['label']}'")
        elif entry["pixels"] == content.pixels() and content.ok.any():
            told.append(f"the ledger has the same images as '{entry['label']}' ({mark[:8]})")
    return told


def _alike(content: Content, other: Content, name: str) -> list[str]:
    if content.run.digest == other.run.digest:
        return [f"it is the run '{other.run.label}' of {name}"]
    if "control" in content.run.spec.factors and "control" in other.run.spec.factors:
        return []  # never ranked, and images of one scene with and without a defect are often the same
    mine, theirs = ({d for d in c.samples["digest"][c.ok].astype(str) if d} for c in (content, other))
    shared = len(mine & theirs)
    if not shared or shared <= MOST_ALIKE * max(len(mine), len(theirs)):
        return []
    return [f"{shared} of its {len(mine)} different images are those of '{other.run.label}' in {name}"]


# ---- one run -------------------------------------------------------------------------------------------------------


@dataclass
class _Examination:
    """A run while it is looked at."""

    source: Source
    folder: Path
    content: Content
    asked: Asked
    advance: Callable[[], None]

    def verdict(self, findings: list[Finding]) -> Verdict:
        run, asked = self.content.run, self.asked
        basis = self.source.archive or _content_digest(self.folder)
        seed = "+".join([basis[:16], *([asked.seed] if asked.seed else [])])
        opened, why = open_here(run, asked.datasets)
        findings = [*findings, *declared(self.content, opened, why)]
        checked: dict[str, Any] = {"images": 0, "rescored": 0, "regenerated": 0, "metrics": []}
        sound = all(f.fine is not False for f in findings)
        further = self._images(seed, checked)
        if any(f.what == "digest" for f in further):
            findings = [f for f in findings if f.what != "digest"]
        if asked.rescore:
            further.append(self._rescored(opened, why, seed, checked, sound))
        if asked.regenerate:
            further.append(self._regenerated(opened, why, seed, checked, sound))
        findings = [*findings, *further]
        fine = all(f.fine is not False for f in findings)
        done = all(f.fine is True for f in further if f.what in ("re-scored", "regenerated"))
        return Verdict(
            self.source.name, tuple(findings), _level(checked) if fine else None, fine and done, run.label, run.digest,
            seed if checked["images"] or checked["rescored"] or checked["regenerated"] else "", checked,
            self.source.archive, _content_digest(self.folder), self.content.pixels(),
        )  # fmt: skip

    @property
    def _has_images(self) -> bool:
        """Whether images can be looked at: those that were given, or one's own; never where an archive says."""
        own = not self.source.archive and not store.packed(self.folder)
        return self.content.outcomes is not None and (self.asked.images is not None or own)

    def _images(self, seed: str, checked: dict[str, Any]) -> list[Finding]:
        asked, content = self.asked, self.content
        if not self._has_images:
            return [Finding("images", None, "none were given: --images DIR compares their pixels")]
        look = asked.own or asked.images is not None
        count = asked.part or len(content.samples)
        ids = drawn(content, count, seed) if asked.part else content.ids()
        files = located(content, self.folder, asked.images)
        found = looked_at(content, files, ids, look, self.advance)
        if not look or not found.fine:
            return [found]
        wanted = set(ids)
        checked["images"] = sum(sample in wanted for sample, _, _ in files)
        same = None if asked.part else folder_digest(content.run, files)
        return [found] if same is None else [same, found]

    def _rescored(self, opened: Opened | None, why: str, seed: str, checked: dict[str, Any], sound: bool) -> Finding:
        asked, content = self.asked, self.content
        if said := self._in_the_way(opened, why, sound):
            return Finding("re-scored", None, said)
        assert opened is not None
        shards = self.folder / "shards"
        if not self._has_images and not (shards / "views").is_dir():
            return Finding("re-scored", None, "there are neither images (--images DIR) nor views to score again")
        ids = drawn(content, asked.rescore, seed)
        files = located(content, self.folder, asked.images) if self._has_images else {}
        views = None if self._has_images else shards
        found, metrics = rescored(content, opened, files, ids, asked.metrics, asked.options, asked.tolerance, views)
        if found.fine and views is None:
            checked.update(rescored=len(ids), metrics=metrics)
        return found

    def _regenerated(self, opened: Opened | None, why: str, seed: str, checked: dict[str, Any], sound: bool) -> Finding:
        asked = self.asked
        if said := self._in_the_way(opened, why, sound):
            return Finding("regenerated", None, said)
        assert opened is not None
        ids = drawn(self.content, asked.regenerate, seed)
        found = regenerated(self.content, opened, ids, asked.options, asked.tolerance, asked.trust)
        checked["regenerated"] = len(ids) if found.fine else 0
        return found

    def _in_the_way(self, opened: Opened | None, why: str, sound: bool) -> str:
        if not sound:
            return "not tried, since the run does not agree with itself"
        if opened is None:
            return why
        return "its rows stay with the private run" if self.content.outcomes is None else ""


def _level(checked: Mapping[str, Any]) -> Level:
    if checked["regenerated"]:
        return "regenerated"
    return "re-scored" if checked["rescored"] else "self-reported"


def _content_digest(folder: Path) -> str:
    try:
        return ledger.content_digest(folder)
    except StoreError:  # told among the findings
        return ""
