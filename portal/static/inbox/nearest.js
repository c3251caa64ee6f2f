// Distances from where the phone is. The position stays on the phone: it is sent to nobody.

import { toast } from "../portal.js";
import { sentence } from "./sentences.js";

const EARTH_M = 6_371_000;

/** Metres between two points. */
export function metres(a, b) {
  const rad = Math.PI / 180;
  const x = (b.lon - a.lon) * rad * Math.cos(((a.lat + b.lat) / 2) * rad);
  const y = (b.lat - a.lat) * rad;
  return Math.hypot(x, y) * EARTH_M;
}

function words(distance) {
  return distance < 950 ? `${Math.round(distance / 10) * 10} m` : `${(distance / 1000).toLocaleString("de-DE", { maximumFractionDigits: 1 })} km`;
}

/** Shows distances in `list`, and orders it by them while the button is pressed. */
export class Nearest {
  constructor(list) {
    this.list = list;
    this.here = null;
    this.button = document.querySelector("[data-nearest]");
    this.watch = null;
    this.button?.addEventListener("click", () => this.toggle());
    if (sessionStorage.getItem("nearest") === "1") this.toggle();
    else navigator.permissions?.query({ name: "geolocation" }).then((one) => one.state === "granted" && this.start(), () => {});
  }

  get wanted() {
    return this.button?.getAttribute("aria-pressed") === "true";
  }

  toggle() {
    if (!this.button) return this.start();
    const pressed = !this.wanted;
    this.button.setAttribute("aria-pressed", String(pressed));
    sessionStorage.setItem("nearest", pressed ? "1" : "0");
    if (!pressed) return this.order((one) => Number(one.dataset.order));
    this.start();
    this.apply();
  }

  start() {
    if (this.watch !== null || !navigator.geolocation) return;
    this.watch = navigator.geolocation.watchPosition(
      ({ coords }) => {
        this.here = { lat: coords.latitude, lon: coords.longitude };
        document.dispatchEvent(new CustomEvent("here", { detail: this.here }));
        this.apply();
      },
      () => {
        navigator.geolocation.clearWatch(this.watch);
        this.watch = null;
        if (!this.wanted) return;
        this.button.setAttribute("aria-pressed", "false");
        sessionStorage.setItem("nearest", "0");
        toast(sentence("noPosition"), "danger");
      },
      { enableHighAccuracy: true, maximumAge: 15_000, timeout: 20_000 },
    );
  }

  /** Fill in distances and the order, after the list was drawn anew or the phone has moved. */
  apply() {
    const cases = [...this.list.querySelectorAll("[data-case]")];
    cases.forEach((one, index) => (one.dataset.order ??= index));
    if (!this.here) return;
    for (const one of this.list.querySelectorAll("[data-lat]")) {
      const distance = metres(this.here, { lat: Number(one.dataset.lat), lon: Number(one.dataset.lon) });
      one.dataset.metres = distance;
      const shown = one.querySelector("[data-distance]") ?? this.list.querySelector("[data-distance-row] [data-distance]");
      if (!shown) continue;
      shown.textContent = words(distance);
      shown.hidden = false;
      shown.closest("[data-distance-row]")?.removeAttribute("hidden");
    }
    if (this.wanted) this.order((one) => Number(one.dataset.metres ?? Infinity));
  }

  order(by) {
    const parent = this.list.querySelector("[data-cases]");
    if (!parent) return;
    const cases = [...parent.children];
    const sorted = [...cases].sort((a, b) => by(a) - by(b));
    if (sorted.every((one, index) => one === cases[index])) return;
    const focused = document.activeElement;
    parent.append(...sorted);
    if (parent.contains(focused)) focused.focus({ preventScroll: true });
  }
}
