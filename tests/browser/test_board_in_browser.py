"""The board's page in use: sorting, filters, rankings, comparing, the drawer, views, the address, export, keyboard.

Every number that is looked at is computed here from the board, not read from another part of the page.
"""

from __future__ import annotations

import csv
import io
import re
from typing import Any

import numpy as np
import pytest
from browsing import address, settled, sorted_by
from made_boards import EVIL, board

from bench.reports.board.nouns import Board, BoardRow
from bench.reports.board.pairs import different
from bench.reports.pages.board_data import BETTER, NONE, SAME, WORSE, decided
from bench.reports.pages.board_page import page as page_of

DASH, MINUS = "\N{EN DASH}", "\N{MINUS SIGN}"
WORDS = {SAME: "= tied", BETTER: "▲ better", WORSE: "▼ worse", NONE: "? not comparable"}
TURNED = {SAME: SAME, BETTER: WORSE, WORSE: BETTER, NONE: NONE}


@pytest.fixture(scope="module")
def twelve() -> Board:
    return board(12, 6, own=2)


@pytest.fixture(scope="module")
def html(twelve) -> str:
    return page_of(twelve)


@pytest.fixture
def page(browse, html) -> Any:
    return browse(html)


def names(page: Any, part: str = "system") -> list[str]:
    """Names of the visible rows, as they stand."""
    return page.locator(f"#board tbody.{part} tr:not(.g):visible th.name > bdi").all_inner_texts()


def column(page: Any, label: str) -> list[str]:
    """Texts of a column's cells in the rows of systems."""
    heads = [re.sub(r"\s.*", "", t, flags=re.DOTALL) for t in page.locator("#board thead th").all_inner_texts()]
    at = next(i for i, t in enumerate(heads) if t == label.split()[0])
    return page.locator(f"#board tbody.system tr > :nth-child({at + 1})").all_inner_texts()


def ordered(twelve: Board, at: int, *, down: bool = True) -> list[str]:
    """Titles by a column's values; those without a value last, equal ones as the board has them."""

    def key(row: BoardRow) -> tuple[bool, float]:
        cell = row.cells[at]
        value = None if cell is None else cell.value
        return value is None, 0.0 if value is None else -value if down else value

    return [r.title for r in sorted(twelve.ranked, key=key)]


# ---- the table ------------------------------------------------------------------------------------------------------


def test_columns_sort_both_ways_and_missing_numbers_stay_last(page, twelve):
    assert names(page) == [r.title for r in twelve.ranked] and sorted_by(page) == [("Rank", "ascending")]
    head = page.locator("#board thead .score button").nth(2)  # FID, lower is better
    head.click()
    assert sorted_by(page) == [("FID", "ascending")]
    assert names(page) == ordered(twelve, 2, down=False)
    head.click()
    assert sorted_by(page) == [("FID", "descending")] and names(page) == ordered(twelve, 2)
    assert names(page)[-1] == twelve.ranked[-1].title and column(page, "FID")[-1].startswith(DASH)
    page.locator("#board thead .score button").first.click()
    assert names(page) == ordered(twelve, 0)
    page.locator("#board thead .rank button").click()
    assert names(page) == [r.title for r in twelve.ranked]
    assert names(page, "external") and names(page, "control")  # parts of their own, wherever systems go


def test_names_and_levels_sort_too(page, twelve):
    page.click("#board thead .name button")
    assert names(page) == sorted((r.title for r in twelve.ranked), key=str.casefold)
    page.click("#board thead .level button")
    levels = ["self-reported", "re-scored", "regenerated"]
    found = [levels.index(t) for t in column(page, "Level")]
    assert found == sorted(found, reverse=True)


def test_filters_hide_rows_and_change_no_rank(page, twelve):
    page.fill("#find", "pixart film")
    wanted = [r.title for r in twelve.ranked if "pixart" in r.title and "film" in r.title]
    assert names(page) == wanted and wanted
    assert "1 of 16 rows" in page.inner_text("#status")
    page.fill("#find", "")
    page.select_option("[data-filter=fusion]", "no fusion")
    assert names(page) == [r.title for r in twelve.ranked if not r.fusion]
    page.select_option("[data-filter=level]", "re-scored")
    assert names(page) == [r.title for r in twelve.ranked if not r.fusion and r.level == "re-scored"]
    rank = page.locator("#board tbody.system tr:visible td.rank").first.inner_text().split("\n")[0]
    at = [r.title for r in twelve.ranked].index(names(page)[0])
    assert rank == DASH.join(map(str, twelve.pairs[twelve.order].ranks[at]))
    page.click("#clear")
    page.click("#only")
    assert len(names(page)) == 12 and not names(page, "external") and not names(page, "control")
    assert page.locator("#board tr.g:visible").count() == 0


def test_columns_are_chosen(page):
    page.click("#columns-choice summary")
    page.click("[data-column='seeds']")
    page.locator("[data-column]").nth(1).click()
    heads = page.locator("#board thead th:visible").all_inner_texts()
    assert not any(t.startswith(("Seeds", "Objects")) for t in heads) and any(t.startswith("FID") for t in heads)
    assert "5 of 6 score columns" in page.inner_text("#status")
    page.locator("[data-column]").nth(1).click()
    assert page.locator("#board thead th:visible").nth(5).inner_text().startswith("Objects present")
    cells = {len(r.locator("> :visible").all()) for r in page.locator("#board tbody.system tr").all()[:3]}
    assert cells == {page.locator("#board thead th:visible").count()}


def test_columns_that_are_not_shown_come_with_their_numbers(browse):
    many = board(8, 12)
    page = browse(page_of(many))
    assert page.locator("#others").count() == 0 and "7 of 12 score columns" in page.inner_text("#status")
    page.click("#columns-choice summary")
    page.locator("[data-column]").nth(10).click()
    shown = page.locator("#board thead .score").nth(7)
    assert shown.inner_text().startswith(many.columns[10].label)
    cell = page.locator("#board tbody.system tr").nth(3).locator("> *").nth(4 + 7).inner_text()
    value = many.ranked[3].cells[10].value
    assert float(re.sub(r"[◆\s]|±.*", "", cell)) == pytest.approx(value, abs=0.51 * 10 ** -many.columns[10].decimals)


# ---- rankings and comparisons ---------------------------------------------------------------------------------------


def test_another_column_ranks(page, twelve):
    fid = twelve.columns[2]
    page.select_option("#by", fid.id)
    assert names(page) == ordered(twelve, 2, down=False)
    ranks = {r.title: rank for r, rank in zip(twelve.ranked, twelve.pairs[fid.id].ranks, strict=True)}
    shown = [t.split("\n")[0] for t in column(page, "Rank")]
    assert shown == [DASH.join(map(str, ranks[n])) if ranks[n] != (0, 0) else DASH for n in names(page)]
    letters = dict(zip(names(page), column(page, "Ties"), strict=True))
    apart, titles = different(twelve.pairs[fid.id]), [r.title for r in twelve.ranked]
    for i, a in enumerate(titles):
        for j, b in enumerate(titles[:i]):
            if ranks[a] != (0, 0) and ranks[b] != (0, 0):
                shared = set("".join(letters[a].split())) & set("".join(letters[b].split()))
                assert bool(shared) != apart[i, j], (a, b)
    assert "FID" in page.inner_text("#table h2")
    before = column(page, "Rank")
    page.select_option("#by", twelve.order)
    assert names(page) == titles and column(page, "Rank") != before


def test_comparing_to_a_row_says_in_every_cell_what_was_decided(page, twelve):
    at = 4
    page.locator("#board tbody.system button.vs").nth(at).click()
    assert "Compared to " + twelve.ranked[at].title in page.inner_text("#status")
    for c, one in enumerate(twelve.columns):
        kinds = decided(twelve.pairs[one.id], one)
        for i, text in enumerate(column(page, one.label)):
            told = text.split("\n")[-1].strip()
            if i == at:
                assert told == "reference"
            else:
                assert told.startswith(WORDS[TURNED[int(kinds[at, i])]]), (one.label, i, told)
                sign = -1 if one.direction == "lower" else 1
                delta = sign * twelve.pairs[one.id].delta[i, at]
                if np.isfinite(delta) and abs(delta) > 0.01 * abs(twelve.columns[c].decimals):
                    number = float(told.split()[-1].replace(MINUS, "-"))
                    assert np.sign(number) == np.sign(delta) and number == pytest.approx(delta, rel=0.2)
    page.click("#status >> text=Stop comparing")
    assert page.locator("#board span.vs:visible").count() == 0


def test_two_rows_open_a_drawer_with_every_difference(page, twelve):
    boxes = page.locator("#board .pick input")
    boxes.nth(2).check()
    assert not page.locator("#drawer").is_visible()
    boxes.nth(7).check()
    drawer = page.locator("#drawer")
    assert drawer.is_visible()
    text = drawer.inner_text()
    assert twelve.ranked[2].title in text and twelve.ranked[7].title in text
    lines = drawer.locator("tbody tr").all()
    assert len(lines) == 6
    counts = {BETTER: 0, WORSE: 0, SAME: 0, NONE: 0}
    for one, line in zip(twelve.columns, lines, strict=True):
        kind = TURNED[int(decided(twelve.pairs[one.id], one)[2, 7])]
        counts[kind] += 1
        assert line.locator(".verdict").inner_text() == WORDS[kind]
        x = line.locator(".forest").evaluate("el => el.style.getPropertyValue('--d')")
        sign = -1 if one.direction == "lower" else 1
        assert (float(x.rstrip("%")) > 50) == (sign * twelve.pairs[one.id].delta[7, 2] > 0)  # right is better for B
        half = twelve.pairs[one.id].reach[2] * twelve.pairs[one.id].error[2, 7]
        told = float(line.locator("td").last.inner_text().split("±")[1])
        assert told == pytest.approx(half, rel=0.06)
    assert f"better in {counts[BETTER]}" in text or not counts[BETTER]
    page.click("#swap")
    kind = int(decided(twelve.pairs[twelve.order], twelve.columns[0])[7, 2])
    assert drawer.locator(".verdict").first.inner_text() == WORDS[TURNED[kind]]


def test_escape_closes_the_drawer_and_gives_the_focus_back(page):
    boxes = page.locator("#board .pick input")
    boxes.nth(0).focus()
    page.keyboard.press("Space")
    boxes.nth(1).focus()
    page.keyboard.press("Space")
    assert page.locator("#drawer").is_visible()
    assert page.evaluate("document.activeElement.id") == "close"
    page.keyboard.press("Escape")
    assert not page.locator("#drawer").is_visible() and "open" not in address(page)
    assert boxes.nth(1).evaluate("el => el === document.activeElement")


# ---- views ----------------------------------------------------------------------------------------------------------


def test_one_view_at_a_time_and_every_view_has_content(page):
    for button in page.locator("#views button").all():
        button.click()
        assert button.get_attribute("aria-pressed") == "true"
        assert page.locator("#views [aria-pressed=true]").count() == 1
        assert page.locator(".view:visible").count() == 1
        assert len(page.locator(".view:visible tbody tr").all()) >= 4, button.inner_text()


def test_the_matrix_follows_the_ranking(page, twelve):
    fid = twelve.columns[2]
    page.select_option("#by", fid.id)
    page.click("[data-view=matrix]")
    rows = page.locator("#matrix tbody tr")
    order = ordered(twelve, 2, down=False)
    assert rows.locator("th").all_inner_texts() == order
    kinds, place = decided(twelve.pairs[fid.id], fid), {r.title: i for i, r in enumerate(twelve.ranked)}
    marks = {SAME: "=", BETTER: "▲", WORSE: "▼", NONE: "?"}
    for a in (0, 5, 11):
        cells = rows.nth(a).locator("td").all_inner_texts()[1:]
        for b, text in enumerate(cells):
            expected = "" if a == b else marks[int(kinds[place[order[a]], place[order[b]]])]
            assert text[:1] == expected, (a, b)
    rows.nth(0).locator("td").nth(1 + 9).click()
    assert page.locator("#drawer").is_visible() and order[0] in page.inner_text(".pairing")


def test_many_systems_make_a_matrix_of_signs_that_can_be_asked(browse):
    many = board(30, 3)
    page = browse(page_of(many), anchor="view=matrix")
    line = page.locator("#matrix td.signs").nth(2)
    signs = {SAME: "=", BETTER: "+", WORSE: MINUS, NONE: "?"}
    kinds = decided(many.pairs[many.order], many.columns[0])
    assert line.inner_text() == "".join("·" if j == 2 else signs[int(k)] for j, k in enumerate(kinds[2]))
    box = line.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 25.5 / 30, box["y"] + box["height"] / 2)
    told = page.inner_text("#matrix .readout")
    assert told.startswith(f"{many.ranked[2].title} against {many.ranked[25].title}: {WORDS[int(kinds[2, 25])]}")


def test_rank_shares_are_told_in_words_too(page, twelve):
    page.click("[data-view=shares]")
    shares = twelve.pairs[twelve.order].rank_shares
    for i, line in enumerate(page.locator("#shares tbody tr").all()):
        rank, share = re.search(r"rank (\d+) in (\d+) %", line.inner_text()).groups()
        assert shares[i].max() == pytest.approx(int(share) / 100, abs=0.012)
        assert shares[i][int(rank) - 1] == pytest.approx(shares[i].max(), abs=0.006)


def test_the_interval_chart_places_dots_on_its_axis(page, twelve):
    page.click("[data-view=chart]")
    assert page.locator("#board thead .score:visible").count() == 1
    places = [
        float(c.evaluate("el => el.style.getPropertyValue('--d')").rstrip("%"))
        for c in page.locator("#board tbody.system td[style]").all()
    ]
    values = [r.cells[0].value for r in twelve.ranked]
    assert np.corrcoef(places, values)[0, 1] > 0.9999
    ticks = page.locator("#board .ticks i").all()
    assert len(ticks) >= 3
    slope = np.polyfit(values, places, 1)
    for tick in ticks:
        left = float(tick.evaluate("el => el.style.left").rstrip("%"))
        assert left == pytest.approx(np.polyval(slope, float(tick.inner_text())), abs=0.6)


def test_the_profile_shows_the_chosen_rows(page, twelve):
    for i in (1, 3, 6):
        page.locator("#board .pick input").nth(i).check()
        if page.locator("#drawer").is_visible():
            page.click("#close")
    page.click("[data-view=profile]")
    legend = page.locator("#profile .shapes li").all_inner_texts()
    assert [t.split(" ", 1)[1] for t in legend] == [twelve.ranked[i].title for i in (1, 3, 6)]
    lane = page.locator("#profile tbody tr").nth(2)  # FID: the smaller value stands further right
    at = [float(x.evaluate("el => el.style.getPropertyValue('--d')").rstrip("%")) for x in lane.locator(".lane").all()]
    values = [twelve.ranked[i].cells[2].value for i in (1, 3, 6)]
    assert np.argsort(at).tolist() == np.argsort(values)[::-1].tolist()


# ---- the address ----------------------------------------------------------------------------------------------------


def test_the_address_holds_the_state_and_brings_it_back(page, twelve, browse, html):
    page.select_option("#by", twelve.columns[3].id)
    page.select_option("[data-filter=generator]", "pixart")
    page.locator("#board tbody.system tr:visible button.vs").first.click()
    page.click("#columns-choice summary")
    page.click("[data-column='size']")
    page.click("#board thead .name button")
    page.click("[data-view=chart]")
    state = page.inner_text("#board"), page.inner_text("#status"), names(page)
    anchor = address(page)[1:]
    other = browse(html, anchor=anchor)
    assert (other.inner_text("#board"), other.inner_text("#status"), names(other)) == state
    page.reload()
    assert (page.inner_text("#board"), page.inner_text("#status"), names(page)) == state
    assert address(page)[1:] == anchor


def test_the_back_button_goes_one_step_back(page, twelve):
    start = names(page)
    page.locator("#board thead .score button").nth(2).click()
    sorted_names = names(page)
    page.click("[data-view=matrix]")
    page.go_back()
    assert page.locator("#board").is_visible() and names(page) == sorted_names
    page.go_back()
    assert names(page) == start and sorted_by(page) == [("Rank", "ascending")]
    page.go_forward()
    assert names(page) == sorted_names


def test_typing_makes_no_steps(page):
    page.click("[data-view=chart]")
    page.locator("#find").press_sequentially("film")
    assert "find=film" in address(page)
    page.go_back()
    assert "view" not in address(page)


def test_a_strange_address_is_a_board_all_the_same(browse, html, twelve):
    strange = f"view=nonsense&by=%3Cimg%3E&vs=nobody&pick=a&pick=b&open=1&sort=%3C~descending&cols={EVIL}&level=none"
    page = browse(html, anchor=strange)
    assert page.locator("#board").is_visible() and not page.locator("#drawer").is_visible()
    page.click("#clear")
    assert names(page) == [r.title for r in twelve.ranked]


def test_links_within_the_page_keep_the_state(page):
    page.click("[data-view=shares]")
    page.click("nav a[href='#method']")
    assert "view=shares" in address(page)
    assert page.evaluate("document.activeElement.id") == "method"
    page.click("nav a[href='#matrix']")
    assert page.locator("#matrix").is_visible() and "view=matrix" in address(page)


# ---- export, theme, phone, keyboard ---------------------------------------------------------------------------------


def exported(page: Any) -> list[list[str]]:
    with page.expect_download() as waiting:
        page.click("#csv")
    with open(waiting.value.path(), encoding="utf-8-sig", newline="") as stream:
        return list(csv.reader(io.StringIO(stream.read())))


def test_the_export_is_what_is_shown(page, twelve):
    page.select_option("[data-filter=fusion]", "film")
    page.locator("#board thead .score button").nth(0).click()
    head, *rows = exported(page)
    name = "VQAScore (scenes-test)"
    assert head[:7] == ["system", "role", "rank best", "rank worst", name, f"{name} low", f"{name} high"]
    assert [r[0] for r in rows] == names(page) and all(len(r) == len(head) for r in rows)
    for row in rows:
        one = next(r for r in twelve.ranked if r.title == row[0])
        at = twelve.ranked.index(one)
        assert tuple(map(int, row[2:4])) == twelve.pairs[twelve.order].ranks[at]
        cell = one.cells[0]
        assert [float(x) for x in row[4:7]] == pytest.approx([cell.value, cell.low, cell.high], abs=2e-5)


def test_no_cell_of_a_stranger_is_a_formula(browse):
    strange = board(14, 9, hostile=True)
    page = browse(page_of(strange))
    rows = exported(page)
    cells = [c for row in rows for c in row]
    bad = [c for c in cells if re.match(r"\s*[=+@-]", c) and not re.fullmatch(r"-?\d+(\.\d+)?(e-?\d+)?", c)]
    assert bad == []
    assert '\'=HYPERLINK("http://evil")' in cells and EVIL in cells


def test_the_theme_goes_round_light_dark_system(browse, html):
    page = browse(html, theme="dark")
    paper = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(paper)
    page.click("#theme")
    light = settled(page).evaluate(paper)
    page.click("#theme")
    again = settled(page).evaluate(paper)
    page.click("#theme")
    assert light != dark == again == settled(page).evaluate(paper) and page.inner_text("#theme") == "Theme: system"


def test_a_phone_shows_the_table_without_moving_the_page_sideways(browse, html, twelve):
    page = browse(html, width=360, height=740, reduced_motion="reduce")  # the drawer does not slide in
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    region = page.locator("#region")
    region.scroll_into_view_if_needed()
    region.evaluate("el => { el.scrollLeft = 400; }")
    name = page.locator("#board tbody.system th.name").first
    assert name.bounding_box()["x"] < 30 and name.inner_text() == twelve.ranked[0].title
    page.locator("#board .pick input").nth(0).check()
    page.locator("#board .pick input").nth(1).check()
    drawer = page.locator("#drawer").bounding_box()
    assert drawer["x"] >= 0 and drawer["width"] <= 360
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_all_of_it_without_a_mouse(page, twelve):
    page.locator("#board thead .score button").nth(1).focus()
    page.keyboard.press("Enter")
    assert names(page) == ordered(twelve, 1)
    page.locator("#views button").nth(2).focus()
    page.keyboard.press("Space")
    assert page.locator("#matrix").is_visible()
    page.locator("#views button").first.focus()
    page.keyboard.press("Enter")
    page.locator("#board button.vs").nth(3).focus()
    page.keyboard.press("Enter")
    assert page.locator("#board tr.reference").count() == 1
    page.locator("#status button").first.focus()
    page.keyboard.press("Enter")
    assert page.locator("#board tr.reference").count() == 0
    assert page.evaluate("document.activeElement.id") == "status"  # the button is gone, the focus is not


# ---- readers of screens, and every pair ------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["friendly", "hostile"])
def test_axe_finds_nothing_serious_in_any_view(browse, axe, html, kind):
    """The views one after another on one page; what stands around them is looked at in test_pages_everywhere.py."""
    page = browse(
        html if kind == "friendly" else page_of(board(14, 8, hostile=True)),
        theme="dark" if kind == "friendly" else "light",
    )
    faults = []
    for view in ("chart", "matrix", "shares", "profile", "factorial", "front"):
        page.click(f"[data-view={view}]")
        assert page.locator(".view:visible").count() == 1
        faults += [f"{view}: {fault}" for fault in axe(page, within=".view:not([hidden])")]
    assert faults == []


def test_axe_finds_nothing_serious_in_the_drawer_and_while_comparing(browse, axe, twelve, html):
    a, b, c = (twelve.ranked[i].id for i in (0, 5, 9))
    page = browse(html, anchor=f"vs={c}&pick={a}&pick={b}&open=1")
    assert page.locator("#drawer").is_visible() and page.locator("#board span.vs:visible").count() > 50
    assert axe(page) == []


def test_every_pair_is_decided_in_the_browser_as_on_the_board(browse):
    many = board(40, 9, own=3)
    page = browse(page_of(many))
    found = page.evaluate(
        """() => { const b = boardData(JSON.parse(document.getElementById("data").textContent));
             const all = Array.from({length: b.size}, (_, i) => i);
             const kinds = k => all.map(i => all.map(j => i === j ? 0 : b.against(k, i, j).kind));
             const rows = k => all.map(i => Array.from(b.kinds(k, i), (kind, j) => i === j ? 0 : kind));
             return b.columns.map((c, k) => c.pairs ? [kinds(k), rows(k)] : null); }"""
    )
    for one, kinds in zip(many.columns, found, strict=True):
        expected = decided(many.pairs[one.id], one).tolist() if one.id in many.pairs else None
        assert kinds == (expected and [expected, expected]), one.id  # a pair by itself, and a row in one go
