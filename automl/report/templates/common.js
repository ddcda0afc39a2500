// Shared by the report and the pages of `automl watch`. Listeners are on the document, so that parts of a page may change.
const page = (() => {
  "use strict";
  const root = document.documentElement;
  root.classList.add("js");
  const $ = (selector, inside = document) => inside.querySelector(selector);
  const all = (selector, inside = document) => [...inside.querySelectorAll(selector)];
  const tip = $("#tip");

  // Light and dark
  const theme = $("#theme");
  theme.hidden = false;
  const isDark = () => (root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  const nameTheme = () => { theme.textContent = isDark() ? "Light" : "Dark"; theme.setAttribute("aria-label", isDark() ? "Use light colors" : "Use dark colors"); };
  theme.addEventListener("click", () => { root.dataset.theme = isDark() ? "light" : "dark"; nameTheme(); });
  nameTheme();

  // Sorting of tables: numbers by data-v, texts in the order of the language; cells without a value come last
  const order = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
  const sort = (table, head) => {
    const column = head.cellIndex, descending = head.getAttribute("aria-sort") === "descending";
    const isNumber = $("button.sort", head).dataset.kind === "n";
    const key = (row) => {
      const cell = row.cells[column];
      if (!cell) return isNumber ? null : "";
      if (!isNumber) return cell.textContent.trim();
      return cell.dataset.v === undefined || cell.dataset.v === "" ? null : Number(cell.dataset.v);
    };
    const before = [...table.tBodies[0].rows];
    const rows = before.map((row) => [key(row), row]);
    rows.sort(([a], [b]) => {
      if (a === null || b === null) return (a === null) - (b === null);
      const found = isNumber ? a - b : order.compare(a, b);
      return descending ? -found : found;
    });
    if (rows.some(([, row], i) => row !== before[i])) table.tBodies[0].append(...rows.map(([, row]) => row));
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest("table.sortable button.sort");
    if (!button) return;
    const head = button.closest("th"), before = head.getAttribute("aria-sort");
    const descending = before ? before === "ascending" : button.dataset.kind === "n";
    for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", descending ? "descending" : "ascending");
    sort(head.closest("table"), head);
  });
  const sortAgain = () => { for (const head of all("table.sortable th[aria-sort]")) sort(head.closest("table"), head); };

  // Texts near the pointer
  const showTip = (text, event) => {
    tip.textContent = text;
    tip.hidden = false;
    const box = tip.getBoundingClientRect();
    tip.style.left = Math.max(4, Math.min(event.clientX + 12, innerWidth - box.width - 4)) + "px";
    tip.style.top = (event.clientY + 16 + box.height > innerHeight ? event.clientY - box.height - 12 : event.clientY + 16) + "px";
  };
  const hideTip = () => { tip.hidden = true; };
  const pointsOf = new WeakMap(); // the text of the points, and the points
  document.addEventListener("pointermove", (event) => {
    const svg = event.target.closest("svg[data-points]");
    if (!svg) return;
    const text = svg.dataset.points;
    if (pointsOf.get(svg)?.text !== text) pointsOf.set(svg, { text, points: JSON.parse(text) });
    const view = svg.viewBox.baseVal, box = svg.getBoundingClientRect();
    const x = (event.clientX - box.left) * view.width / box.width;
    const y = (event.clientY - box.top) * view.height / box.height;
    let nearest = null, least = 24 ** 2;
    for (const point of pointsOf.get(svg).points) {
      const distance = (point[0] - x) ** 2 + (point[1] - y) ** 2;
      if (distance < least) { least = distance; nearest = point; }
    }
    if (nearest) showTip(nearest[2], event); else hideTip();
  });
  document.addEventListener("pointerout", (event) => { if (event.target.closest("svg[data-points]")) hideTip(); });
  addEventListener("scroll", hideTip, { passive: true });

  return { root, $, all, showTip, hideTip, sortAgain };
})();
