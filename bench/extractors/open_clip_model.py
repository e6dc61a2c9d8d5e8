"""`open-clip`: image and text embeddings of any CLIP-like model that open_clip can build.

Images go through the model's own preprocessing, texts through its own tokenizer; embeddings are left unnormalised,
for the metrics decide about that. Weights are one published tag (`pretrained=openai`, `laion2b_s34b_b79k`, ...), a
file, or random by seed. Texts longer than the model's context are cut, as everywhere in the field, and counted by
`overlong`, so that a run can say so.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.errors import UsageError, did_you_mean
from bench.extractors.clip_names import is_hugging_face, to_open_clip
from bench.extractors.network import Network
from bench.extractors.preprocess import Preprocess
from bench.extractors.weights import ENDINGS, Source, hub_folder, may_download
from bench.registry import register

if TYPE_CHECKING:
    import torch

_MARKS = 8
"""More tokens than any tokenizer adds of its own to a text."""
_SOME = 1024
"""Texts that are counted at once."""
_FILES = ("open_clip_model.safetensors", "model.safetensors", "open_clip_pytorch_model.bin")


@register("extractor", "open-clip", summary="CLIP embeddings of images and texts by open_clip")
class OpenClip(Network):
    """Images and texts -> features (b, d), unnormalised.

    model: a name of open_clip.list_models(). pretrained: a tag, a file (under open_clip's names or those of Hugging
    Face's CLIPModel), or none for OpenAI's weights of that model. seed: random network instead.
    """

    plugin_name = "open-clip"
    image_outputs = ("features",)
    text_outputs = ("features",)
    batch_size = 16

    def __init__(self, model: str = "ViT-B-32", pretrained: str | None = None, seed: int | None = None) -> None:
        super().__init__(pretrained, seed)
        self.model = model

    # ---- what is meant ----

    @cached_property
    def config(self) -> Mapping[str, Any]:
        """open_clip's description of the architecture."""
        with _quiet():
            import open_clip

            found = open_clip.get_model_config(self.model)
        if found is None:
            self.unknown_model(self.model, did_you_mean(self.model, open_clip.list_models()))
        return found

    @cached_property
    def published(self) -> Mapping[str, Any]:
        """open_clip's description of the tag; empty for files and random weights."""
        if self.seed is not None or self._is_path():
            return {}
        import open_clip

        tag = self.given or "openai"
        known = open_clip.list_pretrained_tags_by_model(self.model)
        if tag not in known:
            raise UsageError(
                f"open-clip knows no weights '{tag}' of {self.model}, and there is no such file."
                f"{did_you_mean(tag, known)}"
            )
        return open_clip.get_pretrained_cfg(self.model, tag)

    @cached_property
    def recipe(self) -> Preprocess:
        """The preprocessing of this model and its weights."""
        from open_clip import OPENAI_DATASET_MEAN, OPENAI_DATASET_STD

        size = self.config["vision_cfg"].get("image_size", 224)
        size = (size, size) if isinstance(size, int) else tuple(size)
        says = {**self.config.get("preprocess_cfg", {}), **self.published}
        modes = {"shortest": "crop", "squash": "squash", "longest": "pad"}
        return Preprocess(
            size=size,
            mean=tuple(says.get("mean", OPENAI_DATASET_MEAN)),
            std=tuple(says.get("std", OPENAI_DATASET_STD)),
            interpolation=says.get("interpolation", "bicubic"),
            mode=modes[says.get("resize_mode", "shortest")],  # type: ignore[arg-type]
        )

    def source(self) -> Source:
        says = self.published
        hub = says.get("hf_hub", "").strip("/")
        url = f"https://huggingface.co/{hub}/resolve/main/{_FILES[0]}" if hub else says.get("url", "")
        slug = f"open_clip-{self.model}-{self.given or 'openai'}{'.safetensors' if hub else Path(url).suffix}"
        names = (slug,) if hub else (slug, Path(url).name)
        return Source(names=names, hub=hub, hub_names=_FILES if hub else (), url=url)

    def network(self) -> str:
        return f"open_clip {self.model}{' (quick GELU)' if self._quick_gelu else ''}"

    @property
    def _quick_gelu(self) -> bool:
        return bool(self.published.get("quick_gelu") or self.config.get("quick_gelu"))

    def _is_path(self) -> bool:
        return self.given is not None and (self.given.endswith(ENDINGS) or "/" in self.given)

    def problems(self) -> list[str]:
        return super().problems() or self._tokenizer_problems()

    def _tokenizer_problems(self) -> list[str]:
        hub = self.config["text_cfg"].get("hf_tokenizer_name", "")
        if not hub or may_download() or hub_folder(hub).is_dir() or Path(hub).is_dir():
            return []
        return [
            f"The tokenizer of {self.model} ({hub}) is not on this machine (looked for {hub_folder(hub)}): "
            "--allow-download fetches it, or choose a model with the built-in one, such as ViT-B-32."
        ]

    def preprocessing(self) -> Mapping[str, Any]:
        return {**self.recipe.describe(), "context_length": self.context}

    @property
    def context(self) -> int:  # type: ignore[override]
        return int(self.config["text_cfg"].get("context_length", 77))

    # ---- the network ----

    def build(self) -> torch.nn.Module:
        import open_clip

        with _quiet():
            return open_clip.create_model(
                self.model, pretrained=None, pretrained_hf=False, force_quick_gelu=self._quick_gelu
            ).eval()

    def fit(self, state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        if is_hugging_face(state):
            state = to_open_clip(state)
        extra = ("input_resolution", "context_length", "vocab_size", "text.transformer.embeddings.position_ids")
        return {name: value for name, value in state.items() if name not in extra}

    def randomise(self, module: torch.nn.Module, seed: int) -> None:
        from bench.extractors import seeded

        seeded.build(module, seed, key=self.network(), images=lambda: seeded.batch(self.recipe, seed))

    def load(self, device: str = "cpu", dtype: str = "float32") -> None:
        super().load(device, dtype)
        _ = self._tokenizer  # its absence is said before any image is seen

    @cached_property
    def _tokenizer(self) -> Any:
        with _quiet():
            import open_clip

            try:
                return open_clip.get_tokenizer(self.model)
            except (OSError, ValueError) as error:
                raise UsageError(
                    f"The tokenizer of {self.model} is not on this machine ({str(error).splitlines()[0][:120]}): "
                    "--allow-download fetches it, or choose a model with the built-in one, such as ViT-B-32."
                ) from error

    def prepare_image(self, image: np.ndarray) -> np.ndarray:
        """(h, w, 3) uint8 -> (size, size, 3) float32."""
        return self.recipe(image)

    def forward(self, module: torch.nn.Module, images: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"features": module.encode_image(images)}

    def extract_texts(self, texts: Sequence[str]) -> dict[str, Any]:
        """Texts -> features (b, d); an empty text is a UsageError."""
        import torch

        module = self._ready()
        device = next(module.parameters()).device
        with torch.inference_mode():
            tokens = self.tokens(texts).to(device)
            return {"features": module.encode_text(tokens).float()}

    # ---- texts ----

    def overlong(self, texts: Sequence[str]) -> int:
        """Texts of fewer bytes than the context fit surely: a token is at least one byte."""
        long = [text for text in texts if len(text.encode()) > self.context - _MARKS]
        cut = (self._tokens(long[i : i + _SOME])[1].sum() for i in range(0, len(long), _SOME))
        return int(sum(cut))

    def tokens(self, texts: Sequence[str]) -> torch.Tensor:
        """(b, context) token ids; over-long texts are cut."""
        if any(not text.strip() for text in texts):
            raise UsageError("An empty text was given to open-clip; a text says at least one word.")
        longer, cut = self._tokens(texts)
        return self._tokenizer(list(texts), context_length=self.context) if bool(cut.any()) else longer[:, :-1]

    def _tokens(self, texts: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor]:
        """(b, context + 1) token ids, and (b,): which texts do not fit into the context."""
        longer = self._tokenizer(list(texts), context_length=self.context + 1)
        filler = self._tokenizer([""], context_length=self.context + 1)[0, -1]
        return longer, longer[:, -1] != filler


@contextmanager
def _quiet() -> Iterator[None]:
    """open_clip warns on the root logger that nothing was loaded, which is what is wanted here."""
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.setLevel(before)
