"""The mqtt5 link fed by hand: what it takes, what it holds back, and what it sends."""

import asyncio
from datetime import datetime

import mqtt5
import pytest

from ingest.mqtt.mqtt5_link import Mqtt5Link
from ingest.mqtt.mqtt5_packets import pubacks
from ingest.mqtt.watch import BROKER_DROPPED_TOPIC
from ingest.settings import SourceSettings
from tests.unit.mqtt.parts import UP, Parts

pytestmark = pytest.mark.anyio


class Wire(asyncio.Transport):
    """A transport that notes what is written and whether it is read."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.reading = True
        self.aborted = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def is_closing(self) -> bool:
        return self.aborted

    def abort(self) -> None:
        self.aborted = True


def connected(parts: Parts, clock: list[datetime] | None = None) -> tuple[Mqtt5Link, Wire]:
    times = clock or [parts.now]
    link, wire = Mqtt5Link(parts.intake(), parts.settings, lambda: times[0]), Wire()
    link.connection_made(wire)
    return link, wire


def feed(link: Mqtt5Link, data: bytes) -> None:
    free = link.get_buffer(-1)
    free[: len(data)] = data
    link.buffer_updated(len(data))


def publish(packet_id: int, payload: bytes = b"{}") -> bytes:
    return mqtt5.PublishPacket(UP, payload, qos=mqtt5.QoS.AT_LEAST_ONCE, packet_id=packet_id).write()


async def test_no_message_is_taken_past_the_mark_and_none_is_lost(parts: Parts) -> None:
    parts.use(SourceSettings(name="city", max_buffered_messages=10))
    link, wire = connected(parts)
    feed(link, b"".join(publish(number) for number in range(1, 36)))
    taken = []
    for _ in range(4):
        assert parts.state.messages_buffered <= 10
        batch = await parts.inbox.take(100)
        taken += [delivery.packet_id for delivery in batch]
        link.resume()
    assert taken == list(range(1, 36))
    assert wire.reading


async def test_what_is_set_aside_takes_no_room(parts: Parts) -> None:
    """A link that pauses because of it would wait for an inbox that was never full."""
    parts.use(SourceSettings(name="city", max_buffered_messages=10))
    link, wire = connected(parts)
    status = mqtt5.PublishPacket(BROKER_DROPPED_TOPIC, b"0").write()
    feed(link, publish(1) * 9 + status * 5 + publish(2))
    assert parts.state.messages_buffered == 10
    assert not wire.reading
    await parts.inbox.take(100)
    link.resume()
    feed(link, status * 30 + publish(3))
    assert (wire.reading, parts.state.messages_buffered) == (True, 1)


async def test_one_clock_reading_per_read_of_the_socket(parts: Parts) -> None:
    readings: list[None] = []

    def clock() -> datetime:
        readings.append(None)
        return parts.now

    link = Mqtt5Link(parts.intake(), parts.settings, clock)
    link.connection_made(Wire())
    feed(link, publish(1) + publish(2) + publish(3))
    assert len(readings) == 1
    assert {delivery.received_at for delivery in await parts.inbox.take(10)} == {parts.now}


async def test_the_acks_of_a_batch_are_one_write(parts: Parts) -> None:
    parts.use(parts.settings)
    intake = parts.intake(attached=False)
    link, wire = Mqtt5Link(intake, parts.settings, lambda: parts.now), Wire()
    link.connection_made(wire)
    intake.attach(link.acknowledge)
    feed(link, publish(1) + publish(2) + publish(3))
    intake.acknowledge(await parts.inbox.take(10))
    assert wire.written == pubacks([1, 2, 3])


async def test_messages_before_a_malformed_packet_are_kept(parts: Parts) -> None:
    link, wire = connected(parts)
    feed(link, publish(1) + b"\x36\x06\x00\x01a\x00\x01\x00")
    assert wire.aborted
    assert [delivery.packet_id for delivery in await parts.inbox.take(10)] == [1]
    error = await link.ended()
    assert "malformed" in str(error)
