"""The report of a generator's training: a picture (curves above, what it draws below) and a page of Markdown."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.formats.images import decode, encode_png
from bench.store import write_atomic
from bench.training.loop import SAMPLES

_AXES = ("step", "rate", "seconds")
_WATCHED = ("modes", "kl", "pull")
"""Beginnings of what the monitors of adversarial trainings watch, which are no shares."""


def write(folder: Path, name: str, card: Mapping[str, Any], lines: Sequence[Mapping[str, Any]]) -> Path:
    """NAME.md and NAME.png in the folder; the path of the page. lines: of the log."""
    pictures = [curves(lines)] if lines else []
    drawn = sorted((folder / SAMPLES).glob("*.png"))
    pictures += [decode(drawn[-1])] if drawn else []
    if pictures:
        write_atomic(folder / f"{name}.png", encode_png(stacked(pictures)))
    page = folder / f"{name}.md"
    write_atomic(page, _page(name, card, lines, bool(pictures)).encode())
    return page


def _page(name: str, card: Mapping[str, Any], lines: Sequence[Mapping[str, Any]], picture: bool) -> str:
    figures = dict(card["figures"])
    split, images = figures.pop("split"), figures.pop("images")
    seconds = sum(float(line["seconds"]) for line in lines)
    made = ", ".join(f"{k} {v}" for k, v in card["made with"].items())
    about = [(k, card[k]) for k in ("generator", "fusion", "side", "blind", "train_seed", "settings") if k in card]
    rows = [
        *about,
        ("parameters", f"{card['parameters']:,}"),
        ("weights", f"{card['bytes']:,} bytes, sha256 {card['sha256']}"),
        ("command", f"`{card['command']}`"),
        ("made with", made),
        ("time", f"{seconds / 60:.1f} minutes of steps and figures"),
    ]  # fmt: skip
    told = [f"| {k} | {v:.4f} |" for k, v in figures.items()]
    return "\n".join([
        f"# {name}", "", "| | |", "|---|---|", *(f"| {k.replace('_', ' ')} | {v} |" for k, v in rows), "",
        f"Figures on {images} prompts of the {split} split, half of one object (colour, shape) and half of two related "
        "objects (binding, relation), by the analytic detector:", "", "| figure | share |", "|---|---|", *told, "",
        *([f"![losses and held-out figures over steps, and what it draws]({name}.png)", ""] if picture else []),
        "Recipe:", "", "```json", json.dumps(card["recipe"], indent=1), "```", "",
    ])  # fmt: skip


def curves(lines: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """Losses, held-out shares, and what is watched between players, on axes of their own: uint8 (h, w, 3)."""
    from matplotlib.figure import Figure

    steps = [line["step"] for line in lines]
    drawn: dict[str, dict[str, list[float]]] = {"mean losses": {}, "held-out shares": {}, "watched": {}}
    for key in [k for k in lines[-1] if k not in _AXES]:
        values = [line.get(key, np.nan) for line in lines]
        watched = key.startswith(_WATCHED)
        title = "mean losses" if key.startswith("loss:") else "watched" if watched else "held-out shares"
        drawn[title][key.removeprefix("loss:")] = values
    drawn = {title: curves for title, curves in drawn.items() if curves or title != "watched"}
    figure = Figure(figsize=(4.5 * len(drawn), 3), dpi=90, layout="constrained")
    for axes, (title, curves) in zip(figure.subplots(1, len(drawn)), drawn.items(), strict=True):
        for name, values in curves.items():
            axes.plot(steps, values, marker=".", label=name)
        axes.set_title(title, fontsize=9)
        if title == "held-out shares":
            axes.set_ylim(-0.02, 1.02)
        elif title == "watched":
            axes.set_yscale("symlog")
        axes.set_xlabel("step", fontsize=8)
        axes.tick_params(labelsize=8)
        axes.grid(alpha=0.3)
        if axes.lines:
            axes.legend(fontsize=7)
    stream = io.BytesIO()
    figure.savefig(stream, format="png", metadata={"Software": None})
    return decode(stream.getvalue())


def stacked(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """Pictures below each other on white."""
    width = max(p.shape[1] for p in pictures)
    return np.concatenate([
        np.pad(p, ((0, 0), (0, width - p.shape[1]), (0, 0)), constant_values=255) for p in pictures
    ])  # fmt: skip
