"use strict";
(function () {
  var form = document.getElementById("filter");
  var rows = Array.prototype.slice.call(document.querySelectorAll("table.results tbody tr"));
  var fold = document.getElementById("folded");

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
    var order = "";

    // The names of the columns become buttons: first click largest first, second the other way, third as before.
    var heads = Array.prototype.slice.call(document.querySelectorAll("table.results thead .sorter"));
    heads.forEach(function (head) {
      var button = document.createElement("button");
      var key = head.dataset.s;
      button.type = "button";
      button.className = "sorter";
      button.textContent = head.textContent;
      button.dataset.s = key;
      head.replaceWith(button);
      button.addEventListener("click", function () {
        order = order === key ? "-" + key : order === "-" + key ? "" : key;
        sort();
        write();
      });
    });
    var sort = function () {
      var key = order.replace("-", ""), sign = order.charAt(0) === "-" ? -1 : 1;
      document.querySelectorAll("table.results").forEach(function (table) {
        var body = table.tBodies[0], column = -1;
        Array.prototype.forEach.call(table.tHead.rows[0].cells, function (cell, i) {
          var is = cell.querySelector(".sorter").dataset.s === key;
          if (is) column = i;
          if (!is) cell.removeAttribute("aria-sort");
          else cell.setAttribute("aria-sort", (key === "b" || key === "v" || key === "l" ? sign > 0 : sign < 0) ? "ascending" : "descending");
        });
        var own = rows.filter(function (row) { return row.parentNode === body; });
        var of = function (row) {
          var n = row.cells[column].dataset.n;
          return n === undefined ? -Infinity : parseFloat(n);
        };
        if (column >= 0) own.sort(function (a, b) {
          var numeric = key !== "b" && key !== "v" && key !== "l";
          if (!numeric) return sign * a.cells[column].textContent.localeCompare(b.cells[column].textContent);
          var x = of(a), y = of(b);
          if (x === -Infinity || y === -Infinity) return (y === -Infinity ? 0 : 1) - (x === -Infinity ? 0 : 1);
          return sign * (y - x);
        });
        own.forEach(function (row) { body.appendChild(row); });
      });
    };

    var read = function () {
      var state = new URLSearchParams(location.hash.slice(1));
      fields.forEach(function (f) { f.value = state.get(f.name) || ""; });
      order = state.get("s") || "";
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
      if (order) state.set("s", order);
      var text = state.toString();
      history.replaceState(null, "", text ? "#" + text : location.pathname + location.search);
    };
    form.hidden = false;
    form.addEventListener("input", function () { apply(); write(); });
    form.addEventListener("submit", function (event) { event.preventDefault(); });
    var restore = function () {
      if (location.hash.indexOf("=") < 0) return;
      read();
      sort();
      apply();
    };
    window.addEventListener("hashchange", restore);
    if (location.hash.indexOf("=") > 0) restore(); else apply();
  }
  reveal();
})();
