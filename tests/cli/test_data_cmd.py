"""`bench data`: link, fetch, verify and preview, with one sentence for each defect and stable exit codes."""

from __future__ import annotations

import functools
import http.server
import io
import json
import pickle
import tarfile
import threading
import zipfile

import numpy as np
import pytest
from PIL import Image

from bench.cli import main
from bench.formats import fetching, places

LINES = [
    {"tag": "single_object", "include": [{"class": "bench", "count": 1}], "prompt": "a photo of a bench"},
    {"tag": "colors", "include": [{"class": "cup", "count": 1, "color": "red"}], "prompt": "a photo of a red cup"},
]


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_HOME", str(tmp_path / "home"))
    return tmp_path


@pytest.fixture
def geneval(tmp_path):
    folder = tmp_path / "geneval"
    folder.mkdir()
    (folder / "evaluation_metadata.jsonl").write_text("\n".join(map(json.dumps, LINES)))
    return folder


def told(capsys, *line):
    """(exit code, stdout, stderr) of `bench data ...`."""
    code = main(["data", *map(str, line)])
    found = capsys.readouterr()
    return code, found.out, found.err


def test_link_then_use_by_name_alone(geneval, capsys):
    assert told(capsys, "link", "geneval")[1] == "geneval: no\n"
    code, out, _ = told(capsys, "link", "geneval", geneval)
    assert code == 0 and out == f"geneval: yes {geneval}\n"
    assert main(["list", "datasets", "--json"]) == 0
    (row,) = [r for r in json.loads(capsys.readouterr().out) if r["name"] == "geneval"]
    assert (row["on disk"], row["where"]) == ("yes", str(geneval)) and "relations" in row["provides"]
    assert "a photo of a red cup" in told(capsys, "preview", "geneval")[1]
    assert told(capsys, "link", "geneval", "--forget")[1] == "geneval: no\n" and geneval.is_dir()
    code, _, err = told(capsys, "preview", "geneval")
    assert code == 2 and "bench data link geneval PATH" in err and err.count("\n") == 1


def test_variants_share_the_place_of_what_they_are_made_of(tmp_path, capsys):
    (tmp_path / "coco" / "annotations").mkdir(parents=True)
    told(capsys, "link", "coco", tmp_path / "coco")
    assert str(tmp_path / "coco") in told(capsys, "link", "coco-30k")[1]
    code, _, err = told(capsys, "preview", "coco-30k")
    assert code == 2 and "annotations_trainval2014.zip" in err


def test_a_link_to_something_incomplete_says_so(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    code, out, err = told(capsys, "link", "geneval", tmp_path / "empty")
    assert code == 0 and "0 of 1 files" in out and "bench data verify geneval" in err
    assert told(capsys, "link", "geneval", tmp_path / "nowhere")[0] == 2
    code, _, err = told(capsys, "link", "genevil", tmp_path)
    assert code == 2 and "Did you mean geneval" in err


def test_verify_a_good_one(geneval, capsys):
    plain = (geneval / "evaluation_metadata.jsonl").read_bytes()
    (geneval / "evaluation_metadata.jsonl").write_bytes(b"\xef\xbb\xbf" + plain.replace(b"\n", b"\r\n"))
    code, out, _ = told(capsys, "verify", "geneval", "--root", geneval)
    lines = out.splitlines()
    assert code == 5 and "refused: evaluation_metadata.jsonl has the sha256" in lines[0], "it is not the official file"
    assert [line.split(":")[0] for line in lines[1:3]] == ["handled", "handled"]
    assert lines[-1].endswith(", readable, but not the published files")


def test_a_run_says_that_a_file_is_not_the_published_one(geneval, capsys):
    from bench.datasets.prompt_benchmarks import GenEval

    for root in (geneval, geneval / "evaluation_metadata.jsonl"):
        (note,) = GenEval(str(root)).notes()
        assert note.startswith("evaluation_metadata.jsonl has the sha256 ") and "another release" in note
        code, out, _ = told(capsys, "verify", "geneval", "--root", root)
        assert code == 5 and f"refused: {note}\n" in out, "verify and a run say the same"


def test_a_file_by_another_name_of_the_layout_is_looked_at_too(tmp_path, capsys):
    """TIFA's own sample, whose two texts are not TIFA v1.0."""
    (tmp_path / "sample_text_inputs.json").write_text(json.dumps([{"id": "coco_1", "caption": "a dog"}]))
    asked = {"id": "coco_1", "caption": "a dog", "question": "a dog?", "choices": ["yes", "no"], "answer": "yes",
             "element_type": "animal/human", "element": "dog"}  # fmt: skip
    (tmp_path / "sample_question_answers.json").write_text(json.dumps([asked]))
    code, out, _ = told(capsys, "verify", "tifa", "--root", tmp_path)
    assert code == 5 and "refused: sample_text_inputs.json has the sha256" in out
    assert out.endswith(": 1 samples in " + str(tmp_path) + ", readable, but not the published files\n")


def test_what_was_not_asked_for_is_not_held_against_it(tmp_path, capsys):
    (tmp_path / "data").mkdir()
    for split in ("swap_obj", "swap_att"):
        row = {"filename": "1.jpg", "caption": "a dog by a cat", "negative_caption": "a cat by a dog"}
        (tmp_path / "data" / f"{split}.json").write_text(json.dumps({"0": row}))
    wrong = {}
    for text in ("sugarcrepe(split=swap_obj)", "sugarcrepe"):
        found = json.loads(told(capsys, "verify", text, "--root", tmp_path, "--json")[1])["findings"]
        wrong[text] = [f["file"] for f in found if f["kind"] == "wrong-digest"]
    assert wrong == {
        "sugarcrepe(split=swap_obj)": ["data/swap_obj.json"],
        "sugarcrepe": ["data/swap_att.json", "data/swap_obj.json"],
    }


def test_verify_counts_everything_in_one_sentence_each(tmp_path, capsys):
    folder = tmp_path / "hps"
    folder.mkdir()
    (folder / "photo.json").write_text(json.dumps(["a cup", " ", "", "a cup", "../../etc/passwd"]))
    with tarfile.open(folder / "x.tar", "w") as tar:
        for name in ("../a", "/b", "c"):
            tar.addfile(tarfile.TarInfo(name))
    with zipfile.ZipFile(folder / "y.zip", "w") as archive:
        archive.writestr("..\\evil", "x")
    code, out, _ = told(capsys, "verify", "hpsv2(style=photo)", "--root", folder, "--json")
    found = json.loads(out)
    assert code == 5 and not found["usable"] and found["samples"] == 3
    assert {(f["kind"], f["file"]): (f["count"], f["refused"]) for f in found["findings"]} == {
        ("empty-prompt", "photo.json"): (2, True),
        ("path-prompt", "photo.json"): (1, False),
        ("duplicate-prompt", "photo.json"): (1, False),
        ("unsafe-name", "x.tar"): (2, True),
        ("unsafe-name", "y.zip"): (1, True),
    }
    assert all("\n" not in f["text"] and f["text"].endswith(".") for f in found["findings"])


def test_a_tar_that_climbs_is_one_sentence_with_its_count(tmp_path, capsys):
    with tarfile.open(tmp_path / "x.tar", "w") as tar:
        for name in ("../a.jpg", "/b.jpg", "c.jpg"):
            tar.addfile(tarfile.TarInfo(name))
    code, out, _ = told(capsys, "verify", "webdataset", "--root", tmp_path, "--json")
    (found,) = json.loads(out)["findings"]
    assert code == 5 and (found["kind"], found["count"], found["refused"]) == ("unsafe-name", 2, True)
    code, _, err = told(capsys, "preview", "webdataset", "--root", tmp_path)
    assert code == 2 and "'../a.jpg' is not safe" in err and not (tmp_path.parent / "a.jpg").exists()


def test_verify_says_usable_with_code_0(tmp_path, capsys):
    (tmp_path / "photo.json").write_text(json.dumps(["a cup", "a dog"]))
    code, out, _ = told(capsys, "verify", "hpsv2(style=photo)", "--root", tmp_path)
    assert code == 0 and out == f"hpsv2(style=photo): 2 samples in {tmp_path}, usable\n"
    assert told(capsys, "verify", "scenes(size=200)")[0] == 0
    code, out, _ = told(capsys, "verify", "visor(each=500)")
    assert code == 0 and out.startswith("visor(each=500): 56 samples, usable")


def test_verify_of_prompts_of_ones_own(tmp_path, capsys):
    path = tmp_path / "p.csv"
    path.write_bytes(b"\xef\xbb\xbfid,prompt\r\n1,a cup\r\n2,a cup\r\n3,/etc/passwd\r\n")
    code, out, _ = told(capsys, "verify", f"captions(path={path})", "--json")
    found = json.loads(out)
    assert code == 0 and found["samples"] == 3 and {f["kind"]: f["count"] for f in found["findings"]} == {
        "bom": 1, "crlf": 4, "path-prompt": 1, "duplicate-prompt": 1,
    }  # fmt: skip
    path.write_text("id,prompt\n1,a cup\n1,\n2,\n")
    code, out, _ = told(capsys, "verify", f"captions(path={path})")
    assert code == 5 and "line 3: empty prompt (and 1 more lines)" in out and out.endswith("not usable as it is\n")
    code, out, _ = told(capsys, "verify", f"captions(path={tmp_path / 'none.txt'})")
    assert code == 5 and out.count("refused: ") == 1 and "does not exist" in out


def test_what_lacks_is_told_once_and_not_by_what_follows_from_it(tmp_path, capsys):
    for split, names in (("train", ["001.A/A_1"]), ("test", ["002.B/B_1", "002.B/B_2"])):
        (tmp_path / split).mkdir()
        (tmp_path / split / "filenames.pickle").write_bytes(pickle.dumps(names, 0))
    out = json.loads(told(capsys, "verify", "cub", "--root", tmp_path, "--json")[1])
    assert {f["kind"] for f in out["findings"]} == {"missing-file"}, "and not two birds that no list holds"
    assert any("CUB_200_2011/images.txt" in f["text"] and "vision.caltech.edu" in f["text"] for f in out["findings"])
    (tmp_path / "genai_image.json").write_text("[")
    (tmp_path / "genai_skills.json").write_text(json.dumps({"basic": [1, 2]}))
    out = json.loads(told(capsys, "verify", "genai-bench", "--root", tmp_path, "--json")[1])
    assert [f["kind"] for f in out["findings"]] == ["unreadable"]


def test_verify_of_coco_counts_photographs_and_boxes(tmp_path, capsys):
    (tmp_path / "annotations").mkdir()
    (tmp_path / "val2014").mkdir()
    photos = [{"id": n, "file_name": f"{n}.jpg", "width": 10, "height": 10} for n in range(3)]
    said = [{"id": n, "image_id": n, "caption": "a cup"} for n in range(2)]
    boxes = [{"id": n, "image_id": n, "category_id": 1, "bbox": [0, 0, 5 + 10 * n, 5]} for n in range(2)]
    for kind, rows in (("captions", said), ("instances", boxes)):
        content = {"images": photos, "annotations": rows, "categories": [{"id": 1, "name": "cup"}]}
        (tmp_path / "annotations" / f"{kind}_val2014.json").write_text(json.dumps(content))
    Image.fromarray(np.zeros((10, 10, 3), np.uint8)).save(tmp_path / "val2014" / "0.jpg")
    code, out, _ = told(capsys, "verify", "coco", "--root", tmp_path, "--json")
    found = {f["kind"]: f["count"] for f in json.loads(out)["findings"]}
    assert code == 5 and found == {"missing-image": 2, "box-outside": 1, "left-out": 1}


def test_verify_of_what_is_nowhere(capsys):
    for line in (["verify", "geneval"], ["verify", "genevil"], ["verify", "geneval", "--root", "/nowhere"]):
        code, out, err = told(capsys, *line)
        assert code == 2 and not out and err.startswith("error: ") and err.count("\n") == 1


def test_preview_tells_what_is_known_and_draws_it(tmp_path, capsys):
    sheet = tmp_path / "sheet.png"
    code, out, err = told(capsys, "preview", "scenes(size=200)", "-n", 7, "--sheet", sheet)
    assert code == 0 and "object: " in out and "7 samples, 7 with an image" in err
    with Image.open(sheet) as picture:
        assert picture.width > 5 * 160 and picture.height > 2 * 160 and len(picture.getcolors(1 << 20)) > 3
    code, out, _ = told(capsys, "preview", "visor", "-n", 2, "--json")
    assert [one["prompt"] for one in json.loads(out)] == [
        "a person to the left of a bicycle",
        "a bicycle to the left of a person",
    ]
    code, _, err = told(capsys, "preview", "visor", "--sheet", tmp_path / "sheet.txt")
    assert code == 2 and ".png or .jpg" in err


def test_preview_looks_no_further_than_it_must(geneval, capsys):
    path = geneval / "evaluation_metadata.jsonl"
    path.write_text(path.read_text() + "\n{broken")
    code, out, _ = told(capsys, "preview", "geneval", "--root", geneval, "-n", 1)
    assert code == 0 and out.splitlines()[0] == "00000  a photo of a bench"
    assert told(capsys, "verify", "geneval", "--root", geneval)[0] == 5


def test_a_prompt_cannot_steer_the_terminal(tmp_path, capsys):
    (tmp_path / "photo.json").write_text(json.dumps(["a \u001b[2Jcup"]))
    out = told(capsys, "preview", "hpsv2(style=photo)", "--root", tmp_path)[1]
    assert "\x1b" not in out and "\\x1b[2Jcup" in out


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def test_fetch_from_a_server_only_when_allowed(tmp_path, geneval, capsys, monkeypatch):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(geneval)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}/evaluation_metadata.jsonl"
    known = {"geneval": {"name": "geneval", "files": [{"path": "evaluation_metadata.jsonl", "url": url}]}}
    for module in (fetching, places):
        monkeypatch.setattr(module, "card", lambda name: known.get(name, {}))
    try:
        code, _, err = told(capsys, "fetch", "geneval")
        assert code == 2 and "--allow-download" in err and url in err
        code, out, _ = told(capsys, "fetch", "geneval", "--allow-download", "-q")
        assert code == 0 and "downloaded" in out and "no official digest is known" in out
        assert told(capsys, "preview", "geneval", "-n", 1)[0] == 0, "what was fetched is found by name"
        code, out, _ = told(capsys, "fetch", "geneval", "--to", tmp_path / "there", "--json")
        assert code == 0 and json.loads(out)[0]["how"] == "found", "the same file is here already"
        assert places.linked("geneval") == tmp_path / "there"
        known["geneval"]["files"].append({"path": "more.bin", "from": "https://example.org"})
        assert told(capsys, "fetch", "geneval")[0] == 5
    finally:
        server.shutdown()
        server.server_close()


def test_progress_in_megabytes():
    from bench.cli.data import Told

    stream = io.StringIO()

    class Shown:
        def phase(self, system, name, total):
            stream.write(f"{name} of {total};")

        def advance(self, n=1):
            stream.write(f"+{n}")

    tell = Told(Shown())
    for here in (0, 1_500_000, 3_000_000):
        tell("a.zip", here, 3_000_000)
    assert stream.getvalue() == "a.zip (MB) of 3;+2+1"
