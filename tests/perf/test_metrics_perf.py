"""Set metrics beside their peers, in one run on one machine: each bar is a ratio, so that it holds on any machine.

The peers are the pure functions of torch-fidelity and prdc on the same features; both sides use all cores.
"""

from __future__ import annotations

import contextlib
import io
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import pytest
import torch

import bench.functional as F
from bench.functional.frechet import factor_from_moments
from bench.functional.moments import Moments

D = 2048


@pytest.fixture(autouse=True)
def all_cores():
    """Other tests may have set the number of threads; both sides run with the machine's."""
    before = torch.get_num_threads()
    torch.set_num_threads(max(2, before))
    yield
    torch.set_num_threads(before)


def features(n: int, seed: int, d: int = D) -> torch.Tensor:
    """Like those of a network: positive, correlated, of unequal variance."""
    g = torch.Generator().manual_seed(seed)
    mix = torch.randn(64, d, generator=torch.Generator().manual_seed(99))
    return (torch.randn(n, 64, generator=g) @ mix / 8 + torch.randn(n, d, generator=g) + 0.1 * seed).relu()


def seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def moments_of(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    wide = x.double()
    return wide.mean(0), wide.T.cov()


def peer_fid(a, b) -> float:
    from torch_fidelity.metric_fid import fid_statistics_to_metric

    sides = [{"mu": m.numpy(), "sigma": c.numpy()} for m, c in (a, b)]
    return fid_statistics_to_metric(*sides, False)["frechet_inception_distance"]


@pytest.mark.benchmark(group="fd from moments, d 2048")
def test_frechet_from_moments(benchmark):
    """>= 3 x torch-fidelity's eigenvalues and >= 8 x the matrix square root; the error below 1e-9 of the trace."""
    from scipy import linalg

    x, y = features(3000, 0), features(3000, 1)
    a, b = moments_of(x), moments_of(y)
    theirs = seconds(lambda: peer_fid(a, b))
    root = seconds(lambda: linalg.sqrtm(a[1].numpy() @ b[1].numpy()))
    found = benchmark.pedantic(lambda: F.frechet_distance_from_moments(*a, *b), rounds=3, warmup_rounds=1)
    own = benchmark.stats.stats.median
    benchmark.extra_info |= {"torch-fidelity": theirs / own, "sqrtm": root / own}
    trace = float(a[1].trace() + b[1].trace())
    exact = _exact(x, y)
    assert abs(float(found) - exact) < 1e-9 * trace
    same = factor_from_moments(Moments(3000, a[0], a[1] * 2999))
    assert float(F.frechet_distance_from_factors(same, same)) < 1e-9 * trace
    assert theirs > 3 * own and root > 8 * own, (own, theirs, root)


def _exact(x: torch.Tensor, y: torch.Tensor) -> float:
    left, right = ((s.double() - s.double().mean(0)) / (len(s) - 1) ** 0.5 for s in (x, y))
    cross = torch.linalg.svdvals(torch.linalg.qr(left).R @ torch.linalg.qr(right).R.T).sum()
    apart = (x.double().mean(0) - y.double().mean(0)).square().sum()
    return float(apart + left.square().sum() + right.square().sum() - 2 * cross)


@pytest.mark.benchmark(group="fd from features")
@pytest.mark.parametrize("n, bar", [(3000, 2.2), (500, 10.0)])
def test_frechet_from_features(benchmark, n, bar):
    """>= 2.2 x torch-fidelity from 3,000 features a side, and >= 10 x where n < d."""
    from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

    x, y = features(n, 0), features(n, 1)

    def peer() -> float:
        sides = [fid_features_to_statistics(s) for s in (x, y)]
        return fid_statistics_to_metric(*sides, False)["frechet_inception_distance"]

    theirs = seconds(peer)
    found = benchmark.pedantic(lambda: F.frechet_distance(x, y), rounds=3, warmup_rounds=1)
    own = benchmark.stats.stats.median
    benchmark.extra_info |= {"torch-fidelity": theirs / own}
    trace = float(x.double().var(0).sum() + y.double().var(0).sum())
    assert abs(float(found) - _exact(x, y)) < 1e-9 * trace
    assert float(F.frechet_distance(x, x)) < 1e-9 * trace
    assert theirs > bar * own, (own, theirs)


@pytest.mark.benchmark(group="neighbours, 10,000 x 2048")
def test_precision_recall(benchmark):
    """Counts equal to torch-fidelity's, >= 1.8 x as fast."""
    from torch_fidelity.metric_prc import prc_features_to_metric

    x, y = features(10_000, 0), features(10_000, 1)
    start = time.perf_counter()
    peer = prc_features_to_metric(x, y, prc_neighborhood=3, prc_batch_size=10_000, verbose=False)
    theirs = time.perf_counter() - start
    found = benchmark.pedantic(lambda: F.precision_recall(x, y, k=3), rounds=1)
    own = benchmark.stats.stats.median
    benchmark.extra_info |= {"torch-fidelity": theirs / own}
    assert [float(v) for v in found] == pytest.approx([peer["precision"], peer["recall"]], abs=3e-4)
    assert theirs > 1.8 * own, (own, theirs)


@pytest.mark.benchmark(group="neighbours, 10,000 x 2048")
def test_density_coverage(benchmark):
    """Counts equal to prdc's float64 matrices, >= 3 x as fast."""
    from prdc import compute_prdc

    x, y = features(10_000, 0), features(10_000, 1)
    start = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        peer = compute_prdc(y.double().numpy(), x.double().numpy(), nearest_k=5)
    theirs = time.perf_counter() - start
    found = benchmark.pedantic(lambda: F.density_coverage(x, y, k=5), rounds=1)
    own = benchmark.stats.stats.median
    benchmark.extra_info |= {"prdc": theirs / own}
    assert [float(v) for v in found] == pytest.approx([peer["density"], peer["coverage"]], abs=1e-9)
    assert theirs > 3 * own, (own, theirs)


MEMORY = """
import re, torch, bench.functional as F
def held(name):
    return int(re.search(name + r":\\s+(\\d+)", open("/proc/self/status").read())[1])
g = torch.Generator().manual_seed(0)
x, y = torch.randn(20000, 2048, generator=g), torch.randn(20000, 2048, generator=g)
F.precision_recall(x[:64], y[:64])
before = held("VmRSS")
open("/proc/self/clear_refs", "w").write("5")
F.precision_recall(x, y)
print((held("VmHWM") - before) / 1e6)
"""


@pytest.mark.benchmark(group="neighbours, 20,000 x 2048")
def test_precision_recall_needs_little_memory(benchmark):
    """< 1 GB beyond the features at 20,000 a side; the matrix of all distances would be 1.6 GB in float32."""

    def peak() -> float:
        done = subprocess.run([sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True)
        return float(done.stdout)

    gigabytes = benchmark.pedantic(peak, rounds=1)
    benchmark.extra_info |= {"GB beyond the features": gigabytes}
    assert gigabytes < 1.0


@pytest.mark.benchmark(group="kd, 10,000 x 2048")
def test_kernel_distance_of_all_pairs(benchmark):
    """All pairs within 1.5 x of torch-fidelity's 100 subsets of 1,000, at a tenth of their variance or less."""
    from torch_fidelity.metric_kid import kid_features_to_metric

    x, y = features(10_000, 0), features(10_000, 1)
    start = time.perf_counter()
    kid_features_to_metric(x, y, kid_subsets=100, kid_subset_size=1000, rng_seed=2020, verbose=False)
    theirs = time.perf_counter() - start
    benchmark.pedantic(lambda: F.kernel_distance_full(x, y), rounds=1)
    own = benchmark.stats.stats.median
    benchmark.extra_info |= {"torch-fidelity": theirs / own}
    small = [features(1000, s, 64) for s in range(2)]
    rng = np.random.default_rng(0)
    draws = [
        F.kernel_distance(*small, subsets=100, subset_size=100, seed=int(s))[0] for s in rng.integers(9999, size=8)
    ]
    benchmark.extra_info |= {"sd of the mean of subsets over draws": float(torch.stack(draws).std())}
    exact = F.kernel_distance_full(x.double(), y.double())
    assert float(F.kernel_distance_full(x, y)) == pytest.approx(float(exact), abs=1e-9)
    assert own < 1.5 * theirs, (own, theirs)


@pytest.mark.benchmark(group="from moments, 10,000 x 1024")
def test_cmmd_and_vendi(benchmark):
    """CMMD and Vendi from moments: O(n d^2), equal to the pairs' value within the stated bound."""
    x, y = features(10_000, 0, 1024), features(10_000, 1, 1024)
    start = time.perf_counter()
    exact = F.cmmd(x, y)
    pairs = time.perf_counter() - start

    def both():
        return F.cmmd_from_moments(x, y), F.vendi_score(x)

    (value, bound), vendi = benchmark.pedantic(both, rounds=2, warmup_rounds=1)
    benchmark.extra_info |= {"cmmd by pairs": pairs / benchmark.stats.stats.median}
    assert abs(float(value - exact)) < bound
    few = x[:800].double()
    unit = few / few.norm(dim=1, keepdim=True)
    eigen = torch.linalg.eigvalsh(unit @ unit.T / len(unit)).clamp_min(0)
    assert float(F.vendi_score(few)) == pytest.approx(float((-torch.xlogy(eigen, eigen).sum()).exp()), rel=1e-8)
    assert float(vendi) > 1
