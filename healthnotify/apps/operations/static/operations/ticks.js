// A box that ticks all boxes of a table; without JavaScript it is not shown.

for (const all of document.querySelectorAll("[data-ticks]")) {
  const boxes = [...all.form.querySelectorAll(`[name="${all.dataset.ticks}"]`)];
  const agree = () => {
    const ticked = boxes.filter((box) => box.checked).length;
    all.checked = ticked === boxes.length;
    all.indeterminate = ticked > 0 && ticked < boxes.length;
  };
  all.hidden = false;
  all.form.querySelector("[data-ticks-label]").hidden = false;
  all.addEventListener("change", () => boxes.forEach((box) => { box.checked = all.checked; }));
  all.form.addEventListener("change", agree);
  agree(); // the browser may have kept some ticks
}
