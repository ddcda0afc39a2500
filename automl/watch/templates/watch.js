// Asks for the changed part of the page, and changes only what differs, so that the place of the reader stays.
(() => {
  "use strict";
  const { $, all, sortAgain } = page;
  const main = $("#main"), connection = $("#connection");
  const KEPT = new Set(["open", "aria-sort"]); // what the reader has chosen
  let etag = main.dataset.etag, behind = 0, failures = 0;

  const keyOf = (node) => (node.nodeType === Node.ELEMENT_NODE ? node.id || node.dataset.key || "" : "");

  /** Make an element like another one. Elements with the same key, or in the same place, stay. */
  const change = (old, next) => {
    if (old.isEqualNode(next)) return;
    if (old.nodeType !== Node.ELEMENT_NODE) { old.nodeValue = next.nodeValue; return; }
    for (const { name } of [...old.attributes]) if (!next.hasAttribute(name) && !KEPT.has(name)) old.removeAttribute(name);
    for (const { name, value } of next.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    changeChildren(old, next);
  };
  const changeChildren = (old, next) => {
    const known = new Map();
    for (const child of old.children) if (keyOf(child)) known.set(keyOf(child), child);
    let at = old.firstChild;
    for (const wanted of [...next.childNodes]) {
      const key = keyOf(wanted);
      let found = key ? known.get(key) : at && !keyOf(at) && at.nodeName === wanted.nodeName ? at : null;
      if (found && found.nodeName !== wanted.nodeName) found = null;
      if (!found) { old.insertBefore(wanted, at); continue; }
      if (found === at) at = at.nextSibling; else old.insertBefore(found, at);
      change(found, wanted);
    }
    while (at) { const after = at.nextSibling; at.remove(); at = after; }
  };

  /** Seconds in words, as the server writes them. */
  const words = (seconds) => {
    if (seconds < 10) return String(Number(Math.max(0, seconds).toPrecision(2))) + " s";
    const whole = Math.round(seconds);
    if (whole < 100) return `${whole} s`;
    if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
    return `${Math.floor(whole / 3600)} h ${Math.floor(whole % 3600 / 60)} min`;
  };
  const tick = () => {
    const now = Date.now() / 1000 + behind;
    for (const element of all("[data-clock]")) {
      const seconds = now - Number(element.dataset.clock);
      if (element.dataset.total) {
        const percent = Math.min(100, Math.max(0, 100 * seconds / Number(element.dataset.total)));
        element.firstElementChild.style.width = percent.toFixed(1) + "%";
        element.setAttribute("aria-valuenow", Math.round(percent));
      } else element.textContent = words(Math.round(Math.max(0, seconds)));
    }
    for (const element of all("time[data-time]")) {
      element.textContent = new Date(1000 * Number(element.dataset.time)).toLocaleString([], { weekday: "short", hour: "2-digit", minute: "2-digit" });
    }
  };

  const ask = async () => {
    if (document.hidden) return;
    try {
      const answer = await fetch("fragment", { headers: { "If-None-Match": etag }, cache: "no-store" });
      const date = Date.parse(answer.headers.get("Date"));
      if (Number.isFinite(date) && Math.abs(date - Date.now()) > 3000) behind = (date - Date.now()) / 1000;
      if (answer.status === 200) {
        const template = document.createElement("template");
        template.innerHTML = await answer.text();
        etag = answer.headers.get("ETag");
        changeChildren(main, template.content);
        sortAgain();
        parallel.read();
        tick();
      } else if (answer.status !== 304) throw new Error((await answer.text()).slice(0, 200));
      failures = 0;
      connection.textContent = "";
    } catch (error) {
      failures += 1;
      if (failures > 1) connection.textContent = error instanceof TypeError ? "automl watch has stopped, or cannot be reached; this page tries again" : error.message;
    }
  };
  const wait = () => {
    const live = $("#state")?.dataset.live === "yes";
    return 1000 * Number(main.dataset.every) * (failures ? Math.min(10, failures + 1) : live ? 1 : 5);
  };
  const loop = async () => { await ask(); setTimeout(loop, wait()); };
  addEventListener("visibilitychange", () => { if (!document.hidden) ask(); });
  setInterval(tick, 1000);
  tick();
  setTimeout(loop, wait());
})();
