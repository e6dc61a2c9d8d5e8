"""Rows of the train split as tensors: rendered when they are asked for, or all at once and kept on an accelerator.

A training that goes through more rows than are worth rendering has a bank of a fixed number, which it goes through
again and again, each time in another order. A row is the same wherever it is taken from.
"""

from __future__ import annotations

import functools
import hashlib
import logging
import multiprocessing
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields
from typing import Protocol

import numpy as np
import torch

from bench.generators.reference.text import ids_of
from bench.training.captioned import FIRST, entries_of, said
from bench.training.captured import Numbers
from bench.world.description import Understanding, meaning, understand
from bench.world.draws import Draw
from bench.world.grammar import paraphrases
from bench.world.mismatches import held_out, mismatch
from bench.world.palette import COLOURS, SHAPES
from bench.world.render import render
from bench.world.scene import Scene

BANK = 1 << 17
"""Rows of one object, and as many of any kind, that a long training goes through; a power of 2."""
NAMES: tuple[str, ...] = (*COLOURS, *SHAPES)
"""What `shown` says of an image, in this order."""
_EDITS = {"colour": 4, "shape": 4, "count": 2, "relation": 4, "size": 2, "cell": 3, "binding": 3}
_CHUNK = 2048

_log = logging.getLogger("bench")


@dataclass(frozen=True)
class Rows:
    """b rows."""

    images: torch.Tensor
    """uint8 (b, s, s, 3)."""
    ids: torch.Tensor
    """uint8 (b, 32): captions."""
    swapped: torch.Tensor
    """uint8 (b, 32): captions with one thing exchanged; (b, 0) where they are not wanted."""
    meaning: torch.Tensor
    """int64 (b,): equal where two captions say the same."""
    shown: torch.Tensor
    """uint8 (b, 14): 1 for every colour and shape that is there."""


class Source(Protocol):
    """Where rows come from."""

    def plan(self, first: int, ones: int) -> Numbers:
        """The numbers of a batch that begins at row `first` and whose first `ones` rows show a single object."""
        ...

    def take(self, numbers: Numbers, rows: int) -> Rows:
        """The rows of the batch with those numbers."""
        ...


@dataclass(frozen=True)
class Rendered:
    """Rows rendered now, on the CPU. side: of the images. edits: whether exchanged captions are wanted. bank: None for
    rows that are never shown again."""

    side: int
    edits: bool
    bank: int | None = None

    def plan(self, first: int, ones: int) -> Numbers:
        return {"first": first, "ones": ones, **({} if self.bank is None else order(first, self.bank))}

    def take(self, numbers: Numbers, rows: int) -> Rows:
        first = numbers["first"]
        which: Sequence[int] = range(first, first + rows)
        if self.bank is not None:
            which = ordered(numbers, torch.arange(rows), self.bank).add(FIRST).tolist()
        return rendered(which, numbers["ones"], self.side, self.edits)


class Kept:
    """The rows of a bank on a device; `take` is what `Rendered` with such a bank, and edits, takes."""

    def __init__(self, side: int, bank: int, device: str) -> None:
        self.bank = bank
        self.table = Rows(*(torch.cat(parts).to(device) for parts in zip(*_all(side, bank), strict=True)))

    def plan(self, first: int, ones: int) -> Numbers:
        return {"ones": ones, **order(first, self.bank)}

    def take(self, numbers: Numbers, rows: int) -> Rows:
        row = torch.arange(rows, device=self.table.ids.device)
        which = ordered(numbers, row, self.bank) + self.bank * (row >= numbers["ones"])
        return Rows(*(getattr(self.table, field.name)[which] for field in fields(Rows)))


@functools.cache
def kept(side: int, bank: int, device: str) -> Kept:
    """One bank for all trainings of a process."""
    return Kept(side, bank, device)


def source(side: int, edits: bool, bank: int | None, device: str) -> Source:
    """Rows for a device: a bank is kept where rendering would be waited for."""
    if bank is not None and torch.device(device).type != "cpu":
        return kept(side, bank, device)
    return Rendered(side, edits, bank)


def order(first: int, bank: int) -> Numbers:
    """How a batch that begins at row `first` goes through a bank: in an order of its turn, in which every row comes
    once."""
    turn, position = divmod(first - FIRST, bank)
    draw = Draw("bank", turn)
    return {"position": position, "stride": 2 * draw.below(bank // 2) + 1, "start": draw.below(bank)}


def ordered(numbers: Numbers, row: torch.Tensor, bank: int) -> torch.Tensor:
    """int64 (b,) in [0, bank): rows of the bank for the rows (b,) of a batch."""
    position, stride, start = (
        v.long() if isinstance(v, torch.Tensor) else v for v in (numbers[k] for k in ("position", "stride", "start"))
    )
    return ((row + position) * stride + start) & (bank - 1)


def rendered(which: Sequence[int], ones: int, side: int, edits: bool) -> Rows:
    """Those rows, of which the first `ones` show a single object and say what it is."""
    entries = entries_of(which, ones)
    scenes = [e.scene for e in entries]
    told = [understand(scene) for scene in scenes]
    ids = ids_of([said(e) for e in entries])
    other = ids[:, :0]
    if edits:
        swapped = [_swapped(t, Draw("swap", row)) for t, row in zip(told, which, strict=True)]
        other = ids_of([_told(t, e.variant) for t, e in zip(swapped, entries, strict=True)])
    return Rows(
        torch.from_numpy(render(scenes, list(which), side)), ids.byte(), other.byte(),
        torch.tensor([_number(meaning(t)) for t in told]), shown(scenes),
    )  # fmt: skip


def floats(images: torch.Tensor) -> torch.Tensor:
    """uint8 (b, s, s, 3) -> float32 (b, 3, s, s) in [-1, 1], channels last."""
    return images.permute(0, 3, 1, 2).float().div_(127.5).sub_(1)


def shown(scenes: Sequence[Scene]) -> torch.Tensor:
    """uint8 (n, 14): 1 for every colour and shape that a scene has."""
    found = torch.zeros(len(scenes), len(NAMES), dtype=torch.uint8)
    for row, scene in zip(found, scenes, strict=True):
        row[[NAMES.index(word) for thing in scene.objects for word in (thing.colour, thing.shape)]] = 1
    return found


def _told(told: Understanding, variant: int) -> str:
    texts = paraphrases(told)
    return texts[variant % len(texts)]


def _swapped(told: Understanding, draw: Draw) -> Understanding:
    """What is told with one thing exchanged, of what training may tell."""
    while True:  # ends: some colour of some thing can always be changed
        edited = mismatch(told, draw.weighted(_EDITS), draw)
        if edited is not None and not held_out(edited):
            return edited


def _number(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big", signed=True)


# ---- a bank --------------------------------------------------------------------------------------------------------


def _all(side: int, bank: int) -> Iterable[tuple[torch.Tensor, ...]]:
    """The rows of a bank in chunks, those of one object first; rendered in as many processes as there are cores."""
    _log.info("rendering %s rows", f"{2 * bank:,}")
    jobs = [(first, min(_CHUNK, bank - first), one, side) for one in (True, False)
            for first in range(0, bank, _CHUNK)]  # fmt: skip
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if cores == 1 or len(jobs) < 8:
        parts = [_chunk(job) for job in jobs]
    else:  # not forked: an accelerator's driver does not outlive a fork
        with ProcessPoolExecutor(min(cores, len(jobs)), multiprocessing.get_context("spawn")) as pool:
            parts = list(pool.map(_chunk, jobs))
    return [tuple(map(torch.from_numpy, part)) for part in parts]


def _chunk(job: tuple[int, int, bool, int]) -> tuple[np.ndarray, ...]:
    first, rows, one, side = job
    torch.set_num_threads(1)
    found = rendered(range(FIRST + first, FIRST + first + rows), rows if one else 0, side, True)
    return tuple(value.numpy() for value in vars(found).values())
