"""Prints docs/bad-input.md from the campaign's own tables: `python tools/bad_input.py > docs/bad-input.md`.

Each kind of bad input is made and given to the command anew; what stands in the table is what the command said.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "campaign")]

from bad_case import Case, Ended, Stage, carry_out, sentence  # noqa: E402
from bad_tables import TABLES  # noqa: E402

HEAD = """# Bad input, and what becomes of it

This page is written by `python tools/bad_input.py > docs/bad-input.md` from the tables in `tests/campaign/`, which the
tests hold to be true: {count} kinds. Exit codes: 0 fine, 2 usage or configuration, 3 inconclusive, 4 not comparable, 5
incomplete (images or files are missing, damaged or in use; what can be scored is scored), 74 disk or pipe. Whatever
happens, no half-written file is taken for a whole one and what was finished can be read. `...` stands for the folder of
the command and `*` for a digest.
"""


def row(one: Case, left: Ended) -> str:
    """A line of a table."""
    told = one.legal or sentence(one, left) or "read"
    told = told.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")
    return f"| {one.given} | {left.code} | {told if len(told) <= 400 else told[:400] + ' [...]'} |"


def page() -> str:
    """The whole page."""
    ended: dict[Stage, Ended] = {}
    parts = [HEAD.format(count=sum(map(len, TABLES.values())))]
    with tempfile.TemporaryDirectory() as scratch:
        for heading, cases in TABLES.items():
            parts += [f"## {heading}\n", "| given | exit code | what is said, or becomes of it |\n| --- | ---: | --- |"]
            for one in cases:
                if one.stage not in ended:
                    folder = Path(scratch) / f"{len(ended)}"
                    folder.mkdir()
                    ended[one.stage] = carry_out(one.stage, folder)
                parts.append(row(one, ended[one.stage]))
            parts.append("")
    return "\n".join(parts)


if __name__ == "__main__":
    text = page()
    print(text.rstrip())
