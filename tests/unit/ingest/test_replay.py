"""Replay files: every form of line, and that a line's time never depends on when it is replayed."""

import json
from datetime import UTC, datetime

import pytest

from ingest.delivery import Delivery
from ingest.replay import BATCH, ReplayFile

FALLBACK = datetime(2026, 1, 1, tzinfo=UTC)
AT = datetime(2026, 7, 14, 9, 34, 15, 790114, tzinfo=UTC)
TOPIC = "application/a/device/24e124460e210042/event/up"


async def deliveries(*lines: bytes) -> list[Delivery]:
    file = ReplayFile("city", lines, fallback=FALLBACK)
    return [one async for batch in file.batches() for one in batch]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            b'{"topic": "t", "payload": {"a": 1.50}, "received_at": "2026-07-14T09:34:15.790114Z", "qos": 1}',
            Delivery("city", "t", b'{"a": 1.50}', AT, qos=1),
        ),
        (b'{"topic": "t", "payload_base64": "AP8="}', Delivery("city", "t", b"\x00\xff", FALLBACK)),
        (
            b'{"tst":"2026-07-14T11:34:15.790114+02:00","topic":"t","qos":1,"retain":1,"payloadlen":7,"payload":"{\\"a\\":1}"}',
            Delivery("city", "t", b'{"a":1}', AT, qos=1, retain=True),
        ),
        (b'{"tst":"2026-07-14T09:34:15.790114Z","topic":"t","payload":{"a":1}}', Delivery("city", "t", b'{"a":1}', AT)),
        (b't {"a": 1}', Delivery("city", "t", b'{"a": 1}', FALLBACK)),
        (b'2026-07-14T09:34:15.790114Z t {"a": 1}', Delivery("city", "t", b'{"a": 1}', AT)),
        (b'2026-07-14T11:34:15.790114+0200 t {"a": 1}', Delivery("city", "t", b'{"a": 1}', AT)),
        (b"1784021655.790114 t 00ff", Delivery("city", "t", b"\x00\xff", AT)),
        (b'{"result": {"end_device_ids": {}}}', Delivery("city", "", b'{"result": {"end_device_ids": {}}}', FALLBACK)),
        (b'{"broken', Delivery("city", "", b'{"broken', FALLBACK)),
    ],
)
async def test_every_form_of_line(line: bytes, expected: Delivery) -> None:
    assert await deliveries(line) == [expected]


async def test_blank_lines_and_the_header_are_no_messages() -> None:
    file = ReplayFile("city", [b'{"stadtfunk_replay": 1, "total": 7}\n', b"\n", b"t {}\n"], fallback=FALLBACK)
    assert [len(batch) async for batch in file.batches()] == [1]
    assert file.total == 7


async def test_batches_are_bounded_and_progress_follows_the_acks() -> None:
    told: list[tuple[int, int | None]] = []
    lines = [json.dumps({"topic": TOPIC, "payload": {}}).encode()] * (BATCH + 1)
    file = ReplayFile("city", lines, fallback=FALLBACK, progress=lambda done, total: told.append((done, total)))
    async for batch in file.batches():
        file.ack(batch)
    assert told == [(BATCH, None), (BATCH + 1, None)]
