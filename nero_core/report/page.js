"use strict";
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  const key = (row, column) => row.cells[column].dataset.v ?? row.cells[column].textContent;
  const compare = (a, b) => (a === "" || b === "") ? (a === "") - (b === "") : isNaN(a) || isNaN(b) ? a.localeCompare(b) : a - b;
  heads.forEach((head, column) => head.querySelector("button")?.addEventListener("click", () => {
    const falls = head.getAttribute("aria-sort") ? head.getAttribute("aria-sort") === "ascending" : head.dataset.first === "descending";
    heads.forEach((one) => one.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", falls ? "descending" : "ascending");
    const rows = [...table.tBodies[0].rows];
    rows.sort((a, b) => (falls ? -1 : 1) * compare(key(a, column), key(b, column)));
    table.tBodies[0].append(...rows);
  }));
}
const show = () => {
  for (const box of document.querySelectorAll(".choices input"))
    for (const part of document.querySelectorAll(`[data-m="${box.value}"]`)) part.toggleAttribute("hidden", !box.checked);
};
document.querySelector(".choices")?.addEventListener("change", show);
show();
