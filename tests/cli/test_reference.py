"""docs/cli.md is the page that the commands make of themselves."""

from __future__ import annotations

from pathlib import Path

from bench.cli.group import VERBS, cli
from bench.cli.reference import reference

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_is_up_to_date() -> None:
    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert page == reference(), "run: python -m bench.cli.reference > docs/cli.md"


def test_every_option_of_every_verb_is_on_it_with_help() -> None:
    page = reference()
    for verb in VERBS:
        for option in cli.get_command(None, verb).params:
            if option.param_type_name == "option":
                assert option.help, (verb, option.name)
                assert all(f"`{name}`" in page for name in option.opts)
