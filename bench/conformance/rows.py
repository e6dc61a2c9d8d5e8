"""Synthetic rows for every view that a metric can ask for: any metric can be fed without a model or a data set."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from bench.functional.focus import region
from bench.metrics.base import Metric
from bench.types import Answers, Detections, Event, PixelFacts, Question, Relation, Sample, Thing, View

SHAPES, COLOURS = ("circle", "square", "star"), ("red", "green", "blue", "grey")
N, WIDTH, CLASSES = 60, 12, 7
CATEGORIES = ("entity", "attribute", "relation", "global", "other")
"""Kinds of questions."""


def sample(i: int) -> Sample:
    """Two things, the first left of the second; every tenth prompt states no relation and every tenth one in depth;
    two prompts share a group."""
    things = (
        Thing(SHAPES[i % 3], {"colour": COLOURS[i % 4]}, (4.0, 10.0, 14.0, 20.0), "mask 0"),
        Thing(SHAPES[(i + 1) % 3], {"colour": COLOURS[(i // 4) % 4]}, (34.0, 10.0, 44.0, 20.0), "mask 1"),
    )
    stated = {0: (), 5: (Relation(0, "in front of", 1),)}
    relations = stated.get(i % 10, (Relation(0, "left of", 1),))
    events = tuple(Event(f"{t.attributes['colour']} {t.label}", n, (n, n + 2)) for n, t in enumerate(things))
    kinds = [CATEGORIES[(i + n) % len(CATEGORIES)] for n in range(3)]
    asked = tuple(Question(f"q{n}", f"is there a {t.label}?", "yes", kind=kinds[n]) for n, t in enumerate(things))
    questions = (*asked, Question("q2", "is it left?", "yes", parents=("q0", "q1"), kind=kinds[2]))
    prompt = f'prompt number {i} says "word {i % 7}"'
    return Sample(
        f"s{i:03d}", prompt, (prompt, f"caption {i}", f"another caption {i}"), size=(64, 64), objects=things,
        relations=relations, events=events, questions=questions, group=f"g{i // 2}",
        tags={"kind": f"kind {i % 3}", "rank": str(1 + i % 2), "complex": ("spatial", "action", "both")[i % 3]},
    )  # fmt: skip


def perfect(one: Sample) -> Detections:
    """What a faultless detector sees in a faultless image of a sample."""
    things = one.objects
    boxes = np.array([t.box for t in things], dtype=np.float64).reshape(-1, 4)
    attributes = tuple(dict(t.attributes) for t in things)
    masks = tuple(region(box[None], (64, 64)) for box in boxes)
    return Detections(boxes, tuple(t.label for t in things), np.ones(len(things)), attributes, (64, 64), True, masks)


def spoiled(one: Sample, i: int) -> Detections:
    """In turn: right, nothing found, one thing missing, sides exchanged, another colour, unreadable."""
    full = perfect(one)
    kind = i % 6
    if kind in (1, 5):
        return Detections(np.zeros((0, 4)), (), np.zeros(0), (), (64, 64), readable=kind == 1)
    if kind == 2:
        return dataclasses.replace(
            full, boxes=full.boxes[:1], labels=full.labels[:1], scores=full.scores[:1],
            attributes=full.attributes[:1], masks=full.masks[:1],
        )  # fmt: skip
    if kind == 3:
        return dataclasses.replace(full, boxes=full.boxes[::-1].copy(), masks=full.masks[::-1])
    if kind == 4:
        changed = ({"colour": "pink"}, *full.attributes[1:])
        return dataclasses.replace(full, attributes=changed)
    return full


def story(one: Sample, i: int) -> list[Detections]:
    """Six frames in which each event is seen in its span; every third story is told backwards."""
    full = perfect(one)
    frames = []
    for f in range(6):
        at = [n for n, e in enumerate(one.events) if e.span[0] <= f <= e.span[1]]
        frames.append(
            Detections(full.boxes[at], tuple(full.labels[n] for n in at), full.scores[at],
                       tuple(full.attributes[n] for n in at), (64, 64))
        )  # fmt: skip
    return frames[::-1] if i % 3 == 2 else frames


def answers(one: Sample, i: int) -> Answers:
    """In turn all right, one wrong, nothing answered; with probabilities in every second image."""
    said = {q.id: "no" if i % 3 == 1 and q.id == "q1" else "Yes" for q in one.questions} if i % 3 != 2 else {}
    return Answers(said, {q.id: 0.25 + 0.5 * (n == i % 3) for n, q in enumerate(one.questions)} if i % 2 else {})


def picture(i: int, seed: int) -> np.ndarray:
    """A soft blob; pictures of one i agree in part."""
    y, x = np.indices((20, 24))
    blob = 200 * np.exp(-((x - 4 - i % 16) ** 2 + (y - 10) ** 2) / 20)
    noise = np.random.default_rng([seed, i]).integers(0, 40, (20, 24, 3))
    return (blob[..., None] + noise).astype(np.uint8)


def facts(i: int) -> PixelFacts:
    """Of seven images one is constant, one black; every tenth is a duplicate."""
    low, high = {0: (9, 9), 1: (0, 5)}.get(i % 7, (0, 250))
    return PixelFacts(f"digest {i if i % 10 else 0}", 64, 64, low, high)


def random_rows(n: int, width: int, seed: int) -> torch.Tensor:
    return torch.randn(n, width, generator=torch.Generator().manual_seed(seed))


def rows(view: View, n: int, seed: int = 0, classes: int = CLASSES) -> Any:
    """n rows of a view; images and texts of one seed agree in part. classes: columns of logits that answer no query."""
    samples = [sample(i) for i in range(n)]
    shared = random_rows(n, WIDTH, seed)
    return {
        ("generated", "features"): lambda: shared + random_rows(n, WIDTH, seed + 1),
        ("reference", "features"): lambda: random_rows(n, WIDTH, seed + 2),
        ("generated", "logits"): lambda: 2 * random_rows(n, 1 if view.query else classes, seed + 3),
        ("prompt", "features"): lambda: shared + random_rows(n, WIDTH, seed + 4),
        ("own", "features"): lambda: shared + random_rows(n, WIDTH, seed + 5),
        ("captions", "features"): lambda: [
            torch.stack([shared[i] + x for x in random_rows(3, WIDTH, seed + 6 + i)]) for i in range(n)
        ],
        ("negatives", "features"): lambda: [random_rows((i + 1) % 4, WIDTH, seed + 500 + i) for i in range(n)],
        ("generated", "image"): lambda: [picture(i, seed) for i in range(n)],
        ("own", "image"): lambda: [picture(i, seed + 1) for i in range(n)],
        ("generated", "map"): lambda: random_rows(n, 64, seed + 7).reshape(n, 8, 8),
        ("generated", "text"): lambda: [
            f"a {t.attributes['colour']} {t.label} word {i % 5}" for i, s in enumerate(samples) for t in s.objects[:1]
        ],
        ("generated", "answers"): lambda: [answers(s, i) for i, s in enumerate(samples)],
        ("sample", "masks"): lambda: [list(perfect(s).masks) for s in samples],
        ("generated", "detections"): lambda: [spoiled(s, i) for i, s in enumerate(samples)],
        ("generated", "facts"): lambda: [facts(i) for i in range(n)],
        ("sample", "truth"): lambda: samples,
    }[view.subject, view.output]()


def arguments(metric: Metric, n: int = N) -> dict[str, Any]:
    """All arguments of `update`, ids included."""
    classes = len(getattr(metric, "classes", ())) or CLASSES
    given = {name: rows(view, n, classes=classes) for name, view in metric.views().items()}
    if "story" in given:
        given["story"] = [story(s, i) for i, s in enumerate(given["truth"])]
    return {**given, "ids": [f"s{i:03d}#0" for i in range(n)]}


def take(given: Mapping[str, Any], index: Any) -> dict[str, Any]:
    """The arguments of some rows, in the order of `index`."""
    chosen = list(index)
    return {k: v[chosen] if isinstance(v, torch.Tensor) else [v[i] for i in chosen] for k, v in given.items()}


def values(metric: Metric) -> dict[str, float]:
    """compute() as output -> float."""
    found = metric.compute()
    named = found if isinstance(found, Mapping) else {"value": found}
    return {name: float(value) for name, value in named.items()}
