// Every deep link opens its fold and moves the focus there; the back button comes back.
const bad = [];
const links = [...new Set([...document.querySelectorAll("a[href^='#bench-']")].map(a => a.hash))];
const wait = () => new Promise(done => setTimeout(done, 30));
return (async () => {
  for (const hash of links.slice(0, 40)) {
    for (const fold of document.querySelectorAll("details.bench")) fold.open = false;
    location.hash = hash;
    await wait();
    const target = document.getElementById(decodeURIComponent(hash.slice(1)));
    if (!target.open) bad.push("12: " + hash + " does not open its fold");
    if (document.activeElement !== target.querySelector("summary")) bad.push("12: " + hash + " does not move the focus");
  }
  return bad;
})();
