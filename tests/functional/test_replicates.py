"""Delete-a-block replicates equal the score of the rows that remain, whatever the blocks."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import bench.functional as F
from bench.errors import TooFew, UsageError
from bench.functional import balls


def rows(n: int, d: int, seed: int) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


def crowded() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Rows with copies within one block, copies of the reference, a far point whose copies alone reach their like (at
    radius 0), and a block of nearly all neighbours."""
    generated, reference = rows(120, 6, 0), rows(80, 6, 1)
    generated[10:60] = generated[10] + 1e-3 * rows(50, 6, 2)
    generated[70:80] = reference[7] = 50 + generated[70]
    reference[:5] = generated[:5]
    blocks = torch.from_numpy(np.random.default_rng(0).integers(0, 10, 120))
    blocks[11:59] = 3
    return generated, reference, blocks


def frechet(x, y, blocks=None):
    return F.frechet_distance(x, y) if blocks is None else F.frechet_block_replicates(x, blocks, F.factor(y))


def kernel(x, y, blocks=None):
    return F.kernel_distance_full(x, y) if blocks is None else F.kernel_block_replicates(x, blocks, y)


def precision_recall(x, y, blocks=None):
    return torch.stack(
        F.precision_recall(x, y) if blocks is None else F.precision_recall_block_replicates(x, blocks, y), -1
    )


SCORES = {"frechet": (frechet, 1e-6), "kernel": (kernel, 1e-9), "precision_recall": (precision_recall, 0.0)}


@pytest.mark.parametrize("name", SCORES)
def test_a_replicate_is_the_score_of_the_rows_that_remain(name):
    score, tolerance = SCORES[name]
    x, y, blocks = crowded()
    found = score(x, y, blocks)
    assert len(found) == 10 and len(found.reshape(10, -1).unique(dim=0)) > 1
    for b in range(10):
        torch.testing.assert_close(found[b], score(x[blocks != b], y), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("block", [9, 2048])
@pytest.mark.parametrize("k", [1, 5])
def test_balls_of_other_sizes_are_those_of_the_rows_that_remain(k, block, monkeypatch):
    monkeypatch.setattr(balls, "_BLOCK", block)
    x, y, blocks = crowded()
    precision, recall = F.precision_recall_block_replicates(x, blocks, y, k=k)
    for b in range(10):
        rest = F.precision_recall(x[blocks != b], y, k=k)
        assert (float(precision[b]), float(recall[b])) == tuple(map(float, rest)), b


@pytest.mark.parametrize("name", SCORES)
def test_blocks_that_no_row_bears_leave_the_score_as_it_is(name):
    score, tolerance = SCORES[name]
    x, y = rows(40, 6, 0), rows(30, 6, 1)
    blocks = [2 * (i % 3) for i in range(40)]
    found = score(x, y, blocks)
    torch.testing.assert_close(found[1], score(x, y), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", SCORES)
@pytest.mark.parametrize(
    "blocks, kind, words",
    [
        ([0] * 39, UsageError, "40 rows"),
        ([-1] + [0] * 39, UsageError, "from 0"),
        ([0] * 39 + [1], TooFew, "leaves 1 rows"),
    ],
)
def test_unusable_blocks_are_named(name, blocks, kind, words):
    with pytest.raises(kind, match=words):
        SCORES[name][0](rows(40, 6, 0), rows(30, 6, 1), blocks)


def test_inception_replicates_leave_rows_out_of_their_own_split():
    logits, blocks = 3 * rows(60, 7, 0), np.random.default_rng(0).integers(0, 10, 60)
    found = F.inception_score_block_replicates(logits, blocks.tolist(), splits=4, seed=4)
    order = np.random.RandomState(4).permutation(60)
    for b in range(10):
        parts = [[i for i in order[15 * s : 15 * s + 15] if blocks[i] != b] for s in range(4)]
        rest = [F.inception_score(logits[part], splits=1)[0] for part in parts]
        assert float(found[b]) == pytest.approx(float(sum(rest)) / 4, rel=1e-12)


def test_a_split_that_a_block_empties_is_not_counted():
    logits = 3 * rows(20, 5, 0)
    order = np.random.RandomState(2020).permutation(20)
    blocks = np.zeros(20, dtype=int)
    blocks[order[:10]] = 1  # block 1 is the first of two splits
    found = F.inception_score_block_replicates(logits, blocks.tolist(), splits=2)
    rest = [float(F.inception_score(logits[order[half]], splits=1)[0]) for half in (slice(0, 10), slice(10, 20))]
    np.testing.assert_allclose(found, rest, rtol=1e-9)
