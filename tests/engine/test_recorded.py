"""Runs on recorded evidence: exported and imported again they score alike to the last bit, with images and without;
what has no row is missing and never an image in which nothing was found."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import json
import re
from pathlib import Path

import numpy as np
import pytest

from bench import api, registry, store
from bench.cli import main
from bench.engine import collecting, exporting
from bench.engine.options import Options
from bench.errors import DataError, NotComparable, UsageError
from bench.types import RunSpec

USED = {
    "geneval": "scene-detector", "visor": "scene-detector", "box-overlap": "scene-detector", "tifa": "scene-answers",
    "dsg": "scene-answers", "clipscore": "scene-clip", "vector-similarity": "scene-facts", "is": "scene-classifier",
}  # fmt: skip
SCENES = "scenes(size=12)"
SYSTEM = "oracle(defect=wrong-colour,p=0.5)"
PLAIN = tuple(f"{metric}(extractor={extractor})" for metric, extractor in USED.items())
RECORDED = tuple(f"{metric}(extractor=recorded(by={extractor}))" for metric, extractor in USED.items())


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """(root, a run with images, its evidence as Parquet)."""
    root = tmp_path_factory.mktemp("recorded")
    spec = RunSpec(SYSTEM, SCENES, label="ours", metrics=PLAIN)
    (run,) = api.run(spec, options=Options(root=root))
    forms = ("parquet", "csv", "coco", "geneval", "npz")
    exporting.export(Path(run.path), root / "exported", forms, Options(root=root))
    return root, run, root / "exported"


def numbers(run):
    """(metric name, output) -> all that a score says; the extractor is the only difference."""
    return {
        (run.cards[s.metric].name, s.output): (s.value, s.low, s.high, s.n, s.n_missing, s.chance, s.replicates)
        for s in run.scores
    }


def imported(root, evidence, metrics=(), label="theirs", **more):
    folder = exporting.keep([evidence], root)
    spec = RunSpec(f"evidence(path={folder})", SCENES, label=label, metrics=tuple(metrics), **more)
    return exporting.brought(spec, Options(root=root), True)[0]


def metrics_of(*names):
    return [text for text in RECORDED if text.partition("(")[0] in names]


def only(run, *names):
    return {key: value for key, value in numbers(run).items() if key[0] in names}


# ---- there and back --------------------------------------------------------------------------------------------------


def test_all_evidence_comes_back_to_the_last_bit_without_an_image(made):
    root, run, exported = made
    back = imported(root, exported / "parquet", RECORDED)
    assert numbers(back) == numbers(run)
    assert not (Path(back.path) / "images").exists()
    assert back.counts == {"ok": 12}
    assert sum("sha256" in note for note in back.notes) == 6, "each file is told with its digest"


@pytest.mark.parametrize("form", ["csv", "coco", "geneval"])
def test_boxes_come_back_from_every_form(made, form):
    root, run, exported = made
    back = imported(root, exported / form, metrics_of("geneval", "visor"), label=form)
    assert numbers(back) == only(run, "geneval", "visor")


def test_the_forms_of_visor_and_soa_bring_back_the_score_that_they_are_published_with(tmp_path):
    dice, dataset = np.random.default_rng(0), "visor(each=500)"
    lines = ["sample,k,width,height,label,x1,y1,x2,y2,score"]
    for sample in registry.create("dataset", "visor", {"each": 500}):
        for thing in sample.objects:
            x, y = dice.random(2) * 60
            if dice.random() < 0.8:
                lines.append(f"{sample.id},0,100,80,{thing.label},{x},{y},{x + 20},{y + 15},{dice.random()}")
        lines.append(f"{sample.id},0,100,80,clock,1,2,3,4,0.5")
    (tmp_path / "boxes.csv").write_text("\n".join(lines))
    options, metrics = Options(root=tmp_path / "runs"), ("visor(extractor=recorded)", "soa(extractor=recorded)")

    def brought(path, label, named):
        folder = exporting.keep([path], options.root)
        spec = RunSpec(f"evidence(path={folder})", dataset, label=label, metrics=named)
        return exporting.brought(spec, options, True)[0]

    first = brought(tmp_path / "boxes.csv", "first", metrics)
    for form, metric in zip(("visor", "soa"), metrics, strict=True):
        exporting.export(Path(first.path), tmp_path / form, (form,), options)
        back = brought(tmp_path / form, form, (metric,))
        assert numbers(back) == only(first, form) and len(back.scores) > 1
    (file,) = (tmp_path / "visor").glob("results_*_0.json")
    told = json.loads(file.read_text())
    assert all(list(v) == ["classes", "centroid", "recall", "sra", "text"] for v in told.values())
    (uncond,) = (s.value for s in first.scores if s.output == "uncond")
    assert np.mean([v["sra"] for v in told.values()]) == pytest.approx(uncond) and 0.1 < uncond < 0.6, "its own verdict"


def test_features_come_back_from_npy(made, tmp_path):
    root, run, _ = made
    exporting.export(Path(run.path), tmp_path, ("npy",), Options(root=root))
    assert {file.name.partition(".")[0] for file in tmp_path.iterdir()} == {"features"}, "logits are no features"
    (scored,) = api.score([run.path], metrics=["vendi(extractor=scene-facts)"], options=Options(root=root))
    (wide,) = tmp_path.glob("*scene-facts*.npy")
    back = imported(root, wide, ["vendi(extractor=recorded)"], label="npy")
    assert numbers(back) == only(scored, "vendi") and len(back.scores) == 1


def test_pycocotools_reads_the_export_and_finds_the_same_boxes(made):
    coco = pytest.importorskip("pycocotools.coco")
    folder = made[2] / "coco"
    (results,) = folder.glob("*[0-9a-f].json")
    truth = coco.COCO()
    truth.dataset = json.loads((folder / f"{results.stem}.images.json").read_text())
    truth.createIndex()
    given = json.loads(results.read_text())
    assert len(truth.loadRes(str(results)).anns) == len(given) > 0


def test_an_import_can_be_scored_again_when_its_files_are_gone(made, tmp_path):
    root, run, exported = made
    lone = tmp_path / "lone.csv"
    lone.write_bytes(next((exported / "csv").glob("detections*")).read_bytes())
    back = imported(root, lone, metrics_of("geneval"), label="lone")
    lone.unlink()
    (again,) = api.score([back.path], metrics=metrics_of("visor"), options=Options(root=root))
    assert numbers(again) == only(run, "geneval", "visor")


def test_what_looks_at_images_is_refused_where_there_are_none(made):
    root, _, exported = made
    back = imported(root, exported / "csv", metrics_of("geneval"), label="blind")
    for metric in ("collapse", "clipscore(extractor=scene-clip)"):
        with pytest.raises(UsageError, match="there is recorded evidence alone"):
            api.score([back.path], metrics=[metric], options=Options(root=root))


# ---- beside images ---------------------------------------------------------------------------------------------------


def table(made, tmp_path, change=lambda rows: rows, drop=()):
    """The exported boxes as CSV, changed; `drop` leaves columns out."""
    with next((made[2] / "csv").glob("detections*")).open(newline="") as stream:
        rows = change(list(csv.DictReader(stream)))
    file = tmp_path / "boxes.csv"
    with file.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, [n for n in rows[0] if n not in drop], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return file


def beside_images(made, file, tmp_path, metric="geneval", **more):
    metrics = (f"{metric}(extractor=recorded(path={file}))",)
    spec = RunSpec(SYSTEM, SCENES, label="ours", metrics=metrics, **more)
    return api.run(spec, options=Options(root=tmp_path / "runs"))[0]


def test_a_file_beside_images_scores_as_the_detector_itself(made, tmp_path):
    run = beside_images(made, table(made, tmp_path), tmp_path)
    assert numbers(run) == only(made[1], "geneval")


def test_no_row_is_missing_and_a_row_that_says_none_is_not(made, tmp_path):
    first = table(made, tmp_path).read_text().splitlines()[1].split(",")[0]
    blank = {"label": "", "x1": "", "y1": "", "x2": "", "y2": "", "score": ""}

    def emptied(rows):
        kept = [r for r in rows if r["sample"] != first]
        return [{**next(r for r in rows if r["sample"] == first), **blank}, *kept]

    without = table(made, tmp_path, lambda rows: [r for r in rows if r["sample"] != first])
    missing = beside_images(made, without, tmp_path, "object-presence", missing="exclude")
    empty = beside_images(made, table(made, tmp_path, emptied), tmp_path / "empty", "object-presence")
    assert [(s.n, s.n_missing) for s in missing.scores] == [(11, 1)]
    assert [(s.n, s.n_missing) for s in empty.scores] == [(12, 0)]
    assert missing.scores[0].value > empty.scores[0].value
    assert any(n.startswith("1 of 12 images have no detections") for n in missing.notes)
    held = store.samples(missing.path).set_index("sample")
    column = next(c for c in held.columns if c.startswith("object-presence"))
    assert held[column].isna().tolist() == [name == first for name in held.index]


def test_by_default_a_missing_row_is_the_worst_score(made, tmp_path):
    first = table(made, tmp_path).read_text().splitlines()[1].split(",")[0]
    without = table(made, tmp_path, lambda rows: [r for r in rows if r["sample"] != first])
    run = beside_images(made, without, tmp_path, "object-presence")
    assert run.scores[0].policy == "worst" and run.scores[0].n_missing == 1
    assert run.scores[0].value < 1


def test_rows_of_no_image_are_counted_and_told(made, tmp_path):
    file = table(made, tmp_path, lambda rows: [*rows, {**rows[0], "sample": "nowhere", "digest": ""}])
    run = beside_images(made, file, tmp_path)
    assert "boxes.csv: 1 rows belong to no image of the run, the first is nowhere#0." in run.notes
    assert numbers(run) == only(made[1], "geneval")


def test_rows_meet_images_by_the_digest_of_their_pixels(made, tmp_path):
    run = beside_images(made, table(made, tmp_path, drop=("sample", "k")), tmp_path)
    assert numbers(run) == only(made[1], "geneval")


def test_rows_of_other_images_change_the_scores(made, tmp_path):
    """The join is no mere order of rows."""

    def turned(rows):
        names = list(dict.fromkeys(r["sample"] for r in rows))
        after = dict(zip(names, [*names[1:], names[0]], strict=True))
        return [{**r, "sample": after[r["sample"]]} for r in rows]

    run = beside_images(made, table(made, tmp_path, turned), tmp_path)
    assert only(run, "geneval") != only(made[1], "geneval")


# ---- protocol --------------------------------------------------------------------------------------------------------


def two(made, tmp_path, by):
    """Two imports that differ in one box, the makers of their evidence stated as `by` says."""
    root = made[0]
    runs = []
    for label, who in zip(("one", "two"), by, strict=True):

        def stated(rows, who=who, label=label):
            return [{**r, "by": who, "score": r["score"] if label == "one" else "0.5"} for r in rows]

        (tmp_path / label).mkdir()
        file = table(made, tmp_path / label, stated)
        runs.append(imported(root, file, ("geneval(extractor=recorded)",), label=f"{label} {by}"))
    return runs


def test_what_is_exported_from_evidence_keeps_its_maker(made, tmp_path):
    root, _, exported = made
    lone = tmp_path / "boxes.csv"
    rows = [line.rpartition(",")[0] for line in next((exported / "csv").glob("detections*")).read_text().splitlines()]
    lone.write_text("\n".join(rows))  # without its column `by`
    text = "geneval(extractor=recorded(by=mask2former))"
    spec = RunSpec(f"evidence(path={exporting.keep([lone], root)})", SCENES, label="told", metrics=(text,))
    told, _ = exporting.brought(spec, Options(root=root), True)
    kept, _ = exporting.export(Path(told.path), tmp_path / "again", ("csv",), Options(root=root))
    assert [(one.file, one.by) for one in kept] == [("detections.mask2former.csv", "mask2former")]


def test_evidence_of_one_detector_compares_whatever_file_holds_it(made, tmp_path):
    assert api.compare(two(made, tmp_path, ("detr", "detr"))) is not None


@pytest.mark.parametrize("by", [("detr", "yolo"), ("", "")])
def test_evidence_of_another_or_of_an_unknown_detector_does_not(made, tmp_path, by):
    with pytest.raises(NotComparable):
        api.compare(two(made, tmp_path, by))


def test_each_system_of_a_study_has_a_file_of_its_own_and_they_compare(made, tmp_path):
    """One text of the metric for both: `{label}` is not the same file."""
    for label, score in (("right", None), ("unsure", "0.01")):
        table(made, tmp_path, lambda rows, score=score: [{**r, "score": score or r["score"]} for r in rows]).rename(
            tmp_path / f"{label}.csv"
        )
    metric = f'geneval(extractor=recorded(path="{tmp_path}/{{label}}.csv"))'
    specs = [
        RunSpec(system, SCENES, label=label, metrics=(metric,))
        for system, label in ((SYSTEM, "right"), (SYSTEM.replace("0.5", "0.50001"), "unsure"))
    ]
    right, unsure = api.run(specs, options=Options(root=tmp_path / "runs"))
    assert right.scores[0].value > 0 == unsure.scores[0].value
    assert api.compare([right.path, unsure.path]) is not None


def test_whose_evidence_is_meant_must_be_said(made):
    root, _, exported = made
    with pytest.raises(UsageError, match=r"holds features by scene-classifier .*; say whose by recorded\(by=NAME\)"):
        imported(root, exported / "npz", ("is(extractor=recorded)",))
    with pytest.raises(UsageError, match="holds nothing by nobody"):
        imported(root, exported / "npz", ("is(extractor=recorded(by=nobody))",))


def test_evidence_of_another_data_set_is_refused(made, tmp_path):
    file = tmp_path / "boxes.csv"
    file.write_text("sample,label,x1,y1,x2,y2,score\nnowhere,dog,0,0,1,1,1\n")
    with pytest.raises(UsageError, match="belongs to a prompt of scenes"):
        imported(made[0], file, ("geneval(extractor=recorded)",))


def test_two_files_of_one_name_are_refused(made, tmp_path):
    with pytest.raises(DataError, match="Two files of evidence are named"):
        exporting.keep([made[2] / "csv", made[2] / "csv"], tmp_path)


# ---- the commands ----------------------------------------------------------------------------------------------------


def test_export_and_import_by_command(made, tmp_path, capsys):
    root, run, _ = made
    out = str(tmp_path / "out")
    assert main(["data", "export", run.path, "--to", out, "--form", "csv", "--root", str(root), "-q"]) == 0
    arguments = ["--dataset", SCENES, "--root", str(tmp_path / "runs"), "-q"]
    capsys.readouterr()
    assert main(["data", "import", out, "--label", "back", *arguments, "--json"]) == 0
    told = capsys.readouterr()
    names = {card["name"] for card in json.loads(told.out)["cards"].values()}
    assert {"geneval", "visor", "t2i-compbench-spatial", "box-overlap", "tifa", "dsg"} <= names
    (back,) = store.find_runs(tmp_path / "runs")
    assert only(store.load(back), "geneval") == only(run, "geneval")


def test_a_run_that_lacks_evidence_ends_with_5_and_says_so(made, tmp_path, capsys):
    first = table(made, tmp_path).read_text().splitlines()[1].split(",")[0]
    file = table(made, tmp_path, lambda rows: [r for r in rows if r["sample"] != first])
    line = [f"ours={SYSTEM}", "--dataset", SCENES, "-m", f"geneval(extractor=recorded(path={file}))", "-q"]
    assert main(["run", *line, "--root", str(tmp_path / "runs"), "--no-images"]) == 5
    assert "ours lacks recorded evidence of 1 images" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "code", "says"),
    [("[{", 2, "truncated or no JSON"), (None, 2, "does not exist"), ("[]", 2, "no row|No row|belongs to a prompt")],
)
def test_bad_evidence_has_a_sentence_and_a_code(tmp_path, capsys, content, code, says):
    file = tmp_path / "r.json"
    if content is not None:
        file.write_text(content)
    assert main(["data", "import", str(file), "--dataset", SCENES, "--root", str(tmp_path / "runs"), "-q"]) == code
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1 and any(part in said[0] for part in says.split("|"))


def test_the_dry_run_counts_images_and_no_forward_pass(made, tmp_path):
    metric = f"geneval(extractor=recorded(path={table(made, tmp_path)}))"
    found = api.plan(RunSpec(SYSTEM, SCENES, label="ours", metrics=(metric,)), options=Options(root=tmp_path / "runs"))
    assert found.images == 12 and found.forward_passes == {}


def test_views_of_files_are_no_rubbish(made):
    """The protocol names the detector and not the file, so that nothing says which views are unused."""
    back = imported(made[0], made[2] / "csv", metrics_of("geneval"), label="kept")
    chosen = collecting.removable(made[0], ("views", "reference-views"))
    assert not any(str(one.path).startswith(back.path) or "shared" in one.path.parts for one in chosen)


def test_a_report_of_runs_without_images_is_written(made, tmp_path):
    root, _, exported = made
    back = imported(root, exported / "csv", metrics_of("geneval", "visor"), label="shown")
    api.compare([back.path], out=tmp_path / "report")
    assert "recorded evidence" in (tmp_path / "report" / "index.html").read_text()


def test_a_run_of_evidence_resumes_from_what_it_has(made):
    root, _, exported = made
    first = imported(root, exported / "csv", metrics_of("geneval"), label="twice")
    second = imported(root, exported / "csv", metrics_of("geneval"), label="twice")
    assert first.path == second.path
    assert dataclasses.replace(second, provenance=first.provenance) == first


def test_the_files_are_identified_once_and_not_for_each_image(made, monkeypatch):
    from bench.generators import evidence

    real, sizes = evidence.digest, []
    monkeypatch.setattr(evidence, "digest", lambda value: sizes.append(len(value)) or real(value))
    imported(made[0], made[2] / "csv", metrics_of("geneval"), label="once")
    assert sizes.count(12) <= 2, "all rows are digested when the run is planned, not once more for each of 12 images"


def test_ids_that_lie_beside_an_array_come_with_it(tmp_path):
    np.save(tmp_path / "f.npy", np.eye(2))
    (tmp_path / "f.ids.txt").write_text("a\nb\n")
    kept = exporting.keep([tmp_path / "f.npy"], tmp_path / "runs")
    assert (kept / "f.ids.txt").read_text() == "a\nb\n" and len(exporting.candidates(kept)) == 3


def test_an_import_tries_every_rule_of_the_benchmarks():
    """Every metric in the table of the rules' page that needs boxes alone, or answers alone."""
    page = (Path(__file__).parents[2] / "docs" / "benchmark-rules.md").read_text(encoding="utf-8")
    tried = {name: output for output, names in exporting.TRIED.items() for name in names}
    known, looked = registry.entries("metric"), 0
    for name in re.findall(r"`([a-z0-9-]+)`", "".join(re.findall(r"^\|.*$", page, re.MULTILINE))):
        if name not in known:
            continue
        with contextlib.suppress(UsageError):  # it needs an extractor besides
            outputs = {v.output for v in registry.create("metric", name, {}).views().values()} - {"truth"}
            if outputs in ({"detections"}, {"answers"}):
                looked += 1
                assert {tried.get(name)} == outputs, name
    assert looked >= 14
