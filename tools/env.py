"""Run a command inside the project's one environment, `.bench-env/`, making or refreshing it first where needed.

    python tools/env.py COMMAND [ARGS...]

All tox environments go through here, so that torch is installed once. The environment is right when its stamp equals
the digest of everything that decides its content: the installation part of pyproject.toml, constraints.txt, the Python
and the place of the checkout. Code is installed editable and is no part of it.

Trade-offs: the stamp is removed before work and written last, hence a killed install leaves none and is begun afresh
(pip would take half a package for a whole one). A changed stamp on a whole environment is refreshed in place, which
leaves packages that nothing needs any more. The lock is held by pip too, so that it outlives a killed parent; being an
flock it needs a POSIX system. Standard library only: it runs before anything is installed.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import subprocess
import sys
import time
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENV = ROOT / ".bench-env"
STAMP = ENV / "stamp"
LOCK = ROOT / ".bench-env.lock"


def base() -> str:
    """Identity of the interpreter and the place; another one means a new environment, not a refresh."""
    return json.dumps([sys.version, os.path.realpath(sys.executable), str(ROOT)])


def wanted() -> str:
    """The stamp of an environment that fits this checkout."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    keys = ("requires-python", "dependencies", "optional-dependencies", "scripts", "entry-points")
    parts = {
        "build": project["build-system"],
        "project": {key: project["project"].get(key) for key in keys},
        "hatch": project["tool"]["hatch"],
        "constraints": (ROOT / "constraints.txt").read_text(encoding="utf-8"),
    }
    return f"{base()}\n{hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()}\n"


def found() -> str:
    """The stamp of the environment that is there; empty when there is none or its making was cut short."""
    try:
        return STAMP.read_text(encoding="utf-8") if (ENV / "bin" / "python").exists() else ""
    except FileNotFoundError:
        return ""


def say(text: str) -> None:
    print(f"env: {text}", file=sys.stderr, flush=True)


def install(lock: int) -> None:
    """Make the environment, or refresh a whole one of the same interpreter, and stamp it."""
    stamp = wanted()
    whole = found().startswith(base())
    say(f"refreshing {ENV.name}" if whole else f"making {ENV.name} (once; minutes, most of it torch)")
    started = time.monotonic()
    STAMP.unlink(missing_ok=True)
    if not whole:
        subprocess.run([sys.executable, "-m", "venv", "--clear", ENV], check=True, pass_fds=[lock])
    pip = [ENV / "bin" / "python", "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    target = ["-c", ROOT / "constraints.txt", "-e", f"{ROOT}[dev]"]
    subprocess.run([*pip, *target], check=True, pass_fds=[lock], cwd=ROOT)
    written = STAMP.with_suffix(".new")
    written.write_text(stamp, encoding="utf-8")
    written.replace(STAMP)
    say(f"{ENV.name} is ready after {time.monotonic() - started:.0f} s")


def ensure() -> None:
    """Return once the environment fits; of several callers one installs and the others wait."""
    if found() == wanted():
        return
    lock = os.open(LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another call that installs")
            fcntl.flock(lock, fcntl.LOCK_EX)
        if found() != wanted():
            install(lock)
    finally:
        os.close(lock)


def main(command: list[str]) -> int:
    if not command:
        say("give a command, e.g. python tools/env.py pytest tests")
        return 2
    try:
        ensure()
    except subprocess.CalledProcessError as error:
        say(f"{ENV.name} could not be installed (exit code {error.returncode}, see above); the next call begins afresh")
        return 1
    path = f"{ENV / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    variables = {**os.environ, "VIRTUAL_ENV": str(ENV), "PATH": path}
    variables.pop("PYTHONHOME", None)
    try:
        os.execvpe(command[0], command, variables)
    except OSError as error:
        say(f"'{command[0]}' cannot be run: {error.strerror}")
        return 127


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
