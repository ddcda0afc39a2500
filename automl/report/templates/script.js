(() => {
  "use strict";
  const root = document.documentElement;
  root.classList.add("js");
  const $ = (selector, inside = document) => inside.querySelector(selector);
  const all = (selector, inside = document) => [...inside.querySelectorAll(selector)];
  const data = JSON.parse($("#data").textContent);
  const percent = (part, whole) => (whole ? (100 * part / whole).toFixed(1) + " %" : "–");
  const tip = $("#tip");

  for (const element of all(".filter, .js, #theme")) element.hidden = false;

  // Light and dark
  const theme = $("#theme");
  const isDark = () => (root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  const nameTheme = () => { theme.textContent = isDark() ? "Light" : "Dark"; theme.setAttribute("aria-label", isDark() ? "Use light colors" : "Use dark colors"); };
  theme.addEventListener("click", () => { root.dataset.theme = isDark() ? "light" : "dark"; nameTheme(); });
  nameTheme();

  // Sorting of tables: numbers by data-v, texts in the order of the language; cells without a value come last
  const order = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
  for (const table of all("table.sortable")) {
    const heads = all("thead th", table);
    heads.forEach((head, column) => {
      const button = $("button.sort", head);
      if (!button) return;
      const isNumber = button.dataset.kind === "n";
      button.addEventListener("click", () => {
        const before = head.getAttribute("aria-sort");
        const descending = before ? before === "ascending" : isNumber;
        for (const other of heads) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", descending ? "descending" : "ascending");
        const key = (row) => {
          const cell = row.cells[column];
          if (!cell) return isNumber ? null : "";
          if (!isNumber) return cell.textContent.trim();
          return cell.dataset.v === undefined || cell.dataset.v === "" ? null : Number(cell.dataset.v);
        };
        const rows = [...table.tBodies[0].rows].map((row) => [key(row), row]);
        rows.sort(([a], [b]) => {
          if (a === null || b === null) return (a === null) - (b === null);
          const found = isNumber ? a - b : order.compare(a, b);
          return descending ? -found : found;
        });
        table.tBodies[0].append(...rows.map(([, row]) => row));
      });
    });
  }

  // The filter of the columns
  for (const input of all("input[data-filter]")) {
    const rows = [...document.getElementById(input.dataset.filter).tBodies[0].rows];
    const count = document.getElementById(input.dataset.filter + "-count");
    input.addEventListener("input", () => {
      const wanted = input.value.trim().toLowerCase();
      let shown = 0;
      for (const row of rows) {
        row.hidden = !row.cells[0].textContent.toLowerCase().includes(wanted);
        shown += !row.hidden;
      }
      count.textContent = wanted ? `${shown} of ${rows.length}` : "";
    });
  }

  // Texts near the pointer
  const showTip = (text, event) => {
    tip.textContent = text;
    tip.hidden = false;
    const box = tip.getBoundingClientRect();
    tip.style.left = Math.max(4, Math.min(event.clientX + 12, innerWidth - box.width - 4)) + "px";
    tip.style.top = (event.clientY + 16 + box.height > innerHeight ? event.clientY - box.height - 12 : event.clientY + 16) + "px";
  };
  const hideTip = () => { tip.hidden = true; };
  for (const svg of all("svg[data-points]")) {
    const points = JSON.parse(svg.dataset.points);
    const view = svg.viewBox.baseVal;
    svg.addEventListener("pointermove", (event) => {
      const box = svg.getBoundingClientRect();
      const x = (event.clientX - box.left) * view.width / box.width;
      const y = (event.clientY - box.top) * view.height / box.height;
      let nearest = null, least = 24 ** 2;
      for (const point of points) {
        const distance = (point[0] - x) ** 2 + (point[1] - y) ** 2;
        if (distance < least) { least = distance; nearest = point; }
      }
      if (nearest) showTip(nearest[2], event); else hideTip();
    });
    svg.addEventListener("pointerleave", hideTip);
  }
  addEventListener("scroll", hideTip, { passive: true });

  // Threshold and costs
  for (const card of all(".threshold")) {
    const result = data.performances[card.dataset.performance].classification;
    const sweep = result.sweep;
    const [slider, output, costFp, costFn, rates] = ["input[type=range]", "output", ".cost-fp", ".cost-fn", ".rates"].map((s) => $(s, card));
    const counts = (i) => {
      const tp = sweep.true_positives[i], fp = sweep.false_positives[i];
      return { tp, fp, fn: sweep.n_positive - tp, tn: sweep.n_negative - fp };
    };
    const cost = (c) => c.fp * (Number(costFp.value) || 0) + c.fn * (Number(costFn.value) || 0);
    const n = sweep.n_positive + sweep.n_negative;
    const update = () => {
      const i = Number(slider.value), c = counts(i);
      output.textContent = sweep.thresholds[i];
      slider.setAttribute("aria-valuetext", String(sweep.thresholds[i]));
      for (const cell of all("[data-count]", card)) cell.textContent = c[cell.dataset.count].toLocaleString("en");
      rates.textContent = `Precision ${percent(c.tp, c.tp + c.fp)}, recall ${percent(c.tp, c.tp + c.fn)}, ` +
        `correct ${percent(c.tp + c.tn, n)}. Cost ${cost(c).toLocaleString("en", { maximumFractionDigits: 2 })}, ` +
        `which is ${(100 * cost(c) / n).toLocaleString("en", { maximumFractionDigits: 2 })} for 100 rows.`;
    };
    for (const input of [slider, costFp, costFn]) input.addEventListener("input", update);
    $(".cheapest", card).addEventListener("click", () => {
      let best = 0;
      sweep.thresholds.forEach((_, i) => { if (cost(counts(i)) < cost(counts(best))) best = i; });
      slider.value = best;
      update();
    });
    update();
  }

  // Parallel coordinates: a mark on an axis keeps the lines that cross it
  const parallel = $("svg.parallel");
  if (parallel) {
    const lines = data.search.lines, axes = all(".axis", parallel), runs = all(".run", parallel);
    const rows = new Map(all("#parallel-table tbody tr").map((row) => [Number(row.dataset.line), row]));
    const top = Number(parallel.dataset.top), height = Number(parallel.dataset.height);
    const marks = axes.map(() => null);
    const clear = $("#parallel-clear");
    const apply = () => {
      let shown = 0;
      lines.forEach((line, i) => {
        const inside = marks.every((mark, k) => !mark || (line.positions[k] >= mark[0] - 1e-6 && line.positions[k] <= mark[1] + 1e-6));
        runs[i].classList.toggle("off", !inside);
        if (rows.has(i)) rows.get(i).hidden = !inside;
        shown += inside;
      });
      axes.forEach((axis, k) => {
        const brush = $(".brush", axis), mark = marks[k];
        brush.setAttribute("visibility", mark ? "visible" : "hidden");
        if (!mark) return;
        brush.setAttribute("y", top + (1 - mark[1]) * height);
        brush.setAttribute("height", Math.max(2, (mark[1] - mark[0]) * height));
      });
      $("#parallel-count").textContent = `${shown} of ${lines.length} configurations`;
      clear.hidden = marks.every((mark) => !mark);
    };
    const place = (event) => {
      const box = parallel.getBoundingClientRect(), view = parallel.viewBox.baseVal;
      const y = (event.clientY - box.top) * view.height / box.height;
      return Math.min(1, Math.max(0, 1 - (y - top) / height));
    };
    axes.forEach((axis, k) => {
      const hit = $(".hit", axis);
      let start = null;
      hit.addEventListener("pointerdown", (event) => { start = place(event); hit.setPointerCapture(event.pointerId); event.preventDefault(); });
      hit.addEventListener("pointermove", (event) => {
        if (start === null) return;
        const now = place(event);
        marks[k] = Math.abs(now - start) < 0.01 ? null : [Math.min(start, now), Math.max(start, now)];
        apply();
      });
      const end = () => { start = null; };
      hit.addEventListener("pointerup", (event) => { if (start !== null && Math.abs(place(event) - start) < 0.01) { marks[k] = null; apply(); } end(); });
      hit.addEventListener("pointercancel", end);
      axis.addEventListener("keydown", (event) => {
        const step = { ArrowUp: 0.05, ArrowDown: -0.05 }[event.key], size = { "+": 0.05, "-": -0.05, "−": -0.05 }[event.key];
        if (event.key === "Escape") marks[k] = null;
        else if (step || size) {
          if (!marks[k]) marks[k] = [0.75, 1];
          else if (step) { const length = marks[k][1] - marks[k][0], low = Math.min(1 - length, Math.max(0, marks[k][0] + step)); marks[k] = [low, low + length]; }
          else marks[k] = [Math.max(0, Math.min(marks[k][1] - 0.05, marks[k][0] - size)), marks[k][1]];
        } else return;
        event.preventDefault();
        apply();
      });
    });
    clear.addEventListener("click", () => { marks.fill(null); apply(); });
    runs.forEach((run, i) => {
      const line = lines[i];
      const text = data.search.axes.map((axis, k) => `${axis.name}: ${line.values[k]}`).join("; ");
      run.addEventListener("pointerenter", (event) => { run.classList.add("hot"); showTip(text, event); });
      run.addEventListener("pointerleave", () => { run.classList.remove("hot"); hideTip(); });
    });
  }

  // A copy of the page with the notes that people have written
  $("#save-notes").addEventListener("click", () => {
    for (const field of all(".notes textarea")) field.textContent = field.value;
    const copy = new Blob(["<!DOCTYPE html>\n", root.outerHTML], { type: "text/html" });
    const link = document.createElement("a");
    link.href = URL.createObjectURL(copy);
    link.download = decodeURIComponent(location.pathname.split("/").pop()) || "report.html";
    link.click();
    URL.revokeObjectURL(link.href);
  });

  // Paper shows what a click would open
  addEventListener("beforeprint", () => { for (const details of all("details:not([open])")) { details.open = true; details.dataset.closed = ""; } });
  addEventListener("afterprint", () => { for (const details of all("details[data-closed]")) { details.open = false; delete details.dataset.closed; } });
})();
