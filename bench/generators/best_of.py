"""`best-of`: several images for each prompt, of which one judge chooses (re-ranking, as DALL-E did by CLIP, Ramesh et
al. 2021).

A system that chooses by a judge is better by that judge, whether or not its images are: only another judge can tell.
The candidates of n = 4 are among those of n = 8, so that a curve over n is of nested choices.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from bench.errors import UsageError
from bench.generators.preferring import preferences, rule_of
from bench.generators.wrapping import Inner, Wrapper, asked_about, attempt, singly, with_info
from bench.registry import register
from bench.types import Outcome, Request

MOST = 64


@register("generator", "best-of", summary="n images of another generator for each prompt, one chosen by a judge")
class BestOf(Wrapper):
    """generator: any that makes images. n: candidates. judge: extractor to choose by. pick: best, or worst (a control:
    it must fall with n)."""

    def __init__(self, generator: str = "flow", n: int = 4, judge: str = "scene-clip", pick: str = "best") -> None:
        if not 1 <= n <= MOST:
            raise UsageError(f"best-of takes n from 1 to {MOST} candidates; got {n}.")
        if pick not in ("best", "worst"):
            raise UsageError(f"best-of picks the best or the worst; got pick={pick}.")
        self.n, self.judge, self.pick = int(n), str(judge), pick
        self.rule = rule_of(self.judge)
        super().__init__(Inner(generator), judges=(self.judge,) if n > 1 else ())

    def generate(self, requests: Sequence[Request]) -> Iterator[Outcome]:
        return singly(requests, "best-of", self._chosen)

    def _chosen(self, requests: Sequence[Request]) -> Iterator[Outcome]:
        (inner,) = self.inner
        asked = [attempt(request, i) for request in requests for i in range(self.n)]
        made = inner.ask(asked)
        scores = self._scores(asked, made)
        for at in range(0, len(made), self.n):
            yield self._one(made[at : at + self.n], scores[at : at + self.n])

    def _scores(self, asked: Sequence[Request], made: Sequence[Outcome]) -> np.ndarray:
        """float64, NaN for what is no image; nobody is asked where there is nothing to choose."""
        scores = np.full(len(made), np.nan)
        fine = [i for i, outcome in enumerate(made) if outcome.status == "ok"] if self.n > 1 else []
        if fine:
            images, samples = [made[i].image for i in fine], [asked_about(asked[i]) for i in fine]
            scores[fine] = preferences(self.context, self.judge, self.rule, images, samples)
        return scores

    def _one(self, group: Sequence[Outcome], scores: np.ndarray) -> Outcome:
        """The chosen candidate, the first among equals; the first failure where all failed."""
        if self.n == 1 or np.isnan(scores).all():
            return group[0]
        at = int(np.nanargmax(scores) if self.pick == "best" else np.nanargmin(scores))
        told = [None if np.isnan(s) else round(float(s), 6) for s in scores]
        return with_info(group[at], candidates={"judge": self.judge, "scores": told, "chosen": at})
