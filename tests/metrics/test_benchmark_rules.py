"""The benchmarks' metrics on images whose score can be worked out on paper."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch

from bench.errors import DataError, UsageError
from bench.formats.prompt_sets import read_geneval
from bench.formats.reading import Reading
from bench.functional.rules import Clause, geneval_overall
from bench.metrics.benchmarks import TASKS, asked_of, clauses
from bench.types import Detections, Relation, Sample, Thing

LEFT, RIGHT, LOW = (0, 20, 10, 30), (40, 20, 50, 30), (2, 50, 12, 60)


def seen(*things, size=(64, 64)):
    """(label, box, score[, colour])"""
    boxes = np.array([t[1] for t in things], dtype=float).reshape(-1, 4)
    colours = tuple({"colour": t[3]} if len(t) > 3 else {} for t in things)
    return Detections(boxes, tuple(t[0] for t in things), np.array([t[2] for t in things]), colours, size)


def asked(*labels, relations=(), **told):
    return Sample("s", "a prompt", objects=tuple(Thing(n) for n in labels),
                  relations=tuple(Relation(*r) for r in relations), **told)  # fmt: skip


def scores(kit, name, rows, **params):
    metric = kit.make(name, **params)
    metric.update(found=[f for f, _ in rows], truth=[s for _, s in rows])
    return kit.values(metric)


# ---- GenEval -------------------------------------------------------------------------------------------------------


def test_geneval_has_a_number_for_each_task_and_their_mean(kit):
    good, bad = seen(("dog", LEFT, 0.99)), seen()
    shares = dict(zip(TASKS, ((1, 1), (1, 0), (1, 1, 1, 0), (0,), (1, 0, 0, 0), (1,)), strict=True))
    rows = [
        (good if hit else bad, dataclasses.replace(asked("dog"), tags={"kind": task}))
        for task, hits in shares.items()
        for hit in hits
    ]
    found = scores(kit, "geneval", rows, tasks=True)
    means = {task: float(np.mean(hits)) for task, hits in shares.items()}
    assert {t: found[t] for t in TASKS} == pytest.approx(means)
    assert found["overall"] == pytest.approx(np.mean([*means.values()])) == pytest.approx(3.5 / 6)
    assert found["images"] == pytest.approx(8 / 14), "which the unequal tasks make another number"
    verdicts = [hit for hits in shares.values() for hit in hits]
    assert found["overall"] == pytest.approx(geneval_overall(verdicts, [s.tags["kind"] for _, s in rows]))
    assert "position" not in scores(kit, "geneval", rows)


def test_geneval_asks_what_its_file_says(kit):
    """The file allows a second dog here, which the objects alone would not."""
    include = json.dumps([{"class": "dog", "count": 2, "color": "red"}])
    sample = Sample("s", "two red dogs", objects=(Thing("dog", {"colour": "red"}),) * 2, tags={"include": include})
    assert asked_of(sample) == ([Clause("dog", 2, "red")], [])
    three = seen(*[("dog", LEFT, 0.9, "red")] * 3)
    assert scores(kit, "geneval", [(three, sample)])["images"] == 1
    assert scores(kit, "geneval", [(three, dataclasses.replace(sample, tags={}))])["images"] == 0
    for junk in ("[", '[{"count": 1}]', '[{"class": "dog", "count": 1, "position": 3}]', "[7]"):
        with pytest.raises(DataError, match="not GenEval's"):
            asked_of(dataclasses.replace(sample, tags={"include": junk}))


def test_geneval_s_own_prompts_ask_what_their_objects_say(shared_data):
    """All 553: the clauses of the file and those made from objects and relations give the same verdicts."""
    samples = list(read_geneval(Reading("geneval", shared_data / "geneval")))
    assert len(samples) == 553 and {s.tags["kind"] for s in samples} == set(TASKS)
    for sample in samples:
        (include, exclude), (made, unmade) = asked_of(sample), clauses(sample)
        named = {(c.label, c.count, c.colour, c.position and c.position[0]) for c in include}
        assert named == {(c.label, c.count, c.colour, c.position and c.position[0]) for c in made}, sample
        assert exclude == unmade, sample


# ---- T2I-CompBench, HRS, PaintSkills -------------------------------------------------------------------------------


def test_relations_in_depth_are_for_the_metric_with_a_map_alone(kit):
    deep, flat = (asked("dog", "cat", relations=[(0, word, 1)]) for word in ("in front of", "on the left of"))
    image = seen(("dog", LEFT, 0.8), ("cat", RIGHT, 0.6))
    for name in ("hrs-spatial", "t2i-compbench-spatial", "paintskills-spatial", "spatial-relation", "visor"):
        found = scores(kit, name, [(image, deep), (image, flat)])
        assert next(iter(found.values())) == pytest.approx(0.85 if name == "t2i-compbench-spatial" else 1), name
    assert scores(kit, "geneval", [(image, deep)])["images"] == 1, "GenEval asks only whether both are there"


def depth_score(kit, image, sample, depth, **params):
    metric = kit.make("t2i-compbench-3d", **params)
    metric.update(found=[image], depth=torch.from_numpy(np.array([depth], dtype=np.float64)), truth=[sample])
    return kit.values(metric)["value"]


def test_order_in_depth_needs_a_map_and_an_overlap(kit):
    front = asked("dog", "cat", relations=[(0, "in front of", 1)])
    behind = asked("dog", "cat", relations=[(0, "hidden by", 1)])
    image = seen(("dog", (0, 0, 32, 32), 0.8), ("cat", (0, 0, 32, 64), 0.6))  # IoU 1/2
    near_above = np.repeat([[1.0], [0.0]], 2, axis=1)  # 2 x 2: the upper half is near
    assert depth_score(kit, image, front, near_above) == pytest.approx(0.2 + 0.15 + 0.5)
    assert depth_score(kit, image, behind, near_above) == pytest.approx(0.2 + 0.15)
    assert depth_score(kit, image, front, near_above, nearer="low") == pytest.approx(0.35)
    assert depth_score(kit, image, front, near_above.T, transposed=True) == pytest.approx(0.85)
    apart = seen(("dog", (0, 0, 10, 10), 0.8), ("cat", (40, 40, 50, 50), 0.6))
    assert depth_score(kit, apart, front, near_above) == pytest.approx(0.35), "no overlap, no position"
    assert depth_score(kit, seen(("cat", RIGHT, 0.6)), front, near_above) == pytest.approx(0.15)
    assert np.isnan(depth_score(kit, image, asked("dog", "cat", relations=[(0, "left of", 1)]), near_above))
    with pytest.raises(UsageError, match="nearer is high or low"):
        kit.make("t2i-compbench-3d", nearer="far")


def test_a_girl_of_t2i_compbench_is_a_person(kit):
    girl = asked("girl", "cat", relations=[(0, "on the left of", 1)])
    image = seen(("person", LEFT, 1.0), ("cat", RIGHT, 1.0))
    assert scores(kit, "t2i-compbench-spatial", [(image, girl)])["value"] == 1
    assert scores(kit, "paintskills-spatial", [(image, girl)])["value"] == 0, "other benchmarks take words as they are"


def test_on_top_of_is_credited_unless_asked_otherwise(kit):
    stacked = asked("cat", "dog", relations=[(0, "on top of", 1)])
    image = seen(("cat", LEFT, 1.0), ("dog", LOW, 1.0))
    assert scores(kit, "t2i-compbench-spatial", [(image, stacked)])["value"] == 1
    assert scores(kit, "t2i-compbench-spatial", [(image, stacked)], on_top_of=False)["value"] == 0.5


def test_hrs_wants_all_relations_of_the_prompt(kit):
    image = seen(("dog", LEFT, 0.9), ("cat", RIGHT, 0.9), ("cup", LOW, 0.9))
    right = asked("dog", "cat", "cup", relations=[(0, "left of", 1), (2, "below", 0)])
    wrong = asked("dog", "cat", "cup", relations=[(0, "left of", 1), (2, "above", 0)])
    absent = asked("dog", "cat", "bird", relations=[(0, "left of", 1)])
    twins = asked("dog", "dog", relations=[(0, "left of", 1)])
    assert scores(kit, "hrs-spatial", [(image, right), (image, twins)])["value"] == 1, "one class is not judged"
    assert scores(kit, "hrs-spatial", [(image, wrong)])["value"] == 0
    assert scores(kit, "hrs-spatial", [(image, absent)])["value"] == 0


def test_paintskills_counts_exactly(kit):
    rows = [(seen(*[("dog", LEFT, 0.9)] * n, ("cat", RIGHT, 0.9)), asked("dog", "dog")) for n in (1, 2, 3)]
    assert scores(kit, "paintskills-count", rows)["value"] == pytest.approx(1 / 3)
