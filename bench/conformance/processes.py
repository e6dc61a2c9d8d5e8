"""Two processes that each see half of the rows give what one process gives that sees all: `torch.distributed` over gloo
on this machine, as a training loop would use a metric."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.conformance import rows
from bench.conformance.finding import Failed
from bench.conformance.metrics import Make, _fed, _near, _size
from bench.conformance.responses import small

_SECONDS = 180


def distributed(make: Make, text: str) -> None:
    """Raises Failed when the joined states give another number, or a process fails."""
    wanted = rows.values(_fed(make))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "values.json"
        shared = {**os.environ, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2"}
        command = [sys.executable, "-m", "bench.conformance.processes", text, str(out)]
        both = [subprocess.Popen(command, env={**shared, "RANK": str(r)}, stderr=subprocess.PIPE) for r in range(2)]
        errors = []
        for one in both:
            try:
                _, told = one.communicate(timeout=_SECONDS)
            except subprocess.TimeoutExpired:
                one.kill()
                _, told = one.communicate()
            if one.returncode:
                errors.append(told.decode(errors="replace").strip().splitlines()[-1:] or ["no message"])
        if errors:
            raise Failed(f"a process failed: {errors[0][0]}")
        _near(wanted, json.loads(out.read_text()), 1e-9, "two processes")


def _main(text: str, out: str) -> None:
    import torch.distributed as dist

    from bench import aliases, registry

    metric = registry.example("metric", small(aliases.expand(text)))
    dist.init_process_group("gloo")
    n = _size(metric)
    half = range(n // 2) if dist.get_rank() == 0 else range(n // 2, n)
    metric.update(**rows.take(rows.arguments(metric, n), half))
    found = rows.values(metric)
    if dist.get_rank() == 0:
        Path(out).write_text(json.dumps(found))
    dist.barrier()
    dist.destroy_process_group()


if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2])
