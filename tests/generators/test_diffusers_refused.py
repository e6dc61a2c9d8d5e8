"""Folders and settings that cannot be used: each says why in one sentence, and no code that lies in a folder runs."""

from __future__ import annotations

import json
import pickle
import shutil

import pytest
import torch
from tiny_pipelines import WEIGHTS, asked, pixels, ready

from bench.errors import UsageError
from bench.registry import create
from bench.types import Sample

pytest.importorskip("diffusers")
pytestmark = pytest.mark.usefixtures("one_thread", "empty_caches")


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
        (rewrite("model_index.json", unet=["subprocess", "Popen"]), "is of the package 'subprocess'"),
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
