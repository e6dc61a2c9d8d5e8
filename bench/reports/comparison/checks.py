"""Which numbers may stand side by side: equal protocol, dataset and prompt list, or none at all.

A refusal names the fields that differ, because "not comparable" alone sends people to --force.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bench.errors import NotComparable, UsageError
from bench.reports.comparison.nouns import System
from bench.spec import canonical
from bench.types import Run

_NOT_IDENTITY = frozenset(
    {"pool", "samples", "declared", "whole", "only", "condition", "visibility", "sensitive", "rows"}
)
"""Of run.dataset: counts and selections, whose effect the prompt-list digest already states, and what is told of it."""
_SHOWN = 6


def refuse_unlike(systems: Sequence[System]) -> None:
    """NotComparable when datasets, prompt lists or protocols of equal metrics differ."""
    lines = [f"dataset: {line}" for line in _dataset(systems)]
    groups = " Runs of several data sets are ranked by condition with --by dataset-group." if lines else ""
    if not lines:
        for metric in sorted({s.metric for system in systems for s in system.run.scores}):
            lines += [f"{metric}: {line}" for line in _protocols(systems, metric)]
    if not lines:
        return
    lines = list(dict.fromkeys(lines))
    shown = "; ".join(lines[:_SHOWN]) + (f"; and {len(lines) - _SHOWN} more" if len(lines) > _SHOWN else "")
    names = ", ".join(s.title for s in systems)
    raise NotComparable(
        f"The runs {names} cannot stand side by side: {shown}. Run or score them again with equal settings, or give "
        f"--force to show unlike numbers in columns of their own.{groups}"
    )


def refuse_few(paths: Sequence[Any]) -> None:
    """UsageError when there is nothing to compare."""
    if not paths:
        raise UsageError("A comparison needs at least one run folder, and none was given.")


def _dataset(systems: Sequence[System]) -> list[str]:
    return differing([identity(s.run) for s in systems], [s.title for s in systems])


def identity(run: Run) -> dict[str, Any]:
    """The fields of a run's data set that fix what was asked: name, version, digests, the prompt list."""
    return {k: v for k, v in run.dataset.items() if k not in _NOT_IDENTITY}


def _protocols(systems: Sequence[System], metric: str) -> list[str]:
    found: dict[str, tuple[str, Mapping[str, Any]]] = {}
    for system in systems:
        for score in system.run.scores:
            if score.metric == metric and score.protocol not in found:
                found[score.protocol] = (system.title, system.run.protocols.get(score.protocol, {}))
    if len(found) < 2:
        return []
    lines = differing([fields for _, fields in found.values()], [title for title, _ in found.values()])
    return lines or [f"protocol {' against '.join(found)}"]


def differing(fields: Sequence[Mapping[str, Any]], titles: Sequence[str]) -> list[str]:
    """'field is x in a, y in b' for every (dotted) field in which the mappings differ."""
    flattened = [flat(f) for f in fields]
    lines = []
    for name in sorted({n for f in flattened for n in f}):
        holders: dict[str, list[str]] = {}
        for mapping, title in zip(flattened, titles, strict=True):
            holders.setdefault(mapping.get(name, "absent"), []).append(title)
        if len(holders) > 1:
            told = ", ".join(f"{_short(value)} in {_names(who)}" for value, who in holders.items())
            lines.append(f"{name} is {told}")
    return lines


def flat(value: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested mappings as dotted names -> text."""
    found: dict[str, str] = {}
    for name, inner in value.items():
        if isinstance(inner, Mapping):
            found |= flat(inner, f"{prefix}{name}.")
        elif isinstance(inner, list | tuple) and any(isinstance(i, Mapping) for i in inner):
            for at, item in enumerate(inner):
                found |= flat({str(at): item}, f"{prefix}{name}.")
        else:
            found[prefix + name] = inner if isinstance(inner, str) else canonical(inner)
    return found


def _short(value: str) -> str:
    is_digest = len(value) >= 32 and all(c in "0123456789abcdef" for c in value)
    return value[:8] if is_digest else (value if len(value) <= 60 else value[:57] + "...")


def _names(titles: Sequence[str]) -> str:
    return " and ".join([", ".join(titles[:-1]), titles[-1]] if len(titles) > 1 else titles)
