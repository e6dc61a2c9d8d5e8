"""From runs on disk to figures on disk: no more is compared than is shown, and every file is whole or absent."""

from __future__ import annotations

import dataclasses

import pandas as pd
import pytest

import bench
from bench import store
from bench.errors import DiskError, NotComparable, UsageError
from bench.reports.comparison.compare import compare
from bench.reports.figures.catalog import figure
from bench.reports.figures.files import formats_of, targets, write_figures
from bench.reports.figures.material import Material
from bench.reports.figures.sources import narrowed, source_of


@pytest.fixture(scope="module")
def folders(maker, tmp_path_factory) -> list[str]:
    make = maker(tmp_path_factory.mktemp("sources") / "runs")
    return [make("ours", skill=0.8, seed=1, n=16), make("theirs", seed=2, n=16), make("third", seed=3, n=16)]


def dots(made) -> list[float]:
    return [float(line.get_xdata()[0]) for a in made.axes for line in a.get_lines() if len(line.get_xdata()) == 1]


def test_runs_become_a_figure_in_one_call(folders):
    made = bench.plot("scores", folders, metric="FID")
    wanted = [next(s.value for s in store.load(f).scores if s.metric.startswith("fd")) for f in folders]
    assert sorted(dots(made)) == sorted(wanted)
    assert dots(bench.plot("scores", [store.load(f) for f in folders], metric="FID")) == dots(made)
    assert dots(bench.plot("scores", compare(folders), metric="FID")) == dots(made)
    one = bench.plot("scores", folders[0], metric="FID")
    assert dots(one) == wanted[:1]


def test_a_data_frame_becomes_a_figure_in_one_call():
    made = bench.plot("scores", pd.DataFrame({"system": ["a", "b"], "metric": "m", "value": [1.0, 2.0]}))
    assert dots(made) == [1.0, 2.0]


def test_no_metric_is_compared_that_is_not_shown(folders):
    alone = source_of(folders, name="ranks", metric="clipscore")
    whole = source_of(folders, name="forest", metric="clipscore")
    assert isinstance(alone, Material) and isinstance(whole, Material)
    assert [r.metric for r in alone.comparison.rows] == ["clipscore"]
    assert len(whole.comparison.rows) > 3, "a forest's verdicts are corrected for all comparisons of the report"
    kinds = {
        name: [next(d.kind for d in r.differences if d) for r in m.comparison.rows if r.metric == "clipscore"]
        for name, m in (("forest", whole), ("all", source_of(folders)))
    }
    assert kinds["forest"] == kinds["all"]


def test_narrowing_knows_all_names_and_leaves_runs_whole_for_unknown_ones(folders):
    runs = [store.load(f) for f in folders]
    for name in ("fid", "FID", "fd", runs[0].scores[0].metric, f"{runs[0].scores[0].metric}.value"):
        assert {s.metric for r in narrowed(runs, [name]) for s in r.scores} == {runs[0].scores[0].metric}, name
    assert narrowed(runs, ["no such metric"]) == runs and narrowed(runs, []) == runs


def test_unlike_runs_are_refused_unless_forced(maker, tmp_path):
    def other(data):
        data["dataset"]["version"] = "2"

    make = maker(tmp_path / "runs")
    runs = [make("ours", n=8), make("theirs", n=8, seed=2, change=other)]
    with pytest.raises(NotComparable, match="cannot stand side by side"):
        bench.plot("scores", runs)
    assert bench.plot("scores", runs, force=True).axes


def test_a_baseline_is_what_all_are_held_against(folders):
    made = bench.plot("forest", folders, baseline="third", metric="clipscore")
    said = " ".join(t.get_text() for t in made.texts)
    assert "less third" in said and "third better" in said


def test_what_is_nothing_to_draw_from_is_refused():
    for what, sentence in (([], "none was given"), (3, "is of type int"), ("no/such/folder", "no finished run")):
        with pytest.raises(Exception, match=sentence):
            bench.plot("scores", what)
    with pytest.raises(UsageError, match="A board is made over runs"):
        bench.plot("scores", pd.DataFrame({"system": ["a"], "metric": "m", "value": [1.0]}), board="board.toml")
    with pytest.raises(UsageError, match="Did you mean scores"):
        bench.plot("score", "no/such/folder")


# ---- files ---------------------------------------------------------------------------------------------------------


def test_formats_are_read_once_each_and_unknown_ones_named():
    assert formats_of("pdf, svg,.PNG,pdf") == ("pdf", "svg", "png")
    for text in ("jpg", "pdf,gif", "", " , "):
        with pytest.raises(UsageError, match="is no format of figures"):
            formats_of(text)


def test_files_are_named_by_figure_or_by_the_user(tmp_path):
    found = targets(["rank-shares"], tmp_path / "new", ("pdf", "svg"))
    assert [p.name for p in found["rank-shares"]] == ["rank-shares.pdf", "rank-shares.svg"]
    assert targets(["scores"], tmp_path / "mine.svg", ("pdf",)) == {"scores": [tmp_path / "mine.svg"]}
    with pytest.raises(UsageError, match="one file and there are 2 figures"):
        targets(["scores", "ranks"], tmp_path / "mine.svg", ("pdf",))
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="is a file; give a folder"):
        targets(["scores"], tmp_path / "file", ("pdf",))


def test_files_are_written_whole_and_equal(folders, tmp_path):
    made = {"scores": bench.plot("scores", folders)}
    first = write_figures(made, tmp_path / "a")
    second = write_figures({"scores": bench.plot("scores", folders)}, tmp_path / "b")
    assert [p.suffix for p in first] == [".pdf", ".svg", ".png"]
    assert [p.read_bytes() for p in first] == [p.read_bytes() for p in second]
    assert not list(tmp_path.rglob("*.tmp"))
    with pytest.raises(UsageError, match="50 to 1200 dots"):
        write_figures(made, tmp_path / "c", dpi=5)
    (tmp_path / "full").write_text("")
    with pytest.raises(DiskError):
        write_figures(made, tmp_path / "full" / "inside", formats=("svg",))


def test_a_figure_does_not_change_with_what_was_drawn_before(folders):
    from bench.reports.figures.render import rendered

    found = compare(folders)
    alone = rendered(figure("scores", found), "svg")
    for name in ("forest", "ranks", "pairwise"):
        figure(name, found, style="slide")
    assert rendered(figure("scores", found), "svg") == alone
    assert rendered(figure("scores", dataclasses.replace(found)), "svg") == alone
