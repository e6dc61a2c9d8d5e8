"""text-image-bench: score any text-to-image system against standard datasets, with intervals and protocols.

The public names load on first use, so that `import bench` and `bench --help` need no torch.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "evaluate": "bench.api",
    "run": "bench.api",
    "load_run": "bench.api",
    "compare": "bench.api",
    "leaderboard": "bench.api",
    "plot": "bench.api",
    "score": "bench.api",
    "register": "bench.registry",
    "BenchError": "bench.errors",
}
_ROOMS = ("functional", "stats", "types", "errors")

__all__ = [*_HOMES, *_ROOMS]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    if name in _ROOMS:
        return importlib.import_module(f"bench.{name}")
    raise AttributeError(f"module 'bench' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
