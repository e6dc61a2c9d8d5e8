"""The benchmarks' metrics on images whose score can be worked out on paper."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch

from bench.errors import DataError, UsageError
from bench.formats.compbench_truth import compbench_questions
from bench.formats.prompt_sets import read_compbench, read_geneval
from bench.formats.question_sets import read_tifa
from bench.formats.reading import Reading
from bench.functional.rules import Clause, geneval_overall, soa
from bench.metrics.benchmarks import TASKS, asked_of, clauses
from bench.types import Answers, Detections, Question, Relation, Sample, Thing

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


def test_paintskills_rules_differ_in_a_third_box(kit):
    pair = asked("dog", "cat", relations=[(0, "left of", 1)])
    extra = seen(("dog", LEFT, 0.9), ("cat", RIGHT, 0.8), ("cat", LOW, 0.1))
    sure = seen(("cup", LOW, 0.95), ("dog", LEFT, 0.9), ("cat", RIGHT, 0.8))
    twins = (seen(("dog", LEFT, 0.9), ("dog", RIGHT, 0.8)), asked("dog", "dog", relations=[(0, "right of", 1)]))
    assert [scores(kit, "paintskills-spatial", [(i, pair)])["value"] for i in (extra, sure)] == [0, 1]
    own = [scores(kit, "paintskills-spatial", [(i, pair)], rule="dall-eval")["value"] for i in (extra, sure)]
    assert own == [1, 0] and scores(kit, "paintskills-spatial", [twins], rule="dall-eval")["value"] == 1
    assert np.isnan(scores(kit, "paintskills-spatial", [twins])["value"]), "HEIM's does not judge one class"
    with pytest.raises(UsageError, match="heim or dall-eval"):
        kit.make("paintskills-spatial", rule="own")


def test_paintskills_counts_exactly(kit):
    rows = [(seen(*[("dog", LEFT, 0.9)] * n, ("cat", RIGHT, 0.9)), asked("dog", "dog")) for n in (1, 2, 3)]
    assert scores(kit, "paintskills-count", rows)["value"] == pytest.approx(1 / 3)


# ---- DPG-Bench -----------------------------------------------------------------------------------------------------

DENSE = (
    Question("1", "is there a dog?", "yes", kind="entity"),
    Question("2", "is it red?", "yes", parents=("1",), kind="attribute"),
    Question("3", "does it sit left of a cat?", "yes", parents=("2",), kind="relation - spatial"),
    Question("4", "is it a photograph?", "yes", kind="global"),
)


def dpg(kit, *images, ids=None, **params):
    """Images of one prompt, each as its answers to the four questions."""
    metric = kit.make("dpg", **params)
    said = [Answers({q.id: a for q, a in zip(DENSE, one, strict=True)}) for one in images]
    metric.update(answers=said, truth=[Sample("p", "dense", questions=DENSE)] * len(images), ids=ids)
    return kit.values(metric)


def test_dpg_voids_what_depends_on_a_no_and_all_below_it(kit):
    found = dpg(kit, ("no", "yes", "yes", "yes"), ("yes", "yes", "yes", "no"))
    assert found["score"] == pytest.approx((1 / 4 + 3 / 4) / 2)
    assert {k: found[k] for k in ("entity", "attribute", "relation", "global")} == pytest.approx(
        {"entity": 0.5, "attribute": 0.5, "relation": 0.5, "global": 0.5}
    )
    assert np.isnan(found["other"]), "no question of this kind"


def test_what_dpg_s_script_does_is_an_option(kit):
    images = ("no", "yes", "yes", "yes"), ("yes", "no", "yes", "no")
    raw = dpg(kit, *images, raw_categories=True)
    assert (raw["attribute"], raw["relation"]) == (0.5, 1.0), "bare answers"
    assert dpg(kit, *images)["relation"] == 0
    last = dpg(kit, *images, last_image=True, raw_categories=True)
    assert (last["entity"], last["attribute"], last["relation"], last["global"]) == (1, 0, 1, 0)
    turned = dpg(kit, *images, ids=["p#1", "p#0"], last_image=True, raw_categories=True)
    assert (turned["entity"], turned["global"]) == (0, 1), "the last image is the one with the highest number"
    assert raw["score"] == last["score"] == dpg(kit, *images)["score"] == pytest.approx((1 / 4 + 1 / 4) / 2)


# ---- SOA -----------------------------------------------------------------------------------------------------------


def test_soa_s_overlap_is_of_what_was_found(kit):
    things = Thing("dog", box=(0, 0, 10, 10)), Thing("cat", box=(0, 0, 20, 10))
    boxed = Sample("s", "p", objects=things, size=(64, 64))
    exact, half = seen(("dog", (0, 0, 10, 10), 1.0)), seen(("dog", (0, 0, 10, 5), 1.0), ("dog", (50, 50, 60, 60), 1.0))
    cats = seen(("cat", (0, 0, 5, 10), 1.0))
    found = scores(kit, "soa", [(exact, boxed), (half, boxed), (cats, boxed), (seen(), boxed)])
    assert found["SOA-I"] == pytest.approx(3 / 8) and found["SOA-C"] == pytest.approx((2 / 4 + 1 / 4) / 2)
    assert found["IoU"] == pytest.approx((1 + 0.5 + 0.25) / 3), "what was missed does not count"
    assert found["IoU-C"] == pytest.approx((0.75 + 0.25) / 2)
    twice = dataclasses.replace(exact, boxes=exact.boxes * 2, size=(128, 128))
    assert scores(kit, "soa", [(twice, boxed)])["IoU"] == 1, "at another size"
    bare = scores(kit, "soa", [(exact, asked("dog"))])
    assert bare["SOA-C"] == 1 and np.isnan(bare["IoU"]) and np.isnan(bare["IoU-C"])


def test_soa_s_overlap_is_the_rule_where_prompts_name_one_class(kit):
    rng = np.random.default_rng(0)
    rows, hits, names, overlaps = [], [], [], []
    for i in range(40):
        name, hit, shift = ("dog", "cat")[i % 3 == 0], bool(rng.random() < 0.6), float(rng.integers(0, 9))
        rows.append((seen((name, (shift, 0, shift + 10, 10), 1.0)) if hit else seen(),
                     Sample(f"s{i}", name, objects=(Thing(name, box=(0, 0, 10, 10)),), size=(64, 64))))  # fmt: skip
        hits.append(hit), names.append(name), overlaps.append((10 - shift) / (10 + shift))
    found, rule = scores(kit, "soa", rows), soa(hits, names, overlaps)
    assert [found[k] for k in ("SOA-C", "SOA-I", "IoU")] == pytest.approx([rule[k] for k in ("SOA-C", "SOA-I", "IoU")])


# ---- TIFA ----------------------------------------------------------------------------------------------------------


def test_tifa_s_worked_sample(kit, shared_data):
    """The published sample: two texts, their questions and the model's choices give .8125 and a spread of .26517."""
    folder = shared_data / "tifa"
    published = json.loads((folder / "sample_evaluation_result.json").read_text(encoding="utf-8"))
    samples = list(read_tifa(Reading("tifa", folder)))
    assert len(samples) == 2 and sum(len(s.questions) for s in samples) == 19
    said = [
        Answers({q.id: published["question_details"][s.id][q.text]["multiple_choice_vqa"] for q in s.questions})
        for s in samples
    ]
    metric = kit.make("tifa")
    metric.update(answers=said, truth=samples)
    assert kit.values(metric)["value"] == pytest.approx(published["tifa_average"]) == pytest.approx(0.8125)
    column = metric.table()["score"]
    assert column.tolist() == pytest.approx([published["caption_scores"][s.id] for s in samples])
    assert column.std(ddof=1) == pytest.approx(published["tifa_stdev"])


# ---- T2I-CompBench's complex prompts ---------------------------------------------------------------------------------

PHRASES = (Question("0", "the red hat?", "yes"), Question("1", "the brown rack?", "yes"))


def three(kit, kind, *, relation="on top of", image=(0.6, 0.8), sure=(0.5, 0.8)):
    told = {"complex": kind} if kind else {}
    relations = (Relation(0, relation, 1),) if relation else ()
    sample = Sample("s", "p", objects=(Thing("hat"), Thing("rack")), relations=relations, questions=PHRASES, tags=told)
    boxes = seen(("hat", LEFT, 0.8), ("rack", LOW, 0.6))
    metric = kit.make("t2i-compbench-3in1")
    metric.update(
        answers=[Answers({}, {"0": sure[0], "1": sure[1]})], found=[boxes], truth=[sample],
        image=torch.tensor([image]), text=torch.tensor([[1.0, 0.0]]),
    )  # fmt: skip
    return kit.values(metric)["value"]


def test_three_in_one_goes_by_the_prompt_s_membership(kit):
    """Answers .5 x .8 = .4, position .2 + .15 + .5 = .85, cosine .6."""
    assert three(kit, "spatial") == pytest.approx((0.4 + 0.85) / 2)
    assert three(kit, "action") == pytest.approx((0.4 + 0.6) / 2)
    assert three(kit, "both") == pytest.approx((0.4 + 0.85 + 0.6) / 3)
    assert three(kit, "action", image=[-0.6, 0.8]) == pytest.approx(0.2), "a cosine below 0 counts as 0"
    assert np.isnan(three(kit, "")) and np.isnan(three(kit, "spatial", relation=""))
    assert three(kit, "action", relation="") == pytest.approx(0.5), "no position is asked for"


def test_phrases_and_membership_of_the_real_prompts(shared_data):
    """Published lists: 58 spatial, 212 action, 30 of both; spatial ones fit the template whole."""
    reading = Reading("t2i-compbench", shared_data / "t2i-compbench")
    every = list(read_compbench(reading, ["color", "complex"], "val"))
    of = {c: [s for s in every if s.tags["category"] == c] for c in ("color", "complex")}
    kinds = [s.tags["complex"] for s in of["complex"]]
    assert [kinds.count(k) for k in ("spatial", "action", "both")] == [58, 212, 30]
    spatial = [s for s in of["complex"] if s.tags["complex"] == "spatial"]
    assert all(s.relations and len(s.questions) == 2 for s in spatial)
    assert sum(s.relations[0].predicate == "on top of" for s in spatial) == 32
    assert [q.text for q in spatial[0].questions] == ["The red hat?", "the brown coat rack?"]
    assert [t.label for t in spatial[0].objects] == ["hat", "rack"]
    assert sum(bool(s.questions) for s in of["color"]) == 237 and "complex" not in of["color"][0].tags
    assert [q.text for q in of["color"][0].questions] == ["a green bench?", "a blue bowl?"]


def test_no_phrase_is_guessed_and_no_prompt_takes_long():
    for text in ("a black white and gold vase", "a red apple and yellow bananas", "rubber gloves", "", "a and a",
                 "a vase on a table and a chair"):  # fmt: skip
        assert compbench_questions("color", text) == (), text
    assert compbench_questions("spatial", "a cat and a dog") == ()
    for text in ("a " + "word " * 20_000, "the cat is " + "on " * 20_000, "a b and " * 5_000):
        assert compbench_questions("complex", text) == ()
