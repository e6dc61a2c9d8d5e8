"""The pytest plug-in, in a pytest of its own: which tests there are, how each ends, and what it costs others."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from xml.etree import ElementTree

import gated
import numpy as np
import pytest

from bench.cli import main

ROOT = Path(__file__).resolve().parents[2]
N = 80
RULES = (
    '[[metric]]\nmetric = "match"\nmargin = 0.5\nslices = ["kind"]\n'
    '[[metric]]\nmetric = "hits"\nmargin = 0.1\nblocking = false\n'
)
TAGS = {"kind": ["cat", "dog"] * (N // 2)}


@pytest.fixture(scope="module", autouse=True)
def installed():
    if not [e for e in entry_points(group="pytest11") if e.value == "bench.regression.plugin"]:
        pytest.fail("the plug-in is not an entry point of the installed package; install the project again")


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gate.toml").write_text(RULES)
    main(["baseline", "set", made(tmp_path), "--name", "main", "--reason", "r"])
    return tmp_path


def made(here, label="ours", *, shift=0.0, noise=1.0, seed=0, **more):
    values = gated.scores(N, seed=seed, shift=shift, noise=noise)
    return str(gated.run(here, label, match=values, hits=np.ones(N), tags=TAGS, **more).relative_to(here))


def run(here, *words, code):
    """pytest in a process of its own; its output."""
    variables = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *words], cwd=here, capture_output=True, text=True,
        env={**variables, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == code, done.stdout[-3000:] + done.stderr[-2000:]
    return done.stdout + done.stderr


def test_one_test_for_each_comparison_and_k_chooses(here):
    words = ("--t2i-run", made(here, seed=1), "--t2i-baseline", "main")
    out = run(here, *words, "-v", code=0)
    for name in ("toy::match(extractor=eye)", "toy::match(extractor=eye)[kind=cat]", "toy::hits"):
        assert name in out
    assert "4 passed" in out
    assert "1 passed, 3 deselected" in run(here, *words, "-k", "cat", code=0)


def test_a_regression_is_a_failure_that_says_everything(here):
    words = ("--t2i-run", made(here, shift=-3.0, seed=1), "--t2i-baseline", "main", "--junitxml", "j.xml")
    out = run(here, *words, code=1)
    for told in ("is worse by", "90 % interval", "margin 0.5", "80 % power", "a picture of thing", "images/",
                 "again: bench gate run"):  # fmt: skip
        assert told in out
    strict = run(here, *words[:4], "--t2i-policy", "gate.toml", "--t2i-strict", code=1)
    assert "--baseline main --policy gate.toml --strict" in strict
    assert "Traceback" not in out and "plugin.py" not in out
    suite = ElementTree.parse(here / "j.xml").getroot()[0]
    assert (suite.get("failures"), suite.get("errors"), suite.get("skipped")) == ("1", "0", "0")
    assert {"delta", "margin", "detectable"} <= {p.get("name") for p in suite.iter("property")}


def test_what_is_not_known_is_a_skip_with_a_warning_or_by_wish_a_failure(here):
    words = ("--t2i-run", made(here, seed=1, noise=12.0), "--t2i-baseline", "main")
    out = run(here, *words, "--junitxml", "j.xml", code=0)
    assert "1 skipped" in out and "GateWarning" in out
    assert ElementTree.parse(here / "j.xml").getroot()[0].get("skipped") == "1"
    assert "1 failed" in run(here, *words, "--t2i-strict", code=1)


@pytest.mark.parametrize(
    ("more", "told"),
    [({"protocol": "bicubic"}, "resize is p in the baseline"), ({"status": ["failed"] * N}, "were not made")],
)
def test_what_cannot_be_compared_is_an_error_and_no_failure(here, more, told):
    words = ("--t2i-run", made(here, **more), "--t2i-baseline", "main", "--junitxml", "j.xml")
    assert told in run(here, *words, code=1)
    suite = ElementTree.parse(here / "j.xml").getroot()[0]
    assert int(suite.get("errors")) >= 1 and suite.get("failures") == "0"


def test_workers_see_the_same_tests(here):
    pytest.importorskip("xdist")
    words = ("--t2i-run", made(here, seed=1), "--t2i-baseline", "main", "-n", "2")
    assert "4 passed" in run(here, *words, code=0)


def test_workers_write_nothing_and_whoever_hands_out_their_tests_does(here):
    pytest.importorskip("xdist")
    words = ("--t2i-run", made(here, shift=-3.0, seed=1), "--t2i-baseline", "new", "-n", "2")
    assert "commit baselines/new.json" in run(here, *words, code=4)
    assert "4 passed" in run(here, *words, "--t2i-report", "page", code=0) and (here / "page/index.html").is_file()
    words = (*words[:2], "--t2i-baseline", "main", "-n", "2")
    assert "1 failed, 3 passed" in run(here, *words, code=1)
    assert "commit baselines/main.json" in run(here, *words, "--t2i-update-baseline", "accepted", code=0)
    assert "4 passed" in run(here, *words, code=0)


def test_a_fixture_for_ones_own_assertions(here):
    (here / "test_own.py").write_text(
        "def test_own(t2i_verdict):\n"
        "    assert t2i_verdict.items[0].delta > -1 and t2i_verdict.outcome == 'pass'\n"
    )
    words = ("--t2i-run", made(here, seed=1), "--t2i-baseline", "main", "test_own.py")
    assert "5 passed" in run(here, *words, code=0)
    assert "1 skipped" in run(here, "test_own.py", code=0)


def test_the_first_time_and_the_update_say_what_to_commit(here):
    first = made(here)
    out = run(here, "--t2i-run", first, "--t2i-baseline", "new", code=4)
    assert "commit baselines/new.json" in out and "Nothing was judged" in out
    assert "4 passed" in run(here, "--t2i-run", first, "--t2i-baseline", "new", code=0)
    other = made(here, "other", shift=-3.0, seed=1)
    update = ("--t2i-run", other, "--t2i-baseline", "main", "--t2i-update-baseline", "accepted")
    assert "commit baselines/main.json" in run(here, *update, code=0)
    assert "4 passed" in run(here, "--t2i-run", other, "--t2i-baseline", "main", code=0)


def test_options_belong_together_and_runs_are_found_by_label(here):
    assert "belong together" in run(here, "--t2i-run", "x", code=4)
    made(here, "theirs", seed=1)
    assert "4 passed" in run(here, "--t2i-run", "theirs", "--t2i-baseline", "main", code=0)
    assert "Did you mean theirs" in run(here, "--t2i-run", "their", "--t2i-baseline", "main", code=4)


def test_who_does_not_use_it_does_not_load_it(tmp_path):
    (tmp_path / "test_x.py").write_text(
        "import sys\ndef test_x():\n    heavy = {'numpy', 'pandas', 'torch', 'scipy', 'bench.regression.gate'}\n"
        "    assert not heavy & set(sys.modules)\n"
    )
    assert "1 passed" in run(tmp_path, code=0)


def test_the_report_is_written(here):
    run(here, "--t2i-run", made(here, seed=1), "--t2i-baseline", "main", "--t2i-report", "page", code=0)
    assert "baseline main" in (here / "page/index.html").read_text()
