"""Files meet the right prompts under every layout of the field, and everything that would be a guess is refused."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.errors import DataError, UsageError
from bench.formats.folders import list_images
from bench.formats.manifests import Entry, find_manifest, read_manifest
from bench.formats.match_rules import repeat_numbers
from bench.formats.matching import match
from bench.formats.prompts import read_prompts
from bench.spec import safe_id
from bench.types import Sample

SHARED = Path(os.environ.get("BENCH_SHARED_DATA") or Path(__file__).parents[2].parent / "shared" / "data")
TEXTS = ["a red dog", "a blue cat", "two cups", "tall tree", "an old car", "a kite", "a bus", "a pen", "a fox", "a cow"]


def samples(count=10, ids=None):
    return [Sample(ids[n] if ids else f"s-{TEXTS[n]}", TEXTS[n % 10]) for n in range(count)]


def owners(found):
    """file -> (number of the prompt, k)."""
    order = {sample_id: n for n, (sample_id, _) in enumerate(found.prompts)}
    return {file: (order[sample_id], k) for (sample_id, k), file in found.pairs.items()}


# ---- index ------------------------------------------------------------


@pytest.mark.parametrize("base", [0, 1, 13])
@pytest.mark.parametrize("form", ["{}.png", "img_{:05d}.jpg", "sd15/v2_{}_.png", "{:03d}/samples/0000.png"])
def test_numbers_in_names(base, form):
    files = [form.format(n + base) for n in range(10)]
    random.Random(0).shuffle(files)
    found = match(files, samples())
    assert found.rule == "index"
    assert owners(found) == {form.format(n + base): (n, 0) for n in range(10)}
    assert f"from {base} to {base + 9}" in found.notes[0]
    assert not found.missing and not found.extra


def test_ten_does_not_come_before_two():
    """Text order gives 1, 10, 2, ...: the classic way to score every image against another's prompt."""
    files = sorted(f"{n}.png" for n in range(1, 11))
    assert files[1] == "10.png"
    assert owners(match(files, samples()))["2.png"] == (1, 0)


@pytest.mark.parametrize("form", ["{n}_{k}.png", "{n:05d}/samples/{k:04d}.png", "p{n}-{k}.png"])
@pytest.mark.parametrize("base", [0, 1])
def test_several_images_a_prompt(form, base):
    files = [form.format(n=n + base, k=k + base) for n in range(10) for k in range(4)]
    found = match(files, samples())
    assert found.repeats == 4
    assert owners(found) == {form.format(n=n + base, k=k + base): (n, k) for n in range(10) for k in range(4)}


def test_repeat_first():
    files = [f"seed{k}/{n:04d}.png" for k in (7, 42) for n in range(10)]
    assert owners(match(files, samples()))["seed42/0003.png"] == (3, 1)


def test_seeds_in_names_are_repeats_of_their_own_prompt():
    rng = random.Random(1)
    seeds = {n: sorted(rng.sample(range(10**6, 10**9), 2)) for n in range(10)}
    for form in ("{n:03d}_{s}.png", "x{s}_{n}.png"):
        files = [form.format(n=n, s=s) for n in range(10) for s in seeds[n]]
        expected = {form.format(n=n, s=s): (n, k) for n in range(10) for k, s in enumerate(seeds[n])}
        found = match(files, samples())
        assert found.repeats == 2 and owners(found) == expected
    found = match([f"s-{TEXTS[n]}_{s}.png" for n in range(10) for s in seeds[n]], samples(), "stem")
    assert found.repeats == 2 and len(found.pairs) == 20


def test_one_seed_a_file_beside_its_number():
    """Ten seeds for ten prompts would fit as numbers of prompts too, but only as a guess."""
    files = [f"{seed}_{n}.png" for n, seed in enumerate([93, 12, 55, 71, 20, 38, 4, 67, 81, 29])]
    assert owners(match(files, samples())) == {file: (n, 0) for n, file in enumerate(files)}


def test_overview_pictures_are_extra():
    files = [f"{n:05d}/samples/{k:04d}.png" for n in range(10) for k in range(4)]
    found = match(files + [f"{n:05d}/grid.png" for n in range(10)], samples())
    assert len(found.pairs) == 40 and len(found.extra) == 10


def test_gap_between_both_ends_is_a_missing_image():
    found = match([f"{n}.png" for n in range(1, 11) if n != 7], samples())
    assert found.missing == ((samples()[6].id, 0),)
    assert owners(found)["8.png"] == (7, 0)


@pytest.mark.parametrize("numbers", [range(9), range(1, 10), range(11), range(2, 11), range(15)])
def test_unequal_numbers_are_refused_with_both_counts(numbers):
    for rule in ("index", "auto"):
        with pytest.raises(DataError, match=rf"{len(numbers)} numbered images and 10 prompts, neither equal"):
            match([f"{n}.png" for n in numbers], samples(), rule)


def test_multiple_without_repeat_numbers_must_be_asked_for():
    files = [f"{n}.png" for n in range(20)]
    with pytest.raises(DataError, match="2 consecutive images would be taken for each prompt"):
        match(files, samples())
    assert owners(match(files, samples(), "index"))["7.png"] == (3, 1)


def test_names_without_numbers_must_be_asked_for():
    files = [f"{c}.png" for c in "jihgfedcba"]
    with pytest.raises(DataError, match="no common numbering"):
        match(files, samples())
    assert owners(match(files, samples(), "index"))["b.png"] == (1, 0)
    with pytest.raises(DataError, match="9 numbered images and 10 prompts"):
        match(files[:9], samples(), "index")


def test_two_numbers_that_both_fit_must_be_asked_for():
    files = [f"{a}_{b}.png" for a in range(4) for b in range(4)]
    with pytest.raises(DataError, match="both numbers"):
        match(files, samples(4))
    assert owners(match(files, samples(4), "index"))["3_1.png"] == (3, 1)


def test_same_number_twice_is_a_duplicate():
    found = match([f"{n}.png" for n in range(10)] + ["003.png", "4.jpg"], samples())
    assert len(found.pairs) == 10 and set(found.duplicates) == {"3.png", "4.png"}
    assert set(found.extra) == set()


def test_one_prompt_takes_all_images():
    assert match([f"{n}.png" for n in range(5)], samples(1)).repeats == 5
    assert match(["only.png"], samples(1)).pairs == {("s-a red dog", 0): "only.png"}


# ---- stem -------------------------------------------------------------

IDS = ["810", "887", "1824", "42", "x/y", "a b", "00031", "img.jpg", "it's", "z_1"]


@pytest.mark.parametrize("form", ["{}.png", "sub/{}.png", "{}_0.png", "{}-1.webp", "deep/er/{} 3.png"])
@pytest.mark.parametrize("name", [lambda s: s, safe_id])
def test_ids_in_names(form, name):
    files = [form.format(name(one)) for one in IDS if "/" not in one or name is safe_id]
    found = match(files, samples(10, IDS))
    assert found.rule == "stem" and found.repeats == 1
    assert {f: sample_id for (sample_id, _), f in found.pairs.items()} == {
        form.format(name(one)): one for one in IDS if form.format(name(one)) in files
    }


@pytest.mark.parametrize("form", ["{}_{}.png", "{}/{:04d}.png", "{}/samples/out{}.jpg"])
@pytest.mark.parametrize("base", [0, 1])
def test_repeats_of_ids(form, base):
    ids = IDS[:4]
    files = [form.format(one, k + base) for one in ids for k in range(3)]
    found = match(files, samples(4, ids))
    assert found.pairs == {(one, k): form.format(one, k + base) for one in ids for k in range(3)}


def test_folders_are_ids_even_when_file_names_look_like_ids():
    ids = [str(n) for n in range(4)]
    files = [f"{n}/{k}.png" for n in ids for k in range(4)]
    found = match(files, samples(4, ids), "stem")
    assert found.pairs["2", 3] == "2/3.png" and len(found.pairs) == 16


def test_coco_names():
    files = ["COCO_val2014_000000000810.jpg", "000000000887.jpg"]
    found = match(files, samples(2, IDS), "stem")
    assert found.pairs == {("810", 0): files[0], ("887", 0): files[1]}


def test_missing_and_extra_are_named():
    files = [f"{one}_{k}.png" for one in IDS[:4] for k in range(4)]
    files.remove("887_2.png")
    found = match([*files, "other.png", "810_9.png"], samples(4, IDS))
    assert found.missing == (("887", 2),)
    assert set(found.extra) == {"other.png", "810_9.png"}
    said = "\n".join(found.summary())
    assert "15 images, 4 of 4 prompts" in said and "1 missing: 887 (k=2)" in said and "2 extra" in said


def test_a_folder_may_hold_more_than_is_asked_for():
    files = [f"{one}.png" for one in IDS[:4]] + [f"{n}.png" for n in range(90000, 90100)]
    assert len(match(files, samples(4, IDS)).extra) == 100


def test_frames_are_joined_in_order():
    story = [Sample("a", "a ball falls", frames=3), Sample("b", "a ball rises", frames=3)]
    files = [f"{one}_{k}_{f}.png" for one in "ab" for k in range(2) for f in range(3)]
    found = match(files, story)
    assert found.pairs["b", 1].split("\n") == ["b_1_0.png", "b_1_1.png", "b_1_2.png"]
    counted_from_one = [f"{one}_{k + 1}_{f}.png" for one in "ab" for k in range(2) for f in range(3)]
    assert match(counted_from_one, story).pairs["b", 1].startswith("b_2_0.png")
    found = match(files[:-1], story)
    assert found.missing == (("b", 1),) and "lack a frame" in found.notes[0]


# ---- caption ----------------------------------------------------------


@pytest.mark.parametrize("form", ["{}.png", "{}_000007.png", "x/{}-2.jpg"])
def test_prompts_in_names(form):
    found = match([form.format(text) for text in TEXTS], samples())
    assert found.rule == "caption"
    assert owners(found) == {form.format(text): (n, 0) for n, text in enumerate(TEXTS)}


def test_prompts_as_tools_write_them():
    long = "a very long prompt with many words, and a comma; a 'quote' and 4K/8K: resolution"
    texts = [long, long.replace("resolution", "detail"), "Room 5", "Room"]
    given_ = [Sample(str(n), text) for n, text in enumerate(texts, 1)]
    files = ["a_very_long_prompt_with_many_words,_and_a_comma_a__quote__and_4K_8K_det.png", "room 5.png", "ROOM_1.png"]
    found = match(files, given_, "caption")
    assert {sample_id: file for (sample_id, _), file in found.pairs.items()} == dict(zip("234", files, strict=True))


def test_a_cut_name_that_fits_two_prompts_fits_none():
    long = "a very long prompt with many words that goes on and on"
    given_ = [Sample("1", long + " left"), Sample("2", long + " right"), Sample("3", "dog")]
    found = match([long + ".png", "dog.png"], given_, "caption")
    assert list(found.pairs) == [("3", 0)] and found.extra == (long + ".png",)


def test_equal_prompts_share_their_images():
    twice = [Sample("1", "a dog"), Sample("2", "a cat"), Sample("3", "a dog")]
    found = match(["a dog_000000.png", "a cat_000001.png", "a dog_000002.png"], twice)
    assert found.pairs == {("1", 0): "a dog_000000.png", ("2", 0): "a cat_000001.png", ("3", 0): "a dog_000002.png"}
    assert "dealt" in found.notes[0]


# ---- manifest ---------------------------------------------------------


def test_manifest_wins_over_names(tmp_path):
    path = tmp_path / "manifest.csv"
    rows = ["file,sample,k", "./b.png,s-a red dog,0", "sub\\a.png,s-a blue cat,0", "gone.png,s-two cups,", "c.png,who,"]
    path.write_text("\n".join(rows))
    found = match(["sub/a.png", "b.png", "c.png"], samples(3), manifest=read_manifest(find_manifest(tmp_path)))
    assert found.rule == "manifest"
    assert owners(found) == {"b.png": (0, 0), "sub/a.png": (1, 0)}
    assert found.extra == ("c.png",) and len(found.notes) == 2


def test_manifest_of_prompts_counts_repeats(tmp_path):
    path = tmp_path / "metadata.jsonl"
    path.write_text('{"file_name": "2.png", "text": "two cups"}\n{"file_name": "1.png", "text": "two cups"}\n')
    found = match(["1.png", "2.png"], samples(3), "manifest", read_manifest(path))
    assert found.pairs == {("s-two cups", 0): "2.png", ("s-two cups", 1): "1.png"}


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.csv", "file,kind\n1.png,x\n", "its columns are file, kind"),
        ("a.csv", "file,sample\n,x\n", "the file is empty"),
        ("a.csv", "file,sample\n1.png,\n", "neither the sample's id nor its prompt"),
        ("a.csv", "file,sample,k\n1.png,x,-1\n", "k is '-1'"),
        ("a.jsonl", "3\n", "a int is no entry"),
        ("a.xml", "<a/>", "no manifest by its ending"),
    ],
)
def test_faults_of_manifests(tmp_path, name, text, said):
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=said):
        read_manifest(tmp_path / name)


def test_manifest_that_names_nothing_is_refused():
    with pytest.raises(DataError, match="pairs no image"):
        match(["1.png"], samples(), manifest=[Entry("9.png", "s-a red dog")])
    with pytest.raises(DataError, match=r"no manifest\.csv"):
        match(["1.png"], samples(), "manifest")


def test_two_manifests_are_refused(tmp_path):
    for name in ("manifest.csv", "metadata.jsonl"):
        (tmp_path / name).write_text("file,sample\na.png,1\n")
    with pytest.raises(DataError, match="several manifests"):
        find_manifest(tmp_path)


# ---- auto -------------------------------------------------------------


def test_rules_that_agree_are_no_conflict():
    found = match([f"{n}.png" for n in range(10)], samples(10, [str(n) for n in range(10)]))
    assert len(found.pairs) == 10


def test_rules_that_differ_are_refused_and_both_named():
    """Ids 1..10 and files 0..9: by id one is missing, by index everything is shifted by one."""
    shifted = samples(10, [str(n + 1) for n in range(10)])
    files = [f"{n}.png" for n in range(10)]
    with pytest.raises(DataError, match="--match stem or --match index") as caught:
        match(files, shifted)
    assert "'1.png'" in str(caught.value) and "'a red dog'" in str(caught.value)
    assert match(files, shifted, "stem").pairs["1", 0] == "1.png"
    assert match(files, shifted, "index").pairs["1", 0] == "0.png"


def test_nothing_fits():
    with pytest.raises(DataError, match="No rule matches the 3 images with the 10 prompts"):
        match(["x.png", "y.png", "z.png"], samples())
    with pytest.raises(DataError, match="0 images"):
        match([], samples())
    with pytest.raises(UsageError, match="Did you mean stem"):
        match(["a.png"], samples(), "stems")
    with pytest.raises(DataError, match="cannot be matched by stem: 0 of 1 images fit"):
        match(["a.png"], samples(), "stem")


def test_preview_shows_first_middle_and_last():
    lines = match([f"{n}.png" for n in range(10)], samples()).preview(3)
    assert lines == ["0.png <- 'a red dog'", "4.png <- 'an old car'", "9.png <- 'a cow'"]
    assert len(match(["0.png", "1.png"], samples(2)).preview(3)) == 2


@given(st.permutations(range(40)))
def test_order_of_the_listing_changes_nothing(order):
    files = [f"{n // 4}_{n % 4}.png" for n in order]
    assert match(files, samples()).pairs == match(sorted(files), samples()).pairs


@pytest.mark.parametrize(
    ("numbers", "ks"),
    [
        ([0, 1, 2], [0, 1, 2]),
        ([1, 2], [0, 1]),
        ([None], [0]),
        ([7], [0]),
        ([0, 2], [0, 2]),
        ([None, 1, 2], [0, 1, 2]),
        ([99, 4000, 123456], [0, 1, 2]),
    ],
)
def test_repeat_numbers(numbers, ks):
    assert repeat_numbers(numbers) == dict(zip(numbers, ks, strict=True))


# ---- the field's own folders ------------------------------------------


@pytest.mark.parametrize("model", ["glide", "stable-diffusion", "cogview2"])
def test_visor(model):
    if not (SHARED / "visor").is_dir():
        pytest.skip("visor is not on this machine")
    prompts = read_prompts(SHARED / "visor" / "prompts.json")
    found = match(list_images(SHARED / "visor" / "images" / model).files, prompts)
    assert (found.rule, found.repeats, len(found.pairs)) == ("stem", 4, 200)
    assert not (found.missing or found.extra or found.duplicates)
    assert found.pairs["810", 2] == "810_2.png"


def test_compbench():
    folder = SHARED / "t2i-compbench"
    if not folder.is_dir():
        pytest.skip("t2i-compbench is not on this machine")
    files = list_images(folder / "samples").files
    prompts = read_prompts(folder / "dataset" / "color_val.txt")
    with pytest.raises(DataError, match=r"3 of 4 images fit, 'a horse on the right of a car_000003\.png'"):
        match(files, prompts)
    found = match(files, prompts, "caption")
    texts = dict(found.prompts)
    assert all(f == f"{texts[sample_id]}{f[-11:]}" for (sample_id, _), f in found.pairs.items())
    assert len(found.pairs) == 3 and found.extra == ("a horse on the right of a car_000003.png",)
