"""Write docs/figures.md and its pictures: `python tools/figures.py` (`--page` prints the page alone).

The pictures are drawn from scores that are simulated here, so that anybody can make them again without images.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT)]

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

from bench.reports.figures import frames  # noqa: E402
from bench.reports.figures.catalog import CATALOG, Entry, figure  # noqa: E402
from bench.reports.figures.render import rendered  # noqa: E402
from bench.reports.figures.style import STYLES  # noqa: E402

FOLDER = ROOT / "docs" / "figures"
DPI = 110
HEAD = """# Figures

`bench plot NAME RUNS...` draws a figure of runs as PDF, SVG and PNG; `bench plot all RUNS...` draws all that the runs
allow and says of the others why not. This page is written by `python tools/figures.py`; its pictures show simulated
scores.

    bench plot --list
    bench plot forest ours sdxl -m clipscore -m fid --style wide --format pdf --out figures
    bench plot ranks runs/coco --board board.toml

```python
import bench

fig = bench.plot("forest", ["runs/coco/ours-1a2b3c4d", "runs/coco/sdxl-5e6f7a8b"], style="wide")
fig.savefig("forest.pdf")  # a matplotlib Figure like any other
```

What holds for all of them:

- Better is up, at the right or at the left by the figure's own rule, and always the same way whichever way a metric
  runs; its arrow stands beside its name.
- A system has one colour and one shape in all figures, by its place among the systems; shapes alone tell 39 systems
  apart in grey. `--colour SYSTEM=COLOUR` (in Python `colours={...}`) sets a colour. Controls are grey and hollow.
- Names are wrapped and never cut; long lists make a figure higher. A sign that the font lacks stands as its code point.
- Equal input gives equal bytes. Text in PDF and SVG stays text.
- Private runs show no images, and no point or step of a single prompt.

| style | width | for |
|---|---|---|
"""
STYLE_USES = {"column": "one of two columns", "wide": "both columns", "slide": "a talk, 16:9 where it fits"}
TABLES = """
## From a table of anybody's scores

`bench plot NAME --from FILE` (CSV, TSV, JSON, JSON lines, Parquet) and `bench.plot(NAME, frame)` draw numbers of any
origin. A table has a row a number, or a row a prompt (and image `k`): then scores, intervals and pairs are made from
the prompts as they are for runs.

| column | |
|---|---|
"""
COLUMNS = {
    "system, metric, value": "needed",
    "low, high": "ends of the interval, where a row is a whole score",
    "direction": "`higher` or `lower`; without it nothing is called better, and figures that rank refuse",
    "prompt, k": "the row is about this prompt, and this image of it",
    "condition": "data set or other condition: panels of their own, and `conditions`",
    "x": "a numeric factor, for `curve`",
    "factor": "what `x` is called, at its axis too; without it `x`",
    "seconds": "seconds an image, for `pareto`",
    "unit, control": "of the metric; `true` for systems that are shown apart",
    "tag:NAME": "a category of the prompt, for `slices`",
}
COMMANDS = {
    "scatter": "bench plot scatter ours sdxl -m clipscore",
    "differences": "bench plot differences ours sdxl -m clipscore",
    "forest": "bench plot forest runs/coco --baseline sdxl --margin 0.1",
    "slices": "bench plot slices ours sdxl -m object-presence --by kind",
    "conditions": "bench plot conditions runs/scenes runs/visor",
    "curve": "bench plot curve runs/scenes -m clipscore --against p",
    "history": "bench plot history runs/night-01 runs/night-02 runs/night-03 -m clipscore",
    "samples": "bench plot samples ours sdxl --prompts 6",
    "fusion": "bench plot fusion runs/scenes --board board.toml",
    "ranks": "bench plot ranks runs/coco --board board.toml",
}


# ---- the page ------------------------------------------------------------------------------------------------------


def page() -> str:
    """The whole page."""
    lines = [HEAD.rstrip("\n")]
    lines += [f"| `{name}` | {STYLES[name].width:g} in | {use} |" for name, use in STYLE_USES.items()]
    lines += ["", "| figure | shows | needs | board |", "|---|---|---|---|"]
    for name, entry in CATALOG.items():
        lines.append(f"| [{name}](#{name}) | {entry.shows} | {entry.needs} | {'yes' if entry.board else ''} |")
    for name, entry in CATALOG.items():
        lines += ["", f"## {name}", "", *_about(name, entry)]
    lines += [TABLES.rstrip("\n"), *(f"| `{column}` | {told} |" for column, told in COLUMNS.items())]
    return "\n".join(lines)


def _about(name: str, entry: Entry) -> list[str]:
    module = importlib.import_module(f"bench.reports.figures.{entry.home.partition(':')[0]}")
    told = inspect.cleandoc(module.__doc__ or "").split("\n\n")
    picture = [f"![{entry.shows}](figures/{name}.png)", ""] if name in drawn() else []
    paragraphs = [line for p in told for line in (" ".join(p.split()), "")]
    return [*picture, *paragraphs, f"    {COMMANDS.get(name, f'bench plot {name} runs/coco')}"]


# ---- the pictures --------------------------------------------------------------------------------------------------

SYSTEMS = {
    "flow": 0.52, "flow+gate": 0.56, "flow+attention": 0.63, "diffusion": 0.55, "diffusion+gate": 0.57,
    "diffusion+attention": 0.6,
}  # fmt: skip
SECONDS = (0.8, 0.9, 1.3, 2.4, 2.6, 3.9)
KINDS = ("colour", "count", "position", "style")
METRICS = {"Objects present": (1.0, "higher"), "CLIPScore": (40.0, "higher"), "Distance": (-8.0, "lower")}
PROMPTS = 240


def scores() -> pd.DataFrame:
    """Scores of six systems on single prompts by three metrics of one ability."""
    rng = np.random.default_rng(0)
    ease = rng.normal(0, 0.16, PROMPTS)
    rows: list[dict[str, Any]] = []
    for i, (system, skill) in enumerate(SYSTEMS.items()):
        for p in range(PROMPTS):
            bonus = 0.08 if system.endswith("attention") and p % 4 == 2 else 0.0
            truth = skill + ease[p] + bonus + rng.normal(0, 0.14)
            for metric, (size, direction) in METRICS.items():
                rows.append({
                    "system": system, "metric": metric, "value": size * (truth + rng.normal(0, 0.08)),
                    "prompt": f"p{p:03d}", "direction": direction, "tag:kind": KINDS[p % 4], "seconds": SECONDS[i],
                })  # fmt: skip
    return pd.DataFrame(rows)


def conditioned() -> pd.DataFrame:
    """The same systems by condition."""
    one = scores()
    one = one[one["metric"] == "Objects present"]
    names = {"colour": "semantic", "position": "spatial", "count": "temporal"}
    one = one.assign(condition=one["tag:kind"].map(names)).dropna(subset="condition")
    return one.drop(columns=["tag:kind", "seconds"])


def strengths() -> pd.DataFrame:
    """Two systems under a perturbation of growing strength."""
    one = scores()
    one = one[(one["metric"] == "Objects present") & one["system"].isin(["flow", "flow+attention"])]
    loss = np.where(one["system"] == "flow", 0.5, 0.3) + np.random.default_rng(1).normal(0, 0.1, len(one))
    parts = [one.assign(x=x, value=one["value"] - x * loss) for x in (0.0, 0.2, 0.4, 0.8)]
    return pd.concat(parts).drop(columns=["tag:kind", "seconds"])


def nights() -> pd.DataFrame:
    """Sixteen runs of a system, the last six of them a little worse."""
    one = scores()
    one = one[(one["metric"] == "CLIPScore") & (one["system"] == "flow+attention")]
    rng = np.random.default_rng(2)
    parts = [one.assign(system=f"night {i + 1}", value=one["value"] - 1.1 * (i > 9) + rng.normal(0, 3, len(one)))
             for i in range(16)]  # fmt: skip
    return pd.concat(parts).drop(columns=["tag:kind", "seconds"])


def drawn() -> list[str]:
    """Figures with a picture: all that need no images."""
    return [name for name in CATALOG if name != "samples"]


def pictures() -> dict[str, bytes]:
    """Figure -> PNG."""
    made = {"": frames.material_of(scores()), "conditions": frames.material_of(conditioned()),
            "curve": frames.material_of(strengths()), "history": frames.material_of(nights())}  # fmt: skip
    pair = ["flow+attention", "flow+gate"]
    options: dict[str, dict[str, Any]] = {
        "forest": {"systems": pair, "margin": 0.1}, "slices": {"systems": pair}, "scatter": {"systems": pair},
        "differences": {"systems": pair}, "profile": {"systems": ["flow+attention", "flow", "diffusion"]},
    }  # fmt: skip
    return {
        name: rendered(figure(name, made.get(name, made[""]), **options.get(name, {})), "png", DPI) for name in drawn()
    }


if __name__ == "__main__":
    if "--page" in sys.argv:
        print(page())
    else:
        (ROOT / "docs" / "figures.md").write_text(page() + "\n", encoding="utf-8")
        FOLDER.mkdir(exist_ok=True)
        for name, data in pictures().items():
            (FOLDER / f"{name}.png").write_bytes(data)
