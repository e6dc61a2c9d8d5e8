"""`repair`: generate, look for what is missing or wrong, and try again until the image holds what its prompt says.

What is wrong is what the analytic detector of scenes does not find of the prompt's own words (`bench.world.fidelity`);
a prompt that the grammar does not read is drawn once. The best attempt is kept, the first among equals.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from bench import registry
from bench.errors import UsageError
from bench.generators.base import Context
from bench.generators.preferring import rule_of
from bench.generators.wrapping import Inner, Wrapper, asked_about, attempt, singly, with_info
from bench.registry import register
from bench.types import Outcome, Request
from bench.world.description import Understanding
from bench.world.fidelity import Fact, facts, share, told_by
from bench.world.grammar import paraphrases

WAYS = ("seed", "prompt", "guidance")
MOST = 16
STRONGER = 1.5
"""Factor of the guidance from one round to the next."""


@dataclass
class _Case:
    """One request under repair."""

    request: Request
    told: Understanding | None
    best: Outcome | None = None
    holding: float = -1.0
    wrong: tuple[str, ...] = ()
    shares: list[float] = field(default_factory=list)
    kept: int = 0

    @property
    def open(self) -> bool:
        return self.told is not None and self.holding < 1


@register("generator", "repair", summary="another generator's images, drawn again while something of the prompt lacks")
class Repair(Wrapper):
    """generator: any that makes images of scenes. rounds: most attempts beyond the first. by: what changes beside the
    seed: nothing (seed), the prompt's wording (prompt), or the generator's guidance, 1.5 times more each round."""

    def __init__(
        self, generator: str = "flow", rounds: int = 3, by: str = "seed", judge: str = "scene-detector"
    ) -> None:
        if not 0 <= rounds <= MOST:
            raise UsageError(f"repair takes 0 to {MOST} rounds; got {rounds}.")
        if by not in WAYS:
            raise UsageError(f"repair changes one of {', '.join(WAYS)}; got by={by}.")
        self.rounds, self.by, self.judge = int(rounds), by, str(judge)
        if rule_of(self.judge) != "facts":
            raise UsageError(f"repair looks for objects, and {judge} finds none; scene-detector does.")
        super().__init__(Inner(generator), judges=(self.judge,))
        spec = self.inner[0].spec
        known = registry.parameters(registry.load("generator", spec.name))
        if by == "guidance" and "guidance" not in known:
            raise UsageError(f"{spec.name} has no guidance to raise; repair it by seed or by prompt.")

    @cached_property
    def _stronger(self) -> list[Inner]:
        """The generator with the guidance of each round beyond the first; () where it stays as it is."""
        (inner,) = self.inner
        if self.by != "guidance":
            return []
        first = float(registry.resolved("generator", inner.spec.name, inner.spec.params)["guidance"])
        return [inner.other(guidance=round(first * STRONGER**k, 6)) for k in range(1, self.rounds + 1)]

    def setup(self, context: Context) -> None:
        super().setup(context)
        for one in self._stronger:
            one.made.setup(context)

    def close(self) -> None:
        super().close()
        for one in self._stronger:
            one.made.close()

    def generate(self, requests: Sequence[Request]) -> Iterator[Outcome]:
        return singly(requests, "repair", self._repaired)

    def _repaired(self, requests: Sequence[Request]) -> list[Outcome]:
        cases = [_Case(request, told_by(request.prompt)) for request in requests]
        for number in range(self.rounds + 1):
            if open_ := [case for case in cases if case.open or number == 0]:
                self._round(open_, number)
        return [_ended(case) for case in cases]

    def _round(self, cases: Sequence[_Case], number: int) -> None:
        """One attempt for each of these cases; the better one is kept."""
        inner = self._stronger[number - 1] if number and self._stronger else self.inner[0]
        made = inner.ask([self._asked(case, number) for case in cases])
        looked = [(c, o) for c, o in zip(cases, made, strict=True) if o.status == "ok" and c.told is not None]
        images, samples = [o.image for _, o in looked], [asked_about(c.request) for c, _ in looked]
        assert self.context.view is not None
        seen = self.context.view("detections", self.judge, images, samples) if looked else []
        found = {id(c): facts(c.told, d) for (c, _), d in zip(looked, seen, strict=True) if c.told is not None}
        for case, outcome in zip(cases, made, strict=True):
            _take(case, outcome, found.get(id(case)), number)

    def _asked(self, case: _Case, number: int) -> Request:
        request = attempt(case.request, number)
        if self.by != "prompt" or number == 0 or case.told is None:
            return request
        others = [text for text in paraphrases(case.told) if text != request.prompt]
        return dataclasses.replace(request, prompt=others[(number - 1) % len(others)]) if others else request


def _take(case: _Case, outcome: Outcome, listed: Sequence[Fact] | None, number: int) -> None:
    holding = share(listed) if listed is not None else -1.0
    case.shares.append(holding)
    if case.best is None or holding > case.holding:
        case.best, case.holding, case.kept = outcome, holding, number
        case.wrong = tuple(f.text for f in listed or () if not f.holds)


def _ended(case: _Case) -> Outcome:
    assert case.best is not None
    if case.told is None:
        return with_info(case.best, repair={"rounds": 0, "unread": True})
    shares = [round(s, 6) if s >= 0 else None for s in case.shares]
    found = {"rounds": len(shares) - 1, "kept": case.kept, "shares": shares, "wrong": list(case.wrong)}
    return with_info(case.best, repair=found)
