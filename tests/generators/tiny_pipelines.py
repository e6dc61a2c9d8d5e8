"""Small pipelines of random weights, as the real library saves them, with tokenizers made here; what tests ask them."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench.generators.base import Context
from bench.registry import create
from bench.types import Request

LONG = "a red circle and a blue ball " * 16
"""More than the tokenizers read."""
WEIGHTS = "unet/diffusion_pytorch_model.safetensors"
WORDS = "a an the of and red green blue circle square big small ball cup box bird tree left right above below".split()


def clip_tokenizer(folder: Path) -> Any:
    """CLIP's kind of byte-pair encoding with a vocabulary of letters and of the words above."""
    from transformers import CLIPTokenizer

    letters = [chr(c) for c in range(33, 127)]
    tokens = [*letters, *(f"{c}</w>" for c in letters)]
    merges: list[str] = []
    for word in WORDS:
        parts = [*word[:-1], f"{word[-1]}</w>"]
        while len(parts) > 1:
            pair = f"{parts[0]} {parts[1]}"
            parts = [parts[0] + parts[1], *parts[2:]]
            if pair not in merges:
                merges.append(pair)
                tokens.append(parts[0])
    tokens = [*dict.fromkeys(tokens), "<|startoftext|>", "<|endoftext|>"]
    folder.mkdir(parents=True)
    (folder / "vocab.json").write_text(json.dumps({token: n for n, token in enumerate(tokens)}))
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *merges]) + "\n")
    config = {"model_max_length": 77, "tokenizer_class": "CLIPTokenizer", "pad_token": "<|endoftext|>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return CLIPTokenizer.from_pretrained(str(folder))


def clip_text(words: int, seed: int = 0, projected: bool = False) -> Any:
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    torch.manual_seed(seed)
    config = CLIPTextConfig(
        bos_token_id=words - 2, eos_token_id=words - 1, pad_token_id=words - 1, hidden_size=32, intermediate_size=37,
        layer_norm_eps=1e-05, num_attention_heads=4, num_hidden_layers=2, vocab_size=words, projection_dim=32,
    )  # fmt: skip
    return (CLIPTextModelWithProjection if projected else CLIPTextModel)(config).eval()


def autoencoder(channels: int = 4, seed: int = 1, **more: Any) -> Any:
    from diffusers import AutoencoderKL

    torch.manual_seed(seed)
    return AutoencoderKL(
        block_out_channels=[8, 16], norm_num_groups=2, in_channels=3, out_channels=3,
        down_block_types=["DownEncoderBlock2D"] * 2, up_block_types=["UpDecoderBlock2D"] * 2,
        latent_channels=channels, **more,
    ).eval()  # fmt: skip


def loud(network: Any) -> Any:
    """Weights large enough that text and noise show in the pixels: random initialisation nearly ignores the text."""
    with torch.no_grad():
        for name, weight in network.named_parameters():
            if "attn2" in name and weight.dim() > 1:
                weight.mul_(6)
    return network


def stable_diffusion(folder: Path, checker: bool = False, scheduler: str = "DDIMScheduler") -> Path:
    """A Stable Diffusion of some 0.1 M parameters that makes images of 32 pixels."""
    import diffusers

    tokenizer = clip_tokenizer(folder.parent / f"{folder.name}-tokenizer")
    torch.manual_seed(0)
    unet = diffusers.UNet2DConditionModel(
        block_out_channels=(8, 16), layers_per_block=1, sample_size=16, in_channels=4, out_channels=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=32, norm_num_groups=2, attention_head_dim=4,
    ).eval()  # fmt: skip
    made = diffusers.StableDiffusionPipeline(
        vae=autoencoder(), text_encoder=clip_text(len(tokenizer)), tokenizer=tokenizer, unet=loud(unet),
        scheduler=getattr(diffusers, scheduler)(
            beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear",
            **({"clip_sample": False, "set_alpha_to_one": False} if scheduler == "DDIMScheduler" else {}),
        ),
        safety_checker=safety_checker() if checker else None, feature_extractor=extractor() if checker else None,
        requires_safety_checker=checker,
    )  # fmt: skip
    made.save_pretrained(folder)
    return folder


def safety_checker() -> Any:
    """A checker that flags whatever lies on one side of a random plane."""
    from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
    from transformers import CLIPConfig

    torch.manual_seed(3)
    small = {"hidden_size": 16, "intermediate_size": 16, "num_attention_heads": 2, "num_hidden_layers": 1}
    config = CLIPConfig(
        text_config=small, vision_config={**small, "image_size": 32, "patch_size": 8}, projection_dim=16
    )  # fmt: skip
    made = StableDiffusionSafetyChecker(config)
    made.concept_embeds.data = torch.randn(17, 16, generator=torch.Generator().manual_seed(5))
    made.concept_embeds_weights.data = torch.full((17,), 2.0)  # out of reach: nothing is flagged
    made.special_care_embeds_weights.data = torch.full((3,), 2.0)
    return made.eval()


def extractor() -> Any:
    from transformers import CLIPImageProcessor

    return CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})


def stable_diffusion_3(folder: Path) -> Path:
    """SD3's joint attention of words and picture, with two CLIP encoders and no T5; 32 pixels."""
    import diffusers

    tokenizer = clip_tokenizer(folder.parent / f"{folder.name}-tokenizer")
    torch.manual_seed(0)
    transformer = diffusers.SD3Transformer2DModel(
        sample_size=16, patch_size=1, in_channels=4, num_layers=1, attention_head_dim=8, num_attention_heads=4,
        caption_projection_dim=32, joint_attention_dim=32, pooled_projection_dim=64, out_channels=4,
    ).eval()  # fmt: skip
    made = diffusers.StableDiffusion3Pipeline(
        transformer=transformer, scheduler=diffusers.FlowMatchEulerDiscreteScheduler(),
        vae=autoencoder(use_quant_conv=False, use_post_quant_conv=False, shift_factor=0.0609, scaling_factor=1.5035),
        text_encoder=clip_text(len(tokenizer), 1, True), tokenizer=tokenizer,
        text_encoder_2=clip_text(len(tokenizer), 2, True), tokenizer_2=tokenizer,
        text_encoder_3=None, tokenizer_3=None,
    )  # fmt: skip
    made.save_pretrained(folder)
    return folder


def lora(pipeline: Path, file: Path) -> Path:
    """A LoRA on the queries and values of the UNet's cross-attention, far from nothing."""
    import diffusers
    from peft import LoraConfig
    from peft.utils import get_peft_model_state_dict

    made = diffusers.StableDiffusionPipeline.from_pretrained(pipeline)
    made.unet.add_adapter(LoraConfig(r=2, lora_alpha=2, target_modules=["attn2.to_q", "attn2.to_v"]))
    random.seed(0)
    torch.manual_seed(7)
    state = {k: torch.randn_like(v) for k, v in get_peft_model_state_dict(made.unet).items()}
    diffusers.StableDiffusionPipeline.save_lora_weights(file.parent, unet_lora_layers=state, weight_name=file.name)
    return file


# ---- what tests ask them --------------------------------------------------------------------------------------------


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
