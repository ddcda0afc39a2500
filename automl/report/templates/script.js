// The parts of a report that only a whole report has.
(() => {
  "use strict";
  const { root, $, all } = page;
  const data = JSON.parse($("#data").textContent);
  const percent = (part, whole) => (whole ? (100 * part / whole).toFixed(1) + " %" : "–");
  for (const element of all(".filter, .js")) element.hidden = false;

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
