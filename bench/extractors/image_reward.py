"""`image-reward`: the reward model of human preference of Xu et al. 2023 (arXiv 2304.05977): BLIP's image encoder, its
text encoder that attends to the image, and a small head.

The image encoder is timm's ViT-L/16, whose names are those of the published file; the text encoder is transformers'
BlipTextModel. Head, token limit and standardisation are those of https://github.com/THUDM/ImageReward (ImageReward.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.errors import UsageError
from bench.extractors import weights as files
from bench.extractors.base import Extractor
from bench.extractors.preprocess import Preprocess
from bench.registry import register
from bench.types import Sample

if TYPE_CHECKING:
    import torch

SIZE, TOKENS = 224, 35
HEAD = (768, 1024, 128, 64, 16, 1)
"""Widths of the head; it has no non-linearity."""
MEAN, STD = 0.16717362830052426, 1.0333394966054072
"""Of the rewards, by which they are standardised."""
_PIXELS = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


@register("extractor", "image-reward", summary="ImageReward: how people would like the image for its prompt")
class ImageReward(Extractor):
    """Images asked about their prompts -> logits (b, 1): the standardised reward.

    weights: the published ImageReward.pt. vocabulary: vocab.txt of bert-base-uncased. Needs the package transformers
    (pip install 'text-image-bench[preference]').
    """

    image_outputs = ("logits",)
    query = "prompt"
    batch_size = 8

    def __init__(self, weights: str = "ImageReward.pt", vocabulary: str = "vocab.txt") -> None:
        self.weights, self.vocabulary = Path(weights).expanduser(), Path(vocabulary).expanduser()
        self._parts: tuple[Any, Any, Any] | None = None
        self._tokenizer: Any = None

    @property
    def recipe(self) -> Preprocess:
        """Shorter side to 224 by Pillow's bicubic filter, centre crop."""
        return Preprocess((SIZE, SIZE), *_PIXELS, interpolation="bicubic")

    def problems(self) -> list[str]:
        found = []
        try:
            import transformers  # noqa: F401
        except ImportError:
            found.append("image-reward needs transformers; pip install 'text-image-bench[preference]'.")
        for what, path in (("weights", self.weights), ("vocabulary", self.vocabulary)):
            if not path.is_file():
                found.append(f"The file {path} of image-reward does not exist; give {what}=PATH of the published file.")
        return found

    def identity(self) -> Mapping[str, Any]:
        return {
            "weights": f"sha256:{files.sha256(self.weights)}", "vocabulary": f"sha256:{files.sha256(self.vocabulary)}",
            "preprocessing": dict(self.recipe.describe()), "tokens": TOKENS,
        }  # fmt: skip

    def load(self, device: str = "cpu", dtype: str = "float32") -> None:
        import torch
        from transformers import BertTokenizer

        state = files.read(self.weights)
        parts = parts_of(state)
        for prefix, module in zip(("blip.visual_encoder.", "blip.text_encoder.", "mlp.layers."), parts, strict=True):
            own = {n.removeprefix(prefix): v for n, v in state.items() if n.startswith(prefix)}
            files.apply(module, {n: v for n, v in own.items() if not n.endswith("position_ids")}, self.weights, prefix)
        kind = torch.float32 if dtype == "float32" else torch.bfloat16
        self._parts = tuple(p.to(device=device, dtype=kind).eval().requires_grad_(False) for p in parts)
        self._tokenizer = BertTokenizer(str(self.vocabulary))

    def prepare_image(self, image: np.ndarray) -> np.ndarray:
        """(h, w, 3) uint8 -> (224, 224, 3) float32."""
        return self.recipe(image)

    def extract_images(self, batch: Sequence[Any], queries: Sequence[Sample] | None = None) -> dict[str, Any]:
        """Prepared images with their samples -> logits (b, 1)."""
        import torch

        if self._parts is None:
            self.load()
        assert self._parts is not None and queries is not None
        see, read, head = self._parts
        like = next(see.parameters())
        prompts = [s.prompt if s is not None else "" for s in queries]
        said = self._tokenizer(prompts, padding="max_length", truncation=True, max_length=TOKENS, return_tensors="pt")
        with torch.inference_mode():
            images = torch.from_numpy(np.stack(batch)).permute(0, 3, 1, 2).to(like.device, like.dtype)
            seen = see.forward_features(images)
            words = read(
                input_ids=said["input_ids"].to(like.device), attention_mask=said["attention_mask"].to(like.device),
                encoder_hidden_states=seen, is_decoder=False,
                encoder_attention_mask=torch.ones(seen.shape[:2], dtype=torch.long, device=like.device),
            ).last_hidden_state  # fmt: skip
            return {"logits": (head(words[:, 0].to(like.dtype)).float() - MEAN) / STD}


def parts_of(state: Mapping[str, torch.Tensor]) -> tuple[Any, Any, Any]:
    """Image encoder, text encoder and head, as large as the file's tensors say."""
    import timm
    import torch
    from transformers import BlipTextConfig
    from transformers.models.blip.modeling_blip_text import BlipTextModel

    try:
        width = state["blip.visual_encoder.cls_token"].shape[-1]
        words, hidden = state["blip.text_encoder.embeddings.word_embeddings.weight"].shape
        inner = state["blip.text_encoder.encoder.layer.0.intermediate.dense.weight"].shape[0]
    except KeyError as error:
        raise UsageError(f"The file is no ImageReward model: it lacks {error}.") from None
    blocks, layers = (
        1 + max(int(n.removeprefix(p).split(".")[0]) for n in state if n.startswith(p))
        for p in ("blip.visual_encoder.blocks.", "blip.text_encoder.encoder.layer.")
    )
    see = timm.models.VisionTransformer(
        img_size=SIZE,
        patch_size=16,
        embed_dim=width,
        depth=blocks,
        num_heads=width // 64,
        num_classes=0,
        global_pool="",
    )
    config = BlipTextConfig(
        vocab_size=words, hidden_size=hidden, encoder_hidden_size=width, intermediate_size=inner,
        num_hidden_layers=layers, num_attention_heads=hidden // 64, max_position_embeddings=512, layer_norm_eps=1e-12,
        hidden_act="gelu",
    )  # fmt: skip
    read = BlipTextModel(config, add_pooling_layer=False)
    widths = (hidden, *HEAD[1:])
    # the published head numbers its layers with dropout between the first four
    head = torch.nn.Sequential(
        torch.nn.Linear(widths[0], widths[1]), torch.nn.Identity(), torch.nn.Linear(widths[1], widths[2]),
        torch.nn.Identity(), torch.nn.Linear(widths[2], widths[3]), torch.nn.Identity(),
        torch.nn.Linear(widths[3], widths[4]), torch.nn.Linear(widths[4], widths[5]),
    )  # fmt: skip
    return see, read, head
