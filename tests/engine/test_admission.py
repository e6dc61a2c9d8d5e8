"""What the archives of strangers are worth: honest ones pass, and each way of lying is caught by its own sentence."""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import toys
from forging import all_of, forged, judged, protocols_again, record, submitted, table, told, wrong
from PIL import Image

import bench.api as api
from bench import ledger, store
from bench.engine import hostile, views
from bench.engine.admission import Asked, sources, verdicts
from bench.engine.again import drawn
from bench.engine.options import Options
from bench.engine.rechecking import _apart
from bench.engine.verifying import content_of
from bench.errors import StoreError
from bench.registry import register
from bench.spec import digest
from bench.stats.jackknife import jackknife_interval
from bench.study import Study

METRICS = ("toy-match", "toy-distance", "toy-shade")
N = 40


@register("metric", "toy-shade", summary="mean green value of an image")
class ToyShade(toys.ToyMatch):
    outputs = (toys.mean_output("value", "shade", low=-128.0, high=128.0),)

    def update(self, *, ids=None, image, text):
        self.toy_match_rows.append(image[:, 1].double())


def run(root: Path, system: str = "toy-painter(refuse=s003)", metrics=METRICS, **fields):
    study = Study(systems=(system,), **{"dataset": f"toy-colours(n={N})", "metrics": metrics, **fields})
    return api.run(study, options=Options(root=root))[0]


@pytest.fixture(scope="module", autouse=True)
def in_this_process():
    """Files are looked through without a process of its own, which tests/engine/test_hostile.py is about."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hostile, "problems", hostile.looked_through)
        yield


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run, and its archive."""
    home = tmp_path_factory.mktemp("made")
    one = run(home / "runs")
    return one, submitted(one, home / "ours.tar.gz")


@pytest.fixture
def images(made, tmp_path):
    """A copy of the run's images, as a submitter hands them over."""
    return Path(shutil.copytree(Path(made[0].path) / "images", tmp_path / "images"))


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


# ---- forged scores -------------------------------------------------------------------------------------------------


def score_of(data, metric="toy-shade"):
    return next(s for s in data["scores"] if s["metric"] == metric)


def put(metric="toy-shade", **fields):
    return record(lambda data: score_of(data, metric).update(fields))


def begun_as(mark):
    """A manifest of another run."""
    return lambda run: store.write_json(
        run / "manifest.json", {**store.read_json(run / "manifest.json"), "digest": mark}
    )


FORGED = {
    "a value": (put("toy-match", value=1.0), "scores", r"toy-match \(value\): 1 is stated and the table gives 0\.975"),
    "an interval": (put(low=0.0, high=0.1), "scores", r"the interval 0 to 0\.1 is stated and the table gives -?\d"),
    "no interval": (put(low=None, high=None), "scores", r"the interval none to none is stated"),
    "a method": (put(method="exact"), "scores", r"'exact' is stated as its method and is 't interval, \d+ groups'"),
    "fewer images": (put(n=3), "scores", r"it counts 3 images and its column 39"),
    "no missing images": (put(n_missing=0), "scores", r"it counts 0 missing images and the table 1"),
    "a jackknife": (put("toy-distance", high=1.0), "scores", r"toy-distance \(value\): the interval .* to 1 is stated"),
    "a score out of bounds": (put("toy-match", value=1.5), "scores", r"1\.5 is outside of 0\.0 to 1\.0"),
    "a score without a column": (
        table(lambda f: f.drop(columns="toy-shade:score")), "scores",
        r"the column 'toy-shade:score' is missing"),
    "a row": (table(lambda f: f.loc.__setitem__((0, "toy-shade:score"), 99.0)), "scores",
              r"is stated and the table gives"),
    "an infinity": (table(lambda f: f.loc.__setitem__((0, "toy-shade:score"), np.inf)), "record",
                    r"holds an infinity for 's\d"),
    "a refused image as a good one": (
        table(lambda f: f.loc.__setitem__((f["status"] != "ok", "toy-match:score"), 1.0)), "plug-ins",
        r"missing images have another score of toy-match than 0"),
    "a direction": (record(lambda d: d["cards"]["toy-distance"]["outputs"][0].update(direction="higher")), "plug-ins",
                    r"the card of toy-distance states other outputs than the metric has"),
    "another policy": (put(policy="exclude"), "protocols", r"it counts missing images in another way than its prot"),
    "a protocol": (record(lambda d: next(iter(d["protocols"].values())).update(missing="exclude")), "protocols",
                   r"the protocol [0-9a-f]{8} has another digest"),
    "a protocol's parameters": (
        record(lambda d: ([p["params"].update(x=1) for p in d["protocols"].values()], protocols_again(d))), "plug-ins",
        r"the protocol of toy-\w+ has other parameters than the metric"),
    "an unknown metric's card": (record(lambda d: d["cards"].pop("toy-shade")), "record", r"\(value\) has no card"),
    "a score twice": (record(lambda d: d["scores"].append(d["scores"][0])), "record", r"has two scores of value"),
    "no score": (record(lambda d: d["scores"].clear()), "record", r"it states no score"),
    "counts": (record(lambda d: d.update(counts={"ok": N})), "counts", r"the record counts \{'ok': 40\} and the table"),
    "a prompt": (table(lambda f: f.loc.__setitem__((0, "prompt"), "a blue square")), "prompts",
                 r"the prompts of the table are not those whose digest the record states"),
    "seeds": (table(lambda f: f.__setitem__("seed", f["seed"] + 1), also="seed"), "prompts",
              r"40 images have another seed"),
    "the order": (table(lambda f: f.__setitem__(f.columns, f.iloc[::-1].reset_index(drop=True))), "prompts",
                  r"the rows are not in the order of their ids' digests"),
    "a group": (table(lambda f: f.__setitem__("group", [f"g{i}" for i in range(N)])), "dataset",
                r"rows have another group"),
    "a tag": (table(lambda f: f.__setitem__("tag:colour", "red")), "dataset", r"35 rows have another tag:colour"),
    "an image digest": (table(lambda f: f.loc.__setitem__((0, "digest"), "0" * 64)), "tables", r"do not agree"),
    "another system": (record(lambda d: d["spec"].update(system="toy-painter(size=32)")), "digest",
                       r"is not the digest of its data set, prompts, system"),
    "another digest": (all_of(record(lambda d: d.update(digest="0" * 64)), begun_as("0" * 64)), "digest",
                       r"00000000 is not the digest of"),
    "a manifest": (begun_as("0" * 64), "record", r"manifest\.json is of the run 00000000 and run\.json of"),
    "a control character": (record(lambda d: d.update(label="ours\x1b[2J")), "texts",
                            r"run\.json holds the sign '\\x1b'"),
    "a turned reading direction": (record(lambda d: d.update(label="ours\u202egnp")), "texts",
                                   r"holds the sign '\\u202e'"),
    "no label": (record(lambda d: d.update(label=" ")), "record", r"its digest or its label is none"),
    "withheld rows of a public data set": (
        all_of(record(lambda d: d["dataset"].update(rows="none", visibility="private")),
               table(lambda f: f.iloc[:0])), "dataset",
        r"its rows are withheld, and the data set toy-colours is not private"),
}  # fmt: skip


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_record_is_caught_though_its_checksums_fit(made, tmp_path, name):
    change, what, sentence = FORGED[name]
    verdict = judged(forged(made[1], tmp_path / "forged.tar.gz", change), tmp_path)
    assert what in wrong(verdict), verdict.findings
    assert re.search(sentence, wrong(verdict)[what]), wrong(verdict)[what]
    assert verdict.level is None and not verdict.held


def test_other_prompts_that_agree_with_themselves_are_not_the_data_sets(made, tmp_path):
    def changed(data):
        frame_ids = [i for i in content_of(Path(made[0].path)).ids()]
        new = digest([[i, "a red square"] for i in frame_ids])
        data["dataset"]["prompts"] = new
        for fields in data["protocols"].values():
            fields["prompts"] = new
        protocols_again(data)

    forging = all_of(table(lambda f: f.__setitem__("prompt", "a red square")), record(changed))
    verdict = judged(forged(made[1], tmp_path / "forged.tar.gz", forging), tmp_path)
    assert "prompts" not in wrong(verdict) and "35 rows have another prompt" in wrong(verdict)["dataset"]


def test_unsealed_changes_are_damage(made, tmp_path):
    change = put("toy-match", value=1.0)
    assert (
        "1 changed (run.json)"
        in wrong(judged(forged(made[1], tmp_path / "a.tar.gz", change, False), tmp_path))["checksums"]
    )
    gone = judged(forged(made[1], tmp_path / "b.tar.gz", lambda r: (r / "files.json").unlink(), False), tmp_path)
    assert "no files.json" in wrong(gone)["checksums"]
    view = "shards/views/0123456789abcdef/00000.safetensors"
    more = forged(
        submitted(made[0], tmp_path / "v.tar.gz", views=1), tmp_path / "c.tar.gz", lambda r: _copy_view(r, view), False
    )
    assert "1 not listed" in wrong(judged(more, tmp_path))["checksums"]


def _copy_view(run, name):
    source = next((run / "shards" / "views").glob("*/*.safetensors"))
    (run / name).parent.mkdir(parents=True)
    shutil.copyfile(source, run / name)


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


def better(frame):
    """Every image a little greener than it is, in the table and, below, in the score."""
    frame["toy-shade:score"] = frame["toy-shade:score"] + 2.0


def shifted(data):
    score = score_of(data)
    for name in ("value", "low", "high"):
        score[name] += 2.0


def test_rows_that_agree_with_a_score_and_not_with_the_images(made, images, tmp_path):
    shift = table(
        lambda f: f.__setitem__(
            "toy-shade:score", np.where(f["status"] == "ok", f["toy-shade:score"] + 2.0, f["toy-shade:score"])
        )
    )
    forging = all_of(shift, _score_again)
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


def _score_again(run):
    """Score and interval that follow from the changed table, as a careful forger states them."""
    from bench.engine.sets import within
    from bench.stats.bootstrap import estimate, interval

    content = content_of(run)
    card = content.run.cards["toy-shade"].outputs[0]
    data = {"score": content.samples["toy-shade:score"].to_numpy()}
    low, high, method = interval(card.estimator, data, content.samples["group"].to_numpy(), proportion=False)
    ends = within(card, low, high)
    put(value=estimate(card.estimator, data), low=ends[0], high=ends[1], method=method)(run)


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


# ---- nothing of a stranger's is opened or started ------------------------------------------------------------------


def test_no_command_of_a_stranger_is_started_unasked(tmp_path):
    marker, script = tmp_path / "started", tmp_path / "make.py"
    script.write_text(
        f"import json, sys, pathlib\npathlib.Path({str(marker)!r}).touch()\nfrom PIL import Image\n"
        "for line in sys.stdin:\n    r = json.loads(line)\n"
        "    Image.new('RGB', (16, 16), (r['seed'] % 250, 10, 10)).save(r['out'])\n"
    )
    made = run(tmp_path / "runs", f'command(command="{sys.executable} {script}")')
    archive = submitted(made, tmp_path / "ours.tar.gz")
    marker.unlink()
    verdict = judged(archive, tmp_path, regenerate=3)
    assert not marker.exists() and not verdict.held and verdict.level == "self-reported"
    assert (
        told(verdict, "regenerated")
        == "not generated: command starts a program; --trust-command allows it, for systems that were looked at"
    )
    assert told(verdict, "digest") == "cannot be computed: command starts a program"
    trusted = judged(archive, tmp_path, regenerate=3, trust=True)
    assert marker.exists() and trusted.level == "regenerated"


@pytest.mark.parametrize(
    "text",
    [
        "captions(path=/etc/passwd)",
        "captions(path=prompts)",
        'callable(target="os:system")',
        "toy-colours(n=999999999)",
    ],
)
def test_no_path_of_a_stranger_is_opened(made, tmp_path, text, monkeypatch):
    from bench.engine import declared

    opened = []
    monkeypatch.setattr(declared, "open_dataset", lambda *a: opened.append(a))
    verdict = judged(forged(made[1], tmp_path / "f.tar.gz", record(lambda d: d["spec"].update(dataset=text))), tmp_path)
    assert not opened and "is not opened (" in told(verdict, "dataset")


def test_a_data_set_that_the_maintainer_names(made, images, tmp_path):
    path = record(lambda d: d["spec"].update(dataset="captions(path=/home/them/prompts.txt)"))
    archive = forged(made[1], tmp_path / "f.tar.gz", path)
    assert not judged(archive, tmp_path, images=images, rescore=3).held
    assert (
        judged(archive, tmp_path, images=images, rescore=3, datasets=("toy-colours(n=12)", f"toy-colours(n={N})")).level
        == "re-scored"
    )
    assert "toy-colours(n=12) is another data set" in told(
        judged(archive, tmp_path, datasets=("toy-colours(n=12)",)), "dataset"
    )


def test_images_are_looked_for_below_the_given_folder_alone(made, images, tmp_path):
    """A recorded path that leads elsewhere, or a link that does, is a missing image."""
    outside = tmp_path / "outside.png"
    first = sorted(images.glob("*.png"))[0]
    shutil.copy(first, outside)
    first.unlink()
    first.symlink_to(outside)
    assert "1 missing" in wrong(judged(made[1], tmp_path, images=images))["images"]

    def elsewhere(run):
        import pandas as pd

        for part in (run / "shards" / "outcomes").glob("*.parquet"):
            frame = pd.read_parquet(part)
            frame["image"] = ["../" * 8 + str(outside)] * len(frame)
            store.write_parquet(part, frame)

    archive = forged(made[1], tmp_path / "f.tar.gz", elsewhere)
    assert "39 missing" in wrong(judged(archive, tmp_path, images=images))["images"]


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
    lied = judged(forged(archive, tmp_path / "lied.tar.gz", all_of(shift, _score_again)), tmp_path, regenerate=30)
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


# ---- records of another kind ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change, sentence",
    [(lambda d: d.update(cards=[]), r"Expected `object`, got `array` - at `\$\.cards`"),
     (lambda d: d["scores"][0].update(value="1"), r"Expected `float \| null`, got `str` - at `\$\.scores\[0\]\.value`"),
     (lambda d: d["scores"][0].update(replicates="123"), r"Expected `array`, got `str`"),
     (lambda d: d["spec"].update(seed="x"), r"Expected `int`"),
     (lambda d: d.pop("label"), r"missing required field `label`"),
     (lambda d: d["scores"][0].update(more=1), r"unexpected keyword argument 'more'"),
     (lambda d: d.update(format=99), r"is of run format 99"),
     (lambda d: d.update(format="1"), r"states no format version")],
)  # fmt: skip
def test_a_record_of_another_kind_is_one_sentence(made, tmp_path, change, sentence):
    verdict = judged(forged(made[1], tmp_path / "f.tar.gz", record(change)), tmp_path)
    assert re.search(sentence, wrong(verdict)["record"]), wrong(verdict)


@pytest.mark.parametrize("value", [[], {}, "x", 7, None, {"name": {"a": []}}])
@pytest.mark.parametrize("field", ["dataset", "params", "extractors", "repeats", "metric"])
def test_fields_of_any_kind_break_nothing(made, tmp_path, field, value):
    def changed(data):
        for fields in data["protocols"].values():
            fields[field] = value
        protocols_again(data)

    verdict = judged(forged(made[1], tmp_path / "f.tar.gz", record(changed)), tmp_path)
    assert verdict.level is None or (field == "params" and not value)  # these metrics have none


def test_tables_of_another_kind(made, tmp_path):
    for change, sentence in (
        (lambda f: f.drop(columns="seed"), "lacks the column 'seed'"),
        (lambda f: f.__setitem__("k", f["k"].astype(str)), "the column 'k' holds"),
        (lambda f: f.__setitem__("toy-match:score", "good"), "the column 'toy-match:score' must hold numbers"),
        (lambda f: f.__setitem__("tag:colour", 1), "the column 'tag:colour' must hold texts"),
        (lambda f: f.__setitem__("prompt", 3), "the column 'prompt' holds int64 and must hold texts, none absent"),
    ):
        out = tmp_path / "f.tar.gz"
        assert sentence in wrong(judged(forged(made[1], out, table(change)), tmp_path))["record"]


@register("dataset", "toy-secrets", summary="prompts that nobody may see")
class ToySecrets(toys.ToyColours):
    visibility = "private"


def test_a_private_run_leaves_as_scores_alone(tmp_path):
    secret = run(tmp_path / "runs", dataset=f"toy-secrets(n={N})")
    verdict = judged(submitted(secret, tmp_path / "ours.tar.gz"), tmp_path)
    assert verdict.level == "self-reported" and told(verdict, "scores").startswith("the rows stay with the private run")
    blinded = judged(submitted(secret, tmp_path / "b.tar.gz", rows="blinded"), tmp_path)
    assert "2 are what the table gives" in told(blinded, "scores")
    lied = forged(tmp_path / "b.tar.gz", tmp_path / "c.tar.gz", put("toy-match", value=1.0))
    assert "1 is stated and the table gives 0.975" in wrong(judged(lied, tmp_path))["scores"]
    assert not judged(tmp_path / "b.tar.gz", tmp_path, rescore=3).held
    text = json.dumps([f.told for f in (*verdict.findings, *blinded.findings)])
    assert "square" not in text and "s003" not in text.replace("refuse=s003", "")


def test_rows_of_a_public_data_set_are_not_withheld(tmp_path):
    with pytest.raises(StoreError, match="its rows are withheld, and the data set toy-colours is not private"):
        submitted(run(tmp_path / "runs", visibility="private"), tmp_path / "ours.tar.gz")
    assert not list(tmp_path.glob("*.tar.gz")) and not list(tmp_path.glob(".*"))


def test_a_card_is_needed_for_a_ledger_only(made, tmp_path):
    bare = forged(made[1], tmp_path / "f.tar.gz", lambda run: (run / "card.json").unlink())
    assert judged(bare, tmp_path).level == "self-reported"
    assert "no card.json" in wrong(judged(bare, tmp_path, record=True))["card"]
    lies = forged(made[1], tmp_path / "g.tar.gz", lambda run: (run / "card.json").write_text('{"url": "javascript:x"}'))
    assert "lacks name, version" in wrong(judged(lies, tmp_path))["card"]
