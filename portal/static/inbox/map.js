// The cases of the list on a map. The list is the truth: a marker leads to its entry. Without tiles the places stay.

const MAINZ = [49.999, 8.266];

/** Draws the cases of `list` into `element`, when it is shown. */
export class CaseMap {
  constructor(element, list) {
    this.element = element;
    this.list = list;
    this.markers = new Map();
    this.map = null;
    this.fitted = false;
    this.here = null;
    const toggle = document.querySelector("[data-map-toggle]");
    toggle?.addEventListener("click", () => {
      const shown = document.documentElement.classList.toggle("shows-map");
      toggle.setAttribute("aria-pressed", String(shown));
      this.draw();
    });
    document.addEventListener("here", ({ detail }) => this.showHere(detail));
    addEventListener("resize", () => this.draw());
  }

  get visible() {
    return this.element.offsetParent !== null;
  }

  draw() {
    if (!window.L) return addEventListener("load", () => this.draw(), { once: true });
    if (!this.visible) return;
    this.map ??= this.make();
    this.map.invalidateSize();
    const seen = new Set();
    [...this.list.querySelectorAll("[data-case][data-lat]")].forEach((one, index) => {
      seen.add(one.dataset.case);
      this.mark(one, index + 1);
    });
    for (const [number, marker] of this.markers) {
      if (seen.has(number)) continue;
      marker.remove();
      this.markers.delete(number);
    }
    this.fit();
  }

  make() {
    const map = L.map(this.element, { zoomControl: false, attributionControl: true }).setView(MAINZ, 13);
    L.control.zoom({ position: "bottomright" }).addTo(map);
    map.attributionControl.setPrefix("Leaflet");
    const { tiles, attribution, maxZoom } = this.element.dataset;
    if (tiles) L.tileLayer(tiles, { attribution, maxZoom: Number(maxZoom) }).addTo(map);
    return map;
  }

  mark(entry, rank) {
    const at = [Number(entry.dataset.lat), Number(entry.dataset.lon)];
    const title = entry.querySelector(".case__place").textContent.trim().replace(/\s+/g, " ");
    const icon = L.divIcon({
      className: `pin pin--${entry.dataset.state}`,
      html: `<span><b>${rank}</b></span>`,
      iconSize: [32, 32],
      iconAnchor: [16, 38],
    });
    const known = this.markers.get(entry.dataset.case);
    if (known) {
      known.setLatLng(at).setIcon(icon);
      return;
    }
    const marker = L.marker(at, { icon, title, alt: title, keyboard: true, riseOnHover: true }).addTo(this.map);
    marker.on("click", () => this.choose(entry.dataset.case));
    this.markers.set(entry.dataset.case, marker);
  }

  choose(number) {
    for (const one of this.list.querySelectorAll(".is-chosen")) one.classList.remove("is-chosen");
    const entry = this.list.querySelector(`[data-case="${CSS.escape(number)}"]`);
    entry?.classList.add("is-chosen");
    entry?.scrollIntoView({ block: "center", behavior: "smooth" });
    entry?.querySelector("a")?.focus({ preventScroll: true });
  }

  fit() {
    if (this.fitted || this.markers.size === 0) return;
    this.map.fitBounds(L.featureGroup([...this.markers.values()]).getBounds().pad(0.2), { maxZoom: 16, animate: false });
    this.fitted = true;
  }

  showHere(at) {
    if (!this.map) return;
    const icon = L.divIcon({ className: "here", html: "<span></span>", iconSize: [18, 18] });
    this.here ??= L.marker([at.lat, at.lon], { icon, interactive: false, keyboard: false, zIndexOffset: -500 }).addTo(this.map);
    this.here.setLatLng([at.lat, at.lon]);
  }
}
