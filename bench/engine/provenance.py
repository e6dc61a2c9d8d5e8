"""Where and with what a run was made: versions, machine, command, git state. Recorded, never part of an identity."""

from __future__ import annotations

import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bench import __version__
from bench.engine.options import Options
from bench.types import Provenance

_PACKAGES = (
    "torch",
    "torchvision",
    "torchmetrics",
    "open_clip_torch",
    "timm",
    "torch-fidelity",
    "diffusers",
    "transformers",
    "httpx",
    "numpy",
    "scipy",
    "pillow",
)


def provenance(options: Options) -> Provenance:
    """The provenance of what this process makes."""
    return Provenance(
        suite=__version__,
        command=" ".join([Path(sys.argv[0]).name, *sys.argv[1:]])[:2000],
        packages={name: found for name in _PACKAGES if (found := _version(name))},
        python=platform.python_version(),
        platform=f"{platform.system()} {platform.machine()}",
        device=_device(options.device),
        dtype=options.dtype,
        git=_git(),
    )


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _device(device: str) -> str:
    if device.startswith("cuda"):
        import torch

        return f"{device} ({torch.cuda.get_device_name(device)})"
    return f"{device} ({platform.processor() or platform.machine()})"


def _git() -> str:
    """Commit of the suite's own checkout, '+dirty' when it has changes; '' when it is no checkout."""
    here = Path(__file__).parents[2]
    if not (here / ".git").exists():
        return ""
    try:
        commit = _output(["git", "rev-parse", "--short=12", "HEAD"], here)
        return commit + ("+dirty" if _output(["git", "status", "--porcelain", "--", "bench"], here) else "")
    except (OSError, subprocess.SubprocessError):
        return ""


def _output(command: list[str], folder: Path) -> str:
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=5, check=True).stdout.strip()
