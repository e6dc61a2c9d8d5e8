"""The distribution is what it says: what is in the wheel, what it asks for, and that an installed torch is kept.

Everything works without a registry: the wheel is built by the backend that the dev extra installs, and pip resolves
with `--no-index` against what is installed here.
"""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
CARD_KEYS = {
    "name", "title", "version", "summary", "licence", "citation", "layout", "sources", "provides", "splits",
    "visibility", "sensitive", "example", "about", "files", "place",
}  # fmt: skip


def requirements(*extras: str) -> dict[str, Requirement]:
    texts = [*PROJECT["dependencies"], *(t for e in extras for t in PROJECT["optional-dependencies"][e])]
    return {canonicalize_name(r.name): r for r in map(Requirement, texts)}


def constraints() -> dict[str, Requirement]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = [Requirement(line) for line in lines if line.strip() and not line.startswith("#")]
    return {canonicalize_name(r.name): r for r in pinned}


@pytest.fixture(scope="session")
def wheel(tmp_path_factory) -> Path:
    pytest.importorskip("hatchling", reason="hatchling is not installed; it comes with the dev extra")
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="session")
def members(wheel) -> list[str]:
    return zipfile.ZipFile(wheel).namelist()


def test_wheel_has_one_top_level_name(members):
    """Never `datasets`, `tests` or `tools`: they would shadow other people's packages."""
    tops = {name.partition("/")[0] for name in members}
    assert {t for t in tops if not t.endswith(".dist-info")} == {"bench"}


def test_wheel_carries_the_cards(members):
    cards = {f"bench/_cards/{p.name}" for p in (ROOT / "datasets").glob("*.toml")}
    assert cards
    assert cards == {m for m in members if m.startswith("bench/_cards/")}


def test_wheel_carries_all_code_and_the_typing_mark(members):
    code = {p.relative_to(ROOT).as_posix() for p in (ROOT / "bench").rglob("*.py")}
    assert code <= set(members)
    assert "bench/py.typed" in members
    assert not [m for m in members if "__pycache__" in m]


def test_wheel_installs_the_command(wheel):
    with zipfile.ZipFile(wheel) as archive:
        points = next(n for n in archive.namelist() if n.endswith("entry_points.txt"))
        assert "bench = bench.cli:entry" in archive.read(points).decode()


def test_dependencies_have_lower_bounds_only():
    """An upper bound or a pin would replace the torch that somebody's cluster has installed for good reasons."""
    for name, requirement in requirements(*PROJECT["optional-dependencies"]).items():
        assert {s.operator for s in requirement.specifier} == {">="}, f"{name}: {requirement.specifier}"


def test_constraints_fit_the_bounds():
    pinned = constraints()
    for name, requirement in requirements("dev").items():
        assert name in pinned, f"{name} is a dependency and has no line in constraints.txt"
        (pin,) = pinned[name].specifier
        assert pin.operator == "==" and requirement.specifier.contains(pin.version), str(pinned[name])


def test_constraints_are_portable():
    """Builds for one accelerator or one index would fail wherever other wheels of the same version are served."""
    for name, pin in constraints().items():
        assert not name.startswith(("nvidia-", "cuda-", "triton")), str(pin)
        assert "+" not in str(pin.specifier) and not pin.url and not pin.marker, str(pin)


def third_party() -> dict[str, str]:
    """Top-level module -> file, for all that bench/ imports and that is neither itself nor the standard library."""
    found: dict[str, str] = {}
    for path in sorted((ROOT / "bench").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = [node.module]
            for top in (n.partition(".")[0] for n in names):
                if top != "bench" and top not in sys.stdlib_module_names:
                    found.setdefault(top, path.relative_to(ROOT).as_posix())
    return found


def test_every_import_is_declared():
    """What is imported is asked for by name: what only comes along with a dependency may leave at its next release."""
    homes = packages_distributions()
    declared = set(requirements(*PROJECT["optional-dependencies"]))
    for module, file in third_party().items():
        owners = {canonicalize_name(d) for d in homes.get(module, [module])}
        assert owners & declared, f"{file} imports {module} (of {', '.join(sorted(owners))}), not in pyproject.toml"


def fake_distribution(folder: Path, name: str, version: str) -> None:
    """Metadata as pip sees an installed package; enough to resolve against."""
    home = folder / f"{name}-{version}.dist-info"
    home.mkdir(parents=True)
    (home / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", encoding="utf-8")
    (home / "INSTALLER").write_text("pip\n", encoding="utf-8")
    (home / "RECORD").write_text("", encoding="utf-8")


def pip_would_install(target: Path, folder: Path, own: dict[str, str]) -> set[str]:
    """Names that `pip install TARGET` would put into this environment if it had these versions of its own."""
    for name, version in own.items():
        fake_distribution(folder / "own", name, version)
    report = folder / "report.json"
    command = ["install", "--dry-run", "--no-index", "--quiet", "--disable-pip-version-check", "--report", str(report)]
    done = subprocess.run(
        [sys.executable, "-m", "pip", *command, str(target)],
        env={**os.environ, "PYTHONPATH": str(folder / "own"), "PIP_CONFIG_FILE": os.devnull, "PIP_FIND_LINKS": ""},
        cwd=folder, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return {canonicalize_name(i["metadata"]["name"]) for i in json.loads(report.read_text())["install"]}


def fresh_enough() -> bool:
    """Whether this environment satisfies all core requirements, so that pip has nothing to look for elsewhere."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return all(r.specifier.contains(version(n), prereleases=True) for n, r in requirements().items())
    except PackageNotFoundError:
        return False


@pytest.mark.skipif(not fresh_enough(), reason="this environment lacks a core dependency")
@pytest.mark.parametrize(
    "own",
    [
        {},
        {"torch": "2.4.1+cpu", "torchvision": "0.19.1+cpu"},
        {"torch": "2.6.0a0+ecf3bae40a.nv25.01", "torchvision": "0.20.0a0"},
        {"torch": "99.0+rocm9.9", "torchvision": "99.0+rocm9.9"},
    ],
    ids=["as-installed", "older-cpu", "vendor-prerelease", "newer-rocm"],
)
def test_pip_install_keeps_the_torch_that_is_there(wheel, tmp_path, own):
    pytest.importorskip("pip", reason="pip is not installed")
    assert pip_would_install(wheel, tmp_path, own) <= {"text-image-bench"}


@pytest.mark.skipif(not fresh_enough(), reason="this environment lacks a core dependency")
def test_a_torch_below_the_bound_is_not_kept(wheel, tmp_path):
    """The meaning of the test above: pip does look at the versions that the environment has."""
    pytest.importorskip("pip", reason="pip is not installed")
    with pytest.raises(AssertionError, match="torch"):
        pip_would_install(wheel, tmp_path, {"torch": "1.13.1", "torchvision": "0.14.1"})


@pytest.mark.parametrize("path", sorted((ROOT / "datasets").glob("*.toml")), ids=lambda p: p.stem)
def test_cards_are_complete(path):
    card = tomllib.loads(path.read_text(encoding="utf-8"))
    assert card["name"] == path.stem
    assert set(card) <= CARD_KEYS, f"unknown keys: {sorted(set(card) - CARD_KEYS)}"
    assert {"name", "title", "version", "summary", "layout", "provides", "visibility"} <= set(card)


def test_version_is_told_once():
    """pyproject takes it from the package; the citation file repeats it and must agree."""
    import bench

    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert PROJECT["dynamic"] == ["version"] and f"version: {bench.__version__}\n" in citation


def test_network_is_closed_to_tests():
    import socket

    with pytest.raises(pytest.fail.Exception, match="loopback"):
        socket.create_connection(("192.0.2.1", 80), timeout=1)
    with pytest.raises(pytest.fail.Exception, match="loopback"):
        socket.getaddrinfo("example.invalid", 443)
    server = socket.create_server(("127.0.0.1", 0))
    with server, socket.create_connection(server.getsockname(), timeout=5) as client:
        assert client.getpeername() == server.getsockname()
