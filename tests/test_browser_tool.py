"""tools/browser.py on machines that are made up: which programs are on the PATH, who calls, what apt and npm do."""

from __future__ import annotations

import json
import os
import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
TOOL = ROOT / "tools" / "browser.py"
LOCK = json.loads((ROOT / "tests" / "browser" / "package-lock.json").read_text(encoding="utf-8"))
VERSION = LOCK["packages"]["node_modules/axe-core"]["version"]

APT = """#!/bin/sh
echo "apt-get $*" >> "{root}/calls"
[ -e "{root}/no-network" ] && {{ echo "Err:1 Temporary failure resolving 'deb.debian.org'"; exit 100; }}
case " $* " in *" install "*) printf '#!/bin/sh\\n' > "{root}/bin/chromium"; chmod +x "{root}/bin/chromium";; esac
"""
NPM = """#!/bin/sh
echo "npm $*" >> "{root}/calls"
[ -e "{root}/no-network" ] && {{ echo "npm error network request failed"; exit 1; }}
[ -e package-lock.json ] && [ -e package.json ] || exit 9
mkdir -p node_modules/axe-core
echo '{{"version": "{version}"}}' > node_modules/axe-core/package.json
echo "axe" > node_modules/axe-core/axe.min.js
"""


class Machine:
    """A folder as PATH, a folder for what is installed, and a caller."""

    def __init__(self, root: Path, patch: pytest.MonkeyPatch) -> None:
        self.root, self.home = root, root / "env" / "browser"
        (root / "bin").mkdir()
        patch.setenv("PATH", f"{root / 'bin'}{os.pathsep}/bin{os.pathsep}/usr/sbin")
        for name in ("BENCH_BROWSER", "BENCH_CHROMIUM"):
            patch.delenv(name, raising=False)
        self.patch = patch
        self.tool: Any = SimpleNamespace(**runpy.run_path(str(TOOL)))
        self.globals = self.tool.main.__globals__
        patch.setitem(self.globals, "HOME", self.home)
        patch.setitem(self.globals, "NAMES", ("chromium",))
        real = self.globals["shutil"].which
        patch.setitem(
            self.globals, "shutil",
            SimpleNamespace(**{**vars(self.globals["shutil"]), "which": lambda n: real(n, path=str(root / "bin"))}),
        )  # fmt: skip
        self.root_user(True)

    def root_user(self, yes: bool) -> None:
        self.patch.setattr(os, "geteuid", lambda: 0 if yes else 1000)

    def program(self, name: str, text: str = "#!/bin/sh\n") -> Path:
        path = self.root / "bin" / name
        path.write_text(text.format(root=self.root, version=VERSION))
        path.chmod(0o755)
        return path

    @property
    def calls(self) -> list[str]:
        path = self.root / "calls"
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


def test_a_bare_debian_gets_both_once(machine: Machine, capsys) -> None:
    machine.program("apt-get", APT)
    machine.program("npm", NPM)
    assert machine.tool.main() == 0
    assert [c.split()[0] for c in machine.calls] == ["apt-get", "apt-get", "npm"]
    assert machine.calls[-1].startswith("npm ci --ignore-scripts")
    assert machine.tool.axe().read_text() == "axe\n" and machine.tool.chromium().endswith("bin/chromium")
    capsys.readouterr()
    assert machine.tool.main() == 0
    assert len(machine.calls) == 3 and capsys.readouterr().err == ""
    assert [p.name for p in machine.home.parent.iterdir()] == ["browser"]


def test_without_a_network_it_says_so_in_a_sentence_each_and_leaves_nothing(machine: Machine, capsys) -> None:
    machine.program("apt-get", APT)
    machine.program("npm", NPM)
    (machine.root / "no-network").touch()
    assert machine.tool.main() == 1
    said = [line for line in capsys.readouterr().err.splitlines() if "failed" in line or "could not" in line]
    assert len(said) == 2 and "Temporary failure resolving" in said[0] and "network request failed" in said[1]
    assert list(machine.home.parent.iterdir()) == []


def test_who_is_not_root_is_told_what_to_install(machine: Machine, capsys) -> None:
    machine.root_user(False)
    machine.program("apt-get", APT)
    assert machine.tool.main() == 1
    err = capsys.readouterr().err
    assert "apt-get install chromium" in err and "install Node.js" in err and machine.calls == []


def test_another_version_of_axe_is_replaced(machine: Machine) -> None:
    machine.program("chromium")
    machine.program("npm", NPM)
    folder = machine.home / "node_modules" / "axe-core"
    folder.mkdir(parents=True)
    (folder / "axe.min.js").write_text("old")
    (folder / "package.json").write_text('{"version": "1.0.0"}')
    with pytest.raises(machine.tool.Missing, match=r"axe-core .* \(1\.0\.0\)"):
        machine.tool.axe()
    assert machine.tool.main() == 0
    assert machine.tool.axe().read_text() == "axe\n"


def test_a_browser_may_be_named(machine: Machine, monkeypatch, capsys) -> None:
    named = machine.program("my-browser")
    machine.program("apt-get", APT)
    monkeypatch.setenv("BENCH_CHROMIUM", str(named))
    assert machine.tool.chromium() == str(named)
    monkeypatch.setenv("BENCH_CHROMIUM", "/nowhere/chromium")
    assert machine.tool.main() == 1
    assert "/nowhere/chromium, which is no program" in capsys.readouterr().err and machine.calls == []


@pytest.mark.parametrize(("wish", "code"), [("off", 0), ("yes", 2)])
def test_what_is_asked_for(machine: Machine, monkeypatch, capsys, wish: str, code: int) -> None:
    machine.program("apt-get", APT)
    monkeypatch.setenv("BENCH_BROWSER", wish)
    assert machine.tool.main() == code
    assert machine.calls == [] and (wish == "off" or "may be 'required'" in capsys.readouterr().err)


def test_the_lock_file_names_no_machine_and_pins_by_digest() -> None:
    """A registry's host in it would make every other machine ask there."""
    assert set(LOCK["packages"]) == {"", "node_modules/axe-core"}
    one = LOCK["packages"]["node_modules/axe-core"]
    assert one["integrity"].startswith("sha512-")
    assert one.get("resolved", "https://registry.npmjs.org/").startswith("https://registry.npmjs.org/")
