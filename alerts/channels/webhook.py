"""Messages as JSON to a URL, signed as the Standard Webhooks specification says, so that its libraries can verify them.

Headers: `webhook-id` and `Idempotency-Key` (the message's key, the same in every attempt), `webhook-timestamp` (Unix
seconds of the attempt), `webhook-signature` (`v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`).
The request is guarded as every outgoing one: https, checked addresses, no redirects, little of the answer read.
"""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx2

from alerts import texts
from alerts.channels import Later, Outgoing, Refused, Wording
from alerts.channels.settings import WebhookSettings
from alerts.outgoing import Answer, Forbidden, Request, Resolve, TooLarge, send

_TRY_AGAIN = (408, 425, 429)
_PREFIX = "whsec_"
_MAX_BYTES = 64 * 1024


class WebhookSender:
    """Posts messages to one URL.

    Args:
        resolve: replaced in tests, which answer names in many ways.
    """

    def __init__(
        self,
        settings: WebhookSettings,
        wording: Wording,
        *,
        now: Callable[[], datetime],
        resolve: Resolve | None = None,
    ) -> None:
        self._url = settings.read_url().get_secret_value()
        self._key = signing_key(settings.read_secret().get_secret_value())
        self._seconds = settings.timeout.total_seconds()
        self._allow_hosts = settings.allow_hosts
        self._tls = settings.tls.context() if settings.tls.ca_file is not None else None
        self._wording = wording
        self._now = now
        self._resolve = resolve

    async def send(self, message: Outgoing) -> None:
        """See `Sender`."""
        now = self._now()
        content = payload(message, self._wording, now)
        request = Request(
            self._url,
            self._seconds,
            method="POST",
            headers={"Content-Type": "application/json", **signed(message.key, now, content, self._key)},
            content=content,
            max_bytes=_MAX_BYTES,
            allow_hosts=self._allow_hosts,
            tls=self._tls,
        )
        try:
            answer = await send(request, resolve=self._resolve)
        except TooLarge as error:
            answer = Answer(error.status, {}, b"", whole=False)
        except Forbidden as error:  # a name may point elsewhere for a while, and settings can be mended
            raise Later(f"not allowed: {error}") from None
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            raise Later(type(error).__name__) from None
        judge(answer.status, answer.headers, now)

    async def close(self) -> None:
        """Nothing is kept open."""


def payload(message: Outgoing, wording: Wording, now: datetime) -> bytes:
    """The body: what happened as facts, and the same in words."""
    text = texts.write(message, wording, now)
    content = {
        "id": message.key,
        "type": f"alert.{message.kind}",
        "timestamp": message.created_at.astimezone(UTC).isoformat(timespec="seconds"),
        "data": message.body,
        "text": {"subject": text.subject, "body": texts.plain(text), "link": text.link},
    }
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"), default=str).encode()


def signed(key: str, at: datetime, content: bytes, secret: bytes) -> Mapping[str, str]:
    """The headers that prove who sent `content`, and when."""
    timestamp = str(int(at.timestamp()))
    digest = hmac.new(secret, f"{key}.{timestamp}.".encode() + content, hashlib.sha256).digest()
    return {
        "Idempotency-Key": key,
        "webhook-id": key,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


def signing_key(secret: str) -> bytes:
    """The key of a secret: base64 after `whsec_`, as the specification writes it, else the text itself.

    Raises:
        ValueError: there is no base64 after `whsec_`.
    """
    if not secret.startswith(_PREFIX):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        raise ValueError("the secret has no base64 after whsec_") from None


def judge(status: int, headers: Mapping[str, str], now: datetime) -> None:
    """Return for an answer that took the message; what the others mean is in the exceptions of `Sender.send`."""
    if 200 <= status < 300:
        return
    if 400 <= status < 500 and status not in _TRY_AGAIN:
        raise Refused(f"status {status}")
    raise Later(f"status {status}", after=retry_after(headers.get("retry-after", ""), now))


def retry_after(value: str, now: datetime) -> float | None:
    """Seconds that a `Retry-After` header asks for, as a number or a date; None when it says neither."""
    value = value.strip()
    if value.isdecimal() and value.isascii():
        return float(min(int(value[:10]), 10**9))
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - now).total_seconds())
