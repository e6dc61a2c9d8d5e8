"""`bench compare` on what strangers put into runs: every kind of text in every place, and every kind of broken run.

Each case is the whole command in this process: its exit code, what it says, and all files of its report. A report that
is written is sound: it parses, no element of the page comes from the input, no number is NaN or infinite, and texts are
whole in the page, in Markdown, in the CSV and on the terminal. A comparison that is refused says so in one sentence and
writes nothing. Kinds that share a place share one command.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bench import store
from bench.cli import main
from bench.reports.words import clean, escaped

TEXTS = {
    "html": "<b>bold</b><img src=x onerror=alert(1)>",
    "script end": "</script><script>alert(1)</script></title></style>",
    "comment": "<!-- gone --><![CDATA[ gone ]]><?php gone ?>",
    "mathtext": "$\\foo$ \\frac{1}{",
    "template": "{{ 7*7 }} {% raw %} {# gone #}",
    "quotes": "\"' &amp; &#60;i&#62; |pipe| `code` [link](javascript:alert(1))",
    "500 characters": "x" * 500,
    "100 words": "word " * 99 + "end",
    "right to left": "\u202egnirts אבגד \u2067isolate",
    "Chinese": "图像生成模型在文本条件下的评估",
    "emoji": "👩‍👩‍👧 🐉 🇨🇭 e\u0301",
    "empty": "",
    "blank": " \u00a0 ",
    "control": "nul\x00bell\x07\x1b[31mred\x1b[0m\u200bzero",
    "lines": "two\nlines\r\n| a | b |\n# head",
    "formula": "=cmd|' /C calc'!A0",
    "at": "@SUM(1+1)*cmd",
    "minus": "-2+3+cmd|' /C calc'!A0",
    "number": "NaN",
    "twin": "twin",
    "twin again": "twin",
}
LABELS = {**TEXTS, "lone surrogate": "half \ud83d of an emoji"}
"""Where text comes from JSON, which can hold what UTF-8 cannot."""
BROKEN_NUMBER = re.compile(r"(?<![\w.])[-+−]?(?:nan|inf|infinity)(?![\w.])", re.I)


class Reader(HTMLParser):
    """Elements outside of drawings, event handlers, and the text that a reader sees (also that of images)."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: Counter[str] = Counter()
        self.handlers: list[str] = []
        self.texts: list[str] = []
        self._silent = ""
        self._drawn = 0
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "svg":
            self._drawn += 1
        elif not self._drawn:
            self.elements[tag] += 1
        self.handlers += [f"{tag} {name}" for name, _ in attrs if name.startswith("on") or name == "srcdoc"]
        if tag in ("script", "style"):
            self._silent = tag

    def handle_endtag(self, tag: str) -> None:
        if tag == "svg":
            self._drawn -= 1
        if tag == self._silent:
            self._silent = ""

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.texts.append(data)


def flat(text: str) -> str:
    """Text without spaces and line breaks, hidden signs as the visible marks that they become."""
    return "".join(clean(text).split()).replace("\N{REPLACEMENT CHARACTER}", "")


@dataclass(frozen=True)
class Compared:
    """What a command left."""

    code: int
    out: str
    err: str
    folder: Path

    def file(self, name: str) -> str:
        return (self.folder / name).read_text(encoding="utf-8")

    @property
    def page(self) -> Reader:
        return Reader(self.file("index.html"))

    @property
    def text(self) -> str:
        """What a reader of the page sees."""
        return flat("".join(self.page.texts))

    @property
    def rows(self) -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO(self.file("scores.csv"))))

    @property
    def data(self) -> Any:
        def refuse(word: str) -> None:
            raise AssertionError(f"{word} in comparison.json")

        return json.loads(self.file("comparison.json"), parse_constant=refuse)


def compared(*arguments: str, folder: Path) -> Compared:
    """The command, with what it printed."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8") for _ in range(2))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(["compare", *arguments, "--out", str(folder)])
    return Compared(code, *(s.buffer.getvalue().decode() for s in (out, err) if not s.flush()), folder)


def sound(one: Compared, *, numbers: bool = True) -> None:
    """A whole report in which nothing of the input came alive. `numbers`: no text of the input is called NaN."""
    assert "Traceback" not in one.err and "internal error" not in one.err, one.err
    read = one.page
    assert read.elements["html"] == read.elements["body"] == read.elements["title"] == read.elements["main"] == 1
    assert read.handlers == [] and read.elements["iframe"] == read.elements["object"] == 0
    assert one.data["systems"] and one.rows
    if numbers:
        told = {"page": " ".join(read.texts), "terminal": one.out}
        told |= {n: one.file(n) for n in ("report.md", "scores.csv", "table.tex", "comparison.json")}
        assert {n: BROKEN_NUMBER.findall(t) for n, t in told.items() if BROKEN_NUMBER.search(t)} == {}


def refused(one: Compared, code: int, says: str) -> None:
    """One sentence, the exit code that belongs to it, and no report."""
    assert one.code == code, one.err
    (line,) = one.err.strip().splitlines()
    assert re.fullmatch(rf"error: {says}", line), line
    assert line.endswith(".") and one.out == "" and not one.folder.exists()


# ---- every kind of text in every place ------------------------------------------------------------------------------


def _edit(run: str, change: Callable[[dict[str, Any]], None]) -> str:
    """The run with its record changed by hand."""
    path = Path(run) / "run.json"
    data = json.loads(path.read_bytes())
    change(data)
    path.write_text(json.dumps(data), encoding="utf-8")  # ASCII: a lone surrogate stays an escape
    return run


def _table(run: str, change: Callable[[pd.DataFrame], Any]) -> str:
    frame = store.samples(run)
    changed = change(frame)
    store.write_parquet(Path(run) / "samples.parquet", frame if changed is None else changed)
    return run


def _systems(make: Any, texts: dict[str, str]) -> list[str]:
    def named(text: str) -> Callable[[dict[str, Any]], None]:
        return lambda data: data.update(label=text)

    return [_edit(make("x", n=8, repeats=1, seed=i, images=False), named(t)) for i, t in enumerate(texts.values())]


def _metrics(make: Any, texts: dict[str, str]) -> list[str]:
    def named(data: dict[str, Any]) -> None:
        (card,) = [c for c in data["cards"].values() if c["name"] == "object-presence"]
        (score,) = [s for s in data["scores"] if s["metric"] == "object-presence" and s["output"] == "value"]
        first = card["outputs"][0]
        card["outputs"] = [{**first, "name": f"o{i}", "label": text} for i, text in enumerate(texts.values())]
        data["scores"] = [{**score, "output": o["name"]} for o in card["outputs"]]

    return [_edit(make(name, n=8, repeats=1, seed=i, images=False), named) for i, name in enumerate("ab")]


def _captions(make: Any, texts: dict[str, str]) -> list[str]:
    shown = list(texts.values())
    return [make(name, n=len(shown), repeats=1, seed=i, prompts=lambda k: shown[k]) for i, name in enumerate("ab")]


def _tags(make: Any, texts: dict[str, str]) -> list[str]:
    def valued(frame: pd.DataFrame) -> None:
        frame["tag:kind"] = [list(texts.values())[i % len(texts)] for i in range(len(frame))]

    n = 4 * len(texts)
    return [_table(make(name, n=n, repeats=1, seed=i, images=False), valued) for i, name in enumerate("ab")]


def _reasons(make: Any, texts: dict[str, str]) -> list[str]:
    def failed(frame: pd.DataFrame) -> None:
        frame.loc[: len(texts) - 1, "reason"] = list(texts.values())

    n = len(texts)
    return [
        make("whole", n=n + 6, repeats=1, seed=1),
        _table(make("broken", n=n + 6, repeats=1, seed=2, failed=n), failed),
    ]


def _datasets(make: Any, texts: dict[str, str]) -> list[str]:
    def named(data: dict[str, Any]) -> None:
        (data["dataset"]["label"],) = texts.values()

    return [_edit(make(name, n=8, repeats=1, seed=i, images=False), named) for i, name in enumerate("ab")]


PLACES: dict[str, Callable[[Any, dict[str, str]], list[str]]] = {
    "system": _systems, "metric": _metrics, "caption": _captions, "tag": _tags, "reason": _reasons,
    "dataset": _datasets,
}  # fmt: skip


def _kinds(place: str) -> dict[str, str]:
    """What can be in a place at all: only JSON holds half an emoji, and equal or empty tags are one or none."""
    if place == "tag":
        return {kind: text for kind, text in TEXTS.items() if text.strip() and kind != "twin again"}
    return LABELS if place in ("system", "metric", "dataset") else TEXTS


def _shares(place: str) -> list[tuple[str, ...]]:
    """The kinds of a place, in groups that share a command: a page shows twelve prompts, and has one title."""
    kinds = tuple(_kinds(place))
    size = {"dataset": 1, "caption": 11, "reason": 11}.get(place, len(kinds))
    if place == "dataset":  # the title is rendered as every text is; these differ in how they end
        kinds = ("script end", "500 characters", "right to left", "empty", "control", "formula", "lone surrogate")
    return [kinds[i : i + size] for i in range(0, len(kinds), size)]


CASES = [(place, share, kind) for place in PLACES for share in _shares(place) for kind in share]
COMMANDS = list(dict.fromkeys((place, share) for place, share, _ in CASES))
Given = Callable[..., Compared]


@pytest.fixture(scope="module")
def given(maker: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Given]:
    """What the command left for the kinds of a share in a place, or for as many harmless texts there."""
    done: dict[tuple[str, tuple[str, ...]], Compared] = {}

    def of(place: str, share: tuple[str, ...], *, harmless: bool = False) -> Compared:
        texts = {k: f"plain text {i}" if harmless else _kinds(place)[k] for i, k in enumerate(share)}
        key = (place, tuple(texts.values()))
        if key not in done:
            folder = tmp_path_factory.mktemp("hostile")
            done[key] = compared(*PLACES[place](maker(folder / "runs"), texts), folder=folder / "report")
        return done[key]

    yield of
    done.clear()


def _id(value: Any) -> str:
    return value if isinstance(value, str) else "+".join(value) if len(value) < 3 else f"{len(value)} kinds"


@pytest.mark.parametrize(("place", "share"), COMMANDS, ids=_id)
def test_the_report_is_sound(given: Given, place: str, share: tuple[str, ...]) -> None:
    one = given(place, share)
    assert one.code == 0, one.err
    sound(one, numbers="number" not in share)


@pytest.mark.parametrize(("place", "share"), COMMANDS, ids=_id)
def test_input_makes_no_element(given: Given, place: str, share: tuple[str, ...]) -> None:
    """The page of hostile texts has the elements of the page of as many harmless ones, one for one."""
    expected = given(place, share, harmless=True).page.elements
    found = given(place, share).page.elements
    assert {tag: found[tag] - expected[tag] for tag in found | expected if found[tag] != expected[tag]} == {}


@pytest.mark.parametrize(("place", "share", "kind"), CASES, ids=_id)
def test_the_text_is_whole_wherever_it_is_told(given: Given, place: str, share: tuple[str, ...], kind: str) -> None:
    one, text = given(place, share), _kinds(place)[kind].encode("utf-8", "replace").decode()
    shown = text.strip() or {"caption": "", "reason": "failed", "dataset": "toy"}.get(place, "(empty)")
    assert flat(shown) in one.text
    if place in ("system", "metric", "dataset"):
        key = {"system": "system", "metric": "label", "dataset": "dataset"}[place]
        cells = {row[key] for row in one.rows}
        if text.strip() and "twin" not in kind:
            assert flat(text) in {flat(c).removeprefix("_") for c in cells}
        if text.strip() or place == "system":  # without a label a metric is named by its text form
            assert flat(escaped(text)) in flat(one.file("report.md"))
        assert flat(text) in _first_column(one.out) if place == "system" else flat(shown) in flat(one.out)
        assert all(c.strip() for c in cells), "a cell without a word says nothing"
        assert not [c for c in cells if c.lstrip()[:1] in "=+-@"], "a spreadsheet would run it"


def _first_column(out: str) -> str:
    """The names of a terminal's table, their lines joined: up to the first gap of two spaces."""
    return "".join(flat(line.partition("  ")[0]) for line in out.splitlines())


def test_nothing_that_steers_a_terminal_is_printed(given: Given) -> None:
    for place, share in COMMANDS:
        out = given(place, share).out
        assert not [c for c in out if (ord(c) < 32 and c != "\n") or c in "\x7f\u202e\u2067\u200b"], place


def test_two_systems_of_one_name_are_told_apart(given: Given) -> None:
    one = given("system", tuple(LABELS))
    titles = [system["title"] for system in one.data["systems"]]
    assert len(titles) == len(set(titles)) == len(LABELS)
    assert len({row["system"] for row in one.rows}) == len(LABELS)
    assert sum(title.startswith("twin ") for title in titles) == 2


# ---- every kind of broken or extreme run ----------------------------------------------------------------------------


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
            _table(found[1], change)
        if record is not None:
            _edit(found[1], record)
        return found

    return made


def test_failed_images_are_counted_and_not_averaged(runs, tmp_path: Path) -> None:
    """The mean is over what both have, and the failures are told in numbers."""
    found = runs(n=20)
    _table(found[1], _fail(5))
    _edit(found[1], lambda data: data.update(counts={"ok": 15, "failed": 5}))
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
        _table(run, change)
        mean = float(np.mean(store.samples(run)["clipscore:score"] / spread) * spread)
        _edit(run, lambda data, mean=mean: [
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
        _table(found[1], lambda frame: frame.__setitem__("image", "../../../../../../../etc/passwd"))
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
    _table(str(run), lambda frame: frame.drop(columns="sample"))


def _twice(run: Path) -> None:
    _table(str(run), lambda frame: pd.concat([frame, frame.iloc[:1]], ignore_index=True))


def _words(run: Path) -> None:
    _table(str(run), lambda frame: frame.__setitem__("clipscore:score", "good"))


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
