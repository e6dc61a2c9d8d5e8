"""Measures the shipped judges of scenes and prints docs/judges.md: `python tools/judges.py > docs/judges.md`.

Everything is measured on the test split, with the analytic detector beside it; nothing here is read from a card but
sizes, digests and commands.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.stats import spearmanr

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.extractors.scene_facts import SceneFacts  # noqa: E402
from bench.extractors.scene_judges import (  # noqa: E402
    SHIPPED,
    SceneClassifierJudge,
    SceneClip,
    SceneClipIndependent,
)
from bench.functional import r_precision  # noqa: E402
from bench.stats.bootstrap import wilson  # noqa: E402
from bench.training.pair_figures import entries, said  # noqa: E402
from bench.training.scene_batches import class_of  # noqa: E402
from bench.world.curve import blurred, noisy  # noqa: E402
from bench.world.defects import applies, plant  # noqa: E402
from bench.world.description import meaning, understand  # noqa: E402
from bench.world.detect import detect  # noqa: E402
from bench.world.draws import Draw  # noqa: E402
from bench.world.mismatches import KINDS, held_out, mismatch  # noqa: E402
from bench.world.palette import COLOURS, SHAPES  # noqa: E402
from bench.world.render import render  # noqa: E402
from bench.world.sampling import sample_scene  # noqa: E402

TOWERS = {"scene-clip": SceneClip, "scene-clip-independent": SceneClipIndependent, "scene-facts": SceneFacts}
CONDITIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "clean": lambda x: x,
    "blur 1": lambda x: blurred(x, 1.0),
    "blur 2": lambda x: blurred(x, 2.0),
    "noise 10": lambda x: noisy(x, 10),
    "noise 40": lambda x: noisy(x, 40),
}
DEFECTS = ("wrong-colour", "wrong-shape", "wrong-count", "wrong-side")


def unit(x: torch.Tensor) -> torch.Tensor:
    """Rows of length 1."""
    return torch.nn.functional.normalize(x.double(), dim=1)


def see(judge: Any, images: np.ndarray) -> torch.Tensor:
    """(n, d) unit embeddings of images."""
    parts = [images[i : i + judge.batch_size] for i in range(0, len(images), judge.batch_size)]
    rows = [judge.extract_images([judge.prepare_image(x) for x in part])["features"] for part in parts]
    return unit(torch.cat(rows))


def read(judge: Any, texts: Sequence[str]) -> torch.Tensor:
    """(n, d) unit embeddings of texts."""
    return unit(torch.cat([judge.extract_texts(texts[i : i + 256])["features"] for i in range(0, len(texts), 256)]))


def share(right: np.ndarray) -> str:
    """'98.4 % (97.1 to 99.2)': a share with Wilson's 95 % interval; ties count one half."""
    if not len(right):
        return "none"
    low, high = wilson(round(float(right.sum())), len(right))
    return f"{100 * right.mean():.1f} % ({100 * low:.1f} to {100 * high:.1f})"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


class Measured:
    """The three two-towers on the same scenes, captions and one-edit mismatches."""

    def __init__(self, count: int) -> None:
        self.some = entries("test", count)
        self.told = [understand(e.scene) for e in self.some]
        self.texts = [said(t, e.variant) for t, e in zip(self.told, self.some, strict=True)]
        self.meanings = [meaning(t) for t in self.told]
        self.images = render([e.scene for e in self.some], list(range(count)))
        self.judges = {name: make() for name, make in TOWERS.items()}
        self.own = {name: read(judge, self.texts) for name, judge in self.judges.items()}
        self.seen = {name: see(judge, self.images) for name, judge in self.judges.items()}

    def recall(self, name: str, images: np.ndarray) -> np.ndarray:
        """(n,) whether the own caption is nearest among 100 of different meaning."""
        seen = see(self.judges[name], images)
        return r_precision(seen, self.own[name], candidates=100, meaning=self.meanings).numpy()

    def edits(self, kind: str) -> tuple[list[int], list[str]]:
        """Places and false captions of the scenes that this kind of edit applies to."""
        at, texts = [], []
        for i, told in enumerate(self.told):
            edited = mismatch(told, kind, Draw("question", kind, i))
            if edited is not None:
                at.append(i)
                texts.append(said(edited, self.some[i].variant))
        return at, texts

    def nearer(self, name: str, at: list[int], wrong: list[str]) -> np.ndarray:
        """Whether the own caption is nearer than the false one; a tie is one half."""
        seen, own = self.seen[name][at], self.own[name][at]
        gap = ((seen * own).sum(1) - (seen * read(self.judges[name], wrong)).sum(1)).numpy()
        return (gap > 1e-9) + (np.abs(gap) <= 1e-9) / 2


def retrieval_table(m: Measured) -> str:
    """R@1 among 100 by condition of the image."""
    rows = []
    for condition, change in CONDITIONS.items():
        images = change(m.images)
        rows.append([condition, *(share(m.recall(name, images)) for name in TOWERS)])
    turned = np.roll(m.images, 1, axis=0)
    rows.append(["another scene's image", *(share(m.recall(name, turned)) for name in TOWERS)])
    return table(["image", *TOWERS], rows)


def kinds_table(m: Measured) -> tuple[str, str]:
    """Own caption against one edit, by kind; and how often the judges say the same."""
    rows, same = [], []
    for kind in KINDS:
        at, wrong = m.edits(kind)
        new = np.array([held_out(m.told[i]) for i in at])
        says = {name: m.nearer(name, at, wrong) for name in TOWERS}
        row = [share(says[name]) for name in TOWERS]
        rows.append([kind, str(len(at)), *row, share(says["scene-clip"][new])])
        pairs = [("scene-clip", "scene-facts"), ("scene-clip-independent", "scene-facts"),
                 ("scene-clip", "scene-clip-independent")]  # fmt: skip
        same.append([kind, *(share((says[a] == says[b]).astype(float)) for a, b in pairs)])
    head = ["edit", "scenes", *TOWERS, "scene-clip, held out"]
    agree = ["edit", "scene-clip and scene-facts", "scene-clip-independent and scene-facts", "the two learned ones"]
    return table(head, rows), table(agree, same)


def defects_table(m: Measured) -> str:
    """Similarity with the caption, of images with and without a planted defect."""
    rows = []
    for kind in DEFECTS:
        at = [i for i, e in enumerate(m.some) if applies(e.scene, kind)]
        planted = [plant(m.some[i].scene, kind, 1.0, i) for i in at]
        images = render(planted, at)
        row, values = [kind, str(len(at))], {}
        for name, judge in m.judges.items():
            own, clean = m.own[name][at], (m.seen[name][at] * m.own[name][at]).sum(1)
            broken = (see(judge, images) * own).sum(1)
            values[name] = torch.cat([clean, broken]).numpy()
            row.append(share((clean > broken).double().numpy() + (clean == broken).double().numpy() / 2))
        row.append(f"{spearmanr(values['scene-clip'], values['scene-facts']).statistic:.3f}")
        row.append(f"{spearmanr(values['scene-clip-independent'], values['scene-facts']).statistic:.3f}")
        rows.append(row)
    return table(["defect", "scenes", *TOWERS, "rank correlation of scene-clip with scene-facts",
                  "of scene-clip-independent"], rows)  # fmt: skip


def classifier_table(count: int) -> str:
    """Accuracy of the classifier and of the detector on one-object scenes, and their agreement."""
    judge = SceneClassifierJudge()
    scenes = [sample_scene(i, split="test", kind="one") for i in range(count)]
    wanted, new = np.array([class_of(s) for s in scenes]), np.array([held_out(understand(s)) for s in scenes])
    clean = render(scenes, list(range(count)))
    rows = []
    for condition, change in CONDITIONS.items():
        images = change(clean)
        parts = [images[i : i + 64] for i in range(0, count, 64)]
        logits = [judge.extract_images([judge.prepare_image(x) for x in part])["logits"] for part in parts]
        said_ = torch.cat(logits).argmax(1).numpy()
        seen = np.array([_class(found) for found in detect(images)])
        rows.append([
            condition, share(said_ == wanted), share((said_ == wanted)[new]), share(seen == wanted),
            share(said_ == seen),
        ])  # fmt: skip
    return table(["image", "scene-classifier", "on held-out pairs", "analytic detector", "both the same"], rows)


def _class(found: Any) -> int:
    if not found.readable or len(found) != 1:
        return -1
    return list(COLOURS).index(found.colours[0]) * len(SHAPES) + SHAPES.index(found.shapes[0])


def cards() -> str:
    """What is shipped."""
    rows = []
    for path in sorted(SHIPPED.glob("*.json")):
        card = json.loads(path.read_text())
        recipe = card["recipe"]
        rows.append([
            card["name"], f"{card['parameters']:,}", f"{card['bytes'] / 1e6:.2f} MB", f"`{card['sha256'][:16]}`",
            f"{recipe['steps']:,} x {recipe['rows']}", str(recipe["seed"]), f"`{card['command']}`",
        ])  # fmt: skip
    return table(["judge", "parameters", "size", "sha256", "steps x rows", "seed", "made by"], rows)


PAGE = """# The judges of scenes

This page is written by `python tools/judges.py > docs/judges.md`; every figure is measured on the test split, which no
training has seen: {count:,} scenes, 95 % intervals in brackets.

{cards}

`scene-clip` is a small vision transformer over a convolutional stem with a causal text tower, `scene-clip-independent`
a modified ResNet with attention pooling and a bidirectional text tower, both built from open_clip's classes. Their
training data do not overlap, so that the second can confirm what the first was optimised for. `scene-classifier` is a
plain convolutional network of colour and shape; its 64 features serve the Fréchet and kernel distances, its 48 logits
the Inception Score. `scene-facts` is the analytic two-tower: it compares what the analytic detector sees with what the
caption says, and nothing in it is trained. Weights, cards and training logs lie in `bench/judges/`. The same command
gives the same weights with the card's number of threads (`--threads 1`) and version of torch on the same kind of
machine; elsewhere sums round differently and the figures agree, not the bytes.

## The own caption among 100

Share of images whose own caption is nearest among 100 captions of different meaning (R@1). The last line is the check
the other way round: with another scene's image the own caption must be no better than chance (1 %).

{retrieval}

## The own caption or the same caption with one edit

The hard question: one word (or the direction, or who has which colour) is wrong. Chance is 50 %. Held out: scenes with
a colour-shape pair or a relation triple that training neither showed nor said.

{kinds}

## Agreement

How often two judges give the same answer to that question (a tie of the analytic judge agrees with nobody).

{agreement}

An image with one planted defect, or the right one: which is nearer to the caption? And the rank correlation of the
judges' similarities over all these images.

{defects}

## The classifier

{classifier}
"""


def main(count: int = 2000) -> None:
    """Print the page."""
    m = Measured(count)
    kinds, agreement = kinds_table(m)
    print(PAGE.format(
        count=count, cards=cards(), retrieval=retrieval_table(m), kinds=kinds, agreement=agreement,
        defects=defects_table(m), classifier=classifier_table(count),
    ).strip())  # fmt: skip


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
