"""What goes wrong between two players, as figures that are logged and one sentence where they are beyond bounds.

Mode collapse is counted exactly, as in stacked MNIST: a mode is a shape, a colour and a cell of the 3 x 3 grid, read by
the analytic detector. Texts ask for every trained pair of shape and colour in turn and leave the place open, so that
the place must come from the latent. What an honest painter reaches with as many images is measured on renders of the
same texts.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from bench.training.drawn import Draw
from bench.world.description import Described, Understanding
from bench.world.detect import detect
from bench.world.grammar import layout, paraphrases
from bench.world.palette import CELLS, COLOURS, SHAPES
from bench.world.render import render
from bench.world.sampling import HELD_OUT_PAIRS

PAIRS = tuple((c, s) for c in COLOURS for s in SHAPES if (c, s) not in HELD_OUT_PAIRS)
ALL = len(PAIRS) * len(CELLS)
"""Modes: 42 trained pairs of colour and shape in 9 cells."""
FEW, MORE = 0.5, 1.0
"""Collapse: fewer modes than this share of what renders of the same texts reach, or so much more divergence (nats)."""
TELLS, FADED = 0.98, 1e-3
"""Dominance: the critic tells this share of pairs apart, or the painter's gradient is below this norm."""

Mode = tuple[str, str, int]


def asked(images: int) -> list[tuple[str, str]]:
    """The (colour, shape) of each of n images: every trained pair in turn."""
    return [PAIRS[i % len(PAIRS)] for i in range(images)]


def modes_of(pixels: np.ndarray) -> list[Mode | None]:
    """uint8 (n, h, w, 3) -> colour, shape and cell of the only object of each image; None where there is no such."""
    side = pixels.shape[1]
    found: list[Mode | None] = []
    for seen in detect(pixels):
        if len(seen) != 1:
            found.append(None)
            continue
        x0, y0, x1, y1 = seen.boxes[0]
        column, row = (min(2, max(0, int((a + b) / 2 * 3 // side))) for a, b in ((x0, x1), (y0, y1)))
        found.append((seen.colours[0], seen.shapes[0], 3 * row + column))
    return found


def spread(modes: Sequence[Mode | None]) -> tuple[int, float]:
    """How many of the modes occur, and the KL divergence (nats) of their shares from uniform over all. What is no mode
    (no object or several, an untrained pair) is left out; log(ALL), the most there is, where nothing is left."""
    counts = Counter(m for m in modes if m is not None and m[:2] in PAIRS)
    total = sum(counts.values())
    if not total:
        return 0, math.log(ALL)
    return len(counts), sum(n / total * math.log(n / total * ALL) for n in counts.values())


def figures(draw: Draw, images: int = ALL) -> dict[str, float]:
    """`modes`, `kl` and the same of renders, of one image for each mode by default."""
    pairs = asked(images)
    told = [Understanding((Described(shape, colour),)) for colour, shape in pairs]
    pixels = draw([paraphrases(t)[0] for t in told], list(range(images)))
    truth = render([layout(t, i) for i, t in enumerate(told)], list(range(images)), pixels.shape[1])
    (modes, kl), (most, least) = spread(modes_of(pixels)), spread(modes_of(truth))
    return {"modes": float(modes), "modes of truth": float(most), "kl": kl, "kl of truth": least}


def told(found: Mapping[str, float]) -> list[str]:
    """A sentence for each thing that is beyond bounds; found: `figures` and what the players watch (apart, pull)."""
    said = []
    if found.get("apart", 0.0) >= TELLS:
        said.append(
            f"The critic dominates: it tells {found['apart']:.1%} of painted from real images; raise r1, or lower edge."
        )
    if found.get("pull", 1.0) < FADED:
        said.append(
            f"The painter learns nothing: its gradient has norm {found['pull']:.1e}; take loss=rp, or raise r1."
        )
    if "modes" in found:
        few = found["modes"] < FEW * found["modes of truth"]
        if few or found["kl"] > found["kl of truth"] + MORE:
            said.append(
                f"The painter collapses: {found['modes']:.0f} of {ALL} modes (shape, colour, cell) occur where renders "
                f"of the same texts reach {found['modes of truth']:.0f}, divergence from uniform {found['kl']:.2f} "
                f"against {found['kl of truth']:.2f}; try loss=rp, pool=0.5 or seeking=0.1."
            )
    return said
