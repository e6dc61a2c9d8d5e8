"""Images that are swapped, better than the system's, or somebody else's, and rows that agree with no image."""

from __future__ import annotations

import re

import numpy as np
import pytest
from forging import (
    N,
    all_of,
    begun_as,
    forged,
    judged,
    protocols_again,
    record,
    run,
    score_again,
    score_of,
    table,
    told,
    wrong,
)  # fmt: skip
from PIL import Image

from bench import ledger
from bench.engine.admission import Asked, sources, verdicts
from bench.engine.options import Options
from bench.stats.jackknife import jackknife_interval

pytestmark = pytest.mark.usefixtures("in_this_process")


# ---- forged images and rows ----------------------------------------------------------------------------------------


def test_swapped_and_missing_images(made, images, tmp_path):
    first, second, third = sorted(images.glob("*.png"))[:3]
    Image.open(first).save(first, "PNG", compress_level=1)  # other bytes, the same pixels
    assert not wrong(judged(made[1], tmp_path, images=images))
    swapped = second.read_bytes()
    second.write_bytes(third.read_bytes())
    third.write_bytes(swapped)
    verdict = judged(made[1], tmp_path, images=images, rescore=5)
    assert re.fullmatch(r"2 other pixels \(s\d+, s\d+\)", wrong(verdict)["images"]) and verdict.level is None
    second.unlink()
    assert "1 missing" in wrong(judged(made[1], tmp_path, images=images))["images"]


def test_rows_that_agree_with_a_score_and_not_with_the_images(made, images, tmp_path):
    shift = table(
        lambda f: f.__setitem__(
            "toy-shade:score", np.where(f["status"] == "ok", f["toy-shade:score"] + 2.0, f["toy-shade:score"])
        )
    )
    forging = all_of(shift, score_again)
    archive = forged(made[1], tmp_path / "forged.tar.gz", forging)
    assert judged(archive, tmp_path).level == "self-reported"  # nobody can see it without the images
    verdict = judged(archive, tmp_path, images=images, rescore=6)
    assert (
        "6 of 12 values differ by more than 1e-05 of their column's size (the first, toy-shade:score of 's"
        in wrong(verdict)["re-scored"]
    )
    assert "it was made on a machine like this one" in wrong(verdict)["re-scored"] and verdict.level is None
    assert not wrong(judged(archive, tmp_path, images=images, rescore=6, tolerance=0.1))
    only = judged(archive, tmp_path, images=images, rescore=6, metrics=("toy-match",))
    assert only.level == "re-scored" and only.checked["metrics"] == ["toy-match"]


def test_a_set_score_is_caught_by_scoring_all_images(made, images, tmp_path):
    def closer(data):
        score = score_of(data, "toy-distance")
        score["value"], score["replicates"] = score["value"] + 1.0, [r + 1.0 for r in score["replicates"]]
        low, score["high"], _ = jackknife_interval(score["value"], score["replicates"])
        score["low"] = max(0.0, low)

    archive = forged(made[1], tmp_path / "forged.tar.gz", record(closer))
    assert judged(archive, tmp_path, images=images, rescore=6).level == "re-scored"  # and says that it left it out
    assert re.search(
        r"toy-distance \(value\): its value .* is stated and",
        wrong(judged(archive, tmp_path, images=images, rescore=N))["re-scored"],
    )


def test_another_extractor_under_the_same_name(made, images, tmp_path):
    def other(data):
        for fields in data["protocols"].values():
            fields["extractors"][0]["scale"] = 2.0
        protocols_again(data)

    archive = forged(made[1], tmp_path / "forged.tar.gz", record(other))
    assert (
        "has another protocol here (extractors differ)"
        in wrong(judged(archive, tmp_path, images=images, rescore=3))["re-scored"]
    )


def test_images_of_another_system_are_caught_by_generating_again(made, tmp_path):
    """The images and scores of a better system under the name of a worse one."""
    worse = run(tmp_path / "runs", "toy-painter(wrong=true,refuse=s003)")
    claim = {"spec": "toy-painter(refuse=s003,wrong=true)", "digest": worse.digest}

    def claimed(data):
        data["spec"]["system"], data["digest"] = claim["spec"], claim["digest"]

    archive = forged(made[1], tmp_path / "forged.tar.gz", all_of(record(claimed), begun_as(worse.digest)))
    verdict = judged(archive, tmp_path)
    assert verdict.level == "self-reported" and not wrong(verdict)
    few = judged(archive, tmp_path, regenerate=5)
    assert not few.held and "that may be chance: give --regenerate 20 or more" in told(few, "regenerated")
    many = judged(archive, tmp_path, regenerate=25)
    assert many.level is None and re.search(
        r"25 of 25 images came out with other pixels.*other scores \(toy-match:score: 1 was recorded and 0 came out",
        wrong(many)["regenerated"],
    )


# ---- copies --------------------------------------------------------------------------------------------------------


def test_a_copied_run_under_another_label(made, tmp_path):
    copied = forged(made[1], tmp_path / "theirs.tar.gz", record(lambda d: d.update(label="theirs")))
    found = [*sources(made[1], tmp_path / "a"), *sources(copied, tmp_path / "a")]
    both = verdicts(found, Asked(options=Options(root=tmp_path)))
    assert all(v.level is None and "it is the run '" in wrong(v)["copies"] for v in both)
    known = ledger.joined(ledger.empty(), made[0].digest, judged(made[1], tmp_path).entry)
    assert wrong(judged(copied, tmp_path, known))["copies"] == f"the ledger has the same run as '{made[0].label}'"
    assert judged(made[1], tmp_path, known).level == "self-reported"  # the same archive again is no copy


def test_copied_images_under_another_digest(made, tmp_path):
    def other(data):
        data.update(label="theirs", digest="1" * 64)
        data["spec"]["system"] = "folder(path=/home/them/images)"

    copied = forged(made[1], tmp_path / "theirs.tar.gz", all_of(record(other), begun_as("1" * 64)))
    assert judged(copied, tmp_path).level == "self-reported"
    found = [*sources(made[1], tmp_path), *sources(copied, tmp_path)]
    second = verdicts(found, Asked(options=Options(root=tmp_path)))[1]
    assert f"39 of its 39 different images are those of '{made[0].label}'" in wrong(second)["copies"]
    known = ledger.joined(ledger.empty(), made[0].digest, judged(made[1], tmp_path).entry)
    assert "the ledger has the same images as" in wrong(judged(copied, tmp_path, known))["copies"]
