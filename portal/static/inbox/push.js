// Notifications on this device, when somebody asks for them.

import { send, toast } from "../portal.js";
import { sentence } from "./sentences.js";

/** Shows the switch where the service and the browser can do it. */
export async function push(box, worker) {
  const key = box?.dataset.push;
  if (!key || !worker || !("PushManager" in window)) return;
  const button = box.querySelector("button");
  const registration = await worker;
  const show = async () => {
    const on = box.dataset.subscribed === "true" && Boolean(await registration.pushManager.getSubscription());
    button.setAttribute("aria-pressed", String(on));
    box.hidden = false;
    return on;
  };
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      const wanted = !(await show());
      await (wanted ? on(registration, key) : off(registration));
      box.dataset.subscribed = String(wanted);
    } catch {
      toast(sentence("noPush"), "danger");
    } finally {
      button.disabled = false;
      await show();
    }
  });
  await show();
}

async function on(registration, key) {
  const subscription = await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
  const answer = await send("/inbox/push", { method: "PUT", body: subscription.toJSON() });
  if (answer.ok) return;
  await subscription.unsubscribe();
  throw new Error(String(answer.status));
}

async function off(registration) {
  const subscription = await registration.pushManager.getSubscription();
  await send("/inbox/push", { method: "DELETE", body: { endpoint: subscription.endpoint } });
  await subscription.unsubscribe();
}
