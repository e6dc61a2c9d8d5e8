"""`bench run` on the images API: what is finished is kept and found again, and the key is in no file and no message."""

from __future__ import annotations

import json
import shlex

import pandas as pd
import pytest
from http_server import KEY, images, picture, refusal, serving

from bench import store
from bench.cli import main

WORDS = ("ball", "cup", "box", "bird", "tree", "bus")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "captions.txt").write_text("".join(f"a red {word}\n" for word in WORDS))
    return tmp_path


def run(server, more="", params="", options="-q"):
    made = f'mine=http(url="{server.url}",model=m,backoff=0.01,retries=1,concurrency=2{params})'
    return main(shlex.split(f"run {shlex.quote(made)} --prompts captions.txt -m collapse {options} {more}"))


def only_run(folder):
    (path,) = store.find_runs(folder / "runs")
    return path


def test_a_whole_run_with_refusals_and_revised_prompts(folder, capfd):
    def script(n, body, handler):
        if "cup" in body["prompt"]:
            return refusal()
        return images(body["prompt"], revised_prompt=f"a {KEY} thing") if "box" in body["prompt"] else None

    with serving(script) as server:
        code = run(server, "--size 16x16", options="")
    assert code == 0, capfd.readouterr()
    path = only_run(folder)
    record = json.loads((path / "run.json").read_text())
    assert record["counts"] == {"ok": 5, "refused": 1}
    notes = " ".join(record["notes"])
    assert "No seed is sent" in notes and f"sent to 127.0.0.1:{server.server_port} (model m)" in notes
    assert "1 of 6 images: the server revised the prompt." in notes
    assert "5 of 6 images: came as 8x8 where 16x16 was asked for." in notes
    outcomes = pd.read_parquet(path / "shards" / "outcomes" / "00000.parquet").set_index("status")
    assert "safety system" in outcomes.loc["refused", "reason"]
    assert "a [key] thing" in " ".join(outcomes["info"])


def test_the_key_is_nowhere(folder, capfd):
    def script(n, body, handler):
        if n == 0:
            return refusal(f"not with {KEY}")
        if n == 1:
            return 400, {"error": {"message": f"odd {KEY}", "type": KEY}}
        return images(body["prompt"], revised_prompt=KEY)

    with serving(script) as server:
        assert run(server, options="") in (0, 5)
    with serving(lambda n, body, handler: (401, {"error": {"message": f"Incorrect API key: {KEY}"}})) as server:
        assert run(server, "--root others", options="") == 5
    said = capfd.readouterr()
    assert "refuses the key" in said.err and KEY not in said.out + said.err
    files = [p for p in folder.rglob("*") if p.is_file()]
    assert len(files) > 10
    for file in files:
        data = file.read_bytes()
        assert KEY.encode() not in data, file
        if file.suffix == ".parquet":
            frame = pd.read_parquet(file)
            assert KEY not in frame.to_csv(), file


def test_what_was_finished_before_the_key_expired_is_kept_and_not_paid_again(folder, capfd):
    with serving(lambda n, body, handler: (401, {"error": {"message": "expired"}}) if n >= 3 else None) as server:
        assert run(server, params=",revision=1,batch_size=2") == 5
        assert "expired" in capfd.readouterr().err
        assert len(list((folder / "runs").rglob("*.png"))) == 3
    with serving() as server:  # the same service at another address
        assert run(server, params=",revision=1,batch_size=2") == 0
        assert len(server.posts) == 3
    path = only_run(folder)
    assert json.loads((path / "run.json").read_text())["counts"] == {"ok": 6}


def test_a_failed_prompt_is_asked_for_again_and_the_others_are_not(folder):
    with serving(lambda n, body, handler: (503, {}) if "bus" in body["prompt"] else None) as server:
        assert run(server, params=",revision=1") in (0, 5)
    assert json.loads((only_run(folder) / "run.json").read_text())["counts"] == {"failed": 1, "ok": 5}
    with serving() as server:
        assert run(server, params=",revision=1") == 0
        assert [b["prompt"] for b in server.posts] == ["a red bus"]


def test_a_dry_run_sends_nothing(folder):
    with serving() as server:
        assert run(server, "--dry-run") == 0
        assert server.posts == []


def test_check_does_not_hold_the_missing_seed_against_it(folder, capfd):
    with serving() as server:
        assert main(["check", f'http(url="{server.url}")']) == 0
    assert "equal requests may give other images" in capfd.readouterr().out


def test_images_by_address(folder):
    with serving(lambda n, body, handler: {"data": [{"url": f"{server.url}/x.png"}]}) as server:
        server.files["/x.png"] = picture("x")
        assert run(server, params=",response_format=url") == 0
        assert len(server.gets) == 6
