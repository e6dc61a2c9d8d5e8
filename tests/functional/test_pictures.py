"""Pictures, colours, masks, maps and texts against scikit-image, torchvision, pycocotools and hand-computed cases."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import bench.functional as F
from bench.errors import NotFinite, UsageError
from bench.functional.focus import region
from bench.functional.pictures import edges
from bench.functional.stories import span_of
from bench.functional.wording import quoted

RNG = np.random.default_rng(0)


def disc(x: float, y: float, size: int = 64, level: int = 40) -> np.ndarray:
    rows, columns = np.indices((size, size)) + 0.5
    inside = (columns - x) ** 2 + (rows - y) ** 2 < 100
    return np.where(inside[..., None], np.uint8(level), np.uint8(220)).repeat(3, axis=2).astype(np.uint8)


# ---- pixels --------------------------------------------------------------------------------------------------------


def test_ssim_is_scikit_images():
    metrics = pytest.importorskip("skimage.metrics")
    a = RNG.integers(0, 256, (48, 40, 3), dtype=np.uint8)
    b = (0.7 * a + 0.3 * RNG.integers(0, 256, a.shape)).astype(np.uint8)
    theirs = metrics.structural_similarity(
        a, b, channel_axis=2, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    # scikit-image leaves out a border of 5 pixels that torchmetrics reflects
    assert F.ssim(a, b) == pytest.approx(theirs, abs=5e-3)
    assert F.ssim(a, a) == pytest.approx(1)
    assert F.ssim(a, b) > F.ssim(a, RNG.integers(0, 256, a.shape, dtype=np.uint8))
    with pytest.raises(UsageError, match="11 pixels"):
        F.ssim(a[:8, :8], b[:8, :8])
    with pytest.raises(UsageError, match="uint8"):
        F.ssim(a.astype(float), b)


def test_edges_move_with_the_object():
    still = disc(30, 30)
    assert F.edge_chamfer(still, still) == 0
    moved = [F.edge_chamfer(disc(30 + d, 30), still) for d in (1, 3, 6, 12)]
    assert moved == sorted(moved) and 0 < moved[0] < 2 / 90
    assert 35 < edges(still).sum() < 80, "a circle of radius 10 has a thin edge, 63 pixels long"
    plain = np.full_like(still, 200)
    assert F.edge_chamfer(plain, plain) == 0 and F.edge_chamfer(plain, still) == F.edge_chamfer(still, plain) == 1
    assert F.edge_chamfer(np.kron(still, np.ones((2, 2, 1), np.uint8)), still) < 0.01, "sizes are brought together"


def test_colour_difference_is_scikit_images():
    color = pytest.importorskip("skimage.color")
    a, b = (RNG.integers(0, 256, (3000, 3)) for _ in range(2))
    np.testing.assert_allclose(F.lab(a), color.rgb2lab(a / 255.0), atol=2e-2)
    mine, theirs = F.delta_e(F.lab(a), F.lab(b)), color.deltaE_ciede2000(F.lab(a), F.lab(b))
    np.testing.assert_allclose(mine, theirs, atol=1e-9)
    assert (F.delta_e(F.lab(a), F.lab(a)) == 0).all()
    np.testing.assert_allclose(F.delta_e(F.lab(b), F.lab(a)), mine, atol=1e-9)
    assert float(F.delta_e(F.lab(np.zeros(3)), F.lab(np.full(3, 255)))) == pytest.approx(100, abs=0.01)


SHARMA = [
    ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425), ((50, 3.1571, -77.2803), (50, 0, -82.7485), 2.8615),
    ((50, 0, 0), (50, -1, 2), 2.3669), ((50, 2.49, -0.001), (50, -2.49, 0.0009), 7.1792),
    ((50, 2.49, -0.001), (50, -2.49, 0.0011), 7.2195), ((50, 2.5, 0), (50, 0, -2.5), 4.3065),
    ((50, 2.5, 0), (73, 25, -18), 27.1492), ((22.7233, 20.0904, -46.694), (23.0331, 14.973, -42.5619), 2.0373),
    ((2.0776, 0.0795, -1.135), (0.9033, -0.0636, -0.5514), 0.9082),
]  # fmt: skip
"""Rows of table 1 of Sharma, Wu and Dalal 2005."""


@pytest.mark.parametrize("first, second, wanted", SHARMA)
def test_colour_difference_of_its_paper(first, second, wanted):
    assert float(F.delta_e(np.array(first), np.array(second))) == pytest.approx(wanted, abs=5e-5)


# ---- masks, boxes, maps ----------------------------------------------------------------------------------------------


def test_masks_against_pycocotools():
    tools = pytest.importorskip("pycocotools.mask")
    a, b = RNG.random((30, 40)) < 0.4, RNG.random((30, 40)) < 0.5
    coded = [tools.encode(np.asfortranarray(m.astype(np.uint8))) for m in (a, b)]
    assert F.mask_iou(a, b) == pytest.approx(float(tools.iou([coded[0]], [coded[1]], [0])[0, 0]))
    iou = F.mask_iou(a, b)
    assert F.dice(a, b) == pytest.approx(2 * iou / (1 + iou))
    empty = np.zeros_like(a)
    assert F.mask_iou(empty, empty) == F.dice(empty, empty) == 1 and F.mask_iou(empty, a) == F.dice(a, empty) == 0
    with pytest.raises(UsageError, match="bool"):
        F.mask_iou(a.astype(int), b)


def test_generalised_iou_is_torchvisions():
    from torchvision.ops import generalized_box_iou

    corners = torch.rand(7, 2, 2, dtype=torch.float64).sort(1).values
    boxes = torch.cat([corners[:, 0], corners[:, 1]], 1)
    torch.testing.assert_close(F.generalised_box_iou(boxes, boxes.flip(0)), generalized_box_iou(boxes, boxes.flip(0)))
    near, far = torch.tensor([[2.0, 0, 3, 1]]), torch.tensor([[9.0, 0, 10, 1]])
    here = torch.tensor([[0.0, 0, 1, 1]])
    assert float(F.generalised_box_iou(here, near)[0, 0]) > float(F.generalised_box_iou(here, far)[0, 0]) > -1
    point = torch.zeros(1, 4)
    assert float(F.generalised_box_iou(point, point)[0, 0]) == 0, "degenerate boxes"


def test_masks_are_matched_within_their_class():
    left, right = np.zeros((10, 10), bool), np.zeros((10, 10), bool)
    left[:, :5], right[:, 5:] = True, True
    assert F.matched_overlap([right, left], ["a", "a"], [left, right], ["a", "a"]) == (1, 1)
    assert F.matched_overlap([left], ["b"], [left], ["a"]) == (0, 0)
    assert F.matched_overlap([left, right], ["a", "b"], [left], ["a"]) == (1, 1), "extra objects are free"
    assert F.matched_overlap([], [], [], []) == (1, 1) and F.matched_overlap([left], ["a"], [], []) == (0, 0)


def test_attention_on_an_object():
    inside = region(np.array([[2.0, 2, 6, 6]]), (8, 8))
    assert inside.sum() == 16
    assert F.pointing_game(inside.astype(float), inside) == 1 and F.pointing_game((~inside).astype(float), inside) == 0
    flat = np.ones((8, 8))
    assert F.pointing_game(flat, inside) == F.mass_in(flat, inside) == 0.25, "a uniform map is at chance"
    assert F.saliency_in(flat, inside) == 0
    # half of z-scores of a map of 0 and 1 with share p: (1 - p) / sqrt(p (1 - p))
    assert F.saliency_in(inside.astype(float), inside) == pytest.approx(0.75 / np.sqrt(0.1875))
    assert F.mass_in(-flat, inside) == 0.25, "a map without mass says nothing"
    with pytest.raises(NotFinite):
        F.pointing_game(flat * np.nan, inside)
    with pytest.raises(UsageError, match="empty"):
        F.saliency_in(flat, np.zeros((8, 8), bool))


# ---- stories and texts ---------------------------------------------------------------------------------------------


def test_spans_and_orders():
    assert span_of([False, True, False, True, False]) == (1, 3) and span_of([False]) is None
    assert F.span_iou((0, 3), (2, 5)) == pytest.approx(2 / 6) and F.span_iou(None, (0, 1)) == 0
    assert F.span_iou((0, 1), (3, 4)) == 0 and F.span_iou((2, 2), (2, 2)) == 1
    with pytest.raises(UsageError):
        F.span_iou((0, 1), (3, 2))
    assert F.order_agreement([0, 1, 2], [0, 3, 5]) == 1 and F.order_agreement([2, 1, 0], [0, 3, 5]) == -1
    assert F.order_agreement([0, None, 2], [0, 3, 5]) == pytest.approx(1 / 3), "unseen events bring nothing"
    assert F.order_agreement([0, 1], [4, 4]) is None


@given(st.permutations(range(6)))
def test_order_is_kendalls_tau(found):
    from scipy.stats import kendalltau

    assert F.order_agreement(list(found), list(range(6))) == pytest.approx(kendalltau(found, range(6)).statistic)


@given(st.text("abc", max_size=8), st.text("abc", max_size=8), st.text("abc", max_size=8))
def test_edit_distance_is_a_metric(a, b, c):
    assert F.edit_distance(a, a) == 0 and F.edit_distance(a, b) == F.edit_distance(b, a)
    assert F.edit_distance(a, c) <= F.edit_distance(a, b) + F.edit_distance(b, c)
    assert abs(len(a) - len(b)) <= F.edit_distance(a, b) <= max(len(a), len(b))
    assert (F.edit_distance(a, b) == 0) == (a == b)


def test_writing():
    assert F.edit_distance("kitten", "sitting") == 3
    assert F.rendered_exactly("welcome to  OPEN house", "Open") and not F.rendered_exactly("opened", "open")
    assert F.rendering_similarity("helo", "Hello") == pytest.approx(0.8) and F.rendering_similarity("", "") == 1
    assert quoted("a sign \"STOP here\" and 'go' but not Peter's") == ("STOP here", "go")
    assert quoted("a plain sign") == () and quoted("“Zürich” und „Bern“") == ("Zürich", "Bern")


def test_multisets():
    assert F.multiset_f1("aab", "ab") == pytest.approx(0.8) and F.multiset_jaccard("aab", "ab") == pytest.approx(2 / 3)
    assert F.multiset_f1("", "") == F.multiset_jaccard("", "") == 1 and F.multiset_f1("a", "") == 0
    assert F.multiset_f1("abb", "ab") < 1, "what is there once too often costs, too"
