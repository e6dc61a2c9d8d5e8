"""Moments of parts are the moments of the whole."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bench.functional import merge_moments, moments
from bench.functional.moments import _ROWS


def rows(n: int, seed: int, shift: float) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(shift, 2, (n, 3)))


@given(st.integers(1, 20), st.integers(1, 20), st.floats(-100, 100), st.integers(0, 99))
def test_two_parts_with_means_apart(n, m, shift, seed):
    a, b = rows(n, seed, 0), rows(m, seed + 1, shift)
    whole, merged = torch.cat([a, b]).numpy(), merge_moments(moments(a), moments(b))
    assert merged.n == n + m and merged.mean.numpy() == pytest.approx(whole.mean(0))
    assert merged.cov.numpy() == pytest.approx(np.cov(whole.T), rel=1e-9, abs=1e-9)


def test_more_rows_than_are_taken_at_once():
    x = torch.cat([rows(_ROWS, 0, 0.0), rows(100, 1, 50.0)])
    assert moments(x).cov.numpy() == pytest.approx(np.cov(x.numpy().T), rel=1e-9)
