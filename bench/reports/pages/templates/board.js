// The board's page: one state, kept in the address, and what follows from it. Numbers: board_data.js, views:
// board_views.js, what waits in <noscript>: board_parts.js. A step touches only what it changes: rows are many.
(() => {
  "use strict";
  const board = boardData(JSON.parse(document.getElementById("data").textContent)), views = boardViews(board), parts = boardParts();
  const { rows, columns, size, DASH } = board, { make, bdi } = views;
  const $ = (id) => document.getElementById(id);
  const all = (query, from) => Array.from((from || document).querySelectorAll(query));
  const put = (node, name, value) => { if (node.getAttribute(name) !== value) node.setAttribute(name, value); };
  const table = $("board"), drawer = $("drawer"), top = table.tHead.rows[0];
  const lines = all("tbody tr:not(.g)", table), systems = lines.slice(0, size);
  const at = new Map(columns.map((c, i) => [c.id, i])), rowAt = new Map(rows.map((r, i) => [r.id, i]));
  const meta = all("thead .meta button", table).map((b) => b.dataset.key), order = at.get(board.order);
  const FIELDS = ["generator", "fusion", "licence", "level"], MOST = 6;

  // A column's head and cells. Those of the table are taken at first use, before any column moves; the others are made
  // of what waits in the page. Those that are not shown live outside of the document.
  const stock = new Map(), elsewhere = columns.filter((c) => !c.shown).map((c) => c.id);
  function take() {
    const trs = [top, ...lines].map((tr) => Array.from(tr.children).slice(4));
    trs[0].forEach((th, k) => stock.set(th.firstElementChild.dataset.key, trs.map((tds) => tds[k])));
  }
  function cells(key) {
    if (!stock.size) take();
    if (!stock.has(key)) stock.set(key, parts.column(elsewhere.indexOf(key)));
    return stock.get(key);
  }

  // ---- state --------------------------------------------------------------------------------------------------------

  const first = { view: "table", by: board.order, sort: "", vs: "", pick: [], open: "", find: "", only: "",
    generator: "", fusion: "", licence: "", level: "", cols: null };
  const every = [...columns.map((c) => c.id), ...meta];
  const standard = every.filter((key) => !at.has(key) || columns[at.get(key)].shown);
  const rankable = (id) => at.has(id) && columns[at.get(id)].primary && columns[at.get(id)].pairs;
  let state = first, drawn = { ...first, view: "" };  // drawn: the state that the page shows

  function read() {
    const asked = new URLSearchParams(location.hash.slice(1)), found = { ...first };
    for (const key of Object.keys(first)) if (asked.has(key)) found[key] = asked.get(key);
    found.pick = asked.getAll("pick").filter((id) => rowAt.get(id) < size).slice(0, MOST);
    found.cols = asked.has("cols") ? every.filter((key) => asked.getAll("cols").includes(key)) : null;
    if (!all("#views button").some((b) => b.dataset.view === found.view)) found.view = "table";
    if (!rankable(found.by)) found.by = board.order;
    if (!(rowAt.get(found.vs) < size)) found.vs = "";
    return found;
  }
  function written() {
    const said = new URLSearchParams();
    for (const [key, value] of Object.entries(state)) {
      if (Array.isArray(value)) (value.length || key === "pick" ? value : [""]).forEach((v) => said.append(key, v));
      else if (value && value !== first[key]) said.set(key, value);
    }
    return `#${said}`;
  }
  // `quiet` is for what changes with every key: it makes no step for the back button.
  function go(change, quiet) {
    finish();
    state = { ...state, ...change };
    draw(() => {
      if ((location.hash || "#") !== written()) history[quiet ? "replaceState" : "pushState"](null, "", written());
    });
  }

  const chosen = () => state.cols || standard, shown = () => state.view === "chart" ? [state.by] : chosen();
  const differs = (...keys) => keys.some((key) => String(drawn[key]) !== String(state[key]));
  // Where rows are many a change comes in steps (see common.js): (1) what was pressed, (2) what follows from it in the
  // rows in sight and a few more, (3) the other rows.
  const many = table.classList.contains("many"), SPARE = 1, HIGH = 50, NOTHING = [1, 0];
  let hasty = false, owed = [];  // owed: what rows out of sight still wait for
  function sight() {  // places of the first and last row in sight; asked before anything changes, when it costs nothing
    const region = $("region"), box = region.getBoundingClientRect(), bodies = table.tBodies;
    const all = bodies.length && box.height ? bodies[bodies.length - 1].getBoundingClientRect().bottom
      - bodies[0].getBoundingClientRect().top : 0, high = all / lines.filter((l) => !l.hidden).length || HIGH;
    const [start, end] = box.height ? [Math.max(-box.top, 0), Math.min(box.height, innerHeight - box.top)] : [0, innerHeight];
    return [(region.scrollTop + start) / high - SPARE, (region.scrollTop + end) / high + SPARE];
  }
  function hurry([from, to]) {
    all("tbody tr:not([hidden])", table).forEach((line, k) => line.classList.toggle("near", k >= from && k <= to));
    table.classList.add("hasty");
    hasty = true;
  }
  function each(write) {  // write(line, place) for every system; what is out of sight may wait a frame
    const late = [];
    systems.forEach((line, i) => { if (hasty && !line.classList.contains("near")) late.push(i); else write(line, i); });
    owed.push(() => late.forEach((i) => write(systems[i], i)));
  }
  function pause() {}  // what has moved from under the mouse is told so in a frame of its own
  function settle() {
    owed.splice(0).forEach((write) => write());
    table.classList.remove("hasty");
    hasty = false;
  }
  function draw(save) {
    const by = at.get(state.by), slow = many && drawn.view !== "";
    if (differs("by", "sort")) mark(by);
    if (differs("pick", "vs")) choose();
    press();
    const then = () => {
      if (save) save();
      follow(by, slow);
    };
    if (slow) inSteps(then, pause, settle);
    else {
      then();
      settle();
    }
  }
  function follow(by, slow) {
    if (differs("view", "by")) turn(by, slow);
    if (differs("open", "pick")) face();
    const seen = slow && ($("table").hidden ? NOTHING : sight());
    if (differs("by")) rank(by);
    if (differs("by", "sort")) sort();
    if (differs("find", "only", ...FIELDS)) filter();
    if (differs("cols", "view", "by")) build(by);
    if (seen && differs("by", "sort", "find", "only", ...FIELDS, "cols", "view", "vs")) hurry(seen);
    if (differs("by")) standing(by);
    if (differs("by", "cols", "view")) mark(by);
    if (differs("vs", "cols", "view", "by")) compare();
    if (differs("view", "by", "cols", "pick")) show(by);
    if (differs("open", "pick")) fill();
    tell();
    drawn = state;
  }

  // ---- the table ----------------------------------------------------------------------------------------------------

  let ranked = rows.slice(0, size).map((_, i) => i);  // places of the systems in the order of ranks
  function rank(c) {
    const sign = columns[c].direction === "lower" ? 1 : -1, last = (i) => board.value(c, i) === null ? 1 : 0;
    ranked.sort((i, j) => c === order ? i - j
      : last(i) - last(j) || sign * (board.value(c, i) - board.value(c, j)) || i - j);
  }
  function standing(c) {  // ranks and ties
    const p = board.pairs(c) || { ranks: [], first: [] }, ties = p.ties || [];
    each((line, i) => {
      const [, , cell, tie] = line.cells, [best, worst] = p.ranks[i] || [0, 0], told = ties[i] || "";
      cell.replaceChildren(best ? `${best}${DASH}${worst}` : DASH);
      if (best && p.first[i]) cell.append(make("small", { textContent: `first in ${p.first[i]}\u00a0%` }));
      cell.className = best === 1 ? "rank b" : "rank";
      const slot = (x) => make("i", { className: x === " " ? "" : "on", textContent: x.trim() });
      tie.replaceChildren(...(p.slots ? Array.from(told, slot) : [told]));
    });
    table.classList.toggle("lanes", p.slots > 0);
    table.classList.toggle("letters", !p.slots && size > 25);
    table.style.setProperty("--lanes", p.slots || 0);
  }

  const collator = new Intl.Collator("en", { numeric: true });
  const sorting = () => (state.sort || "rank~ascending").split("~");
  function mark(by) {  // heads: which one orders and which one sorts
    const [key, way] = sorting();
    for (const th of Array.from(top.children).filter((x) => x.firstElementChild && x.firstElementChild.dataset.key)) {
      const own = th.firstElementChild.dataset.key;
      if (own === key) th.setAttribute("aria-sort", way); else th.removeAttribute("aria-sort");
      th.classList.toggle("order", own === columns[by].id);
    }
  }
  function sort() {
    const [key, way] = sorting(), sign = way === "descending" ? -1 : 1;
    const places = new Map(ranked.map((i, k) => [i, k]));
    const value = (i) => at.has(key) ? board.value(at.get(key), i)
      : key === "rank" ? (i < size ? places.get(i) : i)
      : key === "name" ? rows[i].title
      : key === "level" ? board.levels.indexOf(rows[i].level) : rows[i][key];
    const gone = (x) => x.v === null || x.v === "" || x.v === undefined ? 1 : 0;
    for (const body of table.tBodies) {
      const items = lines.map((line, i) => ({ line, i })).filter((x) => x.line.parentNode === body);
      for (const x of items) x.v = value(x.i);
      items.sort((a, b) => gone(a) || gone(b) ? gone(a) - gone(b) || a.i - b.i
        : sign * (typeof a.v === "string" ? collator.compare(a.v, b.v) : a.v - b.v) || a.i - b.i);
      body.append(...items.map((x) => x.line));
    }
  }

  function filter() {
    const words = state.find.toLowerCase().split(/\s+/).filter(Boolean);
    lines.forEach((line, i) => {
      const r = rows[i], text = [r.title, r.system, r.generator, r.fusion, r.licence].join(" ").toLowerCase();
      line.hidden = (state.only && r.role !== "system") || FIELDS.some((f) => state[f] && r[f] !== state[f])
        || !words.every((w) => text.includes(w));
    });
    for (const body of table.tBodies) body.hidden = !lines.some((l) => l.parentNode === body && !l.hidden);
  }

  let built = standard;
  function build(by) {  // put the shown columns into the rows
    const keys = shown(), chart = state.view === "chart";
    if (String(keys) !== String(built)) {
      if (!stock.size) take();
      const gone = built.filter((key) => !keys.includes(key)).map(cells), last = keys.length - 1;
      const come = keys.map((key, k) => built.includes(key) ? null : [cells(key), k < last ? cells(keys[k + 1]) : null]).reverse();
      [top, ...lines].forEach((line, i) => {
        for (const its of gone) its[i].remove();
        for (const [its, next] of come.filter(Boolean)) line.insertBefore(its[i], next && next[i]);
      });
      table.style.setProperty("--cols", keys.map((key) => `var(--${at.has(key) ? "score" : "beside"})`).join(" "));
      table.style.setProperty("--n", 4 + keys.length);
      built = keys;
    }
    table.classList.toggle("chart", chart);
    all("thead .ticks", table).forEach((node) => node.remove());
    if (chart && columns[by].ends) {
      const { labels, grid } = views.ticks(...columns[by].ends);
      cells(state.by)[0].append(labels);
      table.style.setProperty("--grid", grid);
    }
  }

  function compare() {
    const reference = state.vs ? rowAt.get(state.vs) : -1;
    const keys = reference < 0 ? [] : shown().filter((k) => at.has(k));
    table.classList.toggle("compared", reference >= 0);
    each((line, i) => {
      line.classList.toggle("reference", i === reference);
      for (const key of keys) {
        const c = at.get(key), cell = cells(key)[i + 1], seen = board.versus(c, reference, i), last = cell.lastElementChild;
        const node = last && last.matches(".vs") ? last : cell.appendChild(document.createElement("span")), told = views.verdict(seen.kind);
        node.className = `vs ${i === reference ? "self" : told.found}`;
        node.textContent = i === reference ? "reference" : `${told.mark} ${told.word} ${views.amount(seen)[0]}`;
      }
    });
  }

  function choose() {
    systems.forEach((line, i) => {
      const [box, button] = line.firstElementChild.children;
      box.checked = state.pick.includes(rows[i].id);
      box.disabled = !box.checked && state.pick.length >= MOST;
      put(button, "aria-pressed", String(state.vs === rows[i].id));
      line.classList.toggle("picked", box.checked);
    });
  }

  // ---- other views, drawer, status ------------------------------------------------------------------------------------

  function turn(by, slow) {
    for (const part of all(".view")) part.hidden = !part.dataset.for.split(" ").includes(state.view);
    for (const node of all(".what")) node.replaceChildren(bdi(columns[by].label));
    if (slow && differs("view")) hurry(NOTHING);
  }
  function show(by) {
    const put = (...nodes) => all(`#${state.view} .scroll`)[0].replaceChildren(...nodes);
    if (state.view === "matrix") put(views.matrix(by, ranked));
    if (state.view === "front") parts.whole($("front"));
    if (state.view === "shares") put(views.shares(by, ranked));
    if (state.view === "profile") {
      const p = board.pairs(by), best = ranked.filter((i) => !p || p.ranks[i][0] === 1);
      const who = state.pick.length ? state.pick.map((id) => rowAt.get(id)) : best.slice(0, MOST);
      put(...views.profile(chosen().filter((key) => at.has(key)).map((key) => at.get(key)), who));
    }
  }

  let before = null;  // what had the focus when the drawer was opened
  const two = () => state.pick.map((id) => rowAt.get(id));
  const faced = () => state.open && state.pick.length > 1;
  function face() {
    if (faced() && !drawer.open) {
      before = document.activeElement;
      $("drawer-body").replaceChildren();
      drawer.show();
    } else if (!faced() && drawer.open) drawer.close();
  }
  function fill() {
    if (faced()) $("drawer-body").replaceChildren(...views.drawer(...two()));
  }
  drawer.addEventListener("close", () => {
    if (state.open) go({ open: "" });
    if (before && before !== document.body && before.isConnected) before.focus();
  });

  function tell() {
    const status = $("status"), scores = shown().filter((key) => at.has(key)).length;
    const button = (text, change) => status.append(" ", make("button", { type: "button", textContent: text, onclick: () => {
      go(change);
      status.focus();  // this button is gone
    } }));
    status.replaceChildren(`${lines.filter((l) => !l.hidden).length} of ${lines.length} rows and ${scores} of `
      + `${columns.length} score columns shown.`);
    if (state.vs) {
      status.append(" Compared to ", bdi(rows[rowAt.get(state.vs)].title), ", by its own intervals.");
      button("Stop comparing", { vs: "" });
    }
    if (state.pick.length) {
      status.append(` ${state.pick.length} chosen.`);
      if (state.pick.length > 1) button("Compare the first two", { open: "1" });
      button("Choose none", { pick: [], open: "" });
    }
  }
  function press() {
    const enter = (field, value) => { if (field && field.value !== value) field.value = value; };
    for (const b of all("#views button")) put(b, "aria-pressed", String(b.dataset.view === state.view));
    enter($("by"), state.by);
    enter($("find"), state.find);
    $("only").checked = Boolean(state.only);
    for (const select of all("[data-filter]")) enter(select, state[select.dataset.filter]);
    if (differs("cols") || !drawn.view) for (const box of all("[data-column]")) box.checked = chosen().includes(box.dataset.column);
  }

  // ---- CSV: what is shown, as it is ordered; no text can be a formula -------------------------------------------------

  function csv() {
    finish();
    const keys = chosen(), by = at.get(state.by), p = board.pairs(by), out = [];
    const quoted = (text) => `"${(/^\s*[=+\-@]/.test(text) ? "'" : "") + text.replaceAll('"', '""')}"`;
    const plain = (x) => typeof x === "string" ? x && quoted(x) : x === null || x === undefined ? "" : String(x);
    const add = (...cells) => out.push(cells.map(plain).join(","));
    add("system", "role", "rank best", "rank worst", ...keys.flatMap((key) => {
      if (!at.has(key)) return [key];
      const { label, dataset } = columns[at.get(key)], name = dataset ? `${label} (${dataset})` : label;
      return [name, `${name} low`, `${name} high`];
    }));
    for (const line of all("tbody tr:not(.g):not([hidden])", table)) {
      const i = lines.indexOf(line), rank = i < size && p && p.ranks[i][0] ? p.ranks[i] : ["", ""];
      const scores = (c) => [board.value(c, i), ...(board.ends(c, i) || ["", ""])];
      add(rows[i].title, rows[i].role, ...rank, ...keys.flatMap((key) => at.has(key) ? scores(at.get(key)) : [rows[i][key]]));
    }
    return out.join("\r\n") + "\r\n";
  }
  function download() {
    const url = URL.createObjectURL(new Blob(["\ufeff", csv()], { type: "text/csv" }));
    make("a", { href: url, download: "board.csv" }).click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  }

  // ---- wiring -------------------------------------------------------------------------------------------------------

  const on = (node, kind, action, first) => node && node.addEventListener(kind, action, first);
  const box = make("input", { type: "checkbox" }), button = make("button", { type: "button", className: "vs", textContent: "vs" });
  button.setAttribute("aria-pressed", "false");
  systems.forEach((line, i) => {  // a box and a button a row, heard by the table
    const own = box.cloneNode(), vs = button.cloneNode(true), { title } = rows[i];
    own.setAttribute("aria-label", `Choose ${title}`);
    vs.title = `vs ${title}: compare every row to it`;
    vs.setAttribute("aria-label", vs.title);
    line.firstElementChild.append(own, vs);
  });
  const rowOf = (node) => rows[systems.indexOf(node.closest("tr"))].id;
  on(table, "change", (e) => {
    const id = rowOf(e.target), pick = e.target.checked ? [...state.pick, id] : state.pick.filter((x) => x !== id);
    go({ pick, open: e.target.checked && pick.length === 2 ? "1" : "" });
  });
  on(table, "click", (e) => {
    const pressed = e.target.closest("button"), key = pressed && pressed.dataset.key;
    if (key) {
      const start = pressed.dataset.first, other = start === "ascending" ? "descending" : "ascending";
      const sorted = `${key}~${pressed.parentNode.getAttribute("aria-sort") === start ? other : start}`;
      go({ sort: sorted === "rank~ascending" ? "" : sorted });
    } else if (pressed) go({ vs: state.vs === rowOf(pressed) ? "" : rowOf(pressed) });
  });
  for (const b of all("#views button")) on(b, "click", () => go({ view: b.dataset.view }));
  for (const s of all("[data-filter]")) on(s, "change", () => go({ [s.dataset.filter]: s.value }));
  for (const box of all("[data-column]")) {
    on(box, "change", () => {
      const keys = every.filter((key) => key === box.dataset.column ? box.checked : chosen().includes(key));
      go({ cols: String(keys) === String(standard) ? null : keys });
    });
  }
  on($("by"), "change", (e) => go({ by: e.target.value, sort: "" }));
  on($("find"), "input", (e) => go({ find: e.target.value }, true));
  on($("only"), "change", (e) => go({ only: e.target.checked ? "1" : "" }));
  on($("csv"), "click", () => inSteps(download));
  on($("clear"), "click", () => go(first));
  on($("swap"), "click", () => go({ pick: [state.pick[1], state.pick[0], ...state.pick.slice(2)] }));
  on($("close"), "click", () => drawer.close());
  on(window, "keydown", (e) => { if (e.key === "Escape" && drawer.open) drawer.close(); });
  on(window, "popstate", () => {
    if (location.hash && !location.hash.includes("=")) return;
    finish();
    state = read();
    draw();
  });
  on(document, "click", (e) => {  // an anchor would overwrite the state in the address
    const link = e.target.closest("a[href^='#']"), target = link && $(link.getAttribute("href").slice(1));
    if (!target) return;
    e.preventDefault();
    const jump = () => {
      const part = target.closest(".view");
      if (part && part.hidden) go({ view: part.dataset.for.split(" ")[0] });
      finish();
      target.tabIndex = -1;
      target.scrollIntoView();
      target.focus({ preventScroll: true });
    };
    if (many) inSteps(jump); else jump();
  });
  function pair(e) {  // row and column of the matrix under the mouse
    const cell = e.target.closest("#matrix tbody td");
    if (!cell) return null;
    const box = cell.getBoundingClientRect(), i = ranked[cell.parentNode.sectionRowIndex];
    const k = cell.className === "signs" ? Math.floor((e.clientX - box.left) / box.width * size) : cell.cellIndex - 2;
    return k >= 0 && k < size && ranked[k] !== i ? [i, ranked[k]] : null;
  }
  on($("matrix"), "mousemove", (e) => {
    const found = pair(e);
    if (found) all("#matrix .readout")[0].replaceChildren(...views.sentence(at.get(state.by), ...found));
  });
  on($("matrix"), "click", (e) => {
    const found = pair(e);
    if (found) go({ pick: [rows[found[1]].id, rows[found[0]].id], open: "1" });
  });

  const made = all(".fields").map((part) => part.parentNode), menu = $("columns-choice");
  const soon = (then) => requestAnimationFrame(() => requestAnimationFrame(then));
  for (const part of made) on(part, "toggle", () => { if (part.open) soon(() => parts.some(part)); });
  on(menu, "toggle", () => soon(parts.cut));
  if (many) {
    for (const part of [menu, ...made]) {  // all that stands below an opened list moves
      const summary = part.firstElementChild;
      on(summary, "click", (e) => {
        e.preventDefault();
        summary.classList.add("pressed");
        inSteps(() => {
          part.open = !part.open;
          summary.classList.remove("pressed");
        });
      });
    }
    recolour = (write) => inSteps(() => {
      hurry(sight());
      write();
    }, pause, settle);
  }
  on(window, "load", () => made.forEach(parts.rest));
  on(window, "beforeprint", () => {  // paper has every row and view
    finish();
    if ($("matrix")) all("#matrix .scroll")[0].replaceChildren(views.matrix(at.get(state.by), ranked, true));
    if (state.view === "shares") all("#shares .scroll")[0].replaceChildren(views.shares(at.get(state.by), ranked, true));
    for (const part of [...made, $("front")]) if (part) parts.whole(part);
  });

  $("tools").hidden = false;
  document.documentElement.classList.add("scripted");
  state = read();
  draw();
})();
