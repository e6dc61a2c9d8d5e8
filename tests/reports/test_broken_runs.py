"""`bench compare` on every kind of broken or extreme run.

A report that is written is sound; a comparison that is refused says so in one sentence and writes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from told import compared, edited, flat, refused, retabled, sound

from bench import store


@pytest.fixture
def runs(make: Any) -> Callable[..., list[str]]:
    """Two small runs; `change` is of the samples table of the second, `record` of its run.json."""

    def made(
        *, change: Callable[[pd.DataFrame], Any] | None = None, record: Callable[[dict[str, Any]], None] | None = None,
        **options: Any,
    ) -> list[str]:  # fmt: skip
        given = {"n": 8, "repeats": 1, "images": False, **options}
        found = [make("one", seed=1, **given), make("two", seed=2, skill=0.5, **given)]
        if change is not None:
            retabled(found[1], change)
        if record is not None:
            edited(found[1], record)
        return found

    return made


def test_failed_images_are_counted_and_not_averaged(runs, tmp_path: Path) -> None:
    """The mean is over what both have, and the failures are told in numbers."""
    found = runs(n=20)
    retabled(found[1], _fail(5))
    edited(found[1], lambda data: data.update(counts={"ok": 15, "failed": 5}))
    one = compared(*found, folder=tmp_path / "report")
    assert one.code == 0
    sound(one)
    frames = [store.samples(run).set_index("sample")["clipscore:score"] for run in found]
    both = pd.concat(frames, axis=1).dropna()
    (row,) = [r for r in one.rows if r["metric"] == "clipscore" and r["delta"]]
    sign = 1 if row["system"] == "two" else -1
    assert float(row["delta"]) == pytest.approx(sign * (both.iloc[:, 1] - both.iloc[:, 0]).mean())
    assert int(row["common"]) == len(both) == 15
    assert re.search(r"5failed", one.text)


def _fail(count: int) -> Callable[[pd.DataFrame], None]:
    def change(frame: pd.DataFrame) -> None:
        where = frame.index[:count]
        frame.loc[where, ["status", "reason"]] = "failed", "the safety filter refused"
        frame.loc[where, ["clipscore:score", "object-presence:hit", "object-presence:side"]] = np.nan, 0.0, 0.0

    return change


def test_a_run_without_one_image(runs, tmp_path: Path) -> None:
    def nothing(data: dict[str, Any]) -> None:
        data["counts"] = {"failed": 8}
        data["scores"] = [
            {**s, "value": None, "low": None, "high": None, "n": 0, "n_missing": 8, "replicates": []}
            for s in data["scores"]
        ]

    one = compared(*runs(change=_fail(8), record=nothing), folder=tmp_path / "report")
    assert one.code == 0, one.err
    sound(one)
    assert "8failed" in one.text
    assert {r["value"] for r in one.rows if r["system"] == "two"} == {""}


def test_no_common_prompts(runs, tmp_path: Path) -> None:
    def other(frame: pd.DataFrame) -> None:
        frame["sample"] = frame["group"] = [f"t{i}" for i in range(len(frame))]

    found = runs(change=other)
    one = compared(*found, folder=tmp_path / "report")
    assert one.code == 0, one.err
    sound(one)
    assert all(row["delta"] == "" for row in one.rows if row["metric"] != "fd(extractor=inception-v3(resize=tf-fid))")
    assert "common" in one.out


def test_one_prompt(runs, tmp_path: Path) -> None:
    one = compared(*runs(n=1), folder=tmp_path / "report")
    assert one.code == 0, one.err
    sound(one)
    assert {r["verdict"] for r in one.rows if r["metric"] == "clipscore"} <= {"", "unknown"}


def test_one_system(runs, tmp_path: Path) -> None:
    one = compared(runs()[0], folder=tmp_path / "report")
    assert one.code == 0, one.err
    sound(one)
    assert "nothingiscompared" in one.text and not any(row["delta"] for row in one.rows)


def test_all_ties(make, tmp_path: Path) -> None:
    found = [make(name, n=8, repeats=1, seed=1, images=False) for name in "abc"]
    one = compared(*found, folder=tmp_path / "report")
    assert one.code == 0, one.err
    sound(one)
    assert {row["best"] for row in one.rows if row["primary"] == "yes"} == {"yes"}
    assert not {row["verdict"] for row in one.rows} & {"better", "worse"}


@pytest.mark.parametrize("value", [0.0, 1.0, 1e30, -1e30, 1e-30, 5e-324, 1.7e308], ids=str)
def test_constant_and_extreme_scores(runs, tmp_path: Path, value: float) -> None:
    def change(frame: pd.DataFrame) -> None:
        frame["clipscore:score"] = value

    def record(data: dict[str, Any]) -> None:
        for score in data["scores"]:
            if score["metric"] == "clipscore":
                score |= {"value": value, "low": value, "high": value}

    found = runs(record=record, change=change)
    one = compared(*found, folder=tmp_path / "report")
    assert one.code == 0, one.err
    sound(one)
    (cell,) = [row["value"] for row in one.rows if row["metric"] == "clipscore" and row["system"] == "two"]
    assert float(cell) == value


@pytest.mark.parametrize("spread", [1e30, 1e-30, 1e300], ids=str)
def test_huge_and_tiny_scores_that_differ(runs, tmp_path: Path, spread: float) -> None:
    def change(frame: pd.DataFrame) -> None:
        frame["clipscore:score"] = (frame["clipscore:score"] - 20) * spread

    found = runs(n=12)
    for run in found:
        retabled(run, change)
        mean = float(np.mean(store.samples(run)["clipscore:score"] / spread) * spread)
        edited(run, lambda data, mean=mean: [
            s.update(value=mean, low=mean * 0.9, high=mean * 1.1) for s in data["scores"] if s["metric"] == "clipscore"
        ])  # fmt: skip
    one = compared(*found, folder=tmp_path / "report")
    assert one.code == 0, one.err
    sound(one)
    told = [row for row in one.rows if row["metric"] == "clipscore" and row["delta"]]
    assert all(np.isfinite(float(row["delta"])) for row in told) and (told or "not_compared" in one.rows[0])


@pytest.mark.parametrize("damage", ["missing", "empty", "truncated", "text", "folder", "elsewhere"])
def test_images_that_cannot_be_shown(make, tmp_path: Path, damage: str) -> None:
    found = [make(name, n=6, repeats=1, seed=i) for i, name in enumerate(("one", "two"))]
    image = Path(found[1]) / "images" / "0.png"
    data = image.read_bytes()
    image.unlink()
    if damage == "folder":
        image.mkdir()
    elif damage != "missing":
        image.write_bytes({"empty": b"", "truncated": data[:200], "text": b"hello", "elsewhere": data}[damage])
    if damage == "elsewhere":  # a record that points out of its run is shown as what it is: a path, to read or to miss
        retabled(found[1], lambda frame: frame.__setitem__("image", "../../../../../../../etc/passwd"))
    one = compared(*found, folder=tmp_path / "report")
    assert one.code == 0, one.err
    sound(one)
    assert re.search("filemissing|unreadable|missing", one.text) and "root:x:0" not in one.text


def _garbage(run: Path) -> None:
    (run / "samples.parquet").write_bytes(b"PAR1 and nothing more")


def _half(run: Path) -> None:
    whole = (run / "samples.parquet").read_bytes()
    (run / "samples.parquet").write_bytes(whole[: len(whole) // 2])


def _no_key(run: Path) -> None:
    retabled(str(run), lambda frame: frame.drop(columns="sample"))


def _twice(run: Path) -> None:
    retabled(str(run), lambda frame: pd.concat([frame, frame.iloc[:1]], ignore_index=True))


def _words(run: Path) -> None:
    retabled(str(run), lambda frame: frame.__setitem__("clipscore:score", "good"))


DAMAGED_TABLES: dict[str, Callable[[Path], None]] = {
    "garbage": _garbage, "half": _half, "gone": lambda run: (run / "samples.parquet").unlink(), "no key": _no_key,
    "a key twice": _twice, "words for numbers": _words,
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGED_TABLES)
def test_a_damaged_table_of_one_of_two_runs_is_a_sentence(runs, tmp_path: Path, damage: str) -> None:
    found = runs()
    DAMAGED_TABLES[damage](Path(found[1]))
    refused(compared(*found, folder=tmp_path / "report"), 5, rf".*{re.escape(found[1])}.*")


FIELDS = (
    "format", "spec", "digest", "label", "scores", "cards", "protocols", "provenance", "dataset", "counts", "notes",
)  # fmt: skip


@pytest.mark.parametrize("field", FIELDS)
def test_a_record_without_a_field_is_a_sentence(runs, tmp_path: Path, field: str) -> None:
    found = runs(record=lambda data: data.pop(field))
    one = compared(*found, folder=tmp_path / "report")
    refused(one, 5, rf".*{re.escape(found[1])}.*")
    assert field in one.err


@pytest.mark.parametrize("field", [f for f in FIELDS if f != "format"])
@pytest.mark.parametrize("value", [None, 7, "text", [1], {"a": 1}], ids=["null", "number", "text", "list", "table"])
def test_a_field_of_another_kind_is_a_sentence_or_a_report(runs, tmp_path: Path, field: str, value: Any) -> None:
    """Whatever stands in a field: the report is sound, or one sentence names the run."""
    found = runs(record=lambda data: data.update({field: value}))
    one = compared(*found, folder=tmp_path / "report")
    if one.code == 0:
        sound(one)
    else:
        refused(one, one.code, rf".*({re.escape(found[1])}|two).*")
        assert one.code in (4, 5)


BAD_RECORDS = {
    "no JSON": b"{", "empty": b"", "a list": b"[]", "bytes": b"\xff\xfe\x00", "newer": b'{"format": 99}',
    "deep": b'{"format": 1, "spec": ' + b"[" * 100_000,
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD_RECORDS)
def test_a_record_that_cannot_be_read_is_a_sentence(runs, tmp_path: Path, kind: str) -> None:
    found = runs()
    (Path(found[1]) / "run.json").write_bytes(BAD_RECORDS[kind])
    refused(compared(*found, folder=tmp_path / "report"), 5, rf".*{re.escape(found[1])}.*")


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
def test_a_record_with_a_number_that_is_none(runs, tmp_path: Path, word: str) -> None:
    found = runs()
    path = Path(found[1]) / "run.json"
    text = re.sub(r'"value": [-\d.e]+', f'"value": {word}', path.read_text(), count=1)
    path.write_text(text)
    refused(compared(*found, folder=tmp_path / "report"), 5, rf".*{re.escape(found[1])}.*")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf], ids=str)
def test_a_table_with_a_number_that_is_none(runs, tmp_path: Path, value: float) -> None:
    """An image that is there and has no finite score is left out of both systems, and said; or the run is refused."""
    found = runs(n=12, change=lambda frame: frame.loc.__setitem__((3, "clipscore:score"), value))
    one = compared(*found, folder=tmp_path / "report")
    if one.code == 0:
        sound(one)
        told = [row for row in one.rows if row["metric"] == "clipscore" and row["common"]]
        assert [int(row["common"]) for row in told] == [11] * len(told)
    else:
        refused(one, 5, rf".*{re.escape(found[1])}.*")


def test_one_damaged_run_of_three_is_told_and_the_others_are_compared(runs, make, tmp_path: Path) -> None:
    found = [*runs(), make("three", n=8, repeats=1, seed=3, images=False)]
    _garbage(Path(found[2]))
    one = compared(*found, folder=tmp_path / "report")
    assert one.code == 5, (one.code, one.err)
    sound(one)
    assert {row["system"] for row in one.rows} == {"one", "two"}
    assert flat(found[2]) in one.text and found[2] in one.err
