"""One pass over images for all extractors at once: decode ahead in worker threads, forward in fixed batches.

An image is decoded once, whatever the number of extractors; an extractor sees a pixel content once, whatever the number
of runs (the cache) or of copies (within a shard). Batches have a fixed size, the last one padded by repetition, so that
the numbers do not depend on how many rows happened to be left.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch

from bench.engine import views
from bench.engine.cache import Cache
from bench.engine.generate import input_digest
from bench.errors import NotFinite
from bench.types import ImageRow, Sample

T = TypeVar("T")
R = TypeVar("R")


@dataclass
class Eye:
    """An extractor in use: loaded on its first forward pass, with the key of its rows."""

    extractor: Any
    key: str
    device: str
    dtype: str
    batch_size: int
    loaded: bool = False
    forwards: int = 0
    """Rows that went through the network (cached and padded ones not counted)."""

    def load(self) -> None:
        """Bring the model into memory, once."""
        if not self.loaded:
            self.extractor.load(self.device, self.dtype)
            self.loaded = True

    def queries(self, sample: Sample | None, row: ImageRow | None = None) -> list[str]:
        """What is asked about an image of this sample: part of the row's input digest."""
        if self.extractor.of_rows:
            return [f"row {row.name}"] if row is not None else []
        kind = self.extractor.query
        if kind is None or sample is None:
            return []
        if kind == "prompt":
            return [sample.prompt]
        asked = [f"{q.id}\t{q.text}\t{'|'.join(q.choices)}" for q in sample.questions]
        right = [f"\t{q.answer}" if kind == "answers" else "" for q in sample.questions]
        return [a + r for a, r in zip(asked, right, strict=True)]


@dataclass(frozen=True)
class Look:
    """One image waiting for one extractor: found in the cache, or prepared for a batch."""

    input: str
    found: Mapping[str, Any] | None
    prepared: Any = None


def look(eyes: Sequence[Eye], pixels: Any, row: ImageRow, sample: Sample | None, cache: Cache) -> list[Look]:
    """What each extractor needs of one decoded image (None where it is not here); runs in a worker thread."""
    looks = []
    for eye in eyes:
        made_from = input_digest(row.digest, eye.queries(sample, row))
        if eye.extractor.of_rows:  # quicker asked than found
            looks.append(Look(made_from, None, row))
            continue
        found = cache.find(made_from, eye.key)
        looks.append(Look(made_from, found, None if found else eye.extractor.prepare_image(pixels)))
    return looks


@dataclass
class Batch:
    """Rows of one extractor for one view file, filled in order and run in fixed batches."""

    eye: Eye
    keys: list[str] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)
    rows: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    """Input digest -> outputs."""
    _waiting: dict[str, tuple[str, Any, Sample | None]] = field(default_factory=dict)

    def add(self, key: str, look: Look, sample: Sample | None) -> None:
        """Take one row; runs a batch when it is full."""
        self.keys.append(key)
        self.inputs.append(look.input)
        if look.found is not None:
            self.rows.setdefault(look.input, look.found)
        elif look.input not in self.rows and look.input not in self._waiting:
            self._waiting[look.input] = (key, look.prepared, sample)
            if len(self._waiting) == self.eye.batch_size:
                self._run()

    def finish(self) -> views.Rows:
        """Run what is waiting and give all rows in order."""
        if self._waiting:
            self._run()
        taken = [self.rows[i] for i in self.inputs]
        return views.Rows(tuple(self.keys), tuple(self.inputs), views.stack(taken))

    def _run(self) -> None:
        self.eye.load()
        waiting, self._waiting = self._waiting, {}
        keys, prepared, samples = zip(*waiting.values(), strict=True)
        outputs = forward(
            lambda batch, asked: self.eye.extractor.extract_images(batch, asked), prepared, samples, self.eye
        )
        check_finite(outputs, keys, self.eye)
        for i, made_from in enumerate(waiting):
            self.rows[made_from] = {name: value[i] for name, value in outputs.items()}


def forward(
    call: Callable[[list[Any], list[Any]], Mapping[str, Any]], items: Sequence[Any], beside: Sequence[Any], eye: Eye
) -> dict[str, Any]:
    """One batch through an extractor, padded to its fixed size and cut back; tensors come back on the CPU in
    float32."""
    n, pad = len(items), eye.batch_size - len(items)
    eye.forwards += n
    with torch.inference_mode():
        outputs = call([*items, *[items[-1]] * pad], [*beside, *[beside[-1]] * pad])
    return {name: _cut(value, n) for name, value in outputs.items()}


def _cut(value: Any, n: int) -> Any:
    if isinstance(value, torch.Tensor):
        return value[:n].detach().to("cpu", torch.float32).clone()
    return list(value)[:n]


def check_finite(outputs: Mapping[str, Any], keys: Sequence[str], eye: Eye) -> None:
    """NotFinite with the sample's id when an extractor gives NaN or an infinity."""
    for name, value in outputs.items():
        if isinstance(value, torch.Tensor) and not torch.isfinite(value).all():
            bad = ~torch.isfinite(value).flatten(1).all(dim=1)
            key = keys[int(bad.nonzero()[0])]
            who = getattr(eye.extractor, "plugin_name", type(eye.extractor).__name__)
            raise NotFinite(
                f"The extractor '{who}' gave NaN or infinite {name} for '{key}'; check its weights"
                + (" and try --dtype float32." if eye.dtype != "float32" else " and the image.")
            )


def ahead(items: Iterable[T], work: Callable[[T], R], threads: int, window: int) -> Iterator[R]:
    """`map(work, items)` in threads, at most `window` items ahead of the consumer, in order.

    `items` is read in the consumer's thread: a generator network may run there while earlier images are prepared.
    """
    with ThreadPoolExecutor(max_workers=threads, thread_name_prefix="prepare") as pool:
        pending: deque[Future[R]] = deque()
        try:
            for item in items:
                pending.append(pool.submit(work, item))
                if len(pending) >= window:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        except GeneratorExit:  # nobody wants the rest; but what breaks in `items` leaves what came before it to be done
            for future in pending:
                future.cancel()
            raise
