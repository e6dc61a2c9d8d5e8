"""ImageReward, the aesthetic predictor and Hugging Face's CLIP names, on small random weights in published layouts."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bench.errors import UsageError
from bench.extractors.aesthetic import WIDTHS, Aesthetic
from bench.extractors.clip_names import is_hugging_face, to_open_clip
from bench.extractors.image_reward import HEAD, MEAN, STD, ImageReward, parts_of
from bench.types import Sample

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "red", "blue", "dog", "cat", "on", "the", "mat", "two"]


@pytest.fixture(scope="module")
def reward(tmp_path_factory):
    """An ImageReward file of two narrow layers a tower, and a vocabulary of 14 words."""
    pytest.importorskip("transformers")
    folder = tmp_path_factory.mktemp("reward")
    g = torch.Generator().manual_seed(0)
    state = {
        "blip.visual_encoder.cls_token": torch.zeros(1, 1, 128),
        "blip.visual_encoder.blocks.1.norm1.weight": torch.zeros(1),
        "blip.text_encoder.embeddings.word_embeddings.weight": torch.zeros(len(WORDS), 64),
        "blip.text_encoder.encoder.layer.1.output.dense.bias": torch.zeros(1),
        "blip.text_encoder.encoder.layer.0.intermediate.dense.weight": torch.zeros(96, 64),
    }
    parts = parts_of(state)
    full = {}
    for prefix, part in zip(("blip.visual_encoder.", "blip.text_encoder.", "mlp.layers."), parts, strict=True):
        for name, value in part.state_dict().items():
            fill = torch.randn(value.shape, generator=g) * 0.3 if value.is_floating_point() else value
            full[prefix + name] = 1 + 0.1 * fill if name.endswith(("norm1.weight", "LayerNorm.weight")) else fill
    torch.save(full, folder / "ImageReward.pt")
    (folder / "vocab.txt").write_text("\n".join(WORDS) + "\n")
    made = ImageReward(str(folder / "ImageReward.pt"), str(folder / "vocab.txt"))
    made.load()
    return made


def rewards(made, prompts, seed=0):
    images = np.random.default_rng(seed).integers(0, 256, (len(prompts), 60, 80, 3), dtype=np.uint8)
    rows = [made.prepare_image(i) for i in images]
    samples = [Sample(f"s{i}", p) for i, p in enumerate(prompts)]
    return made.extract_images(rows, samples)["logits"]


def test_the_reward_is_of_the_pair(reward):
    assert not reward.problems()
    prompts = ["a red dog", "a blue cat", "two dog on the mat"]
    first = rewards(reward, prompts)
    assert first.shape == (3, 1) and torch.isfinite(first).all()
    assert float((first - rewards(reward, prompts, 1)).abs().min()) > 1e-4, "another image, another reward"
    assert float((first - rewards(reward, prompts[::-1])).abs()[0]) > 1e-4, "another prompt, another reward"
    torch.testing.assert_close(rewards(reward, prompts[:1]), first[:1], atol=1e-4, rtol=1e-4)


def test_the_text_encoder_sees_the_whole_prompt_and_no_padding(reward):
    """The class token attends to later words (no causal mask), and filling changes nothing."""
    _, read, _ = reward._parts
    seen = torch.randn(1, 5, 128, generator=torch.Generator().manual_seed(1))

    def first(ids: list[int], fill: int) -> torch.Tensor:
        mask = torch.tensor([[1] * len(ids) + [0] * fill])
        return read(
            input_ids=torch.tensor([ids + [0] * fill]), attention_mask=mask, encoder_hidden_states=seen,
            encoder_attention_mask=torch.ones(1, 5, dtype=torch.long), is_decoder=False,
        ).last_hidden_state[:, 0]  # fmt: skip

    torch.testing.assert_close(first([2, 5, 6, 3], 0), first([2, 5, 6, 3], 20), atol=1e-4, rtol=1e-4)
    assert float((first([2, 5, 6, 3], 0) - first([2, 5, 7, 3], 0)).abs().max()) > 1e-3


def test_the_head_is_standardised(reward):
    head = reward._parts[2]
    assert [m.out_features for m in head if isinstance(m, torch.nn.Linear)] == list(HEAD[1:])
    zero = ImageReward(str(reward.weights), str(reward.vocabulary))
    zero.load()
    for layer in zero._parts[2]:
        if isinstance(layer, torch.nn.Linear):
            layer.weight.zero_(), layer.bias.zero_()
    assert float(rewards(zero, ["a dog"])[0, 0]) == pytest.approx(-MEAN / STD)


def test_missing_and_foreign_files_are_sentences(tmp_path):
    found = ImageReward(str(tmp_path / "no.pt"), str(tmp_path / "no.txt")).problems()
    assert any("weights=PATH" in p for p in found) and any("vocabulary=PATH" in p for p in found)
    if not any("transformers" in p for p in found):
        with pytest.raises(UsageError, match="no ImageReward model"):
            parts_of({"a": torch.zeros(1)})


# ---- aesthetic -------------------------------------------------------------------------------------------------------


def test_aesthetic_is_the_published_head_on_unit_embeddings(tmp_path):
    g = torch.Generator().manual_seed(0)
    widths = (256, *WIDTHS)
    state = {}
    for place, (a, b) in zip((0, 2, 4, 6, 7), zip(widths, WIDTHS, strict=False), strict=True):
        state |= {f"layers.{place}.weight": torch.randn(b, a, generator=g) / a**0.5}
        state |= {f"layers.{place}.bias": torch.randn(b, generator=g)}
    torch.save(state, tmp_path / "head.pth")
    made = Aesthetic(str(tmp_path / "head.pth"), "scene-clip")
    assert not made.problems()
    made.load()
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    found = made.extract_images([made.prepare_image(image)])["logits"]
    rows = torch.nn.functional.normalize(made.inner.extract_images([made.prepare_image(image)])["features"])
    for place in (0, 2, 4, 6, 7):
        rows = rows @ state[f"layers.{place}.weight"].T + state[f"layers.{place}.bias"]
    torch.testing.assert_close(found, rows)
    torch.save({k: v for k, v in state.items() if not k.startswith("layers.7")}, tmp_path / "cut.pth")
    with pytest.raises(UsageError, match="no aesthetic predictor"):
        Aesthetic(str(tmp_path / "cut.pth"), "scene-clip").load()
    assert "head=PATH" in Aesthetic(str(tmp_path / "absent.pth"), "scene-clip").problems()[0]


# ---- Hugging Face's names of CLIP ------------------------------------------------------------------------------------


def test_hugging_faces_clip_is_open_clips():
    transformers = pytest.importorskip("transformers")
    import open_clip

    sizes = {"hidden_size": 64, "intermediate_size": 256, "num_hidden_layers": 2, "num_attention_heads": 1}
    config = transformers.CLIPConfig(
        text_config={**sizes, "vocab_size": 49408, "max_position_embeddings": 77, "hidden_act": "gelu",
                     "eos_token_id": 49407, "bos_token_id": 49406},
        vision_config={**sizes, "image_size": 32, "patch_size": 16, "hidden_act": "gelu"}, projection_dim=32,
    )  # fmt: skip
    torch.manual_seed(0)
    theirs = transformers.CLIPModel(config).eval()
    ours = open_clip.model.CLIP(
        32, {"layers": 2, "width": 64, "head_width": 64, "patch_size": 16, "image_size": 32},
        {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 1, "layers": 2},
    ).eval()  # fmt: skip
    assert is_hugging_face(theirs.state_dict()) and not is_hugging_face(ours.state_dict())
    lacking = ours.load_state_dict(to_open_clip(theirs.state_dict()), strict=False)
    assert not lacking.missing_keys and not lacking.unexpected_keys
    images, texts = torch.randn(2, 3, 32, 32), open_clip.tokenize(["a red dog", "two cats on a mat"])

    def plain(found):
        return getattr(found, "pooler_output", found)

    with torch.no_grad():
        torch.testing.assert_close(
            plain(theirs.get_image_features(pixel_values=images)), ours.encode_image(images), atol=1e-5, rtol=1e-4
        )
        torch.testing.assert_close(
            plain(theirs.get_text_features(input_ids=texts)), ours.encode_text(texts), atol=1e-5, rtol=1e-4
        )
