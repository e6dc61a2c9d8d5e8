"""Each published layout pairs every image with its prompt, and whatever does not belong is counted with its reason."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path

import pytest

from bench.errors import DataError, UsageError
from bench.formats.folders import list_images
from bench.formats.layouts import LAYOUTS, arrange, layout_named, recognised
from bench.formats.prompt_sets import read_compbench, read_geneval
from bench.formats.reading import Reading
from bench.formats.tiles import grid
from bench.types import Sample

SHARED = Path(os.environ.get("BENCH_SHARED_DATA") or Path(__file__).parents[2].parent / "shared" / "data")


def lay(root: Path, names) -> Path:
    """Files of these names in an order that is not theirs; their content is never looked at here."""
    names = list(names)
    random.Random(0).shuffle(names)
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(name.encode())
    return root


def arranged(root: Path, samples, name: str, **more):
    return arrange(list_images(root), samples, name, **more)


def told(made) -> str:
    return "\n".join(made.summary())


# ---- GenEval -------------------------------------------------------------------------------------------------------

PROMPTS = {"a photo of a bench": "single_object", "a photo of two cats": "counting", "a photo of a red dog": "colors"}


def clause(prompt: str, number: int = 1) -> list[dict]:
    return [{"class": prompt.split()[-1], "count": number}]


def geneval_samples() -> list[Sample]:
    return [
        Sample(f"{at:05d}", prompt, tags={"kind": kind, "include": json.dumps(clause(prompt))})
        for at, (prompt, kind) in enumerate(PROMPTS.items())
    ]


def geneval_folder(root: Path, count: int = 4, order=(0, 1, 2)) -> Path:
    """As diffusers_generate.py writes it: five digits for prompts and images, metadata.jsonl, grid.png."""
    for number, at in enumerate(order):
        prompt = list(PROMPTS)[at]
        lay(root, [f"{number:05d}/samples/{k:05d}.png" for k in range(count)])
        lay(root, [f"{number:05d}/grid.png"])
        row = {"tag": PROMPTS[prompt], "include": clause(prompt), "prompt": prompt}
        (root / f"{number:05d}/metadata.jsonl").write_text(json.dumps(row))
    return root


def test_geneval(tmp_path):
    made = arranged(geneval_folder(tmp_path), geneval_samples(), "geneval")
    assert made.pairs == {(f"{n:05d}", k): f"{n:05d}/samples/{k:05d}.png" for n in range(3) for k in range(4)}
    assert (made.repeats, made.missing, made.extra, made.duplicates) == (4, (), (), ())
    assert "matched by layout geneval: 12 images, 3 of 3 prompts" in told(made)
    assert "3 overview pictures are no images of a prompt" in told(made)


def test_geneval_goes_by_what_a_folder_was_made_for(tmp_path):
    """A list of prompts in another order gives other numbers; the published script reads metadata.jsonl alone."""
    made = arranged(geneval_folder(tmp_path, order=(2, 0, 1)), geneval_samples(), "geneval")
    assert made.pairs["00000", 1] == "00001/samples/00001.png" and made.pairs["00002", 0] == "00000/samples/00000.png"
    assert "3 folders have another number than their prompt" in told(made) and not made.missing


def test_geneval_with_another_wording_and_without_metadata(tmp_path):
    geneval_folder(tmp_path)
    row = {"tag": "counting", "include": clause("cats"), "prompt": "Two cats, photographed from above."}
    (tmp_path / "00001/metadata.jsonl").write_text(json.dumps(row))
    (tmp_path / "00002/metadata.jsonl").write_text('{"prompt": ')
    made = arranged(tmp_path, geneval_samples(), "geneval")
    assert len(made.pairs) == 12
    assert "1 folders were made from another wording" in told(made) and "1 folders have no metadata" in told(made)
    row["include"] = clause("cats", 3)
    (tmp_path / "00001/metadata.jsonl").write_text(json.dumps(row))
    made = arranged(tmp_path, geneval_samples(), "geneval")
    assert len(made.missing) == 4 and "extra, of no prompt of this data set: 4" in told(made)
    assert "missing by kind: counting 4 of 4" in told(made)


def test_geneval_counts_what_is_missing_extra_and_twice(tmp_path):
    geneval_folder(tmp_path)
    (tmp_path / "00001/samples/00002.png").unlink()
    lay(tmp_path, ["00009/samples/00000.png", "00000/samples/final.png", "00000/samples/0000.png", "notes.png",
                   "00002/samples/00003.jpg", "x..1/samples/00002.png"])  # fmt: skip
    (tmp_path / "00002/samples/00003.png").unlink()
    made = arranged(tmp_path, geneval_samples(), "geneval")
    assert made.missing == (("00001", 2),)
    assert made.duplicates == ("00000/samples/00000.png",) or made.duplicates == ("00000/samples/0000.png",)
    assert made.pairs["00002", 3] == "00002/samples/00003.jpg" and "1 images have another ending" in told(made)
    said = told(made)
    assert "extra, of no prompt of this data set: 1 (00009/samples/00000.png)" in said
    assert "extra, not named as the layout names them: 3" in said and len(made.extra) == 4


def test_what_a_benchmark_asks_for_is_missing_where_some_prompts_have_it(tmp_path):
    """A folder that is half done must not look like a whole one of fewer images a prompt."""
    lay(tmp_path, [f"{n}_{k}.png" for n in range(10) for k in range(4 if n < 2 else 1)])
    samples = [Sample(str(n), f"text {n}", tags={"relation": "above" if n < 5 else "below"}) for n in range(10)]
    made = arranged(tmp_path, samples, "visor")
    assert made.repeats == 4 and len(made.missing) == 24
    assert "missing by relation: below 15 of 20, above 9 of 20" in told(made)
    for n in range(2):
        for k in range(1, 4):
            (tmp_path / f"{n}_{k}.png").unlink()
    made = arranged(tmp_path, samples, "visor")
    assert made.repeats == 1 and "visor is published with 4 images a prompt, and here are 1" in told(made)


# ---- VISOR, GenAI-Bench, TISE --------------------------------------------------------------------------------------


def test_visor(tmp_path):
    samples = [Sample(str(n), f"text {n}") for n in (3, 12, 30, 31_679)]
    lay(tmp_path, [f"{s.id}_{k}.png" for s in samples for k in range(4)])
    lay(tmp_path, ["4_0.png", "12.png", "12_0_0.png", "x_12_0.png", "012_1.png", "3_0.jpg"])
    made = arranged(tmp_path, samples, "visor")
    assert made.pairs == {(s.id, k): f"{s.id}_{k}.png" for s in samples for k in range(4)}
    assert set(made.duplicates) == {"012_1.png", "3_0.jpg"}
    assert set(made.extra) == {"4_0.png", "12.png", "12_0_0.png", "x_12_0.png"}
    assert "extra, of no prompt of this data set: 1 (4_0.png)" in told(made)


def test_several_systems_are_not_one(tmp_path):
    samples = [Sample(str(n), f"text {n}") for n in range(3)]
    lay(tmp_path, [f"{model}/{n}_{k}.png" for model in ("glide", "dalle") for n in range(3) for k in range(2)])
    with pytest.raises(DataError, match=r"several sets of images in this layout \(dalle, glide\); give one"):
        arranged(tmp_path, samples, "visor")
    assert len(arranged(tmp_path / "glide", samples, "visor").pairs) == 6


def test_a_few_files_elsewhere_are_extra(tmp_path):
    samples = [Sample(str(n), f"text {n}") for n in range(20)]
    lay(tmp_path, [*(f"{n}_0.png" for n in range(20)), "old/3_1.png"])
    made = arranged(tmp_path, samples, "visor")
    assert made.extra == ("old/3_1.png",) and "in another folder than nearly all: 1" in told(made)


def test_genai_bench_counts_from_its_own_ids(tmp_path):
    """The list of 527 begins at 00001; a place would give every image to its neighbour."""
    samples = [Sample(f"{n:05d}", f"text {n}") for n in range(1, 6)]
    lay(tmp_path, [f"sd/{n:05d}.jpeg" for n in range(1, 5)])
    lay(tmp_path, ["sd/00000.jpeg", "sd/00003.png", "sd/a_00003.jpeg"])
    made = arranged(tmp_path, samples, "genai-bench")
    assert made.pairs == {(f"{n:05d}", 0): f"sd/{n:05d}.jpeg" for n in range(1, 5)}
    assert made.missing == (("00005", 0),) and made.duplicates == ("sd/00003.png",)
    assert set(made.extra) == {"sd/00000.jpeg", "sd/a_00003.jpeg"}


def test_tise_by_caption_id(tmp_path):
    samples = [Sample(str(n), f"text {n}") for n in (770337, 771687, 12)]
    lay(tmp_path, ["770337.png", "0012.png", "13.png", "x..13.png"])
    made = arranged(tmp_path, samples, "tise")
    assert made.pairs == {("770337", 0): "770337.png", ("12", 0): "0012.png"}
    assert made.missing == (("771687", 0),) and len(made.extra) == 2


@pytest.mark.parametrize("form", ["tags", "ids"])
def test_tise_positions_by_word(tmp_path, form):
    """One caption with two positional words is two samples with one number."""
    words = [("above", 5), ("on top of", 5), ("above", 6)]
    samples = [
        Sample(f"{w}/{n}", w) if form == "ids" else Sample(f"s{at}", w, tags={"word": w, "caption_id": str(n)})
        for at, (w, n) in enumerate(words)
    ]
    lay(tmp_path, ["above/5.png", "on top of/5.png", "above/6.png", "below/5.png"])
    made = arranged(tmp_path, samples, "tise")
    assert [made.pairs[s.id, 0] for s in samples] == ["above/5.png", "on top of/5.png", "above/6.png"]
    assert made.extra == ("below/5.png",)


# ---- SOA -----------------------------------------------------------------------------------------------------------


def soa_samples(*captions: tuple[int, int]) -> list[Sample]:
    """(label, number of captions) -> samples as the reader makes them."""
    names = {0: "person", 1: "bicycle", 2: "car"}
    return [
        Sample(f"{label:02d}-{1000 * (label + 1) + at}", f"a {names[label]} {at}",
               tags={"label": names[label], "folder": f"label_{label:02d}_{names[label]}"})
        for label, count in captions for at in range(count)
    ]  # fmt: skip


def test_soa_deals_images_that_say_no_caption(tmp_path):
    samples = soa_samples((0, 5), (1, 3), (2, 2))
    lay(tmp_path, [f"label_00_person/img_{n}.png" for n in range(4)])
    lay(tmp_path, [f"label_01_bicycle/any {n}.png" for n in range(9)])
    lay(tmp_path, [f"label_02_car_v2/{n}.png" for n in range(8)])
    lay(tmp_path, ["label_79_toothbrush/0.png", "label_1_bicycle/1.png", "0.png"])
    made = arranged(tmp_path, samples, "soa")
    by_label = {label: sum(key[0].startswith(label) for key in made.pairs) for label in ("00", "01", "02")}
    assert made.repeats == 3 and by_label == {"00": 4, "01": 9, "02": 6}
    assert all(file.split("_")[1] == key[0][:2] for key, file in made.pairs.items()), "an image keeps its label"
    said = told(made)
    assert "the names of 19 images say no caption" in said and "person: one image a caption at most" in said
    assert "missing by label: person 11 of 15" in said
    assert "of no prompt of this data set: 1 (label_79" in said and "more than 3 of their prompt: 2" in said
    assert "not named as the layout names them: 2" in said


def test_soa_by_caption_ids_in_names(tmp_path):
    samples = soa_samples((1, 3))
    lay(tmp_path, [f"label_01_bicycle/x_{s.id[3:]}_{k}.png" for s in samples for k in range(3)])
    made = arranged(tmp_path, samples, "soa")
    assert made.pairs == {(s.id, k): f"label_01_bicycle/x_{s.id[3:]}_{k}.png" for s in samples for k in range(3)}
    assert "say no caption" not in told(made)
    lay(tmp_path, ["label_01_bicycle/x_9999_0.png"])
    assert arranged(tmp_path, samples, "soa").extra == ("label_01_bicycle/x_9999_0.png",)


def test_soa_refuses_a_number_of_another_class(tmp_path):
    samples = soa_samples((1, 2), (2, 2))
    lay(tmp_path, ["label_01_car/0.png", "label_01_bicycle/0.png", "label_02_car/0.png"])
    made = arranged(tmp_path, samples, "soa")
    assert made.extra == ("label_01_car/0.png",)
    assert "whose number is that of bicycle and whose name is another class: 1" in told(made)


# ---- DPG -----------------------------------------------------------------------------------------------------------


def test_dpg(tmp_path):
    samples = [Sample(name, f"text {name}", tags={"source": "x"}) for name in ("256", "partiprompts7", "COCOval2014_9")]
    lay(tmp_path, ["256.png", "partiprompts7.jpg", "partiprompts7.png", "257.png", "256_1.png"])
    made = arranged(tmp_path, samples, "dpg", tiles=grid("2x2", 512))
    assert made.repeats == 4 and len(made.pairs) == 8
    assert made.pairs["256", 0] == "256.png#tile=2x2:0:512" and made.pairs["256", 3] == "256.png#tile=2x2:3:512"
    assert made.pairs["partiprompts7", 1].startswith("partiprompts7.png#"), "png as the layout has it"
    assert len(made.missing) == 4 and made.duplicates == ("partiprompts7.jpg",)
    assert set(made.extra) == {"257.png", "256_1.png"}, "the file of a tile is no extra image"
    assert arranged(tmp_path, samples, "dpg", tiles=grid("1x1")).repeats == 1


# ---- HPSv2 ---------------------------------------------------------------------------------------------------------


def hps(*styles: str, count: int = 3) -> list[Sample]:
    return [Sample(f"{s}/{n:05d}", f"{s} {n}", tags={"style": s}) for s in styles for n in range(count)]


def test_hpsv2(tmp_path):
    lay(tmp_path, [f"{s}/{n:05d}.jpg" for s in ("anime", "concept_art") for n in range(3)])
    lay(tmp_path, ["photo/00000.jpg", "anime/00003.jpg", "anime/00001.png", "anime/cover.jpg"])
    made = arranged(tmp_path, hps("anime", "concept-art"), "hpsv2")
    assert made.pairs["anime/00001", 0] == "anime/00001.jpg"
    assert made.pairs["concept-art/00002", 0] == "concept_art/00002.jpg"
    assert not made.missing and made.duplicates == ("anime/00001.png",)
    assert set(made.extra) == {"photo/00000.jpg", "anime/00003.jpg", "anime/cover.jpg"}
    (tmp_path / "concept_art/00000.jpg").unlink()
    made = arranged(tmp_path, hps("anime", "concept-art"), "hpsv2")
    assert "missing by style: concept-art 1 of 3" in told(made)


def test_hpsv2_of_one_style(tmp_path):
    lay(tmp_path / "a", [f"{n:05d}.jpg" for n in range(3)])
    assert len(arranged(tmp_path / "a", hps("drawbench"), "hpsv2").pairs) == 3
    assert len(arranged(tmp_path, hps("drawbench"), "hpsv2").pairs) == 3
    lay(tmp_path / "b", [f"anime/{n:05d}.jpg" for n in range(3)])
    with pytest.raises(DataError, match="None of the 3 images"):
        arranged(tmp_path / "b", hps("drawbench"), "hpsv2")
    lay(tmp_path, [f"model-b/{n:05d}.jpg" for n in range(3)])
    with pytest.raises(DataError, match="several sets"):
        arranged(tmp_path, hps("drawbench"), "hpsv2")


# ---- AttnGAN -------------------------------------------------------------------------------------------------------

BIRDS = ("001.Black_footed_Albatross/Black_Footed_Albatross_0001_796111", "002.Laysan/Laysan_Albatross_0002_545")


def birds(captions: str = "first") -> list[Sample]:
    if captions == "first":
        return [Sample(name, "a bird", ("a bird", "it flies"), tags={"class": name[:3]}) for name in BIRDS]
    return [Sample(f"{name}#{k}", f"bird {k}", group=name) for name in BIRDS for k in range(3)]


def test_attngan(tmp_path):
    lay(tmp_path, [f"netG_epoch_600/valid/single/{name}_s-1.png" for name in BIRDS])
    lay(tmp_path, ["netG_epoch_600/valid/single/003.X/Y_0001_1_s-1.png", "netG_epoch_600/valid/0_s_0_g2.png"])
    made = arranged(tmp_path, birds(), "attngan")
    assert made.pairs == {(name, 0): f"netG_epoch_600/valid/single/{name}_s-1.png" for name in BIRDS}
    assert "2 names do not say which caption of the photograph was read" in told(made)
    assert len(made.extra) == 2


def test_attngan_passes_and_numbers_are_images(tmp_path):
    lay(tmp_path / "dm", [f"single/{name}_s-1_{ii}.png" for name in BIRDS for ii in range(3)])
    assert arranged(tmp_path / "dm", birds(), "attngan").repeats == 3
    lay(tmp_path / "own", [f"single/{name}_s{k}.png" for name in BIRDS for k in range(2)])
    made = arranged(tmp_path / "own", birds(), "attngan")
    assert made.pairs[BIRDS[1], 1] == f"single/{BIRDS[1]}_s1.png"


def test_attngan_captions_of_their_own(tmp_path):
    lay(tmp_path / "own", [f"single/{name}_s{k}.png" for name in BIRDS for k in range(3)])
    made = arranged(tmp_path / "own", birds("all"), "attngan")
    assert made.pairs[f"{BIRDS[0]}#2", 0] == f"single/{BIRDS[0]}_s2.png" and made.repeats == 1
    lay(tmp_path / "unsaid", [f"single/{name}_s-1.png" for name in BIRDS])
    with pytest.raises(DataError, match="prompts=first"):
        arranged(tmp_path / "unsaid", birds("all"), "attngan")


def test_attngan_on_coco_goes_by_the_photograph(tmp_path):
    """A caption's id may be the number of another photograph."""
    lay(tmp_path, ["single/COCO_val2014_000000000042_s-1.png"])
    first = [Sample(f"{n:012d}", "x", group=str(n)) for n in (42, 43)]
    assert list(arranged(tmp_path, first, "attngan").pairs) == [("000000000042", 0)]
    captions = [Sample("42", "of photo 7", group="7"), Sample("900", "of photo 42", group="42")]
    assert list(arranged(tmp_path, captions, "attngan").pairs) == [("900", 0)]


# ---- what all share ------------------------------------------------------------------------------------------------


def test_an_unknown_layout_is_named():
    with pytest.raises(UsageError, match=r"layout=genevall is no layout of images\. Did you mean geneval"):
        layout_named("genevall")
    assert sorted(LAYOUTS) == [
        "attngan", "dpg", "genai-bench", "geneval", "hpsv2", "soa", "t2i-compbench", "tise", "visor"
    ]  # fmt: skip


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_folder_in_no_layout_is_refused_with_the_form(tmp_path, name):
    lay(tmp_path, ["one.png", "sub/two.png"])
    samples = [Sample("7", "a red dog", tags={"kind": "x", "style": "anime", "label": "car"})]
    with pytest.raises(DataError, match=rf"None of the 2 images belongs to a prompt in the layout {name}, .*; \d"):
        arranged(tmp_path, samples, name)


def test_recognised_where_nothing_else_looks_like_it(tmp_path):
    def name(root: Path, samples) -> str | None:
        found = recognised(list_images(root), samples)
        return found and found.rule

    geneval_folder(tmp_path / "g", order=(1, 0, 2))
    assert name(tmp_path / "g", geneval_samples()) == "layout geneval"
    assert name(tmp_path / "g", [Sample("00000", "a photo of a bench")]) is None, "not for another data set"
    for at in range(3):
        (tmp_path / f"g/{at:05d}/metadata.jsonl").unlink()
    assert name(tmp_path / "g", geneval_samples()) is None, "numbers alone may be anything"
    lay(tmp_path / "s", [f"label_01_bicycle/{n}.png" for n in range(3)])
    assert name(tmp_path / "s", soa_samples((1, 3))) == "layout soa"
    lay(tmp_path / "a", [f"single/{n}_s-1.png" for n in BIRDS])
    assert name(tmp_path / "a", birds()) == "layout attngan"
    dogs = [Sample(f"color-{n:06d}", f"a dog {n}", tags={"category": "color", "split": "val"}) for n in range(3)]
    lay(tmp_path / "t", [f"samples/a dog {n}_{n:06d}.png" for n in range(3)])
    assert name(tmp_path / "t", dogs) == "layout t2i-compbench"
    lay(tmp_path / "n", [f"img_{n:06d}.png" for n in range(3)])
    assert name(tmp_path / "n", dogs) is None, "numbered images are left to the other rules"
    lay(tmp_path / "d", ["256.png"])
    assert name(tmp_path / "d", [Sample("256", "x", tags={"source": "x"})]) is None, "tiles cannot be seen"


# ---- real files ----------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not (SHARED / "visor").is_dir(), reason="the shared data are not here")
def test_the_published_images_of_visor():
    rows = json.loads((SHARED / "visor/prompts.json").read_text())
    samples = [Sample(str(row["unique_id"]), row["text"], tags={"relation": row["rel_type"]}) for row in rows]
    made = arranged(SHARED / "visor/images/glide", samples, "visor")
    prompts = {sample_id for sample_id, _ in made.pairs}
    assert (len(made.pairs), len(prompts), made.repeats, made.extra) == (200, 50, 4, ())
    assert all(file == f"{sample_id}_{k}.png" for (sample_id, k), file in made.pairs.items())
    with pytest.raises(DataError, match="several sets"):
        arranged(SHARED / "visor/images", samples, "visor")


@pytest.mark.skipif(not (SHARED / "geneval").is_dir(), reason="the shared data are not here")
def test_all_of_geneval(tmp_path):
    samples = list(read_geneval(Reading("geneval", SHARED / "geneval")))
    for at, line in enumerate((SHARED / "geneval/evaluation_metadata.jsonl").read_text().splitlines()):
        lay(tmp_path, [f"{at:05d}/samples/{k:04d}.png" for k in range(4)])
        (tmp_path / f"{at:05d}/metadata.jsonl").write_text(line)
    made = arranged(tmp_path, samples, "geneval")
    assert len(made.pairs) == 553 * 4 and not made.missing and not made.extra and not made.notes


@pytest.mark.skipif(not (SHARED / "t2i-compbench").is_dir(), reason="the shared data are not here")
def test_the_published_images_of_compbench():
    reading = Reading("t2i-compbench", SHARED / "t2i-compbench")
    samples = list(read_compbench(reading, ["color", "spatial"], "val"))
    made = arranged(SHARED / "t2i-compbench/samples", samples, "t2i-compbench")
    texts = {s.id: s.prompt for s in samples}
    assert made.pairs and all(file.startswith(texts[key[0]]) for key, file in made.pairs.items())
