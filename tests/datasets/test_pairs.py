"""True captions against false ones, and SOA's lists: a miniature of each layout, and what is wrong in files."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
from PIL import Image

from bench.datasets.pairs import Aro, Soa, SugarCrepe, Winoground
from bench.errors import UsageError


def kinds(dataset):
    """Kind -> (count, refused) of everything that was met."""
    return {f.kind: (f.count, f.refused) for f in dataset.findings()}


def picture(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(path)


def pair(n):
    return {"filename": f"{n:012d}.jpg", "caption": f"A cat {n}", "negative_caption": f"A dog {n}"}


def test_sugarcrepe_keeps_its_own_keys(tmp_path):
    (tmp_path / "data").mkdir()
    rows = {"0": pair(7), "1": pair(8), "3": pair(7)}
    (tmp_path / "data" / "swap_obj.json").write_text(json.dumps(rows))
    for n in (7, 8):
        picture(tmp_path / "val2017" / f"{n:012d}.jpg")
    dataset = SugarCrepe(str(tmp_path), split="swap_obj")
    assert [s.id for s in dataset] == ["swap_obj-0", "swap_obj-1", "swap_obj-3"], "a place is no id"
    one = dataset.samples[2]
    assert (one.prompt, one.tags["negative"], one.group) == ("A cat 7", "A dog 7", "000000000007.jpg")
    assert kinds(dataset) == {"gap": (1, False)} and not dataset.problems()
    assert dataset.load_image(one.reference).shape == (4, 4, 3) and len(list(dataset.references())) == 2
    assert "data/add_att.json" in SugarCrepe(str(tmp_path)).problems()[0]
    (tmp_path / "data" / "swap_obj.json").write_text(
        json.dumps({"0": {**pair(9), "negative_caption": " "}, "1": {"caption": "x"}})
    )
    assert kinds(SugarCrepe(str(tmp_path), split="swap_obj", images=None)) == {
        "empty-prompt": (1, True),
        "bad-value": (1, True),
    }


WINOGROUND = {
    "id": 0,
    "image_0": "ex_0_img_0",
    "image_1": "ex_0_img_1",
    "caption_0": "an old person kisses a young person",
    "caption_1": "a young person kisses an old person",
    "tag": "Adjective-Age",
    "collapsed_tag": "Object",
    "num_main_preds": 1,
}


@pytest.mark.parametrize("form", ["examples.jsonl", "metadata.csv"])
def test_winoground(tmp_path, form):
    if form == "examples.jsonl":
        (tmp_path / form).write_text(json.dumps(WINOGROUND) + "\n" + json.dumps({**WINOGROUND, "id": 2}))
    else:
        names = ["id", "image_0", "image_1", "caption_0", "caption_1", "collapsed_tag"]
        cells = [WINOGROUND | {"id": n, "image_0": "images/ex_0_img_0.png"} for n in (0, 2)]
        (tmp_path / form).write_text("\n".join(",".join(str(c.get(k, k)) for k in names) for c in [{}, *cells]))
    for k in (0, 1):
        picture(tmp_path / "images" / f"ex_0_img_{k}.png")
    dataset = Winoground(str(tmp_path))
    first, second = dataset.samples[:2]
    assert (first.id, second.id, first.group) == ("0_0", "0_1", "0")
    assert first.prompt == second.tags["negative"] != second.prompt == first.tags["negative"]
    assert first.tags["collapsed_tag"] == "Object" and not dataset.problems()
    assert first.reference.endswith("img_0.png") and second.reference.endswith("img_1.png"), (
        "each caption its own image"
    )
    assert kinds(dataset) == {"gap": (1, False)}


def test_winoground_that_cannot_be_meant(tmp_path):
    rows = [WINOGROUND, WINOGROUND, {**WINOGROUND, "id": 1, "caption_0": ""}, {"id": 2}]
    (tmp_path / "examples.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert kinds(Winoground(str(tmp_path), images=None)) == {
        "duplicate-id": (1, True),
        "empty-prompt": (1, True),
        "bad-value": (1, True),
    }


ARO = {
    "image_path": "1.jpg",
    "true_caption": "the dog is left of the cat",
    "false_caption": "the cat is left of the dog",
    "bbox_x": 10,
    "bbox_y": 20,
    "bbox_w": 30,
    "bbox_h": 40,
}


def test_aro(tmp_path):
    (tmp_path / "visual_genome_relation.json").write_text(json.dumps([{**ARO, "relation_name": "left of"}]))
    (tmp_path / "visual_genome_attribution.json").write_text(json.dumps([{**ARO, "attributes": ["red", "big"]}]))
    picture(tmp_path / "images" / "1.jpg")
    (one,) = Aro(str(tmp_path)).samples
    assert one.tags == {
        "part": "relation",
        "about": "left of",
        "negative": ARO["false_caption"],
        "crop": "[10, 20, 40, 60]",
    }
    assert (
        Aro(str(tmp_path), part="attribution").samples[0].tags["about"] == "red_big"
        and not Aro(str(tmp_path)).problems()
    )
    (tmp_path / "visual_genome_relation.json").write_text(
        json.dumps([{**ARO, "bbox_w": 0}, {**ARO, "bbox_h": None}, {"x": 1}])
    )
    assert kinds(Aro(str(tmp_path))) == {"bad-box": (2, True), "bad-value": (1, True)}


def test_false_captions_of_negclip_are_read_as_data(tmp_path):
    head = "\ttitle\tfilepath\tneg_caption\tneg_image\n"
    row = "0\tA child and a yak.\tcoco/val2014/1.jpg\t['A yak and a child .', \"it's one\"]\t[1, 2]\n"
    (tmp_path / "valid_neg_clip.tsv").write_text(head + row)
    (one,) = Aro(str(tmp_path), part="negclip").read(Aro(str(tmp_path), part="negclip").reading)
    assert json.loads(one.tags["negatives"]) == ["A yak and a child .", "it's one"] and one.tags["negative"].startswith(
        "A yak"
    )
    (tmp_path / "valid_neg_clip.tsv").write_text(
        head + row.replace("['A yak", "[__import__('os').mkdir('made'), 'A yak")
    )
    assert kinds(Aro(str(tmp_path), part="negclip")) == {"bad-value": (1, True)} and not (tmp_path / "made").exists()


def soa(folder, label, rows):
    (folder / "captions").mkdir(exist_ok=True)
    (folder / "captions" / f"label_{label}.pkl").write_bytes(pickle.dumps(rows, 3))
    return str(folder)


ROW = {"idx": [201, 3], "image_id": 376773, "id": 305468, "caption": "A computer mouse next to a keyboard."}


def test_soa(tmp_path):
    soa(tmp_path, "64_computermouse", [ROW, {**ROW, "id": 7, "image_id": 3}])
    dataset = Soa(str(tmp_path), label="computer mouse")
    assert [(s.id, s.group, s.objects[0].label) for s in dataset] == [
        ("64-305468", "376773", "mouse"),
        ("64-7", "3", "mouse"),
    ]
    assert dataset.samples[0].tags == {"label": "mouse", "folder": "label_64_computermouse"}
    assert [s.id for s in Soa(str(tmp_path), label="mouse")] == [s.id for s in dataset]
    (problem,) = Soa(str(tmp_path)).problems()
    assert "expects 80 lists" in problem and "79 are not there, the first is label_00_" in problem
    assert "bench data fetch soa" in problem, "one sentence, not one a list"
    with pytest.raises(UsageError, match="no class of COCO"):
        Soa(str(tmp_path), label="unicorn")


def test_soa_s_lists_that_cannot_be_meant(tmp_path):
    soa(tmp_path, "03_bicycle", [ROW])
    assert kinds(Soa(str(tmp_path), label="motorbike")) == {"bad-value": (1, True)}, (
        "a file under another class's number"
    )
    soa(tmp_path, "62_monitor", [ROW, ROW, {"id": "x"}, {**ROW, "id": 1, "caption": ""}])
    assert kinds(Soa(str(tmp_path), label="tv")) == {
        "duplicate-id": (1, True),
        "bad-value": (1, True),
        "empty-prompt": (1, True),
    }
    (tmp_path / "captions" / "label_62_monitor.pkl").write_bytes(b"cos\nsystem\n(S'echo'\ntR.")
    assert kinds(Soa(str(tmp_path), label="tv")) == {"hostile-pickle": (1, True)}
