"""What holds for every page, whatever it shows: silent, accessible, whole at any width, by keyboard, on paper, without
its script, without motion; with friendly input and with hostile.

A page is made once and opened by each test in a context of its own. looks.py asks the questions; nothing here knows
where on a page a thing stands, so that a new page is one line in PAGES.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import looks
import pytest
from browsing import settled
from made_boards import EVIL, STRANGE, board

from bench.reports.comparison.compare import compare
from bench.reports.pages import board_page
from bench.reports.write import write_report

WIDTHS = (360, 768, 1400)
NUMBER = re.compile(r"\d+\.\d+")


def _two(make: Any, out: Path) -> Path:
    runs = [make("ours", n=12, seed=1, failed=3), make("a+attention(heads=4)", n=12, skill=1.0, seed=2)]
    return write_report(compare(runs), out)


def _nine(make: Any, out: Path) -> Path:
    runs = [make(f"generator{i}(steps=16)+attention", skill=i / 3, n=12, seed=i, repeats=1) for i in range(8)]
    return write_report(compare([*runs, make("noise", skill=-4, n=12, seed=9, repeats=1, control=True)]), out)


def _one(make: Any, out: Path) -> Path:
    return write_report(compare([make("alone", n=12, seed=1)]), out)


def _hostile(make: Any, out: Path) -> Path:
    runs = [
        make(name, n=28, seed=i, skill=i / 5, repeats=1, prompts=lambda k: STRANGE[k % len(STRANGE)])
        for i, name in enumerate((EVIL, "x" * 500, "\u202eright to left אבגד", "图像生成模型 🐉 é", "word " * 60))
    ]
    return write_report(compare(runs), out)


def _forced(make: Any, out: Path) -> Path:
    """Two runs whose protocols differ, shown apart."""

    def other(data: dict[str, Any]) -> None:
        data["protocols"] = {key: {**p, "version": 2} for key, p in data["protocols"].items()}

    runs = [make("ours", n=8, repeats=1, seed=1), make("theirs", n=8, repeats=1, seed=2, change=other)]
    return write_report(compare(runs, force=True), out)


def _board(**options: Any) -> Callable[[Any, Path], Path]:
    def made(make: Any, out: Path) -> Path:
        out.mkdir()
        path = out / "index.html"
        path.write_bytes(board_page.page(board(**options)).encode("utf-8", "replace"))
        return path

    return made


PAGES: dict[str, Callable[[Any, Path], Path]] = {
    "two": _two, "nine": _nine, "one": _one, "hostile": _hostile, "forced": _forced,
    "board": _board(systems=12, columns=6, own=2), "board-large": _board(systems=45, columns=20),
    "board-one": _board(systems=1, columns=2, controls=0, external=0, unranked=1),
    "board-hostile": _board(systems=14, columns=8, hostile=True),
    "board-ties": _board(systems=9, columns=3, spread=0.0),
}  # fmt: skip


@pytest.fixture(scope="session")
def pages(maker: Any, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Kind of page -> its file, made at first use."""
    made: dict[str, Path] = {}

    def page(kind: str) -> Path:
        if kind not in made:
            folder = tmp_path_factory.mktemp(kind)
            made[kind] = PAGES[kind](maker(folder / "runs"), folder / "report")
        return made[kind]

    return page


def of(*kinds: str) -> pytest.MarkDecorator:
    """The test's kinds of pages; all where none is named. What only style or templates decide is asked of a few."""
    return pytest.mark.parametrize("kind", kinds or tuple(PAGES))


@of("two", "hostile", "board", "board-hostile")
def test_axe_finds_nothing_serious(browse, axe, pages, kind: str) -> None:
    page = browse(pages(kind), files=True)
    looks.open_details(page)
    assert axe(page) == []
    assert looks.nameless(page) == []
    assert looks.pale_charts(page) == []


@of("two", "board")
def test_every_text_is_seen_in_the_dark(browse, axe, pages, kind: str) -> None:
    """Themes change colours and nothing else, so that one rule is left; by the machine's wish, and by the button."""
    page = browse(pages(kind), theme="dark", files=True)
    looks.open_details(page)
    assert axe(page, rules=["color-contrast"]) == []
    assert looks.pale_charts(page) == []
    night = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.click("#theme")
    assert settled(page).evaluate("getComputedStyle(document.body).backgroundColor") != night


@of()
def test_nothing_is_cut_or_overlaps_at_any_width(browse, pages, kind: str) -> None:
    page = browse(pages(kind), files=True)
    faults: list[str] = []
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        for state in ("closed", "open"):
            if state == "open":
                looks.open_details(page)
            for question in (looks.too_wide, looks.cut_texts, looks.overlaps):
                faults += [f"{width} px, {state}, {question.__name__}: {line}" for line in question(page)]
        page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = false; })")
    assert faults == []


@of("two", "hostile", "board", "board-hostile")
def test_the_keyboard_reaches_everything_in_order(browse, pages, kind: str) -> None:
    page = browse(pages(kind), files=True, reduced_motion="reduce")
    assert looks.tab_faults(page) == []


@of()
def test_numbers_are_there_without_the_script(browse, pages, kind: str) -> None:
    """Every number of the page's tables that its reader sees with the script is visible without it."""
    whole = browse(pages(kind), files=True)
    plain = browse(pages(kind), files=True, javascript=False)
    seen = [set(NUMBER.findall(" ".join(p.locator("main table:visible").all_inner_texts()))) for p in (whole, plain)]
    assert seen[0] - seen[1] == set()
    assert seen[1] or kind == "board-one"
    assert plain.locator("h1").is_visible()
    assert looks.broken_words(plain) == looks.broken_words(whole) == []


@of("two", "forced", "board", "board-hostile")
def test_paper_is_light_and_has_no_controls(browse, pages, kind: str) -> None:
    page = browse(pages(kind), theme="dark", width=720, files=True)
    page.emulate_media(media="print")
    looks.open_details(page)
    assert looks.controls(page) == []
    assert looks.paper(page) == []
    assert looks.pale_charts(page) == []


@of("two", "board")
def test_less_motion_is_honoured(browse, pages, kind: str) -> None:
    page = browse(pages(kind), files=True, reduced_motion="reduce")
    assert looks.moves(page) == []


@pytest.mark.parametrize("theme", ["light", "dark"])
@of("two", "board")
def test_red_never_stands_against_green(browse, pages, kind: str, theme: str) -> None:
    page = browse(pages(kind), theme=theme, files=True)
    looks.open_details(page)
    assert looks.red_and_green(page) == []


@of("hostile", "board-hostile")
def test_input_makes_no_element(browse, pages, kind: str) -> None:
    """The document as Chromium itself parsed it, which no other parser can speak for."""
    assert looks.strangers(browse(pages(kind), files=True)) == []


def test_a_fault_is_found(browse) -> None:
    """The questions can be answered with no: each of these pages has one fault."""
    head = "<!doctype html><html lang=en><title>t</title><main><h1>t</h1>"
    told = {
        looks.too_wide: "<p style='width:3000px'>wide</p>",
        looks.cut_texts: "<p style='width:50px;overflow:hidden;white-space:nowrap'>much longer than its place</p>",
        looks.overlaps: "<table><tr><td><div style='width:9px;white-space:nowrap'>overlaps</div><td>neighbour</table>",
        looks.nameless: "<button></button>",
        looks.controls: "<button>press</button>",
        looks.moves: "<p style='transition:color 1s'>slow</p>",
        looks.pale_charts: "<svg width=90 height=20><text y=15 fill='#bbb'>pale</text></svg>",
        looks.paper: "<style>body{background:#111}</style>",
        looks.red_and_green: "<p style='color:#c00'>worse<p style='color:#0a0'>better",
        looks.strangers: "<b onclick='x'>bold</b>",
        looks.broken_words: "<p>about NaN or −inf",
        looks.tab_faults: "<style>:focus-visible{outline:none}</style><button>one</button>",
    }  # fmt: skip
    page = browse(f"{head}<p>fine</p><button>press</button>")
    assert [question.__name__ for question in told if question is not looks.controls and question(page)] == []
    for question, body in told.items():
        page.set_content(f"{head}{body}")
        assert question(page) != [], question.__name__
    page.set_content(f"{head}<button tabindex=2>b</button><button tabindex=1>a</button>")
    assert any("order" in line for line in looks.tab_faults(page))


def test_a_complaint_and_a_request_fail_the_test(browse, tmp_path: Path) -> None:
    """What the fixture watches for is seen: a console error, an exception, a request that the offline page makes."""
    page = browse("<!doctype html><img src='http://127.0.0.1:9/x.png'><script>console.error('said'); foo()</script>")
    with pytest.raises(AssertionError, match=r"(?s)said.*foo is not defined.*127\.0\.0\.1:9"):
        browse.close()
    assert page.is_closed()


def test_axe_sees_a_page_without_names(browse, axe) -> None:
    page = browse("<!doctype html><html lang=en><title>t</title><button></button><p style='color:#ccc'>pale</p>")
    found = " ".join(axe(page))
    assert "button-name" in found and "color-contrast" in found
