// Sorts a table of results by the column whose heading is clicked; failed rows stay last.
document.documentElement.classList.add("with-js");
for (const table of document.querySelectorAll("table.results")) {
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, index) => {
    const button = document.createElement("button");
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const ascending = head.getAttribute("aria-sort") === "descending" || !head.classList.contains("num")
        && head.getAttribute("aria-sort") !== "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
      const key = (row) => {
        const cell = row.cells[index];
        return cell.dataset.sort === undefined ? cell.textContent : Number(cell.dataset.sort);
      };
      const compare = (a, b) => {
        const [x, y] = [key(a), key(b)];
        if (typeof x !== typeof y) return typeof x === "number" ? -1 : 1;
        const order = typeof x === "number" ? x - y : x.localeCompare(y);
        return ascending ? order : -order;
      };
      const isFailed = (row) => row.classList.contains("failed");
      const rows = [...body.rows];
      const sorted = rows.filter((row) => !isFailed(row)).sort(compare);
      body.append(...sorted, ...rows.filter(isFailed));
    });
  });
}
