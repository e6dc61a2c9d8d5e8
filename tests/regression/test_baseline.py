"""Baseline files: exact, diff-stable, refused when edited, and a run again when they are read."""

from __future__ import annotations

import gzip
import json

import gated
import numpy as np
import pytest

from bench import store
from bench.errors import NotComparable, StoreError, UsageError
from bench.regression import baseline as files
from bench.regression.baseline import as_run, made, read, renewed, write


def given(tmp_path, n=40, **more):
    return gated.run(tmp_path, match=gated.scores(n), hits=gated.hits(n, 0.7), blocks=(2.5, [2.4, 2.6, 2.5]), **more)


def put(tmp_path, run, name="main", reason="first", **more):
    found = made(run, name, reason, tmp_path / "baselines")
    return found, write(found, tmp_path / "baselines", **more)


def test_what_is_read_is_what_was_measured_to_the_last_bit(tmp_path):
    run = given(tmp_path, tags={"kind": ["a", "b"] * 20})
    found, (path,) = put(tmp_path, run)
    again = read(tmp_path / "baselines", "main")
    assert again == found and path.name == "main.json"
    (tmp_path / "as").mkdir()
    back = as_run(again, tmp_path / "as")
    whole, frame = store.load(run), store.samples(tmp_path / "as")
    assert back.scores == whole.scores and back.digest == whole.digest and back.cards == whole.cards
    old = store.samples(run)
    for column in ("match(extractor=eye):score", "hits:score", "sample", "k", "tag:kind", "digest"):
        assert (frame[column].to_numpy() == old[column].to_numpy()).all()


def test_a_row_is_a_line_and_one_score_changes_one(tmp_path):
    values = gated.scores(30)
    texts = []
    for change in (0.0, 1.5):
        other = values.copy()
        other[7] += change
        folder = tmp_path / str(change)
        _, (path,) = put(folder, gated.run(folder, match=other, digests=[str(i) for i in range(30)]))
        texts.append(path.read_text().splitlines())
    changed = [a for a, b in zip(*texts, strict=True) if a != b and a.startswith("  [")]
    assert len(changed) == 1 and '"s00007"' in changed[0]


def test_equal_runs_give_equal_bytes(tmp_path):
    run = given(tmp_path)
    (one,), (two,) = put(tmp_path / "a", run)[1], put(tmp_path / "b", run)[1]
    assert one.read_bytes() == two.read_bytes()


def test_many_rows_go_into_a_side_file(tmp_path):
    run = given(tmp_path, n=3000)
    found, paths = put(tmp_path, run)
    assert [p.name for p in paths] == ["main.json", "main.rows.gz"] and paths[0].stat().st_size < 20_000
    assert read(tmp_path / "baselines", "main") == found
    assert put(tmp_path / "again", run)[1][1].read_bytes() == paths[1].read_bytes()
    side = paths[1].read_bytes()
    paths[1].write_bytes(gzip.compress(gzip.decompress(side).replace(b"0.", b"1.", 1), mtime=0))
    with pytest.raises(StoreError, match="another sha256"):
        read(tmp_path / "baselines", "main")
    paths[1].unlink()
    with pytest.raises(StoreError, match="commit both files"):
        read(tmp_path / "baselines", "main")
    # a smaller one of the same name leaves no old side file behind
    paths[1].write_bytes(side)
    put(tmp_path, given(tmp_path), replace_it=True)
    assert not paths[1].exists()


def spoilt(path, change):
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda d: d["table"][3].__setitem__(-1, 99.0), "edited or damaged"),
        (lambda d: d["run"]["scores"][0].__setitem__("value", 1.0), "edited or damaged"),
        (lambda d: d["noise"].__setitem__("match|value", {"sd": 9}), "edited or damaged"),
        (lambda d: d.pop("table"), "lacks or misnames"),
        (lambda d: d.pop("sha256"), "lacks or misnames"),
        (lambda d: d.__setitem__("baseline", "one"), "states no version"),
    ],
)
def test_an_edited_file_is_refused(tmp_path, change, told):
    _, (path,) = put(tmp_path, given(tmp_path))
    spoilt(path, change)
    with pytest.raises(StoreError, match=told):
        read(tmp_path / "baselines", "main")


def test_a_file_of_a_newer_version_is_not_comparable(tmp_path):
    _, (path,) = put(tmp_path, given(tmp_path))
    spoilt(path, lambda d: d.__setitem__("baseline", 99))
    with pytest.raises(NotComparable, match="format 99 and this version reads up to 1; update"):
        read(tmp_path / "baselines", "main")


def test_a_truncated_file_and_a_foreign_one_are_refused(tmp_path):
    _, (path,) = put(tmp_path, given(tmp_path))
    text = path.read_text()
    path.write_text(text[: len(text) // 2])
    with pytest.raises(StoreError, match="cannot be read"):
        read(tmp_path / "baselines", "main")
    path.write_text("[1, 2]")
    with pytest.raises(StoreError, match="no baseline"):
        read(tmp_path / "baselines", "main")


def test_layout_is_no_edit(tmp_path):
    """Another checkout may have other line ends; people reformat JSON."""
    found, (path,) = put(tmp_path, given(tmp_path))
    path.write_text(json.dumps(json.loads(path.read_text()), indent=4).replace("\n", "\r\n"))
    assert read(tmp_path / "baselines", "main") == found


def test_names_and_reasons(tmp_path):
    run = given(tmp_path)
    for name in ("../up", "", "a b", ".hidden", "x" * 200):
        with pytest.raises(UsageError, match="no name of a baseline"):
            files.path_of(tmp_path, name)
    with pytest.raises(UsageError, match="--reason"):
        made(run, "main", "  ", tmp_path)
    put(tmp_path, run)
    with pytest.raises(UsageError, match="--update"):
        put(tmp_path, run)
    with pytest.raises(UsageError, match="Did you mean main"):
        read(tmp_path / "baselines", "mian")


def test_history_goes_on_and_noise_stays_where_its_metric_does(tmp_path):
    old, _ = put(tmp_path, given(tmp_path))
    old = files.replace(old, noise={"hits|value": {"sd": 0.1, "runs": 5.0}, "gone|value": {"sd": 1.0, "runs": 5.0}})
    new = renewed(old, made(given(tmp_path), "main", "better prompts", tmp_path / "baselines"))
    assert [h["reason"] for h in new.history] == ["first", "better prompts"]
    assert set(new.noise) == {"hits|value"}


def test_nothing_of_this_machine_is_in_the_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = given(tmp_path)
    _, (path,) = put(tmp_path, run)
    assert str(tmp_path) not in path.read_text()
    assert read("baselines", "main").images == f"../runs/{run.name}"


def test_pictures_are_found_while_the_run_lies_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = given(tmp_path)
    found, _ = put(tmp_path, run)
    for place, there in (("a", True), ("b", False)):
        (tmp_path / place).mkdir()
        as_run(found, tmp_path / place, tmp_path / "baselines")
        image = store.samples(tmp_path / place)["image"][3]
        assert image == (str(run / "images/3.png") if there else "")
        run.joinpath("run.json").unlink(missing_ok=True)


def test_images_that_lie_elsewhere_are_shown_too_and_never_named(tmp_path, monkeypatch):
    """Of a folder of one's own a run records where the files are."""
    monkeypatch.chdir(tmp_path)
    run = given(tmp_path)
    frame = store.samples(run)
    frame["image"] = [f"/elsewhere/{i}.png" for i in range(len(frame))]
    store.write_parquet(run / "samples.parquet", frame)
    found, (path,) = put(tmp_path, run)
    assert "elsewhere" not in path.read_text()
    (tmp_path / "as").mkdir()
    as_run(found, tmp_path / "as", tmp_path / "baselines")
    assert store.samples(tmp_path / "as")["image"][3] == "/elsewhere/3.png"


def test_a_private_run_keeps_its_words(tmp_path):
    secret = "the treaty of the moles"
    run = gated.run(tmp_path, match=gated.scores(20), words=lambda i: f"{secret} {i}", visibility="private")
    bare, (path,) = put(tmp_path, run)
    assert secret not in path.read_text() and "s00003" not in path.read_text()
    assert len(bare.rows) in (0, 20)
    blinded = made(run, "blind", "r", tmp_path / "baselines", rows="blinded")
    (path,) = write(blinded, tmp_path / "baselines")
    assert secret not in path.read_text() and "s00003" not in path.read_text()
    values = {row[blinded.columns.index("match(extractor=eye):score")] for row in blinded.rows}
    assert values == set(np.asarray(gated.scores(20)).tolist())
