"""Performance profile: the share of prompts on which a system scores at least t, for every t, with a band for all t at
once.

The band is that of Dvoretzky, Kiefer and Wolfowitz with Massart's constant: half-width sqrt(ln(2 / 0.05) / 2n).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from bench.reports.figures import scales
from bench.reports.figures.material import Ask, Material, the_panel, title_of
from bench.reports.figures.pairing import joint
from bench.reports.figures.plane import Plane, plane
from bench.reports.figures.sheet import grid, pencil
from bench.reports.figures.style import Mark
from bench.reports.privacy import private

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BANDS = 4
"""Systems up to which bands are drawn: more would hide each other."""


def profile(material: Material, ask: Ask) -> Figure:
    """One curve a system; higher is better everywhere, also where less is better (there: at most t)."""
    panel = the_panel(material, ask.metric, paired=True)
    both = joint(material, panel, least=1)
    values = both.values[np.isfinite(both.values).all(1)]
    order = np.argsort(-panel.sign * values.mean(0), kind="stable")
    half = band(len(values))
    limits = scales.ends([float(values.min()), float(values.max())], margin=0.03)
    word = "at most" if panel.direction == "lower" else "at least"
    unit = f" ({panel.unit})" if panel.unit else ""
    with pencil():
        key = tuple((material.marks[both.members[i]], title_of(material, both.members[i], ask)) for i in order)
        shown = len(order) <= BANDS
        drawn = plane(ask.style, Plane(
            limits, (0.0, 1.0), f"t{unit}", f"share of prompts with {word} t", panel.head(ask.literal),
            panel.under(ask.literal), key=key, line=True,
            note=f"{len(values):,} prompts; " + (
                "bands hold for all t at once, 95 %." if shown
                else f"a band for all t at once, 95 %, reaches {half:.3f} to both sides."
            ),
        ))  # fmt: skip
        grid(drawn.axis, "both")
        assert material.comparison is not None
        closed = any(private(s.run) for s in material.comparison.systems)
        for at, i in enumerate(order):
            steps = curve(values[:, i], panel.sign, limits, 40 if closed else 0)
            _line(drawn.axis, steps, half if shown else 0.0, material.marks[both.members[i]], at, ask)
        return drawn.sheet.figure


def band(count: int) -> float:
    """Half-width of the simultaneous 95 % band of a distribution function from `count` prompts."""
    return float(np.sqrt(np.log(2 / 0.05) / (2 * count)))


def curve(values: np.ndarray, sign: int, limits: tuple[float, float], bins: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(t, share of values at least as good as t), t ascending; bins: only at so many equally spaced t."""
    places = np.linspace(*limits, bins) if bins else np.unique(np.concatenate([values, limits]))
    ordered = np.sort(sign * values)
    share = 1 - np.searchsorted(ordered, sign * places, side="left") / len(values)
    return places, share


def _line(axis: Axes, steps: tuple[np.ndarray, np.ndarray], half: float, mark: Mark, at: int, ask: Ask) -> None:
    t, share = steps
    # the share holds at t itself: at least t, or at most t
    where: Literal["pre", "post"] = "pre" if share[0] >= share[-1] else "post"
    axis.step(t, share, where=where, color=mark.colour, linewidth=ask.style.line)
    if half:
        low, high = np.clip(share - half, 0, 1), np.clip(share + half, 0, 1)
        axis.fill_between(t, low, high, step=where, color=mark.colour, alpha=0.13, linewidth=0)
    level = 0.2 + 0.6 * ((at * 0.381966) % 1.0)  # golden section: neighbours' marks stand at different heights
    near = int(np.argmin(np.abs(share - level)))
    axis.plot([t[near]], [share[near]], **mark.point(ask.style.mark))
