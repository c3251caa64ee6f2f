"""The webhook's signature, and what answers mean."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime

import pytest

from alerts.channels import Later, Outgoing, Refused, Wording
from alerts.channels.webhook import judge, payload, retry_after, signed, signing_key

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)


def test_the_signature_is_that_of_standard_webhooks():
    """The example of the specification's reference libraries."""
    secret = signing_key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    at = datetime.fromtimestamp(1614265330, UTC)
    headers = signed("msg_p5jXN8AQM9LWM0D4loKWxJek", at, b'{"test": 2432232314}', secret)
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert headers["webhook-id"] == headers["Idempotency-Key"] == "msg_p5jXN8AQM9LWM0D4loKWxJek"
    assert headers["webhook-timestamp"] == "1614265330"


def test_every_part_is_signed():
    key = signing_key("x" * 32)
    first = signed("a", NOW, b"body", key)["webhook-signature"]
    later = NOW.replace(second=1)
    others = [signed("b", NOW, b"body", key), signed("a", later, b"body", key), signed("a", NOW, b"Body", key)]
    assert first not in [one["webhook-signature"] for one in (*others, signed("a", NOW, b"body", b"y" * 32))]
    expected = hmac.new(b"x" * 32, f"a.{int(NOW.timestamp())}.body".encode(), hashlib.sha256).digest()
    assert first == f"v1,{base64.b64encode(expected).decode()}"


def test_a_secret_that_says_base64_must_be_base64():
    with pytest.raises(ValueError, match="base64"):
        signing_key("whsec_%%%")


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_taken(status):
    judge(status, {}, NOW)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 410, 413, 422, 451, 499])
def test_never(status):
    with pytest.raises(Refused, match=str(status)):
        judge(status, {}, NOW)


@pytest.mark.parametrize("status", [300, 301, 302, 304, 307, 308, 408, 425, 429, 500, 502, 503, 504, 599, 101])
def test_later(status):
    with pytest.raises(Later, match=str(status)):
        judge(status, {}, NOW)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        (" 0 ", 0.0),
        ("9" * 30, 1e9),
        ("Tue, 24 Nov 2026 09:31:30 GMT", 90.0),
        ("Tue, 24 Nov 2026 09:00:00 GMT", 0.0),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("١٢", None),
    ],
)
def test_retry_after(value, seconds):
    assert retry_after(value, NOW) == seconds


def test_the_body_has_facts_and_words():
    body = {"number": "2026-000001", "code": "V1_NO_CHARGE", "name": "Bäckergasse", "facts": {"station": "LS01"}}
    content = json.loads(payload(Outgoing("2026-000001/1/hook", "opened", body, NOW), Wording(), NOW))
    assert content["id"] == "2026-000001/1/hook"
    assert content["type"] == "alert.opened"
    assert content["data"] == body
    assert content["text"]["subject"] == "Belegt ohne Ladevorgang · Bäckergasse (2026-000001)"
