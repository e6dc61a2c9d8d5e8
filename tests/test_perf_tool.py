"""tools/perf.py: what counts as slower, on made files of pytest-benchmark; and two commits of a small repository."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
_spec = importlib.util.spec_from_file_location("perf_tool", ROOT / "tools" / "perf.py")
perf = importlib.util.module_from_spec(_spec)
sys.modules["perf_tool"] = perf
_spec.loader.exec_module(perf)


def file(**medians):
    """What pytest-benchmark writes, its middle half 2 % to both sides."""
    return perf.times({"benchmarks": [
        {"fullname": name, "stats": {"median": m, "q1": 0.98 * m, "q3": 1.02 * m, "mean": 9 * m}}
        for name, m in medians.items()
    ]})  # fmt: skip


def verdicts(*rounds, limit=1.25):
    return {one.name: one.verdict for one in perf.compared(rounds, limit)}


def test_slower_faster_same_new_and_gone():
    base, head = file(a=1.0, b=1.0, c=1.0, old=1.0), file(a=1.4, b=0.6, c=1.1, fresh=1.0)
    told = verdicts((base, head), (base, head))
    assert told == {"a": "slower", "b": "faster", "c": "same", "old": "gone", "fresh": "new"}
    lines = perf.compared([(base, head)], 1.25)
    assert lines[0].name == "a" and lines[0].ratio == pytest.approx(1.4) and perf.outcome(lines) == 1
    assert perf.outcome([one for one in lines if one.name != "a"]) == 0
    assert perf.outcome([one for one in lines if one.ratio is None]) == 5 == perf.outcome([])


def test_the_median_of_rounds_decides_and_not_the_worst_one():
    base, quiet, loud = file(a=1.0), file(a=1.02), file(a=3.0)
    assert verdicts((base, quiet), (base, loud), (base, quiet)) == {"a": "same"}
    assert verdicts((base, loud), (base, loud), (base, quiet)) == {"a": "same"}  # times overlap
    assert verdicts((base, loud), (base, loud), (base, file(a=2.0))) == {"a": "slower"}


def test_a_machine_that_is_slow_for_both_slows_nothing():
    assert verdicts((file(a=1.0), file(a=1.0)), (file(a=5.0), file(a=5.1))) == {"a": "same"}


def test_spread_times_are_not_told_apart():
    wide = {"a": {"median": 1.0, "q1": 0.5, "q3": 2.0}}
    assert verdicts((wide, file(a=1.5))) == {"a": "same"} and verdicts((file(a=1.0), file(a=1.5))) == {"a": "slower"}


@pytest.mark.parametrize("data", [{}, {"benchmarks": [{"fullname": "a"}]}, {"benchmarks": 3}])
def test_other_files_are_refused(data):
    with pytest.raises(ValueError, match="no file of pytest-benchmark"):
        perf.times(data)
    with pytest.raises(ValueError, match="above 1"):
        perf.compared([], 1.0)


def test_the_table_says_seconds_in_a_readable_unit():
    text = perf.table(perf.compared([(file(a=2e-3, b=3e-6), file(a=4e-3, b=3e-6))], 1.25), "0123456789abcdef")
    assert "| a | 2 ms | 4 ms | 2.00 | slower |" in text and "3 µs" in text and "0123456789ab |" in text
    assert text.endswith("2 benchmarks: 1 slower.")


@pytest.fixture
def project(tmp_path):
    """A repository of two commits whose function sleeps ten times longer in the second."""

    def git(*words):
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *words], cwd=tmp_path, check=True,
                       capture_output=True)  # fmt: skip

    git("init", "-q", "-b", "main")
    (tmp_path / "perf").mkdir()
    (tmp_path / "perf" / "test_it.py").write_text(
        "from slow import work\n\n\ndef test_work(benchmark):\n    benchmark.pedantic(work, rounds=5)\n"
    )
    for commit, seconds in enumerate((0.004, 0.04)):
        (tmp_path / "slow.py").write_text(f"import time\n\n\ndef work():\n    time.sleep({seconds})\n")
        git("add", ".")
        git("commit", "-q", "-m", str(commit))
    return tmp_path


def test_two_commits_are_measured_by_their_own_code(project, capsys):
    words = ["--rounds", "1", "--json", str(project / "lines.json"), "perf", "-p", "no:cacheprovider"]
    assert perf.main(words, project) == 1
    (line,) = json.loads((project / "lines.json").read_text())
    assert line["ratio"] > 5 and line["base"] < 0.02 < line["head"] and "slower" in capsys.readouterr().out
    assert perf.main(["--rounds", "1", "--base", "HEAD", *words[4:]], project) == 0
    trees = subprocess.run(["git", "worktree", "list"], cwd=project, capture_output=True, text=True, check=True)
    assert len(trees.stdout.splitlines()) == 1


def test_what_git_does_not_know_is_said(project):
    with pytest.raises(SystemExit, match="no commit 'v9'"):
        perf.base_of(project, "v9")
    assert perf.base_of(project) == perf.base_of(project, "HEAD~1")
