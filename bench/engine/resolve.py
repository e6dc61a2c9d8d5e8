"""From a RunSpec to objects, everything checked before heavy work: all that is wrong is named in one error.

The default panel adapts: a metric whose reference, truth or minimum is absent is left out with one line that says what
brings it; a metric asked for by name is an error instead. Missing weights are always an error.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench import aliases, discretion, registry
from bench.engine import judging
from bench.engine.systems import fused, recorded, system_of
from bench.engine.visibility import OPEN, Visibility, keep_file, keep_samples, visibility
from bench.errors import BenchError, DataError, UsageError
from bench.formats.textfiles import lines, read_text
from bench.registry import plain
from bench.spec import Spec, System, digest, order_key, parse
from bench.study import merge_extractor
from bench.types import MetricCard, Outcome, Request, RunSpec, Sample, View


@dataclass(frozen=True)
class Asked:
    """A metric of a run."""

    text: str
    metric: Any
    card: MetricCard
    by_name: bool
    """False when it comes from an adaptive panel."""


@dataclass(frozen=True)
class Resolved:
    """A RunSpec with everything looked up."""

    spec: RunSpec
    system: System
    generator: Any
    dataset: Any
    samples: tuple[Sample, ...]
    """The slice, in plan order (by digest of the id)."""
    every: Mapping[str, Sample]
    """All samples of the dataset by id, in its own order."""
    repeats: int
    prompts: str
    """Digest of the slice's prompt list (ids and texts)."""
    whole: bool
    """Whether the slice is the full list."""
    metrics: tuple[Asked, ...] = ()
    extractors: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """Text form -> extractor object."""
    notes: tuple[str, ...] = ()
    seen: Visibility = OPEN
    """Who may see its captions and images."""


@dataclass(frozen=True)
class Opened:
    """A dataset with its samples by id, read once for all runs of a study."""

    dataset: Any
    every: Mapping[str, Sample]
    seen: Visibility = OPEN


def open_dataset(text: str, asked: str = "") -> Opened:
    """The dataset of a text form; UsageError when files are missing, ids repeat or a prompt is empty.

    asked: the visibility that a command asks for.
    """
    dataset = build("dataset", parse(text))
    seen = visibility(dataset, asked)
    file = keep_file(dataset, text) if seen.text else ""
    fail_on(dataset.problems())
    every = {s.id: s for s in _unique(dataset)}
    if not every:
        raise UsageError(f"The dataset {text} has no samples.")
    if seen.text:
        keep_samples(f"dataset {text}", every.values(), (text,))
        discretion.release(file)
    return Opened(dataset, every, seen)


def resolve(
    spec: RunSpec, opened: Opened, notify: Callable[[str], None] = lambda line: None, generator: Any = None,
    device: str = "cpu",
) -> Resolved:  # fmt: skip
    """Generator, slice, metrics and extractors of a spec on its dataset; UsageError naming every problem found."""
    dataset, every = opened.dataset, opened.every
    system = system_of(spec)
    made = generator or build("generator", system.generator)
    system = fused(system, made)
    spec = recorded(spec, system, made)
    fail_on([*made.problems(), *judging.lack(made)])
    made.setup(_context(spec, dataset, every, notify, device, made))
    samples, whole = _slice(spec.only, every, made)
    if opened.seen.text:
        keep_samples(f"slice {prompts_digest(samples)}", samples, (spec.system, spec.label))
    repeats = spec.repeats or made.repeats() or 1
    resolved = Resolved(
        spec,
        system,
        made,
        dataset,
        samples,
        every,
        repeats,
        prompts_digest(samples),
        whole,
        notes=(*dataset.notes(), *made.notes(), *judging.noted(made)),
        seen=opened.seen,
    )
    return with_metrics(resolved, spec)


def build(kind: str, spec: Spec) -> Any:
    """The plug-in object of a Spec."""
    return registry.create(kind, spec.name, spec.params)


def fail_on(problems: Sequence[str]) -> None:
    """One UsageError for all sentences."""
    if problems:
        raise UsageError(*problems)


def _unique(dataset: Any) -> list[Sample]:
    samples = list(dataset)
    seen: set[str] = set()
    for sample in samples:
        if sample.id in seen:
            raise UsageError(f"The dataset has two samples with the id '{sample.id}'; ids must be unique.")
        if not sample.prompt.strip():
            raise UsageError(f"The prompt of sample '{sample.id}' is empty; give it a text or remove the line.")
        seen.add(sample.id)
    return samples


def _context(
    spec: RunSpec, dataset: Any, every: Mapping[str, Sample], notify: Callable[[str], None], device: str, generator: Any
) -> Any:
    from bench.generators.base import Context

    return Context(
        samples=every, dataset=spec.dataset, training=dataset.training, load_image=dataset.load_image,
        notify=notify, device=device, view=judging.lend(generator, device),
    )  # fmt: skip


def prompts_digest(samples: Sequence[Sample]) -> str:
    """Digest of ids and prompts in plan order: part of run and protocol."""
    return digest([[s.id, s.prompt] for s in samples])


# ---- the slice -----------------------------------------------------------------------------------------------------


def _slice(only: str, every: Mapping[str, Sample], generator: Any) -> tuple[tuple[Sample, ...], bool]:
    ordered = sorted(every.values(), key=lambda s: order_key(s.id))
    chosen = _chosen(only, ordered, every, generator)
    if not chosen:
        raise UsageError(f"--only {only} leaves no sample of the dataset's {len(every)}.")
    return tuple(chosen), len(chosen) == len(ordered)


def _chosen(only: str, ordered: list[Sample], every: Mapping[str, Sample], generator: Any) -> list[Sample]:
    if not only:
        return ordered
    kind, _, count = only.partition(":")
    if kind == "first":
        if not count.isdigit() or int(count) < 1:
            raise UsageError(f"--only first:N takes a whole number above 0; got '{only}'.")
        return ordered[: int(count)]
    if only == "present":
        return present(ordered, generator)
    return _listed(only, ordered, every)


def present(samples: Sequence[Sample], generator: Any) -> list[Sample]:
    """The samples of which an existing-image generator has at least one image; all, for others."""
    if not generator.existing:
        return list(samples)
    requests = [Request(s.id, 0, s.prompt, 0, s.frames) for s in samples]
    outcomes = generator.generate(requests)
    return [s for s, o in zip(samples, outcomes, strict=True) if not isinstance(o, Outcome) or o.status == "ok"]


def _listed(path: str, ordered: list[Sample], every: Mapping[str, Sample]) -> list[Sample]:
    try:
        wanted = {line.strip() for line in lines(read_text(path)) if line.strip()}
    except DataError as error:
        raise UsageError(f"--only takes first:N, present, or a file of sample ids, one a line. {error}") from error
    unknown = sorted(wanted - set(every))
    if unknown:
        raise UsageError(f"{path} names {len(unknown)} ids that the dataset lacks, e.g. '{unknown[0]}'.")
    return [s for s in ordered if s.id in wanted]


# ---- metrics -------------------------------------------------------------------------------------------------------


def with_metrics(resolved: Resolved, spec: RunSpec) -> Resolved:
    """The resolved run with the spec's metrics (or the adaptive panel), their cards and extractors."""
    wanted = [(text, True) for text in spec.metrics] or _panel(spec, resolved)
    asked: list[Asked] = []
    extractors: dict[str, Any] = dict(resolved.extractors)
    notes: list[str] = list(resolved.notes)
    problems = _unknown_extractors(spec)
    for text, by_name in wanted:
        try:
            one = _ask(text, spec, by_name)
        except BenchError as error:
            problems += error.messages
            continue
        lack = _lacks(one, resolved, spec)
        if lack and by_name:
            problems.append(f"{aliases.title(one.text)} cannot be computed here: {lack}")
        elif lack:
            notes.append(f"{aliases.title(one.text)} is left out: {lack}")
        elif one.text not in {a.text for a in asked}:
            asked.append(one)
    for one in asked:
        problems += _gather(one, extractors, resolved)
    fail_on(list(dict.fromkeys(problems)))
    if not asked:
        raise UsageError("No metric of the panel can be computed here:", *notes[len(resolved.notes) :])
    full = dataclasses.replace(spec, metrics=tuple(a.text for a in asked))
    asked = [_with_caveat(a, extractors) for a in asked]
    notes += _unused_extractors(spec, extractors)
    return dataclasses.replace(resolved, spec=full, metrics=tuple(asked), extractors=extractors, notes=tuple(notes))


def _unknown_extractors(spec: RunSpec) -> list[str]:
    problems: list[str] = []
    for text in spec.extractors:
        try:
            registry.lookup("extractor", parse(text).name)
        except UsageError as error:
            problems += error.messages
    return problems


def _unused_extractors(spec: RunSpec, used: Mapping[str, Any]) -> list[str]:
    """Notes on replacements that replace nothing."""
    names = sorted({parse(text).name for text in used})
    return [
        f"--extractor {text} changes nothing: the metrics use {', '.join(names) or 'no extractor'}."
        for text in spec.extractors
        if parse(text).name not in names
    ]


def _panel(spec: RunSpec, resolved: Resolved) -> list[tuple[str, bool]]:
    return [(text, False) for text in aliases.panel(spec.panel or resolved.dataset.panel)]


def _ask(text: str, spec: RunSpec, by_name: bool) -> Asked:
    full = _replaced(aliases.expand(text), spec.extractors)
    metric = build("metric", full)
    entry = registry.lookup("metric", full.name)
    return Asked(str(full), metric, metric.card(str(full), entry.summary), by_name)


def _replaced(metric: Spec, replacements: Sequence[str]) -> Spec:
    """The metric with extractor replacements put in where an extractor of that name is used, defaults included."""
    over = {s.name: s for s in (parse(text) for text in replacements)}
    if not over:
        return metric
    params = dict(metric.params)
    for key, value in registry.resolved("metric", metric.name, metric.params).items():
        if key.endswith("extractor") and value is not None:
            used = value if isinstance(value, Spec) else parse(str(value))
            if used.name in over:
                params[key] = merge_extractor(used, over[used.name])
    return Spec(metric.name, params)


def _lacks(asked: Asked, resolved: Resolved, spec: RunSpec) -> str:
    """Why the dataset or the number of images does not allow this metric, and what would; '' when it does."""
    metric, subjects = asked.metric, {v.subject for v in asked.card.views.values()}
    rows = len(resolved.samples) * resolved.repeats
    if getattr(resolved.generator, "evidence", "") and (view := _of_pixels(asked)):
        return (
            f"it looks at images ({view}), and of these there is recorded evidence alone; name 'recorded' as its "
            "extractor, or leave it out."
        )
    if "reference" in subjects and spec.reference != "others" and not has_reference(resolved.dataset, metric):
        return "it compares with reference images; add --reference DIR, statistics .npz or a dataset."
    if "own" in subjects and (without := sum(s.reference is None for s in resolved.samples)):
        return (
            f"it compares each image with its sample's own reference, and {without} of {len(resolved.samples)} samples "
            f"of {spec.dataset} have none; use a dataset with references."
        )
    tags = {o.estimator.columns[1] for o in asked.card.outputs if o.estimator and o.estimator.kind == "macro"}
    for tag in sorted(tags):
        if not any(tag in s.tags for s in resolved.samples):
            return f"it is a mean over the values of the tag '{tag}', which {spec.dataset} lacks; name another tag."
    for need in metric.needs:
        if not any(_knows(s, need) for s in resolved.samples):
            return f"it needs {need}, which the dataset {spec.dataset} does not state; use a dataset that does."
    if rows < metric.minimum:
        return f"it needs at least {metric.minimum} images and there are {rows}; give more{_smaller(asked)}."
    meanings = len({s.meaning for s in resolved.samples})
    if meanings < metric.minimum_meanings:
        return (
            f"it needs {metric.minimum_meanings} prompts of different meaning and there are {meanings}; "
            f"give more{_smaller(asked)}."
        )
    if asked.card.scope != "set" and not metric.frames and any(s.frames > 1 for s in resolved.samples):
        return "it judges single images and the dataset holds stories of several frames; use a set metric."
    return ""


def _of_pixels(asked: Asked) -> str:
    """What of a metric needs the run's images themselves; '' where nothing does."""
    for view in asked.card.views.values():
        if view.subject == "generated" and view.extractor is None:
            return view.output
        if view.subject == "generated" and not registry.load("extractor", parse(view.extractor or "").name).of_rows:
            return str(view.extractor)
    return ""


def _smaller(asked: Asked) -> str:
    known = registry.parameters(type(asked.metric))
    for name in ("subset_size", "candidates"):
        if name in known:
            return f", or lower {name}="
    return ""


def has_reference(dataset: Any, metric: Any = None) -> bool:
    """Whether a dataset offers reference images (or statistics, for metrics which moments suffice)."""
    if getattr(dataset, "statistics", None) is not None:
        return metric is None or bool(metric.moments_suffice)
    return next(iter(dataset.references()), None) is not None


def _knows(sample: Sample, need: str) -> bool:
    if need == "boxes":
        return any(thing.box is not None for thing in sample.objects)
    if need == "masks":
        return any(thing.mask is not None for thing in sample.objects)
    return bool(getattr(sample, need))


def _gather(asked: Asked, extractors: dict[str, Any], resolved: Resolved) -> list[str]:
    """Make the extractors that a metric's views name; returns what is wrong with them."""
    problems: list[str] = []
    for argument, view in asked.card.views.items():
        if view.extractor is None:
            continue
        try:
            text = plain("extractor", view.extractor)
            if text not in extractors:
                extractors[text] = build("extractor", parse(text))
                evidence = getattr(resolved.generator, "evidence", "")
                extractors[text].attach(resolved.spec.label, evidence, resolved.every.values())
                problems += extractors[text].problems()
            problems += _gives(view, extractors[text], argument, asked)
        except BenchError as error:
            problems += error.messages
    return problems


def _gives(view: View, extractor: Any, argument: str, asked: Asked) -> list[str]:
    texts = view.subject in ("prompt", "captions", "negatives")
    offered = extractor.text_outputs if texts else extractor.image_outputs
    if view.output in offered:
        return []
    kind = "texts" if texts else "images"
    return [
        f"{asked.text} needs {view.output} of {kind} and {view.extractor} gives {', '.join(offered) or 'none'}; "
        f"name another extractor for '{argument}'."
    ]


def _with_caveat(asked: Asked, extractors: Mapping[str, Any]) -> Asked:
    used = [extractors[plain("extractor", v.extractor)] for v in asked.card.views.values() if v.extractor]
    caveats = list(dict.fromkeys(e.caveat for e in used if e.caveat))
    if not caveats:
        return asked
    return dataclasses.replace(asked, card=dataclasses.replace(asked.card, caveat="; ".join(caveats)))
