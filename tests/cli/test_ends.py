"""Every end of a command has its documented exit code and one sentence; nothing ends with 1 or a page of frames."""

from __future__ import annotations

import errno
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest

from bench import errors
from bench.cli import group, main

ENDS = [
    (errors.UsageError("The name is wrong."), 2, "error: The name is wrong."),
    (errors.WeightsMissing("No weights."), 2, "error: No weights."),
    (errors.NotComparable("Two protocols."), 4, "error: Two protocols."),
    (errors.TooFew("Two images."), 5, "error: Two images."),
    (errors.StoreError("Damaged."), 5, "error: Damaged."),
    (errors.DiskError("Full."), 74, "error: Full."),
    (click.UsageError("No such thing."), 2, "error: No such thing."),
    (KeyboardInterrupt(), 130, "interrupted: what is finished is kept; the same command goes on from there."),
    (OSError(errno.ENOSPC, "No space left on device"), 74, "error: No space left on device: the output;"),
    (MemoryError("17 GB"), 5, "error: There is not enough memory (17 GB);"),
    (SystemExit(1), 70, "internal error: SystemExit: 1;"),
    (ValueError("first line\nsecond line"), 70, "internal error: ValueError: first line;"),
]


@pytest.mark.parametrize(("error", "code", "said"), ENDS, ids=lambda v: type(v).__name__)
def test_an_end_has_its_code_and_one_line(
    error: BaseException, code: int, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command_that_raises(monkeypatch, error)
    assert main(["doctor"]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(said)
    assert captured.err.count("\n") == 1


def command_that_raises(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    @click.command()
    def broken() -> None:
        raise error

    monkeypatch.setattr(group.LazyGroup, "get_command", lambda self, ctx, name: broken)


def test_no_end_is_taken_for_a_regression() -> None:
    assert {code for _, code, _ in ENDS}.isdisjoint({errors.EXIT_FINE, errors.EXIT_REGRESSED})


def test_every_message_of_an_error_is_told(monkeypatch, capsys) -> None:
    command_that_raises(monkeypatch, errors.UsageError("One.", "Two."))
    assert main(["doctor"]) == 2
    assert capsys.readouterr().err.splitlines() == ["error: One.", "error: Two."]


def test_an_internal_error_leaves_its_traceback_in_a_file(monkeypatch, capsys, tmp_path) -> None:
    monkeypatch.setenv("BENCH_HOME", str(tmp_path / "home"))
    command_that_raises(monkeypatch, ZeroDivisionError("division by zero"))
    assert main(["doctor"]) == 70
    said = capsys.readouterr().err
    file = Path(re.search(r"report it with (\S+) ", said)[1])
    assert file.parent == tmp_path / "home" / "crash"
    assert "ZeroDivisionError: division by zero" in file.read_text()
    assert "Traceback" not in said


def test_traceback_is_shown_when_asked_for_after_the_verb(monkeypatch, capsys, tmp_path) -> None:
    monkeypatch.setenv("BENCH_HOME", str(tmp_path / "home"))
    command_that_raises(monkeypatch, ZeroDivisionError("division by zero"))
    assert main(["doctor", "--traceback"]) == 70
    assert "Traceback (most recent call last)" in capsys.readouterr().err
    assert not (tmp_path / "home").exists()


def test_without_a_place_for_the_file_the_traceback_is_shown(monkeypatch, capsys, tmp_path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("BENCH_HOME", str(tmp_path / "file"))
    command_that_raises(monkeypatch, ZeroDivisionError("division by zero"))
    assert main(["doctor"]) == 70
    assert "Traceback (most recent call last)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (["lisst"], "error: 'lisst' is no command. Did you mean list?"),
        (["run", "--sed", "3"], "error: No such option"),
        (["run", "a", "--size", "big"], "error: --size takes pixels, e.g. 512 or 768x512; got 'big'."),
        (["run", "oracle", "--shard", "8/8"], "error: --shard takes i/n with 0 <= i < n, e.g. 0/8; got '8/8'."),
        (["run"], "error: No system is given;"),
        (["run", "none.toml"], "error: There is no study file none.toml."),
        (["list", "metric"], "error: Invalid value for"),
        (["show", "fdi"], "error: 'fdi' is no run, plug-in, alias or panel. Did you mean fd or fjd or fid?"),
        (["compare"], "error: Missing argument"),
    ],
    ids=lambda v: " ".join(v) if isinstance(v, list) else "",
)
def test_wrong_usage_is_one_sentence_and_2(line, said, capsys, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(line) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(said)
    assert len(captured.err.splitlines()) == 1


def test_without_a_verb_the_help_goes_to_stderr(capsys) -> None:
    assert main([]) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and "Commands:" in captured.err


# ---- as a process --------------------------------------------------------------------------------------------------


def test_a_reader_that_goes_away_gets_74_and_no_traceback(tmp_path, child_environment) -> None:
    line = f"{sys.executable} -m bench list --json | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", line], env=child_environment(), capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (74, "")


def test_head_gets_its_line(tmp_path, child_environment) -> None:
    line = f"{sys.executable} -m bench list metrics | head -1"
    done = subprocess.run(["bash", "-c", line], env=child_environment(), capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout.split() == ["name", "scope", "origin", "summary"]
    assert done.stderr == ""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_under_stdout_is_74(bench) -> None:
    with open("/dev/full", "w") as full:
        done = bench("list", stdout=full, stderr=subprocess.PIPE, capture_output=False)
    assert done.returncode == 74
    assert done.stderr == "error: No space left on device: the output; what is finished is kept.\n"


def test_a_terminal_without_unicode_is_served(bench, child_environment) -> None:
    done = bench("list", "metrics", env=child_environment(PYTHONIOENCODING="latin-1"), encoding="latin-1")
    assert done.returncode == 0
    assert r"\u2191" in done.stdout


SLEEPER = """
import sys, time, types
api = types.ModuleType("bench.api")
def run(study, options):
    print("working", flush=True)
    time.sleep(60)
api.run = run
sys.modules["bench.api"] = api
sys.argv[1:] = ["run", "oracle"]
from bench.cli import entry
entry()
"""


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_is_130_with_one_line(sent: signal.Signals, tmp_path: Path, child_environment) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", SLEEPER], cwd=tmp_path, env=child_environment(), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    assert child.stdout is not None and child.stdout.readline() == "working\n"
    child.send_signal(sent)
    _, said = child.communicate(timeout=30)
    assert child.returncode == 130
    assert said == "interrupted: what is finished is kept; the same command goes on from there.\n"
