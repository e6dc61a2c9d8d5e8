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


def geneval_verdict(
    found: Detections, include: Sequence[Clause], exclude: Sequence[Clause] = (), *, counting: bool = False
) -> tuple[bool, tuple[str, ...]]:
    """(right, reasons why not). counting: the prompt asks for a number, so that only sure detections count."""
    for clause in include:
        if clause.position is not None and not 0 <= clause.position[1] < len(include):
            raise UsageError(f"The clause on '{clause.label}' points at clause {clause.position[1]} of {len(include)}.")
    kept = _kept(found, CONFIDENCE_COUNTING if counting else CONFIDENCE)
    reasons: list[str] = []
    matched: list[list[int] | None] = []
    for clause in include:
        some = kept.get(clause.label, [])[: clause.count]
        wrong = _lacks(found, clause, some, matched)
        matched.append(None if wrong else some)
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


def _lacks(found: Detections, clause: Clause, some: list[int], matched: Sequence[list[int] | None]) -> list[str]:
    if len(some) < clause.count:
        return [f"expected {clause.label}>={clause.count}, found {len(some)}"]
    if clause.colour:
        right = sum(bool(found.attributes) and found.attributes[i].get("colour") == clause.colour for i in some)
        if right < clause.count:
            return [f"expected {clause.colour} {clause.label}>={clause.count}, found {right}"]
    if clause.position is None:
        return []
    relation, target = clause.position
    others = matched[target] if target < len(matched) else None
    if others is None:
        return [f"no target for {clause.label} to be {relation}"]
    pairs = [(a, b) for a in some for b in others]
    boxes = torch.as_tensor(np.asarray(found.boxes, dtype=np.float64))
    held = relation_holds(boxes[[a for a, _ in pairs]], boxes[[b for _, b in pairs]], relation, rule="geneval")
    return [] if bool(held.all()) else [f"expected {clause.label} {relation} target"]


def geneval_overall(right: Sequence[bool] | np.ndarray, tasks: Sequence[str]) -> float:
    """Unweighted mean over tasks of the share of right images, which is the benchmark's headline."""
    verdicts, names = np.asarray(right, dtype=np.float64), np.asarray(tasks)
    if len(verdicts) == 0 or len(verdicts) != len(names):
        raise UsageError(f"There must be a task for each verdict; got {len(names)} for {len(verdicts)}.")
    return float(np.mean([verdicts[names == task].mean() for task in np.unique(names)]))
