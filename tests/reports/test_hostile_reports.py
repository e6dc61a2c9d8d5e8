"""`bench compare` on what strangers put into runs: every kind of text in every place.

Each case is the whole command in this process: its exit code, what it says, and all files of its report. A report that
is written is sound: it parses, no element of the page comes from the input, no number is NaN or infinite, and texts are
whole in the page, in Markdown, in the CSV and on the terminal. Kinds that share a place share one command.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pandas as pd
import pytest
from told import Compared, compared, edited, flat, retabled, sound

from bench.reports.words import escaped

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


# ---- every kind of text in every place ------------------------------------------------------------------------------


def _systems(make: Any, texts: dict[str, str]) -> list[str]:
    def named(text: str) -> Callable[[dict[str, Any]], None]:
        return lambda data: data.update(label=text)

    return [edited(make("x", n=8, repeats=1, seed=i, images=False), named(t)) for i, t in enumerate(texts.values())]


def _metrics(make: Any, texts: dict[str, str]) -> list[str]:
    def named(data: dict[str, Any]) -> None:
        (card,) = [c for c in data["cards"].values() if c["name"] == "object-presence"]
        (score,) = [s for s in data["scores"] if s["metric"] == "object-presence" and s["output"] == "value"]
        first = card["outputs"][0]
        card["outputs"] = [{**first, "name": f"o{i}", "label": text} for i, text in enumerate(texts.values())]
        data["scores"] = [{**score, "output": o["name"]} for o in card["outputs"]]

    return [edited(make(name, n=8, repeats=1, seed=i, images=False), named) for i, name in enumerate("ab")]


def _captions(make: Any, texts: dict[str, str]) -> list[str]:
    shown = list(texts.values())
    return [make(name, n=len(shown), repeats=1, seed=i, prompts=lambda k: shown[k]) for i, name in enumerate("ab")]


def _tags(make: Any, texts: dict[str, str]) -> list[str]:
    def valued(frame: pd.DataFrame) -> None:
        frame["tag:kind"] = [list(texts.values())[i % len(texts)] for i in range(len(frame))]

    n = 4 * len(texts)
    return [retabled(make(name, n=n, repeats=1, seed=i, images=False), valued) for i, name in enumerate("ab")]


def _reasons(make: Any, texts: dict[str, str]) -> list[str]:
    def failed(frame: pd.DataFrame) -> None:
        frame.loc[: len(texts) - 1, "reason"] = list(texts.values())

    n = len(texts)
    return [
        make("whole", n=n + 6, repeats=1, seed=1),
        retabled(make("broken", n=n + 6, repeats=1, seed=2, failed=n), failed),
    ]


def _datasets(make: Any, texts: dict[str, str]) -> list[str]:
    def named(data: dict[str, Any]) -> None:
        (data["dataset"]["label"],) = texts.values()

    return [edited(make(name, n=8, repeats=1, seed=i, images=False), named) for i, name in enumerate("ab")]


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
