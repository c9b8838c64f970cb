"use strict";
(function () {
  var form = document.getElementById("filter");
  var rows = Array.prototype.slice.call(document.querySelectorAll("table.results tbody tr"));
  var fold = document.getElementById("unchanged");

  // A link to a workload opens its fold and moves the focus there.
  function reveal() {
    var id = decodeURIComponent(location.hash.slice(1));
    var target = id.indexOf("bench-") === 0 ? document.getElementById(id) : null;
    if (!target) return;
    target.open = true;
    target.querySelector("summary").focus({ preventScroll: true });
    target.scrollIntoView();
  }
  window.addEventListener("hashchange", reveal);
  document.addEventListener("click", function (event) {
    var link = event.target.closest && event.target.closest("a[href^='#bench-']");
    if (link && link.hash === location.hash) reveal();
  });

  if (form && rows.length) {
    var fields = Array.prototype.slice.call(form.elements).filter(function (f) { return f.name; });
    var shown = document.getElementById("shown");
    var nothing = document.getElementById("nothing");
    var texts = rows.map(function (r) { return r.cells[0].textContent.toLowerCase(); });
    var wasOpen = null;

    var read = function () {
      var state = new URLSearchParams(location.hash.slice(1));
      fields.forEach(function (f) { if (state.has(f.name)) f.value = state.get(f.name); });
    };
    var value = function (name) { return form.elements[name] ? form.elements[name].value : ""; };
    var apply = function () {
      var words = value("q").toLowerCase().split(/\s+/).filter(Boolean);
      var g = value("g"), v = value("v"), m = value("m"), hits = 0;
      rows.forEach(function (row, i) {
        var keep = words.every(function (w) { return texts[i].indexOf(w) >= 0; }) &&
          (!g || row.dataset.g === g) && (!v || row.dataset.v === v) &&
          (!m || (row.dataset.m || "").split(" ").indexOf(m) >= 0);
        row.hidden = !keep;
        if (keep) hits += 1;
      });
      document.querySelectorAll("table.results").forEach(function (t) {
        t.hidden = !t.querySelector("tbody tr:not([hidden])");
      });
      var active = words.length || g || v || m;
      if (fold) {
        if (active && wasOpen === null) { wasOpen = fold.open; fold.open = true; }
        if (!active && wasOpen !== null) { fold.open = wasOpen; wasOpen = null; }
      }
      shown.textContent = hits + " of " + rows.length + " shown";
      nothing.hidden = hits > 0;
    };
    var write = function () {
      var state = new URLSearchParams();
      fields.forEach(function (f) { if (f.value) state.set(f.name, f.value); });
      var text = state.toString();
      history.replaceState(null, "", text ? "#" + text : location.pathname + location.search);
    };
    form.hidden = false;
    form.addEventListener("input", function () { apply(); write(); });
    form.addEventListener("submit", function (event) { event.preventDefault(); });
    if (location.hash.indexOf("=") > 0) read();
    apply();
  }
  reveal();
})();
