"""Peak memory of a pass: of the device where there is one, else of this process, as the kernel counts it."""

from __future__ import annotations

import re
from pathlib import Path

_OWN = Path("/proc/self")


class Footprint:
    """From its making on: `peak()`. The process's peak holds what was in memory before, such as loaded models."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.known = self._reset()

    def _reset(self) -> bool:
        if self.device.startswith("cuda"):
            import torch

            torch.cuda.reset_peak_memory_stats(self.device)
            return True
        try:
            (_OWN / "clear_refs").write_text("5")  # proc(5): the peak is the present size again
        except OSError:
            return False  # another system, or a kernel that forbids it
        return True

    def peak(self) -> int | None:
        """Bytes; None where nobody counts them."""
        if not self.known:
            return None
        if self.device.startswith("cuda"):
            import torch

            return int(torch.cuda.max_memory_allocated(self.device))
        found = re.search(r"^VmHWM:\s*(\d+) kB$", (_OWN / "status").read_text(), re.MULTILINE)
        return int(found[1]) * 1024 if found else None
