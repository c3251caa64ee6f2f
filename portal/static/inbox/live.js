// The stream of changes. Without it (a proxy that holds it back, too many readers) the page asks every 15 seconds.

import { sentence } from "./sentences.js";

const SILENT_MS = 40_000;
const POLL_MS = 15_000;
const ANYHOW_MS = 60_000;

/** Call `refresh` whenever something changed, and show on `sign` whether the page is fresh. */
export function live(sign, refresh) {
  const text = sign.querySelector("[data-live-text]");
  let heard = Date.now();
  let asked = Date.now();
  let source = null;

  const show = (on) => {
    sign.classList.toggle("live--on", on);
    sign.classList.toggle("live--off", !on);
    if (on) text.textContent = sentence("live");
    else text.textContent = sentence("stale", { time: new Date(heard).toLocaleTimeString("de-DE", { hour: "2-digit", minute: "2-digit" }) });
  };
  const ask = () => {
    asked = Date.now();
    refresh();
  };
  const hear = () => {
    heard = Date.now();
    show(true);
  };
  const open = () => {
    source?.close();
    source = new EventSource("/inbox/events");
    source.addEventListener("hello", () => {
      hear();
      ask();
    });
    source.addEventListener("beat", hear);
    source.addEventListener("change", () => {
      hear();
      ask();
    });
    source.addEventListener("error", () => show(false));
  };

  open();
  setInterval(() => {
    const silent = Date.now() - heard > SILENT_MS;
    const broken = source.readyState !== EventSource.OPEN;
    if (silent || broken) show(false);
    if (source.readyState === EventSource.CLOSED || silent) open();
    if (Date.now() - asked > (silent || broken ? POLL_MS : ANYHOW_MS)) ask();
  }, 5_000);
  addEventListener("pagehide", () => source.close());
  addEventListener("pageshow", (event) => event.persisted && open());
}
