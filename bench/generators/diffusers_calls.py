"""What is asked of diffusers: which class makes images, a scheduler, a loaded pipeline, scales, texts that are cut.

torch, diffusers and transformers are imported inside the functions alone.
"""

from __future__ import annotations

import contextlib
import inspect
import json
import logging
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bench.errors import BenchError, UsageError, did_you_mean
from bench.generators.diffusers_folder import Pipeline
from bench.spec import text_digest

DTYPES = ("float32", "bfloat16", "float16")
_OTHER_ENDS = {
    "num_frames": "videos", "video_length": "videos", "audio_length_in_s": "sounds", "audio_end_in_s": "sounds",
    "frame_size": "views of solids",
}  # fmt: skip
"""Parameters that only pipelines for something else than images have."""
_PICTURES = ("control_image", "mask_image", "conditioning_image", "condition_image", "image", "video", "source_prompt")
_UNLIMITED = 10**6


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """diffusers and transformers say nothing below an error, of the future either, and draw no bars."""
    names = ("diffusers", "transformers", "accelerate")
    before = {name: logging.getLogger(name).level for name in names}
    import diffusers.utils.logging as ours
    import transformers.utils.logging as theirs

    for name in names:
        logging.getLogger(name).setLevel(logging.ERROR)
    ours.disable_progress_bar()
    theirs.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            warnings.simplefilter("ignore", DeprecationWarning)
            yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)


# ---- what the class says -------------------------------------------------------------------------------------------


def pipeline_class(pipeline: Pipeline) -> Any:
    """The class of a folder's pipeline; UsageError unless it makes images from texts."""
    import diffusers

    name = pipeline.kind
    found = getattr(diffusers, name, None)
    if not (inspect.isclass(found) and issubclass(found, diffusers.DiffusionPipeline)):
        raise UsageError(
            f"'{pipeline.folder}' is a {name}, which diffusers {diffusers.__version__} does not have; install the "
            "version that wrote it, or give a pipeline of diffusers itself."
        )
    if why := _unfit(found):
        raise UsageError(f"'{pipeline.folder}' is a {name} and no text-to-image pipeline: {why}.")
    return found


def arguments(kind: Any) -> dict[str, inspect.Parameter]:
    """The arguments that a pipeline's call takes."""
    return {k: p for k, p in inspect.signature(kind.__call__).parameters.items() if k not in ("self", "args", "kwargs")}


def _unfit(kind: Any) -> str:
    from diffusers.pipelines.auto_pipeline import AUTO_TEXT2IMAGE_PIPELINES_MAPPING

    taken = arguments(kind)
    if "prompt" not in taken:
        return "it takes no prompt"
    for name, what in _OTHER_ENDS.items():
        if name in taken:
            return f"it makes {what}"
    known = kind in AUTO_TEXT2IMAGE_PIPELINES_MAPPING.values() and "ControlNet" not in kind.__name__
    for name in _PICTURES[: -3 if known else None]:
        if name in taken:
            return f"it wants {name}"
    absent = [n for n, p in taken.items() if p.default is p.empty and p.kind is not p.VAR_KEYWORD and n != "prompt"]
    return f"it wants {absent[0]}" if absent else ""


def checked(kind: Any, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a call that were given (not None); UsageError when the pipeline takes no such argument."""
    taken = arguments(kind)
    given = {k: v for k, v in wanted.items() if v is not None}
    for name in given:
        if name not in taken:
            raise UsageError(f"A {kind.__name__} takes no {name}.{did_you_mean(name, taken)}")
    return given


def resolved(kind: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """Steps and guidance as they will be: given, or the pipeline's own."""
    taken = arguments(kind)
    full: dict[str, Any] = {n: taken[n].default for n in ("num_inference_steps", "guidance_scale") if n in taken}
    full.update(given)
    return {k: v for k, v in full.items() if v is None or isinstance(v, bool | int | float | str)}


# ---- schedulers ----------------------------------------------------------------------------------------------------


def scheduler_of(pipeline: Pipeline, name: str) -> Any:
    """The folder's scheduler, or another class with its configuration; None where the pipeline has none."""
    import diffusers

    part = pipeline.parts.get("scheduler")
    if part is None:
        if name:
            raise UsageError(f"A {pipeline.kind} has no scheduler, so that scheduler={name} cannot be put in.")
        return None
    own = getattr(diffusers, part.kind, None)
    if own is None:
        who = f"diffusers {diffusers.__version__}"
        raise UsageError(f"{who} has no scheduler {part.kind}, which '{pipeline.folder}' names.")
    try:
        made = own.from_pretrained(str(part.folder), local_files_only=True)
    except Exception as error:
        raise UsageError(f"The scheduler of '{pipeline.folder}' cannot be loaded ({said(error)}).") from error
    if not name:
        return made
    fits: dict[str, Any] = {cls.__name__: cls for cls in made.compatibles if inspect.isclass(cls)}
    for wanted in (name, f"{name}Scheduler"):
        if wanted in fits:
            return fits[wanted].from_config(made.config)
    raise UsageError(f"scheduler={name} does not fit a {part.kind}.{did_you_mean(name, fits)}")


def described(scheduler: Any) -> dict[str, str]:
    """Class and digest of the configuration."""
    if scheduler is None:
        return {}
    config = {k: v for k, v in dict(scheduler.config).items() if not k.startswith("_")}
    return {"class": type(scheduler).__name__, "config": text_digest(json.dumps(config, sort_keys=True, default=str))}


# ---- loading -------------------------------------------------------------------------------------------------------


def fetched(model: str, revision: str, variant: str) -> Path:
    """Download a pipeline of the hub into the cache: what it needs, and no code."""
    import diffusers

    try:
        found = diffusers.DiffusionPipeline.download(model, revision=revision or None, variant=variant or None)
    except Exception as error:
        raise UsageError(f"'{model}' cannot be fetched ({said(error)}).") from error
    return Path(found)


def loaded(pipeline: Pipeline, scheduler: Any, device: str, dtype: str) -> Any:
    """The pipeline on a device, from its files alone. Pickled weights are read as tensors, never as code."""
    import torch

    safe = all(p.suffix == ".safetensors" for part in pipeline.parts.values() for p in pipeline.weights(part))
    given = {"scheduler": scheduler} if scheduler is not None else {}
    kind = pipeline_class(pipeline)
    own = inspect.signature(kind.__init__).parameters
    left_out = {n: None for n, value in pipeline.index.items() if value == [None, None] and n in own}  # a dropped T5
    try:
        with quiet():
            made = kind.from_pretrained(
                str(pipeline.folder), variant=pipeline.variant or None, use_safetensors=True if safe else None,
                local_files_only=True, **{_dtype_argument(): getattr(torch, dtype)}, **left_out, **given,
            )  # fmt: skip
            made.set_progress_bar_config(disable=True)
            return made.to(device)
    except (BenchError, MemoryError):
        raise
    except Exception as error:
        if out_of_memory(error):
            full = f"does not fit into the memory of {device}: try dtype=bfloat16"
            raise UsageError(f"'{pipeline.folder}' {full}.") from error
        raise UsageError(f"'{pipeline.folder}' cannot be loaded ({said(error)}).") from error


def _dtype_argument() -> str:
    """diffusers renames it on the way to 1.0."""
    import diffusers.pipelines.pipeline_utils as utils

    return "dtype" if hasattr(utils, "_resolve_dtype") else "torch_dtype"


def out_of_memory(error: BaseException) -> bool:
    """Whether a device or the machine had no memory left."""
    import torch

    kinds = (MemoryError, getattr(torch, "OutOfMemoryError", torch.cuda.OutOfMemoryError))
    text = str(error)
    return isinstance(error, kinds) or (
        isinstance(error, RuntimeError) and ("out of memory" in text or "can't allocate memory" in text)
    )


def said(error: BaseException) -> str:
    """'ValueError: what it says', on one line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:300]}" if text else type(error).__name__


# ---- scales --------------------------------------------------------------------------------------------------------


def scale_attention(made: Any, scale: float) -> int:
    """What cross-attention adds to the picture times `scale`: the number of layers; UsageError when there are none.

    0 shuts the words out, 1 changes nothing. Only layers whose output is attention to the text alone are scaled: joint
    attention (SD3, Flux) mixes words and picture in one softmax, and there is nothing to scale by itself.
    """
    from diffusers.models.attention_processor import Attention

    networks = [v for name, v in made.components.items() if name in ("unet", "transformer", "prior")]
    layers = [m for n in networks for m in n.modules() if isinstance(m, Attention) and _crosses(m)]
    if not layers:
        raise UsageError(
            f"attention_scale scales layers of cross-attention, and a {type(made).__name__} has none that reads the "
            "text alone."
        )
    for layer in layers:
        layer.register_forward_hook(lambda module, given, output: output * scale)
    return len(layers)


def _crosses(layer: Any) -> bool:
    return bool(layer.is_cross_attention and layer.added_kv_proj_dim is None and not layer.residual_connection)


def adapter_problem(path: Path) -> str:
    """Why a LoRA file cannot be used; '' where it can."""
    import importlib.util

    if not path.is_file() or path.suffix != ".safetensors":
        return f"adapter={path} is no .safetensors file of a LoRA; give its path."
    if importlib.util.find_spec("peft") is None:
        return "A LoRA needs the package peft: pip install peft."
    try:
        names = _tensor_names(path)
    except (OSError, ValueError) as error:
        return f"{path} is no readable safetensors file ({said(error)}); fetch it again."
    if any(name.startswith(("ip_adapter.", "image_proj.")) for name in names):
        return f"{path} is an IP-Adapter, which wants an image with each prompt; only LoRAs are put in here."
    return ""


def _tensor_names(path: Path) -> list[str]:
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        if size > 100 << 20:
            raise ValueError("its head is too long")
        return [str(name) for name in json.loads(file.read(size))]


def put_in(made: Any, path: Path, scale: float) -> None:
    """A LoRA with its scale: 0 leaves the pipeline as it is, 1 is the adapter as it was trained."""
    if not hasattr(made, "load_lora_weights"):
        raise UsageError(f"A {type(made).__name__} takes no LoRA.")
    try:
        with quiet():
            made.load_lora_weights(
                str(path.parent), weight_name=path.name, adapter_name="adapter", local_files_only=True
            )  # fmt: skip
            if not any(made.get_list_adapters().values()):
                raise UsageError(f"{path} changes nothing in a {type(made).__name__}; give a LoRA of this pipeline.")
            made.set_adapters(["adapter"], adapter_weights=[scale])
    except BenchError:
        raise
    except Exception as error:
        raise UsageError(f"The adapter {path} does not fit a {type(made).__name__} ({said(error)}).") from error


# ---- texts that are cut --------------------------------------------------------------------------------------------


def readers(pipeline: Pipeline, kind: Any, given: Mapping[str, Any]) -> dict[str, tuple[Any, int]]:
    """Tokenizer's name -> (tokenizer, tokens that its text encoder reads)."""
    import transformers

    own = arguments(kind).get("max_sequence_length")
    longest = given.get("max_sequence_length", None if own is None else own.default)
    found = {}
    for name, part in pipeline.parts.items():
        if not name.startswith("tokenizer"):
            continue
        try:
            with quiet():
                made = getattr(transformers, part.kind).from_pretrained(str(part.folder), local_files_only=True)
        except Exception as error:
            raise UsageError(f"The part '{name}' of '{pipeline.folder}' cannot be loaded ({said(error)}).") from error
        limit = longest if isinstance(longest, int) and "CLIP" not in part.kind else made.model_max_length
        if 0 < limit < _UNLIMITED:
            found[name] = made, int(limit)
    return found


def cut(tokenizer: Any, limit: int, prompt: str) -> str:
    """The end of a prompt that does not fit; '' when all of it does."""
    plain = tokenizer(prompt, add_special_tokens=False, verbose=False).input_ids
    room = limit - tokenizer.num_special_tokens_to_add()
    return str(tokenizer.decode(plain[room:], skip_special_tokens=True)).strip() if len(plain) > room else ""


# ---- pixels --------------------------------------------------------------------------------------------------------


def pixels(image: Any) -> np.ndarray | None:
    """Floats from 0 to 1 (h, w, c) -> uint8 as diffusers' own images are rounded; None when they are not finite."""
    array = np.asarray(image, np.float32)
    return (array * 255).round().astype(np.uint8) if np.isfinite(array).all() else None


def flags(result: Any, count: int) -> list[bool]:
    """Which images a safety checker held back."""
    for name in ("nsfw_content_detected", "nsfw_detected"):
        found = getattr(result, name, None)
        if isinstance(found, list | tuple) and len(found) == count:
            return [bool(one) for one in found]
    return [False] * count
