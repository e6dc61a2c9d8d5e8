"""Runs from a folder of images to scores, by models of this machine and by a judge over HTTP."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import pytest
from http_server import DONE, KEY, serving
from PIL import Image
from tiny_hub import blip, owlv2, picture

from bench import api, store
from bench.engine import exporting, views
from bench.engine.options import Options
from bench.errors import Incomplete, UsageError
from bench.study import Study

pytest.importorskip("transformers")
pytestmark = pytest.mark.usefixtures("one_thread")
THINGS = ("dog", "computer mouse", "cat")


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    base = tmp_path_factory.mktemp("models")
    return {"owl": owlv2(base / "owl"), "blip": blip(base / "blip")}


@pytest.fixture
def boxes(tmp_path):
    """(data set of GenEval's layout with three prompts, folder of two images a prompt)"""
    rows = [{"tag": "single_object", "include": [{"class": c, "count": 1}], "prompt": f"a photo of a {c}"}
            for c in THINGS]  # fmt: skip
    (tmp_path / "geneval").mkdir()
    (tmp_path / "geneval" / "evaluation_metadata.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    for n, row in enumerate(rows):
        folder = tmp_path / "images" / f"{n:05d}"
        (folder / "samples").mkdir(parents=True)
        (folder / "metadata.jsonl").write_text(json.dumps(row))
        for k in range(2):
            Image.fromarray(picture(10 * n + k, (64, 64))).save(folder / "samples" / f"{k:04d}.png")
    return f"geneval(root={tmp_path / 'geneval'})", f"ours=folder(path={tmp_path / 'images'},layout=geneval)"


@pytest.fixture
def questions(tmp_path):
    """(data set of DSG's layout with three prompts, folder of an image a prompt)"""
    (tmp_path / "dsg").mkdir()
    items = [("vrd_1", "a red dog", ("is there a dog?", "is the dog red?")), ("vrd_2", "a cat", ("is there a cat?",)),
             ("vrd_3", "two bird", ("are there bird?",))]  # fmt: skip
    with (tmp_path / "dsg" / "dsg-1k-anns.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["item_id", "text", "keywords", "proposition_id", "dependency", "category_broad",
                        "category_detailed", "tuple", "question_natural_language"])  # fmt: skip
        for name, text, asked in items:
            for n, question in enumerate(asked, 1):
                table.writerow([name, text, "k", n, n - 1, "entity", "whole", "t", question])
    (tmp_path / "pictures").mkdir()
    for n, (name, _, _) in enumerate(items):
        Image.fromarray(picture(n, (64, 64))).save(tmp_path / "pictures" / f"{name}.png")
    return f"dsg-1k(root={tmp_path / 'dsg'})", f"ours=folder(path={tmp_path / 'pictures'},match=stem)"


def carried(dataset, system, *metrics, root, **options):
    (run,) = api.run(Study(systems=(system,), dataset=dataset, metrics=metrics), options=Options(root=root, **options))
    return run


def value(run, metric, output):
    (score,) = (s for s in run.scores if run.cards[s.metric].name == metric and s.output == output)
    return score


def test_geneval_by_a_zero_shot_detector(models, boxes, tmp_path):
    dataset, system = boxes
    root = tmp_path / "runs"

    def metric(more=""):
        return f"geneval(extractor=zero-shot-detector(model={models['owl']},labels=dataset,threshold=0.3{more}))"

    run = carried(dataset, system, metric(), f"object-presence{metric()[7:]}", root=root)
    score = value(run, "geneval", "overall")
    assert score.n == 6 and 0 <= score.value <= 1
    rows = views.read(next(Path(run.path).rglob("shards/views/*/*.safetensors")))
    seen = dict(zip(rows.keys, rows.outputs["detections"], strict=True))
    labels = {label for one in seen.values() for label in one.labels}
    assert labels and labels <= set(THINGS), "as the data set names them"
    table = store.samples(Path(run.path))
    there = [p.removeprefix("a photo of a ") in seen[f"{s}#{k}"].labels
             for s, k, p in zip(table["sample"], table["k"], table["prompt"], strict=True)]  # fmt: skip
    assert len(there) == 6 and value(run, "object-presence", "value").value == pytest.approx(sum(there) / 6)
    small = carried(dataset, system, metric(), root=tmp_path / "small", batch_size=2)
    many = carried(dataset, system, metric(",at_once=3"), root=tmp_path / "many")
    other = carried(dataset, system, metric(",nms=0.5"), root=tmp_path / "other")
    protocols = [value(r, "geneval", "overall").protocol for r in (run, small, many, other)]
    assert protocols[0] == protocols[1] and protocols[3] != protocols[0]
    assert value(small, "geneval", "overall") == score, "the batch size changes nothing"


def test_questions_by_a_model_of_this_machine(models, questions, tmp_path):
    dataset, system = questions
    of = f"(extractor=vqa(model={models['blip']}"
    run = carried(
        dataset, system, f"tifa{of}))", f"dsg{of}))", f"blip-vqa{of}))", f"vqascore{of},ask=prompt))", root=tmp_path
    )
    numbers = {m: value(run, m, "value") for m in ("tifa", "dsg", "blip-vqa", "vqascore")}
    assert all(s.n == 3 and s.n_missing == 0 and 0 <= s.value <= 1 for s in numbers.values())
    assert numbers["dsg"].value <= numbers["tifa"].value
    assert 0 < numbers["blip-vqa"].value < 1 and 0 < numbers["vqascore"].value < 1
    with pytest.raises(UsageError, match=r"needs logits of images and vqa\(.* gives answers"):
        carried(dataset, system, f"vqascore{of}))", root=tmp_path / "wrong")


def test_questions_by_a_judge_over_http_that_misbehaves(questions, tmp_path, monkeypatch):
    """Everything that a server can do wrong, and the numbers are those of what it answered in the end."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("BENCH_HOME", str(tmp_path / "home"))
    dataset, system = questions
    tricks = iter(["hang", "429", "html", "cut", "fine"] * 20)
    down = False

    def script(n, body, handler):
        text = body["messages"][0]["content"][1]["text"]
        if "bird" in text:
            return 400, {"error": {"message": "rejected by our safety system", "code": "content_policy_violation"}}
        trick = "down" if down else next(tricks)
        if trick == "hang":
            server.waits.wait(0.7)
        if trick == "down":
            return 500, {}
        if trick == "429":
            handler.say(429, {}, Retry_After="0.01")
            return DONE
        if trick in ("html", "cut"):
            handler.say(200, b"<html>hello</html>" if trick == "html" else b'{"choices": [{"mes')
            return DONE
        word = "No" if "red" in text and "figure" not in text else "Yes"
        top = [{"token": word, "logprob": math.log(0.9)}, {"token": "Maybe", "logprob": math.log(0.1)}]
        one = {"message": {"content": word}, "logprobs": {"content": [{**top[0], "top_logprobs": top}]}}
        return {"choices": [one]}

    with serving(script) as server:
        of = f'(extractor=vqa-http(url="{server.url}",model=m,timeout=0.5,retries=6,backoff=0.01,concurrency=1'
        metrics = (f"tifa{of}))", f"dsg{of}))", f"vqascore{of},ask=prompt,logprobs=true))")
        down = True
        with pytest.raises(Incomplete, match="did not answer"):
            carried(dataset, system, *metrics, root=tmp_path / "runs")
        down = False
        run = carried(dataset, system, *metrics, root=tmp_path / "runs")
        asked = len(server.posts)
        again = carried(dataset, system, *metrics, root=tmp_path / "elsewhere")
        assert len(server.posts) == asked, "nothing is paid twice"
    tifa, dsg, score = (value(run, m, "value") for m in ("tifa", "dsg", "vqascore"))
    # one image has one of two right, one has all, one was refused: missing, and by its policy the worst
    assert (tifa.value, tifa.n_missing, tifa.policy) == (0.5, 1, "worst")
    assert dsg.value == 0.5 and score.value == pytest.approx(0.6) and dsg.n_missing == score.n_missing == 1
    files, _ = exporting.export(Path(run.path), tmp_path / "out", ("csv",), Options(root=tmp_path / "runs"))
    (first, second) = sorted(f.file for f in files if f.output == "exchange")
    lines = [json.loads(line) for f in (first, second) for line in (tmp_path / "out" / f).read_text().splitlines()]
    assert len(lines) == 4 + 3 and {line["image"] for line in lines} == {"vrd_1#0", "vrd_2#0", "vrd_3#0"}
    assert sum("refused" in line["answer"] for line in lines) == 2
    told = " ".join(run.notes)
    host = server.url.removeprefix("http://")
    assert f"1 of 3 images have no answers in what {host} answered" in told and f"{host} refused a question" in told
    assert f"Images and questions were sent to {host}" in told
    assert [s.value for s in again.scores] == [s.value for s in run.scores]
    everything = b"".join(p.read_bytes() for p in tmp_path.rglob("*") if p.is_file() and "home" not in p.parts[-1])
    assert KEY.encode() not in everything and b'"exchange"' in everything and b"sha256," in everything
    folder = exporting.keep([tmp_path / "out"], tmp_path / "runs")
    (kept,) = folder.iterdir()
    assert kept.name.startswith("answers."), "the export is read again as evidence, without the exchanges"
