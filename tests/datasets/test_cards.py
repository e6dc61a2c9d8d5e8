"""Cards, `bench list datasets` and docs/datasets.md say the same of each data set, and nothing that nobody has read."""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path

import pytest

from bench import registry
from bench.cards import card
from bench.cli import main
from bench.cli.data_page import brought, page
from bench.formats.fetching import wants

ROOT = Path(__file__).resolve().parents[2]
BUILT_IN = [name for name, entry in registry.entries("dataset").items() if entry.origin == "built-in"]
PROVIDES = {
    "prompts",
    "captions",
    "references",
    "groups",
    "objects",
    "boxes",
    "masks",
    "attributes",
    "relations",
    "counts",
    "tags",
    "questions",
    "rankings",
    "negatives",
    "meanings",
    "frames",
    "events",
    "what the base provides",
}


def test_the_page_is_up_to_date():
    written = (ROOT / "docs" / "datasets.md").read_text(encoding="utf-8")
    assert written == page(), "run: python -m bench.cli.data_page > docs/datasets.md"


def test_list_and_page_say_the_same(capsys):
    assert main(["list", "datasets", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out) if row["origin"] == "built-in"}
    assert list(rows) == BUILT_IN
    table = dict(
        re.findall(r"^\| \[`([^`]+)`\]\([^)]*\) \| (?:[^|]|\\\|)*? \| (.*) \| [^|]* \|$", page(), re.MULTILINE)
    )
    assert {name: ", ".join(row["provides"]) for name, row in rows.items()} == table
    for name, row in rows.items():
        expected = {"made": {"made here"}, "own": {"your files"}}.get(brought(name))
        assert row["on disk"] in (expected or {"no", "yes"}), name


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_data_set_has_a_card(name):
    about = card(name)
    assert about["name"] == name and set(about["provides"]) <= PROVIDES and about["provides"]
    assert about.get("example", "bench ").startswith("bench ")
    target = registry.load("dataset", name)
    for split in about.get("splits", ()):
        known = inspect.getsource(inspect.getmodule(target)) + json.dumps(
            {k: list(v) for k, v in getattr(target, "choices", {}).items()}
        )
        assert split in known or name in ("scenes", "dsg-1k"), f"{split} of {name}"


@pytest.mark.parametrize("name", BUILT_IN)
def test_files_of_a_card_can_be_got(name):
    for one in card(name).get("files", ()):
        assert set(one) <= {"path", "url", "sha256", "bytes", "archive", "also", "optional", "from"}, one
        assert not one["path"].startswith(("/", "..")) and one.get("url", "https://").startswith(
            ("https://", "http://")
        )
        assert re.fullmatch(r"[0-9a-f]{64}", one.get("sha256", "0" * 64))
        assert "sha256" not in one or "bytes" in one, "whoever read the file knows its size"
    assert len({want.file for want in wants(name)}) == len(wants(name))


def test_line_ends_make_no_other_release(shared_data, tmp_path):
    from bench.formats.fetching import checked

    plain = (shared_data / "geneval" / "evaluation_metadata.jsonl").read_bytes()
    path = tmp_path / "evaluation_metadata.jsonl"
    for content, same in (
        (plain, 1),
        (b"\xef\xbb\xbf" + plain.replace(b"\n", b"\r\n"), 1),
        (plain.replace(b"bench", b"cup"), 0),
    ):
        path.write_bytes(content)
        ((_, found, expected),) = checked("geneval", tmp_path)
        assert (found == expected) == bool(same)


def test_digests_are_those_of_the_real_files(shared_data):
    from bench.formats.large_files import hashed

    looked = 0
    for name, folder in (
        ("geneval", "geneval"),
        ("parti-prompts", "parti"),
        ("imagereward", "imagereward"),
        ("t2i-compbench", "t2i-compbench"),
    ):
        for one in card(name)["files"]:
            for path in (one["path"], *one.get("also", ())):
                file = shared_data / folder / path
                if file.is_file():
                    assert hashed(file) == one["sha256"] and file.stat().st_size == one["bytes"], file
                    looked += 1
                    break
    assert looked == 33
