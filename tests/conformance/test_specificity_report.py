"""The committed specificity report: what every card declares was measured and seen; the table is not of other cards."""

from __future__ import annotations

import csv
from pathlib import Path

from bench import registry
from bench.conformance.responses import STORIES

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "reports" / "specificity" / "specificity.csv"
AGAIN = "python tools/specificity.py (or --render, when only cards have changed)"


def _rows():
    with open(TABLE, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _claims() -> dict[str, tuple[str, ...]]:
    return {n: e.load().responds_to for n, e in registry.entries("metric").items() if e.origin == "built-in"}


def test_the_table_is_of_todays_cards():
    claims = _claims()
    for row in _rows():
        assert bool(int(row["claimed"])) == (row["defect"] in claims[row["metric"]]), (row, AGAIN)


def test_every_metric_is_measured_or_named_as_not():
    page = (TABLE.parent / "README.md").read_text(encoding="utf-8")
    measured = {row["metric"] for row in _rows()}
    for name in _claims():
        assert name in measured or f"- {name}: needs" in page, (name, AGAIN)


def test_whatever_a_card_declares_was_seen():
    seen = {(r["metric"], r["defect"]) for r in _rows() if r["p"] == "1" and r["errors"] and float(r["errors"]) > 1.96}
    unseen = []
    for name in {row["metric"] for row in _rows()}:
        claims = _claims()[name]
        stories = set(claims) & set(STORIES)
        for defect in claims:
            # duplicates and ignored seeds are what the constant control has; stories have no images to shuffle
            asked = {"duplicates": "constant", "seeds-ignored": "constant"}.get(defect, defect)
            if (name, asked) not in seen and not (stories and defect == "shuffled"):
                unseen.append((name, defect))
    assert not unseen, AGAIN
