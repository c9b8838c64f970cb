// Filter, sorting, their state in the address, and the announcement.
const bad = [];
const form = document.getElementById("filter");
if (!form) return bad;
if (form.hidden) bad.push("13: the filter is hidden although scripts run");
const rows = document.querySelectorAll("table.results tbody tr");
const type = text => { form.q.value = text; form.dispatchEvent(new Event("input", { bubbles: true })); };
const shown = document.getElementById("shown");
if (shown.getAttribute("aria-live") !== "polite") bad.push("13: the count is not announced");
type("no such benchmark");
const nothing = document.getElementById("nothing");
if (nothing.hidden || !nothing.textContent.trim()) bad.push("13: an empty filter result is not told");
if (!shown.textContent.startsWith("0 of " + rows.length)) bad.push("13: n of m is wrong: " + shown.textContent);
if (!location.hash.includes("q=no")) bad.push("12: the filter is not in the address");
type("");
if (!shown.textContent.startsWith(rows.length + " of " + rows.length)) bad.push("13: clearing does not show everything");
const sorter = document.querySelector("table.results thead button");
if (!sorter) bad.push("13: no column can be sorted");
else {
  sorter.click();
  if (!location.hash.includes("s=")) bad.push("12: the order is not in the address");
  if (!sorter.closest("th").hasAttribute("aria-sort")) bad.push("13: the order is not announced");
}
return bad;
