// The first screen: what a reader sees without scrolling.
const bad = [];
const bottom = e => e.getBoundingClientRect().bottom;
const h1 = document.querySelector("h1");
const limit = innerWidth >= 1280 ? 800 : 844;
if (bottom(h1) > limit) bad.push("3: the verdict ends at " + bottom(h1) + " px");
if (innerWidth >= 1280) {
  if (bottom(document.querySelector(".counts")) > limit) bad.push("3: the counts are below the first screen");
  const first = document.querySelector("table.against tbody tr");
  if (first && bottom(first) > limit) bad.push("3: the first result ends at " + bottom(first) + " px");
}
return bad;
