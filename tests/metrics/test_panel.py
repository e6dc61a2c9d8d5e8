"""The panel's metrics against the functions that they wrap and against cases with a known answer."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

import bench.functional as F
from bench.errors import DataError, TooFew, UsageError
from bench.functional.rules import Clause, soa, visor
from bench.metrics.benchmarks import clauses
from bench.types import Answers, Detections, Event, Question, Relation, Sample, Thing


def things(*names: tuple[str, str]) -> tuple[Thing, ...]:
    return tuple(Thing(label, {"colour": colour}) for colour, label in names)


def seen(*names: tuple[str, str], at: list[tuple[float, float]] | None = None, score: float = 0.99) -> Detections:
    places = at or [(20.0 * i, 20.0) for i in range(len(names))]
    boxes = np.array([(x, y, x + 10, y + 10) for x, y in places], dtype=float).reshape(-1, 4)
    labels, held = tuple(n for _, n in names), tuple({"colour": c} for c, _ in names)
    return Detections(boxes, labels, np.full(len(names), score), held, (64, 64))


def run(kit, name, rows, **params):
    """A metric fed with (sample, what was found) pairs."""
    metric = kit.make(name, **params)
    metric.update(found=[f for _, f in rows], truth=[s for s, _ in rows], ids=[s.id for s, _ in rows])
    return metric


TWO = things(("red", "dog"), ("blue", "cat"))
BESIDE = Sample("s", "a red dog left of a blue cat", objects=TWO, relations=(Relation(0, "left of", 1),))


# ---- objects -------------------------------------------------------------------------------------------------------


def test_object_overlap_by_class_and_by_colour(kit):
    rows = [(BESIDE, seen(("red", "dog"), ("red", "cat"), ("red", "cat")))]
    assert kit.values(run(kit, "object-overlap", rows)) == pytest.approx({"f1": 4 / 5, "jaccard": 2 / 3})
    coloured = kit.values(run(kit, "object-overlap", rows, attribute="colour"))
    assert coloured == pytest.approx({"f1": 2 / 5, "jaccard": 1 / 4})


def test_counting_errors(kit):
    rows = [(BESIDE, seen(("red", "dog"), ("red", "dog"), ("red", "dog"), ("x", "bird")))]
    found = kit.values(run(kit, "counting-error", rows))
    assert found == pytest.approx({"mae": (2 + 1 + 1) / 3, "rmse": (5 / 2) ** 0.5})
    assert kit.values(run(kit, "t2i-compbench-numeracy", rows))["value"] == pytest.approx(0.25)
    assert kit.values(run(kit, "hrs-counting", rows)) == pytest.approx(
        {"f1": 2 / 5, "precision": 1 / 3, "recall": 1 / 2}
    )


def test_soa_is_the_rule_where_prompts_name_one_class(kit):
    rng = np.random.default_rng(0)
    names = ["dog"] * 30 + ["cat"] * 10 + ["cup"] * 5
    hits = rng.random(45) < 0.6
    rows = [
        (Sample(f"s{i}", n, objects=things(("red", n))), seen(("red", n)) if hit else seen())
        for i, (n, hit) in enumerate(zip(names, hits, strict=True))
    ]
    found, rule = kit.values(run(kit, "soa", rows)), soa(hits, names)
    assert found["SOA-C"] == pytest.approx(rule["SOA-C"]) and found["SOA-I"] == pytest.approx(rule["SOA-I"])
    assert found["SOA-C"] != pytest.approx(found["SOA-I"])
    many = Sample("m", "many", objects=things(*(("red", f"thing {i}") for i in range(17))))
    with pytest.raises(UsageError, match="17 classes"):
        run(kit, "soa", [(many, seen())])


def test_visor_is_the_rule(kit):
    rng = np.random.default_rng(1)
    rows, both, right, prompts = [], [], [], []
    for p in range(12):
        sample = dataclasses.replace(BESIDE, id=f"p{p}")
        for _ in range(4):
            there, fine = rng.random() < 0.7, rng.random() < 0.6
            place = [(10.0, 20.0), (40.0, 20.0)] if fine else [(40.0, 20.0), (10.0, 20.0)]
            found = seen(("red", "dog"), ("blue", "cat"), at=place) if there else seen(("red", "dog"))
            rows.append((sample, found))
            both.append(there), right.append(there and fine), prompts.append(p)
    assert kit.values(run(kit, "visor", rows)) == pytest.approx(visor(both, right, prompts))


# ---- the benchmarks' verdicts ----------------------------------------------------------------------------------------


def test_what_geneval_asks_of_a_sample():
    include, exclude = clauses(BESIDE)
    assert include == [Clause("cat", 1, "blue"), Clause("dog", 1, "red", ("left of", 0))] and exclude == []
    three = Sample("t", "three dogs", objects=things(*[("", "dog")] * 3))
    assert clauses(three) == ([Clause("dog", 3, "")], [Clause("dog", 4)])


def test_geneval_is_the_mean_of_tasks(kit):
    good, bad = seen(("red", "dog"), ("blue", "cat")), seen(("blue", "cat"), ("red", "dog"))
    tasks = ["position"] * 3 + ["colour"]
    rows = [
        (dataclasses.replace(BESIDE, id=f"s{i}", tags={"kind": task}), found)
        for i, (task, found) in enumerate(zip(tasks, (good, good, good, bad), strict=True))
    ]
    assert kit.values(run(kit, "geneval", rows)) == pytest.approx({"overall": 0.5, "images": 0.75})


def test_spatial_rules_read_the_first_relation(kit):
    good, bad = seen(("red", "dog"), ("blue", "cat")), seen(("blue", "cat"), ("red", "dog"))
    for name in ("paintskills-spatial", "t2i-compbench-spatial"):
        value, other = (kit.values(run(kit, name, [(BESIDE, f)]))["value"] for f in (good, bad))
        assert value > 0.9 > 0.6 > other, name
    alike = Sample("a", "a dog left of a dog", objects=things(("red", "dog"), ("blue", "dog")),
                   relations=(Relation(0, "left of", 1),))  # fmt: skip
    assert np.isnan(kit.values(run(kit, "paintskills-spatial", [(alike, good)]))["value"])
    junk = dataclasses.replace(BESIDE, relations=(Relation(0, "left of", 7),))
    with pytest.raises(DataError, match="does not have"):
        run(kit, "paintskills-spatial", [(junk, good)])


# ---- answers, stories, writing ---------------------------------------------------------------------------------------


def test_answers(kit):
    asked = (Question("a", "is there a dog?", "yes"), Question("b", "is it red?", "yes", parents=("a",)),
             Question("c", "how many?", "2", parents=("b",)))  # fmt: skip
    truth = [Sample("s", "two red dogs", questions=asked)]

    def value(name: str, said: Answers, **params) -> float:
        metric = kit.make(name, **params)
        metric.update(answers=[said], truth=truth)
        return kit.values(metric)["value"]

    no = Answers({"a": "No", "b": " YES ", "c": "2"}, {"a": 0.25, "b": 0.5})
    assert value("tifa", no) == pytest.approx(2 / 3)
    assert value("dsg", no) == 0 and value("dsg", no, cascade=False) == pytest.approx(1 / 3)
    assert value("blip-vqa", no) == pytest.approx(0.25 * 0.5 * 1)
    assert value("tifa", Answers()) == 0, "no answer is no right answer"
    junk = [Sample("j", "x", questions=(Question("a", "?", "yes", parents=("z",)),))]
    with pytest.raises(DataError, match="none of its prompt's"):
        kit.make("dsg").update(answers=[no], truth=junk)


def test_stories(kit):
    events = (Event("red dog", 0, (0, 1)), Event("blue cat", 1, (2, 3)))
    sample = Sample("s", "a story", frames=4, events=events)
    dog, cat = seen(("red", "dog")), seen(("blue", "cat"))

    def values(*frames: Detections) -> tuple[float, float]:
        found = []
        for name in ("event-order", "event-span"):
            metric = kit.make(name)
            metric.update(story=[frames], truth=[sample])
            found.append(kit.values(metric)["value"])
        return found[0], found[1]

    assert values(dog, dog, cat, cat) == (1, 1)
    assert values(cat, cat, dog, dog) == (-1, 0)
    assert values(dog, dog, dog, dog) == (0, 0.25), "one event was never seen, the other too long"


def test_writing_and_redescription(kit):
    metric = kit.make("text-rendering")
    sign = Sample("s", 'a sign that says "Open Late"')
    metric.update(read=["we are OPEN  late", "opn late", "nothing"], truth=[sign, sign, Sample("n", "no writing")])
    table = metric.table()
    assert table["exact"][:2].tolist() == [1, 0] and np.isnan(table["exact"][2])
    assert table["similarity"][1] == pytest.approx(1 - 1 / 9)
    told = kit.make("redescription")
    prompt = Sample("s", "two red circles and a blue square")
    told.update(read=["a blue square and two red circles", "a red circle", ""], truth=[prompt] * 3)
    assert told.table()["slots"].tolist() == pytest.approx([1, 0.5, 0])


# ---- sets that know the prompt ---------------------------------------------------------------------------------------


def test_joint_and_intra_group_distances_are_the_functions(kit):
    x, own, text = (kit.rows(60, 6, s) for s in (1, 2, 3))
    joint = kit.make("fjd")
    joint.update(generated=x, own=own, text=text)
    assert float(joint.compute()) == pytest.approx(float(F.frechet_joint_distance(x, text, own, text)))
    wrong = kit.make("fjd")
    wrong.update(generated=own[torch.arange(60).roll(1)], own=own, text=text)
    right = kit.make("fjd")
    right.update(generated=own, own=own, text=text)
    assert float(right.compute()) < 1e-9 < float(wrong.compute()), "the same images with other prompts"
    truth = [Sample(f"s{i}", "p", tags={"kind": str(i % 3)}) for i in range(60)]
    groups = kit.make("ffid", by="kind")
    groups.update(generated=x, own=own, truth=truth)
    mean = np.mean([float(F.frechet_distance(x[i::3], own[i::3])) for i in range(3)])
    assert float(groups.compute()) == pytest.approx(mean)
    alone = kit.make("ffid", by="", least=5)
    alone.update(generated=x, own=own, truth=truth)
    with pytest.raises(TooFew, match="No group has 5"):
        alone.compute()


def test_diversity_is_within_prompts(kit):
    rows = kit.rows(12, 5, 0)
    truth = [Sample(f"s{i // 4}", "p") for i in range(12)]
    metric = kit.make("caption-diversity")
    metric.update(image=rows, truth=truth)
    wanted = F.intra_group_diversity(rows, [i // 4 for i in range(12)]).mean()
    assert kit.values(metric)["value"] == pytest.approx(float(wanted))
    same = kit.make("caption-diversity")
    same.update(image=rows[::4].repeat_interleave(4, 0), truth=truth)
    assert kit.values(same)["value"] == pytest.approx(0, abs=1e-12), "images that ignore the seed"


def test_retrieval_by_group_takes_every_caption_of_a_photograph(kit):
    rows = kit.rows(6, 8, 0)
    texts = rows.clone()
    texts[[0, 1]] = texts[[1, 0]]  # each image is nearest to the other caption of its photograph
    truth = [Sample(f"s{i}", f"text {i}", group=f"photo {i // 2}") for i in range(6)]
    found = {}
    for positives in ("meaning", "group"):
        metric = kit.make("retrieval", positives=positives)
        metric.update(image=rows, text=texts, truth=truth)
        found[positives] = kit.values(metric)
    assert found["meaning"]["i2t.R@1"] == pytest.approx(4 / 6) and found["group"]["i2t.R@1"] == 1
    assert found["group"]["t2i.mAP@R"] < 1
    with pytest.raises(UsageError, match="positives"):
        kit.make("retrieval", positives="class")


def test_compatibility_switches(kit):
    """A constant judge: chance by expectation, full marks by the published rule."""
    rows = torch.ones(40, 4)
    truth = [Sample(f"s{i}", f"text {i}") for i in range(40)]
    for ties, wanted in (("expected", 0.1), ("optimistic", 1.0), ("pessimistic", 0.0)):
        metric = kit.make("r-precision", ties=ties)
        metric.update(image=rows, text=rows, truth=truth)
        assert kit.values(metric)["value"] == pytest.approx(wanted)
    top = kit.make("r-precision", top=5)
    top.update(image=rows, text=rows, truth=truth)
    assert kit.values(top)["value"] == pytest.approx(0.5)
    credit = torch.tensor([1.0, 1, 1, 0] * 5)
    assert [float(v) for v in F.fold_summary(credit, folds=5)] == [0.75, 0]
    assert float(F.fold_summary(credit, folds=5, drop_last=True)[0]) == 1, "the published slices drop a row a fold"


def test_calibrated_inception_score(kit):
    logits = kit.rows(60, 7, 0) * 3
    plain, cooled = kit.make("is"), kit.make("is", temperature=2.0)
    for metric in (plain, cooled):
        metric.update(generated=logits)
    assert float(cooled.compute()) == pytest.approx(float(F.inception_score(logits / 2, splits=3)[0]))
    assert float(cooled.compute()) < float(plain.compute()) and cooled.outputs[0].label == "IS*"
    with pytest.raises(UsageError, match="temperature"):
        kit.make("is", temperature=0)


def test_draws_with_replacement_are_another_protocol(kit):
    rows = kit.rows(60, 8, 0)
    truth = [Sample(f"s{i}", f"text {i}") for i in range(60)]
    noisy = rows + kit.rows(60, 8, 1)
    found = []
    for replace in (False, True):
        metric = kit.make("r-precision", candidates=40, replace=replace)
        metric.update(image=rows, text=noisy, truth=truth)
        found.append(kit.values(metric)["value"])
    assert found[1] >= found[0] > 1 / 40, "fewer different texts are easier"
