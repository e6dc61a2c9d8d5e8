"""What goes into a paper: tables that compile and read right, every denominator, complete references."""

from __future__ import annotations

import csv
import dataclasses
import io
import re

import pytest

from bench import api, ledger, registry
from bench.cli import main
from bench.reports.exports import latex, markdown, methods
from bench.reports.exports.one_run import main_rows, printed
from bench.types import Score


@pytest.fixture
def run(finished):
    return api.load_run(finished.run("oracle"))


def test_every_built_in_metrics_paper_has_a_complete_entry() -> None:
    for entry in registry.entries("metric").values():
        paper = entry.load().paper
        if paper and entry.origin == "built-in":
            text = methods.bibtex(paper)
            assert "title = {" in text and "others" not in text, paper
            assert paper.rpartition(":")[2] in text


def test_a_paper_that_nobody_knows_gives_what_its_card_says() -> None:
    assert methods.bibtex("Doe et al. 2031, arXiv:3101.00001") == (
        "@misc{doe2031,\n  author = {Doe and others},\n  year = {2031},\n  eprint = {3101.00001},\n"
        "  archivePrefix = {arXiv}\n}"
    )
    assert methods.bibtex("a talk of 2031") == "% a talk of 2031"


def test_random_weights_are_called_random() -> None:
    seeded = {"name": "inception-v3", "dtype": "float32", "weights": "random:seed=0,scheme=1"}
    assert methods.extractor(seeded) == "inception-v3 (random weights, seed 0, float32)"
    assert methods.extractor({**seeded, "weights": 64 * "a"}) == "inception-v3 (weights sha256 aaaaaaaaaaaa, float32)"


def test_latex_has_a_row_for_each_primary_score(run) -> None:
    text = latex.run_table(run)
    lines = text.splitlines()
    rows = [line for line in lines if line.endswith(r"\\")][1:]
    assert len(rows) == len(markdown.run_table(run).splitlines()) - 2 == len(main_rows(run))
    assert lines[1] == r"\begin{tabular}{@{}lrr@{}}" and lines[-1] == r"\end{tabular}"
    assert rows[0].startswith(r"object-presence $\uparrow$ & 1.00")
    assert re.search(r"\$\\downarrow\$ & 0\.", text)


def test_a_lopsided_interval_is_never_printed_as_plus_minus() -> None:
    assert printed(Score("m", "value", 1.0, 0.912, 1.0)) == ("1.000", "[0.912, 1.000]")
    assert printed(Score("m", "value", 0.5, 0.4, 0.6)) == ("0.50", "±0.10")
    assert printed(Score("m", "value", 12.3)) == ("12.3", "")


def test_methods_states_what_a_reader_needs(finished, capsys) -> None:
    assert main(["show", str(finished.run("oracle")), "--methods"]) == 0
    out = capsys.readouterr().out
    for fact in ("24 of 200 prompts", "1 per prompt", "run seed 0", "sha256", "n = 24", "scene-detector", "@misc{hinz"):
        assert fact in out


def test_methods_counts_missing_images(run) -> None:
    holes = dataclasses.replace(run, counts={"ok": 22, "missing": 1, "refused": 1})
    assert "2 images were missing, refused or unreadable" in methods.run_methods(holes)
    assert "missing" not in methods.run_methods(run)


def test_only_papers_of_printed_scores_are_cited(run) -> None:
    without = dataclasses.replace(run, scores=tuple(s for s in run.scores if s.metric == "collapse"))
    assert "@misc" not in methods.run_methods(without)


def test_a_printed_form_is_all_of_stdout(finished, tmp_path, capsys) -> None:
    runs = [str(finished.run("oracle")), str(finished.run("noise"))]
    assert main(["compare", *runs, "--report", str(tmp_path / "report"), "--print", "csv"]) == 0
    said = capsys.readouterr()
    rows = list(csv.DictReader(io.StringIO(said.out)))
    assert {r["system"] for r in rows} == {"oracle", "noise"} and "report: " in said.err
    assert said.out.rstrip("\n") == (tmp_path / "report" / "scores.csv").read_text(encoding="utf-8").rstrip("\n")


def test_a_model_card_names_the_level_that_a_ledger_holds(finished, tmp_path, capsys) -> None:
    run = str(finished.run("oracle"))
    ledger.write_ledger(tmp_path / "ledger.json", ledger.empty())
    assert main(["show", run, "--model-index", "--ledger", str(tmp_path / "ledger.json")]) == 0
    assert "verification: self-reported" in capsys.readouterr().out
    assert main(["show", run, "--model-index"]) == 0
    assert "verification" not in capsys.readouterr().out
    assert main(["show", run, "--model-index", "--ledger", str(tmp_path / "none.json")]) == 2
