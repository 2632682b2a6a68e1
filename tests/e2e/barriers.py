"""What stands in the way of who reads with a screen reader, by keyboard, with weak eyes or on a telephone."""

LOOK = r"""
() => {
  const found = [];
  const visible = (one) => {
    const box = one.getBoundingClientRect();
    return box.width > 1 && box.height > 1 && getComputedStyle(one).visibility === "visible";
  };
  const what = (one) => one.outerHTML.slice(0, 120);
  const name = (one) => (one.getAttribute("aria-label") || one.innerText || one.textContent || one.alt || "").trim()
    || [...(one.labels || [])].map((label) => label.textContent).join(" ").trim();

  // names and structure
  if (!document.documentElement.lang) found.push("no language");
  if (!document.title) found.push("no title");
  if (document.querySelectorAll("h1").length !== 1) found.push("not one h1");
  for (const mark of ["main", "header", "footer"])
    if (document.querySelectorAll(`body > ${mark}`).length !== 1) found.push(`not one ${mark}`);
  let level = 1;
  for (const heading of document.querySelectorAll("main :is(h1, h2, h3, h4)")) {
    const here = Number(heading.tagName[1]);
    if (here > level + 1) found.push(`a heading is left out before: ${what(heading)}`);
    level = here;
  }
  for (const one of document.querySelectorAll("a[href], button, input:not([type=hidden]), select, summary"))
    if (!one.hidden && !name(one)) found.push(`no name: ${what(one)}`);
  for (const one of document.querySelectorAll("img")) if (one.alt === null) found.push(`no alt: ${what(one)}`);
  for (const one of document.querySelectorAll("nav, [role=region], [role=img]"))
    if (!one.getAttribute("aria-label")) found.push(`no label: ${what(one)}`);
  const ids = [...document.querySelectorAll("[id]")].map((one) => one.id);
  for (const id of new Set(ids)) if (ids.filter((other) => other === id).length > 1) found.push(`twice: #${id}`);
  for (const one of document.querySelectorAll("[aria-labelledby], [aria-describedby]"))
    for (const kind of ["aria-labelledby", "aria-describedby"])
      for (const id of (one.getAttribute(kind) || "").split(" ").filter(Boolean))
        if (!document.getElementById(id)) found.push(`${kind} leads nowhere: ${id}`);
  for (const table of document.querySelectorAll("table")) {
    if (!table.caption) found.push(`a table without caption: ${what(table)}`);
    for (const head of table.querySelectorAll("th")) if (!head.scope) found.push(`a th without scope: ${what(head)}`);
  }

  // width
  const over = document.documentElement.scrollWidth - window.innerWidth;
  if (over > 0) found.push(`${over} px too wide`);

  // contrast, as WCAG 2 computes it
  const channels = (colour) => (colour.match(/[\d.]+/g) || []).map(Number);
  const light = ([red, green, blue]) => {
    const part = (value) => (value / 255 <= 0.03928 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
    return 0.2126 * part(red) + 0.7152 * part(green) + 0.0722 * part(blue);
  };
  const ground = (one) => {
    for (let at = one; at; at = at.parentElement) {
      const colour = channels(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const one = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || !visible(one) || one.closest(".unseen, .skip, svg")) continue;
    const style = getComputedStyle(one);
    const [high, low] = [light(channels(style.color)), light(ground(one))].sort((a, b) => b - a);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    const ratio = (high + 0.05) / (low + 0.05);
    if (ratio < (large ? 3 : 4.5)) found.push(`contrast ${ratio.toFixed(2)}: ${what(one)}`);
  }
  return [...new Set(found)];
}
"""


def barriers(page) -> list[str]:
    """One line for each."""
    return page.evaluate(LOOK)
