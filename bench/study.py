"""A study: systems x datasets x metrics, from a TOML file or a command line. Resolves to RunSpecs.

Every key is checked; an unknown one is an error. A command line overrides the file; what results is stored in each run.
"""

from __future__ import annotations

import dataclasses
import glob
import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.aliases import expand, panel
from bench.errors import UsageError, did_you_mean
from bench.registry import entries
from bench.spec import Spec, is_path, parse, parse_system
from bench.types import RunSpec


@dataclass(frozen=True)
class Study:
    """What was asked for, before anything is looked up."""

    systems: tuple[str, ...] = ()
    """System texts or paths, each optionally `label=`."""
    dataset: str = ""
    """Text form; empty: made of `prompts` and `reference`, or `captioned-folder` of the first path."""
    prompts: str = ""
    reference: str = ""
    """Folder, .npz statistics, a dataset's text form, or 'others' (the other systems of the study, pooled)."""
    metrics: tuple[str, ...] = ()
    panel: str = ""
    extractors: tuple[str, ...] = ()
    """Replacements: every extractor of that name takes these parameters, e.g. 'inception-v3(seed=0)'."""
    seed: int = 0
    repeats: int | None = None
    only: str = ""
    match: str = ""
    size: tuple[int, int] | None = None
    missing: str = ""
    report: str = ""
    """Folder of the comparison report."""
    factors: Mapping[str, str] = field(default_factory=dict)
    visibility: str = ""
    """'private': captions, images and rows never leave the runs; default: what the dataset's card says."""
    allow_licences: tuple[str, ...] = ()
    """Licences as cards write them; data and weights under another ('unknown' included) are refused before any work.
    Empty: all."""


_LISTS = ("systems", "metrics", "extractors", "allow_licences")
_POLICIES = ("worst", "exclude")
"""What becomes of missing images."""
_VISIBILITIES = ("public", "private")


def read_study(path: str | Path) -> Study:
    """A TOML study file; its keys are the fields of Study. Relative paths in it are relative to the file."""
    file = Path(path)
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise UsageError(f"There is no study file {file}.") from None
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} is no valid TOML: {error}.") from error
    study = study_from(data, str(file))
    return _relative_to(study, file.parent)


def study_from(data: Mapping[str, Any], origin: str) -> Study:
    """A Study from plain values, each key and type checked."""
    fields = {f.name for f in dataclasses.fields(Study)}
    for key in data:
        if key not in fields:
            raise UsageError(f"{origin}: '{key}' is no key of a study.{did_you_mean(key, fields)}")
    values = dict(data)
    for key in _LISTS:
        given = values.get(key, ())
        if not isinstance(given, list | tuple) or not all(isinstance(v, str) for v in given):
            raise UsageError(f"{origin}: '{key}' must be a list of texts, e.g. {key} = [\"...\"]; got {given!r}.")
        values[key] = tuple(given)
    for key in ("seed", "repeats"):
        if key in values and (isinstance(values[key], bool) or not isinstance(values[key], int)):
            raise UsageError(f"{origin}: '{key}' must be a whole number; got {values[key]!r}.")
    for key in ("dataset", "prompts", "reference", "panel", "only", "match", "missing", "report", "visibility"):
        if key in values and not isinstance(values[key], str):
            raise UsageError(f"{origin}: '{key}' must be a text; got {values[key]!r}.")
    if values.get("repeats") is not None and values["repeats"] < 1:
        raise UsageError(f"{origin}: 'repeats' must be a whole number from 1; got {values['repeats']}.")
    if values.get("missing", "") not in ("", *_POLICIES):
        raise UsageError(f"{origin}: 'missing' must be {' or '.join(_POLICIES)}; got {values['missing']!r}.")
    if values.get("visibility", "") not in ("", *_VISIBILITIES):
        raise UsageError(f"{origin}: 'visibility' must be public or private; got {values['visibility']!r}.")
    factors = values.get("factors", {})
    if not isinstance(factors, Mapping) or not all(isinstance(v, str) for v in factors.values()):
        raise UsageError(f"{origin}: 'factors' must be a table of texts; got {factors!r}.")
    if values.get("size") is not None:
        values["size"] = _size(values["size"], origin)
    return Study(**values)


def _size(given: Any, origin: str) -> tuple[int, int]:
    pair = tuple(given) if isinstance(given, list | tuple) else (given, given)
    if len(pair) != 2 or not all(isinstance(v, int) and not isinstance(v, bool) and v > 0 for v in pair):
        raise UsageError(f"{origin}: 'size' must be [width, height] in pixels; got {given!r}.")
    return pair[0], pair[1]


def _relative_to(study: Study, folder: Path) -> Study:
    def place(text: str) -> str:
        label, equals, rest = text.rpartition("=") if "(" not in text else ("", "", text)
        if rest.startswith(("./", "../")):
            return f"{label}{equals}{os.path.normpath(folder / rest)}"
        return text

    return dataclasses.replace(
        study,
        systems=tuple(place(s) for s in study.systems),
        prompts=place(study.prompts),
        reference=place(study.reference),
    )


def merged(base: Study, over: Mapping[str, Any]) -> Study:
    """The study with every given (not None, not empty) value of a command line put over the file's."""
    return dataclasses.replace(base, **{k: v for k, v in over.items() if v not in (None, "", (), {})})


def expand_systems(texts: Sequence[str]) -> tuple[str, ...]:
    """Folders named without a slash become paths (a generator of that name goes first), globs that the shell left alone
    their folders; `label=` cannot stand before a glob."""
    found: list[str] = []
    for text in texts:
        label, _, rest = text.rpartition("=") if "(" not in text else ("", "", text)
        if not is_path(rest) and Path(rest).is_dir() and rest not in entries("generator"):
            found.append(f"{label or rest}={os.path.join('.', rest)}")
        elif is_path(text) and any(c in _place(text) for c in "*?[") and not Path(text).exists():
            hits = sorted(h for h in glob.glob(os.path.expanduser(text)) if os.path.isdir(h))
            if not hits:
                raise UsageError(f"No folder matches '{text}'.")
            found += hits
        else:
            found.append(text)
    return tuple(found)


def _place(text: str) -> str:
    """The path of a system text: without its label, which may hold any sign but a slash."""
    label, _, rest = text.rpartition("=")
    return text if "/" in label or "\\" in label else rest


def run_specs(study: Study) -> list[RunSpec]:
    """One RunSpec a system, in the order given; labels must differ."""
    if not study.systems:
        raise UsageError(
            "No system is given; name at least one folder of images or generator, e.g. `bench run ours=DIR`."
        )
    dataset = dataset_text(study)
    metrics = tuple(str(expand(m)) for m in study.metrics)
    if study.panel:
        panel(study.panel)
    specs = [_run_spec(study, text, dataset, metrics) for text in expand_systems(study.systems)]
    _distinct([s.label for s in specs])
    return specs


def _run_spec(study: Study, text: str, dataset: str, metrics: tuple[str, ...]) -> RunSpec:
    system = parse_system(text)
    generator = system.generator
    if generator.name == "folder":
        path = os.path.abspath(os.path.expanduser(str(generator.params.get("path", ""))))
        generator = generator.with_params(path=path)
        if study.match and "match" not in generator.params:
            generator = generator.with_params(match=study.match)
    system = dataclasses.replace(system, generator=generator)
    return RunSpec(
        system=str(system), dataset=dataset, label=system.title, metrics=metrics, panel=study.panel,
        extractors=tuple(str(parse(e)) for e in study.extractors), seed=study.seed, repeats=study.repeats,
        only=study.only, size=study.size, reference=study.reference, missing=study.missing, factors=dict(study.factors),
        visibility=study.visibility,
    )  # fmt: skip


def _distinct(labels: Sequence[str]) -> None:
    twice = sorted({x for x in labels if labels.count(x) > 1})
    if twice:
        raise UsageError(f"Several systems are called {', '.join(twice)}; give each a label: NAME=PATH.")


def dataset_text(study: Study) -> str:
    """The dataset's text form: as given, or made from the prompts file or from the first folder."""
    reference = study.reference if study.reference not in ("", "others") else ""
    if study.dataset:
        if study.prompts:
            raise UsageError("Give --dataset or --prompts, not both: a prompts file is a dataset of its own.")
        return str(parse(study.dataset).with_params(**({"reference": reference} if reference else {})))
    params: dict[str, Any] = {"reference": _absolute(reference)} if reference else {}
    if study.prompts:
        return str(Spec("captions", {"path": os.path.abspath(os.path.expanduser(study.prompts)), **params}))
    first = parse_system(expand_systems(study.systems)[0]).generator
    if first.name == "folder":
        raise UsageError(
            "The images' prompts are not given: add --prompts FILE (csv, tsv, json, jsonl or txt), or --dataset NAME; "
            "for folders whose file names are the captions, --prompts FOLDER."
        )
    return "scenes"


def _absolute(reference: str) -> str:
    expanded = os.path.expanduser(reference)
    return os.path.abspath(expanded) if os.path.exists(expanded) else reference


def merge_extractor(spec: Spec, over: Spec) -> Spec:
    """`over`'s parameters win; a seed or a path takes the place of whatever weights were named before."""
    weights = ("pretrained", "weights", "seed")
    kept = {k: v for k, v in spec.params.items() if not (k in weights and any(w in over.params for w in weights))}
    return Spec(spec.name, {**kept, **over.params})
