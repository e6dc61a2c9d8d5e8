// Views that the board's page draws for the chosen column or rows. Text of strangers goes in as text, never as HTML.
const boardViews = (board) => {
  "use strict";
  const { rows, columns, size, number, digits, KINDS, DASH } = board;
  const FULL = 16;  // systems up to which the matrix shows numbers, as in board_views.py
  const MARK = { same: "=", better: "▲", worse: "▼", none: "?" }, SHAPES = ["●", "■", "▲", "◆", "▼", "✚"];
  const SIGN = { same: "=", better: "+", worse: "\u2212", none: "?", self: "·" };
  const WORD = { same: "tied", better: "better", worse: "worse", none: "not comparable" };

  function make(tag, properties, ...children) {
    const node = document.createElement(tag);
    for (const [key, value] of Object.entries(properties || {})) {
      if (key in node && key !== "style" && key !== "role") node[key] = value; else node.setAttribute(key, value);
    }
    node.append(...children);
    return node;
  }
  const td = (className, ...children) => make("td", { className }, ...children);
  const small = (...children) => make("small", {}, ...children);
  const line = (...cells) => make("tr", {}, ...cells);
  const heading = (...children) => make("th", { scope: "row", className: "name" }, ...children);
  // A name, with places where a line may end.
  const bdi = (text) => make("bdi", {}, ...text.split(/(?<=[+(,/_=-])/).flatMap((part, i) => i ? [make("wbr"), part] : part));
  const name = (i) => heading(bdi(rows[i].title));
  const arrow = (c) => ({ higher: " ↑", lower: " ↓", none: "" })[columns[c].direction];
  const measure = (c, more = "") => heading(bdi(columns[c].label + (columns[c].unit && `, ${columns[c].unit}`)), arrow(c),
    small(bdi(columns[c].dataset), more));
  const tableOf = (className, heads, body) => make("table", { className }, make("thead", {}, line(...heads.map((text) =>
    make("th", { scope: "col", className: text === "System" || text === "Column" ? "name" : "", textContent: text })))), body);

  // A verdict as mark and word; its amount as ["+0.021", "±0.008"].
  const verdict = (kind) => ({ mark: MARK[KINDS[kind]], word: WORD[KINDS[kind]], found: KINDS[kind] });
  const amount = (seen, d = digits(seen.half, seen.delta)) => isFinite(seen.delta)
    ? [number(seen.delta, d, true), `±${number(seen.half, d)}`] : ["", ""];
  function sentence(c, i, j) {
    const seen = board.against(c, i, j), { mark, word } = verdict(seen.kind);
    return [bdi(rows[i].title), " against ", bdi(rows[j].title), `: ${mark} ${word} ${amount(seen).join(" ")}`];
  }

  // Lines of a long table: so many at once, the others in the frames after; `whole`: all at once.
  const AT_ONCE = 25;
  function fill(body, order, made, whole) {
    let k = 0;
    const more = () => {
      const stop = whole ? order.length : Math.min(k + AT_ONCE, order.length), lines = [];
      for (; k < stop; k++) lines.push(made(order[k], k));
      body.append(...lines.filter(Boolean));
      if (k < order.length) requestAnimationFrame(() => setTimeout(() => { if (body.isConnected) more(); }));
    };
    more();
    return body;
  }

  function matrix(c, order, whole) {
    const body = make("tbody");
    if (size > FULL) {
      return make("table", { className: "pairs signs" }, fill(body, order, (i, at) => {
        const kinds = board.kinds(c, i), names = order.map((j) => i === j ? "self" : KINDS[kinds[j]]);
        return line(td("no", String(at + 1)), name(i), td("signs", ...signs(names)));
      }, whole));
    }
    const seen = order.map((i) => order.map((j) => i === j ? null : board.against(c, i, j)));
    const known = seen.flat().filter((s) => s && isFinite(s.delta)), halves = known.map((s) => s.half).filter((x) => x > 0);
    const d = digits(halves.sort((a, b) => a - b)[halves.length >> 1], Math.max(...known.map((s) => Math.abs(s.delta))));
    order.forEach((i, at) => body.append(line(td("no", String(at + 1)), name(i), ...seen[at].map((s) => pair(s, d)))));
    return tableOf("pairs", ["No.", "System", ...order.map((_, at) => String(at + 1))], body);
  }
  function pair(seen, d) {
    if (!seen) return td("self");
    const { mark, found } = verdict(seen.kind), [delta, half] = amount(seen, d);
    return td(found, make("span", { className: "mark", textContent: mark }), ` ${delta}`, small(half));
  }
  function signs(kinds) {  // equal neighbours together
    const found = [];
    for (let k = 0, stop; k < kinds.length; k = stop) {
      for (stop = k; kinds[stop] === kinds[k];) stop++;
      found.push(make("span", { className: kinds[k], textContent: SIGN[kinds[k]].repeat(stop - k) }));
    }
    return found;
  }

  function shares(c, order, whole) {
    const body = fill(make("tbody"), order, (i) => {
      const found = board.shares(c, i);
      if (!found || !found.shares.length) return null;
      const most = Math.max(...found.shares), at = (k) => `${(100 * (found.start + k) / size).toFixed(2)}%`;
      const depth = (x) => x ? (0.12 + 0.88 * x / most).toFixed(2) : 0;
      const stops = found.shares.map((x, k) => `rgb(0 0 0/${depth(x)}) ${at(k)} ${at(k + 1)}`);
      const mask = `linear-gradient(90deg,#0000 ${at(0)},${stops.join(",")},#0000 0)`;
      const strip = make("span", { className: "heatstrip", style: `-webkit-mask-image:${mask};mask-image:${mask}` });
      const mode = found.start + found.shares.indexOf(most) + 1, [low, high] = central(found);
      return line(name(i), td("wide", strip), td("", `rank ${mode} in ${Math.round(100 * most)} %`), td("", `${low}${DASH}${high}`));
    }, whole);
    return tableOf("strips", ["System", `ranks 1 to ${size}`, "Most often", "9 of 10 lie in"], body);
  }
  function central(found) {  // the ranks between the outer 5 % on either side
    let sum = 0;
    const sums = found.shares.map((x) => sum += x), rank = (least) => sums.findIndex((s) => s > least - 1e-9) + found.start + 1;
    return [rank(0.05), rank(0.95)];
  }

  function profile(seen, chosen) {
    const body = make("tbody");
    for (const c of seen.filter((k) => columns[k].ends)) {
      const { ends, direction, decimals } = columns[c], [low, high] = direction === "lower" ? [ends[1], ends[0]] : ends;
      const place = (x) => Math.min(Math.max(100 * (x - low) / (high - low), 0), 100);
      const lanes = make("td", { className: "wide lanes", style: `--lanes:${chosen.length}` }), told = td("told");
      chosen.forEach((i, k) => {
        const x = board.value(c, i), [l, r] = (board.ends(c, i) || [x, x]).map(place).sort((a, b) => a - b);
        told.append(make("span", { className: `s${k}`, textContent: `${SHAPES[k]} ${number(x, decimals)}` }));
        if (x === null) return;
        const style = `--k:${k};--d:${place(x).toFixed(1)}%;--l:${l.toFixed(1)}%;--r:${r.toFixed(1)}%`;
        lanes.append(make("i", { className: `lane s${k}`, style, "aria-hidden": "true" }, make("b", {}, SHAPES[k])));
      });
      body.append(line(measure(c), td("", number(low, decimals)), lanes, td("", number(high, decimals)), told));
    }
    const names = chosen.map((i, k) => make("li", {}, make("span", { className: `s${k}` }, SHAPES[k]), " ", bdi(rows[i].title)));
    const table = tableOf("dots", ["Column", "Worst", "worse | better", "Best", "Scores"], body);
    return [make("ul", { className: "shapes" }, ...names), table];
  }

  // Round numbers along an axis, and lines below them through all rows of the interval chart.
  function ticks(low, high) {
    const raw = (high - low) / 5, power = 10 ** Math.floor(Math.log10(raw)), stops = [];
    const factor = [1, 2, 2.5, 5, 10].find((m) => m * power >= raw), step = factor * power;
    const places = Math.max(0, (factor === 2.5 ? 1 : 0) - Math.floor(Math.log10(step) + 1e-9));
    const labels = make("span", { className: "ticks", "aria-hidden": "true" });
    for (let k = Math.ceil(low / step); k * step <= high; k++) {
      const at = `${(100 * (k * step - low) / (high - low)).toFixed(2)}%`;
      labels.append(make("i", { style: `left:${at}` }, number(k * step, step >= 1e5 || step < 1e-5 ? -1 : places)));
      stops.push(`#0000 ${at},var(--line) 0 calc(${at} + 1px),#0000 0`);
    }
    return { labels, grid: `linear-gradient(90deg,${stops.join(",") || "#0000,#0000"})` };
  }

  // Every column's difference of b to a, by the intervals of a; the bar's scale is a's largest comparison in that column.
  function drawer(a, b) {
    const body = make("tbody"), count = {};
    columns.forEach((column, c) => {
      const seen = board.versus(c, a, b), { mark, word, found } = verdict(seen.kind), [delta, half] = amount(seen);
      const score = (i) => td("", number(board.value(c, i), column.decimals)), bar = td("wide");
      count[word] = (count[word] || 0) + 1;
      if (isFinite(seen.delta)) {
        const reach = board.widest(c, a) || 1;
        const at = (x) => `${(50 + 48 * x / reach).toFixed(1)}%`;
        const style = `--d:${at(seen.delta)};--l:${at(seen.delta - seen.half)};--r:${at(seen.delta + seen.half)}`;
        bar.append(make("span", { className: "forest", style, "aria-hidden": "true" }));
      }
      const tr = line(measure(c, column.primary ? "" : " exploratory"), score(a), score(b), td("verdict", `${mark} ${word}`), bar,
        td("", delta || DASH, small(half)));
      tr.className = found;
      body.append(tr);
    });
    const words = Object.entries(count).map(([word, n]) => `${word} in ${n}`).join(", ");
    return [
      make("p", { className: "pairing" }, "B ", bdi(rows[b].title), make("br"), "against A ", bdi(rows[a].title), make("br"),
        make("strong", {}, `B is ${words} of ${columns.length} columns.`)),
      make("p", { className: "legend" }, "Right is better for B. Intervals are those of A: simultaneous over all its "
        + "comparisons in primary columns; in exploratory ones each stands alone."),
      make("div", { className: "scroll", tabIndex: 0, role: "region", "aria-label": "Differences" },
        tableOf("duel", ["Column", "A", "B", "B is", "worse | better", "B less A"], body)),
    ];
  }

  return { make, bdi, matrix, shares, profile, ticks, drawer, sentence, verdict, amount };
};
