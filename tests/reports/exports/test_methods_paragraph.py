"""The paragraph about a comparison states what was compared, paired and corrected, and cites what it used."""

from __future__ import annotations

import dataclasses
import re

from bench.reports.comparison.compare import compare
from bench.reports.exports.bibliography import EXTRACTORS, METHODS
from bench.reports.exports.methods import bibtex, comparison_methods


def test_it_states_the_facts_of_the_comparison(make):
    found = compare(
        [make("ours", skill=1, seed=1, failed=2), make("base", seed=2), make("noise", seed=3, control=True)]
    )
    text = comparison_methods(found)
    assert "We compared 2 systems (ours, base)" in text and "60 prompts of toy (120 images a system" in text
    assert "Controls (noise) were measured alike and not ranked." in text
    assert "Differences from the best system of each metric are paired" in text
    assert f"over {found.family.size} comparisons" in text and "all pairs of systems" in text
    assert "Missing images count as each metric's policy states (ours 2)." in text
    for row in found.primary:
        assert row.label in text and row.protocol[:12] in text


def test_a_baseline_changes_what_is_said(make):
    found = compare([make("ours", seed=1), make("base", seed=2)], baseline="base")
    text = comparison_methods(found)
    assert "Differences from the baseline base are paired" in text and "each system against the baseline" in text


def test_one_system_has_no_differences(make):
    text = comparison_methods(compare([make("alone")]))
    assert "No differences were formed." in text and "adjusted" not in text and "@book" not in text


def test_it_cites_the_statistics_that_were_used_and_no_other(make):
    text = comparison_methods(compare([make("a", n=150), make("b", n=150, seed=2)]))
    assert METHODS["max-T"] in text and METHODS["BCa"] in text and METHODS["Wilson"] not in text


def test_papers_of_metrics_and_of_their_networks(make):
    def named(data):
        cards = {
            t: dataclasses.replace(c, paper="Heusel et al. 2017, arXiv:1706.08500") for t, c in data["cards"].items()
        }
        extractors = [{"name": "inception-v3", "weights": "random:seed=0,scheme=1", "dtype": "float32"}]
        data["cards"], data["protocols"] = (
            cards,
            {k: {**p, "extractors": extractors} for k, p in data["protocols"].items()},
        )

    text = comparison_methods(compare([make("a", change=named), make("b", seed=2, change=named)]))
    assert text.count("@misc{heusel2017gans,") == 1 and text.count("@misc{szegedy2016rethinking,") == 1
    assert "on inception-v3 (random weights, seed 0, float32)" in text


def test_entries_are_complete_and_balanced():
    for entry in (*METHODS.values(), *map(bibtex, EXTRACTORS.values())):
        assert entry.count("{") == entry.count("}") and "others" not in entry
        assert {"author", "title", "year"} <= set(re.findall(r"^  (\w+) = ", entry, re.MULTILINE)), entry
