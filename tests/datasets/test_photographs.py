"""Photographs in their official layouts: CUB with both splits, Oxford-102, Flickr30k's forms, Karpathy's split."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from bench.datasets.coco30k import Coco30k
from bench.datasets.photographs import CocoKarpathy, Cub, Flickr30k, Oxford102
from bench.errors import DataError
from bench.formats.photo_sets import attngan_split, bird_crop
from bench.formats.reading import Reading

BIRDS = ["001.Black_Albatross/Black_1", "001.Black_Albatross/Black_2", "002.Auk/Auk_1", "002.Auk/Auk_2"]


def kinds(dataset):
    """Kind -> (count, refused) of everything that was met."""
    return {f.kind: (f.count, f.refused) for f in dataset.findings()}


def picture(path, width=40, height=30, value=7):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((height, width, 3), value, np.uint8)
    pixels[:, : width // 2] = 200
    Image.fromarray(pixels).save(path)


@pytest.fixture
def birds(tmp_path):
    """Four birds of two species with ten captions each, as AttnGAN's folder data/birds lies."""
    base = tmp_path / "CUB_200_2011"
    for name in BIRDS:
        picture(base / "images" / f"{name}.jpg")
        text = tmp_path / "text" / f"{name}.txt"
        text.parent.mkdir(parents=True, exist_ok=True)
        text.write_text("".join(f"{name} says {k}\n" for k in range(10)))
    tables = {
        "images": [f"{n} {name}.jpg" for n, name in enumerate(BIRDS, 1)],
        "classes": ["1 001.Black_Albatross", "2 002.Auk"],
        "image_class_labels": ["1 1", "2 1", "3 2", "4 2"],
        "bounding_boxes": ["1 4.0 5.0 20.0 10.0", "2 1.0 1.0 9.0 9.0", "3 0.0 0.0 40.0 30.0", "4 2.0 2.0 5.0 6.0"],
        "train_test_split": ["1 1", "2 0", "3 1", "4 0"],
    }
    for name, rows in tables.items():
        (base / f"{name}.txt").write_text("\n".join(rows) + "\n")
    for split, names, classes in (("train", BIRDS[:2], [1, 1]), ("test", BIRDS[2:], [2, 2])):
        (tmp_path / split).mkdir()
        (tmp_path / split / "filenames.pickle").write_bytes(pickle.dumps(names, 0))
        (tmp_path / split / "class_info.pickle").write_bytes(pickle.dumps([np.int64(c) for c in classes], 0))
    return tmp_path


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_both_splits_of_cub(birds):
    zero_shot, official = Cub(str(birds)), Cub(str(birds), splits="official")
    assert [s.id for s in zero_shot] == BIRDS[2:] and [s.id for s in official] == [BIRDS[1], BIRDS[3]]
    assert len(Cub(str(birds), split="all").samples) == 4
    auk = zero_shot.samples[0]
    assert len(auk.captions) == 10 and auk.prompt == f"{BIRDS[2]} says 0" and auk.tags == {"class": "002.Auk"}
    assert [(t.label, t.box) for t in auk.objects] == [("Auk", (0.0, 0.0, 40.0, 30.0))]
    assert official.samples[0].objects[0].label == "Black Albatross" and official.samples[0].objects[0].box == (
        1,
        1,
        10,
        10,
    )
    assert not zero_shot.problems() and zero_shot.findings() == []
    assert {s.id.split("/")[0] for s in zero_shot.training()} == {"001.Black_Albatross"}, "species that test has not"


def test_each_caption_a_sample_in_groups_by_photograph(birds):
    every = Cub(str(birds), prompts="all").samples
    assert len(every) == 20 and len({s.id for s in every}) == 20
    assert {s.group for s in every} == set(BIRDS[2:]) and every[0].meaning == every[9].meaning != every[10].meaning
    assert every[3].prompt == every[3].captions[0] and set(every[3].captions) == set(every[0].captions)
    assert len(list(Cub(str(birds), prompts="all").references())) == 2, "each photograph once"


def test_the_square_around_a_bird(birds):
    assert bird_crop(40, 30, (4.0, 5.0, 24.0, 15.0)) == (0, 0, 29, 25)  # reach 15 about (14, 10)
    assert bird_crop(500, 400, (100.9, 80.2, 161.4, 120.7)) == (85, 55, 175, 145), (
        "corner and sides are made whole first"
    )
    dataset = Cub(str(birds), split="train", crop="attngan")
    first = dataset.samples[0]
    assert dataset.load_image(first.reference).shape == (25, 29, 3) and first.objects[0].box is None
    plain = Cub(str(birds), split="train")
    assert plain.load_image(first.reference).shape == (30, 40, 3) and plain.identity() != dataset.identity()


def test_without_photographs(birds):
    (birds / "CUB_200_2011" / "images" / f"{BIRDS[2]}.jpg").unlink()
    problems = Cub(str(birds)).problems()
    assert len(problems) == 1 and "Auk_1.jpg" in problems[0] and "images=none" in problems[0]
    with pytest.raises(DataError, match=r"1 of 2 reference images are not there; the first is .*Auk_1\.jpg"):
        Cub(str(birds)).identity()
    assert kinds(Cub(str(birds))) == {"missing-image": (1, True)}
    assert not Cub(str(birds), images=None).problems() and Cub(str(birds), images=None).samples[0].reference is None


@pytest.mark.parametrize(
    ("file", "old", "new", "kind", "refused"),
    [
        ("images", "2 001", "3 001", "duplicate-id", True),
        ("images", "4 002", "5 002", "gap", False),
        ("images", "1 001.Black_Albatross/Black_1.jpg", "1", "short-row", True),
        ("images", "Auk_1.jpg", "Auk_1.jpg x", "long-row", True),
        ("bounding_boxes", "9.0 9.0", "9.0 0.0", "bad-box", True),
        ("bounding_boxes", "9.0 9.0", "9.0 nan", "bad-box", True),
        ("bounding_boxes", "9.0 9.0", "9.0 wide", "bad-value", True),
        ("bounding_boxes", "3 0.0 0.0 40.0", "3 0.0 0.0 90.0", "box-outside", False),
        ("bounding_boxes", "4 2.0", "7 2.0", "unknown-image", True),
        ("image_class_labels", "4 2", "x 2", "bad-value", True),
    ],
)
def test_tables_of_cub_that_were_damaged(birds, file, old, new, kind, refused):
    edit(birds / "CUB_200_2011" / f"{file}.txt", old, new)
    assert kinds(Cub(str(birds), split="all"))[kind] == (1, refused)
    assert bool(Cub(str(birds), split="all").problems()) == refused or kind == "gap"


def test_pickles_of_cub(birds):
    path = birds / "test" / "filenames.pickle"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    dataset = Cub(str(birds))
    assert [s.id for s in dataset] == BIRDS[2:] and kinds(dataset) == {"mended-pickle": (1, False)}
    path.write_bytes(b"cos\nsystem\n(S'echo'\ntR.")
    (problem,) = [f.sentence for f in Cub(str(birds)).findings() if f.kind == "hostile-pickle"]
    assert "os.system" in problem or "posix.system" in problem
    path.write_bytes(pickle.dumps([BIRDS[0]], 2))
    assert kinds(Cub(str(birds)))["overlap"] == (1, True), "a species in both splits is no zero-shot split"
    path.unlink()
    assert "filenames.pickle" in Cub(str(birds)).problems()[0]
    path.write_bytes(pickle.dumps({"no": "list"}, 2))
    assert kinds(Cub(str(birds)))["bad-value"] == (1, True)


def test_captions_of_attngan_s_pickle(birds):
    words = ["<end>", "small", "bird", "red"]
    coded = [[[1, 2]] * 10 + [[3, 2]] * 10, [[3, 1, 2]] * 10 + [[2]] * 10]
    (birds / "text").rename(birds / "words")
    stored = [*coded, dict(enumerate(words)), {w: n for n, w in enumerate(words)}]
    (birds / "captions.pickle").write_bytes(pickle.dumps(stored, 2))
    assert [s.prompt for s in Cub(str(birds))] == ["red small bird", "bird"]
    assert [s.prompt for s in Cub(str(birds), split="train")] == ["small bird", "red bird"]
    (birds / "captions.pickle").unlink()
    assert "text" in Cub(str(birds)).problems()[0]


def test_ten_captions_as_the_published_loaders_take_them(birds):
    path = birds / "text" / f"{BIRDS[2]}.txt"
    path.write_text(path.read_text() + "an eleventh\na twelfth\n")
    dataset = Cub(str(birds))
    assert len(dataset.samples[0].captions) == 10 and kinds(dataset) == {"left-out": (2, False)}


def test_captions_that_lack(birds):
    (birds / "text" / f"{BIRDS[2]}.txt").write_text("one\n\n  \n")
    (birds / "text" / f"{BIRDS[3]}.txt").unlink()
    assert kinds(Cub(str(birds))) == {"few-captions": (1, False), "no-captions": (1, True)}


# ---- Oxford-102 ------------------------------------------------------------------------------------------------------


@pytest.fixture
def flowers(tmp_path):
    for n, kind in ((1, 5), (2, 5), (3, 9)):
        picture(tmp_path / "jpg" / f"image_{n:05d}.jpg")
        text = tmp_path / "text_c10" / f"class_{kind:05d}" / f"image_{n:05d}.txt"
        text.parent.mkdir(parents=True, exist_ok=True)
        text.write_text("\n".join(f"flower {n} line {k}" for k in range(10)))
    savemat(tmp_path / "imagelabels.mat", {"labels": np.array([[5, 5, 9]], np.uint8)})
    sets = {"trnid": [[2]], "valid": [[3]], "tstid": [[1]]}
    savemat(tmp_path / "setid.mat", {k: np.array(v, np.uint16) for k, v in sets.items()})
    return tmp_path


def test_flowers(flowers):
    assert [(s.id, s.tags["class"], len(s.captions)) for s in Oxford102(str(flowers))] == [("image_00001", "5", 10)]
    assert [s.id for s in Oxford102(str(flowers), split="val")] == ["image_00003"]
    assert len(Oxford102(str(flowers), split="all").samples) == 3 and Oxford102(str(flowers)).findings() == []
    for split, names in (("train", ["jpg/image_00001", "jpg/image_00002"]), ("test", ["jpg/image_00003"])):
        (flowers / split).mkdir()
        (flowers / split / "filenames.pickle").write_bytes(pickle.dumps(names, 0))
    assert [s.id for s in Oxford102(str(flowers), splits="stackgan")] == ["image_00003"]


def test_flowers_that_lack(flowers):
    savemat(flowers / "setid.mat", {k: np.array([[1, 8]]) for k in ("trnid", "valid", "tstid")})
    assert kinds(Oxford102(str(flowers))) == {"unknown-image": (1, True)}
    (flowers / "setid.mat").write_bytes(b"<html>")
    assert kinds(Oxford102(str(flowers))) == {"unreadable": (1, True)}
    savemat(flowers / "setid.mat", {"other": np.zeros(1)})
    assert "with 'tstid'" in Oxford102(str(flowers)).problems()[0]
    (flowers / "setid.mat").unlink()
    assert "setid.mat" in Oxford102(str(flowers)).problems()[0]


# ---- Flickr30k -------------------------------------------------------------------------------------------------------

KARPATHY = {
    "dataset": "flickr30k",
    "images": [
        {
            "filename": "11.jpg",
            "imgid": 0,
            "split": "test",
            "sentids": [0, 1],
            "sentences": [
                {"raw": "Two  men.", "tokens": [], "imgid": 0, "sentid": 0},
                {"raw": "Men, two", "sentid": 1},
            ],
        },
        {
            "filename": "22.jpg",
            "imgid": 1,
            "split": "train",
            "sentids": [2],
            "sentences": [{"raw": "A dog", "sentid": 2}],
        },
    ],
}


def test_karpathy_s_form(tmp_path):
    (tmp_path / "dataset_flickr30k.json").write_text(json.dumps(KARPATHY))
    picture(tmp_path / "flickr30k-images" / "11.jpg")
    dataset = Flickr30k(str(tmp_path))
    assert [(s.id, s.captions, s.tags["split"]) for s in dataset] == [("11", ("Two men.", "Men, two"), "test")]
    assert not dataset.problems() and [s.id for s in Flickr30k(str(tmp_path), split="train", images=None)] == ["22"]
    bad = {"images": [*KARPATHY["images"], KARPATHY["images"][0], {"filename": 3}]}
    (tmp_path / "dataset_flickr30k.json").write_text(json.dumps(bad))
    assert kinds(Flickr30k(str(tmp_path))) == {"duplicate-id": (1, True), "bad-value": (1, True)}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ('{"images": [{"filename": "a.jpg"', "truncated"),
        ('{"images": [{"filename": "a.jpg", "sentences": [{"raw": "\\ud800"}]}]}', "of another form"),
        ('{"images": [{"sentences": ' + "[" * 100_000 + "]" * 100_000 + "}]}", "of another form"),
        ("[1]", "of another form"), ('{"images": {"a": 1}}', "of another form"),
        ('{"images": []}', "no list 'images'"), ('{"photos": []}', "no list 'images'"),
    ],
    ids=["cut", "half a character", "too deep", "a list", "an object", "empty", "another name"],
)  # fmt: skip
def test_files_that_are_not_karpathy_s(tmp_path, content, says):
    (tmp_path / "dataset_flickr30k.json").write_text(content)
    (found,) = Flickr30k(str(tmp_path)).findings()
    assert found.refused and says in found.sentence and "dataset_flickr30k.json" in found.sentence


def test_results_csv(tmp_path):
    rows = [
        "image_name| comment_number| comment",
        "11.jpg| 0| Two men , with | bars .",
        "11.jpg| 1|  ",
        "22.jpg| 0| A dog",
        "22.jpg| 4   A dog runs",
    ]
    (tmp_path / "results.csv").write_text("\n".join(rows))
    (tmp_path / "test.txt").write_text("11\n")
    dataset = Flickr30k(str(tmp_path), images=None)
    assert [(s.id, s.captions) for s in dataset] == [("11", ("Two men , with | bars .",))]
    assert kinds(dataset) == {"left-out-row": (1, False), "empty-caption": (1, False)}
    (tmp_path / "test.txt").write_text("11\n33\n11\n")
    assert kinds(Flickr30k(str(tmp_path), images=None))["unknown-image"] == (1, True)
    assert kinds(Flickr30k(str(tmp_path), images=None))["duplicate-id"][1]
    (tmp_path / "test.txt").unlink()
    assert "test.txt" in Flickr30k(str(tmp_path), images=None).problems()[0]


def test_lists_of_captions_keep_commas_and_lose_quotes(tmp_path):
    (tmp_path / "flickr30k_test_karpathy.txt").write_text('image,caption\n11.jpg,"Two men, one hat"\n11.jpg,Men\n')
    assert [s.captions for s in Flickr30k(str(tmp_path), images=None)] == [("Two men, one hat", "Men")]
    (tmp_path / "flickr30k_test.json").write_text(
        json.dumps([{"image": "flickr30k-images/9.jpg", "caption": ["A", "B "]}])
    )
    assert [(s.id, s.captions) for s in Flickr30k(str(tmp_path), images=None)] == [("9", ("A", "B"))]


XML = """<annotation><filename>11.jpg</filename>
<object><name>7</name><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>11</xmax><ymax>22</ymax></bndbox></object>
<object><name>7</name><name>8</name><bndbox><xmin>3</xmin><ymin>2</ymin><xmax>5</xmax><ymax>9</ymax></bndbox></object>
<object><name>9</name><scene>1</scene><nobndbox>0</nobndbox></object></annotation>"""


def test_entities(tmp_path):
    (tmp_path / "Sentences").mkdir()
    (tmp_path / "Annotations").mkdir()
    (tmp_path / "Sentences" / "11.txt").write_text(
        "[/EN#7/people Two young men] wear [/EN#8/clothing/other a hat] in [/EN#9/scene a yard] .\n"
        "[/EN#0/notvisual It] rains .\n"
    )
    (tmp_path / "Annotations" / "11.xml").write_text(XML)
    (tmp_path / "test.txt").write_text("11\n")
    (tmp_path / "UNRELATED_CAPTIONS").write_text("# format: <imageID> <sentence number>\n11 2\n")
    dataset = Flickr30k(str(tmp_path), source="entities", images=None)
    (one,) = dataset.samples
    assert one.captions == ("Two young men wear a hat in a yard .",)
    assert [(t.label, t.attributes["kind"], t.box) for t in one.objects] == [
        ("Two young men", "people", (1, 2, 11, 22)),
        ("Two young men", "people", (3, 2, 5, 9)),
        ("a hat", "clothing/other", (3, 2, 5, 9)),
    ]
    assert kinds(dataset) == {"left-out": (1, False)}
    bomb = '<!DOCTYPE x [<!ENTITY a "b">]>' + XML
    for text, kind in (
        (bomb, "unreadable"),
        (XML[:-9], "unreadable"),
        (XML.replace("<xmax>11<", "<xmax>0<"), "bad-box"),
    ):
        (tmp_path / "Annotations" / "11.xml").write_text(text)
        assert kinds(Flickr30k(str(tmp_path), source="entities", images=None))[kind] == (1, True)


# ---- COCO under Karpathy's split -------------------------------------------------------------------------------------


def karpathy_coco(root, parts):
    images = [
        {
            "filepath": "val2014",
            "filename": f"COCO_val2014_{n:012d}.jpg",
            "cocoid": n,
            "imgid": n,
            "split": part,
            "sentences": [{"raw": f"caption {k} of {n}"} for k in range(2)],
        }
        for n, part in parts.items()
    ]
    (root / "dataset_coco.json").write_text(json.dumps({"images": images, "dataset": "coco"}))


def test_coco_under_karpathy_s_split(tmp_path):
    karpathy_coco(tmp_path, {5: "test", 6: "restval", 7: "val"})
    picture(tmp_path / "val2014" / "COCO_val2014_000000000005.jpg")
    dataset = CocoKarpathy(str(tmp_path))
    assert [(s.id, s.prompt) for s in dataset] == [("000000000005", "caption 0 of 5")] and not dataset.problems()
    assert [s.id for s in CocoKarpathy(str(tmp_path), split="restval", images=None, prompts="all")] == [
        "000000000006#0",
        "000000000006#1",
    ]
    assert kinds(CocoKarpathy(str(tmp_path), split="all")) == {"missing-image": (2, True)}


def test_coco_against_the_images_of_another_data_set(tmp_path):
    karpathy_coco(tmp_path, {5: "test"})
    picture(tmp_path / "val2014" / "COCO_val2014_000000000005.jpg", 30, 20)
    dataset = CocoKarpathy(str(tmp_path), reference="scenes(size=3)")
    assert dataset.load_image(next(iter(dataset.references()))).shape == (64, 64, 3)
    assert dataset.load_image(dataset.samples[0].reference).shape == (20, 30, 3)


def test_coco_under_karpathy_s_split_as_retrieval_code_hands_it_on(tmp_path):
    rows = [{"image": "val2014/COCO_val2014_000000000005.jpg", "caption": ["A cup", "The cup "]}]
    (tmp_path / "coco_karpathy_test.json").write_text(json.dumps(rows))
    picture(tmp_path / "val2014" / "COCO_val2014_000000000005.jpg")
    dataset = CocoKarpathy(str(tmp_path))
    assert [(s.id, s.captions) for s in dataset] == [("000000000005", ("A cup", "The cup"))] and not dataset.problems()
    assert "dataset_coco.json" in CocoKarpathy(str(tmp_path), split="val").problems()[0]


def test_coco_30k_of_one_part_of_karpathy_s_split(tmp_path):
    (tmp_path / "annotations").mkdir()
    photos = [{"id": n, "file_name": f"COCO_val2014_{n:012d}.jpg"} for n in range(6)]
    said = [{"id": 10 * n + k, "image_id": n, "caption": f"c{k} of {n}"} for n in range(6) for k in range(2)]
    (tmp_path / "annotations" / "captions_val2014.json").write_text(json.dumps({"images": photos, "annotations": said}))
    karpathy_coco(tmp_path, {0: "test", 1: "restval", 2: "restval", 3: "restval", 4: "val", 5: "restval"})
    part = Coco30k(str(tmp_path), count=3, karpathy="restval")
    assert {s.group for s in part} <= {"1", "2", "3", "5"} and len(part.samples) == 3
    assert "Karpathy's test of val2014 has 1" in Coco30k(str(tmp_path), count=3, karpathy="test").problems()[0]
    whole = Coco30k(str(tmp_path), count=3)
    assert "karpathy" in part.identity() and "karpathy" not in whole.identity()
    (tmp_path / "dataset_coco.json").write_text(json.dumps(KARPATHY))
    assert "Karpathy's test of val2014 has 0" in Coco30k(str(tmp_path), count=3, karpathy="test").problems()[0]
    (tmp_path / "dataset_coco.json").unlink()
    assert "dataset_coco.json" in Coco30k(str(tmp_path), count=3, karpathy="val").problems()[0]


def test_attngan_s_real_split(shared_data):
    reading = Reading("cub", shared_data / "attngan-birds")
    names = {part: attngan_split(reading, part) for part in ("train", "test")}
    assert {p: (len(n), len(c)) for p, (n, c) in names.items()} == {"train": (8855, 8855), "test": (2933, 2933)}
    species = {p: {name.split("/")[0] for name in n} for p, (n, _) in names.items()}
    assert (len(species["train"]), len(species["test"])) == (150, 50) and not species["train"] & species["test"]
    for every, numbers in names.values():
        assert [int(name[:3]) for name in every] == numbers, "the number of a class is in its name"
    assert reading.log.all() == []
