"""What of a run held when a part of it was scored or generated again, value by value.

Scores must be the recorded ones within a share of their column's size. Generated images must have the recorded pixels;
where a generator or the machine does not repeat them, the scores of the new images must not differ from the recorded
ones by more than chance explains (see `_by_score`), and enough images must say so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from bench import registry
from bench.engine.again import Again, Recorded, again
from bench.engine.consistency import Content, Finding, close, finding
from bench.engine.declared import foreign
from bench.engine.options import Options
from bench.engine.provenance import provenance
from bench.engine.resolve import Opened
from bench.engine.verifying import Files
from bench.errors import BenchError
from bench.formats.folders import few
from bench.spec import digest, parse, parse_system

RELATIVE = 1e-5
"""Share of a column's size by which a value may differ; more between machines is told, not excused."""
ENOUGH = 20
"""Images below which the scores of images that came out differently say nothing."""
SPREADS, SMALL = 3.0, 0.01
"""By how many standard errors, or by what share of its column's spread, the mean of new images may differ."""
_WHY = (
    "depend on all images", "compare with the images of other systems", "may open a path that a stranger names",
    "need pixels",
)  # fmt: skip
"""Why a metric is not scored again."""
_FIXED = ("metric", "version", "params", "extractors", "dataset", "missing", "own")
"""Fields of a protocol that a part of the prompts has in common with all of them."""

BROKEN = (
    BenchError, ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError,
)  # fmt: skip
"""What parameters and views of strangers raise within networks and metrics."""


# ---- scores --------------------------------------------------------------------------------------------------------


def rescored(
    content: Content, opened: Opened, files: Files, ids: Sequence[str], metrics: Sequence[str], options: Options,
    relative: float, shards: Path | None = None,
) -> tuple[Finding, list[str]]:  # fmt: skip
    """Whether the scores of these prompts follow from the images; and the metrics that were scored.

    All prompts: set and gallery metrics too, with scores, intervals, chance levels and protocols. shards: all prompts
    are scored from these views instead, which says nothing of the images.
    """
    whole = shards is not None or set(ids) >= set(content.samples["sample"][content.ok])
    asked, told = _possible(content, metrics, whole, shards is None)
    if not asked:
        return Finding("re-scored", None, "; ".join(["no metric can be scored again", *(t[1:] for t in told)])), []
    try:
        made = again(content, opened, content.ids() if whole else ids, asked, options, Recorded(content, files), shards)
    except BROKEN as error:
        return Finding("re-scored", None, f"cannot be scored again here: {_said(error)}"), []
    wrong = [*_other_pixels(content, made), *_other_values(content, made, asked, relative)]
    wrong += [*_other_protocols(content, made, asked), *(_other_scores(content, made, relative) if whole else ())]
    wrong = [*wrong[:-1], wrong[-1] + _elsewhere(content, options)] if wrong else []
    source = "images give" if shards is None else "submitted views give (nothing is known of the images)"
    fine = f"+{len(made.samples)} rows of {len(asked)} metrics are what the {source}, within {relative:g}"
    return finding("re-scored", iter([*wrong, *told, fine])), asked


def _said(error: Exception) -> str:
    return str(error) if isinstance(error, BenchError) else f"{type(error).__name__}: {error!s:.300}"


def _possible(content: Content, metrics: Sequence[str], whole: bool, images: bool) -> tuple[list[str], list[str]]:
    """The metrics to score again, and what is to be said of the others."""
    run = content.run
    asked: list[str] = []
    left: dict[str, list[str]] = {why: [] for why in _WHY}
    if unknown := sorted(set(metrics) - set(run.cards)):
        return [], [f"?the run has no scores of {few(unknown)}"]
    for text, card in run.cards.items():
        pooled = run.spec.reference == "others" and any(v.subject == "reference" for v in card.views.values())
        if metrics and text not in metrics:
            continue
        pixels = any(v.subject == "generated" and v.output == "image" for v in card.views.values())
        lacks = (not whole and card.scope != "sample", pooled, bool(foreign(parse(text))), pixels and not images)
        place = next((why for why, lack in zip(_WHY, lacks, strict=True) if lack), "")
        (left[place] if place else asked).append(text)
    marks = {why: "+" if at < 2 and not metrics else "?" for at, why in enumerate(_WHY)}
    return asked, [f"{marks[why]}{few(names)} {why}: not scored again" for why, names in left.items() if names]


def _paired(content: Content, made: Again) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of the run and of what was made again, in one order."""
    key = ["sample", "k"]
    old = content.samples.set_index(key, drop=False)
    new = made.samples.set_index(key, drop=False)
    return old.loc[new.index], new


def _other_pixels(content: Content, made: Again) -> Iterator[str]:
    old, new = _paired(content, made)
    odd = old["sample"][((old["digest"] != new["digest"]) | (old["status"] != new["status"])).to_numpy()].tolist()
    if odd:
        yield f"{len(odd)} images are not the recorded ones ({few(odd)})"


def _other_values(content: Content, made: Again, metrics: Sequence[str], relative: float) -> Iterator[str]:
    old, new = _paired(content, made)
    first, count, total = "", 0, 0
    for name in (c for c in new.columns if c.rpartition(":")[0] in metrics):
        if name not in old:
            yield f"the column '{name}' is missing"
            continue
        a, b = old[name].to_numpy(dtype=np.float64), new[name].to_numpy(dtype=np.float64)
        size = np.nanmax(np.abs([*a, *b, 0.0]))
        odd = ~((np.abs(a - b) <= relative * size) | (np.isnan(a) & np.isnan(b)))
        total, count = total + len(a), count + int(odd.sum())
        if odd.any() and not first:
            at = int(odd.argmax())
            first = f"{name} of '{old['sample'].iloc[at]}': {a[at]:.8g} is stated and {b[at]:.8g} is found"
    if count:
        yield f"{count} of {total} values differ by more than {relative:g} of their column's size (the first, {first})"


def _other_protocols(content: Content, made: Again, metrics: Sequence[str]) -> Iterator[str]:
    """Metrics whose protocol is another one here: other weights under the same name, for one."""
    for text in metrics:
        both = [
            next((r.protocols.get(s.protocol, {}) for s in r.scores if s.metric == text), {})
            for r in (content.run, made.run)
        ]
        odd = [f for f in _FIXED if digest(both[0].get(f)) != digest(both[1].get(f))]
        if odd:
            yield f"{text} has another protocol here ({few(odd)} differ)"


def _other_scores(content: Content, made: Again, relative: float) -> Iterator[str]:
    """Scores of all images that are others here; only what was scored again."""
    stated = {(s.metric, s.output): s for s in content.run.scores}
    for score in made.run.scores:
        old = stated.get((score.metric, score.output))
        if old is None or "common" in content.run.protocols.get(old.protocol, {}):
            continue
        scale = max((abs(v) for v in (score.value, score.low, score.high) if v is not None), default=0.0)
        for name in ("value", "low", "high", "chance"):
            a, b = getattr(old, name), getattr(score, name)
            if a != b and (a is None or b is None or not close(a, b, scale, 10 * relative)):
                yield f"{score.metric} ({score.output}): its {name} {_number(a)} is stated and {_number(b)} is found"
                break
        if len(old.replicates) != len(score.replicates) or not all(
            close(a, b, scale, 10 * relative) for a, b in zip(old.replicates, score.replicates, strict=True)
        ):
            yield f"{score.metric} ({score.output}): its replicates are others"


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.8g}"


def _elsewhere(content: Content, options: Options) -> str:
    """How the machine of a run differs from this one, as the end of a sentence."""
    here, there = provenance(options), content.run.provenance
    versions = [f"{n} {v} and {here.packages.get(n)}" for n, v in there.packages.items() if here.packages.get(n) != v]
    odd = [f"{a} and {b}" for a, b in ((there.platform, here.platform), (there.device, here.device)) if a != b]
    if not odd and not versions:
        return "; it was made on a machine like this one"
    return f"; machines differ (there and here: {few([*odd, *versions], 5)}), which --tolerance may allow for"


# ---- images --------------------------------------------------------------------------------------------------------


def regenerated(
    content: Content, opened: Opened, ids: Sequence[str], options: Options, relative: float, trust: bool
) -> Finding:
    """Whether the run's system gives the images of these prompts again; trust: also where that starts a program."""
    if why := _not_made_here(content, trust):
        return Finding("regenerated", None, why)
    metrics = [t for t, c in content.run.cards.items() if c.scope == "sample" and not foreign(parse(t))]
    if not metrics:
        return Finding("regenerated", None, "the run has no metric of single images, by which they could be judged")
    try:
        made = again(content, opened, ids, metrics, options)
    except BROKEN as error:
        return Finding("regenerated", None, f"cannot be generated here: {_said(error)}")
    lost = made.samples["sample"][(made.samples["status"] != "ok").to_numpy()].tolist()
    old, new = _paired(content, made)
    same = (old["digest"] == new["digest"]).to_numpy()
    if same.all() and _same_frames(content, made):
        wrong = [*_other_values(content, made, metrics, relative), *_other_protocols(content, made, metrics)]
        fine = f"+{len(new)} images of {len(ids)} prompts came out pixel by pixel, with the recorded scores"
        return finding("regenerated", iter([*wrong, fine]))
    if lost:
        return Finding("regenerated", False, f"{len(lost)} of {len(new)} images could not be made ({few(lost)})")
    return _by_score(old, new, int((~same).sum()), metrics, _elsewhere(content, options))


def _not_made_here(content: Content, trust: bool) -> str:
    """Why the system is not asked for images; ''."""
    system = parse_system(content.run.spec.system)
    name = system.generator.name
    if name not in registry.entries("generator"):
        return f"no generator here is called '{name}'"
    for spec in (system.generator, *([system.fusion] if system.fusion else [])):
        if (said := foreign(spec)) and not trust and name != "folder":
            return f"not generated: {said}; --trust-command allows it, for systems that were looked at"
    if registry.load("generator", name).existing:
        return "its images were made elsewhere, and the run names no system that makes them"
    return ""


def _same_frames(content: Content, made: Again) -> bool:
    """Whether the frames of stories have the recorded pixels too."""
    assert content.outcomes is not None
    key = ["sample", "k", "frame"]
    old = content.outcomes.set_index(key)["digest"]
    new = made.outcomes.set_index(key)["digest"]
    return bool(new.index.isin(old.index).all() and (old.loc[new.index] == new).all())


def _by_score(old: pd.DataFrame, new: pd.DataFrame, other: int, metrics: Sequence[str], elsewhere: str) -> Finding:
    """For each column, the mean of the new images less that of the recorded ones: at most 3 standard errors of the
    paired difference, or 1 % of the column's spread."""
    head = f"{other} of {len(new)} images came out with other pixels{elsewhere}"
    if len(new) < ENOUGH:
        return Finding("regenerated", None, f"{head}; that may be chance: give --regenerate {ENOUGH} or more")
    wrong, reach = [], 0.0
    for name in (c for c in new.columns if c.rpartition(":")[0] in metrics and c in old):
        told, seen = _apart(old[name].to_numpy(dtype=np.float64), new[name].to_numpy(dtype=np.float64))
        reach = max(reach, seen)
        wrong += [f"{name}: {told}"] if told else []
    if wrong:
        return Finding("regenerated", False, f"{head}, and other scores ({few(wrong)})")
    return Finding("regenerated", True, f"{head}; their scores agree (a difference of {reach:.2g} spreads would show)")


def _apart(old: np.ndarray, new: np.ndarray) -> tuple[str, float]:
    """What differs, and the smallest difference (in standard deviations of the recorded rows) that would be told."""
    both = np.isfinite(old) & np.isfinite(new)
    if (np.isfinite(old) != np.isfinite(new)).any():
        return "it applies to other images", 0.0
    if both.sum() < 2:
        return "", 0.0
    gap, spread = (new - old)[both], float(np.std(old[both], ddof=1))
    allowed = max(SPREADS * float(np.std(gap, ddof=1)) / float(np.sqrt(both.sum())), SMALL * spread)
    delta = float(gap.mean())
    told = f"{old[both].mean():.6g} was recorded and {new[both].mean():.6g} came out" if abs(delta) > allowed else ""
    return told, allowed / spread if spread > 0 else 0.0
