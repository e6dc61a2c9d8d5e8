// The board's page: one state, kept in the address, and what follows from it. Numbers: board_data.js, views: board_views.js.
(() => {
  "use strict";
  const board = boardData(JSON.parse(document.getElementById("data").textContent)), views = boardViews(board);
  const { rows, columns, size, DASH } = board, { make, bdi } = views;
  const $ = (id) => document.getElementById(id);
  const all = (query, from) => Array.from((from || document).querySelectorAll(query));
  const table = $("board"), drawer = $("drawer"), top = table.tHead.rows[0];
  const lines = all("tbody tr:not(.g)", table), systems = lines.slice(0, size);
  const at = new Map(columns.map((c, i) => [c.id, i])), rowAt = new Map(rows.map((r, i) => [r.id, i]));
  const meta = all("thead .meta button", table).map((b) => b.dataset.key), order = at.get(board.order);
  const FIELDS = ["generator", "fusion", "licence", "level"], MOST = 6;

  // Key of a column -> its head and its cells, from both tables; those that are not shown live outside of the document.
  const stock = new Map();
  function take(from, trs, skip) {
    const heads = Array.from(from.tHead.rows[0].cells).slice(skip);
    heads.forEach((th, k) => stock.set(th.firstElementChild.dataset.key, [th, ...trs.map((tr) => tr.cells[skip + k])]));
  }
  take(table, lines, 4);
  if ($("others")) take($("others"), all("tbody tr", $("others")), 1);
  const sortable = [top.cells[1], top.cells[2], ...Array.from(stock.values(), (cells) => cells[0])];

  // ---- state --------------------------------------------------------------------------------------------------------

  const first = { view: "table", by: board.order, sort: "", vs: "", pick: [], open: "", find: "", only: "",
    generator: "", fusion: "", licence: "", level: "", cols: null };
  const every = [...columns.map((c) => c.id), ...meta];
  const standard = every.filter((key) => !at.has(key) || columns[at.get(key)].shown);
  const rankable = (id) => at.has(id) && columns[at.get(id)].primary && columns[at.get(id)].pairs;
  let state = first, drawn = { ...first, pick: null, view: "" };  // drawn: the state that the page shows

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
    state = { ...state, ...change };
    if ((location.hash || "#") !== written()) history[quiet ? "replaceState" : "pushState"](null, "", written());
    draw();
  }

  const chosen = () => state.cols || standard, shown = () => state.view === "chart" ? [state.by] : chosen();
  const differs = (...keys) => keys.some((key) => String(drawn[key]) !== String(state[key]));
  function draw() {
    const by = at.get(state.by);
    if (differs("by")) rank(by);
    if (differs("by", "sort")) sort();
    if (differs("find", "only", ...FIELDS)) filter();
    if (differs("cols", "view", "by")) build(by);
    if (differs("vs", "cols", "view", "by")) compare();
    if (differs("pick", "vs")) choose();
    if (differs("view", "by", "cols", "pick")) show(by);
    if (differs("open", "pick")) face();
    tell();
    drawn = state;
  }

  // ---- the table ----------------------------------------------------------------------------------------------------

  let ranked = rows.slice(0, size).map((_, i) => i);  // places of the systems in the order of ranks
  function rank(c) {
    const p = board.pairs(c) || { ranks: [], first: [] }, ties = p.ties || [], sign = columns[c].direction === "lower" ? 1 : -1;
    const last = (i) => board.value(c, i) === null ? 1 : 0;
    ranked.sort((i, j) => c === order ? i - j
      : last(i) - last(j) || sign * (board.value(c, i) - board.value(c, j)) || i - j);
    systems.forEach((line, i) => {
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
    columns.forEach((column, k) => stock.get(column.id)[0].classList.toggle("order", k === c));
  }

  const collator = new Intl.Collator("en", { numeric: true });
  function sort() {
    const [key, way] = (state.sort || "rank~ascending").split("~"), sign = way === "descending" ? -1 : 1;
    for (const th of sortable) {
      if (th.firstElementChild.dataset.key === key) th.setAttribute("aria-sort", way); else th.removeAttribute("aria-sort");
    }
    const places = new Map(ranked.map((i, k) => [i, k]));
    const value = (i) => at.has(key) ? board.value(at.get(key), i)
      : key === "rank" ? (i < size ? places.get(i) : i)
      : key === "name" ? rows[i].title
      : key === "level" ? board.levels.indexOf(rows[i].level) : rows[i][key];
    const gone = (x) => x.v === null || x.v === "" || x.v === undefined ? 1 : 0;
    for (const body of all("tbody", table)) {
      const items = lines.map((line, i) => ({ line, i, v: value(i) })).filter((x) => x.line.parentNode === body);
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
    for (const body of all("tbody", table)) body.hidden = !lines.some((l) => l.parentNode === body && !l.hidden);
  }

  let built = String(standard);
  function build(by) {  // put the shown columns into the rows
    const keys = shown(), chart = state.view === "chart";
    if (String(keys) !== built || $("others")) {
      [top, ...lines].forEach((line, i) => {
        line.replaceChildren(...Array.from(line.cells).slice(0, 4), ...keys.map((key) => stock.get(key)[i]));
      });
    }
    built = String(keys);
    table.classList.toggle("chart", chart);
    table.style.setProperty("--cols", keys.map((key) => `var(--${at.has(key) ? "score" : "beside"})`).join(" "));
    table.style.setProperty("--n", 4 + keys.length);
    all(".ticks", table).forEach((node) => node.remove());
    if (chart && columns[by].ends) {
      const { labels, grid } = views.ticks(...columns[by].ends);
      stock.get(state.by)[0].append(labels);
      table.style.setProperty("--grid", grid);
    }
  }

  function compare() {
    const reference = state.vs ? rowAt.get(state.vs) : -1;
    table.classList.toggle("compared", reference >= 0);
    systems.forEach((line, i) => {
      line.classList.toggle("reference", i === reference);
      for (const key of reference < 0 ? [] : shown().filter((k) => at.has(k))) {
        const c = at.get(key), cell = stock.get(key)[i + 1], seen = board.versus(c, reference, i);
        const node = cell.querySelector(".vs") || cell.appendChild(make("span")), told = views.verdict(seen.kind);
        node.className = `vs ${i === reference ? "self" : told.found}`;
        node.textContent = i === reference ? "reference" : `${told.mark} ${told.word} ${views.amount(seen)[0]}`;
      }
    });
  }

  function choose() {
    systems.forEach((line, i) => {
      const [box, button] = line.cells[0].children;
      box.checked = state.pick.includes(rows[i].id);
      box.disabled = !box.checked && state.pick.length >= MOST;
      button.setAttribute("aria-pressed", String(state.vs === rows[i].id));
      line.classList.toggle("picked", box.checked);
    });
  }

  // ---- other views, drawer, status ------------------------------------------------------------------------------------

  function show(by) {
    for (const part of all(".view")) part.hidden = !part.dataset.for.split(" ").includes(state.view);
    for (const node of all(".what")) node.replaceChildren(bdi(columns[by].label));
    const put = (...nodes) => all(`#${state.view} .scroll`)[0].replaceChildren(...nodes);
    if (state.view === "matrix") put(views.matrix(by, ranked));
    if (state.view === "shares") put(views.shares(by, ranked));
    if (state.view === "profile") {
      const p = board.pairs(by), best = ranked.filter((i) => !p || p.ranks[i][0] === 1);
      const who = state.pick.length ? state.pick.map((id) => rowAt.get(id)) : best.slice(0, MOST);
      put(...views.profile(chosen().filter((key) => at.has(key)).map((key) => at.get(key)), who));
    }
  }

  let before = null;  // what had the focus when the drawer was opened
  function face() {
    const [a, b] = state.pick.map((id) => rowAt.get(id)), wanted = state.open && b !== undefined;
    if (wanted) $("drawer-body").replaceChildren(...views.drawer(a, b));
    if (wanted && !drawer.open) {
      before = document.activeElement;
      drawer.show();
    } else if (!wanted && drawer.open) drawer.close();
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
    for (const b of all("#views button")) b.setAttribute("aria-pressed", String(b.dataset.view === state.view));
    if ($("by")) $("by").value = state.by;
    if ($("find").value !== state.find) $("find").value = state.find;
    $("only").checked = Boolean(state.only);
    for (const select of all("[data-filter]")) select.value = state[select.dataset.filter];
    for (const box of all("[data-column]")) box.checked = chosen().includes(box.dataset.column);
  }

  // ---- CSV: what is shown, as it is ordered; no text can be a formula -------------------------------------------------

  function csv() {
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

  const on = (node, kind, action) => node && node.addEventListener(kind, action);
  systems.forEach((line, i) => {
    const { id, title } = rows[i], vs = `vs ${title}: compare every row to it`;
    line.cells[0].append(make("input", { type: "checkbox", "aria-label": `Choose ${title}`, onchange: (e) => {
      const pick = e.target.checked ? [...state.pick, id] : state.pick.filter((x) => x !== id);
      go({ pick, open: e.target.checked && pick.length === 2 ? "1" : "" });
    } }), make("button", { type: "button", className: "vs", textContent: "vs", title: vs, "aria-label": vs, onclick: () => {
      go({ vs: state.vs === id ? "" : id });
    } }));
  });
  for (const th of sortable) {
    on(th.firstElementChild, "click", () => {
      const { key, first: start } = th.firstElementChild.dataset, other = start === "ascending" ? "descending" : "ascending";
      const sorted = `${key}~${th.getAttribute("aria-sort") === start ? other : start}`;
      go({ sort: sorted === "rank~ascending" ? "" : sorted });
    });
  }
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
  on($("csv"), "click", download);
  on($("clear"), "click", () => go(first));
  on($("swap"), "click", () => go({ pick: [state.pick[1], state.pick[0], ...state.pick.slice(2)] }));
  on($("close"), "click", () => drawer.close());
  on(window, "keydown", (e) => { if (e.key === "Escape" && drawer.open) drawer.close(); });
  on(window, "popstate", () => {
    if (location.hash && !location.hash.includes("=")) return;
    state = read();
    draw();
  });
  on(document, "click", (e) => {  // an anchor would overwrite the state in the address
    const link = e.target.closest("a[href^='#']"), target = link && $(link.getAttribute("href").slice(1));
    if (!target) return;
    e.preventDefault();
    const part = target.closest(".view");
    if (part && part.hidden) go({ view: part.dataset.for.split(" ")[0] });
    target.tabIndex = -1;
    target.scrollIntoView();
    target.focus({ preventScroll: true });
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

  $("tools").hidden = false;
  if ($("more")) $("more").remove();
  document.documentElement.classList.add("scripted");
  state = read();
  draw();
})();
