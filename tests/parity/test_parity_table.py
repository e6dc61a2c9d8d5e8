"""Every row of docs/parity.md, run again: ours agrees with the peer within the tolerance, and with the truth where the
peer does not."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
from parity_case import measure
from parity_tables import TABLES

CASES = [case for cases in TABLES.values() for case in cases]
PAGE = Path(__file__).parents[2] / "docs" / "parity.md"


def _installed(peer: str) -> bool:
    try:
        return peer.startswith("(") or bool(version(peer))
    except PackageNotFoundError:
        return False


@pytest.mark.filterwarnings("ignore")  # the peers' own: deprecated arguments, singular matrices
@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c.metric}-{c.peer}-{c.on}")
def test_parity(case):
    if not _installed(case.peer):
        pytest.skip(f"{case.peer} is not installed; it comes with the dev extra")
    found = measure(case)
    assert found.holds, (found.difference, found.from_truth, found.theirs_from_truth)


def test_the_page_has_a_row_for_each_case():
    page = PAGE.read_text(encoding="utf-8")
    for case in CASES:
        assert f"| {case.metric} | {case.peer} | {case.on} |" in page, "python tools/parity.py > docs/parity.md"
    rows = [line for line in page.splitlines() if re.match(r"\| [^-|]", line) and not line.startswith("| metric")]
    assert len(rows) >= len(CASES)


def test_a_wrong_number_does_not_pass():
    from dataclasses import replace

    case = next(c for c in CASES if c.metric == "is")
    assert not measure(replace(case, ours=lambda: [float(v) + 0.01 for v in case.theirs()])).holds
