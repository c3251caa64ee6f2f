// What every page has: the state of the connection, toasts, and requests that carry the CSRF token.

document.documentElement.classList.replace("no-js", "js");

const offline = document.querySelector("[data-offline]");

/** Show or hide the bar that says that there is no connection. */
export function showOffline(away) {
  offline.hidden = !away;
  document.documentElement.classList.toggle("is-offline", away);
}

addEventListener("offline", () => showOffline(true));
addEventListener("online", () => showOffline(false));
if (!navigator.onLine) showOffline(true);

/** Say something for a moment; screen readers hear it. `kind`: "", "success" or "danger". */
export function toast(sentence, kind = "") {
  const item = document.createElement("p");
  item.className = kind ? `toast toast--${kind}` : "toast";
  item.textContent = sentence;
  document.querySelector("[data-toasts]").append(item);
  setTimeout(() => item.remove(), 6000);
}

/** `fetch` with the CSRF token; JSON in, the answer out. A login that has ended leads to the login page. */
export async function send(url, { method = "POST", body, headers = {}, signal } = {}) {
  const answer = await fetch(url, {
    method,
    signal,
    credentials: "same-origin",
    headers: {
      Accept: "application/json",
      "X-CSRF-Token": document.querySelector('meta[name="csrf-token"]').content,
      ...(body === undefined ? {} : { "Content-Type": "application/json" }),
      ...headers,
    },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  if (answer.status === 401) location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);
  return answer;
}
