// Keeps the last state of the inbox at hand where there is no connection. What it kept goes with the logout.

const PAGES = "stadtfunk-pages-1";
const FILES = "stadtfunk-files-1";
const PATIENCE_MS = 6_000;

self.addEventListener("install", () => self.skipWaiting());

self.addEventListener("activate", (event) => {
  event.waitUntil(
    (async () => {
      for (const name of await caches.keys()) if (![PAGES, FILES].includes(name)) await caches.delete(name);
      await self.clients.claim();
    })(),
  );
});

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (url.origin !== location.origin) return;
  if (event.request.method !== "GET") {
    if (url.pathname === "/logout") event.waitUntil(Promise.all([caches.delete(PAGES), silence()]));
    return;
  }
  if (url.pathname.startsWith("/static/")) event.respondWith(file(event.request, url));
  else if (isPage(url)) event.respondWith(page(event.request, event));
});

/** Nobody is logged in any more: this device gets no more notifications. */
async function silence() {
  await (await self.registration.pushManager.getSubscription())?.unsubscribe();
}

function isPage(url) {
  return url.pathname === "/inbox" || /^\/inbox\/cases\/[^/]+$/.test(url.pathname);
}

/** A file under a digest never changes; the others are asked for first. */
async function file(request, url) {
  const kept = await caches.match(request);
  if (kept && url.searchParams.has("v")) return kept;
  try {
    const answer = await fetch(request);
    if (answer.ok) (await caches.open(FILES)).put(request, answer.clone());
    return answer;
  } catch (error) {
    if (kept) return kept;
    throw error;
  }
}

/** The page as it is now, or as it was when there is no connection, marked as kept. */
async function page(request, event) {
  const store = await caches.open(PAGES);
  try {
    const answer = await fetch(request, { signal: AbortSignal.timeout(PATIENCE_MS) });
    if (answer.redirected && new URL(answer.url).pathname === "/login") event.waitUntil(caches.delete(PAGES));
    else if (answer.ok) event.waitUntil(store.put(request, answer.clone()));
    return answer;
  } catch (error) {
    const kept = await store.match(request, { ignoreVary: true });
    if (!kept) throw error;
    const headers = new Headers(kept.headers);
    headers.set("X-Kept-At", kept.headers.get("Date") ?? "kept");
    return new Response(await kept.blob(), { status: 200, headers });
  }
}

self.addEventListener("push", (event) => {
  const said = event.data ? event.data.json() : {};
  event.waitUntil(
    self.registration.showNotification(said.title ?? "Stadtfunk", {
      body: said.body ?? "",
      tag: said.number ?? "stadtfunk",
      data: { url: said.url ?? "/inbox" },
      lang: "de",
    }),
  );
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(
    (async () => {
      const open = await self.clients.matchAll({ type: "window" });
      const own = open.find((one) => new URL(one.url).pathname.startsWith("/inbox"));
      if (own) await own.focus().then((one) => one.navigate(event.notification.data.url));
      else await self.clients.openWindow(event.notification.data.url);
    })(),
  );
});
