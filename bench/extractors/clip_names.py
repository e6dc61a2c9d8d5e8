"""CLIP weights under the names of Hugging Face's CLIPModel, renamed to open_clip's: PickScore and many fine-tunes are
published so. The architectures are equal; query, key and value stand apart there and in one matrix here."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

_PLAIN = {
    "text_model.embeddings.token_embedding.weight": "token_embedding.weight",
    "text_model.embeddings.position_embedding.weight": "positional_embedding",
    "text_model.final_layer_norm.weight": "ln_final.weight",
    "text_model.final_layer_norm.bias": "ln_final.bias",
    "vision_model.embeddings.class_embedding": "visual.class_embedding",
    "vision_model.embeddings.patch_embedding.weight": "visual.conv1.weight",
    "vision_model.embeddings.position_embedding.weight": "visual.positional_embedding",
    "vision_model.pre_layrnorm.weight": "visual.ln_pre.weight",
    "vision_model.pre_layrnorm.bias": "visual.ln_pre.bias",
    "vision_model.post_layernorm.weight": "visual.ln_post.weight",
    "vision_model.post_layernorm.bias": "visual.ln_post.bias",
    "logit_scale": "logit_scale",
}
_TURNED = {"text_projection.weight": "text_projection", "visual_projection.weight": "visual.proj"}
"""Linear layers there, matrices that multiply from the right here."""
_BLOCK = re.compile(r"(text|vision)_model\.encoder\.layers\.(\d+)\.(.+)")
_PARTS = {
    "layer_norm1": "ln_1", "layer_norm2": "ln_2", "mlp.fc1": "mlp.c_fc", "mlp.fc2": "mlp.c_proj",
    "self_attn.out_proj": "attn.out_proj",
}  # fmt: skip


def is_hugging_face(state: dict[str, torch.Tensor]) -> bool:
    """Whether a state dict has the names of a CLIPModel."""
    return "text_model.embeddings.token_embedding.weight" in state


def to_open_clip(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The same weights under open_clip's names; what open_clip has not (position ids) is left out."""
    import torch

    found: dict[str, torch.Tensor] = {}
    for name, value in state.items():
        if name in _PLAIN:
            found[_PLAIN[name]] = value
        elif name in _TURNED:
            found[_TURNED[name]] = value.T.contiguous()
        elif block := _BLOCK.fullmatch(name):
            tower, layer, rest = block.groups()
            where = f"{'visual.' if tower == 'vision' else ''}transformer.resblocks.{layer}."
            part, _, kind = rest.rpartition(".")
            if part in _PARTS:
                found[f"{where}{_PARTS[part]}.{kind}"] = value
            elif part == "self_attn.q_proj":
                whole = [state[name.replace("q_proj", p)] for p in ("q_proj", "k_proj", "v_proj")]
                found[f"{where}attn.in_proj_{kind}"] = torch.cat(whole)
    return found
