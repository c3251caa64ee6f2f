"""Messages to the browsers of people who asked for them in the portal: Web Push (RFC 8030) with payloads that only the
browser can read (RFC 8291) and our signature as application server (VAPID, RFC 8292).

The addresses come from browsers, so the guard of outgoing requests stands before each of them.
"""

import asyncio
import base64
import json
import os
from collections.abc import Callable
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import httpx2
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from alerts import texts
from alerts.channels import Later, Outgoing, Refused, Wording
from alerts.channels.settings import WebPushSettings
from alerts.channels.subscriptions import Subscription, Subscriptions
from alerts.channels.webhook import judge
from alerts.outgoing import Answer, Forbidden, Request, Resolve, TooLarge, send

_RECORD_SIZE = 4096
_LONGEST_BODY = 1500
_TOKEN_LIVES = timedelta(hours=12)
_TIME_TO_LIVE = "3600"
"""Seconds that a push service keeps a message for a phone that is off; an older suspicion helps nobody."""
_GONE = (404, 410)
_FORM = serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint


class WebPushSender:
    """Sends messages to every browser that asked for them; one whose subscription has ended is forgotten."""

    def __init__(
        self,
        settings: WebPushSettings,
        wording: Wording,
        subscriptions: Subscriptions,
        *,
        now: Callable[[], datetime],
        resolve: Resolve | None = None,
    ) -> None:
        self._key = settings.read_key()
        self._settings = settings
        self._wording = wording
        self._subscriptions = subscriptions
        self._now = now
        self._resolve = resolve

    async def send(self, message: Outgoing) -> None:
        """See `Sender`. Nobody has subscribed: nothing to do."""
        waiting = [one for one in await self._subscriptions.all() if one.mark not in message.delivered]
        content = notice(message, self._wording, self._now())
        results = await asyncio.gather(*(self._push(one, content) for one in waiting))
        later = [one for one, error in zip(waiting, results, strict=True) if error is not None]
        if later:
            done = {one.mark for one in waiting if one not in later}
            asked = max((error.after or 0.0 for error in results if error is not None), default=0.0)
            reason = f"{len(later)} of {len(waiting)} browsers not reached"
            raise Later(reason, after=asked or None, delivered=message.delivered | done)

    async def close(self) -> None:
        """Nothing is kept open."""

    async def _push(self, one: Subscription, content: bytes) -> Later | None:
        """Push to one browser; what to do when it has to be tried again."""
        now = self._now()
        try:
            request = Request(
                one.endpoint,
                self._settings.timeout.total_seconds(),
                method="POST",
                headers={
                    "Content-Encoding": "aes128gcm",
                    "Content-Type": "application/octet-stream",
                    "TTL": _TIME_TO_LIVE,
                    "Urgency": "high",
                    "Authorization": authorization(one.endpoint, self._settings.contact, self._key, now),
                },
                content=encrypted(content, one),
                allow_hosts=self._settings.allow_hosts,
            )
            answer = await send(request, resolve=self._resolve)
        except ValueError:  # no keys that a browser would give
            await self._subscriptions.forget(one)
            return None
        except TooLarge as error:
            answer = Answer(error.status, {}, b"", whole=False)
        except (Forbidden, TimeoutError, httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            return Later(type(error).__name__)
        try:
            judge(answer.status, answer.headers, now)
        except Refused:
            if answer.status in _GONE:
                await self._subscriptions.forget(one)
        except Later as error:
            return error
        return None


def notice(message: Outgoing, wording: Wording, now: datetime) -> bytes:
    """What the browser shows: a title, a few lines, and where a tap leads."""
    text = texts.write(message, wording, now)
    parts = urlsplit(text.link)
    shown = {
        "title": text.subject,
        "body": "\n".join([text.lead, *text.items, *(f"{label}: {value}" for label, value in text.lines)]).strip(),
        "number": message.body.get("number") or message.kind,
        "url": parts.path or texts.INBOX_PATH,
    }
    shown["body"] = str(shown["body"])[:_LONGEST_BODY]
    return json.dumps(shown, ensure_ascii=False).encode()


def encrypted(
    content: bytes, browser: Subscription, *, own: ec.EllipticCurvePrivateKey | None = None, salt: bytes = b""
) -> bytes:
    """`content` for one browser (RFC 8291, one record of `aes128gcm`).

    Args:
        own, salt: fixed in the test against the RFC's example; else new for every message.

    Raises:
        ValueError: the browser's keys are none.
    """
    theirs, secret = _decoded(browser.p256dh), _decoded(browser.auth)
    peer = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), theirs)
    own = own or ec.generate_private_key(ec.SECP256R1())
    salt = salt or os.urandom(16)
    ours = own.public_key().public_bytes(*_FORM)
    shared = own.exchange(ec.ECDH(), peer)
    material = _derived(shared, salt=secret, info=b"WebPush: info\0" + theirs + ours, length=32)
    key = _derived(material, salt=salt, info=b"Content-Encoding: aes128gcm\0", length=16)
    nonce = _derived(material, salt=salt, info=b"Content-Encoding: nonce\0", length=12)
    header = salt + _RECORD_SIZE.to_bytes(4, "big") + bytes([len(ours)]) + ours
    return header + AESGCM(key).encrypt(nonce, content + b"\x02", None)


def authorization(endpoint: str, contact: str, key: ec.EllipticCurvePrivateKey, now: datetime) -> str:
    """The header that says who pushes: a token for the push service's origin, signed with our key."""
    parts = urlsplit(endpoint)
    claims = {
        "aud": f"{parts.scheme}://{parts.netloc}",
        "exp": int((now + _TOKEN_LIVES).timestamp()),
        "sub": f"mailto:{contact}",
    }
    head = _encoded(json.dumps({"typ": "JWT", "alg": "ES256"}, separators=(",", ":")).encode())
    signed = f"{head}.{_encoded(json.dumps(claims, separators=(',', ':')).encode())}"
    r, s = decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
    token = f"{signed}.{_encoded(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"
    return f"vapid t={token}, k={public_key(key)}"


def public_key(key: ec.EllipticCurvePrivateKey) -> str:
    """The key that browsers subscribe with (`applicationServerKey`)."""
    return _encoded(key.public_key().public_bytes(*_FORM))


def _derived(secret: bytes, *, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(hashes.SHA256(), length, salt, info).derive(secret)


def _encoded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def _decoded(value: str) -> bytes:
    return base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))
