"""Small random models of transformers, saved as the folders that users have: real classes, real processors, no network.

Weights are larger than the library's initialisation, so that answers differ between images and questions.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

WORDS = (
    "[PAD] [UNK] [CLS] [SEP] [MASK] a the is are there of in this does figure show please answer yes no or how many "
    "what colour photo red blue green dog cat bench car bird hot traffic light two three one on it with ball and kind "
    "animal question : . , ? \" ' s"
).split()


def bert(folder: Path | None = None, extra: tuple[str, ...] = ()) -> Any:
    from transformers import BertTokenizer

    return BertTokenizer(vocab={w: i for i, w in enumerate((*WORDS, *extra))})


def clip_tokenizer() -> Any:
    """CLIP's, of single signs."""
    from transformers import CLIPTokenizer

    signs = [chr(c) for c in range(33, 127)]
    vocab = {s: i for i, s in enumerate([*signs, *(s + "</w>" for s in signs), "<|startoftext|>", "<|endoftext|>"])}
    return CLIPTokenizer(vocab=vocab, merges=[], model_max_length=24)


def shaken(kind: Any, config: Any, seed: int, scale: float = 0.25) -> Any:
    """A model with weights by seed: matrices of this spread, everything else near what it is made with."""
    g = torch.Generator().manual_seed(seed)
    model = kind(config)
    with torch.no_grad():
        for value in model.parameters():
            noise = torch.randn(value.shape, generator=g)
            value.copy_(noise * scale if value.dim() > 1 else value + noise * 0.05)
    return model.eval()


def owlv2(folder: Path, seed: int = 0, owl: str = "v2") -> Path:
    """OWLv2 (or OWL-ViT) of two narrow layers a tower, 64 pixels."""
    import transformers as t

    tokens = clip_tokenizer()
    small = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2}
    text = {**small, "vocab_size": len(tokens), "max_position_embeddings": 24, "pad_token_id": len(tokens) - 1}
    vision = {**small, "image_size": 64, "patch_size": 16}
    kinds = {
        "v2": (t.Owlv2Config, t.Owlv2ForObjectDetection, t.Owlv2ImageProcessor, t.Owlv2Processor),
        "vit": (t.OwlViTConfig, t.OwlViTForObjectDetection, t.OwlViTImageProcessor, t.OwlViTProcessor),
    }
    config, kind, images, processor = kinds[owl]
    made = config(text_config=text, vision_config=vision, projection_dim=32)
    shaken(kind, made, seed).save_pretrained(folder)
    processor(images(size={"height": 64, "width": 64}), tokens).save_pretrained(folder)
    return folder


def grounding_dino(folder: Path, seed: int = 0, longest: int = 32) -> Path:
    """Grounding DINO over a narrow Swin, 12 queries."""
    import transformers as t

    tokens = bert()
    backbone = t.SwinConfig(
        image_size=64, patch_size=4, embed_dim=12, depths=[1, 1, 1], num_heads=[1, 2, 4], window_size=4,
        out_features=["stage2", "stage3"],
    )  # fmt: skip
    text = t.BertConfig(
        vocab_size=len(tokens), hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=48
    )
    config = t.GroundingDinoConfig(
        backbone_config=backbone, text_config=text, d_model=32, encoder_layers=1, decoder_layers=2,
        encoder_ffn_dim=48, decoder_ffn_dim=48, encoder_attention_heads=2, decoder_attention_heads=2, num_queries=12,
        num_feature_levels=2, max_text_len=longest, disable_custom_kernels=True,
    )  # fmt: skip
    shaken(t.GroundingDinoForObjectDetection, config, seed, 0.2).save_pretrained(folder)
    images = t.GroundingDinoImageProcessor(size={"shortest_edge": 48, "longest_edge": 96})
    t.GroundingDinoProcessor(images, tokens).save_pretrained(folder)
    return folder


def blip(folder: Path, seed: int = 0) -> Path:
    """BLIP's model of questions, of two narrow layers a part, 32 pixels."""
    import transformers as t

    tokens = bert(extra=("[DEC]",))
    small = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2}
    text = {
        **small, "vocab_size": len(tokens), "encoder_hidden_size": 32, "bos_token_id": len(tokens) - 1,
        "sep_token_id": tokens.sep_token_id, "eos_token_id": tokens.sep_token_id, "pad_token_id": tokens.pad_token_id,
    }  # fmt: skip
    config = t.BlipConfig(text_config=text, vision_config={**small, "image_size": 32, "patch_size": 8})
    shaken(t.BlipForQuestionAnswering, config, seed).save_pretrained(folder)
    t.BlipProcessor(t.BlipImageProcessor(size={"height": 32, "width": 32}), tokens).save_pretrained(folder)
    return folder


def vilt(folder: Path, seed: int = 0, answers: tuple[str, ...] = ("yes", "no", "red", "blue", "2")) -> Path:
    """ViLT with five answers."""
    import transformers as t

    tokens = bert()
    config = t.ViltConfig(
        vocab_size=len(tokens), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=48,
        image_size=32, patch_size=8, max_position_embeddings=40, id2label=dict(enumerate(answers)),
        label2id={a: i for i, a in enumerate(answers)}, num_labels=len(answers),
    )  # fmt: skip
    shaken(t.ViltForQuestionAnswering, config, seed).save_pretrained(folder)
    images = t.ViltImageProcessor(size={"shortest_edge": 32}, size_divisor=8)
    t.ViltProcessor(images, tokens).save_pretrained(folder)
    return folder


def sentences(folder: Path, seed: int = 0, kind: str = "mpnet") -> Path:
    """A sentence model of two narrow layers: MPNet as all-mpnet-base-v2 is one, or BERT."""
    import transformers as t

    tokens = bert(extra=("<s>", "</s>", "<pad>", "<unk>", "<mask>", "pale", "dark", "black", "yellow"))
    small = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2,
             "vocab_size": len(tokens), "max_position_embeddings": 40}  # fmt: skip
    kinds = {"mpnet": (t.MPNetConfig, t.MPNetModel), "bert": (t.BertConfig, t.BertModel)}
    config, model = kinds[kind]
    shaken(model, config(**small), seed).save_pretrained(folder)
    tokens.save_pretrained(folder)
    return folder


TEMPLATE = (
    "{% for m in messages %}{% for c in m['content'] %}{% if c['type'] == 'image' %}<image> {% else %}"
    "question : {{ c['text'] }} {% endif %}{% endfor %}{% endfor %}{% if add_generation_prompt %}answer :{% endif %}"
)


def speaking(template: str = "", extra: tuple[str, ...] = ()) -> Any:
    """A tokenizer of whole words for models that go on after a prompt."""
    import tokenizers
    import transformers as t

    words = ["<pad>", "<s>", "</s>", "<unk>", "<image>", *extra, "Yes", "No", "Answer", "Question", *WORDS[5:]]
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel({w: i for i, w in enumerate(words)}, unk_token="<unk>"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    return t.PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token="<pad>", bos_token="<s>", eos_token="</s>", unk_token="<unk>",
        additional_special_tokens=["<image>"], chat_template=template or None,
    )  # fmt: skip


def llava(folder: Path, seed: int = 0) -> Path:
    """LLaVA: CLIP's eyes before a Llama of two narrow layers."""
    import transformers as t

    tokens = speaking(TEMPLATE)
    small = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2}
    vision = t.CLIPVisionConfig(**small, image_size=32, patch_size=8, projection_dim=32)
    text = t.LlamaConfig(
        **small, vocab_size=len(tokens), num_key_value_heads=2, max_position_embeddings=256, pad_token_id=0,
        bos_token_id=1, eos_token_id=2,
    )  # fmt: skip
    config = t.LlavaConfig(
        vision_config=vision, text_config=text, image_token_index=tokens.convert_tokens_to_ids("<image>"),
        image_seq_length=16, vision_feature_layer=-1,
    )  # fmt: skip
    shaken(t.LlavaForConditionalGeneration, config, seed).save_pretrained(folder)
    images = t.CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    t.LlavaProcessor(
        images, tokens, patch_size=8, vision_feature_select_strategy="default", num_additional_image_tokens=1,
        chat_template=TEMPLATE,
    ).save_pretrained(folder)  # fmt: skip
    return folder


def blip2(folder: Path, seed: int = 0) -> Path:
    """BLIP-2 over a T5 of one narrow layer: no chat template, and an answer that is decoded apart."""
    import transformers as t

    tokens = speaking()
    small = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 1, "num_attention_heads": 2}
    text = t.T5Config(
        vocab_size=len(tokens), d_model=32, d_kv=16, d_ff=48, num_layers=1, num_heads=2, decoder_start_token_id=0,
        pad_token_id=0, eos_token_id=2,
    )  # fmt: skip
    config = t.Blip2Config(
        vision_config={**small, "image_size": 32, "patch_size": 8}, text_config=text.to_dict(), num_query_tokens=4,
        qformer_config={**small, "encoder_hidden_size": 32, "vocab_size": 40},
        image_token_index=tokens.convert_tokens_to_ids("<image>"),
    )  # fmt: skip
    shaken(t.Blip2ForConditionalGeneration, config, seed).save_pretrained(folder)
    images = t.BlipImageProcessor(size={"height": 32, "width": 32})
    t.Blip2Processor(images, tokens, num_query_tokens=4).save_pretrained(folder)
    return folder


def dpt(folder: Path, seed: int = 0) -> Path:
    """DPT over a narrow ViT."""
    import transformers as t

    config = t.DPTConfig(
        hidden_size=32, num_hidden_layers=4, num_attention_heads=2, intermediate_size=48, image_size=32, patch_size=8,
        backbone_out_indices=[0, 1, 2, 3], neck_hidden_sizes=[8, 8, 16, 16], fusion_hidden_size=16,
        reassemble_factors=[4, 2, 1, 0.5], head_in_index=-1, is_hybrid=False,
    )  # fmt: skip
    shaken(t.DPTForDepthEstimation, config, seed, 0.1).save_pretrained(folder)
    t.DPTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)
    return folder


def depth_anything(folder: Path, seed: int = 0) -> Path:
    """Depth Anything over a narrow DINOv2; images keep their aspect."""
    import transformers as t

    backbone = t.Dinov2Config(
        hidden_size=32, num_hidden_layers=4, num_attention_heads=2, mlp_ratio=2, image_size=28, patch_size=14,
        out_features=["stage1", "stage2", "stage3", "stage4"], reshape_hidden_states=False, apply_layernorm=True,
    )  # fmt: skip
    config = t.DepthAnythingConfig(
        backbone_config=backbone, patch_size=14, reassemble_hidden_size=32, neck_hidden_sizes=[8, 8, 16, 16],
        fusion_hidden_size=16, head_hidden_size=8,
    )  # fmt: skip
    model = shaken(t.DepthAnythingForDepthEstimation, config, seed, 0.1)
    with torch.no_grad():
        model.head.conv3.bias.fill_(1.0)  # its last step cuts what is below 0
    model.save_pretrained(folder)
    t.DPTImageProcessor(
        size={"height": 56, "width": 56}, keep_aspect_ratio=True, ensure_multiple_of=14
    ).save_pretrained(folder)
    return folder


def picture(seed: int = 0, size: tuple[int, int] = (60, 80)) -> np.ndarray:
    """uint8 (h, w, 3)."""
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
