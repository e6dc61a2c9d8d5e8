"""Scoring what is there already: on common images, and in two precisions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import toys

import bench.api as api
from bench import store
from bench.engine.options import Options
from bench.engine.plan import blocks
from bench.errors import NotComparable, UsageError
from bench.study import Study
from bench.types import Sample

FAIL = "s001/s017/s130"


def pair(root: Path, *systems: str, n: int = 200, **fields):
    study = Study(
        systems=systems or ("all=toy-painter", f"some=toy-painter(refuse={FAIL})"),
        dataset=f"toy-colours(n={n})", metrics=("toy-match", "toy-distance"), **fields,
    )  # fmt: skip
    return api.run(study, options=Options(root=root))


def of(run, metric):
    return next(s for s in run.scores if s.metric == metric)


def test_set_metrics_on_common_images_are_those_of_a_run_that_has_no_others(tmp_path):
    whole, some = pair(tmp_path / "a")
    paths = [whole.path, some.path]
    before = api.compare(paths)
    assert any("--common" in str(note) for note in [*before.notes, *map(str, before.refused)])
    painted = toys.ToyPainter.calls
    again = api.score(paths, common=True, options=Options(root=tmp_path / "a"))
    assert toys.ToyPainter.calls == painted
    shared, alone = (of(r, "toy-distance") for r in again)
    assert shared.n == alone.n == 197 and shared.value == alone.value
    assert alone.value == of(some, "toy-distance").value
    assert shared.value != of(whole, "toy-distance").value
    assert shared.replicates == alone.replicates and len(shared.replicates) == 10
    assert shared.protocol == alone.protocol != of(whole, "toy-distance").protocol
    # scores of samples are not touched
    assert [of(r, "toy-match") for r in again] == [of(whole, "toy-match"), of(some, "toy-match")]
    assert [of(store.load(p), "toy-distance").n for p in paths] == [197, 197]
    # and scoring one run again brings back all its images
    back = api.score([whole.path], options=Options(root=tmp_path / "a"))[0]
    assert of(back, "toy-distance") == of(whole, "toy-distance")


def test_common_refuses_what_has_nothing_in_common(tmp_path):
    options = Options(root=tmp_path)
    whole, some = pair(tmp_path)
    with pytest.raises(UsageError, match="two runs or more"):
        api.score([whole.path], common=True, options=options)
    other = pair(tmp_path, "all=toy-painter", n=100)[0]
    with pytest.raises(NotComparable, match="one dataset"):
        api.score([whole.path, other.path], common=True, options=options)
    with pytest.raises(UsageError, match="has no set metric"):
        api.score([whole.path, some.path], common=True, metrics=["toy-match"], options=options)
    first, second = (
        pair(tmp_path, f"{name}=toy-painter(refuse={'/'.join(f's{i:03d}' for i in gone)})", n=40)[0]
        for name, gone in (("early", range(20)), ("late", range(20, 40)))
    )
    with pytest.raises(UsageError, match="no image in common"):
        api.score([first.path, second.path], common=True, options=options)


def test_jackknife_blocks_are_equal_keep_groups_together_and_ignore_order():
    samples = [Sample(f"s{i}", "x", group=f"photo{i // 2}") for i in range(200)]
    found = blocks(samples)
    assert found == blocks(samples[::-1])
    sizes = [list(found.values()).count(b) for b in range(10)]
    assert sizes == [20] * 10
    assert all(found[f"s{i}"] == found[f"s{i + 1}"] for i in range(0, 200, 2))
    assert len({found[f"s{i}"] for i in range(0, 40, 2)}) > 3  # by digest, not by place in the list


class Told:
    def __init__(self):
        self.lines = []

    def phase(self, system, name, total): ...

    def advance(self, n=1): ...

    def line(self, text):
        self.lines.append(text)


@pytest.mark.parametrize("reference", ["", "others"])
def test_half_precision_tells_what_it_does_to_each_metric(tmp_path, reference):
    told = Told()
    fields = {"reference": reference} if reference else {}
    study = Study(
        systems=("all=toy-painter", "wrong=toy-painter(wrong=true)"), dataset="toy-colours(n=300)",
        metrics=("toy-match", "toy-distance"), **fields,
    )  # fmt: skip
    exact = api.run(study, options=Options(root=tmp_path))
    half = api.run(study, options=Options(root=tmp_path, dtype="bfloat16", progress=told))
    lines = [line for line in told.lines if "->" in line or "beside" in line]
    assert lines[0] == "bfloat16 beside float32 on 128 images of all:"
    assert len(lines) == 3 and "match [toy-match]: 1 -> 1 (+0, +0.00%)" in lines[1]
    rows = json.loads((Path(half[0].path) / "measured.json").read_text())["precision"]
    distance = next(r for r in rows if r["metric"] == "toy-distance")
    assert distance["images"] == 128 and 0 < abs(distance["bfloat16"] - distance["float32"]) < 0.5
    assert all(
        of(a, "toy-distance").protocol != of(b, "toy-distance").protocol for a, b in zip(exact, half, strict=True)
    )
    assert "precision" not in json.loads((Path(exact[1].path) / "measured.json").read_text())


def test_half_precision_needs_no_run_in_float32_before(tmp_path):
    run = api.run(
        Study(systems=("toy-painter",), dataset="toy-colours(n=300)", metrics=("toy-match", "toy-distance")),
        options=Options(root=tmp_path, dtype="bfloat16"),
    )[0]
    rows = json.loads((Path(run.path) / "measured.json").read_text())["precision"]
    assert {r["metric"] for r in rows} == {"toy-match", "toy-distance"}
    distance = next(r for r in rows if r["metric"] == "toy-distance")
    assert 0 < abs(distance["bfloat16"] - distance["float32"]) < 0.5


def test_one_problem_of_all_systems_is_told_once(tmp_path):
    with pytest.raises(UsageError) as told:
        pair(tmp_path, "a=toy-painter", "b=toy-painter(wrong=true)", extractors=("nonsense",))
    assert len(told.value.messages) == 1 and told.value.messages[0].startswith("No extractor is called 'nonsense'")
    with pytest.raises(UsageError) as told:
        pair(tmp_path, "a=toy-painter", "b=toy-painter(nonsense=1)")
    assert told.value.messages[0].startswith("b: ")


def test_a_new_version_of_a_metric_stands_beside_the_old_one(tmp_path, monkeypatch):
    """A board that pins version 1 keeps its numbers when runs are scored with version 2."""
    options = Options(root=tmp_path)
    run = pair(tmp_path, "all=toy-painter")[0]
    old, column = of(run, "toy-match"), store.samples(run.path)["toy-match:score"]
    monkeypatch.setattr(toys.ToyMatch, "version", 2)
    again = api.score([run.path], metrics=["toy-match"], options=options)[0]
    kept, new = of(again, "toy-match(version=1)"), of(again, "toy-match")
    assert kept.value == old.value and kept.protocol == old.protocol != new.protocol
    assert again.protocols[new.protocol]["version"] == 2 and again.protocols[old.protocol]["version"] == 1
    assert {t: c.version for t, c in again.cards.items() if c.name == "toy-match"} == {
        "toy-match": 2, "toy-match(version=1)": 1,
    }  # fmt: skip
    frame = store.samples(run.path)
    assert frame["toy-match(version=1):score"].tolist() == column.tolist() and "toy-match:score" in frame
    assert set(again.spec.metrics) == {"toy-match", "toy-distance"}, "a finished version is not scored again"
    third = api.score([run.path], options=options)[0]
    assert of(third, "toy-match(version=1)") == kept and of(third, "toy-match") == new
    monkeypatch.setattr(toys.ToyMatch, "version", 3)
    last = api.score([run.path], options=options)[0]
    assert {"toy-match", "toy-match(version=1)", "toy-match(version=2)"} <= {s.metric for s in last.scores}
