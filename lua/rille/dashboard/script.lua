--- What the dashboard's pages run, and what those of an app do while it is written.
return {
  -- Show what the server sends in place of what is there, and leave alone what somebody reads, has opened or points at.
  ["dashboard.js"] = [=[
(() => {
  "use strict";
  const main = document.querySelector("main"), state = document.querySelector("#state"), pause = document.querySelector("#pause");
  let source = null, held = null, isPaused = false;

  function isReading() {
    const selection = getSelection();
    return isPaused || (!selection.isCollapsed && main.contains(selection.anchorNode));
  }

  function show(html) {
    const opened = new Set([...main.querySelectorAll("details[open]")].map(one => one.id));
    const focused = main.contains(document.activeElement) ? document.activeElement.id : "";
    const scrolled = [...main.querySelectorAll(".scrolls")].map(one => one.scrollLeft);
    main.innerHTML = html;
    for (const one of main.querySelectorAll("details")) one.open = opened.has(one.id);
    main.querySelectorAll(".scrolls").forEach((one, i) => { one.scrollLeft = scrolled[i] || 0; });
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  }

  function take(html) {
    held = html;
    if (isReading()) return;
    show(html);
    held = null;
  }

  function tell(word) {
    state.textContent = word;
    state.dataset.is = word;
  }

  function open() {
    source = new EventSource(location.href);
    source.onopen = () => tell(isPaused ? "paused" : "live");
    source.onmessage = event => take(event.data);
    source.addEventListener("again", () => { source.close(); open(); });
    source.onerror = () => tell("waiting");
  }

  if ("still" in main.dataset) return;
  pause.hidden = false;
  pause.addEventListener("click", () => {
    isPaused = !isPaused;
    pause.setAttribute("aria-pressed", isPaused);
    tell(isPaused ? "paused" : "live");
    if (!isPaused && held !== null) take(held);
  });
  // A browser keeps six connections to a host: those nobody looks at are given back.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) source.close();
    else open();
  });
  open();
})();
]=],

  -- Load the page again when other code serves than that which made it; three times at most, since whatever keeps an old
  -- page (a cache) keeps it for longer.
  ["refresh.js"] = [=[
(() => {
  "use strict";
  const mine = document.currentScript.dataset.stamp, KEY = "rille-refreshed", MOST = 3;
  let source = null;

  function refresh(stamp) {
    const [last, count] = (sessionStorage.getItem(KEY) || "").split(" ");
    const times = last === stamp ? Number(count) + 1 : 1;
    if (times > MOST) return;
    sessionStorage.setItem(KEY, stamp + " " + times);
    source.close();
    location.reload();
  }

  function open() {
    source = new EventSource("/_rille/changes");
    source.onmessage = event => { if (event.data !== mine) refresh(event.data); };
    source.addEventListener("again", () => { source.close(); open(); });
  }

  // A browser keeps six connections to a host: those nobody looks at are given back.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) source.close();
    else open();
  });
  if (!document.hidden) open();
})();
]=],
}
