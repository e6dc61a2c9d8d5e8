"""Images of real pipelines of random weights: those of the library itself, by seed, batch, size and scale of attention;
what the safety checker holds back, words that are cut, and a batch that breaks."""

from __future__ import annotations

import json
import logging
import shutil

import numpy as np
import pytest
import torch
from tiny_pipelines import LONG, apart, asked, lora, pixels, ready

from bench.errors import GenerationFailed, UsageError
from bench.types import Outcome, Sample

pytest.importorskip("diffusers")
pytestmark = pytest.mark.usefixtures("one_thread", "empty_caches")


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
    file = lora(models / "sd", tmp_path / "style.safetensors")
    plain, off, half, full = (
        pixels(models / "sd", "a red circle", seeds=[1], **p)[0]
        for p in ({}, *({"adapter": str(file), "adapter_scale": s} for s in (0, 0.5, 1)))
    )
    assert (off == plain).all() and apart(full, plain) > 0.1 and (half != full).any() and (half != plain).any()
    with_it = ready(models / "sd", adapter=str(file)).identity()
    moved = shutil.copy(file, tmp_path / "other.safetensors")
    assert with_it == ready(models / "sd", adapter=str(moved)).identity() != ready(models / "sd").identity()


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
