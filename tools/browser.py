"""Chromium and axe-core, which the tests of the pages need beside Python: found, or installed where that is possible.

    python tools/browser.py

Chromium is any that is on the PATH or named in BENCH_CHROMIUM; on Debian, as root, apt installs it. axe-core is taken
from npm at the version and digest of tests/browser/package-lock.json, into `.bench-env/browser/`, without running
scripts of packages. What cannot be had is said in one sentence with what to do, and the exit code is 1: the tests then
skip the pages, or fail where BENCH_BROWSER is `required`. With BENCH_BROWSER `off` nothing is looked for or installed.

Standard library only. Reads and writes nothing else of the machine; when all is there, it takes no network and no time.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "tests" / "browser" / "package-lock.json"
HOME = ROOT / ".bench-env" / "browser"
AXE = "node_modules/axe-core"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PACKAGES = ("chromium", "fonts-dejavu-core", "fonts-liberation")
"""Without recommended packages Chromium brings no font."""
MINUTES = 10


class Missing(Exception):
    """What is not there, and what to do: one sentence."""


def wish() -> str:
    """What BENCH_BROWSER asks for: '', 'required' or 'off'. Missing for anything else."""
    asked = os.environ.get("BENCH_BROWSER", "")
    if asked not in ("", "required", "off"):
        raise Missing(f"BENCH_BROWSER is '{asked}'; it may be 'required' (a missing browser is a failure) or 'off'.")
    return asked


def chromium() -> str:
    """Path of the browser. Missing when there is none."""
    named = os.environ.get("BENCH_CHROMIUM", "")
    if named:
        if not os.access(named, os.X_OK):
            raise Missing(f"BENCH_CHROMIUM names {named}, which is no program; name a Chromium or unset it.")
        return named
    for name in NAMES:
        if found := shutil.which(name):
            return found
    raise Missing("No Chromium is on the PATH: install one (apt-get install chromium), or name it in BENCH_CHROMIUM.")


def axe() -> Path:
    """Path of axe.min.js at the version of the lock file. Missing when it is not there or another version is."""
    wanted = json.loads(LOCK.read_text(encoding="utf-8"))["packages"][AXE]["version"]
    folder = HOME / AXE
    try:
        version = json.loads((folder / "package.json").read_text(encoding="utf-8"))["version"]
    except (OSError, ValueError, KeyError):
        version = "not there"
    if version != wanted or not (folder / "axe.min.js").is_file():
        raise Missing(f"axe-core {wanted} is not in {HOME} ({version}): run python tools/browser.py; it needs npm.")
    return folder / "axe.min.js"


def say(text: str) -> None:
    print(f"browser: {text}", file=sys.stderr, flush=True)


def ran(command: list[str], folder: Path, **variables: str) -> str:
    """'' when the command succeeded, else the last line that it said."""
    try:
        done = subprocess.run(
            command, cwd=folder, env={**os.environ, **variables}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, timeout=60 * MINUTES, text=True, errors="replace",
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return f"gave up after {MINUTES} minutes"
    except OSError as error:
        return str(error.strerror)
    lines = [line.strip() for line in done.stdout.splitlines() if line.strip()]
    return "" if done.returncode == 0 else (lines or [f"exit code {done.returncode}"])[-1]


def install_chromium() -> None:
    """By apt, as root. Missing says why not."""
    apt = shutil.which("apt-get")
    if not apt or os.geteuid() != 0 or os.environ.get("BENCH_CHROMIUM"):
        chromium()  # says what to do
    say(f"installing {', '.join(PACKAGES)} with apt-get, once, for the tests of the pages (BENCH_BROWSER=off: never)")
    options = ["-qq", "-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=3"]
    steps = (["update"], ["install", "--yes", "--no-install-recommends", *PACKAGES])
    for step in steps:
        problem = ran([str(apt), *options, *step], ROOT, DEBIAN_FRONTEND="noninteractive")
        if problem:
            raise Missing(f"apt-get {step[0]} failed ({problem}): install a Chromium, or name one in BENCH_CHROMIUM.")


def install_axe() -> None:
    """By npm, beside its place and then renamed. Missing says why not."""
    npm = shutil.which("npm")
    if not npm:
        raise Missing("axe-core comes from npm, and there is no npm on the PATH: install Node.js 18 or newer.")
    say(f"installing axe-core into {HOME} with npm")
    HOME.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(dir=HOME.parent, prefix=".browser-"))
    try:
        for name in ("package.json", LOCK.name):
            shutil.copy(LOCK.parent / name, made)
        problem = ran([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], made)
        if problem:
            raise Missing(f"npm could not install axe-core ({problem}): run python tools/browser.py with a network.")
        shutil.rmtree(HOME, ignore_errors=True)
        made.rename(HOME)
    finally:
        shutil.rmtree(made, ignore_errors=True)


def main() -> int:
    missing = 0
    try:
        if wish() == "off":
            return 0
        for find, install in ((chromium, install_chromium), (axe, install_axe)):
            try:
                try:
                    find()
                except Missing:
                    install()
                    find()
            except Missing as problem:
                say(str(problem))
                missing += 1
    except Missing as problem:
        say(str(problem))
        return 2
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
