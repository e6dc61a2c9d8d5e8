"""`attacked`: a trained generator whose word embeddings are moved against it, for a curve of robustness over eps.

fgsm goes up the gradient of the generator's own loss; random, the control, goes as far in a random direction. What fgsm
costs beyond random is the attack; what random costs is only size.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench.errors import UsageError
from bench.generators.base import Generator, as_outcomes
from bench.generators.wrapping import Inner, Wrapper
from bench.registry import register
from bench.types import Outcome, Request

KINDS = ("fgsm", "random")


@register("generator", "attacked", summary="a trained generator with its word embeddings moved against it (FGSM)")
class Attacked(Wrapper):
    """generator: one that gives gradients (flow, cgan, ...). eps: how far, in units of the embeddings' root mean
    square. kind: fgsm, or random signs as the control."""

    def __init__(self, generator: str = "flow", eps: float = 0.1, kind: str = "fgsm") -> None:
        if kind not in KINDS:
            raise UsageError(f"attacked knows no kind '{kind}'; allowed: {', '.join(KINDS)}.")
        if not 0 <= eps <= 100:
            raise UsageError(f"attacked takes an eps from 0 (no attack) to 100; got {eps}.")
        self.eps, self.kind = float(eps), kind
        super().__init__(Inner(generator))
        made = self.inner[0].made
        if type(made).attack is Generator.attack:
            made.attack([], self.eps, self.kind)  # says why not

    def generate(self, requests: Sequence[Request]) -> Iterator[Outcome]:
        inner = self.inner[0].made
        yield from as_outcomes(inner.attack(requests, self.eps, self.kind) if self.eps else inner.generate(requests))
