"""Fixtures for tests of pages in a real Chromium. A test looks like this:

    def test_sorting(browse, axe, make):
        page = browse(comparison_page.page(compare([make("a"), make("b", seed=2)])), theme="dark", width=360)
        page.click("th button >> nth=1")
        assert page.locator("th[aria-sort]").count() == 1
        assert axe(page) == []

`browse(html_or_path, *, theme="light", width=1280, height=900, javascript=True, files=False, anchor="", **options)`
    opens a page from disk in a context of its own without network and returns playwright's Page
    (https://playwright.dev/python/docs/api/class-page). A str is HTML, a Path is a file. `theme` may be "dark";
    `files=True` is for a page with images or other pages beside it; `anchor` is what stands behind '#'; options go to
    playwright's new_context (`reduced_motion="reduce"`). At the end of the test every page must have been silent: no
    console warning or error, no exception, no request but for the page itself. `page.seen` holds what it did until then
    (`.console`, `.errors`, `.requests`); a test that expects a complaint clears that list.
`axe(page, *, rules=(), within="")`: what axe-core finds serious or critical in the page as it is now, as readable
    texts; assert it is []. A whole large page takes it seconds; test_pages_everywhere.py does that once a page: for
    a dialog or another state ask `within="#selector"`, for another theme `rules=["color-contrast"]`.
`maker`, `make`: the factory of run folders of tests/reports/conftest.py.

A failed test leaves a picture of its pages and names it in its message. Playwright waits by itself until an element can
be acted upon, so no test sleeps. Where the browser is missing the tests skip and say why; with BENCH_BROWSER=required
they fail.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browsing import Axe, Browser, Browsing, unavailable, violations

HERE = Path(__file__).resolve().parent
_BROWSER = Browser()
_OPEN = pytest.StashKey[Browsing]()


def _reports() -> Any:
    """tests/reports/conftest.py, whose factory of runs serves here too."""
    path = HERE.parent / "reports" / "conftest.py"
    spec = importlib.util.spec_from_file_location("conftest_of_reports", path)
    assert spec is not None and spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def maker() -> Any:
    return _reports().Maker


@pytest.fixture
def make(maker, tmp_path) -> Any:
    return maker(tmp_path / "runs")


@pytest.fixture(scope="session")
def browser() -> Browser:
    """The Chromium of all tests of this folder; the test is skipped where there is none."""
    if why := unavailable():
        pytest.skip(why)
    return _BROWSER


@pytest.fixture
def browse(browser: Browser, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Browsing]:
    """Open a page; see the top of this file."""
    browsing = Browsing(browser, tmp_path / "pages")
    request.node.stash[_OPEN] = browsing
    yield browsing
    browsing.close()


@pytest.fixture
def axe(browser: Browser) -> Axe:
    """Look for what keeps people out of a page; see the top of this file."""
    return violations


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """A failed test tells where the pictures of its pages are, and what the pages said."""
    report: Any = yield
    browsing = item.stash.get(_OPEN, None)
    if call.when == "call" and report.failed and browsing is not None and browsing.pages:
        lines = [line for page in browsing.pages for line in page.seen.complaints()]
        try:
            lines += [f"picture: {path}" for path in browsing.pictures(item.name.replace("/", "-"))]
        except Exception as error:  # the page may have crashed; the test's own message matters more
            lines.append(f"no picture: {error}")
        report.sections.append(("pages", "\n".join(lines)))
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """The browser ends with the last test of this folder: it must not idle beside the others."""
    try:
        return (yield)
    finally:
        if nextitem is None or HERE not in nextitem.path.parents:
            _BROWSER.stop()
