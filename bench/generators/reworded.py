"""`reworded`: another generator that is asked in other words, while its images are held to what was meant.

The words are those of the `perturbed` dataset, kind by kind and strength by strength; the samples, their truth and so
the protocol stay the dataset's own. Runs of all strengths are therefore compared on equal terms, and their scores
against `strength` are a curve with a slope: flat for a system that understands, as long as the meaning is preserved.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

from bench import registry
from bench.generators.base import Context
from bench.generators.wrapping import Inner, Wrapper, with_info
from bench.registry import register
from bench.types import Outcome, Request


@register("generator", "reworded", summary="another generator, asked in other words: typos, synonyms, drops, ...")
class Reworded(Wrapper):
    """generator: any. kind, strength: of the `perturbed` dataset; strength 0 is the generator as it is."""

    def __init__(self, generator: str = "flow", kind: str = "synonyms", strength: float = 0.5) -> None:
        self.kind, self.strength = kind, float(strength)
        registry.create("dataset", "perturbed", {"base": "scenes", "kind": kind, "strength": strength})
        super().__init__(Inner(generator))

    def setup(self, context: Context) -> None:
        super().setup(context)
        self.words = registry.create(
            "dataset", "perturbed", {"base": context.dataset, "kind": self.kind, "strength": self.strength}
        )

    def generate(self, requests: Sequence[Request]) -> Iterator[Outcome]:
        (inner,) = self.inner
        asked = [self._asked(request) for request in requests]
        for before, now, outcome in zip(requests, asked, inner.ask(asked), strict=True):
            yield outcome if now.prompt == before.prompt else with_info(outcome, asked=now.prompt)

    def _asked(self, request: Request) -> Request:
        sample = self.context.samples.get(request.sample_id)
        if sample is None or self.strength == 0:
            return request
        made = self.words.reword(dataclasses.replace(sample, prompt=request.prompt))
        return request if made is None else dataclasses.replace(request, prompt=made.prompt)
