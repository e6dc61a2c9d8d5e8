"""Pages in a real Chromium, watched: what the fixtures of tests/browser and the timed tests are made of.

One Chromium serves all tests; every page has a context of its own, without network, so that nothing is left of the one
before. What a page complains of, and what it asks for beside itself, is written down from its first moment on.
"""

from __future__ import annotations

import importlib.util
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEIGHT = 900
SECONDS = 30
"""After which an action that cannot be done is an error: long, because test machines are small and shared."""
ARGUMENTS = (
    "--disable-dev-shm-usage",  # containers give /dev/shm 64 MB, and a page that needs more crashes
    "--disable-gpu",
    "--force-color-profile=srgb",
    "--font-render-hinting=none",
    "--hide-scrollbars",
    # Every new window loads the address bar's own pages, a second of work beside the page that is watched. The last
    # such switch counts, so that playwright's names stand here too.
    "--disable-features=WebUIOmniboxPopup,WebUIOmniboxAimPopup,AimEnabled,AvoidUnnecessaryBeforeUnloadCheckSync,"
    "DestroyProfileOnBrowserClose,HttpsFirstBalancedModeAutoEnable,HttpsUpgrades,LensOverlay,MediaRouter,"
    "NetworkTimeServiceQuerying,OptimizationHints,PaintHolding,PreconnectToSearch,ThirdPartyStoragePartitioning",
)
SERIOUS = ("serious", "critical")


@cache
def tool() -> ModuleType:
    """tools/browser.py."""
    spec = importlib.util.spec_from_file_location("bench_tools_browser", ROOT / "tools" / "browser.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@dataclass
class Seen:
    """What one page did beside showing itself."""

    console: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    javascript: bool = True

    def complaints(self) -> list[str]:
        """Every console warning or error, exception and request, a line each."""
        return [
            *(f"console: {line}" for line in self.console), *(f"exception: {line}" for line in self.errors),
            *(f"request: {line}" for line in self.requests),
        ]  # fmt: skip


def unavailable() -> str:
    """Why there is no browser to test with; '' when there is one. Fails where BENCH_BROWSER=required."""
    missing = tool().Missing
    try:
        wish = tool().wish()
        if wish == "off":
            return "BENCH_BROWSER is off"
    except missing as problem:
        pytest.fail(str(problem))
    try:
        import playwright  # noqa: F401

        tool().chromium()
        tool().axe()
    except ImportError:
        problem = "playwright is not installed: pip install -e '.[dev]'"
    except missing as error:
        problem = str(error)
    else:
        return ""
    if wish == "required":
        pytest.fail(f"BENCH_BROWSER is required, but {problem}")
    return problem


class Browser:
    """The one Chromium, started at first use and stopped by `stop`, which leaves no process behind."""

    def __init__(self) -> None:
        self._playwright: Any = None
        self._browser: Any = None

    def context(self, **options: Any) -> Any:
        """A new, empty browser context without network."""
        if self._browser is None:
            from playwright.sync_api import sync_playwright

            self._playwright = sync_playwright().start()
            self._browser = self._playwright.chromium.launch(
                executable_path=tool().chromium(), chromium_sandbox=os.geteuid() != 0, args=list(ARGUMENTS),
                timeout=4000 * SECONDS,
            )  # fmt: skip
        return self._browser.new_context(offline=True, **options)

    def stop(self) -> None:
        browser, self._browser = self._browser, None
        driver, self._playwright = self._playwright, None
        try:
            if browser is not None:
                browser.close()
        finally:
            if driver is not None:
                driver.stop()


@dataclass
class Browsing:
    """The pages of one test. A call opens one; `close` closes all and fails where one complained."""

    browser: Browser
    folder: Path
    pages: list[Any] = field(default_factory=list)

    def __call__(
        self,
        html_or_path: str | Path,
        *,
        theme: str = "light",
        width: int = 1280,
        height: int = HEIGHT,
        javascript: bool = True,
        files: bool = False,
        anchor: str = "",
        before: str = "",
        **options: Any,
    ) -> Any:
        """A playwright Page showing an HTML text (str) or a file (Path) from disk.

        theme: what the machine prefers; files: images and pages in the file's own folder may be asked for; anchor:
        what stands behind '#'; before: a script that runs before the page's own; options: of playwright's new_context
        (reduced_motion="reduce", forced_colors=...).
        """
        path = html_or_path if isinstance(html_or_path, Path) else self._written(html_or_path)
        context = self.browser.context(
            color_scheme=theme, viewport={"width": width, "height": height}, java_script_enabled=javascript, **options
        )
        context.set_default_timeout(1000 * SECONDS)
        if before:
            context.add_init_script(before)
        page = context.new_page()
        page.seen = Seen(javascript=javascript)
        self.pages.append(page)
        url = path.resolve().as_uri()
        _watch(page, url, f"{path.resolve().parent.as_uri()}/" if files else "")
        page.goto(f"{url}#{anchor}" if anchor else url, wait_until="load")
        return page

    def _written(self, html: str) -> Path:
        assert html.lstrip()[:1] == "<", "a str is taken for HTML; give a file as a Path"
        path = self.folder / f"page-{len(self.pages)}" / "index.html"
        path.parent.mkdir(parents=True)
        path.write_bytes(html.encode("utf-8", "replace"))
        return path

    def pictures(self, name: str) -> list[Path]:
        """A picture of each page as it is now, in a folder that outlives the tests."""
        folder = Path(tempfile.mkdtemp(prefix="bench-browser-"))
        found = []
        for i, page in enumerate(self.pages):
            if not page.is_closed():
                found.append(folder / f"{name[:80]}-{i}.png")
                page.screenshot(path=found[-1], full_page=page.evaluate("document.body.scrollHeight") < 12_000)
        return found

    def close(self) -> None:
        for page in self.pages:
            if not page.is_closed():
                page.evaluate("0")  # what the page has said by now has arrived when this is answered
        complaints = [line for page in self.pages for line in page.seen.complaints()]
        try:
            shown = self.pictures("complaints") if complaints else []
        finally:
            for page in self.pages:
                page.context.close()
            self.pages.clear()
        assert not complaints, "\n".join(["The page was not silent:", *complaints, *(f"picture: {p}" for p in shown)])


def _watch(page: Any, url: str, folder: str) -> None:
    """Write down console lines, exceptions and requests; the document itself may be asked for, and again."""

    def asked(request: Any) -> None:
        target = request.url.partition("#")[0]
        if target != url and not (folder and target.startswith(folder)):
            page.seen.requests.append(request.url[:300])

    def said(message: Any) -> None:
        if message.type in ("error", "warning"):
            page.seen.console.append(f"{message.type}: {message.text[:500]}")

    page.on("request", asked)
    page.on("console", said)
    page.on("pageerror", lambda error: page.seen.errors.append(str(error)[:500]))
    page.on("crash", lambda: page.seen.errors.append("the page crashed"))
    page.on("popup", lambda other: page.seen.requests.append(f"opened {other.url[:300]}"))


FRAMES = """new Promise(done => {
  let left = 5;
  const next = () => --left ? requestAnimationFrame(next) : setTimeout(done);
  requestAnimationFrame(next);
})"""
"""Pages answer what was pressed in the next frame and do what follows from it in up to three frames more."""


def settled(page: Any) -> Any:
    """The page, when all that was pressed has had its effect."""
    page.evaluate(FRAMES)
    return page


_AXE = """async ([seconds, rules, within]) => {
  const late = new Promise((_, no) => {
    setTimeout(() => no(new Error(`axe took more than ${seconds} s`)), 1000 * seconds);
  });
  const found = await Promise.race([late, axe.run(within || document,
    {resultTypes: ["violations"], preload: false, ...(rules.length ? {runOnly: rules} : {})})]);
  return found.violations.map(v => ({
    id: v.id, impact: v.impact, help: v.help, count: v.nodes.length,
    where: v.nodes.slice(0, 5).map(n => n.target.join(" ") + ": " + n.html.slice(0, 160) + " | "
      + (n.failureSummary || "").replace(/\\s+/g, " ").slice(0, 300)),
  }));
}"""


def violations(page: Any, *, rules: Sequence[str] = (), within: str = "") -> list[str]:
    """What axe-core finds serious or critical in the page as it is now, by all its rules or those named.

    within: selector of the part to look at; the whole page takes seconds. A paragraph each: rule, how often, and the
    first places.
    """
    assert page.seen.javascript, "axe-core runs in the page and needs its JavaScript"
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(tool().axe().read_text(encoding="utf-8"))
    return [
        f"{v['impact']} {v['id']} ({v['help']}), {v['count']} times:\n    " + "\n    ".join(v["where"])
        for v in page.evaluate(_AXE, [4 * SECONDS, list(rules), within]) if v["impact"] in SERIOUS
    ]  # fmt: skip


Axe = Callable[..., list[str]]


def sorted_by(page: Any) -> list[tuple[str, str]]:
    """Heads of a board's table that say it is sorted by them, and how."""
    return [
        (th.locator("button").inner_text().split("\n")[0].split("\u00a0")[0], th.get_attribute("aria-sort"))
        for th in page.locator("#board th[aria-sort]").all()
    ]


def address(page: Any) -> str:
    """The part of the page's address that holds its state."""
    return page.evaluate("location.hash")
