"""Judges of a generator: lent when declared, part of the system, and their scores marked from end to end."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import toys

from bench import registry, store
from bench.api import compare, run, score
from bench.engine import judging, views
from bench.engine.options import Options
from bench.engine.plan import run_digest
from bench.engine.resolve import open_dataset, resolve
from bench.errors import NotFinite, UsageError
from bench.extractors.base import Extractor
from bench.generators.base import Generator
from bench.registry import register
from bench.types import RunSpec, Sample

ASKER = "toy-asker(judge=toy-mean)"


@register("generator", "toy-asker", summary="asks a judge of its own image")
class ToyAsker(toys.ToyPainter):
    """declared: whether it says so."""

    def __init__(self, judge: str = "toy-mean", declared: bool = True) -> None:
        super().__init__()
        self.judge, self.judges = judge, (judge,) if declared else ()

    def generate(self, requests):
        for request, image in zip(requests, super().generate(requests), strict=True):
            self.context.view("features", self.judge, [image], [Sample(request.sample_id, request.prompt)])
            yield image


@register("extractor", "toy-eye", summary="mean colour by rules")
class ToyEye(toys.ToyMean):
    """The rules of another, under its own name."""

    def identity(self):
        return {"rules": 7}


@register("extractor", "toy-eye-too", summary="mean colour by the same rules")
class ToyEyeToo(toys.ToyMean):
    def identity(self):
        return {"of": {"rules": 7}}


def spec(system, **more):
    return RunSpec(system=system, dataset="toy-colours(n=12)", label=system, metrics=("toy-match",), **more)


def resolved(system):
    one = spec(system)
    return resolve(one, open_dataset(one.dataset))


def lent(judge="toy-mean", **more):
    return judging.lend(ToyAsker(judge, **more), "cpu")


# ---- lending -------------------------------------------------------------------------------------------------------


def test_a_view_is_what_the_extractor_says_in_its_own_batches():
    images = [toys.paint(c, i) for i, c in enumerate(toys.COLOURS * 3)]  # 24 rows; batches of 8, one padded
    samples = [Sample(f"s{i}", f"a {c} square") for i, c in enumerate(toys.COLOURS * 3)]
    seen = lent()("features", "toy-mean", images[:19], samples[:19])
    wanted = np.stack([i.reshape(-1, 3).mean(0) for i in images[:19]]) - 128
    assert seen.shape == (19, 3) and np.allclose(seen.numpy(), wanted, atol=1e-3)
    read = lent()("features", "toy-mean", None, samples[:19])
    assert torch.equal(read, torch.tensor([toys.RGB[c] for c in (toys.COLOURS * 3)[:19]], dtype=torch.float32) - 128)


def test_who_asks_without_saying_so_is_refused():
    view = lent(declared=False)
    with pytest.raises(UsageError, match="does not declare it among its judges"):
        view("features", "toy-mean", [toys.paint("red", 0)], [Sample("s", "a red square")])
    with pytest.raises(UsageError, match="gives features here, and no logits"):
        lent()("logits", "toy-mean", [toys.paint("red", 0)], [Sample("s", "a red square")])


def test_a_judge_that_gives_nan_names_the_sample():
    with pytest.raises(NotFinite, match="for 's9'"):
        lent("toy-mean(broken=true)")(
            "features", "toy-mean(broken=true)", [toys.paint("red", 0)], [Sample("s9", "a red square")]
        )


# ---- marking -------------------------------------------------------------------------------------------------------


def marks(found):
    return {s.metric: s.note for s in found.scores}


def test_scores_by_a_judge_are_marked_from_end_to_end(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plain, asker = run([spec("toy-painter"), spec(ASKER)], options=Options(root=tmp_path))
    assert not any(marks(plain).values()) and not any("asked" in n for n in plain.notes)
    assert marks(asker)["toy-match"] == "not independent: the system asked toy-mean while it generated"
    key = views.extractor_key(registry.create("extractor", "toy-mean", {}), "float32")
    assert any(f"toy-mean ({key})" in n and "not independent" in n for n in asker.notes)
    # what is read back, what was not generated again, and a metric that is added later
    assert marks(store.load(asker.path)) == marks(asker)
    toys.ToyPainter.calls = 0
    (again,) = run([spec(ASKER)], options=Options(root=tmp_path))
    assert toys.ToyPainter.calls == 0 and marks(again) == marks(asker)
    added = ("toy-distance", "toy-match(extractor=toy-eye)")
    (more,) = score([asker.path], metrics=added, options=Options(root=tmp_path))
    assert marks(more)["toy-distance"].startswith("not independent") and not marks(more)["toy-match(extractor=toy-eye)"]
    # and where runs are held against each other
    told = compare([plain.path, asker.path])
    cells = {r.metric: r.cells for r in told.rows}
    assert cells["toy-match"][0].note == "" and "not independent" in cells["toy-match"][1].note
    assert any("not independent" in note for note in told.notes)


def test_the_numbers_of_both_may_still_be_compared(tmp_path):
    plain, asker = run([spec("toy-painter"), spec(ASKER)], options=Options(root=tmp_path))
    assert {s.protocol for s in plain.scores} == {s.protocol for s in asker.scores}


def test_the_judge_is_part_of_the_system():
    one, same, other, none = (run_digest(resolved(t)) for t in (
        ASKER, "toy-asker", "toy-asker(judge=toy-mean(scale=2.0))", "toy-asker(declared=false)",
    ))  # fmt: skip
    assert one == same and len({one, other, none}) == 3


@pytest.mark.parametrize(
    ("judge", "other", "akin"),
    [("toy-mean", "toy-mean", True), ("toy-mean", "toy-mean(scale=2.0)", False), ("toy-eye", "toy-eye-too", True),
     ("scene-detector", "scene-segmenter", True), ("scene-detector", "scene-facts", True),
     ("scene-clip", "occlusion-map(of=scene-clip)", True), ("scene-clip", "scene-clip-independent", False),
     ("scene-clip", "scene-detector", False)],
)  # fmt: skip
def test_who_shares_weights_or_rules_is_no_other_judge(judge, other, akin):
    one, two = (judging._extractor(t) for t in (judge, other))
    assert judging.akin(one, two) is akin and judging.akin(two, one) is akin


def test_a_missing_judge_is_said_before_anything_is_made():
    with pytest.raises(UsageError, match="nowhere"):
        resolved("toy-asker(judge=scene-clip(weights=nowhere.safetensors))")


def test_generators_have_no_judges_unless_they_say_so():
    assert Generator.judges == () and Extractor.image_outputs == ()
