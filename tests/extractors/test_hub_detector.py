"""Zero-shot detectors of transformers, small and random: the library's own boxes, whatever stands beside an image, and
sentences for what cannot be loaded."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch
from tiny_hub import grounding_dino, owlv2, picture

from bench.errors import DataError, UsageError, WeightsMissing
from bench.extractors.hub_detector import ZeroShotDetector
from bench.types import Sample, Thing

pytest.importorskip("transformers")
pytestmark = pytest.mark.usefixtures("one_thread")
LABELS = "dog|cat|traffic light"
CLASSES = LABELS.split("|")
KINDS = ("v2", "vit", "grounded")


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    base = tmp_path_factory.mktemp("detectors")
    made = {"v2": owlv2(base / "v2"), "vit": owlv2(base / "vit", owl="vit")}
    return {**made, "grounded": grounding_dino(base / "grounded")}


def detector(folder, **given):
    made = ZeroShotDetector(str(folder), **{"labels": LABELS, "threshold": 0.3, **given})
    assert made.problems() == []
    return made


def boxes(made, images):
    return made.extract_images([made.prepare_image(i) for i in images])["detections"]


def theirs(folder, image):
    """(scores, boxes, names) as the library's documentation says to get them."""
    from transformers import AutoModelForZeroShotObjectDetection, AutoProcessor

    processor = AutoProcessor.from_pretrained(folder)
    model = AutoModelForZeroShotObjectDetection.from_pretrained(folder).eval()
    grounded = "grounding" in model.config.model_type
    texts = [CLASSES] if grounded else [[f"a photo of a {c}" for c in CLASSES]]
    inputs = processor(images=image, text=texts, return_tensors="pt")
    with torch.no_grad():
        outputs = model(**inputs)
    more = {"text_threshold": 0.3, "input_ids": inputs["input_ids"]} if grounded else {"text_labels": [CLASSES]}
    (found,) = processor.post_process_grounded_object_detection(
        outputs, threshold=0.3, target_sizes=[image.shape[:2]], **more
    )
    return found["scores"].numpy(), found["boxes"].numpy(), list(found["text_labels"])


@pytest.mark.parametrize("kind", KINDS)
def test_boxes_are_the_librarys(folders, kind):
    made, compared = detector(folders[kind]), 0
    for seed in range(4):
        image = picture(seed, (60 + 10 * seed, 80))
        (ours,) = boxes(made, [image])
        scores, where, names = theirs(folders[kind], image)
        h, w = image.shape[:2]
        where = np.clip(where, 0, [w, h, w, h])
        solid = (where[:, 2:] > where[:, :2]).all(axis=1)
        if kind == "grounded":  # a box that only the full stop lights up is of no class
            solid &= [any(word in name for c in CLASSES for word in c.split()) for name in names]
        order = np.argsort(-scores[solid], kind="stable")
        np.testing.assert_allclose(ours.scores, scores[solid][order], atol=1e-5)
        np.testing.assert_allclose(ours.boxes, where[solid][order], atol=1e-3)
        for label, name in zip(ours.labels, np.array(names)[solid][order], strict=True):
            if name in CLASSES:  # Grounding DINO's phrases may be half a class or two
                assert label == name
                compared += 1
        assert ours.size == (w, h)
    assert compared >= 2


@pytest.mark.parametrize("kind", KINDS)
def test_no_neighbour_changes_a_bit_and_no_batch_size_more_than_rounding(folders, kind):
    images = [picture(i, (60, 80) if i % 2 else (80, 60)) for i in range(5)]
    made = detector(folders[kind])
    alone = [boxes(made, [image])[0] for image in images]
    for got, one in zip(boxes(made, images), alone, strict=True):
        assert np.array_equal(got.boxes, one.boxes) and got.labels == one.labels
        assert np.array_equal(got.scores, one.scores)
    assert any(len(one.labels) for one in alone), "something is found"
    other = detector(folders[kind], at_once=2)
    for got, one in zip(boxes(other, images), alone, strict=True):
        np.testing.assert_allclose(got.boxes, one.boxes, atol=1e-3)
        assert got.labels == one.labels
    assert other.identity() == made.identity()


def test_labels_thresholds_and_weights_are_the_identity_and_batches_are_not(folders, tmp_path):
    first = detector(folders["v2"]).identity()
    others = [
        detector(folders["v2"], **more).identity()
        for more in ({"threshold": 0.31}, {"labels": "dog|cat"}, {"labels": "cat|dog|traffic light"}, {"nms": 0.5},
                     {"most": 7}, {"text_threshold": 0.2}, {"template": "{}"})
    ]  # fmt: skip
    assert len({json.dumps(i, sort_keys=True) for i in [first, *others]}) == 8
    copy = shutil.copytree(folders["v2"], tmp_path / "copy")
    assert detector(copy).identity() == first, "a copy is the same detector"
    assert detector(owlv2(tmp_path / "other", seed=1)).identity() != first


def test_thresholds_keep_the_surest_and_nms_takes_doubles_away(folders):
    images = [picture(i) for i in range(3)]
    every = boxes(detector(folders["v2"], threshold=0.0, most=1000), images)
    sure = boxes(detector(folders["v2"], threshold=0.6), images)
    for some, all_ in zip(sure, every, strict=True):
        assert some.scores.tolist() == [s for s in all_.scores.tolist() if s > 0.6]
        assert all_.scores.tolist() == sorted(all_.scores.tolist(), reverse=True)
    few = boxes(detector(folders["v2"], threshold=0.0, most=3), images)
    assert [f.scores.tolist() for f in few] == [e.scores[:3].tolist() for e in every]
    apart = boxes(detector(folders["v2"], threshold=0.0, nms=0.1, most=1000), images)
    assert sum(len(a.labels) for a in apart) < sum(len(e.labels) for e in every)
    assert all(a.scores[0] == e.scores[0] for a, e in zip(apart, every, strict=True)), "the surest stays"
    assert {a for one in apart for a in one.labels} == {a for one in every for a in one.labels}, "classes apart"


def test_many_classes_go_in_as_many_sentences_as_are_needed(tmp_path):
    """One class a sentence gives each of them its own score; with room for two sentences nothing is lost or doubled."""
    made = detector(grounding_dino(tmp_path / "short", longest=8), labels="dog|cat|bird|car|bench", threshold=0.2)
    made.load()
    asked = [i for ask in made._asks for i in ask.classes]
    assert asked == list(range(5)) and len(made._asks) > 1
    for ask in made._asks:
        assert ask.texts["input_ids"].shape[1] <= 8
        ids, words = ask.texts["input_ids"][0].tolist(), [made.classes[i] for i in ask.classes]
        assert [made.processor.tokenizer.decode(ids[a:b]) for a, b in ask.spans] == words
    (found,) = boxes(made, [picture(1)])
    assert set(found.labels) <= set(made.classes) and len(found.labels)


def test_names_are_those_of_the_data_set(folders):
    samples = [Sample("a", "x", objects=(Thing("computer mouse"), Thing("dog")))]
    mouse = detector(folders["v2"], labels="mouse|dog", threshold=0.0)
    plain = mouse.identity()
    mouse.attach("", "", samples)
    (found,) = boxes(mouse, [picture()])
    assert set(found.labels) <= {"computer mouse", "dog"} and "computer mouse" in found.labels
    assert mouse.identity() != plain, "other words for the same thing are other answers"
    own = ZeroShotDetector(str(folders["v2"]), labels="dataset")
    assert "whose samples state objects" in own.problems()[0]
    own.attach("", "", samples)
    assert own.problems() == [] and own.classes == ("computer mouse", "dog")


def test_coco_is_the_default_and_a_file_may_name_others(folders, tmp_path):
    assert len(ZeroShotDetector(str(folders["v2"])).classes) == 80
    (tmp_path / "names.txt").write_text("red dog\n\n blue cat \r\n")
    assert detector(folders["v2"], labels=str(tmp_path / "names.txt")).classes == ("red dog", "blue cat")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"threshold": 2}, "lie in 0..1"), ({"nms": -1}, "lie in 0..1"), ({"most": 0}, "1 or more"),
        ({"at_once": 0}, "give 1 or more"), ({"template": "photo"}, "no {} for the class"),
    ],
)  # fmt: skip
def test_parameters_out_of_range(given, says):
    with pytest.raises(UsageError, match=says):
        ZeroShotDetector("x", **given)


@pytest.mark.parametrize(("labels", "says"), [("dog|dog", "twice"), ("|", "no class"), ("no/such.txt", "not exist")])
def test_labels_that_cannot_be_meant(folders, labels, says):
    assert says in " ".join(ZeroShotDetector(str(folders["v2"]), labels=labels).problems())


def test_what_is_absent_or_damaged_is_a_sentence(folders, tmp_path):
    absent = ZeroShotDetector("owner/model")
    assert "neither a folder nor in the Hugging Face cache" in absent.problems()[0]
    with pytest.raises(WeightsMissing, match="--allow-download fetches it"):
        absent.identity()
    assert "does not exist" in ZeroShotDetector(str(tmp_path / "no")).problems()[0]

    def spoilt(name, spoil):
        copy = shutil.copytree(folders["v2"], tmp_path / name)
        spoil(copy)
        return ZeroShotDetector(str(copy), labels=LABELS)

    def without(file):
        return lambda copy: (copy / file).unlink()

    assert "no weights" in spoilt("w", without("model.safetensors")).problems()[0]
    assert "lacks config.json" in spoilt("c", without("config.json")).problems()[0]
    assert "processor" in spoilt("p", without("processor_config.json")).problems()[0]
    bad = spoilt("j", lambda copy: (copy / "config.json").write_text("{"))
    assert "damaged" in bad.problems()[0]
    pointer = b"version https://git-lfs.github.com/spec/v1\n"
    lfs = spoilt("l", lambda copy: (copy / "model.safetensors").write_bytes(pointer))
    assert "Git LFS" in lfs.problems()[0]
    cut = spoilt("t", lambda copy: (copy / "model.safetensors").write_bytes(b"\x00" * 64))
    with pytest.raises(DataError, match="transformers cannot load"):
        cut.load()


def test_lost_tensors_are_never_random(folders, tmp_path):
    from safetensors.torch import load_file, save_file

    copy = shutil.copytree(folders["v2"], tmp_path / "lost")
    state = load_file(copy / "model.safetensors")
    del state["class_head.dense0.weight"]
    save_file(state, copy / "model.safetensors", {"format": "pt"})
    with pytest.raises(DataError, match=r"lack 1 tensors .*class_head\.dense0\.weight.* would be random"):
        detector(copy).load()


def test_other_models_are_refused(tmp_path):
    import transformers

    config = transformers.BertConfig(vocab_size=20, hidden_size=8, num_hidden_layers=1, num_attention_heads=1)
    transformers.BertModel(config).save_pretrained(tmp_path / "bert")
    (tmp_path / "bert" / "preprocessor_config.json").write_text("{}")
    with pytest.raises(DataError, match="as a zero-shot detector: Unrecognized configuration class"):
        ZeroShotDetector(str(tmp_path / "bert"), labels=LABELS).load()


def test_without_transformers_one_sentence_names_the_extra(folders, monkeypatch):
    import importlib.util

    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda n, *a: None if n == "transformers" else find(n, *a))
    (said,) = ZeroShotDetector(str(folders["v2"]), labels=LABELS).problems()
    assert said == "zero-shot-detector needs the package transformers: pip install 'text-image-bench[evidence]'."
