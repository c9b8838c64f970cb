// Every bar is as long as its value in the table beside it says, to one pixel and the rounding of the table.
const bad = [];
const steps = { "": 1, k: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15, ns: 1, "µs": 1e3, ms: 1e6, s: 1e9,
  B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40, PiB: 2 ** 50, EiB: 2 ** 60 };
const read = text => {
  const [number, unit] = text.replaceAll(",", "").split(/[\s\u00a0]/);
  return parseFloat(number) * (steps[unit || ""] ?? NaN);
};
let compared = 0;
for (const panel of document.querySelectorAll(".panel")) {
  const figures = [...panel.querySelectorAll("figure")];
  const tables = [...panel.querySelectorAll(".tables table")];
  if (figures.length !== tables.length) bad.push("10: a chart without its table in " + panel.id);
  figures.forEach((figure, i) => {
    const bars = [...figure.querySelectorAll("svg.plot > rect")].filter(r => /^f-s\d/.test(r.getAttribute("class")));
    if (!bars.length) return;
    const values = [...tables[i].tBodies[0].rows].map(r => read(r.cells[1].textContent)).filter(v => !Number.isNaN(v));
    const lengths = bars.map(r => r.width.baseVal.value / 10);
    if (values.length !== lengths.length) { bad.push("10: bars and values differ in number in " + panel.id); return; }
    const most = Math.max(...values), at = values.indexOf(most);
    values.forEach((value, j) => {
      const wanted = most > 0 ? value / most * lengths[at] : 0;
      if (Math.abs(wanted - lengths[j]) > 1 + 0.006 * wanted)
        bad.push("10: a bar of " + lengths[j] + " px where " + wanted.toFixed(1) + " belong in " + panel.id);
      compared += 1;
    });
  });
}
return [compared, bad];
