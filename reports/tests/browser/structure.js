// What must hold for every page at every width. Argument: whether to use a wide font.
const wide = arguments[0];
const bad = [];
if (wide) {
  const style = document.createElement("style");
  style.textContent = "body,.plot text{font-family:Verdana,'DejaVu Sans',sans-serif!important;font-stretch:normal}";
  document.head.append(style);
}
for (const fold of document.querySelectorAll("details")) fold.open = true;
// laid out once and not at each question: panels are laid out when they come near the screen
for (const panel of document.querySelectorAll(".panel")) panel.style.contentVisibility = "visible";
const page = document.documentElement;
if (page.scrollWidth > page.clientWidth)
  bad.push("5: the page scrolls sideways: " + page.scrollWidth + " > " + page.clientWidth);
const ids = new Set();
for (const e of document.querySelectorAll("[id]")) {
  if (ids.has(e.id)) bad.push("8: duplicate id " + e.id);
  ids.add(e.id);
}
for (const link of document.querySelectorAll("a[href^='#']"))
  if (!ids.has(decodeURIComponent(link.hash.slice(1)))) bad.push("12: dead link " + link.hash);
for (const svg of document.querySelectorAll("svg.plot, svg.delta")) {
  const name = (svg.querySelector("title") || {}).textContent || "";
  const desc = (svg.querySelector("desc") || {}).textContent || "";
  if (svg.getAttribute("role") !== "img" || !name || !desc) bad.push("8: a plot without role, title or desc");
  const box = svg.viewBox.baseVal;
  const texts = [...svg.querySelectorAll("text")].filter(t => t.textContent);
  const boxes = texts.map(t => t.getBBox());
  texts.forEach((t, i) => {
    const b = boxes[i];
    if (b.x < box.x - 2 || b.y < box.y - 2 || b.x + b.width > box.x + box.width + 2 || b.y + b.height > box.y + box.height + 2)
      bad.push("9: text outside its plot: " + t.textContent + " in " + name);
    for (let j = 0; j < i; j++) {
      const o = boxes[j];
      const w = Math.min(b.x + b.width, o.x + o.width) - Math.max(b.x, o.x);
      const h = Math.min(b.y + b.height, o.y + o.height) - Math.max(b.y, o.y);
      if (w > 5 && h > 25) bad.push("9: texts overlap: " + t.textContent + " / " + texts[j].textContent + " in " + name);
    }
    const rendered = parseFloat(t.getAttribute("font-size")) * svg.clientWidth / box.width;
    if (svg.clientWidth && rendered < 10 && innerWidth >= 390)
      bad.push("9: text of " + rendered.toFixed(1) + " px in " + name);
  });
}
for (const tag of ["img", "iframe", "link", "object", "embed", "b", "i"])
  if (document.querySelector(tag)) bad.push("15: unexpected <" + tag + ">");
if (document.querySelectorAll("script").length !== 1) bad.push("15: not exactly one script");
for (const e of document.querySelectorAll("*"))
  for (const a of e.attributes) if (a.name.startsWith("on")) bad.push("15: attribute " + a.name);
if (document.querySelectorAll("main").length !== 1 || document.querySelectorAll("h1").length !== 1)
  bad.push("8: main or h1 is not there once");
// where a row has become a block, each of its cells says which column it was
for (const table of document.querySelectorAll("table.results, table.answers, table.metrics.against, table.metrics.census")) {
  if (!table.tHead || !table.tBodies[0] || getComputedStyle(table.tBodies[0]).display !== "block") continue;
  const columns = [...table.tHead.rows[0].cells].map(cell => cell.textContent.trim()).filter(Boolean);
  const row = [...table.tBodies[0].rows].find(row => row.checkVisibility() && row.cells.length > 1);
  const labels = row ? [...row.cells].slice(1).map(cell => getComputedStyle(cell, "::before").content.replace(/"/g, "")) : [];
  for (const [i, label] of labels.entries())
    if (label !== "none" ? !columns.includes(label) : row.cells[i + 1].checkVisibility() && row.cells[i + 1].textContent.trim())
      bad.push("5: on a narrow page a cell of " + table.className + " is called " + label + ", not one of " + columns);
}
for (const cell of document.querySelectorAll("td.judged")) {
  const words = document.createRange();
  words.selectNodeContents(cell);
  const tops = new Set([...words.getClientRects()].map(line => Math.round(line.top / 8)));
  if (!/\s/.test(cell.textContent.trim()) && cell.checkVisibility() && tops.size > 2) bad.push("9: a word is broken: " + cell.textContent);
}
return bad;
