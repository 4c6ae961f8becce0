// Sorts tables. Rows that are not ranked, and cells that are empty, stay at the end whatever the direction.

function startTables() {
  for (const table of document.querySelectorAll("table.sortable")) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      head.querySelector("button")?.addEventListener("click", () => sortBy(table, heads, column));
    });
  }
}

function sortBy(table, heads, column) {
  const direction = nextDirection(heads[column]);
  for (const head of heads) if (head.hasAttribute("aria-sort")) head.setAttribute("aria-sort", "none");
  heads[column].setAttribute("aria-sort", direction);
  const sign = direction === "ascending" ? 1 : -1;
  const body = table.tBodies[0];
  const rows = [...body.rows].sort((a, b) => compareRows(a, b, column, sign));
  body.append(...rows);
}

function nextDirection(head) {
  const now = head.getAttribute("aria-sort");
  if (now !== "none") return now === "ascending" ? "descending" : "ascending";
  return head.querySelector("button").dataset.better === "higher" ? "descending" : "ascending";
}

function compareRows(a, b, column, sign) {
  const unranked = a.classList.contains("unranked") - b.classList.contains("unranked");
  return unranked || compareCells(a.cells[column], b.cells[column], sign);
}

// A row that failed has one wide cell after its name, which no column compares.
function compareCells(a, b, sign) {
  if (!a || !b) return (a ? 0 : 1) - (b ? 0 : 1);
  const [x, y] = [a, b].map((cell) => (cell.dataset.number === undefined ? null : Number(cell.dataset.number)));
  if (x !== null && y !== null) return sign * (x - y);
  if (x !== null || y !== null) return x === null ? 1 : -1;
  return sign * visibleText(a).localeCompare(visibleText(b), language(), { numeric: true });
}

// What a cell says in the language that is shown.
function visibleText(cell) {
  const own = cell.querySelector(`.l[lang="${language()}"]`);
  return (own ?? cell).textContent.trim();
}

starters.push(startTables);
