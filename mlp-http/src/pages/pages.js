// Keeps the part of a page with data-refresh fresh: fetches the page again and puts its part in place
// of this one. Without this script nothing is lost but that.
"use strict";
(() => {
  const live = document.querySelector("[data-refresh]");
  if (!live) return;
  const every = Number(live.dataset.refresh) * 1000;
  let timer;

  function replace(text) {
    const fresh = new DOMParser().parseFromString(text, "text/html").querySelector("[data-refresh]");
    if (!fresh) return;
    const open = [...live.querySelectorAll("details[open][id]")].map((details) => details.id);
    const focus = live.contains(document.activeElement) ? document.activeElement.id : "";
    live.replaceChildren(...fresh.childNodes);
    for (const id of open) document.getElementById(id)?.setAttribute("open", "");
    if (focus) document.getElementById(focus)?.focus({ preventScroll: true });
  }

  async function turn() {
    clearTimeout(timer);
    if (document.hidden) return;
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" } });
      if (answer.status === 401) return location.reload();
      if (answer.ok) replace(await answer.text());
      live.classList.toggle("stale", !answer.ok);
    } catch {
      live.classList.add("stale");
    }
    timer = setTimeout(turn, every);
  }

  timer = setTimeout(turn, every);
  document.addEventListener("visibilitychange", turn);
})();
