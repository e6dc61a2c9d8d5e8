"""A folder's images meet their prompts, are recorded by path, and its fingerprint is of contents and pairs alone."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from bench.errors import DataError
from bench.formats.images import encode_png
from bench.generators.base import Context
from bench.generators.folder import Folder
from bench.registry import create
from bench.types import Request, Sample

TEXTS = ["a red dog", "a blue cat", "two cups"]
SAMPLES = {f"s{n}": Sample(f"s{n}", text) for n, text in enumerate(TEXTS)}


def fill(folder: Path, names: list[str]) -> Path:
    for at, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(encode_png(np.full((4, 4, 3), at, np.uint8)))
    return folder


def ready(path: Path, lines: list[str] | None = None, **params: str) -> Folder:
    made = create("generator", "folder", {"path": str(path), **params})
    assert made.problems() == []
    made.setup(Context(SAMPLES, "captions", notify=(lines if lines is not None else []).append))
    return made


def ask(made: Folder, ids: str, k: int = 0) -> list[object]:
    return list(made.generate([Request(f"s{n}", k, "", 0) for n in ids]))


def test_outcomes_are_existing_paths(tmp_path):
    made = ready(fill(tmp_path, ["s0_0.png", "s0_1.png", "s1_0.png", "s2_0.png", "s2_1.png"]))
    assert made.repeats() == 2
    found = ask(made, "012", 1)
    assert [o.status for o in found] == ["ok", "missing", "ok"]
    assert found[0].path == str(tmp_path / "s0_1.png") and os.path.isabs(found[0].path)
    assert "no image in" in found[1].reason
    assert all(o.image is None for o in found)


def test_three_pairs_and_counts_are_shown(tmp_path):
    lines: list[str] = []
    fill(tmp_path, ["1.png", "2.png", "3.png"])
    (tmp_path / "readme.txt").write_text("x")
    made = ready(tmp_path, lines)
    assert lines[-3:] == ["1.png <- 'a red dog'", "2.png <- 'a blue cat'", "3.png <- 'two cups'"]
    assert "matched by index: 3 images, 3 of 3 prompts" in lines[0]
    assert any("are no images" in note for note in made.notes())


def test_extra_and_duplicates_are_in_the_notes(tmp_path):
    made = ready(fill(tmp_path, ["s0.png", "s1.png", "s2.png", "s1.jpg", "other.png"]))
    said = "\n".join(made.notes())
    assert "1 extra: other.png" in said and "1 duplicate: s1.png" in said


def test_manifest_by_parameter(tmp_path):
    fill(tmp_path / "images", ["x.png", "y.png"])
    (tmp_path / "which.csv").write_text("file,prompt\ny.png,a red dog\nx.png,two cups\n")
    made = ready(tmp_path / "images", manifest=str(tmp_path / "which.csv"))
    assert [os.path.basename(o.path or "") for o in ask(made, "012")] == ["y.png", "", "x.png"]


def test_fingerprint_is_of_contents_and_pairs(tmp_path):
    one = fill(tmp_path / "one", ["1.png", "2.png", "3.png"])
    made = ready(one)
    moved = shutil.copytree(one, tmp_path / "two")
    os.utime(moved / "1.png", (0, 0))
    assert ready(moved).identity() == made.identity()
    for n in "123":
        (moved / f"{n}.png").rename(moved / f"s{int(n) - 1}.png")
    assert ready(moved).identity() == made.identity()  # the same images meet the same prompts
    (moved / "s0.png").rename(moved / "t.png")
    (moved / "s1.png").rename(moved / "s0.png")
    (moved / "t.png").rename(moved / "s1.png")
    assert ready(moved).identity() != made.identity()  # two images changed places


def test_hostile_names(tmp_path):
    names = ["s0 '\";$(x).png", "s1.png", "ünï/s2.png"]
    fill(tmp_path, names)
    (tmp_path / "manifest.csv").write_text(
        'file,sample\n"s0 \'"";$(x).png",s0\ns1.png,s1\nünï/s2.png,s2\n', encoding="utf-8"
    )
    assert [os.path.relpath(o.path, tmp_path) for o in ask(ready(tmp_path), "012")] == names


def test_problems_are_sentences(tmp_path):
    assert "does not exist" in Folder(str(tmp_path / "absent")).problems()[0]
    assert "holds no images" in Folder(str(tmp_path)).problems()[0]
    assert "no rule of matching" in Folder(str(tmp_path), match="stems").problems()[0]
    fill(tmp_path, ["1.png"])
    assert "does not exist" in Folder(str(tmp_path), manifest="no.csv").problems()[0]


# ---- layouts ---------------------------------------------------------------------------------------------------------


def of_dpg(path: Path, **params: object) -> Folder:
    made = create("generator", "folder", {"path": str(path), "layout": "dpg", **params})
    assert made.problems() == []
    made.setup(Context(SAMPLES, "dpg-bench"))
    return made


def test_tiles_are_named_and_not_copied(tmp_path):
    made = of_dpg(fill(tmp_path, ["s0.png", "s1.png"]))
    assert made.repeats() == 4
    found = ask(made, "012", 3)
    assert [o.status for o in found] == ["ok", "ok", "missing"]
    assert found[1].path == f"{tmp_path}/s1.png#tile=2x2:3" and found[1].image is None
    assert "matched by layout dpg" in found[2].reason


def test_fingerprint_of_tiles_is_of_contents_and_places(tmp_path):
    one = of_dpg(fill(tmp_path / "one", ["s0.png", "s1.png"])).identity()
    (tmp_path / "two").mkdir()
    for name in ("s0", "s1"):
        shutil.copy(tmp_path / f"one/{name}.png", tmp_path / f"two/{name}.PNG")
    assert of_dpg(tmp_path / "two").identity() == one == of_dpg(tmp_path / "one", tiles="2x2").identity()
    others = [of_dpg(tmp_path / "one", **more).identity() for more in ({"tiles": "2x1"}, {"resolution": 2})]
    assert one not in others and others[0] != others[1]
    whole = ready(tmp_path / "one", match="stem").identity()
    assert of_dpg(tmp_path / "one", tiles="1x1").identity() != one != whole
    (tmp_path / "two/s0.PNG").rename(tmp_path / "two/t.PNG")
    (tmp_path / "two/s1.PNG").rename(tmp_path / "two/s0.PNG")
    (tmp_path / "two/t.PNG").rename(tmp_path / "two/s1.PNG")
    assert of_dpg(tmp_path / "two").identity() != one


def test_a_layout_leaves_the_fingerprint_to_contents_and_pairs(tmp_path):
    """The same images under the same prompts are the same system, however the pairs were found."""
    fill(tmp_path, ["s0.png", "s1.png", "s2.png"])
    assert ready(tmp_path, layout="tise").identity() == ready(tmp_path, match="stem").identity()


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"layout": "geneva"}, "layout=geneva is no layout of images. Did you mean geneval"),
        ({"layout": "geneval", "match": "stem"}, "layout=geneval says how files meet prompts, and so does match"),
        ({"layout": "geneval", "manifest": "m.csv"}, "so does match or manifest; give one of them"),
        ({"layout": "geneval", "tiles": "2x2"}, "tiles and resolution are of images that hold several; give"),
        ({"resolution": 512}, "give layout=dpg with them"),
        ({"layout": "dpg", "tiles": "four"}, "tiles=four is no grid; give COLUMNSxROWS"),
        ({"layout": "dpg", "resolution": 0}, "resolution=0 is no side of a tile"),
        ({"layout": "dpg", "resolution": "512px"}, "resolution=512px is no side of a tile; give whole pixels"),
        ({"layout": "dpg", "resolution": True}, "is no side of a tile"),
    ],
)
def test_settings_of_layouts_that_cannot_be_meant(tmp_path, params, words):
    fill(tmp_path, ["s0.png"])
    (problem,) = Folder(str(tmp_path), **params).problems()
    assert words in problem


def test_nothing_in_the_layout_names_the_folder(tmp_path):
    made = create("generator", "folder", {"path": str(fill(tmp_path, ["s0.png"])), "layout": "visor"})
    assert made.problems() == []
    with pytest.raises(DataError, match=r"None of the 1 images belongs to a prompt in the layout visor, <id>_<k>\.png"):
        made.setup(Context(SAMPLES, "visor"))


def test_a_layout_beyond_doubt_is_recognised_and_said(tmp_path):
    birds = {n: Sample(n, "a bird", tags={"class": "a"}) for n in ("a/x", "a/y")}
    fill(tmp_path, ["m/valid/single/a/x_s-1.png", "m/valid/single/a/y_s-1.png"])
    lines: list[str] = []
    made = create("generator", "folder", {"path": str(tmp_path)})
    made.setup(Context(birds, "cub", notify=lines.append))
    assert "matched by layout attngan: 2 images" in lines[0] and any("the folder has the layout" in x for x in lines)
    asked = create("generator", "folder", {"path": str(tmp_path), "match": "index"})
    asked.setup(Context(birds, "cub"))
    assert asked.matching is not None and asked.matching.rule == "index", "what is asked for is done"


def test_files_of_dpg_bench_may_be_tiles_and_that_is_said(tmp_path):
    made = create("generator", "folder", {"path": str(fill(tmp_path, ["s0.png", "s1.png", "s2.png"]))})
    made.setup(Context(SAMPLES, "dpg-bench(questions=false)"))
    assert any("give layout=dpg" in note for note in made.notes()) and made.repeats() == 1


def test_no_rule_names_the_folder(tmp_path):
    fill(tmp_path, ["1.png", "2.png"])
    with pytest.raises(DataError, match=r"2 numbered images and 3 prompts.*--match"):
        ready(tmp_path)


def test_unmatched_is_an_error_and_not_an_image(tmp_path):
    with pytest.raises(DataError, match="before it was matched"):
        ask(Folder(str(tmp_path)), "0")
