"""`bench plot`: figures by name as files, what the data do not allow in a sentence, stable exit codes."""

from __future__ import annotations

import json

import pytest

from bench.cli import main
from bench.reports.figures.catalog import CATALOG


def called(capsys, *arguments: object) -> tuple[int, str, str]:
    code = main([str(a) for a in arguments])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_the_list_names_every_figure_with_what_it_needs(capsys):
    code, out, _ = called(capsys, "plot", "--list")
    assert code == 0 and all(f"\n{name} " in out and entry.needs in out for name, entry in CATALOG.items())
    code, out, _ = called(capsys, "plot", "--list", "--json")
    assert code == 0 and set(json.loads(out)) == set(CATALOG)


def test_a_figure_is_written_in_the_formats_asked_for(finished, tmp_path, capsys):
    code, out, err = called(capsys, "plot", "scores", finished.root, "--out", tmp_path, "--format", "pdf,svg")
    assert (code, err) == (0, "")
    assert out.split() == [str(tmp_path / "scores.pdf"), str(tmp_path / "scores.svg")]
    assert (tmp_path / "scores.pdf").read_bytes().startswith(b"%PDF")
    assert b"oracle" in (tmp_path / "scores.svg").read_bytes()


def test_labels_metric_style_and_file_are_taken(finished, tmp_path, capsys):
    code, out, _ = called(
        capsys, "plot", "scatter", "oracle", "noise", "--root", finished.root, "-m", "object-presence",
        "--style", "slide", "--out", tmp_path / "mine.png", "--dpi", 60,
    )  # fmt: skip
    assert code == 0 and out.strip() == str(tmp_path / "mine.png")
    from PIL import Image

    with Image.open(tmp_path / "mine.png") as image:
        assert abs(image.width - 600) <= 1 and abs(image.height - 336) <= 6


def test_all_writes_what_the_data_allow_and_says_why_not_the_rest(finished, tmp_path, capsys):
    code, out, err = called(capsys, "plot", "all", finished.root, "--out", tmp_path, "--format", "svg")
    written = {line.rpartition("/")[2].removesuffix(".svg") for line in out.split()}
    assert code == 0 and {"scores", "scatter", "samples"} <= written
    refused = {name for line in err.splitlines() for name in line.split(": ")[1].split(", ")}
    assert written | refused == set(CATALOG) and not written & refused
    assert all(line.startswith("not drawn: ") for line in err.splitlines())
    assert {p.name for p in tmp_path.iterdir()} == {f"{name}.svg" for name in written}


def test_a_table_of_foreign_scores_is_drawn(tmp_path, capsys):
    rows = ("system,metric,value,low,high", "<b>ours</b>,FID,12,11,13", "theirs,FID,14,13,15")
    (tmp_path / "scores.csv").write_text("\n".join(rows))
    code, _, err = called(capsys, "plot", "scores", "--from", tmp_path / "scores.csv", "--out", tmp_path / "x.svg",
                          "--colour", "theirs=#123456")  # fmt: skip
    text = (tmp_path / "x.svg").read_text()
    assert (code, err) == (0, "") and "&lt;b&gt;ours&lt;/b&gt;" in text and "#123456" in text


def test_a_board_is_drawn_by_its_rules(finished, tmp_path, capsys):
    (tmp_path / "board.toml").write_text(
        'title = "t"\nversion = "1"\n[[dataset]]\nname = "scenes"\n[[metric]]\nmetric = "object-presence"\n'
        '[order]\nmetric = "object-presence"\n'
    )
    code, out, err = called(capsys, "plot", "scores", finished.root, "--board", tmp_path / "board.toml", "--out",
                            tmp_path / "b.svg")  # fmt: skip
    assert code == 0, err
    assert out.strip().endswith("b.svg")


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["scater", "RUNS"], 2, "There is no figure 'scater'. Did you mean scatter?"),
        (["scores"], 2, "Name the runs to draw scores from, or a file of scores by --from."),
        (["scores", "RUNS", "--style", "colum"], 2, "'colum' is no style of figures. Did you mean column?"),
        (["scores", "RUNS", "--format", "gif"], 2, "'gif' is no format of figures. Allowed: pdf, png, svg."),
        (["scores", "RUNS", "-m", "object-presense"], 2, "There is no metric 'object-presense' here. Did you mean obj"),
        (["scatter", "oracle"], 2, "The figure scatter cannot be drawn. It needs two systems or more, and there is"),
        (["fusion", "RUNS"], 2, "It needs a generator with a fusion strategy and the same one without"),
        (["scores", "RUNS", "--from", "x.csv"], 2, "Give either --from FILE or runs, not both."),
        (["scores", "--from", "x.csv"], 2, "There is no file 'x.csv' to draw from."),
        (["scores", "RUNS", "--colour", "oracle"], 2, "--colour takes SYSTEM=COLOUR"),
        (["all", "RUNS", "--out", "one.svg"], 2, ""),
        (["scores", "nobody"], 2, "No run below"),
        (["scores", "RUNS", "--dpi", "9"], 2, "Figures have 50 to 1200 dots an inch; 9 was given."),
    ],
)
def test_what_is_wrong_is_one_sentence(finished, tmp_path, capsys, monkeypatch, arguments, code, sentence):
    monkeypatch.chdir(tmp_path)
    given = [str(finished.root) if a == "RUNS" else a for a in arguments]
    found, out, err = called(capsys, "plot", *given, "--root", finished.root)
    assert found == code and out == "" and sentence in err
    assert len(err.strip().splitlines()) == 1 and err.startswith("error: ")
    assert not list(tmp_path.iterdir())


def test_json_says_what_was_written_and_what_was_left_out(finished, tmp_path, capsys):
    code, out, _ = called(capsys, "plot", "all", finished.root, "--out", tmp_path, "--format", "svg", "--json")
    found = json.loads(out)
    assert code == 0 and len(found["written"]) + len(found["left_out"]) == len(CATALOG)
