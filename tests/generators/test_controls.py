"""Controls do what makes them controls: a permutation without own images, one image, noise, the nearest caption."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.errors import UsageError
from bench.generators.base import Context
from bench.generators.controls import derangement
from bench.generators.nearest import TfIdf
from bench.registry import create, entries
from bench.types import Request, Sample


def many(count=20, **more):
    return {f"s{n}": Sample(f"s{n}", f"thing {n}", reference=f"{n}", **more) for n in range(count)}


def image(locator):
    return np.full((4, 6, 3), int(locator) % 256, np.uint8)


def ready(name, samples, training=(), **params):
    made = create("generator", name, params)
    assert made.problems() == []
    made.setup(Context(samples, "x", training=lambda: training, load_image=image))
    return made


def ask(made, samples, k=0, **more):
    return list(made.generate([Request(s.id, k, s.prompt, 7, **more) for s in samples.values()]))


@pytest.mark.parametrize("name", ["shuffled", "constant", "noise", "nearest"])
def test_controls_say_so(name):
    assert create("generator", name, {}).control
    assert "control" in entries("generator")[name].summary


# ---- shuffled ----------------------------------------------------------


def test_shuffled_is_a_permutation_without_own_images():
    samples = many()
    found = [int(o.image[0, 0, 0]) for o in ask(ready("shuffled", samples), samples)]
    assert sorted(found) == list(range(20))
    assert all(value != n for n, value in enumerate(found))


def test_seed_changes_it_and_order_does_not():
    samples = many()
    first = [o.info["donor"] for o in ask(ready("shuffled", samples), samples)]
    assert first != [o.info["donor"] for o in ask(ready("shuffled", samples, seed=1), samples)]
    backwards = dict(reversed(samples.items()))
    assert first == [o.info["donor"] for o in ask(ready("shuffled", backwards), samples)]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 30)), min_size=2, max_size=40), st.integers(0, 9))
def test_nobody_meets_their_meaning_or_photograph(pairs, seed):
    samples = [Sample(str(n), f"m{m}", group=f"g{g}", reference="0") for n, (m, g) in enumerate(pairs)]
    try:
        donors = derangement(samples, seed)
    except UsageError:
        return
    assert sorted(d.id for d in donors.values()) == sorted(s.id for s in samples)
    for s in samples:
        assert donors[s.id].meaning != s.meaning and donors[s.id].group != s.group


def test_the_tightest_case_still_works():
    """Two meanings, half each: only one shift works."""
    samples = [Sample(str(n), f"m{n % 2}", reference="0") for n in range(10)]
    assert all(d.meaning != s.meaning for s in samples for d in [derangement(samples, 3)[s.id]])


def test_shuffled_refuses_what_cannot_be_shuffled():
    same = {str(n): Sample(str(n), "a dog" if n < 6 else f"a cat {n}", reference="1") for n in range(10)}
    with pytest.raises(UsageError, match="6 of 10 samples say the same"):
        ready("shuffled", same)
    with pytest.raises(UsageError, match="at least two reference images"):
        ready("shuffled", {"a": Sample("a", "x")})


def test_sample_without_reference_is_missing():
    samples = {**many(4), "bare": Sample("bare", "no image")}
    assert [o.status for o in ask(ready("shuffled", samples), samples)] == ["ok"] * 4 + ["missing"]


# ---- constant and noise ------------------------------------------------


def test_constant_is_one_image_of_the_reference_size():
    samples = many()
    found = ask(ready("constant", samples), samples)
    assert {o.image.tobytes() for o in found} == {bytes([128]) * 72}
    assert found[0].image.shape == (4, 6, 3)
    assert ask(ready("constant", samples), samples, size=(3, 2))[0].image.shape == (2, 3, 3)
    assert ask(ready("constant", {"a": Sample("a", "x")}), {"a": Sample("a", "x")})[0].image.shape == (256, 256, 3)


def test_mean_is_the_mean():
    samples = many(11)
    found = ask(ready("constant", samples, image="mean"), samples)
    assert all((o.image == 5).all() for o in found)
    with pytest.raises(UsageError, match="needs reference images"):
        ask(ready("constant", {"a": Sample("a", "x")}, image="mean"), {"a": Sample("a", "x")})


def test_constant_checks_its_parameters():
    assert "grey or mean" in create("generator", "constant", {"image": "red"}).problems()[0]
    assert "0 to 255" in create("generator", "constant", {"level": 300}).problems()[0]


def test_noise_follows_the_seed_alone():
    made = ready("noise", many())
    one, two, again = (
        next(iter(made.generate([Request("s1", 0, "x", seed, size=(32, 32))]))).image for seed in (2**62, 5, 2**62)
    )
    assert np.array_equal(one, again) and not np.array_equal(one, two)
    assert abs(one.mean() - 127.5) < 6 and one.min() < 10 and one.max() > 245


@pytest.mark.parametrize("name", ["shuffled", "constant", "noise", "nearest"])
def test_frames(name):
    samples = many(4, frames=3)
    made = ready(name, samples, training=list(samples.values()))
    assert all(len(o.image) == 3 for o in ask(made, samples, frames=3))


# ---- nearest -----------------------------------------------------------

TRAINING = [
    Sample("t0", "a red circle left of a blue square", reference="10"),
    Sample("t1", "a blue circle left of a red square", reference="11"),
    Sample("t2", "two green stars", ("two green stars", "a pair of stars"), reference="12"),
    Sample("t3", "no image"),
]


@pytest.mark.parametrize(
    ("prompt", "donor"),
    [
        ("a red circle left of a blue square", "t0"),
        ("A blue circle, left of a red square.", "t1"),
        ("one star of a pair of stars", "t2"),
        ("stars", "t2"),
        ("zebra", "t0"),
    ],
)
def test_nearest_caption(prompt, donor):
    made = ready("nearest", {}, TRAINING)
    (found,) = made.generate([Request("x", 0, prompt, 0)])
    assert found.info["donor"] == donor
    assert (found.image == {"t0": 10, "t1": 11, "t2": 12}[donor]).all()


def test_repeats_give_the_next_nearest():
    made = ready("nearest", {}, TRAINING)
    donors = [next(iter(made.generate([Request("x", k, "two green stars", 0)]))).info["donor"] for k in range(4)]
    assert donors[0] == "t2" and sorted(donors[:3]) == ["t0", "t1", "t2"] and donors[3] == "t2"


def test_cosines_agree_with_the_definition():
    """Dense float64 computation of the same formula, written out."""
    texts = ["a b", "b c c", "d"]
    index = TfIdf(texts)
    terms = [["a", "b", "a b"], ["b", "c", "c", "b c", "c c"], ["d"]]
    words = sorted({t for row in terms for t in row})
    df = np.array([sum(w in row for row in terms) for w in words])
    rows = np.array([[row.count(w) for w in words] for row in terms]) * (np.log(4 / (1 + df)) + 1)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    assert np.allclose(index.similarities(texts), rows @ rows.T, atol=1e-12)
    assert (index.similarities(["unknown words"]) == 0).all()


def test_nearest_needs_training_images():
    with pytest.raises(UsageError, match="training split"):
        ready("nearest", {}, [Sample("t", "x")])
