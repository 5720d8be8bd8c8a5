// One box above a table that ticks every box below it. Without this script each is ticked by hand.
"use strict";
for (const table of document.querySelectorAll("table[data-ticks]")) {
  const boxes = () => [...table.querySelectorAll("tbody input[type=checkbox]")];
  if (boxes().length < 2) continue;
  const all = document.createElement("input");
  all.type = "checkbox";
  all.setAttribute("aria-label", "选本页全部 tick this page");
  all.addEventListener("change", () => boxes().forEach((box) => { box.checked = all.checked; }));
  const cell = table.querySelector("thead th");
  cell.append(document.createElement("br"), all);
}
