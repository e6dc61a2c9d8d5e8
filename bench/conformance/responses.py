"""Does a metric move as its card says? Scenes with a defect that the card names must score worse than those without.

Where the metric's own networks are not on this machine, the judges of scenes stand in for them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench import registry
from bench.conformance.finding import DoesNotApply, expect
from bench.registry import plain
from bench.spec import Spec, parse

IMAGES, FEW = 200, 60
"""Scenes, and stories of several frames, that a metric is tried on."""
STAND_INS: Mapping[str, str] = {
    "inception-v3": "scene-classifier", "dinov2": "scene-classifier", "timm": "scene-classifier",
    "torchvision": "scene-classifier", "open-clip": "scene-clip", "lpips": "lpips(seed=0)",
}  # fmt: skip
"""Extractor whose weights are not here -> one that is."""
CONTROLS: Mapping[str, str] = {
    "shuffled": "shuffled", "constant": "constant", "noise": "noise",
    # one image for all prompts and seeds is both
    "duplicates": "constant", "seeds-ignored": "constant",
}  # fmt: skip
"""Defect -> the control that has it; the others are planted into the oracle's scenes."""
STORIES = ("wrong-order", "wrong-span")


def systems(defect: str, p: float = 1.0) -> str:
    """The text form of a system with a defect."""
    return CONTROLS.get(defect, f"oracle(defect={defect},p={p})")


def stood_in(spec: Spec) -> tuple[Spec, list[str]]:
    """The metric with extractors that can be used here, and those that were replaced."""
    params, replaced = dict(spec.params), []
    for key, value in registry.resolved("metric", spec.name, spec.params).items():
        if not key.endswith("extractor") or value is None:
            continue
        used = parse(str(value))
        if used.name in STAND_INS and registry.create("extractor", used.name, used.params).problems():
            params[key] = parse(STAND_INS[used.name])
            replaced.append(plain("extractor", str(used)))
    return Spec(spec.name, params), replaced


def responds(spec: Spec) -> str:
    """Every named defect, in all images, makes some output worse. Returns what was measured."""
    known = registry.parameters(registry.load("metric", spec.name))
    if any(p.default is p.empty and name not in spec.params for name, p in known.items()):
        raise DoesNotApply("it needs an extractor of its own")
    metric, replaced = stood_in(small(spec))
    if missing := _missing(metric):
        raise DoesNotApply(missing[0])
    claims = registry.create("metric", metric.name, metric.params).responds_to
    if not claims:
        raise DoesNotApply("its card names no defect")
    # a story metric is asked about stories only, which lack the images of other prompts that `shuffled` needs
    stories = bool(set(claims) & set(STORIES))
    asked = [d for d in claims if not (stories and d == "shuffled")]
    dataset = f"scenes(split=stories-test,size={FEW})" if stories else f"scenes(size={IMAGES})"
    suffix = f" ({', '.join(replaced)} replaced by judges of scenes)" if replaced else ""
    return "; ".join(_measured(metric, asked, dataset)) + suffix


def _missing(metric: Spec) -> list[str]:
    """What the metric's extractors lack on this machine."""
    views = registry.create("metric", metric.name, metric.params).views().values()
    used = {v.extractor for v in views if v.extractor}
    specs = [parse(text) for text in sorted(used)]
    return [p for s in specs for p in registry.create("extractor", s.name, s.params).problems()]


def small(spec: Spec) -> Spec:
    """With parameters that let the metric run on some hundred images, where they are not given."""
    fit: dict[str, dict[str, Any]] = {"kd": {"subset_size": 100}, "ffid": {"by": "kind"}}
    return Spec(spec.name, {**fit.get(spec.name, {}), **spec.params})


def _measured(metric: Spec, defects: list[str], dataset: str) -> list[str]:
    """A sentence a defect; Failed for one that makes nothing worse."""
    from bench import api
    from bench.engine.options import Options
    from bench.study import Study

    used = list(dict.fromkeys(systems(d) for d in defects))
    repeats = 2 if "seeds-ignored" in defects else None
    with tempfile.TemporaryDirectory() as folder:
        study = Study(systems=("best=oracle", *used), metrics=(str(metric),), dataset=dataset, repeats=repeats)
        best, *others = api.run(study, options=Options(root=Path(folder)))
    cards = {o.name: o for o in next(iter(best.cards.values())).outputs}
    before, told = {s.output: s for s in best.scores}, []
    for defect in defects:
        after = {s.output: s for s in others[used.index(systems(defect))].scores}
        falls = {name: _fall(before[name], after[name], cards[name]) for name in cards}
        largest = max(falls, key=lambda o: falls[o])
        expect(falls[largest] > 0, f"{defect} makes nothing worse: {falls}")
        told.append(f"{defect}: {cards[largest].label} {_shown(before[largest])} to {_shown(after[largest])}")
    return told


def _fall(best: Any, worse: Any, output: Any) -> float:
    """By how much a score is worse; a score that is gone is as bad as can be."""
    if best.value is None:
        return 0.0
    if worse.value is None:
        return float("inf")
    return (best.value - worse.value) * (1 if output.direction == "higher" else -1)


def _shown(score: Any) -> str:
    return "none" if score.value is None else f"{score.value:.3g}"
