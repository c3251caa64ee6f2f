"""The webhook receiver: who may post, what is refused, and what each answer promises."""

import asyncio
from datetime import UTC, datetime

import httpx2
import pytest
from prometheus_client import CollectorRegistry
from pydantic import ValidationError

from portal.app import create_app
from portal.settings import MAX_BODY_BYTES, HttpSettings, WebhookSettings
from tests.unit.portal.doubles import FixedHealth, RecordingSink, unavailable

TOKEN = "canary-token-0123456789"
SETTINGS = HttpSettings.model_validate(
    {
        "webhooks": {
            "ttn-mainz": {"token": TOKEN},
            "chirpstack": {"token": TOKEN, "header": "X-Stadtfunk-Token", "format": "chirpstack"},
        },
        "submit_seconds": 0.05,
    }
)
BEARER = {"Authorization": f"Bearer {TOKEN}"}
JSON = {"Content-Type": "application/json"}
BODY = b'{"end_device_ids": {}}'


def post(path, *, headers, content=BODY, sink=None):
    app = create_app(FixedHealth([]), CollectorRegistry(), sink or RecordingSink(), SETTINGS)

    async def send():
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://portal") as client:
            return await client.post(path, headers=headers, content=content)

    return asyncio.run(send())


def test_a_tts_message_reaches_the_sink_unchanged():
    sink, before = RecordingSink(), datetime.now(UTC)
    answer = post("/webhooks/ttn-mainz/up", headers=BEARER | JSON, sink=sink)
    assert answer.status_code == 200
    [(source, topic, payload, received_at)] = sink.submitted
    assert (source, topic, payload) == ("ttn-mainz", "", BODY)
    assert before <= received_at <= datetime.now(UTC)


def from_chirpstack(body, query="?event=up"):
    sink = RecordingSink()
    headers = {"X-Stadtfunk-Token": TOKEN} | JSON
    return post(f"/webhooks/chirpstack{query}", headers=headers, content=body, sink=sink), sink


def test_chirpstack_messages_get_the_topic_of_its_broker():
    body = b'{"relayRxInfo": {"devEui": "ff"}, "deviceInfo": {"applicationId": "a-b", "devEui": "a84041000181bcd5"}}'
    answer, sink = from_chirpstack(body, "?event=join")
    assert answer.status_code == 200
    [(source, topic, payload, _)] = sink.submitted
    assert (source, topic) == ("chirpstack", "application/a-b/device/a84041000181bcd5/event/join")
    assert payload == body


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"{}",
        b'{"deviceInfo": null}',
        b'{"deviceInfo": {"applicationId": "a/#", "devEui": "x"}}',
        b'{"deviceInfo": {"applicationId": "a", "devEui": "x/event/canary"}}',
        b'{"deviceInfo": ' + b"[" * 60_000,
        b"\xff\xfe",
    ],
    ids=range(10),
)
def test_a_bad_chirpstack_body_is_kept_for_the_parser_to_reject(body):
    answer, sink = from_chirpstack(body)
    assert answer.status_code == 200
    assert sink.submitted[0][1] == "application/-/device/0000000000000000/event/up"


@pytest.mark.parametrize("query", ["", "?event=", "?event=../../x", "?event=UP%0Ainjected", "?event=a/b"])
def test_chirpstack_must_name_the_event(query):
    answer, sink = from_chirpstack(b"{}", query)
    assert (answer.status_code, sink.submitted) == (400, [])


@pytest.mark.parametrize("path", ["/webhooks/ttn-mainz", "/webhooks/ttn-mainz/up", "/webhooks/ttn-mainz/down/ack"])
def test_paths_per_message_type_are_taken_too(path):
    assert post(path, headers=BEARER | JSON).status_code == 200


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/webhooks/ttn-mainz", {}),
        ("/webhooks/ttn-mainz", {"Authorization": "Bearer "}),
        ("/webhooks/ttn-mainz", {"Authorization": f"Bearer {TOKEN}x"}),
        ("/webhooks/ttn-mainz", {"Authorization": TOKEN}),
        ("/webhooks/ttn-mainz", {"Authorization": f"Basic {TOKEN}"}),
        ("/webhooks/ttn-mainz", {"X-Stadtfunk-Token": TOKEN}),
        ("/webhooks/ttn-mainz", {"Authorization": b"Bearer \xfc\xff"}),
        ("/webhooks/chirpstack", BEARER),
        ("/webhooks/unknown", BEARER),
        ("/webhooks/unknown", {"Authorization": "Bearer " + "0" * 32}),
    ],
)
def test_without_the_right_token_nothing_is_taken(path, headers):
    sink = RecordingSink()
    assert post(path, headers=headers | JSON, sink=sink).status_code == 401
    assert sink.submitted == []


def test_a_body_at_the_cap_is_taken_and_one_byte_more_is_not():
    sink = RecordingSink()
    assert (
        post("/webhooks/ttn-mainz", headers=BEARER | JSON, content=b" " * MAX_BODY_BYTES, sink=sink).status_code == 200
    )
    too_big = post("/webhooks/ttn-mainz", headers=BEARER | JSON, content=b" " * (MAX_BODY_BYTES + 1), sink=sink)
    assert too_big.status_code == 413
    assert len(sink.submitted) == 1


def test_a_chunked_body_without_length_meets_the_same_cap():
    async def chunks():
        for _ in range(9):
            yield b" " * 8192

    sink = RecordingSink()
    assert post("/webhooks/ttn-mainz", headers=BEARER | JSON, content=chunks(), sink=sink).status_code == 413
    assert sink.submitted == []


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 415),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/octet-stream"}, 415),
        ({"Content-Type": "application/json; charset=utf-8"}, 200),
        (JSON | {"Content-Encoding": "gzip"}, 415),
    ],
)
def test_only_plain_json_is_taken(headers, status):
    assert post("/webhooks/ttn-mainz", headers=BEARER | headers).status_code == status


def test_unavailable_asks_the_sender_to_come_again():
    answer = post("/webhooks/ttn-mainz", headers=BEARER | JSON, sink=RecordingSink(unavailable))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")
    assert answer.json() == {"error": "spool_full"}


def test_a_commit_that_takes_too_long_is_never_answered_with_200():
    answer = post("/webhooks/ttn-mainz", headers=BEARER | JSON, sink=RecordingSink(asyncio.Event().wait))
    assert (answer.status_code, answer.json()) == (503, {"error": "commit_too_slow"})
    assert "retry-after" in answer.headers


def test_no_token_appears_in_logs(caplog):
    post("/webhooks/ttn-mainz", headers={"Authorization": f"Bearer {TOKEN}x"} | JSON)
    post("/webhooks/ttn-mainz", headers=BEARER | JSON, sink=RecordingSink(unavailable))
    assert "webhook_refused" in caplog.text
    assert "webhook_deferred" in caplog.text
    assert TOKEN not in caplog.text


@pytest.mark.parametrize(
    "webhooks",
    [
        {"x": {}},
        {"x": {"token": "short"}},
        {"x": {"token": TOKEN, "token_file": "/run/secrets/token"}},
        {"x": {"token": TOKEN, "header": "a b"}},
        {"Bad Name": {"token": TOKEN}},
    ],
)
def test_unsafe_webhook_settings_are_refused(webhooks):
    with pytest.raises(ValidationError):
        HttpSettings.model_validate({"webhooks": webhooks})


def test_a_token_may_stand_in_a_file(tmp_path):
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    webhook = WebhookSettings(token_file=file)
    assert webhook.read_token().get_secret_value() == TOKEN
    file.write_text("short\n")
    with pytest.raises(ValueError, match="fewer than 16 characters"):
        webhook.read_token()
