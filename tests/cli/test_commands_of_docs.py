"""Every `bench run` of the README and the pages names systems, data sets, metrics that exist, with their parameters."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from bench import registry
from bench.aliases import expand
from bench.cli.running import run
from bench.spec import Spec, parse, parse_system

ROOT = Path(__file__).resolve().parents[2]
GENERATED = ("cli.md", "bad-input.md")
PAGES = [ROOT / "README.md", *sorted(p for p in (ROOT / "docs").glob("*.md") if p.name not in GENERATED)]


def commands() -> list[tuple[str, str]]:
    """(page, command): lines that begin with the command, continued lines joined, shell loops left out."""
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8").replace("\\\n", " ")
        lines = re.findall(r"^(?: {4})?bench run (.+)$", text, re.MULTILINE)
        found += [(page.name, line) for line in lines if "$(" not in line and "..." not in line]
    return found


def check(kind: str, spec: Spec) -> None:
    """A plug-in of that name takes these parameters; a fusion strategy gets the rest of its own from a backbone."""
    if kind == "fusion":
        assert set(spec.params) <= set(registry.parameters(registry.load(kind, spec.name))), spec
    else:
        registry.create(kind, spec.name, spec.params)


@pytest.mark.parametrize(("page", "line"), commands(), ids=lambda x: x[:60])
def test_what_a_command_names_exists(page: str, line: str) -> None:
    params = run.make_context("run", shlex.split(line, comments=True)).params
    for text in params["systems"]:
        if text.endswith(".toml"):
            assert (ROOT / text).is_file() or text.isupper() or "/" not in text, text
            continue
        if re.fullmatch(r"[\w-]+", text) and text not in registry.entries("generator"):
            continue  # the label of a run, or a folder
        system = parse_system(text)
        check("generator", system.generator)
        if system.fusion is not None:
            check("fusion", system.fusion)
    if params["dataset"]:
        check("dataset", parse(params["dataset"]))
    for text in params["metrics"]:
        check("metric", expand(text))


def test_commands_are_found() -> None:
    assert len(commands()) > 40
