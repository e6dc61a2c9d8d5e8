"""One real pair of runs for all tests of the command line, and a way to call `bench` as a process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bench.cli import main

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Finished:
    """What `bench run oracle noise` left."""

    root: Path
    code: int

    def run(self, system: str) -> Path:
        return next(self.root.glob(f"scenes*/{system}-*/run.json")).parent


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands set variables of the process; each test gets them back as they were."""
    for name in ("BENCH_ALLOW_DOWNLOAD", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE"):
        monkeypatch.setenv(name, os.environ.get(name, ""))
        if not os.environ[name]:
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Finished]:
    """Two systems, 24 scenes, two metrics that need no network."""
    root = tmp_path_factory.mktemp("cli") / "runs"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HUB_OFFLINE", "1")
        line = ["run", "oracle", "noise", "--dataset", "scenes(size=200)", "--only", "first:24", "--quiet"]
        code = main([*line, "-m", "object-presence", "-m", "collapse", "--root", str(root)])
    yield Finished(root, code)


@pytest.fixture
def child_environment() -> Callable[..., dict[str, str]]:
    """The environment of a child process that imports this checkout, with buffered streams as users have them."""

    def made(**more: str) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"}
        return {**kept, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **more}

    return made


@pytest.fixture
def bench(tmp_path: Path, child_environment: Callable[..., dict[str, str]]) -> Callable[..., Any]:
    """`bench ARGUMENTS` as a process of its own in an empty folder."""

    def call(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        given: dict[str, Any] = {
            "cwd": tmp_path, "env": child_environment(), "capture_output": True, "text": True, "timeout": 120,
            **options,
        }  # fmt: skip
        return subprocess.run([sys.executable, "-m", "bench", *arguments], **given)

    return call
