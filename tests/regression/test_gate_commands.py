"""`bench baseline` and `bench gate` from the command line: exit codes, files, and what a first user meets."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import gated
import pytest

from bench.cli import main
from bench.regression import forms
from bench.regression.baseline import read
from bench.regression.gate import gate as judge
from bench.regression.policy import read_policy
from bench.regression.report import told

N = 120
RULES = '[[metric]]\nmetric = "match"\nmargin = 0.5\n'


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gate.toml").write_text(RULES)
    return tmp_path


def made(here, shift=0.0, noise=1.0, seed=0, **more):
    return str(gated.run(here, match=gated.scores(N, seed=seed, shift=shift, noise=noise), **more).relative_to(here))


def gate(run, *words):
    return main(["gate", "run", run, "--baseline", "main", *words])


def test_from_nothing_to_a_caught_regression(here, capsys):
    first = made(here)
    assert gate(first) == 5
    told = capsys.readouterr().err
    assert "There was no baseline 'main'" in told and "commit baselines/main.json" in told
    verdict = json.loads((here / "runs/gates/main.json").read_text())
    assert (verdict["outcome"], verdict["exit_code"], verdict["items"]) == ("incomplete", 5, [])
    assert "There was no baseline 'main'" in verdict["findings"][0]["text"]
    assert gate(first) == 0
    assert capsys.readouterr().out.startswith("pass: ours against baseline main")
    before = (here / "baselines/main.json").read_bytes()
    assert gate(made(here, shift=-3.0, seed=1)) == 1
    out = capsys.readouterr().out
    assert out.startswith("REGRESSED: ours against baseline main: match(extractor=eye) is worse by")
    assert "lost most" in out
    assert json.loads((here / "runs/gates/main.json").read_text())["outcome"] == "regressed"
    assert (here / "baselines/main.json").read_bytes() == before


def test_the_first_candidate_of_a_private_run_can_be_held_against_and_tells_nothing(here, capsys):
    secret = {"visibility": "private", "words": lambda i: f"the treaty of the moles {i}"}
    assert gate(made(here, **secret)) == 5
    text = (here / "baselines/main.json").read_text()
    assert "moles" not in text and "s0000" not in text
    assert len(read("baselines", "main").rows) == N and read("baselines", "main").rows[0][3] == ""  # no prompt
    assert gate(made(here, **secret)) == 0
    assert gate(made(here, shift=-3.0, seed=1, **secret)) == 1
    said = "".join(capsys.readouterr())
    assert "moles" not in said and "s0000" not in said


@pytest.mark.parametrize(
    ("more", "code", "outcome"),
    [
        ({"seed": 1, "noise": 12.0}, 3, "inconclusive"),
        ({"protocol": "bicubic"}, 4, "not comparable"),
        ({"status": ["missing"] * 10 + ["ok"] * (N - 10)}, 5, "incomplete"),
    ],
)
def test_exit_codes_come_with_a_verdict(here, more, code, outcome):
    assert main(["baseline", "set", made(here), "--name", "main", "--reason", "r"]) == 0
    assert gate(made(here, **more), "--verdict", "out/v.json") == code
    found = json.loads((here / "out/v.json").read_text())
    assert (found["outcome"], found["exit_code"]) == (outcome, code)


def test_strict_makes_a_failure_of_what_is_not_known(here, capsys):
    main(["baseline", "set", made(here), "--name", "main", "--reason", "r"])
    unsure = made(here, seed=1, noise=12.0)
    assert gate(unsure, "--strict", "--junit", "j.xml") == 1
    assert len(ElementTree.parse(here / "j.xml").findall(".//failure")) == 1
    assert gate(unsure, "--junit", "j.xml") == 3
    assert len(ElementTree.parse(here / "j.xml").findall(".//skipped")) == 1


def test_nothing_is_overwritten_and_history_is_kept(here, capsys):
    words = ["baseline", "set", made(here), "--name", "main", "--reason"]
    assert main([*words, "first"]) == 0
    before = (here / "baselines/main.json").read_bytes()
    assert main([*words, "again"]) == 2
    assert "--update" in capsys.readouterr().err and (here / "baselines/main.json").read_bytes() == before
    assert main(["baseline", "set", made(here, seed=3), "--name", "main", "--reason", "new seeds", "--update"]) == 0
    capsys.readouterr()
    assert main(["baseline", "show", "main"]) == 0
    out = capsys.readouterr().out
    assert out.index("first") < out.index("new seeds") and "match(extractor=eye)" in out
    assert main(["baseline", "list", "--json"]) == 0
    assert [b["reason"] for b in json.loads(capsys.readouterr().out)] == ["new seeds"]


def test_diff_of_two_baselines(here, capsys):
    main(["baseline", "set", made(here), "--name", "a", "--reason", "r"])
    main(["baseline", "set", made(here, shift=1.0, protocol="bicubic"), "--name", "b", "--reason", "r"])
    capsys.readouterr()
    assert main(["baseline", "diff", "a", "b"]) == 0
    out = capsys.readouterr().out
    assert "match(extractor=eye)" in out and "resize is p in a, bicubic in b" in out
    assert main(["baseline", "diff", "a", "a"]) == 0
    assert capsys.readouterr().out.strip() == "No score differs."


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--policy", "none.toml"], "no policy file none.toml"),
        (["--policy", "bad.toml"], "no valid TOML"),
        (["--baseline", "main"], "named twice"),
        (["--baseline", "../x"], "no name of a baseline"),
    ],
)
def test_usage_is_one_sentence(here, capsys, words, told):
    (here / "bad.toml").write_text("[[metric]\n")
    main(["baseline", "set", made(here), "--name", "main", "--reason", "r"])
    assert gate(made(here), *words) == 2
    assert told in capsys.readouterr().err


def test_runs_are_gated_one_by_one(here, capsys):
    assert main(["gate", "run", made(here), made(here), "--baseline", "main"]) == 2
    assert "gate them one by one" in capsys.readouterr().err


def test_an_edited_baseline_is_refused_and_stays(here, capsys):
    run = made(here)
    main(["baseline", "set", run, "--name", "main", "--reason", "r"])
    path = here / "baselines/main.json"
    path.write_text(path.read_text().replace('"ok"', '"OK"', 1))
    edited = path.read_bytes()
    assert gate(run, "--junit", "j.xml", "--summary", "s.md") == 5
    assert json.loads((here / "runs/gates/main.json").read_text())["outcome"] == "incomplete"
    assert len(ElementTree.parse(here / "j.xml").findall(".//error")) == 1
    assert "edited or damaged" in (here / "s.md").read_text()
    assert "edited or damaged" in capsys.readouterr().err and path.read_bytes() == edited


def test_the_summary_is_appended_and_holds_its_limit(here):
    main(["baseline", "set", made(here), "--name", "main", "--reason", "r"])
    (here / "s.md").write_text("before\n")
    gate(made(here, shift=-3.0, seed=1), "--summary", "s.md")
    text = (here / "s.md").read_text()
    assert text.startswith("before\n### REGRESSED") and "| prompt | before | after | image before |" in text
    assert "bench gate run runs/" in text


def test_hostile_words_break_neither_summary_nor_xml(here, tmp_path):
    evil = "<script>x</script> | `a` \x00\x1b[31m ]]> &amp; " + "long " * 200
    words = lambda i: f"{evil}{i}"  # noqa: E731
    main(["baseline", "set", made(here, words=words), "--name", "main", "--reason", evil[:40]])
    assert gate(made(here, shift=-3.0, seed=1, words=words), "--junit", "j.xml", "--summary", "s.md") == 1
    ElementTree.parse(here / "j.xml")
    text = (here / "s.md").read_text()
    assert "<script>" not in text
    for line in text.splitlines():
        if line.startswith("| ") and "script" in line:
            assert line.replace("\\|", "").count("|") == 6


def test_a_summary_that_is_too_long_says_where_the_rest_is(here):
    main(["baseline", "set", made(here), "--name", "main", "--reason", "r"])
    verdict = judge(made(here, shift=-3.0, seed=1), [read("baselines", "main")], read_policy("gate.toml"))
    short = forms.summary(verdict, limit=600)
    assert len(short.encode()) <= 600 and short.startswith("### REGRESSED") and "verdict file" in short


def test_the_report_shows_both(here):
    main(["baseline", "set", made(here), "--name", "main", "--reason", "r"])
    assert gate(made(here, shift=-3.0, seed=1), "--report", "page") == 1
    page = (here / "page/index.html").read_text()
    assert "baseline main" in page
    assert gate(made(here, protocol="bicubic"), "--report", "other") == 4


def test_the_page_says_the_verdict_first_and_each_difference_in_margins(here):
    main(["baseline", "set", made(here), "--name", "main", "--reason", "r"])
    assert gate(made(here, shift=-3.0, seed=1), "--report", "page", "--policy", "gate.toml") == 1
    text = (here / "page/index.html").read_text()
    assert text.index('id="gate"') < text.index('id="verdicts"') and "forced side by side" not in text
    assert "<title>ours against baseline main</title>" in text and "▼ regressed" in text
    assert "--baseline main --policy gate.toml" in text
    shown = told(judge(made(here, shift=-3.0, seed=1), [read("baselines", "main")], read_policy("gate.toml")))
    (line,) = shown["lines"]
    assert line["strip"]["dot"] < 50 - 50 * 2 / 8 < line["blind"]["left"]  # six margins to the left, of eight
    fine = told(judge(made(here, shift=0.0, seed=1), [read("baselines", "main")], read_policy("gate.toml")))
    (line,) = fine["lines"]
    assert fine["badge"] == "✓ pass" and line["strip"]["left"] > line["blind"]["left"]


def test_what_a_gate_of_a_part_shows(here):
    """A part of the prompts beside the whole list is side by side by force, and the page still leads with the gate."""
    main(["baseline", "set", made(here), "--name", "main", "--reason", "r"])
    part = str(gated.run(here, match=gated.scores(N)[:50], prompts="part", only="first:50").relative_to(here))
    assert gate(part, "--report", "page") == 0
    assert '<section id="gate"' in (here / "page/index.html").read_text()
