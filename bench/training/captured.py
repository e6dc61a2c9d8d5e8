"""Steps of a training on a GPU as CUDA graphs, one for each kind of step.

A step of a small network is a thousand kernels of a few microseconds, and Python cannot launch them as fast as the GPU
runs them. A graph is launched at once; the graphs of several trainings, each on a stream of its own, run side by side.
All that differs between two steps of a kind lies on the GPU: a table with a row of numbers for every step, a counter,
and the seed that random numbers are drawn from. The first steps of a kind are taken as they are, so that what is made
lazily is there when the kind is recorded; every step is taken once.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import torch
from torch.nn import functional as F

Numbers = Mapping[str, Any]
"""What differs between two steps: numbers, or tensors () of them on a GPU."""
Take = Callable[[Hashable, Numbers, torch.Generator], Mapping[str, torch.Tensor]]
"""(kind, numbers, generator) -> parts of the loss, scalars; takes a step."""
WARM = 2
"""Steps of a kind before it is recorded."""
LOOK = 20
"""Steps whose losses are kept on the GPU until they are read: each look waits for it."""
_WIDTH = 24
"""Parts of a loss, at most."""


class Captured:
    """Takes the steps of one training, all on the stream that is current, which is not the default one."""

    def __init__(self, take: Take, numbers: Sequence[Numbers], device: str) -> None:
        """numbers: of every step to come, in order, below 2^24."""
        self.take = take
        self.names = tuple(numbers[0]) if numbers else ()
        self.table = torch.tensor([[float(v) for v in row.values()] for row in numbers], device=device)
        self.at = torch.zeros(1, dtype=torch.long, device=device)
        self.told = torch.zeros(LOOK, _WIDTH, device=device)
        self.draw = torch.Generator(device)
        self.taken: dict[Hashable, int] = {}
        self.recorded: dict[Hashable, tuple[torch.cuda.CUDAGraph, tuple[str, ...]]] = {}
        self.waiting: list[tuple[str, ...]] = []
        self.done = 0

    def step(self, kind: Hashable, seed: int) -> None:
        """The next step, whose random numbers are drawn from a seed."""
        self.draw.manual_seed(seed)
        taken = self.taken.get(kind, 0)
        self.taken[kind] = taken + 1
        if taken < WARM:
            names = self._take(kind)
        else:
            if kind not in self.recorded:
                self.recorded[kind] = self._record(kind)
            graph, names = self.recorded[kind]
            graph.replay()
        self.waiting.append(names)
        self.done += 1

    def read(self) -> list[dict[str, float]]:
        """The parts of the loss of the steps since the last time, at most LOOK; waits for them."""
        rows = self.told.tolist()
        since, self.waiting = self.waiting, []
        first = self.done - len(since)
        return [
            dict(zip(names, rows[(first + i) % LOOK][: len(names)], strict=True)) for i, names in enumerate(since)
        ]  # fmt: skip

    def _take(self, kind: Hashable) -> tuple[str, ...]:
        numbers = dict(zip(self.names, self.table.index_select(0, self.at)[0].unbind(), strict=True))
        parts = self.take(kind, numbers, self.draw)
        row = torch.stack([value.detach().float() for value in parts.values()])
        self.told.index_copy_(0, self.at % LOOK, F.pad(row, (0, _WIDTH - len(parts)))[None])
        self.at += 1
        return tuple(parts)

    def _record(self, kind: Hashable) -> tuple[torch.cuda.CUDAGraph, tuple[str, ...]]:
        graph = torch.cuda.CUDAGraph()
        graph.register_generator_state(self.draw)
        graph.capture_begin(capture_error_mode="thread_local")
        try:
            names = self._take(kind)
        finally:
            graph.capture_end()
        return graph, names
