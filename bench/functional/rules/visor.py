"""VISOR's six numbers (Gokhale et al. 2022, arXiv 2212.10015, eq. 1 to 4) from what was found in each image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bench.errors import UsageError

VISOR_SPREAD = 4
"""Images a prompt, and the largest n of VISOR_n."""


def visor(
    both: Sequence[bool] | np.ndarray, right: Sequence[bool] | np.ndarray, prompts: Sequence[Any]
) -> dict[str, float]:
    """OA, cond, uncond and VISOR_1..4 in [0, 1] of n images.

    both (n,): both objects were found; right (n,): and some pair of them stands as asked; prompts (n,): whose image it
    is. VISOR_n is the share of prompts with n or more right images, among all prompts (the published notebook divides
    by those with both objects found). cond is NaN where no image has both. uncond = OA * cond, and the mean of VISOR_1
    to 4 is uncond where every prompt has four images.
    """
    found, fine = np.asarray(both, dtype=bool), np.asarray(right, dtype=bool)
    if not (len(found) == len(fine) == len(prompts)) or len(found) == 0:
        raise UsageError(f"both, right and prompts must be aligned and not empty; got {len(found)}, {len(fine)}, "
                         f"{len(prompts)}.")  # fmt: skip
    if (fine & ~found).any():
        raise UsageError(f"Image {int((fine & ~found).argmax())} is right without both objects; right implies both.")
    _, codes = np.unique(np.asarray(prompts), return_inverse=True)
    hits = np.bincount(codes.reshape(-1), weights=fine.astype(float))
    scores = {f"VISOR_{n}": float((hits >= n).mean()) for n in range(1, VISOR_SPREAD + 1)}
    cond = float(fine.sum() / found.sum()) if found.any() else float("nan")
    return {"OA": float(found.mean()), "cond": cond, "uncond": float(fine.mean()), **scores}
