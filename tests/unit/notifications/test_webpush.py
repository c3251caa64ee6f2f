"""Web Push against the example of RFC 8291, section 5 and appendix A; what a browser would do with a message."""

import base64
import json
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from alerts.channels import Outgoing, Wording
from alerts.channels.subscriptions import Subscription
from alerts.channels.webpush import authorization, encrypted, notice, public_key

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
RECEIVER_PUBLIC = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
SENDER_PRIVATE = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
AUTH = "BTBZMqHH6r4Tts7J_aSIgg"
SALT = "DGv6ra1nlYgDCS1FRnbzlw"
EXPECTED = (
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl"
    "7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)


def decoded(value):
    return base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))


def private(value):
    return ec.derive_private_key(int.from_bytes(decoded(value), "big"), ec.SECP256R1())


def browser(**given):
    values = {"endpoint": "https://push.example/x", "p256dh": RECEIVER_PUBLIC, "auth": AUTH}
    return Subscription(**(values | given))


def test_the_example_of_the_rfc():
    content = b"When I grow up, I want to be a watermelon"
    made = encrypted(content, browser(), own=private(SENDER_PRIVATE), salt=decoded(SALT))
    assert made == decoded(EXPECTED)


def test_two_messages_share_no_key():
    first, second = (encrypted(b"same", browser()) for _ in range(2))
    assert first[:16] != second[:16]
    assert first[21:86] != second[21:86]


@pytest.mark.parametrize("given", [{"p256dh": "AAAA"}, {"p256dh": ""}, {"p256dh": "B" + "A" * 86}])
def test_keys_that_are_none(given):
    with pytest.raises(ValueError):
        encrypted(b"x", browser(**given))


def test_the_signature_names_the_push_service_and_holds():
    key = ec.generate_private_key(ec.SECP256R1())
    header = authorization("https://push.example:444/long/path", "it@stadt.example", key, NOW)
    token, _, known = header.removeprefix("vapid t=").partition(", k=")
    head, claims, signature = token.split(".")
    assert json.loads(decoded(head)) == {"typ": "JWT", "alg": "ES256"}
    said = json.loads(decoded(claims))
    assert (said["aud"], said["sub"]) == ("https://push.example:444", "mailto:it@stadt.example")
    assert 0 < said["exp"] - NOW.timestamp() <= 86_400
    assert known == public_key(key)
    raw = decoded(signature)
    pair = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    key.public_key().verify(pair, f"{head}.{claims}".encode(), ec.ECDSA(hashes.SHA256()))


def test_what_a_browser_shows():
    body = {"number": "2026-000123", "code": "V1_NO_CHARGE", "name": "Binger Str. 19", "confidence": 80}
    wording = Wording("de", "Europe/Berlin", "https://portal.stadt.example")
    shown = json.loads(notice(Outgoing("k", "opened", body, NOW), wording, NOW))
    assert shown["title"] == "Belegt ohne Ladevorgang · Binger Str. 19 (2026-000123)"
    assert shown["url"] == "/inbox/cases/2026-000123"
    assert shown["number"] == "2026-000123"


def test_a_long_digest_fits_into_one_record():
    entries = [{"name": "Ä" * 80, "code": "V1_NO_CHARGE", "since": NOW.isoformat()}] * 100
    content = notice(Outgoing("k", "digest", {"open": entries, "open_count": 100}, NOW), Wording(), NOW)
    assert len(encrypted(content, browser())) <= 4096
