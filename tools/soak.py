"""Kills a run again and again and compares what it ends with: `python tools/soak.py [--kills 200] [--seed 0]`.

Each life is a fresh process that gets SIGKILL after a random time, or at one of the named points of bench.store. When
it has died often enough it may finish. Images, views, samples and scores must be those of an undisturbed run, byte for
byte, and nothing half-written may be left. Ends with 1 when anything differs.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.engine.verifying import verify  # noqa: E402
from bench.store import CRASH_POINTS, find_runs  # noqa: E402

COMMAND = [
    sys.executable, "-m", "bench", "run", "wrong=oracle(defect=wrong-colour,p=0.5)", "--dataset", "scenes(size=300)",
    "-m", "object-presence", "-m", "fd(extractor=scene-classifier)", "-m", "clipscore(extractor=scene-clip)", "-q",
]  # fmt: skip
LIVES = 8
"""Kills of one run before it may finish."""


def content(folder: Path) -> dict[str, bytes]:
    """All that must not depend on how often a run was interrupted."""
    (run,) = find_runs(folder / "runs")
    record = json.loads((run / "run.json").read_text())
    found = {"scores": json.dumps(record["scores"], sort_keys=True).encode()}
    for pattern in ("samples.parquet", "images/*", "shards/*/*", "shards/*/*/*"):
        found |= {str(p.relative_to(run)): p.read_bytes() for p in run.glob(pattern) if p.is_file()}
    return found


def life(folder: Path, rng: random.Random | None, longest: float) -> str:
    """One process; how it ended: 'finished', or what killed it. rng None: nothing does."""
    point = rng.choice(CRASH_POINTS) if rng is not None and rng.random() < 0.5 else ""
    after = rng.uniform(0.3, longest) if rng is not None and not point else None
    variables = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    if point and rng is not None:
        variables["BENCH_CRASH_AT"] = f"{point}:{rng.randint(1, 3)}"
    with open(folder / "log.txt", "a") as log:
        process = subprocess.Popen(COMMAND, cwd=folder, env=variables, stdout=log, stderr=log, start_new_session=True)
        try:
            code = process.wait(after)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return "a random moment"
    if code == -signal.SIGKILL:
        return point
    if code:
        raise SystemExit(f"The command ended with {code}; see {folder / 'log.txt'}.")
    return "finished"


def main() -> int:
    """Soak and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    rng, began, kills = random.Random(asked.seed), time.monotonic(), Counter[str]()
    runs = differing = outside = 0
    with tempfile.TemporaryDirectory() as scratch:
        (whole := Path(scratch) / "whole").mkdir()
        start = time.monotonic()
        life(whole, None, 0)
        longest, wanted = time.monotonic() - start, content(whole)
        print(f"undisturbed: {longest:.1f} s, {len(wanted)} files", flush=True)
        while sum(kills.values()) < asked.kills:
            folder = Path(scratch) / f"run{runs}"
            folder.mkdir()
            for _ in range(LIVES):
                ended = life(folder, rng, longest)
                kills.update([ended] if ended != "finished" else [])
            life(folder, None, 0)
            (run,) = find_runs(folder / "runs")
            left = list(run.rglob("*.tmp"))
            outside += len(list((folder / "runs").rglob("*.tmp"))) - len(left)
            damaged = [f for f in verify(run, images=True) if f.fine is False]
            same = content(folder) == wanted
            runs, differing = runs + 1, differing + (not same or bool(left) or bool(damaged))
            told = "equal" if same else "DIFFERENT"
            told += f", left: {left}" if left else ""
            told += f", damaged: {damaged}" if damaged else ""
            print(f"run {runs}: {sum(kills.values())} kills so far, {told}", flush=True)
            shutil.rmtree(folder)
    print(f"{outside} temporary files beside the runs are left to `bench cache gc`")
    told = ", ".join(f"{name} {n}" for name, n in kills.most_common())
    print(
        f"{sum(kills.values())} kills in {runs} runs, {differing} differing, {time.monotonic() - began:.0f} s: {told}"
    )
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
