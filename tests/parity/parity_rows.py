"""Metrics of single images, boxes, texts and agreement beside the libraries of their fields."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import torch
from parity_case import Case

import bench.functional as F
from bench.stats import agreement, families, paired

RNG = np.random.default_rng(0)


def rows(n: int, d: int, seed: int) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


def embeddings() -> Iterator[Case]:
    image, text = rows(40, 16, 0), rows(40, 16, 1)

    def torchmetrics_clip() -> float:
        from torch.nn.functional import cosine_similarity

        return 100 * float(cosine_similarity(image.double(), text.double()).mean())

    yield Case("clipscore(mode=torchmetrics)", "torch", "40 pairs, d 16",
               lambda: float(100 * F.cosine(image, text).mean()), torchmetrics_clip, 1e-9)  # fmt: skip
    scores, right = rows(40, 60, 2).sigmoid(), rows(40, 60, 3) > 0.9
    right[:, 0] = True
    found = F.retrieval(scores, right)

    def peers(name: str, **options: Any) -> float:
        import torchmetrics.functional.retrieval as tm

        ask = getattr(tm, name)
        return float(np.mean([float(ask(s, r, **options)) for s, r in zip(scores, right, strict=True)]))

    yield Case("retrieval MRR", "torchmetrics", "40 queries, gallery 60", lambda: found["MRR"],
               partial(peers, "retrieval_reciprocal_rank"), 1e-6)  # fmt: skip
    yield Case("retrieval mAP", "torchmetrics", "40 queries, gallery 60", lambda: found["mAP"],
               partial(peers, "retrieval_average_precision"), 1e-6)  # fmt: skip
    yield Case("retrieval R@5", "torchmetrics", "40 queries, gallery 60", lambda: found["R@5"],
               partial(peers, "retrieval_hit_rate", top_k=5), 1e-6)  # fmt: skip

    def sklearn_map() -> float:
        from sklearn.metrics import average_precision_score

        return float(np.mean([average_precision_score(r, s) for s, r in zip(scores, right, strict=True)]))

    yield Case("retrieval mAP", "scikit-learn", "40 queries, gallery 60", lambda: found["mAP"], sklearn_map, 1e-9)


def pictures() -> Iterator[Case]:
    a = RNG.integers(0, 256, (48, 40, 3), dtype=np.uint8)
    b = (0.7 * a + 0.3 * RNG.integers(0, 256, a.shape)).astype(np.uint8)

    def skimage_ssim() -> float:
        from skimage.metrics import structural_similarity

        return float(
            structural_similarity(a, b, channel_axis=2, data_range=255, gaussian_weights=True, sigma=1.5,
                                  use_sample_covariance=False)
        )  # fmt: skip

    yield Case("ssim", "scikit-image", "48 x 40", lambda: F.ssim(a, b), skimage_ssim, 5e-3,
               note="it leaves out a border of 5 pixels, which torchmetrics reflects")  # fmt: skip
    colours = RNG.integers(0, 256, (2, 1000, 3))

    def skimage_delta() -> np.ndarray:
        from skimage.color import deltaE_ciede2000

        return deltaE_ciede2000(F.lab(colours[0]), F.lab(colours[1]))

    yield Case("pixel-colour (CIEDE2000)", "scikit-image", "1,000 pairs",
               lambda: F.delta_e(F.lab(colours[0]), F.lab(colours[1])), skimage_delta, 1e-9)  # fmt: skip
    masks = RNG.random((2, 30, 40)) < 0.5

    def coco_iou() -> float:
        from pycocotools import mask as tools

        coded = [tools.encode(np.asfortranarray(m.astype(np.uint8))) for m in masks]
        return float(tools.iou([coded[0]], [coded[1]], [0])[0, 0])

    yield Case("mask-overlap (IoU)", "pycocotools", "30 x 40", lambda: F.mask_iou(*masks), coco_iou, 1e-12)

    def torchmetrics_dice() -> float:
        from torchmetrics.functional.segmentation import dice_score

        given = (torch.from_numpy(m[None, None].astype(np.int64)) for m in masks)
        return float(dice_score(*given, num_classes=1, include_background=True).mean())

    yield Case("mask-overlap (Dice)", "torchmetrics", "30 x 40", lambda: F.dice(*masks), torchmetrics_dice, 1e-6)
    corners = torch.rand(9, 2, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).sort(1).values
    boxes = torch.cat([corners[:, 0], corners[:, 1]], 1)

    def vision(name: str) -> np.ndarray:
        import torchvision.ops as ops

        return getattr(ops, name)(boxes, boxes.flip(0)).numpy()

    yield Case("box-overlap (IoU)", "torchvision", "9 x 9 boxes", lambda: F.box_iou(boxes, boxes.flip(0)),
               partial(vision, "box_iou"), 1e-12)  # fmt: skip
    yield Case("box-giou", "torchvision", "9 x 9 boxes", lambda: F.generalised_box_iou(boxes, boxes.flip(0)),
               partial(vision, "generalized_box_iou"), 1e-12)  # fmt: skip


def lpips() -> Iterator[Case]:
    from bench.extractors.lpips import Lpips

    images = RNG.integers(0, 256, (4, 64, 64, 3), dtype=np.uint8)
    for net in ("alex", "vgg"):
        made = Lpips(net=net, seed=0)
        made.module = made.loaded()

        def ours(made: Any = made) -> np.ndarray:
            found = made.extract_images([made.prepare_image(i) for i in images])["features"].double()
            return (found[:2] - found[2:]).square().sum(1).numpy()

        def theirs(net: str = net, module: Any = made.module) -> np.ndarray:
            from torchmetrics.functional.image.lpips import _LPIPS

            peer = _LPIPS(pretrained=True, net=net, pnet_rand=True, eval_mode=True)
            pairs = [[m for m in n.modules() if isinstance(m, torch.nn.Conv2d)] for n in (peer.net, module)]
            for a, b in zip(*pairs, strict=True):
                a.load_state_dict(b.state_dict())
            x = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
            with torch.no_grad():
                return peer(x[:2], x[2:], normalize=True).flatten().numpy()

        yield Case(f"lpips({net})", "torchmetrics", "64 x 64, seeded backbone", ours, theirs, 1e-5)


def statistics() -> Iterator[Case]:
    x, y = RNG.normal(size=80), RNG.normal(size=80)
    y += 0.5 * x
    groups = np.arange(80)

    def own(name: str) -> float:
        return agreement.agreement(x, {"m": y}, groups, statistics=[name], resamples=20)[0].value

    def scipys(name: str, **options: Any) -> float:
        from scipy import stats

        return float(getattr(stats, name)(x, y, **options).statistic)

    for name, other, options in (("pearson", "pearsonr", {}), ("spearman", "spearmanr", {}),
                                 ("tau-b", "kendalltau", {}), ("tau-c", "kendalltau", {"variant": "c"})):  # fmt: skip
        yield Case(f"agree {name}", "scipy", "80 items", partial(own, name), partial(scipys, other, **options), 1e-12)
    p = RNG.random(20) ** 3

    def models(method: str) -> np.ndarray:
        from statsmodels.stats.multitest import multipletests

        return multipletests(p, method=method)[1]

    yield Case("Holm", "statsmodels", "20 p-values", lambda: families.holm(p), partial(models, "holm"), 1e-12)
    yield Case("Benjamini-Hochberg", "statsmodels", "20 p-values", lambda: families.benjamini_hochberg(p),
               partial(models, "fdr_bh"), 1e-12)  # fmt: skip

    def power() -> float:
        from statsmodels.stats.power import normal_power

        found = normal_power(0.25, nobs=paired.required(1.0, 0.25), alpha=0.05, alternative="larger")
        return float(found >= 0.8)

    yield Case("required prompts", "statsmodels", "difference .25 sd, power .8", lambda: 1.0, power, 0)


CASES = (embeddings, pictures, lpips, statistics)
