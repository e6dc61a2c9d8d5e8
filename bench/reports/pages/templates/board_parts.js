// What stands in <noscript> for readers without this script is one text to the parser. Here its parts become elements
// when they are wanted: the same HTML as without a script, whose texts Jinja escaped, so that "<" is ours everywhere.
const boardParts = () => {
  "use strict";
  const AT_ONCE = 30, SHARE = 8;  // parts that an opened list shows in its first frame; milliseconds of an idle moment
  const parsed = (text) => new DOMParser().parseFromString(text, "text/html").body;
  const open = (part) => part.replaceWith(...parsed(part.textContent).childNodes);
  const waiting = (from) => Array.from(from.querySelectorAll("noscript"));

  // The columns that the table does not open with: [head, cell of each row], by place.
  let split = null;
  function cut() {
    const more = document.getElementById("more");
    if (split || !more) return;
    const [head, ...rows] = more.textContent.split("<tr>").slice(1);
    split = { heads: head.split("<th").slice(2), rows: rows.map((row) => row.split("<td").slice(1)) };
  }
  function column(place) {
    cut();
    const cells = split.rows.map((row) => `<tr><td${row[place].split("</td>")[0]}</td>`);
    return Array.from(parsed(`<table><tr><th${split.heads[place].split("</th>")[0]}</th>${cells.join("")}</table>`)
      .querySelectorAll("th, td"));
  }

  // All parts within an element while nothing else is to be done, so that finding finds them; a few at a time, since a
  // click waits for what has begun.
  const later = window.requestIdleCallback || ((then) => setTimeout(then, 30));
  function rest(from) {
    later(() => {
      const parts = waiting(from), end = performance.now() + SHARE;
      while (parts.length && performance.now() < end) open(parts.shift());
      if (parts.length) rest(from);
    });
  }
  const some = (from) => waiting(from).slice(0, AT_ONCE).forEach(open);
  const whole = (from) => waiting(from).forEach(open);

  return { cut, column, some, rest, whole };
};
