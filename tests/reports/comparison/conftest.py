"""Fixtures of the comparison's findings."""

from __future__ import annotations

import pytest
from planted_runs import Plant


@pytest.fixture
def plant(tmp_path) -> Plant:
    """Writer of run folders below a temporary root."""
    return Plant(tmp_path / "planted")
