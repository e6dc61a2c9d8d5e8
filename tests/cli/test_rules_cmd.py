"""`bench compare --rules`: stored detections under five rules, nothing looked at again."""

from __future__ import annotations

import json
import shutil

from bench.cli import main


def _json(capsys, *arguments):
    assert main(["compare", "--rules", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_perfect_scenes_please_the_rules_and_noise_pleases_none(finished, capsys):
    runs = [str(finished.run(name)) for name in ("oracle", "noise")]
    found = _json(capsys, *runs)
    assert found["rules"] == ["visor", "geneval", "t2i-compbench", "hrs", "paintskills"]
    oracle, noise = found["scores"]
    assert noise == [0] * 5 and min(oracle[:2]) == 1 and found["detectors"] == ["scene-detector"] * 2
    assert found["ranks"] == [[1] * 5, [2] * 5]
    assert 0 < found["n"] <= 24 and found["n"] + found["unjudged"][0] == 24


def test_one_run_is_enough_and_the_report_is_three_files(finished, capsys, tmp_path):
    out = tmp_path / "rules"
    assert main(["compare", "--rules", str(finished.run("oracle")), "--out", str(out)]) == 0
    text = capsys.readouterr().out
    assert "Share of images that each rule is content with" in text and str(out) in text
    assert sorted(p.name for p in out.iterdir()) == ["rules.csv", "rules.json", "rules.md"]
    assert main(["compare", "--rules", str(finished.run("oracle")), "--print", "markdown"]) == 0
    assert capsys.readouterr().out.rstrip("\n") == (out / "rules.md").read_text(encoding="utf-8").rstrip("\n")


def test_no_image_is_needed_and_no_detector_runs(finished, capsys, tmp_path):
    copy = shutil.copytree(finished.run("oracle"), tmp_path / "copy")
    shutil.rmtree(copy / "images")
    whole = _json(capsys, str(finished.run("oracle")))
    again = _json(capsys, str(copy))
    assert again["scores"] == whole["scores"]


def test_what_cannot_be_judged_is_one_sentence(finished, capsys, tmp_path):
    run = finished.run("oracle")
    assert main(["compare", "--rules", str(run), "--detector", "eagle"]) == 2
    assert "say which with --detector" in capsys.readouterr().err
    bare = shutil.copytree(run, tmp_path / "bare")
    shutil.rmtree(bare / "shards" / "views")
    assert main(["compare", "--rules", str(bare)]) == 5
    assert "holds no detections; score it by a metric of objects first" in capsys.readouterr().err
    assert main(["compare", "--rules", str(run), "--print", "latex"]) == 2
    assert "have no form 'latex'" in capsys.readouterr().err
    two = shutil.copytree(run, tmp_path / "two")
    views = next((two / "shards" / "views").glob("*"))
    shutil.copytree(views, views.with_name("0" * 16))
    assert main(["compare", "--rules", str(two)]) == 2
    assert "holds detections by" in capsys.readouterr().err
    assert main(["compare", "--rules", str(two), "--detector", "scene-detector"]) == 0


def test_boxes_of_another_tool_without_any_image(finished, capsys, tmp_path):
    """Exported and brought back as a file of boxes: the same table, and whose boxes they are."""
    whole = _json(capsys, str(finished.run("oracle")))
    root = ["--root", str(finished.root)]
    assert main(["data", "export", str(finished.run("oracle")), "--to", str(tmp_path / "boxes"), *root]) == 0
    line = ["data", "import", str(tmp_path / "boxes"), "--dataset", "scenes(size=200)", "--label", "theirs"]
    more = ["--only", "first:24", "-m", "spatial-relation(extractor=recorded)", "--root", str(tmp_path / "runs")]
    assert main([*line, *more, "--quiet"]) == 0
    capsys.readouterr()
    found = _json(capsys, "theirs", "--root", str(tmp_path / "runs"))
    assert found["scores"] == whole["scores"][:1] and found["agreement"] == whole["agreement"]
    assert found["detectors"][0].startswith("scene-detector")
