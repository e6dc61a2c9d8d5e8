"""Our own speed: benchmarks of a base revision and of this tree, in turns on one machine, by the ratio of medians.

    python tools/perf.py [--base REF] [--rounds 2] [--limit 1.25] [--json OUT] [tests/perf ... other words for pytest]

The base is checked out beside the tree (default: BENCH_PERF_BASE, else where this branch left main, on main itself the
commit before). A benchmark is slower where head's median over base's, median over the rounds, exceeds the limit and the
middle halves of both sides' times are apart in all rounds; timings of different jobs are never compared. Exit code 0:
none is slower; 1: one is; 5: tests failed, or nothing could be compared.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
FINE, SLOWER, INCOMPLETE = 0, 1, 5
Times = Mapping[str, Mapping[str, float]]
"""Benchmark -> median, q1, q3 in seconds."""


@dataclass(frozen=True)
class Line:
    """One benchmark; None where a side has none."""

    name: str
    base: float | None
    """Median seconds, over the rounds."""
    head: float | None
    ratio: float | None
    """Median over the rounds of head / base."""
    verdict: str
    """same, slower, faster, new or gone."""


def times(data: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """A file of pytest-benchmark. ValueError for another one."""
    try:
        return {
            b["fullname"]: {key: float(b["stats"][key]) for key in ("median", "q1", "q3")} for b in data["benchmarks"]
        }
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"this is no file of pytest-benchmark ({error!r})") from error


def compared(rounds: Sequence[tuple[Times, Times]], limit: float) -> list[Line]:
    """(base, head) of each round -> a line a benchmark, slowest ratio first. ValueError for a limit of 1 or less."""
    if not limit > 1:
        raise ValueError(f"A limit is a ratio above 1; got {limit:g}.")
    names = sorted({name for pair in rounds for side in pair for name in side})
    return sorted((_line(name, rounds, limit) for name in names), key=lambda one: (-(one.ratio or 0.0), one.name))


def _line(name: str, rounds: Sequence[tuple[Times, Times]], limit: float) -> Line:
    base, head = ([pair[side][name] for pair in rounds if name in pair[side]] for side in (0, 1))
    before, after = (float(np.median([t["median"] for t in side])) if side else None for side in (base, head))
    both = [(b[name], h[name]) for b, h in rounds if name in b and name in h]
    if not both:
        return Line(name, before, after, None, "new" if head else "gone")
    ratios = [h["median"] / b["median"] if b["median"] > 0 else 1.0 for b, h in both]
    ratio = float(np.median(ratios))
    verdict = "same"
    if ratio > limit and _apart(base, head):
        verdict = "slower"
    elif ratio < 1 / limit and _apart(head, base):
        verdict = "faster"
    return Line(name, before, after, ratio, verdict)


def _apart(low: Sequence[Mapping[str, float]], high: Sequence[Mapping[str, float]]) -> bool:
    """Whether the middle half of the times of one side lies above that of the other, in all rounds."""
    return max(t["q3"] for t in low) < min(t["q1"] for t in high)


def table(lines: Sequence[Line], base: str) -> str:
    """Markdown, and a last sentence."""
    found = [f"| benchmark | {base[:12]} | this tree | ratio | |", "|---|---:|---:|---:|---|"]
    for one in lines:
        ratio = "–" if one.ratio is None else f"{one.ratio:.2f}"
        found.append(f"| {one.name} | {_seconds(one.base)} | {_seconds(one.head)} | {ratio} | {one.verdict} |")
    counts = {word: sum(one.verdict == word for one in lines) for word in ("slower", "faster", "new", "gone")}
    told = ", ".join(f"{n} {word}" for word, n in counts.items() if n) or "none slower"
    return "\n".join([*found, "", f"{len(lines)} benchmarks: {told}."])


def _seconds(value: float | None) -> str:
    if value is None:
        return "–"
    unit, size = next(((u, s) for u, s in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)) if value >= s), ("ns", 1e-9))
    return f"{value / size:.3g} {unit}"


def outcome(lines: Sequence[Line]) -> int:
    """The exit code."""
    if any(one.verdict == "slower" for one in lines):
        return SLOWER
    return FINE if any(one.ratio is not None for one in lines) else INCOMPLETE


# ---- both sides ----------------------------------------------------------------------------------------------------


def git(root: Path, *words: str) -> str:
    """What git says; '' where it fails."""
    done = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def base_of(root: Path, asked: str = "") -> str:
    """The commit to compare with: as asked for, else where this branch left main, else the one before. SystemExit where
    there is none."""
    if asked:
        found = git(root, "rev-parse", "--verify", "--quiet", f"{asked}^{{commit}}")
        if not found:
            raise SystemExit(f"git knows no commit '{asked}' here; fetch it, or name another by --base.")
        return found
    head = git(root, "rev-parse", "HEAD")
    for name in ("origin/main", "main"):
        found = git(root, "merge-base", "HEAD", name)
        if found and found != head:
            return found
    found = git(root, "rev-parse", "--verify", "--quiet", "HEAD~1^{commit}")
    if not found:
        raise SystemExit("There is no commit before this one to compare with; name one by --base.")
    return found


def measured(root: Path, words: Sequence[str], out: Path) -> tuple[int, dict[str, dict[str, float]]]:
    """(exit code of pytest, times) of the benchmarks of a tree; its own package is the one that is imported."""
    path = os.pathsep.join([str(root), *filter(None, [os.environ.get("PYTHONPATH")])])
    outside = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}  # within pytest-xdist none is timed
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words, "-q", "--benchmark-only", f"--benchmark-json={out}"],
        cwd=root, env={**outside, "PYTHONPATH": path}, check=False, stdout=2,  # its report is no part of ours
    )  # fmt: skip
    if not out.is_file() or not out.stat().st_size:
        return done.returncode, {}
    return done.returncode, times(json.loads(out.read_text()))


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", default=os.environ.get("BENCH_PERF_BASE", ""), help="commit, tag or branch")
    parser.add_argument("--rounds", type=int, default=2, help="times that both are measured, in turns")
    parser.add_argument("--limit", type=float, default=1.25, help="ratio of medians from which on it is slower")
    parser.add_argument("--json", type=Path, help="write the lines here")
    chosen, words = parser.parse_known_args(arguments)
    if chosen.rounds < 1 or not chosen.limit > 1:
        parser.error("--rounds is 1 or more and --limit above 1")
    base, words = base_of(root, chosen.base), words or ["tests/perf"]
    failed, rounds = 0, []
    with tempfile.TemporaryDirectory() as scratch:
        tree = Path(scratch) / "base"
        subprocess.run(["git", "worktree", "add", "--quiet", "--detach", str(tree), base], cwd=root, check=True)
        try:
            for i in range(chosen.rounds):
                before = measured(tree, words, Path(scratch) / f"base-{i}.json")
                after = measured(root, words, Path(scratch) / f"head-{i}.json")
                failed |= after[0] not in (0, 5)  # 5: no test was collected
                rounds.append((before[1], after[1]))
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", str(tree)], cwd=root, check=False)
    lines = compared(rounds, chosen.limit)
    print(table(lines, base))
    if chosen.json:
        chosen.json.write_text(json.dumps([asdict(one) for one in lines], indent=1) + "\n")
    if failed:
        print("Tests of this tree failed; what they said is above.", file=sys.stderr)
        return INCOMPLETE
    return outcome(lines)


if __name__ == "__main__":
    sys.exit(main())
