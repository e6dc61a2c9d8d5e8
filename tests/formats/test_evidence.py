"""Readers of recorded evidence on files made by hand: what is read, how rows meet images, and what is refused.

COCO's category ids against the file format's own gaps; GenEval's colours against what its script writes
(evaluation/evaluate_images.py, `reason`); SOA's boxes are shares of the side (SOA/calculate_soa.py).
"""

from __future__ import annotations

import json
import os
import pickle

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import save_file

from bench.errors import DataError
from bench.formats import evidence_arrays
from bench.formats.evidence import Index, Ref, by_names, labels_of, read_all
from bench.formats.evidence_boxes import naming
from bench.formats.evidence_told import answered
from bench.formats.evidence_write import width
from bench.types import ImageRow, Question, Sample, Thing

DOG = {"image_id": 3, "category_id": 18, "bbox": [10, 20, 30, 40], "score": 0.5}


def written(path, content):
    """A file with a text, bytes, or JSON."""
    if not isinstance(content, str | bytes):
        content = json.dumps(content)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def lines(*rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


def geneval(file="00000/samples/0000.png", details=None, **more):
    return {
        "filename": file, "tag": "colors", "prompt": "a red dog", "correct": True, "reason": "",
        "metadata": json.dumps({"include": [{"class": "dog", "count": 1, "color": "red"}]}),
        "details": json.dumps({"dog": [[1, 2, 3, 4, 0.9], [5, 5, 9, 9, 0.4]]} if details is None else details), **more,
    }  # fmt: skip


def boxes(evidence, at=0, size=(100, 100), names=None, outside="clip"):
    return evidence.row(at, size, naming(names or {}), outside)


# ---- detections ------------------------------------------------------------------------------------------------------


def test_coco_results_are_xywh_and_of_the_official_categories(tmp_path):
    rows = [DOG, {**DOG, "category_id": 90, "bbox": [0, 0, 5, 5]}, {**DOG, "image_id": 9}]
    (found,) = read_all(written(tmp_path / "r.json", rows))
    seen = boxes(found)
    assert seen.labels == ("dog", "toothbrush")
    assert seen.boxes.tolist() == [[10, 20, 40, 60], [0, 0, 5, 5]]
    assert [ref.id for ref in found.refs] == ["3", "9"]
    assert "one without a result is missing" in found.notes[0]


def test_an_image_that_the_sidecar_lists_was_looked_at(tmp_path):
    written(tmp_path / "r.images.json", {
        "images": [{"id": 3, "width": 64, "height": 48}, {"id": 4}], "categories": [{"id": 18, "name": "unicorn"}],
        "info": {"by": "detr"},
    })  # fmt: skip
    (found,) = read_all(written(tmp_path / "r.json", [DOG]))
    assert found.stated == {"by": "detr"} and len(found.refs) == 2
    first, second = boxes(found, 0, (0, 0)), boxes(found, 1, (0, 0))
    assert first.labels == ("unicorn",) and first.size == (64, 48)
    assert second.labels == () and len(second.boxes) == 0


def test_the_width_of_coco_gives_the_right_edge_back_bit_by_bit():
    draw = np.random.default_rng(0)
    for left, right in np.sort(draw.random((2000, 2)) * draw.choice([1, 64, 4096], (2000, 1)), axis=1):
        assert left + width(float(left), float(right)) == right


def test_geneval_tells_the_colours_that_its_verdict_asked_for(tmp_path):
    wrong = geneval("00000/samples/0001.png", correct=False,
                    reason="expected red dog>=1, found 0 red; and 1 blue")  # fmt: skip
    (found,) = read_all(written(tmp_path / "results.jsonl", lines(geneval(), wrong)))
    assert [a.get("colour") for a in boxes(found, 0).attributes] == ["red", None]
    assert [a.get("colour") for a in boxes(found, 1).attributes] == ["blue", None]
    assert boxes(found).scores.tolist() == [0.9, 0.4]


def test_an_empty_line_of_geneval_is_an_image_without_objects_and_no_missing_one(tmp_path):
    (found,) = read_all(written(tmp_path / "results.jsonl", lines(geneval(details={}))))
    assert boxes(found).labels == ()


def test_visor_has_points_and_says_so_and_its_name_states_the_detector(tmp_path):
    seen = {"7_2": {"classes": ["cat", "dog"], "centroid": [[1, 2], [3, 4]], "recall": 1, "sra": 0, "text": "x"}}
    (found,) = read_all(written(tmp_path / "results_sd_visor_owlvit_0.1.json", seen))
    assert found.stated == {"by": "owlvit", "threshold": "0.1"} and "points" in found.caveat
    assert boxes(found).boxes.tolist() == [[1, 2, 1, 2], [3, 4, 3, 4]]
    assert Index(found.refs).find(ImageRow("7", 2)) == 0


def test_soa_boxes_are_shares_of_the_image_and_several_classes_are_one_evidence(tmp_path):
    for name in ("label_00_person", "label_36_skateboard"):
        value = {f"{name[6:8]}.png": [["person", "tvmonitor"], [0, 62], [[0.25, 0.5, 0.5, 0.25], [0, 0, 1, 1]]]}
        written(tmp_path / f"detected_{name}.pkl", pickle.dumps(value))
    (found,) = read_all(tmp_path)
    assert boxes(found, 0, (200, 100)).boxes.tolist() == [[50, 50, 150, 75], [0, 0, 200, 100]]
    assert boxes(found).labels == ("person", "tv")
    assert Index(found.refs).find(ImageRow("x", 0, path="/i/label_36_skateboard/36.png")) == 1


def test_class_names_go_through_one_table_and_end_as_the_data_set_writes_them(tmp_path):
    rows = "sample,label,x1,y1,x2,y2,score\na,motorbike,0,0,1,1,1\na,TV Remote,0,0,2,2,1\na,Einhorn,0,0,3,3,1\n"
    (found,) = read_all(written(tmp_path / "d.csv", rows))
    names = labels_of([Sample("a", "x", objects=(Thing("tv remote"), Thing("dog")))])
    assert boxes(found, names=names).labels == ("motorcycle", "tv remote", "Einhorn")


def test_a_table_says_none_by_an_empty_label(tmp_path):
    rows = "sample,k,label,x1,y1,x2,y2,score,attribute:colour,by\na,0,dog,0,0,1,1,.5,red,detr\na,1,,,,,,,,detr\n"
    (found,) = read_all(written(tmp_path / "d.csv", rows))
    assert found.stated == {"by": "detr"}
    assert boxes(found, 0).attributes == ({"colour": "red"},)
    assert boxes(found, 1).labels == ()
    assert Index(found.refs).find(ImageRow("a", 2)) is None


@pytest.mark.parametrize(("outside", "given"), [("clip", [0, 0, 64, 48]), ("keep", [-1, -2, 70, 48])])
def test_boxes_beyond_the_image_follow_a_declared_rule(tmp_path, outside, given):
    (found,) = read_all(written(tmp_path / "d.csv", "sample,label,x1,y1,x2,y2,score\na,dog,-1,-2,70,48,1\n"))
    assert boxes(found, 0, (64, 48), outside=outside).boxes.tolist() == [given]
    with pytest.raises(DataError, match="reaches outside its 64 x 48 pixels"):
        boxes(found, 0, (64, 48), outside="refuse")


def test_a_box_wholly_outside_is_of_another_image(tmp_path):
    (found,) = read_all(written(tmp_path / "d.csv", "sample,label,x1,y1,x2,y2,score\na,dog,300,2,400,48,1\n"))
    with pytest.raises(DataError, match="lies wholly outside"):
        boxes(found, 0, (64, 48))


# ---- answers ---------------------------------------------------------------------------------------------------------

ASKED = (Question("1", "Is there a dog?", "yes"), Question("2", "Is it red?", "yes", parents=("1",)))


def test_dsg_answers_by_id_and_tifa_answers_by_words(tmp_path):
    head = "item_id,t2i_model,question,question_id,dependency_id,answer\n"
    (dsg,) = read_all(written(tmp_path / "dsg.csv", f"{head}a,sd,Is there a dog?,1,0,yes\na,sd,Is it red?,2,1,no\n"))
    assert answered(dsg.row(0), ASKED)[0].texts == {"1": "yes", "2": "no"}
    told = {"is there a dog?": {"multiple_choice_vqa": "yes", "free_form_vqa": "yes"}}
    (tifa,) = read_all(written(tmp_path / "tifa.json", {"question_details": {"a": told}}))
    answers, lacking = answered(tifa.row(0), ASKED)
    assert answers.texts == {"1": "yes"} and lacking == 1


# ---- arrays ----------------------------------------------------------------------------------------------------------


def test_features_with_ids_and_texts(tmp_path):
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    np.savez(tmp_path / "f.npz", ids=["a#1", "b.png"], features=values, texts=["x"], text_features=values[:1])
    (found,) = read_all(tmp_path / "f.npz")
    index = Index(found.refs)
    assert index.find(ImageRow("a", 1)) == 0 and index.find(ImageRow("z", path="/y/b.png")) == 1
    assert found.row(1).tolist() == [3, 4, 5] and found.texts["x"].tolist() == [0, 1, 2]


def test_npy_has_its_ids_beside_it(tmp_path):
    np.save(tmp_path / "f.npy", np.eye(2))
    with pytest.raises(DataError, match=r"has no ids; write them into 'f\.ids\.txt'"):
        read_all(tmp_path / "f.npy")
    written(tmp_path / "f.ids.txt", "a\nb\n")
    (found,) = read_all(tmp_path / "f.npy")
    assert Index(found.refs).find(ImageRow("b")) == 1


def test_the_ids_beside_are_a_part_of_the_file(tmp_path):
    np.save(tmp_path / "f.npy", np.eye(2))
    written(tmp_path / "f.ids.txt", "a\nb\n")
    (before,) = read_all(tmp_path / "f.npy")
    np.save(tmp_path / "f.npy", np.eye(2))
    written(tmp_path / "f.ids.txt", "b\na\n")
    (after,) = read_all(tmp_path / "f.npy")
    assert before.sha256 != after.sha256, "the same numbers of other images are other evidence"


def test_ids_in_the_metadata_of_safetensors(tmp_path):
    file = tmp_path / "f.safetensors"
    save_file({"features": np.eye(2)}, file, {"ids": '["a_0", "b_0"]', "by": "mine"})
    (found,) = read_all(file)
    assert [ref.id for ref in found.refs] == ["a_0", "b_0"] and found.stated["by"] == "mine"
    for metadata, says in (({}, "a JSON list under 'ids'"), ({"ids": "a_0, b_0"}, "`ids` that are no JSON list"),
                           ({"ids": '{"a": 1}'}, "a list of texts")):  # fmt: skip
        save_file({"features": np.eye(2)}, file, metadata)
        os.utime(file, ns=(len(says), len(says)))
        with pytest.raises(DataError, match=says):
            read_all(file)


def test_a_similarity_matrix_keeps_its_order_in_both_directions(tmp_path):
    given = np.random.default_rng(1).normal(size=(5, 7))
    np.savez(tmp_path / "s.npz", ids=list("abcde"), texts=[f"t{i}" for i in range(7)], similarity=given)
    (found,) = read_all(tmp_path / "s.npz")
    image = np.stack([found.row(i) for i in range(5)])
    text = np.stack([found.texts[f"t{i}"] for i in range(7)])
    cosine = image @ text.T / np.linalg.norm(image, axis=1)[:, None] / np.linalg.norm(text, axis=1)
    ratio = cosine / given
    assert np.allclose(ratio, ratio[0, 0]) and ratio[0, 0] > 0
    assert "ranks hold" in found.caveat


# ---- meeting images --------------------------------------------------------------------------------------------------


def test_file_names_are_compared_by_as_many_parts_as_tell_rows_apart():
    index = Index([Ref(file=f"/theirs/{p:05d}/samples/{k:04d}.png") for p in range(3) for k in range(2)])
    assert index.depth == 3
    assert index.find(ImageRow("x", path="/mine/00002/samples/0001.png")) == 5
    assert index.find(ImageRow("x", path="/mine/00009/samples/0001.png")) is None


def test_names_of_files_that_are_not_here_are_matched_to_prompts(tmp_path):
    samples = [Sample(f"{i:05d}", f"prompt {i}") for i in range(3)]
    rows = [geneval(f"out/{p:05d}/samples/{k:04d}.png") for p in range(3) for k in range(2)]
    (found,) = read_all(written(tmp_path / "results.jsonl", lines(*rows)))
    assert [(r.sample, r.k) for r in by_names(found, samples).refs][-1] == ("00002", 1)


def test_the_pixels_digest_says_more_than_the_name():
    index = Index([Ref(file="a.png", digest="1" * 64), Ref(file="b.png", digest="2" * 64)])
    assert index.find(ImageRow("x", path="a.png", digest="2" * 64)) == 1


# ---- bad input -------------------------------------------------------------------------------------------------------

CSV = "sample,label,x1,y1,x2,y2,score\n"


class Danger:
    """Unpickled, it would make a file."""

    def __reduce__(self):
        return open, ("made-by-a-pickle", "w")


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("r.json", "", "is empty"),
        ("r.json", json.dumps([DOG])[:-9], "truncated or no JSON"),
        ("r.json", [DOG, DOG], "1 results occur twice, the first is of image 3"),
        ("r.json", [{**DOG, "category_id": 12}], "1 results are of unknown categories, the first is 12"),
        ("r.json", [{**DOG, "bbox": [1, 2, 3]}], "no file of COCO results"),
        ("r.json", [{**DOG, "score": 55}], r"scores lie outside 0 to 1 \(divide percent by 100\), .* image 3"),
        ("r.json", [{**DOG, "bbox": [1, 2, -3, 4]}], "1 boxes have a negative width or height"),
        ("r.json", '[{"image_id": 3, "category_id": 18, "bbox": [1, 2, 3, NaN], "score": 1}]', "holds NaN"),
        ("r.json", {"7_0": {"classes": ["cat"], "centroid": []}}, "'7_0' has 1 classes and 0 centroids"),
        ("r.jsonl", lines(geneval(), geneval()), "1 images have several rows, the first is 00000/samples/0000.png"),
        ("r.jsonl", lines(geneval())[:-30], "line 1: truncated or no JSON"),
        ("r.jsonl", lines(geneval(details={"dog": [[1, 2, 3, 4]]})), "line 1: the details are no boxes"),
        ("r.jsonl", lines(geneval(details={"dog": [[1, 2, 3, 4, float("nan")]]})), "they hold NaN"),
        ("r.jsonl", lines({"file": "x"}), "no line of GenEval's results"),
        ("r.csv", f"{CSV}a,dog,1,2,3,4,.5,9\n", "8 cells under 7 columns"),
        ("r.csv", f"{CSV}a,dog,1,2,3,4\n", "row 1: score is '', which is no number"),
        ("r.csv", f"{CSV}a,dog,1,2,3,4,nan\n", "1 scores are NaN or infinite, the first is of image a#0"),
        ("r.csv", f"{CSV}a,dog,1,2,3,4,1\na,dog,1,2,3,4,1\n", "1 images have a box twice"),
        ("r.csv", f"{CSV}a,dog,1,2,3,4,1\na,,,,,,\n", "have boxes and a row that says none"),
        ("r.csv", f"{CSV},dog,1,2,3,4,1\n", "row 1: neither sample nor image nor digest"),
        ("r.csv", "label,x1,y1,x2,y2,score\ndog,1,2,3,4,1\n", "does not say which image"),
        ("r.csv", "sample,label,score\na,dog,1\n", "lacks x1, y1, x2, y2"),
        ("r.csv", "sample,colour\na,red\n", "has the columns sample, colour"),
        ("r.csv", "sample,question,answer\na,1,yes\na,1,no\n", "question '1' of image a#0 is answered twice"),
        ("r.csv", "sample,question,answer,probability\na,1,yes,7\n", "probability is 7"),
        ("r.csv", "sample,t2i_model,question_id,answer\na,sd,1,yes\na,if,2,no\n", "2 values of t2i_model, if, sd"),
        ("r.parquet", b"PAR1 no more", "truncated or no Parquet"),
        ("r.npz", b"PK no more", "truncated or no array file"),
        ("r.safetensors", b"\x10", "truncated or no array file"),
        ("r.pkl", pickle.dumps(Danger()), "is a pickle that asks to use .*: it is refused unread"),
        ("r.pkl", pickle.dumps({"a": [[], [], []]})[:-3], "is no whole pickle"),
        ("r.pkl", pickle.dumps([1]), "no output of SOA's detector"),
        ("r.pkl", pickle.dumps({"a": [["dog"], [16], []]}), r"'a' is not \[names, ids, boxes\]"),
        ("r.txt", "x", "is no evidence by its ending"),
    ],
)  # fmt: skip
def test_hostile_files_are_refused_in_one_sentence(tmp_path, monkeypatch, name, content, says):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=says) as caught:
        read_all(written(tmp_path / name, content))
    assert len(caught.value.messages) == 1
    assert not (tmp_path / "made-by-a-pickle").exists()


def test_objects_in_arrays_are_not_unpickled(tmp_path):
    np.savez(tmp_path / "f.npz", ids=["a"], features=np.array([[{}]], dtype=object))
    with pytest.raises(DataError, match="holds Python objects, which are not unpickled"):
        read_all(tmp_path / "f.npz")


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ({"ids": ["a"], "features": np.full((1, 2), np.nan)}, "1 rows of features hold NaN or infinities, .* is a"),
        ({"ids": ["a"], "features": np.ones((2, 2))}, "2 rows of features and 1 ids"),
        ({"features": np.ones((2, 2))}, "has no ids"),
        ({"ids": ["a"], "features": np.ones(2)}, r"features is float64 \(2,\)"),
        ({"ids": ["a"], "other": np.ones(2)}, "holds ids, other"),
        ({"ids": ["a"], "texts": ["t"], "similarity": np.ones((2, 2))}, r"similarity is \(2, 2\) for 1 ids and 1"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(tmp_path, arrays, says):
    np.savez(tmp_path / "f.npz", **arrays)
    with pytest.raises(DataError, match=says):
        evidence_arrays.read(tmp_path / "f.npz")


@pytest.mark.parametrize("metadata", ["[1]", "{", "7"])
def test_metadata_that_are_no_object_are_refused(tmp_path, metadata):
    save_file({"features": np.ones((1, 2))}, tmp_path / "f.safetensors", {"evidence": metadata})
    with pytest.raises(DataError, match="are no JSON object"):
        read_all(tmp_path / "f.safetensors")


def test_ragged_features_of_parquet_are_refused(tmp_path):
    pd.DataFrame({"sample": ["a", "b"], "features": [[1.0, 2.0], [1.0]]}).to_parquet(tmp_path / "f.parquet")
    with pytest.raises(DataError, match="have 2 different lengths"):
        read_all(tmp_path / "f.parquet")
