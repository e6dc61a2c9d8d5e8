"""Write reports/specificity/: which defect moves which metric, measured, beside what the metrics' cards declare.

    python tools/specificity.py [--size 200] [--root runs/specificity] [--render | --add]

Every metric that can be computed on scenes (with the judges of scenes where its own networks are not here) scores the
oracle with a planted defect in a growing share of images, and the controls. A cell is the change for the worse at p = 1
in standard errors of the paired difference from the oracle.
"""

from __future__ import annotations

import argparse
import csv
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench import api, registry  # noqa: E402
from bench.conformance.responses import STORIES, small, stood_in, systems  # noqa: E402
from bench.engine.options import Options  # noqa: E402
from bench.engine.resolve import open_dataset, resolve  # noqa: E402
from bench.errors import UsageError  # noqa: E402
from bench.reports.comparison.compare import compare  # noqa: E402
from bench.spec import parse  # noqa: E402
from bench.study import Study  # noqa: E402
from bench.types import RunSpec  # noqa: E402

OUT = ROOT / "reports" / "specificity"
PLANTED = ("wrong-colour", "wrong-shape", "wrong-count", "wrong-side")
SHARES = (0.1, 0.3, 1.0)
BARE = ("shuffled", "constant", "noise")
Z = 1.959964
"""Half a 95 % interval in standard errors."""
MOST = 99.0
"""Largest number of standard errors that is told."""


@dataclass(frozen=True)
class Cell:
    """One metric output under one defect in a share of the images."""

    metric: str
    output: str
    defect: str
    p: float
    claimed: bool
    oracle: float | None
    score: float | None
    errors: float | None
    """Change for the worse in standard errors; None where there is no difference to be had."""

    @property
    def responds(self) -> bool:
        return self.errors is not None and self.errors > Z


def metrics() -> tuple[dict[str, str], dict[str, str]]:
    """Metric name -> the text that can be computed here; and name -> why not, for the others."""
    texts, left_out = {}, {}
    for name, entry in registry.entries("metric").items():
        if entry.origin != "built-in":
            continue
        known = registry.parameters(entry.load())
        if any(p.default is p.empty for p in known.values()):
            left_out[name] = "needs an extractor that is not part of the package"
            continue
        spec, _ = stood_in(small(parse(name)))
        views = registry.create("metric", spec.name, spec.params).views().values()
        used = [parse(v.extractor) for v in views if v.extractor]
        missing = [p for s in used for p in registry.create("extractor", s.name, s.params).problems()]
        if missing:
            left_out[name] = "needs weights that no judge of scenes stands in for"
        elif lack := lacking(str(spec)):
            left_out[name] = lack
        else:
            texts[name] = str(spec)
    return texts, left_out


def lacking(text: str) -> str:
    """'needs ...' for what the data of a metric must state and scenes do not; '' where they do."""
    told = []
    for dataset in ("scenes(size=200)", "scenes(split=stories-test,size=200)"):
        try:
            resolve(RunSpec("oracle", dataset, repeats=1, metrics=(text,)), open_dataset(dataset))
            return ""
        except UsageError as error:
            told.append(error.messages[0].partition("cannot be computed here: ")[2].partition(";")[0].rstrip("."))
    return f"needs data that say more than scenes do ({told[0]})"


def measured(texts: dict[str, str], dataset: str, defects: dict[str, tuple[str, float]], root: Path) -> list[Cell]:
    """Cells of these metrics. defects: label of the system -> (defect, share of images)."""
    repeats = 2 if "scenes(size" in dataset else None
    study = Study(
        systems=("oracle", *(f"{label}={systems(d, p)}" for label, (d, p) in defects.items())),
        metrics=tuple(texts.values()), dataset=dataset, repeats=repeats,
    )  # fmt: skip
    runs = api.run(study, options=Options(root=root))
    found = compare([r.path for r in runs], baseline="oracle")
    place = {system.title: i for i, system in enumerate(found.systems)}
    names = {text: name for name, text in texts.items()}
    cells = []
    for row in (r for r in found.rows if r.metric in names):
        claims = registry.load("metric", names[row.metric]).responds_to
        for label, (defect, p) in defects.items():
            cells.append(_cell(row, names[row.metric], place["oracle"], place[label], defect, p, defect in claims))
    return cells


def _cell(row: Any, name: str, base: int, at: int, defect: str, p: float, claimed: bool) -> Cell:
    values = [None if row.cells[i] is None else row.cells[i].value for i in (base, at)]
    apart = row.differences[at]
    errors: float | None = None
    if values[0] is not None and values[1] is None:
        errors = MOST  # the score is gone: as bad as can be
    elif apart is not None and apart.delta is not None:
        worse = -apart.delta if row.output.direction == "higher" else apart.delta
        width = None if apart.low is None or apart.high is None else (apart.high - apart.low) / (2 * Z)
        if width:
            errors = max(-MOST, min(MOST, worse / width))
        else:
            errors = 0.0 if abs(worse) < 1e-12 else MOST * (1 if worse > 0 else -1)
    return Cell(name, row.output.name, defect, p, claimed, values[0], values[1], errors)


def report(cells: list[Cell], left_out: dict[str, str], size: int) -> str:
    """The page: the matrix at p = 1, then what was declared and not seen, and seen and not declared."""
    full = [c for c in cells if c.p == 1.0]
    defects = list(dict.fromkeys(c.defect for c in full))
    lines = [HEAD.format(size=size), f"| metric | {' | '.join(defects)} |", f"|---|{'---:|' * len(defects)}"]
    for metric in dict.fromkeys(c.metric for c in full):
        lines.append(f"| {metric} | {' | '.join(_shown(_largest(full, metric, d)) for d in defects)} |")
    silent = [
        (m, d) for m in dict.fromkeys(c.metric for c in full) for d in defects
        if (c := _largest(full, m, d)) is not None and c.claimed and not c.responds
    ]  # fmt: skip
    extra = [
        (m, d) for m in dict.fromkeys(c.metric for c in full) for d in defects
        if (c := _largest(full, m, d)) is not None and c.responds and not c.claimed
    ]  # fmt: skip
    lines += ["", "## Declared and not seen", "", _pairs(silent) or "Nothing."]
    lines += ["", "## Seen and not declared", "", _pairs(extra) or "Nothing."]
    lines += ["", "## The smallest share that shows", "", SMALLEST, "", "| metric | " + " | ".join(PLANTED) + " |"]
    lines.append(f"|---|{'---:|' * len(PLANTED)}")
    for metric in dict.fromkeys(c.metric for c in full):
        shares = [_first(cells, metric, d) for d in PLANTED]
        if any(shares):
            lines.append(f"| {metric} | {' | '.join(shares)} |")
    lines += ["", "## Not measured", ""] + [f"- {name}: {why}." for name, why in left_out.items()]
    return "\n".join(lines) + "\n"


HEAD = """# Which defect moves which metric

Written by `python tools/specificity.py`. The oracle draws what the prompt says ({size} scenes, two images a prompt); a
planted defect makes every image wrong in one way and leaves all else as it was; controls are images of other prompts,
one constant image, and noise. Metrics whose own networks are not shipped are computed with the judges of scenes, so
that the rows tell of the metric and not of its usual network. A number is the change for the worse in standard errors
of the paired difference from the oracle (the most responsive output; 99: beyond, or no score is left). **Bold**:
declared by the metric's card. A dot: no detectable change for the worse.

![The matrix as a heat map](specificity.svg)
"""
SMALLEST = """The smallest share of defective images, of 10, 30 and 100 %, that makes the metric worse beyond its 95 %
interval. Metrics of a few percent show a defect that a board of sets of images hides."""


def _largest(cells: list[Cell], metric: str, defect: str) -> Cell | None:
    some = [c for c in cells if c.metric == metric and c.defect == defect and c.errors is not None]
    return max(some, key=lambda c: c.errors or 0.0) if some else None


def _shown(cell: Cell | None) -> str:
    if cell is None or cell.errors is None:
        return ""
    text = f"{cell.errors:.0f}" if cell.responds else "·"
    return f"**{text}**" if cell.claimed else text


def _first(cells: list[Cell], metric: str, defect: str) -> str:
    for p in SHARES:
        some = [c for c in cells if c.metric == metric and c.defect == defect and c.p == p]
        if any(c.responds for c in some):
            return f"{100 * p:.0f} %"
    return ""


def _pairs(found: list[tuple[str, str]]) -> str:
    by: dict[str, list[str]] = {}
    for metric, defect in found:
        by.setdefault(metric, []).append(defect)
    return "\n".join(f"- {metric}: {', '.join(defects)}" for metric, defects in by.items())


def picture(cells: list[Cell], path: Path) -> None:
    """The matrix at p = 1 as a heat map; what a card declares is framed."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.hashsalt": "specificity", "svg.fonttype": "none", "font.size": 8})
    import matplotlib.pyplot as plt
    import numpy as np

    full = [c for c in cells if c.p == 1.0]
    names, defects = (list(dict.fromkeys(getattr(c, k) for c in full)) for k in ("metric", "defect"))
    found = [[_largest(full, m, d) for d in defects] for m in names]
    values = [[np.nan if c is None or c.errors is None else max(c.errors, 0.0) for c in row] for row in found]
    figure, axes = plt.subplots(figsize=(6.4, 0.19 * len(names) + 1.1), layout="constrained")
    shown = axes.imshow(np.log10(1 + np.array(values)), cmap="Blues", aspect="auto", vmin=0, vmax=2)
    for i, row in enumerate(found):
        for j, cell in enumerate(row):
            if cell is not None and cell.claimed:
                axes.add_patch(plt.Rectangle((j - 0.45, i - 0.42), 0.9, 0.84, fill=False, edgecolor="#d55e00", lw=1))
    axes.set_xticks(range(len(defects)), defects, rotation=30, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(names)), names)
    axes.tick_params(length=0)
    axes.set_title("Change for the worse; framed: declared by the metric's card", fontsize=9, loc="left")
    scale = figure.colorbar(shown, ax=axes, shrink=0.4)
    scale.set_ticks([0, np.log10(3), 1, 2], labels=["0", "2", "9", "99"])
    scale.set_label("standard errors")
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def read() -> list[Cell]:
    """The cells of the committed table, with what the cards declare today."""
    with open(OUT / "specificity.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))

    def number(text: str) -> float | None:
        return float(text) if text else None

    return [
        Cell(r["metric"], r["output"], r["defect"], float(r["p"]),
             r["defect"] in registry.load("metric", r["metric"]).responds_to,
             number(r["oracle"]), number(r["score"]), number(r["errors"]))
        for r in rows
    ]  # fmt: skip


def main() -> int:
    """Measure, write the page and the table; 1 when a card declares what was not seen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=200)
    parser.add_argument("--root", default=str(ROOT / "runs" / "specificity"))
    parser.add_argument("--render", action="store_true", help="only write the page again from the table")
    parser.add_argument("--add", action="store_true", help="only measure metrics that the table lacks")
    asked = parser.parse_args()
    texts, left_out = metrics()
    wanted = list(texts)
    known = [c for c in read() if c.metric in texts] if asked.render or asked.add else []
    if asked.render:
        return write(known, left_out | void(wanted, known), asked.size)
    texts = {n: t for n, t in texts.items() if n not in {c.metric for c in known}}
    frames = {n: t for n, t in texts.items() if set(registry.load("metric", n).responds_to) & set(STORIES)}
    still = {n: t for n, t in texts.items() if n not in frames}
    defects = {f"{d} {p:g}": (d, p) for d in PLANTED for p in SHARES} | {d: (d, 1.0) for d in BARE}
    told = {f"{d} {p:g}": (d, p) for d in STORIES for p in SHARES} | {d: (d, 1.0) for d in BARE if d != "shuffled"}
    cells = known
    for some, dataset, planted in (
        (still, f"scenes(size={asked.size})", defects), (frames, f"scenes(split=stories-test,size={asked.size})", told),
    ):  # fmt: skip
        cells += measured(some, dataset, planted, Path(asked.root)) if some else []
    names, nothing = list(registry.entries("metric")), void(wanted, cells)
    cells = sorted((c for c in cells if c.metric not in nothing), key=lambda c: names.index(c.metric))
    return write(cells, left_out | nothing, asked.size)


def void(wanted: list[str], cells: list[Cell]) -> dict[str, str]:
    """Metrics that can be computed on scenes and say nothing there, with the reason."""
    told = {c.metric for c in cells if c.oracle is not None}
    return {n: "needs data that say more than scenes do (the oracle has no score)" for n in wanted if n not in told}


def write(cells: list[Cell], left_out: dict[str, str], size: int) -> int:
    """The page, the picture and the table; 1 when a card declares what was not seen."""
    OUT.mkdir(parents=True, exist_ok=True)
    picture(cells, OUT / "specificity.svg")
    (OUT / "README.md").write_text(report(cells, left_out, size), encoding="utf-8")
    with open(OUT / "specificity.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["metric", "output", "defect", "p", "claimed", "oracle", "score", "errors"])
        for c in cells:
            numbers = ["" if v is None else f"{v:.4g}" for v in (c.oracle, c.score, c.errors)]
            writer.writerow([c.metric, c.output, c.defect, f"{c.p:g}", int(c.claimed), *numbers])
    full = [c for c in cells if c.p == 1.0 and c.claimed]
    pairs = {(c.metric, c.defect) for c in full} - {(c.metric, c.defect) for c in full if c.responds}
    for metric, defect in sorted(pairs):
        print(f"{metric} declares {defect} and does not show it", file=sys.stderr)
    return 1 if pairs else 0


if __name__ == "__main__":
    raise SystemExit(main())
