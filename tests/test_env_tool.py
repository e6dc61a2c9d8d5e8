"""tools/env.py on a copy of the project's files with a pip that only writes down what it was asked to do.

Each call is a process of its own, as under tox, so that the lock and the stamp are the real ones.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

DRIVER = """
import json, os, runpy, subprocess, sys, time
from pathlib import Path

def run(command, **options):
    words = [str(word) for word in command]
    root = Path({root!r})
    with open(root / "calls", "a") as calls:
        calls.write(json.dumps(words) + "\\n")
    if "venv" in words:
        (root / ".bench-env" / "bin").mkdir(parents=True, exist_ok=True)
        python = root / ".bench-env" / "bin" / "python"
        python.unlink(missing_ok=True)
        python.symlink_to(sys.executable)
        return
    time.sleep(0.2)
    if os.environ.get("PIP_DIES") == "kill":
        os._exit(137)
    if os.environ.get("PIP_DIES") == "error":
        raise subprocess.CalledProcessError(1, words)

subprocess.run = run
sys.argv[0] = str(Path({root!r}) / "tools" / "env.py")
runpy.run_path(sys.argv[0], run_name="__main__")
"""


class Checkout:
    """A folder that tools/env.py takes for the project."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name in ("pyproject.toml", "constraints.txt", "tools/env.py"):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes((ROOT / name).read_bytes())
        (root / "driver.py").write_text(DRIVER.format(root=str(root)))

    def start(self, *command: str, dies: str = "") -> subprocess.Popen[str]:
        words = [sys.executable, str(self.root / "driver.py"), *command]
        variables = {**os.environ, "PIP_DIES": dies}
        return subprocess.Popen(words, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def call(self, *command: str, dies: str = "") -> tuple[int, str, str]:
        process = self.start(*(command or ("true",)), dies=dies)
        out, err = process.communicate(timeout=60)
        return process.returncode, out, err

    def installs(self) -> list[str]:
        """'new' or 'same' for each pip call so far: whether the environment was made afresh for it."""
        calls = [json.loads(line) for line in (self.root / "calls").read_text().splitlines()]
        return ["new" if "venv" in before else "same" for before, now in zip([[], *calls], calls, strict=False)
                if "install" in now]  # fmt: skip

    def change(self, name: str, old: str, new: str) -> None:
        text = (self.root / name).read_text()
        assert old in text
        (self.root / name).write_text(text.replace(old, new))


@pytest.fixture
def checkout(tmp_path) -> Checkout:
    return Checkout(tmp_path)


def test_second_call_installs_nothing(checkout):
    first, second = checkout.call(), checkout.call()
    assert checkout.installs() == ["new"]
    assert (first[0], second[0]) == (0, 0)
    assert "ready after" in first[2] and second[2] == ""


def test_command_runs_inside_and_its_exit_code_comes_back(checkout):
    code, out, _ = checkout.call("sh", "-c", 'echo "$VIRTUAL_ENV"; command -v python; exit 7')
    assert code == 7
    assert out.split() == [str(checkout.root / ".bench-env"), str(checkout.root / ".bench-env" / "bin" / "python")]


@pytest.mark.parametrize("dies", ["kill", "error"])
def test_an_install_cut_short_is_begun_afresh(checkout, dies):
    code, _, err = checkout.call(dies=dies)
    assert code == (137 if dies == "kill" else 1)
    assert dies == "kill" or "begins afresh" in err
    assert checkout.call()[0] == 0
    assert checkout.installs() == ["new", "new"]


def test_a_refresh_cut_short_is_begun_afresh(checkout):
    checkout.call()
    checkout.change("pyproject.toml", '"click>=', '"click>=8,>=')
    checkout.call(dies="kill")
    checkout.call()
    assert checkout.installs() == ["new", "same", "new"]


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("pyproject.toml", '"click>=', '"click>=8,>='),
        ("pyproject.toml", '"pytest>=', '"pytest>=8,>='),
        ("pyproject.toml", "bench.cli:entry", "bench.cli:other"),
        ("constraints.txt", "click==", "click==0."),
    ],
)
def test_what_decides_the_content_refreshes_it(checkout, name, old, new):
    checkout.call()
    checkout.change(name, old, new)
    checkout.call()
    assert checkout.installs() == ["new", "same"]


def test_settings_of_linters_refresh_nothing(checkout):
    checkout.call()
    checkout.change("pyproject.toml", "line-length = 120", "line-length = 100")
    checkout.call()
    assert checkout.installs() == ["new"]


def test_a_moved_checkout_is_made_afresh(checkout, tmp_path_factory):
    """Scripts of an environment name its folder: after a move they would run the old place's Python, or none."""
    checkout.call()
    place = tmp_path_factory.mktemp("moved") / "here"
    checkout.root.rename(place)
    moved = Checkout(place)
    assert moved.call()[0] == 0
    assert moved.installs() == ["new", "new"]


def test_callers_at_once_install_once(checkout):
    processes = [checkout.start("true") for _ in range(4)]
    assert [p.wait(timeout=60) for p in processes] == [0, 0, 0, 0]
    logs = [process.communicate()[1] for process in processes]
    assert checkout.installs() == ["new"]
    assert sum("ready after" in log for log in logs) == 1


def test_bad_commands_are_sentences(checkout):
    assert checkout.call("no-such-program")[0] == 127
    assert "no-such-program" in checkout.call("no-such-program")[2]
    assert "Traceback" not in checkout.call("no-such-program")[2]
