"""docs/figures.md is what the catalogue says today; its commands parse and its pictures are there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from bench.cli.plotting import plot
from bench.reports.figures.catalog import CATALOG
from bench.reports.figures.frames import NEEDED, OPTIONAL

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "figures.md"


def test_the_page_is_the_one_that_the_tool_writes():
    done = subprocess.run(
        [sys.executable, "tools/figures.py", "--page"], capture_output=True, text=True, cwd=ROOT, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout == PAGE.read_text(encoding="utf-8"), "docs/figures.md is stale: python tools/figures.py"


def test_every_figure_has_a_section_with_a_picture_or_needs_images():
    text = PAGE.read_text(encoding="utf-8")
    for name in CATALOG:
        section = text.split(f"\n## {name}\n", 1)[1].split("\n## ", 1)[0]
        told = [line for line in section.splitlines() if line and not line.startswith(("![", "    "))]
        assert f"bench plot {name} " in section and len(told[0]) > 40 and told[0].endswith("."), name
        if name != "samples":
            picture = ROOT / "docs" / re.search(r"\]\((figures/.+\.png)\)", section)[1]
            assert picture.read_bytes().startswith(b"\x89PNG") and picture.stat().st_size < 60_000


def commands() -> list[str]:
    found = re.findall(r"^    bench plot (.+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return [line for line in found if "NAME" not in line]


@pytest.mark.parametrize("command", commands())
def test_every_command_of_the_page_is_understood(command):
    context = plot.make_context("plot", command.split())
    assert context.params["listed"] or context.params["name"] in CATALOG


def test_every_column_of_a_table_is_told_of():
    text = PAGE.read_text(encoding="utf-8").split("## From a table", 1)[1]
    told = set(re.findall(r"[a-z]+", " ".join(re.findall(r"^\| `([^`]+)`", text, re.MULTILINE))))
    assert {*NEEDED, *OPTIONAL, "tag"} <= told
