"""Pushes to a push service on loopback, with subscriptions in a real database, read as a browser would."""

import base64
import json
from datetime import UTC, datetime
from functools import partial

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from alerts.channels import Later, Outgoing, Sender
from alerts.channels.building import make_sender
from alerts.channels.settings import WebPushSettings
from storage.database import Role, connect
from tests.integration.notifications.outbox_store import Desk
from tests.support.receivers import Reply, WebReceiver

pytestmark = pytest.mark.anyio

FORM = serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint


def text(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


class Browser:
    """Subscribes, and reads what comes."""

    def __init__(self, desk: Desk, endpoint: str) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._auth = b"0123456789abcdef"
        self._public = self._key.public_key().public_bytes(*FORM)
        keys = json.dumps({"p256dh": text(self._public), "auth": text(self._auth)})
        desk.execute(
            "INSERT INTO push_subscription (endpoint_digest, username, endpoint, keys)"
            " VALUES (sha256(%s::bytea), 'meier', %s, %s)",
            endpoint,
            endpoint,
            keys,
        )

    def read(self, body: bytes) -> dict[str, str]:
        salt, length = body[:16], body[20]
        theirs, sealed = body[21 : 21 + length], body[21 + length :]
        shared = self._key.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), theirs))
        material = HKDF(hashes.SHA256(), 32, self._auth, b"WebPush: info\0" + self._public + theirs).derive(shared)
        key = HKDF(hashes.SHA256(), 16, salt, b"Content-Encoding: aes128gcm\0").derive(material)
        nonce = HKDF(hashes.SHA256(), 12, salt, b"Content-Encoding: nonce\0").derive(material)
        opened = AESGCM(key).decrypt(nonce, sealed, None)
        assert opened[-1] == 2, "the last record"
        return dict(json.loads(opened[:-1]))


@pytest.fixture
def sender(desk: Desk, tmp_path) -> Sender:
    key = ec.generate_private_key(ec.SECP256R1())
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    file = tmp_path / "vapid.pem"
    file.write_bytes(key.private_bytes(serialization.Encoding.PEM, *form))
    values = {"kind": "webpush", "key_file": file, "contact": "it@stadt.example", "allow_hosts": ["127.0.0.1"]}
    settings = WebPushSettings.model_validate(values)
    return make_sender(settings, connect=partial(connect, desk.settings, role=Role.ALERTS))


def message(**given) -> Outgoing:
    body = {"number": "2026-000123", "code": "V1_NO_CHARGE", "name": "Binger Str. 19"}
    return Outgoing("2026-000123/1/push", "opened", body, datetime.now(UTC), **given)


async def test_a_push_is_read_by_its_browser_alone(desk: Desk, sender: Sender) -> None:
    async with WebReceiver(lambda call: Reply(201)) as service:
        browsers = {f"/{name}": Browser(desk, service.url.replace("/hook", f"/{name}")) for name in "ab"}
        await sender.send(message())
    assert sorted(call.path for call in service.calls) == ["/a", "/b"]
    for call in service.calls:
        assert call.headers["content-encoding"] == "aes128gcm"
        assert call.headers["authorization"].startswith("vapid t=")
        assert browsers[call.path].read(call.body)["title"].startswith("Belegt ohne Ladevorgang")
        other = browsers["/b" if call.path == "/a" else "/a"]
        with pytest.raises(InvalidTag):
            other.read(call.body)


async def test_a_browser_that_has_gone_is_forgotten_and_one_that_failed_is_tried_alone(
    desk: Desk, sender: Sender
) -> None:
    replies = {"/gone": Reply(410), "/well": Reply(201), "/busy": Reply(429, {"Retry-After": "7"})}
    async with WebReceiver(lambda call: replies[call.path]) as service:
        for path in replies:
            Browser(desk, service.url.replace("/hook", path))
        with pytest.raises(Later, match="1 of 3") as error:
            await sender.send(message())
        assert error.value.after == 7
        known = {row["endpoint"].rpartition("/")[2] for row in desk.execute("SELECT endpoint FROM push_subscription")}
        assert known == {"well", "busy"}
        replies["/busy"] = Reply(201)
        await sender.send(message(delivered=error.value.delivered))
    paths = [call.path for call in service.calls]
    assert (paths.count("/well"), paths.count("/busy"), paths.count("/gone")) == (1, 2, 1)


async def test_a_browser_cannot_send_us_anywhere(desk: Desk, sender: Sender) -> None:
    async with WebReceiver() as bait:
        Browser(desk, f"https://localhost:{bait.port}/")
        Browser(desk, "https://169.254.169.254/latest/meta-data/")
        with pytest.raises(Later, match="2 of 2"):
            await sender.send(message())
    assert bait.connections == 0


async def test_nobody_has_subscribed(sender: Sender) -> None:
    await sender.send(message())
