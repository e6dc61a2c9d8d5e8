"""A board of so many rows that a click is answered before what follows: all of it is there in the end."""

from __future__ import annotations

from typing import Any

import pytest
from browsing import address, settled, sorted_by
from made_boards import board

from bench.reports.pages.board_page import page as page_of


@pytest.fixture(scope="module")
def long() -> str:
    return page_of(board(64, 9))


def as_shown(page: Any) -> list[Any]:
    """What a reader sees of the state: texts of the shown view, the status, the heads' order, the compared row."""
    return [
        page.evaluate(
            "[...document.querySelectorAll('.view:not([hidden])')].map(v => [v.firstElementChild.textContent,"
            " ...[...v.querySelectorAll('tr:not([hidden])')].map(r => r.textContent.replace(/\\s/g, ''))])"
        ),
        page.inner_text("#status"), sorted_by(page), page.locator("#board tr.reference").count(),
        page.locator("#drawer").is_visible(), page.locator("[data-column]:checked").count(),
    ]  # fmt: skip


CHANGES = {
    "sort": ["#board thead .score button >> nth=1"], "view": ["[data-view=matrix]"],
    "back": ["[data-view=chart]", "[data-view=table]"], "compare": ["#board button.vs >> nth=3"],
    "pick": ["#board .pick input >> nth=1", "#board .pick input >> nth=4", "#swap"],
    "columns": ["#columns-choice summary", "[data-column] >> nth=8", "[data-column] >> nth=0"],
    "only": ["#only"], "reset": ["#board thead .name button", "#only", "#clear"],
}  # fmt: skip


@pytest.mark.parametrize("kind", CHANGES)
@pytest.mark.parametrize("haste", [True, False], ids=["in haste", "one by one"])
def test_a_long_table_ends_where_its_address_begins(browse, long, kind, haste):
    """What comes in steps is all there in the end, whether a click waits for the one before it or not."""
    page = browse(long, reduced_motion="reduce")
    start = as_shown(page)
    for control in CHANGES[kind]:
        page.click(control)
        if not haste:
            settled(page)
    end = as_shown(settled(page))
    assert end != start or kind in ("back", "reset")
    assert page.locator("#board.hasty").count() == page.locator(".pressed").count() == 0
    assert end == as_shown(settled(browse(long, anchor=address(page)[1:], reduced_motion="reduce")))


def test_what_is_pressed_in_a_long_table_is_seen_before_what_follows(browse, long):
    """Before the next frame: the button is pressed, the list of columns is about to open, and nothing else moved."""
    page = browse(long)
    pressed = """sel => { const el = document.querySelector(sel); el.click();
      return [el.getAttribute("aria-pressed") || el.className || el.textContent,
        document.querySelectorAll(".view:not([hidden])")[0].id, document.querySelector("#columns-choice").open]; }"""
    assert page.evaluate(pressed, "[data-view=matrix]") == ["true", "table", False]
    assert settled(page).locator("#matrix").is_visible()
    assert page.evaluate(pressed, "#columns-choice summary") == ["pressed", "matrix", False]
    assert settled(page).locator("#columns-choice .menu").is_visible()
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.click("#theme")
    page.click("#theme")
    assert page.inner_text("#theme") == "Theme: dark"
    assert settled(page).evaluate("getComputedStyle(document.body).backgroundColor") != paper


def test_lists_of_a_long_table_open_by_keyboard_and_close(browse, long):
    page = browse(long)
    for part in ("#columns-choice", "#systems details"):
        summary = page.locator(f"{part} > summary")
        summary.focus()
        page.keyboard.press("Enter")
        assert settled(page).locator(part).get_attribute("open") is not None
        assert page.locator(f"{part} > :nth-child(2)").is_visible()
        assert summary.evaluate("el => el === document.activeElement")
        page.keyboard.press("Space")
        assert settled(page).locator(part).get_attribute("open") is None
    page.click("#systems summary")
    assert settled(page).locator("#systems .fields h3").count() >= 30
