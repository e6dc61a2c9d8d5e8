"use strict";
// What was pressed is answered by the next frame, which shows that it was pressed and nothing else. What follows from it
// comes in steps, a frame each, after that one: a browser styles, lays out and paints far more than is seen, and an
// answer would wait for all of it. `finish` takes at once all steps that are still owed.
var inSteps, finish;
(function () {
  var frame = 0, owed = [];
  function step() {
    var those = owed;
    those.shift()();
    if (those === owed && owed.length) frame = requestAnimationFrame(step);
  }
  finish = function () {
    cancelAnimationFrame(frame);
    while (owed.length) owed.shift()();
  };
  inSteps = function () {
    finish();
    owed = Array.from(arguments);
    frame = requestAnimationFrame(function () { frame = requestAnimationFrame(step); });
  };
})();

var recolour = function (write) { inSteps(write); };  // board.js recolours what is in sight first
(function () {
  var root = document.documentElement, theme = document.getElementById("theme");
  var next = { system: "light", light: "dark", dark: "system" };
  theme.hidden = false;
  theme.textContent = "Theme: system";
  theme.addEventListener("click", function () {
    finish();
    var set = next[root.dataset.theme || "system"];
    theme.textContent = "Theme: " + set;
    recolour(function () { if (set === "system") delete root.dataset.theme; else root.dataset.theme = set; });
  });

  function value(row, col, text) {
    var v = row.cells[col] ? row.cells[col].dataset.v : "";
    return text ? v : v === "" || v === undefined ? NaN : Number(v);
  }
  function sort(button) {
    var head = button.closest("th"), table = button.closest("table"), col = Number(button.dataset.col);
    var text = button.dataset.kind === "text", first = button.dataset.first || "ascending";
    var was = head.getAttribute("aria-sort"), other = first === "ascending" ? "descending" : "ascending";
    var order = was === first ? other : first, sign = order === "ascending" ? 1 : -1;
    table.querySelectorAll("th[aria-sort]").forEach(function (th) { th.removeAttribute("aria-sort"); });
    head.setAttribute("aria-sort", order);
    inSteps(function () { Array.prototype.forEach.call(table.tBodies, function (body) {
      Array.prototype.map.call(body.rows, function (row, i) { return { row: row, i: i, v: value(row, col, text) }; })
        .sort(function (a, b) {
          if (text) return sign * a.v.localeCompare(b.v) || a.i - b.i;
          var x = isNaN(a.v), y = isNaN(b.v);
          return x || y ? x - y || a.i - b.i : sign * (a.v - b.v) || a.i - b.i;
        })
        .forEach(function (item) { body.appendChild(item.row); });
    }); });
  }
  document.querySelectorAll("table.sortable th button").forEach(function (button) {
    button.addEventListener("click", function () { sort(button); });
  });
  addEventListener("click", function (event) {  // what is jumped to may have to be laid out first
    var link = event.target.closest && event.target.closest("a[href^='#']");
    if (!link || event.defaultPrevented || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    inSteps(function () { location.assign(link.getAttribute("href")); });
  });
  addEventListener("beforeprint", function () {
    finish();
    document.querySelectorAll("details").forEach(function (d) { d.open = true; });
  });
})();
