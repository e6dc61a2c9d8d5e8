"""docs/survey.md: what it names exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench import registry

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "docs" / "survey.md").read_text(encoding="utf-8")
ROWS = [line for line in TEXT.splitlines() if line.startswith("| ") and not line.startswith("| item")]
KINDS = ("metric", "generator", "extractor", "dataset", "fusion")


def named(kind: str) -> set[str]:
    """Plug-ins that the page calls of a kind: `a`, `b (p)`, ... after its word."""
    lists = re.findall(rf"(?<![-\w]){kind}s? ((?:`[^`]+`(?: \([^)]*\))?(?:, | and )?)+)", TEXT)
    return {name for part in lists for name in re.findall(r"`([^`]+)`(?!\))", re.sub(r"\([^)]*\)", "", part))}


@pytest.mark.parametrize("kind", KINDS)
def test_every_plug_in_of_the_page_exists(kind):
    found = named(kind)
    assert found and found <= set(registry.entries(kind)), f"unknown: {found - set(registry.entries(kind))}"


def test_every_generator_and_fusion_of_the_survey_is_on_the_page():
    assert {"cgan", "iten", "cman", "wirn", "titan", "flow", "best-of", "combine", "repair"} <= named("generator")
    assert {n for n in registry.entries("fusion") if n.isidentifier() or "-" in n} >= named("fusion") >= {
        "none", "concat", "weighted", "film", "film-words", "attention", "attention-sentence", "gated", "aligned",
    }  # fmt: skip


@pytest.mark.parametrize("where", sorted(set(re.findall(r"`((?:tests|bench)/[\w/]+\.py(?:::\w+)?)`", TEXT))))
def test_every_file_and_test_of_the_page_exists(where):
    path, _, function = where.partition("::")
    text = (ROOT / path).read_text(encoding="utf-8")
    assert not function or f"\ndef {function}(" in text, where


def test_every_row_says_where_and_by_what():
    assert len(ROWS) > 45
    for row in ROWS:
        cells = [c.strip() for c in row.strip("|").split(" | ")]
        assert len(cells) >= 2 and all(len(c) > 3 for c in cells), row
