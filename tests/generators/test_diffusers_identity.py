"""What fixes a system of diffusers and what its records say: content and not place, the hub's cache, whole runs."""

from __future__ import annotations

import json
import shutil

import pytest
from tiny_pipelines import LONG, WEIGHTS, ready

from bench import store
from bench.cli import main
from bench.generators.base import Context
from bench.registry import create

pytest.importorskip("diffusers")
pytestmark = pytest.mark.usefixtures("one_thread", "empty_caches")


# ---- identity ------------------------------------------------------------------------------------------------------


def test_identity_is_of_the_content_and_not_of_the_place(models, tmp_path):
    shutil.copytree(models / "sd", tmp_path / "copy")
    config = tmp_path / "copy" / "unet" / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "_name_or_path": "/x", "_diffusers_version": "9"}))
    here, there = ready(models / "sd"), ready(tmp_path / "copy")
    assert here.identity() == there.identity()
    assert json.loads(json.dumps(here.identity())) == here.identity()
    unused = create("generator", "diffusers", {"model": str(models / "sd"), "steps": 2})
    assert unused.identity() == here.identity()  # as a verifier asks, without a dataset
    assert here.identity()["call"] == {"num_inference_steps": 2, "guidance_scale": 7.5}
    assert here.identity()["scheduler"]["class"] == "DDIMScheduler"
    assert ready(models / "sd", scheduler="EulerDiscrete").identity() != here.identity()
    weights = tmp_path / "copy" / "unet" / "diffusion_pytorch_model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    changed = ready(tmp_path / "copy").identity()["parts"]
    assert {k for k, v in changed.items() if v != here.identity()["parts"][k]} == {"unet"}


def test_notes_say_what_was_used(models):
    told = " ".join(ready(models / "sd").notes())
    for part in ("DDIMScheduler", "num_inference_steps=2", "guidance_scale=7.5", "float32 on cpu", "unet ", "torch 2"):
        assert part in told


def test_a_model_of_the_hub_comes_from_the_cache_alone(models, tmp_path, monkeypatch):
    (problem,) = create("generator", "diffusers", {"model": "someone/some-model"}).problems()
    assert "neither a folder nor in the Hugging Face cache" in problem and "--allow-download" in problem
    commit, repository = "0123456789abcdef0123456789abcdef01234567", tmp_path / "hub" / "models--someone--some-model"
    shutil.copytree(models / "sd", repository / "snapshots" / commit)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commit)
    for revision in ("", "main", commit[:10]):
        made = ready("someone/some-model", revision=revision)
        assert made.identity() == ready(models / "sd").identity()
        assert "someone/some-model at commit 0123456789ab" in made.notes()[0]
    (problem,) = create("generator", "diffusers", {"model": "someone/some-model", "revision": "v2"}).problems()
    assert "'someone/some-model' at v2" in problem
    shutil.rmtree(repository / "snapshots" / commit / "unet")
    (problem,) = create("generator", "diffusers", {"model": "someone/some-model"}).problems()
    assert "lacks its part 'unet'" in problem
    monkeypatch.setenv("BENCH_ALLOW_DOWNLOAD", "1")  # an interrupted download is taken up again
    assert create("generator", "diffusers", {"model": "someone/some-model"}).problems() == []


def test_downloads_happen_only_when_allowed_and_of_what_was_asked_for(models, monkeypatch):
    import diffusers

    wanted = []
    monkeypatch.setattr(
        diffusers.DiffusionPipeline, "download",
        classmethod(lambda cls, model, **params: wanted.append((model, params)) or str(models / "sd")),
    )  # fmt: skip
    monkeypatch.setenv("BENCH_ALLOW_DOWNLOAD", "1")
    made = create("generator", "diffusers", {"model": "someone/some-model", "revision": "v2", "variant": ""})
    assert made.problems() == [] and wanted == []
    made.setup(Context({}, "x"))
    assert wanted == [("someone/some-model", {"revision": "v2", "variant": None})]


# ---- whole runs ----------------------------------------------------------------------------------------------------


def test_a_sweep_of_the_attention_scale_as_the_page_has_it(models, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "captions.txt").write_text(f"a red circle\nblue square left\n{LONG}\n")
    systems = [f"scale-{s}=diffusers(model={models / 'sd'},steps=2,attention_scale={s})" for s in (0, 1)]
    command = ["run", *systems, "--prompts", "captions.txt", "-m", "collapse"]
    assert main(command) == 0, capfd.readouterr().err
    runs = {json.loads((p / "run.json").read_text())["label"]: p for p in store.find_runs(tmp_path / "runs")}
    assert set(runs) == {"scale-0", "scale-1"}
    record = json.loads((runs["scale-0"] / "run.json").read_text())
    assert record["counts"] == {"ok": 3} and "attention_scale=0" in record["spec"]["system"]
    notes = " ".join(record["notes"])
    assert "1 of 3 images: tokenizer reads 77 tokens, and the prompt's end was cut." in notes
    assert "StableDiffusionPipeline: scheduler DDIMScheduler" in notes and "diffusers " in notes
    said = capfd.readouterr().err
    assert "Warning" not in said and "Loading" not in said
    gone = sorted((runs["scale-1"] / "images").glob("*.png"))[0]
    before = gone.read_bytes()
    gone.unlink()
    shutil.rmtree(runs["scale-1"] / "shards")
    (runs["scale-1"] / "run.json").unlink()
    assert main(command) == 0
    assert gone.read_bytes() == before


def test_one_sentence_and_exit_code_2_for_a_folder_that_lacks_its_weights(models, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "captions.txt").write_text("a red circle\n")
    shutil.copytree(models / "sd", tmp_path / "sd")
    (tmp_path / "sd" / WEIGHTS).unlink()
    assert main(["run", "ours=diffusers(model=./sd)", "--prompts", "captions.txt", "-m", "collapse"]) == 2
    said = capfd.readouterr().err.strip().splitlines()
    assert said[-1].endswith("has no weights; copy or fetch it again.") and not (tmp_path / "runs").exists()
