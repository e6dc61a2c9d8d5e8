"""Carries the checks out on a named plug-in: builds it, loads it where it must be, and tells what was found."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from bench import aliases, registry
from bench.conformance import metrics, others, responses
from bench.conformance.finding import Finding, carried_out
from bench.conformance.processes import distributed
from bench.errors import UsageError
from bench.spec import Spec, parse

KINDS = ("metric", "extractor", "generator", "dataset")
"""Kinds that have a suite."""
_SAMPLES = 4


def findings(text: str, kind: str = "", *, processes: bool = False, controls: bool = False) -> Iterator[Finding]:
    """The findings on a plug-in or alias. kind: which, where several share the name.

    processes: a metric is also run in two processes; controls: and on images with the defects that its card names.
    """
    spec = aliases.expand(text)
    chosen = kind or _kind_of(spec)
    if chosen != "metric":
        yield from _other(chosen, spec)
        return

    def make() -> Any:
        return registry.example("metric", responses.small(spec))

    yield from carried_out(metrics.CHECKS, make)
    if processes:
        yield from carried_out({"two processes as one": lambda m: distributed(m, text)}, make)
    if controls:
        yield from carried_out({"responds as its card says": responses.responds}, spec)


def _kind_of(spec: Spec) -> str:
    found = [kind for kind in registry.KINDS if spec.name in registry.entries(kind)]
    usable = [kind for kind in found if kind in KINDS]
    if not usable:
        if found:
            raise UsageError(f"'{spec.name}' is a {found[0]}; there are checks for: {', '.join(KINDS)}.")
        every = {name for kind in KINDS for name in registry.entries(kind)}
        from bench.errors import did_you_mean

        raise UsageError(f"No plug-in is called '{spec.name}'.{did_you_mean(spec.name, every)}")
    if len(usable) > 1:
        raise UsageError(f"'{spec.name}' is a {' and a '.join(usable)}; say which with --kind.")
    return usable[0]


def _other(kind: str, spec: Spec) -> Iterator[Finding]:
    plugin = registry.example(kind, spec)
    checks = dict(others.CHECKS[kind])
    first = next(iter(checks))
    (usable,) = carried_out({first: checks.pop(first)}, plugin)
    yield usable
    if not usable.passed:
        return  # nothing else can be looked at here
    if kind == "extractor":
        plugin.load()
    if kind == "generator":
        _set_up(plugin)
    yield from carried_out(checks, plugin)
    if kind == "generator":
        plugin.close()


def _set_up(generator: Any) -> None:
    """With the first samples of the scenes: controls may look at their truth."""
    from bench.engine.judging import lend
    from bench.generators.base import Context

    scenes = registry.create("dataset", "scenes", parse("scenes(size=8)").params)
    samples = {s.id: s for s in islice(scenes, _SAMPLES)}
    view = lend(generator, "cpu")
    generator.setup(Context(samples, "scenes(size=8)", scenes.training, scenes.load_image, view=view))
