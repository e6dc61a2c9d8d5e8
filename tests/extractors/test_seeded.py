"""Seeded weights: the same everywhere, different by seed, and of a kind that tells images apart."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import torch
from torch import nn

from bench.extractors import seeded
from bench.extractors.preprocess import Preprocess

RECIPE = Preprocess((48, 48), (0.5,) * 3, (0.25,) * 3)


def small():
    return nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 16, 3, stride=2), nn.BatchNorm2d(16), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10),
    )  # fmt: skip


def built(seed, key):
    module = small()
    seeded.build(module, seed, key=key, images=lambda: seeded.batch(RECIPE, seed), classifier=module[-1])
    return module.eval()


def state_digest(module):
    return hashlib.sha256(b"".join(v.numpy().tobytes() for v in module.state_dict().values())).hexdigest()


def test_golden_stream():
    """Origin: NumPy's Philox 4x64-10, 24 high bits of each 32, little-endian; exact on every machine."""
    values = seeded.uniform(0, "conv.weight", 5)
    assert values.dtype == np.float32
    again = np.random.Philox(key=int.from_bytes(hashlib.sha256(b"0:conv.weight").digest()[:16], "little")).random_raw(3)
    halves = [half for word in again.tolist() for half in (word & 0xFFFFFFFF, word >> 32)][:5]
    assert values.tolist() == [(half >> 8) * 2.0**-23 - 1 for half in halves]


def test_stream_is_uniform_and_differs_by_name_and_seed():
    one = seeded.uniform(0, "a", 100_000)
    assert one.min() >= -1 and one.max() < 1
    assert abs(one.mean()) < 0.01 and abs(one.var() - 1 / 3) < 0.005
    for other in (seeded.uniform(0, "b", 100_000), seeded.uniform(1, "a", 100_000)):
        assert abs(np.corrcoef(one, other)[0, 1]) < 0.02


def test_build_is_the_same_with_any_threads_and_without_the_memory_of_it(monkeypatch, tmp_path):
    digests, before = [], torch.get_num_threads()
    for threads in (1, 2):
        monkeypatch.setenv("BENCH_HOME", str(tmp_path / str(threads)))
        torch.set_num_threads(threads)
        digests += [state_digest(built(3, "small")), state_digest(built(3, "small"))]
    torch.set_num_threads(before)
    assert len(set(digests)) == 1
    assert list((tmp_path / "1" / "seeded").glob("*.npz")), "the calibration is remembered"


def test_build_differs_by_seed():
    assert state_digest(built(0, "by-seed")) != state_digest(built(1, "by-seed"))


def test_construction_and_building_leave_the_global_random_state_alone():
    before = torch.get_rng_state()
    with seeded.quiet_construction():
        module = small()
    seeded.build(module, 0, key="rng", images=lambda: seeded.batch(RECIPE, 0), classifier=module[-1])
    assert torch.equal(before, torch.get_rng_state())


def test_calibration_centres_activations_and_spreads_logits():
    module = built(0, "calibrated")
    images = seeded.batch(RECIPE, 0).float()
    with torch.inference_mode():
        normed = module[:2](images)
        logits = module(images)
    assert normed.mean((0, 2, 3)).abs().max() < 1e-4
    assert (normed.std((0, 2, 3)) - 1).abs().max() < 1e-2
    assert logits.std(0).mean().item() == pytest.approx(seeded.LOGIT_STD, rel=1e-3)


def test_a_damaged_memory_is_made_anew(monkeypatch, tmp_path):
    monkeypatch.setenv("BENCH_HOME", str(tmp_path))
    first = state_digest(built(0, "damaged"))
    (note,) = (tmp_path / "seeded").glob("*.npz")
    note.write_bytes(note.read_bytes()[:100])
    assert state_digest(built(0, "damaged")) == first


def test_pictures_are_of_different_kinds():
    pictures = seeded.pictures(8, 64, 0)
    assert pictures.shape == (8, 64, 64, 3) and pictures.min() >= 0 and pictures.max() <= 1
    colours = [len(np.unique(p.reshape(-1, 3), axis=0)) for p in pictures]
    assert colours[3] <= 5 < colours[0], "every fourth is flat"
    assert np.abs(pictures[0] - pictures[4]).mean() > 0.05
