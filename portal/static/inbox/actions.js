// Actions that survive a bad connection. Each has a key of its own and is kept on the phone until the service has
// answered, so it is carried out once, however often it is sent. They are sent in their order.

import { send, toast } from "../portal.js";
import { sentence, user } from "./sentences.js";

const STORE = "stadtfunk.actions";
const KEPT_MS = 12 * 3_600_000;
const SOON_MS = 10_000;

function read() {
  try {
    const all = JSON.parse(localStorage.getItem(STORE) ?? "[]");
    return all.filter((one) => one.user === user && Date.now() - Date.parse(one.madeAt) < KEPT_MS);
  } catch {
    return [];
  }
}

function write(all) {
  try {
    if (all.length) localStorage.setItem(STORE, JSON.stringify(all));
    else localStorage.removeItem(STORE);
  } catch {
    // a full or forbidden store: the action is still sent from this page
  }
}

export class Actions {
  /** `box` shows what waits and what failed; `changed` is called when something was carried out. */
  constructor(box, changed) {
    this.box = box;
    this.changed = changed;
    this.all = read();
    this.sending = false;
    addEventListener("storage", (event) => {
      if (event.key !== STORE) return;
      this.all = read();
      this.show();
    });
    addEventListener("online", () => this.flush());
    setInterval(() => this.all.length && this.flush(), SOON_MS);
    this.show();
  }

  /** Do what `form` says, now or as soon as there is a connection. */
  async submit(form) {
    const button = form.querySelector("button");
    const fields = Object.fromEntries(new FormData(form));
    this.all.push({
      url: form.getAttribute("action"),
      number: form.dataset.number,
      action: form.dataset.action,
      key: fields.key,
      position: fields.position,
      outcome: fields.outcome ?? "",
      note: fields.note ?? "",
      madeAt: new Date().toISOString(),
      user,
    });
    write(this.all);
    button.setAttribute("aria-busy", "true");
    button.disabled = true;
    await this.flush();
    button.removeAttribute("aria-busy");
    button.disabled = false;
    if (this.all.some((one) => one.key === fields.key && !one.failed)) {
      toast(sentence("queued"));
      form.reset();
    }
  }

  /** Send what waits. */
  async flush() {
    if (this.sending) return;
    this.sending = true;
    try {
      for (const one of this.all.filter((entry) => !entry.failed)) if (!(await this.deliver(one))) break;
    } finally {
      this.sending = false;
      this.show();
    }
  }

  async deliver(one) {
    const answer = await this.post(one);
    if (answer === null || answer.status >= 500 || answer.status === 401 || answer.status === 429) return false;
    if (answer.status === 403 && (await this.renewToken())) return this.retry(one);
    if (answer.ok) {
      this.drop(one);
      toast(sentence("done"), "success");
      for (const field of document.querySelectorAll("form[data-action]")) if (field.elements.key?.value === one.key) field.reset();
      this.changed();
      return true;
    }
    return this.refused(one, answer);
  }

  /** Say why it was refused: at its form if that is still there, else above the page. The note is not kept. */
  async refused(one, answer) {
    const said = await answer.json().catch(() => ({}));
    one.failed = said.message ?? String(answer.status);
    one.note = "";
    toast(one.failed, "danger");
    const form = [...document.querySelectorAll("form[data-action]")].find((other) => other.elements.key?.value === one.key);
    if (answer.status === 422 && form) {
      this.drop(one);
      this.complain(form, one.failed);
      return true;
    }
    write(this.all);
    this.changed();
    return true;
  }

  complain(form, text) {
    const field = form.querySelector("textarea, input[type=radio]");
    const said = form.querySelector("[data-complaint]") ?? document.createElement("p");
    said.dataset.complaint = "";
    said.className = "field__error";
    said.setAttribute("role", "alert");
    said.textContent = text;
    form.querySelector("button").before(said);
    field?.focus();
  }

  async retry(one) {
    const answer = await this.post(one);
    if (answer?.ok) {
      this.drop(one);
      this.changed();
      return true;
    }
    return answer === null ? false : this.refused(one, answer);
  }

  async post(one) {
    const body = { key: one.key, position: one.position, outcome: one.outcome, note: one.note, made_at: one.madeAt };
    try {
      return await send(one.url, { body, signal: AbortSignal.timeout(15_000) });
    } catch {
      return null;
    }
  }

  /** After a new login the page's token is an old one. */
  async renewToken() {
    try {
      const page = await (await fetch("/inbox", { headers: { Accept: "*/*" }, credentials: "same-origin" })).text();
      const fresh = new DOMParser().parseFromString(page, "text/html").querySelector('meta[name="csrf-token"]');
      const meta = document.querySelector('meta[name="csrf-token"]');
      if (!fresh || fresh.content === meta.content) return false;
      meta.content = fresh.content;
      return true;
    } catch {
      return false;
    }
  }

  drop(one) {
    this.all = this.all.filter((other) => other !== one);
    write(this.all);
    this.show();
  }

  show() {
    const waiting = this.all.filter((one) => !one.failed);
    const failed = this.all.filter((one) => one.failed);
    this.box.replaceChildren();
    if (waiting.length) this.group(waiting.length === 1 ? sentence("waitingOne") : sentence("waitingMany", { count: waiting.length }), waiting, "discard");
    if (failed.length) this.group(sentence("failed"), failed, "seen");
    this.box.hidden = this.all.length === 0;
  }

  group(title, entries, button) {
    const head = document.createElement("p");
    head.textContent = title;
    const items = document.createElement("ul");
    for (const one of entries) {
      const item = document.createElement("li");
      const text = document.createElement("span");
      const name = one.action.replace(/_./g, (part) => part[1].toUpperCase());
      text.textContent = [`${sentence(`action${name[0].toUpperCase()}${name.slice(1)}`)} · ${one.number}`, one.failed].filter(Boolean).join(": ");
      const gone = document.createElement("button");
      gone.type = "button";
      gone.className = "button";
      gone.textContent = sentence(button);
      gone.addEventListener("click", () => this.drop(one));
      item.append(text, gone);
      items.append(item);
    }
    this.box.append(head, items);
  }
}
