"""Does a run declare what the plug-ins and data sets of this machine declare? Of the record of somebody hostile.

Metrics' cards say how a number is read, prompts and groups what it is of, the system's identity what made it. All are
texts of a record: each is held against the plug-in of that name, where this machine has it. Nothing that a stranger
names by a path, an address or a command is opened (`foreign`).
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from bench import __version__, registry
from bench.discretion import is_private
from bench.engine import plan as plans
from bench.engine.consistency import Content, Finding, finding
from bench.engine.resolve import Opened, open_dataset
from bench.engine.systems import fused, system_of
from bench.errors import BenchError
from bench.formats.folders import image_digest
from bench.registry import plain
from bench.spec import Spec, digest, order_key, parse, parse_system
from bench.types import MetricCard, Run

EXECUTES = ("command", "callable")
"""Generators whose parameters are programs."""
OPENS = ("path", "url", "target", "command")
"""Parameters that name a place, whatever they hold."""
LARGEST = 1_000_000
"""Of the numbers that a data set of a stranger may ask for, its seed excepted."""
_PLAIN = re.compile(r"[A-Za-z0-9_@-][A-Za-z0-9_.@-]*")


def foreign(spec: Spec) -> str:
    """Why a plug-in that a stranger names is not made unasked: it would open or start something. '': it is safe."""
    if spec.name in EXECUTES:
        return f"{spec.name} starts a program"
    for key, value in spec.params.items():
        if isinstance(value, Spec):
            if said := foreign(value):
                return said
        elif isinstance(value, str) and (key in OPENS or not (_PLAIN.fullmatch(value) or _safe_text(value))):
            return f"{key}={value!r:.60} may be a path or an address"
    return ""


def _safe_text(value: str) -> bool:
    """Whether a quoted value is a plug-in's text that is safe itself."""
    try:
        spec = parse(value)
    except BenchError:
        return False
    return bool(spec.params) and not foreign(spec)


# ---- the data set --------------------------------------------------------------------------------------------------


def open_here(run: Run, given: Sequence[str]) -> tuple[Opened | None, str]:
    """The run's data set as this machine has it, or why there is none. given: texts that the maintainer vouches for."""
    told = []
    for text in given:
        opened = open_dataset(text)
        if digest(_identity(run)) in (digest({}), digest(plans.dataset_identity(opened.dataset))):
            return opened, ""
        told.append(f"{text} is another data set")
    spec = parse(run.spec.dataset)
    large = [k for k, v in spec.params.items() if k != "seed" and isinstance(v, int) and abs(v) > LARGEST]
    if said := foreign(spec) or (f"{large[0]}={spec.params[large[0]]} is large" if large else ""):
        return None, "; ".join([*told, f"{run.spec.dataset:.100} is not opened ({said}): name it by --dataset"])
    try:
        return open_dataset(run.spec.dataset), ""
    except BenchError as error:
        return None, f"the data set {run.spec.dataset:.100} is not on this machine ({error})"


def _identity(run: Run) -> dict[str, Any]:
    """What the run's protocols say of its data set; {} without any."""
    return next((dict(p["dataset"]) for p in run.protocols.values() if isinstance(p.get("dataset"), Mapping)), {})


def declared(content: Content, opened: Opened | None, why: str) -> list[Finding]:
    """Findings on data set, plug-ins and digest."""
    run = content.run
    return [
        finding("dataset", _dataset(content, opened) if opened else iter([f"?{why}"])),
        finding("plug-ins", itertools.chain(_cards(run), () if content.withheld else _worst(content))),
        finding("digest", _digest(run)),
    ]


def _dataset(content: Content, opened: Opened) -> Iterator[str]:
    run, stated, here = content.run, _identity(content.run), plans.dataset_identity(opened.dataset)
    if stated.get("version", here["version"]) != here["version"]:
        yield f"?the run is of version {stated.get('version')} of {here['name']}, and {here['version']} is here"
        return
    if stated and digest(stated) != digest(here):
        yield f"the data set {here['name']} is another one here: it has other samples or another reference"
        return
    if content.withheld:
        if not is_private(opened.seen.text):
            yield f"its rows are withheld, and the data set {here['name']} is not private"
        yield "?rows that are withheld cannot be held against the data set"
        return
    yield f"+prompts, groups and tags are those of {here['name']} ({len(opened.every)} samples)"
    yield from _samples(content, opened)
    ids, whole = content.ids(), len(opened.every)
    kind, _, count = run.spec.only.partition(":")
    slice_ = sorted(opened.every, key=order_key)
    wanted = slice_[: int(count)] if kind == "first" and count.isdigit() else slice_
    if (not run.spec.only or kind == "first") and ids != wanted:
        what = run.spec.only or "the whole data set"
        yield f"it is of {what}, {len(wanted)} prompts, and holds {len(ids)} that are not these"
    if run.dataset.get("declared") != whole or run.dataset.get("whole") != (len(ids) == whole):
        yield f"it states that the data set has {run.dataset.get('declared')} prompts, and it has {whole}"


def _samples(content: Content, opened: Opened) -> Iterator[str]:
    samples = content.samples
    unknown = [i for i in content.ids() if i not in opened.every]
    if unknown:
        yield f"{len(unknown)} samples are none of the data set (the first: '{unknown[0]}')"
        return
    of = [opened.every[i] for i in samples["sample"]]
    tags = [c for c in samples.columns if c.startswith("tag:")]
    wanted = {"prompt": [s.prompt for s in of], "group": [s.group for s in of]}
    wanted |= {c: [s.tags.get(c.removeprefix("tag:"), "") for s in of] for c in tags}
    for name, values in wanted.items():
        odd = [i for i, (a, b) in enumerate(zip(samples[name].astype(str), values, strict=True)) if a != str(b)]
        if odd:
            yield f"{len(odd)} rows have another {name} than the data set (the first: '{samples['sample'][odd[0]]}')"


# ---- plug-ins ------------------------------------------------------------------------------------------------------


def _cards(run: Run) -> Iterator[str]:
    known = 0
    for text, card in run.cards.items():
        try:
            told = list(_card(text, card, run))
        except BenchError as error:
            told = [f"?{text} cannot be made here ({error})"]
        known += not told
        yield from told
    yield f"+{known} of {len(run.cards)} metrics are declared as here"


def _card(text: str, card: MetricCard, run: Run) -> Iterator[str]:
    spec = parse(text)
    if spec.name not in registry.entries("metric"):
        yield f"?{spec.name} is no metric here"
        return
    if said := foreign(spec):
        yield f"?{text:.100} is not made ({said})"
        return
    metric = registry.create("metric", spec.name, spec.params)
    here = metric.card(text)
    if here.version != card.version:
        yield f"?{spec.name} has version {here.version} here and {card.version} there"
        return
    for field in ("scope", "outputs", "views"):
        if getattr(here, field) != getattr(card, field):
            yield f"the card of {text} states other {field} than the metric has"
    yield from _parameters(text, spec, run)
    if (caveats := _caveats(card)) and not card.caveat:
        yield f"the card of {text} does not say that it is of {caveats[0]}"


def _parameters(text: str, spec: Spec, run: Run) -> Iterator[str]:
    marks = {s.protocol for s in run.scores if s.metric == text}
    params = {k: v for k, v in registry.resolved("metric", spec.name, spec.params).items() if _of_protocol(k)}
    for fields in (run.protocols[m] for m in marks if m in run.protocols):
        if {k: str(v) for k, v in dict(fields.get("params", {})).items()} != {k: str(v) for k, v in params.items()}:
            yield f"the protocol of {text} has other parameters than the metric"


def _of_protocol(key: str) -> bool:
    return key != "version" and not key.endswith("extractor")


def _caveats(card: MetricCard) -> list[str]:
    """What the extractors of a card say against themselves, as far as they can be made."""
    found = []
    for text in sorted({plain("extractor", v.extractor) for v in card.views.values() if v.extractor}):
        spec = parse(text)
        if not foreign(spec):
            found.append(registry.create("extractor", spec.name, spec.params).caveat)
    return [caveat for caveat in found if caveat]


def _worst(content: Content) -> Iterator[str]:
    """Scores in which missing images count as something else than the metric's worst score."""
    run, lost = content.run, ~content.ok
    for text in {s.metric for s in run.scores if s.policy == "worst"} if lost.any() else ():
        spec = parse(text)
        if spec.name not in registry.entries("metric") or foreign(spec) or "version" in spec.params:
            continue  # a score of an older version than the metric here
        for column, value in registry.create("metric", spec.name, spec.params).missing().items():
            held = content.samples.get(f"{text}:{column}")
            if held is not None and (held.to_numpy()[lost] != value).any():
                yield f"missing images have another {column} of {text} than {value:g}"


# ---- the run digest ------------------------------------------------------------------------------------------------


def _digest(run: Run) -> Iterator[str]:
    system = system_of(run.spec)
    if said := foreign(system.generator):
        yield f"?cannot be computed: {said}"
        return
    try:
        generator = registry.create("generator", system.generator.name, system.generator.params)
        fused(system, generator)
        if problems := generator.problems():
            yield f"?cannot be computed here: {problems[0]}"
            return
        here = _computed(run, generator)
    except BenchError as error:
        yield f"?cannot be computed here: {error}"
        return
    if here == run.digest:
        yield "+follows from data set, prompts, system, seed, repeats and size"
    elif run.provenance.suite != __version__:
        yield f"?version {__version__} gives {here[:8]}; the run is of version {run.provenance.suite}"
    else:
        yield f"{run.digest[:8]} is not the digest of its data set, prompts, system, seed and size, which is {here[:8]}"


def _computed(run: Run, generator: Any) -> str:
    fields = _identity(run)
    name, version = fields.pop("name", ""), fields.pop("version", 1)
    like: Any = SimpleNamespace(
        dataset=SimpleNamespace(plugin_name=name, version=version, identity=lambda: fields),
        prompts=run.dataset.get("prompts"), generator=generator, system=system_of(run.spec), spec=run.spec,
        repeats=run.spec.repeats,
    )  # fmt: skip
    return plans.run_digest(like)


def folder_digest(run: Run, files: Mapping[tuple[str, int, int], Path | None]) -> Finding | None:
    """For a run of a folder of images, whether its digest is that of these very files; None for other systems."""
    name = parse_system(run.spec.system).generator.name
    if name != "folder" or None in files.values():
        return None
    contents = [[sample, k, image_digest(path)] for (sample, k, _), path in sorted(files.items()) if path is not None]
    kind = registry.load("generator", name)
    generator = SimpleNamespace(
        plugin_kind="generator", not_identity=kind.not_identity, identity=lambda: {"files": digest(contents)}
    )
    if _computed(run, generator) == run.digest:
        return Finding("digest", True, "follows from data set, prompts, and the very files of the images")
    return Finding(
        "digest", None, "is of other files: of other encodings of these pixels, or of more images than these"
    )
