// The computed colours of everything drawn in the plots, and of the page's blocks.
const drawn = [...document.querySelectorAll("svg.plot *")].map(e => {
  const style = getComputedStyle(e);
  return e.tagName + "|" + (e.getAttribute("class") || "") + "|" + style.fill + "|" + style.stroke;
});
const white = [], black = [];
for (const e of document.querySelectorAll("body, body *")) {
  const style = getComputedStyle(e);
  if (style.backgroundColor === "rgb(255, 255, 255)") white.push(e.tagName);
  const ownText = [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
  if (ownText && e.tagName !== "SCRIPT" && e.tagName !== "STYLE" && e.tagName !== "TITLE" && e.tagName !== "title" &&
      e.tagName !== "desc" && (e.tagName === "text" ? style.fill : style.color) === "rgb(0, 0, 0)") black.push(e.tagName);
}
return { drawn: [...new Set(drawn)], white, black };
