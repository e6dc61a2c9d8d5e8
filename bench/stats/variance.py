"""How much of a score's uncertainty comes from which prompts were asked and how much from the seeds of the images, and
what more prompts or more images a prompt would bring.

One-way random effects: an image's score is mean + prompt + image, with variances estimated by the analysis of variance
(Searle, Casella & McCulloch 1992, section 3.6), also where prompts have unequal numbers of images.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bench.errors import TooFew


@dataclass(frozen=True)
class Components:
    """Variance components of a score an image."""

    prompt: float
    """Variance between prompts, never below 0."""
    image: float
    """Variance between images of one prompt (the seeds)."""
    prompts: int
    images: int

    @property
    def share(self) -> float:
        """Intraclass correlation: the part of an image's variance that its prompt makes; NaN when nothing varies."""
        total = self.prompt + self.image
        return self.prompt / total if total > 0 else float("nan")

    def error(self, prompts: int, images: int, *, same_prompts: bool = False) -> float:
        """Standard error of the mean over `prompts` prompts with `images` images each.

        same_prompts: the question is about these very prompts, so that only the images vary.
        """
        between = 0.0 if same_prompts else self.prompt / prompts
        return float(np.sqrt(between + self.image / (prompts * images)))


def components(values: Sequence[float] | np.ndarray, groups: Sequence[Any] | np.ndarray) -> Components:
    """values (n,) a row an image, groups (n,) its prompt; NaN rows are left out.

    TooFew unless there are two prompts and some prompt has two images.
    """
    given = np.asarray(values, dtype=np.float64)
    fine = np.isfinite(given)
    given = given[fine]
    codes, labels = pd.factorize(np.asarray(groups)[fine], sort=True)
    n, count = np.bincount(codes, minlength=len(labels)).astype(float), len(labels)
    if count < 2 or len(given) == count:
        raise TooFew(
            f"Variance components need two prompts and two images of one of them; there are {count} prompts with "
            f"{len(given)} images."
        )
    means = np.bincount(codes, weights=given, minlength=count) / n
    within = float(np.square(given - means[codes]).sum() / (len(given) - count))
    between = float((n * np.square(means - given.mean())).sum() / (count - 1))
    # what an image counts in the expected mean square between prompts; the number of images when all have equally many
    weight = (n.sum() - np.square(n).sum() / n.sum()) / (count - 1)
    return Components(max((between - within) / weight, 0.0), within, count, len(given))
