"""What stands below the parts of the comparison's page: how to read each, in plain words."""

from __future__ import annotations

SCORES = (
    "± is half the 95 % interval, [low, high] a lopsided one, drawn below on the column's common axis. ◆ marks every "
    "system that is not surely worse than the best: choose among them by other means. Controls are measured alike and "
    "not ranked; an arrow at the edge means that a value lies outside the systems' range."
)
DIFFERENCES = (
    "Each system less {against}, on the images that both have. Right of the line is better, whichever way the metric "
    "runs."
)
P = "adjusted over all comparisons of the primary metrics; of the others over the metric's own comparisons"
EFFECTS = (
    "Dot and bar: difference and 95 % interval in standard deviations of the prompts' own differences, the one unit "
    "that metrics share; amounts at the right are in the metric's unit and run as it runs. Shaded: smaller differences "
    "than this would be missed one time in five or more."
)
SLICES = (
    "Tinted by the difference in standard deviations, blue where the first is better and orange where it is worse. ▲ ▼ "
    "mark what holds at a false discovery rate of 5 % over all parts and metrics together (Benjamini-Hochberg); pale "
    "parts in italics have fewer than 20 prompts. Parts are for looking around: a verdict needs a question asked "
    "beforehand."
)
DUELS = (
    "All images of a prompt are shown up to four, not the one that suits. Marks stand on each metric's range, right "
    "being better."
)
GRID = "The first {count} prompts in the order of their digests, the first image of each: chosen by nobody."
EXTREMES = (
    "Prompts by the mean over their images, which all are shown up to a few, with the page's best beside its worst. "
    "Extremes show what a metric rewards and punishes: they are no sample of a system's quality."
)
FILES = "`bench compare --images files` writes all beside the page."
