"""What `bench show NAME` tells of a plug-in: summary, docstring, parameters as they would be used, and for a metric its
outputs, views, paper and the defects that it answers to.
"""

from __future__ import annotations

import inspect
import textwrap
from typing import Any

from bench import aliases, registry
from bench.cards import card
from bench.spec import Spec, parse


def about(name: str) -> list[dict[str, Any]]:
    """One entry for each kind that has a plug-in of this name, and for the panel that has it.

    `name` may be an alias and may carry parameters.
    """
    given = parse(name)
    spec = aliases.expand(name)
    alias = {"alias": given.name, "stands for": str(spec)} if given.name in aliases.ALIASES else {}
    kinds = [kind for kind in registry.KINDS if spec.name in registry.entries(kind)]
    panels = [{"kind": "panel", "name": name, "metrics": aliases.PANELS[name]}] if name in aliases.PANELS else []
    return [*({**_one(kind, spec), **alias} for kind in kinds), *panels]


def _one(kind: str, spec: Spec) -> dict[str, Any]:
    entry, target = registry.lookup(kind, spec.name), registry.load(kind, spec.name)
    found = {
        "name": spec.name, "kind": kind, "summary": entry.summary, "origin": entry.origin,
        "about": inspect.cleandoc(target.__doc__ or ""), "version": getattr(target, "version", 1),
        "parameters": _parameters(target, spec),
    }  # fmt: skip
    if kind == "dataset":
        found["card"] = card(spec.name)
    return found | _metric(spec) if kind == "metric" else found


def _parameters(target: Any, spec: Spec) -> dict[str, Any]:
    known = registry.parameters(target)
    defaults = {name: "required" if p.default is p.empty else _value(p.default) for name, p in known.items()}
    return defaults | {name: _value(value) for name, value in spec.params.items()}


def _value(value: Any) -> Any:
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _metric(spec: Spec) -> dict[str, Any]:
    metric = registry.example("metric", spec)
    card = metric.card(str(spec))
    return {
        "scope": card.scope,
        "outputs": [
            {"name": o.name, "label": o.label, "direction": o.direction, "low": o.low, "high": o.high, "unit": o.unit}
            for o in card.outputs
        ],
        "responds to": list(card.responds_to),
        "views": {k: _view(v) for k, v in card.views.items()},
        "needs": list(metric.needs),
        "minimum images": metric.minimum,
        "paper": card.paper,
    }


def _view(view: Any) -> str:
    by = f" by {view.extractor}" if view.extractor else ""
    asked = f", asked about its {view.query}" if view.query else ""
    return f"{view.output} of {view.subject}{by}{asked}"


# ---- as text -------------------------------------------------------------------------------------------------------


def text(one: dict[str, Any]) -> str:
    """One plug-in or panel for a terminal."""
    if one["kind"] == "panel":
        return "\n".join([f"{one['name']} (panel)", *(f"  {metric}" for metric in one["metrics"])])
    lines = [f"{one['name']} ({one['kind']}, version {one['version']}, {one['origin']})", one["summary"], ""]
    if one.get("alias"):
        lines += [f"'{one['alias']}' stands for {one['stands for']}", ""]
    lines += [one["about"], ""] if one["about"] else []
    lines += _listed("parameters", [f"{k} = {_shown(v)}" for k, v in one["parameters"].items()])
    if one.get("card"):
        lines += ["", *_card_lines(one["card"])]
    if one["kind"] == "metric":
        lines += _metric_lines(one)
    return "\n".join(lines).rstrip()


def _card_lines(card: dict[str, Any]) -> list[str]:
    """What a card says beyond the plug-in's own summary, a field a paragraph."""
    lines = []
    for key in ("title", "licence", "citation", "layout", "sources", "provides", "splits", "visibility", "sensitive"):
        value = card.get(key)
        if value:
            told = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            lines += textwrap.wrap(f"{key}: {told}", 100, subsequent_indent="  ", break_long_words=False)
    return lines


def _metric_lines(one: dict[str, Any]) -> list[str]:
    lines = [f"scope: {one['scope']}; needs at least {one['minimum images']} images"]
    lines += _listed("outputs", [_output(o) for o in one["outputs"]])
    lines += _listed("views", [f"{k}: {v}" for k, v in one["views"].items()])
    for key in ("needs", "responds to"):
        if one[key]:
            lines += textwrap.wrap(f"{key}: {', '.join(one[key])}", 100, subsequent_indent="  ")
    return [*lines, f"paper: {one['paper']}"] if one["paper"] else lines


def _listed(title: str, items: list[str]) -> list[str]:
    return [f"{title}:", *(f"  {item}" for item in items)] if items else []


def _shown(value: Any) -> str:
    """As the text form writes it: none, true, false."""
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)


def _output(output: dict[str, Any]) -> str:
    better = {"higher": "higher is better", "lower": "lower is better", "none": "neither way is better"}
    low, high = ("unbounded" if output[k] is None else f"{output[k]:g}" for k in ("low", "high"))
    return f"{output['name']}: {output['label']}, {better[output['direction']]}, {low} to {high}"
