"""One registry for all kinds of plug-ins: how they are declared, found without import, and loaded by name.

A plug-in is a class (or factory) under `@register(kind, name, summary=...)`. Built-ins are found by reading the source
of the plug-in rooms (`ast`, no import, so that `bench list` needs no torch); outsiders by entry points, one group a
kind (`bench.metrics`, ...), listed by name and imported only when used. The literal arguments of the decorator are all
that listing shows, hence they must be literals; a test holds the scan and the runtime equal.
"""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from bench.errors import UsageError, did_you_mean
from bench.spec import Spec, parse

KINDS: dict[str, str] = {
    "metric": "metrics",
    "extractor": "extractors",
    "dataset": "datasets",
    "generator": "generators",
    "fusion": "fusion",
}
"""Kind -> name of its room (`bench/<room>`) and of its entry-point group (`bench.<room>`)."""

_runtime: dict[tuple[str, str], Entry] = {}


@dataclass(frozen=True)
class Entry:
    """A plug-in as it is listed: enough to show it and to load it."""

    kind: str
    name: str
    target: str
    """'module:attribute'."""
    summary: str = ""
    meta: Mapping[str, Any] = field(default_factory=dict)
    """Further literals of the decorator (scope, direction, ...)."""
    origin: str = "built-in"
    """'built-in', the name of the distribution, or the module that registered it at run time."""

    def load(self) -> Any:
        """The class or factory; imports its module."""
        module, _, attribute = self.target.partition(":")
        try:
            return getattr(importlib.import_module(module), attribute)
        except ImportError as error:
            raise UsageError(
                f"The {self.kind} '{self.name}' ({self.origin}) cannot be imported: {error}. "
                "Install what it needs (its extra, or its package) and try again."
            ) from error


def register(kind: str, name: str, *, summary: str = "", **meta: Any) -> Callable[[Any], Any]:
    """Declare the decorated class or factory as plug-in `name` of `kind`. All arguments must be literals.

    >>> @register("generator", "grey", summary="a grey square")
    ... class Grey: ...
    """
    if kind not in KINDS:
        raise UsageError(f"'{kind}' is no kind of plug-in.{did_you_mean(kind, KINDS)}")

    def declare(target: Any) -> Any:
        key = (kind, name)
        entry = Entry(kind, name, f"{target.__module__}:{target.__qualname__}", summary, meta, target.__module__)
        known = _runtime.get(key)
        if known is not None and known.target != entry.target:
            raise UsageError(f"The {kind} '{name}' is registered twice: by {known.target} and by {entry.target}.")
        _runtime[key] = entry
        _targets[key] = target
        target.plugin_kind, target.plugin_name = kind, name
        return target

    return declare


_targets: dict[tuple[str, str], Any] = {}


def entries(kind: str) -> dict[str, Entry]:
    """All plug-ins of a kind by name, sorted: built-ins, then installed outsiders, then those registered in this
    process."""
    if kind not in KINDS:
        raise UsageError(f"'{kind}' is no kind of plug-in.{did_you_mean(kind, KINDS)}")
    found = dict(_scan(kind))
    for name, entry in _installed(kind).items():
        if name in found:
            raise UsageError(
                f"The {kind} '{name}' of {entry.origin} has the name of a built-in; rename its entry point."
            )
        found[name] = entry
    for (its_kind, name), entry in _runtime.items():
        if its_kind == kind and name not in found:
            found[name] = entry
    return dict(sorted(found.items()))


def lookup(kind: str, name: str) -> Entry:
    """The entry of a name, or a UsageError with the nearest names."""
    known = entries(kind)
    if name not in known:
        raise UsageError(f"No {kind} is called '{name}'.{did_you_mean(name, known)}")
    return known[name]


def load(kind: str, name: str) -> Any:
    """The class or factory of a plug-in."""
    entry = lookup(kind, name)
    if (kind, name) in _targets:
        return _targets[kind, name]
    target = entry.load()
    target.plugin_kind, target.plugin_name = kind, name
    return target


def parameters(target: Any) -> dict[str, inspect.Parameter]:
    """The named parameters of a plug-in's constructor."""
    signature = inspect.signature(target)
    return {name: p for name, p in signature.parameters.items() if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}


def create(kind: str, name: str, params: Mapping[str, Any]) -> Any:
    """An object of the plug-in, its parameters checked by name; nested plug-ins are handed over in text form."""
    target = load(kind, name)
    known = parameters(target)
    for given in params:
        if given not in known:
            raise UsageError(f"The {kind} '{name}' has no parameter '{given}'.{did_you_mean(given, known)}")
    absent = [p.name for p in known.values() if p.default is p.empty and p.name not in params]
    if absent:
        raise UsageError(f"The {kind} '{name}' needs {', '.join(absent)}: write {name}({absent[0]}=...).")
    given_as = {k: str(v) if isinstance(v, Spec) else v for k, v in params.items()}
    try:
        return target(**given_as)
    except (TypeError, ValueError) as error:  # a word where the constructor reckons with a number, say
        raise UsageError(f"The {kind} '{Spec(name, params)}' cannot be made: {error}.") from error


def example(kind: str, spec: Spec) -> Any:
    """The object of a spec to look at, not to use: parameters that are required and not given are their own names."""
    known = parameters(load(kind, spec.name))
    absent = {name: name.upper() for name, p in known.items() if p.default is p.empty and name not in spec.params}
    return create(kind, spec.name, {**absent, **spec.params})


def resolved(kind: str, name: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """All parameters with the defaults filled in, and the plug-in's `version`: what digests are made of."""
    target = load(kind, name)
    full = {p.name: p.default for p in parameters(target).values() if p.default is not p.empty}
    return {**full, **params, "version": getattr(target, "version", 1)}


@cache
def plain(kind: str, text: str) -> str:
    """A text form without the parameters that equal their defaults: two texts of one plug-in object become one."""
    spec = parse(text)
    defaults = {p.name: p.default for p in parameters(load(kind, spec.name)).values()}
    params = {k: v for k, v in spec.params.items() if k not in defaults or str(defaults[k]) != str(v)}
    return str(Spec(spec.name, params))


# ---- finding without import ----------------------------------------------------------------------------------------


@cache
def _scan(kind: str) -> dict[str, Entry]:
    room = Path(__file__).parent / KINDS[kind]
    found: dict[str, Entry] = {}
    for path in sorted(room.rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        if "@register(" not in source:
            continue
        module = ".".join(("bench", *path.relative_to(room.parent).with_suffix("").parts)).removesuffix(".__init__")
        for entry in _declared(ast.parse(source), module):
            if entry.kind == kind:
                found[entry.name] = entry
    return found


def _declared(tree: ast.Module, module: str) -> list[Entry]:
    found = []
    for node in tree.body:
        if not isinstance(node, ast.ClassDef | ast.FunctionDef):
            continue
        for mark in node.decorator_list:
            if isinstance(mark, ast.Call) and isinstance(mark.func, ast.Name) and mark.func.id == "register":
                kind, name = (ast.literal_eval(a) for a in mark.args)
                meta = {k.arg: ast.literal_eval(k.value) for k in mark.keywords if k.arg}
                found.append(Entry(kind, name, f"{module}:{node.name}", meta.pop("summary", ""), meta))
    return found


@cache
def _installed(kind: str) -> dict[str, Entry]:
    found = {}
    for point in sorted(entry_points(group=f"bench.{KINDS[kind]}"), key=lambda p: p.name):
        origin = point.dist.name if point.dist else "entry point"
        found[point.name] = Entry(kind, point.name, point.value, f"from {origin}", {}, origin)
    return found
