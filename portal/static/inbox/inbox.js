// The inbox in a browser: fresh by itself, with distances, a map, and actions that survive a bad connection.

import { showOffline } from "../portal.js";
import { Actions } from "./actions.js";
import { live } from "./live.js";
import { CaseMap } from "./map.js";
import { Nearest } from "./nearest.js";
import { push } from "./push.js";
import { sentence } from "./sentences.js";

const list = document.querySelector("[data-list]");
const nearest = new Nearest(list);
const map = document.querySelector("[data-map]") && new CaseMap(document.querySelector("[data-map]"), list);
const actions = new Actions(document.querySelector("[data-waiting]"), refresh);
let known = numbers();
let calledOff = calls();
let asking = null;
let again = false;

/** Ask for the inner part of the page and put it in place; several wishes at once become one. */
async function refresh() {
  if (asking) {
    again = true;
    return;
  }
  asking = new AbortController();
  const limit = setTimeout(() => asking.abort(), 10_000);
  try {
    const url = new URL(location.href);
    url.searchParams.set("teil", list.dataset.part);
    const answer = await fetch(url, { headers: { Accept: "*/*" }, credentials: "same-origin", signal: asking.signal });
    if (answer.status === 401) return location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);
    if (!answer.ok) throw new Error(String(answer.status));
    const kept = answer.headers.get("X-Kept-At");
    place(await answer.text());
    showOffline(Boolean(kept));
    if (!kept) actions.flush();
  } catch {
    showOffline(true);
  } finally {
    clearTimeout(limit);
    asking = null;
    if (again) {
      again = false;
      refresh();
    }
  }
}

/** Show `html`, but leave what somebody is typing, what they opened and where their focus is. */
function place(html) {
  if (isTyping()) return;
  const focused = document.activeElement?.dataset?.focus;
  const open = new Map([...list.querySelectorAll("details[data-keep]")].map((one) => [one.dataset.keep, one.open]));
  const next = document.createElement("template");
  next.innerHTML = html;
  list.replaceChildren(next.content);
  for (const one of list.querySelectorAll("details[data-keep]")) if (open.has(one.dataset.keep)) one.open ||= open.get(one.dataset.keep);
  if (focused) list.querySelector(`[data-focus="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  arranged();
  announce();
}

function isTyping() {
  const dirty = [...list.querySelectorAll("textarea")].some((one) => one.value !== one.defaultValue);
  const chosen = [...list.querySelectorAll("input[type=radio]")].some((one) => one.checked !== one.defaultChecked);
  const ended = Boolean(list.querySelector("[data-called-off]"));
  return (dirty || chosen) && !ended;
}

function arranged() {
  nearest.apply();
  map?.draw();
  ages();
}

/** Tell of what is new: cases in the list, and patrols that need not go on. */
function announce() {
  const now = numbers();
  const fresh = [...now].filter((one) => !known.has(one)).length;
  if (fresh && list.dataset.part === "liste") say(fresh === 1 ? sentence("newOne") : sentence("newMany", { count: fresh }));
  const off = calls();
  if ([...off].some((one) => !calledOff.has(one))) {
    navigator.vibrate?.([300, 150, 300]);
    document.title = `⚠ ${sentence("calledOff")} · Stadtfunk`;
    scrollTo({ top: 0 });
  }
  known = now;
  calledOff = off;
}

function say(text) {
  document.querySelector("[data-live-text]").textContent = text;
}

function numbers() {
  return new Set([...list.querySelectorAll("[data-case]")].map((one) => one.dataset.case));
}

function calls() {
  return new Set([...list.querySelectorAll("[data-called-off]")].map((one) => one.dataset.calledOff));
}

/** How long each case has lasted, by this clock. */
function ages() {
  for (const one of list.querySelectorAll("[data-since]")) {
    const minutes = Math.max(0, Math.floor((Date.now() - Date.parse(one.dataset.since)) / 60_000));
    const hours = Math.floor(minutes / 60);
    one.textContent =
      hours === 0 ? `${minutes} min` : hours < 24 ? `${hours} h ${String(minutes % 60).padStart(2, "0")} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
  }
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("form[data-action]")) return;
  event.preventDefault();
  actions.submit(form);
});

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-open]");
  if (!opener) return;
  const target = document.getElementById(opener.dataset.open);
  target.open = true;
  event.preventDefault();
  target.scrollIntoView({ block: "start" });
  target.querySelector("input, textarea")?.focus({ preventScroll: true });
});

document.querySelector("[data-filters]")?.addEventListener("change", (event) => event.currentTarget.requestSubmit());

arranged();
live(document.querySelector("[data-live]"), refresh);
setInterval(ages, 30_000);
addEventListener("online", refresh);
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && refresh());
actions.flush();

if ("serviceWorker" in navigator) {
  navigator.serviceWorker.register("/inbox/service-worker.js", { scope: "/" }).then(
    () => push(document.querySelector("[data-push]"), navigator.serviceWorker.ready),
    () => {},
  );
}
