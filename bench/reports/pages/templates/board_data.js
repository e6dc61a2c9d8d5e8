// What the board's page computes with: see board_data.py, which packs it. Nothing here touches the document.
const boardData = (data) => {
  "use strict";
  const SAME = 0, BETTER = 1, WORSE = 2, NONE = 3;
  const KINDS = ["same", "better", "worse", "none"], TURN = [SAME, WORSE, BETTER, NONE];
  const rows = data.rows, columns = data.columns;
  const size = rows.filter((r) => r.role === "system").length;
  const MINUS = "\u2212", DASH = "\u2013";

  function bytes(text) {
    const raw = atob(text), found = new Uint8Array(raw.length);
    for (let i = 0; i < raw.length; i++) found[i] = raw.charCodeAt(i);
    return found;
  }
  const words = (text, type) => new type(bytes(text).buffer);  // little-endian, as on every machine with a browser

  const opened = new Map();
  function pairs(c) {  // unpacked at first use
    if (!columns[c].pairs) return null;
    if (!opened.has(c)) {
      const p = columns[c].pairs, table = [0, p.least];
      while (table.length <= p.levels) table.push(table[table.length - 1] * p.ratio);
      const more = new Map(), turned = new Map();
      for (let i = 0; p.own && i < p.own.length; i += 2) more.set(p.own[i], p.own[i + 1]);
      for (let i = 0; i < p.turned.length; i += 2) turned.set(p.turned[i], p.turned[i + 1]);
      const every = p.every ? words(p.every, Int16Array) : null;
      opened.set(c, {
        ...p, table, turned, codes: p.wide ? words(p.errors, Uint16Array) : bytes(p.errors),
        more: every ? (k) => p.step * every[k] : (k) => more.get(k) || 0,
        from: spans(p.spans || []),
      });
    }
    return opened.get(c);
  }

  // Row i against row j by the simultaneous interval of i: {kind, delta, half}, turned so that + is better for i.
  function against(c, i, j) {
    const p = pairs(c), column = columns[c];
    if (!p || i === j || i >= size || j >= size) return { kind: NONE, delta: NaN, half: NaN };
    const [a, b] = i < j ? [i, j] : [j, i], k = a * size - a * (a + 1) / 2 + (b - a - 1);
    const raw = ((column.v[a] || 0) - (column.v[b] || 0) + p.more(k)) / column.scale;
    const delta = (i < j) === (column.direction !== "lower") ? raw : -raw, known = p.codes[k] < p.table.length;
    const half = known ? p.reach[i] * p.table[p.codes[k]] : NaN, at = i * size + j;
    const kind = p.turned.has(at) ? p.turned.get(at)
      : !known ? NONE : delta > half ? BETTER : delta < -half ? WORSE : SAME;
    return { kind, delta: kind === NONE ? NaN : delta, half };
  }
  // Row j seen from the row that everybody is compared to, by that row's intervals.
  function versus(c, reference, j) {
    const seen = against(c, reference, j);
    return { kind: TURN[seen.kind], delta: -seen.delta, half: seen.half };
  }

  // Row i against every other, as `against` says it, in one go: then(j, kind, delta, half).
  function each(c, i, then) {
    const p = pairs(c);
    if (!p || i >= size) return;
    const { v, scale, direction } = columns[c], lower = direction === "lower", known = p.table.length;
    for (let j = 0; j < size; j++) {
      if (i === j) continue;
      const a = Math.min(i, j), b = Math.max(i, j), k = a * size - a * (a + 1) / 2 + (b - a - 1), at = i * size + j;
      const raw = ((v[a] || 0) - (v[b] || 0) + p.more(k)) / scale, delta = (i < j) !== lower ? raw : -raw;
      const half = p.codes[k] < known ? p.reach[i] * p.table[p.codes[k]] : NaN;
      then(j, p.turned.has(at) ? p.turned.get(at)
        : p.codes[k] >= known ? NONE : delta > half ? BETTER : delta < -half ? WORSE : SAME, delta, half);
    }
  }
  function kinds(c, i) {
    const found = new Uint8Array(size).fill(NONE);
    each(c, i, (j, kind) => { found[j] = kind; });
    return found;
  }
  function widest(c, i) {  // how far the intervals of row i reach from 0
    let most = 0;
    each(c, i, (_, kind, delta, half) => { if (kind !== NONE) most = Math.max(most, Math.abs(delta) + half); });
    return most;
  }

  const value = (c, i) => columns[c].v[i] === null ? null : columns[c].v[i] / columns[c].scale;
  const ends = (c, i) => columns[c].down[i] === null || columns[c].up[i] === null || columns[c].v[i] === null ? null
    : [(columns[c].v[i] - columns[c].down[i]) / columns[c].scale, (columns[c].v[i] + columns[c].up[i]) / columns[c].scale];

  // Shares of ranks: {start, shares} of a row.
  function shares(c, i) {
    const p = pairs(c);
    if (!p || !p.shares) return null;
    p.steps = p.steps || bytes(p.shares);
    const found = Array.from(p.steps.subarray(p.from[i], p.from[i + 1])), sum = found.reduce((a, b) => a + b, 0) || 1;
    return { start: p.spans[2 * i], shares: found.map((x) => x / sum) };
  }
  function spans(pairs) {  // where each row's shares begin
    const from = [0];
    for (let i = 1; i < pairs.length; i += 2) from.push(from[from.length - 1] + pairs[i]);
    return from;
  }

  // Numbers as numbers.py prints them.
  function number(x, digits, signed) {
    if (x === null || !isFinite(x)) return DASH;
    let text = digits < 0 ? x.toExponential(2).replace(/e([+-])(\d)$/, "e$10$2") : x.toFixed(digits);
    if (Number(text) === 0) text = text.replace("-", "");
    return (signed && Number(text) > 0 ? "+" : "") + text.replaceAll("-", MINUS);
  }
  function digits(half, x) {
    const large = Math.abs(x);
    if (large >= 1e6 || (large > 0 && large < 1e-5)) return -1;
    const of = half > 0 ? 1 - Math.floor(Math.log10(half)) : large ? 2 - Math.floor(Math.log10(large)) : 2;
    return Math.min(Math.max(of, 0), 6);
  }

  return { ...data, size, pairs, against, kinds, widest, versus, value, ends, shares, number, digits, KINDS, DASH };
};
