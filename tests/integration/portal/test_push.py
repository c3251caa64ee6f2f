"""Notifications of a device: subscribed by the page of a real browser, read by it, and ended with the login.

The push service itself is left out: Chromium subscribes at that of its maker alone, which no test can reach.
"""

import base64
import json
import re
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from alerts.channels import Outgoing, Wording
from alerts.channels.subscriptions import Subscription
from alerts.channels.webpush import encrypted, notice
from alerts.settings import AlertSettings
from portal.server import bind
from portal.settings import HttpSettings
from tests.integration.portal.clock import rows
from tests.support.chromium import PHONE, needs_chromium, open_chromium, serving
from tests.support.portal import PASSWORD, open_portal

pytestmark = pytest.mark.anyio
JSON = {"Accept": "application/json"}
SUBSCRIPTIONS = "SELECT username, endpoint FROM push_subscription"
PUSH_SERVICE = """
let given = null;
PushManager.prototype.getSubscription = async () => given;
PushManager.prototype.subscribe = async ({ applicationServerKey, userVisibleOnly }) => {
  const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  const pair = await crypto.subtle.generateKey({ name: "ECDH", namedCurve: "P-256" }, false, ["deriveBits"]);
  const own = await crypto.subtle.exportKey("raw", pair.publicKey);
  const auth = crypto.getRandomValues(new Uint8Array(16));
  const keys = { p256dh: text(own), auth: text(auth) };
  Object.assign(window, { pair, own, auth, asked: { applicationServerKey, userVisibleOnly } });
  given = {
    toJSON: () => ({ endpoint: "https://push.example/phone", expirationTime: null, keys }),
    endpoint: "https://push.example/phone",
    unsubscribe: async () => Boolean((given = null, true)),
  };
  return given;
};
"""
READ = """
async (sent) => {
  const body = Uint8Array.from(atob(sent), (one) => one.charCodeAt(0));
  const bytes = (text) => new TextEncoder().encode(text);
  const join = (...parts) => new Uint8Array(parts.flatMap((part) => [...new Uint8Array(part)]));
  const derive = async (secret, salt, info, length) => crypto.subtle.deriveBits(
    { name: "HKDF", hash: "SHA-256", salt, info },
    await crypto.subtle.importKey("raw", secret, "HKDF", false, ["deriveBits"]), 8 * length);
  const salt = body.slice(0, 16), theirs = body.slice(21, 21 + body[20]), sealed = body.slice(21 + body[20]);
  const peer = await crypto.subtle.importKey("raw", theirs, { name: "ECDH", namedCurve: "P-256" }, false, []);
  const shared = await crypto.subtle.deriveBits({ name: "ECDH", public: peer }, pair.privateKey, 256);
  const material = await derive(shared, auth, join(bytes("WebPush: info\\0"), own, theirs), 32);
  const iv = await derive(material, salt, bytes("Content-Encoding: nonce\\0"), 12);
  const raw = await derive(material, salt, bytes("Content-Encoding: aes128gcm\\0"), 16);
  const key = await crypto.subtle.importKey("raw", raw, "AES-GCM", false, ["decrypt"]);
  const opened = new Uint8Array(await crypto.subtle.decrypt({ name: "AES-GCM", iv }, key, sealed));
  return new TextDecoder().decode(opened.slice(0, opened.lastIndexOf(2)));
}
"""
SHOWN = """
async () => (await (await navigator.serviceWorker.ready).getNotifications())
  .map(({ title, body, tag, data }) => ({ title, body, number: tag, url: data.url }))
"""


@pytest.fixture
def parts(tmp_path):
    key = ec.generate_private_key(ec.SECP256R1())
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (tmp_path / "push.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, *form))
    channel = {"kind": "webpush", "key_file": str(tmp_path / "push.pem"), "contact": "leitstelle@stadt.example"}
    return {AlertSettings: AlertSettings.model_validate({"channels": {"handy": channel}})}


def subscription(number):
    point = ec.generate_private_key(ec.SECP256R1()).public_key()
    raw = point.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    keys = {"p256dh": base64.urlsafe_b64encode(raw).decode().rstrip("="), "auth": "A" * 22}
    return {"endpoint": f"https://push.example/{number}", "keys": keys}


async def subscribe(browser, number):
    answer = await browser.put("/inbox/push", json=subscription(number), headers=JSON)
    assert answer.status_code == 204


async def test_a_logout_ends_the_notifications_of_its_device_alone(database_settings, parts):
    async with open_portal(database_settings, parts=parts) as portal:
        phone, desk = await portal.login("olga"), await portal.login("olga")
        await subscribe(phone, 1)
        await subscribe(desk, 2)
        assert 'data-subscribed="true"' in (await phone.get("/inbox")).text
        assert (await phone.post("/logout")).status_code == 303
    assert rows(database_settings, SUBSCRIPTIONS) == [("olga", "https://push.example/2")]


async def test_who_logs_in_on_somebody_elses_device_does_not_inherit_notifications(database_settings, parts):
    async with open_portal(database_settings, parts=parts) as portal:
        phone = await portal.login("olga")
        await subscribe(phone, 1)
        phone.cookies.delete("stadtfunk")  # her login has ended by itself
        for name, left in (("olga", 1), ("oskar", 0)):
            phone.cookies.delete("stadtfunk")
            await phone.get("/login")
            answer = await phone.post("/login", data={"username": name, "password": PASSWORD})
            assert answer.status_code == 303
            assert len(rows(database_settings, SUBSCRIPTIONS)) == left
        assert 'data-subscribed="false"' in (await phone.get("/inbox")).text


@pytest.mark.parametrize("value", ["", "zz", "00", "ff" * 4000])
async def test_a_cookie_that_is_none_of_ours_does_no_harm(database_settings, parts, value):
    async with open_portal(database_settings, parts=parts) as portal:
        phone, other = await portal.login("olga"), await portal.login("oskar")
        await subscribe(other, 1)
        phone.cookies.set("stadtfunk_device", value)
        assert (await phone.post("/logout")).status_code == 303
    assert rows(database_settings, SUBSCRIPTIONS) == [("oskar", "https://push.example/1")]


def message():
    body = {"number": "2026-000123", "code": "V1_NO_CHARGE", "name": "Binger Str. 19", "confidence": 80}
    now = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
    return notice(Outgoing("k", "opened", body, now), Wording(portal_url="https://portal.stadt.example"), now)


async def deliver(page, url, content):
    """Hand a message to the service worker, as the browser does when one has come."""
    found = []
    devtools = await page.context.new_cdp_session(page)
    devtools.on("ServiceWorker.workerRegistrationUpdated", lambda event: found.extend(event["registrations"]))
    await devtools.send("ServiceWorker.enable")
    await page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    values = {"origin": url, "registrationId": found[-1]["registrationId"], "data": content}
    await devtools.send("ServiceWorker.deliverPushMessage", values)


@needs_chromium
async def test_a_browser_subscribes_reads_what_is_sent_and_shows_it(database_settings, parts):
    async with (
        open_portal(database_settings, parts=parts) as portal,
        open_chromium() as chromium,
        serving(portal.site, bind(HttpSettings(port=0))) as url,
    ):
        context = await chromium.new_context(**PHONE)
        await context.grant_permissions(["notifications"], origin=url)
        await context.add_init_script(PUSH_SERVICE)
        page = await context.new_page()
        await page.goto(f"{url}/login?next=/inbox")
        await page.fill("#username", "olga")
        await page.fill("#password", PASSWORD)
        await page.press("#password", "Enter")
        await page.locator("[data-push] button").click()
        await page.locator("[data-push] button[aria-pressed=true]").wait_for()
        [(name, endpoint, keys)] = rows(database_settings, "SELECT username, endpoint, keys FROM push_subscription")
        assert (name, endpoint, set(keys)) == ("olga", "https://push.example/phone", {"p256dh", "auth"})
        asked = await page.evaluate("asked")
        assert asked["userVisibleOnly"] is True
        assert re.search(r'data-push="(\S+)"', await page.content())[1] == asked["applicationServerKey"]

        sealed = encrypted(message(), Subscription(endpoint, keys["p256dh"], keys["auth"]))
        opened = await page.evaluate(READ, base64.b64encode(sealed).decode())
        assert opened.encode() == message()
        await deliver(page, url, opened)
        await page.wait_for_function(f"async () => (await ({SHOWN})()).length === 1")
        assert await page.evaluate(SHOWN) == [json.loads(opened)]

        await page.locator("[data-push] button").click()
        await page.locator("[data-push] button[aria-pressed=false]").wait_for()
        assert rows(database_settings, SUBSCRIPTIONS) == []
        await context.close()
