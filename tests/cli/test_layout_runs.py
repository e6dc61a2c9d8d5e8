"""`bench run 'mine=folder(path=DIR,layout=NAME)' --dataset NAME` on a miniature of each published layout, end to end.

Every image is its own prompt's, what is missing is counted, and runs of tiles go on, are verified, packed and shown.
"""

from __future__ import annotations

import base64
import csv
import json
import pickle
import re
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from bench import store
from bench.cli import main
from bench.formats.images import decode
from bench.formats.prompt_sets import visor_phrases

COLUMNS = ("item_id", "text", "proposition_id", "dependency", "category_broad", "question_natural_language")
URI = re.compile(r"data:image/\w+;base64,([A-Za-z0-9+/=]+)")
BIRDS = ("001.Black_Albatross/Black_1", "001.Black_Albatross/Black_2", "002.Auk/Auk_1")

_colours: dict[tuple[str, int], int] = {}


def colour(sample: str, k: int) -> int:
    """Another grey for every image of these tests."""
    return _colours.setdefault((sample, k), len(_colours) % 240 + 5)


def picture(path: Path, sample: str, k: int = 0, side: int = 8) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (side, side), (colour(sample, k),) * 3).save(path)


def written(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


# ---- a data set and a folder of images of each layout, as the published files and scripts have them ----------------


def geneval(data: Path, images: Path) -> str:
    rows = [{"tag": "colors", "include": [{"class": c, "count": 1}], "prompt": f"a photo of a {c}"}
            for c in ("bench", "cat", "dog")]  # fmt: skip
    written(data / "evaluation_metadata.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    for n, row in enumerate(rows):
        written(images / f"{n:05d}/metadata.jsonl", json.dumps(row))
        for k in range(4):
            picture(images / f"{n:05d}/samples/{k:05d}.png", f"{n:05d}", k)
        picture(images / f"{n:05d}/grid.png", "grid", side=16)
    return f"geneval(root={data})"


def compbench(data: Path, images: Path) -> str:
    prompts = ["a red dog", "a cat/dog: 'wow'", "a very long prompt " + "that goes on " * 20]
    written(data / "color_val.txt", "\r\n".join(prompts))
    for n, prompt in enumerate(prompts):
        for k in range(10):
            name = prompt.replace("/", "_").encode()[:240].decode(errors="ignore")
            picture(images / f"samples/{name}_{10 * n + k:06d}.png", f"color-{n:06d}", k)
    return f"t2i-compbench(root={data},category=color)"


def visor(data: Path, images: Path) -> str:
    entries = [e for e, _ in zip(visor_phrases(), range(3), strict=False)]
    written(data / "text_spatial_rel_phrases.json", json.dumps(entries))
    for entry in entries:
        for k in range(4):
            picture(images / f"{entry['unique_id']}_{k}.png", str(entry["unique_id"]), k)
    return f"visor(root={data})"


def tise(data: Path, images: Path) -> str:
    rows = ["id,caption_id,word,caption", "p1,77,above,a dog above a cat", "p2,77,on top of,a dog on top of a cat"]
    written(data / "pa.csv", "\n".join(rows))
    picture(images / "above/77.png", "p1")
    picture(images / "on top of/77.png", "p2")
    return f"captions(path={data / 'pa.csv'})"


def soa(data: Path, images: Path) -> str:
    rows = [{"image_id": n, "id": 400 + n, "idx": [n, 0], "caption": f"a bicycle {n}"} for n in range(2)]
    (data / "captions").mkdir(parents=True)
    (data / "captions/label_01_bicycle.pkl").write_bytes(pickle.dumps(rows, 2))
    for row in rows:
        for k in range(3):
            picture(images / f"label_01_bicycle/caption_{row['id']}_{k}.png", f"01-{row['id']}", k)
    return f"soa(root={data},label=bicycle)"


def dpg(data: Path, images: Path) -> str:
    ids = ("256", "COCOval2014000000133071", "partiprompts12")
    for name in ids:
        written(data / f"dpg_bench/prompts/{name}.txt", f"A dense prompt of {name}.")
        picture(images / f"{name}.png", "of four", side=16)
        tiled = np.zeros((16, 16, 3), np.uint8)
        for k in range(4):
            y, x = divmod(k, 2)
            tiled[8 * y : 8 * y + 8, 8 * x : 8 * x + 8] = colour(name, k)
        Image.fromarray(tiled).save(images / f"{name}.png")
    with (data / "dpg_bench/dpg_bench.csv").open("w", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *((n, "x", 1, "0", "entity", "Is there one?") for n in ids)])
    return f"dpg-bench(root={data})"


def hpsv2(data: Path, images: Path) -> str:
    for style in ("anime", "concept-art", "paintings", "photo"):
        written(data / f"benchmark/{style}.json", json.dumps([f"{style} {n}" for n in range(2)]))
        for n in range(2):
            picture(images / f"{style}/{n:05d}.jpg", f"{style}/{n:05d}")
    return f"hpsv2(root={data})"


def genai(data: Path, images: Path) -> str:
    rows = {f"{n:05d}": {"id": f"{n:05d}", "prompt": f"prompt {n}", "models": {}} for n in range(1, 4)}
    written(data / "genai_image.json", json.dumps(rows))
    for name in rows:
        picture(images / f"stable-diffusion/{name}.jpeg", name)
    return f"genai-bench(root={data})"


def attngan(data: Path, images: Path) -> str:
    tables = {
        "images": [f"{n} {name}.jpg" for n, name in enumerate(BIRDS, 1)],
        "classes": ["1 001.Black_Albatross", "2 002.Auk"],
        "image_class_labels": ["1 1", "2 1", "3 2"],
        "bounding_boxes": [f"{n} 1.0 1.0 5.0 5.0" for n in (1, 2, 3)],
        "train_test_split": ["1 0", "2 0", "3 0"],
    }
    for name, rows in tables.items():
        written(data / f"CUB_200_2011/{name}.txt", "\n".join(rows) + "\n")
    for name in BIRDS:
        picture(data / f"CUB_200_2011/images/{name}.jpg", "photo")
        written(data / f"text/{name}.txt", "".join(f"{name} says {k}\n" for k in range(10)))
        picture(images / f"netG_epoch_600/valid/single/{name}_s-1.png", name)
    return f"cub(root={data},splits=official)"


MINIATURES = {"geneval": geneval, "t2i-compbench": compbench, "visor": visor, "tise": tise, "soa": soa, "dpg": dpg,
              "hpsv2": hpsv2, "genai-bench": genai, "attngan": attngan}  # fmt: skip


@pytest.fixture
def work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return tmp_path


def ran(dataset: str, *more: str, system: str = "mine=folder(path=images,layout=dpg)", code: int = 0) -> Path:
    assert main(["run", system, "--dataset", dataset, "-m", "collapse", "-q", *more]) == code
    return max(store.find_runs("runs"), key=lambda path: (path / "run.json").stat().st_mtime_ns)


def seen(run: Path) -> pd.DataFrame:
    """samples.parquet with the grey of each image as a reader finds it."""
    frame = store.samples(run)
    found = [int(decode(store.image_path(run, i)).mean().round()) if s == "ok" else -1
             for i, s in zip(frame["image"], frame["status"], strict=True)]  # fmt: skip
    return frame.assign(grey=found)


@pytest.mark.parametrize("name", MINIATURES)
def test_every_image_is_its_own_prompt_s(work, name):
    dataset = MINIATURES[name](work / "data", work / "images")
    run = ran(dataset, system=f"mine=folder(path=images,layout={name})")
    frame = seen(run)
    assert set(frame["status"]) == {"ok"} and len(frame) > 1
    near = 3 if name in ("hpsv2", "genai-bench") else 0  # JPEG
    for row in frame.itertuples():
        assert abs(row.grey - colour(row.sample, row.k)) <= near, (row.sample, row.k, row.image)
    assert len(set(frame["image"])) == len(frame) and not list(run.glob("images/*"))
    notes = "\n".join(store.load(run).notes)
    assert f"matched by layout {name}: {len(frame)} images" in notes and "missing" not in notes
    assert "are no images: left out" not in notes, "metadata.jsonl is read, not left out"
    assert main(["verify", str(run), "--images", "-q"]) == 0


# ---- tiles in a run --------------------------------------------------------------------------------------------------


@pytest.fixture
def tiled(work):
    """(run of three prompts in tiles, its data set)."""
    dataset = dpg(work / "data", work / "images")
    return ran(dataset), dataset


def test_a_moved_renamed_and_declared_folder_is_the_same_run(tiled, work):
    run, dataset = tiled
    before = {p: p.stat().st_mtime_ns for p in run.rglob("*.parquet")}
    shutil.move("images", "elsewhere")
    for path in Path("elsewhere").iterdir():
        path.rename(path.with_suffix(".PNG"))
    again = ran(dataset, system="mine=folder(path=elsewhere,layout=dpg,tiles=2x2)")
    assert again == run, "content and places are what they were"
    first, *_ = sorted(Path("elsewhere").iterdir())
    pixels = decode(first)
    Image.fromarray(pixels[::-1].copy()).save(first)  # the rows of tiles change places
    assert ran(dataset, system="mine=folder(path=elsewhere,layout=dpg)") != run
    assert before and len(store.find_runs("runs")) == 2


def test_a_declared_resolution_is_held(tiled, work):
    run, dataset = tiled
    held = ran(dataset, system="mine=folder(path=images,layout=dpg,resolution=8)")
    pd.testing.assert_frame_equal(seen(held).drop(columns="image"), seen(run).drop(columns="image"))
    other = ran(dataset, system="mine=folder(path=images,layout=dpg,resolution=4)", code=5)
    assert set(store.samples(other)["status"]) == {"unreadable"}
    assert "16 x 16 pixels, and 2 x 2 tiles of 4 need 8 x 8" in store.samples(other)["reason"][0]


def test_damaged_and_odd_pictures_count_as_all_their_tiles(work):
    dataset = dpg(work / "data", work / "images")
    Image.new("RGB", (15, 16)).save("images/256.png")
    cut = Path("images/partiprompts12.png")
    cut.write_bytes(cut.read_bytes()[:50])
    Path("images/COCOval2014000000133071.png").unlink()
    picture(work / "images/other.png", "x", side=16)
    assert main(["run", "mine=folder(path=images,layout=dpg)", "--dataset", dataset, "-m", "collapse", "-q"]) == 5
    (run,) = store.find_runs("runs")
    frame = store.samples(run)
    assert frame["status"].value_counts().to_dict() == {"unreadable": 8, "missing": 4}
    said = set(frame["reason"])
    assert any("15 x 16 pixels, which 2 x 2 tiles do not divide" in reason for reason in said)
    assert any("is truncated or damaged" in reason for reason in said)
    assert any("belongs to this prompt (matched by layout dpg)" in reason for reason in said)
    notes = "\n".join(store.load(run).notes)
    assert "4 missing" in notes and "extra, of no prompt of this data set: 1 (other.png)" in notes


def test_an_interrupted_run_goes_on(work, child_environment):
    dataset = dpg(work / "data", work / "images")
    line = ["run", "mine=folder(path=images,layout=dpg)", "--dataset", dataset, "-m", "collapse", "-q"]
    crashing = child_environment(BENCH_CRASH_AT="before-score")
    died = subprocess.run([sys.executable, "-m", "bench", *line], env=crashing, capture_output=True, timeout=120)
    assert died.returncode == -9 and not store.find_runs("runs")
    run = ran(dataset)
    assert all(row.grey == colour(row.sample, row.k) for row in seen(run).itertuples())


def test_changed_pictures_are_found(tiled, capsys):
    run, _ = tiled
    path = Path("images/256.png")
    pixels = decode(path).copy()
    pixels[8:, 8:] += 1
    Image.fromarray(pixels).save(path)
    assert main(["verify", str(run), "--images", "-q"]) == 5
    assert "1 other pixels (256)" in re.sub(r"\s+", " ", capsys.readouterr().out)
    path.unlink()
    assert main(["verify", str(run), "--images", "-q"]) == 5
    assert "4 missing (256" in re.sub(r"\s+", " ", capsys.readouterr().out)


def test_images_that_a_submitter_hands_over(tiled, work, capsys):
    """The recorded names lead to no file of the reader's disk, and the folder's digest follows from the very files."""
    run, dataset = tiled
    shutil.move("images", "theirs")
    assert main(["verify", str(run), "--images", "theirs", "--dataset", dataset, "-q"]) == 0
    out = re.sub(r"\s+", " ", capsys.readouterr().out)
    assert "12 have the recorded pixels" in out and "the very files of the images" in out


def test_packs_and_pages_show_the_tiles(tiled, work):
    run, _ = tiled
    assert main(["pack", str(run), "--out", "light", "-q"]) == 0
    (light,) = store.find_runs("light")
    packed = store.samples(light)
    assert len(set(packed["image"])) == 12 and all(name.startswith("thumbnails/") for name in packed["image"])
    for row in packed.itertuples():
        assert abs(decode(light / row.image).mean() - colour(row.sample, row.k)) < 4
    (page,) = Path("runs/reports").glob("*/index.html")
    shown = [decode(base64.b64decode(data)) for data in URI.findall(page.read_text())]
    greys = [tile.mean() for tile in shown if tile.shape == (8, 8, 3)]
    wanted = [colour(name, k) for name in ("256", "COCOval2014000000133071", "partiprompts12") for k in range(4)]
    assert all(any(abs(grey - one) < 4 for grey in greys) for one in wanted)
    assert not any(tile.shape == (16, 16, 3) for tile in shown), "no picture of four is shown as one image"


def test_links_of_a_page_lead_to_the_files(tiled):
    run, _ = tiled
    assert main(["compare", str(run), "--report", "page", "--images", "files"]) in (0, 4)
    links = {unquote(link) for link in re.findall(r'href="([^"]*\.png[^"]*)"', Path("page/index.html").read_text())}
    assert links and all((Path("page") / link).is_file() for link in links)
