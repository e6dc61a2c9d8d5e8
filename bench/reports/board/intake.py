"""The runs as they come: read, checked for what a board relies on, and matched with the board's data sets.

A folder that cannot be read, is damaged or does not fit is no error: it is listed with the reason.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from bench import store
from bench.errors import BenchError, StoreError
from bench.reports.board.nouns import BoardSpec, DatasetSpec, Level
from bench.reports.comparison.checks import differing
from bench.spec import parse_system
from bench.types import Run, Score


@dataclass(frozen=True)
class Entry:
    """A run that the board read."""

    run: Run
    dataset: str = ""
    """Name of the board's data set; '' where it is of none."""
    level: Level = "self-reported"
    card: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""
    """Why it is not ranked."""

    @cached_property
    def scores(self) -> Mapping[tuple[str, str], Score]:
        """(protocol, output) -> score."""
        return {(s.protocol, s.output): s for s in reversed(self.run.scores)}

    @property
    def control(self) -> bool:
        return self.run.spec.factors.get("control") == "true"

    @property
    def declared(self) -> int:
        """Images asked for."""
        asked = int(self.run.dataset.get("samples", 0)) * (self.run.spec.repeats or 1)
        return max(asked, sum(self.run.counts.values()))

    @property
    def coverage(self) -> float:
        """Share of them that were made."""
        return self.run.counts.get("ok", 0) / self.declared if self.declared else 0.0

    @property
    def failed(self) -> dict[str, int]:
        """Status -> images, without ok."""
        return {k: v for k, v in sorted(self.run.counts.items()) if k != "ok" and v}


@dataclass(frozen=True)
class Unreadable:
    """A folder that holds no run that can be read."""

    path: str
    reason: str


def read(given: Sequence[str | Path | Run]) -> tuple[list[Run], list[Unreadable]]:
    """The runs in an order that does not depend on how they were given, and what could not be read."""
    runs: list[Run] = []
    lost: list[Unreadable] = []
    for one in given:
        try:
            run = one if isinstance(one, Run) else store.load(one)
            _check(run)
            runs.append(run)
        except BenchError as error:
            lost.append(Unreadable(one.path if isinstance(one, Run) else str(one), str(error)))
    return sorted(runs, key=lambda r: (r.digest, -len(r.scores), r.path)), sorted(lost, key=lambda u: u.path)


def _check(run: Run) -> None:
    """StoreError when a field that the board reads is not of its type: run.json may be a stranger's."""
    texts = {"label": run.label, "digest": run.digest, "spec.system": run.spec.system}
    bad = [name for name, value in texts.items() if not isinstance(value, str) or not value]
    factors = run.spec.factors
    mappings = (run.dataset, run.counts, run.protocols, run.cards, factors)
    fine = all(isinstance(m, Mapping) for m in mappings) and all(isinstance(v, str) for v in factors.values())
    if bad or not fine:
        raise _damaged(run, bad[0] if bad else "a table")
    if not all(_whole(v) for v in run.counts.values()) or not _whole(run.dataset.get("samples", 0)):
        raise _damaged(run, "a number of images")
    if not isinstance(run.dataset.get("prompts"), str) or not (run.spec.repeats is None or _whole(run.spec.repeats)):
        raise _damaged(run, "the prompt list or the repeats")
    for score in run.scores:
        if score.metric not in run.cards or score.protocol not in run.protocols:
            raise _damaged(run, f"the card or protocol of {score.metric}")
        if not all(_real(v) for v in (score.value, score.low, score.high, *score.replicates)) or not _whole(score.n):
            raise _damaged(run, f"a number of {score.metric}")


def _damaged(run: Run, what: str) -> StoreError:
    return StoreError(f"{run.path}/run.json lacks or misnames {what}; it was edited or damaged.")


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _real(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


# ---- data sets ------------------------------------------------------------------------------------------------------


def pinned_datasets(spec: BoardSpec, runs: Sequence[Run]) -> tuple[tuple[DatasetSpec, ...], list[str]]:
    """The board's data sets with a prompt list each, and a note for each list that the board's file does not pin.

    An unpinned data set takes the list that most runs of its name have, whole lists before parts.
    """
    found, notes = [], []
    for one in spec.datasets:
        if one.prompts:
            found.append(one)
            continue
        namesakes = [r for r in runs if one.name in names_of(r)]
        votes = Counter((bool(r.dataset.get("whole", True)), str(r.dataset["prompts"]), _samples(r)) for r in namesakes)
        if not votes:
            found.append(one)
            notes.append(f"No run is on {one.name}, so that its prompt list could not be told.")
            continue
        (_, prompts, samples), count = max(votes.items(), key=lambda v: (v[0][0], v[1], v[0][2], v[0][1]))
        found.append(DatasetSpec(one.name, prompts, samples))
        share = "all" if count == len(namesakes) else f"{count} of {len(namesakes)}"
        notes.append(
            f"The prompt list of {one.name} is not pinned in the board's file; the one of {share} runs is taken "
            f"({samples} prompts, {prompts[:8]}). `bench leaderboard pin` writes it down."
        )
    return tuple(found), notes


def names_of(run: Run) -> set[str]:
    """What a run's data set may be called."""
    return {str(run.dataset[k]) for k in ("label", "name") if run.dataset.get(k)} | {run.spec.dataset}


def _samples(run: Run) -> int:
    return int(run.dataset.get("samples", 0))


def dataset_of(run: Run, datasets: Sequence[DatasetSpec]) -> tuple[str, str]:
    """(name of the board's data set, '') of a run that fits one, else ('', why it fits none)."""
    prompts = str(run.dataset["prompts"])
    fits = [d.name for d in datasets if d.prompts == prompts]
    named = [d for d in datasets if d.name in names_of(run)]
    for one in (*(d.name for d in named), *fits):
        if one in fits:
            return one, ""
    known = ", ".join(d.name for d in datasets)
    shown = str(run.dataset.get("label") or run.dataset.get("name") or run.spec.dataset)
    if not named:
        return "", f"its data set is {shown}, and the board's are {known}" if len(datasets) > 1 else (
            f"its data set is {shown}, and the board's is {known}"
        )  # fmt: skip
    if not run.dataset.get("whole", True):
        declared = run.dataset.get("declared", named[0].samples)
        return "", f"it has {_samples(run)} of the {declared} prompts of {shown}, and the board asks for all"
    return "", (
        f"its prompt list is another one ({_samples(run)} prompts, {prompts[:8]}) than the board's "
        f"({named[0].samples or 'unknown number of'} prompts, {named[0].prompts[:8]})"
    )


# ---- systems --------------------------------------------------------------------------------------------------------


def system_key(run: Run) -> str:
    """What makes two runs one system: its text; for folders of images their label, since a path is only a place."""
    try:
        system = parse_system(run.spec.system)
    except BenchError:
        return run.spec.system
    return f"folder {run.label}" if system.generator.name == "folder" else run.spec.system


def parts_of(text: str) -> tuple[str, str]:
    """(generator, fusion) of a system's text; 'none' is no fusion."""
    try:
        system = parse_system(text)
    except BenchError:
        return text, ""
    fusion = "" if system.fusion is None or system.fusion.name == "none" else str(system.fusion)
    return str(system.generator), fusion


def factors_of(run: Run) -> tuple[tuple[str, str], ...]:
    """Run seed and factors, which tell replicates of one system apart; the label is a name and no factor of chance."""
    return (("seed", str(run.spec.seed)), *sorted((k, v) for k, v in run.spec.factors.items() if k != "label"))


def unlike(run: Run, protocol: str, pinned: Mapping[str, Any] | None) -> str:
    """What parts a run's protocol from the pinned one, in words."""
    own = run.protocols.get(protocol, {})
    if pinned is None:
        return f"the board pins protocol {protocol[:8]}" if not own else f"its protocol is {protocol[:8]}"
    return "; ".join(differing([pinned, own], ["the board", "this run"])[:4])


def finite(value: float | None) -> bool:
    """Whether there is a number."""
    return value is not None and math.isfinite(value)
