"""The noise floor is what was put in, and the proposed margin lets an unchanged model pass."""

from __future__ import annotations

import gated
import numpy as np
import pytest
from scipy import stats

from bench.cli import main
from bench.errors import UsageError
from bench.regression.baseline import made, read
from bench.regression.calibrate import calibrated, toml
from bench.regression.gate import gate
from bench.regression.policy import policy_from

N, NOISE = 400, 2.0
MATCH = policy_from({"metric": [{"metric": "match", "margin": 1.0}]})


def repeat(tmp_path, seed, **more):
    return gated.run(tmp_path, f"r{seed}", match=gated.scores(N, seed=seed, noise=NOISE), **more)


def test_the_floor_of_several_runs_is_the_noise_of_their_means(tmp_path):
    held = made(repeat(tmp_path, 0), "main", "r", tmp_path)
    (found,) = calibrated(held, [repeat(tmp_path, seed) for seed in range(1, 30)], MATCH)
    assert found.runs == 30 and found.sd == pytest.approx(NOISE / N**0.5, rel=0.3)
    assert found.error == pytest.approx(NOISE * (2 / N) ** 0.5, rel=0.1)
    assert found.margin == pytest.approx(max(2.8 * found.sd, 2 * stats.norm.ppf(0.95) * found.error))


def test_seeds_of_one_run_say_the_same(tmp_path):
    ease = np.repeat(gated.scores(N, noise=0), 4)
    values = ease + NOISE * np.random.default_rng(7).normal(size=4 * N)
    held = made(gated.run(tmp_path, match=values, repeats=4), "main", "r", tmp_path)
    (found,) = calibrated(held, [], MATCH)
    assert found.runs == 4 and found.error == pytest.approx(NOISE * (2 / (4 * N)) ** 0.5, rel=0.15)
    assert found.sd == pytest.approx(NOISE / (4 * N) ** 0.5, rel=0.8) and "4 seeds" in found.why
    alone = made(repeat(tmp_path, 0), "one", "r", tmp_path)
    with pytest.raises(UsageError, match="needs repeats"):
        calibrated(alone, [], MATCH)


def test_an_unchanged_model_passes_by_the_proposed_margin_in_95_percent(tmp_path):
    """And by half of it often not: the proposal is no wider than it must be."""
    held = made(repeat(tmp_path, 0), "main", "r", tmp_path)
    (found,) = calibrated(held, [repeat(tmp_path, seed) for seed in range(1, 9)], MATCH)
    passed = {}
    for share in (1.0, 0.5):
        rules = policy_from({"metric": [{"metric": "match", "margin": found.margin * share}]})
        told = [gate(repeat(tmp_path, 100 + s), [held], rules).outcome for s in range(40)]
        passed[share] = told.count("pass") / len(told)
    assert passed[1.0] >= 0.85 and passed[0.5] < passed[1.0]


def test_more_blocking_metrics_want_wider_margins(tmp_path):
    more = {"hits": gated.hits(N, 0.5), "error": gated.scores(N)}
    held = made(gated.run(tmp_path, match=gated.scores(N), **more), "main", "r", tmp_path)
    other = gated.run(tmp_path, match=gated.scores(N, seed=1), hits=gated.hits(N, 0.5, seed=1),
                      error=gated.scores(N, seed=1))  # fmt: skip
    rules = policy_from({"metric": [{"metric": m, "margin": 1.0} for m in ("match", "hits", "error")]})
    one, all_of = calibrated(held, [other], MATCH)[0], calibrated(held, [other], rules)[0]
    wide = (stats.norm.ppf(0.95) + stats.norm.ppf(0.95 ** (1 / 3))) * one.error
    assert all_of.margin == pytest.approx(max(wide, 2.8 * one.sd)) and all_of.margin >= one.margin


def test_what_is_no_repeat_is_refused(tmp_path):
    held = made(repeat(tmp_path, 0), "main", "r", tmp_path)
    with pytest.raises(UsageError, match="a part of the prompts"):
        calibrated(held, [gated.run(tmp_path, match=gated.scores(50), prompts="part")], MATCH)
    (told,) = calibrated(held, [repeat(tmp_path, 1, protocol="bicubic")], MATCH)
    assert told.margin is None and "resize is p in the baseline" in told.why


def test_the_proposal_is_a_policy_and_is_rounded_up(tmp_path):
    held = made(repeat(tmp_path, 0), "main", "r", tmp_path)
    found = calibrated(held, [repeat(tmp_path, 1)], MATCH)
    import tomllib

    (rule,) = policy_from(tomllib.loads(toml(found))).rules
    assert found[0].margin <= rule.margin <= 1.1 * found[0].margin


def test_the_floor_is_written_and_told(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gate.toml").write_text('[[metric]]\nmetric = "match"\nmargin = 0.001\n')
    first, second = (str(repeat(tmp_path, seed).relative_to(tmp_path)) for seed in (0, 1))
    main(["baseline", "set", first, "--name", "main", "--reason", "r"])
    assert main(["gate", "calibrate", second, "--baseline", "main", "--write"]) == 0
    assert "[[metric]]" in capsys.readouterr().out
    assert read("baselines", "main").noise["match(extractor=eye)|value"]["runs"] == 2
    main(["gate", "run", second, "--baseline", "main"])
    assert "below 2.8 times the noise floor" in capsys.readouterr().out
