"""`diffusers`: any text-to-image pipeline of Hugging Face diffusers, from a folder or from the hub's local cache.

An image's noise is drawn by a generator of its own on the CPU, seeded by its request: the same on every device and in
every batch. Images are made one by one unless a batch size is given, since sums in batches differ in their last bits.
What fixes a system is its files' content, not its path: configuration, vocabulary and weights of each part, the
scheduler with its configuration, and the arguments of the call. Versions of the libraries are recorded and no part of
the identity. Nothing is fetched unless downloads are allowed, and no code that comes with a model is run.
"""

from __future__ import annotations

import importlib.util
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import Any, ClassVar

from bench.errors import BenchError, GenerationFailed, UsageError
from bench.formats.large_files import may_download, named_digest
from bench.generators import diffusers_calls as calls
from bench.generators import diffusers_folder as folders
from bench.generators.base import Context, Generator
from bench.registry import register
from bench.spec import parse
from bench.types import Outcome, Request

_log = logging.getLogger("bench")
PATIENCE = 3
"""Failures before the first image after which nothing is tried any more."""
_PACKAGES = ("diffusers", "transformers", "accelerate")


@register("generator", "diffusers", summary="a text-to-image pipeline of diffusers, from a folder or the hub's cache")
class Diffusers(Generator):
    """`model`: a folder as save_pretrained writes it, or owner/name of the hub with `revision` and `variant`.

    `scheduler`: another class (DDIM, EulerDiscreteScheduler). `steps`, `guidance`, `negative_prompt`, `width`,
    `height`, `extra` ("max_sequence_length=512"): of the call; what is not given is the pipeline's own. `dtype`:
    float32, bfloat16 or float16. `attention_scale`: factor of what cross-attention adds, 0 shuts the text out.
    `adapter`: a LoRA's .safetensors, with `adapter_scale`. `batch_size` above 1 is faster on a GPU and may change last
    bits.
    """

    not_identity: ClassVar[tuple[str, ...]] = ("model", "revision", "adapter", "batch_size")

    def __init__(
        self, model: str, revision: str = "", variant: str = "", scheduler: str = "", steps: int | None = None,
        guidance: float | None = None, negative_prompt: str | None = None, width: int | None = None,
        height: int | None = None, dtype: str = "float32", attention_scale: float = 1.0, adapter: str = "",
        adapter_scale: float = 1.0, extra: str = "", batch_size: int = 1,
    ) -> None:  # fmt: skip
        self.model, self.revision, self.variant = str(model), str(revision), str(variant)
        self.scheduler = str(scheduler)
        self.steps, self.guidance = None if steps is None else int(steps), None if guidance is None else float(guidance)
        self.negative_prompt = None if negative_prompt is None else str(negative_prompt)
        self.width, self.height = (None if side is None else int(side) for side in (width, height))
        self.dtype, self.attention_scale = str(dtype), float(attention_scale)
        self.adapter, self.adapter_scale = str(adapter), float(adapter_scale)
        self.extra = dict(parse(f"extra:{extra}").params) if extra else {}
        self.batch_size = int(batch_size)
        self._made: Any = None
        self._images = self._failures = 0

    # ---- before anything is loaded ----

    def models(self) -> Sequence[tuple[str, str]]:
        return ((self.model, self.revision),)

    def problems(self) -> list[str]:
        """Missing packages, folders, parts and weights, and parameters that cannot be meant; nothing is imported."""
        missing = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
        if missing:
            return [f"diffusers needs the packages {', '.join(missing)}: pip install 'text-image-bench[diffusers]'."]
        found = [why] if (why := folders.absent(self.model, self.revision)) else []
        if self.revision and not folders.is_hub(self.model) and not found:
            found.append(f"revision={self.revision} is for models of the hub, and '{self.model}' is a folder.")
        if self.dtype not in calls.DTYPES:
            found.append(f"dtype={self.dtype} is unknown; give {', '.join(calls.DTYPES)}.")
        sides = [s for s in (self.steps, self.width, self.height, self.batch_size) if s is not None]
        if min(sides) < 1:
            found.append("steps, width, height and batch_size must be 1 or more.")
        if self.adapter and (said := calls.adapter_problem(self._adapter)):
            found.append(said)
        if not self.adapter and self.adapter_scale != 1:
            found.append("adapter_scale needs adapter=, the LoRA that it scales.")
        return found if found or self._located is None else self.pipeline.problems()

    @property
    def _located(self) -> Path | None:
        """The folder; None where there is none, or one of the cache that lacks parts which may be fetched."""
        place = folders.located(self.model, self.revision)
        fetchable = place is not None and folders.is_hub(self.model) and may_download()
        return None if fetchable and place and folders.Pipeline(place, self.variant).problems() else place

    @property
    def _adapter(self) -> Path:
        return Path(self.adapter).expanduser()

    @cached_property
    def pipeline(self) -> folders.Pipeline:
        """The folder, fetched if it must and may be."""
        place = self._located or calls.fetched(self.model, self.revision, self.variant)
        return folders.Pipeline(place, self.variant)

    def setup(self, context: Context) -> None:
        """Look up class, scheduler and tokenizers, and check the arguments of the call; weights are not loaded yet."""
        super().setup(context)
        if any(sample.frames > 1 for sample in context.samples.values()):
            raise UsageError("diffusers makes single images, and the dataset holds stories of several frames.")
        if problems := self.pipeline.problems():  # of what was fetched just now
            raise UsageError(*problems)
        _ = self._described  # now: old pipelines mend their scheduler's configuration when they load
        self._readers = calls.readers(self.pipeline, self._kind, self._given)
        self._images = self._failures = 0

    @cached_property
    def _kind(self) -> Any:
        return calls.pipeline_class(self.pipeline)

    @cached_property
    def _scheduler(self) -> Any:
        return calls.scheduler_of(self.pipeline, self.scheduler)

    @cached_property
    def _described(self) -> Mapping[str, str]:
        return calls.described(self._scheduler)

    @cached_property
    def _given(self) -> Mapping[str, Any]:
        """The arguments of every call."""
        wanted = {
            "num_inference_steps": self.steps, "guidance_scale": self.guidance, "width": self.width,
            "height": self.height, "negative_prompt": self.negative_prompt, **self.extra,
        }  # fmt: skip
        return calls.checked(self._kind, wanted)

    @cached_property
    def _parts(self) -> dict[str, str]:
        return self.pipeline.identity()

    def identity(self) -> Mapping[str, Any]:
        """Content of each part and of the adapter, scheduler, and the call's arguments with the pipeline's defaults."""
        adapter = {"adapter": named_digest(self._adapter)} if self.adapter else {}
        return {
            "pipeline": self.pipeline.kind, "parts": self._parts, "scheduler": self._described,
            "call": calls.resolved(self._kind, self._given), **adapter,
        }  # fmt: skip

    def notes(self) -> list[str]:
        """What was used, part by part, and how many of the dataset's prompts are longer than the text encoders read."""
        how = calls.resolved(self._kind, self._given)
        scheduler = self._described
        used = f"scheduler {scheduler['class']} ({scheduler['config'][:12]})" if scheduler else "no scheduler"
        told = ", ".join(f"{k}={json.dumps(v, ensure_ascii=False)}" for k, v in how.items())
        commit = self.pipeline.folder.name if self.pipeline.folder.parent.name == "snapshots" else ""
        source = f", {self.model} at commit {commit[:12]}" if commit else ""
        found = [
            f"{self.pipeline.kind}{source}: {used}, {told}, {self.dtype} on {self.context.device}.",
            "Parts: " + ", ".join(f"{name} {mark[:12]}" for name, mark in self._parts.items()) + ".",
            "Made with " + ", ".join(f"{name} {version(name)}" for name in ("torch", *_PACKAGES[:2])) + ".",
        ]
        for name, (tokenizer, limit) in self._readers.items():
            long = sum(bool(calls.cut(tokenizer, limit, s.prompt)) for s in self.context.samples.values())
            if long:
                found.append(
                    f"{long} of the dataset's {len(self.context.samples)} prompts are longer than the {limit} tokens "
                    f"that {name} reads; the words cut are in the outcomes (info, cut)."
                )
        return found

    # ---- images ----

    def generate(self, requests: Sequence[Request]) -> Iterator[Outcome]:
        """An outcome a request; a batch that breaks is tried again one by one, so that one prompt fails alone."""
        for size in dict.fromkeys(request.size for request in requests):
            if size is not None:
                calls.checked(self._kind, {"width": size[0], "height": size[1]})
        if self._made is None:
            self._made = self._loaded()
        for _, same in groupby(requests, key=lambda request: request.size):
            left = list(same)
            while left:
                batch, left = left[: self.batch_size], left[self.batch_size :]
                yield from self._batch(batch)

    def _loaded(self) -> Any:
        import torch

        if self.context.device.startswith("cuda"):
            torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False  # float32 means float32
        made = calls.loaded(self.pipeline, self._scheduler, self.context.device, self.dtype)
        if self.adapter:
            calls.put_in(made, self._adapter, self.adapter_scale)
        if self.attention_scale != 1:
            calls.scale_attention(made, self.attention_scale)
        return made

    def _batch(self, batch: Sequence[Request]) -> Iterator[Outcome]:
        try:
            made = self._called(batch)
        except BenchError:
            raise
        except Exception as error:
            if len(batch) > 1:
                yield from self._halved(batch, error)
            else:
                yield self._failed(batch[0], error)
            return
        for request, outcome in zip(batch, made, strict=True):
            self._images += outcome.status == "ok"
            cuts = {n: calls.cut(*reader, request.prompt) for n, reader in self._readers.items()}
            cuts = {n: words for n, words in cuts.items() if words}
            told = [f"{n} reads {self._readers[n][1]} tokens, and the prompt's end was cut" for n in cuts]
            told += self._other_size(outcome.image, request)
            info = {**({"cut": cuts} if cuts else {}), **({"notes": told} if told else {})}
            yield Outcome(image=outcome.image, status=outcome.status, reason=outcome.reason, info=info)

    def _other_size(self, image: Any, request: Request) -> list[str]:
        """A line about an image that is not of the size asked for: pipelines round sides to what they can do."""
        if image is None:
            return []
        height, width = image.shape[:2]
        wanted = request.size or (self.width or width, self.height or height)
        said = f"came as {width}x{height} where {wanted[0]}x{wanted[1]} was asked for"
        return [] if wanted == (width, height) else [said]

    def _halved(self, batch: Sequence[Request], error: Exception) -> Iterator[Outcome]:
        """A batch in parts: of half its size, for good, when there was no memory, else one by one."""
        step = 1
        if calls.out_of_memory(error):
            _free()
            step = self.batch_size = len(batch) // 2
            device = self.context.device
            _log.warning("the memory of %s holds no batch of %d; going on with %d", device, len(batch), step)
        for at in range(0, len(batch), step):
            yield from self._batch(batch[at : at + step])

    def _failed(self, request: Request, error: Exception) -> Outcome:
        """The outcome of one image that could not be made; GenerationFailed where no other will go better."""
        if calls.out_of_memory(error):
            _free()
            raise GenerationFailed(
                f"The memory of {self.context.device} does not hold a single image of {self.pipeline.kind}; make it "
                "smaller (width=, height=), or try dtype=bfloat16."
            ) from error
        self._failures += 1
        if not self._images and self._failures >= PATIENCE:
            raise GenerationFailed(f"'{self.model}' makes no images: {calls.said(error)}.") from error
        return Outcome(status="failed", reason=calls.said(error))

    def _called(self, batch: Sequence[Request]) -> list[Outcome]:
        import torch

        given, count = dict(self._given), len(batch)
        if batch[0].size:
            given["width"], given["height"] = batch[0].size
        if "negative_prompt" in given:
            given["negative_prompt"] = [given["negative_prompt"]] * count
        if "generator" in calls.arguments(self._kind):
            given["generator"] = [torch.Generator("cpu").manual_seed(r.seed) for r in batch]
        with torch.inference_mode(), calls.quiet():
            result = self._made(prompt=[r.prompt for r in batch], output_type="np", **given)
        images = getattr(result, "images", None)
        if images is None or len(images) != count:
            found = "no images" if images is None else f"{len(images)} images for {count} prompts"
            raise GenerationFailed(f"A {self.pipeline.kind} gave {found}; it is no text-to-image pipeline.")
        return [_outcome(*one) for one in zip(images, calls.flags(result, count), strict=True)]

    def close(self) -> None:
        """Let go of the networks."""
        if self._made is not None:
            self._made = None
            _free()


def _outcome(image: Any, flagged: bool) -> Outcome:
    if flagged:
        return Outcome(status="refused", reason="the pipeline's safety checker held the image back")
    pixels = calls.pixels(image)
    if pixels is None:
        return Outcome(status="failed", reason="the image holds NaN or infinities; try dtype=float32 or bfloat16")
    return Outcome(image=pixels)


def _free() -> None:
    import gc

    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
