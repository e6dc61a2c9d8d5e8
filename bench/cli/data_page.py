"""docs/datasets.md, made from the cards by `python -m bench.cli.data_page > docs/datasets.md`; a test holds them equal.

It says of each data set what `bench list datasets` says (what it provides, what its layout is), and how it comes here.
"""

from __future__ import annotations

from typing import Any

import click

from bench.cards import card
from bench.registry import entries

HEAD = """# Datasets

Made from the cards of `datasets/` by `python -m bench.cli.data_page > docs/datasets.md`; a test holds the two equal.

`bench list datasets` names them, says what each provides and whether it is on this machine; `bench show NAME` prints
parameters and the card (licence, citation, sources). A field that nobody has read from a file or an official source is
absent from a card.

- `bench data link NAME PATH` notes that the data set lies there; nothing is copied (`--forget` undoes it).
- `bench data fetch NAME --allow-download` brings the official files: found by sha256 among what is here (`--search
  DIR`), else downloaded, resumed where a transfer broke, checked, unpacked.
- `bench data verify NAME` says everything that is wrong with the files, one sentence a kind, counted; exit code 5 when
  something is missing or refused, or a file is not the published one (a run reads that one, and says so).
- `bench data preview NAME --sheet sheet.png` shows the first samples, and their images and prompts as one picture.

Without a link, `root=PATH` in the text form says where the files lie: `"geneval(root=PATH)"`. Files may be as people
have them: CRLF, a byte-order mark, ids with gaps and empty captions are read, counted and told in the run's notes; a
quoted TSV, ids twice, rows with too few or too many fields, an entry of an unknown image, a pickle that would execute
something and an archive that would write outside its folder are refused with a sentence. Pickles are never executed.
Where no official sha256 is known, `fetch` notes the first one and expects it from then on.
"""
BROUGHT = {"fetch": "fetch or link", "link": "link", "made": "made here", "own": "your files"}


def page() -> str:
    """The page."""
    names = [entry.name for entry in entries("dataset").values() if entry.origin == "built-in"]
    rows = [_row(name, card(name)) for name in names]
    head = ["| dataset | what | provides | comes by |", "|---|---|---|---|"]
    return "\n".join([HEAD, *head, *rows, "", *(_section(name, card(name)) for name in names)]).rstrip() + "\n"


def brought(name: str) -> str:
    """How a data set comes onto a machine, a key of BROUGHT: by fetch (all that its layout needs), by link, or it is
    made, or one's own."""
    files = [one for one in card(name).get("files", ()) if not one.get("optional")]
    if files:
        return "fetch" if all(one.get("url") for one in files) else "link"
    return "made" if str(card(name).get("layout", "")).startswith("none") else "own"


def _row(name: str, about: dict[str, Any]) -> str:
    told = str(about.get("summary", "")).replace("|", "\\|")
    return f"| [`{name}`](#{name}) | {told} | {', '.join(about.get('provides', ()))} | {BROUGHT[brought(name)]} |"


def _section(name: str, about: dict[str, Any]) -> str:
    lines = [f"## {name}\n", f"**{about['title']}**, version {about['version']}. Layout: {about['layout']}.\n"]
    facts = [(key, about.get(key)) for key in ("licence", "citation", "splits", "visibility")]
    lines += [f"- {key}: {', '.join(value) if isinstance(value, list) else value}" for key, value in facts if value]
    if about.get("sources"):
        lines.append(f"- sources read: {', '.join(about['sources'])}")
    if about.get("example"):
        lines += ["", f"    {about['example']}"]
    if about.get("about"):
        lines += ["", str(about["about"]).strip()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    click.echo(page(), nl=False)
