"""Real pipelines of random weights, saved and loaded by the real library: seeds, batches, scales, refusals, missing
parts. Nothing here reaches a network, and no code that lies in a folder runs."""

from __future__ import annotations

import json
import logging
import pickle
import shutil
import socket

import numpy as np
import pytest
import tiny_pipelines as tiny
import torch

from bench import store
from bench.cli import main
from bench.errors import GenerationFailed, UsageError
from bench.generators.base import Context
from bench.registry import create
from bench.types import Outcome, Request, Sample

pytest.importorskip("diffusers")
LONG = "a red circle and a blue ball " * 16


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    tiny.stable_diffusion(root / "sd")
    tiny.stable_diffusion(root / "checked", checker=True)
    tiny.stable_diffusion_3(root / "sd3")
    return root


@pytest.fixture(autouse=True)
def no_network(monkeypatch, tmp_path):
    def refuse(*args, **kwargs):
        raise AssertionError(f"a connection was tried: {args[1:]}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setenv("BENCH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.delenv("BENCH_ALLOW_DOWNLOAD", raising=False)


def ready(model, samples=(), **params):
    made = create("generator", "diffusers", {"model": str(model), "steps": 2, **params})
    assert made.problems() == []
    made.setup(Context({s.id: s for s in samples}, "x"))
    return made


def asked(*prompts, seeds=None, size=None):
    seeds = seeds or range(10, 10 + len(prompts))
    return [Request(f"s{n}", 0, p, seed, 1, size) for n, (p, seed) in enumerate(zip(prompts, seeds, strict=True))]


def pixels(model, *prompts, seeds=None, size=None, **params):
    found = list(ready(model, **params).generate(asked(*prompts, seeds=seeds, size=size)))
    assert [o.status for o in found] == ["ok"] * len(prompts), found
    return [o.image.astype(int) for o in found]


def apart(a, b):
    return float(np.abs(a - b).mean())


# ---- seeds, batches, and what the library itself gives -------------------------------------------------------------


@pytest.mark.parametrize("model", ["sd", "sd3"])
def test_images_are_those_of_the_library_itself(models, model):
    import diffusers

    (mine,) = pixels(models / model, "a red circle", seeds=[7], guidance=5.0)
    missing = {"text_encoder_3": None, "tokenizer_3": None, "image_encoder": None, "feature_extractor": None}
    pipe = diffusers.DiffusionPipeline.from_pretrained(models / model, **(missing if model == "sd3" else {}))
    pipe.set_progress_bar_config(disable=True)
    draw = torch.Generator("cpu").manual_seed(7)
    theirs = pipe("a red circle", num_inference_steps=2, guidance_scale=5.0, generator=draw).images[0]
    assert (mine == np.asarray(theirs)).all() and mine.std() > 1


def test_an_image_depends_on_its_request_alone(models):
    prompts = ["a red circle", "blue square", "a red circle", "a red circle"]
    whole = pixels(models / "sd", *prompts, seeds=[1, 2, 1, 3])
    assert (whole[0] == whole[2]).all() and apart(whole[0], whole[3]) > 0.5
    (alone,) = pixels(models / "sd", prompts[3], seeds=[3])
    assert (alone == whole[3]).all()
    batched = pixels(models / "sd", *prompts, seeds=[1, 2, 1, 3], batch_size=4)
    assert max(np.abs(a - b).max() for a, b in zip(whole, batched, strict=True)) <= 1  # last bits, at most a level


def test_text_settings_and_scheduler_reach_the_image(models):
    plain, other = pixels(models / "sd", "a red circle", "blue square left", seeds=[1, 1])
    assert apart(plain, other) > 0.1
    others = {"guidance": 1.0}, {"negative_prompt": "a red circle"}, {"steps": 3}, {"scheduler": "EulerDiscrete"}
    for params in others:
        (found,) = pixels(models / "sd", "a red circle", seeds=[1], **params)
        assert (found != plain).any(), params


def test_sizes_of_parameters_and_of_the_run(models):
    (by_parameter,) = pixels(models / "sd", "a", width=48, height=32)
    (by_run,) = pixels(models / "sd", "a", size=(48, 32), width=64, height=64)
    assert by_parameter.shape == (32, 48, 3) and (by_parameter == by_run).all()
    (odd,) = ready(models / "sd", width=30, height=32).generate(asked("a"))
    assert odd.image is None or odd.info["notes"] == ["came as 32x32 where 30x32 was asked for"]


def test_precision_is_of_the_networks(models):
    exact, rough = (pixels(models / "sd", "a red circle", seeds=[1], dtype=d)[0] for d in ("float32", "bfloat16"))
    assert 0 < apart(exact, rough) < 5


# ---- scales --------------------------------------------------------------------------------------------------------


def test_attention_scale_0_shuts_the_text_out_and_1_changes_nothing(models):
    texts, seeds = ("a red circle", "blue square left"), [1, 1]
    full = pixels(models / "sd", *texts, seeds=seeds)
    same = pixels(models / "sd", *texts, seeds=seeds, attention_scale=1)
    half = pixels(models / "sd", *texts, seeds=seeds, attention_scale=0.5)
    none = pixels(models / "sd", *texts, seeds=seeds, attention_scale=0)
    assert (none[0] == none[1]).all() and (full[0] != full[1]).any()
    assert (full[0] == same[0]).all()
    assert 0 < apart(half[0], half[1]) and (half[0] != full[0]).any() and (half[0] != none[0]).any()


def test_joint_attention_cannot_be_scaled(models):
    with pytest.raises(UsageError, match="StableDiffusion3Pipeline has none that reads the text alone"):
        list(ready(models / "sd3", attention_scale=0.5).generate(asked("a")))


def test_a_lora_and_its_scale(models, tmp_path):
    pytest.importorskip("peft")
    file = tiny.lora(models / "sd", tmp_path / "style.safetensors")
    plain, off, half, full = (
        pixels(models / "sd", "a red circle", seeds=[1], **p)[0]
        for p in ({}, *({"adapter": str(file), "adapter_scale": s} for s in (0, 0.5, 1)))
    )
    assert (off == plain).all() and apart(full, plain) > 0.1 and (half != full).any() and (half != plain).any()
    with_it = ready(models / "sd", adapter=str(file)).identity()
    moved = shutil.copy(file, tmp_path / "other.safetensors")
    assert with_it == ready(models / "sd", adapter=str(moved)).identity() != ready(models / "sd").identity()


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


# ---- refusals and long prompts -------------------------------------------------------------------------------------


def test_what_the_safety_checker_flags_is_refused_and_not_black(models, tmp_path):
    fine = list(ready(models / "checked").generate(asked("a red circle", "blue square")))
    assert [o.status for o in fine] == ["ok", "ok"]
    from safetensors.torch import load_file, save_file

    shutil.copytree(models / "checked", tmp_path / "strict")
    file = tmp_path / "strict" / "safety_checker" / "model.safetensors"
    state = load_file(file)
    state["concept_embeds_weights"] = torch.full_like(state["concept_embeds_weights"], -2.0)  # anything is too near
    save_file(state, file, metadata={"format": "pt"})
    found = list(ready(tmp_path / "strict", batch_size=2).generate(asked("a red circle", "blue square")))
    assert [o.status for o in found] == ["refused", "refused"]
    assert "safety checker" in found[0].reason and found[0].image is None


def test_words_that_the_text_encoder_does_not_read_are_told_as_the_library_cuts_them(models, caplog):
    import diffusers

    samples = [Sample("s0", LONG), Sample("s1", "a red circle")]
    made = ready(models / "sd", samples)
    assert "1 of the dataset's 2 prompts are longer than the 77 tokens that tokenizer reads" in made.notes()[-1]
    cut, whole = made.generate(asked(LONG, "a red circle"))
    assert "cut" not in whole.info and "notes" not in whole.info
    assert cut.info["notes"] == ["tokenizer reads 77 tokens, and the prompt's end was cut"]
    words = cut.info["cut"]["tokenizer"]
    assert words and LONG.strip().endswith(words)
    pipe = diffusers.DiffusionPipeline.from_pretrained(models / "sd")
    with caplog.at_level(logging.WARNING):
        logging.getLogger("diffusers").propagate = True
        pipe.encode_prompt(LONG, "cpu", 1, False)
    assert f"['{words}" in caplog.text


# ---- what breaks ---------------------------------------------------------------------------------------------------


class Breaks:
    """A pipeline that fails as told; else it is the real one."""

    def __init__(self, real, when):
        self.real, self.when, self.batches = real, when, []

    def __call__(self, prompt, **params):
        self.batches.append(len(prompt))
        if error := self.when(prompt):
            raise error
        return self.real(prompt=prompt, **params)


def broken(models, when, **params):
    made = ready(models / "sd", **params)
    made._made = Breaks(made._loaded(), when)
    return made


def test_too_large_a_batch_is_halved_for_good(models):
    made = broken(models, lambda p: torch.OutOfMemoryError("CUDA out of memory") if len(p) > 2 else None, batch_size=4)
    found = list(made.generate(asked(*"abcdefgh")))
    assert [o.status for o in found] == ["ok"] * 8 and made.batch_size == 2
    assert made._made.batches == [4, 2, 2, 2, 2]
    alone = pixels(models / "sd", "e", seeds=[14])
    assert np.abs(found[4].image.astype(int) - alone[0]).max() <= 1


def test_an_image_that_never_fits_is_one_sentence(models):
    made = broken(models, lambda p: torch.OutOfMemoryError("CUDA out of memory"), batch_size=4)
    with pytest.raises(GenerationFailed, match="does not hold a single image of StableDiffusionPipeline; make it"):
        list(made.generate(asked(*"abcd")))


def test_one_bad_prompt_fails_alone_and_always_bad_is_the_end(models):
    made = broken(models, lambda p: ValueError("odd\nprompt") if "b" in p else None, batch_size=3)
    found = list(made.generate(asked(*"abc")))
    assert [o.status for o in found] == ["ok", "failed", "ok"] and found[1].reason == "ValueError: odd prompt"
    always = broken(models, lambda p: ValueError("never"))
    with pytest.raises(GenerationFailed, match="makes no images: ValueError: never"):
        list(always.generate(asked(*"abcd")))
    assert len(always._made.batches) == 3


def test_pixels_that_are_no_numbers_are_a_failure_and_not_black(models):
    made = ready(models / "sd")
    made._made = made._loaded()
    with torch.no_grad():
        made._made.vae.decoder.conv_out.bias.fill_(float("nan"))
    (found,) = made.generate(asked("a"))
    assert found.status == "failed" and "NaN" in found.reason


def test_networks_are_let_go_and_come_again(models):
    made = ready(models / "sd")
    before = json.dumps(made.identity())
    (first,) = made.generate(asked("a"))
    assert json.dumps(made.identity()) == before
    made.close()
    assert made._made is None
    (second,) = made.generate(asked("a"))
    assert isinstance(first, Outcome) and (first.image == second.image).all()


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


# ---- folders that lack something -----------------------------------------------------------------------------------


def remove(*names):
    def change(folder):
        for name in names:
            path = folder / name
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    return change


def rewrite(name, **fields):
    def change(folder):
        path = folder / name
        path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))

    return change


def both(*changes):
    return lambda folder: [change(folder) for change in changes]


WEIGHTS = "unet/diffusion_pytorch_model.safetensors"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (remove("model_index.json"), "it lacks model_index.json"),
        (lambda f: (f / "model_index.json").write_text("{"), "model_index.json is damaged"),
        (lambda f: (f / "model_index.json").write_text("[]"), "names no pipeline"),
        (remove("unet"), "lacks its part 'unet' (UNet2DConditionModel): there is no folder unet/"),
        (remove(WEIGHTS), "The part 'unet' (UNet2DConditionModel) of"),
        (remove("unet/config.json"), "lacks config.json"),
        (remove("tokenizer/tokenizer.json"), "The part 'tokenizer' (CLIPTokenizer) of"),
        (remove("scheduler/scheduler_config.json"), "lacks scheduler_config.json"),
        (lambda f: (f / WEIGHTS).rename(f / "unet/model.fp16.safetensors"), "say which with variant="),
        (lambda f: (f / WEIGHTS).write_text("version https://git-lfs.github.com/spec/v1\n"), "pointer of Git LFS"),
        (
            lambda f: (f / "unet/diffusion_pytorch_model.safetensors.index.json").write_text(
                json.dumps({"weight_map": {"a": "diffusion_pytorch_model.safetensors", "b": "gone.safetensors"}})
            ),
            "lacks 1 of 2 files of weights (gone.safetensors)",
        ),
        (rewrite("model_index.json", _class_name=["pipeline", "Mine"]), "a custom pipeline"),
        (rewrite("model_index.json", unet=["subprocess", "Popen"]), "is of the library 'subprocess'"),
        (
            both(rewrite("model_index.json", unet=["mine", "Net"]), lambda f: (f / "unet/mine.py").write_text("1 / 0")),
            "brings code of its own (mine.py for 'unet')",
        ),
        (rewrite("model_index.json", **{"../sd": ["diffusers", "X"]}), "which is no name"),
    ],
)
def test_a_folder_that_cannot_be_used_says_why_in_one_sentence(models, tmp_path, change, says):
    shutil.copytree(models / "sd", tmp_path / "sd")
    change(tmp_path / "sd")
    (problem,) = create("generator", "diffusers", {"model": str(tmp_path / "sd")}).problems()
    assert says in problem


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (rewrite("model_index.json", _class_name="NoSuchPipeline"), "which diffusers .* does not have"),
        (rewrite("model_index.json", _class_name="StableDiffusionImg2ImgPipeline"), "it wants image"),
        (rewrite("model_index.json", _class_name="StableDiffusionControlNetPipeline"), "it wants image"),
        (rewrite("model_index.json", _class_name="DDPMPipeline"), "it takes no prompt"),
        (rewrite("model_index.json", _class_name="TextToVideoSDPipeline"), "it makes videos"),
        (rewrite("model_index.json", _class_name="AudioLDM2Pipeline"), "it makes sounds"),
        (rewrite("model_index.json", _class_name="UNet2DConditionModel"), "which diffusers .* does not have"),
        (rewrite("model_index.json", scheduler=["diffusers", "NoSuchScheduler"]), "has no scheduler NoSuchScheduler"),
        (lambda f: (f / "tokenizer/tokenizer.json").write_text("{}"), "The part 'tokenizer' of .* cannot be loaded"),
        (lambda f: (f / WEIGHTS).write_bytes((f / WEIGHTS).read_bytes()[:5000]), "cannot be loaded"),
        (rewrite("unet/config.json", cross_attention_dim=16), "cannot be loaded"),
    ],
)
def test_what_only_the_library_can_tell(models, tmp_path, change, says):
    shutil.copytree(models / "sd", tmp_path / "sd")
    change(tmp_path / "sd")
    with pytest.raises(UsageError, match=says) as caught:
        list(ready(tmp_path / "sd").generate(asked("a")))
    assert len(caught.value.messages) == 1


def test_every_text_to_image_class_of_the_library_is_taken_unless_it_wants_a_picture():
    from diffusers.pipelines.auto_pipeline import AUTO_TEXT2IMAGE_PIPELINES_MAPPING

    from bench.generators.diffusers_calls import _unfit

    why = {name: _unfit(kind) for name, kind in AUTO_TEXT2IMAGE_PIPELINES_MAPPING.items()}
    refused = {name for name, said in why.items() if said}
    assert {"stable-diffusion-controlnet", "flux-control"} <= refused
    assert not {"stable-diffusion", "stable-diffusion-xl", "flux", "pixart-sigma", "sana", "kandinsky3"} & refused
    assert all("control" in name or "helios" in name or "omni" in name for name in refused), refused


def test_pickled_weights_are_read_as_tensors_and_never_as_code(models, tmp_path):
    from safetensors.torch import load_file

    shutil.copytree(models / "sd", tmp_path / "sd")
    state = load_file(tmp_path / "sd" / WEIGHTS)
    (tmp_path / "sd" / WEIGHTS).unlink()
    pickled = tmp_path / "sd" / "unet" / "diffusion_pytorch_model.bin"
    torch.save(state, pickled)
    assert (pixels(tmp_path / "sd", "a")[0] == pixels(models / "sd", "a")[0]).all()

    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    pickled.write_bytes(pickle.dumps(Evil()))
    with pytest.raises(UsageError, match="cannot be loaded"):
        list(ready(tmp_path / "sd").generate(asked("a")))
    assert not (tmp_path / "ran").exists()


def test_one_file_is_no_folder(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"x")
    (problem,) = create("generator", "diffusers", {"model": str(tmp_path / "model.safetensors")}).problems()
    assert "is one file" in problem and "from_single_file" in problem


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"dtype": "int8"}, "dtype=int8 is unknown"),
        ({"steps": 0}, "must be 1 or more"),
        ({"revision": "main"}, "is for models of the hub"),
        ({"variant": "fp16"}, "weights of the variant 'fp16'"),
        ({"adapter": "nothing.safetensors"}, "is no .safetensors file"),
        ({"adapter_scale": 0.5}, "needs adapter="),
    ],
)
def test_settings_that_cannot_be_meant(models, params, says):
    (problem,) = create("generator", "diffusers", {"model": str(models / "sd"), **params}).problems()
    assert says in problem


def test_settings_that_this_pipeline_does_not_take(models):
    with pytest.raises(UsageError, match="takes no max_sequence_length"):
        ready(models / "sd", extra="max_sequence_length=128")
    with pytest.raises(UsageError, match="scheduler=FlowMatchEulerDiscrete does not fit a DDIMScheduler"):
        ready(models / "sd", scheduler="FlowMatchEulerDiscrete")
    with pytest.raises(UsageError, match="several frames"):
        ready(models / "sd", [Sample("s", "p", frames=2)])


def test_missing_packages_are_named(models, monkeypatch):
    import importlib.util

    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name == "accelerate" else real(name, *a))
    (problem,) = create("generator", "diffusers", {"model": str(models / "sd")}).problems()
    assert "accelerate" in problem and "pip install 'text-image-bench[diffusers]'" in problem
