"""Several rules on one set of evidence: tables that can be counted on paper, and an order that a rule or a threshold
turns round."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest

from bench.errors import NotComparable, UsageError
from bench.reports.exports.rules import files, printed, rules_data, sentences
from bench.stats.verdicts import RuleRows, rule_table


def rows(title, mild, strict, *, keys=None, low=0.0, **more):
    """Highest thresholds at which two rules hold, an image each (0: at none)."""
    n = len(mild)
    names = tuple(keys or (f"p{i // 2}#{i % 2}" for i in range(n)))
    return RuleRows(
        title, names, tuple(k.partition("#")[0] for k in names), np.ones(n),
        {"mild": np.full(n, -np.inf), "strict": np.full(n, low)},
        {k: np.where(np.array(v) > 0, v, -np.inf) for k, v in (("mild", mild), ("strict", strict))},
        {"mild": -1.0, "strict": 0.3}, detector="eyes", **more,
    )  # fmt: skip


A = rows("a", [0.9, 0.9, 0.9, 0], [0.9, 0, 0, 0])
B = rows("b", [0.4, 0.4, 0, 0], [0.4, 0.4, 0, 0])


def test_the_table_is_what_one_counts():
    found = rule_table([A, B], thresholds=(0.0, 0.5))
    assert (found.n, found.prompts, found.systems, found.rules) == (4, 2, ("a", "b"), ("mild", "strict"))
    assert found.scores.tolist() == [[0.75, 0.25], [0.5, 0.5]]
    assert found.agreement.tolist() == [[1, 0.75], [0.75, 1]], "six of the eight images"
    assert found.unanimous.tolist() == [0.5, 1]
    assert found.sweep.tolist() == [[[0.75, 0.25], [0.5, 0.5]], [[0.75, 0.25], [0, 0]]]
    assert found.both.tolist() == [1, 1]


def test_rules_and_thresholds_may_turn_the_order_round():
    found = rule_table([A, B], thresholds=(0.0, 0.5))
    assert found.ranks.tolist() == [[1, 2], [2, 1]] and found.tau.tolist() == [[1, -1], [-1, 1]]
    assert found.reach.tolist() == [[[1, 1], [1, 2]], [[2, 2], [1, 2]]], "strict turns round above 0.4"
    assert "a is ahead of b by mild and behind by strict." in sentences(found)
    same = rule_table([A, A], thresholds=())
    assert same.ranks.tolist() == [[1, 1], [1, 1]] and np.isnan(same.tau).all(), "equal systems have no order"
    assert same.first.tolist() == [1, 1]
    assert not any("ahead" in s for s in sentences(same))


def test_resamples_say_how_sure_the_first_place_is():
    """Over 400 prompts of two images the better system stays first; over two prompts chance decides."""
    rng = np.random.default_rng(0)
    good, bad = (np.where(rng.random(800) < p, 0.9, 0) for p in (0.7, 0.5))
    many = rule_table([rows("good", good, good), rows("bad", bad, bad)])
    assert many.first.tolist() == [1, 1]
    few = rule_table([rows("good", [0.9, 0.9, 0.9, 0], [0] * 4), rows("bad", [0.9, 0, 0.9, 0.9], [0] * 4)])
    assert few.first[0] == pytest.approx(1), "equal systems share the first place"
    close = rule_table([rows("one", [0.9, 0.9, 0.9, 0], [0] * 4), rows("two", [0, 0, 0.9, 0.9], [0] * 4)])
    assert 0.6 < close.first[0] < 0.95
    low, high = many.ends[0, 0]
    assert low < many.scores[0, 0] < high and 0.04 < high - low < 0.08, "about 4 standard errors of 800 images"


def test_images_that_a_system_lacks_count_for_none():
    part = rows("b", [0.4, 0.4], [0.4, 0.4], keys=["p1#1", "p0#0"], missing=2)
    found = rule_table([A, part])
    assert found.n == 2 and found.scores[0].tolist() == [0.5, 0.5], "a's images p0#0 and p1#1"
    assert "b: 2 images have no detections and are left out." in sentences(found)
    with pytest.raises(NotComparable, match="no judged image in common"):
        rule_table([A, rows("c", [1.0], [1.0], keys=["elsewhere#0"])])
    with pytest.raises(NotComparable, match="other rules"):
        rule_table([A, rows("c", [1.0] * 4, [1.0] * 4).__class__(**{**vars(B), "own": {"mild": -1, "strict": 0.5}})])
    with pytest.raises(UsageError, match="no run"):
        rule_table([])


def test_a_rule_may_begin_to_hold_at_a_threshold():
    """As where exactly one box is wanted: a second one disappears below 0.5."""
    found = rule_table([rows("a", [0.9], [0.9], low=0.5)], thresholds=(0.2, 0.5, 0.9))
    assert found.sweep[:, 0, 1].tolist() == [0, 1, 0]


def test_every_form_says_the_same():
    found = rule_table([A, B])
    table = list(csv.DictReader(io.StringIO(printed(found, "csv"))))
    kinds = [r["table"] for r in table]
    assert kinds.count("score") == 4 and kinds.count("sweep") == 4 * 20 and kinds.count("agreement") == 1
    assert [float(r["value"]) for r in table if r["table"] == "score"] == found.scores.reshape(-1).tolist()
    data = json.loads(printed(found, "json"))
    assert data == json.loads(json.dumps(rules_data(found))) and data["own_thresholds"] == {"mild": None, "strict": 0.3}
    alone = rule_table([A])
    assert "NaN" not in printed(alone, "json") and "nan" not in printed(alone, "csv") + printed(alone, "markdown")
    assert "Ranks" in printed(found) and "Ranks" not in printed(alone)
    assert printed(found, ascii_only=True).isascii()
    assert set(files(found)) == {"rules.md", "rules.csv", "rules.json"}
    with pytest.raises(UsageError, match="no form 'latex'"):
        printed(found, "latex")


def test_names_of_strangers_are_harmless():
    found = rule_table([rows("=1+1 | <b>*x*\x1b[31m " + "long " * 20, [0.9], [0.9])])
    text, markdown, table = (printed(found, form) for form in ("text", "markdown", "csv"))
    assert "\x1b" not in text + markdown and "<b>" not in markdown
    assert all(len(line) <= 100 for line in text.splitlines())
    assert "\n=1+1" not in table and ",=1+1" not in table
