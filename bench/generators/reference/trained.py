"""What all trained generators of scenes share: weights found and checked against their card, captions, fixed batches.

Weights are looked for beside the code (shipped), then in BENCH_HOME/weights, by the name that side, strategy, twin and
training seed give them; `weights=` names a file instead. The card beside them (NAME.json) must say the same and hold
their sha256: nothing else is ever loaded.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn

from bench.errors import BenchError, DataError, UsageError, WeightsMissing
from bench.formats.large_files import sha256
from bench.generators.base import Context, Generator
from bench.generators.reference.attacking import shift, shifted
from bench.generators.reference.fusing import about, strategy, weights_name
from bench.generators.reference.text import TextEncoder, ids_of, over_long, unknown_words
from bench.spec import Spec, parse
from bench.statedict import load
from bench.store import home
from bench.types import Outcome, Request

SHIPPED = Path(__file__).resolve().parent / "weights"
SIDES = (32, 64)


class Trained(Generator):
    """Subclasses implement `build` (the network of a strategy) and `draw`."""

    fusion: ClassVar[str] = "attention"
    factors: ClassVar[tuple[str, ...]] = ("train_seed",)
    not_identity: ClassVar[tuple[str, ...]] = ("weights",)
    batch_size = 32

    def __init__(self, side: int, blind: bool, train_seed: int, weights: str | None) -> None:
        if side not in SIDES:
            raise UsageError(f"{self.plugin_name} draws images of side 32 or 64; got {side}.")
        if train_seed < 0:
            raise UsageError(f"train_seed is a training's seed, 0 or more; got {train_seed}.")
        self.side, self.blind, self.train_seed, self.weights = side, bool(blind), train_seed, weights
        self.strategy = parse(self.fusion)

    plugin_name: ClassVar[str]

    def build(self) -> nn.Module:
        """The network with `self.strategy`."""
        raise NotImplementedError

    def draw(self, network: Any, seeds: Sequence[int], ids: torch.Tensor) -> torch.Tensor:
        """Seeds (b) and token ids (b, l) -> images (b, 3, side, side) in [-1, 1]; a row depends on itself alone."""
        raise NotImplementedError

    # ---- weights -------------------------------------------------------------------------------------------------

    def fuse(self, fusion: Spec) -> None:
        self.strategy = strategy(str(fusion))
        self.__dict__.pop("network", None)

    @property
    def weights_name(self) -> str:
        """Name of the files without their ending."""
        return weights_name(self.plugin_name, self.side, self.strategy, self.blind, self.train_seed)

    def path(self) -> Path:
        """The weights file; WeightsMissing with the command that makes it."""
        if self.weights is not None:
            found = Path(self.weights).expanduser()
            if not found.is_file():
                raise WeightsMissing(f"The weights file {found} does not exist; {self._made_by()}.")
            return found
        places = [folder / f"{self.weights_name}.safetensors" for folder in (SHIPPED, home() / "weights")]
        for place in places:
            if place.is_file():
                return place
        raise WeightsMissing(
            f"{self.plugin_name}+{self.strategy} has no weights on this machine (looked for {places[0].name} in "
            f"{places[0].parent} and {places[1].parent}); {self._made_by()}."
        )

    def _made_by(self) -> str:
        options = f" --side {self.side}" + (" --blind" if self.blind else "") + f" --seed {self.train_seed}"
        return f"make them: bench train generator:{self.plugin_name} --fusion '{self.strategy}'{options} --install"

    def card(self) -> Mapping[str, Any]:
        """The card of the weights, checked: DataError when it is absent, of other weights or of another system."""
        path = self.path()
        beside = path.with_suffix(".json")
        try:
            card = json.loads(beside.read_text(encoding="utf-8"))
            claimed = {key: card.get(key) for key in about("", 0, self.strategy, False, 0)}
        except FileNotFoundError:
            raise DataError(f"{path} has no card beside it ({beside.name}); `bench train` writes both.") from None
        except (OSError, ValueError, AttributeError) as error:
            raise DataError(f"{beside} is no card of weights ({type(error).__name__}); {self._made_by()}.") from error
        if card.get("sha256") != sha256(path):
            raise DataError(
                f"{path} is damaged or another file: its sha256 is {sha256(path)[:16]}... and its card says "
                f"{str(card.get('sha256'))[:16]}...; {self._made_by()}."
            )
        wanted = about(self.plugin_name, self.side, self.strategy, self.blind, self.train_seed)
        other = [f"{k} {claimed[k]} where {v} is asked for" for k, v in wanted.items() if claimed[k] != v]
        if other:
            raise DataError(f"{path} holds weights of another system ({'; '.join(other)}); {self._made_by()}.")
        return card

    def problems(self) -> list[str]:
        try:
            self.card()
        except BenchError as error:
            return list(error.messages)
        return []

    def identity(self) -> Mapping[str, Any]:
        return {"weights": f"sha256:{sha256(self.path())}"}

    @property
    def teachers(self) -> Sequence[str]:  # type: ignore[override]
        return tuple(self.card().get("teachers", ()))

    @cached_property
    def network(self) -> nn.Module:
        """The network with its weights, ready to draw on the CPU."""
        self.card()
        with torch.random.fork_rng(devices=[]):
            network = self.build()
        load(network, self.path(), self.plugin_name)
        return network.eval().requires_grad_(False).to(memory_format=torch.channels_last)

    # ---- images --------------------------------------------------------------------------------------------------

    def setup(self, context: Context) -> None:
        super().setup(context)
        texts = [sample.prompt for sample in context.samples.values()]
        unknown = [words for words in map(unknown_words, texts) if words]
        self._notes = []
        if unknown and not self.blind:
            some = sorted({word for words in unknown for word in words})
            self._notes.append(
                f"{self.plugin_name} reads {len(unknown)} of {len(texts)} prompts with words that it does not know as "
                f"one unknown word: {', '.join(some[:8])}{', ...' if len(some) > 8 else ''}."
            )
        if not self.blind and (cut := over_long(texts)):
            self._notes.append(
                f"{self.plugin_name} reads the first 31 words of a prompt; {cut} of {len(texts)} prompts are longer."
            )

    def notes(self) -> Sequence[str]:
        return getattr(self, "_notes", ())

    def generate(self, requests: Sequence[Request]) -> Iterator[Outcome]:
        for at in range(0, len(requests), self.batch_size):
            yield from self._some(requests[at : at + self.batch_size])

    def attack(self, requests: Sequence[Request], eps: float, kind: str) -> Iterator[Outcome]:
        """`generate` with moved word embeddings: see bench.generators.reference.attacking."""
        for request in requests:  # alone: the sign of a gradient near 0 turns with a last bit, which batches round
            seeds, ids = self.batch([request], 1)
            loss = partial(self.own_loss, self.network, seeds, ids)
            moved = shift(self.encoder(), seeds, ids, eps, kind, loss)
            with shifted(self.encoder(), moved), torch.inference_mode():
                images = self.draw(self.network, seeds, ids)
            yield from self.outcomes([request], images)

    def encoder(self) -> TextEncoder:
        """What reads the words of a prompt."""
        return self.network.text

    def own_loss(self, network: Any, seeds: Sequence[int], ids: torch.Tensor) -> torch.Tensor:
        """(): how little the images of these seeds agree with the texts, by what the system was trained with, summed
        over the rows."""
        raise UsageError(f"{self.plugin_name} gives no gradients of its word embeddings to attack it by.")

    def _some(self, requests: Sequence[Request]) -> Iterator[Outcome]:
        seeds, ids = self.batch(requests)
        with torch.inference_mode():
            images = self.draw(self.network, seeds, ids)
        yield from self.outcomes(requests, images)

    def batch(self, requests: Sequence[Request], rows: int | None = None) -> tuple[list[int], torch.Tensor]:
        """Seeds and token ids, int64 (rows, l), of at most so many requests, filled up (None: to `batch_size`): sums
        in batches of other sizes round differently. UsageError for a size that it does not draw."""
        for request in requests:
            if request.size is not None and request.size != (self.side, self.side):
                asked = "x".join(map(str, request.size))
                raise UsageError(
                    f"{self.plugin_name} draws {self.side}x{self.side} images and {asked} were asked for; leave the "
                    f"size out, or write {self.plugin_name}(side=32) or (side=64)."
                )
        spare = (rows or self.batch_size) - len(requests)
        texts = ["" if self.blind else request.prompt for request in requests]
        return [*(r.seed for r in requests), *[0] * spare], ids_of([*texts, *[""] * spare])

    def outcomes(self, requests: Sequence[Request], images: torch.Tensor) -> Iterator[Outcome]:
        """Images (b, 3, h, w) in [-1, 1], of which the first are those of the requests."""
        pixels = images.clamp(-1, 1).add(1).mul(127.5).round().permute(0, 2, 3, 1).to("cpu", torch.uint8).numpy()
        for request, image in zip(requests, pixels, strict=False):
            if request.frames > 1:
                yield Outcome(status="failed", reason=f"{self.plugin_name} draws single images, not stories")
            else:
                yield Outcome(image=np.ascontiguousarray(image), info={} if self.blind else _misread(request.prompt))


def _misread(text: str) -> dict[str, Any]:
    """What of a caption was not read, for the record of its image."""
    unknown, cut = unknown_words(text), over_long([text])
    return {**({"unknown words": list(unknown)} if unknown else {}), **({"cut": True} if cut else {})}


def noise_of(seed: int, *shape: int) -> torch.Tensor:
    """Normal noise of a seed, equal on every device and in every batch."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed % (1 << 63)))
