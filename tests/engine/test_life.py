"""A run's life on toy plug-ins: identity, resume, shards, re-scoring and what is refused before work starts."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import toys

import bench.api as api
from bench import store
from bench.engine.options import Options
from bench.errors import BenchError, GenerationFailed, NotFinite, StoreError, UsageError
from bench.registry import register
from bench.study import Study

HERE = Path(__file__).parent
METRICS = ("toy-match", "toy-distance")


def study(*systems: str, n: int = 300, metrics=METRICS, **fields) -> Study:
    return Study(systems=systems or ("toy-painter",), dataset=f"toy-colours(n={n})", metrics=metrics, **fields)


def content(run_folder: Path) -> dict[str, bytes]:
    """All that must not depend on how the run was carried out."""
    run = json.loads((run_folder / "run.json").read_text())
    files = {"scores": json.dumps(run["scores"], sort_keys=True).encode()}
    files["samples"] = (run_folder / "samples.parquet").read_bytes()
    for path in sorted([*run_folder.glob("images/*.png"), *run_folder.glob("shards/*/*/*.safetensors")]):
        files[str(path.relative_to(run_folder))] = path.read_bytes()
    return files


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """One uninterrupted run of 300 samples: (run, its content)."""
    run = api.run(study(), options=Options(root=tmp_path_factory.mktemp("whole")))[0]
    return run, content(Path(run.path))


def test_scores_mean_what_they_say(tmp_path):
    right, wrong = api.run(study("toy-painter", "w=toy-painter(wrong=true)"), options=Options(root=tmp_path))
    value = {(r.label, s.metric): s for r in (right, wrong) for s in r.scores}
    assert value["toy-painter", "toy-match"].value == 1.0
    assert value["w", "toy-match"].value == 0.0
    assert value["toy-painter", "toy-match"].chance < 0.2
    distance = value["toy-painter", "toy-distance"]
    assert distance.low <= distance.value <= distance.high and len(distance.replicates) == 10


def test_an_image_is_seen_once_and_a_finished_run_not_at_all(tmp_path):
    options = Options(root=tmp_path)
    before = toys.ToyMean.forwards
    first = api.run(study(), options=options)
    seen, calls = toys.ToyMean.forwards - before, toys.ToyPainter.calls
    assert seen <= 300 + 300 + 3 * 8  # generated + reference + padding, for two metrics
    again = api.run(study(), options=options)
    assert toys.ToyPainter.calls == calls and toys.ToyMean.forwards == before + seen
    assert again[0].scores == first[0].scores


@pytest.mark.parametrize("workers", [1, 4])
def test_workers_do_not_change_a_bit(whole, tmp_path, workers):
    run = api.run(study(), options=Options(root=tmp_path, workers=workers))[0]
    assert content(Path(run.path)) == whole[1]


def test_shards_join_to_the_same_run(whole, tmp_path):
    for i in (2, 0, 1):
        assert api.run(study(), options=Options(root=tmp_path, shard=(i, 3))) == []
    folder = tmp_path / Path(whole[0].path).relative_to(Path(whole[0].path).parents[1])
    assert not store.is_run(folder)
    run = api.score([folder], options=Options(root=tmp_path))[0]
    assert content(Path(run.path)) == whole[1]


def test_half_the_shards_are_incomplete_not_a_score(tmp_path):
    api.run(study(), options=Options(root=tmp_path, shard=(0, 3)))
    with pytest.raises(StoreError, match="holds no finished run"):
        store.load(next(tmp_path.glob("*/toy-painter-*")))


CRASH = """
import sys; sys.path.insert(0, {here!r})
import toys, bench.api as api
from pathlib import Path
from bench.engine.options import Options
from bench.study import Study
api.run(Study(systems=("toy-painter",), dataset="toy-colours(n=300)", metrics=("toy-match", "toy-distance")),
        options=Options(root=Path({root!r})))
"""


def _process(root: Path, crash: str = "") -> int:
    env = {**os.environ, "BENCH_CRASH_AT": crash, "OMP_NUM_THREADS": "1"}
    code = CRASH.format(here=str(HERE), root=str(root))
    return subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, timeout=120).returncode


CRASHES = [*store.CRASH_POINTS, "image-written:150", "view-written:2", "outcomes-written:3"]


@pytest.mark.parametrize("point", CRASHES)
def test_kill_loses_nothing(whole, tmp_path, point):
    relative = Path(whole[0].path).relative_to(Path(whole[0].path).parents[1])
    assert _fork(tmp_path, point) == -signal.SIGKILL, f"{point} was not reached"
    assert store.is_run(tmp_path / relative) == (point == "run-written")
    assert _fork(tmp_path, "") == 0
    assert content(tmp_path / relative) == whole[1]
    assert not list(tmp_path.rglob("*.tmp"))


def _fork(root: Path, point: str) -> int:
    """A child of this process (no import cost) that dies at a point; its exit status."""
    child = os.fork()
    if child == 0:
        os.environ["BENCH_CRASH_AT"] = point
        try:
            api.run(study(), options=Options(root=root, workers=1))
            os._exit(0)
        except BaseException:
            os._exit(1)
    status = os.waitpid(child, 0)[1]
    return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def test_real_process_killed_and_resumed(whole, tmp_path):
    assert _process(tmp_path, "view-written:2") == -signal.SIGKILL
    assert _process(tmp_path) == 0
    folder = tmp_path / Path(whole[0].path).relative_to(Path(whole[0].path).parents[1])
    assert content(folder) == whole[1]


def test_a_metric_is_added_without_generating_or_encoding(tmp_path):
    options = Options(root=tmp_path)
    run = api.run(study(metrics=("toy-match",)), options=options)[0]
    calls, forwards = toys.ToyPainter.calls, toys.ToyMean.forwards
    both = api.score([run.path], metrics=["toy-distance"], options=options)[0]
    assert {s.metric for s in both.scores} == set(METRICS)
    assert toys.ToyPainter.calls == calls and toys.ToyMean.forwards <= forwards + 300 + 8  # only the reference is new
    assert {"toy-match:score"} <= set(store.samples(run.path).columns)


def test_outcomes_are_counted_and_missing_images_score_worst(tmp_path):
    run = api.run(study("toy-painter(fail=s003,refuse=s005/s006)", n=40), options=Options(root=tmp_path))[0]
    assert run.counts == {"failed": 1, "ok": 37, "refused": 2}
    match = next(s for s in run.scores if s.metric == "toy-match")
    assert (match.n, match.n_missing, match.policy) == (37, 3, "worst") and match.value == pytest.approx(37 / 40)
    without = api.run(
        study("toy-painter(fail=s003,refuse=s005/s006)", n=40, missing="exclude"), options=Options(root=tmp_path / "b")
    )
    assert next(s for s in without[0].scores if s.metric == "toy-match").value == 1.0
    rows = store.samples(run.path).set_index("sample")
    assert rows.loc["s005", "reason"] == "not that colour" and rows.loc["s003", "status"] == "failed"


def test_failed_images_are_tried_again_finished_ones_are_not(tmp_path):
    options = Options(root=tmp_path)
    api.run(study("toy-painter(fail=s003,refuse=s005)", n=40), options=options)
    calls = toys.ToyPainter.calls
    api.run(study("toy-painter(fail=s003,refuse=s005)", n=40), options=options)
    assert toys.ToyPainter.calls == calls + 2


def test_a_generator_that_breaks_names_the_sample_and_keeps_the_rest(tmp_path):
    with pytest.raises(GenerationFailed, match="'toy-painter' broke at sample"):
        api.run(study("toy-painter(die=s007)", n=300), options=Options(root=tmp_path))
    folder = next(tmp_path.glob("*/toy-painter-*"))
    assert not store.is_run(folder) and not list(folder.rglob("*.tmp"))


@register("generator", "toy-hasty", summary="paints one by one; ends within a batch as it is told")
class ToyHasty(toys.ToyPainter):
    """end: what happens in the second batch, after its third image or its last."""

    batch_size, end, asked = 8, "", 0

    def generate(self, requests):
        ToyHasty.asked += len(requests)
        for number, request in enumerate(requests):
            if ToyHasty.end not in ("", "long") and ToyHasty.asked == 16 and number == 3:
                if ToyHasty.end == "short":
                    return
                raise {"interrupted": KeyboardInterrupt(), "broken": ValueError("no")}[ToyHasty.end]
            yield from super().generate([request])
        if ToyHasty.end == "long" and ToyHasty.asked == 16:
            yield toys.paint("red", 0)


@pytest.mark.parametrize(
    ("end", "kind", "says", "kept"),
    [
        ("interrupted", KeyboardInterrupt, None, 11),
        ("broken", GenerationFailed, r"'toy-hasty' broke at sample 's\d+': ValueError: no", 8),
        ("short", GenerationFailed, "gave 3 images for 8 requests", 8),
        ("long", GenerationFailed, "gave 9 images for 8 requests", 8),
    ],
)
def test_an_interruption_keeps_each_image_and_a_batch_out_of_step_is_made_again(
    tmp_path, monkeypatch, end, kind, says, kept
):
    monkeypatch.setattr(ToyHasty, "end", end)
    monkeypatch.setattr(ToyHasty, "asked", 0)
    with pytest.raises(kind, match=says):
        api.run(study("toy-hasty", n=40), options=Options(root=tmp_path))
    assert len(list(tmp_path.rglob("images/*.png"))) == kept
    monkeypatch.setattr(ToyHasty, "end", "")
    monkeypatch.setattr(ToyHasty, "asked", 0)
    run = api.run(study("toy-hasty", n=40), options=Options(root=tmp_path))[0]
    assert ToyHasty.asked == 40 - kept and next(s for s in run.scores if s.metric == "toy-match").value == 1.0


def test_nan_features_name_the_sample(tmp_path):
    with pytest.raises(NotFinite, match=r"'toy-mean' gave NaN or infinite features for 's\d+#0'"):
        api.run(study(metrics=("toy-match(extractor=toy-mean(broken=true))",)), options=Options(root=tmp_path))


def test_texts_shifted_by_one_are_noticed(tmp_path):
    right, wrong = api.run(study("toy-painter", "w=toy-painter(wrong=true)"), options=Options(root=tmp_path))
    assert not right.notes
    assert any("shifted by +1" in note for note in wrong.notes)


def test_only_first_is_nested_and_part_of_the_identity(tmp_path):
    small = api.run(study(only="first:20"), options=Options(root=tmp_path))[0]
    large = api.run(study(only="first:50"), options=Options(root=tmp_path))[0]
    assert small.digest != large.digest and small.dataset["whole"] is False
    ids = [set(store.samples(r.path)["sample"]) for r in (small, large)]
    assert ids[0] < ids[1] and len(ids[1]) == 50


def test_seed_changes_images_repeats_keep_the_first(tmp_path):
    options = Options(root=tmp_path)
    one, two, other = (api.run(study(n=20, **f), options=options)[0] for f in ({}, {"repeats": 2}, {"seed": 1}))
    digests = [store.samples(r.path).query("k == 0").set_index("sample")["digest"] for r in (one, two, other)]
    assert digests[0].equals(digests[1]) and not digests[0].equals(digests[2])


BAD = {
    "unknown system": (
        dict(systems=("toy-paintr",)),
        r"No generator is called 'toy-paintr'\. Did you mean toy-painter",
    ),
    "unknown metric": (dict(metrics=("toy-mach",)), "No metric is called 'toy-mach'. Did you mean toy-match"),
    "unknown parameter": (dict(systems=("toy-painter(wrng=true)",)), "has no parameter 'wrng'. Did you mean wrong"),
    "unknown dataset": (dict(dataset="toy-colors"), "No dataset is called 'toy-colors'. Did you mean toy-colours"),
    "no reference": (
        dict(dataset="toy-colours(references=false)"),
        "toy-distance cannot be computed here: it compares",
    ),
    "bad slice": (dict(only="first:x"), "first:N takes a whole number"),
    "same system twice": (dict(systems=("a=toy-painter", "b=toy-painter")), "are the same system"),
    "same label": (dict(systems=("a=toy-painter", "a=toy-painter(wrong=true)")), "give each a label"),
    "no system": (dict(systems=()), "No system is given"),
    "broken text": (dict(systems=("toy-painter(wrong=",)), "is not a plug-in text"),
}


@pytest.mark.parametrize("name", BAD)
def test_refused_before_work_starts(name, tmp_path):
    fields, sentence = BAD[name]
    asked = {"systems": ("toy-painter",), "dataset": "toy-colours(n=40)", "metrics": METRICS, **fields}
    with pytest.raises(UsageError, match=sentence):
        api.run(Study(**asked), options=Options(root=tmp_path))
    assert not list(tmp_path.iterdir())


def test_all_problems_in_one_error(tmp_path):
    with pytest.raises(UsageError) as caught:
        api.run(study("a=toy-paintr", "b=toy-painter(wrng=1)"), options=Options(root=tmp_path))
    assert len(caught.value.messages) == 2 and isinstance(caught.value, BenchError)


def test_two_processes_on_one_run(tmp_path):
    run = api.run(study(n=20), options=Options(root=tmp_path))[0]
    with store.lock(Path(run.path)), pytest.raises(StoreError, match="is being worked on by process"):
        api.run(study(n=20), options=Options(root=tmp_path))


def test_newer_and_foreign_formats_are_refused(tmp_path):
    run = api.run(study(n=20), options=Options(root=tmp_path))[0]
    path = Path(run.path) / "run.json"
    data = json.loads(path.read_text())
    for version, sentence in ((99, "reads up to 1"), (None, "states no format version")):
        path.write_text(json.dumps({**data, "format": version}))
        with pytest.raises(StoreError, match=sentence):
            store.load(run.path)
    path.write_text('{"format": 1, "dig')
    with pytest.raises(StoreError, match="cannot be read"):
        store.load(run.path)


def test_a_damaged_view_is_made_again_not_believed(tmp_path):
    options = Options(root=tmp_path)
    run = api.run(study(), options=options)[0]
    before = content(Path(run.path))
    victim = next(Path(run.path).glob("shards/views/*/00001.safetensors"))
    victim.write_bytes(victim.read_bytes()[:200])
    again = api.run(study(), options=options)[0]
    assert content(Path(again.path)) == before


def test_dry_run_counts_and_writes_nothing(tmp_path):
    found = api.plan(study(), options=Options(root=tmp_path))
    assert found.images == 300 and found.forward_passes == {"toy-mean": 300}
    assert not list(tmp_path.glob("toy-colours*"))
    assert any("told apart" in line for line in found.lines())
    row = 3 * 4  # three features of float32
    assert (found.disk_bytes, found.memory_bytes) == (300 * row, 2 * 300 * row), "scoring holds both sides"


def test_others_as_reference(tmp_path):
    runs = api.run(
        study("toy-painter", "w=toy-painter(wrong=true)", n=80, reference="others"), options=Options(root=tmp_path)
    )
    fields = [r.protocols[s.protocol] for r in runs for s in r.scores if s.metric == "toy-distance"]
    assert fields[0] == fields[1] and fields[0]["reference"]["rule"].startswith("the other systems")
    again = api.score([r.path for r in runs], metrics=["toy-distance"], options=Options(root=tmp_path))
    assert [s.value for r in again for s in r.scores if s.metric == "toy-distance"] == [
        s.value for r in runs for s in r.scores if s.metric == "toy-distance"
    ]


def test_one_extractor_under_two_spellings_looks_once(tmp_path):
    before = toys.ToyMean.forwards
    metrics = ("toy-match", "toy-distance(extractor=toy-mean(scale=1.0,broken=false))")
    api.run(study(metrics=metrics), options=Options(root=tmp_path))
    assert toys.ToyMean.forwards - before <= 300 + 300 + 3 * 8
