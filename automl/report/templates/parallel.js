// Parallel coordinates: a mark on an axis keeps the lines that cross it.
const parallel = (() => {
  "use strict";
  const { $, all, showTip, hideTip } = page;
  const marks = new Map(); // name of an axis -> [low, high], which outlive a redrawn page
  let lines = [], names = [], axes = [], runs = [], rows = new Map(), svg = null, start = null;

  const apply = () => {
    if (!svg) return;
    const top = Number(svg.dataset.top), height = Number(svg.dataset.height);
    let shown = 0;
    lines.forEach((line, i) => {
      const inside = names.every((name, k) => {
        const mark = marks.get(name);
        return !mark || (line.positions[k] >= mark[0] - 1e-6 && line.positions[k] <= mark[1] + 1e-6);
      });
      runs[i].classList.toggle("off", !inside);
      if (rows.has(i)) rows.get(i).hidden = !inside;
      shown += inside;
    });
    axes.forEach((axis, k) => {
      const brush = $(".brush", axis), mark = marks.get(names[k]);
      brush.setAttribute("visibility", mark ? "visible" : "hidden");
      if (!mark) return;
      brush.setAttribute("y", top + (1 - mark[1]) * height);
      brush.setAttribute("height", Math.max(2, (mark[1] - mark[0]) * height));
    });
    $("#parallel-count").textContent = `${shown} of ${lines.length} configurations`;
    $("#parallel-clear").hidden = !names.some((name) => marks.has(name));
  };
  const setMark = (name, mark) => { if (mark) marks.set(name, mark); else marks.delete(name); apply(); };

  /** Read the lines from the page, at its start and after each change. */
  const read = () => {
    svg = $("svg.parallel");
    if (!svg) return;
    const search = JSON.parse($("#data").textContent).search;
    lines = search.lines;
    names = search.axes.map((axis) => axis.name);
    axes = all(".axis", svg);
    runs = all(".run", svg);
    rows = new Map(all("#parallel-table tbody tr").map((row) => [Number(row.dataset.line), row]));
    apply();
  };

  const place = (event) => {
    const box = svg.getBoundingClientRect(), view = svg.viewBox.baseVal;
    const y = (event.clientY - box.top) * view.height / box.height;
    return Math.min(1, Math.max(0, 1 - (y - Number(svg.dataset.top)) / Number(svg.dataset.height)));
  };
  const nameAt = (target) => { const axis = target.closest("svg.parallel .axis"); return axis ? names[axes.indexOf(axis)] : undefined; };
  const part = (now) => (Math.abs(now - start.at) < 0.01 ? null : [Math.min(start.at, now), Math.max(start.at, now)]);
  document.addEventListener("pointerdown", (event) => {
    if (!event.target.matches("svg.parallel .hit")) return;
    start = { at: place(event), name: nameAt(event.target) };
    event.target.setPointerCapture(event.pointerId);
    event.preventDefault();
  });
  document.addEventListener("pointermove", (event) => { if (start) setMark(start.name, part(place(event))); });
  document.addEventListener("pointerup", (event) => {
    if (start && Math.abs(place(event) - start.at) < 0.01) setMark(start.name, null);
    start = null;
  });
  document.addEventListener("pointercancel", () => { start = null; });
  document.addEventListener("keydown", (event) => {
    const name = event.target.closest ? nameAt(event.target) : undefined;
    if (name === undefined) return;
    const step = { ArrowUp: 0.05, ArrowDown: -0.05 }[event.key], size = { "+": 0.05, "-": -0.05, "−": -0.05 }[event.key];
    let mark = marks.get(name);
    if (event.key === "Escape") mark = null;
    else if (step || size) {
      if (!mark) mark = [0.75, 1];
      else if (step) { const length = mark[1] - mark[0], low = Math.min(1 - length, Math.max(0, mark[0] + step)); mark = [low, low + length]; }
      else mark = [Math.max(0, Math.min(mark[1] - 0.05, mark[0] - size)), mark[1]];
    } else return;
    event.preventDefault();
    setMark(name, mark);
  });
  document.addEventListener("click", (event) => { if (event.target.closest("#parallel-clear")) { marks.clear(); apply(); } });
  document.addEventListener("pointerover", (event) => {
    const line = lines[runs.indexOf(event.target)];
    if (!line) return;
    event.target.classList.add("hot");
    showTip(names.map((name, k) => `${name}: ${line.values[k]}`).join("; "), event);
  });
  document.addEventListener("pointerout", (event) => {
    if (runs.includes(event.target)) { event.target.classList.remove("hot"); hideTip(); }
  });

  read();
  return { read };
})();
