// The lightbox: a copy of a prompt's sheet in a dialog, so that it knows nothing that the page does not show. What was
// pressed answers at once, the sheet comes in steps (see common.js): a dialog restyles all that it makes inert.
(function () {
  var box = document.getElementById("box"), all = document.getElementById("all-sheets");
  if (!box || !box.showModal) return;
  var sheets = Array.from(document.querySelectorAll(".sheet")), body = document.getElementById("box-body");
  var said = document.getElementById("box-said"), vote = box.querySelector(".vote"), twoBox = box.querySelector(".pick-two");
  var picks = Array.from(twoBox.querySelectorAll("select"));
  var names = Array.from(sheets[0].querySelector(".shot").querySelectorAll("figure[data-system]"), function (f) {
    return { system: f.dataset.system, name: f.querySelector("figcaption bdi").textContent };
  });
  var pair = (box.dataset.pair ? box.dataset.pair.split(",") : names.slice(0, 2).map(function (n) { return n.system; }));
  var at = 0, shot = 0, single = -1, blind = false, votes = {}, before = "", seed = 0;

  function todo(name) { return box.querySelector('[data-do="' + name + '"]'); }
  function figure(where, system) { return where.querySelector('figure[data-system="' + system + '"]'); }
  function shots() { return Array.from(body.querySelectorAll(".shot")); }
  function nameOf(system) { return names.find(function (n) { return n.system === system; }).name; }
  function place() { return { sample: sheets[at].dataset.sample, k: Number(shots()[shot].dataset.k) }; }

  // Who stands left is settled by FNV-1a of "seed|sample|k" (UTF-8): odd puts B left. Anyone can check it later.
  function swapped(sample, k) {
    var hash = 2166136261;
    new TextEncoder().encode(seed + "|" + sample + "|" + k).forEach(function (b) { hash = Math.imul(hash ^ b, 16777619) >>> 0; });
    return hash % 2 === 1;
  }
  function sides() {
    var here = place();
    return swapped(here.sample, here.k) ? [pair[1], pair[0]] : pair.slice();
  }

  function fill() {
    var copy = sheets[at].cloneNode(true);
    copy.removeAttribute("id");
    body.replaceChildren(copy);
    if (shots().length > 1) copy.insertBefore(shotButtons(), copy.querySelector(".shot"));
    show();
  }
  function refill() { if (box.open) fill(); }
  function shotButtons() {
    var nav = document.createElement("p");
    nav.className = "shots-nav";
    shots().forEach(function (s, i) {
      var button = document.createElement("button");
      button.type = "button";
      button.textContent = "image " + (i + 1);
      button.addEventListener("click", function () { shot = i; inSteps(refill); });
      nav.appendChild(button);
    });
    return nav;
  }
  function show() {
    var many = names.length > 2, both = blind ? sides() : pair, seen = [];
    shot = Math.min(shot, shots().length - 1);
    shots().forEach(function (s, i) { s.hidden = i !== shot; });
    body.querySelectorAll(".shots-nav button").forEach(function (b, i) { b.setAttribute("aria-pressed", String(i === shot)); });
    var frames = shots()[shot].querySelector(".frames");
    if (blind) both.slice().reverse().forEach(function (s) { frames.prepend(figure(frames, s)); });
    body.querySelectorAll("figure[data-system]").forEach(function (f) {
      var i = both.indexOf(f.dataset.system);
      f.hidden = single >= 0 ? i !== single : blind && i < 0;
      if (blind) anonymous(f, i < 0 ? "another" : i ? "Right" : "Left");
      if (!f.hidden && frames.contains(f)) seen.push(f.querySelector("figcaption").textContent.trim());
    });
    var reference = frames.querySelector(".reference");
    if (reference && single >= 0) reference.hidden = true;
    body.querySelectorAll(".bars").forEach(function (t) { t.hidden = blind; });
    body.firstElementChild.style.setProperty("--count", seen.length + (reference && !reference.hidden ? 1 : 0));
    body.firstElementChild.classList.toggle("few", single < 0 && (blind || names.length < 4));
    body.firstElementChild.classList.toggle("one", single >= 0 || names.length === 1 && !reference);
    todo("blink").hidden = names.length < 2;
    todo("blind").hidden = names.length < 2;
    todo("side").hidden = single < 0;
    todo("blind").setAttribute("aria-pressed", String(blind));
    twoBox.hidden = !many || blind;
    vote.hidden = !blind;
    marked();
    placed(single >= 0 ? " · " + seen[0] : "");
  }
  function placed(more) {
    document.getElementById("box-place").textContent = "prompt " + (at + 1) + " of " + sheets.length + more;
  }
  function anonymous(f, label) {
    f.querySelector("figcaption").textContent = label;
    f.querySelectorAll("[aria-label], img").forEach(function (image) {
      image.setAttribute(image.tagName === "IMG" ? "alt" : "aria-label", label + " image");
    });
  }

  function key() { var here = place(); return here.sample + "|" + here.k + "|" + pair.slice().sort().join("|"); }
  function marked() {
    var cast = blind ? votes[key()] : null, count = Object.keys(votes).length;
    box.querySelectorAll("[data-vote]").forEach(function (b) { b.setAttribute("aria-pressed", String(!!cast && cast.vote === b.dataset.vote)); });
    todo("save").hidden = !count;
    todo("save").textContent = "Save " + count + (count === 1 ? " vote" : " votes");
  }
  function cast(value) {
    var here = place(), two = sides();
    votes[key()] = { sample: here.sample, k: here.k, left: nameOf(two[0]), right: nameOf(two[1]), vote: value,
      better: value === "tie" ? null : nameOf(two[value === "left" ? 0 : 1]) };
    said.textContent = "Vote taken: " + value;
    step(1);
  }
  function save() {
    var data = { format: "text-image-bench votes 1", report: document.title, seed: seed,
      rule: "FNV-1a 32 of 'seed|sample|k': odd puts the second of the pair left",
      votes: Object.keys(votes).sort().map(function (k) { return votes[k]; }) };
    var link = document.createElement("a");
    link.download = "votes.json";
    link.href = URL.createObjectURL(new Blob([JSON.stringify(data, null, 1) + "\n"], { type: "application/json" }));
    link.click();
    setTimeout(function () { URL.revokeObjectURL(link.href); }, 1000);
  }

  function open(sample, k, link) {
    var found = sheets.findIndex(function (s) { return s.dataset.sample === sample; });
    if (found < 0) return false;
    at = found;
    var ks = Array.from(sheets[at].querySelectorAll(".shot"), function (s) { return s.dataset.k; });
    shot = Math.max(0, ks.indexOf(k === undefined ? ks[0] : k));
    if (!box.open) before = location.hash.indexOf("#p=") === 0 ? "" : location.hash;
    if (link) link.classList.add("pressed");
    var shown = function () {
      if (link) link.classList.remove("pressed");
      if (!box.open) box.showModal();
      fill();
      named();
    };
    if (link) inSteps(shown); else shown();
    return true;
  }
  function named() { history.replaceState(null, "", "#p=" + encodeURIComponent(sheets[at].dataset.sample)); }
  function step(by) {
    at = (at + by + sheets.length) % sheets.length;
    shot = 0;
    placed("");
    inSteps(function () {
      if (!box.open) return;
      fill();
      named();
      box.scrollTop = 0;
    });
  }
  function blink() { single = single < 0 ? 0 : 1 - single; inSteps(refill); }
  function close() {  // out of sight at once; what becomes active again is restyled after
    box.classList.add("gone");
    inSteps(function () { box.close(); });
  }

  var actions = {
    back: function () { step(-1); }, on: function () { step(1); }, close: close, blink: blink, save: save,
    side: function () { single = -1; inSteps(refill); },
    blind: function () {
      blind = !blind;
      single = -1;
      todo("blind").setAttribute("aria-pressed", String(blind));
      inSteps(refill);
    },
  };
  var keys = { ArrowLeft: actions.back, ArrowRight: actions.on, b: blink, s: actions.side,
    1: function () { if (blind) cast("left"); }, 0: function () { if (blind) cast("tie"); }, 2: function () { if (blind) cast("right"); } };

  box.addEventListener("click", function (event) {
    finish();
    if (event.target === box) return close();
    var button = event.target.closest("[data-do], [data-vote]");
    if (button) button.dataset.do ? actions[button.dataset.do]() : cast(button.dataset.vote);
  });
  box.addEventListener("keydown", function (event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.tagName === "SELECT") return;
    if (keys[event.key]) { event.preventDefault(); finish(); keys[event.key](); }
  });
  box.addEventListener("close", function () {
    box.classList.remove("gone");
    body.replaceChildren();
    single = -1;
    blind = false;
    history.replaceState(null, "", before || location.pathname + location.search);
  });
  picks.forEach(function (select, i) {
    names.forEach(function (n) { select.add(new Option(n.name, n.system, false, n.system === pair[i])); });
    select.addEventListener("change", function () {
      if (pair[1 - i] === select.value) { pair[1 - i] = pair[i]; picks[1 - i].value = pair[i]; }
      pair[i] = select.value;
      inSteps(refill);
    });
  });
  document.addEventListener("click", function (event) {
    var link = event.target.closest("a.open");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    finish();
    if (open(decodeURIComponent(link.hash.slice(3)), link.dataset.k, link)) event.preventDefault();
  });
  function byAddress() {
    finish();
    if (location.hash.indexOf("#p=") !== 0) { if (box.open) box.close(); return; }
    try { open(decodeURIComponent(location.hash.slice(3))); } catch (error) { /* no address of ours */ }
  }
  addEventListener("hashchange", byAddress);
  all.open = false; // open where there is no script; the lightbox shows the same
  byAddress();
})();
