"use strict";
(function () {
  var root = document.documentElement, theme = document.getElementById("theme");
  var next = { system: "light", light: "dark", dark: "system" };
  theme.hidden = false;
  theme.textContent = "Theme: system";
  theme.addEventListener("click", function () {
    var set = next[root.dataset.theme || "system"];
    if (set === "system") delete root.dataset.theme; else root.dataset.theme = set;
    theme.textContent = "Theme: " + set;
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
    Array.prototype.forEach.call(table.tBodies, function (body) {
      Array.prototype.map.call(body.rows, function (row, i) { return { row: row, i: i, v: value(row, col, text) }; })
        .sort(function (a, b) {
          if (text) return sign * a.v.localeCompare(b.v) || a.i - b.i;
          var x = isNaN(a.v), y = isNaN(b.v);
          return x || y ? x - y || a.i - b.i : sign * (a.v - b.v) || a.i - b.i;
        })
        .forEach(function (item) { body.appendChild(item.row); });
    });
  }
  document.querySelectorAll("table.sortable th button").forEach(function (button) {
    button.addEventListener("click", function () { sort(button); });
  });
  addEventListener("beforeprint", function () {
    document.querySelectorAll("details").forEach(function (d) { d.open = true; });
  });
})();
