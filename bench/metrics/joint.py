"""`fjd`, `ffid`: Fréchet distances that know the prompt: of image and text together, and within groups of prompts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from bench.errors import TooFew
from bench.functional import checks, frechet_distance, frechet_joint_distance
from bench.metrics.base import Metric
from bench.metrics.rowwise import mark
from bench.metrics.sets import as_replicates
from bench.registry import register
from bench.types import OutputCard, Sample, View


class _Paired(Metric):
    """A set metric of images, their samples' own references and one more column each; rows are aligned."""

    scope = "set"
    minimum = 2

    def keep(self, names: Sequence[str], *parameters: object) -> None:
        """Add a state for each of these."""
        self.states = {name: self.add_rows(name, *parameters) for name in names}

    def rows(self) -> list[torch.Tensor]:
        """All rows of each state; TooFew when there are not enough."""
        found = [self.joined(state) for state in self.states.values()]
        self.need(len(found[0]))
        return found

    def value(self, *rows: torch.Tensor) -> torch.Tensor:
        """The score of these rows."""
        raise NotImplementedError

    def compute(self) -> torch.Tensor:
        return self.value(*self.rows())

    def replicates(self, blocks: Sequence[int]) -> dict[str, np.ndarray]:
        rows = self.rows()
        which, count = checks.blocks(blocks, rows[0], least=2)
        kept = [(which != b).cpu() for b in range(count)]
        return as_replicates(value=torch.stack([self.value(*(r[k.to(r.device)] for r in rows)) for k in kept]))


@register(
    "metric", "fjd", summary="Fréchet distance of image and prompt embeddings side by side", scope="set",
    direction="lower",
)  # fmt: skip
class FrechetJointDistance(_Paired):
    """Distance of (image, prompt) pairs from (own reference image, prompt) pairs: images of another prompt cost as much
    as bad images. Depends on n: compare equal n only.

    The text part is scaled so that both parts have equal mean length on the reference.
    """

    formula = "FD of [image, a text] against [own reference, a text], a = E|image| / E|text|"
    outputs = (OutputCard("value", "FJD", "lower", 0.0),)
    responds_to = ("wrong-colour", "wrong-shape", "wrong-count", "wrong-side", "shuffled", "constant", "noise")
    paper = "DeVries et al. 2019, arXiv:1907.08175"

    def __init__(
        self, extractor: str = "inception-v3", text_extractor: str = "open-clip(model=ViT-B-32,pretrained=openai)"
    ) -> None:
        super().__init__()
        self.extractor, self.text_extractor = str(extractor), str(text_extractor)
        self.keep(("generated", "own", "text"), extractor, text_extractor)

    def views(self) -> Mapping[str, View]:
        return {
            "generated": View("generated", "features", self.extractor),
            "own": View("own", "features", self.extractor),
            "text": View("prompt", "features", self.text_extractor),
        }

    def update(
        self,
        *,
        generated: torch.Tensor,
        own: torch.Tensor,
        text: torch.Tensor,
        ids: Sequence[str] | None = None,
    ) -> None:
        """Aligned features (b, d), (b, d), (b, e)."""
        for name, rows in (("generated", generated), ("own", own), ("text", text)):
            checks.features(rows, name, ids=ids)
            getattr(self, self.states[name]).append(rows.detach())

    def value(self, *rows: torch.Tensor) -> torch.Tensor:
        generated, own, text = rows
        return frechet_joint_distance(generated, text, own, text)


@register(
    "metric", "ffid", summary="mean over groups of prompts of the Fréchet distance within the group", scope="set",
    direction="lower",
)  # fmt: skip
class IntraGroupFD(_Paired):
    """Mean of the Fréchet distances between images and own references of each group of prompts.

    The name stands in a survey without a definition; this is the nearest published one, the intra-class FID. by: the
    samples' tag that makes the groups, '' for their `group`. Groups of fewer than `least` images are left out. Far
    more biased by few images than the distance of all: compare equal n only.
    """

    formula = "mean over groups c of FD(generated of c, references of c)"
    outputs = (OutputCard("value", "FFID (intra-group FD)", "lower", 0.0),)
    responds_to = ("constant", "noise")
    paper = "Miyato and Koyama 2018, arXiv:1802.05637"

    def __init__(self, extractor: str = "inception-v3", by: str = "", least: int = 8) -> None:
        super().__init__()
        self.extractor, self.by, self.least = str(extractor), by, max(int(least), 2)
        self.minimum = self.least
        self.remedy = "give more images a group, name another tag by by=, or lower least"
        self.keep(("generated", "own", "groups"), extractor, by, least)

    def views(self) -> Mapping[str, View]:
        return {
            "generated": View("generated", "features", self.extractor),
            "own": View("own", "features", self.extractor),
            "truth": View("sample", "truth"),
        }

    def update(
        self, *, generated: torch.Tensor, own: torch.Tensor, truth: Sequence[Sample], ids: Sequence[str] | None = None
    ) -> None:
        """Aligned features (b, d), (b, d) and samples."""
        names = [s.tags.get(self.by, "") if self.by else s.group for s in truth]
        groups = torch.tensor([mark(name) for name in names], dtype=torch.int64)
        for name, rows in (("generated", generated), ("own", own)):
            checks.features(rows, name, ids=ids)
            getattr(self, self.states[name]).append(rows.detach())
        getattr(self, self.states["groups"]).append(groups)

    def value(self, *rows: torch.Tensor) -> torch.Tensor:
        generated, own, groups = rows
        kinds, counts = groups.unique(return_counts=True)
        large = kinds[counts >= self.least]
        if not len(large):
            raise TooFew(f"No group has {self.least} images, the largest has {int(counts.max())}; {self.remedy}.")
        at = [(groups == kind).to(generated.device) for kind in large]
        return torch.stack([frechet_distance(generated[i], own[i]) for i in at]).mean()
