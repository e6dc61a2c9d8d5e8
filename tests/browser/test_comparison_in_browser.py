"""The comparison's page in Chromium: sorting, the lightbox by mouse, keys and address, blind votes, themes, widths.

Every page must stay silent: no console line, no exception, no request (see conftest.py).
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from browsing import settled

from bench import store
from bench.reports.comparison.compare import compare
from bench.reports.pages.comparison_page import page as page_of
from bench.reports.write import write_report

EVIL = "</script><img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def runs(maker, tmp_path_factory):
    """Two systems, two images a prompt, hostile prompts, one failed image, and ids that addresses must escape."""
    make = maker(tmp_path_factory.mktemp("lightbox") / "runs")
    prompts = [EVIL, "x" * 500, "图像 🐉", "\u202eright to left אבג", "a plain thing"]
    given = {"n": 20, "prompts": lambda i: prompts[i % 5]}
    made = [make("ours", seed=1, **given), make("sdxl", skill=1.0, seed=2, failed=1, **given)]
    for run in made:
        frame = store.samples(run)
        frame["sample"] = [f"{s} #é%/{'<b>' if s == 's0000' else ''}" for s in frame["sample"]]
        frame["group"] = frame["sample"]
        frame["tag:sensitive"] = ["yes" if s.startswith("s0003") else "" for s in frame["sample"]]
        store.write_parquet(Path(run) / "samples.parquet", frame)
    return made


@pytest.fixture(scope="module")
def two(runs):
    return page_of(compare(runs))


@pytest.fixture(scope="module")
def three(runs, maker, tmp_path_factory):
    make = maker(tmp_path_factory.mktemp("third") / "runs")
    third = make("third", n=20, skill=-1.0, seed=3)
    frame = store.samples(third)
    frame["sample"] = store.samples(runs[0])["sample"]
    frame["group"] = frame["sample"]
    store.write_parquet(Path(third) / "samples.parquet", frame)
    return page_of(compare([*runs, third]))


def opened(page, place: int = 0) -> None:
    """Open the lightbox on a prompt of the list, and wait until it hears keys."""
    page.locator("#images a.open").nth(place).click()
    settled(page)


def shown(page) -> list[str]:
    """Captions of the pictures in the lightbox, left to right."""
    return settled(page).eval_on_selector_all(
        "#box .shot:not([hidden]) figure:not([hidden]) figcaption", "all => all.map(f => f.textContent.trim())"
    )


def sample(page) -> str:
    return settled(page).evaluate("document.querySelector('#box .sheet').dataset.sample")


# ---- tables ---------------------------------------------------------------------------------------------------------


def test_columns_sort_both_ways_and_by_keyboard(browse, three):
    page = browse(three)
    table = page.locator("table.scores").first
    head = table.locator("thead th").nth(1)
    before = table.locator("tbody tr th").all_inner_texts()
    head.locator("button").focus()
    page.keyboard.press("Enter")
    order = head.get_attribute("aria-sort")
    settled(page)
    values = [
        float(v) for v in table.locator("tbody tr td:nth-of-type(1)").evaluate_all("c => c.map(x => x.dataset.v)")
    ]
    assert values == sorted(values, reverse=order == "descending")
    page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") != order
    assert sorted(before) == sorted(table.locator("tbody tr th").all_inner_texts())


def test_the_forest_plot_sorts_by_effect(browse, two):
    page = browse(two)
    page.click(".forest thead .plot button")
    cells = settled(page).locator(".forest tbody").first.locator("tr td.plot")
    found = cells.evaluate_all("c => c.map(x => x.dataset.v)")
    known = [float(v) for v in found if v]
    assert len(known) > 2 and known == sorted(known, reverse=True)


# ---- lightbox -------------------------------------------------------------------------------------------------------


def test_a_click_opens_a_prompt_and_escape_gives_the_focus_back(browse, two):
    page = browse(two)
    opened(page)
    assert page.locator("#box").is_visible() and shown(page) == ["ours", "sdxl"]
    assert page.evaluate("decodeURIComponent(location.hash)") == f"#p={sample(page)}"
    page.keyboard.press("Escape")
    assert not settled(page).locator("#box").is_visible()
    assert page.evaluate("document.activeElement === document.querySelector('#images a.open')")
    assert page.evaluate("location.hash") == ""


def test_keys_walk_through_prompts_and_round(browse, two):
    page = browse(two)
    page.locator("#images a.open").first.focus()
    page.keyboard.press("Enter")
    settled(page)
    count = page.locator("#all-sheets .sheet").count()
    seen = [sample(page)]
    for _ in range(count):
        page.keyboard.press("ArrowRight")
        seen.append(sample(page))
    assert len(set(seen)) == count and seen[0] == seen[-1]
    page.keyboard.press("ArrowLeft")
    assert sample(page) == seen[-2]


def test_the_address_opens_its_prompt_whatever_the_id_holds(browse, two):
    name = "s0000 #é%/<b>"
    page = browse(two, anchor="p=" + page_quote(name))
    assert page.locator("#box").is_visible() and sample(page) == name
    assert page.locator("#box h3 b").count() == 0
    page.evaluate("location.hash = '#scores'")
    page.wait_for_selector("#box", state="hidden")
    page.evaluate(f"location.hash = '#p=' + encodeURIComponent({json.dumps(sample_of(page, 3))})")
    page.wait_for_selector("#box", state="visible")
    assert sample(page) == sample_of(page, 3)


def page_quote(text: str) -> str:
    from urllib.parse import quote

    return quote(text, safe="")


def sample_of(page, place: int) -> str:
    return page.evaluate(f"document.querySelectorAll('#all-sheets .sheet')[{place}].dataset.sample")


def test_an_address_of_nothing_opens_nothing(browse, two):
    for anchor in ("p=unknown", "p=%E0%A4%A", "p="):
        assert not browse(two, anchor=anchor).locator("#box").is_visible()


def test_each_seed_of_a_prompt_can_be_seen(browse, two):
    page = browse(two)
    page.locator(".duels a.open[data-k='1']").first.click()
    assert page.locator("#box .shot:not([hidden])").get_attribute("data-k") == "1"
    page.locator("#box .shots-nav button").first.click()
    assert page.locator("#box .shot:not([hidden])").get_attribute("data-k") == "0"
    assert page.locator("#box .shots-nav button[aria-pressed='true']").inner_text() == "image 1"


def test_blink_puts_both_in_one_place_and_swaps_them(browse, two):
    page = browse(two)
    opened(page)
    place = page.locator("#box .shot:not([hidden]) figure:not([hidden])").first
    page.keyboard.press("b")
    assert len(shown(page)) == 1
    first, where = shown(page), place.bounding_box()
    page.keyboard.press("b")
    assert shown(page) != first and len(shown(page)) == 1
    after = page.locator("#box .shot:not([hidden]) figure:not([hidden])").first.bounding_box()
    assert (after["x"], after["y"], after["width"]) == (where["x"], where["y"], where["width"])
    page.keyboard.press("s")
    assert len(shown(page)) == 2


def test_of_many_systems_two_are_picked(browse, three):
    page = browse(three)
    opened(page)
    assert sorted(shown(page)) == ["ours", "sdxl", "third"]
    page.select_option("#box [data-pick='0']", label="third")
    page.select_option("#box [data-pick='1']", label="ours")
    page.keyboard.press("Escape")
    settled(page)
    opened(page, 1)
    page.locator("#box [data-do='blink']").click()
    assert shown(page) == ["third"]
    page.locator("#box [data-do='blink']").click()
    assert shown(page) == ["ours"]


# ---- blind ----------------------------------------------------------------------------------------------------------


def fnv(text: str) -> int:
    found = 2166136261
    for byte in text.encode():
        found = ((found ^ byte) * 16777619) & 0xFFFFFFFF
    return found


TOLD = """body => body.innerText + " " + Array.from(body.querySelectorAll("*"),
  e => (e.getAttribute("aria-label") || "") + (e.alt || "")).join(" ")"""
"""What a reader sees or hears of the lightbox."""


def test_blind_votes_hide_names_are_shuffled_by_rule_and_export(browse, two, tmp_path):
    page = browse(two)
    opened(page)
    page.locator("#box [data-do='blind']").click()
    told = []
    for vote, press in (("left", "1"), ("tie", "0"), ("right", "2"), ("left", "1")):
        assert shown(page) == ["Left", "Right"]
        inside = page.locator("#box-body").evaluate(TOLD)
        assert not {"ours", "sdxl"} & set(inside.replace(":", " ").split())
        order = page.eval_on_selector_all(
            "#box .shot:not([hidden]) figure[data-system]", "f => f.map(x => x.dataset.system)"
        )
        told.append((sample(page), 0, order, vote))
        page.keyboard.press(press)
    with page.expect_download() as download:
        page.locator("#box [data-do='save']").click()
    download.value.save_as(tmp_path / "votes.json")
    data = json.loads((tmp_path / "votes.json").read_text(encoding="utf-8"))
    assert data["format"] == "text-image-bench votes 1" and len(data["votes"]) == 4
    assert len({v["left"] for v in data["votes"]}) <= 2
    by_sample = {v["sample"]: v for v in data["votes"]}
    pair = page.evaluate("document.getElementById('box').dataset.pair").split(",")
    names = ["ours", "sdxl"]
    for name, k, order, vote in told:
        swapped = fnv(f"{data['seed']}|{name}|{k}") % 2 == 1
        assert order[:2] == (pair[::-1] if swapped else pair)
        left, right = (names[int(i)] for i in order[:2])
        better = {"left": left, "right": right, "tie": None}[vote]
        assert by_sample[name] == {"sample": name, "k": k, "left": left, "right": right, "vote": vote, "better": better}
    page.locator("#box [data-do='blind']").click()
    assert sorted(shown(page)) == ["ours", "sdxl"]


def test_a_vote_can_be_changed(browse, two):
    page = browse(two)
    opened(page)
    page.locator("#box [data-do='blind']").click()
    page.keyboard.press("1")
    page.keyboard.press("ArrowLeft")
    assert settled(page).locator("#box [data-vote='left'][aria-pressed='true']").count() == 1
    page.locator("#box [data-vote='right']").click()
    assert settled(page).locator("#box [data-do='save']").inner_text() == "Save 1 vote"


def test_links_within_the_page_lead_there_again_and_back(browse, two):
    page = browse(two)
    top = "document.getElementById('method').getBoundingClientRect().top"
    for _ in range(2):  # the second time the address says so already
        page.click("nav a[href='#method']")
        assert -1 < settled(page).evaluate(top) < page.viewport_size["height"]
        assert page.evaluate("location.hash") == "#method"
        page.evaluate("scrollTo(0, 0)")
    page.go_back()
    assert page.evaluate("location.hash") == ""


# ---- sensitive, files, no script ------------------------------------------------------------------------------------


def test_sensitive_pictures_are_blurred_until_ticked_with_or_without_script(browse, two):
    page = browse(two, javascript=False)
    veil = page.locator(".sheet .veil").first
    veil.scroll_into_view_if_needed()
    blur = "v => getComputedStyle(v.querySelector('.thumb')).filter"
    assert "blur" in veil.evaluate(blur)
    veil.locator("input").focus()
    page.keyboard.press("Space")
    assert veil.evaluate(blur) == "none"


def test_without_a_script_every_prompt_is_on_the_page(browse, two):
    page = browse(two, javascript=False)
    assert page.locator("#all-sheets[open] .sheet").count() > 10
    page.locator("#images a.open").first.click()
    assert page.evaluate("document.querySelector(':target').className") == "sheet"


def test_images_beside_the_page_are_shown_in_the_lightbox_too(browse, runs, tmp_path):
    index = write_report(compare(runs), tmp_path / "report", images="files")
    page = browse(index, files=True)
    page.locator("#images tbody tr").nth(1).locator("a.open").first.click()
    page.wait_for_function(
        "[...document.querySelectorAll('#box .shot:not([hidden]) img')].every(i => i.complete && i.naturalWidth)"
    )
    assert page.locator("#box .shot:not([hidden]) img").count() == 2
    link = page.locator("#box .shot:not([hidden]) a.full").first.get_attribute("href")
    assert (index.parent / link).is_file()


# ---- looks ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_nobody_is_kept_out_and_nothing_is_wider_than_the_screen(browse, axe, two, theme, width):
    page = browse(two, theme=theme, width=width)
    page.evaluate("document.querySelectorAll('#slices details').forEach(d => { d.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert axe(page) == []
    opened(page)
    assert page.evaluate("document.getElementById('box').scrollWidth") <= width
    assert axe(page, within="#box") == []


def test_three_systems_on_a_narrow_screen(browse, axe, three):
    page = browse(three, width=360, theme="dark")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert axe(page) == []


def test_print_is_light_without_controls_and_with_everything_open(browse, two):
    page = browse(two, theme="dark")
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not page.locator("#theme").is_visible() and not page.locator("nav").is_visible()
    assert page.locator("details:not([open])").count() == 0


def test_any_click_is_answered_at_once(browse, three):
    page = browse(three)
    opened(page)
    took = page.evaluate(
        "() => { const t = performance.now(); document.querySelector('#box [data-do=on]').click();"
        " document.querySelector('#box').getBoundingClientRect(); return performance.now() - t; }"
    )
    assert took < 100
