"""Perturbed datasets: what is touched grows with the strength, what is meant stays, and a contradiction is one."""

from __future__ import annotations

import difflib
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.cli import main
from bench.datasets import perturbing
from bench.datasets.perturbed import Perturbed
from bench.errors import UsageError
from bench.world.description import meaning
from bench.world.draws import Draw
from bench.world.parsing import parse

KINDS = pytest.mark.parametrize("kind", perturbing.KINDS)
TEXTS = st.lists(st.sampled_from([*"a the red big man left two above street photo".split(), "zebra,", "Über", "x1"]),
                 min_size=1, max_size=14).map(" ".join)  # fmt: skip
SHARES = st.floats(0, 1)
SEEDS = st.integers(0, 10_000)


def done(kind, text, strength, seed):
    return perturbing.KINDS[kind](text, strength, Draw("test", kind, seed))


# ---- words ---------------------------------------------------------------------------------------------------------


@KINDS
@given(text=TEXTS, seed=SEEDS)
def test_strength_0_changes_nothing(kind, text, seed):
    assert done(kind, text, 0.0, seed) == text


@KINDS
@given(text=TEXTS, share=SHARES, seed=SEEDS)
def test_it_is_a_function_of_text_strength_and_seed_and_leaves_words(kind, text, share, seed):
    assert done(kind, text, share, seed) == done(kind, text, share, seed)
    assert done(kind, text, share, seed).strip()


@given(text=TEXTS, low=SHARES, high=SHARES, seed=SEEDS)
def test_what_is_touched_little_is_touched_much(text, low, high, seed):
    low, high = sorted((low, high))
    words = text.split()
    for kind in ("typos", "synonyms"):
        some, many = (done(kind, text, s, seed) for s in (low, high))
        if kind == "typos":  # no spaces come or go
            changed = [
                {i for i, (a, b) in enumerate(zip(words, t.split(), strict=True)) if a != b} for t in (some, many)
            ]
            assert changed[0] <= changed[1]
    assert len(done("drops", text, high, seed).split()) <= len(done("drops", text, low, seed).split())


@given(text=TEXTS, share=SHARES, seed=SEEDS)
def test_swaps_and_order_keep_the_words_and_drops_keep_their_order(text, share, seed):
    for kind in ("swaps", "order"):
        assert Counter(done(kind, text, share, seed).split()) == Counter(text.split())
    left = iter(text.split())
    assert all(word in left for word in done("drops", text, share, seed).split())


@given(text=TEXTS, seed=SEEDS)
def test_a_contradiction_changes_one_word_for_one_that_excludes_it(text, seed):
    new = done("contradiction", text, 1.0, seed)
    if not perturbing.applies("contradiction", text):
        assert new == text
        return
    pairs = [(a, b) for a, b in zip(text.split(), new.split(), strict=True) if a != b]
    ((old, changed),) = pairs
    assert any({old.lower(), changed.lower()} <= set(words) for words in perturbing.EXCLUDING)


def test_a_typo_is_one_slip():
    words = [w for n in range(300) for w in done("typos", "photograph street", 1.0, n).split()]
    for word in words:
        true = "photograph" if word[0] == "p" else "street"
        ratio = difflib.SequenceMatcher(None, word, true).ratio()
        assert word != true and ratio > 0.75 and word[0] == true[0]


def test_synonyms_go_back_and_exclude_nothing():
    for word, others in perturbing.SYNONYMS.items():
        for other in others:
            assert other != word and not any({word, other} <= set(words) - {"grey"} for words in perturbing.EXCLUDING)


@KINDS
def test_more_strength_touches_more(kind):
    text = "two big red cups above a small blue street on the left"
    far = [
        sum(difflib.SequenceMatcher(None, text, done(kind, text, s, n)).ratio() < 1 for n in range(200)) / 200
        for s in (0.1, 0.5, 1.0)
    ]
    assert far[0] < far[1] <= far[2] and far[2] > 0.9


# ---- the dataset ---------------------------------------------------------------------------------------------------


@KINDS
def test_samples_belong_to_those_they_were_made_from(kind):
    dataset = Perturbed("scenes(size=60)", kind, 0.5)
    base = {s.id: s for s in dataset.base}
    for sample in dataset:
        assert sample.group in base and sample.id.startswith(sample.group + "~")
    assert len({s.id for s in dataset}) == len(list(dataset)) and dataset.left_out == 60 - len(list(dataset))
    assert list(dataset.references()) == list(dataset.base.references())


@pytest.mark.parametrize("kind", ["typos", "drops", "swaps", "order", "synonyms", "paraphrase"])
def test_the_truth_of_the_base_stays(kind):
    dataset = Perturbed("scenes(size=60)", kind, 1.0)
    base = {s.id: s for s in dataset.base}
    assert sum(s.prompt != base[s.group].prompt for s in dataset) > 0.9 * len(list(dataset))
    for sample in dataset:
        true = base[sample.group]
        assert (sample.objects, sample.relations, sample.meaning) == (true.objects, true.relations, true.meaning)
        assert sample.reference == true.reference
    if kind == "paraphrase":
        assert all(meaning(parse(s.prompt)) == s.meaning for s in dataset)


def test_a_contradicted_scene_means_something_else_and_its_truth_is_its_own():
    dataset = Perturbed("scenes(size=100)", "contradiction", 1.0)
    base = {s.id: s for s in dataset.base}
    for sample in dataset:
        told = parse(sample.prompt)
        assert meaning(told) == sample.meaning != base[sample.group].meaning
        wanted = Counter((d.colour, d.shape) for d in told.objects for _ in range(d.count))
        assert Counter((t.attributes["colour"], t.label) for t in sample.objects) == wanted
        for relation in sample.relations:
            (i, word, _), one = told.relations[0], sample.objects[relation.subject]
            assert relation.predicate == word and (one.label, one.attributes["colour"]) == (
                told.objects[i].shape, told.objects[i].colour,
            )  # fmt: skip
        assert sample.reference is None and sample.captions == (sample.prompt,)


def test_strength_is_the_share_of_contradicted_captions():
    dataset = Perturbed("scenes(size=400)", "contradiction", 0.3)
    base = {s.id: s for s in dataset.base}
    share = sum(s.prompt != base[s.group].prompt for s in dataset) / len(list(dataset))
    assert 0.22 < share < 0.38


def test_other_captions_than_scenes(tmp_path):
    (tmp_path / "p.txt").write_text("A red bus near a man\nzebras\n")
    dataset = Perturbed(f"captions(path={tmp_path / 'p.txt'})", "contradiction", 1.0)
    (sample,) = dataset
    assert sample.prompt in {t for c in perturbing.EXCLUDING[0] for t in [f"A {c} bus near a man"]} | {
        "A red bus near a woman"
    }
    assert dataset.left_out == 1 and "1 samples have nothing to perturb" in dataset.notes()[0]


def test_identity_has_kind_strength_and_base():
    made = [Perturbed(b, k, s).identity() for b, k, s in (
        ("scenes(size=5)", "typos", 0.3), ("scenes(size=5)", "typos", 0.4), ("scenes(size=5)", "drops", 0.3),
        ("scenes(size=6)", "typos", 0.3),
    )]  # fmt: skip
    assert len({str(m) for m in made}) == 4


def test_what_is_no_perturbation_is_said():
    with pytest.raises(UsageError, match="Did you mean typos"):
        Perturbed("scenes", "typo")
    with pytest.raises(UsageError, match="no share"):
        Perturbed("scenes", "typos", 1.5)


def test_a_run_on_it_and_its_note(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    text = "perturbed(base=scenes(size=20),kind=synonyms,strength=0.5)"
    assert main(["run", "noise", "--dataset", text, "-m", "collapse", "-q"]) == 0
    assert "have nothing to perturb by synonyms" in " ".join(capsys.readouterr().out.split())
