"""GenEval's verdict on an image (Ghosh et al. 2023, arXiv 2310.11513, sec. 3) from detections with colours.

Two numbers are kept from the published script: detections count from a confidence of 0.3 (0.9 where the prompt asks for
a number), at most 16 a class, in the order of confidence; colours and positions are asked of the first `count` only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from bench.errors import UsageError
from bench.functional.relations import relation_holds
from bench.types import Detections

CONFIDENCE, CONFIDENCE_COUNTING, MOST = 0.3, 0.9, 16


@dataclass(frozen=True)
class Clause:
    """What must be there (`include`) or must not (`exclude`): `count` or more objects of a class."""

    label: str
    count: int = 1
    colour: str = ""
    position: tuple[str, int] | None = None
    """(relation, index of the include clause that these objects stand so to)."""


Verdict = tuple[bool, tuple[str, ...]]
"""Whether an image is right, and reasons why not."""


def geneval_verdict(
    found: Detections, include: Sequence[Clause], exclude: Sequence[Clause] = (), *, counting: bool = False
) -> Verdict:
    """(right, reasons why not). counting: the prompt asks for a number, so that only sure detections count."""
    return geneval_verdicts([found], [(include, exclude, counting)])[0]


def geneval_verdicts(
    found: Sequence[Detections], asked: Sequence[tuple[Sequence[Clause], Sequence[Clause], bool]]
) -> list[Verdict]:
    """As `geneval_verdict`, of many images at once; asked: (include, exclude, counting) of each."""
    for include, _, _ in asked:
        for clause in include:
            target = 0 if clause.position is None else clause.position[1]
            if not 0 <= target < len(include):
                raise UsageError(f"The clause on '{clause.label}' points at clause {target} of {len(include)}.")
    kept = [_kept(f, CONFIDENCE_COUNTING if a[2] else CONFIDENCE) for f, a in zip(found, asked, strict=True)]
    stand = _stand(found, kept, [include for include, _, _ in asked])
    return [_verdict(f, k, a[0], a[1], s) for f, k, a, s in zip(found, kept, asked, stand, strict=True)]


Kept = Mapping[str, list[int]]


def _verdict(
    found: Detections, kept: Kept, include: Sequence[Clause], exclude: Sequence[Clause], stand: Mapping[int, bool]
) -> Verdict:
    reasons: list[str] = []
    matched: list[bool] = []
    for at, clause in enumerate(include):
        wrong = _lacks(found, kept, clause, matched, stand.get(at, False))
        matched.append(not wrong)
        reasons += wrong
    for clause in exclude:
        if len(kept.get(clause.label, [])) >= clause.count:
            reasons.append(f"expected {clause.label}<{clause.count}, found {len(kept[clause.label])}")
    return not reasons, tuple(reasons)


def _kept(found: Detections, least: float) -> Mapping[str, list[int]]:
    """Class -> detections of at least this confidence, surest first."""
    kept: dict[str, list[int]] = {}
    for i in np.argsort(-np.asarray(found.scores), kind="stable").tolist():
        if found.scores[i] > least and len(kept.setdefault(found.labels[i], [])) < MOST:
            kept[found.labels[i]].append(i)
    return kept


def _stand(
    found: Sequence[Detections], kept: Sequence[Kept], asked: Sequence[Sequence[Clause]]
) -> list[dict[int, bool]]:
    """For each image: place of a clause -> whether all its objects stand to all of their target's as it asks; of
    clauses with a position and all objects there. One look a relation, since looks are dear and boxes are few."""
    pairs: dict[str, list[tuple[int, int, np.ndarray, np.ndarray]]] = {}
    for image, (one, boxes, include) in enumerate(zip(found, kept, asked, strict=True)):
        for at, clause in enumerate(include):
            if clause.position is None:
                continue
            target = include[clause.position[1]]
            some, those = (boxes.get(c.label, [])[: c.count] for c in (clause, target))
            if len(some) == clause.count and len(those) == target.count:
                held = pairs.setdefault(clause.position[0], [])
                held += [(image, at, one.boxes[a], one.boxes[b]) for a in some for b in those]
    stand: list[dict[int, bool]] = [{} for _ in found]
    for relation, held in pairs.items():
        these, others = (torch.as_tensor(np.stack([p[side] for p in held]).astype(np.float64)) for side in (2, 3))
        right = relation_holds(these, others, relation, rule="geneval").tolist()
        for (image, at, _, _), holds in zip(held, right, strict=True):
            stand[image][at] = stand[image].get(at, True) and holds
    return stand


def _lacks(found: Detections, kept: Kept, clause: Clause, matched: Sequence[bool], stands: bool) -> list[str]:
    some = kept.get(clause.label, [])[: clause.count]
    if len(some) < clause.count:
        return [f"expected {clause.label}>={clause.count}, found {len(some)}"]
    if clause.colour:
        right = sum(bool(found.attributes) and found.attributes[i].get("colour") == clause.colour for i in some)
        if right < clause.count:
            return [f"expected {clause.colour} {clause.label}>={clause.count}, found {right}"]
    if clause.position is None:
        return []
    relation, target = clause.position
    if target >= len(matched) or not matched[target]:
        return [f"no target for {clause.label} to be {relation}"]
    return [] if stands else [f"expected {clause.label} {relation} target"]


def geneval_overall(right: Sequence[bool] | np.ndarray, tasks: Sequence[str]) -> float:
    """Unweighted mean over tasks of the share of right images, which is the benchmark's headline."""
    verdicts, names = np.asarray(right, dtype=np.float64), np.asarray(tasks)
    if len(verdicts) == 0 or len(verdicts) != len(names):
        raise UsageError(f"There must be a task for each verdict; got {len(names)} for {len(verdicts)}.")
    return float(np.mean([verdicts[names == task].mean() for task in np.unique(names)]))
