"""One's own images in one line, on seven real systems' images (skipped where that data is absent)."""

from __future__ import annotations

import os

import pytest

import bench.api as api
from bench.engine.options import Options
from bench.study import Study

WHOLE = bool(os.environ.get("BENCH_SLOW"))
"""BENCH_SLOW=1: all 50 prompts of all systems, as README shows it; else 8 prompts of three systems."""


@pytest.fixture(scope="module")
def runs(shared_data, tmp_path_factory):
    folders = sorted((shared_data / "visor" / "images").iterdir())
    if not WHOLE:
        folders = [f for f in folders if f.name in ("dallev2", "glide", "stable-diffusion")]
    study = Study(
        systems=tuple(str(f) for f in folders),
        prompts=str(shared_data / "visor" / "prompts.json"),
        reference="others",
        only="" if WHOLE else "first:8",
        extractors=("inception-v3(seed=0)", "open-clip(seed=0)"),
        metrics=(
            "fid", f"kid(subset_size={100 if WHOLE else 20})", "is", "precision-recall", "clipscore",
            f"r-precision(candidates={50 if WHOLE else 8})", "retrieval", "collapse",
        ),
    )  # fmt: skip
    return api.run(study, options=Options(root=tmp_path_factory.mktemp("real")))


def test_every_image_meets_its_prompt(runs):
    for run in runs:
        assert run.counts == {"ok": 200 if WHOLE else 32} and run.spec.repeats == 4


def test_all_metrics_have_numbers_and_share_a_protocol(runs):
    for run in runs:
        assert all(s.value is not None for s in run.scores), [s for s in run.scores if s.value is None]
    for text in runs[0].cards:
        assert len({s.protocol for run in runs for s in run.scores if s.metric == text}) == 1


def test_random_weights_say_so(runs):
    cards = [card for text, card in runs[0].cards.items() if "seed=0" in text]
    assert cards and all("random weights" in card.caveat for card in cards)


def test_random_judge_cannot_tell_prompts_apart(runs):
    """R-precision of a random two-tower is near chance: the harness leaks nothing."""
    chance = 1 / (50 if WHOLE else 8)
    values = [s.value for run in runs for s in run.scores if s.metric.startswith("r-precision")]
    assert sum(values) / len(values) < 3 * chance


def test_report_with_image_grid(runs, tmp_path):
    comparison = api.compare([r.path for r in runs], out=tmp_path / "report")
    page = (tmp_path / "report" / "index.html").read_text(encoding="utf-8")
    assert len(comparison.systems) == len(runs)
    assert page.count("data:image/") > 3 * len(runs) and "http://" not in page.replace("http://www.w3.org", "")
