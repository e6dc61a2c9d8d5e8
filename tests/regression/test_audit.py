"""The audit finds the rates that the gate promises, on its own drawings and with real repeats of unequal noise."""

from __future__ import annotations

import json

import gated
import numpy as np
import pytest

from bench import store
from bench.cli import main
from bench.errors import UsageError
from bench.regression.audit import audited
from bench.regression.policy import policy_from

N = 150
RULES = policy_from({"metric": [{"metric": "match", "margin": 0.6}, {"metric": "hits", "margin": 0.12}]})


def repeats(tmp_path, count=3, **more):
    return [
        store.load(gated.run(tmp_path, f"r{s}", match=gated.scores(N, seed=s), hits=gated.hits(N, 0.7, seed=s), **more))
        for s in range(count)
    ]


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    return audited(repeats(tmp_path_factory.mktemp("runs")), RULES, trials=200)


def test_false_alarms_are_within_the_declared_rate(found):
    assert found.false_alarms.low <= 0.05 and found.false_alarms.trials == 200
    assert found.runs == 3 and found.prompts == N and found.blocking == ("match(extractor=eye)", "hits")


def test_a_drop_of_the_margin_rarely_passes_and_twice_of_it_is_called_by_name(found):
    for power in found.power:
        if power.margins == 1.0:
            assert power.not_passed.high >= 0.95
        if power.margins == 2.0:
            assert power.not_passed.share >= 0.95 and power.regressed.share > 0.6
    rising = [p.not_passed.share for p in found.power if p.label == "hits" and p.margins]
    assert rising == sorted(rising) and rising[0] < rising[-1]


def test_what_the_gate_says_it_sees_is_seen_in_80_percent(found):
    for power in (p for p in found.power if not p.margins):
        assert power.regressed.low - 0.03 <= 0.8 <= power.regressed.high + 0.03


def test_repeats_that_happen_to_differ_do_not_make_false_alarms(tmp_path):
    """Two repeats have one difference, and drawing prompts from them alone would find it again and again."""
    runs = [store.load(gated.run(tmp_path, f"r{i}", match=gated.scores(N, seed=i, shift=0.25 * i))) for i in range(2)]
    rules = policy_from({"metric": [{"metric": "match", "margin": 0.01}]})
    assert audited(runs, rules, trials=200, drops=()).false_alarms.low <= 0.05


def test_what_is_no_repeat_is_refused(tmp_path):
    runs = repeats(tmp_path, 1)
    with pytest.raises(UsageError, match="two or more; got 1"):
        audited(runs, RULES)
    part = store.load(gated.run(tmp_path, match=gated.scores(50), hits=np.ones(50), prompts="part"))
    with pytest.raises(UsageError, match="no repeats"):
        audited([*runs, part], RULES)


def test_the_command(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gate.toml").write_text('[[metric]]\nmetric = "hits"\nmargin = 0.12\n')
    words = ["gate", "audit", *(r.path for r in repeats(tmp_path, 2)), "--trials", "40", "--drop", "1", "-q"]
    assert main(words) == 0
    out = capsys.readouterr().out
    assert "false alarms" in out and "as printed" in out
    assert main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["blocking"] == ["hits"]
