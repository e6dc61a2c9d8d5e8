"""The gate's outcomes: each right one for what was planted, and none for what is unchanged."""

from __future__ import annotations

import gated
import numpy as np
import pytest

from bench.errors import UsageError
from bench.regression import forms
from bench.regression.baseline import made
from bench.regression.gate import gate
from bench.regression.policy import Policy, policy_from

N = 120


def base(tmp_path, **more):
    more = more or {"match": gated.scores(N)}
    return made(gated.run(tmp_path, "base", **more), "main", "r", tmp_path)


def policy(*rules, **top):
    return policy_from({**top, "metric": list(rules)})


MATCH = {"metric": "match(extractor=eye)", "margin": 0.5}


def judged(tmp_path, rules=None, against=None, **more):
    against = against or base(tmp_path)
    return gate(gated.run(tmp_path, "new", **more), [against], rules or policy(MATCH))


@pytest.mark.parametrize(
    ("shift", "noise", "outcome", "code"),
    [(0.0, 1.0, "pass", 0), (-2.0, 1.0, "regressed", 1), (2.0, 1.0, "pass", 0), (0.0, 12.0, "inconclusive", 3)],
)
def test_pass_regressed_inconclusive(tmp_path, shift, noise, outcome, code):
    found = judged(tmp_path, match=gated.scores(N, seed=1, shift=shift, noise=noise))
    assert (found.outcome, found.exit_code) == (outcome, code)
    (item,) = found.items
    assert item.outcome == outcome and item.margin == 0.5 and item.prompts == N
    assert (item.delta > 0) == (item.after > item.before)


def test_worse_within_the_margin_passes_and_says_so(tmp_path):
    found = judged(tmp_path, policy({**MATCH, "margin": 2.0}), match=gated.scores(N, seed=1, shift=-0.8, noise=0.2))
    assert found.outcome == "pass" and "within the margin" in found.items[0].reason


def test_lower_is_better_is_turned(tmp_path):
    against = base(tmp_path, error=gated.scores(N))
    for shift, outcome in ((2.0, "regressed"), (-2.0, "pass")):
        found = judged(tmp_path, policy({"metric": "error", "margin": 0.5}), against,
                       error=gated.scores(N, seed=1, shift=shift))  # fmt: skip
        assert found.outcome == outcome and (found.items[0].delta < 0) == (outcome == "regressed")


def test_the_worst_prompts_are_named_with_their_images(tmp_path):
    values = gated.scores(N)
    after = values.copy()
    after[[5, 9]] -= [40, 30]
    after[20] += 50
    found = judged(tmp_path, policy({**MATCH, "margin": 0.01}), match=after)
    falls = found.items[0].falls
    assert [f.sample for f in falls] == ["s00005", "s00009"] and falls[0].prompt == "a picture of thing 5"
    assert falls[0].before - falls[0].after == pytest.approx(40) and falls[0].images[1].endswith("images/5.png")


def test_one_hard_break_is_seen_where_the_mean_hides_it(tmp_path):
    values = gated.scores(N)
    after = values + 0.05
    after[5] -= 30
    quiet, loud = (policy({**MATCH, "margin": 1.5, **extra}) for extra in ({}, {"severity": 20.0}))
    assert judged(tmp_path, quiet, match=after).outcome == "pass"
    found = judged(tmp_path, loud, match=after)
    assert found.outcome == "regressed" and found.findings[-1].kind == "severity"
    assert [f.sample for f in found.findings[-1].falls] == ["s00005"]
    allowed = policy({**MATCH, "margin": 1.5, "severity": 20.0, "most": 1})
    assert judged(tmp_path, allowed, match=after).outcome == "pass"


def test_advisory_metrics_and_slices_never_decide(tmp_path):
    tags = {"kind": ["cat", "dog"] * (N // 2)}
    against = base(tmp_path, match=gated.scores(N), hits=np.ones(N), tags=tags)
    after = gated.scores(N, seed=1)
    after[::2] -= 1.0  # cats only
    after[1::2] += 1.0
    rules = policy({**MATCH, "slices": ["kind"]}, {"metric": "hits", "margin": 0.1, "blocking": False})
    found = judged(tmp_path, rules, against, match=after, hits=np.zeros(N), tags=tags)
    told = {i.name: i.outcome for i in found.items}
    assert found.outcome == "pass" and told["hits"] == "regressed"
    assert told["match(extractor=eye)[kind=cat]"] == "regressed" and told["match(extractor=eye)[kind=dog]"] == "pass"
    with pytest.raises(UsageError, match="no tag 'kin' to slice by; it has kind"):
        judged(tmp_path, policy({**MATCH, "slices": ["kin"]}), against, match=after, tags=tags)


def test_an_identical_run_passes_on_few_prompts_too(tmp_path):
    values, marks = gated.hits(40, 0.6), [f"d{i}" for i in range(40)]
    against = base(tmp_path, hits=values, digests=marks)
    rules = policy({"metric": "hits", "margin": 0.01})
    found = judged(tmp_path, rules, against, hits=values, digests=marks)
    assert found.outcome == "pass" and "same images" in {f.kind for f in found.findings}
    bare = judged(tmp_path, Policy(), against, hits=values, digests=marks)  # a margin in deviations, which are 0
    assert bare.outcome == "pass" and bare.items[0].margin is None


# ---- before statistics ---------------------------------------------------------------------------------------------


def test_missing_and_failed_images_are_incomplete(tmp_path):
    against = base(tmp_path)
    fewer = judged(tmp_path, against=against, match=gated.scores(N)[:100], prompts="list")
    assert fewer.outcome == "incomplete" and fewer.exit_code == 5 and "20 of the baseline's 120" in str(fewer.findings)
    status = ["failed"] * 6 + ["ok"] * (N - 6)
    failed = judged(tmp_path, against=against, match=gated.scores(N), status=status)
    assert failed.outcome == "incomplete" and "5.0% of the run's images" in str(failed.findings)
    allowed = judged(tmp_path, policy(MATCH, failures=0.1), against, match=gated.scores(N), status=status)
    assert allowed.outcome == "pass"


def test_a_collapse_is_seen_though_every_score_is_fine(tmp_path):
    rules = policy(MATCH)
    same = judged(tmp_path, rules, match=gated.scores(N), digests=["one"] * N)
    assert same.outcome == "regressed" and "another prompt" in str(same.findings)
    two = np.repeat(gated.scores(60), 2)
    against = base(tmp_path, match=two, repeats=2)
    ignored = judged(tmp_path, rules, against, match=two, repeats=2, digests=[f"d{i // 2}" for i in range(N)])
    assert ignored.outcome == "regressed" and "another seed's" in str(ignored.findings)
    fine = judged(tmp_path, rules, against, match=two, repeats=2)
    assert fine.outcome == "pass"


def test_what_the_baseline_repeats_too_is_no_collapse(tmp_path):
    against = base(tmp_path, match=gated.scores(N), digests=["one"] * N)
    assert judged(tmp_path, against=against, match=gated.scores(N), digests=["two"] * N).outcome == "pass"


def test_exchanged_captions_are_seen(tmp_path):
    against = base(tmp_path, match=gated.scores(N), chance={"match": 20.0})
    fine = judged(tmp_path, against=against, match=gated.scores(N, seed=1), chance={"match": 21.0})
    assert fine.outcome == "pass"
    mixed = judged(tmp_path, policy({**MATCH, "margin": 90.0}), against, match=gated.scores(N) - 30,
                   chance={"match": 19.5})  # fmt: skip
    assert mixed.outcome == "regressed" and "other prompts" in str(mixed.findings)


def test_few_prompts_pass_nothing(tmp_path):
    against = base(tmp_path, match=gated.scores(20))
    found = judged(tmp_path, against=against, match=gated.scores(20))
    assert found.outcome == "inconclusive" and "min_prompts = 30" in str(found.findings)
    one = judged(tmp_path, against=base(tmp_path, match=gated.scores(1)), match=gated.scores(1))
    assert one.outcome == "inconclusive"


# ---- comparable ----------------------------------------------------------------------------------------------------


def test_another_protocol_is_not_comparable_and_says_what_differs(tmp_path):
    found = judged(tmp_path, match=gated.scores(N), protocol="bicubic")
    assert (found.outcome, found.exit_code) == ("not comparable", 4)
    assert "resize is p in the baseline, bicubic in the run" in str(found.findings)


@pytest.mark.parametrize("rule", ["match", "match(extractor=eye)"])
def test_another_extractor_is_not_comparable_and_both_are_named(tmp_path, rule):
    rules, values = policy({"metric": rule, "margin": 90.0}), gated.scores(N)
    found = judged(tmp_path, rules, base(tmp_path, match=values), other=values)
    assert (found.outcome, found.exit_code) == ("not comparable", 4)
    assert "has match(extractor=eye) and the run match(extractor=ear)" in str(found.findings)
    assert "bench score RUN -m 'match(extractor=eye)'" in str(found.findings)
    both = judged(tmp_path, rules, base(tmp_path, match=values), match=values, other=values)
    assert both.outcome == "pass"
    assert judged(tmp_path, Policy(), base(tmp_path, match=values), other=values).outcome == "not comparable"


def test_other_data_and_no_common_prompts_are_not_comparable(tmp_path):
    other = judged(tmp_path, match=gated.scores(N), prompts="other", first=1000)
    assert other.outcome == "not comparable" and "no prompt in common" in other.differences[0]
    words = judged(tmp_path, match=gated.scores(N), prompts="other", words=lambda i: f"another text {i}")
    assert words.outcome == "not comparable" and "120 prompts of equal id have other words" in words.differences[0]


def test_a_part_is_held_against_the_same_part(tmp_path):
    """A smoke test of 50 prompts against the full baseline: what depends on the whole list is left out."""
    full = gated.scores(N)
    against = base(tmp_path, match=full, rank=gated.hits(N, 0.5))
    part = {"prompts": "part", "only": "first:50"}
    rules = policy(MATCH, {"metric": "rank", "margin": 0.1})
    found = judged(tmp_path, rules, against, match=full[:50], rank=gated.hits(50, 0.5), **part)
    assert found.outcome == "pass" and [i.metric for i in found.items] == ["match(extractor=eye)"]
    assert "depends on the whole list" in str(found.findings) and found.items[0].prompts == 50
    worse = judged(tmp_path, policy(MATCH), against, match=full[:50] - 3, **part)
    assert worse.outcome == "regressed"


def test_a_metric_that_one_lacks(tmp_path):
    against = base(tmp_path, match=gated.scores(N), hits=gated.hits(N, 0.5))
    rules = policy({"metric": "hits", "margin": 0.1})
    found = judged(tmp_path, rules, against, match=gated.scores(N))
    assert found.outcome == "incomplete" and "bench score RUN -m 'hits'" in str(found.findings)
    new = judged(tmp_path, rules, base(tmp_path), match=gated.scores(N), hits=gated.hits(N, 0.5))
    assert new.outcome == "not comparable" and "set it again" in str(new.findings)
    with pytest.raises(UsageError, match=r"called 'hist'\..*Did you mean hits"):
        judged(tmp_path, policy({"metric": "hist", "margin": 0.1}), against, match=gated.scores(N))


# ---- set metrics, families, two baselines --------------------------------------------------------------------------


def test_set_metrics_by_their_blocks(tmp_path):
    blocks = 10 + np.random.default_rng(0).normal(size=10) * 0.05
    against = base(tmp_path, match=gated.scores(N), blocks=(10.0, blocks))
    rule = {"metric": "fd(extractor=eye)", "margin": 0.5}
    for shift, outcome in ((0.0, "pass"), (2.0, "regressed"), (-2.0, "pass")):
        noise = np.random.default_rng(1).normal(size=10) * 0.01
        found = judged(tmp_path, policy(rule), against, match=gated.scores(N),
                       blocks=(10.0 + shift, blocks + shift + noise))  # fmt: skip
        assert found.outcome == outcome
    bare = judged(tmp_path, policy({"metric": "fd"}), against, match=gated.scores(N), blocks=(10.0, blocks))
    assert bare.outcome == "not comparable" and "give one" in str(bare.findings)


def test_without_a_policy_the_primary_metrics_are_judged(tmp_path):
    more = {"match": gated.scores(N), "hits": gated.hits(N, 0.8), "error": gated.scores(N), "rank": gated.hits(N, 0.8)}
    found = judged(tmp_path, Policy(), base(tmp_path, **more), **{**more, "hits": np.zeros(N)})
    assert [i.blocking for i in found.items] == [True, True, True, False] and found.outcome == "regressed"
    assert {i.metric: i.outcome for i in found.items}["hits"] == "regressed"


def test_a_slow_slide_is_seen_by_the_anchor_and_not_by_the_last(tmp_path):
    """Ten small losses, each within the margin of the step before."""
    start, rules = gated.scores(400, noise=0.3), policy({**MATCH, "margin": 1.0})
    anchor = last = base(tmp_path, match=start)
    by_last, by_both = [], []
    for step in range(1, 11):
        run = gated.run(tmp_path, f"step{step}", match=start - 0.3 * step + gated.scores(400, seed=step, noise=0.1) * 0)
        by_last.append(gate(run, [last], rules).outcome)
        by_both.append(gate(run, [last, anchor], rules).outcome)
        last = made(run, f"step{step}", "slide", tmp_path)
    assert set(by_last) == {"pass"}
    assert by_both[:2] == ["pass", "pass"] and by_both[-1] == "regressed"


def test_two_baselines_share_one_family(tmp_path):
    one, other = base(tmp_path), made(gated.run(tmp_path, match=gated.scores(N, seed=5)), "anchor", "r", tmp_path)
    run = gated.run(tmp_path, match=gated.scores(N, seed=1, shift=-0.1))
    rules = policy({**MATCH, "margin": 0.01})
    alone, both = gate(run, [one], rules), gate(run, [one, other], rules)
    assert [i.baseline for i in both.items] == ["main", "anchor"]
    assert alone.items[0].p < both.items[0].p


def test_inconclusive_may_be_a_warning(tmp_path):
    found = judged(tmp_path, policy(MATCH, inconclusive="warn"), match=gated.scores(N, seed=1, noise=12.0))
    assert found.outcome == "inconclusive" and found.exit_code == 0


def test_what_else_changed_is_told(tmp_path):
    found = judged(tmp_path, match=gated.scores(N), packages={"torch": "3.0", "scipy": "1.9"})
    assert "torch is 2.9 in the baseline, 3.0 in the run" in found.changes
    assert "scipy is absent in the baseline, 1.9 in the run" in found.changes


def test_private_runs_are_judged_by_blinded_names_and_never_quoted(tmp_path):
    def secret(shift, seed):
        return gated.run(tmp_path, match=gated.scores(N, seed=seed, shift=shift), visibility="private",
                         words=lambda i: f"the treaty of the moles {i}")  # fmt: skip

    first = secret(0.0, 0)
    bare, blinded = (made(first, "main", "r", tmp_path, rows=rows) for rows in ("none", "blinded"))
    found = gate(secret(-2.0, 1), [bare], policy(MATCH))
    assert found.outcome == "not comparable" and "--rows blinded" in found.differences[0]
    assert gate(secret(0.0, 1), [blinded], policy(MATCH)).outcome == "pass"
    worse = gate(secret(-2.0, 1), [blinded], policy(MATCH))
    assert worse.outcome == "regressed" and int(worse.items[0].falls[0].prompt, 16)  # a blinded name
    for text in (forms.as_json(worse), forms.summary(worse), forms.junit(worse)):
        assert "moles" not in text and "s000" not in text


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({"alhpa": 0.1}, "'alhpa' is no key of a policy. Did you mean alpha"),
        ({"alpha": 0}, "'alpha' is a number above 0 to 0.5"),
        ({"inconclusive": "maybe"}, "fail or warn"),
        ({"min_prompts": 1.5}, "whole number from 2"),
        ({"metric": {"metric": "hits"}}, "list of tables"),
        ({"metric": [{"margin": 0.1}]}, "metric 1: 'metric' is a text"),
        ({"metric": [{"metric": "hits", "margin": -0.1}]}, "'margin' is a number above 0"),
        ({"metric": [{"metric": "hits", "margin": float("nan")}]}, "'margin' is a number above 0"),
        ({"metric": [{"metric": "hits", "margin": 0.1, "margin_sd": 0.1}]}, "not both"),
        ({"metric": [{"metric": "hits", "marign": 0.1}]}, "Did you mean margin"),
        ({"metric": [{"metric": "hits", "margin": 1}] * 2}, "two rules"),
        ({"metric": [{"metric": "hits", "margin": 1, "blocking": "yes"}]}, "true or false"),
    ],
)
def test_policies_are_checked(data, told):
    with pytest.raises(UsageError, match=told):
        policy_from(data)


def test_the_reach_follows_the_declared_error(tmp_path):
    """What a gate says it sees depends on how surely it must know."""
    more = {"match": gated.scores(N, seed=1)}
    strict, loose = (judged(tmp_path, policy({**MATCH, "margin": 0.01}, alpha=a), **more) for a in (0.01, 0.2))
    assert strict.items[0].detectable > loose.items[0].detectable
