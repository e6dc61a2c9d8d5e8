"""pack, verify, gc: what is kept is whole, what is damaged is found, what is removed can be made again."""

from __future__ import annotations

import io
import json
import os
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from bench import api, store
from bench.cli import main
from bench.engine import archives, collecting, packing
from bench.engine.verifying import verify
from bench.errors import BenchError, DataError, StoreError, UsageError

METRICS = ("-m", "object-presence", "-m", "clipscore(extractor=scene-facts)", "-m", "collapse")
RUN = ["run", "oracle", "wrong=oracle(defect=wrong-colour,p=1.0)", "--dataset", "scenes(size=12)", *METRICS, "-q"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Two finished runs below runs/."""
    home = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        assert main(RUN) == 0
    return home


@pytest.fixture
def home(made, tmp_path, monkeypatch):
    """A copy of them, at another place."""
    there = Path(shutil.copytree(made, tmp_path / "home"))
    monkeypatch.chdir(there)
    return there


def runs(home):
    return store.find_runs(home / "runs")


def states(run, **how):
    return {f.what: f.fine for f in verify(run, **how)}


FINE = dict.fromkeys(
    ("record", "checksums", "tables", "views", "protocols", "counts", "prompts", "scores", "images"), True
)

# ---- verify --------------------------------------------------------------------------------------------------------


def test_a_copied_run_is_whole(home):
    assert all(states(run, images=True) == FINE for run in runs(home))
    assert (
        main(["verify", "oracle", "runs/scenes-test-" + runs(home)[0].parent.name.rpartition("-")[2], "--images"]) == 0
    )


@pytest.mark.parametrize("name", ["run.json", "samples.parquet", "manifest.json", "shards/outcomes/*.parquet",
                                  "shards/views/*/*.safetensors", "files.json"])  # fmt: skip
def test_one_changed_byte_is_found(home, name, capsys):
    (path, *_) = runs(home)[0].glob(name)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert False in states(runs(home)[0]).values()
    assert main(["verify", str(runs(home)[0])]) == 5 and "DAMAGED" in capsys.readouterr().out


def test_a_missing_file_and_a_swapped_table_are_found(home):
    one, other = runs(home)
    (next((one / "shards" / "views").glob("*/*"))).unlink()
    (finding,) = [f for f in verify(one) if f.what == "checksums"]
    assert finding.fine is False and "1 missing" in finding.told
    shutil.copy(one / "samples.parquet", other / "samples.parquet")
    assert states(other)["tables"] is False


def test_images_are_compared_by_their_pixels(home):
    first, second = sorted((runs(home)[0] / "images").iterdir())[:2]
    Image.open(first).save(first, "PNG", compress_level=1)  # other bytes, the same pixels
    assert states(runs(home)[0], images=True)["images"] is True
    shutil.copy(second, first)
    assert states(runs(home)[0])["images"] is True and states(runs(home)[0], images=True)["images"] is False
    first.unlink()
    assert states(runs(home)[0])["images"] is False


def test_a_further_metric_seals_again_and_an_interrupted_one_leaves_no_seal(home, monkeypatch):
    run = runs(home)[0]
    before = (run / "files.json").read_text()
    assert main(["score", "oracle", "-m", "counting", "-q"]) == 0
    assert states(run) == FINE and (run / "files.json").read_text() != before
    with monkeypatch.context() as patch:
        patch.setattr(store, "save", lambda run: (_ for _ in ()).throw(KeyboardInterrupt()))
        assert main(["score", "oracle", "-m", "attribute-binding", "-q"]) == 130
    assert states(run)["checksums"] is None
    assert main(["score", "oracle", "-m", "attribute-binding", "-q"]) == 0 and states(run) == FINE


# ---- pack ----------------------------------------------------------------------------------------------------------


def compared(*paths):
    found = api.compare([r.path for r in map(api.load_run, paths)])
    return [(row.output.name, [c and (c.value, c.low, c.high) for c in row.cells]) for row in found.rows]


def test_a_pack_reads_like_the_runs(home):
    full = runs(home)
    path = packing.pack(full, home / "light")
    light = store.find_runs(path)
    assert [p.name for p in light] == [p.name for p in full]
    assert compared(*light) == compared(*full)
    assert api.load_run(light[0]).scores == api.load_run(full[0]).scores
    assert not list(path.rglob("*.png")) and not list(path.rglob("*.safetensors"))
    assert states(light[0]) == {**FINE, "images": None}
    shown = store.samples(light[0])
    assert all(store.image_path(light[0], image).is_file() for image in [*shown["image"], *shown["reference"]])


def test_an_archive_is_the_same_bytes_and_is_compared_as_it_is(home, capsys):
    a, b = (packing.pack(runs(home), home / name / "light.tar.gz") for name in ("a", "b"))
    assert a.read_bytes() == b.read_bytes()
    assert main(["compare", "a/light.tar.gz", "--root", "elsewhere", "--report", "page"]) == 0
    assert "oracle is better than wrong" in " ".join(capsys.readouterr().out.split())
    assert main(["verify", "a/light.tar.gz", "--root", "elsewhere"]) == 0
    assert len(list((home / "elsewhere" / "packs").iterdir())) == 1  # unpacked once


def test_a_pack_with_views_and_without_thumbnails(home):
    path = packing.pack(runs(home)[:1], home / "views", thumbnails=0, views=True)
    (run,) = store.find_runs(path)
    assert list(run.rglob("*.safetensors")) and not (run / "thumbnails").exists()
    assert set(store.samples(run)["image"]) == {""}


def test_what_a_pack_cannot_do_is_said(home, capsys):
    path = packing.pack(runs(home)[:1], home / "light")
    with pytest.raises(UsageError, match="exists already"):
        packing.pack(runs(home), path)
    (run,) = store.find_runs(path)
    with pytest.raises(UsageError, match="pack already"):
        packing.pack([run], home / "again")
    assert main(["score", str(run), "-m", "counting", "-q"]) == 5
    assert "it is a pack, without its images" in capsys.readouterr().err


def hostile(path, name, **fields):
    with tarfile.open(path, "w:gz") as archive:
        entry = tarfile.TarInfo(name)
        for key, value in fields.items():
            setattr(entry, key, value)
        entry.size = 0 if fields else 2
        archive.addfile(entry, io.BytesIO(b"{}"))
    return path


@pytest.mark.parametrize(
    "name, fields",
    [("../../out.txt", {}), ("/tmp/out.txt", {}), ("x/link", {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"}),
     ("x/pipe", {"type": tarfile.FIFOTYPE}), ("x/hard", {"type": tarfile.LNKTYPE, "linkname": "/etc/passwd"})],
)  # fmt: skip
def test_a_hostile_archive_writes_nothing_outside(home, name, fields):
    path = hostile(home / "bad.tar.gz", name, **fields)
    before = sorted(p for p in home.parent.rglob("*"))
    with pytest.raises(BenchError):
        archives.unpacked(path, home / "root")
    after = sorted(p for p in home.parent.rglob("*") if "root" not in p.parts)
    assert [p for p in after if p not in before] == [] and not list((home / "root").rglob("*.txt"))


def test_a_damaged_archive_and_one_without_runs(home):
    path = packing.pack(runs(home), home / "light.tar.gz")
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(DataError, match="damaged"):
        archives.unpacked(path, home / "root")
    with pytest.raises(StoreError, match="holds no run"):
        archives.unpacked(hostile(home / "empty.tar.gz", "x/notes"), home / "root")
    assert not list((home / "root" / "packs").iterdir())


# ---- gc ------------------------------------------------------------------------------------------------------------


def test_gc_takes_what_nobody_uses_and_nothing_else(home, capsys):
    shared = next((home / "runs").glob("*/shared"))
    (shared / "views" / "0123456789abcdef").mkdir()
    (shared / "views" / "0123456789abcdef" / "texts-0.safetensors").write_bytes(b"x" * 1000)
    (runs(home)[0] / ".images.tmp").write_bytes(b"half")
    before = {p: p.read_bytes() for run in runs(home) for p in run.rglob("*") if p.is_file() and p.name[0] != "."}
    assert main(["cache", "gc", "--dry-run"]) == 0
    assert "0123456789abcdef" in capsys.readouterr().out and (shared / "views" / "0123456789abcdef").is_dir()
    assert main(["cache", "gc", "--yes"]) == 0
    assert not (shared / "views" / "0123456789abcdef").exists() and not list((home / "runs").rglob("*.tmp"))
    assert {p: p.read_bytes() for p in before} == before
    assert main(["cache", "gc", "--yes"]) == 0 and "nothing to remove" in capsys.readouterr().err


def test_views_of_no_score_go_when_asked_and_scores_stay(home):
    run = runs(home)[0]
    used = collecting.used_by(run)
    assert used and used <= {p.name for p in (run / "shards" / "views").iterdir()}
    (run / "shards" / "views" / "fedcba9876543210").mkdir()
    scores = api.load_run(run).scores
    found = collecting.removable(home / "runs", ("views",))
    assert "fedcba9876543210" in {one.path.name for one in found} and not used & {one.path.name for one in found}
    collecting.remove(home / "runs", found)
    assert api.load_run(run).scores == scores and main(["score", "oracle", "-m", "counting", "-q"]) == 0


def test_unfinished_runs_go_only_when_named_and_not_while_at_work(home):
    run = runs(home)[0]
    (run / "run.json").unlink()
    assert "unfinished" not in {one.kind for one in collecting.removable(home / "runs")}
    assert not [o for o in collecting.removable(home / "runs") if o.kind == "reference-views"]  # it may need them
    found = collecting.removable(home / "runs", ("unfinished",))
    assert [one.path for one in found] == [run] and not collecting.removable(home / "runs", ("unfinished",), older=1)
    with store.lock(run):
        assert collecting.remove(home / "runs", found) == 0 and run.is_dir()
    assert collecting.remove(home / "runs", found) == found[0].bytes and not run.exists()


def test_gc_asks_first_and_json_never_asks(home, monkeypatch):
    (runs(home)[0] / ".x.tmp").write_bytes(b"half")
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    assert main(["cache", "gc"]) != 0 and (runs(home)[0] / ".x.tmp").exists()
    assert main(["cache", "gc", "--json"]) == 2
    assert main(["cache", "gc", "--kind", "images"]) == 2


def test_half_written_files_beside_the_runs_go_when_nobody_can_be_at_them(home):
    report = home / "runs" / "reports" / ".page.abc.tmp"
    report.mkdir(parents=True)
    (report / "index.html").write_text("half")
    assert report not in {one.path for one in collecting.removable(home / "runs")}
    for path in (report / "index.html", report):
        os.utime(path, (0, 0))
    found = collecting.removable(home / "runs")
    assert report in {one.path for one in found}
    collecting.remove(home / "runs", found)
    assert not report.exists()


def test_what_a_root_holds(home, capsys):
    assert main(["cache", "show", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["holds"]
    images = sum(p.stat().st_size for run in runs(home) for p in (run / "images").iterdir())
    assert found["images"] >= images > 0 and found["views"] > 0 and found["packs"] == 0


def test_thumbnails_are_small_pictures_of_the_images(home):
    path = packing.pack(runs(home)[:1], home / "light", thumbnails=16)
    (run,) = store.find_runs(path)
    full, small = store.samples(runs(home)[0]), store.samples(run)
    for image, thumbnail in zip(full["image"], small["image"], strict=True):
        big = Image.open(store.image_path(runs(home)[0], image)).convert("RGB").resize((16, 16), Image.Resampling.BOX)
        tiny = Image.open(store.image_path(run, thumbnail)).convert("RGB")
        assert tiny.size == (16, 16) and np.abs(np.asarray(big, float) - np.asarray(tiny, float)).mean() < 20
    assert pd.Series(small["digest"]).equals(full["digest"])
