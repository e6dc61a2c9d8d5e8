"""Set metrics on seeded features: a grid of n and d, n <= d, ill-conditioned and constant ones."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, partial

import numpy as np
import torch
from parity_case import Case

import bench.functional as F

GRID = ((50, 60, 128), (500, 600, 64), (300, 900, 256), (1200, 1100, 512))
LARGE = (400, 300, 2048)


@cache
def pair(n: int, m: int, d: int, kind: str = "plain") -> tuple[torch.Tensor, torch.Tensor]:
    """float32 features; ill: variances over 8 orders; constant: the first side does not vary; near: sides that overlap
    enough for their manifolds to meet."""
    g = torch.Generator().manual_seed(n + d)
    x, y = torch.randn(n, d, generator=g) * torch.rand(d, generator=g), torch.randn(m, d, generator=g) + 0.1
    if kind == "near":
        return torch.randn(n, 6, generator=g) * 0.8 + 0.1, torch.randn(m, 6, generator=g)
    if kind == "ill":
        spread = torch.logspace(0, -4, d)
        return x * spread, y * spread
    return (torch.ones(n, d), y) if kind == "constant" else (x, y)


def _exact(x: torch.Tensor, y: torch.Tensor) -> float:
    """Fréchet distance in float64 by singular values of the centred features themselves: nothing is squared."""
    a, b = x.double(), y.double()
    left, right = (a - a.mean(0)) / (len(a) - 1) ** 0.5, (b - b.mean(0)) / (len(b) - 1) ** 0.5
    cross = torch.linalg.svdvals(left @ right.T).sum()
    return float((a.mean(0) - b.mean(0)).square().sum() + left.square().sum() + right.square().sum() - 2 * cross)


def _moments(x: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    wide = x.double().numpy()
    return wide.mean(0), np.cov(wide, rowvar=False)


def _torch_fidelity_fid(x: torch.Tensor, y: torch.Tensor) -> float:
    from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

    sides = [fid_features_to_statistics(s) for s in (x, y)]
    return fid_statistics_to_metric(*sides, False)["frechet_inception_distance"]


def _pytorch_fid(x: torch.Tensor, y: torch.Tensor) -> float:
    from pytorch_fid.fid_score import calculate_frechet_distance

    return float(calculate_frechet_distance(*_moments(x), *_moments(y)))


def _clean_fid(x: torch.Tensor, y: torch.Tensor) -> float:
    from cleanfid.fid import frechet_distance

    return float(frechet_distance(*_moments(x), *_moments(y)))


def _torchmetrics_fid(x: torch.Tensor, y: torch.Tensor) -> float:
    from torchmetrics.image.fid import _compute_fid

    moments = [torch.from_numpy(part) for side in (x, y) for part in _moments(side)]
    return float(_compute_fid(*moments))


FID = {
    "torch-fidelity": _torch_fidelity_fid,
    "torchmetrics": _torchmetrics_fid,
    "pytorch-fid": _pytorch_fid,
    "clean-fid": _clean_fid,
}
"""sqrtm of 512 or more columns takes pytorch-fid and clean-fid minutes: they are asked for the smaller ones."""


def frechet() -> Iterator[Case]:
    shapes = [(g, "plain") for g in (*GRID, LARGE)] + [((500, 600, 64), "ill"), ((300, 900, 256), "constant")]
    for (n, m, d), kind in shapes:
        x, y = pair(n, m, d, kind)
        trace = float(x.double().var(0).sum() + y.double().var(0).sum())
        few = min(n, m) <= d or kind != "plain"
        for peer, theirs in FID.items():
            if (d > 256 and peer in ("pytorch-fid", "clean-fid")) or (d > 512 and peer == "torchmetrics"):
                continue
            yield Case(
                "fd", peer, f"n {n}, m {m}, d {d}{'' if kind == 'plain' else ', ' + kind}",
                partial(F.frechet_distance, x, y), partial(theirs, x, y), 1e-3 if few else 1e-6, trace,
                truth=partial(_exact, x, y),
            )  # fmt: skip


# ---- kernels, classes, neighbours, entropy -------------------------------------------------------------------------


def _kid(x: torch.Tensor, y: torch.Tensor) -> list[float]:
    from torch_fidelity.metric_kid import kid_features_to_metric

    found = kid_features_to_metric(x, y, kid_subsets=20, kid_subset_size=40, rng_seed=2020, verbose=False)
    return [found["kernel_inception_distance_mean"], found["kernel_inception_distance_std"]]


def _piq_kid(x: torch.Tensor, y: torch.Tensor) -> float:
    from piq.kid import _mmd2_and_variance

    a, b = x.double(), y.double()
    kernel = lambda s, t: (s @ t.T / s.shape[1] + 1) ** 3  # noqa: E731
    return float(_mmd2_and_variance(kernel(a, a), kernel(a, b), kernel(b, b), unit_diagonal=False))


def _clean_kid(x: torch.Tensor, y: torch.Tensor) -> float:
    from cleanfid.fid import kernel_distance

    size = min(len(x), len(y))
    return float(kernel_distance(x[:size].double().numpy(), y[:size].double().numpy(), 1, size))


def _isc(logits: torch.Tensor) -> list[float]:
    from torch_fidelity.metric_isc import isc_features_to_metric

    found = isc_features_to_metric(logits, splits=10, shuffle=True, rng_seed=2020)
    return [found["inception_score_mean"], found["inception_score_std"]]


def _prc(x: torch.Tensor, y: torch.Tensor) -> list[float]:
    from torch_fidelity.metric_prc import prc_features_to_metric

    found = prc_features_to_metric(x, y, prc_neighborhood=3, prc_batch_size=512, verbose=False)
    return [found["precision"], found["recall"]]


def _prdc(x: torch.Tensor, y: torch.Tensor) -> list[float]:
    import contextlib
    import io

    from prdc import compute_prdc

    with contextlib.redirect_stdout(io.StringIO()):
        found = compute_prdc(y.double().numpy(), x.double().numpy(), nearest_k=5)
    return [found["density"], found["coverage"]]


def _vendi(x: torch.Tensor, q: float) -> float:
    from vendi_score import vendi

    return float(vendi.score_dual(x.double().numpy(), q=q, normalize=True))


def _cmmd_direct(x: torch.Tensor, y: torch.Tensor) -> float:
    a, b = (torch.nn.functional.normalize(s.double(), dim=1) for s in (x, y))
    k = lambda s, t: torch.exp(-torch.cdist(s, t).square() / 200).mean()  # noqa: E731
    return float(1000 * (k(a, a) + k(b, b) - 2 * k(a, b)))


def others() -> Iterator[Case]:
    for n, m, d in GRID[:3]:
        x, y = pair(n, m, d)
        on = f"n {n}, m {m}, d {d}"
        yield Case("kd", "torch-fidelity", f"{on}, 20 subsets of 40",
                   partial(F.kernel_distance, x, y, subsets=20, subset_size=40), partial(_kid, x, y), 1e-6,
                   note="its products are float32")  # fmt: skip
        size = min(n, m)
        yield Case("kd(subsets=0)", "clean-fid", f"n m {size}, d {d}",
                   partial(F.kernel_distance_full, x[:size], y[:size]), partial(_clean_kid, x, y), 1e-9)  # fmt: skip
        yield Case("kd(subsets=0)", "piq", f"n m {size}, d {d}",
                   partial(F.kernel_distance_full, x[:size], y[:size]),
                   partial(_piq_kid, x[:size], y[:size]), 1e-9)  # fmt: skip
        yield Case("is", "torch-fidelity", f"n {n}, classes {d}", partial(F.inception_score, x),
                   partial(_isc, x), 1e-9)  # fmt: skip
        a, b = pair(n, m, d, "near")
        yield Case("prc", "torch-fidelity", f"n {n}, m {m}, d 6", partial(F.precision_recall, a, b),
                   partial(_prc, a, b), 1e-7)  # fmt: skip
        yield Case("density-coverage", "prdc", f"n {n}, m {m}, d 6", partial(F.density_coverage, a, b),
                   partial(_prdc, a, b), 1e-12)  # fmt: skip
        yield Case("vendi", "vendi-score", on, partial(F.vendi_score, x), partial(_vendi, x, 1), 1e-8)
        yield Case("vendi(q=2)", "vendi-score", on, partial(F.vendi_score, x, q=2), partial(_vendi, x, 2), 1e-8)
        yield Case("cmmd", "(float64, all pairs)", on, partial(F.cmmd, x, y), partial(_cmmd_direct, x, y), 1e-9)
        yield Case("cmmd(exact=false)", "(float64, all pairs)", on, lambda x=x, y=y: F.cmmd_from_moments(x, y)[0],
                   partial(_cmmd_direct, x, y), 6.7e-4, note="the stated bound")  # fmt: skip


def memorisation() -> Iterator[Case]:
    x, y = (s + 2 for s in pair(500, 600, 64))

    def torchmetrics_mifid() -> float:
        from torchmetrics.image.mifid import _mifid_compute

        mine, theirs = ([torch.from_numpy(p) for p in _moments(s)] for s in (x, y))
        return float(_mifid_compute(*mine, x.double(), *theirs, y.double()))

    yield Case("mifid", "torchmetrics", "n 500, m 600, d 64, generated given as its first side",
               partial(F.memorisation_informed_fd, x, y), torchmetrics_mifid, 1e-6,
               note="its metric hands over the training side first, so that it looks for the nearest generated image "
               "of each training image; the paper looks for the nearest training image")  # fmt: skip


CASES = (frechet, others, memorisation)
