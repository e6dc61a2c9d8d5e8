"""Pickles as data: what Python 2 and numpy write is read, damaged line ends are mended, nothing is executed."""

from __future__ import annotations

import os
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.formats.pickles import Damaged, Hostile, read_pickle

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)
# as Python 2 wrote AttnGAN's train/class_info.pickle: a list of numpy's int64, the second one by reference
NUMPY_TWO = (
    b"(lp0\ncnumpy.core.multiarray\nscalar\np1\n(cnumpy\ndtype\np2\n(S'i8'\np3\nI0\nI1\ntp4\nRp5\n(I3\nS'<'\np6\nNNNI-1\n"
    b"I-1\nI0\ntp7\nbS'\\x02\\x00\\x00\\x00\\x00\\x00\\x00\\x00'\np8\ntp9\nRp10\nag10\na."
)
DATA = [["001.Albatross/a_1", "é"], {"k": (1, 2.5, None, True, -3)}, 2**70, b"raw"]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_plain_data_of_every_protocol(protocol):
    assert read_pickle(pickle.dumps(DATA, protocol)) == (DATA, False)


def test_numbers_of_numpy_as_python_2_wrote_them():
    assert read_pickle(NUMPY_TWO) == ([2, 2], False)
    big = NUMPY_TWO.replace(b"S'<'", b"S'>'")
    assert read_pickle(big)[0] == [2 << 56, 2 << 56], "the byte order is the pickle's"


@pytest.mark.parametrize("protocol", [p for p in PROTOCOLS if p < 5])
def test_arrays_in_their_places(protocol):
    array = np.arange(6, dtype="f4").reshape(2, 3)
    value, _ = read_pickle(pickle.dumps({"a": [array, np.asfortranarray(array), np.int64(7)]}, protocol))
    first, second, third = value["a"]
    assert np.array_equal(first, array) and np.array_equal(second, array) and third == 7 and first.dtype == np.float32


def test_line_ends_that_a_copy_in_text_mode_damaged():
    for data in (NUMPY_TWO, b"(lp0\nV001.Albatross/a_1\np1\naVb\np2\na."):
        whole, _ = read_pickle(data)
        assert read_pickle(data.replace(b"\n", b"\r\n")) == (whole, True)
    assert "\r" not in read_pickle(b"(lp0\r\nVname\r\np1\r\na.")[0][0], "not a part of the name"
    short = pickle.dumps({"n": 10, "words": ["a"] * 10}, 2)
    assert b"\n" in short and read_pickle(short.replace(b"\n", b"\r\n")) == ({"n": 10, "words": ["a"] * 10}, True)


class Hurts:
    """What an attacker writes: a function that runs when the pickle is loaded."""

    def __init__(self, where):
        self.where = where

    def __reduce__(self):
        return os.mkdir, (self.where,)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_nothing_is_executed(tmp_path, protocol):
    hostile = pickle.dumps([1, Hurts(str(tmp_path / "made"))], protocol)
    with pytest.raises(Hostile, match="mkdir"):
        read_pickle(hostile)
    assert not (tmp_path / "made").exists()
    pickle.loads(hostile)
    assert (tmp_path / "made").exists(), "the pickle is one that does harm"


@pytest.mark.parametrize(
    "data",
    [
        b"cos\nsystem\n(S'echo'\ntR.", b"(S'echo'\nios\nsystem\n.", b"cbuiltins\neval\n(S'1'\ntR.",
        b"\x80\x02\x82\x01.",
        b"Pname\n.", b"\x80\x04\x8c\x02os\x8c\x06system\x93.", b"]cnumpy\ndtype\n}b.", b"cnumpy\nndarray\n(tR.",
        b"cnumpy\nload\n(S'x'\ntR.", b"cnumpy\ndtype\n(S'O'\ntR.", b"(lp0\n(dp1\nS'__class__'\nS'x'\nsb.",
        b"c_codecs\nencode\n(S'a'\nS'rot13'\ntR.", b"\x80\x02cnumpy\ndtype\n)\x81.",
    ],
)  # fmt: skip
def test_programs_are_refused(data):
    with pytest.raises(Hostile):
        read_pickle(data)


@pytest.mark.parametrize(
    "data", [b"", b"I1", b"abc", b"\x80\x04", b"(lp0\nI1\na", b"]" * 40, b"L" + b"9" * 9000 + b"L\n.", b"g3\n."]
)
def test_damaged_ones_say_where(data):
    with pytest.raises(Damaged, match=r"byte \d+ of|digits"):
        read_pickle(data)


def test_a_memo_of_a_huge_index_takes_no_memory():
    assert read_pickle(b"]r\xff\xff\xff\xff.") == ([], False)
    assert read_pickle(b"]p999999999999\n.") == ([], False)


def test_a_list_in_itself_and_shared_parts():
    loop = [np.zeros(1)]
    loop.append(loop)
    read_pickle(pickle.dumps(loop, 2))
    shared = [np.ones(1)]
    for _ in range(60):
        shared = [shared, shared]
    assert len(read_pickle(pickle.dumps(shared, 2))[0]) == 2, "each part is looked at once, not 2^60 times"


@settings(max_examples=300)
@given(st.binary(max_size=80))
def test_any_bytes(data):
    try:
        read_pickle(data)
    except (Hostile, Damaged) as error:
        assert str(error)


TEXTS = st.text(st.characters(codec="latin-1"), max_size=6)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
)


@settings(max_examples=100)
@given(VALUES, st.sampled_from(PROTOCOLS))
def test_what_pickle_writes_is_read(value, protocol):
    data = pickle.dumps(value, protocol)
    found, mended = read_pickle(data)
    assert found == value or (mended and protocol > 0)


def test_attngan_s_real_files(shared_data):
    folder = shared_data / "attngan-birds"
    names = {part: read_pickle((folder / part / "filenames.pickle").read_bytes())[0] for part in ("train", "test")}
    numbers = {part: read_pickle((folder / part / "class_info.pickle").read_bytes())[0] for part in ("train", "test")}
    assert {p: len(n) for p, n in names.items()} == {"train": 8855, "test": 2933}
    assert all(type(n) is int for n in numbers["train"]) and len(numbers["train"]) == 8855
    classes = {p: {n.split("/")[0] for n in every} for p, every in names.items()}
    assert (len(classes["train"]), len(classes["test"])) == (150, 50) and not classes["train"] & classes["test"]
    assert {p: len(set(n)) for p, n in numbers.items()} == {"train": 150, "test": 50}
    damaged = (folder / "train" / "class_info.pickle").read_bytes().replace(b"\n", b"\r\n")
    assert read_pickle(damaged) == (numbers["train"], True)
