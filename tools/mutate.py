"""Breaks the code on purpose and sees whether a test notices: `python tools/mutate.py [--count 60] [MODULE...]`.

Mutants are made by cosmic-ray's operators (comparison, arithmetic, boolean and number changes, removed `not`, break and
continue exchanged, ...), sampled with a seed, each tried in a copy of the checkout against the tests of its room. A
mutant that no test notices is printed with its change; many of them change nothing that can be seen (a tolerance, a
block size), the others want a test.
"""

from __future__ import annotations

import argparse
import difflib
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODULES = ("bench/functional", "bench/stats", "bench/engine", "bench/spec.py", "bench/store.py")
TESTS: dict[str, tuple[str, ...]] = {
    "bench/functional": ("tests/functional", "tests/metrics"),
    "bench/stats": ("tests/stats",),
    "bench/engine": ("tests/engine", "tests/migrations"),
    "bench/spec.py": ("tests/test_spec.py", "tests/test_parsers.py"),
    "bench/store.py": ("tests/engine", "tests/migrations"),
}
"""Room -> its tests."""


def mutants(files: list[Path]) -> list[tuple[Path, str, int]]:
    """(file, operator, occurrence) of every mutation."""
    from cosmic_ray.ast import ast_nodes, get_ast
    from cosmic_ray.plugins import get_operator, operator_names

    found = []
    for file in files:
        tree = get_ast(file.read_text(encoding="utf-8"))
        for name in operator_names():
            if "variable" in name.lower() or "BitOr" in name:  # want a variable; are unions of types
                continue
            operator = get_operator(name)()
            places = sum(1 for node in ast_nodes(tree) for _ in operator.mutation_positions(node))
            found += [(file, name, i) for i in range(places)]
    return found


def changed(file: Path, operator: str, occurrence: int) -> str:
    """The file with one mutation."""
    from cosmic_ray.mutating import mutate_code
    from cosmic_ray.plugins import get_operator

    new = mutate_code(file.read_text(encoding="utf-8").encode(), get_operator(operator)(), occurrence)
    return new.decode() if isinstance(new, bytes) else str(new or "")


def killed(copy: Path, tests: tuple[str, ...], seconds: int) -> bool:
    """Whether a test fails (or the code hangs)."""
    line = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    try:
        done = subprocess.run(line, cwd=copy, capture_output=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return True
    return done.returncode != 0


def room_of(file: Path) -> str:
    """Whose tests judge a file."""
    return next(r for r in TESTS if file.relative_to(ROOT).as_posix().startswith(r))


def main() -> int:
    """Sample, try, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="*", default=MODULES)
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=int, default=600, help="of one mutant's tests; a hang counts as noticed")
    asked = parser.parse_args()
    files = [f for m in asked.modules for f in ([ROOT / m] if m.endswith(".py") else sorted((ROOT / m).glob("*.py")))]
    chosen = random.Random(asked.seed).sample(every := mutants(files), min(asked.count, len(every)))
    noticed: dict[str, list[bool]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / "copy"
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".*", "runs"))
        for room in sorted({room_of(file) for file, _, _ in chosen}):
            if killed(copy, TESTS[room], 10 * asked.seconds):
                raise SystemExit(f"The tests of {room} fail without any mutation; nothing can be told.")
        for number, (file, operator, occurrence) in enumerate(chosen, 1):
            name = file.relative_to(ROOT).as_posix()
            room = room_of(file)
            text = file.read_text(encoding="utf-8")
            new = changed(file, operator, occurrence)
            (copy / name).write_text(new, encoding="utf-8")
            dead = killed(copy, TESTS[room], asked.seconds)
            (copy / name).write_text(text, encoding="utf-8")
            noticed.setdefault(room, []).append(dead)
            print(
                f"{number}/{len(chosen)} {'noticed ' if dead else 'SURVIVED'} {name} {operator} {occurrence}",
                flush=True,
            )
            if not dead:
                lines = difflib.unified_diff(text.splitlines(), new.splitlines(), lineterm="", n=0)
                print("\n".join(f"    {line}" for line in list(lines)[2:]), flush=True)
    for room, all_of in noticed.items():
        print(f"{room}: {sum(all_of)} of {len(all_of)} noticed")
    total = [dead for all_of in noticed.values() for dead in all_of]
    print(f"all: {sum(total)} of {len(total)} noticed ({len(every)} mutants, seed {asked.seed})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
