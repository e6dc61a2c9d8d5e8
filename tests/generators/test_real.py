"""The references as a system: what is judged is the picture of the data set, or its part."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from bench.errors import DataError
from bench.generators.base import Context
from bench.generators.real import Real
from bench.types import Request, Sample

PICTURE = np.arange(6 * 8 * 3, dtype=np.uint8).reshape(6, 8, 3)


def made(sample, frames=1):
    real = Real()
    real.setup(Context({sample.id: sample}, "d", tuple, lambda locator: PICTURE))
    (outcome,) = real.generate([Request(sample.id, 0, sample.prompt, 0, frames)])
    return outcome


def test_the_picture_is_the_reference():
    assert np.array_equal(made(Sample("a", "p", reference="x")).image, PICTURE)
    assert len(made(Sample("a", "p", reference="x", frames=2), frames=2).image) == 2
    assert made(Sample("a", "p")).status == "missing"
    assert Real.control, "a ceiling is no rival"


def test_the_part_that_is_judged():
    sample = Sample("a", "p", reference="x", tags={"crop": json.dumps([2, 1, 5.0, 4])})
    assert np.array_equal(made(sample).image, PICTURE[1:4, 2:5])
    wide = dataclasses.replace(sample, tags={"crop": json.dumps([-3, 2, 99, 99])})
    assert np.array_equal(made(wide).image, PICTURE[2:])
    for junk, told in (("[9, 0, 20, 4]", "outside"), ("[1, 2]", "no box"), ("{", "no box"), ('"abcd"', "no box")):
        with pytest.raises(DataError, match=told):
            made(dataclasses.replace(sample, tags={"crop": junk}))
