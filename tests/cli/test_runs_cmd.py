"""`bench run` and what reads its runs: show, score, compare, cache; on two controls with a known outcome."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from bench import api
from bench.cli import main
from bench.engine.options import Options


def given(monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> tuple[object, Options]:
    """What `bench run ARGUMENTS --dry-run` hands to the API."""
    seen: list = []

    class Dry:
        def lines(self) -> list[str]:
            return ["dry"]

    def plan(study, *, options):
        seen.append((study, options))
        return Dry()

    monkeypatch.setattr(api, "plan", plan)
    assert main([*arguments, "--dry-run"]) == 0
    return seen[0]


# ---- options -------------------------------------------------------------------------------------------------------


def test_options_become_the_study(monkeypatch) -> None:
    study, options = given(
        monkeypatch,
        "run ours=a other=b --prompts c.txt --reference d -m fid -m is --extractor inception-v3:seed=0 --only first:5 "
        "--match stem --seed 7 --repeats 2 --size 768x512 --missing exclude --root r --device cuda --workers 3 "
        "--batch-size 4 --shard 1/4".split(),
    )  # fmt: skip
    assert (study.systems, study.metrics) == (("ours=a", "other=b"), ("fid", "is"))
    assert (study.prompts, study.reference, study.only, study.match) == ("c.txt", "d", "first:5", "stem")
    assert (study.seed, study.repeats, study.size, study.missing) == (7, 2, (768, 512), "exclude")
    assert study.extractors == ("inception-v3:seed=0",)
    assert (options.root, options.device, options.workers, options.batch_size) == (Path("r"), "cuda", 3, 4)
    assert options.shard == (1, 4)


def test_the_command_line_overrides_the_study_file(monkeypatch, tmp_path) -> None:
    file = tmp_path / "s.toml"
    file.write_text('systems = ["oracle"]\ndataset = "scenes"\nseed = 3\nonly = "first:9"\nmetrics = ["is"]\n')
    study, _ = given(monkeypatch, ["run", str(file), "--seed", "0", "-m", "fid"])
    assert (study.systems, study.only) == (("oracle",), "first:9")
    assert (study.seed, study.metrics) == (0, ("fid",))


def test_without_leave_the_hubs_are_offline(monkeypatch) -> None:
    import os

    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    given(monkeypatch, ["run", "oracle"])
    assert (os.environ["HF_HUB_OFFLINE"], os.environ["TRANSFORMERS_OFFLINE"]) == ("1", "1")
    assert os.environ["BENCH_ALLOW_DOWNLOAD"] == "0"


def test_with_leave_they_are_not(monkeypatch) -> None:
    import os

    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    given(monkeypatch, ["run", "oracle", "--allow-download"])
    assert "HF_HUB_OFFLINE" not in os.environ
    assert os.environ["BENCH_ALLOW_DOWNLOAD"] == "1"


# ---- a finished run ------------------------------------------------------------------------------------------------


def test_run_is_fine_and_its_report_lies_below_the_root(finished) -> None:
    assert finished.code == 0
    assert len(list(finished.root.glob("reports/*/index.html"))) == 1


def test_a_repeated_run_prints_table_and_report_on_stdout(finished, capsys) -> None:
    line = ["run", "oracle", "noise", "--dataset", "scenes(size=200)", "--only", "first:24", "--root", finished.root]
    assert main([*map(str, line), "-m", "object-presence", "-m", "collapse"]) == 0
    captured = capsys.readouterr()
    assert captured.out.index("oracle") < captured.out.rindex("report: ")
    last = captured.out.splitlines()[-1]
    assert last.startswith("report: ") and Path(last.removeprefix("report: ")).is_file()
    assert "score  24/24" in captured.err and "images  24/24" not in captured.err  # nothing was drawn again


def test_show_a_run_by_folder_and_by_label(finished, capsys) -> None:
    assert main(["show", str(finished.run("oracle"))]) == 0
    by_folder = capsys.readouterr().out
    assert "object-presence" in by_folder and "24 of 200 prompts" in by_folder and "1.00" in by_folder
    assert main(["show", "oracle", "--markdown", "--root", str(finished.root)]) == 0
    assert capsys.readouterr().out.startswith("| metric | score [95 %] | n |")


def test_a_name_of_a_plugin_shows_the_plugin_and_points_at_the_run(finished, capsys) -> None:
    assert main(["show", "oracle", "--root", str(finished.root)]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("oracle (generator")
    assert captured.err == f"a run is called oracle too: bench show {finished.run('oracle')}\n"


def test_show_run_as_json_is_the_run(finished, capsys) -> None:
    assert main(["show", str(finished.run("noise")), "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["label"] == "noise"
    assert {s["metric"]: s["value"] for s in data["scores"] if s["output"] == "value"} == {"object-presence": 0.0}


def test_compare_by_labels_says_who_is_better(finished, capsys, tmp_path) -> None:
    line = ["compare", "noise", "oracle", "--root", str(finished.root), "--report", str(tmp_path / "r"), "--json"]
    assert main(line) == 0
    data = json.loads(capsys.readouterr().out)
    verdict = next(v for v in data["comparison"]["verdicts"] if v["metric"] == "object-presence")
    assert verdict["text"].startswith("oracle is better than noise")
    assert Path(data["report"]).is_file()


def test_compare_takes_a_folder_of_runs(finished, capsys, tmp_path) -> None:
    assert main(["compare", str(finished.root), "--report", str(tmp_path / "r"), "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["runs"]) == 2


def test_score_adds_a_metric_without_drawing_again(finished, capsys, tmp_path) -> None:
    root = tmp_path / "runs"
    shutil.copytree(finished.root, root)
    assert main(["score", "oracle", "-m", "counting", "--root", str(root), "--json", "--quiet"]) == 0
    (run,) = json.loads(capsys.readouterr().out)
    assert {s["metric"] for s in run["scores"]} == {"object-presence", "collapse", "counting"}


def test_cache_tells_where_and_how_much(finished, capsys) -> None:
    root = str(finished.root)
    assert main(["cache", "path", "--root", root]) == 0
    assert Path(capsys.readouterr().out.strip()).is_file()
    main(["cache", "show", "--root", root, "--json"])
    shown = json.loads(capsys.readouterr().out)
    main(["cache", "rebuild", "--root", root, "--json"])
    assert json.loads(capsys.readouterr().out) == {k: v for k, v in shown.items() if k != "holds"}
    assert shown["rows"] > 0 and shown["holds"]["views"] > 0


def test_parts_are_joined_by_score(capsys, tmp_path) -> None:
    root = str(tmp_path / "runs")
    line = ["run", "oracle", "--dataset", "scenes(size=200)", "--only", "first:140", "-m", "object-presence", "--quiet"]
    for part in ("0/2", "1/2"):
        assert main([*line, "--root", root, "--shard", part]) == 0
    assert capsys.readouterr().out == ""
    folder = next(Path(root).glob("scenes*/oracle-*"))
    assert not (folder / "run.json").exists()
    assert main(["score", str(folder), "--root", root, "--json", "--quiet"]) == 0
    (run,) = json.loads(capsys.readouterr().out)
    assert run["counts"] == {"ok": 140}


# ---- holes ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def holes(tmp_path: Path) -> list[str]:
    """Four prompts, of which the third image is empty and the fourth absent."""
    import numpy as np
    from PIL import Image

    folder = tmp_path / "ours"
    folder.mkdir()
    for i in (1, 2):
        Image.fromarray(np.full((9, 8, 3), 40 * i, np.uint8)).save(folder / f"{i}.png")
    (folder / "3.png").write_bytes(b"")
    prompts = tmp_path / "captions.csv"
    prompts.write_text("id,prompt\n" + "".join(f"{i},thing number {i}\n" for i in range(1, 5)))
    return ["run", f"ours={folder}", "--prompts", str(prompts), "-m", "collapse", "--root", str(tmp_path / "runs")]


def test_a_run_with_holes_is_written_and_5(holes, capsys, tmp_path) -> None:
    assert main(holes) == 5
    captured = capsys.readouterr()
    assert "incomplete: ours has 1 missing, 1 unreadable of 4 images; --only present" in captured.err
    assert captured.out.splitlines()[-1].startswith("report: ")
    assert len(list(tmp_path.glob("runs/*/ours-*/run.json"))) == 1


def test_only_present_makes_the_missing_part_of_the_question(holes, capsys, tmp_path) -> None:
    (tmp_path / "ours" / "3.png").unlink()
    assert main([*holes, "--only", "present"]) == 0
    assert "incomplete" not in capsys.readouterr().err
