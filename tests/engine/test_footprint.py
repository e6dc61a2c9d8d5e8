"""Peak memory of a pass: what was freed before does not count, what was held for a moment does."""

from __future__ import annotations

import numpy as np
import pytest

from bench.engine import footprint
from bench.engine.footprint import Footprint

SIZE = 256 << 20


def held() -> None:
    assert np.ones(SIZE, dtype=np.uint8)[-1] == 1


def test_the_peak_is_that_of_the_pass():
    held()
    before = Footprint("cpu")
    if before.peak() is None:
        pytest.skip("this kernel does not let a process begin its peak anew")
    quiet = before.peak()
    held()
    most = before.peak()
    assert SIZE * 0.9 < most - quiet < SIZE * 1.5
    assert Footprint("cpu").peak() < most - SIZE * 0.5, "a later pass does not inherit it"


def test_where_nobody_counts_there_is_no_number(monkeypatch, tmp_path):
    monkeypatch.setattr(footprint, "_OWN", tmp_path / "no-proc")
    assert Footprint("cpu").peak() is None
