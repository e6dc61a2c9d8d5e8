"""Honest archives pass at the level that was asked for, and the draw of what is checked again follows from archive and
seed."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
import toys
from forging import N, all_of, forged, judged, run, score_again, submitted, table, told, wrong

from bench.engine import views
from bench.engine.admission import Asked, sources, verdicts
from bench.engine.again import drawn
from bench.engine.options import Options
from bench.engine.rechecking import _apart
from bench.engine.verifying import content_of
from bench.registry import register

pytestmark = pytest.mark.usefixtures("in_this_process")


# ---- honest --------------------------------------------------------------------------------------------------------


def test_an_honest_archive_is_self_reported(made, tmp_path):
    verdict = judged(made[1], tmp_path)
    assert verdict.level == "self-reported" and verdict.held and not wrong(verdict)
    states = {f.what: f.fine for f in verdict.findings}
    assert states.pop("images") is None and set(states.values()) == {True}, verdict.findings
    assert verdict.checked == {"images": 0, "rescored": 0, "regenerated": 0, "metrics": []} and verdict.seed == ""
    assert told(verdict, "scores").startswith(
        "2 are what the table gives, intervals included; the intervals of 1 follow"
    )


def test_with_its_images_it_is_re_scored(made, images, tmp_path):
    verdict = judged(made[1], tmp_path, images=images, rescore=10)
    assert verdict.level == "re-scored" and verdict.held
    assert verdict.checked == {"images": N - 1, "rescored": 10, "regenerated": 0, "metrics": ["toy-match", "toy-shade"]}
    assert "toy-distance depend on all images: not scored again" in told(verdict, "re-scored")
    whole = judged(made[1], tmp_path, images=images, rescore=N)
    assert whole.checked["metrics"] == ["toy-distance", "toy-match", "toy-shade"] and whole.checked["rescored"] == N - 1


def test_a_system_that_makes_them_again_is_regenerated(made, tmp_path):
    before = toys.ToyPainter.calls
    verdict = judged(made[1], tmp_path, regenerate=7)
    assert verdict.level == "regenerated" and verdict.held and toys.ToyPainter.calls == before + 7
    assert told(verdict, "regenerated") == "7 images of 7 prompts came out pixel by pixel, with the recorded scores"


def test_ones_own_run_needs_no_archive(made, tmp_path):
    found = sources(made[1], tmp_path)
    own = [type(found[0])("own", Path(made[0].path))]
    (verdict,) = verdicts(own, Asked(own=True, rescore=5, options=Options(root=tmp_path)))
    assert verdict.level == "re-scored" and verdict.checked["images"] == N - 1 and "copies" not in told_of(verdict)


def told_of(verdict):
    return {f.what for f in verdict.findings}


def test_views_alone_say_nothing_of_images(made, tmp_path):
    archive = submitted(made[0], tmp_path / "views.tar.gz", views=10)
    verdict = judged(archive, tmp_path, rescore=1)
    assert verdict.held and verdict.level == "self-reported" and verdict.checked["rescored"] == 0
    assert "what the submitted views give (nothing is known of the images)" in told(verdict, "re-scored")
    bad = forged(
        archive, tmp_path / "bad.tar.gz", table(lambda f: f.__setitem__("toy-shade:score", f["toy-shade:score"] + 1))
    )
    assert "scores" in wrong(judged(bad, tmp_path))  # the score does not follow from the table any more


def test_views_of_another_shape_break_nothing(made, tmp_path):
    def wider(run):
        for path in (run / "shards" / "views").glob("*/*.safetensors"):
            rows = views.read(path)
            wide = torch.cat([rows.outputs["features"]] * 2, dim=1)
            views.write(path, views.Rows(rows.keys, rows.inputs, {"features": wide}))

    archive = forged(submitted(made[0], tmp_path / "v.tar.gz", views=1), tmp_path / "f.tar.gz", wider)
    verdict = judged(archive, tmp_path, rescore=1)
    assert not verdict.held and told(verdict, "re-scored").startswith("cannot be scored again here: RuntimeError")


def test_nothing_to_score_again_is_not_what_was_asked_for(made, tmp_path):
    verdict = judged(made[1], tmp_path, rescore=3)
    assert not wrong(verdict) and not verdict.held and verdict.level == "self-reported"
    assert told(verdict, "re-scored").startswith("there are neither images")


# ---- the draw ------------------------------------------------------------------------------------------------------


def test_the_draw_follows_from_archive_and_seed_and_changes_with_both(made, images, tmp_path):
    content = content_of(Path(made[0].path))
    draws = [drawn(content, 8, seed) for seed in ("a", "a+1", "b")]
    assert drawn(content, 8, "a") == draws[0] and len({tuple(d) for d in draws}) == 3
    assert all(len(set(d)) == 8 and "s003" not in d for d in draws)  # which was refused
    assert drawn(content, 100, "a") == [i for i in content.ids() if i != "s003"]
    every = [i for seed in map(str, range(150)) for i in drawn(content, 4, seed)]
    counts = np.unique(every, return_counts=True)[1]
    assert len(counts) == N - 1 and counts.min() > 3 and counts.max() < 35  # 15 expected each
    assert judged(made[1], tmp_path, images=images, rescore=3, seed="42").seed.endswith("+42")


def test_a_part_of_the_pixels(made, images, tmp_path):
    verdict = judged(made[1], tmp_path, images=images, part=9)
    assert verdict.checked["images"] == 9 and told(verdict, "images") == "9 have the recorded pixels"


# ---- systems that do not repeat themselves -------------------------------------------------------------------------


@register("generator", "toy-dreamer", summary="paints the colour of the prompt, never twice alike")
class ToyDreamer(toys.ToyPainter):
    made = 0

    def _one(self, request):
        ToyDreamer.made += 1
        colour = next(c for c in toys.COLOURS if c in request.prompt)
        return toys.paint(colour, ToyDreamer.made, 4)


def test_a_system_that_never_repeats_itself_is_judged_by_its_scores(tmp_path):
    honest = run(tmp_path / "runs", "toy-dreamer")
    archive = submitted(honest, tmp_path / "ours.tar.gz")
    verdict = judged(archive, tmp_path, regenerate=30)
    assert verdict.level == "regenerated" and re.search(
        r"30 of 30 images came out with other pixels.*their scores agree \(a difference of 0\.\d+ spreads would show\)",
        told(verdict, "regenerated"),
    )
    assert not judged(archive, tmp_path, regenerate=19).held
    shift = table(lambda f: f.__setitem__("toy-shade:score", f["toy-shade:score"] + 5.0))
    lied = judged(forged(archive, tmp_path / "lied.tar.gz", all_of(shift, score_again)), tmp_path, regenerate=30)
    assert lied.level is None and "toy-shade:score" in wrong(lied)["regenerated"]


def test_how_often_chance_is_taken_for_a_lie_and_a_lie_for_chance():
    """Thirty images with scores of spread 1: the same system, and one that is a spread better."""
    rng = np.random.default_rng(0)
    honest = [bool(_apart(*rng.normal(size=(2, 30)))[0]) for _ in range(1000)]
    lied = [bool(_apart(rng.normal(size=30) + 1, rng.normal(size=30))[0]) for _ in range(1000)]
    assert np.mean(honest) < 0.015 and np.mean(lied) > 0.7  # t of 29 degrees beyond 3: 0.55 %
    same = rng.normal(size=30)
    assert _apart(same, same) == ("", pytest.approx(0.01))
    assert _apart(same, same + 0.02)[0]  # it repeats itself, and is off
