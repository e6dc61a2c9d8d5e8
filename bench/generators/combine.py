"""`combine`: one image from the predictions of two flows, step by step.

average   v = w v1 + (1 - w) v2, each v guided as it is alone: a mean of what the two would do
product   v = w e1 + (1 - w) e2 + g1 (v1 - e1) + g2 (v2 - e2), e the velocity without text: the density
          p(x) p1(text | x)^g1 p2(text | x)^g2, in which both must agree (Liu et al. 2022, arXiv:2206.01714)

Both begin at the first one's noise. Any two generators that offer `denoiser` and images of one size can be combined;
with the same flow twice, the average is that flow and the product is it at twice the guidance.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from bench.errors import UsageError
from bench.generators.base import Denoiser, Generator, as_outcomes
from bench.generators.wrapping import Inner, Wrapper, singly
from bench.registry import register
from bench.types import Outcome, Request

WAYS = ("average", "product")


@register("generator", "combine", summary="one image from the predictions of two flows: their average or product")
class Combine(Wrapper):
    """first, second: flows, e.g. "flow+film". weight: of the first, 0 to 1. how: average or product. steps: of
    sampling; default the larger of the two."""

    def __init__(
        self, first: str = "flow", second: str = "flow(train_seed=1)", weight: float = 0.5, how: str = "average",
        steps: int | None = None,
    ) -> None:  # fmt: skip
        if how not in WAYS:
            raise UsageError(f"combine knows {' and '.join(WAYS)}; got how={how}.")
        if not 0 <= weight <= 1:
            raise UsageError(f"combine takes a weight of the first from 0 to 1; got {weight}.")
        if steps is not None and not 1 <= steps <= 1000:
            raise UsageError(f"combine takes 1 to 1000 steps; got {steps}.")
        self.weight, self.how, self.steps = float(weight), how, steps
        super().__init__(Inner(first), Inner(second))
        for one in self.inner:
            if type(one.made).denoiser is Generator.denoiser:
                one.made.denoiser([])  # says why not

    def generate(self, requests: Sequence[Request]) -> Iterator[Outcome]:
        return singly(requests, "combine", self._combined)

    def _combined(self, requests: Sequence[Request]) -> Iterator[Outcome]:
        one, two = (inner.made.denoiser(requests) for inner in self.inner)
        if one.start.shape != two.start.shape:
            sizes = " and ".join("x".join(map(str, d.start.shape[2:])) for d in (one, two))
            raise UsageError(f"combine joins flows of one image size; got {sizes}.")
        steps = self.steps or max(one.steps, two.steps)
        x = one.start
        for step in range(steps):
            x = x - self._velocity(one, two, x, 1 - step / steps) / steps
        return as_outcomes(one.finish(x.clamp(-1, 1)))

    def _velocity(self, one: Denoiser, two: Denoiser, x: Any, t: float) -> Any:
        (v1, e1), (v2, e2) = one.velocities(x, t), two.velocities(x, t)
        free = self.weight * e1 + (1 - self.weight) * e2
        g1, g2 = one.guidance * (v1 - e1), two.guidance * (v2 - e2)
        if self.how == "average":
            return free + self.weight * g1 + (1 - self.weight) * g2
        return free + g1 + g2
