"""PaintSkills, TISE's positional alignment and ARO's order: a miniature of each layout, and what is wrong in files."""

from __future__ import annotations

import json
import pickle
from collections import Counter

import pytest
from PIL import Image

from bench.datasets.pairs import Aro, TisePa
from bench.datasets.prompt_benchmarks import CompBench, PaintSkills
from bench.errors import DataError, UsageError
from bench.formats.folders import list_images
from bench.formats.layouts import arrange


def kinds(dataset):
    return {f.kind: (f.count, f.refused) for f in dataset.findings()}


def put(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())


def scene(at, text, *objects, skill="spatial"):
    return {"id": f"{skill}_val_{at:05d}", "scene": "empty", "text": text, "objects": list(objects)}


def thing(shape, relation=None, color="plain"):
    return {"id": 0, "shape": shape, "color": color, "relation": relation, "scale": 4.2, "texture": "plain"}


def test_paintskills_spatial_states_where_the_second_stands(tmp_path):
    data = [
        scene(0, "a dog is right to a bike", thing("bike"), thing("dog", "right_0")),
        scene(1, "a stop sign is above a person", thing("humanSophie"), thing("stopSign", "above_0")),
    ]
    put(tmp_path / "spatial" / "scenes" / "spatial_val.json", {"data": data})
    found = PaintSkills(str(tmp_path), skill="spatial").samples
    assert [s.id for s in found] == ["spatial_val_00000", "spatial_val_00001"]
    assert [[t.label for t in s.objects] for s in found] == [["bicycle", "dog"], ["person", "stop sign"]]
    (one,) = found[0].relations
    assert (one.subject, one.predicate, one.object) == (1, "right of", 0), "the second object's place to the first"
    assert not found[0].objects[0].attributes and found[0].reference is None


def test_the_rule_of_paintskills_reads_these_relations(tmp_path):
    import numpy as np

    from bench.metrics.benchmarks import PaintskillsSpatial
    from bench.types import Detections

    data = [scene(0, "a dog is right to a bike", thing("bike"), thing("dog", "right_0"))]
    put(tmp_path / "spatial_val.json", {"data": data})
    (sample,) = PaintSkills(str(tmp_path), skill="spatial").samples
    right = Detections(np.array([[0, 0, 9, 9], [50, 5, 60, 20.0]]), ("bicycle", "dog"), np.ones(2))
    wrong = Detections(right.boxes[::-1].copy(), right.labels, right.scores)
    metric = PaintskillsSpatial("recorded")
    metric.update(found=[right, wrong], truth=[sample, sample])
    (column,) = metric.table().values()
    assert [float(v) for v in column] == [1, 0]


def test_paintskills_counts_and_colours(tmp_path):
    put(tmp_path / "count" / "scenes" / "count_val.json",
        {"data": [scene(0, "2 dogs", thing("dog"), thing("dog"), skill="count")]})  # fmt: skip
    put(tmp_path / "color" / "scenes" / "color_val.json",
        {"data": [scene(0, "a red bench", thing("bench", color="red"), skill="color")]})  # fmt: skip
    (tmp_path / "color" / "images").mkdir()
    (count,) = PaintSkills(str(tmp_path), skill="count").samples
    assert Counter(t.label for t in count.objects) == {"dog": 2} and not count.relations
    (colour,) = PaintSkills(str(tmp_path), skill="color").samples
    assert dict(colour.objects[0].attributes) == {"color": "red"}
    assert colour.reference.endswith("images/image_color_val_00000.png")
    assert "object/scenes/object_val.json" in PaintSkills(str(tmp_path)).problems()[0]


@pytest.mark.parametrize(
    "bad",
    [
        scene(1, "x", thing("dog"), thing("cat", "beside_0")),
        scene(1, "x", thing("dog"), thing("cat", "left_9")),
        scene(1, "x", thing("dog"), thing("cat", "left_1")),
        scene(1, "x", thing("dog"), thing("cat")),
        scene(1, "x"),
        {"id": 3, "text": "x", "objects": []},
    ],
)
def test_scenes_that_state_nothing(tmp_path, bad):
    put(tmp_path / "spatial_val.json", {"data": [scene(0, "x", thing("dog"), thing("cat", "left_0")), bad]})
    dataset = PaintSkills(str(tmp_path), skill="spatial")
    assert kinds(dataset) == {"bad-value": (1, True)}
    with pytest.raises(DataError, match="1 values are not what the layout says"):
        assert dataset.samples


PA = {
    "left": [{"caption": "A cat left of a dog", "false_caption": "A cat right of a dog", "caption_id": 12}],
    "under": [
        {"caption": "A cat under a bed", "false_caption": "A cat over a bed", "caption_id": 12},
        {"caption": "A cup under a bed", "false_caption": "A cup over a bed", "caption_id": "13"},
    ],
}


def test_tise_keeps_its_words_and_images_meet_it(tmp_path):
    put(tmp_path / "captions" / "PA_input_captions.pkl", pickle.dumps(PA, protocol=2))
    dataset = TisePa(str(tmp_path))
    assert [s.id for s in dataset.samples] == ["left/12", "under/12", "under/13"], "an id is of its word"
    assert dataset.samples[0].negatives == ("A cat right of a dog",) and not dataset.findings()
    assert [s.id for s in TisePa(str(tmp_path), word="under").samples] == ["under/12", "under/13"]
    for word, name in (("left", "12"), ("under", "12"), ("under", "13")):
        (tmp_path / "images" / word).mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4)).save(tmp_path / "images" / word / f"{name}.png")
    made = arrange(list_images(tmp_path / "images"), dataset.samples, "tise")
    assert made.pairs == {(s.id, 0): f"{s.id}.png" for s in dataset.samples} and not made.missing


def test_tise_pickles_that_are_not_its_own(tmp_path):
    class Evil:
        def __reduce__(self):
            return (print, ("executed",))

    path = tmp_path / "PA_input_captions.pkl"
    path.write_bytes(pickle.dumps({"left": [Evil()]}))
    assert list(kinds(TisePa(str(tmp_path)))) == ["hostile-pickle"]
    rows = [{"caption": "x", "false_caption": " ", "caption_id": 1}, {"caption": "y"}]
    path.write_bytes(pickle.dumps({"left": rows}))
    assert kinds(TisePa(str(tmp_path))) == {"empty-prompt": (1, True), "bad-value": (1, True)}
    path.write_bytes(pickle.dumps([1]))
    assert kinds(TisePa(str(tmp_path))) == {"bad-value": (1, True)}
    path.unlink()
    assert "PA_input_captions.pkl" in TisePa(str(tmp_path)).problems()[0]


CAPTIONS = [
    {"image": "val2014/COCO_val2014_000000000042.jpg",
     "caption": ["A man rides a brown horse on the beach.", "Dogs run"]},
    {"image": "val2014/COCO_val2014_000000000073.jpg", "caption": ["Two motorcycles, parked: near a wall!"]},
]  # fmt: skip


def test_orders_are_made_by_a_seed_from_the_lists_of_captions(tmp_path):
    put(tmp_path / "coco_karpathy_test.json", CAPTIONS)
    dataset = Aro(str(tmp_path), part="coco-order")
    one, short, third = dataset.samples
    assert one.prompt == "a man rides a brown horse on the beach" and len(one.negatives) == 2
    assert third.prompt == "two motorcycles, parked near a wall"
    for false in one.negatives:
        assert Counter(false.split()) == Counter(one.prompt.split()) and false != one.prompt
    assert all(one.negatives[0].split()[i : i + 3] != () and
               Counter(one.negatives[0].split()[i : i + 3]) == Counter(one.prompt.split()[i : i + 3])
               for i in (0, 3, 6)), "the first kind stays within its three words"  # fmt: skip
    assert short.prompt == "dogs run" and len(short.negatives) <= 1, "one group of three cannot change places"
    again = Aro(str(tmp_path), part="coco-order").samples
    assert [s.negatives for s in again] == [s.negatives for s in dataset.samples]
    other = Aro(str(tmp_path), part="coco-order", seed=1).samples
    assert other[0].negatives != one.negatives
    assert one.group == "COCO_val2014_000000000042.jpg" and one.group == short.group != third.group
    assert ("left-out", 3) in [(f.kind, f.count) for f in dataset.findings()] and "part-of-speech" in dataset.notes()[0]


def test_ready_orders_are_read_as_they_are(tmp_path):
    rows = [{"image": "1.jpg", "caption_options": ["a cat sits", "sits cat a", "cat a sits"]}]
    put(tmp_path / "flickr30k_order.json", rows)
    (one,) = Aro(str(tmp_path), part="flickr30k-order").samples
    assert (one.prompt, one.negatives) == ("a cat sits", ("sits cat a", "cat a sits"))
    put(tmp_path / "flickr30k_order.json", [*rows, {"image": "2.jpg", "caption_options": ["alone"]}, 3])
    found = kinds(Aro(str(tmp_path), part="flickr30k-order"))
    assert found["bad-value"] == (2, True)
    with pytest.raises(UsageError, match="part=order of aro is unknown"):
        Aro(str(tmp_path), part="order")
    assert "coco_karpathy_test.json" in Aro(str(tmp_path), part="coco-order").problems()[0]


def test_verify_says_how_many_of_compbenchs_prompts_have_questions(shared_data):
    root = str(shared_data / "t2i-compbench")
    for category, asked in {"color": 237, "shape": 219, "texture": 197, "complex": 75}.items():
        dataset = CompBench(root, category=category)
        assert sum(bool(s.questions) for s in dataset.samples) == asked and len(dataset.samples) == 300
        told = [f.sentence for f in dataset.findings() if f.kind == "left-out"]
        assert len(told) == 1 and f"{300 - asked} of 300 prompts have no question" in told[0], told
        assert f"{asked} have" in told[0]
    assert not any(f.kind == "left-out" for f in CompBench(root, category="spatial").findings())
