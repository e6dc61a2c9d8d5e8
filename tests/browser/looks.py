"""What a reader would see at a glance, asked of a page in Chromium: each function returns the places that are wrong.

A place is described by its tag, id, class and first words, so that a failing test says where to look. Nothing here
knows a particular page.
"""

from __future__ import annotations

import colorsys
import re
from typing import Any

_COMMON = """
  const says = (el) => {
    const text = (el.textContent || el.getAttribute("aria-label") || "").trim().replace(/\\s+/g, " ").slice(0, 60);
    const kind = typeof el.className === "string" && el.className ? "." + el.className.split(" ").join(".") : "";
    return `<${el.tagName.toLowerCase()}${el.id ? "#" + el.id : ""}${kind}> '${text}'`;
  };
  const shown = (el) => el.checkVisibility({checkOpacity: true, checkVisibilityCSS: true, contentVisibilityAuto: true});
  const tiny = (el) => { const r = el.getBoundingClientRect(); return r.width <= 2 || r.height <= 2; };
"""

_WIDE = """() => {
  const wide = document.documentElement.scrollWidth, room = document.documentElement.clientWidth;
  if (wide <= room) return [];
  const held = (el) => { for (let p = el.parentElement; p && p !== document.body; p = p.parentElement)
    if (getComputedStyle(p).overflowX !== "visible") return true; return false; };
  const out = [...document.body.querySelectorAll("*")]
    .filter(el => el.getBoundingClientRect().right > room + 1 && !held(el));
  return [`the page is ${wide} px wide in a window of ${room}`, ...out.slice(-8).map(says)];
}"""

_CUT = """() => {
  const range = document.createRange(), found = [];
  for (const el of document.body.querySelectorAll("*")) {
    if (!shown(el) || tiny(el) || !(el.textContent || "").trim() || el.closest("svg")) continue;
    const style = getComputedStyle(el), hides = (v) => v === "hidden" || v === "clip";
    const x = hides(style.overflowX), y = hides(style.overflowY);
    if (!x && !y) continue;
    const box = el.getBoundingClientRect(), walker = document.createTreeWalker(el, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      if (!walker.currentNode.data.trim() || !shown(walker.currentNode.parentElement)) continue;
      range.selectNodeContents(walker.currentNode);
      const cut = [...range.getClientRects()].some(r => r.width > 1 && (
        x && (r.left < box.left - 1 || r.right > box.right + 1)
        || y && (r.top < box.top - 4 || r.bottom > box.bottom + 4)));
      if (cut) { found.push(says(el)); break; }
    }
  }
  return found;
}"""

_OVERLAPS = """() => {
  const boxes = [], range = document.createRange();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const clips = new Map();
  const clip = (el) => {  // what of an element its scrolling or hiding ancestors let through
    if (!el || el === document.documentElement) return [-1e9, -1e9, 1e9, 1e9];
    if (clips.has(el)) return clips.get(el);
    let [l, t, r, b] = clip(el.parentElement);
    const style = getComputedStyle(el);
    if (style.overflowX !== "visible" || style.overflowY !== "visible") {
      const box = el.getBoundingClientRect();
      [l, t, r, b] = [Math.max(l, box.left), Math.max(t, box.top), Math.min(r, box.right), Math.min(b, box.bottom)];
    }
    clips.set(el, [l, t, r, b]);
    return [l, t, r, b];
  };
  while (walker.nextNode()) {
    const node = walker.currentNode, el = node.parentElement;
    if (!node.data.trim() || el.closest("script,style,title,option,template") || !shown(el)) continue;
    range.selectNodeContents(node);
    const [l, t, r, b] = clip(el);
    for (const q of range.getClientRects()) {
      const box = {el, l: Math.max(q.left, l), t: Math.max(q.top, t), r: Math.min(q.right, r),
        b: Math.min(q.bottom, b)};
      if (box.r - box.l > 2 && box.b - box.t > 2) boxes.push(box);
    }
  }
  boxes.sort((x, y) => x.t - y.t);
  const found = [];
  for (let i = 0; i < boxes.length; i++) {
    const x = boxes[i];
    for (let j = i + 1; j < boxes.length && boxes[j].t < x.b; j++) {
      const y = boxes[j];
      if (x.el === y.el) continue;
      const across = Math.min(x.r, y.r) - Math.max(x.l, y.l), down = Math.min(x.b, y.b) - y.t;
      if (across > 2 && down > 0.45 * Math.min(x.b - x.t, y.b - y.t)) {
        found.push(`${says(x.el)} and ${says(y.el)} overlap by ${across.toFixed(0)} x ${down.toFixed(0)} px`);
        if (found.length > 20) return found;
      }
    }
  }
  return found;
}"""

_NAMELESS = """() => [...document.querySelectorAll(
    "a[href],button,input:not([type=hidden]),select,textarea,summary,dialog,[tabindex],[role=button],[role=region],[role=img]")]
  .filter(el => {
    if (!shown(el)) return false;
    const by = (el.getAttribute("aria-labelledby") || "").split(/\\s+/)
      .map(id => document.getElementById(id)?.textContent || "");
    const labels = el.labels ? [...el.labels].map(l => l.textContent) : [];
    const inner = el.matches("select,input,dialog,[role=region]") ? []
      : [el.textContent, ...[...el.querySelectorAll("[aria-label]")].map(e => e.getAttribute("aria-label"))];
    const names = [el.getAttribute("aria-label"), ...by, ...labels, el.title, ...inner];
    return !names.some(name => (name || "").trim());
  }).map(says)"""

_EXPECTED = """() => {
  const radios = new Set();
  const kinds = "a[href],button,input:not([type=hidden]),select,textarea,summary,[tabindex]";
  const reach = [...document.querySelectorAll(kinds)]
    .filter(el => el.tabIndex >= 0 && !el.disabled && !el.closest("[inert]") && shown(el))
    .filter(el => {  // Tab enters a group of radio buttons once
      if (el.type !== "radio") return true;
      const fresh = !radios.has(el.name);
      radios.add(el.name);
      return fresh;
    });
  reach.forEach((el, i) => { el.dataset.reach = i; el.dataset.calm = look(el); });
  document.activeElement?.blur();
  getSelection().removeAllRanges();
  scrollTo(0, 0);
  return reach.map(says);
}"""
_LOOK = """
  const look = (el) => { const s = getComputedStyle(el);
    return [s.outlineStyle === "none" ? "" : s.outlineStyle + s.outlineWidth + s.outlineColor, s.boxShadow,
      s.borderColor, s.backgroundColor, s.textDecorationLine].join("|"); };
"""
_FOCUSED = """() => {
  const el = document.activeElement;
  if (!el || el === document.body) return null;
  const box = el.getBoundingClientRect();
  const inside = box.bottom > 0 && box.right > 0 && box.top < innerHeight && box.left < innerWidth;
  let covered = false;
  if (el.matches("a,button,input,select,summary")) {
    const line = el.getClientRects()[0];
    const at = document.elementFromPoint(line.left + line.width / 2, line.top + line.height / 2);
    const own = [el, ...(el.labels || [])], ours = (other) => other.contains(el) || own.some(e => e.contains(other));
    covered = inside && !!at && !ours(at);
  }
  return {reach: el.dataset.reach === undefined ? -1 : Number(el.dataset.reach), says: says(el),
    plain: el.dataset.calm === look(el), inside, covered};
}"""

_CONTRAST = """() => {
  const probe = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const rgba = (color, under) => {
    probe.fillStyle = `rgb(${under})`; probe.fillRect(0, 0, 1, 1);
    probe.fillStyle = color; probe.fillRect(0, 0, 1, 1);
    return [...probe.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const behind = (el) => { const chain = [];
    for (let p = el; p; p = p.parentElement) chain.push(getComputedStyle(p).backgroundColor);
    return chain.reverse().reduce((under, color) => rgba(color, under), [255, 255, 255]); };
  const linear = (v) => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
  const light = (c) => { const [r, g, b] = c.map(v => linear(v / 255));
    return .2126 * r + .7152 * g + .0722 * b; };
  const found = [];
  for (const el of document.querySelectorAll("svg text, svg tspan")) {
    if (!shown(el) || !el.textContent.trim() || el.querySelector("tspan")) continue;
    const style = getComputedStyle(el);
    if (style.fill === "none") continue;
    const paper = behind(el.ownerSVGElement), ink = rgba(style.fill, paper);
    const [a, b] = [light(paper), light(ink)].sort((x, y) => y - x), ratio = (a + .05) / (b + .05);
    if (ratio < 4.5) found.push(`${says(el)}: contrast ${ratio.toFixed(2)} of ${ink} on ${paper}`);
  }
  return found;
}"""

_CONTROLS = """() => [...document.querySelectorAll("button,input,select,textarea,dialog,nav")]
  .filter(el => shown(el) && !tiny(el) && !el.closest("th")).map(says)"""

_PAPER = """() => {
  const numbers = (color) => color.match(/[\\d.]+/g).map(Number);
  const light = (color) => { const [r, g, b, a = 1] = numbers(color); return a === 0 ? 255 : (r + g + b) / 3; };
  const found = [];
  for (const el of [document.documentElement, document.body])
    if (light(getComputedStyle(el).backgroundColor) < 240) found.push(says(el).slice(0, 20) + " is dark on paper");
  if (light(getComputedStyle(document.body).color) > 90) found.push("the ink is pale on paper");
  return found;
}"""

_PRINT_CUT = """() => [...document.body.querySelectorAll("*")].filter(el => shown(el) && !tiny(el) && !el.closest("svg")
    && getComputedStyle(el).overflowX !== "visible" && el.scrollWidth > el.clientWidth + 1)
  .map(el => `${says(el)}: ${el.scrollWidth} px in ${el.clientWidth}`)"""

_MOVES = """() => {
  const late = (value) => value.split(",").some(v => parseFloat(v) * (v.trim().endsWith("ms") ? 1 : 1000) > 10);
  const found = [];
  for (const el of [document.documentElement, ...document.querySelectorAll("body, body *")]) {
    const style = getComputedStyle(el);
    if (style.scrollBehavior === "smooth") found.push(`${says(el).slice(0, 40)} scrolls smoothly`);
    if (late(style.transitionDuration)) found.push(`${says(el)} has a transition of ${style.transitionDuration}`);
    if (style.animationName !== "none" && late(style.animationDuration)) found.push(`${says(el)} is animated`);
  }
  return found.slice(0, 20);
}"""


_STRANGERS = """() => [...document.querySelectorAll("*")].filter(el =>
    el.matches("iframe, object, embed, base, form, script[src], link:not([rel=expect][href='#whole'])")
    || el.matches("img[src='x'], meta[http-equiv=refresh]")
    || [...el.attributes].some(a => a.name.startsWith("on") || a.name === "srcdoc"
      || /^\\s*(javascript|data:text|https?):/i.test(a.value) && ["href", "src", "action"].includes(a.name)))
  .map(el => el.outerHTML.slice(0, 200))"""

_COLOURS = """() => [...new Set([...document.querySelectorAll("body, body *")].filter(shown).flatMap(el => {
  const style = getComputedStyle(el);
  return [style.color, style.backgroundColor];
}))].map(color => {
  const probe = document.createElement("canvas").getContext("2d");
  probe.fillStyle = color; probe.fillRect(0, 0, 1, 1);
  return [...probe.getImageData(0, 0, 1, 1).data];
})"""

_BROKEN = re.compile(r"(?<![\w.])[-+−]?(?:nan|inf|infinity|undefined|null|None)(?![\w.])", re.I)
_PROSE = re.compile(r"is undefined|[Nn]one (?:of|is|was|are)")


def _asked(page: Any, code: str, extra: str = "") -> Any:
    return page.evaluate(f"() => {{ {_COMMON} {extra} return ({code})(); }}")


def open_details(page: Any) -> None:
    """All that a reader can unfold is unfolded."""
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")


def too_wide(page: Any) -> list[str]:
    """What makes the page itself scroll sideways."""
    return _asked(page, _WIDE)


def cut_texts(page: Any) -> list[str]:
    """Elements that hide part of their own text."""
    return _asked(page, _CUT)


def overlaps(page: Any) -> list[str]:
    """Texts that are drawn over each other, in tables, sentences and charts alike."""
    return _asked(page, _OVERLAPS)


def nameless(page: Any) -> list[str]:
    """What can be acted upon, or is a landmark or a picture, and has no name to be read aloud."""
    return _asked(page, _NAMELESS)


def pale_charts(page: Any) -> list[str]:
    """Texts of drawings with a contrast below 4.5 : 1, which axe-core does not look at."""
    return _asked(page, _CONTRAST)


def controls(page: Any) -> list[str]:
    """Visible controls; heads of columns count as text, since on paper they are."""
    return _asked(page, _CONTROLS)


def paper(page: Any) -> list[str]:
    """What would print dark."""
    return _asked(page, _PAPER)


def cut_on_paper(page: Any) -> list[str]:
    """Scrolling boxes with more in them than is seen: on paper nobody can scroll."""
    return _asked(page, _PRINT_CUT)


def moves(page: Any) -> list[str]:
    """What would move for a reader who asked for less of it."""
    return _asked(page, _MOVES)


def strangers(page: Any) -> list[str]:
    """Elements and attributes that no template of ours writes: the input made them."""
    return _asked(page, _STRANGERS)


def broken_words(page: Any) -> list[str]:
    """What a number that is none looks like, in the visible text."""
    return _BROKEN.findall(_PROSE.sub("", page.locator("body").inner_text()))


def red_and_green(page: Any) -> list[str]:
    """Strong reds and strong greens of text and cells, where a page has both: one reader in twelve sees one colour."""
    hues: dict[str, list[str]] = {"red": [], "green": []}
    for r, g, b, alpha in _asked(page, _COLOURS):
        hue, _, saturation = colorsys.rgb_to_hls(r / 255, g / 255, b / 255)
        if alpha > 60 and saturation > 0.35:
            kind = "red" if hue < 15 / 360 or hue > 345 / 360 else "green" if 85 < 360 * hue < 160 else ""
            hues.get(kind, []).append(f"{kind} rgb({r} {g} {b})")
    return [*hues["red"], *hues["green"]] if hues["red"] and hues["green"] else []


def tab_faults(page: Any) -> list[str]:
    """Walk through the page with Tab: every control once, in the order of the document, seen when it has the focus."""
    expected = _asked(page, _EXPECTED, _LOOK)
    reached, faults = [], []
    for _ in range(len(expected) + 5):
        page.keyboard.press("Tab")
        now = _asked(page, _FOCUSED, _LOOK)
        if now is None or now["reach"] in reached:
            break
        if now["reach"] < 0:  # a scrolling box that Chromium itself lets the keyboard into
            continue
        reached.append(now["reach"])
        for wrong, words in (("plain", "shows no focus"), ("covered", "is covered when it has the focus")):
            if now[wrong]:
                faults.append(f"{now['says']} {words}")
        if not now["inside"]:
            faults.append(f"{now['says']} is outside the window when it has the focus")
    if reached != sorted(reached):
        faults.append(f"Tab does not follow the order of the document: {reached}")
    faults += [f"Tab does not reach {expected[i]}" for i in sorted(set(range(len(expected))) - set(reached))]
    return faults
