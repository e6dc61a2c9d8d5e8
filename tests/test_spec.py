"""Text forms: both spellings, round trips, and sentences for what is no text form; digests that never move."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.errors import UsageError
from bench.spec import Spec, canonical, digest, parse, parse_system, safe_id, seed_for

NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9_.\-]{0,8}", fullmatch=True)
PLAIN = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**9), 10**9), st.floats(allow_nan=False, allow_infinity=False), st.text()
)
VALUES = st.one_of(PLAIN, st.builds(Spec, NAMES, st.dictionaries(NAMES, PLAIN, min_size=1, max_size=2)))


@given(st.builds(Spec, NAMES, st.dictionaries(NAMES, VALUES, max_size=3)))
def test_what_prints_is_read_back(spec):
    assert str(parse(str(spec))) == str(spec)


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused_with_a_sentence(text):
    try:
        parse(text)
    except UsageError as error:
        assert len(str(error)) > 20


def test_two_spellings_mean_one_thing():
    assert str(parse("fd:k=3,extractor=inception-v3")) == "fd(extractor=inception-v3,k=3)"
    assert str(parse_system("flow:steps=16+attention")) == "flow(steps=16)+attention"
    assert parse("a(x=1)").params == {"x": 1} and parse("a(x=1.0)").params == {"x": 1.0}
    assert str(parse("a(x=1)")) != str(parse("a(x=1.0)"))


@pytest.mark.parametrize("text", ["ours=./DIR", "ours=/a/b", "x/y", "../z", "~/images", "a=b/c=d"])
def test_paths_are_systems(text):
    assert parse_system(text).generator.name == "folder"


@pytest.mark.parametrize("text", ["", "3d(", "fd(k=)", "fd(k=1", "fd(k=1,k=2)", "fd(1)", "fd(k=(1))", "a b"])
def test_refused(text):
    with pytest.raises(UsageError):
        parse(text)


def test_pinned():
    """These name folders and seeds of runs that exist: a change here orphans them."""
    assert canonical({"b": [1, 2.0, None], "a": True}) == '{"a":true,"b":[1,2.0,null]}'
    assert digest({"a": 1})[:12] == "015abd7f5cc5"
    assert seed_for(0, "test-000017", 0) != seed_for(0, "test-000017", 1) != seed_for(1, "test-000017", 0)
    assert safe_id("a/../b c").startswith("a-b-c-") and "/" not in safe_id("../../x")
    with pytest.raises(UsageError):
        canonical(float("nan"))


def test_seeds_of_images_never_change():
    """Another value would make other images of every run; all 63 bits are used."""
    assert seed_for(0, "a", 0) == 6620444910837239481
    assert seed_for(1, "test-000000", 3) == 1560333876002880989
    assert max(seed_for(0, "a", k) for k in range(50)) > 1 << 62


@pytest.mark.parametrize(
    "path, label", [("/data/ours/images", "images"), ("./a/b/", "b"), ("..", "images"), ("a\\c", "c")]
)
def test_a_path_is_labelled_by_its_last_folder(path, label):
    assert parse_system(path).label == label
