"""Everything a spec needs on disk, found without any of it: the data sets' files, the weights and tokenizers of the
metrics' extractors, statistics, models of generators, and the files that the user named.

A spec is a study (FILE.toml) or a name with parameters: a data set, metric, alias, panel, extractor or generator.
Plug-ins say what they load: `models()` (of a folder or of the hub), `source()` (published weights), `judges`
(extractors that they are made of or ask), `config` (open_clip's, for its tokenizer); parameters that are paths are the
user's own files.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from bench import aliases, registry
from bench.engine.resolve import build
from bench.errors import BenchError, UsageError, did_you_mean
from bench.formats.needs import Need, of_dataset, of_file, of_model, of_weights, refused
from bench.spec import Spec, parse, parse_system
from bench.study import Study, merge_extractor, read_study, run_specs

_ENDINGS = (
    ".pt", ".pth", ".bin", ".safetensors", ".npz", ".npy", ".parquet", ".csv", ".tsv", ".json", ".jsonl", ".txt",
    ".pickle", ".pkl", ".tar", ".zip",
)  # fmt: skip
"""A parameter that ends so names a file."""
_NOT_FILES = ("root", "images", "evidence")
"""Parameters that are told of elsewhere (a data set's root), or are what is judged."""


def needs(spec: str | Study) -> list[Need]:
    """Everything that a spec needs, each file once. UsageError for a name that is nothing."""
    if isinstance(spec, Study):
        return _once(_of_study(spec))
    if spec.endswith(".toml"):
        return _once(_of_study(read_study(spec)))
    return _once(_of_text(spec))


def study_of(spec: str) -> Study | None:
    """The study of a spec that is one."""
    return read_study(spec) if spec.endswith(".toml") else None


def check_licences(study: Study) -> None:
    """UsageError naming everything that the study needs and its `allow_licences` do not allow."""
    if not study.allow_licences:
        return
    bad = refused(needs(study), study.allow_licences)
    if bad:
        told = dict.fromkeys(f"{n.name} ({n.of}) is under '{n.licence}'" for n in bad)
        raise UsageError(
            *(f"{line}, which allow_licences does not name." for line in told),
            f"allow_licences = [{', '.join(study.allow_licences)}]: add the licence as it is written here, or leave "
            "out what is under it.",
        )


def _once(found: Iterable[Need]) -> list[Need]:
    """Each file once, with all that need it."""
    by: dict[tuple[str, str, str], Need] = {}
    for one in found:
        key = (one.kind, one.name, one.place or one.of)
        was = by.get(key)
        if was is None:
            by[key] = one
        elif one.of not in was.of.split(" and "):
            by[key] = dataclasses.replace(was, of=f"{was.of} and {one.of}", optional=was.optional and one.optional)
    return list(by.values())


def _of_study(study: Study) -> Iterable[Need]:
    specs = run_specs(study)
    for text in dict.fromkeys(s.dataset for s in specs):
        yield from _of_dataset(text)
    if study.only and Path(study.only).expanduser().is_file():
        yield of_file("own", os.path.abspath(os.path.expanduser(study.only)), "--only")
    for spec in specs:
        system = parse_system(spec.system)
        if system.generator.name != "folder":
            yield from _of_plugin("generator", system.generator)
        metrics = spec.metrics or aliases.panel(spec.panel or _panel(spec.dataset))
        for text in dict.fromkeys(metrics):
            yield from _of_metric(text, spec.extractors)


def _of_text(text: str) -> Iterable[Need]:
    given = parse(text)
    if given.name in aliases.PANELS:
        for metric in aliases.panel(given.name):
            yield from _of_metric(metric, ())
    known = [kind for kind in registry.KINDS if given.name in registry.entries(kind)]
    if "dataset" in known:
        yield from _of_dataset(text)
    elif given.name in aliases.ALIASES or "metric" in known:
        yield from _of_metric(text, ())
    elif known and known[0] in ("extractor", "generator"):
        yield from _of_plugin(known[0], given)
    elif not known and given.name not in aliases.PANELS:
        names = [*aliases.PANELS, *aliases.ALIASES, *(n for kind in registry.KINDS for n in registry.entries(kind))]
        raise UsageError(f"'{given.name}' is no study (FILE.toml), nor a name.{did_you_mean(given.name, names)}")


def _panel(dataset: str) -> str:
    spec = parse(dataset)
    return str(getattr(registry.load("dataset", spec.name), "panel", "") or "quick")


# ---- one plug-in -----------------------------------------------------------------------------------------------------


def _of_dataset(text: str) -> Iterable[Need]:
    spec = parse(text)
    root = spec.params.get("root")
    yield from of_dataset(spec.name, str(root) if root not in (None, "", "none") else None, text)
    yield from _own("dataset", spec)
    reference = str(spec.params.get("reference") or "")
    if reference and not Path(reference).expanduser().exists() and parse(reference).name in registry.entries("dataset"):
        yield from _of_dataset(reference)


def _of_metric(text: str, replacements: Iterable[str]) -> Iterable[Need]:
    """Of the extractors that its views name."""
    full = aliases.expand(text)
    over = {s.name: s for s in map(parse, replacements)}
    params = dict(full.params)
    for key, value in registry.resolved("metric", full.name, full.params).items():
        if key.endswith("extractor") and value is not None:
            used = value if isinstance(value, Spec) else parse(str(value))
            params[key] = merge_extractor(used, over[used.name]) if used.name in over else used
    card = build("metric", Spec(full.name, params)).card(str(full))
    yield from _own("metric", full)
    for extractor in dict.fromkeys(v.extractor for v in card.views.values() if v.extractor):
        yield from _of_plugin("extractor", parse(str(extractor)))


def _of_plugin(kind: str, spec: Spec) -> Iterable[Need]:
    """An extractor or generator: its files, the plug-ins that it names in its parameters, its judges."""
    own = list(_own(kind, spec))
    for value in spec.params.values():
        if isinstance(value, Spec):
            yield from _of_plugin("extractor" if value.name in registry.entries("extractor") else "generator", value)
    try:
        made = build(kind, spec)
    except BenchError as error:
        yield from own
        yield Need(kind, spec.name, str(spec), "missing", looked=error.messages)
        return
    told = {str(value) for judge in made.judges for value in parse(judge).params.values()}
    yield from (need for need in own if need.name not in told)
    for judge in made.judges:
        yield from _of_plugin("extractor", parse(judge))
    for model, revision in made.models():
        yield of_model("weights", model, revision, str(spec))
    if callable(getattr(made, "source", None)):
        yield from _published(made, str(spec), bool(own))


def _published(extractor: Any, of: str, own: bool) -> Iterable[Need]:
    """Published weights that are meant where neither a file nor a seed is given, and a tokenizer that is not built
    in."""
    if getattr(extractor, "seed", None) is None and not own:
        try:
            source = extractor.source()
        except BenchError as error:
            yield Need("weights", of, of, "missing", looked=error.messages)
            return
        yield of_weights(
            source.names, of, hub=source.hub, hub_names=source.hub_names, url=source.url, digest=source.sha256
        )
    config = getattr(extractor, "config", None)
    name = config.get("text_cfg", {}).get("hf_tokenizer_name", "") if isinstance(config, Mapping) else ""
    if name:
        yield of_model("tokenizer", str(name), "", of)


def _own(kind: str, spec: Spec) -> Iterable[Need]:
    """The user's own files among the parameters, and weights that a plug-in looks for by a name of its own."""
    given = set(map(str, spec.params.values()))
    for value in _paths(kind, spec):
        own = "own" if value in given else "weights"
        yield of_file("statistics" if value.endswith(".npz") else own, value, str(spec))


def _paths(kind: str, spec: Spec) -> Iterable[str]:
    for name, value in registry.resolved(kind, spec.name, spec.params).items():
        if not isinstance(value, str) or not value or name in _NOT_FILES or name in ("model", "revision"):
            continue
        if "(" not in value and (value.endswith(_ENDINGS) or (("/" in value) and Path(value).expanduser().exists())):
            yield value
